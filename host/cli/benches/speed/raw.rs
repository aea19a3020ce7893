//! Wasmtime alone: the same component, the same machine code, nothing of ours around it.

use std::path::Path;

use wasmtime::{
    Config, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig, Store,
    component::{Component, Linker},
};

wasmtime::component::bindgen!({
    path: "../../wit",
    world: "gate-plugin",
    exports: { default: async },
});

use runner::plugin::types::Request;

/// A component linked to nothing that does anything.
pub(crate) struct Raw {
    engine: Engine,
    plugin: GatePluginPre<()>,
}

/// The settings of `runner_wasm::engine`, which has the reasons.
fn engine(pooled: bool) -> Engine {
    let mut config = Config::new();
    config.epoch_interruption(true).concurrency_support(false).gc_support(false);
    if pooled {
        let mut pool = PoolingAllocationConfig::new();
        pool.total_component_instances(128)
            .total_core_instances(512)
            .total_memories(256)
            .total_tables(512)
            .total_stacks(128)
            .max_memory_size(1 << 32)
            .linear_memory_keep_resident(2 << 20)
            .table_keep_resident(64 << 10)
            .async_stack_keep_resident(64 << 10)
            .pagemap_scan(Enabled::No);
        config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    }
    Engine::new(&config).unwrap()
}

impl Raw {
    pub(crate) fn new(component: &[u8], pooled: bool) -> Self {
        let engine = engine(pooled);
        let component = Component::new(&engine, component).unwrap();
        Self::linked(engine, &component)
    }

    fn linked(engine: Engine, component: &Component) -> Self {
        let mut linker = Linker::new(&engine);
        linker.define_unknown_imports_as_traps(component).unwrap();
        let plugin = GatePluginPre::new(linker.instantiate_pre(component).unwrap()).unwrap();
        Self { engine, plugin }
    }

    /// A fresh store, a fresh instance, one call.
    pub(crate) async fn call(&self, config: &str) {
        let mut store = Store::new(&self.engine, ());
        store.set_epoch_deadline(1_000_000);
        let plugin = self.plugin.instantiate_async(&mut store).await.unwrap();
        let request = Request {
            run_id: "01JD3K0000000000000000000".to_owned(),
            step_id: "step".to_owned(),
            attempt: 1,
            config: config.to_owned(),
        };
        plugin.runner_plugin_gate().call_evaluate(&mut store, &request).await.unwrap().unwrap();
    }
}

/// Writes the machine code that [`floor`] maps.
pub(crate) fn precompile(component: &[u8], to: &Path) {
    std::fs::write(to, engine(false).precompile_component(component).unwrap()).unwrap();
}

/// A process that only maps, calls and ends.
#[expect(unsafe_code, reason = "maps what `precompile` has just written into a directory of its own")]
pub(crate) fn floor(compiled: &Path) {
    let engine = engine(false);
    // SAFETY: the benchmark wrote the file itself a moment ago, with `precompile`, where nobody else writes.
    let component = unsafe { Component::deserialize_file(&engine, compiled) }.unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(Raw::linked(engine, &component).call("{}"));
}
