//! A part of a release.

use fast_glob::{glob_match, validate};
use runner_plugin::Failure;
use schemars::JsonSchema;
use serde::Deserialize;

/// A part of a release, or the release itself.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Component {
    /// Its name, with its group if it has one: `@angular/core`, `org.slf4j/slf4j-api`.
    pub name: String,
    /// Its version.
    pub version: Option<String>,
    /// Its package URL.
    pub purl: Option<String>,
    /// Hashes of its content.
    pub hashes: Vec<Hash>,
    /// Who supplies it.
    pub supplier: Option<String>,
    /// Its licences, all of which apply: SPDX expressions, or names that are none.
    pub licences: Vec<String>,
}

/// A hash as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hash {
    /// `SHA-256`, `SHA256`, `MD5`, …
    pub algorithm: String,
    /// In hexadecimal digits.
    pub content: String,
}

impl Component {
    /// `name@version`, or the name alone.
    #[must_use]
    pub fn label(&self) -> String {
        match &self.version {
            Some(version) => format!("{}@{version}", self.name),
            None => self.name.clone(),
        }
    }
}

impl Hash {
    /// Whether it names one content and no other: long enough, of an algorithm that is not broken.
    #[must_use]
    pub fn is_strong(&self) -> bool {
        let algorithm: String = self
            .algorithm
            .chars()
            .filter(char::is_ascii_alphanumeric)
            .collect::<String>()
            .to_ascii_uppercase();
        let digits = match algorithm.as_str() {
            "SHA256" | "SHA3256" | "BLAKE2B256" | "BLAKE3" => 64,
            "SHA384" | "SHA3384" | "BLAKE2B384" => 96,
            "SHA512" | "SHA3512" | "BLAKE2B512" => 128,
            _ => return false,
        };
        self.content.len() == digits && self.content.bytes().all(|byte| byte.is_ascii_hexdigit())
    }
}

/// Which components are meant: a name, `name@version`, or a pattern with `*` of either.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Names(#[schemars(length(min = 1))] String);

impl Names {
    /// Refuses what is no pattern.
    ///
    /// # Errors
    ///
    /// [`InvalidConfig`](runner_plugin::FailureKind::InvalidConfig) with the pattern.
    pub fn check(&self) -> Result<(), Failure> {
        if self.0.is_empty() || validate(&self.0).is_err() {
            return Err(Failure::invalid_config(format!("`{}` is no pattern for names", self.0)));
        }
        Ok(())
    }

    /// Whether a component is meant.
    #[must_use]
    pub fn mean(&self, component: &Component) -> bool {
        // A `*` stops at a slash, but names have groups.
        let flat = |text: &str| text.replace('/', "\u{1}");
        let matches = |text: &str| glob_match(&self.0, text) || glob_match(flat(&self.0), flat(text));
        matches(&component.name) || matches(&component.label())
    }

    /// As it is written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
