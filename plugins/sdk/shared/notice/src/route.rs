//! Who is told what.

use std::collections::BTreeMap;

use runner_plugin::{Event, Host};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::fact::Fact;
use crate::message::Message;

/// Sends the messages that it fits somewhere else, or nowhere. A condition that is not there fits every message.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Route<T> {
    /// Any of these events.
    #[serde(default)]
    pub events: Vec<Occasion>,
    /// Any of these severities, as the pipeline's `notify` entry says them.
    #[serde(default)]
    pub severities: Vec<Level>,
    /// All of these, as they stand in `message.fields`: for finer levels than three.
    #[serde(default)]
    pub fields: BTreeMap<String, Fact>,
    /// Who is told in place of the ones above; `nobody` if no one is.
    pub to: To<T>,
}

/// Who is told.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum To<T> {
    /// No one; the log says so.
    Nobody(Nobody),
    /// These.
    Somebody(T),
}

/// No one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum Nobody {
    /// The word for it.
    #[serde(rename = "nobody")]
    Nobody,
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum Occasion {
    /// The run succeeded.
    #[serde(rename = "run.succeeded")]
    Succeeded,
    /// The run was rejected, failed, or is stuck.
    #[serde(rename = "run.failed")]
    Failed,
    /// What it had changed was taken back.
    #[serde(rename = "run.rolled_back")]
    RolledBack,
    /// What it had changed could not be taken back.
    #[serde(rename = "run.stuck")]
    Stuck,
    /// A person stopped it.
    #[serde(rename = "run.cancelled")]
    Cancelled,
    /// A person is asked.
    #[serde(rename = "approval.waiting")]
    ApprovalWaiting,
    /// The notifier is a step of its own.
    #[serde(rename = "step")]
    Step,
}

/// How serious it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// For information.
    Info,
    /// Worth a look.
    Warning,
    /// Somebody has to act.
    Error,
}

impl<T> Route<T> {
    /// Finds who is told: the first of `routes` that fits says who or nobody; without one it is `usual`. Where it is nobody,
    /// the log says by which route.
    pub fn choose<'c>(
        routes: &'c [Self],
        usual: &'c T,
        message: &Message,
        event: &Event,
        host: &Host,
    ) -> Option<&'c T> {
        let found = routes.iter().enumerate().find(|(_, route)| route.fits(message, event));
        match found.map(|(index, route)| (index, &route.to)) {
            None => Some(usual),
            Some((_, To::Somebody(told))) => Some(told),
            Some((index, To::Nobody(Nobody::Nobody))) => {
                let (name, severity) = (&event.name, &event.severity);
                host.log()
                    .info(format!("nobody is told of `{name}` ({severity}): `routes[{index}]` says so"));
                None
            }
        }
    }

    fn fits(&self, message: &Message, event: &Event) -> bool {
        let Self { events, severities, fields, to: _ } = self;
        (events.is_empty() || events.iter().any(|occasion| occasion.name() == event.name))
            && (severities.is_empty() || severities.iter().any(|level| level.name() == event.severity))
            && fields.iter().all(|(name, fact)| message.fields.get(name) == Some(fact))
    }
}

impl Occasion {
    /// The name that the host gives it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Succeeded => "run.succeeded",
            Self::Failed => "run.failed",
            Self::RolledBack => "run.rolled_back",
            Self::Stuck => "run.stuck",
            Self::Cancelled => "run.cancelled",
            Self::ApprovalWaiting => "approval.waiting",
            Self::Step => "step",
        }
    }
}

impl Level {
    /// The name that the pipeline gives it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}
