//! From records to people: the lines that a run prints, and the picture beside its record.
//!
//! Everything here is a pure function of a [`results::Record`]: nothing measures, reads or writes, and the same record
//! gives the same bytes.

pub mod bars;
mod clean;
pub mod compare;
pub mod comparison_text;
pub mod figure;
mod figures;
pub mod history_plot;
pub mod history_text;
pub mod kinds;
mod markdown;
mod narrow;
pub mod page;
mod plot;
pub mod plots;
pub mod rate;
pub mod run_plot;
mod shared_ends;
mod shell;
mod slugs;
pub mod text;
pub mod topology;
pub mod topology_svg;
pub mod topology_text;
pub mod trust;

#[cfg(test)]
#[path = "../tests/fixtures/mod.rs"]
mod fixtures;

pub use clean::{clean, clean_lines};
pub use figure::{Figure, Figures, Missing, Table};
pub use figures::counted;
pub use plot::PlotError;
pub use rate::Rate;
pub use shell::shell_word;
