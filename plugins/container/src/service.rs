//! What the container needs while it runs.

use runner_docker::ready::{Goal, wait, wait_until};
use runner_docker::{lines, settings};
use runner_plugin::host::{Container, ContainerSpec, ExecSpec, LogRange};
use runner_plugin::{Failure, Host};

use crate::config::{Ready, Service};

/// A service that was started.
pub(crate) struct Started {
    pub(crate) name: String,
    pub(crate) container: Container,
    ready: Option<Ready>,
    timeout: std::time::Duration,
}

/// Creates a service in the network `base`, where it is found under its name, and starts it.
pub(crate) fn start(host: &Host, base: &str, name: String, service: Service) -> Result<Started, Failure> {
    let spec = ContainerSpec {
        command: service.command,
        entrypoint: service.entrypoint,
        env: service.env.into_iter().collect(),
        secret_env: settings::secrets(host, service.secret_env)?,
        env_files: service.env_files,
        mounts: service.mounts.into_iter().map(Into::into).collect(),
        tmpfs: service.tmpfs,
        network: Some(base.to_owned()),
        aliases: vec![name.clone()],
        health: service.health.map(Into::into),
        memory: service.memory.map(runner_evidence::Size::bytes),
        user: service.user,
        ..ContainerSpec::new(format!("{base}-{name}"), service.image)
    };
    let container = host.docker().create_container(&spec)?;
    container.start()?;
    Ok(Started { name, container, ready: service.ready, timeout: service.timeout.duration() })
}

impl Started {
    /// Waits until it is ready, as its settings say.
    pub(crate) fn until_ready(&self, host: &Host) -> Result<(), Failure> {
        let Self { container, timeout, .. } = self;
        let ready = match &self.ready {
            None => wait(host, container, Goal::HealthyIfProbed, *timeout),
            Some(Ready::Healthy) => wait(host, container, Goal::Healthy, *timeout),
            Some(Ready::Started) => wait(host, container, Goal::Running, *timeout),
            Some(Ready::Log(text)) => wait_until(host, container, "ready by its log", *timeout, || {
                let output = container.logs(LogRange::default())?;
                let said = output.lines.iter().any(|line| line.text.contains(text));
                Ok(said || container.is_pretended())
            }),
            Some(Ready::Exec(command)) => {
                let spec =
                    ExecSpec { command: command.clone(), timeout: Some(*timeout), ..ExecSpec::default() };
                wait_until(host, container, "ready by its command", *timeout, || {
                    match container.exec(&spec) {
                        Ok(result) => Ok(result.exit_code == 0),
                        // It has ended between two looks; the next one says so.
                        Err(failure) if failure.is_conflict() => Ok(false),
                        Err(failure) => Err(failure.into()),
                    }
                })
            }
        };
        match ready {
            Ok(_) => Ok(()),
            Err(failure) => {
                let failure = lines::with_last(failure, container);
                Err(Failure::new(failure.kind, format!("service `{}`: {}", self.name, failure.message)))
            }
        }
    }
}
