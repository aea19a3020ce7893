//! Plans for tests.
//!
//! ```text
//! plan([gate("check"), change("switch").needs(&["check"]), gate("verify").needs(&["switch"])])
//! ```

use std::{collections::BTreeMap, time::Duration};

use runner_capabilities::{GrantSet, Limits, Machine};
use runner_expression::Template;
use runner_model::{
    Answer, Approval, Digest, Inconclusive, Need, NotifyOn, Outcome, Phase, Plan, PlanHeader, PlannedPlugin,
    PluginAlias, PluginIndex, PluginKind, ResultSet, Retry, Slot, Step, StepId, StepIndex, StepResult,
    Target, TargetName, Uses, World,
};
use serde_json::{Map, Value, json};

use crate::{Ending, Entry, SkipReason};

/// A step before its needs are looked up.
#[derive(Debug, Clone)]
pub struct Draft {
    /// The step; its needs are filled in by [`plan`].
    pub step: Step,
    needs: Vec<(String, ResultSet)>,
}

/// A step of one of the [`PluginKind`]s.
#[must_use]
pub fn plugin(id: &str, kind: PluginKind) -> Draft {
    let place = PluginKind::ALL.iter().position(|other| *other == kind).unwrap_or_default();
    draft(id, Uses::Plugin(PluginIndex(u32::try_from(place).unwrap_or_default())))
}

/// A gate.
#[must_use]
pub fn gate(id: &str) -> Draft {
    plugin(id, PluginKind::Gate)
}

/// An action.
#[must_use]
pub fn change(id: &str) -> Draft {
    plugin(id, PluginKind::Action)
}

/// A notifier among the steps.
#[must_use]
pub fn notifier(id: &str) -> Draft {
    plugin(id, PluginKind::Notifier)
}

/// The step that asks the proxy of a target; see [`with_targets`].
#[must_use]
pub fn observer(target: &str) -> Draft {
    plugin(&format!("target.{target}"), PluginKind::ProxySwitch).on_target(target).but(|step| {
        step.phase = Phase::Observe;
    })
}

/// A name to need.
#[must_use]
pub fn checkpoint(id: &str) -> Draft {
    draft(id, Uses::Checkpoint)
}

/// A question to a person, open for an hour.
#[must_use]
pub fn approval(id: &str, on_timeout: Inconclusive) -> Draft {
    let message = "go on?".to_owned();
    draft(id, Uses::Approval(Approval { message, timeout: Duration::from_secs(3_600), on_timeout }))
}

fn draft(id: &str, uses: Uses) -> Draft {
    let step = Step {
        id: StepId::new(id),
        phase: Phase::Main,
        uses,
        with: Template::default(),
        needs: Vec::new(),
        condition: None,
        matrix: Map::new(),
        timeout: Duration::from_secs(600),
        retry: Retry::default(),
        poll: None,
        on_inconclusive: Inconclusive::Fail,
        report_only: false,
        continue_on_error: false,
        required: false,
        outputs: None,
        grants: GrantSet::none(),
        narrowed: Vec::new(),
        limits: Limits::default(),
        secrets: Vec::new(),
        env: BTreeMap::new(),
        place: format!("deploy.yaml:{id}"),
        target: None,
        fault: None,
    };
    Draft { step, needs: Vec::new() }
}

impl Draft {
    /// The same after these steps.
    #[must_use]
    pub fn needs(mut self, ids: &[&str]) -> Self {
        self.needs.extend(ids.iter().map(|id| ((*id).to_owned(), ResultSet::DEFAULT)));
        self
    }

    /// The same after a step with one of these results.
    #[must_use]
    pub fn needs_result(mut self, id: &str, results: &[StepResult]) -> Self {
        self.needs.push((id.to_owned(), results.iter().copied().collect()));
        self
    }

    /// The same with an `if`.
    ///
    /// # Panics
    ///
    /// If it is not an expression.
    #[must_use]
    pub fn condition(mut self, source: &str) -> Self {
        self.step.condition = Some(source.parse().expect("an expression"));
        self
    }

    /// The same with a `with`.
    ///
    /// # Panics
    ///
    /// If there is something in it that is not an expression.
    #[must_use]
    pub fn with(mut self, value: Value) -> Self {
        self.step.with = Template::parse(value).expect("expressions");
        self
    }

    /// The same with another attempt after each failure, a second apart.
    #[must_use]
    pub fn attempts(mut self, attempts: u32) -> Self {
        self.step.retry.attempts = attempts;
        self
    }

    /// The same on a target.
    #[must_use]
    pub fn on_target(mut self, target: &str) -> Self {
        self.step.target = Some(TargetName::new(target));
        self
    }

    /// The same in `finally`.
    #[must_use]
    pub fn finally(mut self) -> Self {
        self.step.phase = Phase::Finally;
        self
    }

    /// The same in `notify`.
    #[must_use]
    pub fn on(mut self, on: &[NotifyOn]) -> Self {
        self.step.phase = Phase::Notify { on: on.to_vec(), severity: "info".to_owned() };
        self
    }

    /// The same with whatever else a test wants.
    #[must_use]
    pub fn but(mut self, edit: impl FnOnce(&mut Step)) -> Self {
        edit(&mut self.step);
        self
    }
}

/// A plan of these steps, with one plugin of each kind.
///
/// # Panics
///
/// If a step needs one that does not stand before it.
#[must_use]
pub fn plan(drafts: impl IntoIterator<Item = Draft>) -> Plan {
    let mut steps: Vec<Step> = Vec::new();
    let mut places = BTreeMap::new();
    for Draft { mut step, needs } in drafts {
        step.needs = needs
            .iter()
            .map(|(id, accept)| Need { step: *places.get(id).expect("needs stand first"), accept: *accept })
            .collect();
        places.insert(step.id.to_string(), StepIndex(u32::try_from(steps.len()).expect("few steps")));
        steps.push(step);
    }
    let digest = Digest::from_sha256(&[0; 32]);
    let plugins = PluginKind::ALL.map(|kind| PlannedPlugin {
        alias: PluginAlias::new(kind.as_str()),
        path: format!("/plugins/{}.wasm", kind.as_str()),
        digest: digest.clone(),
        kind,
    });
    let header = PlanHeader {
        name: "deploy".to_owned(),
        description: String::new(),
        file: "/work/deploy.yaml".to_owned(),
        directory: "/work".to_owned(),
        digest,
        inputs: Map::new(),
        event: Map::from_iter([("name".to_owned(), "manual".into())]),
        env: BTreeMap::new(),
        secrets: BTreeMap::new(),
        plugins: plugins.to_vec(),
        targets: BTreeMap::new(),
    };
    Plan { header, steps }
}

/// The same plan with a target for each of its observers: slots `blue` at `blue:1` and `green` at `green:1`.
#[must_use]
pub fn with_targets(mut plan: Plan) -> Plan {
    let slot = |name: &str| Slot {
        name: name.to_owned(),
        container: format!("api-{name}"),
        address: format!("{name}:1"),
        port: 1,
    };
    let observers = plan.indexed().filter(|(_, step)| step.phase == Phase::Observe);
    let target = |(index, step): (StepIndex, &Step)| {
        let slots = vec![slot("blue"), slot("green")];
        Some((step.target.clone()?, Target { machine: Machine::default(), slots, observer: Some(index) }))
    };
    plan.header.targets = observers.filter_map(target).collect();
    plan
}

/// What a proxy answers that sends traffic to these.
#[must_use]
pub fn route(addresses: &[&str]) -> Outcome {
    let upstreams: Vec<Value> =
        addresses.iter().map(|address| json!({ "address": address, "weight": 1 })).collect();
    let mut outcome = Outcome::new(Answer::Pass, "the proxy answered");
    outcome.outputs.insert("upstreams".to_owned(), upstreams.into());
    outcome.outputs.insert("revision".to_owned(), "7".into());
    outcome
}

/// An entry in a few words, for comparing what a run did: `end gate#1 failure: no`.
#[must_use]
pub fn told(entry: &Entry) -> String {
    match entry {
        Entry::RunStarted { .. } => "run".to_owned(),
        Entry::RunResumed { .. } => "resume".to_owned(),
        Entry::StepStarted { step, attempt } => format!("start {step}#{attempt}"),
        Entry::StepCaptured { step, snapshot } => format!("captured {step}: {}", snapshot.0),
        Entry::StepEnded { step, attempt, ending, result, again_in_ms, .. } => {
            let ending = match ending {
                Ending::Answered { outcome } => outcome.summary.clone(),
                Ending::Failed { failure } => format!("{}: {}", failure.kind.as_str(), failure.message),
                Ending::Aborted { reason } => format!("{reason:?}").to_lowercase(),
            };
            match (result, again_in_ms) {
                (Some(result), _) => format!("end {step}#{attempt} {}: {ending}", result.as_str()),
                (None, Some(wait)) => format!("again {step}#{attempt} in {wait} ms: {ending}"),
                (None, None) => format!("unclear {step}#{attempt}: {ending}"),
            }
        }
        Entry::StepSkipped { step, reason } => match reason {
            SkipReason::Need { step: need, result } => format!("skip {step}: {need} {}", result.as_str()),
            SkipReason::Condition => format!("skip {step}: if"),
            SkipReason::Unwinding => format!("skip {step}: unwinding"),
            SkipReason::Cancelled => format!("skip {step}: cancelled"),
            SkipReason::Unobserved => format!("skip {step}: unobserved"),
        },
        Entry::ApprovalRequested { step, message, .. } => format!("ask {step}: {message}"),
        Entry::ApprovalAnswered { step, decision, by, .. } => format!("answer {step}: {decision:?} {by}"),
        Entry::CapabilityDenied { step, refusal } => format!("denied {step}: {refusal}"),
        Entry::GrantsUsed { step, uses } => {
            let uses: Vec<String> = uses.iter().map(|one| format!("{} {}x", one.rule, one.count)).collect();
            format!("used {step}: {}", uses.join(", "))
        }
        Entry::CancelRequested { by } => format!("cancel {by}"),
        Entry::UnwindStarted { .. } => "unwind".to_owned(),
        Entry::UndoStarted { step, attempt } => format!("undo {step}#{attempt}"),
        Entry::UndoSucceeded { step, left: None } => format!("undone {step}"),
        Entry::UndoSucceeded { step, left: Some(left) } => format!("undone {step} but {left}"),
        Entry::UndoFailed { step, attempt, failure, again_in_ms } => match again_in_ms {
            Some(wait) => format!("undo again {step}#{attempt} in {wait} ms: {failure}"),
            None => format!("undo failed {step}#{attempt}: {failure}"),
        },
        Entry::RunDecided { verdict } => {
            let step = verdict.step().map_or(String::new(), |step| format!(" at {step}"));
            let world = match &verdict.world {
                World::Unchanged => "unchanged".to_owned(),
                World::Changed { steps } => format!("changed {}", list(steps)),
                World::Restored { steps } => format!("restored {}", list(steps)),
                World::Stuck { restored, remaining } => {
                    let remaining: Vec<String> =
                        remaining.iter().map(|left| format!("{} ({})", left.step, left.reason)).collect();
                    format!("restored {}, remaining {}", list(restored), remaining.join(" "))
                }
            };
            format!("{}{step}, {world}", verdict.status()).trim_end().to_owned()
        }
        Entry::RunFinished { .. } => "finished".to_owned(),
    }
}

fn list(steps: &[StepId]) -> String {
    let steps: Vec<&str> = steps.iter().map(StepId::as_str).collect();
    format!("[{}]", steps.join(" "))
}
