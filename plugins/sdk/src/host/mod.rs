//! What a plugin can reach: the capabilities, as far as the step's grants go.
//!
//! A call goes `plugin -> view -> backend -> host`: a view such as [`Files`] is what authors see, it knows
//! texts, defaults and errors; the backend is one thin function per import of the WIT package. On wasm32 the
//! backend is the imports themselves. On every other target it is the fake host of a test.

mod clock;
mod command;
mod docker;
mod encoding;
mod files;
#[cfg(feature = "glob")]
mod find;
mod git;
mod http;
mod log;
mod secrets;
mod tcp;

#[cfg(target_arch = "wasm32")]
mod imports;
#[cfg(target_arch = "wasm32")]
use imports as backend;

#[cfg(not(target_arch = "wasm32"))]
use crate::testing::backend;

pub use clock::Clock;
pub use command::{Command, Completion, Ending};
pub use docker::{
    BuildProblem, BuildResult, BuildSpec, Container, ContainerFacts, ContainerOutput, ContainerSpec,
    ContainerState, Docker, DockerError, DockerFailure, EngineFacts, ExecResult, ExecSpec, HealthCommand,
    HealthProbe, HealthStatus, ImageFacts, LogRange, Login, Mount, NetworkKind, OutputLine, OutputStream,
    Port, Privilege, PruneSpec, Pruned, Published, Restart, Usage,
};
pub use files::{DirEntry, FileKind, Files, Metadata};
pub use git::{
    Change, CommitFacts, Credentials, Git, GitError, GitReason, Head, RemoteRef, Repository, Signature,
    StatusEntry, TagFacts, TreeEntry, Verification, short_id,
};
pub use http::{Auth, Http, HttpRequest, Response};
pub use log::{Level, Log};
pub use secrets::Secret;
pub use tcp::{Connection, Tcp, TlsFacts};

#[cfg(not(target_arch = "wasm32"))]
pub(crate) use command::{Invocation, SecretVariable};
#[cfg(not(target_arch = "wasm32"))]
pub(crate) use http::{Outgoing, SecretHeader};

use crate::Failure;

/// What a plugin can reach. Every call is judged by the step's grants.
#[derive(Debug, Clone)]
pub struct Host {
    backend: backend::Backend,
}

impl Host {
    /// The imports of this component.
    #[cfg(target_arch = "wasm32")]
    pub(crate) fn of_component() -> Self {
        Self { backend: backend::Backend }
    }

    /// The fake of a test.
    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) fn of_test(backend: backend::Backend) -> Self {
        Self { backend }
    }

    /// Files below the pipeline's directory. Needs `filesystem` in the grants.
    #[must_use]
    pub fn files(&self) -> Files<'_> {
        Files::new(&self.backend)
    }

    /// HTTP requests. Each needs a `network` rule that covers its method and URL.
    #[must_use]
    pub fn http(&self) -> Http<'_> {
        Http::new(&self.backend)
    }

    /// Connections. Each needs a `network` rule `tcp://host:port`.
    #[must_use]
    pub fn tcp(&self) -> Tcp<'_> {
        Tcp::new(&self.backend)
    }

    /// A program of this machine, or of the step's target: which one is said by the grant. Needs `command` in the grants:
    /// the program, and its arguments.
    pub fn command<'s>(&self, program: impl Into<String>) -> Command<'_, 's> {
        Command::new(&self.backend, program.into())
    }

    /// Git repositories. Needs `git` in the grants: the repository, and a verb for each thing that is done.
    #[must_use]
    pub fn git(&self) -> Git<'_> {
        Git::new(&self.backend)
    }

    /// The Docker Engine of the step's target, or the machine's own. Needs `docker` in the grants.
    #[must_use]
    pub fn docker(&self) -> Docker<'_> {
        Docker::new(&self.backend)
    }

    /// A secret by the name it has in the pipeline. Needs `secrets` in the grants.
    ///
    /// # Errors
    ///
    /// [`FailureKind::Denied`](crate::FailureKind::Denied) when the step may not use it.
    pub fn secret(&self, name: &str) -> Result<Secret, Failure> {
        self.backend
            .secret(name)
            .map(|handle| Secret::new(name, handle))
            .map_err(|error| Failure::of_call(format_args!("secret `{name}`"), error))
    }

    /// The time. Needs no grant.
    #[must_use]
    pub fn clock(&self) -> Clock<'_> {
        Clock::new(&self.backend)
    }

    /// Lines for the people who run the pipeline. Needs no grant.
    #[must_use]
    pub fn log(&self) -> Log<'_> {
        Log::new(&self.backend)
    }
}
