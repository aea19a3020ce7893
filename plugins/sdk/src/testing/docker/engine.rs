//! The engine of a test: what there is, what it shall do, and what was done to it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::host::{BuildProblem, ContainerFacts, ContainerSpec, ContainerState, DockerError, ImageFacts};
use crate::testing::FakeHost;

use super::image::Script;
use super::{FakeContainer, FakeImage};

/// A Docker Engine in memory, for [`FakeHost::docker`].
///
/// ```
/// use runner_plugin::host::ContainerState;
/// use runner_plugin::testing::{Engine, FakeContainer, FakeHost, FakeImage};
///
/// let engine = Engine::new().image(FakeImage::new("web:1")).container(FakeContainer::new("web-blue", "web:1"));
/// let fake = FakeHost::new().docker(engine);
///
/// let blue = fake.host().docker().find_container("web-blue")?.unwrap();
/// blue.stop(None)?;
///
/// assert_eq!(fake.containers(), [("web-blue".to_owned(), ContainerState::Exited)]);
/// assert_eq!(fake.docker_changes(), ["stop web-blue"]);
/// # Ok::<(), runner_plugin::Failure>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Engine {
    pub(super) images: Vec<FakeImage>,
    /// By id.
    pub(super) containers: BTreeMap<String, FakeState>,
    pub(super) networks: BTreeMap<String, FakeNetwork>,
    pub(super) registry: BTreeMap<String, FakeImage>,
    pub(super) pushes: BTreeMap<String, String>,
    pub(super) login: Option<(String, String)>,
    pub(super) builds: BTreeMap<String, Result<FakeImage, BuildProblem>>,
    pub(super) denied: BTreeSet<String>,
    pub(super) failing: BTreeMap<String, VecDeque<Trouble>>,
    pub(super) changes: Vec<String>,
    pub(super) made: u32,
}

/// What goes wrong at a call.
#[derive(Debug, Clone)]
pub(super) enum Trouble {
    /// It is not done.
    Before(DockerError),
    /// It is done, and nobody hears of it.
    After(DockerError),
}

/// A container as the engine keeps it.
#[derive(Debug, Clone)]
pub(super) struct FakeState {
    pub(super) facts: ContainerFacts,
    pub(super) hidden: bool,
    pub(super) script: Script,
    pub(super) spec: Option<ContainerSpec>,
    /// How often it was looked at since it was started.
    pub(super) looks: u32,
}

/// A network as the engine keeps it.
#[derive(Debug, Clone)]
pub(super) struct FakeNetwork {
    pub(super) internal: bool,
    pub(super) own: bool,
}

impl Engine {
    /// An engine with nothing in it.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// An image is there.
    #[must_use]
    pub fn image(mut self, image: FakeImage) -> Self {
        self.images.push(image);
        self
    }

    /// A container is there. It does what its image says, if that is there already.
    #[must_use]
    pub fn container(mut self, container: FakeContainer) -> Self {
        let FakeContainer { mut facts, hidden } = container;
        let image = self.images.iter().find(|image| image.has_name(&facts.image));
        if let Some(image) = image
            && facts.image_id.is_empty()
        {
            facts.image_id.clone_from(&image.facts.id);
        }
        let script = image.map(|image| image.script.clone()).unwrap_or_default();
        self.containers.insert(facts.id.clone(), FakeState { facts, hidden, script, spec: None, looks: 0 });
        self
    }

    /// A network is there, made by somebody else.
    #[must_use]
    pub fn network(self, name: &str) -> Self {
        self.with_network(name, false)
    }

    /// A network is there, made by this step of this run.
    #[must_use]
    pub fn own_network(self, name: &str) -> Self {
        self.with_network(name, true)
    }

    /// A registry has this image under this name.
    #[must_use]
    pub fn pullable(mut self, reference: &str, image: FakeImage) -> Self {
        self.registry.insert(reference.to_owned(), image);
        self
    }

    /// A registry takes this name, and says that it is this digest.
    #[must_use]
    pub fn pushable(mut self, reference: &str, digest: &str) -> Self {
        self.pushes.insert(reference.to_owned(), digest.to_owned());
        self
    }

    /// The registry wants to know who is asking.
    #[must_use]
    pub fn registry_login(mut self, user: &str, password: &str) -> Self {
        self.login = Some((user.to_owned(), password.to_owned()));
        self
    }

    /// Building this context makes this image; its tags and labels are those that are asked for.
    #[must_use]
    pub fn builds(mut self, context: &str, image: FakeImage) -> Self {
        self.builds.insert(context.to_owned(), Ok(image));
        self
    }

    /// This context cannot be built.
    #[must_use]
    pub fn build_broken(mut self, context: &str, problem: BuildProblem) -> Self {
        self.builds.insert(context.to_owned(), Err(problem));
        self
    }

    /// No grant covers this verb, e.g. `container.remove`.
    #[must_use]
    pub fn denies(mut self, verb: &str) -> Self {
        self.denied.insert(verb.to_owned());
        self
    }

    /// The next call of this verb is not done.
    #[must_use]
    pub fn fails(self, verb: &str, error: DockerError) -> Self {
        self.trouble(verb, Trouble::Before(error))
    }

    /// The next call of this verb is done, and its answer is lost.
    #[must_use]
    pub fn fails_after(self, verb: &str, error: DockerError) -> Self {
        self.trouble(verb, Trouble::After(error))
    }

    fn trouble(mut self, verb: &str, trouble: Trouble) -> Self {
        self.failing.entry(verb.to_owned()).or_default().push_back(trouble);
        self
    }

    fn with_network(mut self, name: &str, own: bool) -> Self {
        self.networks.insert(name.to_owned(), FakeNetwork { internal: false, own });
        self
    }
}

impl FakeHost {
    /// Changes the engine between two calls of a plugin, as somebody else would.
    pub fn change_docker(&self, change: impl FnOnce(Engine) -> Engine) {
        let engine = self.world.borrow_mut().docker.take();
        self.world.borrow_mut().docker = engine.map(change);
    }

    /// The names of all containers and what they do, sorted.
    #[must_use]
    pub fn containers(&self) -> Vec<(String, ContainerState)> {
        let mut containers = self.engine(|engine| {
            engine
                .containers
                .values()
                .map(|held| (held.facts.name.clone(), held.facts.state))
                .collect::<Vec<_>>()
        });
        containers.sort_by(|(one, _), (other, _)| one.cmp(other));
        containers
    }

    /// What the engine says about a container, by name.
    #[must_use]
    pub fn container(&self, name: &str) -> Option<ContainerFacts> {
        self.engine(|engine| {
            engine.containers.values().find(|held| held.facts.name == name).map(|held| held.facts.clone())
        })
    }

    /// What the plugin asked for when it created a container.
    #[must_use]
    pub fn created(&self, name: &str) -> Option<ContainerSpec> {
        self.engine(|engine| {
            engine.containers.values().find(|held| held.facts.name == name).and_then(|held| held.spec.clone())
        })
    }

    /// The images that are there, in the order they came.
    #[must_use]
    pub fn images(&self) -> Vec<ImageFacts> {
        self.engine(|engine| engine.images.iter().map(|image| image.facts.clone()).collect())
    }

    /// The id of the image with this tag.
    #[must_use]
    pub fn image_id(&self, tag: &str) -> Option<String> {
        self.engine(|engine| {
            engine.images.iter().find(|image| image.has_name(tag)).map(|image| image.facts.id.clone())
        })
    }

    /// The networks that are there, sorted; with `(internal)` behind the name of one without a way out.
    #[must_use]
    pub fn networks(&self) -> Vec<String> {
        let shown = |(name, network): (&String, &FakeNetwork)| {
            if network.internal { format!("{name} (internal)") } else { name.clone() }
        };
        self.engine(|engine| engine.networks.iter().map(shown).collect())
    }

    /// What was done to the engine, oldest first; looks are not told.
    #[must_use]
    pub fn docker_changes(&self) -> Vec<String> {
        self.engine(|engine| engine.changes.clone())
    }

    fn engine<T>(&self, look: impl FnOnce(&Engine) -> T) -> T {
        let world = self.world.borrow();
        let nothing = Engine::default();
        look(world.docker.as_ref().unwrap_or(&nothing))
    }
}
