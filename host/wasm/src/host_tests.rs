//! Calls of plugins that behave and of plugins that do not.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use runner_capabilities::{Capability, Limits, Refusal, Rule, RuleKind, Use};
use runner_engine::ports::{Call, CallReport, LogLine, Operation, Reply, Snapshot, StepRunner as _};
use runner_model::{Answer, Failure, FailureKind, Outcome, PluginKind};
use serde_json::json;

use crate::testing::{Says, Stage, action, gate, gate_made_for, observe, silent};

const LOG: &str = r#"(import "runner:plugin/log@0.1.0" "write" (func $log (param i32 i32 i32)))"#;

fn passed() -> CallReport {
    CallReport::of(Ok(Reply::Outcome(Outcome::new(Answer::Pass, "fine"))))
}

fn failed(kind: FailureKind, message: &str) -> CallReport {
    CallReport { result: Err(Failure::new(kind, message)), ..passed() }
}

fn simple(fields: &str, body: &str) -> Vec<u8> {
    gate(&Says::default(), &[], fields, body)
}

/// Passes if the host call before it returned the error `denied` at `$ret`, else traps.
const PASS_IF_DENIED: &str = "
    (if (i32.ne (i32.load8_u (global.get $ret)) (i32.const 1)) (then unreachable))
    (if (i32.ne (i32.load8_u offset=4 (global.get $ret)) (i32.const 0)) (then unreachable))
    (global.get $pass)";

#[tokio::test]
async fn a_gate_that_passes_passes() {
    assert_eq!(Stage::new().ask(&simple("", "(global.get $pass)")).await, passed());
}

#[tokio::test]
async fn a_later_patch_of_the_contract_is_compatible() {
    assert_eq!(
        Stage::new().ask(&gate_made_for("0.1.7")).await,
        CallReport { log: vec![empty_line()], ..passed() }
    );
}

fn empty_line() -> LogLine {
    LogLine { level: "info", text: String::new() }
}

#[tokio::test]
async fn a_loop_ends_when_its_time_is_up() {
    let limits = Limits { time_ms: 50, ..Limits::default() };
    let component = simple("", "(loop $again (br $again)) unreachable");
    let expected = failed(FailureKind::TimedOut, "time: the plugin call took longer than its limit of 50ms");
    assert_eq!(Stage::new().limits(limits).ask(&component).await, expected);
}

#[tokio::test]
async fn a_call_ends_with_the_time_that_is_left_for_it() {
    let component = simple("", "(loop $again (br $again)) unreachable");
    let host = Stage::new().host(&component).await;
    let call = Call { time: Duration::from_millis(50), ..observe() };
    let expected = failed(FailureKind::TimedOut, "the step's time ran out 50ms after this call began");
    assert_eq!(host.call(call, silent()).await, expected);
}

#[tokio::test]
async fn a_guest_that_sleeps_is_woken_by_its_limit() {
    let limits = Limits { time_ms: 50, ..Limits::default() };
    let sleep = r#"(import "runner:plugin/clock@0.1.0" "sleep" (func $sleep (param i64)))"#;
    let component = simple(sleep, "(loop $again (call $sleep (i64.const 3600000)) (br $again)) unreachable");
    let expected = failed(FailureKind::TimedOut, "time: the plugin call took longer than its limit of 50ms");
    assert_eq!(Stage::new().limits(limits).ask(&component).await, expected);
}

#[tokio::test]
async fn a_cancelled_call_leaves_the_host_as_it_was() {
    let component = simple(
        "",
        "(if (i32.eq (local.get 4) (i32.const 1)) (then (loop $again (br $again)))) (global.get $pass)",
    );
    let host = Stage::new().host(&component).await;
    let looping = host.call(observe(), silent());
    assert!(tokio::time::timeout(Duration::from_millis(50), looping).await.is_err());
    assert_eq!(host.call(Call { attempt: 2, ..observe() }, silent()).await, passed());
}

#[tokio::test]
async fn memory_ends_at_its_limit() {
    let limits = Limits { memory: 1 << 20, ..Limits::default() };
    let bomb = "(loop $again (br_if $again (i32.ne (memory.grow (i32.const 1)) (i32.const -1)))) unreachable";
    let expected = failed(
        FailureKind::BudgetExceeded,
        "memory: the plugin wanted more than its limit of 1048576 bytes, then stopped at an `unreachable` (a panic or abort) \
         in function `evaluate`",
    );
    assert_eq!(Stage::new().limits(limits).ask(&simple("", bomb)).await, expected);
}

#[tokio::test]
async fn two_memories_share_one_limit() {
    let limits = Limits { memory: 2 << 20, ..Limits::default() };
    let grow = "
        (if (i32.eq (memory.grow $main (i32.const 20)) (i32.const -1)) (then unreachable))
        (if (i32.eq (memory.grow $second (i32.const 20)) (i32.const -1)) (then (return (global.get $pass))))
        unreachable";
    assert_eq!(Stage::new().limits(limits).ask(&simple("(memory $second 1)", grow)).await, passed());
}

#[tokio::test]
async fn a_component_that_needs_too_much_to_start_is_told_so() {
    let component = simple("(memory $second 1024)", "(global.get $pass)");
    let stage = Stage::new().limits(Limits { memory: 1 << 20, ..Limits::default() });
    // `describe` has the default limit, which this just exceeds too.
    let errors =
        crate::Host::load(&crate::testing::loader(), &stage.plan(&component), crate::HostOptions::default())
            .await;
    let shown: Vec<String> = errors.err().unwrap().iter().map(|(_, error)| error.to_string()).collect();
    assert_eq!(
        shown,
        [
            "its `describe` failed (budget-exceeded): memory: the plugin wanted more than its limit of 67108864 bytes to start \
          with"
        ]
    );
}

#[tokio::test]
async fn each_way_to_stop_has_its_own_words() {
    let table = [
        (
            "",
            "unreachable",
            "the plugin stopped at an `unreachable` (a panic or abort) in function `evaluate`",
        ),
        (
            "(func $deep (call $deep))",
            "(call $deep) (global.get $pass)",
            "the plugin overflowed its stack in function `deep`",
        ),
        (
            "",
            "(drop (i32.load (i32.const -1))) (global.get $pass)",
            "the plugin stopped: out of bounds memory access in function `evaluate`",
        ),
        (
            "",
            "(drop (i32.div_u (i32.const 1) (i32.const 0))) (global.get $pass)",
            "the plugin stopped: integer divide by zero in function `evaluate`",
        ),
    ];
    for (fields, body, message) in table {
        assert_eq!(Stage::new().ask(&simple(fields, body)).await, failed(FailureKind::Trap, message));
    }
}

#[tokio::test]
async fn fuel_runs_out_at_the_same_place_every_time() {
    let limits = Limits { fuel: Some(10_000), ..Limits::default() };
    let expected = failed(
        FailureKind::BudgetExceeded,
        "fuel: the plugin used up its 10000 units in function `evaluate`",
    );
    let component = simple("", "(loop $again (br $again)) unreachable");
    assert_eq!(Stage::new().limits(limits).ask(&component).await, expected);
    assert_eq!(Stage::new().limits(limits).ask(&simple("", "(global.get $pass)")).await, passed());
}

#[tokio::test]
async fn host_calls_end_at_their_limit() {
    let limits = Limits { calls: 100, ..Limits::default() };
    let body = "(loop $again (call $log (i32.const 0) (i32.const 0) (i32.const 0)) (br $again)) unreachable";
    let report = Stage::new().limits(limits).ask(&simple(LOG, body)).await;
    let expected = Failure::new(
        FailureKind::BudgetExceeded,
        "calls: the plugin made more than its limit of 100 host calls",
    );
    assert_eq!((report.result, report.log.len()), (Err(expected), 100));
}

#[tokio::test]
async fn a_log_is_cleaned_shown_at_once_and_bounded() {
    let strings = [("line", "\u{1b}[31mtoken hunter2\n::error::x"), ("long", &*"x".repeat(300))];
    let body = "
        (call $log (i32.const 2) (global.get $line) (global.get $line_len))
        (call $log (i32.const 3) (global.get $long) (global.get $long_len))
        (global.get $pass)";
    let stage = Stage::new().secret("token", b"hunter2").limits(Limits { output: 100, ..Limits::default() });
    let host = stage.host(&gate(&Says::default(), &strings, LOG, body)).await;
    let seen = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&seen);
    let report = host.call(observe(), Arc::new(move |line| sink.lock().unwrap().push(line))).await;
    let line = |text: &str| LogLine { level: "warn", text: text.to_owned() };
    let lines = vec![line("token ***"), line(": :error::x")];
    assert_eq!(*seen.lock().unwrap(), lines);
    assert_eq!(report, CallReport { log: lines, dropped: 1, ..passed() });
}

#[tokio::test]
async fn each_instance_is_fresh() {
    let count = "
        (global.set $calls (i32.add (global.get $calls) (i32.const 1)))
        (if (i32.ne (global.get $calls) (i32.const 1)) (then unreachable))
        (global.get $pass)";
    let host = Stage::new().host(&simple("(global $calls (mut i32) (i32.const 0))", count)).await;
    for _ in 0..3 {
        assert_eq!(host.call(observe(), silent()).await, passed());
    }
}

#[tokio::test]
async fn an_answer_that_points_nowhere_is_no_answer() {
    let component = simple(
        "",
        "
        (i32.store offset=8 (global.get $pass) (i32.const 0x7fffffff))
        (i32.store offset=12 (global.get $pass) (i32.const 0x7fffffff))
        (global.get $pass)",
    );
    let report = Stage::new().ask(&component).await;
    let expected = "its answer breaks the contract: string pointer/length out of bounds of memory";
    assert_eq!(report, failed(FailureKind::BadAnswer, expected));
}

#[tokio::test]
async fn a_configuration_that_does_not_fit_the_schema_is_not_even_tried() {
    let schema = r#"{"type":"object","required":["url"],"properties":{"url":{"type":"string"}},"additionalProperties":false}"#;
    let component = gate(&Says { schema, ..Says::default() }, &[], "", "unreachable");
    let host = Stage::new().host(&component).await;
    let report = host.call(Call { config: json!({ "url": 7, "ur": 1 }), ..observe() }, silent()).await;
    let expected = failed(
        FailureKind::InvalidConfig,
        "`with.url`: 7 is not of type \"string\"; `with`: Additional properties are not allowed ('ur' was unexpected)",
    );
    assert_eq!(report, expected);
}

#[tokio::test]
async fn a_plugin_is_not_asked_what_it_is_not() {
    let host = Stage::new().host(&simple("", "(global.get $pass)")).await;
    let report = host.call(Call { operation: Operation::Capture, ..observe() }, silent()).await;
    assert_eq!(report, failed(FailureKind::Internal, "a fault of the runner: a gate cannot be asked this"));
}

#[tokio::test]
async fn a_change_is_captured_made_and_taken_back() {
    let mut stage = Stage::new().secret("token", b"hunter2");
    stage.kind = PluginKind::Action;
    let host = stage.host(&action("before")).await;
    let snapshot = Snapshot("before".to_owned());
    let ask = |operation: Operation| host.call(Call { operation, ..observe() }, silent());
    assert_eq!(ask(Operation::Capture).await.result, Ok(Reply::Captured(snapshot.clone())));
    assert_eq!(
        ask(Operation::Change(snapshot.clone())).await.result,
        Ok(Reply::Outcome(Outcome::new(Answer::Done, "before")))
    );
    assert_eq!(ask(Operation::Restore(snapshot)).await.result, Ok(Reply::Restored));

    let leaking = stage.host(&action("token=hunter2")).await;
    let report = leaking.call(Call { operation: Operation::Capture, ..observe() }, silent()).await;
    assert_eq!(
        report,
        failed(FailureKind::BadAnswer, "a secret stands in its snapshot, which would be kept on disk")
    );
}

fn denied(refusal: Refusal) -> CallReport {
    CallReport { denied: vec![refusal], ..passed() }
}

#[tokio::test]
async fn http_without_a_grant_is_denied() {
    let import = r#"(import "runner:plugin/http@0.1.0" "send"
        (func $send (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)))"#;
    let strings = [("get", "GET"), ("url", "http://127.0.0.1:1/x")];
    let zero = "(i32.const 0)";
    let body = format!(
        "(call $send (global.get $get) (global.get $get_len) (global.get $url) (global.get $url_len) {} (global.get $ret)) {PASS_IF_DENIED}",
        [zero; 10].join(" ")
    );
    let component = gate(&Says::default(), &strings, import, &body);
    let expected = denied(Refusal {
        capability: Capability::Http,
        request: "GET http://127.0.0.1:1/x".to_owned(),
        message: "this step is granted no network at all, so no HTTP requests".to_owned(),
        grant: Some(r#"network: ["GET http://127.0.0.1:1/x"]"#.to_owned()),
    });
    assert_eq!(Stage::new().ask(&component).await, expected);
}

#[tokio::test]
async fn connections_without_a_grant_are_denied() {
    let import =
        r#"(import "runner:plugin/tcp@0.1.0" "connect" (func $connect (param i32 i32 i32 i32 i32 i32)))"#;
    let body = format!(
        "(call $connect (global.get $host) (global.get $host_len) (i32.const 80) (i32.const 0) (i32.const 0) (global.get $ret)) {PASS_IF_DENIED}"
    );
    let component = gate(&Says::default(), &[("host", "127.0.0.1")], import, &body);
    let expected = denied(Refusal {
        capability: Capability::Tcp,
        request: "tcp://127.0.0.1:80".to_owned(),
        message: "this step is granted no network at all, so no connections".to_owned(),
        grant: Some(r#"network: ["tcp://127.0.0.1:80"]"#.to_owned()),
    });
    assert_eq!(Stage::new().ask(&component).await, expected);
}

#[tokio::test]
async fn files_without_a_grant_are_denied_and_with_one_are_read() {
    let import = r#"(import "runner:plugin/files@0.1.0" "read" (func $read (param i32 i32 i32 i64 i32)))"#;
    let read = "(call $read (global.get $path) (global.get $path_len) (i32.const 0) (i64.const 0) (global.get $ret))";
    let component =
        |then: &str| gate(&Says::default(), &[("path", "plugin.wasm")], import, &format!("{read} {then}"));
    let expected = denied(Refusal {
        capability: Capability::Files,
        request: "read plugin.wasm".to_owned(),
        message: "this step is granted no files at all".to_owned(),
        grant: Some("filesystem: { read: [plugin.wasm] }".to_owned()),
    });
    assert_eq!(Stage::new().ask(&component(PASS_IF_DENIED)).await, expected);

    let granted = Stage::new().grants(json!({ "filesystem": { "read": ["plugin.wasm"] } }));
    let pass_if_read = "
        (if (i32.load8_u (global.get $ret)) (then unreachable))
        (if (i32.ne (i32.load (i32.load offset=4 (global.get $ret))) (i32.const 0x6d736100)) (then unreachable))
        (global.get $pass)";
    let component = component(pass_if_read);
    let read = Use { received: component.len() as u64, ..used(RuleKind::Read, "plugin.wasm") };
    assert_eq!(granted.ask(&component).await, CallReport { used: vec![read], ..passed() });
}

/// One use at the time that stands still for tests.
fn used(grant: RuleKind, rule: &str) -> Use {
    Use::first(Rule { grant, rule: rule.to_owned() }, 43_200_000)
}

#[tokio::test]
async fn secrets_without_a_grant_are_denied() {
    let import = r#"(import "runner:plugin/secrets@0.1.0" "get" (func $get (param i32 i32 i32)))"#;
    let body =
        format!("(call $get (global.get $name) (global.get $name_len) (global.get $ret)) {PASS_IF_DENIED}");
    let component = gate(&Says::default(), &[("name", "token")], import, &body);
    let expected = denied(Refusal {
        capability: Capability::Secrets,
        request: "use the secret `token`".to_owned(),
        message: "its `secrets` grant does not name this".to_owned(),
        grant: Some("secrets: [token]".to_owned()),
    });
    assert_eq!(Stage::new().secret("token", b"hunter2").ask(&component).await, expected);
}

#[tokio::test]
async fn the_bytes_of_a_secret_without_a_grant_are_denied() {
    let imports = r#"
        (import "runner:plugin/secrets@0.1.0" "get" (func $get (param i32 i32 i32)))
        (import "runner:plugin/reveal@0.1.0" "reveal" (func $reveal (param i32 i32)))"#;
    let body = format!(
        "(call $get (global.get $name) (global.get $name_len) (global.get $ret))
         (if (i32.load8_u (global.get $ret)) (then unreachable))
         (call $reveal (i32.load offset=4 (global.get $ret)) (global.get $ret)) {PASS_IF_DENIED}"
    );
    let component = gate(&Says::default(), &[("name", "token")], imports, &body);
    let stage = Stage::new().secret("token", b"hunter2").grants(json!({ "secrets": ["token"] }));
    let expected = denied(Refusal {
        capability: Capability::Reveal,
        request: "see the bytes of `token`".to_owned(),
        message: "its `secrets` grant does not name this".to_owned(),
        grant: Some("secrets: [{ name: token, reveal: true }]".to_owned()),
    });
    let expected = CallReport { used: vec![used(RuleKind::Secret, "token")], ..expected };
    assert_eq!(stage.ask(&component).await, expected);
}
