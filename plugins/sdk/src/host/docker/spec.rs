//! What a container shall be.

use std::time::Duration;

use crate::Secret;

/// A container to create: `name` and `image`, and what differs from the engine's own.
///
/// ```
/// use runner_plugin::host::{ContainerSpec, Port};
///
/// let spec = ContainerSpec {
///     ports: vec![Port { inside: 8000, outside: 8001, ..Port::default() }],
///     ..ContainerSpec::new("web-green", "web:1.2.0")
/// };
/// assert!(spec.command.is_empty());
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ContainerSpec {
    /// Its name.
    pub name: String,
    /// `name:tag`, `name@sha256:…` or an image id. Has to be there: nothing is pulled.
    pub image: String,
    /// Program and arguments; empty for the image's own.
    pub command: Vec<String>,
    /// Instead of the image's entry point; an empty list takes it away.
    pub entrypoint: Option<Vec<String>>,
    /// Variables.
    pub env: Vec<(String, String)>,
    /// Variables with secrets in them, which the plugin never sees.
    pub secret_env: Vec<(String, Secret)>,
    /// Files of `NAME=value` lines, read by the host.
    pub env_files: Vec<String>,
    /// Labels; none may start with `runner.`.
    pub labels: Vec<(String, String)>,
    /// Mounts.
    pub mounts: Vec<Mount>,
    /// Directories in memory, e.g. `/tmp`.
    pub tmpfs: Vec<String>,
    /// Published ports.
    pub ports: Vec<Port>,
    /// Network to join; `None` for the engine's default.
    pub network: Option<String>,
    /// Names inside that network.
    pub aliases: Vec<String>,
    /// When it is started again.
    pub restart: Restart,
    /// E.g. `SIGTERM`; `None` for the image's own.
    pub stop_signal: Option<String>,
    /// Seconds that `stop` waits before it kills; `None` for the engine's 10.
    pub stop_grace: Option<u32>,
    /// How its health is asked; `None` for the image's own.
    pub health: Option<HealthCommand>,
    /// Most memory in bytes; `None` for no limit.
    pub memory: Option<u64>,
    /// Thousandths of a processor: 1500 is one and a half; `None` for no limit.
    pub cpu_millis: Option<u32>,
    /// Most processes; `None` for no limit.
    pub pids: Option<u32>,
    /// `user[:group]`; `None` for the image's own.
    pub user: Option<String>,
    /// Working directory; `None` for the image's own.
    pub directory: Option<String>,
    /// Whether the root file system cannot be written.
    pub read_only: bool,
    /// Whether a small init reaps processes and passes signals on.
    pub init: bool,
    /// What is refused unless the operator's policy allows it.
    pub privileges: Vec<Privilege>,
}

impl ContainerSpec {
    /// A container of an image, with nothing of its own.
    pub fn new(name: impl Into<String>, image: impl Into<String>) -> Self {
        Self { name: name.into(), image: image.into(), ..Self::default() }
    }
}

/// A directory or file of the engine's machine inside the container.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mount {
    /// Relative to the pipeline's directory, or absolute.
    pub source: String,
    /// Absolute path inside.
    pub target: String,
    /// Whether the container may write there.
    pub writable: bool,
}

/// A port of the container on the engine's machine.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Port {
    /// Port inside; TCP.
    pub inside: u16,
    /// Address outside: `127.0.0.1` if empty.
    pub address: String,
    /// Port outside; 0 for any free one.
    pub outside: u16,
}

/// When the engine starts a container again by itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Restart {
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

/// How the engine asks a container whether it is well. Times of zero are the engine's own.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HealthCommand {
    /// Program and arguments, run inside without a shell.
    pub command: Vec<String>,
    /// Between two probes.
    pub interval: Duration,
    /// For one probe.
    pub timeout: Duration,
    /// Failures in a row that make it unhealthy.
    pub retries: u32,
    /// Failures that do not count at first.
    pub start_period: Duration,
}

/// What no container gets unless the grant *and* the operator's policy say so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Privilege {
    /// All of it.
    Privileged,
    /// The host's process namespace.
    HostPid,
    /// The host's IPC namespace.
    HostIpc,
    /// The host's network.
    HostNetwork,
    /// A device of the host, by path.
    Device(String),
    /// A Linux capability, e.g. `NET_ADMIN`.
    AddCapability(String),
    /// The volumes of another container.
    VolumesFrom(String),
}

/// Which lines of a log.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LogRange {
    /// The last so many lines; `None` for all.
    pub tail: Option<u32>,
    /// Not before this moment, counted from 1970; `None` for all.
    pub since: Option<Duration>,
    /// Longest answer in bytes; `None` means 1 MiB. What is longer loses its *first* lines.
    pub max_bytes: Option<u32>,
}

impl LogRange {
    /// The last so many lines.
    #[must_use]
    pub fn last(lines: u32) -> Self {
        Self { tail: Some(lines), ..Self::default() }
    }
}

/// A command inside a container.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExecSpec {
    /// Program and arguments, run without a shell.
    pub command: Vec<String>,
    /// Variables.
    pub env: Vec<(String, String)>,
    /// `user[:group]`; `None` for the container's own.
    pub user: Option<String>,
    /// Working directory; `None` for the container's own.
    pub directory: Option<String>,
    /// `None` means 30 seconds. After `timed-out` it may still run inside.
    pub timeout: Option<Duration>,
    /// Longest output; `None` means 1 MiB.
    pub max_bytes: Option<u32>,
}
