//! One Docker Engine: that of the step's target, or the machine's own.
//!
//! A call names a verb and a thing, and the step's grants have to cover both. Everything that is created carries
//! the labels of the run and the step; what belongs to another run is not there unless a grant names it. Nothing
//! here decides what a failure means: [`DockerFailure`] says what was tried and why not, and becomes a
//! [`Failure`](crate::Failure) with `?`.

mod container;
mod error;
mod facts;
mod image;
#[cfg(target_arch = "wasm32")]
pub(super) mod imports;
mod spec;
#[cfg(test)]
mod tests;

pub use container::Container;
pub use error::{DockerError, DockerFailure};
pub use facts::{
    ContainerFacts, ContainerOutput, ContainerState, EngineFacts, ExecResult, HealthProbe, HealthStatus,
    OutputLine, OutputStream, Published, Usage,
};
pub use image::{BuildProblem, BuildResult, BuildSpec, ImageFacts, Login, NetworkKind, PruneSpec, Pruned};
pub use spec::{ContainerSpec, ExecSpec, HealthCommand, LogRange, Mount, Port, Privilege, Restart};

use std::time::Duration;

use super::backend::Backend;
use super::http::milliseconds;

/// A Docker Engine, from [`Host::docker`](crate::Host::docker).
///
/// ```
/// use runner_plugin::host::ContainerSpec;
/// use runner_plugin::testing::{Engine, FakeHost, FakeImage};
///
/// let fake = FakeHost::new().docker(Engine::new().image(FakeImage::new("tests:1").exits(0)));
/// let host = fake.host();
///
/// let container = host.docker().create_container(&ContainerSpec::new("tests", "tests:1"))?;
/// container.start()?;
/// assert_eq!(container.wait(None)?, 0);
/// container.remove()?;
/// # Ok::<(), runner_plugin::Failure>(())
/// ```
#[derive(Debug)]
pub struct Docker<'a> {
    backend: &'a Backend,
}

impl<'a> Docker<'a> {
    pub(super) fn new(backend: &'a Backend) -> Self {
        Self { backend }
    }

    /// Looks at the engine. Any verb will do.
    ///
    /// # Errors
    ///
    /// [`DockerFailure`]: denied without a grant for `docker`, `unavailable` if it cannot be reached.
    pub fn engine(&self) -> Result<EngineFacts, DockerFailure> {
        self.backend.engine().map_err(DockerFailure::of("look at the Docker Engine"))
    }

    /// Creates a container, and does not start it. Verb `container.create`.
    ///
    /// # Errors
    ///
    /// [`DockerFailure`]: a conflict if the name is taken, not found if there is no such image or network.
    pub fn create_container(&self, spec: &ContainerSpec) -> Result<Container, DockerFailure> {
        let tried = format!("create container `{}` of `{}`", spec.name, spec.image);
        let handle = self.backend.create_container(spec).map_err(DockerFailure::of(tried))?;
        Ok(Container::new(&spec.name, handle))
    }

    /// Finds a container by name or id. `None` if it is not there for this step. Any verb on containers will do.
    ///
    /// # Errors
    ///
    /// [`DockerFailure`]
    pub fn find_container(&self, name: &str) -> Result<Option<Container>, DockerFailure> {
        let tried = format!("find container `{name}`");
        let found = self.backend.find_container(name).map_err(DockerFailure::of(tried))?;
        Ok(found.map(|handle| Container::new(name, handle)))
    }

    /// All containers that are there for this step, also those that have ended, sorted by name. Verb
    /// `container.inspect`.
    ///
    /// # Errors
    ///
    /// [`DockerFailure`]
    pub fn containers(&self) -> Result<Vec<ContainerFacts>, DockerFailure> {
        self.backend.list_containers(false).map_err(DockerFailure::of("list containers"))
    }

    /// The containers that this step of this run created, sorted by name. Verb `container.inspect`.
    ///
    /// # Errors
    ///
    /// [`DockerFailure`]
    pub fn own_containers(&self) -> Result<Vec<ContainerFacts>, DockerFailure> {
        self.backend.list_containers(true).map_err(DockerFailure::of("list the containers of this step"))
    }

    /// Builds an image. Verb `image.build`.
    ///
    /// # Errors
    ///
    /// [`DockerFailure`]. An image that cannot be built is [`BuildResult::Broken`], not an error.
    pub fn build_image(&self, spec: &BuildSpec) -> Result<BuildResult, DockerFailure> {
        let tried = format!("build an image of `{}`", spec.context);
        self.backend.build_image(spec).map_err(DockerFailure::of(tried))
    }

    /// Gets an image from its registry; nothing is fetched that is there. Verb `image.pull`.
    ///
    /// # Errors
    ///
    /// [`DockerFailure`]
    pub fn pull_image(
        &self,
        reference: &str,
        login: Option<&Login>,
        timeout: Option<Duration>,
    ) -> Result<ImageFacts, DockerFailure> {
        let timeout = timeout.map(milliseconds);
        let tried = format!("pull image `{reference}`");
        self.backend.pull_image(reference, login, timeout).map_err(DockerFailure::of(tried))
    }

    /// Sends an image to its registry, and returns `name@sha256:…`. Verb `image.push`.
    ///
    /// # Errors
    ///
    /// [`DockerFailure`]
    pub fn push_image(
        &self,
        reference: &str,
        login: Option<&Login>,
        timeout: Option<Duration>,
    ) -> Result<String, DockerFailure> {
        let timeout = timeout.map(milliseconds);
        let tried = format!("push image `{reference}`");
        self.backend.push_image(reference, login, timeout).map_err(DockerFailure::of(tried))
    }

    /// Looks at an image. `None` if it is not there. Verb `image.inspect`.
    ///
    /// # Errors
    ///
    /// [`DockerFailure`]
    pub fn inspect_image(&self, reference: &str) -> Result<Option<ImageFacts>, DockerFailure> {
        let tried = format!("inspect image `{reference}`");
        self.backend.inspect_image(reference).map_err(DockerFailure::of(tried))
    }

    /// Gives an image another name. The grant has to cover both. Verb `image.tag`.
    ///
    /// # Errors
    ///
    /// [`DockerFailure`]
    pub fn tag_image(&self, reference: &str, tag: &str) -> Result<(), DockerFailure> {
        let tried = format!("tag image `{reference}` as `{tag}`");
        self.backend.tag_image(reference, tag).map_err(DockerFailure::of(tried))
    }

    /// Takes one name from an image; the image goes with its last one. Verb `image.remove`.
    ///
    /// # Errors
    ///
    /// [`DockerFailure`], a conflict while a container uses it.
    pub fn remove_image(&self, reference: &str) -> Result<(), DockerFailure> {
        let tried = format!("remove image `{reference}`");
        self.backend.remove_image(reference).map_err(DockerFailure::of(tried))
    }

    /// Removes images, and returns those that went. Verb `image.prune`.
    ///
    /// # Errors
    ///
    /// [`DockerFailure`]
    pub fn prune_images(&self, spec: &PruneSpec) -> Result<Vec<Pruned>, DockerFailure> {
        self.backend.prune_images(spec).map_err(DockerFailure::of("prune images"))
    }

    /// Creates a bridge network with the labels of this step. Verb `network.create`.
    ///
    /// # Errors
    ///
    /// [`DockerFailure`], a conflict if the name is taken.
    pub fn create_network(&self, name: &str, kind: NetworkKind) -> Result<(), DockerFailure> {
        let internal = match kind {
            NetworkKind::Open => false,
            NetworkKind::Internal => true,
        };
        let tried = format!("create network `{name}`");
        self.backend.create_network(name, internal).map_err(DockerFailure::of(tried))
    }

    /// Removes a network. True if it was there. Verb `network.remove`.
    ///
    /// # Errors
    ///
    /// [`DockerFailure`], a conflict while a container is in it.
    pub fn remove_network(&self, name: &str) -> Result<bool, DockerFailure> {
        self.backend.remove_network(name).map_err(DockerFailure::of(format!("remove network `{name}`")))
    }

    /// The names of networks that this step of this run created, sorted. Verb `network.create`.
    ///
    /// # Errors
    ///
    /// [`DockerFailure`]
    pub fn own_networks(&self) -> Result<Vec<String>, DockerFailure> {
        self.backend.own_networks().map_err(DockerFailure::of("list the networks of this step"))
    }
}
