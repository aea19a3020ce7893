//! The imports of a component, answered by an [`Engine`].

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use crate::HostError;
use crate::host::{
    BuildResult, BuildSpec, ContainerFacts, ContainerOutput, ContainerSpec, ContainerState, DockerError,
    EngineFacts, ExecResult, ExecSpec, ImageFacts, Level, LogRange, Login, OutputLine, PruneSpec, Pruned,
    Published, Usage,
};
use crate::testing::backend::Backend;
use crate::testing::fake::{LogLine, World};
use crate::testing::request;

use super::engine::{FakeNetwork, FakeState, Trouble};
use super::{Engine, FakeImage, LABELS};

const DENIED: DockerError = DockerError::Host(HostError::Denied);

/// Networks that every engine has.
const BUILT_IN: [&str; 2] = ["bridge", "none"];

/// Calls the engine as the host does: the verb is judged, what shall go wrong goes wrong, a change is remembered.
fn call<T>(
    world: &RefCell<World>,
    verb: &str,
    change: Option<String>,
    act: impl FnOnce(&mut Engine, Duration) -> Result<T, DockerError>,
) -> Result<T, DockerError> {
    let mut world = world.borrow_mut();
    let now = world.now;
    let engine = world.docker.as_mut().ok_or(DENIED)?;
    if engine.denied.contains(verb) {
        return Err(DENIED);
    }
    match engine.failing.get_mut(verb).and_then(|troubles| troubles.pop_front()) {
        Some(Trouble::Before(error)) => Err(error),
        Some(Trouble::After(error)) => {
            act(engine, now)?;
            engine.changes.extend(change);
            Err(error)
        }
        None => {
            let answer = act(engine, now)?;
            engine.changes.extend(change);
            Ok(answer)
        }
    }
}

impl Backend {
    fn docker<T>(
        &self,
        verb: &str,
        change: impl Into<Option<String>>,
        act: impl FnOnce(&mut Engine, Duration) -> Result<T, DockerError>,
    ) -> Result<T, DockerError> {
        call(&self.world, verb, change.into(), act)
    }

    pub(crate) fn engine(&self) -> Result<EngineFacts, DockerError> {
        let [version, api, platform] = ["20.10.24", "1.41", "linux/amd64"].map(str::to_owned);
        self.docker("engine", None, |_, _| Ok(EngineFacts { version, api, platform }))
    }

    pub(crate) fn create_container(&self, spec: &ContainerSpec) -> Result<ContainerHandle, DockerError> {
        let change = format!("create {} of {}", spec.name, spec.image);
        let id = self.docker("container.create", change, |engine, now| engine.create(spec, now))?;
        Ok(ContainerHandle { world: Rc::clone(&self.world), id })
    }

    pub(crate) fn find_container(&self, name: &str) -> Result<Option<ContainerHandle>, DockerError> {
        let id = self.docker("container.find", None, |engine, _| {
            let mut shown = engine.containers.values().filter(|held| !held.hidden).map(|held| &held.facts);
            Ok(shown.find(|facts| facts.name == name || facts.id == name).map(|facts| facts.id.clone()))
        })?;
        Ok(id.map(|id| ContainerHandle { world: Rc::clone(&self.world), id }))
    }

    pub(crate) fn list_containers(&self, own_only: bool) -> Result<Vec<ContainerFacts>, DockerError> {
        self.docker("container.inspect", None, |engine, _| {
            let request = request();
            let own = |facts: &ContainerFacts| {
                facts.of_this_run && facts.label("runner.step") == Some(request.step_id.as_str())
            };
            let mut shown: Vec<_> = engine
                .containers
                .values()
                .filter(|held| !held.hidden && (!own_only || own(&held.facts)))
                .map(|held| held.facts.clone())
                .collect();
            shown.sort_by(|one, other| one.name.cmp(&other.name));
            Ok(shown)
        })
    }

    pub(crate) fn build_image(&self, spec: &BuildSpec) -> Result<BuildResult, DockerError> {
        let change = format!("build {} as {}", spec.context, spec.tags.join(", "));
        let result = self.docker("image.build", change, |engine, now| {
            let image = match engine.builds.get(&spec.context).cloned().ok_or(DENIED)? {
                Ok(image) => image,
                Err(problem) => return Ok(BuildResult::Broken(problem)),
            };
            let id = image.facts.id.clone();
            engine.images.retain(|held| held.facts.id != id);
            engine.images.push(image.with(|facts| {
                facts.tags.clear();
                facts.labels.extend(spec.labels.iter().cloned());
                facts.created_at = now;
            }));
            for tag in &spec.tags {
                engine.tag(&id, tag)?;
            }
            Ok(BuildResult::Built(id))
        })?;
        if let BuildResult::Broken(problem) = &result {
            self.say(&problem.log);
        }
        Ok(result)
    }

    pub(crate) fn pull_image(
        &self,
        reference: &str,
        login: Option<&Login>,
        _: Option<u32>,
    ) -> Result<ImageFacts, DockerError> {
        self.docker("image.pull", format!("pull {reference}"), |engine, _| {
            let image = engine.registry.get(reference).cloned().ok_or(DENIED)?;
            engine.judge(login)?;
            let id = image.facts.id.clone();
            let tags = image.facts.tags.clone();
            if !engine.images.iter().any(|held| held.facts.id == id) {
                engine.images.push(image.with(|facts| facts.tags.clear()));
            }
            for tag in &tags {
                engine.tag(&id, tag)?;
            }
            engine.find(&id).map(|image| image.facts.clone())
        })
    }

    pub(crate) fn push_image(
        &self,
        reference: &str,
        login: Option<&Login>,
        _: Option<u32>,
    ) -> Result<String, DockerError> {
        self.docker("image.push", format!("push {reference}"), |engine, _| {
            let digest = engine.pushes.get(reference).cloned().ok_or(DENIED)?;
            engine.judge(login)?;
            engine.find(reference)?;
            Ok(digest)
        })
    }

    pub(crate) fn inspect_image(&self, reference: &str) -> Result<Option<ImageFacts>, DockerError> {
        self.docker("image.inspect", None, |engine, _| {
            Ok(engine.images.iter().find(|image| image.has_name(reference)).map(|image| image.facts.clone()))
        })
    }

    pub(crate) fn tag_image(&self, reference: &str, tag: &str) -> Result<(), DockerError> {
        self.docker("image.tag", format!("tag {reference} as {tag}"), |engine, _| {
            let id = engine.find(reference)?.facts.id.clone();
            engine.tag(&id, tag)
        })
    }

    pub(crate) fn remove_image(&self, reference: &str) -> Result<(), DockerError> {
        self.docker("image.remove", format!("remove image {reference}"), |engine, _| engine.untag(reference))
    }

    pub(crate) fn prune_images(&self, spec: &PruneSpec) -> Result<Vec<Pruned>, DockerError> {
        self.docker("image.prune", "prune images".to_owned(), |engine, _| {
            let used: Vec<String> =
                engine.containers.values().map(|held| held.facts.image_id.clone()).collect();
            let goes = |image: &FakeImage| {
                let facts = &image.facts;
                let tags_fit = facts.tags.iter().all(|tag| !spec.dangling && fits(&spec.pattern, tag));
                tags_fit
                    && facts.created_at < spec.before
                    && !used.contains(&facts.id)
                    && !spec.keep.iter().any(|kept| image.has_name(kept))
            };
            let (gone, kept) = std::mem::take(&mut engine.images).into_iter().partition(goes);
            engine.images = kept;
            let gone: Vec<FakeImage> = gone;
            Ok(gone
                .into_iter()
                .map(|FakeImage { facts, .. }| Pruned { id: facts.id, tags: facts.tags, size: facts.size })
                .collect())
        })
    }

    pub(crate) fn create_network(&self, name: &str, internal: bool) -> Result<(), DockerError> {
        self.docker("network.create", format!("create network {name}"), |engine, _| {
            if engine.networks.contains_key(name) {
                return Err(DockerError::Conflict(format!("network with name {name} already exists")));
            }
            engine.networks.insert(name.to_owned(), FakeNetwork { internal, own: true });
            Ok(())
        })
    }

    pub(crate) fn remove_network(&self, name: &str) -> Result<bool, DockerError> {
        self.docker("network.remove", format!("remove network {name}"), |engine, _| {
            let in_use = engine.containers.values().any(|held| {
                held.facts.state.is_alive()
                    && held.spec.as_ref().is_some_and(|spec| spec.network.as_deref() == Some(name))
            });
            if in_use {
                return Err(DockerError::Conflict(format!("network {name} has active endpoints")));
            }
            Ok(engine.networks.remove(name).is_some())
        })
    }

    pub(crate) fn own_networks(&self) -> Result<Vec<String>, DockerError> {
        self.docker("network.create", None, |engine, _| {
            Ok(engine
                .networks
                .iter()
                .filter(|(_, network)| network.own)
                .map(|(name, _)| name.clone())
                .collect())
        })
    }

    fn say(&self, lines: &[String]) {
        let lines = lines.iter().map(|text| LogLine { level: Level::Info, text: text.clone() });
        self.world.borrow_mut().log.extend(lines);
    }
}

/// A container of the engine.
#[derive(Debug)]
pub(crate) struct ContainerHandle {
    world: Rc<RefCell<World>>,
    id: String,
}

impl ContainerHandle {
    /// Calls the engine about this container. `change` is what is remembered, with its name behind.
    fn call<T>(
        &self,
        verb: &str,
        change: Option<&str>,
        act: impl FnOnce(&mut FakeState, Duration) -> Result<T, DockerError>,
    ) -> Result<T, DockerError> {
        let name = self.name();
        let change = change.map(|change| format!("{change} {name}"));
        call(&self.world, verb, change, |engine, now| act(engine.held(&self.id)?, now))
    }

    /// Its name as it is now; its id once it is gone.
    fn name(&self) -> String {
        let world = self.world.borrow();
        let held = world.docker.as_ref().and_then(|engine| engine.containers.get(&self.id));
        held.map_or_else(|| self.id.clone(), |held| held.facts.name.clone())
    }

    pub(crate) fn id(&self) -> String {
        self.id.clone()
    }

    pub(crate) fn inspect(&self) -> Result<ContainerFacts, DockerError> {
        self.call("container.inspect", None, |held, now| Ok(held.looked_at(now)))
    }

    pub(crate) fn start(&self) -> Result<(), DockerError> {
        let change = (!self.is_alive()).then(|| format!("start {}", self.name()));
        call(&self.world, "container.start", change, |engine, now| engine.start(&self.id, now))
    }

    pub(crate) fn stop(&self, _grace: Option<u32>) -> Result<bool, DockerError> {
        let change = self.is_alive().then_some("stop");
        self.call("container.stop", change, |held, now| Ok(held.stop(now)))
    }

    pub(crate) fn rename(&self, name: &str) -> Result<(), DockerError> {
        let change = format!("rename {} to {name}", self.name());
        call(&self.world, "container.rename", Some(change), |engine, _| {
            engine.free_name(name)?;
            engine.held(&self.id)?.facts.name = name.to_owned();
            Ok(())
        })
    }

    pub(crate) fn remove(&self, force: bool) -> Result<(), DockerError> {
        let change = format!("remove {}", self.name());
        call(&self.world, "container.remove", Some(change), |engine, _| {
            let held = engine.held(&self.id)?;
            if held.facts.state.is_alive() && !force {
                let text = format!("You cannot remove a running container {}", held.facts.id);
                return Err(DockerError::Conflict(text));
            }
            engine.containers.remove(&self.id);
            Ok(())
        })
    }

    pub(crate) fn wait(&self, timeout_ms: Option<u32>) -> Result<i64, DockerError> {
        let code = self.call("container.wait", None, |held, now| Ok(held.runs_to_its_end(now)))?;
        code.ok_or_else(|| {
            let waited = timeout_ms.map_or(Duration::from_secs(3600), |ms| Duration::from_millis(ms.into()));
            self.world.borrow_mut().now += waited;
            DockerError::Host(HostError::TimedOut)
        })
    }

    pub(crate) fn logs(&self, range: LogRange) -> Result<ContainerOutput, DockerError> {
        self.call("container.logs", None, |held, _| {
            let ran = held.facts.started_at.is_some() || held.facts.state != ContainerState::Created;
            let lines = if ran { held.script.output.as_slice() } else { &[] };
            let late_enough = |line: &&OutputLine| range.since.is_none_or(|since| line.at >= Some(since));
            let lines: Vec<&OutputLine> = lines.iter().filter(late_enough).collect();
            let last = range.tail.and_then(|tail| usize::try_from(tail).ok()).unwrap_or(lines.len());
            let lines = &lines[lines.len().saturating_sub(last)..];
            let mut room = range.max_bytes.map_or(1 << 20, u64::from);
            let fits = |line: &&&OutputLine| {
                let rest = room.checked_sub(line.text.len() as u64 + 1);
                room = rest.unwrap_or(0);
                rest.is_some()
            };
            let mut kept: Vec<OutputLine> =
                lines.iter().rev().take_while(fits).map(|&line| line.clone()).collect();
            kept.reverse();
            let truncated = kept.len() < lines.len();
            Ok(ContainerOutput { lines: kept, truncated })
        })
    }

    pub(crate) fn follow(&self, timeout_ms: Option<u32>) -> Result<i64, DockerError> {
        let output = self.logs(LogRange::default())?;
        let lines = output.lines.into_iter().map(|line| LogLine { level: Level::Info, text: line.text });
        self.world.borrow_mut().log.extend(lines);
        self.wait(timeout_ms)
    }

    pub(crate) fn stats(&self) -> Result<Usage, DockerError> {
        self.call("container.stats", None, |held, _| {
            // The engine measures also what does not run: nothing.
            let runs = held.facts.state == ContainerState::Running;
            if runs { held.script.usage.clone().ok_or(DENIED) } else { Ok(Usage::default()) }
        })
    }

    pub(crate) fn exec(&self, spec: &ExecSpec) -> Result<ExecResult, DockerError> {
        self.call("container.exec", None, |held, _| {
            if held.facts.state != ContainerState::Running {
                return Err(DockerError::Conflict(format!("Container {} is not running", held.facts.id)));
            }
            let results = held.script.commands.get_mut(&spec.command).ok_or(DENIED)?;
            let result = results.first().cloned().ok_or(DENIED)?;
            if results.len() > 1 {
                results.remove(0);
            }
            Ok(result)
        })
    }

    pub(crate) fn copy_out(&self, path: &str, to: &str, _: Option<u64>) -> Result<Vec<String>, DockerError> {
        let copied = self.call("container.copy", Some(&format!("copy {path} out of")), |held, _| {
            let (above, _) = path.trim_end_matches('/').rsplit_once('/').unwrap_or_default();
            let inside = format!("{}/", path.trim_end_matches('/'));
            let files: Vec<_> = held
                .script
                .files
                .iter()
                .filter(|(file, _)| *file == path || file.starts_with(&inside))
                .map(|(file, content)| {
                    let below = file[above.len()..].trim_start_matches('/');
                    (format!("{}/{below}", to.trim_end_matches('/')), content.clone())
                })
                .collect();
            if files.is_empty() {
                return Err(DockerError::NotFound(format!("Could not find the file {path} in container")));
            }
            Ok(files)
        })?;
        let paths = copied.iter().map(|(path, _)| path.clone()).collect();
        let mut world = self.world.borrow_mut();
        world.files.extend(copied.into_iter().map(|(path, content)| (path, Ok(content))));
        Ok(paths)
    }

    fn is_alive(&self) -> bool {
        let world = self.world.borrow();
        let held = world.docker.as_ref().and_then(|engine| engine.containers.get(&self.id));
        held.is_some_and(|held| held.facts.state.is_alive())
    }
}

impl FakeState {
    fn looked_at(&mut self, now: Duration) -> ContainerFacts {
        if self.facts.state == ContainerState::Running {
            let last = self.script.health.len().saturating_sub(1);
            let look = usize::try_from(self.looks).unwrap_or(last).min(last);
            if let Some(health) = self.script.health.get(look) {
                self.facts.health = *health;
            }
            self.looks += 1;
            if let Some((looks, code)) = self.script.exit_after_looks
                && self.looks > looks
            {
                self.end(code, now);
            }
        }
        self.facts.clone()
    }

    fn stop(&mut self, now: Duration) -> bool {
        let killed = self.facts.state.is_alive() && self.script.stubborn;
        if self.facts.state.is_alive() {
            self.end(if killed { 137 } else { 143 }, now);
        }
        killed
    }

    fn runs_to_its_end(&mut self, now: Duration) -> Option<i64> {
        if let (ContainerState::Running, Some((_, code))) = (self.facts.state, self.script.exit_after_looks) {
            self.end(code, now);
        }
        (self.facts.state == ContainerState::Exited).then_some(self.facts.exit_code).flatten()
    }

    fn end(&mut self, code: i64, now: Duration) {
        self.facts.state = ContainerState::Exited;
        self.facts.exit_code = Some(code);
        self.facts.finished_at = Some(now);
    }
}

impl Engine {
    fn held(&mut self, id: &str) -> Result<&mut FakeState, DockerError> {
        self.containers.get_mut(id).ok_or_else(|| DockerError::NotFound(format!("No such container: {id}")))
    }

    fn find(&self, reference: &str) -> Result<&FakeImage, DockerError> {
        let found = self.images.iter().find(|image| image.has_name(reference));
        found.ok_or_else(|| DockerError::NotFound(format!("No such image: {reference}")))
    }

    fn free_name(&self, name: &str) -> Result<(), DockerError> {
        match self.containers.values().find(|held| held.facts.name == name) {
            Some(held) => Err(DockerError::Conflict(format!(
                "The container name \"/{name}\" is already in use by container {:?}",
                held.facts.id,
            ))),
            None => Ok(()),
        }
    }

    fn create(&mut self, spec: &ContainerSpec, now: Duration) -> Result<String, DockerError> {
        self.free_name(&spec.name)?;
        let image = self.find(&spec.image)?.clone();
        if let Some(network) = &spec.network
            && !BUILT_IN.contains(&network.as_str())
            && !self.networks.contains_key(network)
        {
            return Err(DockerError::NotFound(format!("network {network} not found")));
        }
        self.made += 1;
        let request = request();
        let ours = LABELS.into_iter().zip([request.run_id.as_str(), &request.step_id, "fake"]);
        let mut labels = spec.labels.clone();
        labels.extend(ours.map(|(name, value)| (name.to_owned(), value.to_owned())));
        let mut free = 32768..;
        let facts = ContainerFacts {
            id: format!("id-{}", self.made),
            name: spec.name.clone(),
            image: spec.image.clone(),
            image_id: image.facts.id.clone(),
            created_at: now,
            labels,
            ports: spec
                .ports
                .iter()
                .map(|port| Published {
                    inside: port.inside,
                    address: if port.address.is_empty() {
                        "127.0.0.1".to_owned()
                    } else {
                        port.address.clone()
                    },
                    outside: if port.outside == 0 { free.next().unwrap_or_default() } else { port.outside },
                })
                .collect(),
            of_this_run: true,
            ..ContainerFacts::default()
        };
        let id = facts.id.clone();
        let held =
            FakeState { facts, hidden: false, script: image.script, spec: Some(spec.clone()), looks: 0 };
        self.containers.insert(id.clone(), held);
        Ok(id)
    }

    fn start(&mut self, id: &str, now: Duration) -> Result<(), DockerError> {
        let wanted = self.held(id)?.facts.ports.clone();
        let taken = self
            .containers
            .values()
            .filter(|held| held.facts.id != id && held.facts.state.is_alive())
            .flat_map(|held| &held.facts.ports)
            .find(|port| wanted.iter().any(|wanted| wanted.outside == port.outside));
        if let Some(port) = taken {
            let text =
                format!("Bind for {}:{} failed: port is already allocated", port.address, port.outside);
            return Err(DockerError::Failed(text));
        }
        let held = self.held(id)?;
        if held.facts.state.is_alive() {
            return Ok(());
        }
        held.facts.state = ContainerState::Running;
        held.facts.exit_code = None;
        held.facts.started_at = Some(now);
        held.looks = 0;
        if let Some(code) = held.script.exits {
            held.facts.out_of_memory = held.script.out_of_memory;
            held.end(code, now);
        }
        Ok(())
    }

    fn tag(&mut self, id: &str, tag: &str) -> Result<(), DockerError> {
        for image in &mut self.images {
            image.facts.tags.retain(|held| held != tag);
        }
        match self.images.iter_mut().find(|image| image.facts.id == id) {
            Some(image) => {
                image.facts.tags.push(tag.to_owned());
                Ok(())
            }
            None => Err(DockerError::NotFound(format!("No such image: {id}"))),
        }
    }

    fn untag(&mut self, reference: &str) -> Result<(), DockerError> {
        let image = self.find(reference)?;
        let id = image.facts.id.clone();
        let by_tag = image.facts.tags.iter().any(|tag| tag == reference);
        if by_tag && image.facts.tags.len() > 1 {
            for image in &mut self.images {
                image.facts.tags.retain(|held| held != reference);
            }
            return Ok(());
        }
        if !by_tag && image.facts.tags.len() > 1 {
            let text = format!("unable to delete {id}: image is referenced in multiple repositories");
            return Err(DockerError::Conflict(text));
        }
        if let Some(user) = self.containers.values().find(|held| held.facts.image_id == id) {
            let text = format!("unable to remove {reference}: container {} is using it", user.facts.id);
            return Err(DockerError::Conflict(text));
        }
        self.images.retain(|image| image.facts.id != id);
        Ok(())
    }

    /// The registry's own judgement.
    fn judge(&self, login: Option<&Login>) -> Result<(), DockerError> {
        let given = login.map(|login| (login.user.as_str(), login.password.handle.value.as_str()));
        let wanted = self.login.as_ref().map(|(user, password)| (user.as_str(), password.as_str()));
        if wanted.is_none() || given == wanted {
            return Ok(());
        }
        Err(DockerError::Failed("unauthorized: authentication required".to_owned()))
    }
}

/// Whether a text fits a pattern in which `*` stands for anything.
fn fits(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((before, rest)) => text.strip_prefix(before).is_some_and(|text| {
            (0..=text.len()).filter(|&at| text.is_char_boundary(at)).any(|at| fits(rest, &text[at..]))
        }),
    }
}
