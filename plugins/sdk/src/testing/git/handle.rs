//! What a plugin calls: each function asks for its verb, as the real host does.

use std::cell::RefCell;
use std::rc::Rc;

use super::store::{At, Remote, Store, matches};
use crate::HostError;
use crate::host::{
    Change, CommitFacts, GitReason, Head, Login, RemoteRef, StatusEntry, TagFacts, TreeEntry, Verification,
};

/// A repository of the world.
#[derive(Debug)]
pub(crate) struct RepositoryHandle {
    store: Rc<RefCell<Store>>,
}

impl super::FakeRepository {
    pub(in crate::testing) fn opened(&self) -> RepositoryHandle {
        RepositoryHandle { store: Rc::clone(&self.store) }
    }
}

impl RepositoryHandle {
    fn ask<T>(&self, verb: &str, act: impl FnOnce(&Store) -> Result<T, GitReason>) -> Result<T, GitReason> {
        self.act(verb, |store| act(store))
    }

    fn act<T>(
        &self,
        verb: &str,
        act: impl FnOnce(&mut Store) -> Result<T, GitReason>,
    ) -> Result<T, GitReason> {
        let mut store = self.store.borrow_mut();
        if store.denied.contains(verb) { Err(GitReason::Host(HostError::Denied)) } else { act(&mut store) }
    }

    pub(crate) fn head(&self) -> Result<Head, GitReason> {
        self.ask("refs", |store| {
            let commit = store.head_commit();
            let commit = commit.ok_or_else(|| GitReason::Failed("there is no commit yet".to_owned()))?;
            let branch = match &store.head {
                At::Branch(branch) => Some(branch.clone()),
                At::Commit(_) => None,
            };
            Ok(Head { branch, commit, shallow: store.shallow })
        })
    }

    pub(crate) fn status(&self) -> Result<Vec<StatusEntry>, GitReason> {
        self.ask("status", |store| Ok(store.status.clone()))
    }

    pub(crate) fn resolve(&self, revision: &str) -> Result<Option<String>, GitReason> {
        self.ask("refs", |store| Ok(store.commit_of(revision)))
    }

    pub(crate) fn tag(&self, name: &str) -> Result<Option<TagFacts>, GitReason> {
        self.ask("refs", |store| Ok(store.tag(name)))
    }

    pub(crate) fn tags(&self, pattern: &str) -> Result<Vec<TagFacts>, GitReason> {
        self.ask("refs", |store| {
            let names = store.refs.keys().filter_map(|name| name.strip_prefix("refs/tags/"));
            Ok(names.filter(|name| matches(pattern, name)).filter_map(|name| store.tag(name)).collect())
        })
    }

    pub(crate) fn is_ancestor(&self, commit: &str, of: &str) -> Result<bool, GitReason> {
        self.ask("objects", |store| store.is_ancestor(commit, of))
    }

    pub(crate) fn commit(&self, revision: &str) -> Result<CommitFacts, GitReason> {
        self.ask("objects", |store| Ok(store.found(revision)?.facts.clone()))
    }

    pub(crate) fn log(
        &self,
        revision: &str,
        except: Option<&str>,
        max: u32,
    ) -> Result<Vec<CommitFacts>, GitReason> {
        self.ask("objects", |store| {
            let (mut ids, _) = store.reachable(&store.found(revision)?.facts.id);
            if let Some(except) = except {
                let (old, _) = store.reachable(&store.found(except)?.facts.id);
                ids.retain(|id| !old.contains(id));
            }
            let found: Result<Vec<CommitFacts>, GitReason> =
                ids.iter().map(|id| Ok(store.found(id)?.facts.clone())).collect();
            let mut commits = found?;
            commits.sort_by_key(|commit| std::cmp::Reverse(commit.committer.at_ms));
            commits.truncate(usize::try_from(max).unwrap_or(usize::MAX));
            Ok(commits)
        })
    }

    pub(crate) fn files(&self, revision: &str, pattern: &str) -> Result<Vec<TreeEntry>, GitReason> {
        self.ask("objects", |store| {
            let files = store.found(revision)?.files.iter().filter(|(path, _)| matches(pattern, path));
            Ok(files
                .map(|(path, content)| TreeEntry {
                    path: path.clone(),
                    size: content.len() as u64,
                    executable: false,
                })
                .collect())
        })
    }

    pub(crate) fn read(&self, revision: &str, path: &str, max: Option<u64>) -> Result<Vec<u8>, GitReason> {
        self.ask("objects", |store| {
            let missing = || GitReason::NotFound(format!("there is no file `{path}` in it"));
            let content = store.found(revision)?.files.get(path).ok_or_else(missing)?;
            let max = max.unwrap_or(16 * 1024 * 1024);
            if content.len() as u64 > max {
                let error = HostError::BudgetExceeded(format!("file is longer than {max} bytes"));
                return Err(GitReason::Host(error));
            }
            Ok(content.clone())
        })
    }

    pub(crate) fn verify_tag(&self, name: &str, allowed: &str) -> Result<Verification, GitReason> {
        self.ask("verify", |store| {
            let missing = || GitReason::NotFound(format!("there is no tag `{name}`"));
            let tag = store.tag(name).ok_or_else(missing)?;
            if tag.annotated {
                Ok(store.verification(&tag.object, allowed))
            } else {
                Ok(Verification::Unsigned)
            }
        })
    }

    pub(crate) fn verify_commit(&self, revision: &str, allowed: &str) -> Result<Verification, GitReason> {
        self.ask("verify", |store| Ok(store.verification(&store.found(revision)?.facts.id, allowed)))
    }

    pub(crate) fn create_tag(&self, name: &str, revision: &str, message: &str) -> Result<String, GitReason> {
        self.act("tag", |store| {
            if store.tag(name).is_some() {
                return Err(GitReason::Conflict(format!("there is a tag `{name}`")));
            }
            let commit = store.found(revision)?.facts.id.clone();
            store.done.push(format!("tag {name}"));
            Ok(store.annotated_tag(name, &commit, message))
        })
    }

    pub(crate) fn delete_tag(&self, name: &str, object: &str) -> Result<bool, GitReason> {
        self.act("tag", |store| match store.tag(name) {
            None => Ok(false),
            Some(tag) if tag.object == object => {
                store.refs.remove(&format!("refs/tags/{name}"));
                store.done.push(format!("delete tag {name}"));
                Ok(true)
            }
            Some(tag) => Err(GitReason::Conflict(format!("the tag `{name}` is {} by now", tag.object))),
        })
    }

    pub(crate) fn checkout(&self, commit: &str) -> Result<(), GitReason> {
        self.act("checkout", |store| {
            let id = store.found(commit)?.facts.id.clone();
            without_changes(store)?;
            store.done.push(format!("checkout {id}"));
            store.head = At::Commit(id);
            Ok(())
        })
    }

    pub(crate) fn checkout_branch(&self, branch: &str) -> Result<(), GitReason> {
        self.act("checkout", |store| {
            if !store.refs.contains_key(&format!("refs/heads/{branch}")) {
                return Err(GitReason::NotFound(format!("there is no branch `{branch}`")));
            }
            without_changes(store)?;
            store.done.push(format!("checkout branch {branch}"));
            store.head = At::Branch(branch.to_owned());
            Ok(())
        })
    }

    pub(crate) fn remote_refs(
        &self,
        remote: &str,
        pattern: &str,
        login: Option<&Login>,
    ) -> Result<Vec<RemoteRef>, GitReason> {
        self.ask("remote", |store| {
            let other = reached(store, remote, login)?;
            let other = other.borrow();
            let fitting = other.refs.iter().filter(|(name, _)| matches(pattern, name));
            Ok(fitting
                .map(|(name, object)| RemoteRef {
                    name: name.clone(),
                    object: object.clone(),
                    peeled: other.is_tag_object(object).then(|| other.peeled(object)).flatten(),
                })
                .collect())
        })
    }

    pub(crate) fn fetch(&self, remote: &str, tags: bool, login: Option<&Login>) -> Result<(), GitReason> {
        self.act("fetch", |store| {
            let other = reached(store, remote, login)?;
            let other = other.borrow();
            let mut new = Vec::new();
            for (name, object) in other.refs.iter().filter(|(name, _)| tags && name.starts_with("refs/tags/"))
            {
                match store.refs.get(name) {
                    Some(here) if here != object => {
                        return Err(GitReason::Conflict(format!("`{name}` is another one here")));
                    }
                    Some(_) => {}
                    None => new.push((name.clone(), object.clone())),
                }
            }
            store.done.push(format!("fetch {remote}"));
            store.track(remote, &other);
            store.refs.extend(new);
            Ok(())
        })
    }

    pub(crate) fn push(
        &self,
        remote: &str,
        reference: &str,
        login: Option<&Login>,
    ) -> Result<bool, GitReason> {
        self.act("push", |store| {
            let missing = || GitReason::NotFound(format!("there is no reference `{reference}`"));
            let ours = store.refs.get(reference).cloned().ok_or_else(missing)?;
            let other = reached(store, remote, login)?;
            let mut other = other.borrow_mut();
            match other.refs.get(reference) {
                Some(theirs) if *theirs == ours => return Ok(false),
                Some(_) if reference.starts_with("refs/tags/") => {
                    return Err(GitReason::Conflict(format!("`{remote}` has another `{reference}`")));
                }
                Some(theirs) if !store.reachable(&ours).0.contains(theirs) => {
                    return Err(GitReason::Conflict(format!("`{remote}` has commits that are not here")));
                }
                Some(_) | None => {}
            }
            if let Some(why) = &other.refuses {
                return Err(GitReason::Failed(format!("`{remote}` refused it: {why}")));
            }
            other.take_objects(store);
            if let Some(branch) = reference.strip_prefix("refs/heads/") {
                store.refs.insert(format!("refs/remotes/{remote}/{branch}"), ours.clone());
            }
            other.refs.insert(reference.to_owned(), ours);
            store.done.push(format!("push {remote} {reference}"));
            Ok(true)
        })
    }
}

/// The other side of a remote, if it lets us in.
fn reached(store: &Store, remote: &str, login: Option<&Login>) -> Result<Rc<RefCell<Store>>, GitReason> {
    let other = match store.remotes.get(remote) {
        None => return Err(GitReason::NotFound(format!("there is no remote `{remote}`"))),
        Some(Remote::Away(error)) => return Err(GitReason::Host(error.clone())),
        Some(Remote::There(other)) => Rc::clone(other),
    };
    let given = login.map(|login| (login.user.clone(), login.password.handle.value().to_owned()));
    let let_in = other.borrow().login.as_ref().is_none_or(|asked| given.as_ref() == Some(asked));
    if let_in { Ok(other) } else { Err(GitReason::Failed(format!("`{remote}` refused the login"))) }
}

/// A checkout goes on only where it overwrites nothing.
fn without_changes(store: &Store) -> Result<(), GitReason> {
    match store.status.iter().find(|entry| entry.change != Change::Untracked) {
        None => Ok(()),
        Some(entry) => Err(GitReason::Conflict(format!("there are local changes, e.g. `{}`", entry.path))),
    }
}
