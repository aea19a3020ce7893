//! Commands: what they print.

mod bad_input;
mod check;
mod inspect;
mod policy;
mod read;
