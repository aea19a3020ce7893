//! A git repository in memory.
//!
//! [`FakeRepository`] is what a test makes and looks at; `store` holds objects, references and the rules of both;
//! `handle` is what a plugin calls. A remote is another repository, so a push or a fetch has two sides to look at.
//! What a grant would not cover is said with [`FakeRepository::denies`].

mod handle;
mod store;

use std::cell::RefCell;
use std::rc::Rc;

pub(crate) use handle::RepositoryHandle;
use store::{Remote, Store};

use crate::HostError;
use crate::host::{Change, StatusEntry};

/// A git repository in memory, with commits, branches, tags, remotes and local changes.
///
/// All clones are the same repository: a test keeps one, gives it to a
/// [`FakeHost`](super::FakeHost::repository), and looks at it or changes it at any time.
///
/// ```
/// use runner_plugin::testing::{FakeHost, FakeRepository};
///
/// let repository = FakeRepository::new("main");
/// repository.commit("Feature: login");
/// let origin = repository.publish("origin");
/// let commit = repository.commit("Fix: logout");
/// let host = FakeHost::new().repository(".", &repository).host();
///
/// let opened = host.git().open(".")?;
/// assert!(opened.push("origin", "refs/heads/main", None)?);
/// assert!(!opened.push("origin", "refs/heads/main", None)?);
/// assert_eq!(origin.reference("refs/heads/main"), Some(commit));
/// assert_eq!(repository.done(), ["push origin refs/heads/main"]);
/// # Ok::<(), runner_plugin::Failure>(())
/// ```
#[derive(Debug, Clone)]
pub struct FakeRepository {
    store: Rc<RefCell<Store>>,
}

impl FakeRepository {
    /// A repository without commits whose `HEAD` is on `branch`.
    #[must_use]
    pub fn new(branch: &str) -> Self {
        Self { store: Rc::new(RefCell::new(Store::new(branch))) }
    }

    /// Commits on top of `HEAD`, and returns the commit.
    pub fn commit(&self, message: &str) -> String {
        self.commit_files(message, &[])
    }

    /// Commits on top of `HEAD` with these files added or replaced, and returns the commit.
    pub fn commit_files(&self, message: &str, files: &[(&str, &str)]) -> String {
        self.store.borrow_mut().commit(message, files)
    }

    /// Makes a branch at `HEAD` if there is none of this name, and puts `HEAD` on it.
    ///
    /// # Panics
    ///
    /// When there is no commit yet.
    pub fn switch(&self, branch: &str) {
        self.store.borrow_mut().switch(branch);
    }

    /// Takes `HEAD` off its branch.
    ///
    /// # Panics
    ///
    /// When there is no such commit.
    pub fn detach(&self, commit: &str) {
        self.store.borrow_mut().detach(commit);
    }

    /// Makes a lightweight tag at a revision, and returns the commit.
    ///
    /// # Panics
    ///
    /// When there is no such revision.
    pub fn lightweight_tag(&self, name: &str, revision: &str) -> String {
        self.store.borrow_mut().lightweight_tag(name, revision)
    }

    /// Makes an annotated tag at a revision, or moves it there, and returns the tag object.
    ///
    /// # Panics
    ///
    /// When there is no such revision.
    pub fn annotated_tag(&self, name: &str, revision: &str, message: &str) -> String {
        let mut store = self.store.borrow_mut();
        let commit = store.commit_of(revision).expect("a revision that is there");
        store.annotated_tag(name, &commit, message)
    }

    /// Makes a lightweight tag that leads to a file instead of a commit, and returns its object.
    pub fn tag_of_a_file(&self, name: &str) -> String {
        self.store.borrow_mut().tag_of_a_file(name)
    }

    /// Signs a tag object or a commit. A line of allowed signers with this key makes it good.
    pub fn sign(&self, object: &str, key: &str) {
        self.store.borrow_mut().sign(object, key);
    }

    /// Signs a tag object or a commit with a signature that does not fit it.
    pub fn sign_badly(&self, object: &str) {
        self.store.borrow_mut().sign_badly(object);
    }

    /// Puts a reference somewhere, as somebody else would.
    pub fn set_reference(&self, name: &str, object: &str) {
        self.store.borrow_mut().refs.insert(name.to_owned(), object.to_owned());
    }

    /// Takes a reference away, as somebody else would.
    pub fn remove_reference(&self, name: &str) {
        self.store.borrow_mut().refs.remove(name);
    }

    /// Makes a path differ from the last commit.
    pub fn changed(&self, path: &str, change: Change, staged: bool) {
        let entry = StatusEntry { path: path.to_owned(), change, staged };
        let mut store = self.store.borrow_mut();
        store.status.push(entry);
        store.status.sort();
    }

    /// Makes the paths as the last commit has them.
    pub fn unchanged(&self) {
        self.store.borrow_mut().status.clear();
    }

    /// Cuts history off behind `HEAD`: a shallow clone.
    pub fn cut_history_off(&self) {
        self.store.borrow_mut().cut_history_off();
    }

    /// Adds a remote that has all branches and tags of this repository, and returns it. Its branches are here as
    /// `refs/remotes/…`.
    pub fn publish(&self, remote: &str) -> Self {
        let other = Self { store: Rc::new(RefCell::new(self.store.borrow().as_remote())) };
        let mut store = self.store.borrow_mut();
        store.track(remote, &other.store.borrow());
        store.remotes.insert(remote.to_owned(), Remote::There(Rc::clone(&other.store)));
        other
    }

    /// Adds a remote that cannot be reached.
    pub fn unreachable_remote(&self, remote: &str, error: HostError) {
        self.store.borrow_mut().remotes.insert(remote.to_owned(), Remote::Away(error));
    }

    /// Makes this repository say no to whatever is pushed to it.
    pub fn refuses_pushes(&self, why: &str) {
        self.store.borrow_mut().refuses = Some(why.to_owned());
    }

    /// Makes this repository ask for a name and a password when it is a remote.
    pub fn asks_for(&self, user: &str, password: &str) {
        self.store.borrow_mut().login = Some((user.to_owned(), password.to_owned()));
    }

    /// Denies a verb, as a grant does that does not name it.
    pub fn denies(&self, verb: &str) {
        self.store.borrow_mut().denied.insert(verb.to_owned());
    }

    /// Grants a verb again.
    pub fn grants(&self, verb: &str) {
        self.store.borrow_mut().denied.remove(verb);
    }

    /// What a reference points at, e.g. `refs/heads/main`.
    #[must_use]
    pub fn reference(&self, name: &str) -> Option<String> {
        self.store.borrow().refs.get(name).cloned()
    }

    /// The branch that `HEAD` is on, or the commit if it is on none.
    #[must_use]
    pub fn head(&self) -> String {
        self.store.borrow().head.to_string()
    }

    /// What plugins have changed so far, oldest first: `tag v1`, `push origin refs/heads/main`, …
    #[must_use]
    pub fn done(&self) -> Vec<String> {
        self.store.borrow().done.clone()
    }
}

#[cfg(test)]
mod tests;
