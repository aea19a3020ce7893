//! One step, with everything that was decided about it.

use std::{collections::BTreeMap, time::Duration};

use runner_capabilities::{GrantSet, Limits};
use runner_expression::{Expression, Template};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Narrowed, Need, PluginIndex, Poll, Retry, milliseconds};
use crate::{SecretName, StepId, TargetName};

/// Which part of the pipeline a step belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// `targets`: asks a proxy which slot is active, before anything else starts.
    Observe,
    /// `steps`: decides the verdict.
    Main,
    /// `finally`: runs once the verdict is known and everything is taken back that had to be; changes neither.
    Finally,
    /// `notify`: runs when one of these happens; changes nothing.
    Notify {
        /// When.
        on: Vec<NotifyOn>,
        /// `info`, `warning` or `error`, handed to the notifier.
        severity: String,
    },
}

/// What a `notify` entry waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum NotifyOn {
    /// The run succeeded.
    #[serde(rename = "run.succeeded")]
    Succeeded,
    /// A gate said no or a step failed.
    #[serde(rename = "run.failed")]
    Failed,
    /// Changes were taken back.
    #[serde(rename = "run.rolled_back")]
    RolledBack,
    /// Something could not be taken back.
    #[serde(rename = "run.stuck")]
    Stuck,
    /// Somebody cancelled.
    #[serde(rename = "run.cancelled")]
    Cancelled,
    /// An approval waits for an answer.
    #[serde(rename = "approval.waiting")]
    ApprovalWaiting,
}

impl NotifyOn {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Succeeded,
        Self::Failed,
        Self::RolledBack,
        Self::Stuck,
        Self::Cancelled,
        Self::ApprovalWaiting,
    ];

    /// The word for it in pipelines and in the event a notifier gets.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Succeeded => "run.succeeded",
            Self::Failed => "run.failed",
            Self::RolledBack => "run.rolled_back",
            Self::Stuck => "run.stuck",
            Self::Cancelled => "run.cancelled",
            Self::ApprovalWaiting => "approval.waiting",
        }
    }
}

/// What carries a step out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Uses {
    /// A component.
    Plugin(PluginIndex),
    /// Nothing: the step is reached when its needs are met.
    Checkpoint,
    /// A person.
    Approval(Approval),
}

/// A question to a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// What is asked.
    pub message: String,
    /// How long to wait.
    #[serde(with = "milliseconds")]
    pub timeout: Duration,
    /// What an expired question counts as: `fail` (default) or `pass`.
    pub on_timeout: Inconclusive,
}

/// What an answer that decides nothing counts as.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Inconclusive {
    /// A no. The default.
    #[default]
    Fail,
    /// A yes, because the pipeline says so.
    Pass,
    /// Whatever a person answers.
    Pause,
}

/// A fault put in on purpose, to rehearse what happens then (`--inject STEP:FAULT`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    /// The step answers no.
    Fail,
    /// The step traps.
    Trap,
    /// The step never answers.
    Hang,
    /// Taking the step's change back fails.
    UndoFail,
    /// The runner is killed right after the step's change was made, before that is recorded.
    Crash,
}

/// One step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Step<G = GrantSet> {
    /// Unique in the plan.
    pub id: StepId,
    /// Part of the pipeline it belongs to.
    pub phase: Phase,
    /// What carries it out.
    pub uses: Uses,
    /// Its configuration, expressions not yet evaluated.
    pub with: Template,
    /// What has to end before it. Always earlier in the plan.
    pub needs: Vec<Need>,
    /// Its `if`. With a status function in it, the results of `needs` no longer decide, only that they have ended.
    pub condition: Option<Expression>,
    /// The values of its matrix combination.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub matrix: Map<String, Value>,
    /// Longest time for one attempt, polling included. Default 10 minutes.
    #[serde(with = "milliseconds")]
    pub timeout: Duration,
    /// When to try again.
    pub retry: Retry,
    /// How to ask again and again.
    pub poll: Option<Poll>,
    /// What an inconclusive answer counts as.
    pub on_inconclusive: Inconclusive,
    /// Its answer is shown and recorded, and counts as success whatever it is.
    pub report_only: bool,
    /// Its "no" or failure does not end the run, and the steps that need it go on.
    pub continue_on_error: bool,
    /// For notifiers among `steps`: whether failing to deliver ends the run. Default false.
    pub required: bool,
    /// Own name to name in the plugin's answer; `None` shows all under their own names.
    pub outputs: Option<BTreeMap<String, String>>,
    /// What it may do, whichever slot of its target is active.
    pub grants: G,
    /// What of that it may do if one of the slots is active, where it makes a difference; one for each case.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub narrowed: Vec<Narrowed>,
    /// How much it may use.
    pub limits: Limits,
    /// The secrets it may use.
    pub secrets: Vec<SecretName>,
    /// Variables for guests that read an environment: the pipeline's `env` and the step's own.
    pub env: BTreeMap<String, String>,
    /// Where it stands, as `file:line`.
    pub place: String,
    /// The machine it works on; none for this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<TargetName>,
    /// A fault put in on purpose.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<Fault>,
}

impl<G> Step<G> {
    /// The grants, and the step without them.
    #[must_use]
    pub fn without_grants(self) -> (G, Step<()>) {
        let Self { id, phase, uses, with, needs, condition, matrix, timeout, retry, poll, .. } = self;
        let Self { on_inconclusive, report_only, continue_on_error, required, outputs, grants, .. } = self;
        let Self { narrowed, limits, secrets, env, place, target, fault, .. } = self;
        let step = Step {
            id,
            phase,
            uses,
            with,
            needs,
            condition,
            matrix,
            timeout,
            retry,
            poll,
            on_inconclusive,
            report_only,
            continue_on_error,
            required,
            outputs,
            grants: (),
            narrowed,
            limits,
            secrets,
            env,
            place,
            target,
            fault,
        };
        (grants, step)
    }
}

impl Step<()> {
    /// The same step with grants.
    #[must_use]
    pub fn with_grants<G>(self, grants: G) -> Step<G> {
        Step {
            id: self.id,
            phase: self.phase,
            uses: self.uses,
            with: self.with,
            needs: self.needs,
            condition: self.condition,
            matrix: self.matrix,
            timeout: self.timeout,
            retry: self.retry,
            poll: self.poll,
            on_inconclusive: self.on_inconclusive,
            report_only: self.report_only,
            continue_on_error: self.continue_on_error,
            required: self.required,
            outputs: self.outputs,
            grants,
            narrowed: self.narrowed,
            limits: self.limits,
            secrets: self.secrets,
            env: self.env,
            place: self.place,
            target: self.target,
            fault: self.fault,
        }
    }
}
