//! Images that are built, by the engine's own builder.
//!
//! The context is looked through first: what it is made of, and how long it is. Only then is anything sent, and file by
//! file, through a channel of a few pieces, so that no context enters memory.

use std::{
    collections::{HashMap, VecDeque},
    io::{self, Read as _, Write},
    path::Path,
    sync::Arc,
};

use bollard::{body_try_stream, models::BuildInfo, query_parameters::BuildImageOptionsBuilder};
use bytes::Bytes;
use futures::StreamExt as _;
use tokio::{sync::mpsc, time::timeout_at};

use super::rehearse::pretended_image_id;
use crate::{
    GrantSet,
    docker::{
        Reference,
        engine::{Session, Trouble},
        grant::Wanted,
        ignore::Ignore,
        spec::{Env, labels},
        verb::Verb,
    },
    filesystem::{Access, Enter, Found, FoundKind, Tree, joined},
    host::{
        Context, Ledger, Problem,
        bindings::runner::plugin::docker::{BuildProblem, BuildResult, BuildSpec},
    },
    log::{Level, clean_line},
};

/// Longest context of a guest that names no length.
const DEFAULT_CONTEXT: u64 = 256 << 20;
/// Longest `.dockerignore`.
const MAX_IGNORE: u64 = 1 << 20;
/// Lines that are kept of a build that went wrong.
const KEPT: usize = 50;
/// Longest of them.
const MAX_LINE: usize = 4096;
/// A file is sent in pieces of so many bytes.
const PIECE: usize = 64 << 10;
/// Pieces that wait for the engine.
const WAITING: usize = 4;

impl Context {
    pub(super) async fn build(&mut self, spec: BuildSpec) -> Result<BuildResult, Trouble> {
        let mut wanted = Wanted::verb(Verb::ImageBuild);
        wanted.images =
            spec.tags.iter().map(|tag| tag.parse().map_err(Trouble::invalid)).collect::<Result<_, _>>()?;
        if wanted.images.is_empty() {
            return Err(Trouble::invalid("an image is built for a name: `tags` is empty"));
        }
        if let Some(pinned) = wanted.images.iter().find(|image| image.tag().is_none()) {
            return Err(Trouble::invalid(format!("`{pinned}` is not `name:tag`")));
        }
        let labels = labels(&spec.labels, self.own_labels())?;
        let dockerfile = plain(&spec.dockerfile)?;
        let args = arguments(&spec)?;
        let engine = self.permit(&wanted)?;
        let ignore = self.ignore(&spec.context).await?;
        let state = engine.places().state.clone();
        let directory = engine.places().directory.clone();
        let (start, ours) = (spec.context.clone(), dockerfile.clone());
        let most = spec.max_context_bytes.unwrap_or(DEFAULT_CONTEXT);
        let booking = self.book(Access::Read, &spec.context);
        let found = self.on_tree(move |tree, grant| {
            // Either may have been named through a link.
            let real = |path: &Path| std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
            let hidden = state.as_ref().and_then(|state| {
                let below = real(state);
                Some(below.strip_prefix(real(&directory)).ok()?.to_str()?.to_owned())
            });
            let enter = &mut |path: &str, directory: bool| {
                if hidden.as_deref() == Some(joined(&start, path).as_str()) {
                    return Enter::Not;
                }
                // The engine needs these two, and leaves them out itself.
                if path == ours || path == ".dockerignore" || !ignore.leaves_out(path) {
                    return Enter::Take;
                }
                let holds_it = ours.starts_with(&format!("{path}/"));
                if directory && (ignore.takes_back() || holds_it) { Enter::Pass } else { Enter::Not }
            };
            let found = tree.walk(grant, &start, enter)?;
            measured(&start, &found, most)?;
            if !found.iter().any(|one| one.path == ours) {
                return Err(Problem::Invalid(format!("there is no Dockerfile `{}`", joined(&start, &ours))));
            }
            Ok(found)
        });
        let found = found.await;
        self.count(booking, &found, |_, _| {});
        let found = found?;
        let first = wanted.images[0].to_string();
        if self.ledger.instead(|| format!("build image `{first}` from `{}`", spec.context)) {
            return Ok(BuildResult::Built(pretended_image_id()));
        }
        let session = engine.session(self.deadline).await?;
        let Some(tree) = self.tree.clone() else {
            unreachable!("the context has just been looked through");
        };
        let body = stream(tree, Arc::clone(&self.grants), spec.context.clone(), found);
        let options = BuildImageOptionsBuilder::new()
            .dockerfile(&dockerfile)
            .t(&first)
            .nocache(spec.no_cache)
            .buildargs(&args)
            .labels(&labels)
            .rm(true)
            .forcerm(true);
        let options = if spec.pull { options.pull("true") } else { options };
        let options = match &spec.target {
            Some(target) => options.target(target),
            None => options,
        };
        let asked = format!("build image `{first}`");
        let building = session.docker.build_image(options.build(), None, Some(body_try_stream(body)));
        let built = listen(&session, &asked, building, &self.ledger).await?;
        if let BuildResult::Built(id) = &built {
            for image in &wanted.images[1..] {
                self.name_built(&session, id, image).await?;
            }
        }
        Ok(built)
    }

    async fn name_built(&mut self, session: &Session, id: &str, image: &Reference) -> Result<(), Trouble> {
        let tag = image.tag().unwrap_or("latest");
        let options =
            bollard::query_parameters::TagImageOptionsBuilder::new().repo(image.name()).tag(tag).build();
        let asked = format!("give the image that was built the name `{image}`");
        session.ask(&asked, session.docker.tag_image(id, Some(options))).await
    }

    /// The `.dockerignore` of a context; one that is not there leaves out nothing.
    async fn ignore(&mut self, context: &str) -> Result<Ignore, Trouble> {
        let path = joined(context, ".dockerignore");
        let there = {
            let path = path.clone();
            self.on_tree(move |tree, grant| tree.facts(grant, &path)).await?.is_some()
        };
        if !there {
            return Ok(Ignore::default());
        }
        let bytes = self.granted_file(&path, MAX_IGNORE).await?;
        let text = String::from_utf8(bytes).map_err(|_| Trouble::invalid(format!("`{path}` is not text")))?;
        Ignore::parse(&text)
    }
}

/// A path below the context, as it stands in the tar.
fn plain(path: &str) -> Result<String, Trouble> {
    let names: Vec<&str> = path.split('/').filter(|name| !matches!(*name, "" | ".")).collect();
    if path.starts_with('/') || names.is_empty() || names.contains(&"..") || path.contains(['\\', '\0']) {
        let shown = crate::shown::shown(path);
        return Err(Trouble::invalid(format!("`{shown}` is not a path below the context")));
    }
    Ok(names.join("/"))
}

fn arguments(spec: &BuildSpec) -> Result<HashMap<String, String>, Trouble> {
    let mut checked = Env::default();
    for pair in &spec.args {
        checked.set(&pair.name, pair.value.clone())?;
    }
    Ok(spec.args.iter().map(|pair| (pair.name.clone(), pair.value.clone())).collect())
}

/// Whether the context is short enough, and no link leads out of it.
fn measured(start: &str, found: &[Found], most: u64) -> Result<(), Problem> {
    let mut length = 0_u64;
    for one in found {
        match &one.kind {
            FoundKind::File(size) => length = length.saturating_add(*size),
            FoundKind::Directory => {}
            FoundKind::Link(target) if stays_inside(&one.path, target) => {}
            FoundKind::Link(target) => {
                return Err(Problem::Invalid(format!(
                    "`{}` is a link to `{target}`, which is outside of the context; leave it out in `.dockerignore`",
                    joined(start, &one.path)
                )));
            }
        }
    }
    if length > most {
        return Err(Problem::BudgetExceeded(format!(
            "the context `{start}` has {length} bytes, and {most} are allowed; leave out more in `.dockerignore`"
        )));
    }
    Ok(())
}

/// Whether a link at `path` leads to somewhere in the context.
fn stays_inside(path: &str, target: &str) -> bool {
    let mut depth = path.matches('/').count();
    if target.starts_with('/') {
        return false;
    }
    for name in target.split('/') {
        match name {
            "" | "." => {}
            ".." if depth == 0 => return false,
            ".." => depth -= 1,
            _ => depth += 1,
        }
    }
    true
}

/// The context as a tar, made while it is sent.
fn stream(
    tree: Arc<Tree>,
    grants: Arc<GrantSet>,
    start: String,
    found: Vec<Found>,
) -> impl futures::Stream<Item = io::Result<Bytes>> + Send + 'static {
    let (sender, receiver) = mpsc::channel(WAITING);
    drop(tokio::task::spawn_blocking(move || {
        let mut pieces = Pieces { sender, waiting: Vec::with_capacity(PIECE) };
        if let Err(error) = pack(&tree, &grants, &start, &found, &mut pieces) {
            // Nobody may be listening any more: then the build has ended before its context.
            drop(pieces.sender.blocking_send(Err(error)));
        }
    }));
    futures::stream::unfold(receiver, |mut receiver| async {
        receiver.recv().await.map(|piece| (piece, receiver))
    })
}

fn pack(tree: &Tree, grants: &GrantSet, start: &str, found: &[Found], pieces: &mut Pieces) -> io::Result<()> {
    let mut tar = tar::Builder::new(&mut *pieces);
    for one in found {
        let mut header = tar::Header::new_gnu();
        header.set_mode(one.mode);
        header.set_mtime(one.modified);
        header.set_uid(0);
        header.set_gid(0);
        match &one.kind {
            FoundKind::Directory => {
                header.set_entry_type(tar::EntryType::Directory);
                header.set_size(0);
                tar.append_data(&mut header, format!("{}/", one.path), io::empty())?;
            }
            FoundKind::Link(target) => {
                header.set_entry_type(tar::EntryType::Symlink);
                header.set_size(0);
                tar.append_link(&mut header, &one.path, target)?;
            }
            FoundKind::File(size) => {
                header.set_size(*size);
                let path = joined(start, &one.path);
                let file = tree.open_file(&grants.rules().filesystem, &path).map_err(io::Error::other)?;
                let mut exactly = Exactly { file: file.take(*size), left: *size, path: &path };
                tar.append_data(&mut header, &one.path, &mut exactly)?;
            }
        }
    }
    tar.finish()?;
    drop(tar);
    pieces.flush()
}

/// A file that must have the length that was promised.
struct Exactly<'a> {
    file: io::Take<std::fs::File>,
    left: u64,
    path: &'a str,
}

impl io::Read for Exactly<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(into)?;
        self.left -= read as u64;
        if read == 0 && self.left > 0 && !into.is_empty() {
            return Err(io::Error::other(format!("`{}` has become shorter while it was sent", self.path)));
        }
        Ok(read)
    }
}

/// What is written comes out as pieces of bearable size.
struct Pieces {
    sender: mpsc::Sender<io::Result<Bytes>>,
    waiting: Vec<u8>,
}

impl Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let some = bytes.len().min(PIECE - self.waiting.len());
        self.waiting.extend_from_slice(&bytes[..some]);
        if self.waiting.len() == PIECE {
            self.flush()?;
        }
        Ok(some)
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        let piece = Bytes::from(std::mem::replace(&mut self.waiting, Vec::with_capacity(PIECE)));
        self.sender.blocking_send(Ok(piece)).map_err(|_| io::Error::other("nobody reads the context"))
    }
}

/// Writes each line of the build to the step's log, and says how it ended.
async fn listen(
    session: &Session,
    asked: &str,
    building: impl futures::Stream<Item = Result<BuildInfo, bollard::errors::Error>>,
    ledger: &Ledger,
) -> Result<BuildResult, Trouble> {
    let mut building = std::pin::pin!(building);
    let mut log = Log { ledger, kept: VecDeque::new(), rest: String::new() };
    let mut id = None;
    loop {
        let said = timeout_at(session.deadline, building.next()).await;
        let said = said.map_err(|_| Trouble::Host(Problem::TimedOut))?;
        match said {
            Some(Ok(said)) => {
                if let Some(text) = &said.stream {
                    log.take(text);
                }
                // Of a base image that is fetched; with an id it is the progress of one layer.
                if let (None, Some(status)) = (&said.id, &said.status) {
                    log.take(&format!("{status}\n"));
                }
                id = said.aux.and_then(|aux| aux.id).or(id);
            }
            Some(Err(error)) => match session.trouble(asked, error) {
                Trouble::Failed(message) => {
                    log.end();
                    let log = log.kept.into();
                    return Ok(BuildResult::Broken(BuildProblem { message, log }));
                }
                trouble @ (Trouble::Host(_) | Trouble::NotFound(_) | Trouble::Conflict(_)) => {
                    return Err(trouble);
                }
            },
            None => break,
        }
    }
    log.end();
    match id {
        Some(id) => Ok(BuildResult::Built(id)),
        None => Err(session.broke_off(asked, &io::Error::other("the build ended without an image"))),
    }
}

struct Log<'a> {
    ledger: &'a Ledger,
    kept: VecDeque<String>,
    rest: String,
}

impl Log<'_> {
    fn take(&mut self, text: &str) {
        for part in text.split_inclusive('\n') {
            let room = MAX_LINE.saturating_sub(self.rest.len());
            self.rest.extend(part.trim_end_matches(['\n', '\r']).chars().take(room));
            if part.ends_with('\n') {
                self.end();
            }
        }
    }

    fn end(&mut self) {
        // Builders colour what goes to standard error.
        let line = clean_line(&std::mem::take(&mut self.rest));
        if line.is_empty() {
            return;
        }
        self.ledger.write(Level::Info, &line);
        if self.kept.len() == KEPT {
            self.kept.pop_front();
        }
        self.kept.push_back(line);
    }
}
