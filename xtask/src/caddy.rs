//! Which proxy the example runs with.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::workspace::Workspace;
use crate::{apt, process};

/// What the user wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Choice {
    /// Caddy if it can be had, else the stand-in.
    Any,
    Caddy,
    StandIn,
}

/// The Caddy on this machine, or the distribution's.
pub(crate) fn find(workspace: &Workspace) -> Option<PathBuf> {
    let installed = PathBuf::from("caddy");
    if version(&installed).is_some() {
        return Some(installed);
    }
    apt::program(workspace, "caddy", "usr/bin/caddy").filter(|caddy| version(caddy).is_some())
}

/// What it says it is.
pub(crate) fn version(caddy: &Path) -> Option<String> {
    process::output(Command::new(caddy).arg("version"))
}
