//! Health check: a container runs, is well by the engine's own probe, and stays so.
//!
//! The engine is asked once for what it knows; `judge` turns that into parts. How long a container has been well is
//! computed from when it was started and when its probes were, so a measurement takes no longer than the question. The
//! polling is the step's `poll`.
//!
//! Never here: a probe of our own. That is a matter of `exec-health`, `http-health` and the others.

mod judge;

use runner_evidence::{Length, moment};
use runner_plugin::host::{ContainerFacts, ContainerState, HealthStatus};
use runner_plugin::{Check, Failure, Health, HealthCheck, Host, Report, Request};
use runner_probe::line;
use schemars::JsonSchema;
use serde::Deserialize;

use judge::judge;

/// Which container, and what it is like when it is well.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Name or id of the container.
    #[schemars(length(min = 1))]
    container: String,
    /// What it has to be.
    #[serde(default)]
    expect: Expected,
    /// How long it has to have been so, without a restart or a failed probe.
    stable_for: Option<Length>,
    /// How often the engine may have started it again by itself.
    #[serde(default)]
    max_restarts: u32,
}

/// What a container has to be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Expected {
    /// It runs, and the engine's probe says that it is well.
    #[default]
    Healthy,
    /// It runs. For containers without a probe.
    Running,
}

/// The health check.
#[derive(Debug)]
pub struct DockerHealth;

impl HealthCheck for DockerHealth {
    type Config = Config;
    const OUTPUTS: &'static [&'static str] = &["health", "failing_streak", "started_at", "restarts"];

    fn probe(config: Config, _: &Request, host: &Host) -> Result<Report, Failure> {
        let Some(container) = host.docker().find_container(&config.container)? else {
            return Ok(missing(&config.container));
        };
        let facts = match container.inspect() {
            Ok(facts) => facts,
            // It went between the two questions.
            Err(failure) if failure.is_not_found() => return Ok(missing(&config.container)),
            Err(failure) => return Err(failure.into()),
        };
        let checks = judge(&config, &facts, host.clock().now())?;
        if facts.state == ContainerState::Running && facts.health == HealthStatus::Unhealthy {
            tell(&facts, host);
        }
        report(&config, &facts, checks)
    }
}

fn missing(name: &str) -> Report {
    let message = "there is no such container for this step";
    Report::of(
        vec![Check::new("state", Health::Unhealthy, message)],
        format!("`{name}`: unhealthy: {message}"),
    )
}

/// What the last probe wrote, in full: a check has room for the beginning of it only.
fn tell(facts: &ContainerFacts, host: &Host) {
    for line in facts.probes.last().iter().flat_map(|probe| probe.output.lines()) {
        host.log().warn(format!("probe: {line}"));
    }
}

fn report(config: &Config, facts: &ContainerFacts, checks: Vec<Check>) -> Result<Report, Failure> {
    let well: Vec<&str> = checks.iter().map(|check| check.message.as_str()).collect();
    let summary = format!("`{}`: {}", config.container, line(&checks, &well.join("; ")));
    let started_at = facts.started_at.map(moment::of_clock).transpose()?.map(|moment| moment.to_string());
    Ok(Report::of(checks, summary)
        .output("health", facts.health.as_str())
        .output("failing_streak", facts.failing_streak)
        .output("started_at", started_at)
        .output("restarts", facts.restarts))
}

runner_plugin::export_health_check!(DockerHealth);

#[cfg(test)]
mod tests;
