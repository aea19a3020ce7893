//! End-to-end tests: the built runner, real components, real files and sockets.
//!
//! One file per command or behaviour that a user can name. A test states what it covers of `docs/requirements.md` by the
//! ids of its rows.

mod architecture;
mod cli;
mod docs;
mod harness;
mod plugins;
#[path = "docker/mod.rs"]
mod real_docker;
mod run;
mod sandbox;
mod server;
