//! What a record is worth in lines. The same for a tty, a file and a pipe.

use runner_journal::{Ending, Entry, Record, settle};
use runner_model::{Cause, FindingSeverity, Outcome, Phase, Plan, StepId, StepResult, Uses, World};

use super::About;
use crate::{
    Style,
    run::{Run, StepRun, Undo},
    style::Tone,
    text::{clean, cut, elapsed, list, pad, plural, time_of_day},
    words,
};

/// Findings beneath a step; the rest is counted.
const FINDINGS: usize = 5;

/// Longest text of one line in a log, where nothing wraps it.
const LONGEST: usize = 400;

/// What is needed to say something about a record.
pub(super) struct Lines<'a> {
    pub(super) plan: &'a Plan,
    /// The run with the record.
    pub(super) run: &'a Run,
    pub(super) about: &'a About,
    pub(super) style: &'a Style,
    /// Columns for step ids.
    pub(super) ids: usize,
}

impl Lines<'_> {
    /// The head of a run that begins or is taken up again.
    pub(super) fn head(&self, past: usize) -> Vec<String> {
        let name = clean(&self.plan.header.name);
        let main = self.plan.steps.iter().filter(|step| step.phase == Phase::Main).count();
        let steps = plural(main, "step");
        match (self.run.id, past) {
            (Some(id), 1..) => {
                let ended = self.run.steps.iter().filter(|step| step.result().is_some()).count();
                vec![format!("run {id} of {name} is taken up again: {ended} of {steps} have ended")]
            }
            (Some(id), 0) => vec![format!("run {id} of {name}: {steps}")],
            (None, _) => Vec::new(),
        }
    }

    /// The lines of `record`.
    pub(super) fn of(&self, record: &Record) -> Vec<String> {
        match &record.entry {
            Entry::RunStarted { .. } => self.head(0),
            // The end of the step that was asked about follows at once, and says what was answered.
            Entry::ApprovalAnswered { .. } => Vec::new(),
            Entry::RunResumed { .. }
            | Entry::StepCaptured { .. }
            | Entry::GrantsUsed { .. }
            | Entry::RunFinished { .. } => Vec::new(),
            Entry::StepStarted { step, attempt } => self.started(step, *attempt),
            Entry::StepEnded { step, attempt, ending, result, again_in_ms, elapsed_us, .. } => match result {
                Some(result) => self.ended(step, *result),
                None => self.not_yet(step, *attempt, ending, *again_in_ms, elapsed_us / 1_000),
            },
            Entry::StepSkipped { step, reason } => {
                vec![self.line(Tone::Faint, "skip", step, None, &words::skipped(reason))]
            }
            Entry::ApprovalRequested { step, message, expires_at_ms } => {
                self.asked(step, message, *expires_at_ms)
            }
            Entry::CapabilityDenied { step, refusal } => {
                let what = format!("{}: {}", clean(&refusal.request), clean(&refusal.message));
                let mut lines = vec![self.line(Tone::Warning, "denied", step, None, &what)];
                lines.extend(
                    refusal.grant.iter().map(|grant| self.below(&format!("to allow it: {}", clean(grant)))),
                );
                lines
            }
            Entry::CancelRequested { by } => {
                let text = format!(
                    "by {}: no step starts any more, changes are taken back; a second signal stops at once",
                    clean(by)
                );
                vec![self.loud(Tone::Warning, "cancel", &text)]
            }
            Entry::UnwindStarted { cause } => {
                let count = self.run.steps.iter().filter(|step| step.stands()).count();
                let changes = plural(count, "change");
                let verb = if count == 1 { "is" } else { "are" };
                let text = format!("{}: {changes} {verb} taken back, newest first", because(cause));
                vec![self.loud(Tone::Warning, "back", &text)]
            }
            Entry::UndoStarted { step, attempt } => self.undo_started(step, *attempt),
            Entry::UndoSucceeded { step, left: None } => {
                vec![self.line(Tone::Active, "undone", step, None, "")]
            }
            Entry::UndoSucceeded { step, left: Some(left) } => {
                vec![self.line(Tone::Warning, "undone", step, None, &format!("but {}", clean(left)))]
            }
            Entry::UndoFailed { step, attempt, failure, again_in_ms } => {
                let next = again_in_ms.map_or_else(
                    || {
                        format!(
                            "given up after {}",
                            plural(usize::try_from(*attempt).unwrap_or(usize::MAX), "attempt")
                        )
                    },
                    |wait| {
                        format!("attempt {} of {} in {}", attempt + 1, settle::UNDO_ATTEMPTS, elapsed(wait))
                    },
                );
                let text = format!("cannot be taken back: {}; {next}", words::failure(failure));
                vec![self.line(Tone::Bad, "stuck", step, None, &text)]
            }
            Entry::RunDecided { verdict } => {
                let follows = self.plan.steps.iter().any(|step| match step.phase {
                    Phase::Observe | Phase::Main => false,
                    Phase::Finally | Phase::Notify { .. } => true,
                });
                if !follows || matches!(verdict.world, World::Unchanged | World::Changed { .. }) {
                    return Vec::new();
                }
                vec![self.loud(
                    Tone::Active,
                    "ended",
                    &format!("{}; what follows changes nothing", verdict.status()),
                )]
            }
        }
    }

    fn started(&self, id: &StepId, attempt: u32) -> Vec<String> {
        // On a tty a live line says it.
        if self.style.interactive || self.is_instant(id) {
            return Vec::new();
        }
        let again = if attempt > 1 { format!("attempt {attempt}") } else { String::new() };
        vec![self.line(Tone::Active, "start", id, None, &again)]
    }

    fn undo_started(&self, id: &StepId, attempt: u32) -> Vec<String> {
        if self.style.interactive {
            return Vec::new();
        }
        let again = if attempt > 1 { format!("attempt {attempt}") } else { String::new() };
        vec![self.line(Tone::Active, "undo", id, None, &again)]
    }

    /// Steps that take no time are not worth two lines.
    fn is_instant(&self, id: &StepId) -> bool {
        let step = self.run.find(id.as_str()).map(|index| self.plan.step(index));
        step.is_some_and(|step| match step.uses {
            Uses::Checkpoint | Uses::Approval(_) => true,
            Uses::Plugin(_) => false,
        })
    }

    fn ended(&self, id: &StepId, result: StepResult) -> Vec<String> {
        let Some(step) = self.run.step(id.as_str()) else { return Vec::new() };
        let (tone, word) = words::result(result);
        let mut text = step.ending().map(summary).unwrap_or_default();
        let attempts = step.attempts.len();
        if attempts > 1 {
            text = join(&text, &format!("({attempts} attempts)"));
        }
        if let Some(answer) = step.differs() {
            text = join(
                &text,
                &format!("(answered `{}`, counts as {})", words::answer(answer), result.as_str()),
            );
        }
        if self.is_tolerated(id) && matches!(result, StepResult::Failure | StepResult::Error) {
            text = join(&text, "(does not end the run)");
        }
        let time = (!self.is_instant(id)).then(|| step.elapsed_ms());
        let mut lines = vec![self.line(tone, word, id, time, &text)];
        if let Some(outcome) = step.outcome() {
            lines.extend(self.findings(id, outcome));
        }
        lines
    }

    fn is_tolerated(&self, id: &StepId) -> bool {
        let step = self.run.find(id.as_str()).map(|index| self.plan.step(index));
        step.is_some_and(|step| settle::is_tolerated(step, self.plan.effect(step)))
    }

    fn findings(&self, id: &StepId, outcome: &Outcome) -> Vec<String> {
        let mut lines = Vec::new();
        for finding in outcome.findings.iter().take(FINDINGS) {
            let tone = match finding.severity {
                FindingSeverity::Error => Tone::Bad,
                FindingSeverity::Warning => Tone::Warning,
                FindingSeverity::Note => Tone::Faint,
            };
            lines.push(self.below(&self.style.paint(tone, &cut(&words::finding(finding), LONGEST))));
            lines.extend(
                finding
                    .help
                    .iter()
                    .map(|help| self.below(&format!("  help: {}", cut(&clean(help), LONGEST)))),
            );
        }
        let rest = outcome.findings.len().saturating_sub(FINDINGS);
        if rest > 0 {
            let show = self.run.id.map(|run| format!(": `runner show {run} {}`", clean(id.as_str())));
            lines.push(self.below(&format!("and {rest} more{}", show.unwrap_or_default())));
        }
        lines
    }

    /// An attempt that was not the last, or that a person decides about.
    fn not_yet(
        &self,
        id: &StepId,
        attempt: u32,
        ending: &Ending,
        again_in_ms: Option<u64>,
        took: u64,
    ) -> Vec<String> {
        let Some(wait) = again_in_ms else {
            return vec![self.line(
                Tone::Warning,
                "unsure",
                id,
                Some(took),
                &join(&summary(ending), "(a person decides)"),
            )];
        };
        let attempts = self.run.find(id.as_str()).map_or(0, |index| self.plan.step(index).retry.attempts);
        let next = format!("attempt {} of {attempts} in {}", attempt + 1, elapsed(wait));
        vec![self.line(Tone::Warning, "again", id, Some(took), &format!("{}; {next}", summary(ending)))]
    }

    fn asked(&self, id: &StepId, message: &str, expires_at_ms: u64) -> Vec<String> {
        let until = time_of_day(expires_at_ms, &(self.about.zone)());
        let question = format!("{} (until {until})", cut(&clean(message), LONGEST));
        let mut lines = vec![self.line(Tone::Active, "ask", id, None, &question)];
        if let Some(run) = self.run.id {
            let id = clean(id.as_str());
            let here = if self.about.can_answer { "type y or n and Enter, or run " } else { "" };
            lines.push(
                self.below(&format!("{here}`runner approve {run} {id}` or `runner reject {run} {id}`")),
            );
        }
        lines
    }

    /// One line about a step.
    fn line(&self, tone: Tone, word: &str, id: &StepId, took_ms: Option<u64>, text: &str) -> String {
        let id = pad(&clean(id.as_str()), self.ids);
        let took = pad(&took_ms.map(elapsed).unwrap_or_default(), TIME);
        let line = format!(
            "{} {}  {} {}",
            words::status(self.style, tone, word),
            self.style.paint(Tone::Strong, &id),
            self.style.paint(Tone::Faint, &took),
            cut(text, LONGEST)
        );
        line.trim_end().to_owned()
    }

    /// A line about the run.
    fn loud(&self, tone: Tone, word: &str, text: &str) -> String {
        format!("{} {}", words::status(self.style, tone, word), self.style.paint(tone, text))
    }

    /// A line beneath one about a step.
    fn below(&self, text: &str) -> String {
        format!("{}{text}", " ".repeat(words::STATUS + 3))
    }
}

/// Columns for a length of time.
pub(super) const TIME: usize = 6;

/// What came out of an attempt, in one line.
pub(crate) fn summary(ending: &Ending) -> String {
    match ending {
        Ending::Answered { outcome } => clean(&outcome.summary).into_owned(),
        Ending::Failed { failure } => words::failure(failure),
        Ending::Aborted { .. } => "cancelled while it ran".to_owned(),
    }
}

/// Why a run goes back.
pub(crate) fn because(cause: &Cause) -> String {
    match cause {
        Cause::Succeeded => "it succeeded".to_owned(),
        Cause::Rejected { step } => format!("{} said no", list([step.as_str()])),
        Cause::Failed { step } => format!("{} failed", list([step.as_str()])),
        Cause::Unobserved { .. } => "which slot is active is not known".to_owned(),
        Cause::Cancelled => "the run was cancelled".to_owned(),
    }
}

fn join(text: &str, more: &str) -> String {
    if text.is_empty() { more.to_owned() } else { format!("{text} {more}") }
}

/// Whether a live line is about this step: it runs, waits for time, a person or its undo.
pub(super) fn is_live(step: &StepRun) -> bool {
    use crate::run::Now;
    match (&step.now, &step.undo) {
        (_, Undo::Running) => true,
        (Now::Running { .. } | Now::Retrying | Now::Asking, _) => true,
        (Now::Waiting | Now::Interrupted | Now::Ended(_) | Now::Skipped(_), _) => false,
    }
}
