//! The health check as a pipeline sees it. Requirement: 004-37. That an address which nobody listens at is unhealthy is
//! shown through the runner, with real sockets.

use super::*;
use runner_plugin::FailureKind;
use runner_plugin::testing::{Conversation, FakeHost, probe};
use serde_json::{Value, json};

fn ssh(said: &str) -> FakeHost {
    FakeHost::new().listener("vps:22", Conversation::new().says(said))
}

fn with_banner(banner: Value) -> Value {
    json!({ "addresses": ["vps:22"], "banner": banner })
}

fn report(health: Health, message: &str, summary: &str, reachable: usize) -> Report {
    Report::of(vec![Check::new("vps:22", health, message)], summary)
        .output("reachable", reachable)
        .output("latency_ms", (reachable == 1).then_some(0))
}

/// 004-37: the cache and the database of the deployment accept connections.
#[test]
fn all_addresses_have_to_accept_a_connection() {
    let host =
        FakeHost::new().listener("redis:6379", Conversation::new()).listener("::1:5432", Conversation::new());

    assert_eq!(
        probe::<TcpHealth>(&host, json!({ "addresses": ["redis:6379", "[::1]:5432"] })),
        Ok(Report::of(
            vec![
                Check::new("redis:6379", Health::Healthy, "it accepts connections"),
                Check::new("[::1]:5432", Health::Healthy, "it accepts connections"),
            ],
            "healthy: 2 of 2 addresses"
        )
        .output("reachable", 2)
        .output("latency_ms", 0)),
    );
}

#[test]
fn an_address_that_the_step_may_not_reach_is_a_failure() {
    assert_eq!(
        probe::<TcpHealth>(&FakeHost::new(), json!({ "addresses": ["redis:6379"] })),
        Err(Failure::new(
            FailureKind::Denied,
            "connect tcp://redis:6379: denied, no grant of this step covers it"
        )),
    );
}

#[test]
fn a_banner_is_read_until_it_is_there() {
    let host = FakeHost::new().listener("vps:22", Conversation::new().says("SSH").says("-2.0-OpenSSH\r\n"));

    assert_eq!(
        probe::<TcpHealth>(&host, with_banner(json!({ "starts_with": "SSH-2.0-" }))),
        Ok(report(Health::Healthy, "it says `SSH-2.0-OpenSSH`", "healthy: 1 of 1 address", 1)),
    );
    assert_eq!(
        probe::<TcpHealth>(&ssh("hello, SSH"), with_banner(json!({ "contains": "SSH" }))),
        Ok(report(Health::Healthy, "it says `hello, SSH`", "healthy: 1 of 1 address", 1)),
    );
}

#[test]
fn another_banner_is_unhealthy_and_shown_without_its_control_signs() {
    let other = "vps:22: it says `\\u{1b}[2J220 mail`, not a banner that starts with `SSH-2.0-`";
    let half = "vps:22: it says `SS` and closed the connection, not a banner that starts with `SSH-2.0-`";
    let none = "vps:22: it says nothing and closed the connection, not a banner with `SSH` in it";
    let of = |host: FakeHost, banner: Value| probe::<TcpHealth>(&host, with_banner(banner)).unwrap();
    let unhealthy = |message: &str| report(Health::Unhealthy, message, &format!("unhealthy: {message}"), 0);

    assert_eq!(
        of(ssh("\u{1b}[2J220 mail\r\nSSH-2.0-"), json!({ "starts_with": "SSH-2.0-" })),
        unhealthy(other)
    );
    assert_eq!(of(ssh("SS"), json!({ "starts_with": "SSH-2.0-" })), unhealthy(half));
    assert_eq!(of(ssh(""), json!({ "contains": "SSH" })), unhealthy(none));
}

#[test]
fn a_banner_without_end_is_given_up() {
    let host = ssh(&"x".repeat(100_000));

    let report = probe::<TcpHealth>(&host, with_banner(json!({ "contains": "SSH" }))).unwrap();

    assert_eq!(
        report.summary,
        format!("unhealthy: vps:22: it says `{}…`, not a banner with `SSH` in it", "x".repeat(80))
    );
}

#[test]
fn a_service_may_have_to_be_spoken_to_first() {
    let host = FakeHost::new().listener("redis:6379", Conversation::new().says("+PONG\r\n"));
    let config = json!({
        "addresses": ["redis:6379"],
        "send": "PING\r\n",
        "banner": { "starts_with": "+PONG" },
    });

    assert_eq!(probe::<TcpHealth>(&host, config).map(|report| report.health), Ok(Health::Healthy));
    assert_eq!(host.heard("redis:6379"), b"PING\r\n");
}

#[test]
fn with_enough_addresses_the_whole_is_only_degraded() {
    let config =
        json!({ "addresses": ["a:22", "b:22"], "at_least": 1, "banner": { "starts_with": "SSH-2.0-" } });
    let host = FakeHost::new()
        .listener("a:22", Conversation::new().says("SSH-2.0-x"))
        .listener("b:22", Conversation::new().says("no"));

    let report = probe::<TcpHealth>(&host, config).unwrap();

    assert_eq!(report.health, Health::Degraded);
    assert_eq!(
        report.summary,
        "degraded: 1 of 2, at least 1 needed; b:22: it says `no`, not a banner that starts with `SSH-2.0-`"
    );
}

#[test]
fn a_config_that_asks_for_nothing_is_refused() {
    let refused = |config| probe::<TcpHealth>(&FakeHost::new(), config).unwrap_err();

    assert_eq!(
        refused(json!({ "addresses": [] })),
        Failure::invalid_config("`addresses` is empty: there is nothing to connect to"),
    );
    assert_eq!(
        refused(json!({ "addresses": ["a:1"], "at_least": 2 })),
        Failure::invalid_config("`at_least` is 2, but there is 1 address"),
    );
    assert_eq!(
        refused(json!({ "addresses": ["a:1"], "send": "PING" })),
        Failure::invalid_config("`send` needs a `banner`: nobody would read the answer"),
    );
    assert_eq!(
        refused(json!({ "addresses": ["a"] })),
        Failure::invalid_config("`with`: `a` is not `host:port` at line 1 column 18"),
    );
}

#[test]
fn the_manifest_is_the_package() {
    let manifest = manifest();

    assert_eq!(manifest.name, "tcp-health");
    assert_eq!(manifest.outputs, ["reachable", "latency_ms"]);
}
