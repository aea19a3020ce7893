//! One of `steps`, `finally` or `notify`, as written.

use std::time::Duration;

use runner_capabilities::RequestedLimits;
use runner_model::{
    Diagnostic, Inconclusive, NotifyOn, Phase, Poll, ResultSet, Retry, Sources, Span, StepResult,
};
use serde_json::Value;

use super::{
    attempts::{poll, retry},
    expressions::{Condition, Templated, condition, templated},
    fields::{Fields, Keys, Spanned, is_name, is_variable, is_word, name, not_yet, text, wrong_type},
    plugin::{GrantsText, grants, limits},
};
use crate::{
    problems::suggestion,
    yaml::{Content, Entry, Node},
};

pub(crate) const STEP: Keys = Keys {
    of: "a step",
    known: &[
        "uses",
        "with",
        "target",
        "needs",
        "if",
        "matrix",
        "timeout",
        "retry",
        "poll",
        "on_inconclusive",
        "report_only",
        "continue_on_error",
        "required",
        "outputs",
        "grants",
        "limits",
        "secrets",
        "env",
    ],
    later: &["undo", "artifacts", "services", "environment"],
};

pub(crate) const NOTIFY: Keys = Keys {
    of: "an entry of `notify`",
    known: &[
        "on", "uses", "with", "target", "secrets", "severity", "if", "grants", "limits", "timeout", "retry",
    ],
    later: &[],
};

pub(crate) const NEED: Keys = Keys { of: "an entry of `needs`", known: &["step", "result"], later: &[] };

/// A variable of `env`.
#[derive(Debug)]
pub(crate) struct Variable {
    pub(crate) name: Spanned<String>,
    pub(crate) value: Templated,
}

/// An entry of `needs`.
#[derive(Debug)]
pub(crate) struct NeedText {
    pub(crate) step: Spanned<String>,
    pub(crate) accept: ResultSet,
}

/// One list of a matrix.
#[derive(Debug)]
pub(crate) struct Axis {
    pub(crate) name: Spanned<String>,
    pub(crate) values: Vec<Spanned<Value>>,
}

/// A step as written; what could not be read is left out.
#[derive(Debug)]
pub(crate) struct StepText {
    /// Its name, and where that stands. An entry of `notify` is `notify[1]`, counted from 1.
    pub(crate) id: Spanned<String>,
    pub(crate) phase: Phase,
    /// Every key it has, for saying that one has no effect.
    pub(crate) keys: Vec<Spanned<String>>,
    pub(crate) uses: Option<Spanned<String>>,
    pub(crate) with: Option<Templated>,
    /// Whether `with` stands there and could not be read.
    pub(crate) with_unreadable: bool,
    pub(crate) target: Option<Spanned<String>>,
    pub(crate) needs: Vec<NeedText>,
    pub(crate) condition: Option<Condition>,
    pub(crate) matrix: Vec<Axis>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) retry: Option<Retry>,
    pub(crate) poll: Option<Poll>,
    pub(crate) on_inconclusive: Option<Inconclusive>,
    pub(crate) report_only: bool,
    pub(crate) continue_on_error: bool,
    pub(crate) required: bool,
    /// Own name, name in the plugin's answer.
    pub(crate) outputs: Option<Vec<(Spanned<String>, Spanned<String>)>>,
    pub(crate) grants: Option<GrantsText>,
    /// Whether `grants` stands there and could not be read.
    pub(crate) grants_unreadable: bool,
    pub(crate) limits: RequestedLimits,
    pub(crate) secrets: Vec<Spanned<String>>,
    pub(crate) env: Vec<Variable>,
}

impl StepText {
    pub(super) fn new(id: Spanned<String>, phase: Phase) -> Self {
        Self {
            id,
            phase,
            keys: Vec::new(),
            uses: None,
            with: None,
            with_unreadable: false,
            target: None,
            needs: Vec::new(),
            condition: None,
            matrix: Vec::new(),
            timeout: None,
            retry: None,
            poll: None,
            on_inconclusive: None,
            report_only: false,
            continue_on_error: false,
            required: false,
            outputs: None,
            grants: None,
            grants_unreadable: false,
            limits: RequestedLimits::default(),
            secrets: Vec::new(),
            env: Vec::new(),
        }
    }

    /// What to call it in a sentence.
    pub(crate) fn called(&self) -> String {
        match self.phase {
            Phase::Observe => {
                let target = self.target.as_ref().map_or("", |target| &target.value);
                format!("the proxy of the target `{target}`")
            }
            Phase::Main | Phase::Finally => format!("step `{}`", self.id.value),
            Phase::Notify { .. } => format!("`{}`", self.id.value),
        }
    }

    /// Where a key of it stands.
    pub(crate) fn key(&self, key: &str) -> Option<Span> {
        self.keys.iter().find(|written| written.value == key).map(|written| written.span)
    }
}

/// Reads a line of `steps` or `finally`. A step that is not even a map still counts as being there.
pub(super) fn step(
    entry: &Entry,
    phase: Phase,
    sources: &Sources,
    found: &mut Vec<Diagnostic>,
) -> Option<StepText> {
    let id = name(entry, "a step", is_name, "`[a-z][a-z0-9_-]*`", found)?;
    if id == "notify" {
        found.push(
            Diagnostic::error("name", "a step cannot be named `notify`")
                .at(entry.key_span, "")
                .note("the entries of `notify` are steps too, and go by `notify[1]`, `notify[2]` and so on"),
        );
        return None;
    }
    let mut step = StepText::new(Spanned { value: id.to_owned(), span: entry.key_span }, phase);
    let Some(fields) = Fields::open(&entry.value, &STEP, found) else { return Some(step) };
    common(&mut step, &fields, entry.key_span, sources, found);
    step.needs = needs(&fields, found);
    step.matrix = fields.get("matrix").map(|entry| matrix(entry, sources, found)).unwrap_or_default();
    step.poll = fields.get("poll").and_then(|entry| poll(entry, found));
    step.on_inconclusive = fields.choice("on_inconclusive", &INCONCLUSIVE, found).map(|chosen| chosen.value);
    step.report_only = fields.bool("report_only", found).is_some_and(|flag| flag.value);
    step.continue_on_error = fields.bool("continue_on_error", found).is_some_and(|flag| flag.value);
    step.required = fields.bool("required", found).is_some_and(|flag| flag.value);
    step.outputs = fields.get("outputs").and_then(|entry| outputs(entry, found));
    step.env = fields.get("env").map(|entry| env(entry, sources, found)).unwrap_or_default();
    Some(step)
}

/// Reads an entry of `notify`, the `number`th.
pub(super) fn notify(
    node: &Node,
    number: usize,
    sources: &Sources,
    found: &mut Vec<Diagnostic>,
) -> Option<StepText> {
    let fields = Fields::open(node, &NOTIFY, found)?;
    let start = Span { end: node.span.start, ..node.span };
    let at = fields.entries().next().map_or(start, |entry| entry.key_span);
    fields.require("on", at, found);
    let severities = [("info", "info"), ("warning", "warning"), ("error", "error")];
    let severity = fields.choice("severity", &severities, found).map_or("info", |chosen| chosen.value);
    let phase = Phase::Notify { on: notify_on(&fields, found), severity: severity.to_owned() };
    let mut step = StepText::new(Spanned { value: format!("notify[{number}]"), span: at }, phase);
    common(&mut step, &fields, at, sources, found);
    Some(step)
}

pub(super) const INCONCLUSIVE: [(&str, Inconclusive); 3] =
    [("fail", Inconclusive::Fail), ("pass", Inconclusive::Pass), ("pause", Inconclusive::Pause)];

/// What steps and entries of `notify` have in common.
fn common(
    step: &mut StepText,
    fields: &Fields<'_>,
    at: Span,
    sources: &Sources,
    found: &mut Vec<Diagnostic>,
) {
    step.keys = fields
        .entries()
        .map(|entry| Spanned { value: entry.key.as_ref().to_owned(), span: entry.key_span })
        .collect();
    step.uses = fields.require("uses", at, found).and_then(|entry| text(entry, found));
    if let Some(entry) = fields.get("with") {
        step.with = config(entry, sources, found);
        step.with_unreadable = step.with.is_none();
    }
    step.target = fields.text("target", found);
    step.condition = fields.get("if").and_then(|entry| condition(entry, sources, found));
    step.timeout = fields.positive_duration("timeout", found);
    step.retry = fields.get("retry").and_then(|entry| retry(entry, found));
    if let Some(entry) = fields.get("grants") {
        step.grants = grants(entry, sources, found);
        step.grants_unreadable = step.grants.is_none();
    }
    step.limits = limits(fields.get("limits"), found);
    step.secrets = unique(fields.texts("secrets", found), "secrets", found);
}

pub(super) fn config(entry: &Entry, sources: &Sources, found: &mut Vec<Diagnostic>) -> Option<Templated> {
    if entry.value.as_map().is_none() {
        found.push(wrong_type(entry, "a map"));
        return None;
    }
    templated(&entry.value, sources, found)
}

pub(super) fn unique(
    names: Vec<Spanned<String>>,
    key: &str,
    found: &mut Vec<Diagnostic>,
) -> Vec<Spanned<String>> {
    let mut seen = std::collections::HashSet::new();
    let (once, again): (Vec<_>, Vec<_>) = names.into_iter().partition(|name| seen.insert(name.value.clone()));
    for name in again {
        found.push(
            Diagnostic::error("duplicate", format!("`{}` stands twice in `{key}`", name.value))
                .at(name.span, ""),
        );
    }
    once
}

fn needs(fields: &Fields<'_>, found: &mut Vec<Diagnostic>) -> Vec<NeedText> {
    let Some(entry) = fields.get("needs") else { return Vec::new() };
    let Some(items) = entry.value.as_list() else {
        let mut problem = wrong_type(entry, "a list of steps");
        if let Some(one) = entry.value.as_text() {
            problem = problem.help(format!("write `needs: [{one}]`"));
        }
        found.push(problem);
        return Vec::new();
    };
    let mut needs: Vec<NeedText> = Vec::with_capacity(items.len());
    let mut seen = std::collections::HashSet::new();
    for item in items {
        let Some(need) = need(item, found) else { continue };
        if seen.insert(need.step.value.clone()) {
            needs.push(need);
        } else {
            found.push(
                Diagnostic::error("duplicate", format!("`{}` stands twice in `needs`", need.step.value))
                    .at(need.step.span, ""),
            );
        }
    }
    needs
}

fn need(item: &Node, found: &mut Vec<Diagnostic>) -> Option<NeedText> {
    if let Some(step) = item.as_text() {
        let step = Spanned { value: step.to_owned(), span: item.span };
        return Some(NeedText { step, accept: ResultSet::DEFAULT });
    }
    let fields = Fields::open(item, &NEED, found)?;
    let step = fields.require("step", item.span, found).and_then(|entry| text(entry, found))?;
    if fields.get("result").is_none() {
        return Some(NeedText { step, accept: ResultSet::DEFAULT });
    }
    let mut accept = Vec::new();
    for word in fields.texts("result", found) {
        match StepResult::ALL.into_iter().find(|result| result.as_str() == word.value) {
            Some(result) => accept.push(result),
            None => {
                let known = StepResult::ALL.into_iter().map(StepResult::as_str);
                let help = suggestion(&word.value, known, "results", found);
                found.push(
                    Diagnostic::error("wrong-value", format!("`{}` is not a result of a step", word.value))
                        .at(word.span, "")
                        .help(help),
                );
            }
        }
    }
    Some(NeedText { step, accept: accept.into_iter().collect() })
}

fn matrix(entry: &Entry, sources: &Sources, found: &mut Vec<Diagnostic>) -> Vec<Axis> {
    let Some(lines) = entry.value.as_map().filter(|lines| !lines.is_empty()) else {
        found.push(
            wrong_type(entry, "a map of lists").help("for example `matrix: { suite: [unit, integration] }`"),
        );
        return Vec::new();
    };
    let mut axes = Vec::with_capacity(lines.len());
    for line in lines {
        if matches!(&*line.key, "include" | "exclude") {
            found.push(not_yet(line.key_span, &format!("`{}` in a matrix", line.key)));
            continue;
        }
        let Some(name) = name(line, "a value of a matrix", is_word, "`[a-z_][a-z0-9_]*`", found) else {
            continue;
        };
        let Some(items) = line.value.as_list().filter(|items| !items.is_empty()) else {
            found.push(
                wrong_type(line, "a list of at least one value")
                    .note("the values of a matrix are known before the run: no expressions"),
            );
            continue;
        };
        let values = items.iter().filter_map(|item| matrix_value(item, sources, found)).collect();
        axes.push(Axis { name: Spanned { value: name.to_owned(), span: line.key_span }, values });
    }
    axes
}

/// A value that can stand in the id of a step.
fn matrix_value(item: &Node, sources: &Sources, found: &mut Vec<Diagnostic>) -> Option<Spanned<Value>> {
    refuse_changed_number(item, sources, found);
    let fits = match &item.content {
        Content::Bool(_) | Content::Number(_) => true,
        Content::Text(text) => {
            !text.is_empty()
                && !text
                    .contains(|sign: char| sign.is_control() || matches!(sign, ',' | '[' | ']' | '"' | '\\'))
        }
        Content::Null | Content::List(_) | Content::Map(_) => false,
    };
    let expression = item.as_text().is_some_and(|text| text.contains("${{"));
    if fits && !expression {
        return Some(Spanned { value: item.to_json(), span: item.span });
    }
    let problem = Diagnostic::error("matrix", "this cannot be a value of a matrix").at(item.span, "");
    found.push(if expression {
        problem.note("the steps of a pipeline are known before the run, so a matrix holds no expressions")
    } else {
        problem
            .note("the value becomes part of the step's id, as in `suites[unit]`")
            .help("values are numbers, `true`, `false`, or text without `,`, `[`, `]`, quotes and control characters")
    });
    None
}

fn outputs(entry: &Entry, found: &mut Vec<Diagnostic>) -> Option<Vec<(Spanned<String>, Spanned<String>)>> {
    let Some(lines) = entry.value.as_map() else {
        found.push(
            wrong_type(entry, "a map")
                .help("own name to the plugin's name: `outputs: { digest: image_digest }`"),
        );
        return None;
    };
    let mut outputs = Vec::with_capacity(lines.len());
    for line in lines {
        let own = name(line, "an output", is_name, "`[a-z][a-z0-9_-]*`", found);
        let theirs = text(line, found);
        if let (Some(own), Some(theirs)) = (own, theirs) {
            outputs.push((Spanned { value: own.to_owned(), span: line.key_span }, theirs));
        }
    }
    Some(outputs)
}

fn notify_on(fields: &Fields<'_>, found: &mut Vec<Diagnostic>) -> Vec<NotifyOn> {
    let Some(entry) = fields.get("on") else { return Vec::new() };
    let words = unique(fields.texts("on", found), "on", found);
    if words.is_empty() && entry.value.as_list().is_some_and(<[Node]>::is_empty) {
        found.push(
            Diagnostic::error("wrong-value", "an entry that waits for nothing is never sent")
                .at(entry.value.span, ""),
        );
    }
    let mut on = Vec::new();
    for word in words {
        match NotifyOn::ALL.into_iter().find(|event| event.as_str() == word.value) {
            Some(event) => on.push(event),
            None => {
                let help =
                    suggestion(&word.value, NotifyOn::ALL.into_iter().map(NotifyOn::as_str), "events", found);
                found.push(
                    Diagnostic::error("wrong-value", format!("`{}` is nothing to be told about", word.value))
                        .at(word.span, "")
                        .help(help),
                );
            }
        }
    }
    on
}

/// Reads an `env` block: names to scalars, in which expressions may stand.
pub(super) fn env(entry: &Entry, sources: &Sources, found: &mut Vec<Diagnostic>) -> Vec<Variable> {
    let Some(lines) = entry.value.as_map() else {
        found.push(wrong_type(entry, "a map").help("for example `env: { LOG_LEVEL: info }`"));
        return Vec::new();
    };
    let mut variables = Vec::with_capacity(lines.len());
    for line in lines {
        let Some(name) = name(
            line,
            "a variable",
            is_variable,
            "letters, digits and `_`, not starting with a digit",
            found,
        ) else {
            continue;
        };
        if matches!(line.value.content, Content::List(_) | Content::Map(_) | Content::Null) {
            found.push(
                wrong_type(line, "text, a number, `true` or `false`").help("an empty variable is `\"\"`"),
            );
            continue;
        }
        refuse_changed_number(&line.value, sources, found);
        if let Some(value) = templated(&line.value, sources, found) {
            variables.push(Variable { name: Spanned { value: name.to_owned(), span: line.key_span }, value });
        }
    }
    variables
}

/// Refuses a number that would read differently where it becomes text: `3.10` is the number 3.1.
fn refuse_changed_number(node: &Node, sources: &Sources, found: &mut Vec<Diagnostic>) {
    let Content::Number(number) = &node.content else { return };
    let text = sources.get(node.span.source).map(|source| &source.text);
    let written =
        text.and_then(|text| text.get(node.span.start as usize..node.span.end as usize)).unwrap_or_default();
    // An alias is no number as written; what it stands for was looked at where it stands.
    if !written.starts_with('*') && written != number.to_string() {
        found.push(
            Diagnostic::error(
                "number",
                format!("`{written}` is the number {number}, and would be shown as that"),
            )
            .at(node.span, "")
            .help(format!("write \"{written}\" if it is meant as text")),
        );
    }
}
