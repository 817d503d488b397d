//! The timeline that `BENCHRUN_TRACE=1` prints.

use std::io::Write;
use std::time::Instant;

/// Microseconds since the launcher's first instruction, printed to stderr step by step if asked for.
#[derive(Debug, Clone, Copy)]
pub struct Trace {
    start: Option<Instant>,
}

impl Trace {
    /// Starts the clock. Silent unless `BENCHRUN_TRACE` is `1`.
    pub fn from_environment() -> Self {
        let asked = std::env::var_os("BENCHRUN_TRACE").is_some_and(|value| value == "1");
        Self {
            start: asked.then(Instant::now),
        }
    }

    /// Prints that `step` has just been done.
    pub fn done(&self, step: &str) {
        if let Some(start) = self.start {
            let elapsed_us = start.elapsed().as_micros();
            let _ = writeln!(
                std::io::stderr(),
                "bundle: trace: {elapsed_us:>6} us  {step}"
            );
        }
    }
}
