//! Git repositories.
//!
//! [`Git::open`] gives a [`Repository`], which has a method for each thing that the host does with one. `facts` holds
//! what it answers, `error` why it did not. Absence is an answer where it can be meant (`resolve`, `tag`), and an
//! error everywhere else.
//!
//! Never here: a judgement. Whether a tag may be where it is, is for the plugin to say.

mod error;
mod facts;

pub use error::{GitError, GitReason};
pub use facts::{
    Change, CommitFacts, Head, RemoteRef, Signature, StatusEntry, TagFacts, TreeEntry, Verification, short_id,
};

use std::fmt;

use schemars::JsonSchema;
use serde::Deserialize;

use super::backend::{self, Backend};
use super::docker::Login;
use crate::{Failure, Host};

/// Git, from [`Host::git`](crate::Host::git).
///
/// ```
/// use runner_plugin::testing::{FakeHost, FakeRepository};
///
/// let repository = FakeRepository::new("main");
/// let commit = repository.commit("Fix: prevent a deadlock");
/// let host = FakeHost::new().repository(".", &repository).host();
///
/// let head = host.git().open(".")?.head()?;
/// assert_eq!((head.branch.as_deref(), head.commit), (Some("main"), commit));
/// # Ok::<(), runner_plugin::Failure>(())
/// ```
#[derive(Debug)]
pub struct Git<'a> {
    backend: &'a Backend,
}

impl<'a> Git<'a> {
    pub(super) fn new(backend: &'a Backend) -> Self {
        Self { backend }
    }

    /// Opens the repository at `path`, relative to the pipeline's directory; `.` is the one the directory is in or below.
    ///
    /// # Errors
    ///
    /// [`GitReason::NotFound`] when there is none, [`HostError::Denied`](crate::HostError::Denied) without a grant.
    pub fn open(&self, path: &str) -> Result<Repository, GitError> {
        match self.backend.open_repository(path) {
            Ok(handle) => Ok(Repository { path: path.to_owned(), handle }),
            Err(reason) => Err(GitError { tried: format!("open repository `{path}`"), reason }),
        }
    }
}

/// Who is asking a remote over HTTPS, as a step's `with` says it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Credentials {
    /// User name.
    pub user: String,
    /// Name of the secret that is the password or token. The plugin never sees its value.
    pub password: String,
}

impl Credentials {
    /// Asks the host for the secret.
    ///
    /// # Errors
    ///
    /// [`Denied`](crate::FailureKind::Denied) when the step may not use it.
    pub fn login(&self, host: &Host) -> Result<Login, Failure> {
        Ok(Login { user: self.user.clone(), password: host.secret(&self.password)? })
    }
}

/// An open repository; closed when dropped.
#[derive(Debug)]
pub struct Repository {
    path: String,
    handle: backend::RepositoryHandle,
}

impl Repository {
    /// The path it was opened with.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    fn error(&self, tried: impl fmt::Display, reason: GitReason) -> GitError {
        GitError { tried: format!("repository `{}`: {tried}", self.path), reason }
    }

    /// Where it stands. Verb `refs`.
    ///
    /// # Errors
    ///
    /// [`GitReason::Failed`] when there is no commit yet.
    pub fn head(&self) -> Result<Head, GitError> {
        self.handle.head().map_err(|reason| self.error(format_args!("read `HEAD`"), reason))
    }

    /// Paths that differ from the last commit, sorted; what `.gitignore` names is left out. Verb `status`.
    ///
    /// # Errors
    ///
    /// [`GitReason::Host`]: denied, or more paths than the host answers with.
    pub fn status(&self) -> Result<Vec<StatusEntry>, GitError> {
        self.handle
            .status()
            .map_err(|reason| self.error(format_args!("compare with the last commit"), reason))
    }

    /// The commit behind a revision (`main`, `v1.0.0`, `HEAD~3`, `origin/main`). None if there is none. Verb `refs`.
    ///
    /// # Errors
    ///
    /// [`GitReason::Host`]: denied, or no revision at all.
    pub fn resolve(&self, revision: &str) -> Result<Option<String>, GitError> {
        self.handle
            .resolve(revision)
            .map_err(|reason| self.error(format_args!("resolve `{revision}`"), reason))
    }

    /// A tag. None if it is not there. Verb `refs`.
    ///
    /// # Errors
    ///
    /// [`GitReason::Host`]: denied, or no name of a tag.
    pub fn tag(&self, name: &str) -> Result<Option<TagFacts>, GitError> {
        self.handle.tag(name).map_err(|reason| self.error(format_args!("read tag `{name}`"), reason))
    }

    /// Tags that fit `pattern` (`*` stands for anything), sorted by name. Verb `refs`.
    ///
    /// # Errors
    ///
    /// [`GitReason::Host`]: denied.
    pub fn tags(&self, pattern: &str) -> Result<Vec<TagFacts>, GitError> {
        self.handle.tags(pattern).map_err(|reason| self.error(format_args!("list tags `{pattern}`"), reason))
    }

    /// Whether `commit` is `of` itself or before it. Verb `objects`.
    ///
    /// # Errors
    ///
    /// [`GitReason::NotFound`] when one of them is not there, [`GitReason::Failed`] when history is cut off where it is needed.
    pub fn is_ancestor(&self, commit: &str, of: &str) -> Result<bool, GitError> {
        self.handle
            .is_ancestor(commit, of)
            .map_err(|reason| self.error(format_args!("compare `{commit}` with `{of}`"), reason))
    }

    /// A commit. Verb `objects`.
    ///
    /// # Errors
    ///
    /// [`GitReason::NotFound`] when it is not there.
    pub fn commit(&self, revision: &str) -> Result<CommitFacts, GitError> {
        self.handle
            .commit(revision)
            .map_err(|reason| self.error(format_args!("read commit `{revision}`"), reason))
    }

    /// Commits reachable from `revision` and not from `except`, newest first, at most `max`. Verb `objects`.
    ///
    /// # Errors
    ///
    /// [`GitReason::NotFound`] when one of them is not there.
    pub fn log(&self, revision: &str, except: Option<&str>, max: u32) -> Result<Vec<CommitFacts>, GitError> {
        self.handle
            .log(revision, except, max)
            .map_err(|reason| self.error(format_args!("list commits of `{revision}`"), reason))
    }

    /// Files of a commit whose paths fit `pattern`, sorted. Verb `objects`.
    ///
    /// # Errors
    ///
    /// [`GitReason::NotFound`] when the commit is not there.
    pub fn files(&self, revision: &str, pattern: &str) -> Result<Vec<TreeEntry>, GitError> {
        self.handle
            .files(revision, pattern)
            .map_err(|reason| self.error(format_args!("list files `{pattern}` of `{revision}`"), reason))
    }

    /// A file of a commit, at most `max` bytes (none means 16 MiB). Verb `objects`.
    ///
    /// # Errors
    ///
    /// [`GitReason::NotFound`] when commit or file is not there.
    pub fn read(&self, revision: &str, path: &str, max: Option<u64>) -> Result<Vec<u8>, GitError> {
        self.handle
            .read(revision, path, max)
            .map_err(|reason| self.error(format_args!("read `{path}` of `{revision}`"), reason))
    }

    /// Verifies the signature of a tag against lines of an `allowed_signers` file as ssh-keygen(1) has them. Verb `verify`.
    ///
    /// # Errors
    ///
    /// [`GitReason::NotFound`] when the tag is not there.
    pub fn verify_tag(&self, name: &str, allowed_signers: &str) -> Result<Verification, GitError> {
        self.handle
            .verify_tag(name, allowed_signers)
            .map_err(|reason| self.error(format_args!("verify tag `{name}`"), reason))
    }

    /// Verifies the signature of a commit, as [`Repository::verify_tag`]. Verb `verify`.
    ///
    /// # Errors
    ///
    /// [`GitReason::NotFound`] when the commit is not there.
    pub fn verify_commit(&self, revision: &str, allowed_signers: &str) -> Result<Verification, GitError> {
        self.handle
            .verify_commit(revision, allowed_signers)
            .map_err(|reason| self.error(format_args!("verify commit `{revision}`"), reason))
    }

    /// Makes an annotated tag, with the repository's `user.name` and `user.email`. Returns the tag object. Verb `tag`.
    ///
    /// # Errors
    ///
    /// [`GitReason::Conflict`] when there is a tag of this name, [`GitReason::NotFound`] when the commit is not there.
    pub fn create_tag(&self, name: &str, revision: &str, message: &str) -> Result<String, GitError> {
        self.handle
            .create_tag(name, revision, message)
            .map_err(|reason| self.error(format_args!("make tag `{name}`"), reason))
    }

    /// Deletes a tag if it is still `object`. True if it was there. Verb `tag`.
    ///
    /// # Errors
    ///
    /// [`GitReason::Conflict`] when it is another object by now.
    pub fn delete_tag(&self, name: &str, object: &str) -> Result<bool, GitError> {
        self.handle
            .delete_tag(name, object)
            .map_err(|reason| self.error(format_args!("delete tag `{name}`"), reason))
    }

    /// Checks a commit out, without branch. Verb `checkout`.
    ///
    /// # Errors
    ///
    /// [`GitReason::Conflict`] when there are local changes, [`GitReason::NotFound`] when the commit is not there.
    pub fn checkout(&self, commit: &str) -> Result<(), GitError> {
        self.handle
            .checkout(commit)
            .map_err(|reason| self.error(format_args!("check `{commit}` out"), reason))
    }

    /// Puts `HEAD` on a branch and checks it out. Verb `checkout`.
    ///
    /// # Errors
    ///
    /// [`GitReason::Conflict`] when there are local changes, [`GitReason::NotFound`] when the branch is not there.
    pub fn checkout_branch(&self, branch: &str) -> Result<(), GitError> {
        self.handle
            .checkout_branch(branch)
            .map_err(|reason| self.error(format_args!("check branch `{branch}` out"), reason))
    }

    /// The references of a remote that fit `pattern`, sorted. Verb `remote`.
    ///
    /// # Errors
    ///
    /// [`GitReason::NotFound`] when there is no such remote; [`GitReason::Host`] when it does not answer.
    pub fn remote_refs(
        &self,
        remote: &str,
        pattern: &str,
        login: Option<&Login>,
    ) -> Result<Vec<RemoteRef>, GitError> {
        self.handle
            .remote_refs(remote, pattern, login)
            .map_err(|reason| self.error(format_args!("list references `{pattern}` of `{remote}`"), reason))
    }

    /// Fetches the remote's branches to `refs/remotes/…`, and with `tags` its tags. Verb `fetch`.
    ///
    /// # Errors
    ///
    /// As [`Repository::remote_refs`].
    pub fn fetch(&self, remote: &str, tags: bool, login: Option<&Login>) -> Result<(), GitError> {
        self.handle
            .fetch(remote, tags, login)
            .map_err(|reason| self.error(format_args!("fetch from `{remote}`"), reason))
    }

    /// Pushes one reference to the one of the same name, never with force. False if the remote had it already. Verb `push`.
    ///
    /// # Errors
    ///
    /// [`GitReason::Conflict`] when the remote has another tag, or commits that are not here; [`GitReason::NotFound`] when reference or remote is not there;
    /// [`GitReason::Failed`] when the remote said no.
    pub fn push(&self, remote: &str, reference: &str, login: Option<&Login>) -> Result<bool, GitError> {
        self.handle
            .push(remote, reference, login)
            .map_err(|reason| self.error(format_args!("push `{reference}` to `{remote}`"), reason))
    }
}
