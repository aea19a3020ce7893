//! `runner:plugin/files`.

use std::sync::Arc;

use wasmtime::Result;

use super::{
    FilesystemGrant,
    tree::{Kind, Tree},
};
use crate::{
    Capability, Refusal,
    host::{
        Context, Problem,
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
        let read = self.with_tree(move |tree, grant| tree.read(grant, &path, most)).await;
        Ok(self.answer(read))
    }

    async fn write(&mut self, path: String, data: Vec<u8>) -> Result<Result<(), HostError>> {
        let written = self.with_tree(move |tree, grant| tree.write(grant, &path, &data)).await;
        Ok(self.answer(written))
    }

    async fn list_dir(&mut self, path: String) -> Result<Result<Vec<DirEntry>, HostError>> {
        let listed = self.with_tree(move |tree, grant| tree.list(grant, &path)).await;
        let entries = self.answer(listed);
        Ok(entries.map(|entries| {
            entries.into_iter().map(|(name, kind)| DirEntry { name, kind: kind.into() }).collect()
        }))
    }

    async fn stat(&mut self, path: String) -> Result<Result<Option<Metadata>, HostError>> {
        let found = self.with_tree(move |tree, grant| tree.facts(grant, &path)).await;
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

impl Context {
    /// Does `work` on a thread that may wait. If the call is cancelled meanwhile, the work still ends, unseen.
    async fn with_tree<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&Tree, &FilesystemGrant) -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        self.charge()?;
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
