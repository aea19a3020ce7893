//! `plugins` and `secrets`, and the blocks of grants and limits that stand in several places.

use runner_capabilities::{GrantError, Requested, RequestedLimits};
use runner_expression::Template;
use runner_model::{Diagnostic, Digest, SecretOrigin, Sources, Span};

use super::{
    expressions::templated,
    fields::{Fields, Keys, Spanned, is_name, is_variable, name, not_yet, text},
};
use crate::yaml::{Entry, Node};

pub(crate) const PLUGIN: Keys =
    Keys { of: "a plugin", known: &["source", "digest", "grants", "limits"], later: &[] };

pub(crate) const SECRET: Keys = Keys { of: "a secret", known: &["from", "allow"], later: &[] };

/// Words that `uses` has a meaning for by itself.
pub(crate) const BUILT_IN: [&str; 3] = ["checkpoint", "approval", "pipeline"];

const NAMES: &str = "`[a-z][a-z0-9_-]*`";
const SOURCES: &str = "`source: file:plugins/http-health.wasm`";

/// One of `plugins`.
#[derive(Debug)]
pub(crate) struct PluginText {
    pub(crate) alias: Spanned<String>,
    /// Path of the component, `file:` removed.
    pub(crate) source: Option<Spanned<String>>,
    pub(crate) digest: Option<Spanned<Digest>>,
    pub(crate) grants: Option<GrantsText>,
    /// Whether `grants` stands there and could not be read.
    pub(crate) grants_unreadable: bool,
    pub(crate) limits: RequestedLimits,
}

/// One of `secrets`.
#[derive(Debug)]
pub(crate) struct SecretText {
    pub(crate) name: Spanned<String>,
    pub(crate) from: Option<SecretOrigin>,
    pub(crate) allow: Vec<Spanned<String>>,
}

/// A `grants` block.
#[derive(Debug)]
pub(crate) struct GrantsText {
    /// Where the key `grants` stands.
    pub(crate) key_span: Span,
    /// The block.
    pub(crate) node: Node,
    /// The block, to be rendered when the inputs are known.
    pub(crate) template: Template,
    /// What it asks for, if that is known without rendering.
    pub(crate) requested: Option<Requested>,
}

pub(super) fn plugin(entry: &Entry, sources: &Sources, found: &mut Vec<Diagnostic>) -> Option<PluginText> {
    let alias = name(entry, "a plugin", is_name, NAMES, found)?;
    if BUILT_IN.contains(&alias) {
        found.push(
            Diagnostic::error(
                "name",
                format!("`{alias}` is a built-in step and cannot be the name of a plugin"),
            )
            .at(entry.key_span, "")
            .help("choose another name"),
        );
        return None;
    }
    let alias = Spanned { value: alias.to_owned(), span: entry.key_span };
    let Some(fields) = Fields::open(&entry.value, &PLUGIN, found) else {
        return Some(PluginText {
            alias,
            source: None,
            digest: None,
            grants: None,
            grants_unreadable: false,
            limits: RequestedLimits::default(),
        });
    };
    let grants = fields.get("grants").map(|entry| grants(entry, sources, found));
    Some(PluginText {
        source: fields.require("source", entry.key_span, found).and_then(|entry| source(entry, found)),
        digest: fields.text("digest", found).and_then(|text| digest(text, found)),
        grants_unreadable: grants.as_ref().is_some_and(Option::is_none),
        grants: grants.flatten(),
        limits: limits(fields.get("limits"), found),
        alias,
    })
}

fn source(entry: &Entry, found: &mut Vec<Diagnostic>) -> Option<Spanned<String>> {
    let Spanned { value, span } = text(entry, found)?;
    if value.starts_with("oci://") {
        found.push(
            not_yet(span, "a source in a registry (`oci://`)")
                .help(format!("pull the component, and write {SOURCES}")),
        );
        return None;
    }
    match value.strip_prefix("file:").filter(|path| !path.is_empty()) {
        Some(path) => Some(Spanned { value: path.to_owned(), span }),
        None => {
            found.push(
                Diagnostic::error("wrong-value", format!("`{value}` is no source of a plugin"))
                    .at(span, "")
                    .help(format!(
                        "write for example {SOURCES}; the path is relative to the pipeline's directory"
                    )),
            );
            None
        }
    }
}

fn digest(text: Spanned<String>, found: &mut Vec<Diagnostic>) -> Option<Spanned<Digest>> {
    match text.value.parse() {
        Ok(value) => Some(Spanned { value, span: text.span }),
        Err(error) => {
            found.push(Diagnostic::error("wrong-value", error.to_string()).at(text.span, ""));
            None
        }
    }
}

pub(super) fn secret(entry: &Entry, found: &mut Vec<Diagnostic>) -> Option<SecretText> {
    let name = name(entry, "a secret", is_name, NAMES, found)?;
    let name = Spanned { value: name.to_owned(), span: entry.key_span };
    let Some(fields) = Fields::open(&entry.value, &SECRET, found) else {
        return Some(SecretText { name, from: None, allow: Vec::new() });
    };
    let from = fields.require("from", entry.key_span, found).and_then(|entry| text(entry, found));
    fields.require("allow", entry.key_span, found);
    Some(SecretText {
        name,
        from: from.and_then(|text| origin(&text, found)),
        allow: fields.texts("allow", found),
    })
}

fn origin(text: &Spanned<String>, found: &mut Vec<Diagnostic>) -> Option<SecretOrigin> {
    let variable = text.value.strip_prefix("env:").filter(|name| is_variable(name));
    let file = text.value.strip_prefix("file:").filter(|path| !path.is_empty());
    let origin = variable
        .map(|name| SecretOrigin::Env(name.to_owned()))
        .or_else(|| file.map(|path| SecretOrigin::File(path.to_owned())));
    if origin.is_none() {
        found.push(
            Diagnostic::error("wrong-value", "a secret comes from a variable or a file")
                .at(text.span, "")
                .note("the secret itself never stands in a pipeline")
                .help("write `from: env:SLACK_WEBHOOK` or `from: file:secrets/slack`"),
        );
    }
    origin
}

/// Reads a `grants` block; `None` if it cannot be used.
pub(super) fn grants(entry: &Entry, sources: &Sources, found: &mut Vec<Diagnostic>) -> Option<GrantsText> {
    let node = &entry.value;
    let templated = templated(node, sources, found)?;
    let requested = match templated.literal().map(|block| Requested::parse(&block)) {
        None => None,
        Some(Ok(rules)) => Some(rules),
        Some(Err(errors)) => {
            found.extend(errors.iter().map(|error| misplaced("grant", error, entry)));
            return None;
        }
    };
    Some(GrantsText {
        key_span: entry.key_span,
        node: node.clone(),
        template: templated.template,
        requested,
    })
}

pub(super) fn limits(entry: Option<&Entry>, found: &mut Vec<Diagnostic>) -> RequestedLimits {
    let Some(entry) = entry else { return RequestedLimits::default() };
    RequestedLimits::parse(&entry.value.to_json()).unwrap_or_else(|errors| {
        found.extend(errors.iter().map(|error| misplaced("limit", error, entry)));
        RequestedLimits::default()
    })
}

/// A problem of a block that `capabilities` has read, with its place.
pub(crate) fn misplaced(code: &'static str, error: &GrantError, entry: &Entry) -> Diagnostic {
    problem_in(code, error, &entry.value)
}

/// As [`misplaced`], for the block itself.
pub(crate) fn problem_in(code: &'static str, error: &GrantError, block: &Node) -> Diagnostic {
    let at = block.at(&error.pointer);
    let unknown = error.message.starts_with("unknown");
    let span = at.key.filter(|_| unknown).unwrap_or(at.node.span);
    let code = if unknown { "unknown-key" } else { code };
    let problem = Diagnostic::error(code, error.message.clone()).at(span, "");
    match &error.help {
        Some(help) => problem.help(help.clone()),
        None => problem,
    }
}
