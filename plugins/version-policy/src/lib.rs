//! Gate: the version of a release follows from the one before, and is written everywhere alike.
//!
//! `source` reads versions, `codename` and `cadence` judge what comes with one.
//! How one version follows another is
//! `runner_version`'s. Only `source` and `codename` open files, and only this file asks the clock.

mod cadence;
mod codename;
mod source;

use jiff::tz::Offset;
use regex_lite::Regex;
use runner_evidence::moment;
use runner_plugin::text::{counted, shortened};
use runner_plugin::{Evaluation, Failure, Finding, Gate, Host, Request};
use runner_version::Release;
use schemars::JsonSchema;
use semver::Version;
use serde::Deserialize;

use cadence::Cadence;
use codename::Codename;
use source::{Source, VersionFile};

/// Which version, and what it must be.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("anyOf" = [{ "required": ["version"] }, { "required": ["tag"] }]))]
pub struct Config {
    /// The version that is released, or the file it is written in. Without it: the one of `tag`.
    version: Option<Source>,
    /// The version before, or the file it is written in.
    previous: Option<Source>,
    /// What the release is. Without it: any of the increments.
    release: Option<Release>,
    /// The tag of the release.
    tag: Option<String>,
    /// What the tag must be, as a whole.
    tag_pattern: Option<String>,
    /// What may stand after each version and is no part of it, e.g. `-l9`.
    #[serde(default)]
    suffix: String,
    /// Whether the version may be one like `1.2.3-rc.1`.
    #[serde(default)]
    allow_prerelease: bool,
    /// Files in which the version must be written.
    #[serde(default)]
    files: Vec<VersionFile>,
    /// The name of the release.
    codename: Option<Codename>,
    /// How often releases come: three months, a month, two weeks. Needs `release`.
    cadence: Option<Cadence>,
}

/// The gate.
#[derive(Debug)]
pub struct VersionPolicy;

impl Gate for VersionPolicy {
    type Config = Config;
    const OUTPUTS: &'static [&'static str] = &["version", "previous"];

    fn evaluate(config: Config, _: &Request, host: &Host) -> Result<Evaluation, Failure> {
        let tag_pattern = config.tag_pattern()?;
        let (written, place) = config.version(host)?;
        let version = match config.parse(&written) {
            Ok(version) => version,
            Err(why) => {
                let finding = Finding::error("invalid-version", why.clone());
                let finding = place.map_or(finding.clone(), |file| finding.in_file(file));
                return Ok(Evaluation::fail(why).finding(finding));
            }
        };
        let previous = config.previous(host)?;
        let mut findings = Vec::new();
        if !version.pre.is_empty() && !config.allow_prerelease {
            let help = "`suffix` takes away what every version has, `allow_prerelease: true` lets it pass";
            findings
                .push(Finding::error("prerelease", format!("{version} comes before a release")).help(help));
        }
        findings.extend(config.increment(previous.as_ref(), &version));
        findings.extend(config.tag(tag_pattern.as_ref(), &version));
        for file in &config.files {
            findings.extend(config.file(file, &version, host)?);
        }
        if let Some(codename) = &config.codename {
            findings.extend(codename.findings(&version, host)?);
        }
        if let Some(cadence) = &config.cadence {
            let release = config
                .release
                .ok_or_else(|| Failure::invalid_config("`cadence` needs `release`: each kind has its own"))?;
            let today = Offset::UTC.to_datetime(moment::of_clock(host.clock().now())?).date();
            findings.extend(cadence.finding(release, today)?);
        }
        let summary = match (findings.len(), &previous) {
            (0, Some(previous)) => format!("{version} after {previous}"),
            (0, None) => format!("{version} as it should be"),
            (number, _) => format!("{} with {version}", counted(number, "problem", "problems")),
        };
        Ok(Evaluation::judge(findings, summary)
            .output("version", version.to_string())
            .output("previous", previous.map(|previous| previous.to_string())))
    }
}

impl Config {
    fn tag_pattern(&self) -> Result<Option<Regex>, Failure> {
        let Some(pattern) = &self.tag_pattern else { return Ok(None) };
        if self.tag.is_none() {
            return Err(Failure::invalid_config("`tag_pattern` needs `tag`: there is nothing to match"));
        }
        Regex::new(&format!("^(?:{pattern})$")).map(Some).map_err(|error| {
            Failure::invalid_config(format!("`tag_pattern`: `{pattern}` is no pattern: {error}"))
        })
    }

    /// The version as it is written, and the file it is written in.
    fn version(&self, host: &Host) -> Result<(String, Option<String>), Failure> {
        match (&self.version, &self.tag) {
            (Some(Source::Text(text)), _) => Ok((text.clone(), None)),
            (Some(Source::File(place)), _) => {
                let written = place.read(host)?.map_err(|why| {
                    Failure::invalid_input(format!("read `{}`: {why}; no version was judged", place.file))
                })?;
                Ok((written.text, Some(place.file.clone())))
            }
            (None, Some(tag)) => Ok((tag.clone(), None)),
            (None, None) => Err(Failure::invalid_config("give `version` or `tag`")),
        }
    }

    fn previous(&self, host: &Host) -> Result<Option<Version>, Failure> {
        match &self.previous {
            None => Ok(None),
            Some(Source::Text(text)) => self
                .parse(text)
                .map(Some)
                .map_err(|why| Failure::invalid_config(format!("`previous`: {why}; nothing was compared"))),
            Some(Source::File(place)) => {
                place.read(host)?.and_then(|written| self.parse(&written.text)).map(Some).map_err(|why| {
                    Failure::invalid_input(format!("read `{}`: {why}; nothing was compared", place.file))
                })
            }
        }
    }

    fn parse(&self, written: &str) -> Result<Version, String> {
        runner_version::parse(written, &self.suffix)
    }

    fn increment(&self, previous: Option<&Version>, version: &Version) -> Option<Finding> {
        let wrong = match (previous, self.release) {
            (Some(previous), Some(release)) => runner_version::wrong(previous, version, &[release]),
            (Some(previous), None) => runner_version::wrong(previous, version, &Release::ANY),
            (None, Some(release)) => release.misshapen(version).map(|why| ("wrong-increment", why)),
            (None, None) => None,
        };
        wrong.map(|(rule, why)| Finding::error(rule, why))
    }

    fn tag(&self, pattern: Option<&Regex>, version: &Version) -> Vec<Finding> {
        let Some(tag) = &self.tag else { return Vec::new() };
        let shown = shortened(tag);
        let mut findings = Vec::new();
        if let Some(pattern) = pattern.filter(|pattern| !pattern.is_match(tag)) {
            let pattern = self.tag_pattern.as_deref().unwrap_or(pattern.as_str());
            findings
                .push(Finding::error("invalid-tag", format!("the tag `{shown}` does not match `{pattern}`")));
        }
        match self.parse(tag) {
            Ok(tagged) if tagged == *version => {}
            Ok(tagged) => {
                let message = format!("the tag `{shown}` is of {tagged}, and the version is {version}");
                findings.push(Finding::error("tag-differs", message));
            }
            Err(_) => {
                let help = "see `suffix`";
                findings.push(
                    Finding::error("tag-differs", format!("the tag `{shown}` names no version")).help(help),
                );
            }
        }
        findings
    }

    fn file(&self, file: &VersionFile, version: &Version, host: &Host) -> Result<Option<Finding>, Failure> {
        let place = file.place();
        let error = |rule: &str, message: String| Finding::error(rule, message).in_file(&place.file);
        let written = match place.read(host)? {
            Ok(written) => written,
            Err(why) => return Ok(Some(error("no-version", why).help("`at` says where it is written"))),
        };
        let differs = |message: String| {
            let finding = error("version-differs", message).help(format!("write {version}"));
            Finding { line: written.line, ..finding }
        };
        Ok(match self.parse(&written.text) {
            Ok(there) if there == *version => None,
            Ok(there) => Some(differs(format!("the version here is {there}, not {version}"))),
            Err(why) => Some(differs(why)),
        })
    }
}

runner_plugin::export_gate!(VersionPolicy);

#[cfg(test)]
mod tests;
