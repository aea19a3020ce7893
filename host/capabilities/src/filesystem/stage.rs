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
        let granted = |patterns: &[PathPattern],
                       perms: FsPerms,
                       directories: &mut Vec<(OwnedFd, String, FsPerms)>| {
            for pattern in patterns.iter().filter(|pattern| pattern.is_directory() && pattern.is_plain()) {
                let path = guest_path(pattern);
                let is_new = directories.iter().all(|(_, known, _)| *known != path);
                if let (true, Ok(directory)) = (is_new, tree.granted_directory(Path::new(&path))) {
                    directories.push((directory, path, perms));
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

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::symlink};

    use serde_json::json;
    use wasmtime_wasi::FsPerms;

    use super::Preopens;
    use crate::filesystem::{FilesystemGrant, Tree};

    /// Path and content of each staged file.
    type Staged = Vec<(String, String)>;

    /// Path of each directory and whether it may be written, and the staged files.
    fn opened(root: &std::path::Path, grants: serde_json::Value) -> (Vec<(String, bool)>, Staged) {
        let grant = FilesystemGrant::parse(&grants).unwrap();
        let preopens = Preopens::open(&Tree::open(root).unwrap(), &grant).unwrap();
        let directories = preopens
            .directories
            .iter()
            .map(|(_, path, perms)| (path.clone(), matches!(perms, FsPerms::ReadWrite)))
            .collect();
        let mut staged = Vec::new();
        let mut open: Vec<_> = preopens.staged.iter().map(|staged| staged.path().to_owned()).collect();
        while let Some(directory) = open.pop() {
            for entry in fs::read_dir(directory).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    open.push(path);
                } else {
                    let name = path.strip_prefix(preopens.staged.as_ref().unwrap().path()).unwrap();
                    staged.push((name.display().to_string(), fs::read_to_string(&path).unwrap()));
                }
            }
        }
        staged.sort();
        (directories, staged)
    }

    #[test]
    fn a_wasi_guest_sees_what_is_granted() {
        let place = tempfile::tempdir().unwrap();
        let root = place.path();
        for directory in ["in/deep", "out", "closed"] {
            fs::create_dir_all(root.join(directory)).unwrap();
        }
        fs::write(root.join("a.txt"), "a").unwrap();
        fs::write(root.join("in/deep/b.txt"), "b").unwrap();
        fs::write(root.join("closed/c.txt"), "c").unwrap();
        symlink("closed/c.txt", root.join("link")).unwrap();
        symlink("/", root.join("away")).unwrap();
        let grants = json!({
            "read": ["in/", "out/", "a.txt", "in/deep/b.txt", "gone.txt", "gone/", "link", "away/", "*.md"],
            "write": ["out/", "new.txt"],
        });
        let text = |list: &[(&str, &str)]| -> Vec<(String, String)> {
            list.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
        };
        assert_eq!(
            opened(root, grants),
            (
                vec![("out".to_owned(), true), ("in".to_owned(), false)],
                text(&[("a.txt", "a"), ("in/deep/b.txt", "b")])
            )
        );
        let all = json!({ "read": ["./", "a.txt"] });
        assert_eq!(opened(root, all), (vec![(".".to_owned(), false)], vec![]));
    }
}
