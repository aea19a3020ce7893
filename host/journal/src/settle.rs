//! What an ending means: the result that counts, whether the step is tried again, whether that ends the run.
//!
//! Pure functions of an ending and the step's policies. The dispatcher asks them before it writes an entry, and
//! [`State::apply`](crate::State::apply) asks them again before it believes one: a journal cannot turn a failure into a
//! success. A success comes from [`Answer::Pass`], [`Answer::Done`] or [`Answer::Warn`], or from a policy that the
//! pipeline spells out (`report_only`, `on_inconclusive: pass`, an approval's `on_timeout: pass`), and from nothing else.

use std::time::Duration;

use runner_model::{Answer, Effect, Inconclusive, Outcome, ResultSet, RetryOn, Step, StepResult, Uses};

use crate::{Decision, Ending};

/// Attempts to take one change back.
pub const UNDO_ATTEMPTS: u32 = 3;

/// What follows an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Another attempt, after a wait.
    Again {
        /// How long.
        after: Duration,
    },
    /// A person decides.
    Ask,
    /// Nothing: the step has this result.
    Ended(StepResult),
}

/// What follows attempt number `attempt` of a step while the run goes forward.
#[must_use]
pub fn after_attempt<G>(step: &Step<G>, attempt: u32, ending: &Ending) -> Next {
    if attempt < step.retry.attempts && is_worth_another(step, ending) {
        return Next::Again { after: step.retry.delay_after(attempt) };
    }
    match ending {
        Ending::Answered { outcome }
            if outcome.answer == Answer::Inconclusive
                && step.on_inconclusive == Inconclusive::Pause
                && !step.report_only =>
        {
            Next::Ask
        }
        Ending::Answered { .. } | Ending::Failed { .. } | Ending::Aborted { .. } => {
            Next::Ended(final_result(step, ending))
        }
    }
}

/// The result of an ending that nothing follows any more: no other attempt, no question to a person.
#[must_use]
pub fn final_result<G>(step: &Step<G>, ending: &Ending) -> StepResult {
    match ending {
        Ending::Aborted { .. } => StepResult::Aborted,
        Ending::Failed { .. } => StepResult::Error,
        Ending::Answered { .. } if step.report_only => StepResult::Success,
        Ending::Answered { outcome } => match outcome.answer {
            Answer::Pass | Answer::Done => StepResult::Success,
            Answer::Warn => StepResult::Warn,
            Answer::Fail => StepResult::Failure,
            Answer::Inconclusive => match step.on_inconclusive {
                Inconclusive::Pass => StepResult::Success,
                Inconclusive::Fail | Inconclusive::Pause => StepResult::Failure,
            },
        },
    }
}

/// What a step answers after a person did: `asked` is what the plugin said before, if it was one.
#[must_use]
pub fn after_decision<G>(
    step: &Step<G>,
    asked: Option<&Outcome>,
    decision: Decision,
    by: &str,
    reason: &str,
) -> Outcome {
    let expired_passes = match &step.uses {
        Uses::Approval(approval) => match approval.on_timeout {
            Inconclusive::Pass => true,
            Inconclusive::Fail | Inconclusive::Pause => false,
        },
        Uses::Plugin(_) | Uses::Checkpoint => false,
    };
    let (answer, words) = match decision {
        Decision::Approved => (Answer::Done, format!("approved by {by}")),
        Decision::Rejected => (Answer::Fail, format!("rejected by {by}")),
        Decision::Expired if expired_passes => {
            (Answer::Done, "nobody answered in time, which counts as yes here".to_owned())
        }
        Decision::Expired => (Answer::Fail, "nobody answered in time".to_owned()),
    };
    let words = if reason.is_empty() { words } else { format!("{words}: {reason}") };
    match asked {
        Some(outcome) => {
            Outcome { answer, summary: format!("{}; {words}", outcome.summary), ..outcome.clone() }
        }
        None => Outcome::new(answer, words),
    }
}

/// Whether a step's no or failure leaves the run going on.
#[must_use]
pub fn is_tolerated<G>(step: &Step<G>, effect: Effect) -> bool {
    step.report_only || step.continue_on_error || (effect == Effect::Announce && !step.required)
}

/// Whether a step that needs another one with `accept` goes on after `result`. What is tolerated holds nobody up, unless
/// the need itself says which results it wants.
#[must_use]
pub fn is_accepted(accept: ResultSet, result: StepResult, tolerated: bool) -> bool {
    match result {
        StepResult::Failure | StepResult::Error if tolerated && accept == ResultSet::DEFAULT => true,
        StepResult::Success
        | StepResult::Warn
        | StepResult::Failure
        | StepResult::Error
        | StepResult::Skipped
        | StepResult::Aborted => accept.contains(result),
    }
}

/// Wait after a failed attempt to take a change back; `None` after the last one.
#[must_use]
pub const fn undo_delay(attempt: u32) -> Option<Duration> {
    if attempt < UNDO_ATTEMPTS { Some(Duration::from_secs(1 << (attempt - 1))) } else { None }
}

fn is_worth_another<G>(step: &Step<G>, ending: &Ending) -> bool {
    match ending {
        Ending::Aborted { .. } => false,
        Ending::Failed { failure } => step.retry.on.iter().any(|on| match on {
            RetryOn::Error => true,
            RetryOn::Failure => false,
            RetryOn::Kind(kind) => *kind == failure.kind,
        }),
        Ending::Answered { outcome } => {
            outcome.answer == Answer::Fail && !step.report_only && step.retry.on.contains(&RetryOn::Failure)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use runner_model::{Answer, Effect, Failure, FailureKind, Inconclusive, Outcome, ResultSet, StepResult};

    use super::{Next, after_attempt, after_decision, final_result, is_accepted, is_tolerated, undo_delay};
    use crate::{
        AbortReason, Decision, Ending,
        testing::{approval, gate},
    };

    const ANSWERS: [Answer; 5] =
        [Answer::Pass, Answer::Warn, Answer::Fail, Answer::Inconclusive, Answer::Done];

    fn answered(answer: Answer) -> Ending {
        Ending::Answered { outcome: Outcome::new(answer, "") }
    }

    fn failed(kind: FailureKind) -> Ending {
        Ending::Failed { failure: Failure::new(kind, "") }
    }

    /// Every ending there is, under every policy there is: a success has its reason.
    #[test]
    fn nothing_but_a_yes_or_a_policy_that_says_so_is_a_success() {
        let aborted =
            [AbortReason::Cancelled, AbortReason::Unwinding].map(|reason| Ending::Aborted { reason });
        let endings = ANSWERS.map(answered).into_iter().chain(FailureKind::ALL.map(failed)).chain(aborted);
        for ending in endings {
            for on_inconclusive in [Inconclusive::Fail, Inconclusive::Pass, Inconclusive::Pause] {
                for flags in 0..8_u8 {
                    let step = gate("a").but(|step| {
                        step.on_inconclusive = on_inconclusive;
                        step.report_only = flags & 1 != 0;
                        step.continue_on_error = flags & 2 != 0;
                        step.required = flags & 4 != 0;
                    });
                    let answer = match &ending {
                        Ending::Answered { outcome } => Some(outcome.answer),
                        Ending::Failed { .. } | Ending::Aborted { .. } => None,
                    };
                    let is_yes = matches!(answer, Some(Answer::Pass | Answer::Warn | Answer::Done));
                    let is_shown_only = step.step.report_only && answer.is_some();
                    let is_said =
                        on_inconclusive == Inconclusive::Pass && answer == Some(Answer::Inconclusive);
                    let result = final_result(&step.step, &ending);
                    let succeeded = matches!(result, StepResult::Success | StepResult::Warn);
                    assert_eq!(succeeded, is_yes || is_shown_only || is_said, "{ending:?} {:?}", step.step);
                }
            }
        }
    }

    #[test]
    fn waits_grow_up_to_the_longest_and_end_with_the_attempts() {
        let step = gate("a").attempts(6).but(|step| step.retry.max_delay = Duration::from_secs(6)).step;
        let waits: Vec<Next> =
            (1..=6).map(|attempt| after_attempt(&step, attempt, &failed(FailureKind::Trap))).collect();
        let again = |seconds| Next::Again { after: Duration::from_secs(seconds) };
        assert_eq!(waits, [again(1), again(2), again(4), again(6), again(6), Next::Ended(StepResult::Error)]);
    }

    #[test]
    fn absurd_backoff_waits_the_longest() {
        let waits = |backoff| {
            let step = gate("a").attempts(9).but(|step| step.retry.backoff.0 = backoff).step;
            after_attempt(&step, 8, &failed(FailureKind::Trap))
        };
        let longest = Next::Again { after: Duration::from_secs(60) };
        assert_eq!([f64::INFINITY, f64::NAN, 1e300, -3.0].map(waits), [longest; 4]);
    }

    #[test]
    fn an_unclear_answer_is_for_a_person_only_if_the_step_says_so() {
        let next = |on_inconclusive| {
            let step = gate("a").but(|step| step.on_inconclusive = on_inconclusive).step;
            after_attempt(&step, 1, &answered(Answer::Inconclusive))
        };
        assert_eq!(next(Inconclusive::Pause), Next::Ask);
        assert_eq!(next(Inconclusive::Pass), Next::Ended(StepResult::Success));
        assert_eq!(next(Inconclusive::Fail), Next::Ended(StepResult::Failure));
    }

    #[test]
    fn an_expired_question_is_a_no_unless_the_approval_says_otherwise() {
        let answer = |on_timeout, decision| {
            after_decision(&approval("a", on_timeout).step, None, decision, "ada", "").answer
        };
        assert_eq!(answer(Inconclusive::Fail, Decision::Expired), Answer::Fail);
        assert_eq!(answer(Inconclusive::Pause, Decision::Expired), Answer::Fail);
        assert_eq!(answer(Inconclusive::Pass, Decision::Expired), Answer::Done);
        assert_eq!(answer(Inconclusive::Pass, Decision::Rejected), Answer::Fail);
        assert_eq!(answer(Inconclusive::Fail, Decision::Approved), Answer::Done);
        let asked = Outcome::new(Answer::Inconclusive, "12 requests");
        let expired = after_decision(&gate("a").step, Some(&asked), Decision::Expired, "", "");
        assert_eq!(expired, Outcome::new(Answer::Fail, "12 requests; nobody answered in time"));
    }

    #[test]
    fn a_tolerated_no_is_accepted_unless_the_need_names_its_results() {
        let explicit: ResultSet = [StepResult::Success].into_iter().collect();
        assert!(is_accepted(ResultSet::DEFAULT, StepResult::Error, true));
        assert!(!is_accepted(ResultSet::DEFAULT, StepResult::Error, false));
        assert!(!is_accepted(explicit, StepResult::Error, true));
        assert!(!is_accepted(ResultSet::DEFAULT, StepResult::Skipped, true));
        assert!(!is_accepted(ResultSet::DEFAULT, StepResult::Aborted, true));
    }

    #[test]
    fn only_messages_are_tolerated_unasked() {
        let tolerated = |effect| is_tolerated(&gate("a").step, effect);
        assert_eq!([Effect::Observe, Effect::Change, Effect::Announce].map(tolerated), [false, false, true]);
        assert!(!is_tolerated(&gate("a").but(|step| step.required = true).step, Effect::Announce));
    }

    #[test]
    fn a_change_is_tried_to_be_taken_back_three_times() {
        let seconds = |attempt| undo_delay(attempt).map(|delay| delay.as_secs());
        assert_eq!([1, 2, 3, 4].map(seconds), [Some(1), Some(2), None, None]);
    }
}
