//! Proxy switches: decide which version of a service gets the traffic.

use runner_capabilities::host::bindings::runner::plugin::types;
use runner_engine::ports::Operation;
use runner_model::{PluginKind, Upstream};
use wasmtime::{Result, Store};

use super::{Change, Raw, RawAnswer};
use crate::{
    bindings::proxy_switch::{
        ProxySwitchPluginPre,
        exports::runner::plugin::proxy_switch::{self as types_of_proxy, Route, Switched},
    },
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
    if operation == Operation::Observe {
        let plugin = pre.instantiate_async(&mut *store).await?;
        let observed = plugin.runner_plugin_proxy_switch().call_observe(store, request).await?;
        return Ok(observed.map(observation));
    }
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

fn observation(route: Route) -> Raw {
    let upstream =
        |upstream: types_of_proxy::Upstream| Upstream { address: upstream.address, weight: upstream.weight };
    Raw::Observed { upstreams: route.upstreams.into_iter().map(upstream).collect(), revision: route.revision }
}

fn raw(switched: Switched) -> RawAnswer {
    RawAnswer { outputs: switched.outputs, ..RawAnswer::done(switched.summary) }
}
