//! The pictures of a report, one file each: from a survey of records to figures, or to the reason why there are none.

mod best;
pub mod by_size;
pub mod energy;
#[cfg(test)]
mod examples;
pub mod heat_map;
pub(crate) mod hint;
mod host_names;
pub mod hosts;
mod layout;
mod line_panel;
pub(crate) mod names;
mod points;
pub mod ratios;
pub mod roofline;
pub mod samples;
pub mod scaling;
mod sheet;
#[cfg(test)]
mod tests;
pub mod trace;
