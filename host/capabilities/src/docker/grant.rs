//! What may be done to which containers, images and networks.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{GrantError, Rule, RuleKind};

/// The Docker calls that may be made.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DockerGrant {
    /// E.g. `container.logs`; `container.*` is all verbs on containers.
    pub verbs: Vec<String>,
    /// Names of containers, with `*`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub containers: Vec<String>,
    /// References of images, with `*`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub images: Vec<String>,
}

impl DockerGrant {
    pub(crate) fn parse(value: &Value) -> Result<Self, Vec<GrantError>> {
        serde_json::from_value(value.clone()).map_err(|error| vec![GrantError::new("", error.to_string())])
    }

    /// Whether nothing may be done.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.verbs.is_empty()
    }

    pub(crate) fn beyond(&self, narrower: &Self) -> Vec<GrantError> {
        let outside = narrower.verbs.iter().enumerate().filter(|(_, verb)| !self.verbs.contains(verb));
        outside.map(|(index, verb)| GrantError::new(format!("/verbs/{index}"), format!("`{verb}`"))).collect()
    }

    pub(crate) fn each_rule(&self) -> impl Iterator<Item = Rule> {
        self.verbs.iter().map(|verb| Rule::new(RuleKind::DockerVerb, verb))
    }
}
