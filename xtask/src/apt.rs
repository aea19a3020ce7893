//! Programs from the distribution's packages, unpacked beside cargo's output.
//!
//! Unpacking needs no root, changes nothing on the machine, and starts no service, as installing would.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::workspace::Workspace;
use crate::{process, screen, workspace};

/// A program of the package `package`, if apt can be asked for it.
pub(crate) fn program(workspace: &Workspace, package: &str, program: &str) -> Option<PathBuf> {
    let folder = workspace.cache("apt").join(package);
    let path = folder.join(program);
    if path.is_file() {
        return Some(path);
    }
    if workspace::variable("CARGO_NET_OFFLINE").is_some_and(|offline| offline == "true") {
        return None;
    }
    screen::say(&format!(
        "fetching the package `{package}` (unpacked into {}, not installed)",
        folder.display()
    ));
    fs::create_dir_all(&folder).ok()?;
    if !download(package, &folder) {
        // Fresh containers have no package lists yet; only root can get them.
        let lists = rustix::process::getuid().is_root()
            && process::output(apt(&folder).args(["--quiet=2", "update"])).is_some();
        if !lists || !download(package, &folder) {
            return None;
        }
    }
    let archive = fs::read_dir(&folder)
        .ok()?
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .find(|path| path.extension().is_some_and(|extension| extension == "deb"))?;
    process::output(Command::new("dpkg-deb").arg("--extract").arg(&archive).arg(&folder))?;
    path.is_file().then_some(path)
}

fn download(package: &str, folder: &Path) -> bool {
    process::output(apt(folder).args(["--quiet=2", "download", package])).is_some()
}

/// Gives up soon when there is no network.
fn apt(folder: &Path) -> Command {
    let mut apt = Command::new("apt-get");
    apt.current_dir(folder).args(["-o", "Acquire::http::Timeout=10", "-o", "Acquire::Retries=1"]);
    apt
}
