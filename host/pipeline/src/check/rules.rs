//! A `grants` block as rules, under what is known of inputs, matrix and target.
//!
//! Which slot of a target is active is not known before the run. A block that names the active or the candidate is
//! therefore rendered once for every case: none active, and each slot. What it holds in any of them is what the policy is
//! asked about and what the plan shows; what it holds in one of them is all that a step may use once the proxy was asked.
//!
//! A rule that names the active slot is left out where none is active: it grants nothing then.

use runner_capabilities::{GrantError, Requested};
use runner_expression::{References, Scope, Template};
use runner_model::{Assignment, Diagnostic, ExitCode, Narrowed, Phase, Target, TargetName};
use serde_json::{Map, Value};

use crate::{
    authored::{GrantsText, plain, problem_in},
    yaml::{Content, Entry, Node},
};

/// The target that a block is rendered for, and whether it is for the step that asks which slot is active.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Around<'a> {
    pub(crate) name: &'a str,
    pub(crate) target: &'a Target,
    pub(crate) is_observer: bool,
}

impl<'a> Around<'a> {
    pub(crate) fn new(name: &'a str, target: &'a Target, phase: &Phase) -> Self {
        Self { name, target, is_observer: *phase == Phase::Observe }
    }

    /// The cases that a rule may be for. To the step that asks no slot is known.
    fn cases(&self) -> Vec<Assignment> {
        if self.is_observer { Vec::new() } else { self.target.assignments() }
    }
}

/// What expressions in grants may stand for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Values<'a> {
    pub(crate) inputs: &'a Map<String, Value>,
    pub(crate) matrix: &'a Map<String, Value>,
    pub(crate) around: Option<Around<'a>>,
}

/// What a block asks for.
#[derive(Debug, Clone)]
pub(crate) struct Rules {
    /// In any case.
    pub(crate) all: Requested,
    /// The block with every rule in it as often as it stands in `all`, for the places of rules.
    pub(crate) node: Node,
    /// In each case, with the block as above; empty if all are the same.
    cases: Vec<(Narrowed, Node)>,
}

impl Rules {
    /// Rules that do not depend on anything.
    pub(crate) fn fixed(all: Requested, node: Node) -> Self {
        Self { all, node, cases: Vec::new() }
    }

    /// What a step may do in each case, for the plan.
    pub(crate) fn narrowed(&self) -> Vec<Narrowed> {
        self.cases.iter().map(|(narrowed, _)| narrowed.clone()).collect()
    }

    /// The rules in every case in which these or those of `other` differ, with the places of these.
    pub(crate) fn beside<'a>(&'a self, other: &'a Self) -> Vec<(&'a Requested, &'a Node, &'a Requested)> {
        let of = |rules: &'a Self, active: Option<&String>| {
            let case = rules.cases.iter().find(|(narrowed, _)| narrowed.active.as_ref() == active);
            case.map_or((&rules.all, &rules.node), |(narrowed, node)| (&narrowed.grants, node))
        };
        let most = if self.cases.is_empty() { &other.cases } else { &self.cases };
        if most.is_empty() {
            return vec![(&self.all, &self.node, &other.all)];
        }
        most.iter()
            .map(|(narrowed, _)| {
                let active = narrowed.active.as_ref();
                let (own, node) = of(self, active);
                (own, node, of(other, active).0)
            })
            .collect()
    }
}

/// Why a block with expressions is no block of grants.
#[derive(Debug)]
pub(crate) enum GrantProblem {
    /// A value could widen the grant. With its name: `inputs.host`.
    Unsafe(String, Value),
    /// An expression has no value.
    NoValue(String),
    /// What came out is wrong.
    Rules(Vec<GrantError>, Node),
}

/// Renders a block and reads it.
pub(crate) fn rendered(grants: &GrantsText, values: Values<'_>) -> Result<Rules, GrantProblem> {
    if let Some(rules) = &grants.requested {
        return Ok(Rules::fixed(rules.clone(), grants.node.clone()));
    }
    let references = grants.template.references();
    for (root, known) in [("inputs", values.inputs), ("matrix", values.matrix)] {
        for name in references.second(root) {
            let value = known.get(name).unwrap_or(&Value::Null);
            if !is_safe(value) {
                return Err(GrantProblem::Unsafe(format!("{root}.{name}"), value.clone()));
            }
        }
    }
    let cases = values.around.as_ref().map(Around::cases).unwrap_or_default();
    let (all, node) = read(&grants.node, &cases, values)?;
    let mut rules = Rules::fixed(all, node);
    if depends(&references) {
        for case in cases {
            let (grants, node) = read(&grants.node, std::slice::from_ref(&case), values)?;
            rules.cases.push((Narrowed { active: case.active, grants }, node));
        }
    }
    Ok(rules)
}

fn read(node: &Node, cases: &[Assignment], values: Values<'_>) -> Result<(Requested, Node), GrantProblem> {
    let (block, node) = expanded(node, cases, values)?;
    match Requested::parse(&block) {
        Ok(rules) => Ok((rules, node)),
        Err(errors) => Err(GrantProblem::Rules(errors, node)),
    }
}

/// Whether something refers to a slot that is only known once the proxy was asked.
fn depends(references: &References) -> bool {
    references.second("target").any(|name| matches!(name, "active" | "candidate" | "previous"))
}

/// The block with every item of its lists that depends on the slots once per case.
fn expanded(node: &Node, cases: &[Assignment], values: Values<'_>) -> Result<(Value, Node), GrantProblem> {
    match &node.content {
        Content::List(items) => {
            let (mut block, mut nodes) = (Vec::new(), Vec::new());
            for item in items.iter() {
                let before = block.len();
                for value in item_values(item, cases, values)? {
                    if !block[before..].contains(&value) {
                        block.push(value);
                        nodes.push(item.clone());
                    }
                }
            }
            Ok((Value::Array(block), Node { content: Content::List(nodes.into()), ..node.clone() }))
        }
        Content::Map(entries) => {
            let (mut block, mut nodes) = (Map::new(), Vec::new());
            for entry in entries.iter() {
                let (value, node) = expanded(&entry.value, cases, values)?;
                block.insert(entry.key.as_ref().to_owned(), value);
                nodes.push(Entry { value: node, ..entry.clone() });
            }
            Ok((Value::Object(block), Node { content: Content::Map(nodes.into()), ..node.clone() }))
        }
        Content::Null | Content::Bool(_) | Content::Number(_) | Content::Text(_) => {
            let template = parsed(node)?;
            if depends(&template.references()) {
                let why =
                    "`target.active`, `target.candidate` and `target.previous` stand in lists of rules only";
                return Err(GrantProblem::NoValue(why.to_owned()));
            }
            Ok((value(&template, None, values)?, node.clone()))
        }
    }
}

/// What one rule is in each of the cases.
fn item_values(item: &Node, cases: &[Assignment], values: Values<'_>) -> Result<Vec<Value>, GrantProblem> {
    let template = parsed(item)?;
    let references = template.references();
    if !depends(&references) {
        return Ok(vec![value(&template, None, values)?]);
    }
    let needs_active = references.second("target").any(|name| matches!(name, "active" | "previous"));
    cases
        .iter()
        .filter(|case| case.active.is_some() || !needs_active)
        .map(|case| value(&template, Some(case), values))
        .collect()
}

fn parsed(node: &Node) -> Result<Template, GrantProblem> {
    // The whole block was read before.
    Template::parse(node.to_json()).map_err(|errors| {
        let first = errors.first().map(|error| error.error.message.clone());
        GrantProblem::NoValue(first.unwrap_or_default())
    })
}

fn value(template: &Template, case: Option<&Assignment>, values: Values<'_>) -> Result<Value, GrantProblem> {
    let mut scope = Scope::default();
    scope.variables.insert("inputs".to_owned(), Value::Object(values.inputs.clone()));
    scope.variables.insert("matrix".to_owned(), Value::Object(values.matrix.clone()));
    if let Some(Around { name, target, .. }) = values.around {
        scope.variables.insert("target".to_owned(), target.value(&TargetName::new(name), case));
    }
    template.render(&scope).map_err(|error| GrantProblem::NoValue(error.to_string()))
}

/// Whether a value can stand in a rule without being more than one plain word.
pub(super) fn is_safe(value: &Value) -> bool {
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
pub(crate) fn placed(problem: GrantProblem, grants: &GrantsText) -> Vec<Diagnostic> {
    match problem {
        GrantProblem::Rules(errors, node) => {
            errors.iter().map(|error| problem_in("grant", error, &node)).collect()
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
