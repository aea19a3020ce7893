//! The store of one plugin call.

use runner_capabilities::host::{Context, HasContext};
use wasmtime::{Engine, Result, Store, UpdateDeadline};
use wasmtime_wasi::{WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtxView, WasiHttpView};

use crate::limiter::MemoryLimit;

/// Most bytes that one host call, or the answer, may carry out of the guest.
const MAX_TRANSFER: usize = 32 << 20;
/// Most handles of the component model that live at once.
const MAX_HANDLES: usize = 1_000;

/// The guest goes on calling WASI functions that have no way to refuse.
#[derive(Debug, thiserror::Error)]
#[error("more host calls than its limit")]
pub(crate) struct OverCalls;

/// What a store holds for its guest.
pub(crate) struct Guest {
    pub(crate) context: Context,
    pub(crate) memory: MemoryLimit,
}

impl HasContext for Guest {
    fn context(&mut self) -> &mut Context {
        &mut self.context
    }
}

impl WasiView for Guest {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        self.context.ctx()
    }
}

impl WasiHttpView for Guest {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        self.context.http()
    }
}

/// A fresh store: used for one call, then thrown away, whatever happened.
pub(crate) fn store(
    engine: &Engine,
    context: Context,
    memory: u64,
    fuel: Option<u64>,
) -> Result<Store<Guest>> {
    let mut store = Store::new(engine, Guest { context, memory: MemoryLimit::new(memory) });
    store.limiter(|guest| &mut guest.memory);
    store.set_hostcall_fuel(MAX_TRANSFER);
    store.set_max_component_handles(MAX_HANDLES);
    // At each tick the guest gives way; whoever holds the call's future looks at the deadline then.
    store.set_epoch_deadline(1);
    store.epoch_deadline_callback(|store| {
        if store.data().context.calls_overrun() {
            return Err(OverCalls.into());
        }
        Ok(UpdateDeadline::Yield(1))
    });
    if let Some(fuel) = fuel {
        store.set_fuel(fuel)?;
    }
    Ok(store)
}
