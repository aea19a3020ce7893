//! End-to-end tests: the built runner, real components, real files and sockets.
//!
//! One file per command or behaviour that a user can name. A test states what it covers of the requirements by their
//! ids (`003-52`).

mod architecture;
mod cli;
mod docs;
mod harness;
mod plugins;
mod run;
