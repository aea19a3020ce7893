//! What expressions refer to.

use std::collections::{BTreeSet, HashMap};

use runner_expression::{References, Template};
use runner_model::{Diagnostic, Label, Phase, Span};

use super::ancestors::are_ancestors;
use crate::{
    authored::{Condition, GrantsText, Holder, TargetText, Templated, Variable, holder},
    problems::{listed, suggestion},
    resolve::{On, Resolved, ResolvedPlugin, ResolvedStep, ResolvedUses, Target},
    yaml::Node,
};

/// Where an expression stands decides what it can see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    With,
    If,
    Notify,
    NotifyIf,
    PipelineEnv,
    StepEnv,
    PluginGrants,
    StepGrants,
    Target,
    Proxy,
}

impl Place {
    const fn roots(self) -> &'static [&'static str] {
        match self {
            Self::With | Self::If => &["inputs", "env", "matrix", "steps", "run", "event", "target"],
            Self::Notify | Self::NotifyIf => &["inputs", "env", "run", "event", "target"],
            Self::PipelineEnv => &["inputs", "event"],
            Self::StepEnv => &["inputs", "env", "matrix", "event"],
            Self::PluginGrants => &["inputs", "target"],
            Self::StepGrants => &["inputs", "matrix", "target"],
            Self::Target => &["inputs"],
            Self::Proxy => &["inputs", "env", "event"],
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::With => "`with`",
            Self::If => "`if`",
            Self::Notify | Self::NotifyIf => "`notify`",
            Self::PipelineEnv | Self::StepEnv => "`env`",
            Self::PluginGrants => "the grants of a plugin",
            Self::StepGrants => "the grants of a step",
            Self::Target => "a target",
            Self::Proxy => "the `with` of a proxy",
        }
    }

    const fn has_status(self) -> bool {
        match self {
            Self::If | Self::NotifyIf => true,
            Self::With
            | Self::Notify
            | Self::PipelineEnv
            | Self::StepEnv
            | Self::PluginGrants
            | Self::StepGrants
            | Self::Target
            | Self::Proxy => false,
        }
    }
}

/// A step's result or output is read somewhere; whether that step comes before is asked for all at once.
struct Reading {
    step: usize,
    target: Target,
    path: Vec<String>,
    span: Span,
}

/// What holds expressions, and what it was read from.
#[derive(Clone, Copy)]
enum Text<'a> {
    Template(&'a Template, &'a Node),
    Condition(&'a Condition),
}

impl<'a> Text<'a> {
    fn references(self) -> References {
        match self {
            Self::Template(template, _) => template.references(),
            Self::Condition(condition) => condition.expression.references(),
        }
    }

    fn holder(self, wanted: impl Fn(&References) -> bool) -> Holder<'a> {
        match self {
            Self::Template(template, node) => holder(template, node, wanted),
            Self::Condition(condition) => Holder { node: &condition.node, start: 0 },
        }
    }
}

struct Checker<'a> {
    resolved: &'a Resolved,
    inputs: BTreeSet<&'a str>,
    env: BTreeSet<&'a str>,
    readings: Vec<Reading>,
    /// What each step shows, by step; made when asked for.
    shown: HashMap<usize, Option<Vec<&'a str>>>,
}

pub(super) fn check(resolved: &Resolved, found: &mut Vec<Diagnostic>) {
    let document = &resolved.document;
    let mut checker = Checker {
        resolved,
        inputs: document.inputs.iter().map(|input| input.name.value.as_str()).collect(),
        env: document.env.iter().map(|variable| variable.name.value.as_str()).collect(),
        readings: Vec::new(),
        shown: HashMap::new(),
    };
    for variable in &document.env {
        checker.templated(&variable.value, Place::PipelineEnv, None, found);
    }
    for value in document.targets.iter().flat_map(TargetText::values) {
        checker.templated(value, Place::Target, None, found);
    }
    for plugin in &resolved.plugins {
        if let Some(grants) = &plugin.text.grants {
            checker.text(Text::Template(&grants.template, &grants.node), Place::PluginGrants, None, found);
            checker.targets_of(plugin, grants, found);
        }
    }
    for at in 0..resolved.steps.len() {
        checker.step(at, found);
    }
    checker.outputs(found);
    checker.order(found);
}

impl<'a> Checker<'a> {
    fn step(&mut self, at: usize, found: &mut Vec<Diagnostic>) {
        let text = &self.resolved.steps[at].text;
        let (with, condition) = match text.phase {
            Phase::Observe => (Place::Proxy, Place::If),
            Phase::Main | Phase::Finally => (Place::With, Place::If),
            Phase::Notify { .. } => (Place::Notify, Place::NotifyIf),
        };
        if let Some(value) = &text.with {
            self.templated(value, with, Some(at), found);
        }
        if let Some(value) = &text.condition {
            self.text(Text::Condition(value), condition, Some(at), found);
        }
        for Variable { value, .. } in &text.env {
            self.templated(value, Place::StepEnv, Some(at), found);
        }
        if let Some(grants) = &text.grants {
            self.text(Text::Template(&grants.template, &grants.node), Place::StepGrants, Some(at), found);
        }
    }

    fn templated(
        &mut self,
        value: &'a Templated,
        place: Place,
        step: Option<usize>,
        found: &mut Vec<Diagnostic>,
    ) {
        self.text(Text::Template(&value.template, &value.node), place, step, found);
    }

    fn text(&mut self, text: Text<'a>, place: Place, step: Option<usize>, found: &mut Vec<Diagnostic>) {
        let references = text.references();
        if references.status && !place.has_status() {
            let message = format!(
                "`success()`, `failure()`, `always()` and `aborted()` mean nothing in {}",
                place.name()
            );
            found.push(
                Diagnostic::error("expression", message)
                    .at(text.holder(|references| references.status).node.span, "")
                    .help("they stand in `if` only; `run.status` is a value"),
            );
        }
        for path in &references.paths {
            let sources = &self.resolved.sources;
            let span = || text.holder(|references| references.paths.contains(path)).place_of(path, sources);
            if let Some(mut problem) = self.path(path, place, step, &span, found) {
                let span = span();
                // The place comes first, whatever else the problem points at.
                problem.labels.insert(0, Label { span, text: String::new() });
                found.push(problem);
            }
        }
    }

    /// What is wrong with one path, without its place.
    fn path(
        &mut self,
        path: &[String],
        place: Place,
        step: Option<usize>,
        span: &dyn Fn() -> Span,
        found: &[Diagnostic],
    ) -> Option<Diagnostic> {
        let (root, rest) = path.split_first()?;
        let name = rest.first().map(String::as_str);
        if !place.roots().contains(&root.as_str()) {
            return Some(not_visible(root, place));
        }
        match root.as_str() {
            "inputs" => match name {
                Some(name) if !self.inputs.contains(name) => {
                    Some(unknown("unknown-input", "input", name, self.inputs.iter().copied(), found))
                }
                None if matches!(place, Place::PluginGrants | Place::StepGrants) => Some(
                    Diagnostic::error("expression", "in grants an input is named: `inputs.x`")
                        .note("it must be known which values become part of a grant"),
                ),
                Some(_) | None => None,
            },
            "env" => {
                let own = step
                    .into_iter()
                    .filter(|_| place != Place::StepEnv)
                    .flat_map(|at| &self.resolved.steps[at].text.env);
                let known: BTreeSet<&str> = self
                    .env
                    .iter()
                    .copied()
                    .chain(own.map(|variable| variable.name.value.as_str()))
                    .collect();
                let name = name.filter(|name| !known.contains(name))?;
                Some(
                    unknown("unknown-variable", "variable", name, known, found)
                        .note("`env` holds what the pipeline says, not the environment of the runner"),
                )
            }
            "matrix" => {
                let axes = &self.resolved.steps[step?].text.matrix;
                let known = || axes.iter().map(|axis| axis.name.value.as_str());
                let name = name.filter(|name| !known().any(|axis| axis == *name))?;
                Some(unknown("unknown-matrix", "matrix value", name, known(), found))
            }
            "run" => field(root, name, &["id", "name", "status", "failed_step"], found),
            "event" => field(root, name, &["name"], found),
            "steps" => self.step_path(path, step?, span, found),
            // The grants of a plugin are looked at for each step that uses it.
            "target" => target_path(path, place, self.resolved, &self.resolved.steps[step?], found),
            _ => None,
        }
    }

    /// What a plugin's grants say of targets, for each target of the steps that use it.
    fn targets_of(&self, plugin: &ResolvedPlugin, grants: &GrantsText, found: &mut Vec<Diagnostic>) {
        let references = grants.template.references();
        let mut seen: Vec<On> = Vec::new();
        for user in plugin.users.iter().map(|at| &self.resolved.steps[*at]) {
            if seen.contains(&user.target) {
                continue;
            }
            seen.push(user.target);
            for path in references.paths.iter().filter(|path| path[0] == "target") {
                let Some(mut problem) = target_path(path, Place::PluginGrants, self.resolved, user, found)
                else {
                    continue;
                };
                let holder = holder(&grants.template, &grants.node, |of| of.paths.contains(path));
                let span = holder.place_of(path, &self.resolved.sources);
                problem.labels.insert(0, Label { span, text: String::new() });
                found.push(problem.at(user.text.id.span, "a step that uses the plugin"));
            }
        }
    }

    fn step_path(
        &mut self,
        path: &[String],
        step: usize,
        span: &dyn Fn() -> Span,
        found: &[Diagnostic],
    ) -> Option<Diagnostic> {
        let Some(id) = path.get(1) else {
            return Some(
                Diagnostic::error(
                    "expression",
                    "which step is read must be written out: `steps.build.result`",
                )
                .note("so that it is known before the run that the step has ended by then"),
            );
        };
        let Some(&target) = self.resolved.names.get(id) else {
            let base =
                id.split('[').next().and_then(|base| self.resolved.names.get(base)).map(|target| target.step);
            return Some(match base.map(|step| &self.resolved.steps[step].combinations) {
                Some(of_matrix) => {
                    let known = of_matrix.iter().map(|combination| combination.id.as_str());
                    unknown("unknown-step", "step", id, known, found)
                }
                None => {
                    let named = self.resolved.steps.iter().filter(|step| step.text.phase != Phase::Observe);
                    let known = named.map(|step| step.text.id.value.as_str());
                    unknown("unknown-step", "step", id, known, found)
                }
            });
        };
        let read = &self.resolved.steps[target.step];
        let wrong =
            field("steps.<id>", path.get(2).map(String::as_str), &["result", "outputs", "summary"], found);
        if wrong.is_some() {
            return wrong;
        }
        if path.get(2).is_some_and(|field| field == "outputs") {
            if target.combination.is_none() && !read.text.matrix.is_empty() {
                let one = read.combinations.first().map_or("", |combination| &combination.id);
                return Some(
                    Diagnostic::error(
                        "matrix-outputs",
                        format!("`{id}` is a matrix: it has no outputs as a whole"),
                    )
                    .at(
                        read.text.key("matrix").unwrap_or(read.text.id.span),
                        "it has one set of outputs per combination",
                    )
                    .help(format!("name one combination: `steps[\"{one}\"].outputs`")),
                );
            }
            if let Some(problem) = path.get(3).and_then(|name| self.output(target.step, name, found)) {
                return Some(problem);
            }
        }
        self.readings.push(Reading { step, target, path: path.to_vec(), span: span() });
        None
    }

    /// What is wrong with reading the output `name` of a step.
    fn output(&mut self, step: usize, name: &str, found: &[Diagnostic]) -> Option<Diagnostic> {
        let read = &self.resolved.steps[step];
        let resolved = self.resolved;
        let shown = self.shown.entry(step).or_insert_with(|| shown_outputs(resolved, read)).as_ref()?;
        if shown.contains(&name) {
            return None;
        }
        let id = &read.text.id.value;
        let problem = Diagnostic::error("unknown-output", format!("step `{id}` has no output `{name}`"));
        let problem = if matches!(read.uses, Some(ResolvedUses::Checkpoint | ResolvedUses::Approval)) {
            problem.note("a built-in step sets no outputs")
        } else if read.text.outputs.is_some() {
            problem.note("its `outputs` says which of the plugin's it shows, and under which names")
        } else {
            problem.note("the component says itself which outputs it may set")
        };
        Some(problem.help(suggestion(name, shown.iter().copied(), "outputs", found)))
    }

    /// The right sides of `outputs`.
    fn outputs(&self, found: &mut Vec<Diagnostic>) {
        for step in &self.resolved.steps {
            let Some((_, facts)) = self.resolved.plugin_of(step) else { continue };
            for (_, theirs) in step.text.outputs.iter().flatten() {
                if !facts.outputs.contains(&theirs.value) {
                    let known = facts.outputs.iter().map(String::as_str);
                    let help = suggestion(&theirs.value, known, "outputs", found);
                    found.push(
                        Diagnostic::error(
                            "unknown-output",
                            format!("`{}` has no output `{}`", facts.name, theirs.value),
                        )
                        .at(theirs.span, "")
                        .note("the component says itself which outputs it may set")
                        .help(help),
                    );
                }
            }
        }
    }

    /// Whether what is read has ended by then.
    fn order(&self, found: &mut Vec<Diagnostic>) {
        let Some(order) = &self.resolved.order else { return };
        let questions: Vec<_> = self.readings.iter().map(|reading| (reading.step, reading.target)).collect();
        let answers = are_ancestors(&self.resolved.steps, order, &questions);
        for (reading, _) in self.readings.iter().zip(answers).filter(|(_, before)| !before) {
            let reader = &self.resolved.steps[reading.step].text;
            let read = &self.resolved.steps[reading.target.step].text;
            let id = reading.path.get(1).map_or("", String::as_str);
            let needed = match reader.phase {
                Phase::Finally => format!(
                    "add it to `needs` with every result after which `{}` is to run: `{{ step: {id}, result: [success, warn, failure, error, skipped, aborted] }}`",
                    reader.id.value
                ),
                Phase::Observe | Phase::Main | Phase::Notify { .. } => {
                    format!("add `{id}` to the `needs` of `{}`", reader.id.value)
                }
            };
            let problem = if reading.step == reading.target.step {
                Diagnostic::error("not-needed", format!("{} reads itself", reader.called()))
                    .at(reading.span, "")
                    .help("a step can read those that it needs")
            } else {
                Diagnostic::error(
                    "not-needed",
                    format!("{} reads `{id}` without needing it", reader.called()),
                )
                .at(reading.span, "")
                .at(read.id.span, "this step is not needed, directly or not")
                .note("order comes from `needs` alone, and so does what can be read")
                .help(needed)
            };
            found.push(problem);
        }
    }
}

/// The names under which a step shows outputs; `None` if its component is not known.
fn shown_outputs<'a>(resolved: &'a Resolved, step: &'a ResolvedStep) -> Option<Vec<&'a str>> {
    match step.uses? {
        ResolvedUses::Checkpoint | ResolvedUses::Approval => Some(Vec::new()),
        ResolvedUses::Plugin(_) => match &step.text.outputs {
            Some(outputs) => Some(outputs.iter().map(|(own, _)| own.value.as_str()).collect()),
            None => {
                let (_, facts) = resolved.plugin_of(step)?;
                Some(facts.outputs.iter().map(String::as_str).collect())
            }
        },
    }
}

/// A variable that exists and cannot be seen from here. Names that mean nothing anywhere are refused when the
/// expression is read.
fn not_visible(root: &str, place: Place) -> Diagnostic {
    let problem = Diagnostic::error("not-visible", format!("`{root}` cannot be used in {}", place.name()))
        .help(format!("what can be used there: {}", listed(place.roots().iter().copied())));
    match (place, root) {
        (Place::Notify | Place::NotifyIf, "steps") => problem
            .note("an entry of `notify` needs no steps, so none has certainly ended; the notifier is told the state of all"),
        (Place::PipelineEnv | Place::StepEnv, "steps" | "run" | "target") => problem.note("variables are settled before the run"),
        (_, _) => problem,
    }
}

/// What `target` holds.
const OF_TARGET: [&str; 6] = ["name", "workdir", "active", "candidate", "previous", "slots"];
/// What a slot of it holds.
const OF_SLOT: [&str; 4] = ["slot", "container", "port", "address"];

/// What is wrong with reading `target…` for a step, without the place of it.
fn target_path(
    path: &[String],
    place: Place,
    resolved: &Resolved,
    step: &ResolvedStep,
    found: &[Diagnostic],
) -> Option<Diagnostic> {
    let at = match step.target {
        On::Target(at) => at,
        On::Unknown => return None,
        On::Nothing => {
            let message = format!("{} has no target", step.text.called());
            return Some(
                Diagnostic::error("no-target", message)
                    .note("`target` is the target of the step")
                    .help("write `target: NAME` in the step, or at the top of the file for all steps"),
            );
        }
    };
    let target = &resolved.document.targets[at];
    let called = &target.name.value;
    let names: Vec<Option<&str>> = (1..4).map(|at| path.get(at).map(String::as_str)).collect();
    let [name, inner, innermost] = names.as_slice() else { return None };
    if let Some(problem) = field("target", *name, &OF_TARGET, found) {
        return Some(problem);
    }
    let is_grant = matches!(place, Place::PluginGrants | Place::StepGrants);
    match *name {
        Some("workdir") if target.workdir.is_none() && !target.is_broken => {
            return Some(
                Diagnostic::error("no-workdir", format!("the target `{called}` has no `workdir`"))
                    .at(target.name.span, "it stands here")
                    .help("write `workdir: /opt/app` there"),
            );
        }
        Some("active" | "candidate" | "previous" | "slots") if target.slots.is_empty() => {
            if target.is_broken {
                return None;
            }
            return Some(
                Diagnostic::error("no-slots", format!("the target `{called}` has no slots"))
                    .at(target.name.span, "it stands here")
                    .help("write `slots` and `proxy` there"),
            );
        }
        _ => {}
    }
    let problem = match *name {
        Some("slots") => {
            let known = target.slots.iter().map(|slot| slot.name.value.as_str());
            let wrong = inner.filter(|slot| !known.clone().any(|known| known == *slot));
            match wrong {
                Some(wrong) => Some(unknown("unknown-slot", "slot", wrong, known, found)),
                None => field("target.slots.<slot>", *innermost, &OF_SLOT, found),
            }
        }
        Some(which @ ("active" | "candidate" | "previous")) => {
            field(&format!("target.{which}"), *inner, &OF_SLOT, found)
        }
        Some(_) | None => None,
    };
    let is_named = match *name {
        Some("slots") => innermost.is_some(),
        Some("active" | "candidate" | "previous") => inner.is_some(),
        Some(_) => true,
        None => false,
    };
    problem.or_else(|| {
        (is_grant && !is_named).then(|| {
            Diagnostic::error(
                "expression",
                "in grants a value of a target is named: `target.candidate.address`",
            )
            .note("it must be known which values become part of a grant")
        })
    })
}

/// Whether `path`, the names after `target`, leads to a value of this target.
pub(super) fn has_target_path(path: &[String], target: &runner_model::Target) -> bool {
    let names: Vec<&str> = path.iter().map(String::as_str).collect();
    match names.as_slice() {
        ["name"] => true,
        ["workdir"] => target.machine.workdir.is_some(),
        ["active" | "candidate" | "previous", field] => !target.slots.is_empty() && OF_SLOT.contains(field),
        ["slots", slot, field] => target.slot(slot).is_some() && OF_SLOT.contains(field),
        [..] => false,
    }
}

fn field(of: &str, name: Option<&str>, known: &[&str], found: &[Diagnostic]) -> Option<Diagnostic> {
    let name = name.filter(|name| !known.contains(name))?;
    Some(Diagnostic::error("unknown-name", format!("`{of}` has no `{name}`")).help(suggestion(
        name,
        known.iter().copied(),
        "names",
        found,
    )))
}

fn unknown<'b>(
    code: &'static str,
    what: &str,
    name: &str,
    known: impl IntoIterator<Item = &'b str>,
    found: &[Diagnostic],
) -> Diagnostic {
    Diagnostic::error(code, format!("there is no {what} `{name}`")).help(suggestion(
        name,
        known,
        &format!("{what}s"),
        found,
    ))
}
