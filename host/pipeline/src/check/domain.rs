//! The values over which conditions are tried.
//!
//! A *variable* is an input or `event.name`; its values are all it can have, or for texts one for each way in which the
//! conditions can tell texts apart. A *world* is one choice for each variable.

use std::collections::BTreeSet;

use runner_expression::Scope;
use serde_json::{Map, Value, json};

use super::literals::{Question, questions};
use crate::{
    authored::{Condition, Input, InputType},
    resolve::Resolved,
};

/// More worlds than this are not tried: variables with the most values are left open instead.
const MAX_WORLDS: usize = 4_096;
/// More literals than this inside texts are not combined.
const MAX_CONTAINS: usize = 4;

/// A name that conditions look at.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Variable {
    Event,
    Input(String),
}

/// The variables with their values; the first turns fastest.
#[derive(Debug)]
pub(super) struct Domain {
    variables: Vec<(Variable, Vec<Value>)>,
}

impl Domain {
    /// The variables of all `conditions`, at most `most` worlds of them.
    pub(super) fn of(resolved: &Resolved, conditions: &[&Condition], most: usize) -> Self {
        let mut names: BTreeSet<Variable> = BTreeSet::new();
        for condition in conditions {
            names.extend(variables_of(condition));
        }
        let mut variables: Vec<(Variable, Vec<Value>)> = names
            .into_iter()
            .filter_map(|variable| {
                let values = match &variable {
                    Variable::Event => events(&resolved.document.events),
                    Variable::Input(name) => {
                        let input =
                            resolved.document.inputs.iter().find(|input| input.name.value == *name)?;
                        values_of(input, conditions)?
                    }
                };
                Some((variable, values))
            })
            .collect();
        variables.sort_by_key(|(_, values)| values.len());
        let mut worlds = 1_usize;
        variables.retain(|(_, values)| {
            let more = worlds.saturating_mul(values.len());
            let fits = more <= most.min(MAX_WORLDS);
            if fits {
                worlds = more;
            }
            fits
        });
        Self { variables }
    }

    /// How many worlds there are; at least one.
    pub(super) fn worlds(&self) -> usize {
        self.variables.iter().map(|(_, values)| values.len()).product()
    }

    /// The positions of the variables that a condition looks at; `None` if it looks at something whose values are not
    /// known.
    pub(super) fn positions(&self, condition: &Condition) -> Option<Vec<usize>> {
        let looked_at = variables_of(condition);
        let mut positions = Vec::with_capacity(looked_at.len());
        for variable in looked_at {
            positions.push(self.variables.iter().position(|(known, _)| *known == variable)?);
            if let Variable::Input(name) = &variable
                && self.is_text(&variable)
            {
                questions(condition.expression.source(), name)?;
            }
        }
        let whole =
            condition.expression.references().paths.iter().any(|path| path.len() == 1 && path[0] != "steps");
        (!whole).then_some(positions)
    }

    /// Texts stand for others like them; that holds only for conditions that ask nothing but what is understood.
    fn is_text(&self, variable: &Variable) -> bool {
        self.variables.iter().find(|(known, _)| known == variable).is_some_and(|(_, values)| {
            values.iter().any(|value| value.as_str().is_some_and(|text| text.contains(FILLER)))
        })
    }

    /// Calls `visit` for each choice of the variables at `positions`, with a scope that holds just these.
    pub(super) fn for_each_choice(&self, positions: &[usize], mut visit: impl FnMut(&[usize], &Scope)) {
        let mut choice = vec![0_usize; positions.len()];
        loop {
            visit(&choice, &self.scope(positions, &choice));
            let mut turned = false;
            for (index, position) in choice.iter_mut().zip(positions) {
                *index += 1;
                if *index < self.variables[*position].1.len() {
                    turned = true;
                    break;
                }
                *index = 0;
            }
            if !turned {
                return;
            }
        }
    }

    /// How many choices [`Domain::for_each_choice`] makes.
    pub(super) fn choices(&self, positions: &[usize]) -> usize {
        positions.iter().map(|position| self.variables[*position].1.len()).product()
    }

    /// Which of the choices made for `positions` a world belongs to.
    pub(super) fn choice_of(&self, world: usize, positions: &[usize]) -> usize {
        let mut choice = 0;
        let mut weight = 1;
        for &position in positions {
            let before: usize = self.variables[..position].iter().map(|(_, values)| values.len()).product();
            let count = self.variables[position].1.len();
            choice += (world / before % count) * weight;
            weight *= count;
        }
        choice
    }

    fn scope(&self, positions: &[usize], choice: &[usize]) -> Scope {
        let mut inputs = Map::new();
        let mut scope = Scope::default();
        for (position, index) in positions.iter().zip(choice) {
            let (variable, values) = &self.variables[*position];
            let value = values[*index].clone();
            match variable {
                Variable::Event => {
                    scope.variables.insert("event".to_owned(), json!({ "name": value }));
                }
                Variable::Input(name) => {
                    inputs.insert(name.clone(), value);
                }
            }
        }
        if !inputs.is_empty() {
            scope.variables.insert("inputs".to_owned(), Value::Object(inputs));
        }
        scope
    }
}

fn variables_of(condition: &Condition) -> BTreeSet<Variable> {
    let references = condition.expression.references();
    let mut variables: BTreeSet<Variable> =
        references.second("inputs").map(|name| Variable::Input(name.to_owned())).collect();
    if references.second("event").any(|name| name == "name") {
        variables.insert(Variable::Event);
    }
    variables
}

fn events(declared: &[String]) -> Vec<Value> {
    if declared.is_empty() {
        vec![json!("manual")]
    } else {
        declared.iter().map(|event| json!(event)).collect()
    }
}

/// Every value an input can have, as far as conditions can tell; `None` if that is not known.
fn values_of(input: &Input, conditions: &[&Condition]) -> Option<Vec<Value>> {
    let mut values = match &input.takes {
        InputType::Boolean => vec![json!(true), json!(false)],
        InputType::Enum(values) => values.clone(),
        InputType::String(pattern) => {
            let fits = |text: &str| pattern.as_ref().is_none_or(|pattern| pattern.matches(text));
            texts(&input.name.value, conditions, fits)?
        }
        InputType::Integer | InputType::Number => return None,
    };
    if !input.required && input.default.is_none() {
        values.push(Value::Null);
    }
    (!values.is_empty()).then_some(values)
}

/// A sign of no language: it stands where a text may hold anything else.
const FILLER: char = '\u{F8FF}';

/// One text for each way in which conditions can tell texts apart: each literal itself, and every prefix with every
/// suffix and every set of inner literals, around something that is none of them.
fn texts(name: &str, conditions: &[&Condition], fits: impl Fn(&str) -> bool) -> Option<Vec<Value>> {
    let mut asked: BTreeSet<Question> = BTreeSet::new();
    for condition in conditions {
        // Conditions that ask something else are left open one by one, see `Domain::positions`.
        asked.extend(questions(condition.expression.source(), name).into_iter().flatten());
    }
    let (mut literals, mut starts, mut ends, mut inner) = (BTreeSet::new(), vec![""], vec![""], Vec::new());
    for question in &asked {
        match question {
            Question::Is(text) => {
                if fits(text) {
                    literals.insert(text.clone());
                }
            }
            Question::StartsWith(text) => starts.push(text),
            Question::EndsWith(text) => ends.push(text),
            Question::Contains(text) => inner.push(text.as_str()),
        }
    }
    if inner.len() > MAX_CONTAINS || starts.len() * ends.len() > MAX_WORLDS {
        return None;
    }
    for start in &starts {
        for end in &ends {
            for set in 0..1_usize << inner.len() {
                let middle = inner.iter().enumerate().filter(|(index, _)| set & (1 << index) != 0);
                let middle: String = middle.map(|(_, text)| format!("{text}{FILLER}")).collect();
                literals.insert(format!("{start}{FILLER}{middle}{end}"));
            }
        }
    }
    Some(literals.into_iter().map(Value::String).collect())
}
