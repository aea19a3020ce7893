//! The top level of a pipeline file.

use std::{collections::HashMap, time::Duration};

use runner_capabilities::RequestedLimits;
use runner_model::{Diagnostic, Inconclusive, Phase, Retry, Sources, Span};

use super::{
    attempts::retry,
    fields::{Fields, Keys, Spanned, is_name, name, wrong_type},
    input::{Input, input},
    plugin::{PluginText, SecretText, limits, plugin, secret},
    step::{INCONCLUSIVE, StepText, Variable, env, notify, step},
    target::{TargetText, target},
};
use crate::yaml::{Content, Entry, Node};

pub(crate) const PIPELINE: Keys = Keys {
    of: "a pipeline",
    known: &[
        "version",
        "name",
        "description",
        "inputs",
        "env",
        "target",
        "targets",
        "secrets",
        "plugins",
        "defaults",
        "steps",
        "finally",
        "notify",
        "on",
        "include",
    ],
    later: &["rollback", "drift", "concurrency"],
};

pub(crate) const INCLUDED: Keys = Keys {
    of: "an included file",
    known: &["inputs", "env", "targets", "secrets", "plugins", "steps", "finally", "notify", "include"],
    later: &["rollback", "drift", "concurrency"],
};

pub(crate) const DEFAULTS: Keys =
    Keys { of: "`defaults`", known: &["timeout", "retry", "limits", "on_inconclusive"], later: &[] };

/// What holds for steps that do not say.
#[derive(Debug, Default)]
pub(crate) struct Defaults {
    pub(crate) timeout: Option<Duration>,
    pub(crate) retry: Option<Retry>,
    pub(crate) limits: RequestedLimits,
    pub(crate) on_inconclusive: Option<Inconclusive>,
}

/// A whole pipeline, included files joined to it.
#[derive(Debug, Default)]
pub(crate) struct Document {
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) inputs: Vec<Input>,
    pub(crate) env: Vec<Variable>,
    /// The target of steps that name none.
    pub(crate) target: Option<Spanned<String>>,
    pub(crate) targets: Vec<TargetText>,
    pub(crate) secrets: Vec<SecretText>,
    pub(crate) plugins: Vec<PluginText>,
    pub(crate) defaults: Defaults,
    /// What asks proxies, `steps`, `finally` and `notify`, in the order of the files.
    pub(crate) steps: Vec<StepText>,
    /// What may set the run off; empty means `manual` alone.
    pub(crate) events: Vec<String>,
    /// Where each name stands that must be there once only.
    taken: HashMap<(&'static str, String), Span>,
    /// Entries of `notify` so far.
    notified: usize,
}

impl Document {
    /// Reads the main file, but not what it includes.
    pub(super) fn read_main(
        root: &Node,
        sources: &Sources,
        found: &mut Vec<Diagnostic>,
    ) -> (Self, Option<Entry>) {
        let mut document = Self::default();
        if root.content == Content::Null {
            found.push(
                Diagnostic::error("empty", "the file is empty")
                    .at(root.span, "")
                    .help("the smallest pipeline is `version: 1`, a `name` and `steps`"),
            );
            return (document, None);
        }
        let Some(fields) = Fields::open(root, &PIPELINE, found) else { return (document, None) };
        let top = Span { end: root.span.start, ..root.span };
        version(&fields, top, found);
        fields.require("name", top, found);
        document.name = fields.text("name", found).map(|text| text.value).unwrap_or_default();
        document.description = fields.text("description", found).map(|text| text.value).unwrap_or_default();
        document.target = fields.text("target", found);
        document.defaults = fields.get("defaults").map(|entry| defaults(entry, found)).unwrap_or_default();
        document.events = fields.get("on").map(|entry| events(entry, found)).unwrap_or_default();
        fields.require("steps", top, found);
        document.parts(&fields, sources, found);
        (document, fields.get("include").cloned())
    }

    /// Joins an included file, but not what that includes.
    pub(super) fn read_included(
        &mut self,
        root: &Node,
        sources: &Sources,
        found: &mut Vec<Diagnostic>,
    ) -> Option<Entry> {
        let fields = Fields::open(root, &INCLUDED, found)?;
        self.parts(&fields, sources, found);
        fields.get("include").cloned()
    }

    /// What may stand in any file.
    fn parts(&mut self, fields: &Fields<'_>, sources: &Sources, found: &mut Vec<Diagnostic>) {
        for entry in lines(fields, "inputs", found) {
            if let Some(input) = input(entry, found)
                && self.take("input", &input.name, found)
            {
                self.inputs.push(input);
            }
        }
        if let Some(entry) = fields.get("env") {
            for variable in env(entry, sources, found) {
                if self.take("variable", &variable.name, found) {
                    self.env.push(variable);
                }
            }
        }
        for entry in lines(fields, "targets", found) {
            if let Some((target, observer)) = target(entry, sources, found)
                && self.take("target", &target.name, found)
            {
                self.targets.push(target);
                self.steps.extend(observer);
            }
        }
        for entry in lines(fields, "secrets", found) {
            if let Some(secret) = secret(entry, found)
                && self.take("secret", &secret.name, found)
            {
                self.secrets.push(secret);
            }
        }
        for entry in lines(fields, "plugins", found) {
            if let Some(plugin) = plugin(entry, sources, found)
                && self.take("plugin", &plugin.alias, found)
            {
                self.plugins.push(plugin);
            }
        }
        for (key, phase) in [("steps", Phase::Main), ("finally", Phase::Finally)] {
            for entry in lines(fields, key, found) {
                if let Some(step) = step(entry, phase.clone(), sources, found)
                    && self.take("step", &step.id, found)
                {
                    self.steps.push(step);
                }
            }
        }
        let Some(entry) = fields.get("notify") else { return };
        let Some(items) = entry.value.as_list() else {
            found.push(
                wrong_type(entry, "a list").help("for example `notify: [{ on: [run.failed], uses: slack }]`"),
            );
            return;
        };
        for item in items {
            self.notified += 1;
            self.steps.extend(notify(item, self.notified, sources, found));
        }
    }

    /// Whether `name` is free; says where it stands already if it is not.
    fn take(&mut self, what: &'static str, name: &Spanned<String>, found: &mut Vec<Diagnostic>) -> bool {
        let first = self.taken.entry((what, name.value.clone())).or_insert(name.span);
        if *first == name.span {
            return true;
        }
        let first = *first;
        let mut problem =
            Diagnostic::error("duplicate-name", format!("there are two {what}s named `{}`", name.value))
                .at(name.span, "again here")
                .at(first, "first here");
        if first.source != name.span.source {
            problem = problem
                .note("included files are joined to one pipeline, so a name stands in one of them only");
        }
        found.push(problem.help("rename or remove one of the two"));
        false
    }
}

fn lines<'a>(fields: &Fields<'a>, key: &'static str, found: &mut Vec<Diagnostic>) -> &'a [Entry] {
    let Some(entry) = fields.get(key) else { return &[] };
    entry.value.as_map().unwrap_or_else(|| {
        found.push(wrong_type(entry, "a map"));
        &[]
    })
}

fn version(fields: &Fields<'_>, top: Span, found: &mut Vec<Diagnostic>) {
    const HELP: &str = "a pipeline starts with `version: 1`";
    let Some(entry) = fields.get("version") else {
        found.push(Diagnostic::error("missing-key", "a pipeline must have `version`").at(top, "").help(HELP));
        return;
    };
    if entry.value.to_json() != serde_json::json!(1) {
        found.push(
            Diagnostic::error("version", "this runner reads version 1 of pipelines only")
                .at(entry.value.span, "")
                .help(HELP),
        );
    }
}

fn defaults(entry: &Entry, found: &mut Vec<Diagnostic>) -> Defaults {
    let Some(fields) = Fields::open(&entry.value, &DEFAULTS, found) else { return Defaults::default() };
    Defaults {
        timeout: fields.positive_duration("timeout", found),
        retry: fields.get("retry").and_then(|entry| retry(entry, found)),
        limits: limits(fields.get("limits"), found),
        on_inconclusive: fields.choice("on_inconclusive", &INCONCLUSIVE, found).map(|chosen| chosen.value),
    }
}

fn events(entry: &Entry, found: &mut Vec<Diagnostic>) -> Vec<String> {
    let Some(lines) = entry.value.as_map().filter(|lines| !lines.is_empty()) else {
        found.push(wrong_type(entry, "a map of events").help("for example `on: { manual: {}, push: {} }`"));
        return Vec::new();
    };
    let mut events = Vec::with_capacity(lines.len());
    for line in lines {
        let Some(event) = name(line, "an event", is_name, "`[a-z][a-z0-9_-]*`", found) else { continue };
        match &line.value.content {
            Content::Null => {}
            Content::Map(details) if details.is_empty() => {}
            Content::Map(_) => found.push(
                Diagnostic::warning("event-details", format!("what stands under `{event}` decides nothing"))
                    .at(line.value.span, "")
                    .note("events are chosen with `exec --event NAME`; whoever starts the runner looks at the details"),
            ),
            Content::Bool(_) | Content::Number(_) | Content::Text(_) | Content::List(_) => {
                found.push(wrong_type(line, "a map"));
            }
        }
        events.push(event.to_owned());
    }
    events
}
