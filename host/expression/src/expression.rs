//! One CEL expression.

use std::{fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use crate::{References, Scope};

/// A parsed expression; prints and serialises as its source.
#[derive(Clone)]
pub struct Expression {
    source: Arc<str>,
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
    /// The text as written, without `${{ }}`.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// What it refers to.
    #[must_use]
    pub fn references(&self) -> References {
        References::default()
    }

    /// Its value in `scope`.
    ///
    /// # Errors
    ///
    /// A name or key that is not there, a type that does not fit, or too much work.
    pub fn evaluate(&self, scope: &Scope) -> Result<Value, EvaluationError> {
        let _ = scope;
        Err(EvaluationError { expression: self.source.to_string(), message: "not evaluated".to_owned() })
    }

    /// Its value as a condition.
    ///
    /// # Errors
    ///
    /// As for [`Expression::evaluate`]; a value that is neither true nor false is an error too.
    pub fn evaluate_bool(&self, scope: &Scope) -> Result<bool, EvaluationError> {
        match self.evaluate(scope)? {
            Value::Bool(value) => Ok(value),
            other => Err(EvaluationError {
                expression: self.source.to_string(),
                message: format!("a condition must be true or false, this is `{other}`"),
            }),
        }
    }
}

impl FromStr for Expression {
    type Err = ParseError;

    fn from_str(source: &str) -> Result<Self, ParseError> {
        Ok(Self { source: source.into() })
    }
}

impl fmt::Debug for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Expression({})", self.source)
    }
}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.source)
    }
}

impl PartialEq for Expression {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

impl Eq for Expression {}

impl Serialize for Expression {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.source)
    }
}

impl<'de> Deserialize<'de> for Expression {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}
