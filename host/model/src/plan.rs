//! The plan of a run: everything that was decided before anything starts.
//!
//! A [`Plan`] holds [`GrantSet`]s and can therefore only come from a check against the operator's policy. What a journal
//! holds is a [`RecordedPlan`]: the same with the grants as requests, to be admitted again before it may run.

use std::{collections::BTreeMap, time::Duration};

use runner_capabilities::{GrantSet, Limits, Policy, Refusal, Requested, admit};
use runner_expression::{Expression, Template};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{Digest, PluginAlias, SecretName, StepId, StepResult};

/// Position of a step in [`Plan::steps`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StepIndex(pub u32);

impl StepIndex {
    /// For indexing.
    #[must_use]
    pub const fn get(self) -> usize {
        self.0 as usize
    }
}

/// Position of a plugin in [`PlanHeader::plugins`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PluginIndex(pub u32);

impl PluginIndex {
    /// For indexing.
    #[must_use]
    pub const fn get(self) -> usize {
        self.0 as usize
    }
}

/// What a component is, read from its exports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PluginKind {
    /// Answers a question.
    Gate,
    /// Measures health.
    HealthCheck,
    /// Delivers messages.
    Notifier,
    /// Moves traffic.
    ProxySwitch,
    /// Makes any other change.
    Action,
}

/// What a step of some kind does to the world.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Effect {
    /// Nothing: may be repeated at any time.
    Observe,
    /// Something that can be taken back: capture, change, restore.
    Change,
    /// Something that cannot be taken back and need not be: a message.
    Announce,
}

impl PluginKind {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Gate, Self::HealthCheck, Self::Notifier, Self::ProxySwitch, Self::Action];

    /// Name of the exported interface, and of the kind everywhere else.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Gate => "gate",
            Self::HealthCheck => "health-check",
            Self::Notifier => "notifier",
            Self::ProxySwitch => "proxy-switch",
            Self::Action => "action",
        }
    }

    /// What it does to the world.
    #[must_use]
    pub const fn effect(self) -> Effect {
        match self {
            Self::Gate | Self::HealthCheck => Effect::Observe,
            Self::Notifier => Effect::Announce,
            Self::ProxySwitch | Self::Action => Effect::Change,
        }
    }
}

/// Where a secret's bytes come from. The bytes themselves never stand in a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SecretOrigin {
    /// A variable of the runner's environment.
    Env(String),
    /// A file; one trailing newline is not part of the secret.
    File(String),
}

/// One secret of the pipeline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretSource {
    /// Where its bytes come from.
    pub from: SecretOrigin,
    /// The plugins that may use it.
    pub allow: Vec<PluginAlias>,
}

/// One plugin of the pipeline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedPlugin {
    /// Its name in the pipeline.
    pub alias: PluginAlias,
    /// Absolute path of the component.
    pub path: String,
    /// Digest of the component that was checked; another one is not loaded.
    pub digest: Digest,
    /// What it is.
    pub kind: PluginKind,
}

/// Which part of the pipeline a step belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
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

/// One step that has to end before another may start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Need {
    /// Which.
    pub step: StepIndex,
    /// The results that let the other start; with any other it is skipped.
    pub accept: ResultSet,
}

/// A set of results.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<StepResult>", into = "Vec<StepResult>")]
pub struct ResultSet(u8);

impl ResultSet {
    /// What a need accepts if it does not say: success and warn.
    pub const DEFAULT: Self = Self((1 << StepResult::Success as u8) | (1 << StepResult::Warn as u8));

    /// Whether `result` is in it.
    #[must_use]
    pub const fn contains(self, result: StepResult) -> bool {
        self.0 & (1 << result as u8) != 0
    }

    /// The results in it.
    pub fn iter(self) -> impl Iterator<Item = StepResult> {
        StepResult::ALL.into_iter().filter(move |result| self.contains(*result))
    }
}

impl FromIterator<StepResult> for ResultSet {
    fn from_iter<I: IntoIterator<Item = StepResult>>(results: I) -> Self {
        Self(results.into_iter().fold(0, |bits, result| bits | (1 << result as u8)))
    }
}

impl From<Vec<StepResult>> for ResultSet {
    fn from(results: Vec<StepResult>) -> Self {
        results.into_iter().collect()
    }
}

impl From<ResultSet> for Vec<StepResult> {
    fn from(set: ResultSet) -> Self {
        set.iter().collect()
    }
}

/// How the wait grows between attempts.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Backoff(pub f64);

/// What is worth another attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RetryOn {
    /// Any failure to answer. The default, alone.
    Error,
    /// The answer no.
    Failure,
    /// One kind of failure to answer.
    #[serde(untagged)]
    Kind(crate::FailureKind),
}

/// How often and when a step is tried again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Retry {
    /// Attempts in all; 1 means none is repeated.
    pub attempts: u32,
    /// Wait before the second attempt.
    #[serde(with = "milliseconds")]
    pub delay: Duration,
    /// Factor from one wait to the next; 1 keeps it the same.
    pub backoff: Backoff,
    /// Longest wait.
    #[serde(with = "milliseconds")]
    pub max_delay: Duration,
    /// What is worth another attempt.
    pub on: Vec<RetryOn>,
}

impl Default for Retry {
    /// One attempt.
    fn default() -> Self {
        Self {
            attempts: 1,
            delay: Duration::from_secs(1),
            backoff: Backoff(2.0),
            max_delay: Duration::from_secs(60),
            on: vec![RetryOn::Error],
        }
    }
}

/// How a health check or gate is asked again and again. Words and rules as in Argo Rollouts' analysis.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Poll {
    /// Wait before the first measurement. Default 0.
    #[serde(with = "milliseconds")]
    pub initial_delay: Duration,
    /// From the start of one measurement to the start of the next. Default 5 s.
    #[serde(with = "milliseconds")]
    pub interval: Duration,
    /// Measurements in all; `None` means until decided or `deadline`.
    pub count: Option<u32>,
    /// That many successes in a row decide for success at once.
    pub consecutive_successes: Option<u32>,
    /// More failures than this decide for failure; `None` means any number is borne. Default 0.
    pub failure_limit: Option<u32>,
    /// More inconclusive measurements than this decide for inconclusive; `None` means any number. Default 0.
    pub inconclusive_limit: Option<u32>,
    /// More errors *in a row* than this decide for error; `None` means any number. Default 4.
    pub error_limit: Option<u32>,
    /// From the start of the step; then the last measurement decides, and a success that is not yet
    /// `consecutive_successes` counts as failure.
    #[serde(with = "optional_milliseconds")]
    pub deadline: Option<Duration>,
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
    /// What it may do.
    pub grants: G,
    /// How much it may use.
    pub limits: Limits,
    /// The secrets it may use.
    pub secrets: Vec<SecretName>,
    /// Variables for guests that read an environment: the pipeline's `env` and the step's own.
    pub env: BTreeMap<String, String>,
    /// Where it stands, as `file:line`.
    pub place: String,
    /// A fault put in on purpose.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<Fault>,
}

/// The part of a plan that is about the run as a whole.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlanHeader {
    /// `name` of the pipeline.
    pub name: String,
    /// `description` of the pipeline.
    pub description: String,
    /// Absolute path of the pipeline file.
    pub file: String,
    /// Absolute path of the directory that relative paths start from: the one the pipeline file is in.
    pub directory: String,
    /// Digest over the texts of the pipeline and all it includes.
    pub digest: Digest,
    /// Values of the inputs.
    pub inputs: Map<String, Value>,
    /// What set the run off, as expressions see it: `{ name: manual }`.
    pub event: Map<String, Value>,
    /// The pipeline's `env`.
    pub env: BTreeMap<String, String>,
    /// The secrets, without their bytes.
    pub secrets: BTreeMap<SecretName, SecretSource>,
    /// The plugins.
    pub plugins: Vec<PlannedPlugin>,
}

/// What is going to happen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan<G = GrantSet> {
    /// About the run as a whole.
    #[serde(flatten)]
    pub header: PlanHeader,
    /// Every step, `Main` before `Finally` before `Notify`, each after what it needs.
    pub steps: Vec<Step<G>>,
}

/// A plan as a journal holds it: to be admitted again before it may run.
pub type RecordedPlan = Plan<Requested>;

impl<G> Plan<G> {
    /// The step at `index`.
    ///
    /// # Panics
    ///
    /// If `index` is of another plan.
    #[must_use]
    pub fn step(&self, index: StepIndex) -> &Step<G> {
        &self.steps[index.get()]
    }

    /// The plugin of a step, if it has one.
    #[must_use]
    pub fn plugin(&self, step: &Step<G>) -> Option<&PlannedPlugin> {
        match &step.uses {
            Uses::Plugin(index) => self.header.plugins.get(index.get()),
            Uses::Checkpoint | Uses::Approval(_) => None,
        }
    }

    /// What a step does to the world.
    #[must_use]
    pub fn effect(&self, step: &Step<G>) -> Effect {
        self.plugin(step).map_or(Effect::Observe, |plugin| plugin.kind.effect())
    }

    /// Steps with their positions.
    pub fn indexed(&self) -> impl Iterator<Item = (StepIndex, &Step<G>)> {
        (0..).map(StepIndex).zip(&self.steps)
    }

    /// The position of a step by its id. Looks at every step: for commands, not for loops.
    #[must_use]
    pub fn find(&self, id: &str) -> Option<StepIndex> {
        self.indexed().find(|(_, step)| step.id.as_str() == id).map(|(index, _)| index)
    }
}

impl RecordedPlan {
    /// Holds every step's grants against today's `policy`.
    ///
    /// # Errors
    ///
    /// Every step that is granted more than the policy allows.
    pub fn admit(self, policy: &Policy) -> Result<Plan, Vec<(StepId, Refusal)>> {
        let mut steps = Vec::with_capacity(self.steps.len());
        let mut refusals = Vec::new();
        for step in self.steps {
            let (grants, step) = step.without_grants();
            match admit(grants, policy) {
                Ok(grants) => steps.push(step.with_grants(grants)),
                Err(found) => refusals.extend(found.into_iter().map(|refusal| (step.id.clone(), refusal))),
            }
        }
        if refusals.is_empty() { Ok(Plan { header: self.header, steps }) } else { Err(refusals) }
    }
}

impl<G> Step<G> {
    /// The grants, and the step without them.
    #[must_use]
    pub fn without_grants(self) -> (G, Step<()>) {
        let Self { id, phase, uses, with, needs, condition, matrix, timeout, retry, poll, .. } = self;
        let Self { on_inconclusive, report_only, continue_on_error, required, outputs, grants, .. } = self;
        let Self { limits, secrets, env, place, fault, .. } = self;
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
            limits,
            secrets,
            env,
            place,
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
            limits: self.limits,
            secrets: self.secrets,
            env: self.env,
            place: self.place,
            fault: self.fault,
        }
    }
}

mod milliseconds {
    use std::time::Duration;

    use serde::{Deserialize as _, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        u64::deserialize(deserializer).map(Duration::from_millis)
    }
}

mod optional_milliseconds {
    use std::time::Duration;

    use serde::{Deserialize as _, Deserializer, Serializer};

    #[expect(clippy::ref_option, reason = "serde calls it with a reference to the field")]
    pub(super) fn serialize<S: Serializer>(
        duration: &Option<Duration>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match duration {
            Some(duration) => super::milliseconds::serialize(duration, serializer),
            None => serializer.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Duration>, D::Error> {
        Ok(Option::<u64>::deserialize(deserializer)?.map(Duration::from_millis))
    }
}
