//! Git for a step that is granted none: every call is `denied`.

use wasmtime::{Result, component::Resource};

use super::{Repository, grant::clean};
use crate::{
    Capability,
    host::{
        Denied, Problem,
        bindings::runner::plugin::git::{
            self, CommitFacts, GitError, Head, HostRepository, Login, RemoteRef, StatusEntry, TagFacts,
            TreeEntry, Verification,
        },
        not_linked,
    },
};

/// What every function of a repository that was never handed out answers.
const DENIED: GitError = GitError::Host(git::HostError::Denied);

impl git::Host for Denied<'_> {
    async fn open(&mut self, path: String) -> Result<Result<Resource<Repository>, GitError>> {
        let context = &self.0;
        let refused = context.charge().and_then(|()| {
            let name = clean(&path).map_err(Problem::Invalid)?;
            match context.grants.rules().git.covers_any(&name) {
                Err(refusal) => Err(Problem::Denied(refusal)),
                // Cannot happen while grants and linker agree; if they ever do not, the answer is still no.
                Ok(()) => Err(Problem::Denied(Box::new(not_linked(Capability::Git, name)))),
            }
        });
        Ok(context.answer(refused).map_err(GitError::Host))
    }
}

/// No repository is ever handed out here, so none of these is ever called with a valid one.
impl HostRepository for Denied<'_> {
    async fn head(&mut self, _at: Resource<Repository>) -> Result<Result<Head, GitError>> {
        Ok(Err(DENIED))
    }

    async fn status(&mut self, _at: Resource<Repository>) -> Result<Result<Vec<StatusEntry>, GitError>> {
        Ok(Err(DENIED))
    }

    async fn resolve(
        &mut self,
        _at: Resource<Repository>,
        _revision: String,
    ) -> Result<Result<Option<String>, GitError>> {
        Ok(Err(DENIED))
    }

    async fn tag(
        &mut self,
        _at: Resource<Repository>,
        _name: String,
    ) -> Result<Result<Option<TagFacts>, GitError>> {
        Ok(Err(DENIED))
    }

    async fn tags(
        &mut self,
        _at: Resource<Repository>,
        _pattern: String,
    ) -> Result<Result<Vec<TagFacts>, GitError>> {
        Ok(Err(DENIED))
    }

    async fn is_ancestor(
        &mut self,
        _at: Resource<Repository>,
        _commit: String,
        _of: String,
    ) -> Result<Result<bool, GitError>> {
        Ok(Err(DENIED))
    }

    async fn commit(
        &mut self,
        _at: Resource<Repository>,
        _revision: String,
    ) -> Result<Result<CommitFacts, GitError>> {
        Ok(Err(DENIED))
    }

    async fn log(
        &mut self,
        _at: Resource<Repository>,
        _revision: String,
        _except: Option<String>,
        _max: u32,
    ) -> Result<Result<Vec<CommitFacts>, GitError>> {
        Ok(Err(DENIED))
    }

    async fn files(
        &mut self,
        _at: Resource<Repository>,
        _revision: String,
        _pattern: String,
    ) -> Result<Result<Vec<TreeEntry>, GitError>> {
        Ok(Err(DENIED))
    }

    async fn read(
        &mut self,
        _at: Resource<Repository>,
        _revision: String,
        _path: String,
        _max_bytes: Option<u64>,
    ) -> Result<Result<Vec<u8>, GitError>> {
        Ok(Err(DENIED))
    }

    async fn verify_tag(
        &mut self,
        _at: Resource<Repository>,
        _name: String,
        _allowed_signers: String,
    ) -> Result<Result<Verification, GitError>> {
        Ok(Err(DENIED))
    }

    async fn verify_commit(
        &mut self,
        _at: Resource<Repository>,
        _revision: String,
        _allowed_signers: String,
    ) -> Result<Result<Verification, GitError>> {
        Ok(Err(DENIED))
    }

    async fn create_tag(
        &mut self,
        _at: Resource<Repository>,
        _name: String,
        _revision: String,
        _message: String,
    ) -> Result<Result<String, GitError>> {
        Ok(Err(DENIED))
    }

    async fn delete_tag(
        &mut self,
        _at: Resource<Repository>,
        _name: String,
        _object: String,
    ) -> Result<Result<bool, GitError>> {
        Ok(Err(DENIED))
    }

    async fn checkout(&mut self, _at: Resource<Repository>, _commit: String) -> Result<Result<(), GitError>> {
        Ok(Err(DENIED))
    }

    async fn checkout_branch(
        &mut self,
        _at: Resource<Repository>,
        _branch: String,
    ) -> Result<Result<(), GitError>> {
        Ok(Err(DENIED))
    }

    async fn remote_refs(
        &mut self,
        _at: Resource<Repository>,
        _remote: String,
        _pattern: String,
        _login: Option<Login>,
    ) -> Result<Result<Vec<RemoteRef>, GitError>> {
        Ok(Err(DENIED))
    }

    async fn fetch(
        &mut self,
        _at: Resource<Repository>,
        _remote: String,
        _tags: bool,
        _login: Option<Login>,
    ) -> Result<Result<(), GitError>> {
        Ok(Err(DENIED))
    }

    async fn push(
        &mut self,
        _at: Resource<Repository>,
        _remote: String,
        _reference: String,
        _login: Option<Login>,
    ) -> Result<Result<bool, GitError>> {
        Ok(Err(DENIED))
    }

    async fn drop(&mut self, _at: Resource<Repository>) -> Result<()> {
        Ok(())
    }
}
