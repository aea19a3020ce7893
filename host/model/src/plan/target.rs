//! Targets: the machines that steps work on, and the two places of a service on each.

use std::collections::BTreeMap;

use runner_capabilities::Machine;
use serde::{Deserialize, Serialize};

use super::StepIndex;

/// A machine, with the slots of the service on it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Target {
    /// How it is reached.
    pub machine: Machine,
    /// The places of the service, by name; two or none.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub slots: BTreeMap<String, Slot>,
    /// The step that asks the proxy which slot is active, before all others; there are slots if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observer: Option<StepIndex>,
}

/// One place of a service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slot {
    /// Name of its container.
    pub container: String,
    /// Where it is reached, as the proxy names it: `host:port`.
    pub address: String,
    /// The port of `address`.
    pub port: u16,
}
