//! Grants: enough, needed, no wider than they may be.
//!
//! A block may hold expressions over inputs. Those are not known yet, so the block is tried with their defaults or a
//! stand-in, which is enough to say what kind of rules it holds; `plan` renders it again with the real values and asks
//! for the policy then.

use runner_capabilities::{Capability, Policy, Requested, admit};
use runner_expression::Scope;
use runner_model::{Diagnostic, ExitCode};
use serde_json::{Map, Value, json};

use crate::{
    authored::{GrantsText, Input, InputType, plain, problem_in},
    problems::listed,
    resolve::{PluginFacts, Resolved, ResolvedPlugin, ResolvedStep},
};

pub(super) fn check(resolved: &Resolved, policy: &Policy, found: &mut Vec<Diagnostic>) {
    let inputs = &resolved.document.inputs;
    for plugin in &resolved.plugins {
        let users = plugin.users.iter().map(|at| &resolved.steps[*at]);
        let wide = plugin.text.grants.as_ref().and_then(|grants| tried(grants, inputs, &Map::new(), found));
        if let (Some(grants), Some(requested)) = (&plugin.text.grants, &wide) {
            beyond_policy(requested, grants, policy, found);
        }
        let Some(facts) = &plugin.facts else { continue };
        if let (Some(grants), Some(requested)) = (&plugin.text.grants, &wide) {
            unneeded(&requested.rules, grants, facts, found);
        }
        let usable = !plugin.text.grants_unreadable && (plugin.text.grants.is_none() || wide.is_some());
        if usable && users.clone().any(|step| step.text.grants.is_none() && !step.text.grants_unreadable) {
            let nothing = Requested::default();
            let rules = wide.as_ref().map_or(&nothing, |tried| &tried.rules);
            missing(rules, plugin, None, facts, found);
        }
        for step in users {
            let Some(grants) = &step.text.grants else { continue };
            narrower(step, grants, plugin, wide.as_ref().filter(|_| usable), policy, inputs, facts, found);
        }
    }
    for step in &resolved.steps {
        // Steps without plugin are told elsewhere that grants mean nothing for them.
        if let (None, Some(grants)) = (resolved.plugin_of(step), &step.text.grants) {
            tried(grants, inputs, &step.combinations[0].values, found);
        }
    }
}

/// A block as far as it is known.
struct Tried {
    rules: Requested,
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

#[expect(clippy::too_many_arguments, reason = "one call, and all of it is about this one step")]
fn narrower(
    step: &ResolvedStep,
    grants: &GrantsText,
    plugin: &ResolvedPlugin,
    wide: Option<&Tried>,
    policy: &Policy,
    inputs: &[Input],
    facts: &PluginFacts,
    found: &mut Vec<Diagnostic>,
) {
    for combination in &step.combinations {
        let before = found.len();
        let Some(tried) = tried(grants, inputs, &combination.values, found) else { return };
        beyond_policy(&tried, grants, policy, found);
        unneeded(&tried.rules, grants, facts, found);
        missing(&tried.rules, plugin, Some((step, grants)), facts, found);
        let nothing = Tried { rules: Requested::default(), exact: plugin.text.grants.is_none() };
        let wide = wide.unwrap_or(&nothing);
        if tried.exact && wide.exact {
            beyond_plugin(&tried.rules, &wide.rules, grants, plugin, found);
        }
        // What is wrong with one combination is mostly wrong with all.
        if found.len() > before {
            return;
        }
    }
}

/// What a step asks for beyond its plugin.
fn beyond_plugin(
    narrow: &Requested,
    wide: &Requested,
    grants: &GrantsText,
    plugin: &ResolvedPlugin,
    found: &mut Vec<Diagnostic>,
) {
    let alias = &plugin.text.alias;
    for error in wide.beyond(narrow) {
        let span = grants.node.at(&error.pointer).node.span;
        let at = plugin.text.grants.as_ref().map_or(alias.span, |grants| grants.key_span);
        found.push(
            Diagnostic::error(
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
            .exit(ExitCode::GrantRefused),
        );
    }
}

/// Rules that serve nothing the component imports.
fn unneeded(rules: &Requested, grants: &GrantsText, facts: &PluginFacts, found: &mut Vec<Diagnostic>) {
    let imports = |capability| facts.imports.contains(&capability);
    let wasi = |package: &str| facts.wasi.iter().any(|interface| interface.starts_with(package));
    let http = imports(Capability::Http) || wasi("wasi:http/");
    let tcp = imports(Capability::Tcp) || wasi("wasi:sockets/");
    let mut report = |pointer: &str, what: String, imported: &str| {
        found.push(
            Diagnostic::error("unused-grant", format!("`{}` can never use {what}", facts.name))
                .at(grants.node.at(pointer).node.span, "")
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
    if !rules.filesystem.is_empty() && !imports(Capability::Files) && !wasi("wasi:filesystem/") {
        report("/filesystem", "files".to_owned(), "`runner:plugin/files` or `wasi:filesystem`");
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

fn beyond_policy(tried: &Tried, grants: &GrantsText, policy: &Policy, found: &mut Vec<Diagnostic>) {
    if tried.exact {
        found.extend(refused_by_policy(&tried.rules, grants, policy));
    }
}

/// Each rule that the operator's policy does not allow, with its place.
pub(crate) fn refused_by_policy(rules: &Requested, grants: &GrantsText, policy: &Policy) -> Vec<Diagnostic> {
    if admit(rules.clone(), policy).is_ok() {
        return Vec::new();
    }
    let block = serde_json::to_value(rules).unwrap_or(Value::Null);
    let mut refused = Vec::new();
    let single = single_rules(&block).into_iter().filter_map(|(pointer, alone)| {
        // What has been read once is read again.
        Some((pointer, Requested::parse(&alone).ok()?))
    });
    for (pointer, alone) in single.chain(whole_blocks(rules)) {
        let span = grants.node.at(&pointer).node.span;
        for refusal in admit(alone, policy).err().unwrap_or_default() {
            refused.push(
                Diagnostic::error("policy", format!("{}: {}", refusal.request, refusal.message))
                    .at(span, "")
                    .note("the policy is a ceiling: a pipeline that asks for more is refused, never cut down")
                    .help("ask for less, or ask whoever owns the policy")
                    .exit(ExitCode::GrantRefused),
            );
        }
    }
    refused
}

/// The capabilities whose lists belong together, each alone: a verb without its names says nothing.
fn whole_blocks(rules: &Requested) -> impl Iterator<Item = (String, Requested)> {
    let docker = Requested { docker: rules.docker.clone(), ..Requested::default() };
    let git = Requested { git: rules.git.clone(), ..Requested::default() };
    let command = Requested { command: rules.command.clone(), ..Requested::default() };
    [("/docker", docker), ("/git", git), ("/command", command)]
        .into_iter()
        .map(|(pointer, alone)| (pointer.to_owned(), alone))
}

/// Each rule of a block as a block of its own, with its pointer.
fn single_rules(block: &Value) -> Vec<(String, Value)> {
    let mut rules = Vec::new();
    let list = |value: Option<&Value>| value.and_then(Value::as_array).cloned().unwrap_or_default();
    for key in ["network", "env", "secrets"] {
        for (index, rule) in list(block.get(key)).into_iter().enumerate() {
            rules.push((format!("/{key}/{index}"), json!({ key: [rule] })));
        }
    }
    for key in ["read", "write"] {
        for (index, rule) in list(block.pointer(&format!("/filesystem/{key}"))).into_iter().enumerate() {
            rules.push((format!("/filesystem/{key}/{index}"), json!({ "filesystem": { key: [rule] } })));
        }
    }
    rules
}

/// Reads a block with what is known of its expressions; problems only if no stand-in makes it readable.
fn tried(
    grants: &GrantsText,
    inputs: &[Input],
    matrix: &Map<String, Value>,
    found: &mut Vec<Diagnostic>,
) -> Option<Tried> {
    if let Some(rules) = &grants.requested {
        return Some(Tried { rules: rules.clone(), exact: true });
    }
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
            _ => false,
        };
        path.get(1).is_some_and(named)
    });
    if !visible {
        return None;
    }
    let mut first: Option<Vec<Diagnostic>> = None;
    for text in ["x", "1"] {
        let values: Map<String, Value> =
            open.iter().map(|input| (input.name.value.clone(), stand_in(input, text))).collect();
        match rendered(grants, &values, matrix) {
            Ok(rules) => return Some(Tried { rules, exact: open.is_empty() }),
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

/// Why a block with expressions is no block of grants.
#[derive(Debug)]
enum GrantProblem {
    /// A value could widen the grant. With its name: `inputs.host`.
    Unsafe(String, Value),
    /// An expression has no value.
    NoValue(String),
    /// What came out is wrong.
    Rules(Vec<runner_capabilities::GrantError>),
}

/// Renders a block and reads it.
fn rendered(
    grants: &GrantsText,
    inputs: &Map<String, Value>,
    matrix: &Map<String, Value>,
) -> Result<Requested, GrantProblem> {
    if let Some(rules) = &grants.requested {
        return Ok(rules.clone());
    }
    let references = grants.template.references();
    for (root, values) in [("inputs", inputs), ("matrix", matrix)] {
        for name in references.second(root) {
            let value = values.get(name).unwrap_or(&Value::Null);
            if !is_safe(value) {
                return Err(GrantProblem::Unsafe(format!("{root}.{name}"), value.clone()));
            }
        }
    }
    let mut scope = Scope::default();
    scope.variables.insert("inputs".to_owned(), Value::Object(inputs.clone()));
    scope.variables.insert("matrix".to_owned(), Value::Object(matrix.clone()));
    let block = grants.template.render(&scope).map_err(|error| GrantProblem::NoValue(error.to_string()))?;
    Requested::parse(&block).map_err(GrantProblem::Rules)
}

/// Whether a value can stand in a rule without being more than one plain word.
fn is_safe(value: &Value) -> bool {
    match value {
        Value::Bool(_) | Value::Number(_) => true,
        Value::String(text) => {
            !text.is_empty()
                && text.chars().all(|sign| sign.is_ascii_alphanumeric() || matches!(sign, '.' | '-' | '_'))
        }
        Value::Null | Value::Array(_) | Value::Object(_) => false,
    }
}

/// The problem with its place in the block.
fn placed(problem: GrantProblem, grants: &GrantsText) -> Vec<Diagnostic> {
    match problem {
        GrantProblem::Rules(errors) => {
            errors.iter().map(|error| problem_in("grant", error, &grants.node)).collect()
        }
        GrantProblem::NoValue(reason) => {
            vec![
                Diagnostic::error("grant", format!("an expression in the grants has no value: {reason}"))
                    .at(grants.key_span, ""),
            ]
        }
        GrantProblem::Unsafe(name, value) => {
            let message = if value.is_null() {
                format!("`{name}` has no value, and the grants need one")
            } else {
                format!("`{name}` is `{}`, which cannot become part of a grant", plain(&value))
            };
            vec![
                Diagnostic::error("grant-value", message)
                    .at(grants.key_span, "in these grants")
                    .note("a value in a grant holds letters, digits, `.`, `-` and `_` only: anything else could widen the rule")
                    .help("write the rule out, or choose another value")
                    .exit(ExitCode::GrantRefused),
            ]
        }
    }
}

/// The grants of a plugin when the inputs are known; `None` with problems in `found`.
pub(crate) fn settled(
    plugin: &ResolvedPlugin,
    inputs: &Map<String, Value>,
    found: &mut Vec<Diagnostic>,
) -> Option<Requested> {
    let Some(grants) = &plugin.text.grants else { return Some(Requested::default()) };
    rendered(grants, inputs, &Map::new()).map_err(|problem| found.extend(placed(problem, grants))).ok()
}

/// The grants of a step that has its own, when the inputs are known; `None` with problems in `found`.
pub(crate) fn narrowed(
    grants: &GrantsText,
    plugin: (&ResolvedPlugin, &Requested),
    inputs: &Map<String, Value>,
    matrix: &Map<String, Value>,
    found: &mut Vec<Diagnostic>,
) -> Option<Requested> {
    let rules =
        rendered(grants, inputs, matrix).map_err(|problem| found.extend(placed(problem, grants))).ok()?;
    let before = found.len();
    beyond_plugin(&rules, plugin.1, grants, plugin.0, found);
    (found.len() == before).then_some(rules)
}
