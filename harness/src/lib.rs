//! The measuring program: from command line to plan, from plan to record.
//!
//! Flags (`cli`) become one validated `plan`; `measure` takes the times and never prints; `run` ties them together.
//! This crate knows no file format: records are `results`'s, lines and plots are `reports`'s.

pub mod ab;
pub mod bars;
pub mod cgroup;
pub mod check;
pub mod cli;
pub mod clock;
pub mod command;
pub mod compare;
pub mod comparing;
pub mod conditions;
mod cpu_time;
pub mod energy;
pub mod estimate;
pub mod exit;
pub mod export;
#[cfg(test)]
mod fakehost;
pub mod frequency;
pub mod grid;
pub mod history;
pub mod host;
pub mod import;
pub mod interrupt;
pub mod libraries;
pub mod limit;
pub mod material;
pub mod measure;
pub mod memory;
pub mod order;
pub mod output;
pub mod placement;
pub mod plan;
pub mod plot;
pub mod precision;
pub mod progress;
pub mod records;
pub mod report;
mod reread;
pub mod resume;
pub mod run;
pub mod size;
pub mod software;
pub mod stability;
pub mod sweep;
mod temperature;
pub mod threads;
pub mod topology;
pub mod topology_command;
pub mod trust;
pub mod turns;
pub mod warmup;
