//! The name of a release.

use regex_lite::Regex;
use runner_plugin::document::{self, Format};
use runner_plugin::text::shortened;
use runner_plugin::{Failure, Finding, Host};
use schemars::JsonSchema;
use semver::Version;
use serde::Deserialize;
use serde_json::Value;

use crate::source::Place;

/// The name of a release, and the names that are taken.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Codename {
    /// The name. Empty or `null`: it is missing, which is an error.
    name: Option<String>,
    /// What it must be, as a whole.
    pattern: Option<String>,
    /// Names that are taken.
    #[serde(default)]
    used: Vec<String>,
    /// A file with names that are taken: one on each line, or a document with a list of names, or with an object
    /// from versions to names. The name of the version that is released is not taken.
    used_in: Option<Place>,
}

impl Codename {
    /// What is wrong with it.
    pub(crate) fn findings(&self, version: &Version, host: &Host) -> Result<Vec<Finding>, Failure> {
        let pattern = match &self.pattern {
            None => None,
            Some(pattern) => Some(Regex::new(&format!("^(?:{pattern})$")).map_err(|error| {
                Failure::invalid_config(format!("`codename`: `{pattern}` is no pattern: {error}"))
            })?),
        };
        let mut taken = self.used.clone();
        if let Some(place) = &self.used_in {
            taken.extend(names(place, version, host)?);
        }
        let name = self.name.as_deref().unwrap_or_default().trim();
        if name.is_empty() {
            return Ok(vec![Finding::error("missing-codename", format!("{version} has no codename"))]);
        }
        let shown = shortened(name);
        let mut findings = Vec::new();
        if let Some(pattern) = pattern.filter(|pattern| !pattern.is_match(name)) {
            let message = format!("the codename `{shown}` does not match `{}`", pattern.as_str());
            findings.push(Finding::error("invalid-codename", message));
        }
        // Two names that differ in capitals only are one to whoever says them.
        if taken.iter().any(|taken| taken.trim().to_lowercase() == name.to_lowercase()) {
            let finding = Finding::error("used-codename", format!("the codename `{shown}` is taken"));
            findings.push(match &self.used_in {
                Some(place) => finding.in_file(&place.file),
                None => finding,
            });
        }
        Ok(findings)
    }
}

/// The names in a file, but for the one of this version.
fn names(place: &Place, version: &Version, host: &Host) -> Result<Vec<String>, Failure> {
    let text = host.files().read_to_string(&place.file)?;
    let Some(format) = Format::of_path(&place.file) else {
        return Ok(text.lines().filter(|line| !line.trim().is_empty()).map(str::to_owned).collect());
    };
    let document = document::parse(format, &text)
        .map_err(|problem| document::unreadable(&place.file, format, &problem))?;
    let at = place.at.as_deref().unwrap_or_default();
    let names: Option<Vec<String>> = match document.pointer(at) {
        Some(Value::Array(names)) => names.iter().map(|name| name.as_str().map(str::to_owned)).collect(),
        Some(Value::Object(names)) => {
            let own = version.to_string();
            let others = names.iter().filter(|(of, _)| of.strip_prefix('v').unwrap_or(of) != own);
            others.map(|(_, name)| name.as_str().map(str::to_owned)).collect()
        }
        Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) | None => None,
    };
    names.ok_or_else(|| {
        Failure::invalid_input(format!(
            "read `{}`: at `{at}` stands neither a list of names nor an object from versions to names",
            place.file
        ))
    })
}
