//! Why a host call was not done, before it is split into what the guest may know and what the operator should.

use std::io;

use crate::Refusal;

/// Why a host call was not done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// No grant covers it. The guest gets the code, the operator the refusal.
    #[error("denied: {0}")]
    Denied(Box<Refusal>),
    /// The other side does not answer, or broke off.
    #[error("{0}")]
    Unavailable(String),
    /// The call's or the step's time is up.
    #[error("timed out")]
    TimedOut,
    /// A limit is used up; the text names it.
    #[error("{0}")]
    BudgetExceeded(String),
    /// The arguments make no sense.
    #[error("{0}")]
    Invalid(String),
}

impl From<Box<Refusal>> for Problem {
    fn from(refusal: Box<Refusal>) -> Self {
        Self::Denied(refusal)
    }
}

/// The system's words without its number: `connection refused`.
pub(crate) fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or_default().to_ascii_lowercase()
}
