//! YAML text to a tree in which every key and value knows where it stands.
//!
//! The events of `saphyr-parser` become [`Node`]s. Scalars are read by the core schema of YAML 1.2 only, so `no` and
//! `on` are words. What JSON or a reader at 3 a.m. could not follow is refused with its place: tags, several
//! documents, merge keys (`<<` is YAML 1.1), infinities, keys that are not plain words, numbers that would lose digits.
//!
//! Anchors and aliases are allowed within a budget: what an alias stands for is shared, never copied, and the size of
//! the tree as it would be without sharing is bounded, so that whoever walks it comes to an end.

mod offsets;
mod read;
mod scalar;
#[cfg(test)]
mod tests;
mod tree;

pub(crate) use read::{Budget, MAX_BYTES, read};
pub(crate) use tree::{Content, Entry, Node};
