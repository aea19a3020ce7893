//! What the components of a pipeline say about themselves, found by the path in `source`.

use std::{path::PathBuf, sync::Arc};

use runner_pipeline::{PluginFacts, PluginIndex, PluginProblem};
use runner_wasm::{LoadError, Loader};
use tokio::runtime::Handle;

/// The components below a pipeline's directory. Each is compiled and asked once, whoever asks for it.
pub(crate) struct Plugins {
    directory: PathBuf,
    loader: Loader,
    runtime: Handle,
}

impl Plugins {
    pub(crate) fn new(directory: PathBuf, loader: Loader, runtime: Handle) -> Self {
        Self { directory, loader, runtime }
    }
}

impl PluginIndex for Plugins {
    fn prepare(&self, sources: &[&str]) {
        let paths: Vec<PathBuf> = sources.iter().map(|source| self.directory.join(source)).collect();
        self.runtime.block_on(self.loader.prepare(&paths));
    }

    fn facts(&self, source: &str) -> Result<Arc<PluginFacts>, PluginProblem> {
        let path = self.directory.join(source);
        let inspection = self.runtime.block_on(self.loader.inspect(&path)).map_err(problem)?;
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
}

fn problem(error: LoadError) -> PluginProblem {
    PluginProblem { message: error.to_string(), notes: Vec::new(), help: Some(error.help()) }
}
