//! Lines for the people who run the pipeline.

use super::backend::Backend;

/// How much a line matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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

/// The log, from [`Host::log`](crate::Host::log). The host takes out control characters and secrets, and
/// bounds it.
#[derive(Debug)]
pub struct Log<'a> {
    backend: &'a Backend,
}

impl<'a> Log<'a> {
    pub(super) fn new(backend: &'a Backend) -> Self {
        Self { backend }
    }

    /// Writes one line.
    pub fn write(&self, level: Level, line: impl AsRef<str>) {
        self.backend.log(level, line.as_ref());
    }

    /// Writes one line for those who look for a fault in the plugin.
    pub fn debug(&self, line: impl AsRef<str>) {
        self.write(Level::Debug, line);
    }

    /// Writes one line about the normal course of things.
    pub fn info(&self, line: impl AsRef<str>) {
        self.write(Level::Info, line);
    }

    /// Writes one line about something odd that did not stop the plugin.
    pub fn warn(&self, line: impl AsRef<str>) {
        self.write(Level::Warn, line);
    }

    /// Writes one line about something that made the plugin fail.
    pub fn error(&self, line: impl AsRef<str>) {
        self.write(Level::Error, line);
    }
}
