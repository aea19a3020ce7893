//! Objects and references, and the rules of both.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fmt::Write as _;
use std::rc::Rc;

use sha2::{Digest as _, Sha256};

use crate::HostError;
use crate::host::{CommitFacts, GitReason, Signature, StatusEntry, TagFacts, Verification};

/// Where `HEAD` is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum At {
    Branch(String),
    Commit(String),
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Branch(name) | Self::Commit(name) => f.write_str(name),
        }
    }
}

/// A commit with the files it has.
#[derive(Debug, Clone)]
pub(super) struct Commit {
    pub(super) facts: CommitFacts,
    pub(super) files: BTreeMap<String, Vec<u8>>,
}

/// A tag object.
#[derive(Debug, Clone)]
struct Tag {
    commit: String,
    tagger: Signature,
    message: String,
}

/// Who has signed an object.
#[derive(Debug, Clone)]
enum Signed {
    By(String),
    Badly,
}

/// The other side of a remote.
#[derive(Debug, Clone)]
pub(super) enum Remote {
    There(Rc<RefCell<Store>>),
    Away(HostError),
}

/// One repository.
#[derive(Debug, Clone)]
pub(super) struct Store {
    pub(super) head: At,
    pub(super) refs: BTreeMap<String, String>,
    commits: BTreeMap<String, Commit>,
    tags: BTreeMap<String, Tag>,
    signed: BTreeMap<String, Signed>,
    pub(super) status: Vec<StatusEntry>,
    pub(super) shallow: bool,
    pub(super) remotes: BTreeMap<String, Remote>,
    pub(super) refuses: Option<String>,
    pub(super) login: Option<(String, String)>,
    pub(super) denied: BTreeSet<String>,
    pub(super) done: Vec<String>,
    /// How many objects were made: their age, and what makes each one different.
    made: u64,
}

impl Store {
    pub(super) fn new(branch: &str) -> Self {
        Self {
            head: At::Branch(branch.to_owned()),
            refs: BTreeMap::new(),
            commits: BTreeMap::new(),
            tags: BTreeMap::new(),
            signed: BTreeMap::new(),
            status: Vec::new(),
            shallow: false,
            remotes: BTreeMap::new(),
            refuses: None,
            login: None,
            denied: BTreeSet::new(),
            done: Vec::new(),
            made: 0,
        }
    }

    /// A repository with the branches and tags of this one.
    pub(super) fn as_remote(&self) -> Self {
        let mut other = Self::new("main");
        other.made = self.made;
        other.take_objects(self);
        let shared = |name: &str| name.starts_with("refs/heads/") || name.starts_with("refs/tags/");
        other.refs.extend(
            self.refs.iter().filter(|(name, _)| shared(name)).map(|(name, id)| (name.clone(), id.clone())),
        );
        other
    }

    /// Takes over all objects of another repository.
    pub(super) fn take_objects(&mut self, other: &Self) {
        self.commits.extend(other.commits.iter().map(|(id, commit)| (id.clone(), commit.clone())));
        self.tags.extend(other.tags.iter().map(|(id, tag)| (id.clone(), tag.clone())));
        self.signed.extend(other.signed.iter().map(|(id, signed)| (id.clone(), signed.clone())));
    }

    /// Notes the branches of a remote.
    pub(super) fn track(&mut self, remote: &str, other: &Self) {
        self.take_objects(other);
        for (name, id) in &other.refs {
            if let Some(branch) = name.strip_prefix("refs/heads/") {
                self.refs.insert(format!("refs/remotes/{remote}/{branch}"), id.clone());
            }
        }
    }

    fn now(&mut self) -> Signature {
        self.made += 1;
        Signature { name: "Ada".to_owned(), email: "ada@example.com".to_owned(), at_ms: self.made * 1000 }
    }

    pub(super) fn commit(&mut self, message: &str, files: &[(&str, &str)]) -> String {
        let by = self.now();
        let parents: Vec<String> = self.head_commit().into_iter().collect();
        let mut all = parents.first().map(|id| self.commits[id].files.clone()).unwrap_or_default();
        all.extend(files.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec())));
        let id = hash(&format!("commit {parents:?} {message} {all:?} {}", by.at_ms));
        let facts = CommitFacts {
            id: id.clone(),
            parents,
            author: by.clone(),
            committer: by,
            message: message.to_owned(),
        };
        self.commits.insert(id.clone(), Commit { facts, files: all });
        match &self.head {
            At::Branch(branch) => {
                self.refs.insert(format!("refs/heads/{branch}"), id.clone());
            }
            At::Commit(_) => self.head = At::Commit(id.clone()),
        }
        id
    }

    pub(super) fn switch(&mut self, branch: &str) {
        let commit = self.head_commit().expect("a commit");
        self.refs.entry(format!("refs/heads/{branch}")).or_insert(commit);
        self.head = At::Branch(branch.to_owned());
    }

    pub(super) fn detach(&mut self, commit: &str) {
        assert!(self.commits.contains_key(commit), "there is no commit `{commit}`");
        self.head = At::Commit(commit.to_owned());
    }

    pub(super) fn lightweight_tag(&mut self, name: &str, revision: &str) -> String {
        let commit = self.commit_of(revision).expect("a revision that is there");
        self.refs.insert(format!("refs/tags/{name}"), commit.clone());
        commit
    }

    pub(super) fn annotated_tag(&mut self, name: &str, commit: &str, message: &str) -> String {
        let tagger = self.now();
        let id = hash(&format!("tag {name} {commit} {message} {}", tagger.at_ms));
        self.tags.insert(id.clone(), Tag { commit: commit.to_owned(), tagger, message: message.to_owned() });
        self.refs.insert(format!("refs/tags/{name}"), id.clone());
        id
    }

    pub(super) fn tag_of_a_file(&mut self, name: &str) -> String {
        let id = hash(&format!("file {name}"));
        self.refs.insert(format!("refs/tags/{name}"), id.clone());
        id
    }

    pub(super) fn sign(&mut self, object: &str, key: &str) {
        self.signed.insert(object.to_owned(), Signed::By(key.to_owned()));
    }

    pub(super) fn sign_badly(&mut self, object: &str) {
        self.signed.insert(object.to_owned(), Signed::Badly);
    }

    pub(super) fn cut_history_off(&mut self) {
        let kept = self.head_commit();
        self.commits.retain(|id, _| Some(id) == kept.as_ref());
        let commits = &self.commits;
        self.tags.retain(|_, tag| commits.contains_key(&tag.commit));
        let tags = &self.tags;
        self.refs.retain(|_, id| commits.contains_key(id) || tags.contains_key(id));
        self.shallow = true;
    }

    /// The commit of `HEAD`; none in a repository without commits.
    pub(super) fn head_commit(&self) -> Option<String> {
        match &self.head {
            At::Branch(branch) => self.refs.get(&format!("refs/heads/{branch}")).cloned(),
            At::Commit(commit) => Some(commit.clone()),
        }
    }

    /// The commit behind a revision: a name, a reference or an id, and `~n` after it.
    pub(super) fn commit_of(&self, revision: &str) -> Option<String> {
        let (name, back) = match revision.split_once('~') {
            Some((name, back)) => (name, back.parse().ok()?),
            None => (revision, 0),
        };
        let mut commit = self.peeled(&self.object_of(name)?)?;
        for _ in 0..back {
            let parent = self.commits.get(&commit)?.facts.parents.first()?;
            commit = self.commits.contains_key(parent).then(|| parent.clone())?;
        }
        Some(commit)
    }

    fn object_of(&self, name: &str) -> Option<String> {
        if name == "HEAD" {
            return self.head_commit();
        }
        let named = ["", "refs/", "refs/tags/", "refs/heads/", "refs/remotes/"]
            .iter()
            .find_map(|before| self.refs.get(&format!("{before}{name}")).cloned());
        let known = || self.commits.contains_key(name) || self.tags.contains_key(name);
        named.or_else(|| known().then(|| name.to_owned()))
    }

    /// The commit that an object is or leads to.
    pub(super) fn peeled(&self, object: &str) -> Option<String> {
        match self.tags.get(object) {
            Some(tag) => Some(tag.commit.clone()),
            None => self.commits.contains_key(object).then(|| object.to_owned()),
        }
    }

    pub(super) fn is_tag_object(&self, object: &str) -> bool {
        self.tags.contains_key(object)
    }

    pub(super) fn found(&self, revision: &str) -> Result<&Commit, GitReason> {
        let id = self.commit_of(revision);
        id.and_then(|id| self.commits.get(&id))
            .ok_or_else(|| GitReason::NotFound(format!("there is no commit `{revision}`")))
    }

    /// Everything from a commit backwards, and whether some of it is not here.
    pub(super) fn reachable(&self, commit: &str) -> (BTreeSet<String>, bool) {
        let (mut seen, mut cut, mut waiting) = (BTreeSet::new(), false, vec![commit.to_owned()]);
        while let Some(id) = waiting.pop() {
            match self.commits.get(&id) {
                Some(commit) if seen.insert(id) => waiting.extend(commit.facts.parents.iter().cloned()),
                Some(_) => {}
                None => cut = true,
            }
        }
        (seen, cut)
    }

    pub(super) fn is_ancestor(&self, commit: &str, of: &str) -> Result<bool, GitReason> {
        for id in [commit, of] {
            if !self.commits.contains_key(id) {
                return Err(GitReason::NotFound(format!("there is no commit `{id}`")));
            }
        }
        match self.reachable(of) {
            (seen, _) if seen.contains(commit) => Ok(true),
            (_, true) => Err(GitReason::Failed("history is cut off: this is a shallow clone".to_owned())),
            (_, false) => Ok(false),
        }
    }

    pub(super) fn tag(&self, name: &str) -> Option<TagFacts> {
        let object = self.refs.get(&format!("refs/tags/{name}"))?;
        let tag = self.tags.get(object);
        Some(TagFacts {
            name: name.to_owned(),
            object: object.clone(),
            annotated: tag.is_some(),
            commit: self.peeled(object),
            tagger: tag.map(|tag| tag.tagger.clone()),
            message: tag.map(|tag| tag.message.clone()).unwrap_or_default(),
            signed: tag.is_some() && self.signed.contains_key(object),
        })
    }

    pub(super) fn verification(&self, object: &str, allowed: &str) -> Verification {
        match self.signed.get(object) {
            None => Verification::Unsigned,
            Some(Signed::Badly) => Verification::Bad("the signature does not fit".to_owned()),
            Some(Signed::By(key)) => {
                let signer = allowed.lines().find(|line| line.ends_with(key.as_str()));
                match signer.and_then(|line| line.split_whitespace().next()) {
                    Some(signer) => Verification::Good(signer.to_owned()),
                    None => Verification::Untrusted("its key is none of an allowed signer".to_owned()),
                }
            }
        }
    }
}

fn hash(text: &str) -> String {
    Sha256::digest(text).iter().take(20).fold(String::new(), |mut id, byte| {
        write!(id, "{byte:02x}").expect("a string takes all");
        id
    })
}

/// Whether a text fits a pattern in which `*` stands for anything.
pub(super) fn matches(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((before, rest)) => text.strip_prefix(before).is_some_and(|left| {
            left.char_indices().any(|(at, _)| matches(rest, &left[at..])) || matches(rest, "")
        }),
    }
}
