//! Commands: what they print.

mod bad_input;
mod check;
mod compile;
mod doctor;
mod inspect;
mod policy;
mod read;
mod reports;
