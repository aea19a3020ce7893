//! The calls as the real host makes them: config as JSON, outputs checked against what the plugin says it may set.

use serde_json::Value;

use super::FakeHost;
use crate::{
    Action, Applied, Evaluation, Event, Failure, Gate, HealthCheck, Notifier, Output, ProxySwitch, Report,
    Request, Route, Switched, manifest,
};

/// The request of every call in a test: run `01JD3KZ9Y4V5T6S7R8Q9P0N1M2`, step `step`, first attempt.
#[must_use]
pub fn request() -> Request {
    Request { run_id: "01JD3KZ9Y4V5T6S7R8Q9P0N1M2".to_owned(), step_id: "step".to_owned(), attempt: 1 }
}

/// Calls a gate.
///
/// # Errors
///
/// The gate's own [`Failure`], or `invalid-config` when `config` is not its config.
///
/// # Panics
///
/// When it sets an output that it does not declare: the real host would refuse the answer.
pub fn evaluate<G: Gate>(host: &FakeHost, config: Value) -> Result<Evaluation, Failure> {
    let evaluation = G::evaluate(manifest::config(&config.to_string())?, &request(), &host.host())?;
    assert_declared(&evaluation.outputs, G::OUTPUTS);
    Ok(evaluation)
}

/// Calls a health check once.
///
/// # Errors
///
/// The check's own [`Failure`], or `invalid-config` when `config` is not its config.
///
/// # Panics
///
/// When it sets an output that it does not declare.
pub fn probe<H: HealthCheck>(host: &FakeHost, config: Value) -> Result<Report, Failure> {
    let report = H::probe(manifest::config(&config.to_string())?, &request(), &host.host())?;
    assert_declared(&report.outputs, H::OUTPUTS);
    Ok(report)
}

/// Lets a notifier deliver one message.
///
/// # Errors
///
/// The notifier's own [`Failure`], or `invalid-config` when `config` is not its config.
pub fn notify<N: Notifier>(host: &FakeHost, config: Value, event: &Event) -> Result<(), Failure> {
    N::notify(manifest::config(&config.to_string())?, &request(), event, &host.host())
}

/// Asks a proxy switch where traffic goes.
///
/// # Errors
///
/// The plugin's own [`Failure`], or `invalid-config` when `config` is not its config.
pub fn observe<P: ProxySwitch>(host: &FakeHost, config: Value) -> Result<Route, Failure> {
    P::observe(manifest::config(&config.to_string())?, &request(), &host.host())
}

/// Lets a proxy switch take its snapshot.
///
/// # Errors
///
/// As [`observe`].
///
/// # Panics
///
/// When the snapshot is longer than 64 KiB: the real host would refuse it.
pub fn capture<P: ProxySwitch>(host: &FakeHost, config: Value) -> Result<String, Failure> {
    let snapshot = P::capture(manifest::config(&config.to_string())?, &request(), &host.host())?;
    assert_short(&snapshot);
    Ok(snapshot)
}

/// Lets a proxy switch move the traffic.
///
/// # Errors
///
/// As [`observe`].
///
/// # Panics
///
/// When it sets an output that it does not declare.
pub fn switch<P: ProxySwitch>(host: &FakeHost, config: Value, snapshot: &str) -> Result<Switched, Failure> {
    let switched = P::switch(manifest::config(&config.to_string())?, snapshot, &request(), &host.host())?;
    assert_declared(&switched.outputs, P::OUTPUTS);
    Ok(switched)
}

/// Lets a proxy switch bring the traffic back.
///
/// # Errors
///
/// As [`observe`].
pub fn restore<P: ProxySwitch>(host: &FakeHost, config: Value, snapshot: &str) -> Result<Route, Failure> {
    P::restore(manifest::config(&config.to_string())?, snapshot, &request(), &host.host())
}

/// Lets an action take its snapshot.
///
/// # Errors
///
/// The action's own [`Failure`], or `invalid-config` when `config` is not its config.
///
/// # Panics
///
/// When the snapshot is longer than 64 KiB: the real host would refuse it.
pub fn capture_action<A: Action>(host: &FakeHost, config: Value) -> Result<String, Failure> {
    let snapshot = A::capture(manifest::config(&config.to_string())?, &request(), &host.host())?;
    assert_short(&snapshot);
    Ok(snapshot)
}

/// Lets an action make its change.
///
/// # Errors
///
/// As [`capture_action`].
///
/// # Panics
///
/// When it sets an output that it does not declare.
pub fn apply<A: Action>(host: &FakeHost, config: Value, snapshot: &str) -> Result<Applied, Failure> {
    let applied = A::apply(manifest::config(&config.to_string())?, snapshot, &request(), &host.host())?;
    assert_declared(&applied.outputs, A::OUTPUTS);
    Ok(applied)
}

/// Lets an action take its change back.
///
/// # Errors
///
/// As [`capture_action`].
pub fn restore_action<A: Action>(host: &FakeHost, config: Value, snapshot: &str) -> Result<(), Failure> {
    A::restore(manifest::config(&config.to_string())?, snapshot, &request(), &host.host())
}

fn assert_declared(outputs: &[Output], declared: &[&str]) {
    for output in outputs {
        assert!(declared.contains(&output.name.as_str()), "output `{}` is not in `OUTPUTS`", output.name);
    }
}

fn assert_short(snapshot: &str) {
    assert!(snapshot.len() <= 64 * 1024, "a snapshot of {} bytes is longer than 64 KiB", snapshot.len());
}
