//! What a repository answers.

/// Where a repository stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// The branch; none if detached.
    pub branch: Option<String>,
    /// The commit, 40 hexadecimal digits.
    pub commit: String,
    /// Whether history is cut off: a shallow clone.
    pub shallow: bool,
}

/// What is different about a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Change {
    /// Not known to git.
    Untracked,
    /// Added to the index.
    Added,
    /// Content or mode differs.
    Modified,
    /// Not there any more.
    Deleted,
    /// Has another name.
    Renamed,
    /// Is of another type.
    Retyped,
    /// In conflict.
    Conflicted,
}

impl Change {
    /// The word for it: `untracked`, `added`, …
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Untracked => "untracked",
            Self::Added => "added",
            Self::Modified => "modified",
            Self::Deleted => "deleted",
            Self::Renamed => "renamed",
            Self::Retyped => "retyped",
            Self::Conflicted => "conflicted",
        }
    }
}

/// A path whose state differs from the last commit.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct StatusEntry {
    /// Relative to the repository.
    pub path: String,
    /// What differs.
    pub change: Change,
    /// Whether the difference is in the index.
    pub staged: bool,
}

/// A person at a moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// Name.
    pub name: String,
    /// Mail address.
    pub email: String,
    /// Milliseconds since 1970.
    pub at_ms: u64,
}

/// A tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TagFacts {
    /// Without `refs/tags/`.
    pub name: String,
    /// What the reference points at: the tag object, or the commit of a lightweight tag.
    pub object: String,
    /// Whether it is a tag object.
    pub annotated: bool,
    /// The commit behind it; none if it leads to something else.
    pub commit: Option<String>,
    /// Who made it; none for a lightweight tag.
    pub tagger: Option<Signature>,
    /// Its message without the signature; empty for a lightweight tag.
    pub message: String,
    /// Whether there is a signature; [`Repository::verify_tag`](super::Repository::verify_tag) says whether it is good.
    pub signed: bool,
}

/// A commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitFacts {
    /// 40 hexadecimal digits.
    pub id: String,
    /// Its parents.
    pub parents: Vec<String>,
    /// Who wrote it.
    pub author: Signature,
    /// Who committed it.
    pub committer: Signature,
    /// The message, without the signature.
    pub message: String,
}

/// What is to be said of a signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verification {
    /// There is none.
    Unsigned,
    /// Good, and by this one of the allowed signers.
    Good(String),
    /// Not made by an allowed signer, or of a kind that cannot be verified here. The text says which.
    Untrusted(String),
    /// Does not fit what it signs.
    Bad(String),
}

/// A file of a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TreeEntry {
    /// Relative to the repository.
    pub path: String,
    /// Size in bytes.
    pub size: u64,
    /// Whether it may be executed.
    pub executable: bool,
}

/// A reference of a remote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteRef {
    /// E.g. `refs/tags/v1.0.0`.
    pub name: String,
    /// What it points at.
    pub object: String,
    /// The commit behind an annotated tag; none for everything else.
    pub peeled: Option<String>,
}

/// The first twelve digits of an id: enough for people.
///
/// ```
/// assert_eq!(runner_plugin::host::short_id("0123456789abcdef0123456789abcdef01234567"), "0123456789ab");
/// ```
#[must_use]
pub fn short_id(id: &str) -> &str {
    id.get(..12).unwrap_or(id)
}
