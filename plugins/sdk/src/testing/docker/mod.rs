//! A Docker Engine in memory.
//!
//! It is told which images there are and what their containers do, and then behaves like the real one: a name
//! that is taken is a conflict, what runs is not removed without force, what is not there is not found. What
//! nobody prepared (a pull, a build, a command inside a container) is denied. What was done to it is remembered
//! in order, one line each.

mod backend;
mod container;
mod engine;
mod image;

pub(crate) use backend::ContainerHandle;
pub use container::FakeContainer;
pub use engine::Engine;
pub use image::FakeImage;

/// The name for each label that the host puts on what it creates.
const LABELS: [&str; 3] = ["runner.run", "runner.step", "runner.plugin"];
