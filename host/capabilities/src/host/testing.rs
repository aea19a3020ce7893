//! A context for tests of the host side: no component, no clock of this machine.

use std::{net::IpAddr, path::Path, sync::Arc, time::Duration};

use async_trait::async_trait;
use rustls::RootCertStore;
use serde_json::Value;
use tokio::time::Instant;

use super::{
    Context, Ledger, Owner, Surroundings,
    bindings::runner::plugin::{docker::DockerError, types::HostError},
};
use crate::{
    Limits, Machine, Policy, Requested, admit,
    clock::Time,
    command::Programs,
    docker::Engine,
    env::Variables,
    filesystem::Tree,
    network::{Dialer, Resolve},
    secrets::{Redactor, SecretBytes},
};

/// Time that stands still.
struct Noon;

impl Time for Noon {
    fn now_ms(&self) -> u64 {
        43_200_000
    }

    fn monotonic_us(&self) -> u64 {
        7
    }
}

/// Names with fixed addresses.
pub(crate) struct Names(pub(crate) Vec<(&'static str, Vec<IpAddr>)>);

#[async_trait]
impl Resolve for Names {
    async fn resolve(&self, host: &str) -> std::io::Result<Vec<IpAddr>> {
        match self.0.iter().find(|(name, _)| *name == host) {
            Some((_, addresses)) => Ok(addresses.clone()),
            None => Err(std::io::Error::other("no such name")),
        }
    }
}

/// Says what a context is made of; everything else is absent.
pub(crate) struct Builder {
    grants: Value,
    limits: Limits,
    tree: Option<Arc<Tree>>,
    secrets: SecretBytes,
    names: Vec<(&'static str, Vec<IpAddr>)>,
    roots: RootCertStore,
    deadline: Duration,
    rehearsal: bool,
    env: Variables,
    machine: Machine,
    programs: Programs,
    policy: Policy,
    docker: Option<Arc<Engine>>,
}

impl Builder {
    pub(crate) fn new(grants: Value) -> Self {
        Self {
            grants,
            limits: Limits::default(),
            tree: None,
            secrets: SecretBytes::default(),
            names: Vec::new(),
            roots: RootCertStore::empty(),
            deadline: Duration::from_secs(20),
            rehearsal: false,
            env: Variables::default(),
            machine: Machine::default(),
            programs: Programs::default(),
            policy: Policy::unrestricted(),
            docker: None,
        }
    }

    pub(crate) fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    pub(crate) fn directory(mut self, path: &Path) -> Self {
        self.tree = Some(Arc::new(Tree::open(path).unwrap()));
        self
    }

    pub(crate) fn secret(mut self, name: &str, bytes: &[u8]) -> Self {
        self.secrets.insert(name, bytes);
        self
    }

    pub(crate) fn name(mut self, name: &'static str, addresses: &[&str]) -> Self {
        self.names.push((name, addresses.iter().map(|address| address.parse().unwrap()).collect()));
        self
    }

    pub(crate) fn roots(mut self, roots: RootCertStore) -> Self {
        self.roots = roots;
        self
    }

    pub(crate) fn env(mut self, env: Variables) -> Self {
        self.env = env;
        self
    }

    pub(crate) fn machine(mut self, machine: Machine) -> Self {
        self.machine = machine;
        self
    }

    pub(crate) fn programs(mut self, programs: Programs) -> Self {
        self.programs = programs;
        self
    }

    pub(crate) fn policy(mut self, policy: &Value) -> Self {
        self.policy = Policy::parse(policy).unwrap();
        self
    }

    pub(crate) fn docker(mut self, engine: Engine) -> Self {
        self.docker = Some(Arc::new(engine));
        self
    }

    /// A call that is to change nothing.
    pub(crate) fn rehearsing(mut self) -> Self {
        self.rehearsal = true;
        self
    }

    pub(crate) fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    pub(crate) fn build(self) -> Context {
        let grants = admit(Requested::parse(&self.grants).unwrap(), &self.policy).unwrap();
        let ledger = Ledger::new(self.limits, Arc::new(Redactor::default()), Box::new(|_| {}));
        let ledger = if self.rehearsal { ledger.rehearsing() } else { ledger };
        Context::new(Surroundings {
            grants: Arc::new(grants),
            limits: self.limits,
            deadline: Instant::now() + self.deadline,
            tree: self.tree,
            secrets: Arc::new(self.secrets),
            dialer: Arc::new(Dialer::with(Arc::new(Names(self.names)), self.roots)),
            time: Arc::new(Noon),
            ledger: Arc::new(ledger),
            env: Arc::new(self.env),
            machine: Arc::new(self.machine),
            programs: Arc::new(self.programs),
            docker: self.docker,
            owner: Owner { run: "RUN".to_owned(), step: "step".to_owned(), plugin: "plugin".to_owned() },
        })
    }
}

impl PartialEq for HostError {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Denied, Self::Denied) | (Self::TimedOut, Self::TimedOut) => true,
            (Self::Unavailable(a), Self::Unavailable(b))
            | (Self::BudgetExceeded(a), Self::BudgetExceeded(b))
            | (Self::Invalid(a), Self::Invalid(b)) => a == b,
            _ => false,
        }
    }
}

impl PartialEq for DockerError {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Host(a), Self::Host(b)) => a == b,
            (Self::NotFound(a), Self::NotFound(b))
            | (Self::Conflict(a), Self::Conflict(b))
            | (Self::Failed(a), Self::Failed(b)) => a == b,
            _ => false,
        }
    }
}
