//! Why git did not do what it was asked.

use std::fmt;

use crate::{Failure, FailureKind, HostError};

/// Why git did not do what it was asked, and what that was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GitError {
    /// What was tried, e.g. ``repository `.`: push `refs/heads/main` to `origin` ``.
    pub tried: String,
    /// Why it was not done.
    pub reason: GitReason,
}

/// Why git did not do what it was asked. The texts are the host's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GitReason {
    /// The host refused, or could not reach the other side.
    Host(HostError),
    /// There is no such repository, reference, object, remote or path.
    NotFound(String),
    /// It would overwrite something: a tag that is there, a push that is no fast-forward, local changes.
    Conflict(String),
    /// Something is not as git needs it: no commits yet, a shallow clone where history is needed, a remote that said no.
    Failed(String),
}

impl fmt::Display for GitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&Failure::from(self.clone()).message)
    }
}

impl std::error::Error for GitError {}

/// What is not there is `unavailable`, as a missing file is; what stands in the way, and what is not as git needs it, is
/// `invalid-input`.
impl From<GitError> for Failure {
    fn from(GitError { tried, reason }: GitError) -> Self {
        let (kind, text) = match reason {
            GitReason::Host(error) => return Self::of_call(tried, error),
            GitReason::NotFound(text) => (FailureKind::Unavailable, text),
            GitReason::Conflict(text) | GitReason::Failed(text) => (FailureKind::InvalidInput, text),
        };
        Self::new(kind, format!("{tried}: {text}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_becomes_the_failure_of_its_kind() {
        let failures = [
            GitReason::Host(HostError::Denied),
            GitReason::Host(HostError::Unavailable("connection refused".into())),
            GitReason::NotFound("there is no remote `origin`".into()),
            GitReason::Conflict("the remote has other commits".into()),
            GitReason::Failed("the remote refused it: protected".into()),
        ]
        .map(|reason| Failure::from(GitError { tried: "push `a`".to_owned(), reason }));

        assert_eq!(
            failures,
            [
                Failure::new(FailureKind::Denied, "push `a`: denied, no grant of this step covers it"),
                Failure::new(FailureKind::Unavailable, "push `a`: connection refused"),
                Failure::new(FailureKind::Unavailable, "push `a`: there is no remote `origin`"),
                Failure::new(FailureKind::InvalidInput, "push `a`: the remote has other commits"),
                Failure::new(FailureKind::InvalidInput, "push `a`: the remote refused it: protected"),
            ],
        );
    }
}
