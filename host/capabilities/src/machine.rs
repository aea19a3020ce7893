//! Where Docker calls and commands go.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// A machine on which a step works: this one, or a target of the pipeline.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// Its Docker Engine.
    pub docker: DockerHost,
    /// The `Host` alias of `ssh_config(5)` that commands go through; none for this machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ssh: Option<String>,
    /// Where commands start on it; none for the pipeline's directory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workdir: Option<String>,
}

/// How an engine is reached.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DockerHost {
    /// A socket of this machine.
    Unix(String),
    /// Through the system's `ssh`, by a `Host` alias of `ssh_config(5)`.
    Ssh(String),
    /// TLS with a client certificate. Without TLS only to this machine itself.
    Tcp {
        /// Name or address.
        host: String,
        /// Port.
        port: u16,
        /// Certificates; none for plain TCP, which only loopback may be.
        tls: Option<TlsFiles>,
    },
}

/// Files with certificates and a key, PEM; absolute, or relative to the pipeline's directory.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsFiles {
    /// Certificates of the authority that signed the engine's.
    pub ca: String,
    /// The client's certificate.
    pub cert: String,
    /// Its key.
    pub key: String,
}

impl Default for DockerHost {
    fn default() -> Self {
        Self::Unix("/var/run/docker.sock".to_owned())
    }
}

/// Text that is no address of an engine: a lower-case fragment that says why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct DockerHostError(String);

impl FromStr for DockerHost {
    type Err = DockerHostError;

    fn from_str(text: &str) -> Result<Self, DockerHostError> {
        let wrong = |why: &str| Err(DockerHostError(format!("`{text}` {why}")));
        if let Some(path) = text.strip_prefix("unix://") {
            if !path.starts_with('/') {
                return wrong("needs an absolute path after `unix://`");
            }
            return Ok(Self::Unix(path.to_owned()));
        }
        if let Some(alias) = text.strip_prefix("ssh://") {
            let plain = |sign: char| sign.is_ascii_alphanumeric() || "@._-".contains(sign);
            if alias.is_empty() || alias.starts_with('-') || !alias.chars().all(plain) {
                return wrong(
                    "is not `ssh://[user@]host`; a port, a key and so on belong into a `Host` of ssh_config",
                );
            }
            return Ok(Self::Ssh(alias.to_owned()));
        }
        if let Some(rest) = text.strip_prefix("tcp://") {
            let url = url::Url::parse(&format!("tcp://{rest}"));
            let parts = url.as_ref().ok().and_then(|url| Some((url.host_str()?, url.port()?, url.path())));
            return match parts {
                Some((host, port, "" | "/")) => Ok(Self::Tcp { host: host.to_owned(), port, tls: None }),
                Some(_) | None => wrong("is not `tcp://host:port`"),
            };
        }
        wrong("is not `unix:///path`, `ssh://[user@]host` or `tcp://host:port`")
    }
}

impl fmt::Display for DockerHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix://{path}"),
            Self::Ssh(alias) => write!(f, "ssh://{alias}"),
            Self::Tcp { host, port, .. } => write!(f, "tcp://{host}:{port}"),
        }
    }
}
