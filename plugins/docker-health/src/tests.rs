//! The health check as a pipeline sees it. Requirements: 003-55, 003-56, 003-57.

use super::*;
use runner_plugin::host::{DockerError, HealthProbe};
use runner_plugin::testing::{Engine, FakeContainer, FakeHost, probe};
use runner_plugin::{FailureKind, HostError};
use serde_json::{Value, json};
use std::time::Duration;

/// When the container was started: 2026-03-01T12:00:00Z.
const STARTED: Duration = Duration::from_secs(1_772_366_400);

/// A probe so many seconds after the start.
fn at(second: u64, exit_code: i64) -> HealthProbe {
    let output = if exit_code == 0 { "ok" } else { "connection refused\nto 127.0.0.1:8000" };
    HealthProbe { at: STARTED + Duration::from_secs(second), exit_code, output: output.to_owned() }
}

/// A container that runs, is healthy, and was probed every 10 s.
fn healthy() -> FakeContainer {
    FakeContainer::new("web", "web:1").with(|facts| {
        facts.started_at = Some(STARTED);
        facts.health = HealthStatus::Healthy;
        facts.probes = vec![at(10, 0), at(20, 0)];
    })
}

/// A host with one container, so many seconds after its start.
fn host(container: FakeContainer, second: u64) -> FakeHost {
    FakeHost::new().docker(Engine::new().container(container)).now(STARTED + Duration::from_secs(second))
}

/// Health and summary of one measurement.
fn brief(container: FakeContainer, second: u64, config: Value) -> (Health, String) {
    let mut with = json!({ "container": "web" });
    with.as_object_mut().unwrap().extend(config.as_object().unwrap().clone());
    let report = probe::<DockerHealth>(&host(container, second), with).unwrap();
    (report.health, report.summary)
}

fn said(health: Health, summary: &str) -> (Health, String) {
    (health, format!("`web`: {summary}"))
}

/// 003-56: healthy for so long.
#[test]
fn a_container_that_stays_healthy_is_healthy() {
    assert_eq!(
        probe::<DockerHealth>(&host(healthy(), 22), json!({ "container": "web", "stable_for": "10s" })),
        Ok(Report::of(
            vec![
                Check::new("state", Health::Healthy, "it runs"),
                Check::new("health", Health::Healthy, "its probe is content"),
                Check::new("stability", Health::Healthy, "it has been so for 12s"),
            ],
            "`web`: healthy: it runs; its probe is content; it has been so for 12s",
        )
        .output("health", "healthy")
        .output("failing_streak", 0)
        .output("started_at", "2026-03-01T12:00:00Z")
        .output("restarts", 0)),
    );
}

#[test]
fn it_is_not_known_to_be_stable_before_its_time() {
    let config = json!({ "stable_for": "10s" });
    let unknown = |summary| said(Health::Unknown, summary);

    assert_eq!(brief(healthy(), 19, config.clone()), unknown("unknown: it has been so for 9s of 10s"));
    assert_eq!(
        brief(healthy().with(|facts| facts.probes = vec![at(10, 1), at(20, 0)]), 29, config.clone()),
        unknown("unknown: it has been so for 9s of 10s")
    );
    let failing = healthy().with(|facts| {
        facts.probes.push(at(30, 1));
        facts.failing_streak = 1;
    });
    assert_eq!(
        brief(failing, 60, config.clone()),
        unknown(
            "unknown: 1 probe in a row has failed, the last with exit code 1: `connection refused\\nto \
             127.0.0.1:8000` since it was healthy; its last probe was not good; it has to be well for 10s"
        )
    );
    // Probes of the time before a restart say nothing about the time after it.
    let restarted = healthy().with(|facts| facts.started_at = Some(STARTED + Duration::from_secs(15)));
    assert_eq!(brief(restarted, 26, config.clone()), unknown("unknown: it has been so for 6s of 10s"));
    let ahead = healthy().with(|facts| facts.probes = vec![at(20, 0)]);
    assert_eq!(
        brief(ahead, 10, config),
        unknown("unknown: the engine's clock is 10s ahead of this machine's")
    );
}

#[test]
fn more_than_the_engine_remembers_is_not_claimed() {
    let fast = |seconds: std::ops::Range<u64>| {
        healthy().with(|facts| facts.probes = seconds.map(|second| at(second, 0)).collect())
    };

    assert_eq!(
        brief(fast(16..21), 20, json!({ "stable_for": "10s" })),
        said(
            Health::Degraded,
            "degraded: its last 5 probes were good, which is 4s of the 10s; the engine remembers no more"
        )
    );
    assert_eq!(
        brief(fast(4..9), 9, json!({ "stable_for": "10s" })),
        said(Health::Unknown, "unknown: it has been so for 5s of 10s")
    );
}

/// 003-55 and 003-57: what the engine's own probe says, its start period respected.
#[test]
fn what_is_not_healthy_yet_is_unknown_and_what_is_unhealthy_is_a_no() {
    let probed = |health, streak, probes: Vec<HealthProbe>| {
        healthy().with(|facts| {
            facts.health = health;
            facts.failing_streak = streak;
            facts.probes = probes;
            facts.start_period = Duration::from_secs(10);
        })
    };
    let starting = HealthStatus::Starting;
    let last = "the last with exit code 1: `connection refused\\nto 127.0.0.1:8000`";

    assert_eq!(
        [
            brief(probed(starting, 0, vec![at(1, 1)]), 3, json!({ "stable_for": "10s" })),
            brief(probed(starting, 0, vec![]), 12, json!({})),
            brief(probed(starting, 2, vec![at(11, 1), at(12, 1)]), 13, json!({})),
            brief(probed(HealthStatus::Unhealthy, 3, vec![at(13, 1)]), 14, json!({ "stable_for": "10s" })),
            brief(probed(HealthStatus::Healthy, 1, vec![at(13, 1)]), 14, json!({})),
        ],
        [
            said(Health::Unknown, "unknown: its health is not known yet, 3s into its start period of 10s"),
            said(Health::Unknown, "unknown: its health is not known yet: no probe has ended"),
            said(
                Health::Unknown,
                &format!("unknown: its health is not known yet: 2 probes in a row have failed, {last}")
            ),
            said(Health::Unhealthy, &format!("unhealthy: 3 probes in a row have failed, {last}")),
            said(
                Health::Degraded,
                &format!("degraded: 1 probe in a row has failed, {last} since it was healthy")
            ),
        ],
    );
}

#[test]
fn the_last_words_of_an_unhealthy_container_are_logged() {
    let unhealthy = healthy().with(|facts| {
        facts.health = HealthStatus::Unhealthy;
        facts.probes.push(at(30, 1));
    });
    let host = host(unhealthy, 40);
    probe::<DockerHealth>(&host, json!({ "container": "web" })).unwrap();

    let lines: Vec<String> = host.logged().into_iter().map(|line| line.text).collect();
    assert_eq!(lines, ["probe: connection refused", "probe: to 127.0.0.1:8000"]);
}

#[test]
fn what_does_not_run_is_unhealthy_whatever_its_last_probe_said() {
    let state =
        |state| brief(healthy().with(|facts| facts.state = state), 60, json!({ "stable_for": "10s" }));
    let unhealthy = |summary| said(Health::Unhealthy, summary);
    let killed = healthy().exited(137).with(|facts| facts.out_of_memory = true);

    assert_eq!(
        [
            ContainerState::Created,
            ContainerState::Paused,
            ContainerState::Restarting,
            ContainerState::Removing,
            ContainerState::Exited,
            ContainerState::Dead,
        ]
        .map(state),
        [
            unhealthy("unhealthy: it was never started"),
            unhealthy("unhealthy: it is paused"),
            unhealthy("unhealthy: it ended, and is being started again"),
            unhealthy("unhealthy: it is being removed"),
            unhealthy("unhealthy: it ended"),
            unhealthy("unhealthy: it is dead: it ended"),
        ],
    );
    assert_eq!(
        brief(killed, 60, json!({})),
        unhealthy("unhealthy: it ended with exit code 137, killed for want of memory")
    );
    assert_eq!(
        brief(healthy().with(|facts| facts.out_of_memory = true), 60, json!({ "expect": "running" })),
        unhealthy("unhealthy: it runs, but a process in it was killed for want of memory")
    );
}

#[test]
fn a_container_that_was_started_again_too_often_is_unhealthy() {
    let restarted = || healthy().with(|facts| facts.restarts = 2);

    assert_eq!(
        brief(restarted(), 60, json!({})),
        said(Health::Unhealthy, "unhealthy: it was started again 2 times, at most 0")
    );
    assert_eq!(
        brief(restarted(), 60, json!({ "max_restarts": 2 })),
        said(Health::Healthy, "healthy: it runs; its probe is content")
    );
}

#[test]
fn without_a_probe_it_can_only_be_expected_to_run() {
    let plain = || healthy().with(|facts| (facts.health, facts.probes) = (HealthStatus::None, vec![]));
    let refused = probe::<DockerHealth>(&host(plain(), 60), json!({ "container": "web" })).unwrap_err();

    assert_eq!(
        refused,
        Failure::invalid_config(
            "container `web` has no health probe, so nothing says whether it is healthy; give its image a \
             `HEALTHCHECK` or the step that creates it a `health`, or write `expect: running`"
        )
    );
    let running = json!({ "expect": "running", "stable_for": "10s" });
    assert_eq!(
        brief(plain(), 60, running.clone()),
        said(Health::Healthy, "healthy: it runs; it has been so for 1m")
    );
    assert_eq!(brief(plain(), 9, running), said(Health::Unknown, "unknown: it has been so for 9s of 10s"));
}

#[test]
fn a_container_that_is_not_there_is_unhealthy_and_one_that_is_denied_is_a_failure() {
    let ask = |engine: Engine| {
        probe::<DockerHealth>(&FakeHost::new().docker(engine), json!({ "container": "web" }))
    };
    let missing = Report::of(
        vec![Check::new("state", Health::Unhealthy, "there is no such container for this step")],
        "`web`: unhealthy: there is no such container for this step",
    );
    let gone = DockerError::NotFound("No such container: web".to_owned());
    let down = DockerError::Host(HostError::Unavailable("connection refused".to_owned()));

    assert_eq!(ask(Engine::new()), Ok(missing.clone()));
    assert_eq!(ask(Engine::new().container(healthy().hidden())), Ok(missing.clone()));
    assert_eq!(ask(Engine::new().container(healthy()).fails("container.inspect", gone)), Ok(missing));
    assert_eq!(
        ask(Engine::new().container(healthy()).denies("container.inspect")),
        Err(Failure::new(
            FailureKind::Denied,
            "inspect container `web`: denied, no grant of this step covers it"
        ))
    );
    assert_eq!(
        ask(Engine::new().container(healthy()).fails("container.inspect", down)),
        Err(Failure::unavailable("inspect container `web`: connection refused"))
    );
}

#[test]
fn a_config_that_makes_no_sense_is_refused() {
    let refused = |config| probe::<DockerHealth>(&host(healthy(), 60), config).unwrap_err().kind;

    assert_eq!(
        [
            json!({}),
            json!({ "container": "web", "expect": "well" }),
            json!({ "container": "web", "stable_for": 10 }),
            json!({ "container": "web", "stable_for": "soon" }),
            json!({ "container": "web", "max_restarts": -1 }),
            json!({ "container": "web", "image": "web:1" }),
        ]
        .map(refused),
        [FailureKind::InvalidConfig; 6],
    );
}
