//! What a repository holds: references, commits, files of commits.

use std::{collections::HashSet, path::Path};

use git2::{ErrorCode, ObjectType, Oid, Repository, Sort};

use super::call::{Fault, Work, invalid};
use crate::{
    host::{
        Problem,
        bindings::runner::plugin::git::{CommitFacts, Head, Signature, TagFacts, TreeEntry},
        reason,
    },
    pattern,
};

/// For a guest that names no length.
pub(super) const DEFAULT_READ: u64 = 16 << 20;
/// Most tags, and most commits of a log, in one answer.
const MAX_ITEMS: usize = 10_000;
/// Most files of a commit in one answer.
const MAX_FILES: usize = 100_000;
/// Longest commit or tag object that is read.
const MAX_TEXT: usize = 1 << 20;
/// Longest tree object that is read.
const MAX_TREE: usize = 64 << 20;
/// How deep directories may lie in each other.
const MAX_DEPTH: usize = 512;

pub(super) fn head(repository: &Repository) -> Result<Head, Fault> {
    let head = head_reference(repository)?;
    let branch = if repository.head_detached()? { None } else { Some(lossy(head.shorthand_bytes())) };
    let id = head.peel_to_commit()?.id();
    Ok(Head { branch, commit: id.to_string(), shallow: repository.is_shallow() })
}

fn head_reference(repository: &Repository) -> Result<git2::Reference<'_>, Fault> {
    repository.head().map_err(|error| {
        if error.code() == ErrorCode::UnbornBranch {
            return Fault::Failed("there are no commits yet".to_owned());
        }
        Fault::Failed(format!("`HEAD` cannot be read: {}", error.message()))
    })
}

/// The reference `full`; none if it is not there.
pub(super) fn reference<'a>(
    repository: &'a Repository,
    full: &str,
) -> Result<Option<git2::Reference<'a>>, Fault> {
    match repository.find_reference(full) {
        Ok(reference) => Ok(Some(reference)),
        Err(error) if error.code() == ErrorCode::NotFound => Ok(None),
        Err(error) => Err(Fault::Failed(format!("`{full}` cannot be read: {}", error.message()))),
    }
}

/// The commit behind a revision.
pub(super) fn resolve(repository: &Repository, revision: &str) -> Result<Option<Oid>, Fault> {
    if revision.is_empty()
        || revision.len() > 1024
        || revision.starts_with('-')
        || revision.chars().any(char::is_control)
    {
        return Err(invalid("a revision is a name like `main`, `v1.0.0`, `HEAD~3` or `origin/main`"));
    }
    // A search through all messages, or through a tree, is no name of a commit.
    if revision.contains(':') || revision.contains("{/") {
        return Err(invalid(format!(
            "`{revision}` searches, or names a file; a revision here names a commit"
        )));
    }
    let failed = |why: &str| Err(Fault::Failed(format!("`{revision}` {why}")));
    let error = match repository.revparse_single(revision) {
        Ok(object) => {
            return match object.peel_to_commit() {
                Ok(commit) => Ok(Some(commit.id())),
                Err(error) if error.code() == ErrorCode::NotFound => {
                    failed("leads to an object that is missing or damaged")
                }
                Err(_) => failed("does not lead to a commit"),
            };
        }
        Err(error) => error,
    };
    let code = error.code();
    if code == ErrorCode::NotFound && repository.is_shallow() && revision.contains(['~', '^']) {
        return failed("cannot be looked for: this is a shallow clone; fetch its whole history first");
    }
    if code == ErrorCode::NotFound && dangling(repository, revision) {
        return failed("is there, but the object it points at is missing");
    }
    if code == ErrorCode::NotFound || code == ErrorCode::UnbornBranch {
        return Ok(None);
    }
    if code == ErrorCode::Ambiguous {
        return failed("means more than one commit");
    }
    if code == ErrorCode::InvalidSpec {
        return Err(invalid(format!("`{revision}` is not a revision")));
    }
    failed(&format!("cannot be read: {}", error.message()))
}

/// Whether a reference of this name is there whose object is not.
fn dangling(repository: &Repository, revision: &str) -> bool {
    let reference = repository.resolve_reference_from_short_name(revision);
    let target = reference.ok().and_then(|reference| reference.resolve().ok()?.target());
    target.is_some_and(|target| repository.odb().is_ok_and(|odb| !odb.exists(target)))
}

/// As [`resolve`]; not to be there is `not-found`.
pub(super) fn resolved(repository: &Repository, revision: &str) -> Result<Oid, Fault> {
    resolve(repository, revision)?.ok_or_else(|| Fault::NotFound(format!("there is no `{revision}`")))
}

/// Refuses what is longer than an object of its type ever has to be, before it is read.
fn bounded(repository: &Repository, id: Oid, most: usize) -> Result<ObjectType, Fault> {
    let (size, kind) = repository.odb()?.read_header(id).map_err(|error| {
        Fault::Failed(format!("the object {id} is missing or damaged: {}", error.message()))
    })?;
    if size > most {
        return Err(Fault::Host(Problem::BudgetExceeded(format!(
            "the object {id} is longer than {most} bytes"
        ))));
    }
    Ok(kind)
}

pub(super) fn is_tag_name(name: &str) -> Result<String, Fault> {
    if git2::Tag::is_valid_name(name) {
        return Ok(format!("refs/tags/{name}"));
    }
    let shown = crate::shown::shown(name);
    Err(invalid(format!("`{shown}` is not a name for a tag")))
}

pub(super) fn tag(repository: &Repository, name: &str) -> Result<Option<TagFacts>, Fault> {
    let found = reference(repository, &is_tag_name(name)?)?;
    found.map(|reference| facts(repository, &reference)).transpose()
}

pub(super) fn tags(work: &Work, repository: &Repository, wanted: &str) -> Result<Vec<TagFacts>, Fault> {
    let mut found = Vec::new();
    for reference in repository.references_glob("refs/tags/*")? {
        work.go_on()?;
        let reference = reference?;
        let name = lossy(reference.name_bytes());
        if !pattern::matches(wanted, name.strip_prefix("refs/tags/").unwrap_or(&name)) {
            continue;
        }
        if found.len() == MAX_ITEMS {
            return Err(Fault::Host(Problem::BudgetExceeded(format!(
                "more than {MAX_ITEMS} tags fit `{wanted}`"
            ))));
        }
        found.push(facts(repository, &reference)?);
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(found)
}

fn facts(repository: &Repository, reference: &git2::Reference<'_>) -> Result<TagFacts, Fault> {
    let full = lossy(reference.name_bytes());
    let name = full.strip_prefix("refs/tags/").unwrap_or(&full).to_owned();
    let Some(target) = reference.resolve()?.target() else {
        return Err(Fault::Failed(format!("the tag `{name}` leads to nothing")));
    };
    let kind = bounded(repository, target, usize::MAX)?;
    let mut facts = TagFacts {
        name,
        object: target.to_string(),
        annotated: kind == ObjectType::Tag,
        commit: None,
        tagger: None,
        message: String::new(),
        signed: false,
    };
    if kind == ObjectType::Tag {
        bounded(repository, target, MAX_TEXT)?;
        let tag = repository.find_tag(target)?;
        let text = tag.message_bytes().unwrap_or_default();
        let signature = signature_start(text);
        facts.tagger = tag.tagger().map(|tagger| person(&tagger));
        facts.message = lossy(&text[..signature.unwrap_or(text.len())]);
        facts.signed = signature.is_some();
    }
    let end = match kind {
        ObjectType::Tag => repository.find_tag(target)?.peel()?,
        ObjectType::Any | ObjectType::Commit | ObjectType::Tree | ObjectType::Blob => {
            repository.find_object(target, Some(kind))?
        }
    };
    facts.commit = (end.kind() == Some(ObjectType::Commit)).then(|| end.id().to_string());
    Ok(facts)
}

/// Where the signature starts at the end of the text of a tag: as in git, the last line that opens one.
pub(super) fn signature_start(text: &[u8]) -> Option<usize> {
    const OPENINGS: [&[u8]; 4] = [
        b"-----BEGIN PGP SIGNATURE-----",
        b"-----BEGIN PGP MESSAGE-----",
        b"-----BEGIN SSH SIGNATURE-----",
        b"-----BEGIN SIGNED MESSAGE-----",
    ];
    let mut at = 0;
    let mut found = None;
    for line in text.split_inclusive(|byte| *byte == b'\n') {
        if OPENINGS.iter().any(|opening| line.starts_with(opening)) {
            found = Some(at);
        }
        at += line.len();
    }
    found
}

pub(super) fn is_ancestor(repository: &Repository, commit: &str, of: &str) -> Result<bool, Fault> {
    let (before, after) = (resolved(repository, commit)?, resolved(repository, of)?);
    if before == after {
        return Ok(true);
    }
    let descends = repository.graph_descendant_of(after, before).map_err(|error| {
        Fault::Failed(format!("the history of `{of}` cannot be read: {}", error.message()))
    })?;
    if !descends && repository.is_shallow() {
        return Err(Fault::Failed(format!(
            "whether `{commit}` comes before `{of}` cannot be said: this is a shallow clone, whose history is cut off; fetch \
             the whole of it first"
        )));
    }
    Ok(descends)
}

pub(super) fn commit(repository: &Repository, revision: &str) -> Result<CommitFacts, Fault> {
    let id = resolved(repository, revision)?;
    commit_facts(repository, id)
}

fn commit_facts(repository: &Repository, id: Oid) -> Result<CommitFacts, Fault> {
    bounded(repository, id, MAX_TEXT)?;
    let commit = repository.find_commit(id)?;
    Ok(CommitFacts {
        id: id.to_string(),
        parents: commit.parent_ids().map(|parent| parent.to_string()).collect(),
        author: person(&commit.author()),
        committer: person(&commit.committer()),
        message: lossy(commit.message_bytes()),
    })
}

pub(super) fn log(
    work: &Work,
    repository: &Repository,
    revision: &str,
    except: Option<&str>,
    max: u32,
) -> Result<Vec<CommitFacts>, Fault> {
    let most = usize::try_from(max).unwrap_or(MAX_ITEMS).min(MAX_ITEMS);
    let mut walk = repository.revwalk()?;
    walk.set_sorting(Sort::TIME | Sort::TOPOLOGICAL)?;
    walk.push(resolved(repository, revision)?)?;
    if let Some(except) = except {
        walk.hide(resolved(repository, except)?)?;
    }
    let cut = cut_off(repository)?;
    let mut commits = Vec::new();
    for id in walk.take(most) {
        work.go_on()?;
        let id = id.map_err(|error| {
            Fault::Failed(format!("the history of `{revision}` cannot be read: {}", error.message()))
        })?;
        commits.push((id, commit_facts(repository, id)?));
    }
    if commits.len() < most && commits.iter().any(|(id, _)| cut.contains(id)) {
        return Err(Fault::Failed(format!(
            "the history of `{revision}` is cut off after {} commits: this is a shallow clone; fetch the whole of it first",
            commits.len()
        )));
    }
    Ok(commits.into_iter().map(|(_, facts)| facts).collect())
}

/// The commits whose parents a shallow clone has left out.
fn cut_off(repository: &Repository) -> Result<HashSet<Oid>, Fault> {
    if !repository.is_shallow() {
        return Ok(HashSet::new());
    }
    let text = std::fs::read_to_string(repository.commondir().join("shallow"))
        .map_err(|error| Fault::Failed(format!("its `shallow` cannot be read: {}", reason(&error))))?;
    text.lines().map(|line| Oid::from_str(line.trim()).map_err(Fault::from)).collect()
}

pub(super) fn files(
    work: &Work,
    repository: &Repository,
    revision: &str,
    wanted: &str,
) -> Result<Vec<TreeEntry>, Fault> {
    let id = resolved(repository, revision)?;
    let root = repository.find_commit(id)?.tree_id();
    let odb = repository.odb()?;
    let mut found = Vec::new();
    // Not by recursion: how deep a tree is, is not ours to say.
    let mut open = vec![(String::new(), root, 0)];
    while let Some((above, id, depth)) = open.pop() {
        work.go_on()?;
        if depth > MAX_DEPTH {
            return Err(Fault::Host(Problem::BudgetExceeded(format!(
                "`{revision}` has more than {MAX_DEPTH} directories in each other"
            ))));
        }
        bounded(repository, id, MAX_TREE)?;
        for entry in &repository.find_tree(id)? {
            let path = format!("{above}{}", lossy(entry.name_bytes()));
            match entry.kind() {
                Some(ObjectType::Tree) => open.push((format!("{path}/"), entry.id(), depth + 1)),
                Some(ObjectType::Blob) if pattern::matches(wanted, &path) => {
                    if found.len() == MAX_FILES {
                        return Err(Fault::Host(Problem::BudgetExceeded(format!(
                            "more than {MAX_FILES} files fit `{wanted}`"
                        ))));
                    }
                    let (size, _) = odb.read_header(entry.id()).map_err(|error| {
                        Fault::Failed(format!(
                            "`{path}`: its object is missing or damaged: {}",
                            error.message()
                        ))
                    })?;
                    let executable = entry.filemode() == 0o100_755;
                    found.push(TreeEntry { path, size: size as u64, executable });
                }
                // Other repositories, which are not looked into.
                Some(ObjectType::Blob | ObjectType::Commit | ObjectType::Tag | ObjectType::Any) | None => {}
            }
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(found)
}

pub(super) fn file(repository: &Repository, revision: &str, path: &str, most: u64) -> Result<Vec<u8>, Fault> {
    let id = resolved(repository, revision)?;
    let tree = repository.find_commit(id)?.tree_id();
    bounded(repository, tree, MAX_TREE)?;
    let missing = || Fault::NotFound(format!("there is no file `{path}` in `{revision}`"));
    let entry = repository.find_tree(tree)?.get_path(Path::new(path)).map_err(|_| missing())?;
    if entry.kind() != Some(ObjectType::Blob) {
        return Err(missing());
    }
    let (size, _) = repository.odb()?.read_header(entry.id()).map_err(|error| {
        Fault::Failed(format!("`{path}`: its object is missing or damaged: {}", error.message()))
    })?;
    if size as u64 > most {
        return Err(Fault::Host(Problem::BudgetExceeded(format!("`{path}` is longer than {most} bytes"))));
    }
    Ok(repository.find_blob(entry.id())?.content().to_vec())
}

pub(super) fn person(signature: &git2::Signature<'_>) -> Signature {
    let seconds = u64::try_from(signature.when().seconds()).unwrap_or(0);
    Signature {
        name: lossy(signature.name_bytes()),
        email: lossy(signature.email_bytes()),
        at_ms: seconds.saturating_mul(1000),
    }
}

pub(super) fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
