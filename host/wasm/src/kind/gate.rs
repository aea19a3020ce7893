//! Gates: a question with a yes or no.

use runner_capabilities::host::bindings::runner::plugin::types;
use runner_engine::ports::Operation;
use runner_model::{Answer, PluginKind};
use wasmtime::{Result, Store};

use super::{Raw, RawAnswer, WrongOperation};
use crate::{
    bindings::gate::{
        GatePluginPre,
        exports::runner::plugin::gate::{Decision, Evaluation},
    },
    guest::Guest,
};

pub(super) async fn describe(
    pre: &GatePluginPre<Guest>,
    store: &mut Store<Guest>,
) -> Result<types::Manifest> {
    let plugin = pre.instantiate_async(&mut *store).await?;
    plugin.runner_plugin_gate().call_describe(store).await
}

pub(super) async fn call(
    pre: &GatePluginPre<Guest>,
    store: &mut Store<Guest>,
    request: &types::Request,
    operation: Operation,
) -> Result<std::result::Result<Raw, types::Failure>> {
    if operation != Operation::Observe {
        return Err(WrongOperation(PluginKind::Gate).into());
    }
    let plugin = pre.instantiate_async(&mut *store).await?;
    let evaluated = plugin.runner_plugin_gate().call_evaluate(store, request).await?;
    Ok(evaluated.map(|evaluation| Raw::Answered(raw(evaluation))))
}

fn raw(evaluation: Evaluation) -> RawAnswer {
    RawAnswer {
        answer: match evaluation.decision {
            Decision::Pass => Answer::Pass,
            Decision::Warn => Answer::Warn,
            Decision::Fail => Answer::Fail,
            Decision::Inconclusive => Answer::Inconclusive,
        },
        findings: evaluation.findings,
        outputs: evaluation.outputs,
        ..RawAnswer::done(evaluation.summary)
    }
}
