//! `runner:plugin/git`.

use std::sync::Arc;

use tokio::time::Instant;
use wasmtime::{Result, component::Resource};

use super::{
    Verb,
    call::{Fault, Stop, Stopper, Work},
    grant::clean,
    place::Place,
    read, status, transfer, verify, write,
};
use crate::{
    Capability, Refusal,
    host::{
        Context, Problem,
        bindings::runner::plugin::git::{
            self, CommitFacts, GitError, Head, HostRepository, Login, RemoteRef, StatusEntry, TagFacts,
            TreeEntry, Verification,
        },
    },
};

/// The system's client: a fixed path, so that no `PATH` decides what runs.
pub(crate) const SSH: &str = "/usr/bin/ssh";

/// A repository in the hand of a guest. It is opened anew at each call.
#[derive(Clone)]
pub struct Repository(Place);

impl git::Host for Context {
    async fn open(&mut self, path: String) -> Result<Result<Resource<Repository>, GitError>> {
        let found = self.find_repository(&path).await;
        Ok(match self.git_answer(found) {
            Ok(repository) => Ok(self.table.push(repository)?),
            Err(error) => Err(error),
        })
    }
}

impl Context {
    async fn find_repository(&mut self, path: &str) -> Result<Repository, Fault> {
        self.charge()?;
        let name = clean(path).map_err(Problem::Invalid)?;
        self.grants.rules().git.covers_any(&name)?;
        let Some(tree) = self.tree.clone() else {
            return Err(Fault::Host(Problem::Denied(Box::new(Refusal {
                capability: Capability::Git,
                request: format!("open the repository `{name}`"),
                message: "this call has no directory".to_owned(),
                grant: None,
            }))));
        };
        let asked = name.clone();
        let place = waiting(self.deadline, move || Place::find(tree.path(), &asked)).await?;
        if place.name != name {
            self.grants.rules().git.covers_any(&place.name).map_err(|refusal| {
                let message = format!("`{name}` leads to `{}`, and {}", place.name, refusal.message);
                Box::new(Refusal { message, ..*refusal })
            })?;
        }
        Ok(Repository(place))
    }

    /// Does `work` in `repository` if its verb is granted. Verbs bounded by remotes or references ask again, themselves.
    async fn within<T: Send + 'static>(
        &mut self,
        repository: &Resource<Repository>,
        verb: Verb,
        work: impl FnOnce(&Work, &git2::Repository) -> Result<T, Fault> + Send + 'static,
    ) -> Result<Result<T, GitError>> {
        let place = self.table.get(repository)?.0.clone();
        let root = place.root.clone();
        let done = self.within_place(place, verb, work).await;
        // Where the pipeline lies on this machine is none of the guest's business.
        let told = done.map_err(|fault| fault.without(&root));
        Ok(self.git_answer(told))
    }

    async fn within_place<T: Send + 'static>(
        &mut self,
        place: Place,
        verb: Verb,
        work: impl FnOnce(&Work, &git2::Repository) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Fault> {
        self.charge()?;
        self.grants.rules().git.covers_verb(&place.name, verb)?;
        let stop = Arc::new(Stop::default());
        // Dropped with this future, whether it is done or given up.
        let stopper = Stopper(Arc::clone(&stop));
        let at = Work {
            place,
            verb,
            grants: Arc::clone(&self.grants),
            ledger: Arc::clone(&self.ledger),
            dialer: Arc::clone(&self.dialer),
            ssh: self.ssh.clone(),
            now_ms: self.time.now_ms(),
            deadline: self.deadline.into_std(),
            stop,
        };
        let done = waiting(self.deadline, move || {
            if !verb.is_bounded() {
                drop(at.allow(None)?);
            }
            let opened = at.place.open()?;
            work(&at, &opened.repository)
        })
        .await;
        drop(stopper);
        done
    }

    fn git_answer<T>(&self, result: Result<T, Fault>) -> Result<T, GitError> {
        result.map_err(|fault| match fault {
            Fault::NotFound(text) => GitError::NotFound(text),
            Fault::Conflict(text) => GitError::Conflict(text),
            Fault::Failed(text) => GitError::Failed(text),
            Fault::Host(problem) => match self.answer::<()>(Err(problem)) {
                Err(error) => GitError::Host(error),
                Ok(()) => unreachable!("a problem is never answered with yes"),
            },
        })
    }

    /// Name and password for a remote, taken out of the guest's handle.
    fn credentials(&self, login: Option<Login>) -> Result<Option<transfer::Credentials>> {
        let Some(login) = login else { return Ok(None) };
        let password = self.table.get(&login.password)?.clone();
        Ok(Some(transfer::Credentials { user: login.user, password }))
    }
}

/// Does `work` on a thread that may wait. Work that is given up ends unseen.
async fn waiting<T: Send + 'static>(
    deadline: Instant,
    work: impl FnOnce() -> Result<T, Fault> + Send + 'static,
) -> Result<T, Fault> {
    match tokio::time::timeout_at(deadline, tokio::task::spawn_blocking(work)).await {
        Ok(Ok(done)) => done,
        Ok(Err(_)) => Err(Fault::Host(Problem::Unavailable("the git worker stopped".to_owned()))),
        Err(_) => Err(Fault::Host(Problem::TimedOut)),
    }
}

impl HostRepository for Context {
    async fn head(&mut self, at: Resource<Repository>) -> Result<Result<Head, GitError>> {
        self.within(&at, Verb::Refs, |_, repository| read::head(repository)).await
    }

    async fn status(&mut self, at: Resource<Repository>) -> Result<Result<Vec<StatusEntry>, GitError>> {
        self.within(&at, Verb::Status, status::status).await
    }

    async fn resolve(
        &mut self,
        at: Resource<Repository>,
        revision: String,
    ) -> Result<Result<Option<String>, GitError>> {
        self.within(&at, Verb::Refs, move |_, repository| {
            Ok(read::resolve(repository, &revision)?.map(|id| id.to_string()))
        })
        .await
    }

    async fn tag(
        &mut self,
        at: Resource<Repository>,
        name: String,
    ) -> Result<Result<Option<TagFacts>, GitError>> {
        self.within(&at, Verb::Refs, move |_, repository| read::tag(repository, &name)).await
    }

    async fn tags(
        &mut self,
        at: Resource<Repository>,
        pattern: String,
    ) -> Result<Result<Vec<TagFacts>, GitError>> {
        self.within(&at, Verb::Refs, move |work, repository| read::tags(work, repository, &pattern)).await
    }

    async fn is_ancestor(
        &mut self,
        at: Resource<Repository>,
        commit: String,
        of: String,
    ) -> Result<Result<bool, GitError>> {
        self.within(&at, Verb::Objects, move |_, repository| read::is_ancestor(repository, &commit, &of))
            .await
    }

    async fn commit(
        &mut self,
        at: Resource<Repository>,
        revision: String,
    ) -> Result<Result<CommitFacts, GitError>> {
        self.within(&at, Verb::Objects, move |_, repository| read::commit(repository, &revision)).await
    }

    async fn log(
        &mut self,
        at: Resource<Repository>,
        revision: String,
        except: Option<String>,
        max: u32,
    ) -> Result<Result<Vec<CommitFacts>, GitError>> {
        self.within(&at, Verb::Objects, move |work, repository| {
            read::log(work, repository, &revision, except.as_deref(), max)
        })
        .await
    }

    async fn files(
        &mut self,
        at: Resource<Repository>,
        revision: String,
        pattern: String,
    ) -> Result<Result<Vec<TreeEntry>, GitError>> {
        self.within(&at, Verb::Objects, move |work, repository| {
            read::files(work, repository, &revision, &pattern)
        })
        .await
    }

    async fn read(
        &mut self,
        at: Resource<Repository>,
        revision: String,
        path: String,
        max_bytes: Option<u64>,
    ) -> Result<Result<Vec<u8>, GitError>> {
        // Never more than the guest could hold.
        let most = max_bytes.unwrap_or(read::DEFAULT_READ).min(self.limits.memory);
        self.within(&at, Verb::Objects, move |_, repository| read::file(repository, &revision, &path, most))
            .await
    }

    async fn verify_tag(
        &mut self,
        at: Resource<Repository>,
        name: String,
        allowed_signers: String,
    ) -> Result<Result<Verification, GitError>> {
        self.within(&at, Verb::Verify, move |_, repository| verify::tag(repository, &name, &allowed_signers))
            .await
    }

    async fn verify_commit(
        &mut self,
        at: Resource<Repository>,
        revision: String,
        allowed_signers: String,
    ) -> Result<Result<Verification, GitError>> {
        self.within(&at, Verb::Verify, move |_, repository| {
            verify::commit(repository, &revision, &allowed_signers)
        })
        .await
    }

    async fn create_tag(
        &mut self,
        at: Resource<Repository>,
        name: String,
        revision: String,
        message: String,
    ) -> Result<Result<String, GitError>> {
        self.within(&at, Verb::Tag, move |work, repository| {
            write::create_tag(work, repository, &name, &revision, &message)
        })
        .await
    }

    async fn delete_tag(
        &mut self,
        at: Resource<Repository>,
        name: String,
        object: String,
    ) -> Result<Result<bool, GitError>> {
        self.within(&at, Verb::Tag, move |work, repository| {
            write::delete_tag(work, repository, &name, &object)
        })
        .await
    }

    async fn checkout(&mut self, at: Resource<Repository>, commit: String) -> Result<Result<(), GitError>> {
        self.within(&at, Verb::Checkout, move |work, repository| write::checkout(work, repository, &commit))
            .await
    }

    async fn checkout_branch(
        &mut self,
        at: Resource<Repository>,
        branch: String,
    ) -> Result<Result<(), GitError>> {
        self.within(&at, Verb::Checkout, move |work, repository| {
            write::checkout_branch(work, repository, &branch)
        })
        .await
    }

    async fn remote_refs(
        &mut self,
        at: Resource<Repository>,
        remote: String,
        pattern: String,
        login: Option<Login>,
    ) -> Result<Result<Vec<RemoteRef>, GitError>> {
        let credentials = self.credentials(login)?;
        self.within(&at, Verb::Remote, move |work, repository| {
            transfer::remote_refs(work, repository, &remote, &pattern, credentials)
        })
        .await
    }

    async fn fetch(
        &mut self,
        at: Resource<Repository>,
        remote: String,
        tags: bool,
        login: Option<Login>,
    ) -> Result<Result<(), GitError>> {
        let credentials = self.credentials(login)?;
        self.within(&at, Verb::Fetch, move |work, repository| {
            let wanted = if tags { transfer::Wanted::BranchesAndTags } else { transfer::Wanted::Branches };
            transfer::fetch(work, repository, &remote, wanted, credentials)
        })
        .await
    }

    async fn push(
        &mut self,
        at: Resource<Repository>,
        remote: String,
        reference: String,
        login: Option<Login>,
    ) -> Result<Result<bool, GitError>> {
        let credentials = self.credentials(login)?;
        self.within(&at, Verb::Push, move |work, repository| {
            transfer::push(work, repository, &remote, &reference, credentials)
        })
        .await
    }

    async fn drop(&mut self, repository: Resource<Repository>) -> Result<()> {
        drop(self.table.delete(repository)?);
        Ok(())
    }
}
