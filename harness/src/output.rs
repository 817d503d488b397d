//! Standard output: what `bench` prints for people and scripts.

use std::io::{self, Write};

use crate::exit::{Exit, Failure};

/// Prints a line at once, also into a pipe, so that who reads along sees each sample when it is done.
///
/// # Errors
///
/// When standard output takes no more.
pub fn print_line(line: &str) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{line}")
        .and_then(|()| stdout.flush())
        .map_err(|error| failure(&error))
}

/// The failure that standard output takes no more.
pub fn failure(error: &io::Error) -> Failure {
    let error = anyhow::anyhow!("cannot write to standard output: {error} (direct it elsewhere)");
    Failure::new(Exit::InputOutput, error)
}
