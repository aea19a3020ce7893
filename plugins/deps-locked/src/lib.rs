//! Gate: Python dependencies and base images are pinned exactly.
//!
//! Each requirements file is read with its includes, each Dockerfile with its stages; every line that leaves
//! a choice open is a finding at that line. With `installed`, the output of `pip freeze` must name the same
//! packages at the same versions.
//!
//! `requirements` and the crate `runner-images` turn text into facts, `freeze` compares two lists; all three are
//! pure. This file reads the files and adds up.

mod freeze;
mod requirements;

use std::collections::{BTreeMap, BTreeSet};

use runner_images::Dockerfile;
use runner_plugin::text::counted;
use runner_plugin::{Evaluation, Failure, FailureKind, Finding, Gate, Host, Request};
use schemars::JsonSchema;
use serde::Deserialize;

use requirements::{Entry, Name, Pin};

/// What must be locked.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Requirements files. Their `-r` includes are followed and need a grant as well.
    #[serde(default = "default_requirements")]
    requirements: Vec<String>,
    /// Whether every requirement must have a `--hash`. A line `--require-hashes` in a file asks for the same.
    #[serde(default)]
    require_hashes: bool,
    /// Names of packages that need not be pinned.
    #[serde(default)]
    allow: BTreeSet<String>,
    /// Whether requirements files may name no package at all.
    #[serde(default)]
    allow_empty: bool,
    /// Dockerfiles whose base images must be pinned by digest.
    #[serde(default)]
    dockerfiles: Vec<String>,
    /// A file with the output of `pip freeze`, to compare with the requirements.
    installed: Option<String>,
}

fn default_requirements() -> Vec<String> {
    vec!["requirements.txt".to_owned()]
}

/// The gate.
#[derive(Debug)]
pub struct DepsLocked;

impl Gate for DepsLocked {
    type Config = Config;
    const OUTPUTS: &'static [&'static str] = &["dependencies", "base_images"];

    fn evaluate(config: Config, _: &Request, host: &Host) -> Result<Evaluation, Failure> {
        let mut findings = Vec::new();
        let allowed: BTreeSet<Name> = config.allow.iter().map(|name| Name::new(name)).collect();
        let pins = check_requirements(&config, &allowed, host, &mut findings)?;
        if let Some(path) = &config.installed {
            let installed = freeze::parse(path, &host.files().read_to_string(path)?, &mut findings);
            findings.extend(freeze::differences(path, &installed, &pins, &allowed));
        }
        let mut images = 0;
        for path in &config.dockerfiles {
            let file = Dockerfile::parse(&host.files().read_to_string(path)?, &BTreeMap::new());
            images += file.images.len();
            findings.extend(file.problems.iter().map(|problem| {
                Finding::error("unreadable-line", problem.message.as_str())
                    .in_file(path)
                    .at_line(problem.line)
            }));
            findings.extend(file.images.iter().flat_map(|image| image.findings(path)));
        }
        let summary = summary(&config, pins.len(), images, &findings);
        Ok(Evaluation::judge(findings, summary)
            .output("dependencies", pins.len())
            .output("base_images", images))
    }
}

fn summary(config: &Config, dependencies: usize, images: usize, findings: &[Finding]) -> String {
    if !findings.is_empty() {
        return counted(findings.len(), "problem with what is locked", "problems with what is locked");
    }
    let mut parts = vec![format!("{} pinned", counted(dependencies, "dependency", "dependencies"))];
    if !config.dockerfiles.is_empty() {
        parts.push(format!("{} by digest", counted(images, "base image", "base images")));
    }
    if config.installed.is_some() {
        parts.push("installed as locked".to_owned());
    }
    parts.join(", ")
}

/// Reads all requirements files, adds what is wrong to `findings`, and returns the packages named.
fn check_requirements(
    config: &Config,
    allowed: &BTreeSet<Name>,
    host: &Host,
    findings: &mut Vec<Finding>,
) -> Result<Vec<Pin>, Failure> {
    let mut pins: Vec<Pin> = Vec::new();
    let mut require_hashes = config.require_hashes;
    let mut seen = BTreeSet::new();
    // A stack, last file on top, so that files are read in the order `pip` reads them.
    let mut waiting: Vec<Source> = config.requirements.iter().rev().map(|path| Source::named(path)).collect();
    while let Some(source) = waiting.pop() {
        if !seen.insert(source.path.clone()) {
            continue;
        }
        let text = source.read(host)?;
        let mut includes = Vec::new();
        for entry in requirements::parse(&source.path, &text) {
            match entry {
                Entry::Package(pin) => pins.push(pin),
                Entry::Problem(finding) => findings.push(finding),
                Entry::RequireHashes => require_hashes = true,
                Entry::Include { path, line } => match beside(&source.path, &path) {
                    Some(path) => includes.push(Source { path, included: Some((source.path.clone(), line)) }),
                    None => findings.push(
                        Finding::error(
                            "unreadable-line",
                            format!("`-r {path}` is not a file of this directory"),
                        )
                        .in_file(&source.path)
                        .at_line(line),
                    ),
                },
            }
        }
        waiting.extend(includes.into_iter().rev());
    }
    for pin in &pins {
        if !allowed.contains(&pin.name) {
            findings.extend(pin.findings(require_hashes));
        }
    }
    findings.extend(requirements::conflicts(&pins));
    for name in allowed {
        if !pins.iter().any(|pin| pin.name == *name) {
            let message = format!("`allow` names `{name}`, which is in no requirements file");
            findings.push(Finding::warning("unused-allow", message).help("take it out of `allow`"));
        }
    }
    if pins.is_empty() && !config.requirements.is_empty() && !config.allow_empty {
        let finding =
            Finding::error("no-requirements", "no package is named").in_file(&config.requirements[0]);
        findings.push(finding.help("`allow_empty: true` lets an empty file pass"));
    }
    Ok(pins)
}

/// A requirements file, and the line that asked for it.
struct Source {
    path: String,
    included: Option<(String, u32)>,
}

impl Source {
    fn named(path: &str) -> Self {
        Self { path: path.to_owned(), included: None }
    }

    fn read(&self, host: &Host) -> Result<String, Failure> {
        host.files().read_to_string(&self.path).map_err(|failure| match &self.included {
            None => failure,
            Some((file, line)) => {
                // The path came from the file, not from `with`.
                let kind = match failure.kind {
                    FailureKind::InvalidConfig => FailureKind::InvalidInput,
                    FailureKind::InvalidInput
                    | FailureKind::Denied
                    | FailureKind::Unavailable
                    | FailureKind::TimedOut
                    | FailureKind::BudgetExceeded
                    | FailureKind::Internal => failure.kind,
                };
                Failure::new(kind, format!("{} (included at `{file}` line {line})", failure.message))
            }
        })
    }
}

/// The path of an include, which is relative to the file that has it. `None` if it leads out of the
/// pipeline's directory, is a URL, or holds a variable of the environment.
fn beside(file: &str, include: &str) -> Option<String> {
    if include.starts_with('/') || include.contains("://") || include.contains("${") {
        return None;
    }
    let directory = file.rsplit_once('/').map_or("", |(directory, _)| directory);
    let mut parts: Vec<&str> = Vec::new();
    for part in directory.split('/').chain(include.split('/')) {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

runner_plugin::export_gate!(DepsLocked);

#[cfg(test)]
mod tests;
