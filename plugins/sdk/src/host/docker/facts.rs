//! What the engine says about containers, their output and itself.

use std::time::Duration;

/// What a container does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ContainerState {
    /// Created, never started.
    #[default]
    Created,
    /// Runs.
    Running,
    /// Is held.
    Paused,
    /// Is being started again.
    Restarting,
    /// Is being removed.
    Removing,
    /// Has ended.
    Exited,
    /// The engine could not remove it.
    Dead,
}

impl ContainerState {
    /// The engine's word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Restarting => "restarting",
            Self::Removing => "removing",
            Self::Exited => "exited",
            Self::Dead => "dead",
        }
    }

    /// Whether there are processes in it: it runs, is held, or is about to run again.
    #[must_use]
    pub fn is_alive(self) -> bool {
        match self {
            Self::Running | Self::Paused | Self::Restarting => true,
            Self::Created | Self::Removing | Self::Exited | Self::Dead => false,
        }
    }
}

/// What the engine's own health probe says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum HealthStatus {
    /// There is no probe.
    #[default]
    None,
    /// Not known yet.
    Starting,
    /// Well.
    Healthy,
    /// Not well.
    Unhealthy,
}

impl HealthStatus {
    /// The engine's word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Starting => "starting",
            Self::Healthy => "healthy",
            Self::Unhealthy => "unhealthy",
        }
    }
}

/// The result of one health probe.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HealthProbe {
    /// When it began, counted from 1970.
    pub at: Duration,
    /// Exit code; 0 is well.
    pub exit_code: i64,
    /// The first 4 KiB of what it wrote.
    pub output: String,
}

/// A port as it is published.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Published {
    /// Port inside.
    pub inside: u16,
    /// Address outside.
    pub address: String,
    /// Port outside.
    pub outside: u16,
}

/// Facts about a container. Moments are counted from 1970.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ContainerFacts {
    /// 64 hexadecimal digits.
    pub id: String,
    /// Name, without the slash.
    pub name: String,
    /// The image as it was named when the container was created.
    pub image: String,
    /// The image's id, `sha256:…`.
    pub image_id: String,
    /// What it does.
    pub state: ContainerState,
    /// Exit code of the last run, if it has ended.
    pub exit_code: Option<i64>,
    /// Whether the kernel killed it for want of memory.
    pub out_of_memory: bool,
    /// When it was created.
    pub created_at: Duration,
    /// When it was started last; `None` for never.
    pub started_at: Option<Duration>,
    /// When it ended last; `None` for never.
    pub finished_at: Option<Duration>,
    /// How often the engine has started it again.
    pub restarts: u32,
    /// Health by the engine's own probe.
    pub health: HealthStatus,
    /// Failures in a row.
    pub failing_streak: u32,
    /// The last probes, oldest first.
    pub probes: Vec<HealthProbe>,
    /// Its start period; zero for none.
    pub start_period: Duration,
    /// Labels.
    pub labels: Vec<(String, String)>,
    /// Published ports.
    pub ports: Vec<Published>,
    /// Its addresses by network.
    pub addresses: Vec<(String, String)>,
    /// Whether this run created it.
    pub of_this_run: bool,
}

impl ContainerFacts {
    /// The value of a label.
    #[must_use]
    pub fn label(&self, name: &str) -> Option<&str> {
        label(&self.labels, name)
    }

    /// Where a port inside is reached from the engine's machine, e.g. `127.0.0.1:8001`.
    #[must_use]
    pub fn published(&self, inside: u16) -> Option<String> {
        let Published { address, outside, .. } = self.ports.iter().find(|port| port.inside == inside)?;
        Some(if address.contains(':') {
            format!("[{address}]:{outside}")
        } else {
            format!("{address}:{outside}")
        })
    }
}

/// A rehearsal makes nothing; what it would have made has an id of zeros.
pub(super) fn is_pretended(id: &str) -> bool {
    let digits = id.strip_prefix("sha256:").unwrap_or(id);
    digits.len() == 64 && digits.bytes().all(|digit| digit == b'0')
}

pub(super) fn label<'a>(labels: &'a [(String, String)], name: &str) -> Option<&'a str> {
    labels.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
}

/// Where a line was written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OutputStream {
    /// Standard output.
    #[default]
    Stdout,
    /// Standard error.
    Stderr,
}

/// One line of a container or a command inside.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OutputLine {
    /// Where it was written.
    pub channel: OutputStream,
    /// When, counted from 1970; `None` if that is not known.
    pub at: Option<Duration>,
    /// The text, without newline.
    pub text: String,
}

/// Lines, oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ContainerOutput {
    /// The lines.
    pub lines: Vec<OutputLine>,
    /// Whether earlier lines are missing for want of room.
    pub truncated: bool,
}

/// What came of a command inside a container.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExecResult {
    /// Exit code.
    pub exit_code: i64,
    /// What it wrote.
    pub output: ContainerOutput,
}

/// What a container uses, measured over about one second.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Usage {
    /// Bytes in use, without the file cache.
    pub memory: u64,
    /// Most bytes it may use; that of the machine if it has no limit.
    pub memory_limit: u64,
    /// Thousandths of one processor.
    pub cpu_millis: u32,
    /// Processes.
    pub pids: u64,
}

/// About the engine.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EngineFacts {
    /// Version of the engine.
    pub version: String,
    /// Version of the API in use.
    pub api: String,
    /// E.g. `linux/amd64`.
    pub platform: String,
}
