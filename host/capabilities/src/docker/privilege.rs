//! What a container gets only if the operator's policy says so too.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// An entry of `allow`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Privilege {
    /// All of them: `--privileged`.
    Privileged,
    /// The host's network.
    HostNetwork,
    /// The host's process namespace.
    HostPid,
    /// The host's IPC namespace.
    HostIpc,
    /// A device of the host.
    Device(String),
    /// A Linux capability, without `CAP_`.
    Capability(String),
    /// The engine's socket as a mount.
    DockerSocket,
    /// The volumes of another container, which `containers` has to name.
    VolumesFrom,
}

const PLAIN: [(&str, Privilege); 6] = [
    ("privileged", Privilege::Privileged),
    ("host-network", Privilege::HostNetwork),
    ("host-pid", Privilege::HostPid),
    ("host-ipc", Privilege::HostIpc),
    ("docker-socket", Privilege::DockerSocket),
    ("volumes-from", Privilege::VolumesFrom),
];

impl Privilege {
    /// A device by its path.
    ///
    /// # Errors
    ///
    /// It is not an absolute path of a device.
    pub fn device(path: &str) -> Result<Self, String> {
        let plain = |sign: char| sign.is_ascii_alphanumeric() || "._-/".contains(sign);
        let names = path.strip_prefix("/dev/").unwrap_or_default();
        let whole = names.split('/').all(|name| !matches!(name, "" | "." | ".."));
        if whole && path.chars().all(plain) {
            Ok(Self::Device(path.to_owned()))
        } else {
            Err("a device is a plain path below `/dev/`".to_owned())
        }
    }

    /// A Linux capability by its name, with or without `CAP_`.
    ///
    /// # Errors
    ///
    /// It is not the name of one.
    pub fn capability(name: &str) -> Result<Self, String> {
        let name = name.to_ascii_uppercase();
        let name = name.strip_prefix("CAP_").unwrap_or(&name);
        if !name.is_empty() && name.bytes().all(|sign| sign.is_ascii_uppercase() || sign == b'_') {
            Ok(Self::Capability(name.to_owned()))
        } else {
            Err("a Linux capability has a name like `NET_ADMIN`".to_owned())
        }
    }
}

impl FromStr for Privilege {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(path) = text.strip_prefix("device:") {
            return Self::device(path).map_err(|why| format!("`{text}`: {why}"));
        }
        if let Some(name) = text.strip_prefix("capability:") {
            return Self::capability(name).map_err(|why| format!("`{text}`: {why}"));
        }
        match PLAIN.iter().find(|(name, _)| *name == text) {
            Some((_, privilege)) => Ok(privilege.clone()),
            None => {
                let known = PLAIN.iter().map(|(name, _)| *name).chain(["device:", "capability:"]);
                Err(format!("there is no privilege `{text}`{}", super::similar(text, known)))
            }
        }
    }
}

impl fmt::Display for Privilege {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Device(path) => write!(f, "device:{path}"),
            Self::Capability(name) => write!(f, "capability:{name}"),
            Self::Privileged => f.write_str("privileged"),
            Self::HostNetwork => f.write_str("host-network"),
            Self::HostPid => f.write_str("host-pid"),
            Self::HostIpc => f.write_str("host-ipc"),
            Self::DockerSocket => f.write_str("docker-socket"),
            Self::VolumesFrom => f.write_str("volumes-from"),
        }
    }
}

impl TryFrom<String> for Privilege {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Privilege> for String {
    fn from(privilege: Privilege) -> Self {
        privilege.to_string()
    }
}
