//! What gates over numbers and times have in common.
//!
//! [`Bounds`] says which numbers are all right, and [`moment`] (a feature) reads times that name a moment and no
//! other. Both are pure.
//!
//! Never here: files, requests, or what a finding is about.

mod bounds;
#[cfg(feature = "moment")]
pub mod moment;

pub use bounds::Bounds;
