//! The exit codes of `runner`, one place.

/// How the process ends. The numbers are a contract with scripts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum ExitCode {
    /// The run succeeded; for other commands: done.
    Succeeded = 0,
    /// A fault of the runner itself, or a journal that cannot be written.
    Internal = 1,
    /// The command line is wrong.
    Usage = 2,
    /// A gate or health check said no; every change has been taken back.
    Rejected = 3,
    /// A step could not answer or a change failed; every change has been taken back.
    Failed = 4,
    /// Something could not be taken back. Beats 3, 4 and 130.
    Stuck = 5,
    /// The pipeline is not valid; nothing was started.
    InvalidPipeline = 6,
    /// A grant is missing, too wide or not used; nothing was started.
    GrantRefused = 7,
    /// A plugin cannot be loaded or is of the wrong kind; nothing was started.
    PluginUnusable = 8,
    /// Something outside (Docker, network, proxy) does not answer; nothing was changed.
    Environment = 9,
    /// Another run holds the lock; nothing was started.
    Locked = 10,
    /// The run was cancelled; every change has been taken back.
    Cancelled = 130,
}

impl ExitCode {
    /// All of them, in order.
    pub const ALL: [Self; 12] = [
        Self::Succeeded,
        Self::Internal,
        Self::Usage,
        Self::Rejected,
        Self::Failed,
        Self::Stuck,
        Self::InvalidPipeline,
        Self::GrantRefused,
        Self::PluginUnusable,
        Self::Environment,
        Self::Locked,
        Self::Cancelled,
    ];

    /// The number.
    #[must_use]
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// What it means, for `--help` and the README.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Internal => "internal error, or the journal cannot be written",
            Self::Usage => "command line wrong",
            Self::Rejected => "a gate or health check said no; every change taken back",
            Self::Failed => "a step failed; every change taken back",
            Self::Stuck => "something could not be taken back",
            Self::InvalidPipeline => "pipeline invalid; nothing started",
            Self::GrantRefused => "grant refused; nothing started",
            Self::PluginUnusable => "plugin unusable; nothing started",
            Self::Environment => "something outside does not answer; nothing changed",
            Self::Locked => "locked by another run; nothing started",
            Self::Cancelled => "cancelled; every change taken back",
        }
    }
}

impl From<ExitCode> for std::process::ExitCode {
    fn from(code: ExitCode) -> Self {
        Self::from(code.code())
    }
}
