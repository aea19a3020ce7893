//! Runs to show.

use runner_capabilities::{Capability, Refusal, Requested, admit};
use runner_journal::{
    Decision, Ending, Entry, LogReference, Record, SkipReason, Snapshot, VERSION,
    testing::{Draft, approval, change, checkpoint, gate, notifier, plan, plugin},
};
use runner_model::{
    Answer, Cause, Check, Digest, Failure, FailureKind, Finding, FindingSeverity, Inconclusive, Measurements,
    NotifyOn, Outcome, Plan, PluginKind, Remaining, RunId, StepId, StepResult, Verdict, World,
};
use serde_json::json;

use crate::{TimeZone, terminal::About};

/// 2026-03-01 14:02:11 UTC.
pub(crate) const BEGAN: u64 = 1_772_373_731_000;

pub(crate) fn id() -> RunId {
    "01JD3K00000000000000000000".parse().unwrap()
}

pub(crate) fn about() -> About {
    About {
        journal: Some(".runner/runs/01JD3K00000000000000000000".to_owned()),
        can_answer: true,
        zone: || TimeZone::UTC,
    }
}

fn grants(block: &serde_json::Value) -> runner_capabilities::GrantSet {
    admit(Requested::parse(block).unwrap(), &runner_capabilities::Policy::unrestricted()).unwrap()
}

/// Two gates, a question, two changes, a health check, a clean-up, a message.
pub(crate) fn deployment() -> Plan {
    let network = json!({ "network": ["GET http://127.0.0.1:8001/health"] });
    let files = json!({ "filesystem": { "read": ["src/", "docker/"] }, "secrets": ["token"] });
    let drafts: Vec<Draft> = vec![
        gate("lint").with(json!({ "paths": ["src"], "tag": "${{ inputs.tag }}" })).but(|step| {
            step.grants = grants(&files);
            step.limits.time_ms = 5_000;
            step.continue_on_error = true;
        }),
        gate("unit").attempts(3).but(|step| step.condition = Some("inputs.tag != ''".parse().unwrap())),
        approval("go-live", Inconclusive::Fail).needs(&["lint", "unit"]),
        change("migrate").needs(&["go-live"]),
        plugin("switch", PluginKind::ProxySwitch).needs(&["migrate"]),
        plugin("smoke", PluginKind::HealthCheck)
            .needs(&["switch"])
            .but(|step| step.grants = grants(&network)),
        checkpoint("live").needs_result("smoke", &[StepResult::Success]),
        gate("tidy").finally(),
        notifier("tell").on(&[NotifyOn::Failed, NotifyOn::Stuck]),
    ];
    let mut plan = plan(drafts);
    plan.header.inputs.insert("tag".to_owned(), json!("v1.4.0"));
    plan
}

/// Records, numbered and timed.
pub(crate) struct Story {
    now_ms: u64,
    pub(crate) records: Vec<Record>,
}

impl Story {
    pub(crate) fn begin() -> Self {
        let story = Self { now_ms: BEGAN, records: Vec::new() };
        story.then(
            0,
            Entry::RunStarted {
                run: id(),
                pipeline: "deploy".to_owned(),
                plan: Digest::from_sha256(&[0; 32]),
                runner: "0.1.0".to_owned(),
            },
        )
    }

    /// `after` milliseconds later.
    pub(crate) fn then(mut self, after: u64, entry: Entry) -> Self {
        self.now_ms += after;
        let seq = self.records.len() as u64 + 1;
        self.records.push(Record { seq, v: VERSION, at_ms: self.now_ms, entry });
        self
    }

    pub(crate) fn started(self, step: &str, attempt: u32) -> Self {
        self.then(0, Entry::StepStarted { step: StepId::new(step), attempt })
    }

    pub(crate) fn answered(self, step: &str, took_ms: u64, outcome: Outcome, result: StepResult) -> Self {
        self.then(
            took_ms,
            Entry::StepEnded {
                step: StepId::new(step),
                attempt: 1,
                ending: Ending::Answered { outcome },
                result: Some(result),
                again_in_ms: None,
                elapsed_us: took_ms * 1_000,
                log: Some(LogReference {
                    offset: 0,
                    bytes: 812,
                    digest: Digest::from_sha256(&[1; 32]),
                    dropped: 0,
                }),
            },
        )
    }

    pub(crate) fn passed(self, step: &str, took_ms: u64, summary: &str) -> Self {
        self.started(step, 1).answered(
            step,
            took_ms,
            Outcome::new(Answer::Pass, summary),
            StepResult::Success,
        )
    }

    pub(crate) fn changed(self, step: &str, took_ms: u64, summary: &str) -> Self {
        self.started(step, 1)
            .then(0, Entry::StepCaptured { step: StepId::new(step), snapshot: Snapshot("before".to_owned()) })
            .answered(step, took_ms, Outcome::new(Answer::Done, summary), StepResult::Success)
    }

    pub(crate) fn skipped(self, step: &str, reason: SkipReason) -> Self {
        self.then(0, Entry::StepSkipped { step: StepId::new(step), reason })
    }

    /// Both gates, with a failure to answer before the second succeeds.
    pub(crate) fn gates(self) -> Self {
        let mut outcome = Outcome::new(Answer::Fail, "7 problems");
        outcome.findings = (1..=7).map(problem).collect();
        outcome.outputs.insert("count".to_owned(), json!(7));
        self.started("lint", 1)
            .started("unit", 1)
            .then(120, Entry::CapabilityDenied { step: StepId::new("lint"), refusal: refusal() })
            .answered("lint", 1_120, outcome, StepResult::Failure)
            .then(
                2_000,
                Entry::StepEnded {
                    step: StepId::new("unit"),
                    attempt: 1,
                    ending: Ending::Failed {
                        failure: Failure::new(FailureKind::TimedOut, "no answer in 3s"),
                    },
                    result: None,
                    again_in_ms: Some(1_000),
                    elapsed_us: 3_120_000,
                    log: None,
                },
            )
            .then(1_000, Entry::StepStarted { step: StepId::new("unit"), attempt: 2 })
            .then(
                900,
                Entry::StepEnded {
                    step: StepId::new("unit"),
                    attempt: 2,
                    ending: Ending::Answered { outcome: Outcome::new(Answer::Warn, "214 tests, 2 flaky") },
                    result: Some(StepResult::Warn),
                    again_in_ms: None,
                    elapsed_us: 900_000,
                    log: None,
                },
            )
    }

    pub(crate) fn asked(self) -> Self {
        let message = "Deploy v1.4.0 to production?".to_owned();
        let expires_at_ms = self.now_ms + 3_600_000;
        self.then(0, Entry::ApprovalRequested { step: StepId::new("go-live"), message, expires_at_ms })
    }

    pub(crate) fn approved(self) -> Self {
        let answer = Outcome::new(Answer::Pass, "approved by ada@example: checked");
        self.then(
            61_000,
            Entry::ApprovalAnswered {
                step: StepId::new("go-live"),
                decision: Decision::Approved,
                by: "ada@example".to_owned(),
                reason: "checked".to_owned(),
            },
        )
        .answered("go-live", 0, answer, StepResult::Success)
    }

    /// The health check says no; both changes have to go.
    pub(crate) fn rejected(self) -> Self {
        let mut outcome = Outcome::new(Answer::Fail, "3 of 10 answers were errors");
        outcome.score = Some(0.7);
        outcome.checks.push(Check {
            name: "db".to_owned(),
            answer: Answer::Pass,
            message: "4 ms".to_owned(),
        });
        outcome.measurements = Some(Measurements { successes: 7, failures: 3, inconclusive: 0, errors: 0 });
        let cause = Cause::Rejected { step: StepId::new("smoke") };
        self.changed("migrate", 4_000, "3 migrations")
            .changed("switch", 300, "web-green takes all traffic")
            .started("smoke", 1)
            .answered("smoke", 15_000, outcome, StepResult::Failure)
            .skipped("live", SkipReason::Need { step: StepId::new("smoke"), result: StepResult::Failure })
            .then(0, Entry::UnwindStarted { cause })
            .then(0, Entry::UndoStarted { step: StepId::new("switch"), attempt: 1 })
    }

    pub(crate) fn decided(self, verdict: Verdict) -> Self {
        self.then(0, Entry::RunDecided { verdict: verdict.clone() })
            .passed("tidy", 20, "tidied")
            .then(0, Entry::RunFinished { verdict })
    }

    /// All is well in the end.
    pub(crate) fn succeeded() -> Self {
        let steps = ["migrate", "switch"].map(StepId::new).to_vec();
        Self::begin()
            .gates()
            .asked()
            .approved()
            .changed("migrate", 4_000, "3 migrations")
            .changed("switch", 300, "web-green takes all traffic")
            .passed("smoke", 15_000, "10 of 10 answers were good")
            .passed("live", 0, "")
            .decided(Verdict { cause: Cause::Succeeded, world: World::Changed { steps } })
    }

    /// The health check says no, and everything is taken back.
    pub(crate) fn restored() -> Self {
        let steps = ["switch", "migrate"].map(StepId::new).to_vec();
        Self::begin()
            .gates()
            .asked()
            .approved()
            .rejected()
            .then(200, Entry::UndoSucceeded { step: StepId::new("switch"), left: None })
            .then(0, Entry::UndoStarted { step: StepId::new("migrate"), attempt: 1 })
            .then(900, Entry::UndoSucceeded { step: StepId::new("migrate"), left: None })
            .decided(Verdict {
                cause: Cause::Rejected { step: StepId::new("smoke") },
                world: World::Restored { steps },
            })
    }

    /// The health check says no, and one of the two changes stays in part.
    pub(crate) fn restored_in_part() -> Self {
        let steps = ["switch", "migrate"].map(StepId::new).to_vec();
        let left = Some("what was \u{1b}[1mpushed is not taken back".to_owned());
        Self::begin()
            .gates()
            .asked()
            .approved()
            .rejected()
            .then(200, Entry::UndoSucceeded { step: StepId::new("switch"), left: None })
            .then(0, Entry::UndoStarted { step: StepId::new("migrate"), attempt: 1 })
            .then(900, Entry::UndoSucceeded { step: StepId::new("migrate"), left })
            .decided(Verdict {
                cause: Cause::Rejected { step: StepId::new("smoke") },
                world: World::Restored { steps },
            })
    }

    /// The health check says no, and the newest change cannot be taken back.
    pub(crate) fn stuck() -> Self {
        let failure = || Failure::new(FailureKind::Unavailable, "connect traefik:8080: connection refused");
        let undo_failed = |attempt, again_in_ms| Entry::UndoFailed {
            step: StepId::new("switch"),
            attempt,
            failure: failure(),
            again_in_ms,
        };
        let left = |step, reason: &str| Remaining { step: StepId::new(step), reason: reason.to_owned() };
        Self::begin()
            .gates()
            .asked()
            .approved()
            .rejected()
            .then(100, undo_failed(1, Some(1_000)))
            .then(1_000, Entry::UndoStarted { step: StepId::new("switch"), attempt: 2 })
            .then(100, undo_failed(2, Some(2_000)))
            .then(2_000, Entry::UndoStarted { step: StepId::new("switch"), attempt: 3 })
            .then(100, undo_failed(3, None))
            .decided(Verdict {
                cause: Cause::Rejected { step: StepId::new("smoke") },
                world: World::Stuck {
                    restored: Vec::new(),
                    remaining: vec![
                        left("switch", "connect traefik:8080: connection refused"),
                        left("migrate", "not tried, because `switch` is stuck"),
                    ],
                },
            })
    }
}

fn problem(line: u32) -> Finding {
    Finding {
        severity: if line < 3 { FindingSeverity::Error } else { FindingSeverity::Warning },
        rule: "no-eval".to_owned(),
        message: format!("`eval` is not allowed{}", if line == 2 { "\u{1b}[2J" } else { "" }),
        file: Some("src/app.py".to_owned()),
        line: Some(line),
        column: (line == 1).then_some(5),
        help: (line == 1).then(|| "use `ast.literal_eval`".to_owned()),
    }
}

fn refusal() -> Refusal {
    Refusal {
        capability: Capability::Http,
        request: "GET https://pypi.org/simple/".to_owned(),
        message: "this step is granted no network at all".to_owned(),
        grant: Some(r#"network: ["GET https://pypi.org/simple/"]"#.to_owned()),
    }
}
