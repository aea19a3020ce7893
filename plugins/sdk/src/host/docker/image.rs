//! Images: what to build, get, keep and remove.

use std::time::Duration;

use super::facts;
use crate::Secret;

/// An image to build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuildSpec {
    /// Directory below the pipeline's that is sent, without what its `.dockerignore` names.
    pub context: String,
    /// Path of the Dockerfile, relative to the context.
    pub dockerfile: String,
    /// `name:tag`s for the result.
    pub tags: Vec<String>,
    /// Build arguments.
    pub args: Vec<(String, String)>,
    /// Labels; none may start with `runner.`.
    pub labels: Vec<(String, String)>,
    /// Stage to build; `None` for the last.
    pub target: Option<String>,
    /// Whether to build every layer anew.
    pub no_cache: bool,
    /// Whether to ask registries for newer base images.
    pub pull: bool,
    /// Longest context in bytes; `None` means 256 MiB.
    pub max_context_bytes: Option<u64>,
}

impl Default for BuildSpec {
    /// `Dockerfile` in the pipeline's own directory.
    fn default() -> Self {
        Self {
            context: ".".to_owned(),
            dockerfile: "Dockerfile".to_owned(),
            tags: Vec::new(),
            args: Vec::new(),
            labels: Vec::new(),
            target: None,
            no_cache: false,
            pull: false,
            max_context_bytes: None,
        }
    }
}

/// What came of a build. Each line of it went to the step's log as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BuildResult {
    /// The id of the image.
    Built(String),
    /// It was not built: a Dockerfile that cannot be read, a command that failed.
    Broken(BuildProblem),
}

/// Why an image was not built.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BuildProblem {
    /// What the engine says.
    pub message: String,
    /// The last 50 lines of the build.
    pub log: Vec<String>,
}

/// Facts about an image.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImageFacts {
    /// `sha256:…`.
    pub id: String,
    /// `name:tag`s.
    pub tags: Vec<String>,
    /// `name@sha256:…`, as registries know it.
    pub digests: Vec<String>,
    /// Labels.
    pub labels: Vec<(String, String)>,
    /// When it was made, counted from 1970.
    pub created_at: Duration,
    /// Bytes.
    pub size: u64,
    /// E.g. `amd64`.
    pub architecture: String,
    /// `user[:group]` it runs as; empty for root.
    pub user: String,
    /// Whether it has a health probe.
    pub has_health_check: bool,
    /// Ports it declares, e.g. `8000/tcp`.
    pub exposed: Vec<String>,
    /// Number of layers.
    pub layers: u32,
}

impl ImageFacts {
    /// Whether a rehearsal only pretends that it was fetched: nothing is known of it but its name.
    #[must_use]
    pub fn is_pretended(&self) -> bool {
        facts::is_pretended(&self.id)
    }

    /// The value of a label.
    #[must_use]
    pub fn label(&self, name: &str) -> Option<&str> {
        facts::label(&self.labels, name)
    }
}

/// Name and password for a registry. The plugin never sees the password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Login {
    /// User name.
    pub user: String,
    /// Password or token.
    pub password: Secret,
}

/// Which images to remove. Images of containers stay, whether these run or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PruneSpec {
    /// Only untagged ones. Else also those whose tags all fit `pattern`.
    pub dangling: bool,
    /// `name:tag` with `*`; empty with `dangling`.
    pub pattern: String,
    /// Only those older than this moment, counted from 1970.
    pub before: Duration,
    /// Never these: names, digests or ids.
    pub keep: Vec<String>,
}

/// An image that was removed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pruned {
    /// `sha256:…`.
    pub id: String,
    /// The tags it had.
    pub tags: Vec<String>,
    /// Its size in bytes; layers that others share stay.
    pub size: u64,
}

/// Whether what is in a network reaches the world.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NetworkKind {
    /// A bridge with a way out.
    Open,
    /// A bridge with none.
    Internal,
}
