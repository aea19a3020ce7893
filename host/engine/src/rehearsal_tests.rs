//! Rehearsals on fakes: who is called how far, and what is listed.

use std::{num::NonZeroUsize, sync::Arc};

use runner_journal::{
    Journal,
    testing::{approval, change, gate, notifier, plan, told},
};
use runner_model::{Answer, Cause, FailureKind, Inconclusive, NotifyOn, Plan, RunId, StepId, Verdict, World};
use tokio::sync::mpsc;

use crate::{
    Intention, NobodyAsked, Rehearsal, Setup,
    ports::{CallReport, Mode},
    run,
    testing::{Act, FakeClock, FakeRunner, Seen, answer, failure},
};

/// What came of a rehearsal.
struct Played {
    verdict: Verdict,
    intentions: Vec<String>,
    entries: Vec<String>,
    modes: Vec<(String, Mode)>,
}

async fn play(plan: Plan, script: impl FnOnce(FakeRunner) -> FakeRunner) -> Played {
    let plan = Arc::new(Rehearsal::shortened(&plan));
    let runner = Arc::new(script(FakeRunner::new(Arc::clone(&plan))));
    let rehearsal = Rehearsal::new(Arc::clone(&plan), Arc::clone(&runner) as _);
    let directory = tempfile::tempdir().unwrap();
    let run_id = RunId::from_parts(1_700_000_000_000, 7);
    let seen = Seen::default();
    let setup = Setup {
        journal: Journal::create(directory.path(), run_id, &plan, crate::testing::BEGIN_MS, "0.1.0").unwrap(),
        plan,
        past: Vec::new(),
        steps: Arc::new(rehearsal.clone()),
        clock: Arc::new(FakeClock::new()),
        approver: Arc::new(NobodyAsked),
        sinks: vec![Box::new(seen.clone())],
        jobs: NonZeroUsize::new(1).unwrap(),
        signals: mpsc::channel(1).1,
    };
    let verdict = run(setup).await.unwrap();
    let told_intention = |Intention { step, what }: Intention| format!("{step}: {what}");
    let modes = runner.whole_calls().into_iter().map(|call| call.mode);
    Played {
        verdict,
        intentions: rehearsal.intentions().into_iter().map(told_intention).collect(),
        entries: seen.records().iter().map(|record| told(&record.entry)).skip(1).collect(),
        modes: runner.calls().into_iter().zip(modes).collect(),
    }
}

fn would(what: &str, report: CallReport) -> Act {
    Act::Answer(CallReport { rehearsed: vec![what.to_owned()], ..report })
}

#[tokio::test(start_paused = true)]
async fn a_change_pretends_and_what_comes_after_it_is_assumed() {
    let plan = plan([
        gate("check"),
        change("switch").needs(&["check"]),
        gate("verify").needs(&["switch"]).but(|step| step.poll = None).attempts(3),
        approval("sure", Inconclusive::Fail).needs(&["verify"]),
        change("stop").needs(&["sure"]),
        notifier("tell").on(&[NotifyOn::Succeeded]),
    ]);
    let played = play(plan, |runner| {
        runner.on("switch", "change", would("move the traffic", answer(Answer::Done, "changed"))).on(
            "stop",
            "change",
            would("stop blue", answer(Answer::Done, "changed")),
        )
    })
    .await;
    let steps = vec![StepId::new("switch"), StepId::new("stop")];
    assert_eq!(played.verdict, Verdict { cause: Cause::Succeeded, world: World::Changed { steps } });
    assert_eq!(
        played.intentions,
        [
            "switch: move the traffic",
            "stop: stop blue",
            "tell: tell `run.succeeded`: deploy succeeded; 2 changes are in place"
        ]
    );
    let modes: Vec<(&str, Mode)> = played.modes.iter().map(|(call, mode)| (call.as_str(), *mode)).collect();
    assert_eq!(
        modes,
        [
            ("observe check#1", Mode::Real),
            ("capture switch#1", Mode::Rehearsed),
            ("change switch#1", Mode::Rehearsed),
            ("observe verify#1", Mode::Assumed),
            ("capture stop#1", Mode::Rehearsed),
            ("change stop#1", Mode::Rehearsed),
            ("notify tell#1", Mode::Assumed),
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_gate_that_says_no_ends_a_rehearsal_as_it_ends_a_run() {
    let plan = plan([gate("check"), change("switch").needs(&["check"])]);
    let played =
        play(plan, |runner| runner.on("check", "observe", Act::Answer(answer(Answer::Fail, "frozen")))).await;
    let cause = Cause::Rejected { step: StepId::new("check") };
    assert_eq!(played.verdict, Verdict { cause, world: World::Unchanged });
    assert_eq!(played.intentions, [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_change_goes_as_far_as_it_can_be_told_beforehand() {
    let lost = || failure(FailureKind::Unavailable, "not sent: this is a rehearsal");
    let two = || plan([change("switch"), change("stop").needs(&["switch"])]);

    let after_a_write = play(two(), |runner| runner.on("switch", "change", would("PATCH /x", lost()))).await;
    assert_eq!(after_a_write.intentions, ["switch: PATCH /x"]);
    assert_eq!(
        after_a_write.entries[2],
        "end switch#1 success: rehearsed as far as it goes: not sent: this is a rehearsal"
    );

    // What fails before anything was to be changed would fail in a real run too.
    let before = play(two(), |runner| runner.on("switch", "change", Act::Answer(lost()))).await;
    assert_eq!(before.verdict.cause, Cause::Failed { step: StepId::new("switch") });
}

/// What an earlier change would have made is not there to be looked at: that says nothing about the run. Being denied does.
#[tokio::test(start_paused = true)]
async fn a_change_that_cannot_look_is_listed_and_passed_over() {
    let two = || plan([change("fetch"), change("checkout").needs(&["fetch"])]);
    let gone = || failure(FailureKind::Unavailable, "there is no commit `<commit of git-policy>`");

    let played = play(two(), |runner| runner.on("checkout", "capture", Act::Answer(gone()))).await;
    let unknown = "checkout: what cannot be told beforehand: there is no commit `<commit of git-policy>`";
    assert_eq!(played.intentions, [unknown]);
    let calls: Vec<&str> = played.modes.iter().map(|(call, _)| call.as_str()).collect();
    assert_eq!(calls, ["capture fetch#1", "change fetch#1", "capture checkout#1"]);
    assert_eq!(played.verdict.cause, Cause::Succeeded);

    let denied = failure(FailureKind::Denied, "no grant of this step covers it");
    let played = play(two(), |runner| runner.on("checkout", "capture", Act::Answer(denied))).await;
    assert_eq!(played.verdict.cause, Cause::Failed { step: StepId::new("checkout") });
}
