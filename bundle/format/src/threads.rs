//! Work that several threads share.

use std::thread::{Builder, scope};

/// Runs `work` on `thread_count` threads, this one included, and returns an error of any of them. `work` takes its share of
/// what is to be done until nothing is left.
pub(crate) fn on_threads<E: Send>(
    thread_count: usize,
    work: impl Fn() -> Result<(), E> + Sync,
) -> Result<(), E> {
    scope(|scope| {
        // A thread that cannot be made is one helper less, not a failure.
        let helpers: Vec<_> = (1..thread_count)
            .filter_map(|_| Builder::new().spawn_scoped(scope, &work).ok())
            .collect();
        let own = work();
        helpers
            .into_iter()
            .try_for_each(|helper| helper.join().unwrap_or(Ok(())))?;
        own
    })
}
