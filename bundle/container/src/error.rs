//! Why a text cannot be read.

/// A text that says something that it cannot mean, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// In a line of a file, counted from 1. The caller knows the file's name.
    #[error("line {line}: {reason}")]
    Line {
        /// The line's number, from 1.
        line: usize,
        /// What is wrong with it.
        reason: Reason,
    },
    /// In an argument of a command line.
    #[error("'{argument}': {reason}")]
    Argument {
        /// The argument as it was given.
        argument: String,
        /// What is wrong with it.
        reason: Reason,
    },
}

impl ParseError {
    /// What is wrong, without the place.
    pub fn reason(&self) -> &Reason {
        match self {
            Self::Line { reason, .. } | Self::Argument { reason, .. } => reason,
        }
    }
}

/// What is wrong with a line or an argument.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// A byte that no path and no variable can hold.
    #[error("it holds a zero byte")]
    ZeroByte,
    /// More bytes than a page: the kernel would refuse them.
    #[error("it has more than {} bytes", crate::fstab::ENTRY_SIZE_MAX_BYTES)]
    TooLong,
    /// A mount that says what, but not where.
    #[error("the mount has no {0} (write SOURCE TARGET TYPE OPTIONS)")]
    Missing(&'static str),
    /// A source or a target that is empty, because a variable is.
    #[error("the mount's {0} is empty (is a variable in it unset?)")]
    Empty(&'static str),
    /// A number that is none.
    #[error(
        "'{0}' is not a number (the fifth and sixth field are: the dump frequency and the pass)"
    )]
    NotANumber(String),
    /// A way of creating that does not exist.
    #[error("'x-create={0}' is unknown (it may be dir, file or auto)")]
    Create(String),
    /// The name of a variable that cannot be one.
    #[error(
        "'{0}' cannot be the name of a variable (letters, digits and '_', not beginning with a digit)"
    )]
    Name(String),
    /// A line of a configuration script that does something.
    #[error(
        "'{0}' would have to be run, and nothing is run on the host (functions environ and mounts may echo lines or cat a here-document; rc is run in the container)"
    )]
    NotRun(String),
    /// Hooks in a configuration script.
    #[error("hooks of a script are not run on the host (put programs into hooks.d)")]
    Hooks,
    /// Something that begins and goes on to the end of the text.
    #[error("the {0} has no end")]
    NoEnd(&'static str),
    /// A command in a value.
    #[error("commands in values are not run (write ${{VAR}} instead of $(...))")]
    Command,
    /// Braces or quotes that do not end.
    #[error("{0} is not closed")]
    NotClosed(&'static str),
    /// Substitution within substitution without an end.
    #[error("variables are nested too deeply")]
    TooDeep,
    /// A value that its setting cannot have.
    #[error("{name} cannot be '{value}' (it may be {allowed})")]
    Setting {
        /// The name that was set.
        name: String,
        /// The value that it was set to.
        value: String,
        /// What it may be.
        allowed: &'static str,
    },
}
