//! The candidate: created under its name, started, waited for; and what stood there before.

use runner_docker::ready::Goal;
use runner_docker::{lines, ready, settings};
use runner_plugin::host::{Container, ContainerFacts, ContainerSpec, Port};
use runner_plugin::{Applied, Failure, FailureKind, Host, Request};
use serde::{Deserialize, Serialize};

use crate::config::{Launch, Wait};
use crate::stand::{Seen, aside, is_own, named, short, whose};

/// All that taking a launch back needs.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Snapshot {
    /// What is kept under the candidate's name.
    before: Option<Seen>,
}

pub(crate) fn capture(launch: &Launch, request: &Request, host: &Host) -> Result<Snapshot, Failure> {
    let name = &launch.container;
    let Some((_, facts)) = named(host, name)? else { return Ok(Snapshot { before: None }) };
    if is_own(&facts, request) {
        return Ok(Snapshot { before: None });
    }
    if facts.state.is_alive() {
        return Err(in_the_way(&facts));
    }
    if let Some((_, old)) = named(host, &aside(name))? {
        return Err(Failure::unavailable(format!(
            "`{name}` is kept and would have to be moved aside, where `{}` ({}) still is; {}. Let `op: tidy` remove that \
             first, or resume the run that has left it. Nothing was done",
            old.name,
            short(&old.id),
            whose(&old),
        )));
    }
    Ok(Snapshot { before: Some(Seen::of(&facts)) })
}

pub(crate) fn apply(
    launch: Launch,
    snapshot: &Snapshot,
    request: &Request,
    host: &Host,
) -> Result<Applied, Failure> {
    let (wait, timeout) = (launch.wait, launch.timeout.duration());
    let inside = launch.port.as_ref().map(|port| port.inside);
    let image = launch.image.clone();
    let container = match named(host, &launch.container)? {
        Some((container, facts)) if is_own(&facts, request) => container,
        Some((container, facts)) => {
            make_room(container, &facts, snapshot)?;
            create(launch, host)?
        }
        None => create(launch, host)?,
    };
    container.start()?;
    let goal = match wait {
        Wait::Started => Goal::Running,
        Wait::Healthy => Goal::Healthy,
    };
    let facts = ready::wait(host, &container, goal, timeout)
        .map_err(|failure| lines::with_last(failure, &container))?;
    Ok(launched(facts, &image, wait, inside, snapshot))
}

pub(crate) fn restore(
    name: &str,
    snapshot: &Snapshot,
    request: &Request,
    host: &Host,
) -> Result<(), Failure> {
    let before = snapshot.before.as_ref();
    if let Some((candidate, facts)) = named(host, name)? {
        if is_own(&facts, request) {
            lines::show(host, name, &candidate);
            candidate.remove_by_force()?;
        } else if before.is_none_or(|before| before.id != facts.id) {
            return Err(in_the_way(&facts));
        }
    }
    let Some(before) = before else { return Ok(()) };
    let (mut kept, facts) = before.find(host)?;
    if facts.name != before.container {
        kept.rename(&before.container)?;
    }
    Ok(())
}

/// Moves aside what is kept under the candidate's name, if it is what was captured and does not run.
fn make_room(mut kept: Container, facts: &ContainerFacts, snapshot: &Snapshot) -> Result<(), Failure> {
    let captured = snapshot.before.as_ref().is_some_and(|before| before.id == facts.id);
    if !captured || facts.state.is_alive() {
        return Err(in_the_way(facts));
    }
    kept.rename(&aside(&facts.name))?;
    Ok(())
}

fn create(launch: Launch, host: &Host) -> Result<Container, Failure> {
    let spec = ContainerSpec {
        command: launch.command,
        env: launch.env.into_iter().collect(),
        secret_env: settings::secrets(host, launch.secret_env)?,
        env_files: launch.env_files,
        labels: launch.labels.into_iter().collect(),
        mounts: launch.mounts.into_iter().map(Into::into).collect(),
        tmpfs: launch.tmpfs,
        ports: launch
            .port
            .into_iter()
            .map(|port| Port { inside: port.inside, address: port.address, outside: port.outside })
            .collect(),
        network: launch.network,
        aliases: launch.aliases,
        restart: launch.restart.into(),
        stop_signal: launch.stop_signal,
        // Whole seconds, and never less than what was asked for.
        stop_grace: launch
            .stop_grace
            .map(|grace| u32::try_from(grace.ms().div_ceil(1000)).unwrap_or(u32::MAX)),
        health: launch.health.map(Into::into),
        memory: launch.memory.map(runner_evidence::Size::bytes),
        cpu_millis: launch.cpus.map(settings::Cpus::millis),
        pids: launch.pids,
        user: launch.user,
        read_only: launch.read_only,
        init: launch.init,
        ..ContainerSpec::new(launch.container, launch.image)
    };
    host.docker().create_container(&spec).map_err(|failure| {
        let taken = failure.is_conflict();
        let failure = Failure::from(failure);
        if taken {
            // The name is taken by what no grant of this step shows.
            let hint = "; it is none that this step may see, and was not touched";
            return Failure::new(failure.kind, format!("{}{hint}", failure.message));
        }
        failure
    })
}

fn launched(
    facts: ContainerFacts,
    image: &str,
    wait: Wait,
    inside: Option<u16>,
    snapshot: &Snapshot,
) -> Applied {
    let address = inside.and_then(|inside| facts.published(inside));
    let is = match wait {
        Wait::Started => "runs",
        Wait::Healthy => "is healthy",
    };
    let at = address.as_ref().map(|address| format!(" at {address}")).unwrap_or_default();
    let kept = snapshot
        .before
        .as_ref()
        .map(|before| format!("; what was kept there is now `{}`", aside(&before.container)));
    let summary = format!("`{}` {is}{at}, of image {}{}", facts.name, image, kept.unwrap_or_default());
    let applied = Applied::new(summary)
        .output("container", facts.name)
        .output("id", facts.id)
        .output("image_id", facts.image_id);
    match address {
        Some(address) => applied.output("address", address),
        None => applied,
    }
}

/// Under the name is something that is not this step's.
fn in_the_way(facts: &ContainerFacts) -> Failure {
    Failure::new(
        FailureKind::Unavailable,
        format!(
            "conflict: `{}` ({}) is there already and is {}; {}. It was not touched",
            facts.name,
            short(&facts.id),
            facts.state.as_str(),
            whose(facts),
        ),
    )
}
