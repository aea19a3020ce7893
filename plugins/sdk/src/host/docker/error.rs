//! Why the engine did not do what it was asked.

use std::fmt;

use crate::{Failure, HostError};

/// What the engine, or the host before it, answers when it does not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DockerError {
    /// The host refused, or could not reach the engine.
    Host(HostError),
    /// There is no such container, image or network. The text is the engine's.
    NotFound(String),
    /// The name is taken, or the state does not allow it. The text is the engine's.
    Conflict(String),
    /// The engine, or a registry behind it, said no. The text is the engine's.
    Failed(String),
}

/// A call to the engine that was not done: what was tried, and why not.
///
/// With `?` it becomes a [`Failure`]: what was denied stays [`Denied`](crate::FailureKind::Denied), what the
/// engine says is [`Unavailable`](crate::FailureKind::Unavailable). A plugin that knows better looks at `error`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DockerFailure {
    /// As in ``start container `web` ``.
    pub tried: String,
    /// Why not.
    pub error: DockerError,
}

impl DockerFailure {
    pub(super) fn of(tried: impl Into<String>) -> impl FnOnce(DockerError) -> Self {
        |error| Self { tried: tried.into(), error }
    }

    /// Whether there is no such container, image or network.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        matches!(self.error, DockerError::NotFound(_))
    }

    /// Whether the name is taken, or the state does not allow it.
    #[must_use]
    pub fn is_conflict(&self) -> bool {
        matches!(self.error, DockerError::Conflict(_))
    }

    /// Whether time ran out: that of the call, or the step's.
    #[must_use]
    pub fn is_timed_out(&self) -> bool {
        matches!(self.error, DockerError::Host(HostError::TimedOut))
    }
}

impl From<DockerFailure> for Failure {
    fn from(DockerFailure { tried, error }: DockerFailure) -> Self {
        match error {
            DockerError::Host(error) => Self::of_call(tried, error),
            DockerError::NotFound(text) | DockerError::Conflict(text) | DockerError::Failed(text) => {
                Self::unavailable(format!("{tried}: {text}"))
            }
        }
    }
}

impl fmt::Display for DockerFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Failure::from(self.clone()).fmt(f)
    }
}

impl std::error::Error for DockerFailure {}
