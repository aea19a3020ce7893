//! From a file to a component that is known: compiled, its type read, asked what it is.

use std::{
    collections::HashMap,
    num::NonZeroUsize,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures::StreamExt as _;

use runner_capabilities::{
    GrantSet, Limits,
    clock::Time,
    host::{Context, Ledger, Owner, Surroundings, link, link_wasi},
    network::Dialer,
    secrets::{Redactor, SecretBytes},
};
use runner_engine::ports::Clock;
use runner_model::{Digest, Failure, FailureKind, format_duration};
use tokio::{
    sync::OnceCell,
    time::{Instant, timeout_at},
};
use wasmtime::{
    Engine,
    component::{Component, Linker},
};

use crate::{
    cache::{self, Cache, Found},
    compiler::{CompileError, Compiler, InProcess},
    engine::{Allocation, Counting, EngineError, Engines, Variant},
    failure::{self, in_one_line},
    guest::{self, Guest},
    inspect::{Inspection, LoadError},
    kind::Kind,
    manifest::{self, Manifest, Said},
    schema::Schema,
    source::{Read, Text},
    surface::{self, Surface},
};

/// Time for `describe`: interpreters take a second to start on a slow machine.
const DESCRIBE_TIME: Duration = Duration::from_secs(10);

/// Loads components. Each is compiled once, however often it is asked for; with a cache directory, once per machine.
#[derive(Clone)]
pub struct Loader {
    pub(crate) shared: Arc<Shared>,
}

/// What a loader stands on.
pub struct LoaderOptions {
    /// Where compiled components are kept; one that cannot be used is noted and left alone.
    pub cache: Option<PathBuf>,
    /// The time, as plugins see it.
    pub clock: Arc<dyn Clock>,
    /// Who compiles.
    pub compiler: Arc<dyn Compiler>,
    /// Who is told that something is compiled, which takes its time.
    pub watch: Arc<dyn Fn(Compiling) + Send + Sync>,
}

/// Something is compiled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Compiling {
    /// From now on.
    Began {
        /// Name of its file.
        name: String,
        /// Size of the component in bytes.
        size: u64,
    },
    /// No longer, for better or worse.
    Ended {
        /// Name of its file.
        name: String,
    },
}

pub(crate) struct Shared {
    pub(crate) engines: Engines,
    cache: Option<Cache>,
    pub(crate) compiler: Arc<dyn Compiler>,
    watch: Arc<dyn Fn(Compiling) + Send + Sync>,
    pub(crate) time: Arc<dyn Time>,
    describe_time: Duration,
    notes: Mutex<Vec<String>>,
    known: Mutex<HashMap<Digest, Arc<OnceCell<Knowing>>>>,
}

/// What came of looking at a component.
type Knowing = Result<Arc<Known>, LoadError>;

/// A component about which everything is known.
pub(crate) struct Known {
    pub(crate) digest: Digest,
    pub(crate) size: u64,
    pub(crate) surface: Surface,
    pub(crate) manifest: Manifest,
    pub(crate) schema: Schema,
    source: Source,
    compiled: Mutex<HashMap<Variant, Component>>,
}

/// Where a component is from.
struct Source {
    text: Text,
    size: u64,
    /// The machine code, where no cache keeps it.
    unkept: Mutex<HashMap<Counting, Arc<Vec<u8>>>>,
}

/// The engine's clock as the capabilities want it.
struct ClockTime(Arc<dyn Clock>);

impl Time for ClockTime {
    fn now_ms(&self) -> u64 {
        self.0.now_ms()
    }

    fn monotonic_us(&self) -> u64 {
        self.0.monotonic_us()
    }
}

impl Loader {
    /// Makes ready to load: compiling in this process, telling nobody.
    ///
    /// # Errors
    ///
    /// This machine cannot run components.
    pub fn new(cache: Option<PathBuf>, clock: Arc<dyn Clock>) -> Result<Self, EngineError> {
        Self::with(LoaderOptions { cache, clock, compiler: Arc::new(InProcess), watch: Arc::new(|_| {}) })
    }

    /// Makes ready to load.
    ///
    /// # Errors
    ///
    /// This machine cannot run components.
    pub fn with(options: LoaderOptions) -> Result<Self, EngineError> {
        let LoaderOptions { cache, clock, compiler, watch } = options;
        let mut notes = Vec::new();
        let cache = cache.and_then(|directory| Cache::open(&directory).map_err(|note| notes.push(note)).ok());
        Ok(Self {
            shared: Arc::new(Shared {
                engines: Engines::new()?,
                cache,
                compiler,
                watch,
                time: Arc::new(ClockTime(clock)),
                describe_time: DESCRIBE_TIME,
                notes: Mutex::new(notes),
                known: Mutex::default(),
            }),
        })
    }

    /// Reads, compiles and asks the component at `path`.
    ///
    /// # Errors
    ///
    /// It cannot be used.
    pub async fn inspect(&self, path: &Path) -> Result<Inspection, LoadError> {
        let known = self.know_file(path).await?;
        Ok(known.inspection())
    }

    /// Compiles and asks a component that is in memory.
    ///
    /// # Errors
    ///
    /// It cannot be used.
    pub async fn inspect_bytes(&self, bytes: Vec<u8>) -> Result<Inspection, LoadError> {
        let known = self.know(Read::memory(bytes)).await?;
        Ok(known.inspection())
    }

    /// Reads, compiles and asks all of these at the same time.
    ///
    /// # Errors
    ///
    /// For each whether it can be used, in the same order.
    pub async fn inspect_all(&self, paths: &[PathBuf]) -> Vec<Result<Inspection, LoadError>> {
        // No more are compiled at once than there are processors: compilers are hungry.
        let jobs = match paths.len() {
            0 | 1 => 1,
            _ => std::thread::available_parallelism().map_or(1, NonZeroUsize::get),
        };
        let inspections = paths.iter().map(|path| self.inspect(path));
        futures::stream::iter(inspections).buffered(jobs).collect().await
    }

    /// What is worth telling about the cache since the last time: why something had to be compiled again.
    #[must_use]
    pub fn notes(&self) -> Vec<String> {
        std::mem::take(&mut lock(&self.shared.notes))
    }

    /// The same with another time for `describe`.
    #[cfg(test)]
    pub(crate) fn giving_describe(self, time: Duration) -> Self {
        let Ok(shared) = Arc::try_unwrap(self.shared) else { unreachable!("a fresh loader is not shared") };
        Self { shared: Arc::new(Shared { describe_time: time, ..shared }) }
    }

    /// What this loader has come to know already, whatever has become of the file.
    pub(crate) fn already(&self, digest: &Digest) -> Option<Arc<Known>> {
        let cell = lock(&self.shared.known).get(digest).cloned()?;
        cell.get()?.as_ref().ok().cloned()
    }

    pub(crate) async fn know_file(&self, path: &Path) -> Result<Arc<Known>, LoadError> {
        let path = path.to_owned();
        self.know(blocking(move || Read::file(path)).await?).await
    }

    /// One who asks for a component that another is making ready waits for that. What failed once is not tried again: the
    /// compiler may have taken its time.
    async fn know(&self, read: Read) -> Result<Arc<Known>, LoadError> {
        let cell = Arc::clone(lock(&self.shared.known).entry(read.digest.clone()).or_default());
        cell.get_or_init(|| self.make_known(read)).await.clone()
    }

    async fn make_known(&self, read: Read) -> Result<Arc<Known>, LoadError> {
        read.check()?;
        let Read { digest, size, text, .. } = read;
        let source = Source { text, size, unkept: Mutex::default() };
        let shared = Arc::clone(&self.shared);
        let (source, found, digest) = blocking(move || {
            let found = shared.compiled(&digest, &source, Variant::PLAIN)?;
            Ok((source, found, digest))
        })
        .await?;
        let Found { component, said } = found;
        let engine = self.shared.engines.get(Variant::PLAIN).map_err(unable)?;
        let surface = surface::read(&engine, &component)?;
        let said = match said {
            Some(said) => said,
            None => {
                let said = self.describe(&engine, &component, &surface).await?;
                if let Some(cache) = &self.shared.cache {
                    cache.remember(&engine, &digest, &said);
                }
                said
            }
        };
        let (manifest, schema) = manifest::read(said).map_err(|reason| LoadError::BadManifest { reason })?;
        let compiled = Mutex::new(HashMap::from([(Variant::PLAIN, component)]));
        Ok(Arc::new(Known { digest, size, surface, manifest, schema, source, compiled }))
    }

    /// The component for instances made on demand, with its engine: from memory, from the cache, or compiled now.
    pub(crate) async fn on_demand(
        &self,
        known: &Arc<Known>,
        counting: Counting,
    ) -> Result<(Component, Engine), LoadError> {
        let variant = Variant { counting, allocation: Allocation::OnDemand };
        let engine = self.shared.engines.get(variant).map_err(unable)?;
        if let Some(component) = lock(&known.compiled).get(&variant) {
            return Ok((component.clone(), engine));
        }
        let (shared, owned) = (Arc::clone(&self.shared), Arc::clone(known));
        let found = blocking(move || shared.compiled(&owned.digest, &owned.source, variant)).await?;
        lock(&known.compiled).insert(variant, found.component.clone());
        Ok((found.component, engine))
    }

    /// The same for instances from a pool; nothing if this machine has no room for one, or the component needs more than
    /// a pool gives to one. It has been compiled by [`Loader::on_demand`] before.
    pub(crate) async fn pooled(&self, known: &Arc<Known>, counting: Counting) -> Option<(Component, Engine)> {
        let variant = Variant { counting, allocation: Allocation::Pooled };
        let engine = match self.shared.engines.get(variant) {
            Ok(engine) => engine,
            Err(error) => {
                self.shared.note(format!("instances are not pooled, so calls are slower: {}", error.reason));
                return None;
            }
        };
        if let Some(component) = lock(&known.compiled).get(&variant) {
            return Some((component.clone(), engine));
        }
        let (shared, owned, same) = (Arc::clone(&self.shared), Arc::clone(known), engine.clone());
        let component = blocking(move || Ok(shared.again(&owned, &same, counting))).await.ok().flatten()?;
        lock(&known.compiled).insert(variant, component.clone());
        Some((component, engine))
    }

    /// Asks the component what it is, in a sandbox with no capability at all.
    async fn describe(
        &self,
        engine: &Engine,
        component: &Component,
        surface: &Surface,
    ) -> Result<Said, LoadError> {
        let kind = linked(engine, component, surface, &GrantSet::none())?;
        let limits = Limits::default();
        let deadline = Instant::now() + self.shared.describe_time;
        let context =
            self.nothing(limits, deadline, surface).map_err(|reason| LoadError::Misfit { reason })?;
        let mut store = guest::store(engine, context, limits.memory, None)
            .map_err(|error| LoadError::Misfit { reason: format!("{error:#}") })?;
        let running = self.shared.engines.running();
        let described = timeout_at(deadline, kind.describe(&mut store)).await;
        drop(running);
        match described {
            Ok(Ok(raw)) => Ok(raw.into()),
            Ok(Err(error)) => {
                let failure = failure::of_call(&error, store.data(), &limits);
                if failure.kind == FailureKind::BadAnswer {
                    return Err(LoadError::Misfit { reason: in_one_line(&error) });
                }
                Err(LoadError::Describe { failure: failure::tidy(failure, &Redactor::default()) })
            }
            Err(_) => {
                let message =
                    format!("it did not return within {}", format_duration(self.shared.describe_time));
                Err(LoadError::Describe { failure: Failure::new(FailureKind::TimedOut, message) })
            }
        }
    }

    fn nothing(&self, limits: Limits, deadline: Instant, surface: &Surface) -> Result<Context, String> {
        let context = Context::new(Surroundings {
            grants: Arc::new(GrantSet::none()),
            limits,
            deadline,
            tree: None,
            secrets: Arc::new(SecretBytes::default()),
            dialer: Arc::new(Dialer::system()),
            time: Arc::clone(&self.shared.time),
            ledger: Arc::new(Ledger::new(limits, Arc::new(Redactor::default()), Box::new(|_| {}))),
            env: Arc::default(),
            machine: Arc::default(),
            programs: Arc::default(),
            docker: None,
            owner: Owner::default(),
        });
        if surface.wasi_linked { context.with_wasi().map_err(|error| error.to_string()) } else { Ok(context) }
    }
}

impl Shared {
    /// From the cache, or compiled now and kept there. Blocks.
    fn compiled(&self, digest: &Digest, source: &Source, variant: Variant) -> Result<Found, LoadError> {
        let engine = self.engines.get(variant).map_err(unable)?;
        let mapped = || match self.cache.as_ref().map(|cache| cache.load(&engine, digest)) {
            Some(Ok(found)) => found,
            Some(Err(note)) => {
                self.note(note);
                None
            }
            None => None,
        };
        if let Some(found) = mapped() {
            return Ok(found);
        }
        let code = self.machine_code(digest, source, variant.counting)?;
        match self.cache.as_ref().map(|cache| cache.install(&engine, digest, &code)) {
            // Mapped even now: pages that nobody touches cost nothing, and runs side by side share them.
            Some(Ok(())) => {
                if let Some(found) = mapped() {
                    lock(&source.unkept).remove(&variant.counting);
                    return Ok(found);
                }
            }
            Some(Err(note)) => self.note(note),
            None => {}
        }
        let component = cache::copied(&engine, &code)
            .map_err(|error| LoadError::Invalid { reason: in_one_line(&error) })?;
        Ok(Found { component, said: None })
    }

    /// What has been compiled already, in another engine. Blocks.
    fn again(&self, known: &Known, engine: &Engine, counting: Counting) -> Option<Component> {
        if let Some(code) = lock(&known.source.unkept).get(&counting) {
            return cache::copied(engine, code).ok();
        }
        Some(self.cache.as_ref()?.load(engine, &known.digest).ok()??.component)
    }

    fn machine_code(
        &self,
        digest: &Digest,
        source: &Source,
        counting: Counting,
    ) -> Result<Arc<Vec<u8>>, LoadError> {
        if let Some(code) = lock(&source.unkept).get(&counting) {
            return Ok(Arc::clone(code));
        }
        let name = source.text.name();
        (self.watch)(Compiling::Began { name: name.clone(), size: source.size });
        let compiled = source.text.bytes(digest).map(|bytes| self.compiler.compile(&bytes, counting));
        (self.watch)(Compiling::Ended { name });
        let compiled = compiled?;
        let code = Arc::new(compiled.map_err(|error| match error {
            CompileError::Invalid { reason } => LoadError::Invalid { reason },
            CompileError::GaveUp { reason } => LoadError::NotCompiled { reason },
            CompileError::NotStarted { .. } => LoadError::Machine { reason: error.to_string() },
        })?);
        lock(&source.unkept).insert(counting, Arc::clone(&code));
        Ok(code)
    }

    fn note(&self, note: String) {
        lock(&self.notes).push(note);
    }
}

/// Nothing that holds one of these locks can panic half way.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn unable(error: EngineError) -> LoadError {
    LoadError::Machine { reason: error.reason }
}

impl Known {
    fn inspection(&self) -> Inspection {
        Inspection {
            digest: self.digest.clone(),
            size: self.size,
            kind: self.surface.kind,
            imports: self.surface.requested.clone(),
            wasi: self.surface.wasi.clone(),
            manifest: self.manifest.clone(),
        }
    }
}

/// Links what the component imports: the real thing where `grants` has a rule for it, else what answers `denied`.
pub(crate) fn linked(
    engine: &Engine,
    component: &Component,
    surface: &Surface,
    grants: &GrantSet,
) -> Result<Kind, LoadError> {
    let misfit = |error: wasmtime::Error| LoadError::Misfit { reason: in_one_line(&error) };
    let mut linker: Linker<Guest> = Linker::new(engine);
    for capability in &surface.linked {
        link(&mut linker, *capability, grants.rules().serves(*capability)).map_err(misfit)?;
    }
    if surface.wasi_linked {
        link_wasi(&mut linker).map_err(misfit)?;
    }
    let pre = linker.instantiate_pre(component).map_err(misfit)?;
    Kind::new(surface.kind, pre).map_err(misfit)
}

/// Does `work` on a thread that may wait.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, LoadError> + Send + 'static,
) -> Result<T, LoadError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => Err(LoadError::NotCompiled { reason: format!("a fault of the runner: {error}") }),
    }
}
