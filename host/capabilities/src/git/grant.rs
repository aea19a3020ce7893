//! What may be done to which repositories.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{GrantError, Rule, RuleKind};

/// One repository, and what may be done to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GitRule {
    /// Relative to the pipeline's directory.
    pub repository: String,
    /// E.g. `status`.
    pub verbs: Vec<String>,
}

/// The repositories that may be used.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct GitGrant(Vec<GitRule>);

impl GitGrant {
    pub(crate) fn parse(value: &Value) -> Result<Self, Vec<GrantError>> {
        serde_json::from_value(value.clone()).map_err(|error| vec![GrantError::new("", error.to_string())])
    }

    /// Whether nothing may be done.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn beyond(&self, narrower: &Self) -> Vec<GrantError> {
        let outside = narrower.0.iter().enumerate().filter(|(_, rule)| !self.0.contains(rule));
        outside
            .map(|(index, rule)| GrantError::new(format!("/{index}"), format!("`{}`", rule.repository)))
            .collect()
    }

    pub(crate) fn each_rule(&self) -> impl Iterator<Item = Rule> {
        self.0.iter().map(|rule| Rule::new(RuleKind::Git, &rule.repository))
    }
}
