//! Steps that can never run.
//!
//! Every condition is tried in every world (see [`super::domain`]); what it looks at beyond that may be anything. A
//! step may run in a world if its condition may be true there and each of its needs may end with a result it accepts.
//! What may run in no world is unreachable. Each set of worlds is a row of bits, so that the graph is walked once.

use std::collections::HashMap;

use runner_expression::RunStatus;
use runner_model::{Diagnostic, ResultSet, StepResult};
use serde_json::Value;

use super::domain::Domain;
use crate::{
    authored::Condition,
    problems::listed,
    resolve::{Resolved, ResolvedNeed, ResolvedStep, ResolvedUses},
};

/// Bits for all steps together; pipelines with very many steps get fewer worlds.
const MAX_WORDS: usize = 4 << 20;
/// Evaluations in all; conditions beyond that are left open.
const MAX_EVALUATIONS: usize = 50_000;

/// A set of worlds.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Worlds(Vec<u64>);

impl Worlds {
    fn none(count: usize) -> Self {
        Self(vec![0; count.div_ceil(64)])
    }

    fn all(count: usize) -> Self {
        let mut worlds = Self::none(count);
        (0..count).for_each(|world| worlds.add(world));
        worlds
    }

    fn add(&mut self, world: usize) {
        self.0[world / 64] |= 1 << (world % 64);
    }

    fn is_empty(&self) -> bool {
        self.0.iter().all(|word| *word == 0)
    }

    fn and(mut self, other: &Self) -> Self {
        self.0.iter_mut().zip(&other.0).for_each(|(word, other)| *word &= other);
        self
    }

    fn or(mut self, other: &Self) -> Self {
        self.0.iter_mut().zip(&other.0).for_each(|(word, other)| *word |= other);
        self
    }

    fn meets(&self, other: &Self) -> bool {
        self.0.iter().zip(&other.0).any(|(word, other)| word & other != 0)
    }
}

/// Where something may be, and where it may not be.
#[derive(Debug, Clone)]
struct May {
    be: Worlds,
    not: Worlds,
}

/// What a condition or a step may do: for some combination of its matrix, and for all of them.
#[derive(Debug, Clone)]
struct Outlook {
    some: May,
    all: May,
}

pub(super) fn check(resolved: &Resolved, found: &mut Vec<Diagnostic>) {
    let Some(order) = &resolved.order else { return };
    let conditions: Vec<&Condition> =
        resolved.steps.iter().filter_map(|step| step.text.condition.as_ref()).collect();
    let most = (MAX_WORDS / resolved.steps.len().max(1)).max(1) * 64;
    let domain = Domain::of(resolved, &conditions, most);
    let mut walk =
        Walk { resolved, domain: &domain, evaluations: 0, tables: HashMap::new(), steps: HashMap::new() };
    for &at in order {
        let outlook = walk.step(&resolved.steps[at]);
        walk.steps.insert(at, outlook);
    }
    walk.report(order, found);
}

struct StepOutlook {
    condition: Outlook,
    runs: Outlook,
}

struct Walk<'a> {
    resolved: &'a Resolved,
    domain: &'a Domain,
    evaluations: usize,
    /// Conditions that were tried already.
    tables: HashMap<(&'a str, String), May>,
    steps: HashMap<usize, StepOutlook>,
}

impl<'a> Walk<'a> {
    fn anything(&self) -> May {
        let all = Worlds::all(self.domain.worlds());
        May { be: all.clone(), not: all }
    }

    fn step(&mut self, step: &'a ResolvedStep) -> StepOutlook {
        let condition = self.condition(step);
        let decides_alone =
            step.text.condition.as_ref().is_some_and(|condition| condition.expression.references().status);
        let mut runs = condition.clone();
        if !decides_alone {
            for need in &step.needs {
                let met = self.met(need);
                for may in [&mut runs.some, &mut runs.all] {
                    may.be = may.be.clone().and(&met.be);
                    may.not = may.not.clone().or(&met.not);
                }
            }
        }
        StepOutlook { condition, runs }
    }

    /// Where a need may be met, and where it may not.
    fn met(&self, need: &ResolvedNeed) -> May {
        let Some(needed) = self.steps.get(&need.on.step) else { return self.anything() };
        let step = &self.resolved.steps[need.on.step];
        let runs = if need.on.combination.is_some() { &needed.runs.some } else { &needed.runs.all };
        let (accepted, other) = ends(step, need.accept);
        let none = Worlds::none(self.domain.worlds());
        let when = |wanted: bool, worlds: &Worlds| if wanted { worlds.clone() } else { none.clone() };
        let skip = need.accept.contains(StepResult::Skipped);
        // Skipped is where some combination may not run: `runs.not` of the whole.
        May {
            be: when(accepted, &runs.be).or(&when(skip, &runs.not)),
            not: when(other, &needed.runs.some.be).or(&when(!skip, &needed.runs.all.not)),
        }
    }

    fn condition(&mut self, step: &'a ResolvedStep) -> Outlook {
        let Some(condition) = &step.text.condition else {
            let count = self.domain.worlds();
            let may = May { be: Worlds::all(count), not: Worlds::none(count) };
            return Outlook { some: may.clone(), all: may };
        };
        let looks_at_matrix = condition.expression.references().paths.iter().any(|path| path[0] == "matrix");
        let combinations = if looks_at_matrix { &step.combinations[..] } else { &step.combinations[..1] };
        let mut outlook: Option<Outlook> = None;
        for combination in combinations {
            let may = self.table(step, condition, &combination.values, looks_at_matrix);
            outlook = Some(match outlook {
                None => Outlook { some: may.clone(), all: may },
                Some(Outlook { some, all }) => Outlook {
                    some: May { be: some.be.or(&may.be), not: some.not.or(&may.not) },
                    // All run where each may; not all where one may not.
                    all: May { be: all.be.and(&may.be), not: all.not.or(&may.not) },
                },
            });
        }
        outlook.unwrap_or_else(|| Outlook { some: self.anything(), all: self.anything() })
    }

    /// Where a condition may be true, and where false.
    fn table(
        &mut self,
        step: &'a ResolvedStep,
        condition: &'a Condition,
        matrix: &serde_json::Map<String, Value>,
        looks_at_matrix: bool,
    ) -> May {
        let source = condition.expression.source();
        let references = condition.expression.references();
        let variables = literal_env(self.resolved, step, &references);
        let looks_at_env = references.paths.iter().any(|path| path[0] == "env");
        let key =
            (source, if looks_at_matrix { Value::Object(matrix.clone()).to_string() } else { String::new() });
        if let Some(known) = self.tables.get(&key).filter(|_| !looks_at_env) {
            return known.clone();
        }
        let Some(positions) = self.domain.positions(condition) else { return self.anything() };
        let choices = self.domain.choices(&positions);
        self.evaluations += choices;
        if self.evaluations > MAX_EVALUATIONS {
            return self.anything();
        }
        let statuses: &[RunStatus] = if references.status {
            &[RunStatus::Success, RunStatus::Failure, RunStatus::Aborted]
        } else {
            &[RunStatus::Success]
        };
        let mut may_be: Vec<(bool, bool)> = Vec::with_capacity(choices);
        self.domain.for_each_choice(&positions, |_, scope| {
            let mut scope = scope.clone();
            if looks_at_matrix {
                scope.variables.insert("matrix".to_owned(), Value::Object(matrix.clone()));
            }
            if let Some(env) = &variables {
                scope.variables.insert("env".to_owned(), env.clone());
            }
            let (mut yes, mut no) = (false, false);
            for status in statuses {
                scope.status = *status;
                match condition.expression.evaluate_bool(&scope) {
                    Ok(true) => yes = true,
                    Ok(false) => no = true,
                    // What it looks at is not known here, so it may be anything.
                    Err(_) => (yes, no) = (true, true),
                }
            }
            may_be.push((yes, no));
        });
        let count = self.domain.worlds();
        let mut may = May { be: Worlds::none(count), not: Worlds::none(count) };
        for world in 0..count {
            let (yes, no) = may_be[self.domain.choice_of(world, &positions)];
            if yes {
                may.be.add(world);
            }
            if no {
                may.not.add(world);
            }
        }
        if !looks_at_env {
            self.tables.insert(key, may.clone());
        }
        may
    }

    fn report(&self, order: &[usize], found: &mut Vec<Diagnostic>) {
        // Which unreachable step is to blame for one that only follows from it.
        let mut root: HashMap<usize, usize> = HashMap::new();
        let mut followers: HashMap<usize, Vec<&str>> = HashMap::new();
        let mut roots = Vec::new();
        for &at in order {
            if !self.steps[&at].runs.some.be.is_empty() {
                continue;
            }
            let step = &self.resolved.steps[at];
            let own = &self.steps[&at].condition.some.be;
            let blamed = step.needs.iter().find_map(|need| {
                let blamed = root.get(&need.on.step)?;
                (!own.is_empty() && self.met(need).be.is_empty()).then_some(*blamed)
            });
            match blamed {
                Some(blamed) => {
                    root.insert(at, blamed);
                    followers.entry(blamed).or_default().push(&step.text.id.value);
                }
                None => {
                    root.insert(at, at);
                    roots.push(at);
                }
            }
        }
        for at in roots {
            let problem = self.explain(at);
            let followers = followers.remove(&at).unwrap_or_default();
            found.push(if followers.is_empty() {
                problem
            } else {
                problem.note(format!("so these can never run either: {}", listed(followers)))
            });
        }
    }

    fn explain(&self, at: usize) -> Diagnostic {
        let step = &self.resolved.steps[at];
        let outlook = &self.steps[&at];
        let message = format!("{} can never run", step.text.called());
        let problem = Diagnostic::error("unreachable-step", message.clone());
        let own = step.text.condition.as_ref();
        if let (Some(condition), true) = (own, outlook.condition.some.be.is_empty()) {
            if condition.expression.source() == "false" {
                return Diagnostic::warning("unreachable-step", message)
                    .at(condition.node.span, "it is switched off here");
            }
            return problem
                .at(condition.node.span, "this is never true")
                .note("every value that its inputs can have was tried")
                .help("change the condition, or remove the step");
        }
        let place = own.map_or(step.text.id.span, |condition| condition.node.span);
        let problem = problem.at(place, if own.is_some() { "when this is true …" } else { "" });
        for need in &step.needs {
            if self.met(need).be.meets(&outlook.condition.some.be) {
                continue;
            }
            if let Some(condition) = self.contradiction(need, &outlook.condition.some.be) {
                let (skipped, condition) = condition;
                let id = &skipped.text.id.value;
                let why = if skipped.text.matrix.is_empty() {
                    format!("… this is not, and so `{id}` is skipped")
                } else {
                    format!("… this is not for every combination of `{id}`, so one is skipped")
                };
                return problem
                    .at(condition.node.span, why)
                    .at(need.span, "needed here")
                    .note("a step that is skipped skips the steps that need it")
                    .help("change one of the two conditions, or say which results are accepted: `{ step: …, result: [success, skipped] }`");
            }
            return problem
                .at(need.span, "this never ends with a result that is accepted here")
                .help("change what is needed, or which results are accepted");
        }
        step.needs
            .iter()
            .fold(problem, |problem, need| problem.at(need.span, "needed here"))
            .note("what it needs never ends as it has to all at once, whatever the inputs are")
            .help("change what is needed, or which results are accepted")
    }

    /// The nearest step that is needed and whose own condition is false wherever `worlds` are.
    fn contradiction(
        &self,
        need: &ResolvedNeed,
        worlds: &Worlds,
    ) -> Option<(&'a ResolvedStep, &'a Condition)> {
        let mut seen = std::collections::HashSet::from([need.on.step]);
        let mut next = std::collections::VecDeque::from([need.on.step]);
        while let Some(at) = next.pop_front() {
            let step = &self.resolved.steps[at];
            if let (Some(condition), Some(outlook)) = (&step.text.condition, self.steps.get(&at))
                && !outlook.condition.all.be.meets(worlds)
            {
                return Some((step, condition));
            }
            next.extend(step.needs.iter().map(|need| need.on.step).filter(|step| seen.insert(*step)));
        }
        None
    }
}

/// Whether a step that runs may end with an accepted result, and whether with another.
fn ends(step: &ResolvedStep, accept: ResultSet) -> (bool, bool) {
    use StepResult::{Aborted, Error, Failure, Success, Warn};
    let possible: &[StepResult] = match step.uses {
        Some(ResolvedUses::Checkpoint) => &[Success, Aborted],
        Some(ResolvedUses::Approval) => &[Success, Failure, Error, Aborted],
        Some(ResolvedUses::Plugin(_)) | None => &[Success, Warn, Failure, Error, Aborted],
    };
    let goes_on = |result: StepResult| step.text.continue_on_error && matches!(result, Failure | Error);
    let accepted = |result: &StepResult| accept.contains(*result) || goes_on(*result);
    (possible.iter().any(accepted), !possible.iter().all(accepted))
}

/// The variables that a condition looks at, if all of them are written out.
fn literal_env(
    resolved: &Resolved,
    step: &ResolvedStep,
    references: &runner_expression::References,
) -> Option<Value> {
    let mut env = serde_json::Map::new();
    for name in references.second("env") {
        let own = step
            .text
            .env
            .iter()
            .chain(&resolved.document.env)
            .find(|variable| variable.name.value == name)?;
        env.insert(name.to_owned(), Value::String(crate::authored::plain(&own.value.literal()?)));
    }
    (!env.is_empty()).then_some(Value::Object(env))
}
