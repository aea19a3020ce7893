//! Actions: any other change that can be taken back.

use runner_capabilities::host::bindings::runner::plugin::types;
use runner_engine::ports::Operation;
use runner_model::PluginKind;
use wasmtime::{Result, Store};

use super::{Change, Raw, RawAnswer};
use crate::{
    bindings::action::{ActionPluginPre, exports::runner::plugin::action::Applied},
    guest::Guest,
};

pub(super) async fn describe(
    pre: &ActionPluginPre<Guest>,
    store: &mut Store<Guest>,
) -> Result<types::Manifest> {
    let plugin = pre.instantiate_async(&mut *store).await?;
    plugin.runner_plugin_action().call_describe(store).await
}

pub(super) async fn call(
    pre: &ActionPluginPre<Guest>,
    store: &mut Store<Guest>,
    request: &types::Request,
    operation: Operation,
) -> Result<std::result::Result<Raw, types::Failure>> {
    let change = Change::of(operation, PluginKind::Action)?;
    let plugin = pre.instantiate_async(&mut *store).await?;
    let action = plugin.runner_plugin_action();
    Ok(match change {
        Change::Capture => action.call_capture(store, request).await?.map(Raw::Captured),
        Change::Apply(snapshot) => {
            action.call_apply(store, request, &snapshot.0).await?.map(|applied| Raw::Answered(raw(applied)))
        }
        Change::Restore(snapshot) => {
            action.call_restore(store, request, &snapshot.0).await?.map(|()| Raw::Restored)
        }
    })
}

fn raw(applied: Applied) -> RawAnswer {
    RawAnswer { findings: applied.findings, outputs: applied.outputs, ..RawAnswer::done(applied.summary) }
}
