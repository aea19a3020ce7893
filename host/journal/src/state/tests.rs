//! What docs/pipeline.md says about steps, needs, `if`, failures, undoing, `finally` and `notify`, as claims.

use std::{collections::BTreeMap, sync::Arc};

use runner_model::{
    Answer, Failure, FailureKind, Inconclusive, NotifyOn, Outcome, Plan, RetryOn, RunId, StepId, StepIndex,
    StepResult::{Aborted, Error, Failure as No, Skipped, Success, Warn},
    Uses, Verdict, World,
};
use serde_json::{Map, Value, json};

use crate::{
    AbortReason, Action, Decision, Ending, Entry, IllegalEntry, Node, Snapshot, Stage, State,
    settle::{Next, undo_delay},
    testing::{Draft, approval, change, checkpoint, gate, notifier, plan, told},
};

fn answered(answer: Answer) -> Ending {
    Ending::Answered { outcome: Outcome::new(answer, format!("{answer:?}").to_lowercase()) }
}

fn broken() -> Ending {
    Ending::Failed { failure: Failure::new(FailureKind::Unavailable, "no route") }
}

/// Plays a plan with everything that is ready at once, in order; what has no ending in the script says yes.
struct Play {
    plan: Arc<Plan>,
    script: BTreeMap<&'static str, Vec<Ending>>,
    /// Changes that cannot be taken back.
    stuck: Vec<&'static str>,
    /// Cancelled right after this entry.
    cancel_after: Option<&'static str>,
    state: State,
    entries: Vec<String>,
    flights: Vec<(StepIndex, u32)>,
}

fn play(drafts: impl IntoIterator<Item = Draft>) -> Play {
    let plan = Arc::new(plan(drafts));
    let state = State::new(Arc::clone(&plan));
    let (script, entries, flights) = (BTreeMap::new(), Vec::new(), Vec::new());
    Play { plan, script, stuck: Vec::new(), cancel_after: None, state, entries, flights }
}

impl Play {
    fn with(mut self, step: &'static str, ending: Ending) -> Self {
        self.script.entry(step).or_default().push(ending);
        self
    }

    fn stuck_at(mut self, step: &'static str) -> Self {
        self.stuck.push(step);
        self
    }

    fn cancelled_after(mut self, entry: &'static str) -> Self {
        self.cancel_after = Some(entry);
        self
    }

    /// Every entry after `run`, to the end.
    fn entries(mut self) -> Vec<String> {
        self.run();
        self.entries
    }

    /// The result of each step of `steps`.
    fn results(mut self) -> Vec<(String, &'static str)> {
        self.run();
        let result = |(index, step): (StepIndex, &runner_model::Step)| {
            (
                step.id.to_string(),
                self.state.node(index).result().map_or("none", runner_model::StepResult::as_str),
            )
        };
        self.plan.indexed().map(result).collect()
    }

    fn verdict(mut self) -> String {
        self.run();
        let at = self.entries.len() - 2;
        self.entries[at].clone()
    }

    fn run(&mut self) {
        let (run, digest) = (RunId::from_parts(1, 1), self.plan.header.digest.clone());
        let begin =
            Entry::RunStarted { run, pipeline: "deploy".to_owned(), plan: digest, runner: "0".to_owned() };
        self.state.apply(&begin).unwrap();
        while self.state.stage() != Stage::Finished {
            let actions = self.state.next(usize::MAX);
            let idle = actions.is_empty();
            for action in actions {
                self.carry_out(action);
            }
            if idle {
                let (step, attempt) = self.flights.remove(0);
                self.land(step, attempt);
            }
        }
    }

    fn write(&mut self, entry: Entry) {
        self.state.apply(&entry).unwrap();
        let entry = told(&entry);
        let cancels = self.cancel_after.take_if(|after| *after == entry).is_some();
        self.entries.push(entry);
        if cancels {
            self.write(Entry::CancelRequested { by: "SIGINT".to_owned() });
        }
    }

    fn carry_out(&mut self, action: Action) {
        match action {
            Action::Record(entry) => self.write(*entry),
            Action::Start { step, attempt, .. } => {
                self.write(Entry::StepStarted { step: self.id(step), attempt });
                if !matches!(self.plan.step(step).uses, Uses::Approval(_)) {
                    self.flights.push((step, attempt));
                }
            }
            Action::Ask { step } => {
                let message = "go on?".to_owned();
                self.write(Entry::ApprovalRequested { step: self.id(step), message, expires_at_ms: 0 });
                self.flights.push((step, 0));
            }
            Action::AskAgain { .. } => unreachable!("nothing is resumed here"),
            Action::Wait { step, .. } => self.state.due(step),
            Action::Undo { step, attempt, .. } => {
                let id = self.id(step);
                self.write(Entry::UndoStarted { step: id.clone(), attempt });
                if self.stuck.contains(&id.as_str()) {
                    let failure = Failure::new(FailureKind::Unavailable, "no route");
                    let again_in_ms = undo_delay(attempt).map(|delay| delay.as_secs() * 1_000);
                    self.write(Entry::UndoFailed { step: id, attempt, failure, again_in_ms });
                } else {
                    self.write(Entry::UndoSucceeded { step: id, left: None });
                }
            }
        }
    }

    fn land(&mut self, index: StepIndex, attempt: u32) {
        let step = self.id(index);
        if attempt == 0 {
            if matches!(self.state.node(index), Node::AwaitingApproval { .. }) {
                let (decision, by, reason) = (Decision::Approved, "ada".to_owned(), String::new());
                self.write(Entry::ApprovalAnswered { step, decision, by, reason });
            }
            return;
        }
        if self.state.effect(index) == runner_model::Effect::Change
            && matches!(self.state.node(index), Node::Started { .. })
        {
            self.write(Entry::StepCaptured { step: step.clone(), snapshot: Snapshot("old".to_owned()) });
        }
        let scripted = self.script.get_mut(step.as_str()).filter(|endings| !endings.is_empty());
        let ending = scripted.map_or_else(|| answered(Answer::Done), |endings| endings.remove(0));
        let (result, again_in_ms) = match self.state.after(index, attempt, &ending) {
            Next::Again { after } => (None, Some(u64::try_from(after.as_millis()).unwrap())),
            Next::Ask => (None, None),
            Next::Ended(result) => (Some(result), None),
        };
        self.write(Entry::StepEnded { step, attempt, ending, result, again_in_ms, elapsed_us: 0, log: None });
    }

    fn id(&self, step: StepIndex) -> StepId {
        self.plan.step(step).id.clone()
    }
}

fn results(of: &[(&str, &'static str)]) -> Vec<(String, &'static str)> {
    of.iter().map(|(step, result)| ((*step).to_owned(), *result)).collect()
}

/// Requirements 000-11, 001-25: several needs are all waited for.
#[test]
fn a_step_starts_when_everything_it_needs_has_ended() {
    let entries =
        play([gate("a"), gate("b"), gate("c").needs(&["a", "b"]), checkpoint("d").needs(&["c"])]).entries();
    assert_eq!(
        entries,
        [
            "start a#1",
            "start b#1",
            "end a#1 success: done",
            "end b#1 success: done",
            "start c#1",
            "end c#1 success: done",
            "start d#1",
            "end d#1 success: done",
            "succeeded, unchanged",
            "finished",
        ]
    );
}

#[test]
fn a_warning_lets_go_on_and_a_no_skips_all_that_follow() {
    let table = play([gate("a"), gate("b").needs(&["a"]), gate("c").needs(&["b"]), gate("d").needs(&["c"])])
        .with("a", answered(Answer::Warn))
        .with("b", answered(Answer::Fail))
        .results();
    assert_eq!(table, results(&[("a", "warn"), ("b", "failure"), ("c", "skipped"), ("d", "skipped")]));
}

#[test]
fn a_need_says_which_results_it_accepts() {
    let table = play([
        gate("a").but(|step| step.continue_on_error = true),
        gate("on-failure").needs_result("a", &[No, Error]),
        gate("on-success").needs_result("a", &[Success]),
        gate("on-skipped").needs_result("on-success", &[Skipped]),
    ])
    .with("a", answered(Answer::Fail))
    .results();
    assert_eq!(
        table,
        results(&[
            ("a", "failure"),
            ("on-failure", "success"),
            ("on-success", "skipped"),
            ("on-skipped", "success")
        ])
    );
}

#[test]
fn what_is_tolerated_decides_nothing_and_holds_nobody_up() {
    let tolerated = |edit: fn(&mut runner_model::Step), ending: Ending| {
        play([gate("a").but(edit), gate("b").needs(&["a"])]).with("a", ending).results()
    };
    let report_only = |step: &mut runner_model::Step| step.report_only = true;
    let go_on = |step: &mut runner_model::Step| step.continue_on_error = true;
    assert_eq!(
        tolerated(report_only, answered(Answer::Fail)),
        results(&[("a", "success"), ("b", "success")])
    );
    assert_eq!(tolerated(report_only, broken()), results(&[("a", "error"), ("b", "success")]));
    assert_eq!(tolerated(go_on, answered(Answer::Fail)), results(&[("a", "failure"), ("b", "success")]));
    assert_eq!(tolerated(go_on, broken()), results(&[("a", "error"), ("b", "success")]));
}

#[test]
fn a_message_that_is_not_delivered_ends_the_run_only_if_it_is_required() {
    let verdict = |required| {
        play([notifier("tell").but(|step| step.required = required), gate("b").needs(&["tell"])])
            .with("tell", broken())
            .verdict()
    };
    assert_eq!(verdict(false), "succeeded, unchanged");
    assert_eq!(verdict(true), "failed at tell, unchanged");
}

#[test]
fn a_condition_that_is_false_skips_and_one_without_value_is_an_error() {
    let table = play([
        gate("a"),
        gate("on").needs(&["a"]).condition("steps.a.result == 'success'"),
        gate("off").needs(&["a"]).condition("steps.a.result == 'failure'"),
    ]);
    assert_eq!(table.results(), results(&[("a", "success"), ("on", "success"), ("off", "skipped")]));
    let entries =
        play([gate("a"), gate("b").needs(&["a"]).condition("steps.a.outputs.missing > 1")]).entries();
    assert!(entries[2].starts_with("end b#1 error: invalid-config: `if` has no value: "), "{}", entries[2]);
    assert_eq!(entries[3..], ["failed at b, unchanged", "finished"]);
}

#[test]
fn steps_for_a_failure_run_before_changes_are_taken_back() {
    let entries = play([
        change("switch"),
        gate("verify").needs(&["switch"]),
        gate("diagnose").needs(&["verify"]).condition("failure()"),
        gate("always").needs(&["diagnose"]).condition("always()"),
        gate("never").needs(&["verify"]).condition("success()"),
        gate("other").needs(&["switch"]).needs(&["verify"]),
    ])
    .with("verify", answered(Answer::Fail))
    .entries();
    assert_eq!(
        entries[4..],
        [
            "end verify#1 failure: fail",
            "skip never: if",
            "skip other: verify failure",
            "start diagnose#1",
            "end diagnose#1 success: done",
            "start always#1",
            "end always#1 success: done",
            "unwind",
            "undo switch#1",
            "undone switch",
            "rejected at verify, restored [switch]",
            "finished",
        ]
    );
}

#[test]
fn the_first_failure_decides_and_what_runs_may_land() {
    let entries = play([gate("a"), gate("b"), gate("c").needs(&["b"])])
        .with("a", answered(Answer::Fail))
        .with("b", broken())
        .entries();
    assert_eq!(
        entries[2..],
        [
            "end a#1 failure: fail",
            "end b#1 error: unavailable: no route",
            "skip c: b error",
            "rejected at a, unchanged",
            "finished",
        ]
    );
    let entries = play([gate("a"), gate("b"), gate("c").needs(&["b"])]).with("a", broken()).entries();
    assert_eq!(entries[4..], ["skip c: unwinding", "failed at a, unchanged", "finished"]);
}

#[test]
fn changes_are_taken_back_newest_first_also_that_of_the_failed_step() {
    let entries = play([change("a"), change("b").needs(&["a"]), change("c").needs(&["b"])])
        .with("c", broken())
        .entries();
    assert_eq!(
        entries[8..],
        [
            "end c#1 error: unavailable: no route",
            "unwind",
            "undo c#1",
            "undone c",
            "undo b#1",
            "undone b",
            "undo a#1",
            "undone a",
            "failed at c, restored [c b a]",
            "finished",
        ]
    );
}

#[test]
fn a_change_that_cannot_be_taken_back_leaves_those_under_it_as_they_are() {
    let verdict = play([change("a"), change("b").needs(&["a"]), change("c").needs(&["b"])])
        .with("c", broken())
        .stuck_at("b")
        .verdict();
    assert_eq!(
        verdict,
        "stuck at c, restored [c], remaining b (no route) a (not tried, because `b` has to be taken back first)"
    );
}

#[test]
fn a_change_that_is_tried_again_keeps_its_first_snapshot() {
    let entries = play([change("a").attempts(2)]).with("a", broken()).entries();
    assert_eq!(
        entries,
        [
            "start a#1",
            "captured a: old",
            "again a#1 in 1000 ms: unavailable: no route",
            "start a#2",
            "end a#2 success: done",
            "succeeded, changed [a]",
            "finished",
        ]
    );
}

#[test]
fn a_cancelled_run_skips_what_waits_and_ends_questions() {
    let entries = play([
        change("a"),
        approval("ask", Inconclusive::Fail),
        gate("b").needs(&["a"]),
        gate("last").needs(&["b"]).condition("aborted()"),
    ])
    .cancelled_after("ask ask: go on?")
    .entries();
    assert_eq!(
        entries,
        [
            "start a#1",
            "start ask#1",
            "ask ask: go on?",
            "cancel SIGINT",
            "end ask#1 aborted: cancelled",
            "captured a: old",
            "end a#1 success: done",
            "skip b: cancelled",
            "start last#1",
            "end last#1 success: done",
            "unwind",
            "undo a#1",
            "undone a",
            "cancelled, restored [a]",
            "finished",
        ]
    );
}

#[test]
fn a_retry_is_not_waited_for_when_the_run_goes_back() {
    let entries = play([gate("flaky").attempts(5), gate("no")])
        .with("flaky", broken())
        .with("no", answered(Answer::Fail))
        .cancelled_after("again flaky#1 in 1000 ms: unavailable: no route")
        .entries();
    assert_eq!(
        entries[2..],
        [
            "again flaky#1 in 1000 ms: unavailable: no route",
            "cancel SIGINT",
            "end flaky#1 error: unavailable: no route",
            "end no#1 failure: fail",
            "cancelled, unchanged",
            "finished",
        ]
    );
}

#[test]
fn finally_runs_once_the_verdict_is_known_and_changes_nothing_about_it() {
    let entries = play([
        gate("a"),
        gate("clean").finally(),
        gate("report").finally().needs(&["clean"]),
        gate("only-if-bad").finally().condition("failure()"),
        notifier("tell").on(&[NotifyOn::Succeeded, NotifyOn::Stuck]),
        notifier("alarm").on(&[NotifyOn::Failed]),
    ])
    .with("clean", broken())
    .with("tell", broken())
    .entries();
    assert_eq!(
        entries[2..],
        [
            "succeeded, unchanged",
            "skip only-if-bad: if",
            "start clean#1",
            "end clean#1 error: unavailable: no route",
            "skip report: clean error",
            "start tell#1",
            "end tell#1 error: unavailable: no route",
            "finished",
        ]
    );
}

#[test]
fn notify_speaks_of_the_verdict_that_it_waits_for() {
    let all = || NotifyOn::ALL.map(|on| notifier(on.as_str().split_once('.').unwrap().1).on(&[on]));
    let heard = |play: Play| -> Vec<String> {
        play.entries()
            .iter()
            .filter_map(|entry| entry.strip_prefix("start ")?.strip_suffix("#1").map(str::to_owned))
            .filter(|step| step.len() > 1)
            .collect()
    };
    assert_eq!(heard(play(all())), ["succeeded"]);
    let no = || [change("a"), gate("b").needs(&["a"])].into_iter().chain(all());
    assert_eq!(heard(play(no()).with("b", answered(Answer::Fail))), ["failed", "rolled_back"]);
    assert_eq!(heard(play(no()).with("b", broken()).stuck_at("a")), ["failed", "stuck"]);
    assert_eq!(heard(play(no()).with("a", broken())), ["failed", "rolled_back"]);
    assert_eq!(heard(play(no()).cancelled_after("start a#1")), ["rolled_back", "cancelled"]);
    let asks = [approval("q", Inconclusive::Fail)].into_iter().chain(all());
    assert_eq!(heard(play(asks)), ["waiting", "succeeded"]);
}

#[test]
fn an_answer_no_is_tried_again_only_if_the_step_says_so() {
    let again = |on: Vec<RetryOn>, ending: Ending| {
        play([gate("a").attempts(2).but(|step| step.retry.on = on)]).with("a", ending).entries()[1].clone()
    };
    assert_eq!(again(vec![RetryOn::Error], answered(Answer::Fail)), "end a#1 failure: fail");
    assert_eq!(again(vec![RetryOn::Failure], answered(Answer::Fail)), "again a#1 in 1000 ms: fail");
    assert_eq!(again(vec![RetryOn::Failure], broken()), "end a#1 error: unavailable: no route");
    let unavailable = RetryOn::Kind(FailureKind::Unavailable);
    assert_eq!(again(vec![unavailable], broken()), "again a#1 in 1000 ms: unavailable: no route");
    let trap = RetryOn::Kind(FailureKind::Trap);
    assert_eq!(again(vec![trap], broken()), "end a#1 error: unavailable: no route");
}

#[test]
fn a_journal_cannot_make_a_success_of_anything_else() {
    let plan = Arc::new(plan([gate("a"), change("b")]));
    let mut state = State::new(Arc::clone(&plan));
    let [a, b] = ["a", "b"].map(StepId::new);
    let digest = plan.header.digest.clone();
    let run = RunId::from_parts(1, 1);
    let ended = |step: &StepId, ending, result| Entry::StepEnded {
        step: step.clone(),
        attempt: 1,
        ending,
        result: Some(result),
        again_in_ms: None,
        elapsed_us: 0,
        log: None,
    };
    let begin =
        Entry::RunStarted { run, pipeline: "deploy".to_owned(), plan: digest, runner: "0".to_owned() };
    state.apply(&begin).unwrap();
    state.apply(&Entry::StepStarted { step: a.clone(), attempt: 1 }).unwrap();
    state.apply(&Entry::StepStarted { step: b.clone(), attempt: 1 }).unwrap();
    let aborted = Ending::Aborted { reason: AbortReason::Cancelled };
    for (ending, amounts_to) in [
        (answered(Answer::Fail), No),
        (answered(Answer::Inconclusive), No),
        (answered(Answer::Warn), Warn),
        (broken(), Error),
        (aborted, Aborted),
    ] {
        let refused = state.clone().apply(&ended(&a, ending.clone(), Success));
        let expected =
            IllegalEntry::Result { step: a.clone(), recorded: Some(Success), expected: Some(amounts_to) };
        assert_eq!(refused, Err(expected));
        assert_eq!(state.clone().apply(&ended(&a, ending, amounts_to)), Ok(()));
    }
    // A change without a snapshot has not been made.
    assert_eq!(
        state.apply(&ended(&b, answered(Answer::Done), Success)),
        Err(IllegalEntry::Step { entry: "step-ended", step: b, node: "started" })
    );
    let verdict = Verdict { cause: runner_model::Cause::Succeeded, world: World::Unchanged };
    assert_eq!(
        state.apply(&Entry::RunDecided { verdict }),
        Err(IllegalEntry::Run { entry: "run-decided", reason: "steps have not ended" })
    );
}

#[test]
fn a_question_that_an_ending_makes_idle_is_not_asked() {
    let plan = Arc::new(plan([approval("a", Inconclusive::Fail), approval("b", Inconclusive::Fail)]));
    let [a, b] = ["a", "b"].map(StepId::new);
    let run = RunId::from_parts(1, 1);
    let (message, by, reason) = ("go on?".to_owned(), "ada".to_owned(), String::new());
    let past = [
        Entry::RunStarted {
            run,
            pipeline: "deploy".to_owned(),
            plan: plan.header.digest.clone(),
            runner: "0".to_owned(),
        },
        Entry::StepStarted { step: a, attempt: 1 },
        Entry::StepStarted { step: b.clone(), attempt: 1 },
        Entry::ApprovalRequested { step: b.clone(), message, expires_at_ms: 0 },
        Entry::ApprovalAnswered { step: b, decision: Decision::Rejected, by, reason },
        Entry::RunResumed { runner: "0".to_owned() },
    ];
    let mut state = State::new(Arc::clone(&plan));
    for entry in &past {
        state.apply(entry).unwrap();
    }
    let mut entries = Vec::new();
    while state.stage() != Stage::Finished {
        for action in state.next(8) {
            let Action::Record(entry) = action else { panic!("{action:?}") };
            state.apply(&entry).unwrap();
            entries.push(told(&entry));
        }
    }
    assert_eq!(
        entries,
        [
            "end b#1 failure: rejected by ada",
            "end a#1 aborted: unwinding",
            "rejected at b, unchanged",
            "finished"
        ]
    );
}

#[test]
fn an_expression_sees_what_it_names_and_nothing_else() {
    let shard = |id: &str, value: &str| {
        gate(id).but(|step| step.matrix = Map::from_iter([("suite".to_owned(), Value::from(value))]))
    };
    let drafts =
        [shard("unit[fast]", "fast"), shard("unit[slow]", "slow"), gate("last").needs(&["unit[fast]"])];
    let mut outcome = Outcome::new(Answer::Pass, "12 tests");
    outcome.outputs = Map::from_iter([("count".to_owned(), json!(12)), ("secs".to_owned(), json!(3))]);
    let mut played = play(drafts)
        .with("unit[fast]", Ending::Answered { outcome })
        .with("unit[slow]", answered(Answer::Warn));
    played.run();
    let seen = |source: &str| {
        let expression: runner_expression::Expression = source.parse().unwrap();
        let scope = played.state.scope(StepIndex(0), &expression.references());
        Value::Object(scope.variables.into_iter().collect())
    };
    assert_eq!(
        seen("steps[\"unit[fast]\"].outputs.count > 1"),
        json!({ "steps": { "unit[fast]": { "outputs": { "count": 12 } } } })
    );
    assert_eq!(seen("steps.unit.result"), json!({ "steps": { "unit": { "result": "warn" } } }));
    assert_eq!(
        seen("matrix.suite + run.status"),
        json!({
            "matrix": { "suite": "fast" },
            "run": { "id": "0000000001000000000000000" .to_owned() + "1", "name": "deploy", "status": "succeeded", "failed_step": null },
        })
    );
    assert_eq!(seen("1 + 1"), json!({}));
}

#[test]
fn ten_times_the_steps_cost_ten_times_the_looks() {
    let looks = |count: usize| {
        let ids: Vec<String> = (0..count).map(|place| format!("s{place}")).collect();
        let mut chain = play((0..count).map(|place| match place.checked_sub(1) {
            Some(before) => gate(&ids[place]).needs(&[&ids[before]]),
            None => gate(&ids[place]),
        }));
        chain.run();
        chain.state.looks.get()
    };
    assert_eq!(looks(1_000), 3 * 1_000);
    assert_eq!(looks(10_000), 3 * 10_000);
}
