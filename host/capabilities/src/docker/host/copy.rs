//! Files that are copied out of a container.
//!
//! The engine sends a tar, which a container may have had a hand in: only plain files and directories are taken from it,
//! each path name by name, and each file is written as a plugin's own file would be.

use std::{
    io::{self, Read},
    path::{Component, Path},
};

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::{Method, body::Incoming};
use tokio::{sync::mpsc, time::timeout_at};
use url::form_urlencoded;

use super::Container;
use crate::{
    docker::{
        engine::{Session, Trouble},
        grant::Wanted,
        verb::Verb,
    },
    filesystem::{Access, FilesystemGrant, Tree, joined},
    host::{Context, Problem},
    log::Level,
};

/// Most bytes for a guest that names no number.
const DEFAULT_BYTES: u64 = 64 << 20;
/// Most files and directories.
const MAX_ENTRIES: usize = 100_000;
/// Pieces that wait to be written.
const WAITING: usize = 4;

/// What was copied.
struct Copied {
    paths: Vec<String>,
    bytes: u64,
    /// What is neither a file nor a directory.
    left_out: Vec<String>,
}

impl Context {
    pub(super) async fn copy_files(
        &mut self,
        container: &Container,
        path: &str,
        to: &str,
        max_bytes: Option<u64>,
    ) -> Result<Vec<String>, Trouble> {
        if !path.starts_with('/') || path.contains('\0') {
            return Err(Trouble::invalid("a path inside of a container is absolute"));
        }
        let time = self.docker_time(None);
        let engine = self.permit(&Wanted::container(Verb::ContainerCopy, &container.name))?;
        let doing = format!("copy `{path}` to `{to}` out of");
        if self.rehearsed(Verb::ContainerCopy, container, &doing).await? {
            self.grants.rules().filesystem.covers(Access::Write, to).map_err(Problem::from)?;
            return Ok(Vec::new());
        }
        // Before anything is asked of the engine.
        let booking = self.book(Access::Write, to);
        let target = to.to_owned();
        let ready = self.on_tree(move |tree, grant| tree.make_directories(grant, &target)).await;
        self.count(booking.clone(), &ready, |_, ()| {});
        ready?;
        let session = engine.session(tokio::time::Instant::now() + time).await?;
        self.still_ours(&session, container).await?;
        let asked = format!("copy `{path}` out of container `{}`", container.name);
        let query: String =
            form_urlencoded::Serializer::new(String::new()).append_pair("path", path).finish();
        let archive = format!("/containers/{}/archive?{query}", container.id);
        let body = session.raw(&asked, Method::GET, &archive, None).await?;
        let (sender, receiver) = mpsc::channel(WAITING);
        let most = max_bytes.unwrap_or(DEFAULT_BYTES);
        let target = to.to_owned();
        let writing = self.on_tree(move |tree, grant| unpack(tree, grant, &target, most, receiver));
        let (sent, copied) = futures::join!(feed(&session, &asked, body, sender), writing);
        // An engine that broke off is the reason why the tar could not be read.
        sent?;
        let copied = copied?;
        self.count(booking, &Ok(()), |meter, ()| {
            meter.sent(usize::try_from(copied.bytes).unwrap_or(usize::MAX));
        });
        for path in copied.left_out {
            self.ledger
                .write(Level::Warn, &format!("`{path}` is not copied: it is neither a file nor a directory"));
        }
        Ok(copied.paths)
    }
}

/// Hands the engine's bytes to the thread that writes them. If that has given up, it knows why.
async fn feed(
    session: &Session,
    asked: &str,
    mut body: Incoming,
    sender: mpsc::Sender<io::Result<Bytes>>,
) -> Result<(), Trouble> {
    loop {
        let frame = match timeout_at(session.deadline, body.frame()).await {
            Ok(Some(Ok(frame))) => frame,
            Ok(None) => return Ok(()),
            Ok(Some(Err(error))) => {
                drop(sender.send(Err(io::Error::other("broken off"))).await);
                return Err(session.broke_off(asked, &error));
            }
            Err(_) => {
                drop(sender.send(Err(io::Error::other("broken off"))).await);
                return Err(Trouble::Host(Problem::TimedOut));
            }
        };
        if let Ok(data) = frame.into_data()
            && sender.send(Ok(data)).await.is_err()
        {
            return Ok(());
        }
    }
}

fn unpack(
    tree: &Tree,
    grant: &FilesystemGrant,
    to: &str,
    most: u64,
    receiver: mpsc::Receiver<io::Result<Bytes>>,
) -> Result<Copied, Problem> {
    let mut archive = tar::Archive::new(Arriving { receiver, piece: Bytes::new() });
    let mut copied = Copied { paths: Vec::new(), bytes: 0, left_out: Vec::new() };
    let torn =
        |error: io::Error| Problem::Unavailable(format!("what the engine sent cannot be read: {error}"));
    for (index, entry) in archive.entries().map_err(torn)?.enumerate() {
        if index == MAX_ENTRIES {
            return Err(Problem::BudgetExceeded(format!("more than {MAX_ENTRIES} files to copy")));
        }
        let mut entry = entry.map_err(torn)?;
        let name = plain(&entry.path().map_err(torn)?)?;
        let path = joined(to, &name);
        let kind = entry.header().entry_type();
        if kind.is_dir() {
            tree.make_directories(grant, &path)?;
        } else if kind.is_file() {
            copied.bytes = copied.bytes.saturating_add(entry.size());
            if copied.bytes > most {
                return Err(Problem::BudgetExceeded(format!(
                    "more than {most} bytes to copy; what came before `{path}` is there"
                )));
            }
            if let Some((above, _)) = path.rsplit_once('/') {
                tree.make_directories(grant, above)?;
            }
            tree.write_with(grant, &path, |file| io::copy(&mut entry, file).map(drop))?;
            copied.paths.push(path);
        } else {
            copied.left_out.push(path);
        }
    }
    copied.paths.sort();
    Ok(copied)
}

/// A path of the tar, if it is nothing but names.
fn plain(path: &Path) -> Result<String, Problem> {
    let refused =
        || Problem::Invalid(format!("the engine sent the path `{}`, which is not taken", path.display()));
    let mut names = Vec::new();
    for part in path.components() {
        match part {
            Component::Normal(name) => names.push(name.to_str().ok_or_else(refused)?),
            Component::CurDir => {}
            Component::Prefix(_) | Component::RootDir | Component::ParentDir => return Err(refused()),
        }
    }
    Ok(names.join("/"))
}

/// Bytes as they arrive, for a reader that waits.
struct Arriving {
    receiver: mpsc::Receiver<io::Result<Bytes>>,
    piece: Bytes,
}

impl Read for Arriving {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.piece.is_empty() {
            match self.receiver.blocking_recv() {
                Some(piece) => self.piece = piece?,
                None => return Ok(0),
            }
        }
        let some = into.len().min(self.piece.len());
        into[..some].copy_from_slice(&self.piece.split_to(some));
        Ok(some)
    }
}
