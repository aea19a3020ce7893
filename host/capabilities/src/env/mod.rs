//! Variables of the host's environment, one by one. There is no ambient environment: what is not named is not there.

#[cfg(feature = "host")]
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::GrantError;

/// The variables that may be seen.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EnvGrant(Vec<String>);

impl EnvGrant {
    pub(crate) fn parse(value: &Value) -> Result<Self, Vec<GrantError>> {
        let Value::Array(items) = value else {
            return Err(vec![
                GrantError::new("", "expected a list of variable names").help("for example `env: [LANG]`"),
            ]);
        };
        let mut names = Vec::new();
        let mut errors = Vec::new();
        for (index, item) in items.iter().enumerate() {
            match item.as_str().filter(|name| is_variable_name(name)) {
                Some(name) => names.push(name.to_owned()),
                None => errors.push(
                    GrantError::new(format!("/{index}"), format!("`{item}` is not the name of a variable"))
                        .help("each variable is named in full; there are no patterns"),
                ),
            }
        }
        if errors.is_empty() { Ok(Self(names)) } else { Err(errors) }
    }

    /// Whether nothing may be seen.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the variable `name` may be seen.
    #[must_use]
    pub fn covers(&self, name: &str) -> bool {
        self.0.iter().any(|granted| granted == name)
    }

    /// The names, as written.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    pub(crate) fn beyond(&self, narrower: &Self) -> Vec<GrantError> {
        narrower
            .0
            .iter()
            .enumerate()
            .filter(|(_, name)| !self.covers(name))
            .map(|(index, name)| GrantError::new(format!("/{index}"), format!("variable `{name}`")))
            .collect()
    }
}

/// What a WASI guest sees as its environment.
#[cfg(feature = "host")]
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Variables {
    /// The step's own.
    pub own: BTreeMap<String, String>,
    /// Granted ones of the host, where the step has none of that name.
    pub granted: BTreeMap<String, String>,
}

#[cfg(feature = "host")]
impl Variables {
    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = (&String, &String)> {
        self.own.iter().chain(&self.granted)
    }
}

/// Whether `text` can be the name of a variable.
pub(crate) fn is_variable_name(text: &str) -> bool {
    let mut signs = text.chars();
    signs.next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
        && signs.all(|sign| sign.is_ascii_alphanumeric() || sign == '_')
}
