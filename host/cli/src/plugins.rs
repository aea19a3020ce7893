//! What the components of a pipeline say about themselves, found by the path in `source`.

use std::{
    cell::RefCell,
    collections::HashMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use runner_pipeline::{PluginFacts, PluginIndex, PluginProblem};
use runner_wasm::{Inspection, LoadError, Loader};
use tokio::runtime::Handle;

/// The components below a pipeline's directory. Each is read, compiled and asked once, whoever asks for it.
pub(crate) struct Plugins {
    directory: PathBuf,
    loader: Loader,
    runtime: Handle,
    /// By source.
    prepared: RefCell<HashMap<String, Result<Arc<PluginFacts>, PluginProblem>>>,
}

impl Plugins {
    pub(crate) fn new(directory: PathBuf, loader: Loader, runtime: Handle) -> Self {
        Self { directory, loader, runtime, prepared: RefCell::default() }
    }
}

impl PluginIndex for Plugins {
    fn prepare(&self, sources: &[&str]) {
        let paths: Vec<PathBuf> = sources.iter().map(|source| self.directory.join(source)).collect();
        let inspections = self.runtime.block_on(self.loader.inspect_all(&paths));
        let facts = inspections.into_iter().zip(&paths).map(|(inspected, path)| facts(path, inspected));
        self.prepared.borrow_mut().extend(sources.iter().map(|source| (*source).to_owned()).zip(facts));
    }

    fn facts(&self, source: &str) -> Result<Arc<PluginFacts>, PluginProblem> {
        if let Some(prepared) = self.prepared.borrow().get(source) {
            return prepared.clone();
        }
        let path = self.directory.join(source);
        facts(&path, self.runtime.block_on(self.loader.inspect(&path)))
    }
}

fn facts(path: &Path, inspected: Result<Inspection, LoadError>) -> Result<Arc<PluginFacts>, PluginProblem> {
    let inspection = inspected.map_err(problem)?;
    Ok(Arc::new(PluginFacts {
        path: path.to_string_lossy().into_owned(),
        digest: inspection.digest,
        kind: inspection.kind,
        name: inspection.manifest.name,
        version: inspection.manifest.version,
        imports: inspection.imports,
        wasi: inspection.wasi,
        config_schema: inspection.manifest.config_schema,
        outputs: inspection.manifest.outputs,
    }))
}

fn problem(error: LoadError) -> PluginProblem {
    PluginProblem { message: error.to_string(), notes: Vec::new(), help: Some(error.help()) }
}
