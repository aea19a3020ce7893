//! The step's `with`.

use std::collections::BTreeMap;

use runner_docker::settings::{Cpus, Health, Mount};
use runner_evidence::{Length, Size};
use runner_plugin::Failure;
use schemars::JsonSchema;
use serde::Deserialize;

/// What to run, and what it needs.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// `name:tag`, `name@sha256:…` or an image id. Has to be there: nothing is pulled.
    #[schemars(length(min = 1))]
    pub(crate) image: String,
    /// Program and arguments, without a shell. Without it: the image's own.
    #[serde(default)]
    pub(crate) command: Vec<String>,
    /// Instead of the image's entry point; an empty list takes it away.
    pub(crate) entrypoint: Option<Vec<String>>,
    /// What the names of all containers and of the network begin with; the rest is made of run, step and attempt.
    #[serde(default = "runner")]
    #[schemars(extend("pattern" = "^[A-Za-z0-9][A-Za-z0-9_.-]{0,60}$"))]
    pub(crate) name: String,
    /// Variables.
    #[serde(default)]
    pub(crate) env: BTreeMap<String, String>,
    /// Variables with secrets in them: variable to name of the secret. Their values do not enter the plugin.
    #[serde(default)]
    pub(crate) secret_env: BTreeMap<String, String>,
    /// Files of `NAME=value` lines, relative to the pipeline's directory. Their values do not enter the plugin.
    #[serde(default)]
    pub(crate) env_files: Vec<String>,
    /// Directories and files of the engine's machine, for reading unless they say otherwise.
    #[serde(default)]
    pub(crate) mounts: Vec<Mount>,
    /// Directories in memory, e.g. `/tmp`.
    #[serde(default)]
    pub(crate) tmpfs: Vec<String>,
    /// `user[:group]`. Without it: the image's own.
    pub(crate) user: Option<String>,
    /// Working directory. Without it: the image's own.
    pub(crate) directory: Option<String>,
    /// Whether the root file system cannot be written.
    #[serde(default)]
    pub(crate) read_only: bool,
    /// Whether a small init passes signals on and reaps processes.
    #[serde(default = "yes")]
    pub(crate) init: bool,
    /// Most memory, e.g. `512MiB`.
    pub(crate) memory: Option<Size>,
    /// Share of the processors, e.g. `1.5`.
    pub(crate) cpus: Option<Cpus>,
    /// Most processes.
    #[schemars(range(min = 1))]
    pub(crate) pids: Option<u32>,
    /// Network to join. Without it: none at all, or, with `services`, one of this step's own without a way out.
    #[schemars(length(min = 1))]
    pub(crate) network: Option<String>,
    /// Other containers that run meanwhile, found under these names.
    #[serde(default)]
    #[schemars(extend("propertyNames" = { "pattern": "^[a-z][a-z0-9-]{0,40}$" }))]
    pub(crate) services: BTreeMap<String, Service>,
    /// What to copy out of the container when it has ended, whatever its exit code.
    #[serde(default)]
    pub(crate) artifacts: Vec<Artifact>,
    /// What counts as success.
    #[serde(default)]
    pub(crate) expect: Expect,
    /// How long the container may run.
    #[serde(default = "five_minutes")]
    pub(crate) timeout: Length,
}

/// A container beside the main one.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Service {
    /// As above.
    #[schemars(length(min = 1))]
    pub(crate) image: String,
    /// Program and arguments. Without it: the image's own.
    #[serde(default)]
    pub(crate) command: Vec<String>,
    /// Instead of the image's entry point; an empty list takes it away.
    pub(crate) entrypoint: Option<Vec<String>>,
    /// Variables.
    #[serde(default)]
    pub(crate) env: BTreeMap<String, String>,
    /// Variables with secrets in them: variable to name of the secret.
    #[serde(default)]
    pub(crate) secret_env: BTreeMap<String, String>,
    /// Files of `NAME=value` lines, relative to the pipeline's directory.
    #[serde(default)]
    pub(crate) env_files: Vec<String>,
    /// Directories and files of the engine's machine, for reading unless they say otherwise.
    #[serde(default)]
    pub(crate) mounts: Vec<Mount>,
    /// Directories in memory, e.g. `/tmp`.
    #[serde(default)]
    pub(crate) tmpfs: Vec<String>,
    /// `user[:group]`. Without it: the image's own.
    pub(crate) user: Option<String>,
    /// Most memory, e.g. `512MiB`.
    pub(crate) memory: Option<Size>,
    /// How its health is asked. Without it: the image's own.
    pub(crate) health: Option<Health>,
    /// When the main container may start. Without it: as soon as it is healthy, or runs if it has no health probe.
    pub(crate) ready: Option<Ready>,
    /// How long to wait for that.
    #[serde(default = "minute")]
    pub(crate) timeout: Length,
}

/// When a service is ready.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Ready {
    /// Its health probe is content.
    Healthy,
    /// It runs.
    Started,
    /// This text stands in its log.
    Log(#[schemars(length(min = 1))] String),
    /// This command, run inside, ends with 0.
    Exec(#[schemars(length(min = 1))] Vec<String>),
}

/// A file or a directory to copy out.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Artifact {
    /// Absolute path inside.
    #[schemars(extend("pattern" = "^/"))]
    pub(crate) from: String,
    /// Directory, relative to the pipeline's.
    #[serde(default = "here")]
    pub(crate) to: String,
    /// Most bytes. Without it: 64 MiB.
    pub(crate) max: Option<Size>,
}

/// What counts as success.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Expect {
    /// Exit codes.
    #[schemars(length(min = 1), inner(range(min = 0, max = 255)))]
    pub(crate) exit: Vec<i64>,
}

impl Default for Expect {
    fn default() -> Self {
        Self { exit: vec![0] }
    }
}

impl Config {
    /// Refuses what fits the schema and makes no sense.
    pub(crate) fn checked(&self) -> Result<(), Failure> {
        if self.network.is_some() && !self.services.is_empty() {
            return Err(Failure::invalid_config(
                "`network` and `services` do not go together: services are in a network of this step's own",
            ));
        }
        if self.expect.exit.is_empty() {
            return Err(Failure::invalid_config("`expect.exit` is empty: nothing could ever be a success"));
        }
        if let Some(artifact) = self.artifacts.iter().find(|artifact| !artifact.from.starts_with('/')) {
            return Err(Failure::invalid_config(format!(
                "`{}`: a path inside the container is absolute",
                artifact.from
            )));
        }
        Ok(())
    }

    /// What runs, for messages.
    pub(crate) fn described(&self) -> String {
        let words: Vec<&str> =
            self.entrypoint.iter().flatten().chain(&self.command).map(String::as_str).collect();
        if words.is_empty() { self.image.clone() } else { words.join(" ") }
    }
}

fn yes() -> bool {
    true
}

fn runner() -> String {
    "runner".to_owned()
}

fn here() -> String {
    ".".to_owned()
}

fn minute() -> Length {
    Length::of_ms(60_000)
}

fn five_minutes() -> Length {
    Length::of_ms(300_000)
}
