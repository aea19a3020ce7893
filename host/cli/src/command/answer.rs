//! `runner approve` and `runner reject`.

use runner_journal::{Decision, Entry, Record};
use runner_model::ExitCode;

use super::print;
use crate::{
    answers::{self, Answer, AnswerError},
    args::AnswerArgs,
    environment::Environment,
    error::CommandError,
    runs,
};

/// Answers an approval with yes.
pub(crate) fn approve(args: &AnswerArgs, environment: &Environment) -> Result<ExitCode, CommandError> {
    answer(args, environment, Decision::Approved)
}

/// Answers an approval with no.
pub(crate) fn reject(args: &AnswerArgs, environment: &Environment) -> Result<ExitCode, CommandError> {
    answer(args, environment, Decision::Rejected)
}

fn answer(
    args: &AnswerArgs,
    environment: &Environment,
    decision: Decision,
) -> Result<ExitCode, CommandError> {
    let run = runs::find(&args.state.state_dir, Some(&args.run))?;
    let (directory, read) = runs::read(&args.state.state_dir, run)?;
    check_open(&read.records, &args.step, run)?;
    let answer = Answer { decision, by: environment.user(), reason: args.reason.clone() };
    answers::write(&directory, &args.step, &answer).map_err(|error| match error {
        AnswerError::AlreadyAnswered => answered(&args.step, run),
        AnswerError::Io(source) => {
            CommandError::Write { what: format!("the answer to `{}`", args.step), source }
        }
    })?;
    let word = if decision == Decision::Approved { "approved" } else { "rejected" };
    let next = if runner_journal::is_live(&directory) {
        "the run goes on".to_owned()
    } else {
        format!("the run is not being carried out: `runner resume {run}` takes it up")
    };
    print::text(&format!("{word} `{}` of run {run}; {next}\n", args.step))
}

/// Whether the journal says that `step` waits for an answer.
fn check_open(records: &[Record], step: &str, run: runner_model::RunId) -> Result<(), CommandError> {
    let mut open: Vec<&str> = Vec::new();
    let mut answered_before = false;
    for record in records {
        match &record.entry {
            Entry::ApprovalRequested { step, .. } => open.push(step.as_str()),
            Entry::ApprovalAnswered { step: answered, .. } => {
                open.retain(|waiting| *waiting != answered.as_str());
                answered_before |= answered.as_str() == step;
            }
            Entry::RunFinished { .. } => open.clear(),
            Entry::RunStarted { .. }
            | Entry::RunResumed { .. }
            | Entry::StepStarted { .. }
            | Entry::StepCaptured { .. }
            | Entry::StepEnded { .. }
            | Entry::StepSkipped { .. }
            | Entry::CapabilityDenied { .. }
            | Entry::GrantsUsed { .. }
            | Entry::CancelRequested { .. }
            | Entry::UnwindStarted { .. }
            | Entry::UndoStarted { .. }
            | Entry::UndoSucceeded { .. }
            | Entry::UndoFailed { .. }
            | Entry::RunDecided { .. } => {}
        }
    }
    if open.contains(&step) {
        return Ok(());
    }
    if answered_before {
        return Err(answered(step, run));
    }
    let waiting: Vec<String> = open.iter().map(|step| format!("`{step}`")).collect();
    Err(CommandError::NoStep {
        message: format!("step `{step}` of run {run} does not wait for an answer"),
        help: if waiting.is_empty() {
            format!("nothing of this run does; `runner show {run}` says where it stands")
        } else {
            format!("these do: {}", waiting.join(", "))
        },
    })
}

fn answered(step: &str, run: runner_model::RunId) -> CommandError {
    CommandError::NoStep {
        message: format!("step `{step}` of run {run} has been answered already; the first answer stands"),
        help: format!("`runner show {run} {step}` says by whom"),
    }
}
