//! `bench compare` as its users see it: tables, what is refused, and what bad input does.

mod bad_input;
mod records;
mod tables;
