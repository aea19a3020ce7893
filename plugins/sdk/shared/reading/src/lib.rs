//! Reading the reports of other tools.
//!
//! A report is written by a tool that somebody else configured, often by one that broke off half-way, and now and then by
//! somebody who wants a gate to be green. So what is read has to have the type that its format gives it, and what has
//! not is refused with its place: [`Part`] is a JSON value that knows where it stands, [`xml`] (a feature) reads
//! elements with their lines and refuses what makes XML dangerous.
//!
//! Never here: what a report means. Each gate knows its own formats.

mod part;
#[cfg(feature = "xml")]
pub mod xml;

pub use part::Part;
