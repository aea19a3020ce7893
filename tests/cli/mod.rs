//! Commands: what they print.

mod bad_input;
mod check;
mod policy;
mod read;
