//! The short form: a place in one document, and what has to be there.

use runner_evidence::Bounds;
use runner_plugin::Failure;
use runner_plugin::json::{differences, shown};
use serde_json::Value;

use crate::{Broken, Document};

/// What has to be in a place.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Expected<'c> {
    Equals(&'c Value),
    Number(&'c Bounds),
    Count(&'c Bounds),
    Exists(bool),
}

impl Expected<'_> {
    /// Looks whether it is there. What is not there at all is a failure, unless that is what is asked.
    pub(crate) fn ask(self, document: &Document, pointer: &str) -> Result<Option<Broken>, Failure> {
        let Document { path, value } = document;
        let found = value.pointer(pointer);
        let broken = |text: String| Some(Broken(text));
        let found = match (self, found) {
            (Self::Exists(wanted), found) if wanted == found.is_some() => return Ok(None),
            (Self::Exists(true), _) => return Ok(broken(format!("there is nothing at `{pointer}`"))),
            (Self::Exists(false), _) => return Ok(broken(format!("there is something at `{pointer}`"))),
            (Self::Equals(_) | Self::Number(_) | Self::Count(_), Some(found)) => found,
            (Self::Equals(_) | Self::Number(_) | Self::Count(_), None) => {
                return Err(Failure::invalid_input(format!("`{path}` has nothing at `{pointer}`")));
            }
        };
        let not = |expected: &str| {
            Failure::invalid_input(format!(
                "at `{pointer}` of `{path}` there is {}, not {expected}",
                shown(found)
            ))
        };
        match self {
            Self::Equals(expected) => {
                Ok(same(expected, found).map(|difference| Broken(format!("at `{pointer}` {difference}"))))
            }
            Self::Number(bounds) => {
                let number = found.as_f64().ok_or_else(|| not("a number"))?;
                Ok(bounds.broken_by(number).map(|text| Broken(format!("at `{pointer}` {text}"))))
            }
            Self::Count(bounds) => {
                let count = match found {
                    Value::Array(items) => items.len(),
                    Value::Object(entries) => entries.len(),
                    Value::String(text) => text.chars().count(),
                    Value::Null | Value::Bool(_) | Value::Number(_) => {
                        return Err(not("a list, an object or a text"));
                    }
                };
                #[expect(
                    clippy::cast_precision_loss,
                    reason = "a file of 16 MiB has fewer elements than f64 counts"
                )]
                Ok(bounds
                    .broken_by(count as f64)
                    .map(|text| Broken(format!("the count at `{pointer}`: {text}"))))
            }
            Self::Exists(_) => Ok(None),
        }
    }
}

/// The first difference of two values that have to be equal as a whole. Numbers are equal by value.
fn same(expected: &Value, found: &Value) -> Option<String> {
    let one_way = differences(expected, found);
    let other_way = differences(found, expected);
    match (one_way.first(), other_way.first()) {
        (None, None) => None,
        (Some(difference), _) => Some(difference.to_string()),
        (None, Some(more)) => Some(format!("`{}` is there, and should not be", more.path)),
    }
}
