//! Signals that end a sweep between two visits, with its journal whole, instead of in the middle of a sample.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::{fs, io};

use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
use signal_hook::flag;

/// Remembers the last signal that asked the program to end. A second one ends it at once.
#[derive(Debug)]
pub struct Interrupt {
    signal: Arc<AtomicUsize>,
}

/// What a second signal does.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Second {
    EndsAtOnce,
    ChangesNothing,
}

impl Interrupt {
    /// Begins to listen to SIGHUP, SIGINT, SIGQUIT and SIGTERM, where they are not ignored: what was started in the background of a script
    /// is not to be ended with what is in front.
    ///
    /// # Errors
    ///
    /// When the system refuses a handler.
    pub fn listen() -> io::Result<Self> {
        Self::listen_for(Second::EndsAtOnce)
    }

    /// The same, but a second signal changes nothing: for who has children to end first, which takes some seconds at the most. A terminal
    /// or `timeout` may well send two.
    ///
    /// # Errors
    ///
    /// When the system refuses a handler.
    pub fn listen_patiently() -> io::Result<Self> {
        Self::listen_for(Second::ChangesNothing)
    }

    fn listen_for(second: Second) -> io::Result<Self> {
        let signal = Arc::new(AtomicUsize::new(0));
        let is_second = Arc::new(AtomicBool::new(false));
        let ignored = ignored(&fs::read_to_string("/proc/self/status").unwrap_or_default());
        for number in [SIGHUP, SIGINT, SIGQUIT, SIGTERM] {
            if ignored & (1 << (number - 1)) != 0 {
                continue;
            }
            if second == Second::EndsAtOnce {
                // The order counts: the first signal arms what the second one meets.
                flag::register_conditional_default(number, Arc::clone(&is_second))?;
                flag::register(number, Arc::clone(&is_second))?;
            }
            flag::register_usize(number, Arc::clone(&signal), number as usize)?;
        }
        Ok(Self { signal })
    }

    /// The signal that has come, if one has.
    pub fn signal(&self) -> Option<i32> {
        match self.signal.load(Ordering::Relaxed) {
            0 => None,
            number => i32::try_from(number).ok(),
        }
    }
}

/// Ends the program as the signal would have, so that a shell, or whoever waits, sees what ended it.
pub fn end_by(signal: i32) {
    let _ = signal_hook::low_level::emulate_default_handler(signal);
}

/// The signals that a process ignores, as the kernel tells them: bit 0 for signal 1. None where it tells nothing.
fn ignored(status: &str) -> u64 {
    status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ignored_signals_are_read() {
        let status = "Name:\tbench\nSigBlk:\t0000000000000000\nSigIgn:\t0000000000001002\n";
        assert_eq!(ignored(status), (1 << (SIGINT - 1)) | (1 << 12));
        assert_eq!(ignored(""), 0);
        assert_eq!(ignored("SigIgn:\tx\n"), 0);
    }
}
