//! Containers that run to their end on an engine in memory.

use super::*;
use runner_plugin::host::{
    ContainerSpec, ContainerState, DockerError, ExecResult, HealthCommand, HealthStatus, Mount,
};
use runner_plugin::testing::{
    Engine, FakeContainer, FakeHost, FakeImage, apply, capture_action, request, restore_action,
};
use runner_plugin::{FailureKind, HostError};
use serde_json::{Value, json};
use std::time::Duration;

const NAME: &str = "runner-8q9p0n1m2-step-1";

fn tests() -> FakeImage {
    FakeImage::new("tests:1")
        .says("collected 2 items")
        .says("2 passed")
        .holds("/artifacts/unit.xml", "<testsuites/>")
}

fn redis() -> FakeImage {
    FakeImage::new("redis:7").says("Ready to accept connections")
}

fn unit() -> Value {
    json!({ "image": "tests:1", "command": ["pytest", "tests/unit"] })
}

fn with(more: &Value) -> Value {
    let mut config = unit();
    config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    config
}

fn run(host: &FakeHost, config: &Value) -> Result<Applied, Failure> {
    let snapshot = capture_action::<Container>(host, config.clone())?;
    apply::<Container>(host, config.clone(), &snapshot)
}

fn on(image: FakeImage, config: &Value) -> (FakeHost, Result<Applied, Failure>) {
    let host = FakeHost::new().docker(Engine::new().image(image));
    let applied = run(&host, config);
    (host, applied)
}

fn logged(host: &FakeHost) -> Vec<String> {
    host.logged().into_iter().map(|line| line.text).collect()
}

fn invalid<T>(message: &str) -> Result<T, Failure> {
    Err(Failure::invalid_input(message))
}

#[test]
fn a_container_runs_to_its_end_and_nothing_of_it_stays() {
    let config = with(&json!({ "artifacts": [{ "from": "/artifacts/unit.xml", "to": "reports/" }] }));

    let (host, applied) = on(tests().exits(0), &config);

    assert_eq!(
        applied,
        Ok(Applied::new("`pytest tests/unit` ended with exit code 0; 1 file was copied")
            .output("exit_code", 0)
            .output("id", "id-1")
            .output("artifacts", json!(["reports/unit.xml"]))),
    );
    assert_eq!(host.content("reports/unit.xml"), Some(b"<testsuites/>".to_vec()));
    assert_eq!(logged(&host), ["collected 2 items", "2 passed"]);
    assert_eq!(
        host.docker_changes(),
        [
            format!("create {NAME} of tests:1"),
            format!("start {NAME}"),
            format!("copy /artifacts/unit.xml out of {NAME}"),
            format!("remove {NAME}"),
        ],
    );
    assert_eq!(host.containers(), []);
}

#[test]
fn a_container_is_made_as_written() {
    // It stays, because it may not be removed: so what was asked for can be looked at.
    let engine = Engine::new().image(tests().exits(0)).network("l9").denies("container.remove");
    let host = FakeHost::new().docker(engine).secret("api_key", "s3cr3t");
    let config = with(&json!({
        "name": "l9", "entrypoint": [], "env": { "CI": "1" }, "secret_env": { "KEY": "api_key" }, "env_files": ["test.env"],
        "mounts": [{ "source": "fixtures", "target": "/fixtures" }], "tmpfs": ["/tmp"], "user": "1000", "directory": "/app",
        "read_only": true, "init": false, "memory": "1GiB", "cpus": 2, "pids": 200, "network": "l9",
    }));

    let failure = run(&host, &config).unwrap_err();

    assert_eq!(
        failure,
        Failure::new(
            FailureKind::Denied,
            "`pytest tests/unit` ended with exit code 0, but not all that it made could be removed: remove container \
             `l9-8q9p0n1m2-step-1`: denied, no grant of this step covers it",
        ),
    );
    assert_eq!(
        host.created("l9-8q9p0n1m2-step-1"),
        Some(ContainerSpec {
            command: vec!["pytest".into(), "tests/unit".into()],
            entrypoint: Some(vec![]),
            env: vec![("CI".into(), "1".into())],
            secret_env: vec![("KEY".into(), host.host().secret("api_key").unwrap())],
            env_files: vec!["test.env".into()],
            mounts: vec![Mount { source: "fixtures".into(), target: "/fixtures".into(), writable: false }],
            tmpfs: vec!["/tmp".into()],
            network: Some("l9".into()),
            memory: Some(1 << 30),
            cpu_millis: Some(2000),
            pids: Some(200),
            user: Some("1000".into()),
            directory: Some("/app".into()),
            read_only: true,
            init: false,
            ..ContainerSpec::new("l9-8q9p0n1m2-step-1", "tests:1")
        }),
    );
}

#[test]
fn by_itself_a_container_reaches_nobody() {
    let host = FakeHost::new().docker(Engine::new().image(tests().exits(0)).denies("container.remove"));

    run(&host, &unit()).unwrap_err();

    let spec = host.created(NAME).unwrap();
    assert_eq!((spec.network.as_deref(), spec.ports, spec.mounts), (Some("none"), vec![], vec![]));
}

#[test]
fn another_exit_code_is_a_failure_with_the_last_lines_and_the_artifacts() {
    let image = tests().complains("FAILED test_cgmp.py").exits(1);
    let config = with(&json!({ "artifacts": [{ "from": "/artifacts" }] }));

    let (host, applied) = on(image, &config);

    assert_eq!(
        applied,
        invalid(
            "`pytest tests/unit` ended with exit code 1, not 0; its last lines: collected 2 items | 2 passed | FAILED \
             test_cgmp.py"
        ),
    );
    assert_eq!(host.content("./artifacts/unit.xml"), Some(b"<testsuites/>".to_vec()));
    assert_eq!(host.containers(), []);
}

#[test]
fn other_exit_codes_can_be_expected() {
    let config = with(&json!({ "expect": { "exit": [0, 5] } }));

    assert_eq!(
        on(tests().exits(5), &config).1.map(|applied| applied.summary),
        Ok("`pytest tests/unit` ended with exit code 5".to_owned()),
    );
    assert_eq!(
        on(FakeImage::new("tests:1").exits(1), &config).1,
        invalid("`pytest tests/unit` ended with exit code 1, not 0 or 5; it has written nothing"),
    );
}

#[test]
fn what_runs_too_long_or_needs_too_much_memory_is_told_apart() {
    let (host, slow) = on(tests(), &with(&json!({ "timeout": "90s" })));
    let (_, starved) = on(FakeImage::new("tests:1").out_of_memory(), &unit());

    assert_eq!(
        [slow, starved],
        [
            Err(Failure::new(
                FailureKind::TimedOut,
                "`pytest tests/unit` has not ended after 1m30s; its last lines: collected 2 items | 2 passed",
            )),
            Err(Failure::new(
                FailureKind::BudgetExceeded,
                format!(
                    "container `{NAME}` was killed for want of memory (exit code 137); it has written nothing"
                ),
            )),
        ],
    );
    assert_eq!((host.time(), host.containers()), (Duration::from_secs(90), vec![]));
}

#[test]
fn an_artifact_that_is_not_there_is_a_failure() {
    let config = with(&json!({ "artifacts": [{ "from": "/artifacts/cov.xml" }] }));

    assert_eq!(
        on(tests().exits(0), &config).1,
        invalid("there is no `/artifacts/cov.xml` to copy: the command has not made it"),
    );
    // What went wrong first is what is told.
    let (host, failed) = on(FakeImage::new("tests:1").exits(2), &config);
    assert_eq!(failed, invalid("`pytest tests/unit` ended with exit code 2, not 0; it has written nothing"));
    assert_eq!(logged(&host), ["there is no `/artifacts/cov.xml` to copy: the command has not made it"]);
}

fn with_redis(ready: &Value) -> Value {
    with(&json!({ "services": { "redis": { "image": "redis:7", "ready": ready } } }))
}

#[test]
fn services_are_ready_before_the_container_starts_and_gone_after_it() {
    let config = with(&json!({ "services": {
        "redis": { "image": "redis:7", "ready": { "log": "Ready to accept" } },
        "postgres": { "image": "postgres:16", "env": { "POSTGRES_PASSWORD": "x" }, "ready": { "exec": ["pg_isready"] } },
    } }));
    let postgres = FakeImage::new("postgres:16")
        .command(&["pg_isready"], ExecResult { exit_code: 2, ..ExecResult::default() })
        .command(&["pg_isready"], ExecResult::default());
    let host = FakeHost::new().docker(Engine::new().image(tests().exits(0)).image(redis()).image(postgres));

    run(&host, &config).unwrap();

    let made = [
        format!("create network {NAME}"),
        format!("create {NAME}-postgres of postgres:16"),
        format!("start {NAME}-postgres"),
        format!("create {NAME}-redis of redis:7"),
        format!("start {NAME}-redis"),
        format!("create {NAME} of tests:1"),
        format!("start {NAME}"),
        format!("remove {NAME}"),
        format!("remove {NAME}-postgres"),
        format!("remove {NAME}-redis"),
        format!("remove network {NAME}"),
    ];
    assert_eq!(host.docker_changes(), made);
    assert_eq!((host.containers(), host.networks()), (vec![], vec![]));
    // One look at each service was not enough.
    assert_eq!(host.time(), Duration::from_millis(200));
}

#[test]
fn a_service_is_found_under_its_name_in_a_network_without_a_way_out() {
    let engine = Engine::new().image(tests().exits(0)).image(redis()).denies("container.remove");
    let host = FakeHost::new().docker(engine);
    let config = with(&json!({ "services": { "redis": {
        "image": "redis:7", "command": ["redis-server"], "env": { "A": "b" }, "tmpfs": ["/data"], "user": "999",
        "memory": "64MiB", "health": { "command": ["redis-cli", "ping"], "interval": "1s" },
    } } }));

    run(&host, &config).unwrap_err();

    assert_eq!(
        host.created(&format!("{NAME}-redis")),
        Some(ContainerSpec {
            command: vec!["redis-server".into()],
            env: vec![("A".into(), "b".into())],
            tmpfs: vec!["/data".into()],
            network: Some(NAME.into()),
            aliases: vec!["redis".into()],
            health: Some(HealthCommand {
                command: vec!["redis-cli".into(), "ping".into()],
                interval: Duration::from_secs(1),
                ..HealthCommand::default()
            }),
            memory: Some(64 << 20),
            user: Some("999".into()),
            ..ContainerSpec::new(format!("{NAME}-redis"), "redis:7")
        }),
    );
    assert_eq!(host.created(NAME).unwrap().network.as_deref(), Some(NAME));
    assert_eq!(host.networks(), [format!("{NAME} (internal)")]);
}

#[test]
fn a_service_that_does_not_become_ready_keeps_the_container_from_starting() {
    let failed = |redis: FakeImage, config: &Value| {
        let host = FakeHost::new().docker(Engine::new().image(tests().exits(0)).image(redis));
        let failure = run(&host, config).unwrap_err();
        assert_eq!((host.containers(), host.networks()), (vec![], vec![]));
        assert_eq!(host.docker_changes().iter().filter(|change| change.ends_with("of tests:1")).count(), 0);
        (failure.kind, failure.message)
    };
    let sick = redis().health([HealthStatus::Unhealthy]);
    let asked = redis().command(&["redis-cli", "ping"], ExecResult { exit_code: 1, ..ExecResult::default() });

    assert_eq!(
        [
            failed(
                FakeImage::new("redis:7").complains("no such option").exits(1),
                &with_redis(&json!("started"))
            ),
            failed(sick, &with_redis(&Value::Null)),
            failed(redis(), &with_redis(&json!("healthy"))),
            failed(redis(), &with_redis(&json!({ "log": "never said" }))),
            failed(asked, &with_redis(&json!({ "exec": ["redis-cli", "ping"] }))),
            failed(redis(), &with_redis(&json!({ "exec": ["rm", "-rf", "/"] }))),
        ],
        [
            (
                FailureKind::Unavailable,
                format!(
                    "service `redis`: container `{NAME}-redis` has ended with exit code 1; its last lines: no such option"
                ),
            ),
            (
                FailureKind::Unavailable,
                format!(
                    "service `redis`: container `{NAME}-redis` is unhealthy by its own probe; its last lines: Ready to \
                     accept connections"
                ),
            ),
            (
                FailureKind::InvalidConfig,
                format!(
                    "service `redis`: container `{NAME}-redis` has no health probe, so it never becomes healthy; give one \
                     (`health`), put a HEALTHCHECK into its image, or wait for less; its last lines: Ready to accept \
                     connections"
                ),
            ),
            (
                FailureKind::TimedOut,
                format!(
                    "service `redis`: container `{NAME}-redis` is running after 1m, not ready by its log; its last lines: \
                     Ready to accept connections"
                ),
            ),
            (
                FailureKind::TimedOut,
                format!(
                    "service `redis`: container `{NAME}-redis` is running after 1m, not ready by its command; its last \
                     lines: Ready to accept connections"
                ),
            ),
            (
                FailureKind::Denied,
                format!(
                    "service `redis`: run `rm` in container `{NAME}-redis`: denied, no grant of this step covers it; its \
                     last lines: Ready to accept connections"
                ),
            ),
        ],
    );
}

#[test]
fn when_the_container_fails_its_services_are_heard() {
    let image = FakeImage::new("tests:1").exits(1);
    let host = FakeHost::new().docker(Engine::new().image(image).image(redis()));

    run(&host, &with_redis(&json!("started"))).unwrap_err();

    assert_eq!(logged(&host), ["the last lines of container `redis`:", "Ready to accept connections"]);
}

/// What a run that was killed has left is found by its labels, whatever its name.
#[test]
fn what_an_earlier_attempt_left_goes_first_and_nothing_else() {
    let run_id = request().run_id;
    let engine = Engine::new()
        .image(tests().exits(0))
        .image(redis())
        .container(FakeContainer::new("runner-8q9p0n1m2-step-0", "tests:1").made_by(&run_id, "step"))
        .container(FakeContainer::new("of-another-step", "tests:1").made_by(&run_id, "other"))
        .container(FakeContainer::new("of-another-run", "tests:1").made_by("01OTHER", "step"))
        .own_network("runner-8q9p0n1m2-step-0")
        .network("theirs");
    let left = [
        ("of-another-run".to_owned(), ContainerState::Running),
        ("of-another-step".to_owned(), ContainerState::Running),
    ];

    let host = FakeHost::new().docker(engine.clone());
    run(&host, &with_redis(&json!("started"))).unwrap();
    assert_eq!((host.containers(), host.networks()), (left.to_vec(), vec!["theirs".to_owned()]));
    assert_eq!(
        host.docker_changes()[..2],
        ["remove runner-8q9p0n1m2-step-0", "remove network runner-8q9p0n1m2-step-0"],
    );

    let host = FakeHost::new().docker(engine);
    restore_action::<Container>(&host, with_redis(&json!("started")), "{}").unwrap();
    restore_action::<Container>(&host, with_redis(&json!("started")), "{}").unwrap();
    assert_eq!((host.containers(), host.networks()), (left.to_vec(), vec!["theirs".to_owned()]));
}

/// Between any two calls something may break off.
#[test]
fn whatever_breaks_off_nothing_stays() {
    let lost = || DockerError::Host(HostError::Unavailable("connection reset".into()));
    for verb in ["network.create", "container.create", "container.start", "container.wait", "container.copy"]
    {
        let config = with(&json!({
            "services": { "redis": { "image": "redis:7" } }, "artifacts": [{ "from": "/artifacts" }],
        }));
        let engine = || Engine::new().image(tests().exits(0)).image(redis());
        for engine in [engine().fails(verb, lost()), engine().fails_after(verb, lost())] {
            let host = FakeHost::new().docker(engine);
            let failure = run(&host, &config).unwrap_err();
            assert_eq!(
                (failure.kind, host.containers(), host.networks()),
                (FailureKind::Unavailable, vec![], vec![]),
                "{verb}",
            );
        }
    }
}

#[test]
fn without_services_no_grant_for_networks_is_needed() {
    let engine = Engine::new().image(tests().exits(0));
    let host = FakeHost::new().docker(engine.denies("network.create").denies("network.remove"));

    assert!(run(&host, &unit()).is_ok());
}

#[test]
fn an_image_that_is_not_there_is_said() {
    let host = FakeHost::new().docker(Engine::new());

    assert_eq!(
        run(&host, &unit()),
        Err(Failure::unavailable(format!("create container `{NAME}` of `tests:1`: No such image: tests:1"))),
    );
}

#[test]
fn a_step_that_makes_no_sense_is_refused_before_anything_begins() {
    let host = FakeHost::new().docker(Engine::new());
    let steps = [
        json!({}),
        with(&json!({ "run": "pytest tests" })),
        with(&json!({ "command": "pytest tests" })),
        with(&json!({ "expect": { "exit": [] } })),
        with(&json!({ "expect": { "exit": ["0"] } })),
        with(&json!({ "artifacts": [{ "from": "artifacts" }] })),
        with(&json!({ "network": "l9", "services": { "redis": { "image": "redis:7" } } })),
        with(&json!({ "privileged": true })),
        with(&json!({ "timeout": "long" })),
        with_redis(&json!("soon")),
        with_redis(&json!({ "log": 1 })),
    ];

    for step in steps {
        assert_eq!(
            capture_action::<Container>(&host, step.clone()).map_err(|failure| failure.kind),
            Err(FailureKind::InvalidConfig),
            "{step}",
        );
    }
}

#[test]
fn the_schema_says_the_same() {
    let schema: Value = serde_json::from_str(&manifest().config_schema).unwrap();
    let valid = |step: &Value| jsonschema::is_valid(&schema, step);

    assert!(
        [
            unit(),
            with_redis(&Value::Null),
            with_redis(&json!("healthy")),
            with_redis(&json!({ "log": "Ready" })),
            with_redis(&json!({ "exec": ["redis-cli", "ping"] })),
        ]
        .iter()
        .all(valid)
    );
    assert!(
        ![
            json!({}),
            with(&json!({ "command": "pytest" })),
            with(&json!({ "expect": { "exit": [] } })),
            with(&json!({ "artifacts": [{ "from": "artifacts" }] })),
            with(&json!({ "services": { "A B": { "image": "redis:7" } } })),
            with_redis(&json!("soon")),
            with_redis(&json!({ "exec": [] })),
        ]
        .iter()
        .any(valid)
    );
}
