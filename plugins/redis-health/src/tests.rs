//! The health check as a pipeline sees it. Requirements: 000-31, 004-22, 004-37. What the server says is recorded from
//! Redis 7.0.15, without the lines that are of no matter.

use super::*;
use runner_plugin::FailureKind;
use runner_plugin::host::TlsFacts;
use runner_plugin::testing::{Conversation, FakeHost, probe};
use serde_json::{Value, json};

const MASTER: &str = "# Server\r\nredis_version:7.0.15\r\n\r\n# Memory\r\nused_memory:966632\r\nmaxmemory:0\r\n\r\n\
    # Persistence\r\nloading:0\r\naof_enabled:1\r\naof_last_write_status:ok\r\n\r\n\
    # Replication\r\nrole:master\r\nconnected_slaves:1\r\n\
    slave0:ip=127.0.0.1,port=17380,state=online,offset=28,lag=1\r\n";

const REPLICA: &str = "redis_version:7.0.15\r\nused_memory:966632\r\nloading:0\r\naof_enabled:0\r\nrole:slave\r\n\
    master_link_status:up\r\nmaster_last_io_seconds_ago:3\r\n";

const WELL: Health = Health::Healthy;
const ILL: Health = Health::Unhealthy;

fn bulk(text: &str) -> String {
    format!("${}\r\n{text}\r\n", text.len())
}

fn server(info: &str) -> FakeHost {
    FakeHost::new().listener("redis:6379", Conversation::new().says("+PONG\r\n").says(bulk(info)))
}

fn saying(replies: &str) -> FakeHost {
    FakeHost::new().listener("redis:6379", Conversation::new().says(replies))
}

fn with(more: Value) -> Value {
    let mut config = json!({ "address": "redis:6379" });
    for (key, value) in more.as_object().unwrap() {
        config[key] = value.clone();
    }
    config
}

fn measured(host: &FakeHost, more: Value) -> Report {
    probe::<RedisHealth>(host, with(more)).unwrap()
}

fn refused(host: &FakeHost) -> Failure {
    probe::<RedisHealth>(host, with(json!({}))).unwrap_err()
}

fn check(name: &str, health: Health, message: &str) -> Check {
    Check::new(name, health, message)
}

/// 000-31: the server needs a password and writes an append-only file.
#[test]
fn a_server_as_it_should_be_is_healthy() {
    let host = FakeHost::new().secret("redis_password", "s3cr3t").revealable().listener(
        "redis:6379",
        Conversation::new()
            .says("+OK\r\n")
            .says("+PO")
            .says("NG\r\n")
            .says(bulk(MASTER))
            .says("-NOAUTH Authentication required.\r\n"),
    );
    let config = with(json!({
        "auth": { "username": "probe", "password": "redis_password" },
        "role": "master",
        "memory": { "degraded_bytes": 1_000_000, "unhealthy_bytes": 2_000_000 },
        "max_lag_s": 10,
        "min_replicas": 1,
        "appendonly": true,
        "require_password": true,
        "latency": { "degraded_ms": 100 },
    }));

    assert_eq!(
        probe::<RedisHealth>(&host, config),
        Ok(Report::of(
            vec![
                check("auth", WELL, "the login is accepted"),
                check("ping", WELL, "`PING` is answered"),
                check("latency", WELL, "it took 0 ms"),
                check("role", WELL, "it is a master"),
                check("memory", WELL, "it uses 966632 bytes of memory"),
                check("replicas", WELL, "1 replica"),
                check("lag", WELL, "1 replica, none more than 10 s behind"),
                check("appendonly", WELL, "it writes an append-only file"),
                check("password", WELL, "strangers are refused"),
            ],
            "healthy: master 7.0.15"
        )
        .output("role", "master")
        .output("version", "7.0.15")
        .output("used_memory", 966_632)
        .output("latency_ms", 0)),
    );
    assert_eq!(
        String::from_utf8(host.heard("redis:6379")).unwrap(),
        "*3\r\n$4\r\nAUTH\r\n$5\r\nprobe\r\n$6\r\ns3cr3t\r\n*1\r\n$4\r\nPING\r\n*1\r\n$4\r\nINFO\r\n*1\r\n$4\r\nPING\r\n",
    );
}

/// 000-31, the other way round.
#[test]
fn a_server_that_lets_strangers_in_or_keeps_nothing_is_unhealthy() {
    let info = MASTER.replace("aof_enabled:1", "aof_enabled:0");
    let host = FakeHost::new()
        .listener("redis:6379", Conversation::new().says("+PONG\r\n").says(bulk(&info)).says("+PONG\r\n"));

    assert_eq!(
        measured(&host, json!({ "appendonly": true, "require_password": true })).checks,
        [
            check("ping", WELL, "`PING` is answered"),
            check("appendonly", ILL, "it writes no append-only file; set `appendonly yes`"),
            check("password", ILL, "it answers those who do not log in; set `requirepass`"),
        ],
    );
}

#[test]
fn a_disk_that_is_full_shows_in_the_append_only_file() {
    let host = server(&MASTER.replace("write_status:ok", "write_status:err"));

    assert_eq!(
        measured(&host, json!({ "appendonly": true })).summary,
        "unhealthy: the last write to the append-only file: `err`"
    );
}

#[test]
fn who_may_not_come_in_is_told_so() {
    let host = saying("-WRONGPASS invalid username-password pair or user is disabled.\r\n")
        .secret("redis_password", "s3cr3t")
        .revealable();
    let summary = |host: &FakeHost, more| measured(host, more).summary;

    assert_eq!(
        summary(&host, json!({ "auth": { "password": "redis_password" } })),
        "unhealthy: the login is refused: WRONGPASS invalid username-password pair or user is disabled."
    );
    assert_eq!(
        summary(&saying("-NOAUTH Authentication required.\r\n"), json!({})),
        "unhealthy: `PING` is refused: NOAUTH Authentication required. (give `auth`)"
    );
    assert_eq!(
        summary(&saying("-LOADING Redis is loading the dataset in memory\r\n"), json!({})),
        "unhealthy: `PING` is refused: LOADING Redis is loading the dataset in memory"
    );
    assert_eq!(
        summary(&saying("+PONG\r\n-NOPERM no permissions to run the 'info' command\r\n"), json!({})),
        "unknown: `INFO` is refused: NOPERM no permissions to run the 'info' command"
    );
}

#[test]
fn a_password_that_may_not_be_seen_is_a_failure() {
    let host = saying("+OK\r\n").secret("redis_password", "s3cr3t");

    assert_eq!(
        probe::<RedisHealth>(&host, with(json!({ "auth": { "password": "redis_password" } }))),
        Err(Failure::new(
            FailureKind::Denied,
            "reveal secret `redis_password`: denied, no grant of this step covers it"
        )),
    );
}

#[test]
fn replicas_and_masters_are_judged_by_how_far_they_are_behind() {
    let lag = |host: FakeHost, more| measured(&host, more).checks.pop().unwrap();
    let waiting = MASTER.replace("state=online", "state=wait_bgsave");
    let down = REPLICA.replace("status:up", "status:down");

    assert_eq!(
        lag(server(MASTER), json!({ "max_lag_s": 0 })),
        check("lag", Health::Degraded, "`slave0` is 1 s behind; 0 s is the limit")
    );
    assert_eq!(
        lag(server(&waiting), json!({ "max_lag_s": 10 })),
        check("lag", Health::Degraded, "`slave0` is `wait_bgsave`; 10 s is the limit")
    );
    assert_eq!(
        lag(server(MASTER), json!({ "min_replicas": 2 })),
        check("replicas", ILL, "it has 1 replica, not 2 or more")
    );
    assert_eq!(
        lag(server(REPLICA), json!({ "max_lag_s": 2 })),
        check("lag", ILL, "it heard from its master 3 s ago; 2 s is the limit")
    );
    // Whoever reads from a replica without a master reads old things, limit or not.
    assert_eq!(lag(server(&down), json!({})), check("lag", ILL, "the link to its master is `down`"));
}

#[test]
fn role_memory_and_loading_are_judged() {
    let checks = measured(
        &server(&REPLICA.replace("loading:0", "loading:1")),
        json!({ "role": "master", "memory": { "degraded_bytes": 900_000 } }),
    )
    .checks;

    assert_eq!(
        checks[1..],
        [
            check("loading", ILL, "it is still loading its data"),
            check("role", ILL, "it is a replica, not a master"),
            check("memory", Health::Degraded, "it uses 966632 bytes of memory, 900000 or more"),
        ],
    );
}

#[test]
fn what_is_no_redis_is_a_failure() {
    let nonsense =
        |why: &str| Failure::invalid_input(format!("the reply of redis:6379 is not one of Redis: {why}"));

    assert_eq!(refused(&saying("HTTP/1.1 400 Bad Request\r\n")), nonsense("it begins with `H`"));
    assert_eq!(refused(&saying(&"*1\r\n".repeat(100_000))), nonsense("it begins with `*`"));
    assert_eq!(refused(&saying("$-1\r\n")), nonsense("it is no text"));
    assert_eq!(refused(&saying("$-7\r\n")), nonsense("isize_to_usize: Invalid length."),);
    assert_eq!(
        refused(&FakeHost::new().listener("redis:6379", Conversation::new().says(b"$2\r\n\xff\xfe\r\n"))),
        nonsense("it is not UTF-8: invalid utf-8 sequence of 1 bytes from index 0")
    );
    assert_eq!(
        refused(&saying(&format!("$999999999\r\n{}", "x".repeat(2 << 20)))),
        nonsense("it is longer than 1 MiB")
    );
}

#[test]
fn half_a_reply_is_unhealthy() {
    assert_eq!(
        measured(&saying("+PONG\r\n$5021\r\n# Server\r\n"), json!({})).summary,
        "unhealthy: redis:6379 closed the connection in the middle of a message, after 17 bytes of it"
    );
    assert_eq!(measured(&saying(""), json!({})).summary, "unhealthy: redis:6379 closed the connection");
}

#[test]
fn what_info_does_not_say_is_a_failure() {
    assert_eq!(
        refused(&server(&MASTER.replace("used_memory:966632", "used_memory:NaN"))),
        Failure::invalid_input("`INFO`, line 5: `used_memory` is `NaN`, not a number")
    );
    assert_eq!(refused(&server("")), Failure::invalid_input("`INFO` has no line `role`"));
}

#[test]
fn tls_comes_before_the_first_command() {
    let facts = TlsFacts { protocol: "TLSv1.3".into(), certificates: Vec::new() };
    let said = Conversation::new().shows(facts).says("+PONG\r\n").says(bulk(MASTER));
    let host = FakeHost::new().listener("redis:6379", said);

    assert_eq!(measured(&host, json!({ "tls": {} })).health, WELL);
    assert_eq!(
        measured(&server(MASTER), json!({ "tls": { "server_name": "redis.internal" } })).summary,
        "unhealthy: start TLS with tcp://redis:6379: the other side does not speak TLS"
    );
}

#[test]
fn the_manifest_is_the_package() {
    let manifest = manifest();

    assert_eq!(manifest.name, "redis-health");
    assert_eq!(manifest.outputs, ["role", "version", "used_memory", "latency_ms"]);
}
