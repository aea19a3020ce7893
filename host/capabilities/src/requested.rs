//! What a pipeline asks for: the `grants` block as data.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    command::CommandGrant, docker::DockerGrant, env, filesystem::FilesystemGrant, git::GitGrant,
    network::NetworkGrant, secrets::SecretsGrant,
};

/// The closed list of things a component can import and a pipeline can grant.
///
/// [`Capability::interface`] is what a component imports, [`Capability::grant_key`] what a pipeline writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Capability {
    /// Lines for people. Needs no grant.
    Log,
    /// The time. Needs no grant.
    Clock,
    /// One HTTP request, one response.
    Http,
    /// Connections.
    Tcp,
    /// Files below the pipeline's directory.
    Files,
    /// Variables of the host's environment. Not an interface of ours: a guest sees them through `wasi:cli/environment`.
    Env,
    /// Secrets as handles.
    Secrets,
    /// The bytes of a secret.
    Reveal,
    /// Containers, images and networks.
    Docker,
    /// Repositories.
    Git,
    /// Programs.
    Command,
}

impl Capability {
    /// All of them, in the order in which they are shown.
    pub const ALL: [Self; 11] = [
        Self::Log,
        Self::Clock,
        Self::Http,
        Self::Tcp,
        Self::Files,
        Self::Env,
        Self::Secrets,
        Self::Reveal,
        Self::Docker,
        Self::Git,
        Self::Command,
    ];

    /// Name of the interface in the package `runner:plugin`; of [`Capability::Env`] that in `wasi:cli`.
    #[must_use]
    pub const fn interface(self) -> &'static str {
        match self {
            Self::Log => "log",
            Self::Clock => "clock",
            Self::Http => "http",
            Self::Tcp => "tcp",
            Self::Files => "files",
            Self::Env => "environment",
            Self::Secrets => "secrets",
            Self::Reveal => "reveal",
            Self::Docker => "docker",
            Self::Git => "git",
            Self::Command => "command",
        }
    }

    /// The capability behind an interface name of `runner:plugin`, without version.
    #[must_use]
    pub fn from_interface(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|capability| *capability != Self::Env && capability.interface() == name)
    }

    /// The key under `grants` that gives it; `None` if it needs no grant.
    #[must_use]
    pub const fn grant_key(self) -> Option<&'static str> {
        match self {
            Self::Log | Self::Clock => None,
            Self::Http | Self::Tcp => Some("network"),
            Self::Files => Some("filesystem"),
            Self::Env => Some("env"),
            Self::Secrets | Self::Reveal => Some("secrets"),
            Self::Docker => Some("docker"),
            Self::Git => Some("git"),
            Self::Command => Some("command"),
        }
    }

    /// A grant that an operator can paste and adapt; empty if none is needed.
    #[must_use]
    pub const fn example(self) -> &'static str {
        match self {
            Self::Log | Self::Clock => "",
            Self::Http => r#"network: ["GET https://example.com/health"]"#,
            Self::Tcp => r#"network: ["tcp://example.com:6379"]"#,
            Self::Files => "filesystem: { read: [requirements.txt] }",
            Self::Env => "env: [LANG]",
            Self::Secrets => "secrets: [my_secret]",
            Self::Reveal => "secrets: [{ name: my_secret, reveal: true }]",
            Self::Docker => "docker: { verbs: [container.inspect], containers: [my-app-*] }",
            Self::Git => "git: [status, refs]",
            Self::Command => r#"command: [{ program: kubectl, args: [rollout, status, "*"] }]"#,
        }
    }
}

/// The `grants` of a plugin or a step, as written. Nothing may be done with it until [`admit`](crate::admit) agreed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Requested {
    /// Where to talk to.
    #[serde(skip_serializing_if = "NetworkGrant::is_empty")]
    pub network: NetworkGrant,
    /// Which files to read and write.
    #[serde(skip_serializing_if = "FilesystemGrant::is_empty")]
    pub filesystem: FilesystemGrant,
    /// Which variables of the host's environment to see.
    #[serde(skip_serializing_if = "env::EnvGrant::is_empty")]
    pub env: env::EnvGrant,
    /// Which secrets to use.
    #[serde(skip_serializing_if = "SecretsGrant::is_empty")]
    pub secrets: SecretsGrant,
    /// What to do to which containers, images and networks.
    #[serde(skip_serializing_if = "DockerGrant::is_empty")]
    pub docker: DockerGrant,
    /// What to do to which repositories.
    #[serde(skip_serializing_if = "GitGrant::is_empty")]
    pub git: GitGrant,
    /// Which programs to run.
    #[serde(skip_serializing_if = "CommandGrant::is_empty")]
    pub command: CommandGrant,
}

/// One thing that is wrong in a `grants` block.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct GrantError {
    /// JSON pointer to the value inside the block, e.g. `/network/0`. For an unknown key: to the key's value.
    pub pointer: String,
    /// What is wrong: a lower-case fragment.
    pub message: String,
    /// What to write instead, if we know.
    pub help: Option<String>,
}

impl GrantError {
    pub(crate) fn new(pointer: impl Into<String>, message: impl Into<String>) -> Self {
        Self { pointer: pointer.into(), message: message.into(), help: None }
    }

    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Reads every item of a list; what is wrong with one has its place in the list.
    pub(crate) fn each<T>(
        items: &[Value],
        read: impl Fn(&Value) -> Result<T, Vec<Self>>,
    ) -> Result<Vec<T>, Vec<Self>> {
        let mut all = Vec::with_capacity(items.len());
        let mut errors = Vec::new();
        for (index, item) in items.iter().enumerate() {
            match read(item) {
                Ok(one) => all.push(one),
                Err(found) => errors.extend(
                    found
                        .into_iter()
                        .map(|error| Self { pointer: format!("/{index}{}", error.pointer), ..error }),
                ),
            }
        }
        if errors.is_empty() { Ok(all) } else { Err(errors) }
    }
}

impl Requested {
    /// Reads a `grants` block.
    ///
    /// # Errors
    ///
    /// Every problem of the block, each with its place; unknown keys are problems.
    pub fn parse(block: &Value) -> Result<Self, Vec<GrantError>> {
        let Value::Object(keys) = block else {
            return Err(vec![GrantError::new("", "`grants` must be a map").help(
                r#"for example `grants: { network: ["GET https://example.com/health"] }`; leave it out to grant nothing"#,
            )]);
        };
        let mut requested = Self::default();
        let mut errors = Vec::new();
        for (key, value) in keys {
            let outcome = match key.as_str() {
                "network" => NetworkGrant::parse(value).map(|grant| requested.network = grant),
                "filesystem" => FilesystemGrant::parse(value).map(|grant| requested.filesystem = grant),
                "env" => env::EnvGrant::parse(value).map(|grant| requested.env = grant),
                "secrets" => SecretsGrant::parse(value).map(|grant| requested.secrets = grant),
                "docker" => DockerGrant::parse(value).map(|grant| requested.docker = grant),
                "git" => GitGrant::parse(value).map(|grant| requested.git = grant),
                "command" => CommandGrant::parse(value).map(|grant| requested.command = grant),
                other => Err(vec![
                    GrantError::new("", format!("unknown capability `{other}`"))
                        .help("known: network, filesystem, env, secrets, docker, git, command"),
                ]),
            };
            if let Err(found) = outcome {
                errors.extend(found.into_iter().map(|error| GrantError {
                    pointer: format!("/{}{}", key.replace('~', "~0").replace('/', "~1"), error.pointer),
                    ..error
                }));
            }
        }
        if errors.is_empty() { Ok(requested) } else { Err(errors) }
    }

    /// Whether nothing is asked for.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self == &Self::default()
    }

    /// Whether some rule of this block is of use to a component that imports `capability`.
    #[must_use]
    pub fn serves(&self, capability: Capability) -> bool {
        match capability {
            Capability::Log | Capability::Clock => true,
            Capability::Http => self.network.has_http(),
            Capability::Tcp => self.network.has_tcp(),
            Capability::Files => !self.filesystem.is_empty(),
            Capability::Env => !self.env.is_empty(),
            Capability::Secrets => !self.secrets.is_empty(),
            Capability::Reveal => self.secrets.reveals_any(),
            Capability::Docker => !self.docker.is_empty(),
            Capability::Git => !self.git.is_empty(),
            Capability::Command => !self.command.is_empty(),
        }
    }

    /// What `narrower` asks for beyond `self`, in words; empty if it stays within. A step's own grants may only narrow.
    #[must_use]
    pub fn beyond(&self, narrower: &Self) -> Vec<GrantError> {
        let parts = [
            ("network", self.network.beyond(&narrower.network)),
            ("filesystem", self.filesystem.beyond(&narrower.filesystem)),
            ("env", self.env.beyond(&narrower.env)),
            ("secrets", self.secrets.beyond(&narrower.secrets)),
            ("docker", self.docker.beyond(&narrower.docker)),
            ("git", self.git.beyond(&narrower.git)),
            ("command", self.command.beyond(&narrower.command)),
        ];
        parts
            .into_iter()
            .flat_map(|(key, errors)| {
                errors
                    .into_iter()
                    .map(move |error| GrantError { pointer: format!("/{key}{}", error.pointer), ..error })
            })
            .collect()
    }
}
