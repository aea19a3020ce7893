//! Which series a check is about.

use std::collections::BTreeMap;
use std::fmt;

use regex_lite::Regex;
use runner_plugin::Failure;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::exposition::Sample;

/// Name of a label to what it must be.
pub(crate) type Labels = BTreeMap<String, Wanted>;

/// What a label must be. A label that a series does not have is the empty text, as in PromQL.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum Wanted {
    /// This text.
    Text(String),
    /// Anything but this text.
    Not(Not),
    /// A text that a pattern matches as a whole.
    Pattern(Matches),
}

/// Anything but one text.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Not {
    /// The text that it must not be.
    not: String,
}

/// What a pattern matches.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Matches {
    /// A regular expression that matches the whole text.
    matches: String,
}

/// A name and labels.
pub(crate) struct Selector<'c> {
    name: &'c str,
    labels: Vec<(&'c str, Test<'c>)>,
}

enum Test<'c> {
    Is(&'c str),
    IsNot(&'c str),
    Matches(&'c str, Regex),
}

impl<'c> Selector<'c> {
    /// Understands the patterns.
    pub(crate) fn new(name: &'c str, labels: &'c Labels) -> Result<Self, Failure> {
        let labels = labels
            .iter()
            .map(|(label, wanted)| {
                let test = match wanted {
                    Wanted::Text(text) => Test::Is(text),
                    Wanted::Not(Not { not }) => Test::IsNot(not),
                    Wanted::Pattern(Matches { matches }) => {
                        let regex = Regex::new(&format!("^(?:{matches})$")).map_err(|error| {
                            Failure::invalid_config(format!(
                                "label `{label}` of `{name}`: `{matches}` is no pattern: {error}"
                            ))
                        })?;
                        Test::Matches(matches, regex)
                    }
                };
                Ok((label.as_str(), test))
            })
            .collect::<Result<_, Failure>>()?;
        Ok(Self { name, labels })
    }

    /// Whether a series is meant.
    pub(crate) fn selects(&self, sample: &Sample) -> bool {
        let label = |wanted: &str| {
            sample.labels.iter().find(|(label, _)| label == wanted).map_or("", |(_, value)| value)
        };
        sample.name == self.name
            && self.labels.iter().all(|(name, test)| match test {
                Test::Is(text) => label(name) == *text,
                Test::IsNot(text) => label(name) != *text,
                Test::Matches(_, regex) => regex.is_match(label(name)),
            })
    }
}

impl fmt::Display for Selector<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)?;
        for (index, (label, test)) in self.labels.iter().enumerate() {
            f.write_str(if index == 0 { "{" } else { ", " })?;
            match test {
                Test::Is(text) => write!(f, "{label}={text:?}")?,
                Test::IsNot(text) => write!(f, "{label}!={text:?}")?,
                Test::Matches(pattern, _) => write!(f, "{label}=~{pattern:?}")?,
            }
        }
        f.write_str(if self.labels.is_empty() { "" } else { "}" })
    }
}
