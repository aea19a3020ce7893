//! Gate: Dockerfiles pin what they pull and install, have a health check, and do not run as root.
//!
//! `runner-images` reads the file; `shell` finds the commands of a `RUN`, `packages` what they install without a
//! version, `image` what the finished image is like. All are pure. This file knows the rules and which of them are
//! switched off.
//!
//! Never here: what a base image contains. It is not looked at, so a health check or a user of its own does not count.

mod image;
mod packages;
mod shell;

use std::collections::BTreeMap;

use runner_images::{Dockerfile, Flaw, Judge, Off, Rule as _};
use runner_plugin::text::counted;
use runner_plugin::{Evaluation, Failure, Finding, Findings, Gate, Host, Request, Severity};
use schemars::JsonSchema;
use serde::Deserialize;

/// Which Dockerfiles, and which rules do not apply.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Dockerfiles: paths or patterns (`services/*/Dockerfile`). Each has to match a file.
    #[serde(default = "default_files")]
    #[schemars(length(min = 1))]
    files: Vec<String>,
    /// The stage that becomes the image, by name or number. Without it the last one.
    target: Option<String>,
    /// Values of `ARG`s, as `--build-arg` gives them.
    #[serde(default)]
    args: BTreeMap<String, String>,
    /// Rules that do not apply, each with the reason.
    #[serde(default)]
    off: Vec<Off<Rule>>,
}

/// What can be wrong with a Dockerfile that can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Rule {
    /// An image has no digest.
    UnpinnedBaseImage,
    /// What stands after `@` is no digest.
    InvalidDigest,
    /// An image is `latest`, or has neither tag nor digest.
    LatestTag,
    /// A variable without a value decides which image it is.
    UnresolvedImage,
    /// A package of the system is installed without a version.
    UnpinnedPackage,
    /// The image has no `HEALTHCHECK`.
    NoHealthcheck,
    /// A `HEALTHCHECK` has an option that cannot be understood.
    InvalidHealthcheck,
    /// The image runs as root.
    RootUser,
    /// `ADD` fetches a URL or a repository without a checksum.
    RemoteAdd,
}

impl runner_images::Rule for Rule {
    fn name(self) -> &'static str {
        match self {
            Self::UnpinnedBaseImage => Flaw::NoDigest.rule(),
            Self::InvalidDigest => Flaw::InvalidDigest.rule(),
            Self::LatestTag => Flaw::Latest.rule(),
            Self::UnresolvedImage => Flaw::Unresolved.rule(),
            Self::UnpinnedPackage => "unpinned-package",
            Self::NoHealthcheck => "no-healthcheck",
            Self::InvalidHealthcheck => "invalid-healthcheck",
            Self::RootUser => "root-user",
            Self::RemoteAdd => "remote-add",
        }
    }
}

impl Rule {
    fn of_flaw(flaw: Flaw) -> Self {
        match flaw {
            Flaw::Unresolved => Self::UnresolvedImage,
            Flaw::InvalidDigest => Self::InvalidDigest,
            Flaw::NoDigest => Self::UnpinnedBaseImage,
            Flaw::Latest | Flaw::NoTag => Self::LatestTag,
        }
    }
}

fn default_files() -> Vec<String> {
    vec!["Dockerfile".to_owned()]
}

/// The gate.
#[derive(Debug)]
pub struct DockerfilePolicy;

impl Gate for DockerfilePolicy {
    type Config = Config;
    const OUTPUTS: &'static [&'static str] = &["files", "base_images", "healthcheck", "user"];

    fn evaluate(config: Config, _: &Request, host: &Host) -> Result<Evaluation, Failure> {
        let paths = host.files().find(&config.files)?;
        let mut judge = Judge::new(&config.off);
        let mut images = 0;
        let mut last = None;
        for path in &paths {
            let file = Dockerfile::parse(&host.files().read_to_string(path)?, &config.args);
            images += file.images.len();
            last = judge_file(&mut judge, path, &file, config.target.as_deref());
        }
        let findings = judge.findings(&paths);
        let summary = summary(&findings, paths.len());
        let evaluation = Evaluation::judge(findings.into_vec(), summary)
            .output("files", paths.len())
            .output("base_images", images);
        // Of several files nobody could tell which one is meant.
        Ok(match last.filter(|_| paths.len() == 1) {
            Some(facts) => evaluation.output("healthcheck", facts.healthcheck).output("user", facts.user),
            None => evaluation,
        })
    }
}

fn summary(findings: &Findings, files: usize) -> String {
    let files = counted(files, "Dockerfile", "Dockerfiles");
    match findings.count_of(Severity::Error) {
        0 => format!("{files} as wanted"),
        errors => format!("{} in {files}", counted(errors, "problem", "problems")),
    }
}

/// Applies all rules to one file.
fn judge_file(
    judge: &mut Judge<'_, Rule>,
    path: &str,
    file: &Dockerfile,
    target: Option<&str>,
) -> Option<image::Facts> {
    for problem in &file.problems {
        let finding = Finding::error("unreadable-line", problem.message.as_str()).in_file(path);
        judge.always(finding.at_line(problem.line).help("nothing can be said about what it means"));
    }
    for image in &file.images {
        for flaw in image.flaws() {
            judge.add(Rule::of_flaw(flaw), path, image.finding(flaw, path));
        }
    }
    let mut problems = Vec::new();
    for stage in &file.stages {
        problems.extend(packages::unpinned(stage));
        problems.extend(image::remote_adds(stage));
    }
    let facts = match file.target(target) {
        Some(target) => {
            let (facts, more) = image::facts(&file.lineage(target));
            problems.extend(more);
            Some(facts)
        }
        // That there is no stage at all is said already.
        None if file.stages.is_empty() => None,
        None => {
            let target = target.unwrap_or_default();
            let finding = Finding::error("no-such-stage", format!("no stage is named `{target}`"));
            judge.always(finding.in_file(path).help("name a stage after `AS`, or its number"));
            None
        }
    };
    for Problem { rule, line, message, help } in problems {
        judge.add(rule, path, Finding::error(rule.name(), message).in_file(path).at_line(line).help(help));
    }
    facts
}

/// One thing that is wrong, before it is known whether its rule applies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    rule: Rule,
    line: u32,
    message: String,
    help: &'static str,
}

runner_plugin::export_gate!(DockerfilePolicy);

#[cfg(test)]
mod tests;
