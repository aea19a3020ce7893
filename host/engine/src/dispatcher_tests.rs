//! The dispatcher, event by event.

use std::sync::Arc;

use runner_journal::{
    Ending, Entry, Record, Snapshot,
    testing::{Draft, approval, change, checkpoint, gate, notifier, plan, told},
};
use runner_model::{Answer, Digest, Failure, FailureKind, Inconclusive, NotifyOn, Outcome, RunId};
use serde_json::json;

use super::Dispatcher;
use crate::message::{Command, Event, Flight, Landing, Told, Work};

fn dispatcher(drafts: impl IntoIterator<Item = Draft>) -> Dispatcher {
    let run = RunId::from_parts(1, 1);
    let plan_digest = Digest::from_sha256(&[0; 32]);
    let entry = Entry::RunStarted {
        run,
        pipeline: "deploy".to_owned(),
        plan: plan_digest,
        runner: "0.1.0".to_owned(),
    };
    let past = [Record { seq: 1, v: 1, at_ms: 0, entry }];
    Dispatcher::new(Arc::new(plan(drafts)), &past, 8).unwrap()
}

/// Commands in a few words.
fn words(commands: &[Command]) -> Vec<String> {
    let word = |command: &Command| match command {
        Command::Write(entry) => told(entry),
        Command::Abort(Flight(flight)) => format!("abort {flight}"),
        Command::Begin(task) => {
            let Flight(flight) = task.flight;
            match &task.work {
                Work::Observe { config, .. } => format!("begin {flight}: observe {config}"),
                Work::Announce { notice, .. } => format!("begin {flight}: announce {}", notice.summary),
                Work::Capture { .. } => format!("begin {flight}: capture"),
                Work::Change { snapshot, .. } => format!("begin {flight}: change from {}", snapshot.0),
                Work::Undo { snapshot, .. } => format!("begin {flight}: undo to {}", snapshot.0),
                Work::Ask(question) => format!("begin {flight}: ask until {}", question.expires_at_ms),
                Work::Wait(after) => format!("begin {flight}: wait {} ms", after.as_millis()),
            }
        }
    };
    commands.iter().map(word).collect()
}

fn ended(flight: u64, ending: Ending) -> Event {
    let landing = Landing::Ended { ending, elapsed_us: 10, log: None, denied: Vec::new(), used: Vec::new() };
    Event::Landed { flight: Flight(flight), landing }
}

fn answered(flight: u64, answer: Answer) -> Event {
    ended(flight, Ending::Answered { outcome: Outcome::new(answer, "so") })
}

fn captured(flight: u64) -> Event {
    let (snapshot, told) = (Snapshot("blue".to_owned()), Told::default());
    Event::Landed { flight: Flight(flight), landing: Landing::Captured { snapshot, started_us: 0, told } }
}

fn cancel() -> Event {
    Event::Cancel { by: "SIGINT".to_owned() }
}

#[test]
fn a_change_begins_after_its_snapshot_is_written() {
    let mut run = dispatcher([change("switch")]);
    assert_eq!(words(&run.start(0).unwrap()), ["start switch#1", "begin 1: capture"]);
    assert_eq!(
        words(&run.handle(captured(1), 0).unwrap()),
        ["captured switch: blue", "begin 2: change from blue"]
    );
    assert_eq!(
        words(&run.handle(answered(2, Answer::Done), 0).unwrap()),
        ["end switch#1 success: so", "succeeded, changed [switch]", "finished"]
    );
    assert!(run.finished().is_some());
}

/// Requirements 003-11, 000-10: what does not need one another runs in parallel.
#[test]
fn everything_that_is_ready_begins_at_once_and_checkpoints_cost_nothing() {
    let mut run = dispatcher([
        checkpoint("ready"),
        gate("a").needs(&["ready"]).with(json!({ "run": "${{ run.name }}" })),
        gate("b").needs(&["ready"]),
    ]);
    assert_eq!(
        words(&run.start(0).unwrap()),
        [
            "start ready#1",
            "end ready#1 success: reached",
            "start a#1",
            "begin 1: observe {\"run\":\"deploy\"}",
            "start b#1",
            "begin 2: observe {}",
        ]
    );
}

#[test]
fn a_change_that_was_only_captured_is_not_begun_any_more_when_the_run_goes_back() {
    let mut run = dispatcher([change("switch"), gate("check")]);
    run.start(0).unwrap();
    run.handle(answered(2, Answer::Fail), 0).unwrap();
    assert_eq!(
        words(&run.handle(captured(1), 0).unwrap()),
        ["end switch#1 aborted: unwinding", "rejected at check, unchanged", "finished"]
    );
}

#[test]
fn cancelling_aborts_what_observes_and_lets_the_rest_land() {
    let mut run =
        dispatcher([gate("slow"), change("switch"), notifier("tell"), approval("ask", Inconclusive::Fail)]);
    run.start(0).unwrap();
    run.handle(captured(2), 0).unwrap();
    assert_eq!(
        words(&run.handle(cancel(), 5).unwrap()),
        [
            "cancel SIGINT",
            "abort 1",
            "end slow#1 aborted: cancelled",
            "end ask#1 aborted: cancelled",
            "abort 4"
        ]
    );
    assert_eq!(words(&run.handle(answered(3, Answer::Done), 5).unwrap()), ["end tell#1 success: so"]);
    assert_eq!(
        words(&run.handle(answered(5, Answer::Done), 5).unwrap()),
        ["end switch#1 success: so", "unwind", "undo switch#1", "begin 6: undo to blue"]
    );
}

#[test]
fn what_an_abandoned_task_still_sends_changes_nothing() {
    let mut run = dispatcher([gate("slow"), change("switch")]);
    run.start(0).unwrap();
    run.handle(cancel(), 0).unwrap();
    assert_eq!(words(&run.handle(answered(1, Answer::Pass), 0).unwrap()), [""; 0]);
}

#[test]
fn a_failure_ends_the_wait_for_another_attempt() {
    let mut run = dispatcher([gate("flaky").attempts(3), gate("check")]);
    run.start(0).unwrap();
    let broken = Ending::Failed { failure: Failure::new(FailureKind::Unavailable, "no route") };
    assert_eq!(
        words(&run.handle(ended(1, broken), 0).unwrap()),
        ["again flaky#1 in 1000 ms: unavailable: no route", "begin 3: wait 1000 ms"]
    );
    assert_eq!(
        words(&run.handle(answered(2, Answer::Fail), 0).unwrap()),
        [
            "end check#1 failure: so",
            "end flaky#1 error: unavailable: no route",
            "rejected at check, unchanged",
            "finished",
            "abort 3",
        ]
    );
}

#[test]
fn an_undo_that_fails_is_tried_again_after_a_wait() {
    let mut run = dispatcher([change("switch")]);
    run.start(0).unwrap();
    run.handle(captured(1), 0).unwrap();
    run.handle(answered(2, Answer::Fail), 0).unwrap();
    let refused = || Landing::Undone {
        left: None,
        result: Err(Failure::new(FailureKind::Unavailable, "no route")),
        denied: Vec::new(),
        used: Vec::new(),
    };
    let undone = |run: &mut Dispatcher, flight| {
        words(&run.handle(Event::Landed { flight: Flight(flight), landing: refused() }, 0).unwrap())
    };
    assert_eq!(undone(&mut run, 3), ["undo again switch#1 in 1000 ms: no route", "begin 4: wait 1000 ms"]);
    let due = Event::Landed { flight: Flight(4), landing: Landing::Due };
    assert_eq!(words(&run.handle(due, 0).unwrap()), ["undo switch#2", "begin 5: undo to blue"]);
}

#[test]
fn a_question_says_until_when_and_its_end_says_how_long_it_took() {
    let mut run = dispatcher([approval("ask", Inconclusive::Fail)]);
    let commands = run.start(1_000).unwrap();
    assert_eq!(words(&commands), ["start ask#1", "ask ask: go on?", "begin 1: ask until 3601000"]);
    let expired = Event::Landed { flight: Flight(1), landing: Landing::Expired };
    let commands = run.handle(expired, 3_601_000).unwrap();
    let Command::Write(entry) = &commands[1] else { panic!("an entry") };
    let Entry::StepEnded { elapsed_us, .. } = **entry else { panic!("the end") };
    assert_eq!(elapsed_us, 3_600_000_000);
}

#[test]
fn a_configuration_without_value_is_an_error_of_a_step_that_was_not_started() {
    let broken = gate("a").attempts(3).with(json!({ "x": "${{ inputs.missing }}" }));
    let mut run = dispatcher([broken, gate("b")]);
    let commands = words(&run.start(0).unwrap());
    assert!(
        commands[0].starts_with("end a#1 error: invalid-config: `with` has no value: "),
        "{}",
        commands[0]
    );
    assert_eq!(commands[1..], ["skip b: unwinding", "failed at a, unchanged", "finished"]);
}

#[test]
fn a_notifier_is_told_what_happened_and_how_the_world_is() {
    let mut run = dispatcher([
        change("switch"),
        gate("verify").needs(&["switch"]),
        notifier("tell").on(&[NotifyOn::RolledBack]),
    ]);
    run.start(0).unwrap();
    run.handle(captured(1), 0).unwrap();
    run.handle(answered(2, Answer::Done), 0).unwrap();
    run.handle(answered(3, Answer::Fail), 0).unwrap();
    let undone = Landing::Undone { result: Ok(()), left: None, denied: Vec::new(), used: Vec::new() };
    let commands = run.handle(Event::Landed { flight: Flight(4), landing: undone }, 0).unwrap();
    assert_eq!(
        words(&commands)[2..],
        ["start tell#1", "begin 5: announce deploy rejected at `verify`: so; 1 change was taken back"]
    );
    let Some(Command::Begin(task)) = commands.last() else { panic!("a task") };
    let Work::Announce { notice, .. } = &task.work else { panic!("a message") };
    assert_eq!(
        notice.json,
        json!({
            "event": "run.rolled_back",
            "run": "00000000010000000000000001",
            "pipeline": "deploy",
            "status": "rejected",
            "severity": "info",
            "step": "verify",
            "summary": "deploy rejected at `verify`: so; 1 change was taken back",
            "verdict": {
                "cause": { "is": "rejected", "step": "verify" },
                "world": { "is": "restored", "steps": ["switch"] },
            },
            "steps": [
                { "id": "switch", "state": "taken back", "result": "success", "summary": "so" },
                { "id": "verify", "state": "ended", "result": "failure", "summary": "so" },
            ],
        })
    );
}
