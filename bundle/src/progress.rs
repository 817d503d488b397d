//! Progress for somebody at a terminal. Nothing is drawn unless stderr is one.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// A bar for work whose extent is known.
pub(crate) fn bar(doing: &str, size_bytes: u64) -> ProgressBar {
    let template = "{msg} {wide_bar} {decimal_bytes} of {decimal_total_bytes}, {eta} left";
    let style =
        ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(size_bytes)
        .with_style(style)
        .with_message(doing.to_owned())
}

/// A bar for what comes over a network.
pub(crate) fn transfer_bar(doing: &str, size_bytes: u64) -> ProgressBar {
    let template = "{msg} {wide_bar} {decimal_bytes} of {decimal_total_bytes}, {decimal_bytes_per_sec}, {eta} left";
    let style =
        ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    bar(doing, size_bytes).with_style(style)
}

/// A sign of life for work whose extent is not known.
pub(crate) fn spinner(doing: String) -> ProgressBar {
    let spinner = ProgressBar::new_spinner().with_message(doing);
    spinner.enable_steady_tick(Duration::from_millis(100));
    spinner
}

/// Threads for work that keeps a processor busy.
pub(crate) fn thread_count() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}
