//! Commands: what they print.

mod bad_input;
mod check;
mod compile;
mod read;
mod reports;
