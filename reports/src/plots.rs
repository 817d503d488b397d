//! The pictures of a report, one file each: from a survey of records to figures, or to the reason why there are none.

mod best;
pub mod heat_map;
mod host_names;
pub mod hosts;
pub mod ratios;
pub mod samples;
pub(crate) mod sheet;
#[cfg(test)]
mod tests;
pub mod trace;
