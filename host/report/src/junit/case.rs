//! A step as a test case.

use runner_journal::{Ending, settle};
use runner_model::{Answer, Phase, Plan, Step, StepResult};

use super::LogTail;
use crate::{
    place::Place,
    run::{Attempt, Now, StepRun, Undo},
    show::outcome_lines,
    terminal::{lines::summary, summary::denials},
    text::{clean, clean_lines, plural},
    words,
};

/// What is written for one step.
#[derive(Debug, PartialEq)]
pub(super) struct Case {
    pub(super) class: String,
    pub(super) name: String,
    pub(super) elapsed_ms: u64,
    pub(super) place: Place,
    pub(super) end: End,
    /// Attempts before the one that counts, with their numbers.
    pub(super) earlier: Vec<(u32, Trouble)>,
    pub(super) output: String,
}

/// How it ended.
#[derive(Debug, PartialEq)]
pub(super) enum End {
    Passed,
    Skipped(String),
    Troubled(Trouble),
}

/// A no, or a failure to answer.
#[derive(Debug, PartialEq)]
pub(super) struct Trouble {
    pub(super) is: Is,
    /// A word for the sort of it.
    pub(super) kind: &'static str,
    pub(super) message: String,
    pub(super) body: String,
}

/// The two that are never mixed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Is {
    Failure,
    Error,
}

pub(super) fn of<G>(plan: &Plan<G>, step: &Step<G>, ran: &StepRun, log: &LogTail) -> Case {
    let pipeline = clean(&plan.header.name);
    let class = match words::part(&step.phase) {
        None => pipeline.into_owned(),
        Some(part) => format!("{pipeline}.{part}"),
    };
    let tolerated = settle::is_tolerated(step, plan.effect(step));
    let end = end(step, ran, tolerated);
    // The attempt that decided is told as the end; without an end, all of them came before it.
    let decided = match ran.now {
        Now::Ended(_) => ran.attempts.iter().rposition(|attempt| attempt.ending.is_some()),
        Now::Waiting
        | Now::Running { .. }
        | Now::Retrying
        | Now::Asking
        | Now::Interrupted
        | Now::Skipped(_) => None,
    };
    let earlier = ran.attempts.iter().take(decided.unwrap_or(ran.attempts.len()));
    let earlier = earlier.filter_map(|attempt| Some((attempt.number, of_attempt(attempt)?))).collect();
    Case {
        class,
        name: clean(step.id.as_str()).into_owned(),
        elapsed_ms: ran.elapsed_ms(),
        place: Place::of_step(&plan.header, step),
        output: output(ran, &end, log),
        end,
        earlier,
    }
}

fn end<G>(step: &Step<G>, ran: &StepRun, tolerated: bool) -> End {
    let unknown = |kind, message: &str| {
        End::Troubled(Trouble { is: Is::Error, kind, message: message.to_owned(), body: String::new() })
    };
    let end = match &ran.now {
        Now::Ended(StepResult::Success | StepResult::Warn) => End::Passed,
        Now::Ended(result) => of_result(*result, ran, tolerated),
        Now::Skipped(reason) => End::Skipped(words::skipped(reason)),
        Now::Waiting => End::Skipped(
            match step.phase {
                Phase::Observe | Phase::Main | Phase::Finally => "its turn did not come",
                Phase::Notify { .. } => "it had no occasion",
            }
            .to_owned(),
        ),
        Now::Running { .. } | Now::Retrying => unknown("unfinished", "no end is recorded"),
        Now::Asking => unknown("unfinished", "it waits for an answer"),
        Now::Interrupted => unknown("interrupted", "the runner was stopped while it ran"),
    };
    stuck(end, ran)
}

/// The trouble that decides a step, from its last attempt.
fn of_result(result: StepResult, ran: &StepRun, tolerated: bool) -> End {
    let last = ran.attempts.iter().rev().find_map(of_attempt);
    let is = if result == StepResult::Failure { Is::Failure } else { Is::Error };
    // A journal that says how a step ended and nothing of its attempts was tampered with; it still ended so.
    let mut trouble = last.unwrap_or_else(|| Trouble {
        is,
        kind: result.as_str(),
        message: result.as_str().to_owned(),
        body: String::new(),
    });
    trouble.is = is;
    if tolerated {
        trouble.message.push_str(" (tolerated)");
    }
    let denied = denials(std::slice::from_ref(ran));
    if !denied.is_empty() {
        trouble.body.push_str(&lines("asked for in vain", &denied));
    }
    End::Troubled(trouble)
}

/// A change that could not be taken back is an error, whatever its step answered.
fn stuck(end: End, ran: &StepRun) -> End {
    let Undo::Failed { failure, attempts } = &ran.undo else { return end };
    let tried = plural(usize::try_from(*attempts).unwrap_or(usize::MAX), "attempt");
    let message = format!("its change could not be taken back after {tried}: {}", words::failure(failure));
    let body = match end {
        End::Troubled(before) => format!("before that: {}\n{}", before.message, before.body),
        End::Passed | End::Skipped(_) => String::new(),
    };
    End::Troubled(Trouble { is: Is::Error, kind: "stuck", message, body })
}

/// What went wrong in an attempt; nothing if it came to a yes.
fn of_attempt(attempt: &Attempt) -> Option<Trouble> {
    let ending = attempt.ending.as_ref()?;
    let (is, kind, body) = match ending {
        Ending::Answered { outcome } => {
            match outcome.answer {
                Answer::Pass | Answer::Warn | Answer::Done => return None,
                Answer::Fail | Answer::Inconclusive => {}
            }
            (Is::Failure, words::answer(outcome.answer), outcome_lines(outcome).join("\n"))
        }
        Ending::Failed { failure } => (Is::Error, failure.kind.as_str(), String::new()),
        Ending::Aborted { .. } => (Is::Error, "aborted", String::new()),
    };
    let message = summary(ending);
    let message = if message.is_empty() { format!("the answer is `{kind}`") } else { message };
    let body = if body.is_empty() { body } else { body + "\n" };
    Some(Trouble { is, kind, message, body })
}

/// What the body does not say: what was answered beside a yes, what became of the change, the end of the log.
fn output(ran: &StepRun, end: &End, log: &LogTail) -> String {
    let mut out = String::new();
    if *end == End::Passed
        && let Some(outcome) = ran.outcome()
    {
        if let Some(answer) = ran.differs() {
            out.push_str(&format!("the answer was `{}`, and did not count\n", words::answer(answer)));
        }
        out.push_str(&text(&[summary(&Ending::Answered { outcome: outcome.clone() })]));
        out.push_str(&text(&outcome_lines(outcome)));
        let denied = denials(std::slice::from_ref(ran));
        if !denied.is_empty() {
            out.push_str(&lines("asked for in vain", &denied));
        }
    }
    if ran.undo == Undo::Done {
        out.push_str("its change was taken back\n");
    }
    if !log.text.is_empty() {
        let head = if log.left_out > 0 {
            format!("log, without its first {} bytes", log.left_out)
        } else {
            "log".to_owned()
        };
        let log: Vec<String> = clean_lines(&log.text).lines().map(str::to_owned).collect();
        out.push_str(&lines(&head, &log));
    }
    out
}

fn text(lines: &[String]) -> String {
    lines.iter().filter(|line| !line.is_empty()).map(|line| format!("{line}\n")).collect()
}

fn lines(head: &str, lines: &[String]) -> String {
    format!("{head}:\n{}", lines.iter().map(|line| format!("  {line}\n")).collect::<String>())
}
