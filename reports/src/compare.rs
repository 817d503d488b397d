//! A comparison for people and for programs: tables as text and Markdown, rows as CSV, everything as JSON.

mod csv;
mod json;
mod markdown;
pub(crate) mod rows;
pub(crate) mod sentences;
mod text;

pub use csv::csv;
pub use json::json;
pub use markdown::markdown;
pub(crate) use sentences::by as means_in_words;
pub use sentences::{mismatch, refused};
pub use text::{text, text_with_bars};
