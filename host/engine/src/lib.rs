//! From plan to verdict.

pub mod ports;
