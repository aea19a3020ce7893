//! Findings that are known to be no secrets, for a reason and perhaps until a day.

use fast_glob::{glob_match, validate};
use jiff::civil::Date;
use runner_plugin::{Failure, Finding};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::scan::Found;

/// A finding that is no secret. At least one of `fingerprint`, `path` and `rule` is given; all that are have to fit.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Allow {
    /// The fingerprint that a finding shows.
    #[schemars(regex(pattern = r"^sha256:[0-9a-f]{16}$"))]
    fingerprint: Option<String>,
    /// Files: a path or a pattern.
    path: Option<String>,
    /// A rule.
    rule: Option<String>,
    /// Why it is no secret.
    #[schemars(length(min = 1))]
    reason: String,
    /// The last day on which it is allowed, in UTC: `2027-01-31`.
    #[schemars(regex(pattern = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"))]
    expires: Option<String>,
}

/// The list, and how often each entry was of use.
pub(crate) struct Allowed<'c> {
    list: &'c [Allow],
    /// Whether an entry has ended.
    expired: Vec<bool>,
    used: Vec<usize>,
}

impl<'c> Allowed<'c> {
    pub(crate) fn new(list: &'c [Allow], today: Date) -> Result<Self, Failure> {
        let mut expired = Vec::new();
        for (index, allow) in list.iter().enumerate() {
            let refused = |why: &str| Err(Failure::invalid_config(format!("`allow[{index}]` {why}")));
            if allow.fingerprint.is_none() && allow.path.is_none() && allow.rule.is_none() {
                return refused("would allow everything: give a `fingerprint`, a `path` or a `rule`");
            }
            if allow.path.as_deref().is_some_and(|path| path.is_empty() || validate(path).is_err()) {
                return refused("has a `path` that is no pattern");
            }
            expired.push(match allow.expires.as_deref().map(str::parse::<Date>) {
                None => false,
                Some(Ok(last)) => last < today,
                Some(Err(_)) => return refused("has an `expires` that is no day such as `2027-01-31`"),
            });
        }
        Ok(Self { list, expired, used: vec![0; list.len()] })
    }

    /// Whether a finding is allowed. What has expired allows nothing.
    pub(crate) fn covers(&mut self, path: &str, found: &Found<'_>) -> bool {
        let fits = |allow: &Allow| {
            allow.fingerprint.as_ref().is_none_or(|own| *own == found.fingerprint)
                && allow.rule.as_ref().is_none_or(|own| *own == found.rule)
                && allow.path.as_ref().is_none_or(|own| glob_match(own.trim_start_matches("./"), path))
        };
        let fitting: Vec<usize> = (0..self.list.len()).filter(|index| fits(&self.list[*index])).collect();
        // One that has expired counts as used too: what it says about itself is that it has.
        let entry = fitting.iter().find(|index| !self.expired[**index]).or(fitting.first());
        let Some(&index) = entry else { return false };
        self.used[index] += 1;
        !self.expired[index]
    }

    /// How many findings were allowed.
    pub(crate) fn count(&self) -> usize {
        let used = self.used.iter().zip(&self.expired);
        used.filter(|(_, expired)| !**expired).map(|(used, _)| used).sum()
    }

    /// Entries that are over, and entries that allow nothing.
    pub(crate) fn leftovers(self) -> Vec<Finding> {
        let entries = self.list.iter().zip(self.expired).zip(self.used).enumerate();
        entries
            .filter_map(|(index, ((allow, expired), used))| {
                let name = format!("`allow[{index}]` ({})", allow.reason);
                let day = allow.expires.as_deref().unwrap_or_default();
                match (expired, used) {
                    (true, _) => {
                        let message = format!("{name} ended on {day} and allows nothing any more");
                        Some(Finding::warning("expired-allow", message).help("decide again, or take it out"))
                    }
                    (false, 0) => {
                        let message = format!("{name} allows nothing that was found");
                        Some(Finding::warning("unused-allow", message).help("take it out"))
                    }
                    (false, _) => None,
                }
            })
            .collect()
    }
}
