//! Why an engine did not do what it was asked.

use std::{fmt, io};

use bollard::errors::Error;

use crate::{
    DockerHost, Refusal,
    host::{Problem, bindings::runner::plugin::docker::DockerError},
};

/// Why a call was not done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::docker) enum Trouble {
    /// The host refused, or the engine cannot be reached.
    Host(Problem),
    /// There is no such thing; the engine's words.
    NotFound(String),
    /// The state does not allow it; the engine's words.
    Conflict(String),
    /// The engine said no; its words.
    Failed(String),
}

impl From<Problem> for Trouble {
    fn from(problem: Problem) -> Self {
        Self::Host(problem)
    }
}

impl From<Box<Refusal>> for Trouble {
    fn from(refusal: Box<Refusal>) -> Self {
        Self::Host(Problem::Denied(refusal))
    }
}

impl Trouble {
    pub(in crate::docker) fn invalid(what: impl Into<String>) -> Self {
        Self::Host(Problem::Invalid(what.into()))
    }

    /// With every text of the engine changed by `change`.
    pub(in crate::docker) fn map_text(self, change: impl Fn(String) -> String) -> Self {
        match self {
            Self::NotFound(text) => Self::NotFound(change(text)),
            Self::Conflict(text) => Self::Conflict(change(text)),
            Self::Failed(text) => Self::Failed(change(text)),
            Self::Host(Problem::Unavailable(text)) => Self::Host(Problem::Unavailable(change(text))),
            Self::Host(
                problem @ (Problem::Denied(_)
                | Problem::TimedOut
                | Problem::BudgetExceeded(_)
                | Problem::Invalid(_)),
            ) => Self::Host(problem),
        }
    }
}

impl crate::host::Context {
    /// Splits trouble: words of the engine go to the guest, refusals to the operator.
    pub(in crate::docker) fn docker_answer<T>(&self, done: Result<T, Trouble>) -> Result<T, DockerError> {
        match done {
            Ok(value) => Ok(value),
            Err(Trouble::NotFound(text)) => Err(DockerError::NotFound(text)),
            Err(Trouble::Conflict(text)) => Err(DockerError::Conflict(text)),
            Err(Trouble::Failed(text)) => Err(DockerError::Failed(text)),
            Err(Trouble::Host(problem)) => self.answer(Err(problem)).map_err(DockerError::Host),
        }
    }
}

/// An engine that could not be reached, in words that say what to do. Travels through `bollard` inside of an I/O error.
#[derive(Debug)]
pub(super) struct Unreachable(pub(super) String);

impl fmt::Display for Unreachable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Unreachable {}

impl From<Unreachable> for Error {
    fn from(unreachable: Unreachable) -> Self {
        Self::IOError { err: io::Error::other(unreachable) }
    }
}

/// What `error` means for the call that `asked` names (`start container \`web\``).
#[expect(clippy::wildcard_enum_match_arm, reason = "whatever else `bollard` reports, no answer came")]
pub(super) fn trouble(host: &DockerHost, asked: &str, error: Error) -> Trouble {
    match error {
        Error::DockerResponseServerError { status_code, message } => of_status(status_code, message),
        Error::DockerStreamError { error } => Trouble::Failed(shortened(&error)),
        Error::IOError { err } => match err.get_ref().and_then(|inner| inner.downcast_ref::<Unreachable>()) {
            Some(Unreachable(text)) => {
                Trouble::Host(Problem::Unavailable(format!("{text} (asked to {asked}; nothing was sent)")))
            }
            None => broke_off(host, asked, &err),
        },
        Error::JsonDataError { message, .. } => Trouble::Host(Problem::Unavailable(format!(
            "{host}: asked to {asked}, the engine gave an answer that cannot be read: {message}"
        ))),
        other => broke_off(host, asked, &other),
    }
}

/// What an answer with this status means.
pub(super) fn of_status(status: u16, message: String) -> Trouble {
    let text =
        if message.is_empty() { format!("status {status} without a word") } else { shortened(&message) };
    match status {
        404 => Trouble::NotFound(text),
        409 => Trouble::Conflict(text),
        _ => Trouble::Failed(text),
    }
}

/// The connection broke after the request may have arrived.
pub(super) fn broke_off(host: &DockerHost, asked: &str, error: &dyn std::error::Error) -> Trouble {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    Trouble::Host(Problem::Unavailable(format!(
        "{host}: the connection broke off while the engine was asked to {asked} ({text}); whether it was done is not known: look \
         with `docker ps -a`"
    )))
}

/// A word of the engine, of bearable length.
fn shortened(text: &str) -> String {
    const MOST: usize = 4096;
    text.trim().chars().take(MOST).collect()
}
