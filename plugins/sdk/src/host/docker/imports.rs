//! The engine as the component imports it: one thin function for each import.

use std::time::Duration;

use super::*;
use crate::component::capabilities::runner::plugin::docker;
use crate::host::backend::Backend;

impl Backend {
    pub(super) fn engine(&self) -> Result<EngineFacts, DockerError> {
        let docker::EngineFacts { version, api, platform } = docker::engine()?;
        Ok(EngineFacts { version, api, platform })
    }

    pub(super) fn create_container(&self, spec: &ContainerSpec) -> Result<ContainerHandle, DockerError> {
        Ok(ContainerHandle(docker::create_container(&docker::ContainerSpec {
            name: spec.name.clone(),
            image: spec.image.clone(),
            command: spec.command.clone(),
            entrypoint: spec.entrypoint.clone(),
            env: pairs(&spec.env),
            secret_env: spec
                .secret_env
                .iter()
                .map(|(name, secret)| docker::SecretPair { name: name.clone(), value: &secret.handle.0 })
                .collect(),
            env_files: spec.env_files.clone(),
            labels: pairs(&spec.labels),
            mounts: spec
                .mounts
                .iter()
                .map(|Mount { source, target, writable }| docker::Mount {
                    source: source.clone(),
                    target: target.clone(),
                    writable: *writable,
                })
                .collect(),
            tmpfs: spec.tmpfs.clone(),
            ports: spec
                .ports
                .iter()
                .map(|Port { inside, address, outside }| docker::Port {
                    inside: *inside,
                    address: address.clone(),
                    outside: *outside,
                })
                .collect(),
            network: spec.network.clone(),
            aliases: spec.aliases.clone(),
            restart: spec.restart.into(),
            stop_signal: spec.stop_signal.clone(),
            stop_grace: spec.stop_grace,
            health: spec.health.as_ref().map(Into::into),
            memory: spec.memory,
            cpu_millis: spec.cpu_millis,
            pids: spec.pids,
            user: spec.user.clone(),
            directory: spec.directory.clone(),
            read_only: spec.read_only,
            init: spec.init,
            privileges: spec.privileges.iter().map(Into::into).collect(),
        })?))
    }

    pub(super) fn find_container(&self, name: &str) -> Result<Option<ContainerHandle>, DockerError> {
        Ok(docker::find_container(name)?.map(ContainerHandle))
    }

    pub(super) fn list_containers(&self, own_only: bool) -> Result<Vec<ContainerFacts>, DockerError> {
        Ok(docker::list_containers(own_only)?.into_iter().map(Into::into).collect())
    }

    pub(super) fn build_image(&self, spec: &BuildSpec) -> Result<BuildResult, DockerError> {
        let result = docker::build_image(&docker::BuildSpec {
            context: spec.context.clone(),
            dockerfile: spec.dockerfile.clone(),
            tags: spec.tags.clone(),
            args: pairs(&spec.args),
            labels: pairs(&spec.labels),
            target: spec.target.clone(),
            no_cache: spec.no_cache,
            pull: spec.pull,
            max_context_bytes: spec.max_context_bytes,
        })?;
        Ok(match result {
            docker::BuildResult::Built(id) => BuildResult::Built(id),
            docker::BuildResult::Broken(docker::BuildProblem { message, log }) => {
                BuildResult::Broken(BuildProblem { message, log })
            }
        })
    }

    pub(super) fn pull_image(
        &self,
        reference: &str,
        login: Option<&Login>,
        timeout_ms: Option<u32>,
    ) -> Result<ImageFacts, DockerError> {
        Ok(docker::pull_image(reference, login.map(sent).as_ref(), timeout_ms)?.into())
    }

    pub(super) fn push_image(
        &self,
        reference: &str,
        login: Option<&Login>,
        timeout_ms: Option<u32>,
    ) -> Result<String, DockerError> {
        Ok(docker::push_image(reference, login.map(sent).as_ref(), timeout_ms)?)
    }

    pub(super) fn inspect_image(&self, reference: &str) -> Result<Option<ImageFacts>, DockerError> {
        Ok(docker::inspect_image(reference)?.map(Into::into))
    }

    pub(super) fn tag_image(&self, reference: &str, tag: &str) -> Result<(), DockerError> {
        Ok(docker::tag_image(reference, tag)?)
    }

    pub(super) fn remove_image(&self, reference: &str) -> Result<(), DockerError> {
        Ok(docker::remove_image(reference)?)
    }

    pub(super) fn prune_images(&self, spec: &PruneSpec) -> Result<Vec<Pruned>, DockerError> {
        let pruned = docker::prune_images(&docker::PruneSpec {
            dangling: spec.dangling,
            pattern: spec.pattern.clone(),
            before_ms: u64::try_from(spec.before.as_millis()).unwrap_or(u64::MAX),
            keep: spec.keep.clone(),
        })?;
        Ok(pruned.into_iter().map(|docker::Pruned { id, tags, size }| Pruned { id, tags, size }).collect())
    }

    pub(super) fn create_network(&self, name: &str, internal: bool) -> Result<(), DockerError> {
        Ok(docker::create_network(name, internal)?)
    }

    pub(super) fn remove_network(&self, name: &str) -> Result<bool, DockerError> {
        Ok(docker::remove_network(name)?)
    }

    pub(super) fn own_networks(&self) -> Result<Vec<String>, DockerError> {
        Ok(docker::own_networks()?)
    }
}

/// A container of the engine.
#[derive(Debug)]
pub(crate) struct ContainerHandle(docker::Container);

impl ContainerHandle {
    pub(super) fn id(&self) -> String {
        self.0.id()
    }

    pub(super) fn inspect(&self) -> Result<ContainerFacts, DockerError> {
        Ok(self.0.inspect()?.into())
    }

    pub(super) fn start(&self) -> Result<(), DockerError> {
        Ok(self.0.start()?)
    }

    pub(super) fn stop(&self, grace: Option<u32>) -> Result<bool, DockerError> {
        Ok(self.0.stop(grace)?)
    }

    pub(super) fn rename(&self, name: &str) -> Result<(), DockerError> {
        Ok(self.0.rename(name)?)
    }

    pub(super) fn remove(&self, force: bool) -> Result<(), DockerError> {
        Ok(self.0.remove(force)?)
    }

    pub(super) fn wait(&self, timeout_ms: Option<u32>) -> Result<i64, DockerError> {
        Ok(self.0.wait(timeout_ms)?)
    }

    pub(super) fn logs(&self, range: LogRange) -> Result<ContainerOutput, DockerError> {
        let LogRange { tail, since, max_bytes } = range;
        let since_ms = since.map(|since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX));
        Ok(self.0.logs(docker::LogRange { tail, since_ms, max_bytes })?.into())
    }

    pub(super) fn follow(&self, timeout_ms: Option<u32>) -> Result<i64, DockerError> {
        Ok(self.0.follow(timeout_ms)?)
    }

    pub(super) fn stats(&self) -> Result<Usage, DockerError> {
        let docker::Usage { memory, memory_limit, cpu_millis, pids } = self.0.stats()?;
        Ok(Usage { memory, memory_limit, cpu_millis, pids })
    }

    pub(super) fn exec(&self, spec: &ExecSpec) -> Result<ExecResult, DockerError> {
        let docker::ExecResult { exit_code, output } = self.0.exec(&docker::ExecSpec {
            command: spec.command.clone(),
            env: pairs(&spec.env),
            user: spec.user.clone(),
            directory: spec.directory.clone(),
            timeout_ms: spec.timeout.map(milliseconds),
            max_bytes: spec.max_bytes,
        })?;
        Ok(ExecResult { exit_code, output: output.into() })
    }

    pub(super) fn copy_out(
        &self,
        path: &str,
        to: &str,
        max_bytes: Option<u64>,
    ) -> Result<Vec<String>, DockerError> {
        Ok(self.0.copy_out(path, to, max_bytes)?)
    }
}

fn sent(login: &Login) -> docker::Login<'_> {
    docker::Login { user: login.user.clone(), password: &login.password.handle.0 }
}

fn pairs(pairs: &[(String, String)]) -> Vec<docker::Pair> {
    pairs.iter().map(|(name, value)| docker::Pair { name: name.clone(), value: value.clone() }).collect()
}

fn tuples(pairs: Vec<docker::Pair>) -> Vec<(String, String)> {
    pairs.into_iter().map(|docker::Pair { name, value }| (name, value)).collect()
}

/// The interface says 0 for a moment that there is none of.
fn moment(ms: u64) -> Option<Duration> {
    (ms > 0).then(|| Duration::from_millis(ms))
}

impl From<docker::DockerError> for DockerError {
    fn from(error: docker::DockerError) -> Self {
        match error {
            docker::DockerError::Host(error) => Self::Host(error.into()),
            docker::DockerError::NotFound(text) => Self::NotFound(text),
            docker::DockerError::Conflict(text) => Self::Conflict(text),
            docker::DockerError::Failed(text) => Self::Failed(text),
        }
    }
}

impl From<Restart> for docker::Restart {
    fn from(restart: Restart) -> Self {
        match restart {
            Restart::No => Self::No,
            Restart::OnFailure => Self::OnFailure,
            Restart::UnlessStopped => Self::UnlessStopped,
            Restart::Always => Self::Always,
        }
    }
}

impl From<&HealthCommand> for docker::HealthCommand {
    fn from(health: &HealthCommand) -> Self {
        let HealthCommand { command, interval, timeout, retries, start_period } = health;
        Self {
            command: command.clone(),
            interval_ms: milliseconds(*interval),
            timeout_ms: milliseconds(*timeout),
            retries: *retries,
            start_period_ms: milliseconds(*start_period),
        }
    }
}

impl From<&Privilege> for docker::Privilege {
    fn from(privilege: &Privilege) -> Self {
        match privilege {
            Privilege::Privileged => Self::Privileged,
            Privilege::HostPid => Self::HostPid,
            Privilege::HostIpc => Self::HostIpc,
            Privilege::HostNetwork => Self::HostNetwork,
            Privilege::Device(path) => Self::Device(path.clone()),
            Privilege::AddCapability(name) => Self::AddCapability(name.clone()),
            Privilege::VolumesFrom(container) => Self::VolumesFrom(container.clone()),
        }
    }
}

impl From<docker::ContainerState> for ContainerState {
    fn from(state: docker::ContainerState) -> Self {
        match state {
            docker::ContainerState::Created => Self::Created,
            docker::ContainerState::Running => Self::Running,
            docker::ContainerState::Paused => Self::Paused,
            docker::ContainerState::Restarting => Self::Restarting,
            docker::ContainerState::Removing => Self::Removing,
            docker::ContainerState::Exited => Self::Exited,
            docker::ContainerState::Dead => Self::Dead,
        }
    }
}

impl From<docker::HealthStatus> for HealthStatus {
    fn from(status: docker::HealthStatus) -> Self {
        match status {
            docker::HealthStatus::None => Self::None,
            docker::HealthStatus::Starting => Self::Starting,
            docker::HealthStatus::Healthy => Self::Healthy,
            docker::HealthStatus::Unhealthy => Self::Unhealthy,
        }
    }
}

impl From<docker::ContainerFacts> for ContainerFacts {
    fn from(facts: docker::ContainerFacts) -> Self {
        Self {
            id: facts.id,
            name: facts.name,
            image: facts.image,
            image_id: facts.image_id,
            state: facts.state.into(),
            exit_code: facts.exit_code,
            out_of_memory: facts.out_of_memory,
            created_at: Duration::from_millis(facts.created_at_ms),
            started_at: moment(facts.started_at_ms),
            finished_at: moment(facts.finished_at_ms),
            restarts: facts.restarts,
            health: facts.health.into(),
            failing_streak: facts.failing_streak,
            probes: facts
                .probes
                .into_iter()
                .map(|docker::HealthProbe { at_ms, exit_code, output }| HealthProbe {
                    at: Duration::from_millis(at_ms),
                    exit_code,
                    output,
                })
                .collect(),
            start_period: Duration::from_millis(facts.start_period_ms),
            labels: tuples(facts.labels),
            ports: facts
                .ports
                .into_iter()
                .map(|docker::Published { inside, address, outside }| Published { inside, address, outside })
                .collect(),
            addresses: tuples(facts.addresses),
            of_this_run: facts.of_this_run,
        }
    }
}

impl From<docker::Output> for ContainerOutput {
    fn from(output: docker::Output) -> Self {
        let lines = output.lines.into_iter().map(|docker::OutputLine { channel, at_ms, text }| OutputLine {
            channel: match channel {
                docker::OutputStream::Stdout => OutputStream::Stdout,
                docker::OutputStream::Stderr => OutputStream::Stderr,
            },
            at: moment(at_ms),
            text,
        });
        Self { lines: lines.collect(), truncated: output.truncated }
    }
}

impl From<docker::ImageFacts> for ImageFacts {
    fn from(facts: docker::ImageFacts) -> Self {
        Self {
            id: facts.id,
            tags: facts.tags,
            digests: facts.digests,
            labels: tuples(facts.labels),
            created_at: Duration::from_millis(facts.created_at_ms),
            size: facts.size,
            architecture: facts.architecture,
            user: facts.user,
            has_health_check: facts.has_health_check,
            exposed: facts.exposed,
            layers: facts.layers,
        }
    }
}
