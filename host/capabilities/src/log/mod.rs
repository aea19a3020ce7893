//! Lines for the people who run the pipeline. Needs no grant.
//!
//! A line is cleaned ([`clean_line`]), its secrets are replaced, also those that go on in the next line (`outflow.rs`), and
//! it counts against the step's `output` limit; what goes beyond is dropped and counted. What a WASI guest writes to stdout and stderr takes the same way.

mod clean;
mod host;
mod outflow;

pub(crate) use clean::{GAP, Seen, marked_lines, seen};
pub use clean::{MAX_LINE, clean_line, shorten};
pub(crate) use clean::{finished, marked};
pub(crate) use outflow::Outflow;

/// How much a line matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// For those who look for a fault in the plugin.
    Debug,
    /// The normal course of things.
    Info,
    /// Something odd that did not stop the plugin.
    Warn,
    /// Something that made the plugin fail.
    Error,
}

impl Level {
    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }
}

/// One line of a plugin: cleaned, secrets replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// How much it matters.
    pub level: Level,
    /// The text, without newline.
    pub text: String,
}
