//! Looking out for the next request for a moment before going to sleep.
//!
//! Who has just been answered often asks for the next thing at once: a directory's next entries, the next name on a path.
//! To wake a sleeping thread takes the processor on which the request is made longer than to make it, on a virtual machine
//! several times. So the thread that listens keeps its eyes open for a moment, as long as that usually pays.

use std::time::{Duration, Instant};

/// About what it takes to go to sleep and be woken again, twice.
const PATIENCE: Duration = Duration::from_micros(30);
/// After so many misses in a row there is no more than one look in 2^6 requests.
const MISSES_LIMIT: u32 = 6;

/// When to look out.
#[derive(Debug, Default)]
pub(crate) struct Lookout {
    /// How often in a row it has been in vain.
    misses: u32,
    /// For how many requests not to do it.
    rest: u32,
}

impl Lookout {
    /// Looks out until `is_there`, or for a moment, or not at all if that has been in vain lately.
    pub(crate) fn wait_for(&mut self, is_there: impl Fn() -> bool) {
        if self.rest > 0 {
            self.rest -= 1;
            return;
        }
        let start = Instant::now();
        while !is_there() {
            if start.elapsed() > PATIENCE {
                self.misses = MISSES_LIMIT.min(self.misses + 1);
                self.rest = (1 << self.misses) - 1;
                return;
            }
        }
        self.misses = 0;
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    /// How many of so many waits look at all.
    fn looks(lookout: &mut Lookout, waits: u32, is_there: bool) -> u32 {
        let mut looks = 0;
        for _ in 0..waits {
            let looked = Cell::new(false);
            lookout.wait_for(|| {
                looked.set(true);
                is_there
            });
            looks += u32::from(looked.get());
        }
        looks
    }

    #[test]
    fn looks_every_time_while_that_pays_and_seldom_where_it_does_not() {
        let mut lookout = Lookout::default();
        assert_eq!(looks(&mut lookout, 100, true), 100);
        assert!(looks(&mut lookout, 1000, false) < 30);
        // Once it pays again, it is done again.
        assert!(looks(&mut lookout, 1000, true) > 900);
    }
}
