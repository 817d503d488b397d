//! The reader against two independent writers, and against damage.

mod damage;
mod reader;
mod support;
mod tools;
