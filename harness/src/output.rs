//! Standard output: what `bench` prints for people and scripts.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::path::Path;

use results::{StoreError, store};

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

/// Prints text that brings its own line ends along.
///
/// # Errors
///
/// When standard output takes no more.
pub fn print_text(text: &str) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush())
        .map_err(|error| failure(&error))
}

/// Finds out whether the file that an option names could be written, before anything takes time; `-` is standard output.
///
/// # Errors
///
/// When it could not.
pub fn check_file(named: Option<&Path>) -> Result<(), Failure> {
    match named.filter(|path| *path != Path::new("-")) {
        Some(path) => store::check_file(path).map_err(cannot_create),
        None => Ok(()),
    }
}

/// The failure that an output cannot be made.
pub fn cannot_create(error: StoreError) -> Failure {
    Failure::new(Exit::CannotCreate, error)
}

/// The failure that standard output takes no more.
pub fn failure(error: &io::Error) -> Failure {
    let error = anyhow::anyhow!("cannot write to standard output: {error} (direct it elsewhere)");
    Failure::new(Exit::InputOutput, error)
}

/// Lines of several cases that are measured in turns, put out in the order of the cases: a line is held until all of the
/// cases before its own are done, so that what is printed does not depend on the order of measuring.
#[derive(Debug)]
pub struct Lines {
    held: Vec<(VecDeque<String>, bool)>,
    /// The case whose lines are put out as they come.
    current: usize,
}

impl Lines {
    /// No lines yet of this many cases.
    pub fn new(cases: usize) -> Self {
        Self {
            held: vec![(VecDeque::new(), false); cases],
            current: 0,
        }
    }

    /// Takes a line of a case.
    pub fn add(&mut self, case: usize, line: String) {
        self.held[case].0.push_back(line);
    }

    /// A case has no more lines.
    pub fn done(&mut self, case: usize) {
        self.held[case].1 = true;
    }

    /// The next line whose turn it is.
    pub fn next_line(&mut self) -> Option<String> {
        while let Some((lines, is_done)) = self.held.get_mut(self.current) {
            match lines.pop_front() {
                Some(line) => return Some(line),
                None if *is_done => self.current += 1,
                None => return None,
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_in_the_order_of_the_cases() {
        let mut lines = Lines::new(3);
        let mut put_out = Vec::new();
        let mut drain = |lines: &mut Lines| {
            while let Some(line) = lines.next_line() {
                put_out.push(line);
            }
        };
        lines.add(1, "b1".to_owned());
        drain(&mut lines);
        lines.add(0, "a1".to_owned());
        drain(&mut lines);
        lines.done(1);
        lines.add(2, "c1".to_owned());
        lines.add(0, "a2".to_owned());
        lines.done(0);
        drain(&mut lines);
        lines.add(2, "c2".to_owned());
        lines.done(2);
        drain(&mut lines);
        assert_eq!(put_out, ["a1", "a2", "b1", "c1", "c2"]);
    }
}
