//! What kept steps from answering: the reasons for which a short list of results may be no good news.

use runner_journal::{Ending, SkipReason};
use runner_model::{Phase, Plan, Step};
use serde_json::{Value, json};
use url::Url;

use super::{MOST_RESULTS, location};
use crate::{
    place::Place,
    run::{Now, Run, StepRun, Undo},
    text::clean,
    words,
};

/// In the order of the plan; what is about the file as a whole comes first.
pub(super) fn of<G>(plan: &Plan<G>, run: &Run, left_out: usize, base: Option<&Url>) -> Vec<Value> {
    let mut all = Vec::new();
    if left_out > 0 {
        let text =
            format!("{left_out} more results are left out: the {MOST_RESULTS} most serious ones stand here");
        all.push(notification("warning", &text));
    }
    if run.verdict.is_none() {
        all.push(notification("warning", "the run has no verdict yet"));
    }
    for (step, ran) in plan.steps.iter().zip(&run.steps) {
        let here = location(&Place::of_step(&plan.header, step), base);
        for (level, text) in of_step(step, ran) {
            let mut one = notification(level, &format!("`{}` {text}", clean(step.id.as_str())));
            one["locations"] = json!([here]);
            one["properties"] = json!({ "step": clean(step.id.as_str()) });
            all.push(one);
        }
    }
    all
}

fn notification(level: &str, text: &str) -> Value {
    json!({ "level": level, "message": { "text": text } })
}

fn of_step<G>(step: &Step<G>, ran: &StepRun) -> Vec<(&'static str, String)> {
    let mut all = Vec::new();
    for refusal in &ran.denials {
        let (request, message) = (clean(&refusal.request), clean(&refusal.message));
        all.push(("warning", format!("asked in vain for {request}: {message}")));
    }
    match &ran.now {
        Now::Ended(_) => match ran.ending() {
            Some(Ending::Failed { failure }) => {
                all.push(("error", format!("could not answer: {}", words::failure(failure))));
            }
            Some(Ending::Aborted { .. }) => all.push(("warning", "was cancelled while it ran".to_owned())),
            Some(Ending::Answered { .. }) | None => {}
        },
        Now::Skipped(reason) => {
            let level = match reason {
                SkipReason::Condition => "note",
                SkipReason::Need { .. }
                | SkipReason::Unwinding
                | SkipReason::Cancelled
                | SkipReason::Unobserved => "warning",
            };
            all.push((level, format!("was not started: {}", words::skipped(reason))));
        }
        Now::Running { .. } | Now::Retrying | Now::Asking => {
            all.push(("warning", "has not ended".to_owned()));
        }
        Now::Interrupted => {
            all.push(("error", "was running when the runner was stopped".to_owned()));
        }
        Now::Waiting => match step.phase {
            Phase::Observe | Phase::Main | Phase::Finally => {
                all.push(("warning", "has not been reached".to_owned()))
            }
            // It had no occasion.
            Phase::Notify { .. } => {}
        },
    }
    if let Undo::Failed { failure, .. } = &ran.undo {
        all.push(("error", format!("could not be taken back: {}", words::failure(failure))));
    }
    all
}
