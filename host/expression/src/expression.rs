//! One CEL expression.

use std::{fmt, str::FromStr, sync::Arc};

use cel::common::ast::IdedExpr;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use crate::{References, Scope, evaluate, names, parse, scan, value::type_name, work};

/// A parsed expression; prints and serialises as its source. Cheap to clone.
///
/// ```
/// use runner_expression::{Expression, Scope};
/// use serde_json::json;
///
/// let expression: Expression = "inputs.replicas + 1".parse()?;
/// assert_eq!(expression.references().paths, [["inputs", "replicas"]]);
///
/// let scope = Scope { variables: [("inputs".to_owned(), json!({ "replicas": 2 }))].into(), ..Scope::default() };
/// assert_eq!(expression.evaluate(&scope)?, json!(3));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Expression(Arc<Compiled>);

struct Compiled {
    source: Box<str>,
    references: References,
    code: Code,
}

/// What has to be done for the value.
enum Code {
    /// Look it up: most expressions are `inputs.x` or `steps.a.outputs.b`.
    Path(Vec<String>),
    /// Work it out.
    Tree(IdedExpr),
}

/// Text that is not an expression.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ParseError {
    /// What is wrong: a lower-case fragment.
    pub message: String,
    /// Byte offset in the source where it is wrong.
    pub offset: usize,
}

/// An expression that has no value in a scope.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{expression}`: {message}")]
pub struct EvaluationError {
    /// The source.
    pub expression: String,
    /// Why: a lower-case fragment.
    pub message: String,
}

impl Expression {
    /// Reads a condition: an expression with or without `${{ }}` around it.
    ///
    /// # Errors
    ///
    /// As for reading an expression; text beside the braces is an error too.
    pub fn parse_condition(text: &str) -> Result<Self, ParseError> {
        let start = text.len() - text.trim_start().len();
        let Some(inner) = text[start..].strip_prefix("${{") else {
            return text.parse();
        };
        let inner_start = text.len() - inner.len();
        let end = scan::end_of_expression(text, inner_start)?;
        let after = &text[end + 2..];
        if !after.trim().is_empty() {
            let message =
                "a condition is one expression; join several inside the braces, with `&&` or `||`".to_owned();
            return Err(ParseError { message, offset: text.len() - after.trim_start().len() });
        }
        let inside = |error: ParseError| ParseError { offset: error.offset + inner_start, ..error };
        text[inner_start..end].parse().map_err(inside)
    }

    /// The text as written, without `${{ }}` and the blanks beside them.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.0.source
    }

    /// What it refers to.
    #[must_use]
    pub fn references(&self) -> References {
        self.0.references.clone()
    }

    /// Its value in `scope`.
    ///
    /// # Errors
    ///
    /// A name or key that is not there, a type that does not fit, a result that JSON has not, or too much work.
    pub fn evaluate(&self, scope: &Scope) -> Result<Value, EvaluationError> {
        match &self.0.code {
            Code::Path(path) => evaluate::look_up(path, scope).cloned(),
            Code::Tree(tree) => evaluate::evaluate(tree, &self.0.references, scope),
        }
        .map_err(|message| self.error(message))
    }

    /// Its value as a condition.
    ///
    /// # Errors
    ///
    /// As for [`Expression::evaluate`]; a value that is neither true nor false is an error too.
    pub fn evaluate_bool(&self, scope: &Scope) -> Result<bool, EvaluationError> {
        match self.evaluate(scope)? {
            Value::Bool(value) => Ok(value),
            other @ (Value::Null
            | Value::Number(_)
            | Value::String(_)
            | Value::Array(_)
            | Value::Object(_)) => {
                Err(self.error(format!("a condition must be true or false, this is {}", type_name(&other))))
            }
        }
    }

    pub(crate) fn error(&self, message: impl Into<String>) -> EvaluationError {
        EvaluationError { expression: self.source().to_owned(), message: message.into() }
    }
}

impl FromStr for Expression {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let blanks = text.len() - text.trim_start().len();
        let source = text.trim();
        let parse::Parsed { mut tree, references } =
            parse::parse(source).map_err(|error| ParseError { offset: error.offset + blanks, ..error })?;
        let code = match names::lookup_path(&tree) {
            Some(path) => Code::Path(path),
            None => {
                work::metered(&mut tree);
                Code::Tree(tree)
            }
        };
        Ok(Self(Arc::new(Compiled { source: source.into(), references, code })))
    }
}

impl fmt::Debug for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Expression({})", self.source())
    }
}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.source())
    }
}

impl PartialEq for Expression {
    fn eq(&self, other: &Self) -> bool {
        self.source() == other.source()
    }
}

impl Eq for Expression {}

impl Serialize for Expression {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.source())
    }
}

impl<'de> Deserialize<'de> for Expression {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests;
