//! `targets`: the machines that steps work on, as written.
//!
//! What stands under `proxy` becomes a step of its own, `target.<name>`, so that whatever holds for steps holds for it:
//! its plugin, its configuration, its grants and its secrets are looked at like those of any other.

use runner_model::{Diagnostic, Phase, Sources, Span};

use super::{
    expressions::{Templated, templated},
    fields::{Fields, Keys, Spanned, is_name, name, text, wrong_type},
    plugin::limits,
    step::{StepText, config, unique},
};
use crate::yaml::{Content, Entry};

pub(crate) const TARGET: Keys =
    Keys { of: "a target", known: &["docker", "ssh", "workdir", "slots", "proxy"], later: &[] };

pub(crate) const DOCKER: Keys = Keys { of: "the `docker` of a target", known: &["host", "tls"], later: &[] };

pub(crate) const TLS: Keys = Keys { of: "`tls`", known: &["ca", "cert", "key"], later: &[] };

pub(crate) const SLOT: Keys =
    Keys { of: "a slot", known: &["container", "port", "host", "address"], later: &[] };

pub(crate) const PROXY: Keys =
    Keys { of: "a proxy", known: &["uses", "with", "limits", "timeout", "secrets"], later: &[] };

/// One of `targets`.
#[derive(Debug)]
pub(crate) struct TargetText {
    pub(crate) name: Spanned<String>,
    /// Where its Docker Engine is.
    pub(crate) docker: Option<Templated>,
    /// `ca`, `cert` and `key`, with the place of the key `tls`.
    pub(crate) tls: Option<(Span, [Option<Templated>; 3])>,
    pub(crate) ssh: Option<Templated>,
    pub(crate) workdir: Option<Templated>,
    /// In the order of the file.
    pub(crate) slots: Vec<SlotText>,
    /// Whether something stands there that could not be read.
    pub(crate) is_broken: bool,
}

/// One place of a service.
#[derive(Debug)]
pub(crate) struct SlotText {
    pub(crate) name: Spanned<String>,
    pub(crate) container: Option<Templated>,
    pub(crate) port: Option<Templated>,
    pub(crate) host: Option<Templated>,
    pub(crate) address: Option<Templated>,
}

impl TargetText {
    /// Every value with expressions in it.
    pub(crate) fn values(&self) -> impl Iterator<Item = &Templated> {
        let tls = self.tls.iter().flat_map(|(_, files)| files.iter().flatten());
        let slots = self
            .slots
            .iter()
            .flat_map(|slot| [&slot.container, &slot.port, &slot.host, &slot.address].into_iter().flatten());
        [&self.docker, &self.ssh, &self.workdir].into_iter().flatten().chain(tls).chain(slots)
    }
}

/// Reads a line of `targets`, and the step that asks its proxy.
pub(super) fn target(
    entry: &Entry,
    sources: &Sources,
    found: &mut Vec<Diagnostic>,
) -> Option<(TargetText, Option<StepText>)> {
    let name = name(entry, "a target", is_name, "`[a-z][a-z0-9_-]*`", found)?;
    let mut target = TargetText {
        name: Spanned { value: name.to_owned(), span: entry.key_span },
        docker: None,
        tls: None,
        ssh: None,
        workdir: None,
        slots: Vec::new(),
        is_broken: true,
    };
    let before = found.len();
    let Some(fields) = Fields::open(&entry.value, &TARGET, found) else { return Some((target, None)) };
    if let Some(fields) =
        fields.get("docker").and_then(|entry| Fields::open(&entry.value, &DOCKER, found).map(|f| (entry, f)))
    {
        let (entry, fields) = fields;
        fields.require("host", entry.key_span, found);
        target.docker = value(&fields, "host", sources, found);
        target.tls = fields.get("tls").and_then(|entry| tls(entry, sources, found));
    }
    target.ssh = value(&fields, "ssh", sources, found);
    target.workdir = value(&fields, "workdir", sources, found);
    target.slots = fields.get("slots").map(|entry| slots(entry, sources, found)).unwrap_or_default();
    let proxy = fields.get("proxy").and_then(|entry| proxy(entry, name, sources, found));
    match (fields.get("slots"), fields.get("proxy")) {
        (Some(slots), None) => found.push(
            Diagnostic::error("missing-key", "a target with `slots` must have `proxy`")
                .at(slots.key_span, "")
                .note("which slot is active is what the proxy says; nothing else is believed")
                .help("write for example `proxy: { uses: caddy, with: { object: my-proxy } }`"),
        ),
        (None, Some(proxy)) => found.push(
            Diagnostic::error("missing-key", "a target with `proxy` must have `slots`")
                .at(proxy.key_span, "")
                .note("the proxy is asked which of the two slots is active")
                .help("write for example `slots: { blue: { container: api-blue, port: 8000 }, green: { container: api-green, port: 8001 } }`"),
        ),
        (Some(_), Some(_)) | (None, None) => {}
    }
    target.is_broken = found.len() > before;
    Some((target, proxy))
}

fn tls(
    entry: &Entry,
    sources: &Sources,
    found: &mut Vec<Diagnostic>,
) -> Option<(Span, [Option<Templated>; 3])> {
    let fields = Fields::open(&entry.value, &TLS, found)?;
    let mut file = |key| {
        fields.require(key, entry.key_span, found);
        value(&fields, key, sources, found)
    };
    Some((entry.key_span, [file("ca"), file("cert"), file("key")]))
}

fn slots(entry: &Entry, sources: &Sources, found: &mut Vec<Diagnostic>) -> Vec<SlotText> {
    let Some(lines) = entry.value.as_map() else {
        found.push(wrong_type(entry, "a map of two slots"));
        return Vec::new();
    };
    let slots: Vec<SlotText> = lines.iter().filter_map(|line| slot(line, sources, found)).collect();
    if lines.len() != 2 {
        found.push(
            Diagnostic::error("slots", format!("a target has two slots, found {}", lines.len()))
                .at(entry.key_span, "")
                .note("one gets the traffic while the other is made ready")
                .help("write for example `slots: { blue: { container: api-blue, port: 8000 }, green: { container: api-green, port: 8001 } }`"),
        );
    }
    slots
}

fn slot(line: &Entry, sources: &Sources, found: &mut Vec<Diagnostic>) -> Option<SlotText> {
    let name = name(line, "a slot", is_name, "`[a-z][a-z0-9_-]*`", found)?;
    let fields = Fields::open(&line.value, &SLOT, found)?;
    fields.require("container", line.key_span, found);
    if fields.get("port").is_none() && fields.get("address").is_none() {
        found.push(
            Diagnostic::error("missing-key", "a slot must have `port` or `address`")
                .at(line.key_span, "")
                .help("`port: 8000` is `127.0.0.1:8000`; `address` is what the proxy calls it, if that is something else"),
        );
    }
    if let (Some(host), Some(_)) = (fields.get("host"), fields.get("address")) {
        found.push(
            Diagnostic::error("key-without-effect", "`host` means nothing beside `address`")
                .at(host.key_span, "")
                .help("remove it"),
        );
    }
    Some(SlotText {
        name: Spanned { value: name.to_owned(), span: line.key_span },
        container: value(&fields, "container", sources, found),
        port: value(&fields, "port", sources, found),
        host: value(&fields, "host", sources, found),
        address: value(&fields, "address", sources, found),
    })
}

/// A text, or for a port a number, in which expressions may stand.
fn value(
    fields: &Fields<'_>,
    key: &'static str,
    sources: &Sources,
    found: &mut Vec<Diagnostic>,
) -> Option<Templated> {
    let entry = fields.get(key)?;
    if key == "port" && matches!(entry.value.content, Content::Number(_)) {
        return templated(&entry.value, sources, found);
    }
    text(entry, found)?;
    templated(&entry.value, sources, found)
}

/// The step that asks the proxy.
fn proxy(entry: &Entry, target: &str, sources: &Sources, found: &mut Vec<Diagnostic>) -> Option<StepText> {
    let fields = Fields::open(&entry.value, &PROXY, found)?;
    let id = Spanned { value: format!("target.{target}"), span: entry.key_span };
    let mut step = StepText::new(id, Phase::Observe);
    step.target = Some(Spanned { value: target.to_owned(), span: entry.key_span });
    step.keys = fields
        .entries()
        .map(|entry| Spanned { value: entry.key.as_ref().to_owned(), span: entry.key_span })
        .collect();
    step.uses = fields.require("uses", entry.key_span, found).and_then(|entry| text(entry, found));
    if let Some(entry) = fields.get("with") {
        step.with = config(entry, sources, found);
        step.with_unreadable = step.with.is_none();
    }
    step.timeout = fields.positive_duration("timeout", found);
    step.limits = limits(fields.get("limits"), found);
    step.secrets = unique(fields.texts("secrets", found), "secrets", found);
    Some(step)
}
