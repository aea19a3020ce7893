//! `runner:plugin/files`.

use std::sync::Arc;

use wasmtime::Result;

use super::{
    Access, FilesystemGrant,
    tree::{Kind, Tree},
};
use crate::{
    Capability, Refusal, Rule,
    host::{
        Booking, Context, Meter, Problem,
        bindings::runner::plugin::{
            files::{self, DirEntry, FileKind, Metadata},
            types::HostError,
        },
    },
};

/// For a guest that names no length.
const DEFAULT_READ: u64 = 16 << 20;

impl files::Host for Context {
    async fn read(&mut self, path: String, max_bytes: Option<u64>) -> Result<Result<Vec<u8>, HostError>> {
        // Never more than the guest could hold.
        let most = max_bytes.unwrap_or(DEFAULT_READ).min(self.limits.memory);
        let booking = self.book(Access::Read, &path);
        let read = self.with_tree(move |tree, grant| tree.read(grant, &path, most)).await;
        self.count(booking, &read, |meter, bytes| meter.received(bytes.len()));
        Ok(self.answer(read))
    }

    async fn write(&mut self, path: String, data: Vec<u8>) -> Result<Result<(), HostError>> {
        let (booking, length) = (self.book(Access::Write, &path), data.len());
        if booking.is_some() && self.ledger.instead(|| format!("write `{path}` ({length} bytes)")) {
            let counted = self.charge();
            return Ok(self.answer(counted));
        }
        let written = self.with_tree(move |tree, grant| tree.write(grant, &path, &data)).await;
        self.count(booking, &written, |meter, ()| meter.sent(length));
        Ok(self.answer(written))
    }

    async fn remove(&mut self, path: String) -> Result<Result<bool, HostError>> {
        let booking = self.book(Access::Write, &path);
        if booking.is_some() && self.ledger.instead(|| format!("remove `{path}`")) {
            let counted = self.charge();
            return Ok(self.answer(counted.map(|()| true)));
        }
        let removed = self.with_tree(move |tree, grant| tree.remove(grant, &path)).await;
        self.count(booking, &removed, |_, _| {});
        Ok(self.answer(removed))
    }

    async fn list_dir(&mut self, path: String) -> Result<Result<Vec<DirEntry>, HostError>> {
        let booking = self.book(Access::Read, &path);
        let listed = self.with_tree(move |tree, grant| tree.list(grant, &path)).await;
        self.count(booking, &listed, |_, _| {});
        let entries = self.answer(listed);
        Ok(entries.map(|entries| {
            entries.into_iter().map(|(name, kind)| DirEntry { name, kind: kind.into() }).collect()
        }))
    }

    async fn stat(&mut self, path: String) -> Result<Result<Option<Metadata>, HostError>> {
        let booking = self.book(Access::Read, &path);
        let found = self.with_tree(move |tree, grant| tree.facts(grant, &path)).await;
        self.count(booking, &found, |_, _| {});
        let facts = self.answer(found);
        Ok(facts.map(|facts| {
            facts.map(|facts| Metadata {
                kind: facts.kind.into(),
                size: facts.size,
                mode: facts.mode,
                modified: facts.modified,
            })
        }))
    }
}

/// The rule that covers a path as it is written, and when it was asked for.
pub(crate) type Booked = Option<(Rule, u64)>;

impl Context {
    pub(crate) fn book(&self, access: Access, path: &str) -> Booked {
        let rule = self.grants.rules().filesystem.covers(access, path).ok()?;
        Some((rule, self.time.now_ms()))
    }

    /// Counts a use, and its bytes if it came to something. What was refused after all (by where the path led, or because
    /// there were too many calls) is none.
    pub(crate) fn count<T>(&self, booked: Booked, done: &Result<T, Problem>, bytes: impl FnOnce(&Meter, &T)) {
        let Some((rule, at_ms)) = booked else { return };
        let booking = Booking { ledger: &self.ledger, at_ms };
        match done {
            Ok(value) => bytes(&booking.used(rule), value),
            Err(Problem::Unavailable(_) | Problem::TimedOut | Problem::Invalid(_)) => {
                drop(booking.used(rule))
            }
            Err(Problem::Denied(_) | Problem::BudgetExceeded(_)) => {}
        }
    }

    /// Does `work` on a thread that may wait. If the call is cancelled meanwhile, the work still ends, unseen.
    async fn with_tree<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&Tree, &FilesystemGrant) -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        self.charge()?;
        self.on_tree(work).await
    }

    /// As [`Context::with_tree`], for calls that have been counted.
    pub(crate) async fn on_tree<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&Tree, &FilesystemGrant) -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        let Some(tree) = self.tree.clone() else {
            return Err(Problem::Denied(Box::new(Refusal {
                capability: Capability::Files,
                request: "files".to_owned(),
                message: "this call has no directory".to_owned(),
                grant: None,
            })));
        };
        let grants = Arc::clone(&self.grants);
        let done = tokio::task::spawn_blocking(move || work(&tree, &grants.rules().filesystem)).await;
        done.unwrap_or_else(|_| Err(Problem::Unavailable("the file system worker stopped".to_owned())))
    }
}

impl From<Kind> for FileKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::File => Self::File,
            Kind::Directory => Self::Directory,
            Kind::Other => Self::Other,
        }
    }
}
