//! The pictures of a report, one file each: from a survey of records to figures, or to the reason why there are none.

pub mod by_size;
pub mod energy;
#[cfg(test)]
mod examples;
mod line_panel;
mod names;
mod points;
pub mod roofline;
pub mod scaling;
mod sheet;
