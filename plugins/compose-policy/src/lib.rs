//! Gate: compose files are fit for production.
//!
//! Several files are one project, as the tool itself sees it: `project` reads each file (`read` knows the short and
//! the long form of everything), lays them over each other in order and resolves `extends`. Then each rule looks at the services:
//! `images`, `mounts`, `passwords`, `order` (who waits for whom) and `isolation` (networks, privileges). All of them
//! are pure; each value knows its file and line.
//!
//! Never here: the value of a password in a finding, an output or an error; and guesses about what another file, an
//! environment or an image would add. What cannot be told from the files is a finding.

mod images;
mod isolation;
mod mounts;
mod order;
mod passwords;
mod project;
mod read;

use std::collections::{BTreeMap, BTreeSet};

use runner_images::{Judge, Off};
use runner_plugin::document::{self, Format};
use runner_plugin::text::counted;
use runner_plugin::{Evaluation, Failure, Finding, Gate, Host, Request, Severity};
use schemars::JsonSchema;
use serde::Deserialize;

use project::Project;

/// Which compose files, and what they have to keep to.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Compose files in the order in which they are given to the tool: a later one wins.
    #[serde(default = "default_files")]
    #[schemars(length(min = 1))]
    files: Vec<String>,
    /// Values for `${NAME}`. A variable that is not here takes its default; without one it is unknown.
    #[serde(default)]
    env: BTreeMap<String, String>,
    /// Whether images need a digest. Without it a tag with a version is enough.
    #[serde(default)]
    require_digest: bool,
    /// Mounts that have to be there.
    #[serde(default)]
    mounts: Vec<WantedMount>,
    /// Pairs of services that must not share a network.
    #[serde(default)]
    separate: Vec<[String; 2]>,
    /// More variables that must hold a password, by service.
    #[serde(default)]
    passwords: BTreeMap<String, BTreeSet<String>>,
    /// Rules that do not apply, each with the reason; `in` names a service.
    #[serde(default)]
    off: Vec<Off<Rule>>,
}

/// A mount that has to be there.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct WantedMount {
    /// The service that needs it. Without it: any.
    service: Option<String>,
    /// Path in the container.
    target: String,
    /// What is mounted there: a path beside the compose file, or a volume. Without it: anything.
    source: Option<String>,
    /// Whether it must be read-only.
    #[serde(default = "yes")]
    read_only: bool,
    /// Whether `source` must be a file or directory below the pipeline's directory. Needs a grant to read it.
    #[serde(default)]
    exists: bool,
}

/// What can be wrong with a project that can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Rule {
    /// The project's own files, or what an image is built from, are mounted into a service.
    SourceMount,
    /// A path of the project is mounted and can be written to, or a mount that has to be read-only is not.
    WritableMount,
    /// The socket of Docker is mounted.
    DockerSocket,
    /// A wanted mount is not there.
    MissingMount,
    /// A variable without a value decides what is mounted.
    UnresolvedMount,
    /// An image has neither a version nor a digest.
    FloatingImage,
    /// An image has no digest, and needs one.
    UnpinnedImage,
    /// What stands after `@` is no digest.
    InvalidDigest,
    /// A variable without a value decides which image it is.
    UnresolvedImage,
    /// A service with a health check is not waited for until it is healthy.
    NoCondition,
    /// A service that needs a password has none.
    NoPassword,
    /// A password is empty.
    EmptyPassword,
    /// A password is a placeholder.
    PlaceholderPassword,
    /// A password stands in the file.
    LiteralPassword,
    /// A Redis without `appendonly` forgets what it was told.
    NotDurable,
    /// Two services that must not share a network do.
    SharedNetwork,
    /// A service uses the network of the host.
    HostNetwork,
    /// A service has the rights of the host.
    Privileged,
}

impl runner_images::Rule for Rule {
    fn name(self) -> &'static str {
        match self {
            Self::SourceMount => "source-mount",
            Self::WritableMount => "writable-mount",
            Self::DockerSocket => "docker-socket",
            Self::MissingMount => "missing-mount",
            Self::UnresolvedMount => "unresolved-mount",
            Self::FloatingImage => "floating-image",
            Self::UnpinnedImage => "unpinned-image",
            Self::InvalidDigest => "invalid-digest",
            Self::UnresolvedImage => "unresolved-image",
            Self::NoCondition => "no-condition",
            Self::NoPassword => "no-password",
            Self::EmptyPassword => "empty-password",
            Self::PlaceholderPassword => "placeholder-password",
            Self::LiteralPassword => "literal-password",
            Self::NotDurable => "not-durable",
            Self::SharedNetwork => "shared-network",
            Self::HostNetwork => "host-network",
            Self::Privileged => "privileged",
        }
    }
}

fn default_files() -> Vec<String> {
    vec!["compose.yaml".to_owned()]
}

fn yes() -> bool {
    true
}

/// The gate.
#[derive(Debug)]
pub struct ComposePolicy;

impl Gate for ComposePolicy {
    type Config = Config;
    const OUTPUTS: &'static [&'static str] = &["services", "images"];

    fn evaluate(config: Config, _: &Request, host: &Host) -> Result<Evaluation, Failure> {
        let mut projects = Vec::new();
        for path in &config.files {
            let text = host.files().read_to_string(path)?;
            let document = document::yaml(&text)
                .map_err(|problem| document::unreadable(path, Format::Yaml, &problem))?;
            projects.push(read::project(path, &document, &config.env)?);
        }
        let project = Project::layered(projects)?;
        let missing = missing_files(&config, host)?;

        let mut judge = Judge::new(&config.off);
        for problem in &project.problems {
            judge.always(
                problem
                    .finding("not-judged", problem.value.clone())
                    .help("give the gate what `docker compose config` prints, or a file without it"),
            );
        }
        unknown_services(&config, &project).into_iter().for_each(|finding| judge.always(finding));
        let problems = [
            images::problems(&project, config.require_digest),
            mounts::problems(&project, &config.mounts),
            missing,
            passwords::problems(&project, &config),
            order::problems(&project),
            isolation::problems(&project, &config.separate),
        ];
        for Problem { rule, service, finding } in problems.into_iter().flatten() {
            judge.add(rule, &service, finding);
        }
        let services: Vec<String> = project.services.keys().cloned().collect();
        let findings = judge.findings(&services);
        let counted_services = counted(services.len(), "service", "services");
        let summary = match findings.count_of(Severity::Error) {
            0 => format!("{counted_services} as wanted"),
            errors => format!("{} in {counted_services}", counted(errors, "problem", "problems")),
        };
        let images: BTreeSet<&str> = project
            .services
            .values()
            .filter_map(|service| Some(service.image.as_ref()?.value.as_str()))
            .collect();
        let images: Vec<&str> = images.into_iter().collect();
        Ok(Evaluation::judge(findings.into_vec(), summary)
            .output("services", services)
            .output("images", images))
    }
}

/// Wanted mounts whose source should be a file of the project and is none.
fn missing_files(config: &Config, host: &Host) -> Result<Vec<Problem>, Failure> {
    let mut missing = Vec::new();
    for wanted in config.mounts.iter().filter(|wanted| wanted.exists) {
        let Some(source) = &wanted.source else {
            let message = format!("`mounts`: `{}` should exist, but `source` is not given", wanted.target);
            return Err(Failure::invalid_config(message));
        };
        let directory = config.files[0].rsplit_once('/').map_or("", |(directory, _)| directory);
        let path = mounts::joined(directory, source).ok_or_else(|| {
            Failure::invalid_config(format!("`mounts`: `{source}` is not below the pipeline's directory"))
        })?;
        if host.files().stat(&path)?.is_none() {
            let finding =
                Finding::error("missing-mount", format!("`{path}`, which is to be mounted, does not exist"));
            let service = wanted.service.clone().unwrap_or_default();
            missing.push(Problem { rule: Rule::MissingMount, service, finding: finding.in_file(&path) });
        }
    }
    Ok(missing)
}

/// Services that the step names and the files do not: a rule about them would pass by looking at nothing.
fn unknown_services(config: &Config, project: &Project) -> Vec<Finding> {
    let separate = config.separate.iter().flatten().map(|name| ("separate", name));
    let mounts = config.mounts.iter().filter_map(|wanted| Some(("mounts", wanted.service.as_ref()?)));
    let passwords = config.passwords.keys().map(|name| ("passwords", name));
    separate
        .chain(mounts)
        .chain(passwords)
        .filter(|(_, name)| !project.services.contains_key(*name))
        .map(|(key, name)| {
            let message = format!("`{key}` names the service `{name}`, which is in no file");
            Finding::error("unknown-service", message).help("correct the name, or take it out")
        })
        .collect()
}

/// One thing that is wrong, before it is known whether its rule applies.
#[derive(Debug)]
pub(crate) struct Problem {
    rule: Rule,
    service: String,
    finding: Finding,
}

impl Problem {
    /// A problem of a service at a place.
    fn new<T>(rule: Rule, service: &str, place: &project::At<T>, message: String) -> Self {
        let message = format!("`{service}` {message}");
        Self {
            rule,
            service: service.to_owned(),
            finding: place.finding(runner_images::Rule::name(rule), message),
        }
    }

    fn help(self, help: &str) -> Self {
        Self { finding: self.finding.help(help), ..self }
    }
}

runner_plugin::export_gate!(ComposePolicy);

#[cfg(test)]
mod tests;
