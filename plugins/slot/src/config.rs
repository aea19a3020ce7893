//! The step's `with`: one operation, and its settings.

use std::collections::BTreeMap;

use runner_docker::settings::{Cpus, Health, Mount};
use runner_evidence::{Length, Size};
use runner_plugin::host::Restart as Policy;
use schemars::JsonSchema;
use serde::Deserialize;

/// What to do with the container of a slot.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(tag = "op", rename_all = "snake_case")]
pub enum Config {
    /// Creates and starts the candidate. What is kept under its name, and does not run, is moved aside.
    Launch(Box<Launch>),
    /// Waits before a stop, so that what is under way can end.
    Drain(Drain),
    /// Stops it. It stays, to be started again.
    Stop(Stop),
    /// Starts what is stopped; what runs is stopped first.
    Restart(Restart),
    /// Stops it and moves it aside; `tidy` removes it later.
    Remove(Remove),
    /// Removes what was moved aside by earlier runs. Not taken back.
    Tidy(Tidy),
}

/// The candidate.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Launch {
    /// Its name.
    #[schemars(extend("pattern" = NAME))]
    pub(crate) container: String,
    /// `name:tag`, `name@sha256:…` or an image id. Has to be there: nothing is pulled.
    #[schemars(length(min = 1))]
    pub(crate) image: String,
    /// Program and arguments. Without it: the image's own.
    #[serde(default)]
    pub(crate) command: Vec<String>,
    /// The port to publish, on loopback unless it says otherwise.
    pub(crate) port: Option<Port>,
    /// Variables.
    #[serde(default)]
    pub(crate) env: BTreeMap<String, String>,
    /// Files of `NAME=value` lines, relative to the pipeline's directory. Their values do not enter the plugin.
    #[serde(default)]
    pub(crate) env_files: Vec<String>,
    /// Variables with secrets in them: variable to name of the secret. Their values do not enter the plugin.
    #[serde(default)]
    pub(crate) secret_env: BTreeMap<String, String>,
    /// Directories and files of the engine's machine.
    #[serde(default)]
    pub(crate) mounts: Vec<Mount>,
    /// Directories in memory, e.g. `/tmp`.
    #[serde(default)]
    pub(crate) tmpfs: Vec<String>,
    /// Network to join. Without it: the engine's default.
    pub(crate) network: Option<String>,
    /// Names inside that network.
    #[serde(default)]
    pub(crate) aliases: Vec<String>,
    /// When the engine starts it again by itself.
    #[serde(default)]
    pub(crate) restart: RestartPolicy,
    /// E.g. `SIGTERM`. Without it: the image's own.
    pub(crate) stop_signal: Option<String>,
    /// How long a stop waits before it kills. Without it: the engine's 10 seconds.
    pub(crate) stop_grace: Option<Length>,
    /// How its health is asked. Without it: the image's own.
    pub(crate) health: Option<Health>,
    /// Most memory, e.g. `512MiB`.
    pub(crate) memory: Option<Size>,
    /// Share of the processors, e.g. `1.5`.
    pub(crate) cpus: Option<Cpus>,
    /// Most processes.
    #[schemars(range(min = 1))]
    pub(crate) pids: Option<u32>,
    /// `user[:group]`. Without it: the image's own.
    pub(crate) user: Option<String>,
    /// Whether the root file system cannot be written.
    #[serde(default)]
    pub(crate) read_only: bool,
    /// Whether a small init passes signals on and reaps processes.
    #[serde(default)]
    pub(crate) init: bool,
    /// Labels; none may start with `runner.`.
    #[serde(default)]
    pub(crate) labels: BTreeMap<String, String>,
    /// What the step waits for.
    #[serde(default)]
    pub(crate) wait: Wait,
    /// How long it waits.
    #[serde(default = "minute")]
    pub(crate) timeout: Length,
}

/// A port of the container, and where it is reached.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Port {
    /// Port inside; TCP.
    #[schemars(range(min = 1))]
    pub(crate) inside: u16,
    /// Port on the engine's machine. Without it: any free one.
    #[serde(default)]
    pub(crate) outside: u16,
    /// Address on the engine's machine.
    #[serde(default = "loopback")]
    pub(crate) address: String,
}

/// When the engine starts a container again by itself.
#[derive(Debug, Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum RestartPolicy {
    /// Never.
    #[default]
    No,
    /// When it ended with a code other than 0, at most five times.
    OnFailure,
    /// Always, but not when it was stopped.
    UnlessStopped,
    /// Always.
    Always,
}

impl From<RestartPolicy> for Policy {
    fn from(policy: RestartPolicy) -> Self {
        match policy {
            RestartPolicy::No => Self::No,
            RestartPolicy::OnFailure => Self::OnFailure,
            RestartPolicy::UnlessStopped => Self::UnlessStopped,
            RestartPolicy::Always => Self::Always,
        }
    }
}

/// What a launch waits for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Wait {
    /// It runs.
    #[default]
    Started,
    /// Its own health probe is content.
    Healthy,
}

/// Waits.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Drain {
    /// Its name.
    #[schemars(extend("pattern" = NAME))]
    pub(crate) container: String,
    /// How long.
    #[serde(rename = "for", default = "half_a_minute")]
    pub(crate) time: Length,
}

/// Stops.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Stop {
    /// Its name.
    #[schemars(extend("pattern" = NAME))]
    pub(crate) container: String,
    /// Whether it keeps its name. With `false` it is moved aside, as by `remove`.
    #[serde(default = "yes")]
    pub(crate) keep: bool,
    /// How long it may take after its stop signal before it is killed.
    #[serde(default = "half_a_minute")]
    pub(crate) grace: Length,
    /// How long an undo waits until it runs again, and is healthy if it has a health probe.
    #[serde(default = "minute")]
    pub(crate) timeout: Length,
}

/// Starts again.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Restart {
    /// Its name.
    #[schemars(extend("pattern" = NAME))]
    pub(crate) container: String,
    /// How long it may take after its stop signal before it is killed, if it runs.
    #[serde(default = "half_a_minute")]
    pub(crate) grace: Length,
    /// How long to wait until it runs, and is healthy if it has a health probe.
    #[serde(default = "minute")]
    pub(crate) timeout: Length,
}

/// Moves aside.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Remove {
    /// Its name.
    #[schemars(extend("pattern" = NAME))]
    pub(crate) container: String,
    /// Whether it is stopped first if it runs. Without it a container that runs is left alone.
    #[serde(default)]
    pub(crate) force: bool,
    /// How long it may take after its stop signal before it is killed.
    #[serde(default = "half_a_minute")]
    pub(crate) grace: Length,
    /// How long an undo waits until it runs again, and is healthy if it has a health probe.
    #[serde(default = "minute")]
    pub(crate) timeout: Length,
}

impl Stop {
    /// The same as a removal, if it is one.
    pub(crate) fn removal(&self) -> Option<Remove> {
        let Self { container, keep, grace, timeout } = self;
        (!keep).then(|| Remove {
            container: container.clone(),
            force: true,
            grace: *grace,
            timeout: *timeout,
        })
    }
}

/// Removes what was moved aside.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Tidy {
    /// The name of the slot's container: what is removed has `.before` behind it.
    #[schemars(extend("pattern" = NAME))]
    pub(crate) container: String,
}

/// What Docker takes for the name of a container, with room for `.before`.
const NAME: &str = "^[A-Za-z0-9][A-Za-z0-9_.-]{0,200}$";

fn yes() -> bool {
    true
}

fn loopback() -> String {
    "127.0.0.1".to_owned()
}

fn minute() -> Length {
    Length::of_ms(60_000)
}

fn half_a_minute() -> Length {
    Length::of_ms(30_000)
}
