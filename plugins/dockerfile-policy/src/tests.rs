//! The gate as a pipeline sees it. Requirements: 003-14, 003-15, 003-16, 003-17, 000-26, 000-27.

use runner_plugin::testing::{FakeHost, evaluate};
use runner_plugin::{Decision, FailureKind};
use serde_json::{Value, json};

use super::*;

const DIGEST: &str = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

fn good() -> String {
    format!(
        "# syntax=docker/dockerfile:1\n\
         ARG PYTHON=3.12-slim\n\
         FROM python:${{PYTHON}}@{DIGEST} AS base\n\
         RUN apt-get update && apt-get install -y curl=7.88.1-10+deb12u8\n\
         HEALTHCHECK --interval=30s --timeout=10s --start-period=5s --retries=3 CMD curl -f http://localhost/health\n\
         FROM base AS production\n\
         COPY --from=base /a /a\n\
         USER nobody\n"
    )
}

fn rules(text: &str, config: Value) -> Vec<String> {
    let host = FakeHost::new().file("Dockerfile", text);
    let evaluation = evaluate::<DockerfilePolicy>(&host, config).unwrap();
    evaluation
        .findings
        .into_iter()
        .map(|finding| format!("{:?} {} {}", finding.severity, finding.line.unwrap_or(0), finding.rule))
        .collect()
}

/// 000-26: the timing of the health check is there for later steps. 000-27: the user is `nobody`.
#[test]
fn a_file_that_pins_everything_passes_and_tells_its_health_check_and_user() {
    assert_eq!(
        evaluate::<DockerfilePolicy>(&FakeHost::new().file("Dockerfile", good()), json!({})),
        Ok(Evaluation::pass("1 Dockerfile as wanted")
            .output("files", 1)
            .output("base_images", 1)
            .output(
                "healthcheck",
                json!({
                    "interval_ms": 30000, "timeout_ms": 10000, "start_period_ms": 5000, "start_interval_ms": 5000,
                    "retries": 3,
                })
            )
            .output("user", "nobody")),
    );
}

/// 003-14 to 003-17 and 000-27, each at its line.
#[test]
fn everything_that_is_left_open_is_a_finding_at_its_line() {
    let text = "FROM python\nRUN apt-get install -y \\\n  curl\nADD https://example.com/a.tgz /a\n";
    let error = |rule: &str, message: &str, line: u32, help: &str| {
        Finding::error(rule, message).in_file("Dockerfile").at_line(line).help(help)
    };

    assert_eq!(
        evaluate::<DockerfilePolicy>(&FakeHost::new().file("Dockerfile", text), json!({})),
        Ok(Evaluation::fail("6 problems in 1 Dockerfile")
            .finding(error(
                "unpinned-base-image",
                "`python` has no digest",
                1,
                "write `<image>:<tag>@sha256:<digest>`; `docker buildx imagetools inspect <image>` shows the digest"
            ))
            .finding(error("latest-tag", "`python` means `latest`", 1, "name the version"))
            .finding(error(
                "unpinned-package",
                "`apt-get` installs `curl` without a version",
                3,
                "write `<package>=<version>`; `apt-cache policy <package>` shows the versions"
            ))
            .finding(error(
                "remote-add",
                "`ADD` fetches `https://example.com/a.tgz` without a checksum",
                4,
                "write `ADD --checksum=sha256:…`, or put the file beside the Dockerfile"
            ))
            .finding(error(
                "no-healthcheck",
                "the image has no health check",
                1,
                "add `HEALTHCHECK CMD …` to the stage that becomes the image"
            ))
            .finding(error(
                "root-user",
                "the image runs as root: it names no `USER`",
                1,
                "end the stage with `USER <name or number>` of somebody else"
            ))
            .output("files", 1)
            .output("base_images", 1)
            .output("healthcheck", Value::Null)
            .output("user", Value::Null)),
    );
}

#[test]
fn root_has_many_names() {
    for user in ["root", "0", "0:0", "root:staff", "\"root\"", "00", "$NOBODY_KNOWS", ""] {
        let text = good().replace("USER nobody", &format!("USER {user}"));
        assert_eq!(rules(&text, json!({})), ["Error 8 root-user"], "{user}");
    }
    for user in ["nobody", "1000", "1000:0", "${UID:-1000}"] {
        let text = good().replace("USER nobody", &format!("USER {user}"));
        assert_eq!(rules(&text, json!({})), [""; 0], "{user}");
    }
    let text = good().replace("USER nobody", "ARG APP=root\nUSER $APP");
    assert_eq!(rules(&text, json!({})), ["Error 9 root-user"]);
    assert_eq!(rules(&text, json!({ "args": { "APP": "app" } })), [""; 0]);
}

#[test]
fn a_health_check_has_to_be_one() {
    for (check, rule) in [
        ("NONE", "no-healthcheck"),
        ("CMD", "invalid-healthcheck"),
        ("--interval=often CMD true", "invalid-healthcheck"),
        ("--retries=0 CMD true", "invalid-healthcheck"),
        ("curl localhost", "invalid-healthcheck"),
    ] {
        let text = format!("{}HEALTHCHECK {check}\n", good());
        assert_eq!(rules(&text, json!({})), [format!("Error 9 {rule}")], "{check}");
    }
}

#[test]
fn the_stage_that_becomes_the_image_can_be_named() {
    assert_eq!(rules(&good(), json!({ "target": "base" })), ["Error 3 root-user"]);
    assert_eq!(rules(&good(), json!({ "target": "gone" })), ["Error 0 no-such-stage"]);
}

#[test]
fn a_rule_is_switched_off_with_a_reason_that_is_shown() {
    let text = good().replace("USER nobody\n", "");
    let off = |rule: &str| json!({ "off": [{ "rule": rule, "reason": "needs port 80" }] });
    let host = FakeHost::new().file("Dockerfile", text.as_str());
    let evaluation = evaluate::<DockerfilePolicy>(&host, off("root-user")).unwrap();

    assert_eq!(
        (evaluation.decision, evaluation.findings),
        (
            Decision::Pass,
            vec![
                Finding::note(
                    "root-user",
                    "the image runs as root: it names no `USER`; switched off: needs port 80"
                )
                .in_file("Dockerfile")
                .at_line(6)
            ]
        )
    );
    assert_eq!(rules(&text, off("remote-add")), ["Error 6 root-user", "Warning 0 unused-off"]);
    let elsewhere = json!({ "off": [{ "rule": "root-user", "in": "other/Dockerfile", "reason": "x" }] });
    assert_eq!(rules(&text, elsewhere), ["Error 6 root-user", "Warning 0 unused-off"]);
    let host = FakeHost::new().file("Dockerfile", text);
    assert_eq!(
        evaluate::<DockerfilePolicy>(&host, off("root")).map_err(|failure| failure.kind),
        Err(FailureKind::InvalidConfig)
    );
}

#[test]
fn several_files_are_found_by_a_pattern() {
    let host = FakeHost::new().file("a/Dockerfile", good()).file("b/Dockerfile", good());

    assert_eq!(
        evaluate::<DockerfilePolicy>(&host, json!({ "files": ["*/Dockerfile"] })),
        Ok(Evaluation::pass("2 Dockerfiles as wanted").output("files", 2).output("base_images", 2)),
    );
}

#[test]
fn what_is_no_dockerfile_never_passes() {
    for text in ["", "# only a comment\n", "<html>\n", "FROM", "\0\0\0"] {
        let found = rules(text, json!({}));
        assert!(found.iter().any(|rule| rule.ends_with("unreadable-line")), "{text:?}: {found:?}");
    }
    let half = &good()[..good().len() - 20];
    assert!(!rules(half, json!({})).is_empty());
    let hidden = format!("{}RUN echo '<<EOF'\nFROM evil:latest\n", good());
    assert_eq!(rules(&hidden, json!({})), ["Error 9 unreadable-line"]);
}

#[test]
fn a_file_that_cannot_be_read_is_a_failure() {
    let utf16: Vec<u8> = good().encode_utf16().flat_map(u16::to_le_bytes).collect();
    let host = FakeHost::new().file("Dockerfile", utf16).file("big", vec![b' '; 17 << 20]);
    let kind = |config| evaluate::<DockerfilePolicy>(&host, config).unwrap_err().kind;

    assert_eq!(
        [json!({}), json!({ "files": ["big"] }), json!({ "files": ["gone"] }), json!({ "files": [] })]
            .map(kind),
        [
            FailureKind::InvalidInput,
            FailureKind::BudgetExceeded,
            FailureKind::Unavailable,
            FailureKind::InvalidConfig
        ]
    );
}

#[test]
fn a_byte_order_mark_and_line_ends_of_windows_do_no_harm() {
    let text = format!("\u{feff}{}", good().replace('\n', "\r\n"));

    assert_eq!(rules(&text, json!({})), [""; 0]);
}

#[test]
fn a_thousand_problems_are_counted() {
    let text = format!("{}{}", good(), "COPY --from=a:1 /a /a\n".repeat(1000));
    let found = rules(&text, json!({}));

    assert_eq!((found.len(), found.last().unwrap().as_str()), (101, "Error 0 unpinned-base-image"));
}
