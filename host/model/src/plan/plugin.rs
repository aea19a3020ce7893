//! Plugins and secrets as the plan knows them.

use serde::{Deserialize, Serialize};

use crate::{Digest, PluginAlias};

/// What a component is, read from its exports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PluginKind {
    /// Answers a question.
    Gate,
    /// Measures health.
    HealthCheck,
    /// Delivers messages.
    Notifier,
    /// Moves traffic.
    ProxySwitch,
    /// Makes any other change.
    Action,
}

/// What a step of some kind does to the world.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Effect {
    /// Nothing: may be repeated at any time.
    Observe,
    /// Something that can be taken back: capture, change, restore.
    Change,
    /// Something that cannot be taken back and need not be: a message.
    Announce,
}

impl PluginKind {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Gate, Self::HealthCheck, Self::Notifier, Self::ProxySwitch, Self::Action];

    /// Name of the exported interface, and of the kind everywhere else.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Gate => "gate",
            Self::HealthCheck => "health-check",
            Self::Notifier => "notifier",
            Self::ProxySwitch => "proxy-switch",
            Self::Action => "action",
        }
    }

    /// What it does to the world.
    #[must_use]
    pub const fn effect(self) -> Effect {
        match self {
            Self::Gate | Self::HealthCheck => Effect::Observe,
            Self::Notifier => Effect::Announce,
            Self::ProxySwitch | Self::Action => Effect::Change,
        }
    }
}

/// Where a secret's bytes come from. The bytes themselves never stand in a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SecretOrigin {
    /// A variable of the runner's environment.
    Env(String),
    /// A file; one trailing newline is not part of the secret.
    File(String),
}

/// One secret of the pipeline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretSource {
    /// Where its bytes come from.
    pub from: SecretOrigin,
    /// The plugins that may use it.
    pub allow: Vec<PluginAlias>,
}

/// One plugin of the pipeline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedPlugin {
    /// Its name in the pipeline.
    pub alias: PluginAlias,
    /// Absolute path of the component.
    pub path: String,
    /// Digest of the component that was checked; another one is not loaded.
    pub digest: Digest,
    /// What it is.
    pub kind: PluginKind,
}
