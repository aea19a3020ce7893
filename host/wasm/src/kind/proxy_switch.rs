//! Proxy switches: decide which version of a service gets the traffic.

use runner_capabilities::host::bindings::runner::plugin::types;
use runner_engine::ports::Operation;
use runner_model::PluginKind;
use wasmtime::{Result, Store};

use super::{Change, Raw, RawAnswer};
use crate::{
    bindings::proxy_switch::{ProxySwitchPluginPre, exports::runner::plugin::proxy_switch::Switched},
    guest::Guest,
};

pub(super) async fn describe(
    pre: &ProxySwitchPluginPre<Guest>,
    store: &mut Store<Guest>,
) -> Result<types::Manifest> {
    let plugin = pre.instantiate_async(&mut *store).await?;
    plugin.runner_plugin_proxy_switch().call_describe(store).await
}

pub(super) async fn call(
    pre: &ProxySwitchPluginPre<Guest>,
    store: &mut Store<Guest>,
    request: &types::Request,
    operation: Operation,
) -> Result<std::result::Result<Raw, types::Failure>> {
    let change = Change::of(operation, PluginKind::ProxySwitch)?;
    let plugin = pre.instantiate_async(&mut *store).await?;
    let switch = plugin.runner_plugin_proxy_switch();
    Ok(match change {
        Change::Capture => switch.call_capture(store, request).await?.map(Raw::Captured),
        Change::Apply(snapshot) => switch
            .call_switch(store, request, &snapshot.0)
            .await?
            .map(|switched| Raw::Answered(raw(switched))),
        Change::Restore(snapshot) => {
            switch.call_restore(store, request, &snapshot.0).await?.map(|_route| Raw::Restored)
        }
    })
}

fn raw(switched: Switched) -> RawAnswer {
    RawAnswer { outputs: switched.outputs, ..RawAnswer::done(switched.summary) }
}
