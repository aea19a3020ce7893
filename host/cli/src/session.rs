//! What every command that touches components needs: a runtime, a clock, a loader.

use std::{path::Path, sync::Arc};

use runner_engine::ports::Clock as _;
use runner_model::RunId;
use runner_report::terminal::Compilations;
use runner_wasm::{Compiling, Loader, LoaderOptions};
use tokio::runtime::{Builder, Handle, Runtime};

use crate::{clock::SystemClock, compiler::Apart, environment::Environment, error::CommandError};

/// The machinery of one command.
pub(crate) struct Session {
    /// What runs everything that waits; gone when the session is.
    runtime: Option<Runtime>,
    /// For waiting on it.
    pub(crate) handle: Handle,
    pub(crate) clock: Arc<SystemClock>,
    pub(crate) loader: Loader,
}

impl Session {
    /// Starts the machinery.
    ///
    /// # Errors
    ///
    /// The machine gives no threads, or cannot run components.
    pub(crate) fn start(cache_dir: Option<&Path>, environment: &Environment) -> Result<Self, CommandError> {
        let runtime = Builder::new_multi_thread()
            .enable_all()
            .build()
            .map_err(|error| CommandError::Bug(format!("cannot start threads: {error}")))?;
        let clock = Arc::new(SystemClock::new());
        let loader = {
            // The loader starts a task of its own.
            let _inside = runtime.enter();
            let shown = Compilations::stderr(environment.style);
            let watch = Arc::new(move |compiling| match compiling {
                Compiling::Began { name, size } => shown.began(&name, size),
                Compiling::Ended { name } => shown.ended(&name),
            });
            let cache = environment.cache_dir(cache_dir);
            Loader::with(LoaderOptions { cache, clock: clock.clone(), compiler: Arc::new(Apart), watch })
                .map_err(|error| CommandError::Bug(format!("this machine cannot run components: {error}")))?
        };
        Ok(Self { handle: runtime.handle().clone(), runtime: Some(runtime), clock, loader })
    }

    /// An id for a new run.
    ///
    /// # Errors
    ///
    /// The system gives no random bytes.
    pub(crate) fn new_run(&self) -> Result<RunId, CommandError> {
        let mut random = [0; 16];
        rustix::rand::getrandom(&mut random, rustix::rand::GetRandomFlags::empty())
            .map_err(|error| CommandError::Bug(format!("the system gives no random bytes: {error}")))?;
        Ok(RunId::from_parts(self.clock.now_ms(), u128::from_le_bytes(random)))
    }
}

impl Drop for Session {
    /// Does not wait for threads that are stuck in the system: a guest that opens a pipe nobody writes to has been timed
    /// out long ago, and the verdict is on disk.
    fn drop(&mut self) {
        // Their tasks may not come to it any more.
        runner_capabilities::command::end_all();
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
