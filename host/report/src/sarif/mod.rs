//! A run as SARIF 2.1.0, for code scanning.
//!
//! ```text
//! Finding ----------------------------> result         rule `plugin/rule`, at its file and line
//! an answer no finding accounts for --> result         rule `plugin`, at the step in the pipeline
//! what kept a step from answering ----> notification   so that "nothing found" is never "nothing looked"
//! ```
//!
//! One SARIF run for the whole pipeline: GitHub takes 20 in a file and a pipeline may have more plugins than that. Two
//! plugins may call different things by one name, so a rule's id begins with its plugin. Everything has a location,
//! because code scanning shows nothing without one.
//!
//! Written with `json!` and held against the official schema in the tests. `serde-sarif` generates its types from that
//! schema with a build script on top of `schemafy`, which has had no release for years, and knows no more than the
//! schema does.
//!
//! Never here: reading the files that findings are about. So there is no `primaryLocationLineHash` where GitHub's own
//! upload can compute it from the line; a value of ours would only contradict it.

mod notifications;
mod results;
#[cfg(test)]
mod tests;

use runner_model::{Plan, Verdict};
use serde_json::{Value, json};
use url::Url;

use crate::{place, run::Run, text};

/// GitHub refuses a file with more.
const MOST_RESULTS: usize = 25_000;

/// The name that code scanning expects for the directory that paths start from.
const ROOT: &str = "%SRCROOT%";

/// A run as a SARIF log.
#[must_use]
pub fn document<G>(plan: &Plan<G>, run: &Run) -> Value {
    let base = place::base(&plan.header);
    let found = results::of(plan, run, base.as_ref());
    let mut sarif = json!({
        "tool": {
            "driver": driver(run, found.rules),
            "extensions": extensions(plan),
        },
        "automationDetails": { "id": category(plan, run) },
        "invocations": [invocation(plan, run, found.left_out, base.as_ref())],
        "results": found.results,
        "properties": {
            "run": run.id,
            "pipeline": text::clean(&plan.header.name),
            "digest": plan.header.digest,
            "status": run.status(),
            "finished": run.finished,
        },
    });
    if let Some(base) = &base {
        sarif["originalUriBaseIds"] = json!({ ROOT: { "uri": base.as_str() } });
    }
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [sarif],
    })
}

fn driver(run: &Run, rules: Vec<Value>) -> Value {
    let mut driver = json!({
        "name": "runner",
        "informationUri": env!("CARGO_PKG_REPOSITORY"),
        "rules": rules,
    });
    if !run.runner.is_empty() {
        driver["semanticVersion"] = json!(run.runner);
    }
    driver
}

/// The plugins, by which it can be told which component found what.
fn extensions<G>(plan: &Plan<G>) -> Vec<Value> {
    let plugins = plan.header.plugins.iter();
    plugins
        .map(|plugin| {
            json!({
                "name": plugin.alias,
                "properties": { "kind": plugin.kind, "digest": plugin.digest },
            })
        })
        .collect()
}

/// `pipeline/run`: code scanning takes what stands before the last slash as a category, and a later upload of the same
/// category as the newer state of things.
fn category<G>(plan: &Plan<G>, run: &Run) -> String {
    let id = run.id.map(|id| id.to_string()).unwrap_or_default();
    format!("{}/{id}", text::clean(&plan.header.name))
}

fn invocation<G>(plan: &Plan<G>, run: &Run, left_out: usize, base: Option<&Url>) -> Value {
    let mut invocation = json!({
        "executionSuccessful": run.verdict.as_ref().is_some_and(all_was_answered),
        "toolExecutionNotifications": notifications::of(plan, run, left_out, base),
    });
    if let Some(verdict) = &run.verdict {
        let exit = verdict.exit();
        invocation["exitCode"] = json!(exit.code());
        invocation["exitCodeDescription"] = json!(exit.meaning());
    }
    if let Some(base) = base {
        invocation["workingDirectory"] = json!({ "uri": base.as_str() });
    }
    if run.id.is_some() {
        let times = [("startTimeUtc", run.started_ms), ("endTimeUtc", run.last_ms)];
        for (name, at_ms) in times.into_iter().filter(|(name, _)| run.finished || *name == "startTimeUtc") {
            if let Some(time) = text::utc(at_ms) {
                invocation[name] = json!(time);
            }
        }
    }
    invocation
}

/// Whether the run came to its end on answers alone. That it is *no* does not matter: a tool that finds something has
/// worked.
fn all_was_answered(verdict: &Verdict) -> bool {
    use runner_model::ExitCode as Exit;
    match verdict.exit() {
        Exit::Succeeded | Exit::Rejected => true,
        Exit::Internal
        | Exit::Usage
        | Exit::Failed
        | Exit::Stuck
        | Exit::InvalidPipeline
        | Exit::GrantRefused
        | Exit::PluginUnusable
        | Exit::Environment
        | Exit::Locked
        | Exit::Cancelled => false,
    }
}

/// A place as SARIF says it.
fn location(place: &place::Place, base: Option<&Url>) -> Value {
    let uri = place.reference(base);
    let mut artifact = json!({ "uri": uri });
    if base.is_some() && !uri.starts_with("file:///") {
        artifact["uriBaseId"] = json!(ROOT);
    }
    let mut physical = json!({ "artifactLocation": artifact });
    if let Some(line) = place.line {
        physical["region"] = json!({ "startLine": line });
        if let Some(column) = place.column {
            physical["region"]["startColumn"] = json!(column);
        }
    }
    json!({ "physicalLocation": physical })
}
