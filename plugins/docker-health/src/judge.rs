//! What the engine knows of a container, as parts.
//!
//! Pure: facts and the time go in, parts come out. Nothing that is not known counts as well.

use std::time::Duration;

use runner_evidence::Length;
use runner_plugin::host::{ContainerFacts, ContainerState, HealthProbe, HealthStatus};
use runner_plugin::text::counted;
use runner_plugin::{Check, Failure, Health};
use runner_probe::{milliseconds, said};

use crate::{Config, Expected};

/// How many probes the engine remembers.
const REMEMBERED: usize = 5;

/// Judges what can be judged in the state the container is in.
///
/// # Errors
///
/// A probe is wanted, and the container has none.
pub(crate) fn judge(config: &Config, facts: &ContainerFacts, now: Duration) -> Result<Vec<Check>, Failure> {
    let mut checks = vec![state(facts)];
    checks.extend(restarts(config.max_restarts, facts));
    // Of what does not run the engine keeps what the probe said when it did.
    if facts.state != ContainerState::Running {
        return Ok(checks);
    }
    if config.expect == Expected::Healthy {
        checks.push(health(config, facts, now)?);
    }
    let settled = match config.expect {
        Expected::Healthy => facts.health == HealthStatus::Healthy,
        Expected::Running => true,
    };
    if let Some(wanted) = config.stable_for.filter(|_| settled) {
        checks.push(stability(config.expect, wanted, facts, now));
    }
    Ok(checks)
}

fn state(facts: &ContainerFacts) -> Check {
    let code = facts.exit_code.map(|code| format!(" with exit code {code}")).unwrap_or_default();
    let memory = if facts.out_of_memory { ", killed for want of memory" } else { "" };
    let (health, message) = match facts.state {
        ContainerState::Running if facts.out_of_memory => {
            (Health::Unhealthy, "it runs, but a process in it was killed for want of memory".to_owned())
        }
        ContainerState::Running => (Health::Healthy, "it runs".to_owned()),
        ContainerState::Created => (Health::Unhealthy, "it was never started".to_owned()),
        ContainerState::Paused => (Health::Unhealthy, "it is paused".to_owned()),
        ContainerState::Restarting => {
            (Health::Unhealthy, format!("it ended{code}{memory}, and is being started again"))
        }
        ContainerState::Removing => (Health::Unhealthy, "it is being removed".to_owned()),
        ContainerState::Exited => (Health::Unhealthy, format!("it ended{code}{memory}")),
        ContainerState::Dead => (Health::Unhealthy, format!("it is dead: it ended{code}{memory}")),
    };
    Check::new("state", health, message)
}

fn restarts(most: u32, facts: &ContainerFacts) -> Option<Check> {
    (facts.restarts > most).then(|| {
        let times = counted(facts.restarts as usize, "time", "times");
        Check::new("restarts", Health::Unhealthy, format!("it was started again {times}, at most {most}"))
    })
}

/// What the engine's probe says. The engine decides how many failures are too many, as the image's author wanted it.
fn health(config: &Config, facts: &ContainerFacts, now: Duration) -> Result<Check, Failure> {
    let failures = counted(facts.failing_streak as usize, "probe in a row has", "probes in a row have");
    let failed = format!("{failures} failed{}", last_words(facts));
    let (health, message) = match facts.health {
        HealthStatus::None => {
            return Err(Failure::invalid_config(format!(
                "container `{}` has no health probe, so nothing says whether it is healthy; give its image a \
                 `HEALTHCHECK` or the step that creates it a `health`, or write `expect: running`",
                config.container
            )));
        }
        HealthStatus::Starting => {
            let age = now.saturating_sub(facts.started_at.unwrap_or(now));
            let message = if age < facts.start_period {
                let (age, period) = (length(age), length(facts.start_period));
                format!("its health is not known yet, {age} into its start period of {period}")
            } else if facts.failing_streak > 0 {
                format!("its health is not known yet: {failed}")
            } else {
                "its health is not known yet: no probe has ended".to_owned()
            };
            (Health::Unknown, message)
        }
        HealthStatus::Healthy if facts.failing_streak > 0 => {
            (Health::Degraded, format!("{failed} since it was healthy"))
        }
        HealthStatus::Healthy => (Health::Healthy, "its probe is content".to_owned()),
        HealthStatus::Unhealthy => (Health::Unhealthy, failed),
    };
    Ok(Check::new("health", health, message))
}

/// The exit code of the last probe, and the beginning of what it wrote.
fn last_words(facts: &ContainerFacts) -> String {
    let Some(HealthProbe { exit_code, output, .. }) = facts.probes.last() else { return String::new() };
    match output.trim() {
        "" => format!(", the last with exit code {exit_code}"),
        output => format!(", the last with exit code {exit_code}: `{}`", said(output)),
    }
}

/// How long it has been well, as far as that can be known.
fn stability(expect: Expected, wanted: Length, facts: &ContainerFacts, now: Duration) -> Check {
    let part = |health, message| Check::new("stability", health, message);
    let Some(started) = facts.started_at else {
        return part(Health::Unknown, "the engine does not say when it was started".to_owned());
    };
    // The engine remembers probes of the time before the start as well.
    let probes = facts.probes.iter().filter(|probe| probe.at >= started);
    let good: Vec<&HealthProbe> = probes.rev().take_while(|probe| probe.exit_code == 0).collect();
    let (since, all_remembered) = match expect {
        Expected::Running => (started, false),
        Expected::Healthy => {
            let Some(first) = good.last() else {
                let message = format!("its last probe was not good; it has to be well for {wanted}");
                return part(Health::Unknown, message);
            };
            // It is well from its first good probe on, at the latest.
            (first.at, good.len() >= REMEMBERED)
        }
    };
    if since > now {
        let ahead = length(since - now);
        return part(Health::Unknown, format!("the engine's clock is {ahead} ahead of this machine's"));
    }
    let well = now - since;
    if well >= wanted.duration() {
        return part(Health::Healthy, format!("it has been so for {}", length(well)));
    }
    if all_remembered && now - started >= wanted.duration() {
        // Earlier probes are forgotten: that it was well before is likely and not known.
        let message = format!(
            "its last {} probes were good, which is {} of the {wanted}; the engine remembers no more",
            good.len(),
            length(well)
        );
        return part(Health::Degraded, message);
    }
    part(Health::Unknown, format!("it has been so for {} of {wanted}", length(well)))
}

fn length(duration: Duration) -> Length {
    Length::of_ms(milliseconds(duration)).rounded()
}
