//! `with` against the JSON Schema of the plugin.
//!
//! What an expression gives is not known before the run. So an error *at* a value with expressions is dropped, and so
//! is one *above* it that another value might cure (`oneOf`, `if`, …); a missing or unknown key stays wrong whatever
//! the expressions give. When the values are known, the host checks again.

use std::collections::{HashMap, HashSet};

use jsonschema::{PatternOptions, ValidationError, Validator, error::ValidationErrorKind as Kind};
use runner_expression::Template;
use runner_model::{Diagnostic, Span, check_schema_work};
use serde_json::{Value, json};

use crate::{
    authored::StepText,
    problems::suggestion,
    resolve::{PluginFacts, Resolved, ResolvedUses, unusable},
    yaml::{Content, Node},
};

pub(super) fn check(resolved: &Resolved, found: &mut Vec<Diagnostic>) {
    let validators: HashMap<usize, Validator> = resolved
        .plugins
        .iter()
        .enumerate()
        .filter_map(|(index, plugin)| {
            let facts = plugin.facts.as_ref()?;
            let options = jsonschema::options().offline().with_pattern_options(PatternOptions::regex());
            match options.build(&facts.config_schema) {
                Ok(validator) => Some((index, validator)),
                Err(error) => {
                    let at = plugin.text.source.as_ref().map_or(plugin.text.alias.span, |source| source.span);
                    let what = format!("the config schema of `{}` is not a JSON Schema: {error}", facts.name);
                    found.push(schema_at_fault(what).at(at, ""));
                    None
                }
            }
        })
        .collect();
    for step in &resolved.steps {
        let Some(ResolvedUses::Plugin(index)) = step.uses else { continue };
        if let (Some(validator), Some((_, facts))) = (validators.get(&index), resolved.plugin_of(step)) {
            validate(&step.text, validator, facts, found);
        }
    }
}

fn schema_at_fault(what: String) -> Diagnostic {
    unusable("plugin", what)
        .note("the component says itself what its `with` may hold")
        .help("this is a fault of the plugin: use another version of it")
}

fn validate(step: &StepText, validator: &Validator, facts: &PluginFacts, found: &mut Vec<Diagnostic>) {
    if step.with_unreadable {
        return;
    }
    let value = match &step.with {
        // A literal is as the plugin will see it, `$${{` already read as `${{`.
        Some(with) => with.literal().unwrap_or_else(|| with.template.source().clone()),
        None => json!({}),
    };
    if let Err(why) = check_schema_work(&facts.config_schema, &value) {
        let at = step.uses.as_ref().map_or(step.id.span, |uses| uses.span);
        let what = format!("the config schema of `{}` cannot be applied to this `with`: {why}", facts.name);
        found.push(schema_at_fault(what).at(at, ""));
        return;
    }
    if validator.is_valid(&value) {
        return;
    }
    let open = step.with.as_ref().map(|with| open_places(&with.template)).unwrap_or_default();
    let mut said = HashSet::new();
    for error in validator.iter_errors(&value) {
        if !curable(&error, &open) {
            let problem = describe(&error, step, facts, found);
            // Two branches of a schema may say the same.
            if said.insert((problem.message.clone(), problem.labels.clone().first().map(|label| label.span)))
            {
                found.push(problem);
            }
        }
    }
}

/// A value with expressions in it.
struct Open {
    pointer: String,
    /// Whether text stands around the expressions, so that the value is text whatever they give.
    text: bool,
}

fn open_places(template: &Template) -> Vec<Open> {
    let mut open: Vec<Open> = Vec::new();
    for (pointer, start, _) in template.expressions() {
        match open.last_mut().filter(|last| last.pointer == pointer) {
            Some(last) => last.text = true,
            None => {
                let text = template.source().pointer(pointer).and_then(Value::as_str).unwrap_or_default();
                let alone = start <= "${{ ".len() && text.starts_with("${{") && text.ends_with("}}");
                open.push(Open { pointer: pointer.to_owned(), text: !alone });
            }
        }
    }
    open
}

/// Whether the values that are not known yet may make the error go away.
fn curable(error: &ValidationError<'_>, open: &[Open]) -> bool {
    if open.is_empty() {
        return false;
    }
    let path = error.instance_path().as_str();
    let within = |inner: &str, outer: &str| {
        inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    if let Some(place) = open.iter().find(|place| within(path, &place.pointer)) {
        let surely_text = place.text && place.pointer == path;
        return !(surely_text && matches!(error.kind(), Kind::Type { .. }));
    }
    let schema = error.schema_path().as_str();
    if ["/then/", "/else/", "/dependentSchemas/"].iter().any(|part| schema.contains(part)) {
        return true;
    }
    open.iter().any(|place| within(&place.pointer, path)) && depends_on_inner_values(error.kind())
}

/// Whether an error of this kind may go away when a value further in changes.
fn depends_on_inner_values(kind: &Kind) -> bool {
    !matches!(
        kind,
        Kind::Required { .. }
            | Kind::AdditionalProperties { .. }
            | Kind::AdditionalItems { .. }
            | Kind::Type { .. }
            | Kind::MinItems { .. }
            | Kind::MaxItems { .. }
            | Kind::MinProperties { .. }
            | Kind::MaxProperties { .. }
            | Kind::PropertyNames { .. }
            | Kind::FalseSchema
    )
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the validator's own words serve for every kind that is not better said here"
)]
fn describe(
    error: &ValidationError<'_>,
    step: &StepText,
    facts: &PluginFacts,
    found: &[Diagnostic],
) -> Diagnostic {
    let pointer = error.instance_path().as_str();
    let with = step.with.as_ref().map(|with| &with.node);
    let here = with.map(|with| with.at(pointer));
    let key = step.key("with").or(step.uses.as_ref().map(|uses| uses.span)).unwrap_or(step.id.span);
    let place = here.map_or(key, |at| if pointer.is_empty() { key } else { at.node.span });
    let name = format!("with{}", pointer.replace('/', "."));
    let problem = match error.kind() {
        Kind::Required { property } => {
            let property = property.as_str().unwrap_or_default();
            let at = here.and_then(|at| at.key).unwrap_or(place);
            Diagnostic::error("config", format!("`{name}` must have `{property}`")).at(at, "")
        }
        Kind::AdditionalProperties { unexpected } | Kind::UnevaluatedProperties { unexpected } => {
            let wrong = unexpected.first().map_or("", String::as_str);
            let at = here.and_then(|at| key_of(at.node, wrong)).unwrap_or(place);
            let known = known_keys(error, &facts.config_schema);
            let problem = Diagnostic::error("config", format!("`{name}` has no key `{wrong}`")).at(at, "");
            let problem = unexpected.iter().skip(1).fold(problem, |problem, other| {
                match here.and_then(|at| key_of(at.node, other)) {
                    Some(span) => problem.at(span, format!("nor `{other}`")),
                    None => problem,
                }
            });
            if known.is_empty() {
                problem
            } else {
                problem.help(suggestion(wrong, known.iter().map(String::as_str), "keys", found))
            }
        }
        Kind::OneOfNotValid { context } | Kind::AnyOf { context } => {
            let problem =
                Diagnostic::error("config", format!("`{name}` is none of what it may be")).at(place, "");
            context.iter().filter_map(|branch| branch.first()).take(4).fold(problem, |problem, error| {
                let inner = error.instance_path().as_str();
                let inner = if inner.is_empty() {
                    String::new()
                } else {
                    format!("`with{}`: ", inner.replace('/', "."))
                };
                problem.note(format!("not this: {inner}{}", fragment(error)))
            })
        }
        _ => Diagnostic::error("config", format!("`{name}`: {}", fragment(error))).at(place, ""),
    };
    problem.note(format!(
        "checked against the schema of `{}` {} (read from the component itself)",
        facts.name, facts.version
    ))
}

/// The message of the validator, short enough for a line.
fn fragment(error: &ValidationError<'_>) -> String {
    const LONGEST: usize = 200;
    let text = error.to_string();
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

fn key_of(node: &Node, key: &str) -> Option<Span> {
    match &node.content {
        Content::Map(entries) => entries.iter().find(|entry| &*entry.key == key).map(|entry| entry.key_span),
        Content::Null | Content::Bool(_) | Content::Number(_) | Content::Text(_) | Content::List(_) => None,
    }
}

/// The keys that the schema knows where an unknown one was found.
fn known_keys(error: &ValidationError<'_>, schema: &Value) -> Vec<String> {
    let keyword = error.schema_path().as_str();
    let parent = keyword.rfind('/').map_or("", |end| &keyword[..end]);
    let properties =
        schema.pointer(parent).and_then(|parent| parent.get("properties")).and_then(Value::as_object);
    properties.map(|properties| properties.keys().cloned().collect()).unwrap_or_default()
}
