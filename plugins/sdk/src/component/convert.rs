//! From the plugin's words to the words of the WIT package, and the other way round.

use super::capabilities::runner::plugin::types;
use super::{Component, Exported, action, gate, health_check, notifier, proxy_switch};
use crate::{
    Action, Applied, Check, Decision, Evaluation, Event, Failure, FailureKind, Finding, Gate, Health,
    HealthCheck, HostError, Manifest, Notifier, Output, ProxySwitch, Report, Route, Severity, Switched,
    Upstream,
};
use action::exports::runner::plugin::action as action_wit;
use gate::exports::runner::plugin::gate as gate_wit;
use health_check::exports::runner::plugin::health_check as health_wit;
use notifier::exports::runner::plugin::notifier as notifier_wit;
use proxy_switch::exports::runner::plugin::proxy_switch as proxy_wit;

impl<E: Exported<Plugin: Gate>> gate_wit::Guest for Component<E> {
    fn describe() -> types::Manifest {
        Self::describe()
    }

    fn evaluate(request: types::Request) -> Result<gate_wit::Evaluation, types::Failure> {
        Self::call(request, E::Plugin::evaluate).map(Into::into)
    }
}

impl<E: Exported<Plugin: HealthCheck>> health_wit::Guest for Component<E> {
    fn describe() -> types::Manifest {
        Self::describe()
    }

    fn probe(request: types::Request) -> Result<health_wit::Report, types::Failure> {
        Self::call(request, E::Plugin::probe).map(Into::into)
    }
}

impl<E: Exported<Plugin: Notifier>> notifier_wit::Guest for Component<E> {
    fn describe() -> types::Manifest {
        Self::describe()
    }

    fn notify(request: types::Request, event: notifier_wit::Event) -> Result<(), types::Failure> {
        let event = Event::from(event);
        Self::call(request, |config, request, host| E::Plugin::notify(config, request, &event, host))
    }
}

impl<E: Exported<Plugin: ProxySwitch>> proxy_wit::Guest for Component<E> {
    fn describe() -> types::Manifest {
        Self::describe()
    }

    fn observe(request: types::Request) -> Result<proxy_wit::Route, types::Failure> {
        Self::call(request, E::Plugin::observe).map(Into::into)
    }

    fn capture(request: types::Request) -> Result<String, types::Failure> {
        Self::call(request, E::Plugin::capture)
    }

    fn switch(request: types::Request, snapshot: String) -> Result<proxy_wit::Switched, types::Failure> {
        Self::call(request, |config, request, host| E::Plugin::switch(config, &snapshot, request, host))
            .map(Into::into)
    }

    fn restore(request: types::Request, snapshot: String) -> Result<proxy_wit::Route, types::Failure> {
        Self::call(request, |config, request, host| E::Plugin::restore(config, &snapshot, request, host))
            .map(Into::into)
    }
}

impl<E: Exported<Plugin: Action>> action_wit::Guest for Component<E> {
    fn describe() -> types::Manifest {
        Self::describe()
    }

    fn capture(request: types::Request) -> Result<String, types::Failure> {
        Self::call(request, E::Plugin::capture)
    }

    fn apply(request: types::Request, snapshot: String) -> Result<action_wit::Applied, types::Failure> {
        Self::call(request, |config, request, host| E::Plugin::apply(config, &snapshot, request, host))
            .map(Into::into)
    }

    fn restore(request: types::Request, snapshot: String) -> Result<(), types::Failure> {
        Self::call(request, |config, request, host| E::Plugin::restore(config, &snapshot, request, host))
    }
}

fn all<T: Into<U>, U>(items: Vec<T>) -> Vec<U> {
    items.into_iter().map(Into::into).collect()
}

impl From<Manifest> for types::Manifest {
    fn from(manifest: Manifest) -> Self {
        let Manifest { name, version, summary, config_schema, outputs } = manifest;
        Self { name, version, summary, config_schema, outputs }
    }
}

impl From<Failure> for types::Failure {
    fn from(failure: Failure) -> Self {
        let kind = match failure.kind {
            FailureKind::InvalidConfig => types::FailureKind::InvalidConfig,
            FailureKind::InvalidInput => types::FailureKind::InvalidInput,
            FailureKind::Denied => types::FailureKind::Denied,
            FailureKind::Unavailable => types::FailureKind::Unavailable,
            FailureKind::TimedOut => types::FailureKind::TimedOut,
            FailureKind::BudgetExceeded => types::FailureKind::BudgetExceeded,
            FailureKind::Internal => types::FailureKind::Internal,
        };
        Self { kind, message: failure.message }
    }
}

impl From<types::HostError> for HostError {
    fn from(error: types::HostError) -> Self {
        match error {
            types::HostError::Denied => Self::Denied,
            types::HostError::Unavailable(text) => Self::Unavailable(text),
            types::HostError::TimedOut => Self::TimedOut,
            types::HostError::BudgetExceeded(text) => Self::BudgetExceeded(text),
            types::HostError::Invalid(text) => Self::Invalid(text),
        }
    }
}

impl From<Finding> for types::Finding {
    fn from(finding: Finding) -> Self {
        let Finding { severity, rule, message, file, line, column, help } = finding;
        let severity = match severity {
            Severity::Error => types::Severity::Error,
            Severity::Warning => types::Severity::Warning,
            Severity::Note => types::Severity::Note,
        };
        Self { severity, rule, message, file, line, column, help }
    }
}

impl From<Output> for types::Output {
    fn from(output: Output) -> Self {
        Self { name: output.name, json: output.value.to_string() }
    }
}

impl From<Evaluation> for gate_wit::Evaluation {
    fn from(evaluation: Evaluation) -> Self {
        let Evaluation { decision, summary, findings, outputs } = evaluation;
        let decision = match decision {
            Decision::Pass => gate_wit::Decision::Pass,
            Decision::Warn => gate_wit::Decision::Warn,
            Decision::Fail => gate_wit::Decision::Fail,
            Decision::Inconclusive => gate_wit::Decision::Inconclusive,
        };
        Self { decision, summary, findings: all(findings), outputs: all(outputs) }
    }
}

impl From<Health> for health_wit::Health {
    fn from(health: Health) -> Self {
        match health {
            Health::Healthy => Self::Healthy,
            Health::Degraded => Self::Degraded,
            Health::Unhealthy => Self::Unhealthy,
            Health::Unknown => Self::Unknown,
        }
    }
}

impl From<Check> for health_wit::Check {
    fn from(check: Check) -> Self {
        Self { name: check.name, health: check.health.into(), message: check.message }
    }
}

impl From<Report> for health_wit::Report {
    fn from(report: Report) -> Self {
        let Report { health, score, summary, checks, findings, outputs } = report;
        let health = health.into();
        Self { health, score, summary, checks: all(checks), findings: all(findings), outputs: all(outputs) }
    }
}

impl From<notifier_wit::Event> for Event {
    fn from(event: notifier_wit::Event) -> Self {
        let notifier_wit::Event { name, pipeline, status, severity, step, summary, json } = event;
        Self { name, pipeline, status, severity, step, summary, json }
    }
}

impl From<Upstream> for proxy_wit::Upstream {
    fn from(upstream: Upstream) -> Self {
        Self { address: upstream.address, weight: upstream.weight }
    }
}

impl From<Route> for proxy_wit::Route {
    fn from(route: Route) -> Self {
        Self { upstreams: all(route.upstreams), revision: route.revision }
    }
}

impl From<Switched> for proxy_wit::Switched {
    fn from(switched: Switched) -> Self {
        let Switched { route, summary, outputs } = switched;
        Self { route: route.into(), summary, outputs: all(outputs) }
    }
}

impl From<Applied> for action_wit::Applied {
    fn from(applied: Applied) -> Self {
        let Applied { summary, findings, outputs } = applied;
        Self { summary, findings: all(findings), outputs: all(outputs) }
    }
}
