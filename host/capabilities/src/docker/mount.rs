//! Directories of the engine's machine that may be mounted into containers.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// What is never mounted, whatever a grant says: with any of them a container is as good as its machine.
const NEVER: [&str; 5] = ["/proc", "/sys", "/etc", "/var/lib/docker", "/var/lib/containerd"];
/// Where an engine listens. Mounted only with `allow: [docker-socket]`.
const SOCKETS: [&str; 4] =
    ["/var/run/docker.sock", "/run/docker.sock", "/var/run/containerd", "/run/containerd"];

/// A directory or file, with all below it: relative to the pipeline's directory, or absolute.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MountRoot {
    path: MountPath,
    written: String,
}

/// A path without `.`, `..` and double slashes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MountPath {
    absolute: bool,
    names: Vec<String>,
}

/// What kind of thing a path is to mounting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// An ordinary path.
    Ordinary,
    /// The socket of an engine.
    Socket,
    /// What no grant can give.
    Never,
}

impl MountPath {
    /// Whether this is `other` or lies below it.
    #[must_use]
    pub fn is_within(&self, other: &Self) -> bool {
        self.absolute == other.absolute && self.names.starts_with(&other.names)
    }

    /// Whether it starts at the root of the file system.
    #[must_use]
    pub fn is_absolute(&self) -> bool {
        self.absolute
    }

    /// What it is to mounting. `socket` is where the step's own engine listens.
    #[must_use]
    pub fn reach(&self, socket: Option<&str>) -> Reach {
        if !self.absolute {
            return Reach::Ordinary;
        }
        let sockets = SOCKETS.into_iter().chain(socket);
        let sockets: Vec<Self> = sockets.filter_map(|path| path.parse().ok()).collect();
        if sockets.contains(self) {
            return Reach::Socket;
        }
        let never = NEVER.iter().filter_map(|path| path.parse().ok());
        // What holds one of them gives it too.
        let touches = |path: &Self| self.is_within(path) || path.is_within(self);
        if never.chain(sockets).any(|path| touches(&path)) { Reach::Never } else { Reach::Ordinary }
    }
}

impl FromStr for MountPath {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let shown = crate::shown::shown(text);
        if text.is_empty() {
            return Err("an empty path; write `./` for the pipeline's directory".to_owned());
        }
        if text.len() > 4096 || text.contains(['\\', '\0', '*', ',']) {
            return Err(format!("`{shown}`: a path to mount holds no `*`, `,`, `\\` and NUL"));
        }
        let names: Vec<String> =
            text.split('/').filter(|name| !matches!(*name, "" | ".")).map(str::to_owned).collect();
        if names.iter().any(|name| name == "..") {
            return Err(format!("`{shown}`: a path to mount holds no `..`"));
        }
        Ok(Self { absolute: text.starts_with('/'), names })
    }
}

impl fmt::Display for MountPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.absolute, self.names.is_empty()) {
            (false, true) => f.write_str("./"),
            (true, _) => write!(f, "/{}", self.names.join("/")),
            (false, false) => f.write_str(&self.names.join("/")),
        }
    }
}

impl MountRoot {
    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &MountPath {
        &self.path
    }

    /// Whether all below `narrow` is below `self` too.
    pub(crate) fn contains(&self, narrow: &Self) -> bool {
        narrow.path.is_within(&self.path)
    }
}

impl FromStr for MountRoot {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let path: MountPath = text.parse()?;
        match path.reach(None) {
            Reach::Ordinary | Reach::Socket => Ok(Self { path, written: text.to_owned() }),
            Reach::Never => Err(format!(
                "`{text}` cannot be mounted by any grant: it is, or holds, what makes a container as mighty as its machine"
            )),
        }
    }
}

impl fmt::Display for MountRoot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

impl TryFrom<String> for MountRoot {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<MountRoot> for String {
    fn from(root: MountRoot) -> Self {
        root.written
    }
}
