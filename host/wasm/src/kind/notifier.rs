//! Notifiers: tell people or systems about a run.

use runner_capabilities::host::bindings::runner::plugin::types;
use runner_engine::ports::{Notice, Operation};
use runner_model::PluginKind;
use wasmtime::{Result, Store};

use super::{Raw, RawAnswer, WrongOperation};
use crate::{
    bindings::notifier::{NotifierPluginPre, exports::runner::plugin::notifier::Event},
    guest::Guest,
};

pub(super) async fn describe(
    pre: &NotifierPluginPre<Guest>,
    store: &mut Store<Guest>,
) -> Result<types::Manifest> {
    let plugin = pre.instantiate_async(&mut *store).await?;
    plugin.runner_plugin_notifier().call_describe(store).await
}

pub(super) async fn call(
    pre: &NotifierPluginPre<Guest>,
    store: &mut Store<Guest>,
    request: &types::Request,
    operation: Operation,
) -> Result<std::result::Result<Raw, types::Failure>> {
    let Operation::Notify(notice) = operation else {
        return Err(WrongOperation(PluginKind::Notifier).into());
    };
    let plugin = pre.instantiate_async(&mut *store).await?;
    let summary = format!("delivered `{}`", notice.name);
    let notified = plugin.runner_plugin_notifier().call_notify(store, request, &event(notice)).await?;
    Ok(notified.map(|()| Raw::Answered(RawAnswer::done(summary))))
}

fn event(notice: Notice) -> Event {
    Event {
        name: notice.name,
        pipeline: notice.pipeline,
        status: notice.status,
        severity: notice.severity,
        step: notice.step,
        summary: notice.summary,
        json: notice.json.to_string(),
    }
}
