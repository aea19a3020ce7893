//! A project: the services of all files, laid over each other.

use std::collections::BTreeMap;
use std::rc::Rc;

use runner_plugin::{Failure, Finding};

/// A value and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct At<T> {
    pub(crate) value: T,
    pub(crate) file: Rc<str>,
    pub(crate) line: u32,
}

impl<T> At<T> {
    /// Another value at the same place.
    pub(crate) fn with<U>(&self, value: U) -> At<U> {
        At { value, file: Rc::clone(&self.file), line: self.line }
    }

    pub(crate) fn finding(&self, rule: &str, message: String) -> Finding {
        Finding::error(rule, message).in_file(&*self.file).at_line(self.line)
    }
}

/// What of a mount matters here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mount {
    /// A path of the host, or the name of a volume; none for an anonymous volume.
    pub(crate) source: Option<String>,
    pub(crate) target: String,
    pub(crate) read_only: bool,
}

/// A service that another one is laid under.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Extends {
    pub(crate) service: String,
    pub(crate) file: Option<String>,
}

/// What of a service matters here. `None` and empty mean that the file says nothing.
#[derive(Debug, Clone)]
pub(crate) struct Service {
    pub(crate) place: At<()>,
    pub(crate) image: Option<At<String>>,
    /// The directory that the image is built from.
    pub(crate) build: Option<At<String>>,
    pub(crate) mounts: Vec<At<Mount>>,
    /// As written: variables are not filled in, and none stands for a value from the environment of the tool.
    pub(crate) environment: BTreeMap<String, At<Option<String>>>,
    pub(crate) env_file: bool,
    /// Services that are waited for, with the condition; none for the short form.
    pub(crate) depends_on: BTreeMap<String, At<Option<String>>>,
    pub(crate) networks: BTreeMap<String, At<()>>,
    pub(crate) network_mode: Option<At<String>>,
    /// The words of `entrypoint` and `command`, as written.
    pub(crate) entrypoint: Option<At<Vec<String>>>,
    pub(crate) command: Option<At<Vec<String>>>,
    /// Whether it has a health check (`disable: true` is none).
    pub(crate) healthcheck: Option<bool>,
    pub(crate) privileged: Option<At<bool>>,
    pub(crate) cap_add: Vec<At<String>>,
    pub(crate) pid: Option<At<String>>,
    pub(crate) extends: Option<At<Extends>>,
}

impl Service {
    pub(crate) fn new(place: At<()>) -> Self {
        Self {
            place,
            image: None,
            build: None,
            mounts: Vec::new(),
            environment: BTreeMap::new(),
            env_file: false,
            depends_on: BTreeMap::new(),
            networks: BTreeMap::new(),
            network_mode: None,
            entrypoint: None,
            command: None,
            healthcheck: None,
            privileged: None,
            cap_add: Vec::new(),
            pid: None,
            extends: None,
        }
    }

    /// Lays another description of the same service over this one: single values are replaced, lists and maps grow,
    /// a mount takes the place of one with the same target.
    fn under(mut self, over: Self) -> Self {
        let Service {
            place,
            image,
            build,
            mounts,
            environment,
            env_file,
            depends_on,
            networks,
            network_mode,
            entrypoint,
            command,
            healthcheck,
            privileged,
            cap_add,
            pid,
            extends,
        } = over;
        self.mounts.retain(|own| mounts.iter().all(|other| other.value.target != own.value.target));
        self.mounts.extend(mounts);
        self.environment.extend(environment);
        self.depends_on.extend(depends_on);
        self.networks.extend(networks);
        self.cap_add.extend(cap_add);
        Self {
            place,
            image: image.or(self.image),
            build: build.or(self.build),
            env_file: env_file || self.env_file,
            network_mode: network_mode.or(self.network_mode),
            entrypoint: entrypoint.or(self.entrypoint),
            command: command.or(self.command),
            healthcheck: healthcheck.or(self.healthcheck),
            privileged: privileged.or(self.privileged),
            pid: pid.or(self.pid),
            extends: extends.or(self.extends),
            ..self
        }
    }

    /// All words that the container is started with.
    pub(crate) fn words(&self) -> impl Iterator<Item = &str> {
        self.entrypoint.iter().chain(&self.command).flat_map(|words| words.value.iter().map(String::as_str))
    }
}

/// What compose files say together.
#[derive(Debug)]
pub(crate) struct Project {
    pub(crate) services: BTreeMap<String, Service>,
    /// The real names of networks, where they have one of their own.
    pub(crate) network_names: BTreeMap<String, String>,
    /// What cannot be judged from these files alone.
    pub(crate) problems: Vec<At<String>>,
}

impl Project {
    /// Lays files over each other, first one undermost, and resolves `extends`.
    pub(crate) fn layered(files: Vec<Self>) -> Result<Self, Failure> {
        let mut layers = files.into_iter();
        let Some(mut project) = layers.next() else {
            return Err(Failure::invalid_config("`files` names no compose file"));
        };
        for layer in layers {
            for (name, over) in layer.services {
                let service = match project.services.remove(&name) {
                    Some(under) => under.under(over),
                    None => over,
                };
                project.services.insert(name, service);
            }
            project.network_names.extend(layer.network_names);
            project.problems.extend(layer.problems);
        }
        if project.services.is_empty() {
            return Err(Failure::invalid_input("no compose file has a service; nothing was checked"));
        }
        let names: Vec<String> = project.services.keys().cloned().collect();
        for name in names {
            project.extend(&name);
        }
        Ok(project)
    }

    /// Lays a service over those it extends. What it extends elsewhere cannot be judged.
    fn extend(&mut self, name: &str) {
        let mut chain: Vec<String> = vec![name.to_owned()];
        let mut base: Option<Service> = None;
        // Collects the services from the nearest to the farthest, then lays them over each other.
        let mut layers: Vec<Service> = Vec::new();
        while let Some(service) = chain.last().and_then(|name| self.services.get(name)).cloned() {
            let extends = service.extends.clone();
            layers.push(Service { extends: None, ..service });
            let Some(extends) = extends else { break };
            let other = &extends.value.service;
            if extends.value.file.is_some() || !self.services.contains_key(other) || chain.contains(other) {
                let message = format!("`{name}` extends `{other}`, which is not told by these files");
                self.problems.push(extends.with(message));
                break;
            }
            chain.push(other.clone());
        }
        while let Some(layer) = layers.pop() {
            base = Some(match base {
                Some(under) => under.under(layer),
                None => layer,
            });
        }
        // Services stay as they are until all are resolved: an extended one may be extended again.
        if let Some(resolved) = base
            && let Some(own) = self.services.get_mut(name)
        {
            let extends = own.extends.clone();
            *own = Service { extends, ..resolved };
        }
    }
}
