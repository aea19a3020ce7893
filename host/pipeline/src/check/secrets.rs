//! A step uses a secret if it lists it, its plugin is allowed to, and its grants name it: three keys that must agree.

use std::collections::{HashMap, HashSet};

use runner_model::{Diagnostic, ExitCode, Span};

use super::grants::approximate;
use crate::{
    authored::{GrantsText, SecretText, Spanned},
    problems::suggestion,
    resolve::{Resolved, ResolvedPlugin, ResolvedStep, ResolvedUses},
    yaml::Node,
};

pub(super) fn check(resolved: &Resolved, found: &mut Vec<Diagnostic>) {
    let secrets: HashMap<&str, &SecretText> =
        resolved.document.secrets.iter().map(|secret| (secret.name.value.as_str(), secret)).collect();
    let mut used: HashSet<&str> = HashSet::new();
    for step in &resolved.steps {
        for listed in &step.text.secrets {
            used.insert(&listed.value);
            match secrets.get(listed.value.as_str()) {
                None => found.push(unknown(&listed.value, listed.span, &secrets, found)),
                Some(secret) => use_of(listed, secret, step, resolved, found),
            }
        }
        if let Some(grants) = &step.text.grants {
            granted(grants, &secrets, found, |name| {
                step.text.secrets.iter().any(|listed| listed.value == name)
            });
        }
    }
    for plugin in &resolved.plugins {
        if let Some(grants) = plugin.text.grants.as_ref().filter(|_| !plugin.users.is_empty()) {
            let listed: HashSet<&str> = plugin
                .users
                .iter()
                .flat_map(|at| &resolved.steps[*at].text.secrets)
                .map(|name| name.value.as_str())
                .collect();
            granted(grants, &secrets, found, |name| listed.contains(name));
        }
    }
    let aliases: HashSet<&str> =
        resolved.plugins.iter().map(|plugin| plugin.text.alias.value.as_str()).collect();
    for secret in &resolved.document.secrets {
        for alias in secret.allow.iter().filter(|alias| !aliases.contains(alias.value.as_str())) {
            let help = suggestion(&alias.value, aliases.iter().copied(), "plugins", found);
            found.push(
                Diagnostic::error("unknown-plugin", format!("there is no plugin `{}`", alias.value))
                    .at(alias.span, "")
                    .help(help),
            );
        }
        if !used.contains(secret.name.value.as_str()) {
            found.push(
                refused("unused-secret", format!("no step uses the secret `{}`", secret.name.value))
                    .at(secret.name.span, "")
                    .note("a step that uses a secret lists it under `secrets`")
                    .help("remove it here, or add it to the step"),
            );
        }
    }
}

fn refused(code: &'static str, message: String) -> Diagnostic {
    Diagnostic::error(code, message).exit(ExitCode::GrantRefused)
}

fn unknown(name: &str, at: Span, secrets: &HashMap<&str, &SecretText>, found: &[Diagnostic]) -> Diagnostic {
    let mut known: Vec<&str> = secrets.keys().copied().collect();
    known.sort_unstable();
    Diagnostic::error("unknown-secret", format!("there is no secret `{name}`"))
        .at(at, "")
        .help(suggestion(name, known, "secrets", found))
}

/// Whether the plugin is allowed to use the secret, and the grants name it.
fn use_of(
    listed: &Spanned<String>,
    secret: &SecretText,
    step: &ResolvedStep,
    resolved: &Resolved,
    found: &mut Vec<Diagnostic>,
) {
    let Some(ResolvedUses::Plugin(index)) = step.uses else { return };
    let plugin = &resolved.plugins[index];
    let (name, alias) = (&listed.value, &plugin.text.alias.value);
    if !secret.allow.iter().any(|allowed| allowed.value == *alias) {
        found.push(
            refused("secret-not-allowed", format!("the plugin `{alias}` may not use the secret `{name}`"))
                .at(listed.span, "used here")
                .at(secret.name.span, "its `allow` does not name the plugin")
                .help(format!("if it should, add `{alias}` to the `allow` of `{name}`")),
        );
    }
    let (block, key) = effective(step, plugin);
    if block.and_then(approximate).is_some_and(|grants| grants.secrets.covers(name)) {
        return;
    }
    // A block that cannot be read is a problem of its own.
    if step.text.grants_unreadable || (block.is_none() && plugin.text.grants_unreadable) {
        return;
    }
    found.push(
        refused(
            "secret-not-granted",
            format!("{} uses the secret `{name}`, which its grants do not name", step.text.called()),
        )
        .at(listed.span, "used here")
        .at(key, if block.is_some() { "the grants of this step" } else { "this plugin is granted nothing" })
        .help(if block.is_some() {
            format!("to allow it, add under `grants`\n    secrets: [{name}]")
        } else {
            format!("to allow it, add there\n    grants: {{ secrets: [{name}] }}")
        }),
    );
}

/// The block that decides for a step, and where it stands or would stand.
fn effective<'a>(step: &'a ResolvedStep, plugin: &'a ResolvedPlugin) -> (Option<&'a GrantsText>, Span) {
    let block = step.text.grants.as_ref().or(plugin.text.grants.as_ref());
    (block, block.map_or(plugin.text.alias.span, |block| block.key_span))
}

/// Whether each secret of a grant exists and is used.
fn granted(
    grants: &GrantsText,
    secrets: &HashMap<&str, &SecretText>,
    found: &mut Vec<Diagnostic>,
    is_listed: impl Fn(&str) -> bool,
) {
    let items = grants.node.at("/secrets").node.as_list().unwrap_or_default();
    for item in items {
        let Some((name, at)) = named(item) else { continue };
        if name.contains("${{") {
            found.push(
                Diagnostic::error("expression", "a secret is named, never computed")
                    .at(at.span, "")
                    .help("write its name"),
            );
        } else if !secrets.contains_key(name) {
            found.push(unknown(name, at.span, secrets, found));
        } else if !is_listed(name) {
            found.push(
                refused(
                    "unused-grant",
                    format!("the secret `{name}` is granted, but no step with this grant uses it"),
                )
                .at(at.span, "")
                .note("a step that uses a secret lists it under `secrets`")
                .help(format!("remove the grant, or write `secrets: [{name}]` in the step")),
            );
        }
    }
}

fn named(item: &Node) -> Option<(&str, &Node)> {
    match item.as_text() {
        Some(name) => Some((name, item)),
        None => {
            let name = item.at("/name").node;
            name.as_text().map(|text| (text, name))
        }
    }
}
