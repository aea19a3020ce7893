//! The five kinds: instantiate, call, convert. One file each.

mod action;
mod gate;
mod health_check;
mod notifier;
mod proxy_switch;

use runner_capabilities::host::bindings::runner::plugin::types;
use runner_engine::ports::{Operation, Snapshot};
use runner_model::{Answer, PluginKind, Upstream};
use wasmtime::{Result, Store, component::InstancePre};

use crate::{
    bindings::{
        action::ActionPluginPre, gate::GatePluginPre, health_check::HealthCheckPluginPre,
        notifier::NotifierPluginPre, proxy_switch::ProxySwitchPluginPre,
    },
    guest::Guest,
};

/// A component of a known kind, linked: what is left is to instantiate it.
pub(crate) enum Kind {
    Gate(GatePluginPre<Guest>),
    HealthCheck(HealthCheckPluginPre<Guest>),
    Notifier(NotifierPluginPre<Guest>),
    ProxySwitch(ProxySwitchPluginPre<Guest>),
    Action(ActionPluginPre<Guest>),
}

/// What a plugin returned, not yet looked at.
pub(crate) enum Raw {
    Answered(RawAnswer),
    Captured(String),
    Restored,
    /// Where traffic goes, and what the proxy calls that.
    Observed {
        upstreams: Vec<Upstream>,
        revision: String,
    },
}

/// The answer of any kind, not yet looked at.
pub(crate) struct RawAnswer {
    pub(crate) answer: Answer,
    pub(crate) summary: String,
    pub(crate) findings: Vec<types::Finding>,
    pub(crate) checks: Vec<RawCheck>,
    pub(crate) score: Option<f64>,
    pub(crate) outputs: Vec<types::Output>,
}

/// One part of a health check, not yet looked at.
pub(crate) struct RawCheck {
    pub(crate) name: String,
    pub(crate) answer: Answer,
    pub(crate) message: String,
}

/// A kind was asked what it does not do: a fault of ours.
#[derive(Debug, thiserror::Error)]
#[error("a {} cannot be asked this", .0.as_str())]
pub(crate) struct WrongOperation(pub(crate) PluginKind);

impl Kind {
    pub(crate) fn new(kind: PluginKind, pre: InstancePre<Guest>) -> Result<Self> {
        Ok(match kind {
            PluginKind::Gate => Self::Gate(GatePluginPre::new(pre)?),
            PluginKind::HealthCheck => Self::HealthCheck(HealthCheckPluginPre::new(pre)?),
            PluginKind::Notifier => Self::Notifier(NotifierPluginPre::new(pre)?),
            PluginKind::ProxySwitch => Self::ProxySwitch(ProxySwitchPluginPre::new(pre)?),
            PluginKind::Action => Self::Action(ActionPluginPre::new(pre)?),
        })
    }

    /// Asks the plugin what it is.
    pub(crate) async fn describe(&self, store: &mut Store<Guest>) -> Result<types::Manifest> {
        match self {
            Self::Gate(pre) => gate::describe(pre, store).await,
            Self::HealthCheck(pre) => health_check::describe(pre, store).await,
            Self::Notifier(pre) => notifier::describe(pre, store).await,
            Self::ProxySwitch(pre) => proxy_switch::describe(pre, store).await,
            Self::Action(pre) => action::describe(pre, store).await,
        }
    }

    /// Asks the plugin to do its work. The outer error is a trap or a limit, the inner one the plugin's own failure.
    pub(crate) async fn call(
        &self,
        store: &mut Store<Guest>,
        request: &types::Request,
        operation: Operation,
    ) -> Result<std::result::Result<Raw, types::Failure>> {
        match self {
            Self::Gate(pre) => gate::call(pre, store, request, operation).await,
            Self::HealthCheck(pre) => health_check::call(pre, store, request, operation).await,
            Self::Notifier(pre) => notifier::call(pre, store, request, operation).await,
            Self::ProxySwitch(pre) => proxy_switch::call(pre, store, request, operation).await,
            Self::Action(pre) => action::call(pre, store, request, operation).await,
        }
    }
}

/// What a change is asked.
enum Change {
    Capture,
    Apply(Snapshot),
    Restore(Snapshot),
}

impl Change {
    fn of(operation: Operation, kind: PluginKind) -> Result<Self> {
        match operation {
            Operation::Capture => Ok(Self::Capture),
            Operation::Change(snapshot) => Ok(Self::Apply(snapshot)),
            Operation::Restore(snapshot) => Ok(Self::Restore(snapshot)),
            Operation::Observe | Operation::Notify(_) => Err(WrongOperation(kind).into()),
        }
    }
}

impl RawAnswer {
    fn done(summary: String) -> Self {
        Self {
            answer: Answer::Done,
            summary,
            findings: Vec::new(),
            checks: Vec::new(),
            score: None,
            outputs: Vec::new(),
        }
    }
}
