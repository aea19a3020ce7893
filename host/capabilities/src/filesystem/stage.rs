//! The granted files as a WASI guest sees them: preopened directories.

use std::{
    fs, io,
    os::fd::{AsRawFd as _, OwnedFd},
    path::{Path, PathBuf},
};

use tempfile::TempDir;
use wasmtime_wasi::{FsPerms, WasiCtxBuilder};

use super::{FilesystemGrant, PathPattern, Tree};

/// Most bytes of single granted files that are copied for one call.
const MAX_STAGED: u64 = 64 << 20;

/// Directories that stay open, and copies that stay on disk, as long as a guest may use them.
pub(crate) struct Preopens {
    directories: Vec<(OwnedFd, String, FsPerms)>,
    staged: Option<TempDir>,
}

impl Preopens {
    /// Opens what `grant` gives. What does not exist is left out: the guest finds it missing.
    pub(crate) fn open(tree: &Tree, grant: &FilesystemGrant) -> io::Result<Self> {
        let mut directories = Vec::new();
        // The write grants first: a directory that is granted twice may be written.
        let granted = |patterns: &[PathPattern], perms: FsPerms, directories: &mut Vec<(OwnedFd, String, FsPerms)>| {
            for pattern in patterns.iter().filter(|pattern| pattern.is_directory() && pattern.is_plain()) {
                let path = guest_path(pattern);
                if directories.iter().all(|(_, known, _)| *known != path) {
                    if let Ok(directory) = tree.granted_directory(Path::new(&path)) {
                        directories.push((directory, path, perms));
                    }
                }
            }
        };
        granted(&grant.write, FsPerms::ReadWrite, &mut directories);
        granted(&grant.read, FsPerms::ReadOnly, &mut directories);
        let has_root = directories.iter().any(|(_, path, _)| path == ".");
        let staged = if has_root { None } else { stage(tree, grant)? };
        Ok(Self { directories, staged })
    }

    /// Hands the directories to the guest.
    pub(crate) fn add_to(&self, wasi: &mut WasiCtxBuilder) -> io::Result<()> {
        for (directory, path, perms) in &self.directories {
            // The directory that was opened and judged, not whatever has its name by now.
            let opened = PathBuf::from(format!("/proc/self/fd/{}", directory.as_raw_fd()));
            wasi.preopened_dir(opened, path, *perms).map_err(io::Error::other)?;
        }
        if let Some(staged) = &self.staged {
            wasi.preopened_dir(staged.path(), ".", FsPerms::ReadOnly).map_err(io::Error::other)?;
        }
        Ok(())
    }
}

fn guest_path(pattern: &PathPattern) -> String {
    if pattern.segments().is_empty() { ".".to_owned() } else { pattern.segments().join("/") }
}

fn stage(tree: &Tree, grant: &FilesystemGrant) -> io::Result<Option<TempDir>> {
    let files: Vec<String> = grant
        .read
        .iter()
        .chain(&grant.write)
        .filter(|pattern| !pattern.is_directory() && pattern.is_plain())
        .map(guest_path)
        .collect();
    if files.is_empty() {
        return Ok(None);
    }
    let directory = TempDir::with_prefix("runner-")?;
    let mut left = MAX_STAGED;
    for path in files {
        let Ok(bytes) = tree.read(grant, &path, left) else { continue };
        left -= bytes.len() as u64;
        let copy = directory.path().join(&path);
        if let Some(above) = copy.parent() {
            fs::create_dir_all(above)?;
        }
        fs::write(copy, bytes)?;
    }
    Ok(Some(directory))
}
