//! `uses` to what carries the step out.

use std::collections::HashMap;

use runner_model::Diagnostic;

use super::{PluginIndex, PluginProblem, ResolvedPlugin, ResolvedStep, ResolvedUses, unusable};
use crate::{
    authored::{PluginText, Spanned},
    problems::suggestion,
};

/// Finds what each step uses, and asks `index` about every plugin that is used.
pub(super) fn resolve(
    texts: Vec<PluginText>,
    steps: &mut [ResolvedStep],
    index: &dyn PluginIndex,
    found: &mut Vec<Diagnostic>,
) -> Vec<ResolvedPlugin> {
    let mut plugins: Vec<ResolvedPlugin> =
        texts.into_iter().map(|text| ResolvedPlugin { text, facts: None, users: Vec::new() }).collect();
    let aliases: HashMap<String, usize> =
        plugins.iter().enumerate().map(|(at, plugin)| (plugin.text.alias.value.clone(), at)).collect();
    for (at, step) in steps.iter_mut().enumerate() {
        let Some(uses) = &step.text.uses else { continue };
        step.uses = match (uses.value.as_str(), aliases.get(&uses.value)) {
            ("checkpoint", _) => Some(ResolvedUses::Checkpoint),
            ("approval", _) => Some(ResolvedUses::Approval),
            ("pipeline", _) => {
                found.push(
                    Diagnostic::error(
                        "not-supported-yet",
                        "the built-in step `pipeline` is not supported yet",
                    )
                    .at(uses.span, "")
                    .help("join the other file with `include`"),
                );
                None
            }
            (_, Some(&plugin)) => {
                plugins[plugin].users.push(at);
                Some(ResolvedUses::Plugin(plugin))
            }
            (_, None) => {
                found.push(unknown(uses, &plugins, found));
                None
            }
        };
    }
    let used = plugins.iter().filter(|plugin| !plugin.users.is_empty());
    let sources: Vec<&str> =
        used.filter_map(|plugin| plugin.text.source.as_ref()).map(|source| source.value.as_str()).collect();
    index.prepare(&sources);
    for plugin in &mut plugins {
        ask(plugin, index, found);
    }
    plugins
}

fn unknown(uses: &Spanned<String>, plugins: &[ResolvedPlugin], found: &[Diagnostic]) -> Diagnostic {
    let known =
        plugins.iter().map(|plugin| plugin.text.alias.value.as_str()).chain(["checkpoint", "approval"]);
    Diagnostic::error("unknown-plugin", format!("there is no plugin `{}`", uses.value))
        .at(uses.span, "")
        .note("`uses` names one of `plugins`, or a built-in step")
        .help(suggestion(&uses.value, known, "names", found))
}

fn ask(plugin: &mut ResolvedPlugin, index: &dyn PluginIndex, found: &mut Vec<Diagnostic>) {
    let alias = &plugin.text.alias;
    if plugin.users.is_empty() {
        found.push(
            Diagnostic::warning("unused-plugin", format!("no step uses the plugin `{}`", alias.value))
                .at(alias.span, "")
                .note("it is not loaded, and not looked at any further")
                .help("remove it"),
        );
        return;
    }
    let Some(source) = &plugin.text.source else { return };
    match index.facts(&source.value) {
        Ok(facts) => {
            if let Some(wanted) = plugin.text.digest.as_ref().filter(|wanted| wanted.value != facts.digest) {
                found.push(
                    unusable(
                        "digest",
                        format!("the component of `{}` is not the one that was pinned", alias.value),
                    )
                    .at(wanted.span, "pinned here")
                    .note(format!("`{}` has {}", facts.path, facts.digest))
                    .help("find out why it changed; if it should have, write the new digest"),
                );
            }
            plugin.facts = Some(facts);
        }
        Err(PluginProblem { message, notes, help }) => {
            let problem =
                unusable("plugin", format!("the plugin `{}` cannot be used: {message}", alias.value));
            let mut problem = problem.at(source.span, "");
            problem.notes = notes;
            problem.help = help;
            found.push(problem);
        }
    }
}
