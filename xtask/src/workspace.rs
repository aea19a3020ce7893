//! Where things are.

use std::fs;
use std::path::{Path, PathBuf};

use crate::failure::Failure;

/// The checkout.
#[derive(Debug)]
pub(crate) struct Workspace {
    /// Its folder.
    pub(crate) root: PathBuf,
    /// Where cargo puts what it builds.
    target: PathBuf,
}

impl Workspace {
    pub(crate) fn find() -> Result<Self, Failure> {
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
        let root =
            manifest.parent().ok_or_else(|| Failure::problem("the folder of `xtask` has no parent"))?;
        if !root.join("Cargo.toml").is_file() {
            return Err(Failure::problem(format!("the checkout is no longer at `{}`", root.display()))
                .next("run `cargo xtask` again from where it is now"));
        }
        let target =
            variable("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), |target| root.join(target));
        Ok(Self { root: root.to_owned(), target })
    }

    /// A program of ours, as `cargo build` leaves it.
    pub(crate) fn program(&self, name: &str) -> PathBuf {
        self.target.join("debug").join(name)
    }

    /// Where cargo leaves what it builds for a target with a profile.
    pub(crate) fn built(&self, target: &str, profile: &str) -> PathBuf {
        self.target.join(target).join(profile)
    }

    /// The service of the L9 example, as it goes into images.
    pub(crate) fn service(&self) -> PathBuf {
        self.target.join("l9/l9-api")
    }

    /// A folder for what belongs beside cargo's output.
    pub(crate) fn cache(&self, name: &str) -> PathBuf {
        self.target.join(name)
    }

    /// Where finished components lie: pipelines name `target` in the checkout, the end-to-end tests look where they were
    /// built themselves. Mostly that is the same place.
    pub(crate) fn components(&self, kind: &str) -> Vec<PathBuf> {
        let mut folders = vec![self.root.join("target").join(kind), self.target.join(kind)];
        folders.dedup();
        folders
    }

    /// Names of the packages in `folder` that become components, sorted.
    pub(crate) fn component_packages(&self, folder: &str) -> Result<Vec<String>, Failure> {
        let folder = self.root.join(folder);
        let failed =
            |error: std::io::Error| Failure::problem(format!("read `{}`: {error}", folder.display()));
        let mut names = Vec::new();
        for entry in fs::read_dir(&folder).map_err(failed)? {
            let manifest = entry.map_err(failed)?.path().join("Cargo.toml");
            if let Ok(text) = fs::read_to_string(&manifest) {
                names.extend(component_name(&text).map(str::to_owned));
            }
        }
        names.sort();
        Ok(names)
    }
}

/// The name of a package whose library is a component (`cdylib`). Our manifests have one key per line.
fn component_name(manifest: &str) -> Option<&str> {
    let mut lines = manifest.lines().map(str::trim);
    if !lines.clone().any(|line| line.starts_with("crate-type") && line.contains("\"cdylib\"")) {
        return None;
    }
    let value = lines.find_map(|line| line.strip_prefix("name = "))?;
    Some(value.trim_matches('"'))
}

/// A variable of the environment; empty counts as absent.
#[expect(clippy::disallowed_methods, reason = "the one place of this program that reads the environment")]
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Whether this is CI, where nothing may be missing.
pub(crate) fn in_ci() -> bool {
    variable("CI").is_some_and(|value| value != "false" && value != "0")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_libraries_for_c_are_components() {
        let manifest = "[package]\nname = \"http-health\"\n\n[lib]\ncrate-type = [\"cdylib\", \"rlib\"]\n";

        assert_eq!(component_name(manifest), Some("http-health"));
        assert_eq!(component_name("[package]\nname = \"runner-plugin\"\n"), None);
    }
}
