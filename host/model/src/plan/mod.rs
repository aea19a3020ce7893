//! The plan of a run: everything that was decided before anything starts.
//!
//! A [`Plan`] holds [`GrantSet`]s and can therefore only come from a check against the operator's policy. What a journal
//! holds is a [`RecordedPlan`]: the same with the grants as requests, to be admitted again before it may run.

mod attempts;
mod milliseconds;
mod needs;
mod plugin;
mod step;
mod target;

use std::collections::BTreeMap;

use runner_capabilities::{GrantSet, Policy, Refusal, Requested, admit};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub use attempts::{Backoff, Poll, Retry, RetryOn};
pub use needs::{Need, ResultSet};
pub use plugin::{Effect, PlannedPlugin, PluginKind, SecretOrigin, SecretSource};
pub use step::{Approval, Fault, Inconclusive, NotifyOn, Phase, Step, Uses};
pub use target::{Assignment, Narrowed, Slot, Target, Unassigned, Upstream};

use crate::{Digest, SecretName, StepId, TargetName};

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
    /// The machines that steps work on.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub targets: BTreeMap<TargetName, Target>,
}

/// What is going to happen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan<G = GrantSet> {
    /// About the run as a whole.
    #[serde(flatten)]
    pub header: PlanHeader,
    /// Every step, `Observe` before `Main` before `Finally` before `Notify`, each after what it needs.
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
        match step.phase {
            Phase::Observe => Effect::Observe,
            Phase::Main | Phase::Finally | Phase::Notify { .. } => {
                self.plugin(step).map_or(Effect::Observe, |plugin| plugin.kind.effect())
            }
        }
    }

    /// The target of a step, if it has one.
    #[must_use]
    pub fn target<'a>(&'a self, step: &'a Step<G>) -> Option<(&'a TargetName, &'a Target)> {
        let name = step.target.as_ref()?;
        Some((name, self.header.targets.get(name)?))
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
    /// Holds every step's grants against today's `policy`, and cuts its limits to it.
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
                Ok(grants) => {
                    let mut step = step.with_grants(grants);
                    step.limits = policy.cap(step.limits);
                    steps.push(step);
                }
                Err(found) => refusals.extend(found.into_iter().map(|refusal| (step.id.clone(), refusal))),
            }
        }
        if refusals.is_empty() { Ok(Plan { header: self.header, steps }) } else { Err(refusals) }
    }
}
