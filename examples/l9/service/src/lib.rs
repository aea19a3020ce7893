//! The world in which the L9 example is played: for the demo, and for the tests.
//!
//! A [`World`] is a project in a git repository with a remote, the server's checkout of it, a registry for images, a Caddy,
//! and *blue* in a container, all of it on loopback and in a directory of its own. Everything Docker keeps carries
//! the world's name, so worlds do not meet, and [`World::close`] can say that nothing was left behind.
//!
//! Never here: the runner. Whoever has a world starts it as users do, with [`World::inputs`] and [`World::environment`].

mod git;
mod ports;
mod programs;
mod world;

pub use ports::Ports;
pub use programs::{WorldError, engine, is_there};
pub use world::{FIRST, Parts, Release, World};
