//! The health check as a pipeline sees it.

use super::*;
use runner_plugin::host::{DockerError, OutputLine};
use runner_plugin::testing::{Engine, FakeContainer, FakeHost, FakeImage, probe};
use runner_plugin::{FailureKind, HostError};
use serde_json::{Value, json};

const COMMAND: [&str; 2] = ["redis-cli", "ping"];

fn line(channel: OutputStream, text: &str) -> OutputLine {
    OutputLine { channel, at: None, text: text.to_owned() }
}

fn result(exit_code: i64, lines: &[OutputLine]) -> ExecResult {
    ExecResult { exit_code, output: ContainerOutput { lines: lines.to_vec(), truncated: false } }
}

/// An engine with one container, in which the command ends like this.
fn engine(result: ExecResult) -> Engine {
    Engine::new()
        .image(FakeImage::new("redis:7").command(&COMMAND, result))
        .container(FakeContainer::new("redis", "redis:7"))
}

fn ask(engine: Engine, config: Value) -> Result<Report, Failure> {
    let mut with = json!({ "container": "redis", "command": COMMAND });
    with.as_object_mut().unwrap().extend(config.as_object().unwrap().clone());
    probe::<ExecHealth>(&FakeHost::new().docker(engine), with)
}

fn brief(engine: Engine, config: Value) -> (Health, String) {
    let report = ask(engine, config).unwrap();
    (report.health, report.summary)
}

#[test]
fn a_command_that_says_so_is_healthy() {
    let pong =
        result(0, &[line(OutputStream::Stderr, "warning: no password"), line(OutputStream::Stdout, "PONG")]);

    assert_eq!(
        ask(engine(pong), json!({ "expect": { "stdout": "^PONG$" } })),
        Ok(Report::of(
            vec![
                Check::new("exit", Health::Healthy, "exit code 0"),
                Check::new("stdout", Health::Healthy, "standard output has `^PONG$`"),
            ],
            "`redis-cli` in `redis`: healthy: exit code 0; standard output has `^PONG$`",
        )
        .output("exit_code", 0)
        .output("stdout", "PONG")),
    );
}

#[test]
fn another_exit_code_or_output_is_unhealthy() {
    let refused = || {
        result(
            1,
            &[line(OutputStream::Stderr, "Could not connect\u{1b}[0m"), line(OutputStream::Stderr, " ")],
        )
    };
    let unstarted = "OCI runtime exec failed: exec failed: unable to start container process: exec: \"redis-cli\": \
                     executable file not found in $PATH: unknown";
    let unstarted = result(127, &[line(OutputStream::Stdout, unstarted)]);
    let stderr = result(0, &[line(OutputStream::Stderr, "PONG")]);

    assert_eq!(
        [
            brief(engine(refused()), json!({})),
            brief(engine(refused()), json!({ "expect": { "exit": [0, 2] } })),
            brief(engine(refused()), json!({ "expect": { "exit": [1] } })),
            brief(engine(unstarted), json!({})),
            brief(engine(stderr), json!({ "expect": { "stdout": "PONG" } })),
        ],
        [
            (Health::Unhealthy, r"exit code 1, not 0: `Could not connect\u{1b}[0m`"),
            (Health::Unhealthy, r"exit code 1, not 0 or 2: `Could not connect\u{1b}[0m`"),
            (Health::Healthy, "exit code 1"),
            (
                Health::Unhealthy,
                r#"exit code 127, not 0: `"redis-cli": executable file not found in $PATH: unknown`"#,
            ),
            (Health::Unhealthy, "standard output has no `PONG`"),
        ]
        .map(|(health, said)| {
            let word = if health == Health::Healthy { "healthy" } else { "unhealthy" };
            (health, format!("`redis-cli` in `redis`: {word}: {said}"))
        }),
    );
}

#[test]
fn the_end_of_a_longer_output_says_only_what_is_in_it() {
    let long = |text: &str| {
        let output = ContainerOutput { lines: vec![line(OutputStream::Stdout, text)], truncated: true };
        engine(ExecResult { exit_code: 0, output })
    };
    let config = json!({ "expect": { "stdout": "PONG" } });

    assert_eq!(brief(long("PONG"), config.clone()).0, Health::Healthy);
    assert_eq!(
        brief(long("…"), config),
        (
            Health::Unknown,
            "`redis-cli` in `redis`: unknown: the end of standard output has no `PONG`, and its beginning is cut off"
                .to_owned()
        )
    );
}

#[test]
fn what_later_steps_are_given_is_bounded_between_characters() {
    let long = result(0, &[line(OutputStream::Stdout, &"ä".repeat(3000)), line(OutputStream::Stdout, "end")]);
    let report = ask(engine(long), json!({})).unwrap();

    assert_eq!(report.outputs[1].value, json!("ä".repeat(2048)));
}

#[test]
fn the_last_lines_of_what_is_not_well_are_logged() {
    let lines: Vec<OutputLine> =
        (1..=22).map(|number| line(OutputStream::Stdout, &format!("line {number}"))).collect();
    let host = FakeHost::new().docker(engine(result(1, &lines)));
    probe::<ExecHealth>(&host, json!({ "container": "redis", "command": COMMAND })).unwrap();

    let logged: Vec<String> = host.logged().into_iter().map(|line| line.text).collect();
    assert_eq!(logged.len(), 21);
    assert_eq!(
        (&*logged[0], &*logged[1], &*logged[20]),
        ("earlier lines are not shown", "line 3", "line 22")
    );
}

#[test]
fn a_container_in_which_nothing_can_run_is_unhealthy() {
    let stopped = || FakeContainer::new("redis", "redis:7").exited(1);
    let image = || FakeImage::new("redis:7").command(&COMMAND, result(0, &[]));
    let failing = |error| engine(result(0, &[])).fails("container.exec", error);

    assert_eq!(
        [
            brief(Engine::new(), json!({})),
            brief(Engine::new().image(image()).container(stopped()), json!({})),
            brief(failing(DockerError::Host(HostError::TimedOut)), json!({ "timeout": "2s" })),
        ],
        [
            "there is no such container for this step",
            "run `redis-cli` in container `redis`: Container id-of-redis is not running",
            "it had not ended after 2s, and may still run",
        ]
        .map(|said| (Health::Unhealthy, format!("`redis-cli` in `redis`: unhealthy: {said}"))),
    );
}

#[test]
fn what_the_engine_or_a_grant_refuses_is_a_failure() {
    let failing = |error| ask(engine(result(0, &[])).fails("container.exec", error), json!({})).unwrap_err();

    assert_eq!(
        [
            failing(DockerError::Host(HostError::Denied)),
            failing(DockerError::Host(HostError::Unavailable("connection refused".to_owned()))),
            failing(DockerError::Failed("OCI runtime exec failed".to_owned())),
        ],
        [
            (FailureKind::Denied, "denied, no grant of this step covers it"),
            (FailureKind::Unavailable, "connection refused"),
            (FailureKind::Unavailable, "OCI runtime exec failed"),
        ]
        .map(|(kind, text)| Failure::new(kind, format!("run `redis-cli` in container `redis`: {text}"))),
    );
}

#[test]
fn a_config_that_makes_no_sense_is_refused() {
    let refused = |config| ask(engine(result(0, &[])), config).unwrap_err().message;

    assert_eq!(refused(json!({ "command": [] })), "`command` names no program");
    assert_eq!(refused(json!({ "command": ["", "x"] })), "`command` names no program");
    assert_eq!(
        refused(json!({ "expect": { "exit": [] } })),
        "`expect.exit` is empty: no exit code would be all right"
    );
    assert_eq!(refused(json!({ "timeout": "0s" })), "`timeout` is no time at all");
    assert!(
        refused(json!({ "expect": { "stdout": "(" } })).starts_with("`expect.stdout`: `(` is no pattern: "),
    );
    assert!(refused(json!({ "command": "redis-cli ping" })).starts_with("`with`: invalid type: string"));
    assert!(refused(json!({ "shell": true })).starts_with("`with`: unknown field `shell`"));
}
