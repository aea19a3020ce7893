//! A world of the L9 example, and the runner in it.

use std::{collections::BTreeMap, fs, ops::Deref, path::Path, process::Command};

use l9::{Parts, World};

use crate::harness::{Finished, Project, root, target};

/// A world whose end is part of the test: what it leaves in Docker is a failure.
pub(crate) struct Scene {
    world: Option<World>,
    /// The developer's checkout.
    pub(crate) project: Project,
}

impl Scene {
    /// The project of `examples/l9` with its first release live.
    pub(crate) fn new() -> Self {
        let service = target().join("l9/l9-api");
        assert!(service.is_file(), "{} is missing: run `cargo xtask plugins --guests`", service.display());
        let world = World::new(Parts {
            example: &root().join("examples/l9"),
            plugins: &target().join("plugins"),
            service: &service,
            caddy: Path::new("caddy"),
            registry: Path::new("docker-registry"),
        });
        let world = world.unwrap_or_else(|error| {
            let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}"));
            panic!("{error}{} (`--skip real_docker` does without)", cause.unwrap_or_default())
        });
        let project = Project::at(world.project());
        Self { world: Some(world), project }
    }

    /// `runner` in the project, with the secrets of the world.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.project.command(arguments);
        command.envs(self.environment());
        command
    }

    /// `runner exec pipeline.yaml`, with the inputs that say where the world is, and more.
    pub(crate) fn exec(&self, inputs: &[(&str, &str)]) -> Command {
        let mut command = self.command(&["exec", "pipeline.yaml"]);
        for (name, value) in self.inputs() {
            command.arg("--input").arg(format!("{name}={value}"));
        }
        for (name, value) in inputs {
            command.arg("--input").arg(format!("{name}={value}"));
        }
        command
    }

    /// Runs a command of this scene to its end.
    pub(crate) fn finish(&self, mut command: Command) -> Finished {
        self.project.finish(command.output().expect("the runner starts"))
    }

    /// A text file of the project, if it is there.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        fs::read_to_string(self.project.path(name)).ok()
    }
}

impl Deref for Scene {
    type Target = World;

    fn deref(&self) -> &World {
        self.world.as_ref().expect("the world ends with the scene")
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        let closed = self.world.take().map(World::close);
        // A test that has failed already is told for its own reason.
        if !std::thread::panicking()
            && let Some(Err(left)) = closed
        {
            panic!("{left}");
        }
    }
}

/// Containers as [`World::containers`] should give them.
pub(crate) fn containers<const N: usize>(expected: [(&str, &str); N]) -> BTreeMap<String, String> {
    expected.into_iter().map(|(name, state)| (name.to_owned(), state.to_owned())).collect()
}
