//! Whole runs on fakes: what is written, called and shown, in order.

use std::{
    num::NonZeroUsize,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use runner_journal::{
    AppendError, Decision, Journal, Progress, Record, Storage,
    testing::{approval, change, checkpoint, gate, notifier, plan, told},
};
use runner_model::{
    Answer, Cause, FailureKind, Fault, Inconclusive, NotifyOn, Plan, Poll, RunId, Verdict, World,
};
use serde_json::json;
use tokio::sync::{Notify, mpsc};

use crate::{
    RunError, Setup, Signal,
    ports::{ApprovalAnswer, CallReport, LogLine, Operation, Reply},
    run, run_with,
    testing::{Act, FakeApprover, FakeClock, FakeRunner, Seen, answer, failure, report},
};

mod targets;

/// One run and all that can be seen of it.
struct Stage {
    directory: tempfile::TempDir,
    plan: Arc<Plan>,
    runner: Arc<FakeRunner>,
    approver: Arc<FakeApprover>,
    seen: Seen,
    jobs: usize,
    signals: (mpsc::Sender<Signal>, Option<mpsc::Receiver<Signal>>),
}

impl Stage {
    fn new(plan: Plan, script: impl FnOnce(FakeRunner) -> FakeRunner) -> Self {
        let plan = Arc::new(plan);
        let (sender, receiver) = mpsc::channel(4);
        Self {
            directory: tempfile::tempdir().unwrap(),
            runner: Arc::new(script(FakeRunner::new(Arc::clone(&plan)))),
            plan,
            approver: Arc::new(FakeApprover::default()),
            seen: Seen::default(),
            jobs: 8,
            signals: (sender, Some(receiver)),
        }
    }

    fn id() -> RunId {
        RunId::from_parts(1_700_000_000_000, 7)
    }

    fn setup(&mut self, journal: Journal, past: Vec<Record>) -> Setup {
        Setup {
            plan: Arc::clone(&self.plan),
            journal,
            past,
            steps: Arc::clone(&self.runner) as _,
            clock: Arc::new(FakeClock::new()),
            approver: Arc::clone(&self.approver) as _,
            sinks: vec![Box::new(self.seen.clone())],
            jobs: NonZeroUsize::new(self.jobs).unwrap(),
            signals: self.signals.1.take().unwrap_or_else(|| mpsc::channel(1).1),
        }
    }

    fn create(&mut self) -> Setup {
        let journal =
            Journal::create(self.directory.path(), Self::id(), &self.plan, crate::testing::BEGIN_MS, "0.1.0")
                .unwrap();
        self.setup(journal, Vec::new())
    }

    fn reopen(&mut self) -> Setup {
        let opened = Journal::open(&self.directory.path().join(Self::id().to_string())).unwrap();
        self.setup(opened.journal, opened.records)
    }

    /// What was shown, after the `run` that every journal begins with.
    fn entries(&self) -> Vec<String> {
        self.seen.records().iter().map(|record| told(&record.entry)).skip(1).collect()
    }

    /// What is in the file.
    fn file(&self) -> Vec<Record> {
        runner_journal::read(&self.directory.path().join(Self::id().to_string())).unwrap().records
    }
}

fn rejected(step: &str, world: World) -> Verdict {
    Verdict { cause: Cause::Rejected { step: runner_model::StepId::new(step) }, world }
}

fn poll() -> Poll {
    Poll {
        initial_delay: Duration::ZERO,
        interval: Duration::from_secs(5),
        count: None,
        consecutive_successes: None,
        failure_limit: Some(0),
        inconclusive_limit: Some(0),
        error_limit: Some(4),
        deadline: None,
    }
}

#[tokio::test(start_paused = true)]
async fn a_deployment_that_goes_well_is_written_called_and_shown_in_order() {
    let plan = plan([
        gate("check"),
        change("switch").needs(&["check"]),
        gate("verify").needs(&["switch"]),
        notifier("tell").on(&[NotifyOn::Succeeded]),
    ]);
    let mut stage = Stage::new(plan, |runner| runner);
    let setup = stage.create();
    let verdict = run(setup).await.unwrap();
    let steps = vec![runner_model::StepId::new("switch")];
    assert_eq!(verdict, Verdict { cause: Cause::Succeeded, world: World::Changed { steps } });
    assert_eq!(
        stage.entries(),
        [
            "start check#1",
            "end check#1 success: yes",
            "start switch#1",
            "captured switch: before",
            "end switch#1 success: changed",
            "start verify#1",
            "end verify#1 success: yes",
            "succeeded, changed [switch]",
            "start tell#1",
            "end tell#1 success: delivered",
            "finished",
        ]
    );
    assert_eq!(
        stage.runner.calls(),
        ["observe check#1", "capture switch#1", "change switch#1", "observe verify#1", "notify tell#1"]
    );
    assert_eq!(stage.file(), stage.seen.records());
}

#[tokio::test(start_paused = true)]
async fn a_no_takes_every_change_back_newest_first() {
    let plan = plan([
        change("migrate"),
        change("switch").needs(&["migrate"]),
        gate("verify").needs(&["switch"]),
        gate("after").needs(&["verify"]),
    ]);
    let mut stage = Stage::new(plan, |runner| {
        runner.on("verify", "observe", Act::Answer(answer(Answer::Fail, "5 % errors")))
    });
    let setup = stage.create();
    let verdict = run(setup).await.unwrap();
    let steps = ["switch", "migrate"].map(runner_model::StepId::new).to_vec();
    assert_eq!(verdict, rejected("verify", World::Restored { steps }));
    assert_eq!(
        stage.entries()[6..],
        [
            "start verify#1",
            "end verify#1 failure: 5 % errors",
            "skip after: verify failure",
            "unwind",
            "undo switch#1",
            "undone switch",
            "undo migrate#1",
            "undone migrate",
            "rejected at verify, restored [switch migrate]",
            "finished",
        ]
    );
}

/// A push is not taken back: its plugin says so, and so does the journal.
#[tokio::test(start_paused = true)]
async fn what_a_plugin_leaves_when_it_takes_its_change_back_is_written_down() {
    let plan = plan([change("push"), gate("verify").needs(&["push"])]);
    let line = |level, text: &str| LogLine { level, text: text.to_owned() };
    let log = vec![line("warn", "first"), line("warn", "it stays at `origin`"), line("info", "done")];
    let restored = CallReport { log, ..report(Ok(Reply::Restored)) };
    let mut stage = Stage::new(plan, |runner| {
        runner.on("push", "restore", Act::Answer(restored)).on(
            "verify",
            "observe",
            Act::Answer(answer(Answer::Fail, "no")),
        )
    });
    let setup = stage.create();
    let verdict = run(setup).await.unwrap();
    assert_eq!(verdict.exit(), runner_model::ExitCode::Rejected);
    assert_eq!(
        stage.entries()[5..],
        [
            "unwind",
            "undo push#1",
            "undone push but it stays at `origin`",
            "rejected at verify, restored [push]",
            "finished"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_failed_change_is_taken_back_too_and_an_undo_is_tried_three_times() {
    let plan = plan([change("migrate"), change("switch").needs(&["migrate"])]);
    let no = || Act::Answer(failure(FailureKind::Unavailable, "connection refused"));
    let mut stage = Stage::new(plan, |runner| {
        runner.on("switch", "change", no()).on("switch", "restore", no()).on("switch", "restore", no()).on(
            "switch",
            "restore",
            no(),
        )
    });
    let setup = stage.create();
    let verdict = run(setup).await.unwrap();
    assert_eq!(verdict.exit(), runner_model::ExitCode::Stuck);
    assert_eq!(
        stage.entries()[3..],
        [
            "start switch#1",
            "captured switch: before",
            "end switch#1 error: unavailable: connection refused",
            "unwind",
            "undo switch#1",
            "undo again switch#1 in 1000 ms: connection refused",
            "undo switch#2",
            "undo again switch#2 in 2000 ms: connection refused",
            "undo switch#3",
            "undo failed switch#3: connection refused",
            "stuck at switch, restored [], remaining switch (connection refused) \
             migrate (not tried, because `switch` has to be taken back first)",
            "finished",
        ]
    );

    // Somebody repairs what was in the way: the remaining work is done, and only that.
    let setup = stage.reopen();
    let verdict = run(setup).await.unwrap();
    let steps = ["switch", "migrate"].map(runner_model::StepId::new).to_vec();
    let cause = Cause::Failed { step: runner_model::StepId::new("switch") };
    assert_eq!(verdict, Verdict { cause, world: World::Restored { steps } });
    assert_eq!(
        stage.entries()[15..],
        [
            "resume",
            "undo switch#1",
            "undone switch",
            "undo migrate#1",
            "undone migrate",
            "failed at switch, restored [switch migrate]",
            "finished",
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_run_aborts_gates_lets_changes_land_and_goes_back() {
    let hold = Arc::new(Notify::new());
    let plan = plan([
        change("switch"),
        gate("slow"),
        approval("ask", Inconclusive::Fail),
        gate("later").needs(&["slow"]),
    ]);
    let mut stage = Stage::new(plan, |runner| {
        runner.on("switch", "change", Act::Hold(Arc::clone(&hold), answer(Answer::Done, "changed"))).on(
            "slow",
            "observe",
            Act::Hang,
        )
    });
    let setup = stage.create();
    let signals = stage.signals.0.clone();
    let running = tokio::spawn(run(setup));
    // Time only passes once everything that can run waits.
    tokio::time::sleep(Duration::from_millis(1)).await;
    signals.send(Signal::Cancel { by: "SIGINT".to_owned() }).await.unwrap();
    tokio::time::sleep(Duration::from_millis(1)).await;
    hold.notify_one();
    let verdict = running.await.unwrap().unwrap();
    let steps = vec![runner_model::StepId::new("switch")];
    assert_eq!(verdict, Verdict { cause: Cause::Cancelled, world: World::Restored { steps } });
    assert_eq!(
        stage.entries()[3..],
        [
            "ask ask: go on?",
            "captured switch: before",
            "cancel SIGINT",
            "end slow#1 aborted: cancelled",
            "end ask#1 aborted: cancelled",
            "skip later: slow aborted",
            "end switch#1 success: changed",
            "unwind",
            "undo switch#1",
            "undone switch",
            "cancelled, restored [switch]",
            "finished",
        ]
    );
}

/// Requirement 002-22.
#[tokio::test(start_paused = true)]
async fn a_second_signal_stops_at_once_and_the_run_goes_on_where_it_was() {
    let plan = plan([change("switch"), gate("verify").needs(&["switch"])]);
    let mut stage = Stage::new(plan, |runner| runner.on("switch", "change", Act::Hang));
    let setup = stage.create();
    let signals = stage.signals.0.clone();
    let running = tokio::spawn(run(setup));
    tokio::time::sleep(Duration::from_millis(1)).await;
    signals.send(Signal::Stop).await.unwrap();
    assert!(matches!(running.await.unwrap(), Err(RunError::Stopped)));

    let setup = stage.reopen();
    let verdict = run(setup).await.unwrap();
    assert_eq!(verdict.cause, Cause::Succeeded);
    // What was captured before is kept: the change is made again, not captured again.
    assert_eq!(
        stage.runner.calls(),
        ["capture switch#1", "change switch#1", "change switch#1", "observe verify#1"]
    );
    assert_eq!(stage.file(), stage.seen.records());
}

#[tokio::test(start_paused = true)]
async fn a_failing_attempt_is_tried_again_after_growing_waits() {
    let plan = plan([gate("flaky").attempts(3)]);
    let no = || Act::Answer(failure(FailureKind::Unavailable, "no route"));
    let mut stage =
        Stage::new(plan, |runner| runner.on("flaky", "observe", no()).on("flaky", "observe", no()));
    let setup = stage.create();
    run(setup).await.unwrap();
    assert_eq!(
        stage.entries(),
        [
            "start flaky#1",
            "again flaky#1 in 1000 ms: unavailable: no route",
            "start flaky#2",
            "again flaky#2 in 2000 ms: unavailable: no route",
            "start flaky#3",
            "end flaky#3 success: yes",
            "succeeded, unchanged",
            "finished",
        ]
    );
    let at: Vec<u64> =
        stage.seen.records().iter().map(|record| record.at_ms - crate::testing::BEGIN_MS).collect();
    assert_eq!(at, [0, 0, 0, 1_000, 1_000, 3_000, 3_000, 3_000, 3_000]);
}

#[tokio::test(start_paused = true)]
async fn a_plugin_that_never_answers_is_ended_at_the_steps_timeout() {
    let plan = plan([gate("stuck").but(|step| step.timeout = Duration::from_secs(90))]);
    let mut stage = Stage::new(plan, |runner| runner.on("stuck", "observe", Act::Hang));
    let setup = stage.create();
    run(setup).await.unwrap();
    assert_eq!(stage.entries()[1], "end stuck#1 error: timed-out: there was no answer within 1m30s");
}

#[tokio::test(start_paused = true)]
async fn a_panic_of_ours_is_a_failure_of_the_step_and_the_run_goes_back() {
    let plan = plan([change("switch"), gate("broken").needs(&["switch"])]);
    let mut stage = Stage::new(plan, |runner| runner.on("broken", "observe", Act::Panic));
    let setup = stage.create();
    run(setup).await.unwrap();
    assert_eq!(
        stage.entries()[4..],
        [
            "end broken#1 error: internal: the runner has a fault: the task for this step panicked",
            "unwind",
            "undo switch#1",
            "undone switch",
            "failed at broken, restored [switch]",
            "finished",
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_health_check_is_asked_until_it_was_healthy_often_enough() {
    let plan = plan([gate("health").but(|step| {
        step.poll = Some(Poll { consecutive_successes: Some(2), failure_limit: Some(1), ..poll() });
    })]);
    let mut stage = Stage::new(plan, |runner| {
        runner
            .on("health", "observe", Act::Answer(answer(Answer::Pass, "up")))
            .on("health", "observe", Act::Answer(answer(Answer::Fail, "down")))
            .on("health", "observe", Act::Answer(answer(Answer::Pass, "up")))
    });
    let setup = stage.create();
    run(setup).await.unwrap();
    assert_eq!(stage.entries()[..2], ["start health#1", "end health#1 success: yes"]);
    let measured: Vec<String> = stage
        .seen
        .progress()
        .iter()
        .map(|progress| match progress {
            Progress::Measured { count, summary, .. } => format!("{count} {summary}"),
            Progress::Log { line, .. } => line.clone(),
        })
        .collect();
    assert_eq!(measured, ["1 up", "2 down", "3 up", "4 yes"]);
    assert_eq!(stage.seen.records()[2].at_ms - stage.seen.records()[0].at_ms, 15_000);
}

#[tokio::test(start_paused = true)]
async fn a_measurement_that_the_deadline_cuts_short_is_no_error_of_what_is_measured() {
    // One that hangs is left a moment for its last words.
    for (cut, took_ms) in [(Act::Hang, 7_100), (Act::TimeOut, 7_000)] {
        let plan = plan([gate("health").but(|step| {
            let deadline = Some(Duration::from_secs(7));
            step.poll = Some(Poll { failure_limit: None, error_limit: Some(0), deadline, ..poll() });
        })]);
        let mut stage = Stage::new(plan, |runner| {
            runner.on("health", "observe", Act::Answer(answer(Answer::Fail, "down"))).on(
                "health",
                "observe",
                cut.clone(),
            )
        });
        let setup = stage.create();
        let verdict = run(setup).await.unwrap();
        assert_eq!(verdict, rejected("health", World::Unchanged), "{cut:?}");
        assert_eq!(stage.seen.records()[2].at_ms - stage.seen.records()[0].at_ms, took_ms, "{cut:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_approval_waits_for_a_person_and_tells_those_who_listen() {
    let plan = plan([
        approval("ask", Inconclusive::Fail),
        change("switch").needs(&["ask"]),
        notifier("tell").on(&[NotifyOn::ApprovalWaiting]),
    ]);
    let mut stage = Stage::new(plan, |runner| runner);
    let yes = ApprovalAnswer {
        decision: Decision::Approved,
        by: "ada@host".to_owned(),
        reason: "ready".to_owned(),
    };
    stage.approver = Arc::new(FakeApprover::default().on("ask", yes));
    let setup = stage.create();
    run(setup).await.unwrap();
    assert_eq!(
        stage.entries()[..5],
        [
            "start ask#1",
            "ask ask: go on?",
            "start tell#1",
            "answer ask: Approved ada@host",
            "end ask#1 success: approved by ada@host: ready",
        ]
    );
    let Operation::Notify(notice) = &stage.runner.whole_calls()[0].operation else {
        panic!("a notifier is told")
    };
    assert_eq!(notice.name, "approval.waiting");
    assert_eq!(notice.step.as_deref(), Some("ask"));
    assert_eq!(notice.summary, "deploy: `ask` waits for approval: go on?");
}

#[tokio::test(start_paused = true)]
async fn a_question_that_nobody_answers_expires() {
    let expired = |on_timeout| async move {
        let mut stage = Stage::new(plan([approval("ask", on_timeout)]), |runner| runner);
        let setup = stage.create();
        run(setup).await.unwrap();
        stage.entries()[2..].to_vec()
    };
    assert_eq!(
        expired(Inconclusive::Fail).await,
        [
            "answer ask: Expired ",
            "end ask#1 failure: nobody answered in time",
            "rejected at ask, unchanged",
            "finished"
        ]
    );
    assert_eq!(
        expired(Inconclusive::Pass).await,
        [
            "answer ask: Expired ",
            "end ask#1 success: nobody answered in time, which counts as yes here",
            "succeeded, unchanged",
            "finished",
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn an_inconclusive_answer_waits_for_a_person_if_the_step_says_so() {
    let plan = plan([gate("load").but(|step| step.on_inconclusive = Inconclusive::Pause)]);
    let mut stage = Stage::new(plan, |runner| {
        runner.on("load", "observe", Act::Answer(answer(Answer::Inconclusive, "too few requests")))
    });
    let no =
        ApprovalAnswer { decision: Decision::Rejected, by: "ada@host".to_owned(), reason: String::new() };
    stage.approver = Arc::new(FakeApprover::default().on("load", no));
    let setup = stage.create();
    run(setup).await.unwrap();
    assert_eq!(
        stage.entries(),
        [
            "start load#1",
            "unclear load#1: too few requests",
            "ask load: it is not clear: too few requests",
            "answer load: Rejected ada@host",
            "end load#1 failure: too few requests; rejected by ada@host",
            "rejected at load, unchanged",
            "finished",
        ]
    );
}

/// Requirement 002-27: failures are rehearsed.
#[tokio::test(start_paused = true)]
async fn faults_are_put_in_where_the_plan_says() {
    let with = |fault| async move {
        let plan = plan([change("switch").but(|step| step.fault = Some(fault))]);
        let mut stage = Stage::new(plan, |runner| runner);
        let setup = stage.create();
        run(setup).await.unwrap();
        (stage.entries()[2].clone(), stage.runner.calls())
    };
    let calls = ["capture switch#1", "restore switch#1"].map(str::to_owned).to_vec();
    assert_eq!(
        with(Fault::Fail).await,
        ("end switch#1 failure: put in on purpose (--inject fail)".to_owned(), calls.clone())
    );
    assert_eq!(
        with(Fault::Trap).await,
        ("end switch#1 error: trap: put in on purpose (--inject trap)".to_owned(), calls.clone())
    );
    assert_eq!(
        with(Fault::Hang).await,
        ("end switch#1 error: timed-out: there was no answer within 10m".to_owned(), calls)
    );
}

#[tokio::test(start_paused = true)]
async fn a_fault_in_an_undo_leaves_the_run_stuck() {
    let plan = plan([
        change("switch").but(|step| step.fault = Some(Fault::UndoFail)),
        gate("verify").needs(&["switch"]).but(|step| step.fault = Some(Fault::Fail)),
    ]);
    let mut stage = Stage::new(plan, |runner| runner);
    let setup = stage.create();
    run(setup).await.unwrap();
    assert_eq!(
        stage.entries().iter().rev().nth(1).unwrap(),
        "stuck at verify, restored [], remaining switch (put in on purpose (--inject undo-fail))"
    );
}

#[tokio::test(start_paused = true)]
async fn a_crash_comes_after_the_change_and_before_its_entry_and_only_once() {
    let plan = plan([change("switch").but(|step| step.fault = Some(Fault::Crash))]);
    let mut stage = Stage::new(plan, |runner| runner);
    let setup = stage.create();
    let (crashes, seen) = (Arc::new(AtomicUsize::new(0)), Arc::new(Notify::new()));
    let crash = {
        let (crashes, seen) = (Arc::clone(&crashes), Arc::clone(&seen));
        Arc::new(move || {
            crashes.fetch_add(1, Ordering::SeqCst);
            seen.notify_one();
        })
    };
    let running = tokio::spawn(run_with(setup, crash.clone()));
    seen.notified().await;
    running.abort();
    assert!(running.await.unwrap_err().is_cancelled());
    let entries: Vec<String> = stage.file().iter().map(|record| told(&record.entry)).collect();
    assert_eq!(entries, ["run", "start switch#1", "captured switch: before"]);

    let setup = stage.reopen();
    assert_eq!(run_with(setup, crash).await.unwrap().cause, Cause::Succeeded);
    assert_eq!(crashes.load(Ordering::SeqCst), 1);
    assert_eq!(stage.runner.calls(), ["capture switch#1", "change switch#1", "change switch#1"]);
}

#[tokio::test(start_paused = true)]
async fn a_configuration_sees_the_outputs_of_earlier_steps_under_their_own_names() {
    let plan = plan([
        gate("build").but(|step| {
            step.outputs = Some([("image".to_owned(), "ref".to_owned())].into());
        }),
        change("switch").needs(&["build"]).with(json!({ "to": "${{ steps.build.outputs.image }}" })),
        gate("broken").needs(&["switch"]).with(json!({ "to": "${{ steps.build.outputs.ref }}" })),
    ]);
    let mut built = answer(Answer::Pass, "built");
    if let Ok(crate::ports::Reply::Outcome(outcome)) = &mut built.result {
        outcome.outputs.insert("ref".to_owned(), json!("web:7"));
    }
    let mut stage = Stage::new(plan, |runner| runner.on("build", "observe", Act::Answer(built)));
    let setup = stage.create();
    run(setup).await.unwrap();
    let configs: Vec<serde_json::Value> =
        stage.runner.whole_calls().into_iter().map(|call| call.config).collect();
    let to = json!({ "to": "web:7" });
    assert_eq!(configs, [json!({}), to.clone(), to.clone(), to]);
    assert!(stage.entries()[5].starts_with("end broken#1 error: invalid-config: `with` has no value: "));
}

#[tokio::test(start_paused = true)]
async fn what_a_plugin_writes_is_shown_and_kept() {
    let plan = plan([gate("check")]);
    let mut report = answer(Answer::Pass, "fine");
    report.log = ["one", "two"].map(|text| LogLine { level: "info", text: text.to_owned() }).to_vec();
    let mut stage = Stage::new(plan, |runner| runner.on("check", "observe", Act::Answer(report)));
    let setup = stage.create();
    let logs = setup.journal.logs();
    run(setup).await.unwrap();
    let step = runner_model::StepId::new("check");
    assert_eq!(String::from_utf8(logs.read(&step).unwrap()).unwrap(), "info one\ninfo two\n");
    let line = |line: &str| Progress::Log { step: step.clone(), level: "info", line: line.to_owned() };
    assert_eq!(stage.seen.progress(), [line("one"), line("two")]);
}

#[tokio::test(start_paused = true)]
async fn no_more_steps_run_at_once_than_there_are_jobs() {
    let plan =
        plan(["a", "b", "c"].map(checkpoint).map(|draft| draft).into_iter().chain(["d", "e", "f"].map(gate)));
    let mut stage = Stage::new(plan, |runner| runner);
    stage.jobs = 1;
    let setup = stage.create();
    run(setup).await.unwrap();
    let entries = stage.entries();
    let starts = entries.iter().filter(|entry| entry.starts_with("start ")).count();
    let overlapping =
        entries.windows(2).filter(|pair| pair.iter().all(|entry| entry.starts_with("start "))).count();
    assert_eq!((starts, overlapping), (6, 0));
}

#[tokio::test(start_paused = true)]
async fn a_finished_run_gives_its_verdict_again_and_does_nothing() {
    let mut stage = Stage::new(plan([change("switch")]), |runner| runner);
    let setup = stage.create();
    let verdict = run(setup).await.unwrap();
    let before = (stage.file(), stage.runner.calls());
    let setup = stage.reopen();
    assert_eq!(run(setup).await.unwrap(), verdict);
    assert_eq!((stage.file(), stage.runner.calls()), before);
}

#[tokio::test(start_paused = true)]
async fn entries_of_another_plan_start_nothing() {
    let mut stage = Stage::new(plan([change("switch")]), |runner| runner);
    let setup = stage.create();
    run(setup).await.unwrap();
    stage.plan = Arc::new(plan([gate("other")]));
    let setup = stage.reopen();
    let Err(RunError::Past { seq, source }) = run(setup).await else { panic!("another plan") };
    assert_eq!(
        (seq, source.to_string()),
        (2, "`step-started` names the step `switch`, which the plan does not have".to_owned())
    );
}

/// The process dies after each entry in turn; what was begun then has happened in one half of the cases and not in the
/// other, which a restored world cannot tell apart.
#[tokio::test(start_paused = true)]
async fn a_run_goes_on_from_every_place_in_its_journal_to_the_same_end() {
    let deployment = || {
        plan([
            change("migrate"),
            gate("flaky").attempts(2),
            approval("ask", Inconclusive::Pass).needs(&["migrate"]),
            change("switch").needs(&["ask", "flaky"]),
            gate("verify").needs(&["switch"]).but(|step| step.fault = Some(Fault::Fail)),
            gate("diagnose").needs(&["verify"]).condition("failure()"),
            gate("clean").finally(),
            notifier("tell").on(&[NotifyOn::RolledBack]),
        ])
    };
    let no = || Act::Answer(failure(FailureKind::Unavailable, "no route"));
    let mut whole = Stage::new(deployment(), |runner| {
        runner.on("flaky", "observe", no()).on("switch", "restore", no()).on("migrate", "restore", no())
    });
    let setup = whole.create();
    let verdict = run(setup).await.unwrap();
    let steps = ["switch", "migrate"].map(runner_model::StepId::new).to_vec();
    assert_eq!(verdict, rejected("verify", World::Restored { steps }));

    let original = whole.directory.path().join(Stage::id().to_string());
    let text = std::fs::read_to_string(original.join("journal.jsonl")).unwrap();
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    assert_eq!(lines.len(), 34);
    for kept in 1..=lines.len() {
        let mut stage = Stage::new(deployment(), |runner| runner);
        let copy = stage.directory.path().join(Stage::id().to_string());
        std::fs::create_dir_all(copy.join("logs")).unwrap();
        std::fs::copy(original.join("plan.json"), copy.join("plan.json")).unwrap();
        std::fs::write(copy.join("journal.jsonl"), lines[..kept].concat()).unwrap();
        let setup = stage.reopen();
        assert_eq!(run(setup).await.unwrap(), verdict, "after {kept} entries");
        let told: Vec<String> = stage.file().iter().map(|record| told(&record.entry)).collect();
        assert_eq!(told.last().unwrap(), "finished");
        assert_eq!(
            told.iter().filter(|entry| entry.starts_with("captured ")).count(),
            2,
            "after {kept} entries"
        );
    }
}

/// A disk with room for so many appends.
struct Full(usize);

impl Storage for Full {
    fn append(&mut self, _: &[u8]) -> std::io::Result<()> {
        let full = std::io::ErrorKind::StorageFull.into();
        self.0.checked_sub(1).map(|left| self.0 = left).ok_or(full)
    }

    fn sync(&mut self) -> std::io::Result<()> {
        Ok(())
    }

    fn truncate(&mut self, _: u64) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn a_full_disk_stops_the_run_before_the_next_effect() {
    let calls_with_room_for = |appends| async move {
        let plan = plan([gate("check"), change("switch").needs(&["check"])]);
        let mut stage = Stage::new(plan, |runner| runner);
        let journal =
            Journal::on(stage.directory.path(), Box::new(Full(appends)), Stage::id(), &stage.plan).unwrap();
        let setup = stage.setup(journal, Vec::new());
        let Err(RunError::Journal(AppendError::Write { .. })) = run(setup).await else {
            panic!("the disk is full")
        };
        stage.runner.calls()
    };
    assert_eq!(calls_with_room_for(1).await, [""; 0]);
    assert_eq!(calls_with_room_for(2).await, ["observe check#1"]);
    assert_eq!(calls_with_room_for(3).await, ["observe check#1", "capture switch#1"]);
    assert_eq!(calls_with_room_for(4).await, ["observe check#1", "capture switch#1", "change switch#1"]);
}
