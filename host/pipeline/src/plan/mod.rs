//! The last stage: everything decided, in an order in which it can run.
//!
//! Inputs get their values, a matrix step becomes one step per combination, and what a step does not say is filled in.
//! A step's grants are admitted under the operator's policy here, so that a [`Plan`] holds nothing that was not asked for.

mod inputs;
mod places;
#[cfg(test)]
mod target_tests;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};

use runner_capabilities::{GrantSet, admit};
use runner_expression::Scope;
use runner_model::{
    Diagnostic, Effect, ExitCode, Fault, Narrowed, Need, Phase, Plan, PlanHeader, PlannedPlugin, PluginAlias,
    PluginIndex as PluginPosition, Retry, SecretName, SecretSource, Sources, Step, StepId, StepIndex, Target,
    TargetName, Uses,
};
use serde_json::{Map, Value, json};

use self::places::Places;
use crate::{
    authored::{Variable, plain},
    check::{Around, Granted, Rules, Values, narrowed, refused_by_policy, settled},
    problems::{Problems, suggestion},
    resolve::{Combination, On, Resolved, ResolvedStep, ResolvedUses, settle},
};

/// Longest time for one attempt of a step that does not say.
const TIMEOUT: std::time::Duration = std::time::Duration::from_secs(600);

/// What was given on the command line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Given {
    /// `--input name=value`.
    pub inputs: BTreeMap<String, String>,
    /// `--event NAME`.
    pub event: Option<String>,
    /// `--inject STEP:FAULT`.
    pub faults: Vec<(String, Fault)>,
}

/// A plan, and what somebody should look at.
#[derive(Debug, Clone)]
pub struct Planned {
    /// What is going to happen.
    pub plan: Plan,
    /// Sorted by place.
    pub warnings: Vec<Diagnostic>,
    /// The texts that places are in.
    pub sources: Sources,
}

/// Makes the plan of a run.
///
/// # Errors
///
/// What was given does not fit the pipeline (exit 2), or makes a grant too wide (exit 7).
pub fn plan(granted: Granted, given: &Given) -> Result<Planned, Problems> {
    let mut found = Vec::new();
    let planned = Planner::new(&granted, given, &mut found).plan(given, &mut found);
    let Resolved { sources, found: warnings, .. } = granted.resolved;
    match planned {
        Some(plan) if found.is_empty() => Ok(Planned { plan, warnings, sources }),
        Some(_) | None => {
            found.extend(warnings);
            Err(Problems::new(found, sources))
        }
    }
}

pub(crate) fn usage(code: &'static str, message: impl Into<String>) -> Diagnostic {
    Diagnostic::error(code, message).exit(ExitCode::Usage)
}

struct Planner<'a> {
    granted: &'a Granted,
    resolved: &'a Resolved,
    inputs: Map<String, Value>,
    event: Map<String, Value>,
    /// The pipeline's `env`.
    env: BTreeMap<String, String>,
    /// Where each used plugin stands in the plan.
    plugins: HashMap<usize, PluginPosition>,
    /// The first combination of each step in the plan.
    first: HashMap<usize, u32>,
    /// The targets, in the order of the document.
    targets: Vec<Target>,
    /// What each plugin asks for, and what it gets, for steps on one target; `None` if there is something wrong with that.
    asked: HashMap<(usize, On, bool), Option<(Rules, GrantSet)>>,
}

impl<'a> Planner<'a> {
    fn new(granted: &'a Granted, given: &Given, found: &mut Vec<Diagnostic>) -> Self {
        let resolved = &granted.resolved;
        let mut planner = Self {
            granted,
            resolved,
            inputs: inputs::settle(&resolved.document.inputs, &given.inputs, found),
            event: inputs::event(&resolved.document.events, given.event.as_deref(), found),
            env: BTreeMap::new(),
            plugins: HashMap::new(),
            first: HashMap::new(),
            targets: Vec::new(),
            asked: HashMap::new(),
        };
        if found.is_empty() {
            planner.env = planner.variables(&resolved.document.env, &BTreeMap::new(), &Map::new(), found);
            planner.targets = planner.settle_targets(found);
        }
        let used = resolved.plugins.iter().enumerate().filter(|(_, plugin)| plugin.facts.is_some());
        planner.plugins =
            (0..).zip(used).map(|(position, (index, _))| (index, PluginPosition(position))).collect();
        planner
    }

    fn plan(mut self, given: &Given, found: &mut Vec<Diagnostic>) -> Option<Plan> {
        if !found.is_empty() {
            return None;
        }
        let order = self.resolved.order.as_deref()?;
        let mut next = 0_u32;
        for &at in order {
            self.first.insert(at, next);
            next = next.checked_add(u32::try_from(self.resolved.steps[at].combinations.len()).ok()?)?;
        }
        let places = Places::new(&self.resolved.sources);
        let mut steps = Vec::with_capacity(next as usize);
        for &at in order {
            let step = &self.resolved.steps[at];
            for combination in &step.combinations {
                // What is wrong with one combination is mostly wrong with all.
                let Some(planned) = self.step(at, step, combination, &places, found) else { break };
                steps.push(planned);
            }
        }
        if found.is_empty() {
            inject(&mut steps, &given.faults, &self, found);
        }
        Some(Plan { header: self.header(), steps })
    }

    fn header(&self) -> PlanHeader {
        let Resolved { document, file, directory, digest, plugins, .. } = self.resolved;
        let secret = |secret: &crate::authored::SecretText| {
            let allow = secret.allow.iter().map(|alias| PluginAlias::new(&alias.value)).collect();
            Some((SecretName::new(&secret.name.value), SecretSource { from: secret.from.clone()?, allow }))
        };
        let plugin = |plugin: &crate::resolve::ResolvedPlugin| {
            let facts = plugin.facts.as_ref()?;
            Some(PlannedPlugin {
                alias: PluginAlias::new(&plugin.text.alias.value),
                path: facts.path.clone(),
                digest: facts.digest.clone(),
                kind: facts.kind,
            })
        };
        PlanHeader {
            name: document.name.clone(),
            description: document.description.clone(),
            file: file.clone(),
            directory: directory.clone(),
            digest: digest.clone(),
            inputs: self.inputs.clone(),
            event: self.event.clone(),
            env: self.env.clone(),
            secrets: document.secrets.iter().filter_map(secret).collect(),
            plugins: plugins.iter().filter_map(plugin).collect(),
            targets: self.planned_targets(),
        }
    }

    fn step(
        &mut self,
        at: usize,
        step: &'a ResolvedStep,
        combination: &Combination,
        places: &Places<'_>,
        found: &mut Vec<Diagnostic>,
    ) -> Option<Step> {
        let text = &step.text;
        let defaults = &self.resolved.document.defaults;
        let (grants, narrowed) = self.grants(step, combination, found)?;
        let mut env = self.env.clone();
        env.extend(self.variables(&text.env, &self.env, &combination.values, found));
        let (uses, is_plugin) = match step.uses? {
            ResolvedUses::Plugin(index) => (Uses::Plugin(*self.plugins.get(&index)?), true),
            ResolvedUses::Checkpoint => (Uses::Checkpoint, false),
            ResolvedUses::Approval => (Uses::Approval(self.granted.approvals.get(&at)?.clone()), false),
        };
        let timeout = match &uses {
            // The question's own timeout decides; the step is not to end before it.
            Uses::Approval(approval) => approval.timeout,
            Uses::Plugin(_) | Uses::Checkpoint => text.timeout.or(defaults.timeout).unwrap_or(TIMEOUT),
        };
        let retry = text.retry.as_ref().or(defaults.retry.as_ref()).filter(|_| is_plugin);
        let limits = match step.uses? {
            ResolvedUses::Plugin(index) => {
                text.limits.or(self.resolved.plugins[index].text.limits).or(defaults.limits)
            }
            ResolvedUses::Checkpoint | ResolvedUses::Approval => defaults.limits,
        };
        let observes =
            self.resolved.plugin_of(step).is_some_and(|(_, facts)| facts.kind.effect() == Effect::Observe);
        let inconclusive = defaults.on_inconclusive.filter(|_| observes);
        let outputs = text.outputs.as_ref().map(|outputs| {
            outputs.iter().map(|(own, theirs)| (own.value.clone(), theirs.value.clone())).collect()
        });
        Some(Step {
            id: StepId::new(&combination.id),
            phase: text.phase.clone(),
            uses,
            with: text.with.as_ref().map(|with| with.template.clone()).unwrap_or_default(),
            needs: self.needs(step),
            condition: text.condition.as_ref().map(|condition| condition.expression.clone()),
            matrix: combination.values.clone(),
            timeout,
            retry: retry.cloned().unwrap_or_else(Retry::default),
            poll: text.poll.clone(),
            on_inconclusive: text.on_inconclusive.or(inconclusive).unwrap_or_default(),
            report_only: text.report_only,
            continue_on_error: text.continue_on_error,
            required: text.required,
            outputs,
            grants,
            narrowed,
            limits: limits.resolve(&self.granted.policy),
            secrets: text.secrets.iter().map(|name| SecretName::new(&name.value)).collect(),
            env,
            place: places.line(text.id.span),
            target: self.target(step).map(|(name, _)| TargetName::new(name)),
            fault: None,
        })
    }

    fn needs(&self, step: &ResolvedStep) -> Vec<Need> {
        let mut needs = Vec::new();
        for need in &step.needs {
            let first = self.first[&need.on.step];
            let count = self.resolved.steps[need.on.step].combinations.len();
            let (from, to) = match need.on.combination {
                Some(index) => (index, index + 1),
                None => (0, count),
            };
            // Bounded by the number of steps, which fits.
            let index = |offset: usize| StepIndex(first + u32::try_from(offset).unwrap_or(u32::MAX));
            needs.extend((from..to).map(|offset| Need { step: index(offset), accept: need.accept }));
        }
        needs
    }

    /// The targets with the values of the inputs in them.
    fn settle_targets(&self, found: &mut Vec<Diagnostic>) -> Vec<Target> {
        let mut problems = Vec::new();
        let texts = &self.resolved.document.targets;
        let targets =
            texts.iter().filter_map(|text| settle(text, &self.inputs, true, &mut problems)).collect();
        found.extend(problems.into_iter().map(|problem| problem.exit(ExitCode::Usage)));
        targets
    }

    fn planned_targets(&self) -> BTreeMap<TargetName, Target> {
        let named = self.resolved.document.targets.iter().zip(&self.targets);
        let observer = |at: usize| {
            let is_it =
                |step: &ResolvedStep| step.text.phase == Phase::Observe && step.target == On::Target(at);
            let step = self.resolved.steps.iter().position(is_it)?;
            self.first.get(&step).copied().map(StepIndex)
        };
        named
            .enumerate()
            .map(|(at, (text, target))| {
                (TargetName::new(&text.name.value), Target { observer: observer(at), ..target.clone() })
            })
            .collect()
    }

    fn target(&self, step: &ResolvedStep) -> Option<(&str, &Target)> {
        let On::Target(at) = step.target else { return None };
        Some((&self.resolved.document.targets.get(at)?.name.value, self.targets.get(at)?))
    }

    /// What a step may do, and what of that in each case of its target's slots. `None` with a problem, unless that was said
    /// before.
    fn grants(
        &mut self,
        step: &ResolvedStep,
        combination: &Combination,
        found: &mut Vec<Diagnostic>,
    ) -> Option<(GrantSet, Vec<Narrowed>)> {
        let Some(ResolvedUses::Plugin(index)) = step.uses else {
            return Some((GrantSet::none(), Vec::new()));
        };
        let plugin = &self.resolved.plugins[index];
        let key = (index, step.target, step.text.phase == Phase::Observe);
        if !self.asked.contains_key(&key) {
            let rules = settled(plugin, self.values(step, &combination.values), found);
            let asked = rules.and_then(|rules| {
                let admitted = self.admitted(&rules, found)?;
                Some((rules, admitted))
            });
            self.asked.insert(key, asked);
        }
        let (asked, admitted) = self.asked.get(&key)?.as_ref()?;
        let Some(block) = &step.text.grants else { return Some((admitted.clone(), asked.narrowed())) };
        let rules = narrowed(block, (plugin, asked), self.values(step, &combination.values), found)?;
        Some((self.admitted(&rules, found)?, rules.narrowed()))
    }

    fn values<'v>(&'v self, step: &'v ResolvedStep, matrix: &'v Map<String, Value>) -> Values<'v> {
        let around = self.target(step).map(|(name, target)| Around::new(name, target, &step.text.phase));
        Values { inputs: &self.inputs, matrix, around }
    }

    fn admitted(&self, rules: &Rules, found: &mut Vec<Diagnostic>) -> Option<GrantSet> {
        let policy = &self.granted.policy;
        match admit(rules.all.clone(), policy) {
            Ok(granted) => Some(granted),
            Err(_) => {
                found.extend(refused_by_policy(rules, policy));
                None
            }
        }
    }

    /// Renders variables, which are settled before the run.
    fn variables(
        &self,
        variables: &[Variable],
        outer: &BTreeMap<String, String>,
        matrix: &Map<String, Value>,
        found: &mut Vec<Diagnostic>,
    ) -> BTreeMap<String, String> {
        let mut rendered = BTreeMap::new();
        for Variable { name, value } in variables {
            let result = match value.literal() {
                Some(literal) => Ok(literal),
                None => value.template.render(&self.scope(outer, matrix)),
            };
            match result {
                Ok(value) => drop(rendered.insert(name.value.clone(), as_text(&value))),
                Err(error) => found.push(
                    Diagnostic::error(
                        "expression",
                        format!("the variable `{}` has no value: {error}", name.value),
                    )
                    .at(value.node.span, ""),
                ),
            }
        }
        rendered
    }

    fn scope(&self, env: &BTreeMap<String, String>, matrix: &Map<String, Value>) -> Scope {
        let mut scope = Scope::default();
        scope.variables.insert("inputs".to_owned(), Value::Object(self.inputs.clone()));
        scope.variables.insert("event".to_owned(), Value::Object(self.event.clone()));
        scope.variables.insert("env".to_owned(), json!(env));
        scope.variables.insert("matrix".to_owned(), Value::Object(matrix.clone()));
        scope
    }
}

/// Nothing is an empty variable.
fn as_text(value: &Value) -> String {
    if value.is_null() { String::new() } else { plain(value) }
}

/// Puts faults in. A matrix step may be named as a whole.
fn inject(
    steps: &mut [Step],
    faults: &[(String, Fault)],
    planner: &Planner<'_>,
    found: &mut Vec<Diagnostic>,
) {
    for (id, fault) in faults {
        let Some(target) = planner.resolved.names.get(id) else {
            let mut known: Vec<&str> = planner.resolved.names.keys().map(String::as_str).collect();
            known.sort_unstable();
            found.push(
                usage("unknown-step", format!("`--inject {id}:…`: there is no step `{id}`"))
                    .help(suggestion(id, known, "steps", found)),
            );
            continue;
        };
        let resolved = &planner.resolved.steps[target.step];
        let range = match target.combination {
            Some(index) => index..index + 1,
            None => 0..resolved.combinations.len(),
        };
        let first = planner.first.get(&target.step).copied().unwrap_or_default() as usize;
        for step in steps.iter_mut().skip(first + range.start).take(range.len()) {
            step.fault = Some(*fault);
        }
    }
}
