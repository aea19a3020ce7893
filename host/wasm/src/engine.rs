//! The two engines, and the thread that makes long computations give way.
//!
//! Settings follow measurements: epochs cost 2 % of a short call and are the only way to end a loop; component-model
//! concurrency costs half of it and is not needed before WASI 0.3. Garbage collection, exceptions, threads and stack
//! switching are not compiled in: surface that nobody uses.
//! Fuel makes code a fifth slower, so steps with a `fuel` limit run in an engine of their own.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use wasmtime::{Config, Engine};

/// How often a computation gives way, so that its deadline can be looked at.
const TICK: Duration = Duration::from_millis(10);

/// This machine cannot run components.
#[derive(Debug, thiserror::Error)]
#[error("components cannot be run on this machine: {reason}")]
pub struct EngineError {
    /// Why not.
    pub reason: String,
}

/// Which engine a component is compiled for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Counting {
    /// Instructions are not counted.
    Nothing,
    /// Each instruction takes fuel.
    Fuel,
}

/// The engines with their ticker.
pub(crate) struct Engines {
    plain: Engine,
    fuelled: Engine,
    ticker: Ticker,
}

impl Engines {
    pub(crate) fn new() -> Result<Self, EngineError> {
        let engine = |counting| {
            Engine::new(&config(counting)).map_err(|error| EngineError { reason: format!("{error:#}") })
        };
        let (plain, fuelled) = (engine(Counting::Nothing)?, engine(Counting::Fuel)?);
        let ticker = Ticker::start(vec![plain.clone(), fuelled.clone()])
            .map_err(|error| EngineError { reason: format!("no thread for the ticker: {error}") })?;
        Ok(Self { plain, fuelled, ticker })
    }

    pub(crate) fn get(&self, counting: Counting) -> &Engine {
        match counting {
            Counting::Nothing => &self.plain,
            Counting::Fuel => &self.fuelled,
        }
    }

    /// Keeps the ticker going until the guard is dropped. Without one the thread sleeps.
    pub(crate) fn running(&self) -> Running {
        self.ticker.running()
    }
}

fn config(counting: Counting) -> Config {
    let mut config = Config::new();
    config
        .epoch_interruption(true)
        .consume_fuel(counting == Counting::Fuel)
        .concurrency_support(false)
        .gc_support(false);
    config
}

/// A thread that moves the epoch on while something runs.
struct Ticker {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    running: AtomicUsize,
    stop: AtomicBool,
}

/// Something runs as long as this lives.
pub(crate) struct Running(Arc<Shared>);

impl Ticker {
    fn start(engines: Vec<Engine>) -> std::io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let seen = Arc::clone(&shared);
        let thread = thread::Builder::new().name("epoch".to_owned()).spawn(move || {
            while !seen.stop.load(Ordering::Acquire) {
                if seen.running.load(Ordering::Acquire) == 0 {
                    thread::park();
                } else {
                    thread::sleep(TICK);
                    engines.iter().for_each(Engine::increment_epoch);
                }
            }
        })?;
        Ok(Self { shared, thread: Some(thread) })
    }

    fn running(&self) -> Running {
        if self.shared.running.fetch_add(1, Ordering::AcqRel) == 0 {
            self.wake();
        }
        Running(Arc::clone(&self.shared))
    }

    fn wake(&self) {
        if let Some(thread) = &self.thread {
            thread.thread().unpark();
        }
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Release);
        self.wake();
        if let Some(thread) = self.thread.take() {
            // It only counts; it cannot have panicked.
            drop(thread.join());
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::AcqRel);
    }
}
