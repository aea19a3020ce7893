//! What is sent to create a container. Pure: everything that had to be read or judged has been.

use std::{collections::HashMap, net::SocketAddr};

use bollard::models::{
    ContainerCreateBody, DeviceMapping, EndpointSettings, HealthConfig, HostConfig, Mount, MountBindOptions,
    MountType, NetworkingConfig, PortBinding, RestartPolicy, RestartPolicyNameEnum,
};

use super::{Privilege, engine::Trouble, grant::is_name};
use crate::host::bindings::runner::plugin::docker::{
    ContainerSpec, HealthCommand, Pair, Port, Privilege as Asked, Restart,
};

/// Labels of ours start like this; nobody else's may.
pub(super) const OURS: &str = "runner.";
/// The label that says which run has created a thing.
pub(super) const RUN: &str = "runner.run";
/// The label that says which step.
pub(super) const STEP: &str = "runner.step";
/// The label that says which plugin.
pub(super) const PLUGIN: &str = "runner.plugin";

/// How often a container is started again that ends with a failure.
const RESTARTS: i64 = 5;

/// A mount whose source has been judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Judged {
    pub(super) source: String,
    pub(super) target: String,
    pub(super) writable: bool,
}

/// What is asked for beside the names.
pub(super) struct Asking {
    pub(super) ports: Vec<(u16, SocketAddr)>,
    pub(super) privileges: Vec<Privilege>,
    /// Container whose volumes are wanted.
    pub(super) volumes_from: Vec<String>,
}

/// Reads the parts of `spec` that a grant is asked about.
pub(super) fn asking(spec: &ContainerSpec) -> Result<Asking, Trouble> {
    let ports = spec.ports.iter().map(port).collect::<Result<_, _>>()?;
    let mut asking = Asking { ports, privileges: Vec::new(), volumes_from: Vec::new() };
    for wanted in &spec.privileges {
        let privilege = match wanted {
            Asked::Privileged => Privilege::Privileged,
            Asked::HostPid => Privilege::HostPid,
            Asked::HostIpc => Privilege::HostIpc,
            Asked::HostNetwork => Privilege::HostNetwork,
            Asked::Device(path) => {
                Privilege::device(path).map_err(|why| Trouble::invalid(format!("`{path}`: {why}")))?
            }
            Asked::AddCapability(name) => {
                Privilege::capability(name).map_err(|why| Trouble::invalid(format!("`{name}`: {why}")))?
            }
            Asked::VolumesFrom(name) => {
                named("container", name)?;
                asking.volumes_from.push(name.clone());
                Privilege::VolumesFrom
            }
        };
        asking.privileges.push(privilege);
    }
    if spec.network.is_some() && asking.privileges.contains(&Privilege::HostNetwork) {
        return Err(Trouble::invalid("a container is in a network of its own or in the host's, not in both"));
    }
    Ok(asking)
}

/// Whether `name` can be the name of a `what`.
pub(super) fn named(what: &str, name: &str) -> Result<(), Trouble> {
    if is_name(name) {
        return Ok(());
    }
    let shown = crate::shown::shown(name);
    Err(Trouble::invalid(format!(
        "`{shown}` cannot be the name of a {what}: letters, digits, `_`, `.` and `-`"
    )))
}

fn port(port: &Port) -> Result<(u16, SocketAddr), Trouble> {
    let address = if port.address.is_empty() { "127.0.0.1" } else { &port.address };
    let address = address
        .parse()
        .map_err(|_| Trouble::invalid(format!("`{address}` is not an address to publish a port on")))?;
    if port.inside == 0 {
        return Err(Trouble::invalid("a container has no port 0"));
    }
    Ok((port.inside, SocketAddr::new(address, port.outside)))
}

/// `pairs` as a map, and ours.
pub(super) fn labels(
    pairs: &[Pair],
    ours: impl Iterator<Item = (&'static str, String)>,
) -> Result<HashMap<String, String>, Trouble> {
    if let Some(taken) = pairs.iter().find(|pair| pair.name.starts_with(OURS)) {
        return Err(Trouble::invalid(format!(
            "the label `{}`: labels that start with `{OURS}` are the runner's own",
            taken.name
        )));
    }
    let theirs = pairs.iter().map(|pair| (pair.name.clone(), pair.value.clone()));
    Ok(theirs.chain(ours.map(|(name, value)| (name.to_owned(), value))).collect())
}

/// `NAME=value`s; what comes later wins.
#[derive(Debug, Default)]
pub(super) struct Env(Vec<(String, String)>);

impl Env {
    /// Sets a variable.
    pub(super) fn set(&mut self, name: &str, value: String) -> Result<(), Trouble> {
        if name.is_empty() || name.contains(['=', '\0', '\n']) || value.contains('\0') {
            let shown = crate::shown::shown(name);
            return Err(Trouble::invalid(format!(
                "`{shown}` cannot be a variable: a name has no `=`, nothing has a NUL"
            )));
        }
        match self.0.iter_mut().find(|(earlier, _)| earlier == name) {
            Some((_, earlier)) => *earlier = value,
            None => self.0.push((name.to_owned(), value)),
        }
        Ok(())
    }

    /// Reads a file of `NAME=value` lines, as `docker run --env-file` does; nothing is taken from the host.
    pub(super) fn file(&mut self, path: &str, text: &str) -> Result<(), Trouble> {
        for (index, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
            let line = line.trim_start();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            // Never the line itself: it may be a secret.
            let Some((name, value)) = line.split_once('=') else {
                return Err(Trouble::invalid(format!("`{path}` line {}: not `NAME=value`", index + 1)));
            };
            if name.contains(char::is_whitespace) {
                return Err(Trouble::invalid(format!("`{path}` line {}: a name has no spaces", index + 1)));
            }
            self.set(name, value.to_owned())?;
        }
        Ok(())
    }

    pub(super) fn into_list(self) -> Option<Vec<String>> {
        let list: Vec<String> = self.0.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
        (!list.is_empty()).then_some(list)
    }
}

/// The request. `image` is in its canonical spelling.
pub(super) fn create_body(
    spec: &ContainerSpec,
    image: &str,
    asking: &Asking,
    mounts: &[Judged],
    env: Env,
    labels: HashMap<String, String>,
) -> Result<ContainerCreateBody, Trouble> {
    for target in mounts.iter().map(|mount| &mount.target).chain(&spec.tmpfs) {
        inside(target)?;
    }
    if let Some(alias) = spec.aliases.iter().find(|alias| !is_name(alias)) {
        return Err(Trouble::invalid(format!("`{alias}` cannot be a name inside a network")));
    }
    if spec.network.is_none() && !spec.aliases.is_empty() {
        return Err(Trouble::invalid("`aliases` are names inside a network, and no network is named"));
    }
    let networking = spec.network.as_ref().map(|network| NetworkingConfig {
        endpoints_config: Some(HashMap::from([(
            network.clone(),
            EndpointSettings { aliases: some(spec.aliases.clone()), ..EndpointSettings::default() },
        )])),
    });
    let exposed = asking.ports.iter().map(|(inside, _)| format!("{inside}/tcp")).collect();
    Ok(ContainerCreateBody {
        image: Some(image.to_owned()),
        cmd: some(spec.command.clone()),
        // An empty list would mean the image's own; one empty word takes it away.
        entrypoint: spec
            .entrypoint
            .clone()
            .map(|list| if list.is_empty() { vec![String::new()] } else { list }),
        env: env.into_list(),
        labels: Some(labels),
        exposed_ports: some(exposed),
        stop_signal: spec.stop_signal.clone(),
        stop_timeout: spec.stop_grace.map(i64::from),
        healthcheck: spec.health.as_ref().map(health).transpose()?,
        user: spec.user.clone(),
        working_dir: spec.directory.clone(),
        host_config: Some(host_config(spec, asking, mounts)?),
        networking_config: networking,
        ..ContainerCreateBody::default()
    })
}

fn host_config(spec: &ContainerSpec, asking: &Asking, mounts: &[Judged]) -> Result<HostConfig, Trouble> {
    let memory = spec.memory.map(|bytes| signed("memory", bytes)).transpose()?;
    let mut bindings: HashMap<String, Option<Vec<PortBinding>>> = HashMap::new();
    for (inside, outside) in &asking.ports {
        let binding = PortBinding {
            host_ip: Some(outside.ip().to_string()),
            host_port: Some(outside.port().to_string()),
        };
        bindings.entry(format!("{inside}/tcp")).or_default().get_or_insert_default().push(binding);
    }
    let has = |privilege: &Privilege| asking.privileges.contains(privilege).then_some(true);
    let mode = |privilege: &Privilege| has(privilege).map(|_| "host".to_owned());
    let devices = asking.privileges.iter().filter_map(|privilege| match privilege {
        Privilege::Device(path) => Some(DeviceMapping {
            path_on_host: Some(path.clone()),
            path_in_container: Some(path.clone()),
            cgroup_permissions: Some("rwm".to_owned()),
        }),
        Privilege::Privileged
        | Privilege::HostNetwork
        | Privilege::HostPid
        | Privilege::HostIpc
        | Privilege::Capability(_)
        | Privilege::DockerSocket
        | Privilege::VolumesFrom => None,
    });
    let capabilities = asking.privileges.iter().filter_map(|privilege| match privilege {
        Privilege::Capability(name) => Some(name.clone()),
        Privilege::Privileged
        | Privilege::HostNetwork
        | Privilege::HostPid
        | Privilege::HostIpc
        | Privilege::Device(_)
        | Privilege::DockerSocket
        | Privilege::VolumesFrom => None,
    });
    let tmpfs: HashMap<String, String> =
        spec.tmpfs.iter().map(|target| (target.clone(), String::new())).collect();
    Ok(HostConfig {
        mounts: some(mounts.iter().map(mount).collect()),
        tmpfs: (!tmpfs.is_empty()).then_some(tmpfs),
        port_bindings: (!bindings.is_empty()).then_some(bindings),
        restart_policy: Some(restart(spec.restart)),
        memory,
        // Without this, as much again may be swapped out.
        memory_swap: memory,
        nano_cpus: spec.cpu_millis.map(|millis| i64::from(millis) * 1_000_000),
        pids_limit: spec.pids.map(i64::from),
        readonly_rootfs: Some(spec.read_only),
        init: spec.init.then_some(true),
        network_mode: mode(&Privilege::HostNetwork).or_else(|| spec.network.clone()),
        privileged: has(&Privilege::Privileged),
        pid_mode: mode(&Privilege::HostPid),
        ipc_mode: mode(&Privilege::HostIpc),
        devices: some(devices.collect()),
        cap_add: some(capabilities.collect()),
        volumes_from: some(asking.volumes_from.clone()),
        ..HostConfig::default()
    })
}

fn mount(judged: &Judged) -> Mount {
    Mount {
        typ: Some(MountType::BIND),
        source: Some(judged.source.clone()),
        target: Some(judged.target.clone()),
        read_only: Some(!judged.writable),
        // What is mounted below the source on the host was never judged.
        bind_options: Some(MountBindOptions { non_recursive: Some(true), ..MountBindOptions::default() }),
        ..Mount::default()
    }
}

fn restart(restart: Restart) -> RestartPolicy {
    let (name, most) = match restart {
        Restart::No => (RestartPolicyNameEnum::NO, None),
        Restart::OnFailure => (RestartPolicyNameEnum::ON_FAILURE, Some(RESTARTS)),
        Restart::UnlessStopped => (RestartPolicyNameEnum::UNLESS_STOPPED, None),
        Restart::Always => (RestartPolicyNameEnum::ALWAYS, None),
    };
    RestartPolicy { name: Some(name), maximum_retry_count: most }
}

fn health(command: &HealthCommand) -> Result<HealthConfig, Trouble> {
    if command.command.is_empty() {
        return Err(Trouble::invalid("a health command has at least a program"));
    }
    let nanoseconds = |milliseconds: u32| (milliseconds > 0).then(|| i64::from(milliseconds) * 1_000_000);
    let test = std::iter::once("CMD".to_owned()).chain(command.command.iter().cloned());
    Ok(HealthConfig {
        test: Some(test.collect()),
        interval: nanoseconds(command.interval_ms),
        timeout: nanoseconds(command.timeout_ms),
        retries: (command.retries > 0).then(|| i64::from(command.retries)),
        start_period: nanoseconds(command.start_period_ms),
        start_interval: None,
    })
}

/// A path inside of a container.
pub(super) fn inside(path: &str) -> Result<(), Trouble> {
    let names = path.strip_prefix('/').unwrap_or_default();
    let plain =
        !names.contains(['\0', ':', ',']) && names.split('/').all(|name| !matches!(name, "" | "." | ".."));
    if plain {
        return Ok(());
    }
    let shown = crate::shown::shown(path);
    Err(Trouble::invalid(format!("`{shown}` is not a plain absolute path inside of a container")))
}

fn signed(what: &str, number: u64) -> Result<i64, Trouble> {
    i64::try_from(number).map_err(|_| Trouble::invalid(format!("`{what}`: {number} is too much")))
}

fn some<T>(list: Vec<T>) -> Option<Vec<T>> {
    (!list.is_empty()).then_some(list)
}
