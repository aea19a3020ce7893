//! Grants: enough, needed, no wider than they may be.
//!
//! A block may hold expressions over inputs. Those are not known yet, so the block is tried with their defaults or a
//! stand-in, which is enough to say what kind of rules it holds; `plan` renders it again with the real values and asks
//! for the policy then. Values of targets are known, unless inputs stand in them.

use runner_capabilities::{Capability, Policy, Refusal, Requested, admit};
use runner_expression::References;
use runner_model::{Diagnostic, ExitCode, Phase, Target};
use serde_json::{Map, Value, json};

use super::{
    references::has_target_path,
    rules::{Around, Rules, Values, is_safe, placed, rendered},
};
use crate::{
    authored::{GrantsText, Input, InputType, TargetText, plain},
    problems::listed,
    resolve::{On, PluginFacts, Resolved, ResolvedPlugin, ResolvedStep, settle},
    yaml::{Content, Node},
};

pub(super) fn check(
    resolved: &Resolved,
    targets: &[Option<TriedTarget>],
    policy: &Policy,
    found: &mut Vec<Diagnostic>,
) {
    let inputs = &resolved.document.inputs;
    for plugin in &resolved.plugins {
        // What is wrong with a block for one target is mostly wrong for all.
        let mut said: Vec<Diagnostic> = Vec::new();
        for users in groups(resolved, plugin) {
            let mut group = Vec::new();
            of_plugin(resolved, plugin, &users, targets, policy, &mut group);
            for problem in group {
                if !said.contains(&problem) {
                    said.push(problem);
                }
            }
        }
        found.extend(said);
    }
    for step in &resolved.steps {
        // Steps without plugin are told elsewhere that grants mean nothing for them.
        if let (None, Some(grants)) = (resolved.plugin_of(step), &step.text.grants) {
            let around = around(step, targets);
            tried(grants, inputs, &step.combinations[0].values, around, found);
        }
    }
}

/// The steps that use a plugin, apart where its grants mean something else: by target, and what asks a proxy by itself.
fn groups<'a>(resolved: &'a Resolved, plugin: &ResolvedPlugin) -> Vec<Vec<&'a ResolvedStep>> {
    let users = plugin.users.iter().map(|at| &resolved.steps[*at]);
    let is_one = plugin
        .text
        .grants
        .as_ref()
        .is_none_or(|grants| grants.template.references().paths.iter().all(|path| path[0] != "target"));
    if is_one {
        return vec![users.collect()];
    }
    let mut groups: Vec<Vec<&ResolvedStep>> = Vec::new();
    for user in users {
        let is_alike = |other: &ResolvedStep| {
            other.target == user.target
                && (other.text.phase == Phase::Observe) == (user.text.phase == Phase::Observe)
        };
        match groups.iter_mut().find(|group| group.first().is_some_and(|first| is_alike(first))) {
            Some(group) => group.push(user),
            None => groups.push(vec![user]),
        }
    }
    groups
}

/// A target as far as its values are known now.
#[derive(Debug)]
pub(super) struct TriedTarget {
    name: String,
    target: Target,
    /// Whether these are its values in the run, and not made with stand-ins.
    exact: bool,
}

/// What stands around a block: its target, and whether that is known as it will be.
type Surrounded<'a> = (Option<Around<'a>>, bool);

fn around<'a>(step: &ResolvedStep, targets: &'a [Option<TriedTarget>]) -> Surrounded<'a> {
    match step.target {
        On::Target(at) => match targets.get(at).and_then(Option::as_ref) {
            Some(tried) => (Some(Around::new(&tried.name, &tried.target, &step.text.phase)), tried.exact),
            None => (None, false),
        },
        On::Nothing | On::Unknown => (None, true),
    }
}

/// Reads the targets with what is known of their expressions; problems only if no stand-in makes one readable.
pub(super) fn try_targets(resolved: &Resolved, found: &mut Vec<Diagnostic>) -> Vec<Option<TriedTarget>> {
    let inputs = &resolved.document.inputs;
    let of = |text: &TargetText| {
        let mut references = References::default();
        text.values().for_each(|value| references.extend(&value.template.references()));
        let open: Vec<&Input> = references
            .second("inputs")
            .filter_map(|name| inputs.iter().find(|input| input.name.value == name))
            .collect();
        // Something else is wrong with the expressions, and has been said.
        let is_visible = references.paths.iter().all(|path| {
            path[0] == "inputs"
                && path.get(1).is_none_or(|name| open.iter().any(|input| input.name.value == *name))
        });
        if !is_visible {
            return None;
        }
        let exact = open.is_empty();
        let mut first: Option<Vec<Diagnostic>> = None;
        for word in ["x1", "1"] {
            let values = open.iter().map(|input| (input.name.value.clone(), stand_in(input, word))).collect();
            let mut problems = Vec::new();
            if let Some(target) = settle(text, &values, exact, &mut problems) {
                return Some(TriedTarget { name: text.name.value.clone(), target, exact });
            }
            first.get_or_insert(problems);
        }
        found.extend(first.into_iter().flatten());
        None
    };
    resolved.document.targets.iter().map(of).collect()
}

fn of_plugin(
    resolved: &Resolved,
    plugin: &ResolvedPlugin,
    users: &[&ResolvedStep],
    targets: &[Option<TriedTarget>],
    policy: &Policy,
    found: &mut Vec<Diagnostic>,
) {
    let inputs = &resolved.document.inputs;
    let around_all = users.first().map_or((None, true), |user| around(user, targets));
    let wide =
        plugin.text.grants.as_ref().and_then(|grants| tried(grants, inputs, &Map::new(), around_all, found));
    if let Some(tried) = &wide {
        beyond_policy(tried, policy, found);
        open_ended(&tried.rules, found);
    }
    let Some(facts) = &plugin.facts else { return };
    if let Some(tried) = &wide {
        unneeded(&tried.rules, facts, found);
    }
    let usable = !plugin.text.grants_unreadable && (plugin.text.grants.is_none() || wide.is_some());
    if usable && users.iter().any(|step| step.text.grants.is_none() && !step.text.grants_unreadable) {
        let granted_nothing = Requested::default();
        let rules = wide.as_ref().map_or(&granted_nothing, |tried| &tried.rules.all);
        missing(rules, plugin, None, facts, found);
    }
    for step in users {
        let Some(grants) = &step.text.grants else { continue };
        let wide = wide.as_ref().filter(|_| usable);
        narrower(step, grants, (plugin, wide), (inputs, around(step, targets)), policy, facts, found);
    }
}

/// A block as far as it is known.
struct Tried {
    rules: Rules,
    /// Whether these are the rules of the run, and not made with a stand-in.
    exact: bool,
}

/// What a block asks for, as far as it can be known now. For callers that need no problems.
pub(super) fn approximate(grants: &GrantsText) -> Option<Requested> {
    if let Some(requested) = &grants.requested {
        return Some(requested.clone());
    }
    // Secrets are named, never computed, so they are right whatever the rest of the block holds.
    let secrets = grants.node.at("/secrets");
    secrets.key?;
    Requested::parse(&json!({ "secrets": secrets.node.to_json() })).ok()
}

fn narrower(
    step: &ResolvedStep,
    grants: &GrantsText,
    (plugin, wide): (&ResolvedPlugin, Option<&Tried>),
    (inputs, around): (&[Input], Surrounded<'_>),
    policy: &Policy,
    facts: &PluginFacts,
    found: &mut Vec<Diagnostic>,
) {
    for combination in &step.combinations {
        let before = found.len();
        let Some(tried) = tried(grants, inputs, &combination.values, around, found) else { return };
        beyond_policy(&tried, policy, found);
        unneeded(&tried.rules, facts, found);
        missing(&tried.rules.all, plugin, Some((step, grants)), facts, found);
        let nothing = Tried { rules: nothing(plugin), exact: plugin.text.grants.is_none() };
        let wide = wide.unwrap_or(&nothing);
        if tried.exact && wide.exact {
            beyond_plugin(&tried.rules, &wide.rules, plugin, found);
        }
        // What is wrong with one combination is mostly wrong with all.
        if found.len() > before {
            return;
        }
    }
}

/// What a step asks for beyond its plugin, whichever slot is active.
fn beyond_plugin(narrow: &Rules, wide: &Rules, plugin: &ResolvedPlugin, found: &mut Vec<Diagnostic>) {
    let alias = &plugin.text.alias;
    let mut said: Vec<Diagnostic> = Vec::new();
    for (narrow, node, wide) in narrow.beside(wide) {
        for error in wide.beyond(narrow) {
            let span = node.at(&error.pointer).node.span;
            let at = plugin.text.grants.as_ref().map_or(alias.span, |grants| grants.key_span);
            let problem = Diagnostic::error(
                "wider-grant",
                format!("{} is more than the plugin `{}` is granted", error.message, alias.value),
            )
            .at(span, "")
            .at(
                at,
                if plugin.text.grants.is_some() {
                    "the grants of the plugin"
                } else {
                    "this plugin is granted nothing"
                },
            )
            .note("the grants of a step may only narrow those of its plugin")
            .help("add the rule to the plugin, or remove it here")
            .exit(ExitCode::GrantRefused);
            if !said.contains(&problem) {
                said.push(problem);
            }
        }
    }
    found.extend(said);
}

/// Rules that serve nothing the component imports.
fn unneeded(block: &Rules, facts: &PluginFacts, found: &mut Vec<Diagnostic>) {
    let rules = &block.all;
    let imports = |capability| facts.imports.contains(&capability);
    let wasi = |package: &str| facts.wasi.iter().any(|interface| interface.starts_with(package));
    let http = imports(Capability::Http) || wasi("wasi:http/");
    let tcp = imports(Capability::Tcp) || wasi("wasi:sockets/");
    let mut report = |pointer: &str, what: String, imported: &str| {
        found.push(
            Diagnostic::error("unused-grant", format!("`{}` can never use {what}", facts.name))
                .at(block.node.at(pointer).node.span, "")
                .note(format!("the component does not import {imported} (read from the component itself)"))
                .help("remove the grant")
                .exit(ExitCode::GrantRefused),
        );
    };
    for (index, rule) in rules.network.rules().enumerate() {
        let rule = rule.to_string();
        let pointer = format!("/network/{index}");
        match rule.starts_with("tcp://") {
            true if !tcp => report(&pointer, format!("`{rule}`"), "`runner:plugin/tcp` or `wasi:sockets`"),
            false if !http => report(&pointer, format!("`{rule}`"), "`runner:plugin/http` or `wasi:http`"),
            true | false => {}
        }
    }
    // `docker` reads the context of a build and files of variables by this grant, and writes what it copies out.
    let files = imports(Capability::Files) || imports(Capability::Docker) || wasi("wasi:filesystem/");
    if !rules.filesystem.is_empty() && !files {
        let imported = "`runner:plugin/files`, `runner:plugin/docker` or `wasi:filesystem`";
        report("/filesystem", "files".to_owned(), imported);
    }
    if !rules.env.is_empty() && !wasi("wasi:cli/environment") {
        report("/env", "variables of the environment".to_owned(), "`wasi:cli/environment`");
    }
    for (capability, key) in
        [(Capability::Docker, "docker"), (Capability::Git, "git"), (Capability::Command, "command")]
    {
        if rules.serves(capability) && !imports(capability) {
            report(&format!("/{key}"), format!("`{key}`"), &format!("`runner:plugin/{key}`"));
        }
    }
    for (index, secret) in rules.secrets.iter().enumerate() {
        let pointer = format!("/secrets/{index}");
        if secret.reveal && !imports(Capability::Reveal) {
            report(&pointer, format!("the bytes of the secret `{}`", secret.name), "`runner:plugin/reveal`");
        } else if !imports(Capability::Secrets) && !imports(Capability::Reveal) {
            report(
                &pointer,
                format!("the secret `{}`", secret.name),
                "`runner:plugin/secrets` or `runner:plugin/reveal`",
            );
        }
    }
}

/// Programs that do whatever their arguments say, where the plugin may choose some of these.
fn open_ended(rules: &Rules, found: &mut Vec<Diagnostic>) {
    for (index, rule) in rules.all.command.rules().enumerate().filter(|(_, rule)| rule.is_open_ended()) {
        let pointer = format!("/command/{index}");
        found.push(
            Diagnostic::warning("open-ended-command", format!("`{}` allows nearly anything", rule.written()))
                .at(rules.node.at(&pointer).node.span, "")
                .note("the program does what its arguments say, and a `*` lets the plugin say it")
                .help("write the arguments in full, or name the program that is meant"),
        );
    }
}

/// Imports that nothing serves: of the plugin's own block, or of that of a step.
///
/// Secrets are left out: importing `secrets` says that a plugin *can* use one, and which one is said by the step that
/// lists it. A health check with an optional token must not need a grant for a token that it is never given.
fn missing(
    rules: &Requested,
    plugin: &ResolvedPlugin,
    step: Option<(&ResolvedStep, &GrantsText)>,
    facts: &PluginFacts,
    found: &mut Vec<Diagnostic>,
) {
    let alias = &plugin.text.alias;
    let block = step.map(|(_, grants)| grants).or(plugin.text.grants.as_ref());
    let at = |key: &str| {
        let found = block.map(|grants| grants.node.at(&format!("/{key}")));
        found.filter(|found| found.key.is_some())
    };
    // Nothing, written down, is a decision: some plugins can do without what they import.
    let decided = |key: &str| {
        at(key).is_some_and(|found| match found.node.to_json() {
            Value::Array(rules) => rules.is_empty(),
            Value::Object(rules) => rules.is_empty(),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
        })
    };
    for capability in &facts.imports {
        let by_name = matches!(capability, Capability::Secrets | Capability::Reveal);
        if rules.serves(*capability) || by_name || capability.grant_key().is_some_and(decided) {
            continue;
        }
        let interface = capability.interface();
        let who =
            step.map_or_else(|| format!("the plugin `{}`", alias.value), |(step, _)| step.text.called());
        let problem = Diagnostic::error(
            "missing-grant",
            format!("{who} may not use `{interface}`, which `{}` imports", facts.name),
        )
        .exit(ExitCode::GrantRefused)
        .note(format!("the component imports `runner:plugin/{interface}` (read from the component itself)"));
        let written = capability.grant_key().is_some_and(|key| at(key).is_some());
        let refuse =
            if written { String::new() } else { format!("\nto refuse it, add {}", nothing_of(*capability)) };
        let example = capability.example();
        found.push(match block {
            Some(grants) => problem.at(grants.key_span, "nothing here allows it").help(format!(
                "to allow it, add under `grants`, as narrow as possible\n    {example}{refuse}"
            )),
            None => problem.at(alias.span, "this plugin is granted nothing").help(format!(
                "to allow it, add here, as narrow as possible\n    grants: {{ {example} }}{refuse}"
            )),
        });
    }
}

/// What is written for a plugin that has to do without.
const fn nothing_of(capability: Capability) -> &'static str {
    match capability {
        Capability::Log | Capability::Clock => "nothing",
        Capability::Http | Capability::Tcp => "`network: []`",
        Capability::Files => "`filesystem: {}`",
        Capability::Env => "`env: []`",
        Capability::Secrets | Capability::Reveal => "`secrets: []`",
        Capability::Docker => "`docker: {}`",
        Capability::Git => "`git: []`",
        Capability::Command => "`command: []`",
    }
}

fn beyond_policy(tried: &Tried, policy: &Policy, found: &mut Vec<Diagnostic>) {
    if tried.exact {
        found.extend(refused_by_policy(&tried.rules, policy));
    }
}

/// Each rule that the operator's policy does not allow, with its place.
pub(crate) fn refused_by_policy(rules: &Rules, policy: &Policy) -> Vec<Diagnostic> {
    let Err(all) = admit(rules.all.clone(), policy) else { return Vec::new() };
    let refused = |refusal: Refusal, span| {
        Diagnostic::error("policy", format!("{}: {}", refusal.request, refusal.message))
            .at(span, "")
            .note("the policy is a ceiling: a pipeline that asks for more is refused, never cut down")
            .help("ask for less, or ask whoever owns the policy")
            .exit(ExitCode::GrantRefused)
    };
    let block = serde_json::to_value(&rules.all).unwrap_or(Value::Null);
    let mut found = Vec::new();
    let single = single_rules(&block).into_iter().filter_map(|(pointer, alone)| {
        // What has been read once is read again.
        Some((pointer, Requested::parse(&alone).ok()?))
    });
    for (pointer, alone) in single {
        let span = rules.node.at(&pointer).node.span;
        let refusals = admit(alone, policy).err().unwrap_or_default();
        found.extend(refusals.into_iter().map(|refusal| refused(refusal, span)));
    }
    if found.is_empty() {
        // Rules that mean something only together: the block is refused, and must not pass for want of a place.
        found.extend(all.into_iter().map(|refusal| refused(refusal, rules.node.span)));
    }
    found
}

/// Each rule of a block as a block of its own, with its pointer.
fn single_rules(block: &Value) -> Vec<(String, Value)> {
    let mut rules = Vec::new();
    let list = |value: Option<&Value>| value.and_then(Value::as_array).cloned().unwrap_or_default();
    for key in ["network", "env", "secrets", "git", "command"] {
        for (index, rule) in list(block.get(key)).into_iter().enumerate() {
            rules.push((format!("/{key}/{index}"), json!({ key: [rule] })));
        }
    }
    for key in ["read", "write"] {
        for (index, rule) in list(block.pointer(&format!("/filesystem/{key}"))).into_iter().enumerate() {
            rules.push((format!("/filesystem/{key}/{index}"), json!({ "filesystem": { key: [rule] } })));
        }
    }
    // Its keys only mean something together.
    if let Some(docker) = block.get("docker") {
        rules.push(("/docker".to_owned(), json!({ "docker": docker })));
    }
    rules
}

/// Reads a block with what is known of its expressions; problems only if no stand-in makes it readable.
fn tried(
    grants: &GrantsText,
    inputs: &[Input],
    matrix: &Map<String, Value>,
    (around, is_settled): Surrounded<'_>,
    found: &mut Vec<Diagnostic>,
) -> Option<Tried> {
    let references = grants.template.references();
    let open: Vec<&Input> = references
        .second("inputs")
        .filter_map(|name| inputs.iter().find(|input| input.name.value == name))
        .collect();
    // Something else is wrong with the expressions, and has been said.
    let visible = references.paths.iter().all(|path| {
        let named = |name: &String| match path[0].as_str() {
            "inputs" => inputs.iter().any(|input| input.name.value == *name),
            "matrix" => matrix.contains_key(name),
            "target" => around.is_some_and(|around| has_target_path(&path[1..], around.target)),
            _ => false,
        };
        path.get(1).is_some_and(named)
    });
    if !visible {
        return None;
    }
    let looks_at_target = references.paths.iter().any(|path| path[0] == "target");
    let exact = open.is_empty() && (is_settled || !looks_at_target);
    let mut first: Option<Vec<Diagnostic>> = None;
    for text in ["x", "1"] {
        let values: Map<String, Value> =
            open.iter().map(|input| (input.name.value.clone(), stand_in(input, text))).collect();
        match rendered(grants, Values { inputs: &values, matrix, around }) {
            Ok(rules) => return Some(Tried { rules, exact }),
            Err(problem) => {
                let mut problems = placed(problem, grants);
                if !values.is_empty() {
                    let with: Vec<String> = values
                        .iter()
                        .map(|(name, value)| format!("inputs.{name} = {}", plain(value)))
                        .collect();
                    for problem in &mut problems {
                        problem.notes.push(format!("tried with {}", listed(with.iter().map(String::as_str))));
                    }
                }
                first.get_or_insert(problems);
            }
        }
    }
    found.extend(first.into_iter().flatten());
    None
}

/// A value that an input may have.
fn stand_in(input: &Input, text: &str) -> Value {
    let default = input.default.clone().filter(is_safe);
    default.unwrap_or_else(|| match &input.takes {
        InputType::String(_) => json!(text),
        InputType::Integer | InputType::Number => json!(1),
        InputType::Boolean => json!(true),
        InputType::Enum(values) => values.first().cloned().unwrap_or(json!(text)),
    })
}

/// The grants of a plugin when everything is known; `None` with problems in `found`.
pub(crate) fn settled(
    plugin: &ResolvedPlugin,
    values: Values<'_>,
    found: &mut Vec<Diagnostic>,
) -> Option<Rules> {
    let Some(grants) = &plugin.text.grants else { return Some(nothing(plugin)) };
    let values = Values { matrix: &Map::new(), ..values };
    rendered(grants, values).map_err(|problem| found.extend(placed(problem, grants))).ok()
}

/// The grants of a step that has its own, when everything is known; `None` with problems in `found`.
pub(crate) fn narrowed(
    grants: &GrantsText,
    plugin: (&ResolvedPlugin, &Rules),
    values: Values<'_>,
    found: &mut Vec<Diagnostic>,
) -> Option<Rules> {
    let rules = rendered(grants, values).map_err(|problem| found.extend(placed(problem, grants))).ok()?;
    let before = found.len();
    beyond_plugin(&rules, plugin.1, plugin.0, found);
    (found.len() == before).then_some(rules)
}

/// The rules of a plugin that is granted nothing.
fn nothing(plugin: &ResolvedPlugin) -> Rules {
    let node = Node { span: plugin.text.alias.span, content: Content::Null };
    Rules::fixed(Requested::default(), node)
}
