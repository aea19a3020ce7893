//! Remotes: what they have, what is fetched from them, what is pushed to them.
//!
//! The repository says where a remote is; the grant decides whether one may go there. libgit2 is then handed a remote
//! without a name, for the judged address only, so that what the configuration says besides (rewritten addresses, more
//! references, a proxy) has no part in it. References are written here and not by libgit2: a tag never changes.

use std::{cell::RefCell, fs, path::Path, sync::Arc};

use git2::{
    Direction, ErrorCode, FetchOptions, Oid, PushOptions, Reference, Remote, RemoteCallbacks, Repository,
};

use super::{
    Location, RemoteUrl,
    call::{Fault, Work, invalid},
    place::Place,
    read,
    ssh::Ssh,
    subtransport::{Destination, Leading, URL},
    web::{Right, Web},
};
use crate::{
    host::{Problem, bindings::runner::plugin::git::RemoteRef},
    pattern,
    secrets::Secret,
};

/// Most references of a remote.
const MAX_REFS: usize = 100_000;
/// Longest part of what a remote says that is kept.
const MAX_SAID: usize = 4096;

/// A login for a remote over HTTPS.
pub(super) struct Credentials {
    pub(super) user: String,
    pub(super) password: Secret,
}

/// What is to be fetched.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    Branches,
    BranchesAndTags,
}

/// A judged remote, ready to be talked to.
struct Exchange<'a> {
    work: &'a Work,
    repository: &'a Repository,
    /// As the repository calls it.
    name: &'a str,
    location: Location,
    /// What libgit2 is told.
    url: String,
    ssh: Option<Arc<Ssh>>,
    web: Option<Arc<Web>>,
    /// What the other side says besides.
    said: RefCell<Vec<u8>>,
    _leading: Option<Leading>,
}

impl<'a> Exchange<'a> {
    fn with(
        work: &'a Work,
        repository: &'a Repository,
        name: &'a str,
        direction: Direction,
        reference: Option<&str>,
        credentials: Option<Credentials>,
    ) -> Result<Self, Fault> {
        let location = location(work, repository, name, direction)?;
        let request = work.request(Some(&location), reference);
        let rule = work.grants.rules().git.covers(&request)?;
        let mut exchange = Self {
            work,
            repository,
            name,
            url: URL.to_owned(),
            ssh: None,
            web: None,
            said: RefCell::default(),
            _leading: None,
            location,
        };
        let destination = match &exchange.location {
            Location::Directory { path, .. } => {
                if !Path::new(path).is_dir() {
                    return Err(Fault::Host(Problem::Unavailable(format!(
                        "`{name}` is at `{path}`, where nothing is"
                    ))));
                }
                Place::look_at_other(Path::new(path))?;
                drop(work.booking().used(rule));
                exchange.url.clone_from(path);
                None
            }
            Location::Ssh(address) => {
                let meter = work.booking().used(rule);
                let ssh =
                    Arc::new(Ssh::new(work.ssh.clone(), address.clone(), Arc::clone(&work.stop), meter));
                exchange.ssh = Some(Arc::clone(&ssh));
                Some(Destination::Ssh(ssh))
            }
            Location::Web(url) => {
                let request = work.request(Some(&exchange.location), reference);
                let Some(judge) = work.grants.rules().git.web_rule(&request) else {
                    unreachable!("a covered web address is covered by a pattern for web addresses");
                };
                let web = Arc::new(Web::new(
                    work,
                    url.clone(),
                    Right { judge: judge.clone(), used: rule },
                    credentials,
                ));
                exchange.web = Some(Arc::clone(&web));
                Some(Destination::Web(web))
            }
        };
        exchange._leading = destination.map(Leading::to);
        Ok(exchange)
    }

    /// A remote for the judged address and nothing else.
    fn remote(&self) -> Result<Remote<'a>, Fault> {
        let remote = self.repository.remote_anonymous(&self.url)?;
        if remote.url_bytes() != self.url.as_bytes() {
            return Err(Fault::Failed(
                "the repository's configuration rewrites addresses (`url.….insteadOf`), which is not done here".to_owned(),
            ));
        }
        Ok(remote)
    }

    fn callbacks(&self) -> RemoteCallbacks<'_> {
        let mut callbacks = RemoteCallbacks::new();
        callbacks.transfer_progress(|_| self.work.go_on().is_ok());
        callbacks.sideband_progress(|bytes| {
            let mut said = self.said.borrow_mut();
            let room = MAX_SAID.saturating_sub(said.len()).min(bytes.len());
            said.extend_from_slice(&bytes[..room]);
            self.work.go_on().is_ok()
        });
        callbacks
    }

    /// What the other side said, in one line.
    fn said(&self) -> String {
        let mut said = String::from_utf8_lossy(&self.said.borrow()).into_owned();
        if let Some(ssh) = &self.ssh {
            said.push('\n');
            said.push_str(&ssh.said());
        }
        if let Some(web) = &self.web {
            said = String::from_utf8_lossy(&web.masked(said.into_bytes())).into_owned();
        }
        let lines: Vec<&str> =
            said.split(['\n', '\r']).map(str::trim).filter(|line| !line.is_empty()).collect();
        lines.join("; ")
    }

    /// Why an exchange did not come about.
    fn broken(&self, doing: &str, error: &git2::Error) -> Fault {
        if let Err(fault) = self.work.go_on() {
            return fault;
        }
        if let Some(problem) = self.web.as_ref().and_then(|web| web.problem()) {
            return problem;
        }
        let said = self.said();
        let said = if said.is_empty() { String::new() } else { format!(" ({said})") };
        let text = format!("{doing} `{}` at `{}`: {}{said}", self.name, self.location, error.message());
        match &self.location {
            Location::Directory { .. } => Fault::Failed(text),
            Location::Ssh(_) | Location::Web(_) => Fault::Host(Problem::Unavailable(text)),
        }
    }

    /// The references of the remote: name and object, annotated tags a second time with `^{}`.
    fn list(&self, remote: &mut Remote<'a>, direction: Direction) -> Result<Vec<(String, Oid)>, Fault> {
        remote
            .connect_auth(direction, Some(self.callbacks()), None)
            .map_err(|error| self.broken("connecting to", &error))?
            .list()
            .map_err(|error| self.broken("listing the references of", &error))
            .and_then(|heads| {
                if heads.len() > MAX_REFS {
                    return Err(Fault::Host(Problem::BudgetExceeded(format!(
                        "`{}` has more than {MAX_REFS} references",
                        self.name
                    ))));
                }
                Ok(heads.iter().map(|head| (head.name().to_owned(), head.oid())).collect())
            })
    }
}

/// Where the remote `name` leads.
fn location(
    work: &Work,
    repository: &Repository,
    name: &str,
    direction: Direction,
) -> Result<Location, Fault> {
    if !Remote::is_valid_name(name) {
        return Err(invalid(format!("`{}` is not a name for a remote", name.escape_debug())));
    }
    let remote = repository.find_remote(name).map_err(|error| {
        if error.code() == ErrorCode::NotFound {
            return Fault::NotFound(format!("there is no remote `{name}`"));
        }
        Fault::Failed(format!("the remote `{name}` cannot be read: {}", error.message()))
    })?;
    let pushed = match direction {
        Direction::Push => remote.pushurl_bytes(),
        Direction::Fetch => None,
    };
    let url = String::from_utf8_lossy(pushed.unwrap_or_else(|| remote.url_bytes())).into_owned();
    let url = url.parse().map_err(|why: String| invalid(format!("the remote `{name}`: {why}")))?;
    Ok(match url {
        RemoteUrl::Ssh(address) => Location::Ssh(address),
        RemoteUrl::Web(url) => Location::Web(url),
        RemoteUrl::Path(path) => {
            let from = repository.workdir().unwrap_or_else(|| repository.path());
            // What is judged is where it leads, not how it is written. What is not there leads nowhere.
            let written = from.join(path);
            let real = fs::canonicalize(&written).unwrap_or_else(|_| straight(&written));
            let below =
                real.strip_prefix(&work.place.root).ok().map(|below| below.to_string_lossy().into_owned());
            Location::Directory { path: real.to_string_lossy().into_owned(), below }
        }
    })
}

/// A path without `.` and `..`, by its names alone.
fn straight(path: &Path) -> std::path::PathBuf {
    let mut straight = std::path::PathBuf::new();
    for part in path.components() {
        match part {
            std::path::Component::ParentDir => drop(straight.pop()),
            std::path::Component::CurDir => {}
            std::path::Component::RootDir
            | std::path::Component::Prefix(_)
            | std::path::Component::Normal(_) => straight.push(part),
        }
    }
    straight
}

pub(super) fn remote_refs(
    work: &Work,
    repository: &Repository,
    name: &str,
    wanted: &str,
    credentials: Option<Credentials>,
) -> Result<Vec<RemoteRef>, Fault> {
    let exchange = Exchange::with(work, repository, name, Direction::Fetch, None, credentials)?;
    let heads = exchange.list(&mut exchange.remote()?, Direction::Fetch)?;
    let mut found: Vec<RemoteRef> = heads
        .iter()
        .filter(|(name, _)| !name.ends_with("^{}") && pattern::matches(wanted, name))
        .map(|(name, object)| RemoteRef { name: name.clone(), object: object.to_string(), peeled: None })
        .collect();
    found.sort_by(|a, b| a.name.cmp(&b.name));
    for (name, object) in &heads {
        let Some(tag) = name.strip_suffix("^{}") else { continue };
        if let Ok(at) = found.binary_search_by(|one| one.name.as_str().cmp(tag)) {
            found[at].peeled = Some(object.to_string());
        }
    }
    Ok(found)
}

pub(super) fn fetch(
    work: &Work,
    repository: &Repository,
    name: &str,
    wanted: Wanted,
    credentials: Option<Credentials>,
) -> Result<(), Fault> {
    let exchange = Exchange::with(work, repository, name, Direction::Fetch, None, credentials)?;
    let mut remote = exchange.remote()?;
    let heads = exchange.list(&mut remote, Direction::Fetch)?;
    if work.ledger.instead(|| format!("fetch from `{name}`")) {
        return Ok(());
    }
    let below = |prefix: &'static str| {
        heads.iter().filter(move |(name, _)| name.starts_with(prefix) && !name.ends_with("^{}"))
    };
    let branches: Vec<_> = below("refs/heads/").collect();
    let tags: Vec<_> = match wanted {
        Wanted::Branches => Vec::new(),
        Wanted::BranchesAndTags => below("refs/tags/").collect(),
    };
    // Before anything is moved: a tag that means something else here and there is for people to settle.
    let mut new_tags = Vec::new();
    for (tag, object) in &tags {
        valid(tag)?;
        match read::reference(repository, tag)? {
            Some(ours) if ours.target() == Some(*object) => {}
            Some(ours) => {
                let ours = ours.target().map_or_else(|| "something else".to_owned(), |ours| ours.to_string());
                return Err(Fault::Conflict(format!(
                    "`{tag}` is {ours} here and {object} at `{name}`; nothing was fetched"
                )));
            }
            None => new_tags.push((tag, *object)),
        }
    }
    let mut specs = vec!["refs/heads/*:refs/heads/*"];
    if wanted == Wanted::BranchesAndTags {
        specs.push("refs/tags/*:refs/tags/*");
    }
    let mut options = FetchOptions::new();
    options.remote_callbacks(exchange.callbacks()).update_fetchhead(false);
    remote.download(&specs, Some(&mut options)).map_err(|error| exchange.broken("fetching from", &error))?;
    let message = format!("fetch {name}");
    let write = |reference: &str, object: Oid, moved: bool| {
        repository
            .reference(reference, object, moved, &message)
            .map(drop)
            .map_err(|error| Fault::Failed(format!("`{reference}` was not written: {}", error.message())))
    };
    for (branch, object) in branches {
        let tracking = format!("refs/remotes/{name}/{}", branch.trim_start_matches("refs/heads/"));
        valid(&tracking)?;
        write(&tracking, *object, true)?;
    }
    new_tags.into_iter().try_for_each(|(tag, object)| write(tag, object, false))
}

fn valid(reference: &str) -> Result<(), Fault> {
    if Reference::is_valid_name(reference) {
        return Ok(());
    }
    Err(Fault::Failed(format!(
        "the remote has a reference with an impossible name, `{}`",
        reference.escape_debug()
    )))
}

pub(super) fn push(
    work: &Work,
    repository: &Repository,
    name: &str,
    reference: &str,
    credentials: Option<Credentials>,
) -> Result<bool, Fault> {
    if !reference.starts_with("refs/") || !Reference::is_valid_name(reference) {
        return Err(invalid(format!(
            "`{}` is not a reference in full, as `refs/heads/main` or `refs/tags/v1.0.0`",
            reference.escape_debug()
        )));
    }
    let exchange = Exchange::with(work, repository, name, Direction::Push, Some(reference), credentials)?;
    // A reference that was to be made before is not there either.
    if work.ledger.instead(|| format!("push `{reference}` to `{name}`")) {
        return Ok(true);
    }
    let ours = read::reference(repository, reference)?.map(|ours| ours.resolve()).transpose()?;
    let Some(ours) = ours.and_then(|ours| ours.target()) else {
        return Err(Fault::NotFound(format!("there is no `{reference}` here")));
    };
    let mut remote = exchange.remote()?;
    let heads = exchange.list(&mut remote, Direction::Push)?;
    match heads.iter().find(|(name, _)| name == reference).map(|(_, theirs)| *theirs) {
        Some(theirs) if theirs == ours => return Ok(false),
        Some(theirs) => may_move(repository, name, reference, ours, theirs)?,
        None => {}
    }
    let refused = RefCell::new(None);
    let mut callbacks = exchange.callbacks();
    callbacks.push_update_reference(|_, status| {
        if let Some(status) = status {
            *refused.borrow_mut() = Some(status.to_owned());
        }
        Ok(())
    });
    let mut options = PushOptions::new();
    options.remote_callbacks(callbacks);
    let pushed = remote.push(&[format!("{reference}:{reference}")], Some(&mut options));
    drop(options);
    if let Some(status) = refused.into_inner() {
        let said = exchange.said();
        let said = if said.is_empty() { String::new() } else { format!(" ({said})") };
        return Err(Fault::Failed(format!("`{name}` refused `{reference}`: {status}{said}")));
    }
    pushed.map_err(|error| {
        if error.code() == ErrorCode::NotFastForward {
            return Fault::Conflict(format!(
                "`{reference}` moved at `{name}` meanwhile: {}",
                error.message()
            ));
        }
        exchange.broken("pushing to", &error)
    })?;
    if let Some(branch) = reference.strip_prefix("refs/heads/") {
        let tracking = format!("refs/remotes/{name}/{branch}");
        repository.reference(&tracking, ours, true, &format!("push {name}"))?;
    }
    Ok(true)
}

/// Whether what the remote has may be replaced by what is here: a branch that goes on, and nothing else.
fn may_move(
    repository: &Repository,
    name: &str,
    reference: &str,
    ours: Oid,
    theirs: Oid,
) -> Result<(), Fault> {
    if reference.starts_with("refs/tags/") {
        return Err(Fault::Conflict(format!(
            "`{reference}` is {theirs} at `{name}` and {ours} here; a tag is never moved"
        )));
    }
    let known = repository.odb()?.exists(theirs);
    let onward = known
        && repository.graph_descendant_of(ours, theirs).map_err(|error| {
            Fault::Failed(format!("the history of `{reference}` cannot be read: {}", error.message()))
        })?;
    if onward {
        return Ok(());
    }
    let why = if known { "which is not part of it" } else { "which is not known here: fetch first" };
    Err(Fault::Conflict(format!(
        "`{reference}` is no fast-forward: `{name}` has {theirs}, {why}; nothing was pushed, and nothing is ever forced"
    )))
}
