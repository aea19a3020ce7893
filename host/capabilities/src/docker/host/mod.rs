//! `runner:plugin/docker`: every function counts, asks the grant, and only then the engine.

mod build;
mod containers;
mod copy;
mod create;
mod images;
mod inside;
mod logs;
mod networks;
mod rehearse;

use std::{collections::HashMap, sync::Arc, time::Duration};

use tokio::time::Instant;
use wasmtime::{Result, component::Resource};

use super::{
    engine::{Engine, Session, Trouble},
    grant::{Wanted, refusal},
    spec::{PLUGIN, RUN, STEP},
    verb::{Family, Verb},
};
use crate::host::{
    Context, Problem,
    bindings::runner::plugin::docker::{
        self, BuildResult, BuildSpec, ContainerFacts, ContainerSpec, DockerError, ExecResult, ExecSpec,
        ImageFacts, LogRange, Login, Output, PruneSpec, Pruned, Usage,
    },
};

/// For calls that name no time: an engine under load takes its time, and one that hangs takes for ever.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(60);

/// A container in the hand of a guest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Container {
    id: String,
    name: String,
}

impl docker::Host for Context {
    async fn engine(&mut self) -> Result<Result<docker::EngineFacts, DockerError>> {
        let facts = self.engine_facts().await;
        Ok(self.docker_answer(facts))
    }

    async fn create_container(
        &mut self,
        spec: ContainerSpec,
    ) -> Result<Result<Resource<Container>, DockerError>> {
        let created = self.create(spec).await;
        Ok(match self.docker_answer(created) {
            Ok(container) => Ok(self.table.push(container)?),
            Err(error) => Err(error),
        })
    }

    async fn find_container(
        &mut self,
        name: String,
    ) -> Result<Result<Option<Resource<Container>>, DockerError>> {
        let found = self.find(&name).await;
        Ok(match self.docker_answer(found) {
            Ok(Some(container)) => Ok(Some(self.table.push(container)?)),
            Ok(None) => Ok(None),
            Err(error) => Err(error),
        })
    }

    async fn list_containers(&mut self, own_only: bool) -> Result<Result<Vec<ContainerFacts>, DockerError>> {
        let listed = self.list(own_only).await;
        Ok(self.docker_answer(listed))
    }

    async fn build_image(&mut self, spec: BuildSpec) -> Result<Result<BuildResult, DockerError>> {
        let built = self.build(spec).await;
        Ok(self.docker_answer(built))
    }

    async fn pull_image(
        &mut self,
        reference: String,
        login: Option<Login>,
        timeout_ms: Option<u32>,
    ) -> Result<Result<ImageFacts, DockerError>> {
        let pulled = self.pull(&reference, login, timeout_ms).await;
        Ok(self.docker_answer(pulled))
    }

    async fn push_image(
        &mut self,
        reference: String,
        login: Option<Login>,
        timeout_ms: Option<u32>,
    ) -> Result<Result<String, DockerError>> {
        let pushed = self.push(&reference, login, timeout_ms).await;
        Ok(self.docker_answer(pushed))
    }

    async fn inspect_image(&mut self, reference: String) -> Result<Result<Option<ImageFacts>, DockerError>> {
        let facts = self.image_facts(&reference).await;
        Ok(self.docker_answer(facts))
    }

    async fn tag_image(&mut self, reference: String, tag: String) -> Result<Result<(), DockerError>> {
        let tagged = self.tag(&reference, &tag).await;
        Ok(self.docker_answer(tagged))
    }

    async fn remove_image(&mut self, reference: String) -> Result<Result<(), DockerError>> {
        let removed = self.untag(&reference).await;
        Ok(self.docker_answer(removed))
    }

    async fn prune_images(&mut self, spec: PruneSpec) -> Result<Result<Vec<Pruned>, DockerError>> {
        let pruned = self.prune(spec).await;
        Ok(self.docker_answer(pruned))
    }

    async fn create_network(&mut self, name: String, internal: bool) -> Result<Result<(), DockerError>> {
        let created = self.make_network(&name, internal).await;
        Ok(self.docker_answer(created))
    }

    async fn remove_network(&mut self, name: String) -> Result<Result<bool, DockerError>> {
        let removed = self.drop_network(&name).await;
        Ok(self.docker_answer(removed))
    }

    async fn own_networks(&mut self) -> Result<Result<Vec<String>, DockerError>> {
        let names = self.networks_of_step().await;
        Ok(self.docker_answer(names))
    }
}

impl docker::HostContainer for Context {
    async fn id(&mut self, container: Resource<Container>) -> Result<String> {
        self.ledger.call()?;
        Ok(self.table.get(&container)?.id.clone())
    }

    async fn inspect(
        &mut self,
        container: Resource<Container>,
    ) -> Result<Result<ContainerFacts, DockerError>> {
        let container = self.table.get(&container)?.clone();
        let facts = self.inspect_container(&container).await;
        Ok(self.docker_answer(facts))
    }

    async fn start(&mut self, container: Resource<Container>) -> Result<Result<(), DockerError>> {
        let container = self.table.get(&container)?.clone();
        let started = self.start_container(&container).await;
        Ok(self.docker_answer(started))
    }

    async fn stop(
        &mut self,
        container: Resource<Container>,
        grace: Option<u32>,
    ) -> Result<Result<bool, DockerError>> {
        let container = self.table.get(&container)?.clone();
        let stopped = self.stop_container(&container, grace).await;
        Ok(self.docker_answer(stopped))
    }

    async fn rename(
        &mut self,
        container: Resource<Container>,
        name: String,
    ) -> Result<Result<(), DockerError>> {
        let held = self.table.get(&container)?.clone();
        let renamed = self.rename_container(&held, &name).await;
        if renamed.is_ok() {
            self.table.get_mut(&container)?.name = name;
        }
        Ok(self.docker_answer(renamed))
    }

    async fn remove(
        &mut self,
        container: Resource<Container>,
        force: bool,
    ) -> Result<Result<(), DockerError>> {
        let container = self.table.get(&container)?.clone();
        let removed = self.remove_container(&container, force).await;
        Ok(self.docker_answer(removed))
    }

    async fn wait(
        &mut self,
        container: Resource<Container>,
        timeout_ms: Option<u32>,
    ) -> Result<Result<i64, DockerError>> {
        let container = self.table.get(&container)?.clone();
        let ended = self.wait_for(&container, timeout_ms).await;
        Ok(self.docker_answer(ended))
    }

    async fn logs(
        &mut self,
        container: Resource<Container>,
        range: LogRange,
    ) -> Result<Result<Output, DockerError>> {
        let container = self.table.get(&container)?.clone();
        let output = self.read_log(&container, range).await;
        Ok(self.docker_answer(output))
    }

    async fn follow(
        &mut self,
        container: Resource<Container>,
        timeout_ms: Option<u32>,
    ) -> Result<Result<i64, DockerError>> {
        let container = self.table.get(&container)?.clone();
        let ended = self.follow_log(&container, timeout_ms).await;
        Ok(self.docker_answer(ended))
    }

    async fn stats(&mut self, container: Resource<Container>) -> Result<Result<Usage, DockerError>> {
        let container = self.table.get(&container)?.clone();
        let usage = self.usage_of(&container).await;
        Ok(self.docker_answer(usage))
    }

    async fn exec(
        &mut self,
        container: Resource<Container>,
        spec: ExecSpec,
    ) -> Result<Result<ExecResult, DockerError>> {
        let container = self.table.get(&container)?.clone();
        let result = self.run_inside(&container, spec).await;
        Ok(self.docker_answer(result))
    }

    async fn copy_out(
        &mut self,
        container: Resource<Container>,
        path: String,
        to: String,
        max_bytes: Option<u64>,
    ) -> Result<Result<Vec<String>, DockerError>> {
        let container = self.table.get(&container)?.clone();
        let copied = self.copy_files(&container, &path, &to, max_bytes).await;
        Ok(self.docker_answer(copied))
    }

    async fn drop(&mut self, container: Resource<Container>) -> Result<()> {
        drop(self.table.delete(container)?);
        Ok(())
    }
}

impl Context {
    async fn engine_facts(&mut self) -> Result<docker::EngineFacts, Trouble> {
        let verb = [Family::Container, Family::Image, Family::Network]
            .into_iter()
            .find_map(|family| self.grants.rules().docker.any_verb(family));
        let wanted = Wanted::verb(verb.unwrap_or(Verb::ContainerInspect));
        let session = self.begin(&wanted, DEFAULT_TIMEOUT).await?;
        let facts = session.facts();
        Ok(docker::EngineFacts { version: facts.version, api: facts.api, platform: facts.platform })
    }

    /// Counts a call and asks the grant.
    fn permit(&self, wanted: &Wanted) -> Result<Arc<Engine>, Trouble> {
        self.charge()?;
        self.allow(wanted)?;
        self.docker.clone().ok_or_else(|| {
            let none = "this call has no Docker Engine".to_owned();
            Trouble::Host(Problem::Denied(Box::new(refusal(wanted, none))))
        })
    }

    /// Asks the grant, and writes down which rules were used.
    fn allow(&self, wanted: &Wanted) -> Result<(), Trouble> {
        let rules = self.grants.rules().docker.covers(wanted)?;
        for rule in rules {
            drop(self.booking().used(rule));
        }
        Ok(())
    }

    /// Counts, asks the grant, and begins a call that takes `most` at the longest.
    async fn begin(&mut self, wanted: &Wanted, most: Duration) -> Result<Session, Trouble> {
        let engine = self.permit(wanted)?;
        engine.session(self.deadline.min(Instant::now() + most)).await
    }

    /// The time a guest has named, or what is left of the step.
    fn docker_time(&self, timeout_ms: Option<u32>) -> Duration {
        let left = self.deadline.saturating_duration_since(Instant::now());
        timeout_ms.map_or(left, |ms| Duration::from_millis(ms.into()).min(left))
    }

    /// What is put on everything that this step creates.
    fn own_labels(&self) -> impl Iterator<Item = (&'static str, String)> {
        let owner = self.owner.clone();
        [(RUN, owner.run), (STEP, owner.step), (PLUGIN, owner.plugin)].into_iter()
    }

    /// Whether a thing with these labels is another run's and not meant for this step.
    fn is_anothers(&self, family: Family, name: &str, labels: &HashMap<String, String>) -> bool {
        labels.get(RUN).is_some_and(|run| *run != self.owner.run)
            && !self.grants.rules().docker.names_exactly(family, name)
    }
}
