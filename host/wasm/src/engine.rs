//! The engines, and the thread that makes long computations give way.
//!
//! Settings follow measurements (`docs/performance.md`): epochs cost 2 % of a short call and are the only way to end a
//! loop; component-model concurrency costs half of it and is not needed before WASI 0.3. Garbage collection, exceptions,
//! threads and stack switching are not compiled in: surface that nobody uses.
//!
//! There are up to four engines, each made when it is first asked for. Fuel makes code a fifth slower, so steps with a
//! `fuel` limit run in an engine of their own. Plans of many steps take their instances from a pool, which saves the page
//! tables most of the work; a pool takes longer to make than a few instances, so short plans do without.

use std::{
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use wasmtime::{Config, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig};

use crate::limiter::MAX_TABLE_ELEMENTS;

/// How often a computation gives way, so that its deadline can be looked at.
const TICK: Duration = Duration::from_millis(10);

/// Instances that live in a pool at once. From 128 up the pool is divided among the processors, so that they do not wait
/// for each other.
pub(crate) const POOL_SLOTS: u32 = 128;
/// What one component may have of each in a pool; what needs more gets its instances made on demand. A Rust component
/// with WASI has 4 core instances, 1 memory and 2 tables; one with a Python interpreter has 14 core instances.
const POOL_CORE_INSTANCES: u32 = 4;
const POOL_MEMORIES: u32 = 2;
const POOL_TABLES: u32 = 4;
/// What is wiped by writing zeros instead of being given back to the system: page tables are dearer than zeros.
const WIPED_MEMORY: usize = 2 << 20;
const WIPED_TABLE: usize = 64 << 10;
const WIPED_STACK: usize = 64 << 10;

/// This machine cannot run components.
#[derive(Debug, thiserror::Error)]
#[error("components cannot be run on this machine: {reason}")]
pub struct EngineError {
    /// Why not.
    pub reason: String,
}

/// What a component is compiled to count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Counting {
    /// Instructions are not counted.
    Nothing,
    /// Each instruction takes fuel.
    Fuel,
}

/// Where instances come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Allocation {
    /// Each is made when it is needed.
    OnDemand,
    /// From a pool that is made once.
    Pooled,
}

/// Which engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Variant {
    pub(crate) counting: Counting,
    pub(crate) allocation: Allocation,
}

impl Variant {
    /// What everything but a plan of many steps uses.
    pub(crate) const PLAIN: Self = Self { counting: Counting::Nothing, allocation: Allocation::OnDemand };
}

/// The engines with their ticker.
pub(crate) struct Engines {
    shared: Arc<Shared>,
    ticker: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    engines: RwLock<Vec<(Variant, Engine)>>,
    running: AtomicUsize,
    /// The ticker waits for something to run. While it only waits for its next tick nobody wakes it.
    parked: AtomicBool,
    stop: AtomicBool,
}

impl Engines {
    /// Starts the ticker. No engine is made yet.
    pub(crate) fn new() -> Result<Self, EngineError> {
        let shared = Arc::new(Shared::default());
        let seen = Arc::clone(&shared);
        let ticker = thread::Builder::new()
            .name("epoch".to_owned())
            .spawn(move || seen.tick())
            .map_err(|error| EngineError { reason: format!("no thread for the ticker: {error}") })?;
        Ok(Self { shared, ticker: Some(ticker) })
    }

    /// The engine, made now if it is the first time.
    ///
    /// # Errors
    ///
    /// This machine cannot have such an engine.
    pub(crate) fn get(&self, variant: Variant) -> Result<Engine, EngineError> {
        let found = |engines: &[(Variant, Engine)]| {
            engines.iter().find(|(made, _)| *made == variant).map(|(_, engine)| engine.clone())
        };
        // Nothing that holds the lock can panic half way.
        if let Some(engine) = found(&self.shared.engines.read().unwrap_or_else(PoisonError::into_inner)) {
            return Ok(engine);
        }
        let mut engines = self.shared.engines.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(engine) = found(&engines) {
            return Ok(engine);
        }
        let engine =
            Engine::new(&config(variant)).map_err(|error| EngineError { reason: format!("{error:#}") })?;
        engines.push((variant, engine.clone()));
        Ok(engine)
    }

    /// Keeps the ticker going until the guard is dropped. Without one the thread sleeps.
    pub(crate) fn running(&self) -> Running {
        self.shared.running.fetch_add(1, Ordering::SeqCst);
        if self.shared.parked.load(Ordering::SeqCst) {
            self.wake();
        }
        Running(Arc::clone(&self.shared))
    }

    fn wake(&self) {
        if let Some(ticker) = &self.ticker {
            ticker.thread().unpark();
        }
    }
}

impl Drop for Engines {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        self.wake();
        if let Some(ticker) = self.ticker.take() {
            // It only counts; it cannot have panicked.
            drop(ticker.join());
        }
    }
}

/// Something runs as long as this lives.
pub(crate) struct Running(Arc<Shared>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Shared {
    /// Moves the epoch on while something runs.
    fn tick(&self) {
        while !self.stop.load(Ordering::SeqCst) {
            if self.running.load(Ordering::SeqCst) > 0 {
                thread::park_timeout(TICK);
                let engines = self.engines.read().unwrap_or_else(PoisonError::into_inner);
                engines.iter().for_each(|(_, engine)| engine.increment_epoch());
                continue;
            }
            // Whoever begins after this line sees `parked`; whoever began before it is seen here.
            self.parked.store(true, Ordering::SeqCst);
            if self.running.load(Ordering::SeqCst) == 0 && !self.stop.load(Ordering::SeqCst) {
                thread::park();
            }
            self.parked.store(false, Ordering::SeqCst);
        }
    }
}

/// Where instances come from has no influence on the machine code: what is compiled for one allocation runs in both.
pub(crate) fn config(variant: Variant) -> Config {
    let mut config = Config::new();
    config
        .epoch_interruption(true)
        .consume_fuel(variant.counting == Counting::Fuel)
        .concurrency_support(false)
        .gc_support(false);
    match variant.allocation {
        Allocation::OnDemand => {}
        Allocation::Pooled => {
            config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool()));
        }
    }
    config
}

fn pool() -> PoolingAllocationConfig {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(POOL_SLOTS)
        .total_core_instances(POOL_SLOTS * POOL_CORE_INSTANCES)
        .total_memories(POOL_SLOTS * POOL_MEMORIES)
        .total_tables(POOL_SLOTS * POOL_TABLES)
        .total_stacks(POOL_SLOTS)
        .max_core_instances_per_component(POOL_CORE_INSTANCES)
        .max_memories_per_component(POOL_MEMORIES)
        .max_tables_per_component(POOL_TABLES)
        // How much a step may have is its own limit's business; here it is what 32 bits can say.
        .max_memory_size(1 << 32)
        .table_elements(MAX_TABLE_ELEMENTS)
        .linear_memory_keep_resident(WIPED_MEMORY)
        .table_keep_resident(WIPED_TABLE)
        .async_stack_keep_resident(WIPED_STACK)
        // A dirty page that was swapped out escapes the scan, and the next instance would see it.
        .pagemap_scan(Enabled::No);
    pool
}
