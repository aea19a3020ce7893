//! From a file to a component that is known: compiled, its type read, asked what it is.

use std::{
    collections::HashMap,
    fs::File,
    io::Read as _,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use runner_capabilities::{
    GrantSet, Limits,
    clock::Time,
    host::{Context, Ledger, Surroundings, link, link_wasi},
    network::Dialer,
    secrets::{Redactor, SecretBytes},
};
use runner_engine::ports::Clock;
use runner_model::{Digest, Failure, FailureKind, format_duration};
use sha2::{Digest as _, Sha256};
use tokio::time::{Instant, timeout_at};
use wasmtime::component::{Component, Linker};

use crate::{
    cache::Cache,
    engine::{Counting, EngineError, Engines},
    failure,
    guest::{self, Guest},
    inspect::{Inspection, LoadError},
    kind::Kind,
    manifest::{self, Manifest},
    schema::Schema,
    surface::{self, Surface},
};

/// Largest component that is read: several times a Python interpreter. It is held as a whole as long as the run lasts.
const MAX_SIZE: u64 = 128 << 20;
/// Time for `describe`: interpreters take a second to start on a slow machine.
const DESCRIBE_TIME: Duration = Duration::from_secs(10);

/// Loads components. Each is compiled once, however often it is asked for; with a cache directory, once per machine.
#[derive(Clone)]
pub struct Loader {
    pub(crate) shared: Arc<Shared>,
}

pub(crate) struct Shared {
    pub(crate) engines: Engines,
    cache: Option<Cache>,
    pub(crate) time: Arc<dyn Time>,
    describe_time: Duration,
    notes: Mutex<Vec<String>>,
    compiled: Mutex<HashMap<(Digest, Counting), Component>>,
    known: Mutex<HashMap<Digest, Arc<Known>>>,
}

/// A component about which everything is known.
pub(crate) struct Known {
    pub(crate) digest: Digest,
    pub(crate) size: u64,
    pub(crate) bytes: Arc<Vec<u8>>,
    pub(crate) surface: Surface,
    pub(crate) manifest: Manifest,
    pub(crate) schema: Schema,
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
    /// Makes ready to load. `cache` is where compiled components are kept; one that cannot be used is noted and left
    /// alone.
    ///
    /// # Errors
    ///
    /// This machine cannot run components.
    pub fn new(cache: Option<PathBuf>, clock: Arc<dyn Clock>) -> Result<Self, EngineError> {
        let mut notes = Vec::new();
        let cache = cache.and_then(|directory| Cache::open(&directory).map_err(|note| notes.push(note)).ok());
        Ok(Self {
            shared: Arc::new(Shared {
                engines: Engines::new()?,
                cache,
                time: Arc::new(ClockTime(clock)),
                describe_time: DESCRIBE_TIME,
                notes: Mutex::new(notes),
                compiled: Mutex::default(),
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
        let known = self.know(bytes).await?;
        Ok(known.inspection())
    }

    /// What is worth telling about the cache since the last time: why something had to be compiled again.
    #[must_use]
    pub fn notes(&self) -> Vec<String> {
        std::mem::take(&mut self.shared.notes.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The same with another time for `describe`.
    #[cfg(test)]
    pub(crate) fn giving_describe(self, time: Duration) -> Self {
        let Ok(shared) = Arc::try_unwrap(self.shared) else { unreachable!("a fresh loader is not shared") };
        Self { shared: Arc::new(Shared { describe_time: time, ..shared }) }
    }

    pub(crate) async fn know_file(&self, path: &Path) -> Result<Arc<Known>, LoadError> {
        let path = path.to_owned();
        let bytes = blocking(move || read(&path)).await?;
        self.know(bytes).await
    }

    async fn know(&self, bytes: Vec<u8>) -> Result<Arc<Known>, LoadError> {
        let digest = Digest::from_sha256(&Sha256::digest(&bytes).into());
        let known = self.shared.known.lock().unwrap_or_else(PoisonError::into_inner).get(&digest).cloned();
        if let Some(known) = known {
            return Ok(known);
        }
        check_header(&bytes)?;
        let bytes = Arc::new(bytes);
        let component = self.compile(&digest, &bytes, Counting::Nothing).await?;
        let surface = surface::read(self.shared.engines.get(Counting::Nothing), &component)?;
        let (manifest, schema) = self.describe(&component, &surface).await?;
        let size = bytes.len() as u64;
        let known = Arc::new(Known { digest: digest.clone(), size, bytes, surface, manifest, schema });
        self.shared.known.lock().unwrap_or_else(PoisonError::into_inner).insert(digest, Arc::clone(&known));
        Ok(known)
    }

    /// The compiled component: from memory, from the cache, or made now on a thread that may take its time.
    pub(crate) async fn compile(
        &self,
        digest: &Digest,
        bytes: &Arc<Vec<u8>>,
        counting: Counting,
    ) -> Result<Component, LoadError> {
        let key = (digest.clone(), counting);
        let compiled = self.shared.compiled.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
        if let Some(component) = compiled {
            return Ok(component);
        }
        let (shared, bytes, digest) = (Arc::clone(&self.shared), Arc::clone(bytes), digest.clone());
        let component = blocking(move || shared.compile(&digest, &bytes, counting)).await?;
        self.shared.compiled.lock().unwrap_or_else(PoisonError::into_inner).insert(key, component.clone());
        Ok(component)
    }

    /// Asks the component what it is, in a sandbox with no capability at all.
    async fn describe(
        &self,
        component: &Component,
        surface: &Surface,
    ) -> Result<(Manifest, Schema), LoadError> {
        let engine = self.shared.engines.get(Counting::Nothing);
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
        let raw = match described {
            Ok(Ok(raw)) => raw,
            Ok(Err(error)) => {
                let failure = failure::of_call(&error, store.data(), &limits);
                if failure.kind == FailureKind::BadAnswer {
                    return Err(LoadError::Misfit { reason: in_one_line(&error) });
                }
                return Err(LoadError::Describe { failure: failure::tidy(failure, &Redactor::default()) });
            }
            Err(_) => {
                let message =
                    format!("it did not return within {}", format_duration(self.shared.describe_time));
                return Err(LoadError::Describe { failure: Failure::new(FailureKind::TimedOut, message) });
            }
        };
        manifest::read(raw).map_err(|reason| LoadError::BadManifest { reason })
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
        });
        if surface.wasi_linked { context.with_wasi().map_err(|error| error.to_string()) } else { Ok(context) }
    }
}

impl Shared {
    fn compile(&self, digest: &Digest, bytes: &[u8], counting: Counting) -> Result<Component, LoadError> {
        let engine = self.engines.get(counting);
        if let Some(cache) = &self.cache {
            match cache.load(engine, digest) {
                Ok(Some(component)) => return Ok(component),
                Ok(None) => {}
                Err(note) => self.note(note),
            }
        }
        let component = Component::new(engine, bytes)
            .map_err(|error| LoadError::Invalid { reason: in_one_line(&error) })?;
        if let Some(Err(note)) = self.cache.as_ref().map(|cache| cache.install(engine, digest, &component)) {
            self.note(note);
        }
        Ok(component)
    }

    fn note(&self, note: String) {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner).push(note);
    }
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
    engine: &wasmtime::Engine,
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

fn in_one_line(error: &wasmtime::Error) -> String {
    let mut text = runner_capabilities::log::clean_line(&format!("{error:#}"));
    runner_capabilities::log::shorten(&mut text, 500);
    text
}

fn read(path: &Path) -> Result<Vec<u8>, LoadError> {
    let unreadable = |reason: String| LoadError::Unreadable { path: path.display().to_string(), reason };
    let found = std::fs::metadata(path).map_err(|error| unreadable(error.to_string()))?;
    if !found.is_file() {
        return Err(unreadable("it is not a regular file".to_owned()));
    }
    if found.len() > MAX_SIZE {
        return Err(LoadError::TooLarge { bytes: found.len(), limit: MAX_SIZE });
    }
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(|error| unreadable(error.to_string()))?;
    file.take(MAX_SIZE + 1).read_to_end(&mut bytes).map_err(|error| unreadable(error.to_string()))?;
    if bytes.len() as u64 > MAX_SIZE {
        return Err(LoadError::TooLarge { bytes: found.len(), limit: MAX_SIZE });
    }
    Ok(bytes)
}

/// Says what a file is by its first bytes, before the compiler looks at it.
fn check_header(bytes: &[u8]) -> Result<(), LoadError> {
    let found = match bytes {
        [0, b'a', b's', b'm', _, _, 1, 0, ..] => return Ok(()),
        [0, b'a', b's', b'm', 1, 0, 0, 0, ..] => "a core module",
        [0, b'a', b's', b'm', ..] => "WebAssembly of an unknown sort",
        [0x7f, b'E', b'L', b'F', ..] => "a native program or a precompiled component",
        [] => "empty",
        _ => "something else",
    };
    Err(LoadError::NotAComponent { found })
}

/// Does `work` on a thread that may wait.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, LoadError> + Send + 'static,
) -> Result<T, LoadError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => Err(LoadError::Invalid { reason: format!("the compiler stopped: {error}") }),
    }
}
