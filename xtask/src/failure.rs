//! Why a chore was not done.

use std::fmt;
use std::process::ExitCode;

/// Why a chore was not done, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Failure {
    /// A signal asked for the end.
    Interrupted {
        /// Its number.
        signal: i32,
    },
    /// The command line is wrong.
    Usage {
        /// What is wrong with it.
        problem: String,
    },
    /// Something did not work.
    Problem {
        /// What, in one sentence.
        what: String,
        /// What to do next; empty if the sentence says it all.
        next: String,
    },
}

impl Failure {
    pub(crate) fn usage(problem: impl Into<String>) -> Self {
        Self::Usage { problem: problem.into() }
    }

    pub(crate) fn problem(what: impl Into<String>) -> Self {
        Self::Problem { what: what.into(), next: String::new() }
    }

    /// Says what to do next.
    pub(crate) fn next(self, next: impl Into<String>) -> Self {
        match self {
            Self::Problem { what, .. } => Self::Problem { what, next: next.into() },
            other @ (Self::Interrupted { .. } | Self::Usage { .. }) => other,
        }
    }

    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            // As a shell says it: 130 for Ctrl-C.
            Self::Interrupted { signal } => {
                u8::try_from(128 + signal).map_or(ExitCode::FAILURE, ExitCode::from)
            }
            Self::Usage { .. } => ExitCode::from(2),
            Self::Problem { .. } => ExitCode::FAILURE,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Interrupted { .. } => f.write_str("interrupted; nothing is left running"),
            Self::Usage { problem } => write!(f, "{problem}\n\nhint: `cargo xtask help` shows the commands"),
            Self::Problem { what, next } if next.is_empty() => f.write_str(what),
            Self::Problem { what, next } => write!(f, "{what}\n\nhint: {next}"),
        }
    }
}
