//! Why a plugin could not answer.

use std::fmt;

/// What sort of failure it is. Retry policies of a pipeline look at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureKind {
    /// The step's `with` fits the schema and still makes no sense.
    InvalidConfig,
    /// Something the plugin was given (a file, an answer of a server) cannot be understood.
    InvalidInput,
    /// No grant of the step covers what was tried.
    Denied,
    /// Something needed does not answer.
    Unavailable,
    /// Something needed was too slow.
    TimedOut,
    /// A limit of the step was used up.
    BudgetExceeded,
    /// The plugin itself is at fault.
    Internal,
}

/// Why a plugin could not answer: never a pass, and never a "no" either.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What sort of failure it is.
    pub kind: FailureKind,
    /// One sentence for the operator: what was tried, and what happened.
    pub message: String,
}

impl Failure {
    /// Makes a failure of any kind.
    pub fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }

    /// The step's `with` makes no sense.
    pub fn invalid_config(message: impl Into<String>) -> Self {
        Self::new(FailureKind::InvalidConfig, message)
    }

    /// A file or an answer cannot be understood.
    pub fn invalid_input(message: impl Into<String>) -> Self {
        Self::new(FailureKind::InvalidInput, message)
    }

    /// Something needed does not answer.
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self::new(FailureKind::Unavailable, message)
    }

    /// The plugin itself is at fault.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(FailureKind::Internal, message)
    }

    /// The failure of a call to the host: `tried` says which, as in ``read `config.json` ``.
    ///
    /// `invalid` becomes [`FailureKind::InvalidConfig`]: nearly always the argument came from the step's `with`.
    pub(crate) fn of_call(tried: impl fmt::Display, error: HostError) -> Self {
        let (kind, text) = match error {
            HostError::Denied => (FailureKind::Denied, "denied, no grant of this step covers it".to_owned()),
            HostError::Unavailable(text) => (FailureKind::Unavailable, text),
            HostError::TimedOut => (FailureKind::TimedOut, "timed out".to_owned()),
            HostError::BudgetExceeded(text) => (FailureKind::BudgetExceeded, text),
            HostError::Invalid(text) => (FailureKind::InvalidConfig, text),
        };
        Self { kind, message: format!("{tried}: {text}") }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

/// What the host answers when it does not do what it was asked.
///
/// Plugins meet it as a [`Failure`]; a test gives it to a fake host as an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HostError {
    /// No grant of this step covers the call. Nothing was done.
    Denied,
    /// The other side could not be reached, or broke off.
    Unavailable(String),
    /// The call's own time limit or the step's deadline ran out.
    TimedOut,
    /// A limit of the step is used up.
    BudgetExceeded(String),
    /// The arguments make no sense. Nothing was done.
    Invalid(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_call_says_what_was_tried_and_what_happened() {
        let failures = [
            HostError::Denied,
            HostError::Unavailable("connection refused".into()),
            HostError::TimedOut,
            HostError::BudgetExceeded("larger than 16 MiB".into()),
            HostError::Invalid("`..` is not allowed".into()),
        ]
        .map(|error| Failure::of_call("read `a`", error));

        assert_eq!(
            failures,
            [
                Failure::new(FailureKind::Denied, "read `a`: denied, no grant of this step covers it"),
                Failure::new(FailureKind::Unavailable, "read `a`: connection refused"),
                Failure::new(FailureKind::TimedOut, "read `a`: timed out"),
                Failure::new(FailureKind::BudgetExceeded, "read `a`: larger than 16 MiB"),
                Failure::new(FailureKind::InvalidConfig, "read `a`: `..` is not allowed"),
            ],
        );
    }
}
