//! Entries in any order: a journal that somebody made up.

use std::sync::Arc;

use runner_model::{Answer, Cause, Failure, FailureKind, Outcome, Plan, RunId, StepResult, Verdict, World};

use super::model_tests::{Dice, random_plan};
use crate::{Action, Decision, Ending, Entry, SkipReason, Snapshot, Stage, State};

/// One of the entries that there could be, whether it fits or not.
fn random_entry(plan: &Plan, dice: &mut Dice) -> Entry {
    let step = plan.steps[dice.below(plan.steps.len())].id.clone();
    let attempt = u32::try_from(dice.below(4)).unwrap();
    let failure = Failure::new(dice.pick(&FailureKind::ALL), "no");
    let again_in_ms = dice.one_in(2).then_some(1);
    let verdict = Verdict { cause: Cause::Succeeded, world: World::Unchanged };
    match dice.below(14) {
        0 => Entry::RunResumed { runner: "0.1.0".to_owned() },
        1 => Entry::StepCaptured { step, snapshot: Snapshot("0".to_owned()) },
        2 => Entry::StepSkipped { step, reason: SkipReason::Condition },
        3 => Entry::ApprovalRequested { step, message: "go on?".to_owned(), expires_at_ms: 1 },
        4 => {
            let decision = dice.pick(&[Decision::Approved, Decision::Rejected, Decision::Expired]);
            Entry::ApprovalAnswered { step, decision, by: String::new(), reason: String::new() }
        }
        5 if dice.one_in(4) => Entry::CancelRequested { by: "SIGINT".to_owned() },
        6 => Entry::UnwindStarted { cause: Cause::Cancelled },
        7 => Entry::UndoStarted { step, attempt },
        8 => Entry::UndoSucceeded { step, left: None },
        9 => Entry::UndoFailed { step, attempt, failure, again_in_ms },
        10 => Entry::RunDecided { verdict },
        11 => Entry::RunFinished { verdict },
        12 => Entry::StepStarted { step, attempt },
        _ => {
            let outcome = Outcome::new(dice.pick(&[Answer::Pass, Answer::Fail, Answer::Inconclusive]), "so");
            let ending = dice.one_in(2).then_some(Ending::Failed { failure });
            let ending = ending.unwrap_or(Ending::Answered { outcome });
            let result = dice.one_in(4).then(|| dice.pick(&StepResult::ALL));
            let again_in_ms = again_in_ms.filter(|_| result.is_none());
            Entry::StepEnded { step, attempt, ending, result, again_in_ms, elapsed_us: 0, log: None }
        }
    }
}

/// A journal that somebody made up is refused or taken, entry by entry, and what is refused changes nothing.
#[test]
fn no_order_of_entries_brings_the_state_down() {
    let mut taken = 0;
    for seed in 0..500 {
        let mut dice = Dice(seed);
        let plan = Arc::new(random_plan(&mut dice));
        let mut state = State::new(Arc::clone(&plan));
        for _ in 0..200 {
            // What fits now is mixed in, or nothing would ever get far.
            let fitting = state.next(3).into_iter().find_map(|action| match action {
                Action::Record(entry) => Some(*entry),
                Action::Start { step, attempt, .. } => {
                    Some(Entry::StepStarted { step: plan.step(step).id.clone(), attempt })
                }
                Action::Undo { step, attempt, .. } => {
                    Some(Entry::UndoStarted { step: plan.step(step).id.clone(), attempt })
                }
                Action::Ask { .. } | Action::AskAgain { .. } | Action::Wait { .. } => None,
            });
            let entry = match (state.stage(), fitting) {
                (Stage::New, _) => Entry::RunStarted {
                    run: RunId::from_parts(1, 1),
                    pipeline: "deploy".to_owned(),
                    plan: plan.header.digest.clone(),
                    runner: "0.1.0".to_owned(),
                },
                (_, Some(entry)) if dice.one_in(2) => entry,
                (_, _) => random_entry(&plan, &mut dice),
            };
            let told = |state: &State| {
                let State { stage, cause, verdict, nodes, changes, undone, occasions, open, ready, .. } =
                    state;
                format!(
                    "{stage:?} {cause:?} {verdict:?} {nodes:?} {changes:?} {undone:?} {occasions:?} {open:?} {ready:?}"
                )
            };
            let before = told(&state);
            match state.apply(&entry) {
                Ok(()) => taken += 1,
                Err(_) => assert_eq!(told(&state), before, "{entry:?}"),
            }
        }
    }
    assert!(taken > 5_000, "{taken}");
}
