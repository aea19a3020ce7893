//! Which programs may be run, with which arguments.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{GrantError, Rule, RuleKind};

/// One program with its arguments.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CommandRule {
    /// An absolute path, or a name.
    pub program: String,
    /// One pattern per argument.
    pub args: Vec<String>,
}

/// The programs that may be run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CommandGrant(Vec<CommandRule>);

impl CommandGrant {
    pub(crate) fn parse(value: &Value) -> Result<Self, Vec<GrantError>> {
        serde_json::from_value(value.clone()).map_err(|error| vec![GrantError::new("", error.to_string())])
    }

    /// Whether nothing may be run.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn beyond(&self, narrower: &Self) -> Vec<GrantError> {
        let outside = narrower.0.iter().enumerate().filter(|(_, rule)| !self.0.contains(rule));
        outside
            .map(|(index, rule)| GrantError::new(format!("/{index}"), format!("`{}`", rule.program)))
            .collect()
    }

    pub(crate) fn each_rule(&self) -> impl Iterator<Item = Rule> {
        self.0.iter().map(|rule| Rule::new(RuleKind::Command, &rule.program))
    }
}
