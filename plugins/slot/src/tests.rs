//! The slot on an engine in memory. Requirements: 003-46, 003-50, 003-61, 003-70, 003-71.

use std::time::Duration;

use super::*;
use runner_plugin::host::{
    ContainerSpec, ContainerState, DockerError, HealthCommand, HealthStatus, Mount, Port, Restart as Policy,
};
use runner_plugin::testing::{
    Engine, FakeContainer, FakeHost, FakeImage, apply, capture_action, request, restore_action,
};
use runner_plugin::{FailureKind, Finding, HostError};
use serde_json::{Value, json};

fn image() -> FakeImage {
    FakeImage::new("web:2").says("listening on :8000")
}

fn launch() -> Value {
    json!({ "op": "launch", "container": "web", "image": "web:2", "port": { "inside": 8000, "outside": 8001 } })
}

fn launch_with(more: &Value) -> Value {
    let mut launch = launch();
    launch.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    launch
}

fn op(op: &str) -> Value {
    json!({ "op": op, "container": "web" })
}

fn kept() -> FakeContainer {
    FakeContainer::new("web", "web:1").exited(143).made_by("01OLD", "launch")
}

fn run(host: &FakeHost, config: &Value) -> Result<Applied, Failure> {
    let snapshot = capture_action::<Slot>(host, config.clone())?;
    apply::<Slot>(host, config.clone(), &snapshot)
}

fn states<const N: usize>(states: [(&str, ContainerState); N]) -> Vec<(String, ContainerState)> {
    states.into_iter().map(|(name, state)| (name.to_owned(), state)).collect()
}

fn unavailable<T>(message: &str) -> Result<T, Failure> {
    Err(Failure::unavailable(message))
}

const IN_THE_WAY: &str = "conflict: `web` (id-of-web) is there already and is running; ";

#[test]
fn a_candidate_is_launched_and_taken_back() {
    let host = FakeHost::new().docker(Engine::new().image(image()));

    let snapshot = capture_action::<Slot>(&host, launch()).unwrap();
    assert_eq!(host.docker_changes(), [""; 0]);

    let applied = apply::<Slot>(&host, launch(), &snapshot);
    assert_eq!(
        applied,
        Ok(Applied::new("`web` runs at 127.0.0.1:8001, of image web:2")
            .output("container", "web")
            .output("id", "id-1")
            .output("image_id", "sha256:web:2")
            .output("address", "127.0.0.1:8001")),
    );
    // A retry, or a resumed run.
    assert_eq!(apply::<Slot>(&host, launch(), &snapshot), applied);

    restore_action::<Slot>(&host, launch(), &snapshot).unwrap();
    restore_action::<Slot>(&host, launch(), &snapshot).unwrap();
    assert_eq!(host.docker_changes(), ["create web of web:2", "start web", "remove web"]);
    let logged: Vec<String> = host.logged().into_iter().map(|line| line.text).collect();
    assert_eq!(logged, ["the last lines of container `web`:", "listening on :8000"]);
}

#[test]
fn a_candidate_is_made_as_written() {
    let host = FakeHost::new().docker(Engine::new().image(image()).network("l9")).secret("api_key", "s3cr3t");
    let config = json!({
        "op": "launch", "container": "web", "image": "web:2", "command": ["/app", "serve"],
        "port": { "inside": 8000, "outside": 8001, "address": "127.0.0.2" },
        "env": { "MODE": "production" }, "env_files": [".env"], "secret_env": { "API_KEY": "api_key" },
        "mounts": [{ "source": "/srv/web", "target": "/data", "writable": true }], "tmpfs": ["/tmp"],
        "network": "l9", "aliases": ["web"], "restart": "unless-stopped", "stop_signal": "SIGTERM", "stop_grace": "30s",
        "health": { "command": ["/app", "healthcheck"], "interval": "5s", "timeout": "1s", "retries": 2, "start_period": "3s" },
        "memory": "512MiB", "cpus": 1.5, "pids": 100, "user": "1000:1000", "read_only": true, "init": true,
        "labels": { "team": "l9" }, "wait": "started", "timeout": "10s",
    });

    run(&host, &config).unwrap();

    assert_eq!(
        host.created("web"),
        Some(ContainerSpec {
            command: vec!["/app".into(), "serve".into()],
            env: vec![("MODE".into(), "production".into())],
            secret_env: vec![("API_KEY".into(), host.host().secret("api_key").unwrap())],
            env_files: vec![".env".into()],
            labels: vec![("team".into(), "l9".into())],
            mounts: vec![Mount { source: "/srv/web".into(), target: "/data".into(), writable: true }],
            tmpfs: vec!["/tmp".into()],
            ports: vec![Port { inside: 8000, address: "127.0.0.2".into(), outside: 8001 }],
            network: Some("l9".into()),
            aliases: vec!["web".into()],
            restart: Policy::UnlessStopped,
            stop_signal: Some("SIGTERM".into()),
            stop_grace: Some(30),
            health: Some(HealthCommand {
                command: vec!["/app".into(), "healthcheck".into()],
                interval: Duration::from_secs(5),
                timeout: Duration::from_secs(1),
                retries: 2,
                start_period: Duration::from_secs(3),
            }),
            memory: Some(512 * 1024 * 1024),
            cpu_millis: Some(1500),
            pids: Some(100),
            user: Some("1000:1000".into()),
            read_only: true,
            init: true,
            ..ContainerSpec::new("web", "web:2")
        }),
    );
}

#[test]
fn by_itself_a_candidate_is_on_loopback_and_not_started_again() {
    let host = FakeHost::new().docker(Engine::new().image(image()));

    run(&host, &launch()).unwrap();

    assert_eq!(
        host.created("web"),
        Some(ContainerSpec {
            ports: vec![Port { inside: 8000, address: "127.0.0.1".into(), outside: 8001 }],
            restart: Policy::No,
            ..ContainerSpec::new("web", "web:2")
        }),
    );
}

#[test]
fn what_is_kept_is_moved_aside_and_comes_back() {
    let host = FakeHost::new().docker(Engine::new().image(image()).container(kept()));

    let snapshot = capture_action::<Slot>(&host, launch()).unwrap();
    let applied = apply::<Slot>(&host, launch(), &snapshot).unwrap();
    assert_eq!(
        applied.summary,
        "`web` runs at 127.0.0.1:8001, of image web:2; what was kept there is now `web.before`",
    );
    assert_eq!(
        host.containers(),
        states([("web", ContainerState::Running), ("web.before", ContainerState::Exited)]),
    );
    assert_eq!(apply::<Slot>(&host, launch(), &snapshot), Ok(applied));

    restore_action::<Slot>(&host, launch(), &snapshot).unwrap();
    restore_action::<Slot>(&host, launch(), &snapshot).unwrap();
    assert_eq!(host.containers(), states([("web", ContainerState::Exited)]));
    assert_eq!(host.container("web").unwrap().id, "id-of-web");
}

/// Between any two calls of a launch the run may be killed.
#[test]
fn a_launch_that_breaks_off_anywhere_is_finished_or_taken_back() {
    let lost = || DockerError::Host(HostError::Unavailable("connection reset".into()));
    for verb in ["container.rename", "container.create", "container.start"] {
        let engines = [
            Engine::new().image(image()).container(kept()).fails(verb, lost()),
            Engine::new().image(image()).container(kept()).fails_after(verb, lost()),
        ];
        for engine in engines {
            let host = FakeHost::new().docker(engine.clone());
            let snapshot = capture_action::<Slot>(&host, launch()).unwrap();
            assert_eq!(
                apply::<Slot>(&host, launch(), &snapshot).map_err(|failure| failure.kind),
                Err(FailureKind::Unavailable),
            );
            apply::<Slot>(&host, launch(), &snapshot).unwrap();
            assert_eq!(
                host.containers(),
                states([("web", ContainerState::Running), ("web.before", ContainerState::Exited)]),
                "finished after {verb}",
            );

            let host = FakeHost::new().docker(engine);
            let snapshot = capture_action::<Slot>(&host, launch()).unwrap();
            apply::<Slot>(&host, launch(), &snapshot).unwrap_err();
            restore_action::<Slot>(&host, launch(), &snapshot).unwrap();
            assert_eq!(
                host.containers(),
                states([("web", ContainerState::Exited)]),
                "taken back after {verb}"
            );
        }
    }
}

#[test]
fn what_somebody_else_runs_under_the_name_is_not_touched() {
    let run_id = request().run_id;
    let table = [
        (FakeContainer::new("web", "web:1"), "no run has made it"),
        (
            FakeContainer::new("web", "web:1").made_by("01OLD", "launch"),
            "step `launch` of run 01OLD has made it",
        ),
        (
            FakeContainer::new("web", "web:1").made_by(&run_id, "other"),
            "step `other` of this run has made it",
        ),
    ];

    for (container, whose) in table {
        let host = FakeHost::new().docker(Engine::new().image(image()).container(container));
        assert_eq!(
            capture_action::<Slot>(&host, launch()),
            unavailable(&format!("{IN_THE_WAY}{whose}. It was not touched")),
        );
        assert_eq!(host.docker_changes(), [""; 0]);
    }
}

#[test]
fn what_appears_after_the_capture_is_not_touched() {
    let stranger = || FakeContainer::new("web", "web:1");
    let message = format!("{IN_THE_WAY}no run has made it. It was not touched");

    let host = FakeHost::new().docker(Engine::new().image(image()));
    let snapshot = capture_action::<Slot>(&host, launch()).unwrap();
    host.change_docker(|engine| engine.container(stranger()));
    assert_eq!(apply::<Slot>(&host, launch(), &snapshot), unavailable(&message));
    assert_eq!(restore_action::<Slot>(&host, launch(), &snapshot), unavailable(&message));

    // Somebody has started what was kept.
    let host = FakeHost::new().docker(Engine::new().image(image()).container(kept()));
    let snapshot = capture_action::<Slot>(&host, launch()).unwrap();
    host.host().docker().find_container("web").unwrap().unwrap().start().unwrap();
    assert_eq!(
        apply::<Slot>(&host, launch(), &snapshot),
        unavailable(&format!("{IN_THE_WAY}step `launch` of run 01OLD has made it. It was not touched")),
    );
}

#[test]
fn a_name_that_is_taken_by_what_may_not_be_seen_is_said_to_be() {
    let hidden = FakeContainer::new("web", "web:1").hidden();
    let host = FakeHost::new().docker(Engine::new().image(image()).container(hidden));

    assert_eq!(
        run(&host, &launch()),
        unavailable(
            "create container `web` of `web:2`: The container name \"/web\" is already in use by container \"id-of-web\"; \
             it is none that this step may see, and was not touched"
        ),
    );
}

#[test]
fn what_was_moved_aside_earlier_is_tidied_first() {
    let old = FakeContainer::new("web.before", "web:0").exited(0).made_by("01OLDER", "launch");
    let host = FakeHost::new().docker(Engine::new().image(image()).container(kept()).container(old));

    assert_eq!(
        capture_action::<Slot>(&host, launch()),
        unavailable(
            "`web` is kept and would have to be moved aside, where `web.before` (id-of-web.be) still is; step `launch` of \
             run 01OLDER has made it. Let `op: tidy` remove that first, or resume the run that has left it. Nothing was \
             done"
        ),
    );
    assert_eq!(run(&host, &op("tidy")), Ok(Applied::new("removed `web.before`").output("removed", true)));
    run(&host, &launch()).unwrap();

    // Now it is what this run would go back to.
    assert_eq!(
        run(&host, &op("tidy")),
        Ok(Applied::new("kept `web.before`: this run would go back to it").output("removed", false)),
    );
}

#[test]
fn tidying_finds_nothing_or_refuses_what_runs() {
    let running = FakeContainer::new("web.before", "web:0");
    let host = FakeHost::new().docker(Engine::new().container(running));

    assert_eq!(
        run(&host, &op("tidy")),
        unavailable(
            "conflict: `web.before` (id-of-web.be) is running; somebody uses it, and it was not touched"
        ),
    );
    let host = FakeHost::new().docker(Engine::new());
    assert_eq!(
        run(&host, &op("tidy")),
        Ok(Applied::new("there is no `web.before`").output("removed", false)),
    );
}

#[test]
fn what_is_kept_and_gone_cannot_come_back() {
    let host = FakeHost::new().docker(Engine::new().image(image()).container(kept()));
    let snapshot = capture_action::<Slot>(&host, launch()).unwrap();
    apply::<Slot>(&host, launch(), &snapshot).unwrap();
    host.host().docker().find_container("web.before").unwrap().unwrap().remove().unwrap();

    assert_eq!(
        restore_action::<Slot>(&host, launch(), &snapshot),
        unavailable("the container that was `web` (id-of-web) is gone: somebody has removed it"),
    );
    assert_eq!(host.containers(), []);
}

#[test]
fn a_candidate_that_does_not_come_up_is_told_with_its_last_lines() {
    let crashing = FakeImage::new("web:2").complains("no such file: .env").exits(1);
    let starving = FakeImage::new("web:2").out_of_memory();
    let sick = image().health([HealthStatus::Starting, HealthStatus::Unhealthy]);
    let slow = image().health([HealthStatus::Starting]);
    let healthy = launch_with(&json!({ "wait": "healthy", "timeout": "2s" }));
    let failed =
        |image: FakeImage, config: &Value| run(&FakeHost::new().docker(Engine::new().image(image)), config);

    assert_eq!(
        [
            failed(crashing, &launch()),
            failed(starving, &launch()),
            failed(sick, &healthy),
            failed(slow, &healthy),
            failed(image(), &healthy),
        ],
        [
            unavailable("container `web` has ended with exit code 1; its last lines: no such file: .env"),
            unavailable(
                "container `web` was killed for want of memory (exit code 137); it has written nothing"
            ),
            unavailable("container `web` is unhealthy by its own probe; its last lines: listening on :8000"),
            Err(Failure::new(
                FailureKind::TimedOut,
                "container `web` is not yet healthy after 2s, not healthy; its last lines: listening on :8000",
            )),
            Err(Failure::invalid_config(
                "container `web` has no health probe, so it never becomes healthy; give one (`health`), put a \
                 HEALTHCHECK into its image, or wait for less; its last lines: listening on :8000",
            )),
        ],
    );
}

#[test]
fn a_candidate_can_be_waited_for_until_it_is_healthy() {
    let image = image().health([HealthStatus::Starting, HealthStatus::Healthy]);
    let host = FakeHost::new().docker(Engine::new().image(image));

    let applied = run(&host, &launch_with(&json!({ "wait": "healthy" }))).unwrap();

    assert_eq!(applied.summary, "`web` is healthy at 127.0.0.1:8001, of image web:2");
}

#[test]
fn a_launch_needs_its_image_its_port_its_secrets_and_its_grants() {
    let failed = |engine: Engine, config: &Value| {
        let failure = run(&FakeHost::new().docker(engine), config).unwrap_err();
        (failure.kind, failure.message)
    };
    let neighbour = FakeContainer::new("web-blue", "web:1").published(8000, 8001);
    let with_secret = launch_with(&json!({ "secret_env": { "KEY": "api_key" } }));

    assert_eq!(
        [
            failed(Engine::new(), &launch()),
            failed(Engine::new().image(image()).container(neighbour), &launch()),
            failed(Engine::new().image(image()), &with_secret),
            failed(Engine::new().image(image()).denies("container.create"), &launch()),
        ],
        [
            (FailureKind::Unavailable, "create container `web` of `web:2`: No such image: web:2".into()),
            (
                FailureKind::Unavailable,
                "start container `web`: Bind for 127.0.0.1:8001 failed: port is already allocated".into(),
            ),
            (FailureKind::Denied, "secret `api_key`: denied, no grant of this step covers it".into()),
            (
                FailureKind::Denied,
                "create container `web` of `web:2`: denied, no grant of this step covers it".into(),
            ),
        ],
    );
}

/// The log is shown before the container goes, and its loss is said.
#[test]
fn a_log_that_may_not_be_read_does_not_keep_the_candidate() {
    let host = FakeHost::new().docker(Engine::new().image(image()).denies("container.logs"));
    let snapshot = capture_action::<Slot>(&host, launch()).unwrap();
    apply::<Slot>(&host, launch(), &snapshot).unwrap();

    restore_action::<Slot>(&host, launch(), &snapshot).unwrap();

    assert_eq!(host.containers(), []);
    assert_eq!(
        host.logged().into_iter().map(|line| line.text).collect::<Vec<_>>(),
        ["read the log of container `web`: denied, no grant of this step covers it"],
    );
}

fn running(image: FakeImage) -> FakeHost {
    FakeHost::new().docker(Engine::new().image(image).container(FakeContainer::new("web", "web:2")))
}

#[test]
fn what_runs_is_stopped_and_runs_again() {
    let host = running(image().health([HealthStatus::Starting, HealthStatus::Healthy]));

    let snapshot = capture_action::<Slot>(&host, op("stop")).unwrap();
    let stopped = |summary: &str| {
        Applied::new(summary).output("container", "web").output("id", "id-of-web").output("killed", false)
    };
    assert_eq!(apply::<Slot>(&host, op("stop"), &snapshot), Ok(stopped("`web` has stopped by itself")));
    assert_eq!(apply::<Slot>(&host, op("stop"), &snapshot), Ok(stopped("`web` does not run")));

    restore_action::<Slot>(&host, op("stop"), &snapshot).unwrap();
    restore_action::<Slot>(&host, op("stop"), &snapshot).unwrap();
    assert_eq!(host.docker_changes(), ["stop web", "start web"]);
    assert_eq!(host.container("web").unwrap().health, HealthStatus::Healthy);
}

#[test]
fn what_did_not_run_is_not_started_by_an_undo() {
    let host = FakeHost::new().docker(Engine::new().container(kept()));
    let snapshot = capture_action::<Slot>(&host, op("stop")).unwrap();

    apply::<Slot>(&host, op("stop"), &snapshot).unwrap();
    restore_action::<Slot>(&host, op("stop"), &snapshot).unwrap();

    assert_eq!(host.docker_changes(), [""; 0]);
}

#[test]
fn a_stop_that_takes_force_is_said() {
    let host = running(image().stubborn());
    let config = json!({ "op": "stop", "container": "web", "grace": "2s" });
    let message = "`web` had to be killed: it did not end within 2s of its stop signal";

    assert_eq!(
        run(&host, &config),
        Ok(Applied::new(message)
            .finding(Finding::warning("killed", message).help(
                "let its first process handle the stop signal, start it with `init: true`, or give it a longer `grace`"
            ))
            .output("container", "web")
            .output("id", "id-of-web")
            .output("killed", true)),
    );
}

#[test]
fn another_container_of_the_same_name_is_not_stopped() {
    let host = running(image());
    let snapshot = capture_action::<Slot>(&host, op("stop")).unwrap();
    let docker = host.host();
    docker.docker().find_container("web").unwrap().unwrap().rename("old").unwrap();
    docker.docker().create_container(&ContainerSpec::new("web", "web:2")).unwrap().start().unwrap();
    let message = "the container that was `web` (id-of-web) is now called `old`: somebody else has changed it; it was not \
                   touched";

    assert_eq!(apply::<Slot>(&host, op("stop"), &snapshot), unavailable(message));
    assert_eq!(restore_action::<Slot>(&host, op("stop"), &snapshot), unavailable(message));
    assert_eq!(
        host.containers(),
        states([("old", ContainerState::Running), ("web", ContainerState::Running)]),
    );
}

#[test]
fn what_is_stopped_is_started_and_stopped_again() {
    let host = FakeHost::new()
        .docker(Engine::new().image(image()).container(FakeContainer::new("web", "web:2").exited(0)));
    let snapshot = capture_action::<Slot>(&host, op("restart")).unwrap();

    assert_eq!(
        apply::<Slot>(&host, op("restart"), &snapshot).map(|applied| applied.summary),
        Ok("`web` runs again".to_owned()),
    );
    restore_action::<Slot>(&host, op("restart"), &snapshot).unwrap();

    assert_eq!(host.docker_changes(), ["start web", "stop web"]);
}

#[test]
fn what_runs_is_restarted_and_goes_on_after_an_undo() {
    let host = running(image());
    let snapshot = capture_action::<Slot>(&host, op("restart")).unwrap();

    apply::<Slot>(&host, op("restart"), &snapshot).unwrap();
    restore_action::<Slot>(&host, op("restart"), &snapshot).unwrap();

    assert_eq!(host.docker_changes(), ["stop web", "start web"]);
}

#[test]
fn what_is_removed_is_only_moved_aside() {
    let host = running(image());
    let config = json!({ "op": "remove", "container": "web", "force": true });
    let snapshot = capture_action::<Slot>(&host, config.clone()).unwrap();

    let applied = apply::<Slot>(&host, config.clone(), &snapshot).unwrap();
    assert_eq!(applied.summary, "`web` is moved aside as `web.before`");
    apply::<Slot>(&host, config.clone(), &snapshot).unwrap();
    assert_eq!(host.containers(), states([("web.before", ContainerState::Exited)]));

    restore_action::<Slot>(&host, config.clone(), &snapshot).unwrap();
    restore_action::<Slot>(&host, config, &snapshot).unwrap();
    assert_eq!(host.containers(), states([("web", ContainerState::Running)]));
}

#[test]
fn what_is_stopped_and_not_kept_is_moved_aside() {
    let host = running(image());
    let config = json!({ "op": "stop", "container": "web", "keep": false });
    let snapshot = capture_action::<Slot>(&host, config.clone()).unwrap();

    apply::<Slot>(&host, config.clone(), &snapshot).unwrap();
    assert_eq!(host.containers(), states([("web.before", ContainerState::Exited)]));
    restore_action::<Slot>(&host, config, &snapshot).unwrap();
    assert_eq!(host.containers(), states([("web", ContainerState::Running)]));
}

#[test]
fn what_runs_is_not_removed_without_force() {
    let old = FakeContainer::new("web.before", "web:1").exited(0);
    let host = running(image());

    assert_eq!(
        run(&host, &op("remove")),
        unavailable("conflict: `web` runs; stop it first, or say `force: true`. Nothing was done"),
    );
    host.change_docker(|engine| engine.container(old));
    assert_eq!(
        run(&host, &json!({ "op": "remove", "container": "web", "force": true })),
        unavailable(
            "conflict: `web.before` (id-of-web.be) is there from before; no run has made it. Let `op: tidy` remove it \
             first. Nothing was done"
        ),
    );
}

#[test]
fn draining_waits_and_says_what_it_does_not_know() {
    let host = running(image());
    let config = json!({ "op": "drain", "container": "web", "for": "30s" });
    let drained =
        |summary: &str| Ok(Applied::new(summary).output("container", "web").output("id", "id-of-web"));

    assert_eq!(
        run(&host, &config),
        drained("waited 30s for `web`; whether connections are still open is not known"),
    );
    assert_eq!(host.time(), Duration::from_secs(30));
    run(&host, &op("stop")).unwrap();
    assert_eq!(run(&host, &config), drained("`web` does not run: there is nothing to wait for"));
}

#[test]
fn what_is_not_there_is_said() {
    let host = FakeHost::new().docker(Engine::new());
    let missing =
        || unavailable("there is no container `web`, or no grant of this step names it; nothing was done");

    assert_eq!(
        ["stop", "restart", "remove", "drain"].map(|name| run(&host, &op(name))),
        [missing(), missing(), missing(), missing()]
    );
}

#[test]
fn a_step_that_makes_no_sense_is_refused() {
    let host = FakeHost::new().docker(Engine::new());
    let steps = [
        json!({}),
        json!({ "op": "fly", "container": "web" }),
        json!({ "op": "launch", "container": "web" }),
        json!({ "op": "launch", "container": "web", "image": "web:2", "privileged": true }),
        json!({ "op": "launch", "container": "web", "image": "web:2", "wait": "forever" }),
        json!({ "op": "launch", "container": "web", "image": "web:2", "restart": "sometimes" }),
        json!({ "op": "launch", "container": "web", "image": "web:2", "cpus": 0 }),
        json!({ "op": "launch", "container": "web", "image": "web:2", "memory": "lots" }),
        json!({ "op": "launch", "container": "web", "image": "web:2", "port": { "inside": 70000 } }),
        json!({ "op": "stop", "container": "web", "grace": "soon" }),
        json!({ "op": "drain", "container": "web", "until": { "connections": 0 } }),
        json!({ "op": "tidy", "container": "web", "force": true }),
    ];

    for step in steps {
        assert_eq!(
            capture_action::<Slot>(&host, step.clone()).map_err(|failure| failure.kind),
            Err(FailureKind::InvalidConfig),
            "{step}",
        );
    }
}

#[test]
fn a_snapshot_of_something_else_is_refused() {
    let host = running(image());

    assert_eq!(
        [apply::<Slot>(&host, op("stop"), "{}").map(|_| ()), restore_action::<Slot>(&host, op("stop"), "no")]
            .map(|answer| answer.map_err(|failure| failure.kind)),
        [Err(FailureKind::InvalidInput), Err(FailureKind::InvalidInput)],
    );
}

/// Each operation says its own settings, and no other.
#[test]
fn the_schema_knows_each_operation() {
    let schema: Value = serde_json::from_str(&manifest().config_schema).unwrap();
    let validator = |value: &Value| jsonschema::is_valid(&schema, value);

    assert!(validator(&launch()));
    assert!(["drain", "stop", "restart", "remove", "tidy"].iter().all(|name| validator(&op(name))));
    assert!(
        ![
            json!({ "op": "fly", "container": "web" }),
            json!({ "op": "launch", "container": "web" }),
            json!({ "op": "stop", "container": "web", "image": "web:2" }),
            json!({ "op": "stop", "container": "a b" }),
            json!({ "op": "launch", "container": "web", "image": "web:2", "port": { "inside": 0 } }),
        ]
        .iter()
        .any(validator)
    );
}
