//! What a command can fail with, and the one place that turns it into text and an exit code.

use std::{io, path::PathBuf};

use runner_model::{ExitCode, PluginAlias, RunId, StepId, TargetName};
use runner_pipeline::Problems;
use runner_report::diagnostics;

use crate::environment::Environment;

/// Why a command did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CommandError {
    /// A file that the command line names cannot be read.
    #[error("cannot read `{}`", path.display())]
    Read { path: PathBuf, source: io::Error },
    /// Something cannot be written.
    #[error("cannot write {what}")]
    Write { what: String, source: io::Error },
    /// The pipeline (or its plugins, or its grants) is not in order.
    #[error("the pipeline is not in order")]
    Pipeline(Box<Problems>),
    /// Today's policy does not allow what a recorded run was granted.
    #[error("the policy does not allow what run {run} was granted")]
    NotAdmitted { run: RunId, refusals: Vec<(StepId, String)> },
    /// The Docker Engine of this machine is not named as it should be.
    #[error("the environment names no Docker Engine: {0}")]
    DockerHost(String),
    /// A secret is not there.
    #[error("secret `{name}`: {reason}")]
    Secret { name: String, reason: String },
    /// A secret stands in what would be kept of the run.
    #[error("the secret `{name}` stands in plain in {place}")]
    SecretExposed { name: String, place: String },
    /// A Docker Engine does not answer.
    #[error("{} not answer", if problems.len() == 1 { "a Docker Engine does" } else { "Docker Engines do" })]
    Engines { problems: Vec<(Option<TargetName>, String)> },
    /// A plugin cannot be loaded.
    #[error("{} cannot be loaded", plural(problems.len(), "plugin", "plugins"))]
    Load { problems: Vec<(PluginAlias, String, Option<String>)> },
    /// A component cannot be inspected.
    #[error("`{}` is not a plugin", path.display())]
    Inspect { path: PathBuf, message: String, help: Option<String> },
    /// Reports cannot be written where they are wanted.
    #[error("{} cannot be written", plural(problems.len(), "report", "reports"))]
    Reports { problems: Vec<String> },
    /// No run fits what the command line says.
    #[error("{0}")]
    NoRun(String),
    /// The step is not in the run, or not waiting.
    #[error("{message}")]
    NoStep { message: String, help: String },
    /// Another process works on this run.
    #[error("run {run} is being carried out by another process")]
    Locked { run: RunId },
    /// The journal cannot be made, read or written.
    #[error("{message}")]
    Journal { message: String, help: String, source: Option<Box<dyn std::error::Error + Send + Sync>> },
    /// Stopped by a second signal.
    #[error("run {run} was stopped in the middle")]
    Stopped { run: RunId },
    /// A fault of ours.
    #[error("{0}")]
    Bug(String),
}

impl From<Problems> for CommandError {
    fn from(problems: Problems) -> Self {
        Self::Pipeline(Box::new(problems))
    }
}

impl CommandError {
    /// What the process ends with.
    pub(crate) fn exit(&self) -> ExitCode {
        match self {
            Self::Read { .. }
            | Self::Reports { .. }
            | Self::NoRun(_)
            | Self::NoStep { .. }
            | Self::DockerHost(_) => ExitCode::Usage,
            Self::Pipeline(problems) => problems.exit(),
            Self::NotAdmitted { .. } => ExitCode::GrantRefused,
            Self::Secret { .. } | Self::Engines { .. } => ExitCode::Environment,
            Self::SecretExposed { .. } => ExitCode::InvalidPipeline,
            Self::Load { .. } | Self::Inspect { .. } => ExitCode::PluginUnusable,
            Self::Locked { .. } => ExitCode::Locked,
            Self::Write { .. } | Self::Journal { .. } | Self::Bug(_) => ExitCode::Internal,
            Self::Stopped { .. } => ExitCode::Cancelled,
        }
    }

    /// The whole text for a person, ending with a newline.
    pub(crate) fn render(&self, environment: &Environment) -> String {
        if let Self::Pipeline(problems) = self {
            return diagnostics::render(&problems.diagnostics, &problems.sources, &environment.style);
        }
        let mut text = format!("error: {self}\n");
        for line in self.facts() {
            text.push_str("  = ");
            text.push_str(&line);
            text.push('\n');
        }
        text.push('\n');
        let help = self.help();
        let mut lines = help.lines();
        if let Some(first) = lines.next() {
            text.push_str(&format!("hint: {first}\n"));
            for line in lines {
                text.push_str(&format!("      {line}\n"));
            }
        }
        text.push_str(&format!("      (exit {})\n", self.exit().code()));
        text
    }

    /// Why we know, and what was not done.
    fn facts(&self) -> Vec<String> {
        let mut facts = match self {
            Self::Read { source, .. } | Self::Write { source, .. } => vec![source.to_string()],
            Self::NotAdmitted { refusals, .. } => {
                refusals.iter().map(|(step, refusal)| format!("step `{step}`: {refusal}")).collect()
            }
            Self::Load { problems } => {
                problems.iter().map(|(alias, message, _)| format!("plugin `{alias}`: {message}")).collect()
            }
            Self::Engines { problems } => problems
                .iter()
                .map(|(target, why)| match target {
                    Some(target) => format!("target `{target}`: {why}"),
                    None => why.clone(),
                })
                .collect(),
            Self::Inspect { message, .. } => vec![message.clone()],
            Self::Reports { problems } => problems.clone(),
            Self::Journal { source, .. } => source.iter().map(|source| chain(source.as_ref())).collect(),
            Self::SecretExposed { .. } => {
                vec![
                    "the plan of a run is kept on disk as it is, so that `runner resume` can go on from it"
                        .to_owned(),
                ]
            }
            Self::Pipeline(_) | Self::Secret { .. } | Self::NoRun(_) | Self::NoStep { .. } => Vec::new(),
            Self::DockerHost(_) => Vec::new(),
            Self::Locked { .. } | Self::Stopped { .. } | Self::Bug(_) => Vec::new(),
        };
        match self {
            Self::Read { .. }
            | Self::NotAdmitted { .. }
            | Self::DockerHost(_)
            | Self::Secret { .. }
            | Self::SecretExposed { .. }
            | Self::Engines { .. }
            | Self::Load { .. }
            | Self::Reports { .. }
            | Self::Locked { .. } => facts.push("nothing was started".to_owned()),
            Self::Stopped { .. } => {
                facts.push("what was under way was not waited for; nothing was taken back".to_owned());
            }
            Self::Write { .. }
            | Self::Pipeline(_)
            | Self::Inspect { .. }
            | Self::NoRun(_)
            | Self::NoStep { .. }
            | Self::Journal { .. }
            | Self::Bug(_) => {}
        }
        facts
    }

    fn help(&self) -> String {
        match self {
            Self::Read { .. } => "give the path of a file that can be read".to_owned(),
            Self::Write { .. } => "make room or choose another place, then do it again".to_owned(),
            Self::Pipeline(_) => String::new(),
            Self::NotAdmitted { run, .. } => {
                format!(
                    "widen the policy, or end the run by hand: `runner show {run}` says what it has changed"
                )
            }
            Self::DockerHost(_) => {
                "set `DOCKER_HOST` to the address of a Docker Engine, or unset it for this machine's own"
                    .to_owned()
            }
            Self::Engines { .. } => {
                "start it, or change `targets.<name>.docker.host`; then run the same command again".to_owned()
            }
            Self::Secret { name, .. } => format!("set it, or change `secrets.{name}.from` in the pipeline"),
            Self::SecretExposed { name, .. } => format!(
                "take it out there, and let the plugin ask the host for the secret `{name}` by its name;\n\
                 if it is there by chance, choose a secret that is no word"
            ),
            Self::Load { problems } => {
                let help: Vec<&str> = problems.iter().filter_map(|(_, _, help)| help.as_deref()).collect();
                if help.is_empty() { "build the plugin again".to_owned() } else { help.join("\n") }
            }
            Self::Inspect { help, .. } => help.clone().unwrap_or_else(|| "build the plugin again".to_owned()),
            Self::Reports { .. } => "name a file in a directory that is there and can be written".to_owned(),
            Self::NoRun(_) => "`runner history` lists the runs; `--state-dir` says where they are".to_owned(),
            Self::NoStep { help, .. } | Self::Journal { help, .. } => help.clone(),
            Self::Locked { run } => format!("wait for it (`runner show {run}`), or end that process first"),
            Self::Stopped { run } => format!("`runner resume {run}` goes on from the journal"),
            Self::Bug(_) => "this is a fault of runner: please report it with the text above".to_owned(),
        }
    }
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

/// `1 plugin`, `2 plugins`.
pub(crate) fn plural(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}
