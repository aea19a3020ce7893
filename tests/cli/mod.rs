//! Commands: what they print.

mod bad_input;
mod check;
mod doctor;
mod inspect;
mod policy;
mod read;
