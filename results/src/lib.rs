//! The record of a run: its versioned schema, the statistics over its samples, and the store that keeps it.
//!
//! A record says what was measured, on what, with what, and whether each result was verified. It is plain data:
//! measuring happens in `harness`, drawing in `reports`.

pub mod accepted;
pub mod agreement;
pub mod change_points;
pub mod comparability;
pub mod compare;
pub mod comparison;
pub mod conditions;
pub mod distributions;
pub mod energy;
pub mod environment;
pub mod exchange;
pub mod grade;
pub mod history;
pub mod imported;
pub mod journal;
pub mod library;
pub mod limits;
pub mod load;
pub mod machine;
pub mod number;
pub mod paired;
pub mod record;
pub mod run_gate;
pub mod samples_digest;
pub mod sampling;
pub mod sanity;
pub mod shared_cores;
pub mod stability;
pub mod statistics;
pub mod store;
pub mod survey;
pub mod verdict;

pub use record::Record;
pub use store::{StoreError, StoredRecord};
