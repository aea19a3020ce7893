//! Which secrets a step may use, and whether it may see them.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::GrantError;

/// One secret of a grant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretGrant {
    /// Name of the secret in the pipeline.
    pub name: String,
    /// Whether the plugin may see the bytes.
    #[serde(default)]
    pub reveal: bool,
}

/// The secrets that may be used.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SecretsGrant(Vec<SecretGrant>);

impl SecretsGrant {
    pub(crate) fn parse(value: &Value) -> Result<Self, Vec<GrantError>> {
        let Value::Array(items) = value else {
            return Err(vec![
                GrantError::new("", "expected a list of secret names")
                    .help("for example `secrets: [slack_webhook]`"),
            ]);
        };
        let mut granted = Vec::new();
        let mut errors = Vec::new();
        for (index, item) in items.iter().enumerate() {
            match read_item(item) {
                Some(secret) => granted.push(secret),
                None => errors.push(
                    GrantError::new(format!("/{index}"), format!("`{item}` does not name a secret")).help(
                        "write the name, or `{ name: …, reveal: true }` if the plugin must see the bytes",
                    ),
                ),
            }
        }
        if errors.is_empty() { Ok(Self(granted)) } else { Err(errors) }
    }

    /// Whether no secret may be used.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the secret `name` may be used as a handle.
    #[must_use]
    pub fn covers(&self, name: &str) -> bool {
        self.0.iter().any(|secret| secret.name == name)
    }

    /// Whether the bytes of the secret `name` may be seen.
    #[must_use]
    pub fn reveals(&self, name: &str) -> bool {
        self.0.iter().any(|secret| secret.name == name && secret.reveal)
    }

    /// Whether the bytes of any secret may be seen.
    #[must_use]
    pub fn reveals_any(&self) -> bool {
        self.0.iter().any(|secret| secret.reveal)
    }

    /// The secrets, as written.
    pub fn iter(&self) -> impl Iterator<Item = &SecretGrant> {
        self.0.iter()
    }

    pub(crate) fn beyond(&self, narrower: &Self) -> Vec<GrantError> {
        let mut found = Vec::new();
        for (index, secret) in narrower.0.iter().enumerate() {
            if !self.covers(&secret.name) {
                found.push(GrantError::new(format!("/{index}"), format!("secret `{}`", secret.name)));
            } else if secret.reveal && !self.reveals(&secret.name) {
                found.push(GrantError::new(
                    format!("/{index}"),
                    format!("the bytes of secret `{}`", secret.name),
                ));
            }
        }
        found
    }
}

fn read_item(item: &Value) -> Option<SecretGrant> {
    match item {
        Value::String(name) if !name.is_empty() => Some(SecretGrant { name: name.clone(), reveal: false }),
        Value::Object(keys) => {
            let known = keys.keys().all(|key| key == "name" || key == "reveal");
            let name = keys.get("name")?.as_str().filter(|name| !name.is_empty())?;
            let reveal = keys.get("reveal").map_or(Some(false), Value::as_bool)?;
            known.then(|| SecretGrant { name: name.to_owned(), reveal })
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => None,
    }
}
