//! The second stage: names to what they stand for.
//!
//! Aliases become components with what those say about themselves, `needs` become edges of a graph without circles,
//! a matrix becomes its combinations. Only components that a step uses are looked at.

mod graph;
mod matrix;
mod targets;
#[cfg(test)]
mod tests;
mod uses;

use std::{collections::HashMap, sync::Arc};

use runner_capabilities::Capability;
use runner_model::{Diagnostic, Digest, ExitCode, Phase, PluginKind, ResultSet, Sources, Span};
use serde_json::{Map, Value};

pub(crate) use targets::{On, settle};

use crate::authored::{Authored, Document, PluginText, StepText};

/// Where components are found, and what they are.
pub trait PluginIndex {
    /// Told once, before the first question, what will be asked for, so that all of it can be made ready at the same
    /// time.
    fn prepare(&self, _sources: &[&str]) {}

    /// What the component at `source` (the text after `file:`) says about itself.
    ///
    /// # Errors
    ///
    /// It is not there, or no component that can be used.
    fn facts(&self, source: &str) -> Result<Arc<PluginFacts>, PluginProblem>;
}

/// What a component says about itself, read from the component.
#[derive(Debug, Clone, PartialEq)]
pub struct PluginFacts {
    /// Absolute path of the component.
    pub path: String,
    /// Digest of its bytes.
    pub digest: Digest,
    /// What it is, from its exports.
    pub kind: PluginKind,
    /// From its manifest.
    pub name: String,
    /// From its manifest.
    pub version: String,
    /// The interfaces of `runner:plugin` that it imports.
    pub imports: Vec<Capability>,
    /// The WASI interfaces that it imports, without version: `wasi:http/outgoing-handler`.
    pub wasi: Vec<String>,
    /// JSON Schema of a step's `with`.
    pub config_schema: Value,
    /// Names of the outputs it may set.
    pub outputs: Vec<String>,
}

/// Why a component cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PluginProblem {
    /// What is wrong: a lower-case fragment.
    pub message: String,
    /// Why we know, one line each.
    pub notes: Vec<String>,
    /// What to do about it.
    pub help: Option<String>,
}

/// A pipeline whose names have been looked up. Only [`resolve`] makes one.
#[derive(Debug)]
pub struct Resolved {
    pub(crate) sources: Sources,
    pub(crate) found: Vec<Diagnostic>,
    /// Without plugins and steps, which stand below.
    pub(crate) document: Document,
    pub(crate) plugins: Vec<ResolvedPlugin>,
    pub(crate) steps: Vec<ResolvedStep>,
    /// Steps by id, and single combinations of a matrix by theirs.
    pub(crate) names: HashMap<String, Target>,
    /// The steps, each after what it needs; `None` if they need each other in a circle.
    pub(crate) order: Option<Vec<usize>>,
    pub(crate) file: String,
    pub(crate) directory: String,
    pub(crate) digest: Digest,
}

/// A plugin and what its component says.
#[derive(Debug)]
pub(crate) struct ResolvedPlugin {
    pub(crate) text: PluginText,
    /// `None` if no step uses it, or it cannot be used.
    pub(crate) facts: Option<Arc<PluginFacts>>,
    /// The steps that use it.
    pub(crate) users: Vec<usize>,
}

/// A step whose names have been looked up; those that lead nowhere are left out.
#[derive(Debug)]
pub(crate) struct ResolvedStep {
    pub(crate) text: StepText,
    pub(crate) uses: Option<ResolvedUses>,
    pub(crate) target: On,
    pub(crate) needs: Vec<ResolvedNeed>,
    /// At least one; the only one of a step without matrix is empty.
    pub(crate) combinations: Vec<Combination>,
}

/// What carries a step out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ResolvedUses {
    /// Index into [`Resolved::plugins`].
    Plugin(usize),
    Checkpoint,
    Approval,
}

/// A step, or one combination of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Target {
    pub(crate) step: usize,
    /// `None` for the step as a whole.
    pub(crate) combination: Option<usize>,
}

/// An edge of the graph.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ResolvedNeed {
    pub(crate) on: Target,
    pub(crate) accept: ResultSet,
    pub(crate) span: Span,
}

/// One choice from every list of a matrix.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Combination {
    /// Of the step in the plan: `suites[unit]`, or the plain id.
    pub(crate) id: String,
    pub(crate) values: Map<String, Value>,
}

impl Resolved {
    /// The plugin of a step and what its component says, if both are known.
    pub(crate) fn plugin_of(&self, step: &ResolvedStep) -> Option<(&ResolvedPlugin, &PluginFacts)> {
        match step.uses? {
            ResolvedUses::Plugin(index) => {
                let plugin = &self.plugins[index];
                Some((plugin, plugin.facts.as_deref()?))
            }
            ResolvedUses::Checkpoint | ResolvedUses::Approval => None,
        }
    }
}

/// Looks up what the names of a pipeline stand for.
#[must_use]
pub fn resolve(authored: Authored, plugins: &dyn PluginIndex) -> Resolved {
    let Authored { sources, mut found, mut document, file, directory, digest } = authored;
    let mut steps: Vec<ResolvedStep> = Vec::with_capacity(document.steps.len());
    for text in std::mem::take(&mut document.steps) {
        let combinations = matrix::combinations(&text, &mut found);
        steps.push(ResolvedStep { text, uses: None, target: On::Nothing, needs: Vec::new(), combinations });
    }
    matrix::refuse_too_many(&mut steps, &mut found);
    let names = names(&steps);
    targets::resolve(&document, &mut steps, &mut found);
    let plugins = uses::resolve(std::mem::take(&mut document.plugins), &mut steps, plugins, &mut found);
    graph::connect(&mut steps, &names, &mut found);
    let order = graph::order(&steps, &mut found);
    Resolved { sources, found, document, plugins, steps, names, order, file, directory, digest }
}

fn names(steps: &[ResolvedStep]) -> HashMap<String, Target> {
    let mut names = HashMap::with_capacity(steps.len());
    // What asks a proxy runs before all steps, and shows what it was told as `target`.
    let named = steps.iter().enumerate().filter(|(_, step)| step.text.phase != Phase::Observe);
    for (step, resolved) in named {
        names.insert(resolved.text.id.value.clone(), Target { step, combination: None });
        if !resolved.text.matrix.is_empty() {
            for (index, combination) in resolved.combinations.iter().enumerate() {
                names.insert(combination.id.clone(), Target { step, combination: Some(index) });
            }
        }
    }
    names
}

pub(crate) fn unusable(code: &'static str, message: impl Into<String>) -> Diagnostic {
    Diagnostic::error(code, message).exit(ExitCode::PluginUnusable)
}
