//! What runs is stopped, and runs again; what is stopped is started, and stopped again.

use std::time::Duration;

use runner_docker::lines;
use runner_docker::ready::{self, Goal};
use runner_evidence::Length;
use runner_plugin::host::{Container, ContainerState};
use runner_plugin::{Applied, Failure, Finding, Host};

use crate::config::{Remove, Restart, Stop};
use crate::stand::{Seen, aside, existing, named, short, whose};

pub(crate) fn capture(name: &str, host: &Host) -> Result<Seen, Failure> {
    let (_, facts) = existing(host, name)?;
    Ok(Seen::of(&facts))
}

pub(crate) fn capture_removal(remove: &Remove, host: &Host) -> Result<Seen, Failure> {
    let seen = capture(&remove.container, host)?;
    if seen.ran && !remove.force {
        return Err(Failure::unavailable(format!(
            "conflict: `{}` runs; stop it first, or say `force: true`. Nothing was done",
            seen.container,
        )));
    }
    if let Some((_, old)) = named(host, &aside(&remove.container))? {
        return Err(Failure::unavailable(format!(
            "conflict: `{}` ({}) is there from before; {}. Let `op: tidy` remove it first. Nothing was done",
            old.name,
            short(&old.id),
            whose(&old),
        )));
    }
    Ok(seen)
}

pub(crate) fn apply(config: &Stop, seen: &Seen, host: &Host) -> Result<Applied, Failure> {
    let (container, facts) = seen.find_in_place(host)?;
    let name = &config.container;
    if !facts.state.is_alive() {
        return Ok(outputs(Applied::new(format!("`{name}` does not run")), seen, false));
    }
    let stopped = stopped(&container, name, config.grace)?;
    Ok(outputs(stopped.0, seen, stopped.1))
}

pub(crate) fn restart(config: &Restart, seen: &Seen, host: &Host) -> Result<Applied, Failure> {
    let (container, facts) = seen.find_in_place(host)?;
    let name = &config.container;
    let (findings, killed) = if facts.state.is_alive() {
        let (stopped, killed) = stopped(&container, name, config.grace)?;
        (stopped.findings, killed)
    } else {
        (Vec::new(), false)
    };
    container.start()?;
    up(&container, Goal::HealthyIfProbed, config.timeout, host)?;
    let applied = Applied { findings, ..Applied::new(format!("`{name}` runs again")) };
    Ok(outputs(applied, seen, killed))
}

pub(crate) fn remove(config: &Remove, seen: &Seen, host: &Host) -> Result<Applied, Failure> {
    let (mut container, facts) = seen.find(host)?;
    let (name, away) = (&config.container, aside(&config.container));
    let (findings, killed) = if facts.state.is_alive() {
        let (stopped, killed) = stopped(&container, name, config.grace)?;
        (stopped.findings, killed)
    } else {
        (Vec::new(), false)
    };
    if facts.name != away {
        let (_, facts) = seen.find_in_place(host)?;
        container.rename(&aside(&facts.name))?;
    }
    let applied = Applied { findings, ..Applied::new(format!("`{name}` is moved aside as `{away}`")) };
    Ok(outputs(applied, seen, killed))
}

/// Gives the container its name back, and lets it run if it ran.
pub(crate) fn restore(seen: &Seen, timeout: Length, host: &Host) -> Result<(), Failure> {
    let (mut container, facts) = seen.find(host)?;
    if facts.name == aside(&seen.container) {
        container.rename(&seen.container)?;
    } else if facts.name != seen.container {
        seen.find_in_place(host)?;
    }
    let goal = if seen.unhealthy { Goal::Running } else { Goal::HealthyIfProbed };
    match (seen.ran, facts.state) {
        // Also what runs still is waited for: an earlier attempt may have started it just now.
        (true, ContainerState::Running) => up(&container, goal, timeout, host),
        // It was held, or was being started again, and nobody has touched it.
        (true, ContainerState::Paused | ContainerState::Restarting) => Ok(()),
        (
            true,
            ContainerState::Created
            | ContainerState::Removing
            | ContainerState::Exited
            | ContainerState::Dead,
        ) => {
            container.start()?;
            up(&container, goal, timeout, host)
        }
        (false, state) if state.is_alive() => {
            container.stop(None)?;
            Ok(())
        }
        (false, _) => Ok(()),
    }
}

/// Stops it, and says whether that took force. Row 003-71.
fn stopped(container: &Container, name: &str, grace: Length) -> Result<(Applied, bool), Failure> {
    // Whole seconds, and never less than what was asked for.
    let seconds = Duration::from_secs(grace.ms().div_ceil(1000));
    let killed = container.stop(Some(seconds))?;
    if !killed {
        return Ok((Applied::new(format!("`{name}` has stopped by itself")), false));
    }
    let message = format!("`{name}` had to be killed: it did not end within {grace} of its stop signal");
    let finding = Finding::warning("killed", &message).help(
        "let its first process handle the stop signal, start it with `init: true`, or give it a longer `grace`",
    );
    Ok((Applied::new(message).finding(finding), true))
}

fn up(container: &Container, goal: Goal, timeout: Length, host: &Host) -> Result<(), Failure> {
    ready::wait(host, container, goal, timeout.duration())
        .map_err(|failure| lines::with_last(failure, container))?;
    Ok(())
}

fn outputs(applied: Applied, seen: &Seen, killed: bool) -> Applied {
    applied.output("container", seen.container.clone()).output("id", seen.id.clone()).output("killed", killed)
}
