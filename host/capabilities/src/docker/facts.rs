//! What an engine says of containers and images, in the words of the contract.
//!
//! Nothing of a container's environment passes through here.

use std::collections::HashMap;

use bollard::models::{
    ContainerInspectResponse, ContainerState, ContainerStateStatusEnum, HealthStatusEnum, ImageInspect,
    NetworkSettings,
};
use jiff::Timestamp;

use crate::host::bindings::runner::plugin::docker::{
    ContainerFacts, ContainerState as State, HealthProbe, HealthStatus, ImageFacts, Pair, Published,
};

/// Longest output of a probe that is handed on.
const MAX_PROBE: usize = 4096;

/// Milliseconds since 1970. Engines write year 1 for "never"; that, and what cannot be read, is 0.
pub(super) fn moment(text: Option<&str>) -> u64 {
    let moment = text.and_then(|text| text.parse::<Timestamp>().ok());
    moment.and_then(|moment| u64::try_from(moment.as_millisecond()).ok()).unwrap_or(0)
}

/// Name without the slash in front.
pub(super) fn name_of(found: &ContainerInspectResponse) -> &str {
    let name = found.name.as_deref().unwrap_or_default();
    name.strip_prefix('/').unwrap_or(name)
}

/// Labels, none if there are none.
pub(super) fn labels_of(found: &ContainerInspectResponse) -> HashMap<String, String> {
    found.config.as_ref().and_then(|config| config.labels.clone()).unwrap_or_default()
}

pub(super) fn of_container(found: ContainerInspectResponse, of_this_run: bool) -> ContainerFacts {
    let labels = pairs(labels_of(&found));
    let name = name_of(&found).to_owned();
    let state = found.state.unwrap_or_default();
    let what = state_of(&state);
    let config = found.config.unwrap_or_default();
    let health = state.health.unwrap_or_default();
    let start_period = config.healthcheck.and_then(|check| check.start_period).unwrap_or(0);
    let probes = health.log.unwrap_or_default().into_iter().map(|probe| HealthProbe {
        at_ms: moment(probe.start.as_deref()),
        exit_code: probe.exit_code.unwrap_or(-1),
        output: cut(probe.output.unwrap_or_default()),
    });
    let network = found.network_settings.unwrap_or_default();
    ContainerFacts {
        id: found.id.unwrap_or_default(),
        name,
        image: config.image.unwrap_or_default(),
        image_id: found.image.unwrap_or_default(),
        state: what,
        exit_code: matches!(what, State::Exited | State::Dead).then(|| state.exit_code.unwrap_or(-1)),
        out_of_memory: state.oom_killed.unwrap_or(false),
        created_at_ms: moment(found.created.as_deref()),
        started_at_ms: moment(state.started_at.as_deref()),
        finished_at_ms: moment(state.finished_at.as_deref()),
        restarts: number(found.restart_count),
        health: match health.status {
            None | Some(HealthStatusEnum::EMPTY | HealthStatusEnum::NONE) => HealthStatus::None,
            Some(HealthStatusEnum::STARTING) => HealthStatus::Starting,
            Some(HealthStatusEnum::HEALTHY) => HealthStatus::Healthy,
            Some(HealthStatusEnum::UNHEALTHY) => HealthStatus::Unhealthy,
        },
        failing_streak: number(health.failing_streak),
        probes: probes.collect(),
        start_period_ms: u64::try_from(start_period / 1_000_000).unwrap_or(0),
        labels,
        ports: ports(&network),
        addresses: addresses(&network),
        of_this_run,
    }
}

fn state_of(state: &ContainerState) -> State {
    match state.status {
        Some(ContainerStateStatusEnum::RUNNING) => State::Running,
        Some(ContainerStateStatusEnum::PAUSED) => State::Paused,
        Some(ContainerStateStatusEnum::RESTARTING) => State::Restarting,
        Some(ContainerStateStatusEnum::REMOVING) => State::Removing,
        Some(ContainerStateStatusEnum::EXITED | ContainerStateStatusEnum::STOPPING) => State::Exited,
        Some(ContainerStateStatusEnum::DEAD) => State::Dead,
        None | Some(ContainerStateStatusEnum::EMPTY | ContainerStateStatusEnum::CREATED) => State::Created,
    }
}

/// Sorted by the port inside, then by where it is outside.
fn ports(network: &NetworkSettings) -> Vec<Published> {
    let mut published = Vec::new();
    for (inside, bindings) in network.ports.iter().flatten() {
        let Some(inside) = inside.strip_suffix("/tcp").and_then(|port| port.parse().ok()) else { continue };
        for binding in bindings.iter().flatten() {
            let Some(outside) = binding.host_port.as_ref().and_then(|port| port.parse().ok()) else {
                continue;
            };
            let address = binding.host_ip.clone().unwrap_or_default();
            published.push(Published { inside, address, outside });
        }
    }
    published.sort_by(|a, b| (a.inside, &a.address, a.outside).cmp(&(b.inside, &b.address, b.outside)));
    published
}

fn addresses(network: &NetworkSettings) -> Vec<Pair> {
    let found = network.networks.iter().flatten().filter_map(|(name, endpoint)| {
        let address = endpoint.ip_address.clone().filter(|address| !address.is_empty())?;
        Some((name.clone(), address))
    });
    pairs(found.collect())
}

pub(super) fn of_image(found: ImageInspect) -> ImageFacts {
    let config = found.config.unwrap_or_default();
    let check = config.healthcheck.and_then(|check| check.test).unwrap_or_default();
    let mut exposed = config.exposed_ports.unwrap_or_default();
    exposed.sort();
    ImageFacts {
        id: found.id.unwrap_or_default(),
        tags: named(found.repo_tags),
        digests: named(found.repo_digests),
        labels: pairs(config.labels.unwrap_or_default()),
        created_at_ms: moment(found.created.as_deref()),
        size: u64::try_from(found.size.unwrap_or(0)).unwrap_or(0),
        architecture: found.architecture.unwrap_or_default(),
        user: config.user.unwrap_or_default(),
        has_health_check: check.first().is_some_and(|first| first != "NONE"),
        exposed,
        layers: found
            .root_fs
            .and_then(|root| root.layers)
            .map_or(0, |layers| u32::try_from(layers.len()).unwrap_or(u32::MAX)),
    }
}

/// Names, sorted, without the `<none>` of engines.
pub(super) fn named(names: Option<Vec<String>>) -> Vec<String> {
    let mut names: Vec<String> =
        names.unwrap_or_default().into_iter().filter(|name| !name.contains("<none>")).collect();
    names.sort();
    names
}

/// Sorted by name.
fn pairs(map: HashMap<String, String>) -> Vec<Pair> {
    let mut pairs: Vec<Pair> = map.into_iter().map(|(name, value)| Pair { name, value }).collect();
    pairs.sort_by(|a, b| a.name.cmp(&b.name));
    pairs
}

fn number(value: Option<i64>) -> u32 {
    u32::try_from(value.unwrap_or(0)).unwrap_or(0)
}

fn cut(mut text: String) -> String {
    if text.len() > MAX_PROBE {
        let mut end = MAX_PROBE;
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.truncate(end);
    }
    text
}
