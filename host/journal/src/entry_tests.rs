//! Every kind of entry, as it stands in the file.

use runner_capabilities::{Capability, Refusal, Rule, RuleKind, Use};
use runner_model::{
    Answer, Cause, Check, Digest, Effect, Failure, FailureKind, Finding, FindingSeverity, Measurements,
    Outcome, Remaining, RunId, StepId, StepResult, Verdict, World,
};
use serde_json::{Map, json};

use crate::{AbortReason, Decision, Ending, Entry, LogReference, Record, SkipReason, Snapshot};

fn all() -> Vec<Entry> {
    let step = StepId::new("unit[fast]");
    let other = StepId::new("build");
    let failure = Failure::new(FailureKind::BudgetExceeded, "64 MiB used up");
    let outcome = Outcome {
        answer: Answer::Warn,
        summary: "2 of 3".to_owned(),
        findings: vec![Finding {
            severity: FindingSeverity::Warning,
            rule: "unpinned".to_owned(),
            message: "no hash".to_owned(),
            file: Some("requirements.txt".to_owned()),
            line: Some(3),
            column: None,
            help: None,
        }],
        checks: vec![Check { name: "redis".to_owned(), answer: Answer::Pass, message: "PONG".to_owned() }],
        score: Some(0.1 + 0.2),
        outputs: Map::from_iter([(
            "n".to_owned(),
            json!({ "deep": [1, null, -2.5, u64::MAX, "\u{1f}\u{2028}"] }),
        )]),
        measurements: Some(Measurements { successes: 1, failures: 2, inconclusive: 3, errors: 4 }),
    };
    let log = Some(LogReference { offset: 4, bytes: 9, digest: Digest::from_sha256(&[7; 32]), dropped: 2 });
    let ended = |ending, result, again_in_ms, log| Entry::StepEnded {
        step: step.clone(),
        attempt: 2,
        ending,
        result,
        again_in_ms,
        elapsed_us: 1_234_567,
        log,
    };
    let refusal = Refusal {
        capability: Capability::Http,
        request: "GET http://10.0.0.5/x".to_owned(),
        message: "no rule names that host".to_owned(),
        grant: Some("GET http://10.0.0.5/x private".to_owned()),
    };
    let verdicts = [
        Verdict { cause: Cause::Succeeded, world: World::Unchanged },
        Verdict { cause: Cause::Cancelled, world: World::Changed { steps: vec![step.clone()] } },
        Verdict {
            cause: Cause::Rejected { step: step.clone() },
            world: World::Restored { steps: vec![other.clone()] },
        },
        Verdict {
            cause: Cause::Failed { step: step.clone() },
            world: World::Stuck {
                restored: vec![step.clone()],
                remaining: vec![Remaining { step: other.clone(), reason: "refused".to_owned() }],
            },
        },
    ];
    let rule = Rule { grant: RuleKind::Network, rule: "tcp://redis:6379".to_owned() };
    let uses = vec![Use { received: 7, ..Use::first(rule, 5) }];
    let mut all = vec![
        Entry::RunStarted {
            run: RunId::from_parts(1_700_000_000_000, 9),
            pipeline: "deploy".to_owned(),
            plan: Digest::from_sha256(&[1; 32]),
            runner: "0.1.0".to_owned(),
        },
        Entry::RunResumed { runner: "0.1.0".to_owned() },
        Entry::StepStarted { step: step.clone(), attempt: 1 },
        Entry::StepCaptured { step: step.clone(), snapshot: Snapshot("{\"a\":1}".to_owned()) },
        ended(Ending::Answered { outcome }, Some(StepResult::Warn), None, log),
        ended(Ending::Failed { failure: failure.clone() }, None, Some(4_000), None),
        ended(Ending::Aborted { reason: AbortReason::Cancelled }, Some(StepResult::Aborted), None, None),
        ended(Ending::Aborted { reason: AbortReason::Unwinding }, Some(StepResult::Aborted), None, None),
        Entry::ApprovalRequested { step: step.clone(), message: "go?".to_owned(), expires_at_ms: u64::MAX },
        Entry::CapabilityDenied { step: step.clone(), refusal },
        Entry::GrantsUsed { step: step.clone(), uses },
        Entry::CancelRequested { by: "SIGTERM".to_owned() },
        Entry::UnwindStarted { cause: Cause::Cancelled },
        Entry::UndoStarted { step: step.clone(), attempt: 3 },
        Entry::UndoSucceeded { step: step.clone(), left: None },
        Entry::UndoFailed { step: step.clone(), attempt: 3, failure, again_in_ms: None },
    ];
    let reasons = [
        SkipReason::Need { step: other, result: StepResult::Error },
        SkipReason::Condition,
        SkipReason::Unwinding,
        SkipReason::Cancelled,
    ];
    all.extend(reasons.map(|reason| Entry::StepSkipped { step: step.clone(), reason }));
    for decision in [Decision::Approved, Decision::Rejected, Decision::Expired] {
        let (by, reason) = ("ada@host".to_owned(), "ok".to_owned());
        all.push(Entry::ApprovalAnswered { step: step.clone(), decision, by, reason });
    }
    all.extend(verdicts.clone().map(|verdict| Entry::RunDecided { verdict }));
    all.extend(verdicts.map(|verdict| Entry::RunFinished { verdict }));
    all
}

#[test]
fn every_entry_reads_back_as_it_was_written() {
    for entry in all() {
        let record = Record { seq: 7, v: 1, at_ms: 1_700_000_000_000, entry };
        let text = serde_json::to_string(&record).unwrap();
        assert_eq!(serde_json::from_str::<Record>(&text).unwrap(), record, "{text}");
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["type"], record.entry.name());
    }
}

#[test]
fn the_names_of_fields_are_those_that_others_read() {
    let skipped = Entry::StepSkipped {
        step: StepId::new("b"),
        reason: SkipReason::Need { step: StepId::new("a"), result: StepResult::Failure },
    };
    assert_eq!(
        serde_json::to_value(skipped).unwrap(),
        json!({ "type": "step-skipped", "step": "b", "why": "need", "need": "a", "result": "failure" })
    );
    let failure = Failure::new(FailureKind::TimedOut, "too slow");
    let ended = Entry::StepEnded {
        step: StepId::new("b"),
        attempt: 1,
        ending: Ending::Failed { failure },
        result: Some(StepResult::Error),
        again_in_ms: None,
        elapsed_us: 5,
        log: None,
    };
    assert_eq!(
        serde_json::to_value(ended).unwrap(),
        json!({
            "type": "step-ended", "step": "b", "attempt": 1, "ending": "failed",
            "failure": { "kind": "timed-out", "message": "too slow" }, "result": "error", "elapsed_us": 5,
        })
    );
}

#[test]
fn what_announces_an_effect_or_decides_is_durable() {
    let durable = |effect: Effect| -> Vec<&str> {
        let mut names: Vec<&str> =
            all().iter().filter(|entry| entry.is_durable(|_| effect)).map(Entry::name).collect();
        names.dedup();
        names
    };
    let always = [
        "run-started",
        "step-captured",
        "cancel-requested",
        "unwind-started",
        "undo-started",
        "approval-answered",
        "run-decided",
        "run-finished",
    ];
    let mut with_start = always.to_vec();
    with_start.insert(1, "step-started");
    assert_eq!(durable(Effect::Observe), always);
    assert_eq!(durable(Effect::Change), with_start);
    assert_eq!(durable(Effect::Announce), with_start);
}
