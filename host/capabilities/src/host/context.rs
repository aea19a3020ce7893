//! What serves the host calls of one plugin call.

use std::sync::Arc;

use tokio::time::Instant;
use wasmtime::component::ResourceTable;

use super::{Booking, Ledger, Problem, bindings::runner::plugin::types::HostError, wasi::Wasi};
use crate::{
    GrantSet, Limits, clock::Time, docker::Engine, env::Variables, filesystem::Tree, network::Dialer,
    secrets::SecretBytes,
};

/// Most things a guest may hold at once: files, streams, connections, secrets. Most of them are a file of the process, which
/// other steps need too: with a limit of 1,024 three guests at once leave a quarter.
const MAX_RESOURCES: usize = 256;

/// What one plugin call may use. Everything that is shared by many calls stands behind an [`Arc`].
pub struct Surroundings {
    /// What the step is granted.
    pub grants: Arc<GrantSet>,
    /// How much it may use.
    pub limits: Limits,
    /// When the call ends at the latest.
    pub deadline: Instant,
    /// The directory that paths start from; none for a call without files.
    pub tree: Option<Arc<Tree>>,
    /// The secrets the step may use.
    pub secrets: Arc<SecretBytes>,
    /// What connects.
    pub dialer: Arc<Dialer>,
    /// What knows the time.
    pub time: Arc<dyn Time>,
    /// What counts and keeps.
    pub ledger: Arc<Ledger>,
    /// The environment that a WASI guest sees: the step's `env` and the granted variables of the host.
    pub env: Arc<Variables>,
    /// The Docker Engine of the step; none for a call without one.
    pub docker: Option<Arc<Engine>>,
    /// Who answers for what the call creates.
    pub owner: Owner,
}

/// Who has created a thing: it carries these as labels.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Owner {
    /// The run.
    pub run: String,
    /// The step.
    pub step: String,
    /// The plugin, by its name in the pipeline.
    pub plugin: String,
}

/// Serves the host calls of one plugin call; lives in its store and ends with it.
pub struct Context {
    pub(crate) grants: Arc<GrantSet>,
    pub(crate) limits: Limits,
    pub(crate) deadline: Instant,
    pub(crate) tree: Option<Arc<Tree>>,
    pub(crate) secrets: Arc<SecretBytes>,
    pub(crate) dialer: Arc<Dialer>,
    pub(crate) time: Arc<dyn Time>,
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) env: Arc<Variables>,
    pub(crate) docker: Option<Arc<Engine>>,
    pub(crate) owner: Owner,
    pub(crate) table: ResourceTable,
    pub(crate) connections: usize,
    pub(super) wasi: Option<Box<Wasi>>,
}

impl Context {
    /// A context for one call. WASI is added by [`Context::with_wasi`] for components that want it.
    #[must_use]
    pub fn new(surroundings: Surroundings) -> Self {
        let Surroundings {
            grants,
            limits,
            deadline,
            tree,
            secrets,
            dialer,
            time,
            ledger,
            env,
            docker,
            owner,
        } = surroundings;
        let mut table = ResourceTable::new();
        table.set_max_capacity(MAX_RESOURCES);
        Self {
            grants,
            limits,
            deadline,
            tree,
            secrets,
            dialer,
            time,
            ledger,
            env,
            docker,
            owner,
            table,
            connections: 0,
            wasi: None,
        }
    }

    /// What counts and keeps.
    #[must_use]
    pub fn ledger(&self) -> &Arc<Ledger> {
        &self.ledger
    }

    /// Where the use of a rule is written down that is used now.
    pub(crate) fn booking(&self) -> Booking<'_> {
        Booking { ledger: &self.ledger, at_ms: self.time.now_ms() }
    }

    /// Counts one host call.
    pub(crate) fn charge(&self) -> Result<(), Problem> {
        self.ledger.call().map_err(|spent| Problem::BudgetExceeded(format!("calls: {spent}")))
    }

    /// Splits a problem: the code goes to the guest, the rule to the operator.
    pub(crate) fn answer<T>(&self, result: Result<T, Problem>) -> Result<T, HostError> {
        result.map_err(|problem| match problem {
            Problem::Denied(refusal) => {
                self.ledger.refuse(*refusal);
                HostError::Denied
            }
            Problem::Unavailable(how_far) => HostError::Unavailable(how_far),
            Problem::TimedOut => HostError::TimedOut,
            Problem::BudgetExceeded(which) => HostError::BudgetExceeded(which),
            Problem::Invalid(what) => HostError::Invalid(what),
        })
    }
}
