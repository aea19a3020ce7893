//! The components of a plan, linked for each step, and the port through which the engine calls them.

use std::{
    collections::{BTreeMap, HashMap},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use runner_capabilities::{
    Capability, DockerHost, GrantSet, Limits, Machine,
    command::{CommandRule, Programs},
    docker::{Engine as Docker, Places},
    env::Variables,
    filesystem::Tree,
    host::{Context, Ledger, Owner, Surroundings, bindings::runner::plugin::types},
    log::Line,
    network::Dialer,
    secrets::{Redactor, SecretBytes},
};
use runner_engine::ports::{BoxFuture, Call, CallReport, LogLine, Mode, Reply, StepRunner};
use runner_model::{
    Assignment, Failure, FailureKind, Narrowed, Plan, PlanHeader, PluginAlias, PluginIndex, SecretName, Step,
    StepIndex, TargetName, Uses,
};
use tokio::{sync::Semaphore, time::Instant};
use wasmtime::{Engine, component::Component};

use crate::{
    answer::Judge,
    engine::{Allocation, Counting, POOL_SLOTS},
    failure, guest,
    inspect::LoadError,
    kind::Kind,
    loader::{Known, Loader, linked},
    rehearsal,
};

/// What a host is told of its surroundings.
#[derive(Debug, Clone, Default)]
pub struct HostOptions {
    /// The environment of the runner; a step sees of it what it is granted.
    pub env: BTreeMap<String, String>,
    /// The bytes of the pipeline's secrets.
    pub secrets: BTreeMap<SecretName, Vec<u8>>,
    /// The Docker Engine of steps without a target.
    pub docker: DockerHost,
    /// The directory that holds the runs; no container gets to see it.
    pub state: Option<PathBuf>,
}

/// The components of a plan, ready to be called. Clones share everything.
#[derive(Clone)]
pub struct Host(pub(crate) Arc<Loaded>);

pub(crate) struct Loaded {
    loader: Loader,
    steps: Vec<Option<LoadedStep>>,
    /// The Docker Engines that steps may use, by their targets.
    engines: BTreeMap<Option<TargetName>, Arc<Docker>>,
    dialer: Arc<Dialer>,
    redactor: Arc<Redactor>,
    /// One for each instance that the pool has room for.
    slots: Semaphore,
}

/// One step: its component, linked with its grants and no others.
struct LoadedStep {
    id: String,
    known: Arc<Known>,
    limits: Limits,
    secrets: Arc<SecretBytes>,
    plugin: PluginAlias,
    rights: Rights,
}

/// What a step may do.
enum Rights {
    /// The same whichever slot of its target is active.
    Always(Allowed),
    /// Something else for each slot that may be active, and for none.
    PerSlot(Vec<(Option<String>, Allowed)>),
}

/// Grants, and what a call under them needs.
struct Allowed {
    link: Arc<Link>,
    grants: Arc<GrantSet>,
    tree: Option<Arc<Tree>>,
    env: Arc<Variables>,
    machine: Arc<Machine>,
    programs: Arc<Programs>,
    docker: Option<Arc<Docker>>,
}

impl LoadedStep {
    /// What counts under this assignment; nothing if rules depend on it and it is not known.
    fn allowed(&self, assignment: Option<&Assignment>) -> Option<&Allowed> {
        match &self.rights {
            Rights::Always(allowed) => Some(allowed),
            Rights::PerSlot(cases) => {
                let active = &assignment?.active;
                cases.iter().find(|(case, _)| case == active).map(|(_, allowed)| allowed)
            }
        }
    }
}

/// A component in its engine, linked: what is left is to instantiate it.
struct Link {
    kind: Kind,
    engine: Engine,
    allocation: Allocation,
}

/// Components that are linked alike: same plugin, same engine, same capabilities granted.
type LinkKey = (PluginIndex, Counting, Vec<Capability>);

/// For an engine to answer at the start of a run, also through `ssh`.
const ENGINE_TIME: Duration = Duration::from_secs(30);

/// From so many plugin steps on, making a pool costs less than it saves (`docs/performance.md`).
pub(crate) const POOL_FROM: usize = 64;

impl Host {
    /// Loads every component of `plan` and links it for every step.
    ///
    /// # Errors
    ///
    /// Every plugin that cannot be used, each with one reason. Nothing was called but `describe`.
    pub async fn load(
        loader: &Loader,
        plan: &Plan,
        options: HostOptions,
    ) -> Result<Self, Vec<(PluginAlias, LoadError)>> {
        Self::load_with(loader, plan, options, Dialer::system()).await
    }

    /// As [`Host::load`], with another way to connect: for tests, and for machines with a certificate authority of their
    /// own.
    ///
    /// # Errors
    ///
    /// As for [`Host::load`].
    pub async fn load_with(
        loader: &Loader,
        plan: &Plan,
        options: HostOptions,
        dialer: Dialer,
    ) -> Result<Self, Vec<(PluginAlias, LoadError)>> {
        let plugins = know_all(loader, &plan.header).await?;
        let mut linking = Linking {
            loader,
            header: &plan.header,
            plugins,
            options: &options,
            links: HashMap::new(),
            tree: None,
            engines: HashMap::new(),
            allocation: allocation(plan),
        };
        let mut steps = Vec::with_capacity(plan.steps.len());
        let mut errors = Vec::new();
        for step in &plan.steps {
            let Uses::Plugin(index) = step.uses else {
                steps.push(None);
                continue;
            };
            match linking.step(step, index).await {
                Ok(loaded) => steps.push(Some(loaded)),
                Err(error) => errors.push((linking.alias(index), error)),
            }
        }
        if !errors.is_empty() {
            errors.dedup_by(|(later, _), (earlier, _)| later == earlier);
            return Err(errors);
        }
        let redactor = Arc::new(Redactor::new(options.secrets.values().map(Vec::as_slice)));
        let engines = linking.engines.into_iter().collect();
        Ok(Self(Arc::new(Loaded {
            loader: loader.clone(),
            steps,
            engines,
            dialer: Arc::new(dialer),
            redactor,
            slots: Semaphore::new(POOL_SLOTS as usize),
        })))
    }
}

impl Host {
    /// Asks every Docker Engine that some step may use whether it is there, all at once.
    ///
    /// # Errors
    ///
    /// Each that does not answer, by its target, with words that say what to do.
    pub async fn engines_answer(&self) -> Result<(), Vec<(Option<TargetName>, String)>> {
        let asked = self.0.engines.iter().map(|(target, engine)| async move {
            let answer = engine.introduced(ENGINE_TIME).await;
            answer.err().map(|why| (target.clone(), why))
        });
        let silent: Vec<_> = futures::future::join_all(asked).await.into_iter().flatten().collect();
        if silent.is_empty() { Ok(()) } else { Err(silent) }
    }
}

/// A pool for plans of many plugin steps. A short plan is done before a pool is made.
fn allocation(plan: &Plan) -> Allocation {
    let plugins = plan.steps.iter().filter(|step| matches!(step.uses, Uses::Plugin(_))).count();
    if plugins >= POOL_FROM { Allocation::Pooled } else { Allocation::OnDemand }
}

/// Reads, compiles and asks all plugins at once, and holds their digests against the plan.
async fn know_all(
    loader: &Loader,
    header: &PlanHeader,
) -> Result<Vec<Arc<Known>>, Vec<(PluginAlias, LoadError)>> {
    let known = futures::future::join_all(header.plugins.iter().map(|plugin| async {
        if let Some(known) = loader.already(&plugin.digest) {
            // This process has checked it: the file is not asked again, and may have changed since.
            return Ok(known);
        }
        let known = loader.know_file(Path::new(&plugin.path)).await?;
        if known.digest == plugin.digest {
            Ok(known)
        } else {
            Err(LoadError::Changed { expected: plugin.digest.clone(), found: known.digest.clone() })
        }
    }));
    let mut plugins = Vec::new();
    let mut errors = Vec::new();
    for (plugin, known) in header.plugins.iter().zip(known.await) {
        match known {
            Ok(known) => plugins.push(known),
            Err(error) => errors.push((plugin.alias.clone(), error)),
        }
    }
    if errors.is_empty() { Ok(plugins) } else { Err(errors) }
}

/// Links step after step, and shares what is alike.
struct Linking<'a> {
    loader: &'a Loader,
    header: &'a PlanHeader,
    plugins: Vec<Arc<Known>>,
    options: &'a HostOptions,
    links: HashMap<LinkKey, Arc<Link>>,
    tree: Option<Arc<Tree>>,
    /// One Docker Engine for each target, and one for the steps without.
    engines: HashMap<Option<TargetName>, Arc<Docker>>,
    allocation: Allocation,
}

impl Linking<'_> {
    fn alias(&self, index: PluginIndex) -> PluginAlias {
        self.header
            .plugins
            .get(index.get())
            .map_or_else(|| PluginAlias::new("?"), |plugin| plugin.alias.clone())
    }

    async fn step(&mut self, step: &Step, index: PluginIndex) -> Result<LoadedStep, LoadError> {
        let Some(known) = self.plugins.get(index.get()).cloned() else {
            unreachable!("a plan's steps use the plan's plugins");
        };
        let rights = if step.narrowed.is_empty() {
            Rights::Always(self.allowed(&known, index, step, step.grants.clone()).await?)
        } else {
            let mut cases = Vec::with_capacity(step.narrowed.len());
            for Narrowed { active, grants } in &step.narrowed {
                let narrowed = step.grants.narrow(grants.clone()).map_err(|beyond| LoadError::Widened {
                    rules: beyond.into_iter().map(|error| error.message).collect(),
                })?;
                cases.push((active.clone(), self.allowed(&known, index, step, narrowed).await?));
            }
            Rights::PerSlot(cases)
        };
        Ok(LoadedStep {
            id: step.id.to_string(),
            limits: step.limits,
            secrets: Arc::new(self.secrets(step, index)),
            plugin: self.alias(index),
            rights,
            known,
        })
    }

    /// Links the component of a step with `grants` and no others.
    async fn allowed(
        &mut self,
        known: &Arc<Known>,
        index: PluginIndex,
        step: &Step,
        grants: GrantSet,
    ) -> Result<Allowed, LoadError> {
        let counting = if step.limits.fuel.is_some() { Counting::Fuel } else { Counting::Nothing };
        let granted = known
            .surface
            .linked
            .iter()
            .copied()
            .filter(|capability| grants.rules().serves(*capability))
            .collect();
        let key = (index, counting, granted);
        let link = match self.links.get(&key) {
            Some(link) => Arc::clone(link),
            None => {
                let link = Arc::new(self.link(known, counting, &grants).await?);
                self.links.insert(key, Arc::clone(&link));
                link
            }
        };
        Ok(Allowed {
            link,
            tree: if needs_tree(&grants) { Some(self.tree()?) } else { None },
            env: Arc::new(self.env(step, &grants)),
            machine: Arc::new(self.machine(step)),
            programs: Arc::new(self.programs(&grants)),
            docker: if grants.rules().docker.is_empty() { None } else { Some(self.docker(step)) },
            grants: Arc::new(grants),
        })
    }

    /// In the pool if the plan has many steps, the machine has room for one and the component fits; else on demand.
    async fn link(
        &self,
        known: &Arc<Known>,
        counting: Counting,
        grants: &GrantSet,
    ) -> Result<Link, LoadError> {
        let link = |component: &Component, engine: Engine, allocation| {
            let kind = linked(&engine, component, &known.surface, grants)?;
            Ok(Link { kind, engine, allocation })
        };
        let (component, engine) = self.loader.on_demand(known, counting).await?;
        if self.allocation == Allocation::Pooled
            && let Some((component, engine)) = self.loader.pooled(known, counting).await
        {
            return link(&component, engine, Allocation::Pooled);
        }
        link(&component, engine, Allocation::OnDemand)
    }

    fn tree(&mut self) -> Result<Arc<Tree>, LoadError> {
        if let Some(tree) = &self.tree {
            return Ok(Arc::clone(tree));
        }
        let path = &self.header.directory;
        let tree = Tree::open(Path::new(path))
            .map_err(|error| LoadError::Directory { path: path.clone(), reason: error.to_string() })?;
        Ok(Arc::clone(self.tree.insert(Arc::new(tree))))
    }

    /// The engine of the step's target, shared by all its steps.
    fn docker(&mut self, step: &Step) -> Arc<Docker> {
        if let Some(engine) = self.engines.get(&step.target) {
            return Arc::clone(engine);
        }
        let target = step.target.as_ref().and_then(|name| self.header.targets.get(name));
        let host = target.map_or(&self.options.docker, |target| &target.machine.docker);
        let places = Places {
            directory: PathBuf::from(&self.header.directory),
            workdir: target.and_then(|target| target.machine.workdir.clone()),
            state: self.options.state.clone(),
        };
        let engine = Arc::new(Docker::new(host.clone(), places));
        self.engines.insert(step.target.clone(), Arc::clone(&engine));
        engine
    }

    /// The secrets that the step lists and whose `allow` names its plugin. The grant is asked at each call.
    fn secrets(&self, step: &Step, index: PluginIndex) -> SecretBytes {
        let alias = self.alias(index);
        let mut secrets = SecretBytes::default();
        for name in &step.secrets {
            let allowed = self.header.secrets.get(name).is_some_and(|source| source.allow.contains(&alias));
            if let (true, Some(bytes)) = (allowed, self.options.secrets.get(name)) {
                secrets.insert(name.as_str(), bytes);
            }
        }
        secrets
    }

    /// The step's own variables over the granted ones of the host.
    fn env(&self, step: &Step, grants: &GrantSet) -> Variables {
        let own: BTreeMap<String, String> =
            step.env.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
        let names = grants.rules().env.names().filter(|name| !own.contains_key(*name));
        let granted = names
            .filter_map(|name| self.options.env.get(name).map(|value| (name.to_owned(), value.clone())))
            .collect();
        Variables { own, granted }
    }

    /// The machine of the step's target; without one, this machine.
    fn machine(&self, step: &Step) -> Machine {
        let target = step.target.as_ref().and_then(|name| self.header.targets.get(name));
        target.map(|target| target.machine.clone()).unwrap_or_default()
    }

    /// The host's variables that the step's programs may have, and those by which `ssh` finds its agent.
    fn programs(&self, grants: &GrantSet) -> Programs {
        let own = |name: &str| self.options.env.get(name).map(|value| (name.to_owned(), value.clone()));
        let rules = &grants.rules().command;
        Programs {
            env: rules.rules().flat_map(CommandRule::variables).filter_map(own).collect(),
            ssh_env: ["HOME", "SSH_AUTH_SOCK"].into_iter().filter_map(own).collect(),
            ssh: None,
        }
    }
}

/// Whether a step works in the pipeline's directory.
fn needs_tree(grants: &GrantSet) -> bool {
    let rules = grants.rules();
    !(rules.filesystem.is_empty() && rules.command.is_empty() && rules.git.is_empty())
}

impl LoadedStep {
    /// What is answered without a call.
    fn instead(&self, call: &Call) -> Option<CallReport> {
        rehearsal::instead(call, &self.known.manifest, self.known.surface.wasi_linked)
    }
}

impl StepRunner for Host {
    fn call(&self, call: Call, on_log: Arc<dyn Fn(LogLine) + Send + Sync>) -> BoxFuture<CallReport> {
        let loaded = Arc::clone(&self.0);
        Box::pin(async move { loaded.call(call, on_log).await })
    }
}

impl Loaded {
    async fn call(&self, call: Call, on_log: Arc<dyn Fn(LogLine) + Send + Sync>) -> CallReport {
        let Some(step) = self.step(call.step) else {
            let message = "a fault of the runner: this step has no plugin to call";
            return CallReport::of(Err(Failure::new(FailureKind::Internal, message)));
        };
        if let Some(instead) = step.instead(&call) {
            return instead;
        }
        let redactor = Arc::clone(&self.redactor);
        let on_line = Box::new(move |line: &Line| on_log(shown(line)));
        let ledger = Ledger::new(step.limits, redactor, on_line);
        let ledger = Arc::new(match call.mode {
            Mode::Real | Mode::Assumed => ledger,
            Mode::Rehearsed => ledger.rehearsing(),
        });
        let result =
            self.ask(step, call, &ledger).await.map_err(|failure| failure::tidy(failure, &self.redactor));
        let record = ledger.finish();
        CallReport {
            result,
            log: record.lines.iter().map(shown).collect(),
            dropped: record.dropped,
            denied: record.refusals,
            used: record.uses,
            rehearsed: record.rehearsed,
        }
    }

    #[cfg(test)]
    pub(crate) fn allocations(&self) -> Vec<Allocation> {
        let of = |step: &LoadedStep| match &step.rights {
            Rights::Always(allowed) => vec![allowed.link.allocation],
            Rights::PerSlot(cases) => cases.iter().map(|(_, allowed)| allowed.link.allocation).collect(),
        };
        self.steps.iter().flatten().flat_map(of).collect()
    }

    fn step(&self, index: StepIndex) -> Option<&LoadedStep> {
        self.steps.get(index.get())?.as_ref()
    }

    async fn ask(&self, step: &LoadedStep, call: Call, ledger: &Arc<Ledger>) -> Result<Reply, Failure> {
        let Some(allowed) = step.allowed(call.assignment.as_ref()) else {
            let message = "which slot of its target is active is not known, and so is what it may do; nothing was called";
            return Err(Failure::new(FailureKind::Unavailable, message));
        };
        step.known.schema.check(&call.config).map_err(|why| Failure::new(FailureKind::InvalidConfig, why))?;
        let time = call.time.min(Duration::from_millis(step.limits.time_ms));
        let request = types::Request {
            run_id: call.run.to_string(),
            step_id: step.id.clone(),
            attempt: call.attempt,
            config: call.config.to_string(),
        };
        // Whoever waits here does so on its own time: the call has not begun.
        let slot = match allowed.link.allocation {
            Allocation::Pooled => Some(self.slots.acquire().await.map_err(internal)?),
            Allocation::OnDemand => None,
        };
        let context = self.context(step, allowed, &request.run_id, Instant::now() + time, ledger);
        let running = self.loader.shared.engines.running();
        // The store lives and dies inside: after a trap, a timeout or a cancellation nothing of it is used again.
        let asked = tokio::time::timeout(time, async {
            let context = if step.known.surface.wasi_linked { with_wasi(context).await? } else { context };
            let mut store = guest::store(&allowed.link.engine, context, step.limits.memory, step.limits.fuel)
                .map_err(internal)?;
            let answer = allowed
                .link
                .kind
                .call(&mut store, &request, call.operation)
                .await
                .map_err(|error| failure::of_call(&error, store.data(), &step.limits))?;
            if store.data().context.calls_overrun() {
                return Err(failure::over_calls(&step.limits));
            }
            Ok(answer)
        })
        .await;
        drop((running, slot));
        let answered = asked.map_err(|_| failure::timed_out(time, &step.limits))??;
        let judge = Judge {
            redactor: &self.redactor,
            outputs: &step.known.manifest.outputs,
            room: ledger.output_left(),
        };
        match answered {
            Ok(raw) => judge.reply(raw),
            Err(failure) => Err(judge.failure(&failure)),
        }
    }

    fn context(
        &self,
        step: &LoadedStep,
        allowed: &Allowed,
        run: &str,
        deadline: Instant,
        ledger: &Arc<Ledger>,
    ) -> Context {
        Context::new(Surroundings {
            grants: Arc::clone(&allowed.grants),
            limits: step.limits,
            deadline,
            tree: allowed.tree.clone(),
            secrets: Arc::clone(&step.secrets),
            dialer: Arc::clone(&self.dialer),
            time: Arc::clone(&self.loader.shared.time),
            ledger: Arc::clone(ledger),
            env: Arc::clone(&allowed.env),
            machine: Arc::clone(&allowed.machine),
            programs: Arc::clone(&allowed.programs),
            docker: allowed.docker.clone(),
            owner: Owner { run: run.to_owned(), step: step.id.clone(), plugin: step.plugin.to_string() },
        })
    }
}

/// Adds WASI on a thread that may wait: granted files are opened and copied.
async fn with_wasi(context: Context) -> Result<Context, Failure> {
    let added = tokio::task::spawn_blocking(|| context.with_wasi()).await.map_err(internal)?;
    added.map_err(|error| {
        Failure::new(FailureKind::Unavailable, format!("the files of the step cannot be made ready: {error}"))
    })
}

fn internal(error: impl std::fmt::Display) -> Failure {
    Failure::new(FailureKind::Internal, format!("a fault of the runner: {error}"))
}

fn shown(line: &Line) -> LogLine {
    LogLine { level: line.level.as_str(), text: line.text.clone() }
}
