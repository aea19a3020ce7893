//! Health checks: one measurement of something that runs.

use runner_capabilities::host::bindings::runner::plugin::types;
use runner_engine::ports::Operation;
use runner_model::{Answer, PluginKind};
use wasmtime::{Result, Store};

use super::{Raw, RawAnswer, RawCheck, WrongOperation};
use crate::{
    bindings::health_check::{
        HealthCheckPluginPre,
        exports::runner::plugin::health_check::{Health, Report},
    },
    guest::Guest,
};

pub(super) async fn describe(
    pre: &HealthCheckPluginPre<Guest>,
    store: &mut Store<Guest>,
) -> Result<types::Manifest> {
    let plugin = pre.instantiate_async(&mut *store).await?;
    plugin.runner_plugin_health_check().call_describe(store).await
}

pub(super) async fn call(
    pre: &HealthCheckPluginPre<Guest>,
    store: &mut Store<Guest>,
    request: &types::Request,
    operation: Operation,
) -> Result<std::result::Result<Raw, types::Failure>> {
    if operation != Operation::Observe {
        return Err(WrongOperation(PluginKind::HealthCheck).into());
    }
    let plugin = pre.instantiate_async(&mut *store).await?;
    let probed = plugin.runner_plugin_health_check().call_probe(store, request).await?;
    Ok(probed.map(|report| Raw::Answered(raw(report))))
}

fn raw(report: Report) -> RawAnswer {
    RawAnswer {
        answer: answer(report.health),
        findings: report.findings,
        checks: report
            .checks
            .into_iter()
            .map(|check| RawCheck { name: check.name, answer: answer(check.health), message: check.message })
            .collect(),
        score: report.score,
        outputs: report.outputs,
        ..RawAnswer::done(report.summary)
    }
}

fn answer(health: Health) -> Answer {
    match health {
        Health::Healthy => Answer::Pass,
        Health::Degraded => Answer::Warn,
        Health::Unhealthy => Answer::Fail,
        Health::Unknown => Answer::Inconclusive,
    }
}
