//! A run as its records tell it.
//!
//! The reader's view: more than the journal's own state, which keeps what decides what comes next, this keeps what
//! people ask about afterwards: every attempt, every question, every denial. It believes the records and never
//! refuses one, so a journal that the runner would not go on with can still be shown.

use std::collections::HashMap;

use runner_capabilities::{Refusal, Use};
use runner_journal::{Decision, Ending, Entry, LogReference, Record, SkipReason};
use runner_model::{Answer, Cause, Failure, Outcome, Plan, RunId, StepId, StepIndex, StepResult, Verdict};

/// The version of the journal since which every use of a grant is written down.
const LEDGER_SINCE: u32 = 2;

/// A run so far.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Run {
    /// Its id; `None` before the first record.
    pub id: Option<RunId>,
    /// Version of the runner that began it.
    pub runner: String,
    /// When it began: milliseconds since 1970.
    pub started_ms: u64,
    /// When the last record was written.
    pub last_ms: u64,
    /// How often it was taken up again.
    pub resumed: u32,
    /// Who cancelled it.
    pub cancelled_by: Option<String>,
    /// Why it goes, or went, back.
    pub unwinding: Option<Cause>,
    /// How it ended, once that is known.
    pub verdict: Option<Verdict>,
    /// Whether nothing is left to do.
    pub finished: bool,
    /// Whether the version of the runner that began it wrote down which grants were used.
    pub keeps_ledger: bool,
    /// The steps in the order of the plan.
    pub steps: Vec<StepRun>,
    index: HashMap<StepId, StepIndex>,
}

/// One step of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct StepRun {
    /// Which.
    pub id: StepId,
    /// Where it stands.
    pub now: Now,
    /// Its attempts, oldest first.
    pub attempts: Vec<Attempt>,
    /// The questions to a person about it.
    pub questions: Vec<Asked>,
    /// What its plugin asked for in vain.
    pub denials: Vec<Refusal>,
    /// Which rules of its grants were used, each once.
    pub uses: Vec<Use>,
    /// Whether its change was captured.
    pub captured: bool,
    /// How far its change is taken back.
    pub undo: Undo,
    /// What stays of its change although it was taken back, in its plugin's words.
    pub left: Option<String>,
}

/// Where a step stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Now {
    /// Its turn has not come.
    Waiting,
    /// An attempt runs.
    Running {
        /// When the attempt began.
        since_ms: u64,
    },
    /// It waits for its next attempt.
    Retrying,
    /// A person has to answer.
    Asking,
    /// It was running when the runner was stopped.
    Interrupted,
    /// It has ended.
    Ended(StepResult),
    /// It was not started, and will not be.
    Skipped(SkipReason),
}

/// One attempt of a step.
#[derive(Debug, Clone, PartialEq)]
pub struct Attempt {
    /// Counted from 1.
    pub number: u32,
    /// When it began.
    pub started_ms: u64,
    /// How it ended; `None` while it runs, or if the runner was stopped.
    pub ending: Option<Ending>,
    /// How long it took.
    pub elapsed_ms: u64,
    /// Wait before the next.
    pub again_in_ms: Option<u64>,
    /// What its plugin wrote.
    pub log: Option<LogReference>,
}

/// A question to a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// What.
    pub message: String,
    /// When.
    pub at_ms: u64,
    /// When it expires.
    pub expires_at_ms: u64,
    /// How, by whom and why it was answered.
    pub answer: Option<(Decision, String, String)>,
}

/// How far a change is taken back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Undo {
    /// It is not.
    No,
    /// It is being taken back.
    Running,
    /// It has been taken back.
    Done,
    /// It could not be, so far.
    Failed {
        /// Why not.
        failure: Failure,
        /// Attempts so far.
        attempts: u32,
    },
}

impl Run {
    /// The run of `plan` before its first record.
    #[must_use]
    pub fn new<G>(plan: &Plan<G>) -> Self {
        let step = |id: &StepId| StepRun {
            id: id.clone(),
            now: Now::Waiting,
            attempts: Vec::new(),
            questions: Vec::new(),
            denials: Vec::new(),
            uses: Vec::new(),
            captured: false,
            undo: Undo::No,
            left: None,
        };
        Self {
            steps: plan.steps.iter().map(|planned| step(&planned.id)).collect(),
            index: plan.indexed().map(|(index, planned)| (planned.id.clone(), index)).collect(),
            ..Self::default()
        }
    }

    /// The run of `plan` after `records`.
    #[must_use]
    pub fn read<G>(plan: &Plan<G>, records: &[Record]) -> Self {
        let mut run = Self::new(plan);
        for record in records {
            run.apply(record);
        }
        run
    }

    /// The place of a step by its id.
    #[must_use]
    pub fn find(&self, id: &str) -> Option<StepIndex> {
        self.index.get(id).copied()
    }

    /// The step with this id.
    #[must_use]
    pub fn step(&self, id: &str) -> Option<&StepRun> {
        self.find(id).and_then(|index| self.steps.get(index.get()))
    }

    /// From the first record to the last.
    #[must_use]
    pub const fn elapsed_ms(&self) -> u64 {
        self.last_ms.saturating_sub(self.started_ms)
    }

    /// `running`, or the status of the verdict.
    #[must_use]
    pub fn status(&self) -> &'static str {
        self.verdict.as_ref().map_or("running", Verdict::status)
    }

    /// Adds what one more record tells.
    pub fn apply(&mut self, record: &Record) {
        self.last_ms = record.at_ms;
        match &record.entry {
            Entry::RunStarted { run, runner, .. } => {
                self.id = Some(*run);
                self.runner.clone_from(runner);
                self.keeps_ledger = record.v >= LEDGER_SINCE;
                self.started_ms = record.at_ms;
            }
            Entry::RunResumed { .. } => self.resume(),
            Entry::CancelRequested { by } => self.cancelled_by = Some(by.clone()),
            Entry::UnwindStarted { cause } => self.unwinding = Some(cause.clone()),
            Entry::RunDecided { verdict } => self.verdict = Some(verdict.clone()),
            Entry::RunFinished { verdict } => {
                self.verdict = Some(verdict.clone());
                self.finished = true;
            }
            Entry::StepStarted { step, .. }
            | Entry::StepCaptured { step, .. }
            | Entry::StepEnded { step, .. }
            | Entry::StepSkipped { step, .. }
            | Entry::ApprovalRequested { step, .. }
            | Entry::ApprovalAnswered { step, .. }
            | Entry::CapabilityDenied { step, .. }
            | Entry::GrantsUsed { step, .. }
            | Entry::UndoStarted { step, .. }
            | Entry::UndoSucceeded { step, .. }
            | Entry::UndoFailed { step, .. } => {
                // A step that the plan has not can only come from a journal of another plan.
                if let Some(step) = self.index.get(step).and_then(|index| self.steps.get_mut(index.get())) {
                    step.apply(record.at_ms, &record.entry);
                }
            }
        }
    }

    fn resume(&mut self) {
        self.resumed += 1;
        self.finished = false;
        // Only a stuck run is resumed after its end; it then has to find its verdict anew.
        self.verdict = None;
        for step in &mut self.steps {
            if let Now::Running { .. } = step.now {
                step.now = Now::Interrupted;
            }
            if step.undo == Undo::Running {
                step.undo = Undo::No;
            }
        }
    }
}

impl StepRun {
    fn apply(&mut self, at_ms: u64, entry: &Entry) {
        match entry {
            Entry::StepStarted { attempt, .. } => {
                self.now = Now::Running { since_ms: at_ms };
                self.attempts.push(Attempt::new(*attempt, at_ms));
            }
            Entry::StepCaptured { .. } => self.captured = true,
            Entry::StepEnded { attempt, ending, result, again_in_ms, elapsed_us, log, .. } => {
                self.now = match (result, again_in_ms) {
                    (Some(result), _) => Now::Ended(*result),
                    (None, Some(_)) => Now::Retrying,
                    (None, None) => Now::Asking,
                };
                if self.attempts.last().is_none_or(|last| last.number != *attempt || last.ending.is_some()) {
                    // It ended before it began: its configuration has no value, or a person decided.
                    self.attempts.push(Attempt::new(*attempt, at_ms));
                }
                if let Some(last) = self.attempts.last_mut() {
                    last.ending = Some(ending.clone());
                    last.elapsed_ms = elapsed_us / 1_000;
                    last.again_in_ms = *again_in_ms;
                    last.log.clone_from(log);
                }
            }
            Entry::StepSkipped { reason, .. } => self.now = Now::Skipped(reason.clone()),
            Entry::ApprovalRequested { message, expires_at_ms, .. } => {
                self.now = Now::Asking;
                let (message, expires_at_ms) = (message.clone(), *expires_at_ms);
                self.questions.push(Asked { message, at_ms, expires_at_ms, answer: None });
            }
            Entry::ApprovalAnswered { decision, by, reason, .. } => {
                if let Some(question) = self.questions.last_mut() {
                    question.answer = Some((*decision, by.clone(), reason.clone()));
                }
            }
            Entry::CapabilityDenied { refusal, .. } => {
                if !self.denials.contains(refusal) {
                    self.denials.push(refusal.clone());
                }
            }
            Entry::GrantsUsed { uses, .. } => {
                uses.iter().for_each(|used| Use::add_to(&mut self.uses, used.clone()));
            }
            Entry::UndoStarted { .. } => self.undo = Undo::Running,
            Entry::UndoSucceeded { left, .. } => {
                self.undo = Undo::Done;
                self.left.clone_from(left);
            }
            Entry::UndoFailed { attempt, failure, .. } => {
                self.undo = Undo::Failed { failure: failure.clone(), attempts: *attempt };
            }
            Entry::RunStarted { .. }
            | Entry::RunResumed { .. }
            | Entry::CancelRequested { .. }
            | Entry::UnwindStarted { .. }
            | Entry::RunDecided { .. }
            | Entry::RunFinished { .. } => {}
        }
    }

    /// The last answer, if the last attempt that ended gave one.
    #[must_use]
    pub fn outcome(&self) -> Option<&Outcome> {
        match self.ending()? {
            Ending::Answered { outcome } => Some(outcome),
            Ending::Failed { .. } | Ending::Aborted { .. } => None,
        }
    }

    /// How the last attempt that ended did.
    #[must_use]
    pub fn ending(&self) -> Option<&Ending> {
        self.attempts.iter().rev().find_map(|attempt| attempt.ending.as_ref())
    }

    /// The result that counts, once there is one.
    #[must_use]
    pub const fn result(&self) -> Option<StepResult> {
        match &self.now {
            Now::Ended(result) => Some(*result),
            Now::Skipped(_) => Some(StepResult::Skipped),
            Now::Waiting | Now::Running { .. } | Now::Retrying | Now::Asking | Now::Interrupted => None,
        }
    }

    /// Time of all attempts together.
    #[must_use]
    pub fn elapsed_ms(&self) -> u64 {
        self.attempts.iter().map(|attempt| attempt.elapsed_ms).sum()
    }

    /// Whether its change stands: captured, and not taken back.
    #[must_use]
    pub fn stands(&self) -> bool {
        self.captured && self.undo != Undo::Done
    }

    /// Whether its answer was not the result: a shadow step that would have said no, or an unsure answer that counts.
    #[must_use]
    pub fn differs(&self) -> Option<Answer> {
        let answer = self.outcome()?.answer;
        let result = self.result()?;
        let same = match answer {
            Answer::Pass | Answer::Done => result == StepResult::Success,
            Answer::Warn => result == StepResult::Warn,
            Answer::Fail => result == StepResult::Failure,
            Answer::Inconclusive => false,
        };
        (!same).then_some(answer)
    }
}

impl Attempt {
    const fn new(number: u32, started_ms: u64) -> Self {
        Self { number, started_ms, ending: None, elapsed_ms: 0, again_in_ms: None, log: None }
    }
}
