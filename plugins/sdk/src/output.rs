//! Values for later steps.

use serde_json::Value;

/// One named result that later steps can read as `steps.<id>.outputs.<name>`.
#[derive(Debug, Clone, PartialEq)]
pub struct Output {
    /// `[a-z][a-z0-9_-]*`, one of the trait's `OUTPUTS`.
    pub name: String,
    /// The value.
    pub value: Value,
}

impl Output {
    /// Names a value.
    pub fn new(name: impl Into<String>, value: impl Into<Value>) -> Self {
        Self { name: name.into(), value: value.into() }
    }
}
