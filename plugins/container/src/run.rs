//! From the network to the artifacts.

use runner_docker::{lines, ready, settings};
use runner_plugin::host::{Container, ContainerSpec, NetworkKind};
use runner_plugin::text::{counted, shortened};
use runner_plugin::{Applied, Failure, FailureKind, Host, Request};

use crate::config::{Artifact, Config};
use crate::{name, service};

/// Runs the container to its end. What is made stays, also after a failure: `sweep` removes it.
pub(crate) fn run(mut config: Config, request: &Request, host: &Host) -> Result<Applied, Failure> {
    let base = name::base(&config.name, request);
    let described = shortened(&config.described());
    let services = std::mem::take(&mut config.services);
    let network = if services.is_empty() {
        config.network.take().unwrap_or_else(|| "none".to_owned())
    } else {
        host.docker().create_network(&base, NetworkKind::Internal)?;
        base.clone()
    };
    let mut started = Vec::new();
    for (name, service) in services {
        started.push(service::start(host, &base, name, service)?);
    }
    for service in &started {
        service.until_ready(host)?;
    }
    let artifacts = std::mem::take(&mut config.artifacts);
    let (expected, timeout) = (std::mem::take(&mut config.expect.exit), config.timeout);
    let container = create(config, network, base, host)?;
    container.start()?;
    let followed = container.follow(Some(timeout.duration()));
    let ended = match followed {
        Ok(code) => judged(&container, code, &expected, &described),
        Err(failure) if failure.is_timed_out() => {
            let message = format!("`{described}` has not ended after {timeout}");
            Err(lines::with_last(Failure::new(FailureKind::TimedOut, message), &container))
        }
        Err(failure) => Err(failure.into()),
    };
    let copied = copied(&container, &artifacts, host);
    match ended {
        Ok(code) => {
            let (paths, trouble) = copied;
            trouble.map_or(Ok(()), Err)?;
            let and = if paths.is_empty() {
                String::new()
            } else {
                format!("; {} copied", counted(paths.len(), "file was", "files were"))
            };
            Ok(Applied::new(format!("`{described}` ended with exit code {code}{and}"))
                .output("exit_code", code)
                .output("id", container.id())
                .output("artifacts", paths))
        }
        Err(failure) => {
            let (paths, trouble) = copied;
            for path in paths {
                host.log().info(format!("copied `{path}`"));
            }
            if let Some(trouble) = trouble {
                host.log().warn(trouble.message);
            }
            for service in &started {
                lines::show(host, &service.name, &service.container);
            }
            Err(failure)
        }
    }
}

fn create(config: Config, network: String, base: String, host: &Host) -> Result<Container, Failure> {
    let spec = ContainerSpec {
        command: config.command,
        entrypoint: config.entrypoint,
        env: config.env.into_iter().collect(),
        secret_env: settings::secrets(host, config.secret_env)?,
        env_files: config.env_files,
        mounts: config.mounts.into_iter().map(Into::into).collect(),
        tmpfs: config.tmpfs,
        network: Some(network),
        memory: config.memory.map(runner_evidence::Size::bytes),
        cpu_millis: config.cpus.map(settings::Cpus::millis),
        pids: config.pids,
        user: config.user,
        directory: config.directory,
        read_only: config.read_only,
        init: config.init,
        ..ContainerSpec::new(base, config.image)
    };
    Ok(host.docker().create_container(&spec)?)
}

/// What an exit code means.
fn judged(container: &Container, code: i64, expected: &[i64], described: &str) -> Result<i64, Failure> {
    let facts = container.inspect()?;
    let failure = if facts.out_of_memory {
        Failure::new(FailureKind::BudgetExceeded, ready::ended(&facts))
    } else if expected.contains(&code) {
        return Ok(code);
    } else {
        let expected: Vec<String> = expected.iter().map(i64::to_string).collect();
        let message = format!("`{described}` ended with exit code {code}, not {}", expected.join(" or "));
        Failure::invalid_input(message)
    };
    Err(lines::with_last(failure, container))
}

/// Copies as much as there is: the paths, sorted, and the first thing that went wrong.
fn copied(container: &Container, artifacts: &[Artifact], host: &Host) -> (Vec<String>, Option<Failure>) {
    let (mut paths, mut trouble) = (Vec::new(), None);
    for Artifact { from, to, max } in artifacts {
        match container.copy_out(from, to, max.map(runner_evidence::Size::bytes)) {
            Ok(copied) => paths.extend(copied),
            Err(failure) if failure.is_not_found() => {
                let message = format!("there is no `{from}` to copy: the command has not made it");
                trouble.get_or_insert(Failure::invalid_input(message));
            }
            Err(failure) => {
                host.log().warn(failure.to_string());
                trouble.get_or_insert(failure.into());
            }
        }
    }
    paths.sort();
    paths.dedup();
    (paths, trouble)
}
