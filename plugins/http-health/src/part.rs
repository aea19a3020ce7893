//! Parts of the answer that are judged under a name of their own: a service tells in one body how all that it needs is.

use std::collections::BTreeMap;

use runner_cel::Expression;
use runner_plugin::json::shown;
use runner_plugin::{Check, Failure, Health};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use crate::look::Facts;
use crate::own_words::meaning;

/// What an expression can look at.
const VARIABLES: [&str; 4] = ["status", "headers", "body", "latency_ms"];

/// One part. Either a place in the body, or an expression.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("oneOf" = [
    { "required": ["pointer"], "not": { "required": ["cel"] } },
    { "required": ["cel"], "not": { "anyOf": [
        { "required": ["pointer"] }, { "required": ["equals"] }, { "required": ["one_of"] },
        { "required": ["min"] }, { "required": ["max"] },
    ] } },
]))]
pub(crate) struct Part {
    /// Where in the JSON body, e.g. `/services/redis/status`. Without a comparison the value itself has to say that all
    /// is well: `true`, a word such as `healthy` or `ok`, or an object whose `status` is one.
    #[schemars(regex(pattern = "^(/.*)?$"))]
    pointer: Option<String>,
    /// The value is this.
    equals: Option<Value>,
    /// The value is one of these.
    #[schemars(length(min = 1))]
    one_of: Option<Vec<Value>>,
    /// The value is a number, and not below this.
    min: Option<f64>,
    /// The value is a number, and not above this.
    max: Option<f64>,
    /// An expression over `status`, `headers`, `body` and `latency_ms` that is true when all is well.
    #[schemars(length(min = 1, max = 4096))]
    cel: Option<String>,
    /// How the service is if this part is not well.
    #[serde(default)]
    otherwise: Otherwise,
}

/// How the service is if a part is not well.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Otherwise {
    /// It serves, not as it should.
    Degraded,
    /// It does not serve.
    #[default]
    Unhealthy,
}

impl Otherwise {
    fn health(self) -> Health {
        match self {
            Self::Degraded => Health::Degraded,
            Self::Unhealthy => Health::Unhealthy,
        }
    }
}

/// A part whose config makes sense.
pub(crate) struct Question<'c> {
    name: &'c str,
    part: &'c Part,
    how: How<'c>,
}

enum How<'c> {
    At(&'c str),
    Asked { source: &'c str, expression: Expression },
}

/// The parts in the order of their names.
///
/// # Errors
///
/// `invalid-config` for the first that makes no sense.
pub(crate) fn questions(parts: &BTreeMap<String, Part>) -> Result<Vec<Question<'_>>, Failure> {
    parts
        .iter()
        .map(|(name, part)| {
            let wrong = |why: &str| Failure::invalid_config(format!("check `{name}`: {why}"));
            let compares =
                part.equals.is_some() || part.one_of.is_some() || part.min.is_some() || part.max.is_some();
            let how = match (&part.pointer, &part.cel) {
                (Some(pointer), None) if pointer.is_empty() || pointer.starts_with('/') => How::At(pointer),
                (Some(_), None) => return Err(wrong("`pointer` starts with `/`")),
                (None, Some(_)) if compares => return Err(wrong("`cel` compares by itself")),
                (None, Some(source)) => {
                    let expression = Expression::parse(source, &VARIABLES).map_err(|why| wrong(&why))?;
                    How::Asked { source, expression }
                }
                _ => return Err(wrong("either `pointer` or `cel` must be given")),
            };
            if part.one_of.as_ref().is_some_and(Vec::is_empty) {
                return Err(wrong("`one_of` is an empty list"));
            }
            Ok(Question { name, part, how })
        })
        .collect()
}

impl Question<'_> {
    /// Judges the part.
    ///
    /// # Errors
    ///
    /// `invalid-config` when an expression is neither true nor false whatever the service says.
    pub(crate) fn judge(&self, facts: &Facts) -> Result<Check, Failure> {
        let name = self.name;
        let bad = |why: String| Check::new(name, self.part.otherwise.health(), format!("{name}: {why}"));
        Ok(match &self.how {
            How::At(_) if !facts.is_json => bad("the body is not JSON".to_owned()),
            How::At(pointer) => match facts.body.pointer(pointer) {
                None => bad(format!("`{pointer}` is missing")),
                Some(value) => match self.part.compare(value) {
                    Ok(is) => Check::new(name, Health::Healthy, is),
                    Err((Some(health), why)) => Check::new(name, health, format!("{name}: {why}")),
                    Err((None, why)) => bad(why),
                },
            },
            How::Asked { source, expression } => {
                let source = runner_plugin::text::shortened(source);
                match expression.ask(&[
                    ("status", &facts.status),
                    ("headers", &facts.headers),
                    ("body", &facts.body),
                    ("latency_ms", &facts.latency_ms),
                ]) {
                    Ok(true) => Check::new(name, Health::Healthy, format!("`{source}` is true")),
                    Ok(false) => bad(format!("`{source}` is false")),
                    // The body is not as the expression wants it: that says something about the service.
                    Err(why) => bad(format!("`{source}`: {why}")),
                }
            }
        })
    }
}

impl Part {
    /// What the value is; or why it is not well, and how bad that is if the value itself says so.
    fn compare(&self, value: &Value) -> Result<String, (Option<Health>, String)> {
        let is = format!("it is {}", shown(value));
        let not = |why: String| Err((None, format!("{is}, {why}")));
        let mut compared = false;
        if let Some(wanted) = &self.equals {
            compared = true;
            if !same(wanted, value) {
                return not(format!("not {}", shown(wanted)));
            }
        }
        if let Some(wanted) = &self.one_of {
            compared = true;
            if !wanted.iter().any(|wanted| same(wanted, value)) {
                return not(format!("not one of {}", shown(&Value::Array(wanted.clone()))));
            }
        }
        if self.min.is_some() || self.max.is_some() {
            compared = true;
            // A number as a text is no number: services that mix them up are not to be trusted with limits.
            let Some(number) = value.as_f64() else { return not("which is not a number".to_owned()) };
            if let Some(min) = self.min.filter(|&min| number < min) {
                return not(format!("below {min}"));
            }
            if let Some(max) = self.max.filter(|&max| number > max) {
                return not(format!("above {max}"));
            }
        }
        if compared { Ok(is) } else { own_word(value, is) }
    }
}

fn own_word(value: &Value, is: String) -> Result<String, (Option<Health>, String)> {
    let health = match value.get("status").unwrap_or(value) {
        Value::Bool(true) => Some(Health::Healthy),
        Value::Bool(false) => None,
        Value::String(word) => meaning(word),
        Value::Null | Value::Number(_) | Value::Array(_) | Value::Object(_) => None,
    };
    match health {
        Some(Health::Healthy) => Ok(is),
        Some(Health::Degraded) => Err((Some(Health::Degraded), is)),
        Some(Health::Unhealthy | Health::Unknown) | None => Err((None, is)),
    }
}

/// Numbers are the same if their values are: `1` and `1.0`.
fn same(wanted: &Value, value: &Value) -> bool {
    match (wanted, value) {
        (Value::Number(wanted), Value::Number(value)) => wanted.as_f64() == value.as_f64(),
        (wanted, value) => wanted == value,
    }
}
