//! The record of a run: its versioned schema, the statistics over its samples, and the store that keeps it.
//!
//! A record says what was measured, on what, with what, and whether each result was verified. It is plain data:
//! measuring happens in `harness`, drawing in `reports`.

pub mod change_points;
pub mod comparability;
pub mod conditions;
pub mod distributions;
pub mod energy;
pub mod grade;
pub mod history;
pub mod journal;
pub mod library;
pub mod limits;
pub mod load;
pub mod machine;
pub mod number;
pub mod record;
pub mod samples_digest;
pub mod sampling;
pub mod shared_cores;
pub mod stability;
pub mod statistics;
pub mod store;

pub use record::Record;
pub use store::{StoreError, StoredRecord};
