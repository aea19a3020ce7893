//! Connections in a test.

use std::collections::VecDeque;

use crate::host::TlsFacts;

/// What the other side of a connection does. It says its lines one per read, whatever it hears, and then closes.
#[derive(Debug, Clone, Default)]
pub struct Conversation {
    pub(super) lines: VecDeque<Vec<u8>>,
    pub(super) tls: Option<TlsFacts>,
    pub(super) heard: Vec<u8>,
}

impl Conversation {
    /// The other side says nothing, speaks no TLS, and closes.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The other side says this at the next read.
    #[must_use]
    pub fn says(mut self, line: impl Into<Vec<u8>>) -> Self {
        self.lines.push_back(line.into());
        self
    }

    /// The other side speaks TLS and shows this.
    #[must_use]
    pub fn shows(self, facts: TlsFacts) -> Self {
        Self { tls: Some(facts), ..self }
    }
}
