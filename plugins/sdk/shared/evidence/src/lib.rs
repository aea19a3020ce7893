//! What gates over numbers and times have in common.
//!
//! [`Bounds`] says which numbers are all right, [`Size`] and [`Length`] are bytes and times as people write them, and
//! [`moment`] (a feature) reads times that name a moment and no other. All of it is pure.
//!
//! Never here: files, requests, or what a finding is about.

mod bounds;
mod length;
#[cfg(feature = "moment")]
pub mod moment;
mod size;

pub use bounds::Bounds;
pub use length::Length;
pub use size::Size;
