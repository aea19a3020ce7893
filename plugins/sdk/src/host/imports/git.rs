//! Git as the component imports it.

use super::Backend;
use crate::component::capabilities::runner::plugin::git;
use crate::host::{
    Change, CommitFacts, GitReason, Head, Login, RemoteRef, Signature, StatusEntry, TagFacts, TreeEntry,
    Verification,
};

impl Backend {
    pub(in crate::host) fn open_repository(&self, path: &str) -> Result<RepositoryHandle, GitReason> {
        Ok(RepositoryHandle(git::open(path)?))
    }
}

/// A repository of the host.
#[derive(Debug)]
pub(in crate::host) struct RepositoryHandle(git::Repository);

impl RepositoryHandle {
    pub(in crate::host) fn head(&self) -> Result<Head, GitReason> {
        let git::Head { branch, commit, shallow } = self.0.head()?;
        Ok(Head { branch, commit, shallow })
    }

    pub(in crate::host) fn status(&self) -> Result<Vec<StatusEntry>, GitReason> {
        let entries = self.0.status()?;
        Ok(entries
            .into_iter()
            .map(|git::StatusEntry { path, change, staged }| StatusEntry {
                path,
                change: change.into(),
                staged,
            })
            .collect())
    }

    pub(in crate::host) fn resolve(&self, revision: &str) -> Result<Option<String>, GitReason> {
        Ok(self.0.resolve(revision)?)
    }

    pub(in crate::host) fn tag(&self, name: &str) -> Result<Option<TagFacts>, GitReason> {
        Ok(self.0.tag(name)?.map(Into::into))
    }

    pub(in crate::host) fn tags(&self, pattern: &str) -> Result<Vec<TagFacts>, GitReason> {
        Ok(self.0.tags(pattern)?.into_iter().map(Into::into).collect())
    }

    pub(in crate::host) fn is_ancestor(&self, commit: &str, of: &str) -> Result<bool, GitReason> {
        Ok(self.0.is_ancestor(commit, of)?)
    }

    pub(in crate::host) fn commit(&self, revision: &str) -> Result<CommitFacts, GitReason> {
        Ok(self.0.commit(revision)?.into())
    }

    pub(in crate::host) fn log(
        &self,
        revision: &str,
        except: Option<&str>,
        max: u32,
    ) -> Result<Vec<CommitFacts>, GitReason> {
        Ok(self.0.log(revision, except, max)?.into_iter().map(Into::into).collect())
    }

    pub(in crate::host) fn files(&self, revision: &str, pattern: &str) -> Result<Vec<TreeEntry>, GitReason> {
        let entries = self.0.files(revision, pattern)?;
        Ok(entries
            .into_iter()
            .map(|git::TreeEntry { path, size, executable }| TreeEntry { path, size, executable })
            .collect())
    }

    pub(in crate::host) fn read(
        &self,
        revision: &str,
        path: &str,
        max: Option<u64>,
    ) -> Result<Vec<u8>, GitReason> {
        Ok(self.0.read(revision, path, max)?)
    }

    pub(in crate::host) fn verify_tag(
        &self,
        name: &str,
        allowed_signers: &str,
    ) -> Result<Verification, GitReason> {
        Ok(self.0.verify_tag(name, allowed_signers)?.into())
    }

    pub(in crate::host) fn verify_commit(
        &self,
        revision: &str,
        allowed_signers: &str,
    ) -> Result<Verification, GitReason> {
        Ok(self.0.verify_commit(revision, allowed_signers)?.into())
    }

    pub(in crate::host) fn create_tag(
        &self,
        name: &str,
        revision: &str,
        message: &str,
    ) -> Result<String, GitReason> {
        Ok(self.0.create_tag(name, revision, message)?)
    }

    pub(in crate::host) fn delete_tag(&self, name: &str, object: &str) -> Result<bool, GitReason> {
        Ok(self.0.delete_tag(name, object)?)
    }

    pub(in crate::host) fn checkout(&self, commit: &str) -> Result<(), GitReason> {
        Ok(self.0.checkout(commit)?)
    }

    pub(in crate::host) fn checkout_branch(&self, branch: &str) -> Result<(), GitReason> {
        Ok(self.0.checkout_branch(branch)?)
    }

    pub(in crate::host) fn remote_refs(
        &self,
        remote: &str,
        pattern: &str,
        login: Option<&Login>,
    ) -> Result<Vec<RemoteRef>, GitReason> {
        let refs = self.0.remote_refs(remote, pattern, login.map(imported).as_ref())?;
        Ok(refs
            .into_iter()
            .map(|git::RemoteRef { name, object, peeled }| RemoteRef { name, object, peeled })
            .collect())
    }

    pub(in crate::host) fn fetch(
        &self,
        remote: &str,
        tags: bool,
        login: Option<&Login>,
    ) -> Result<(), GitReason> {
        Ok(self.0.fetch(remote, tags, login.map(imported).as_ref())?)
    }

    pub(in crate::host) fn push(
        &self,
        remote: &str,
        reference: &str,
        login: Option<&Login>,
    ) -> Result<bool, GitReason> {
        Ok(self.0.push(remote, reference, login.map(imported).as_ref())?)
    }
}

fn imported(login: &Login) -> git::Login<'_> {
    git::Login { user: login.user.clone(), password: &login.password.handle.0 }
}

impl From<git::GitError> for GitReason {
    fn from(error: git::GitError) -> Self {
        match error {
            git::GitError::Host(error) => Self::Host(error.into()),
            git::GitError::NotFound(text) => Self::NotFound(text),
            git::GitError::Conflict(text) => Self::Conflict(text),
            git::GitError::Failed(text) => Self::Failed(text),
        }
    }
}

impl From<git::Change> for Change {
    fn from(change: git::Change) -> Self {
        match change {
            git::Change::Untracked => Self::Untracked,
            git::Change::Added => Self::Added,
            git::Change::Modified => Self::Modified,
            git::Change::Deleted => Self::Deleted,
            git::Change::Renamed => Self::Renamed,
            git::Change::Retyped => Self::Retyped,
            git::Change::Conflicted => Self::Conflicted,
        }
    }
}

impl From<git::Signature> for Signature {
    fn from(signature: git::Signature) -> Self {
        let git::Signature { name, email, at_ms } = signature;
        Self { name, email, at_ms }
    }
}

impl From<git::TagFacts> for TagFacts {
    fn from(facts: git::TagFacts) -> Self {
        let git::TagFacts { name, object, annotated, commit, tagger, message, signed } = facts;
        Self { name, object, annotated, commit, tagger: tagger.map(Into::into), message, signed }
    }
}

impl From<git::CommitFacts> for CommitFacts {
    fn from(facts: git::CommitFacts) -> Self {
        let git::CommitFacts { id, parents, author, committer, message } = facts;
        Self { id, parents, author: author.into(), committer: committer.into(), message }
    }
}

impl From<git::Verification> for Verification {
    fn from(verification: git::Verification) -> Self {
        match verification {
            git::Verification::Unsigned => Self::Unsigned,
            git::Verification::Good(signer) => Self::Good(signer),
            git::Verification::Untrusted(why) => Self::Untrusted(why),
            git::Verification::Bad(why) => Self::Bad(why),
        }
    }
}
