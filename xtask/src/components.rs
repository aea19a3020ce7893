//! Plugins and test guests, from source to checked components.

use std::fs;
use std::path::Path;

use crate::failure::Failure;
use crate::toolchain::{COMPONENT, WASI, cargo};
use crate::workspace::Workspace;
use crate::{process, screen};

/// Small, without start-up work: see `profile.guest` in the root manifest.
const PROFILE: &str = "guest";

/// How a component begins: the magic number, then version 13 of layer 1. A core module has version 1 of layer 0.
const COMPONENT_HEAD: [u8; 8] = [0x00, 0x61, 0x73, 0x6d, 0x0d, 0x00, 0x01, 0x00];
const MODULE_HEAD: [u8; 8] = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00];

/// Builds all plugins into `target/plugins/`.
pub(crate) fn plugins(workspace: &Workspace) -> Result<(), Failure> {
    let packages = workspace.component_packages("plugins")?;
    let mut build = cargo();
    build.current_dir(&workspace.root).args(["build", "--profile", PROFILE, "--target", COMPONENT]);
    build.args(packages.iter().flat_map(|package| ["--package", package]));
    process::must(&mut build)?;
    collect(&packages, &workspace.built(COMPONENT, PROFILE), &workspace.components("plugins"))
}

/// Builds the guests of the end-to-end tests into `target/guests/`.
///
/// They are a workspace of their own with a target folder of its own: their features and versions do not mix with ours,
/// so neither makes the other build again.
pub(crate) fn guests(workspace: &Workspace) -> Result<(), Failure> {
    let cache = workspace.cache("guests-build");
    for (folder, target) in [("tests/guests/plain", COMPONENT), ("tests/guests/wasi", WASI)] {
        let packages = workspace.component_packages(folder)?;
        let mut build = cargo();
        build.current_dir(workspace.root.join("tests/guests")).args([
            "build",
            "--release",
            "--target",
            target,
        ]);
        build
            .args(packages.iter().flat_map(|package| ["--package", package]))
            .env("CARGO_TARGET_DIR", &cache);
        process::must(&mut build)?;
        collect(&packages, &cache.join(target).join("release"), &workspace.components("guests"))?;
    }
    Ok(())
}

/// Copies components to where pipelines expect them, and says how large they are.
fn collect(packages: &[String], from: &Path, to: &Path) -> Result<(), Failure> {
    let failed = |error: std::io::Error| Failure::problem(format!("write to `{}`: {error}", to.display()));
    fs::create_dir_all(to).map_err(failed)?;
    for package in packages {
        let file = format!("{}.wasm", package.replace('-', "_"));
        let bytes = component(&from.join(&file))?;
        // By rename, because a pipeline may be reading the old one.
        let fresh = to.join(format!(".{file}"));
        fs::write(&fresh, &bytes).and_then(|()| fs::rename(&fresh, to.join(&file))).map_err(failed)?;
        screen::say(&format!("{:>8}  {file}", screen::size(bytes.len() as u64)));
    }
    screen::say(&format!("{} in {}", screen::count(packages.len(), "component"), to.display()));
    Ok(())
}

/// Reads a file that has to be a component.
fn component(path: &Path) -> Result<Vec<u8>, Failure> {
    let bytes = fs::read(path)
        .map_err(|error| Failure::problem(format!("read the component `{}`: {error}", path.display())))?;
    if bytes.starts_with(&COMPONENT_HEAD) {
        return Ok(bytes);
    }
    let what = if bytes.starts_with(&MODULE_HEAD) { "a core module" } else { "no WebAssembly" };
    Err(Failure::problem(format!("`{}` is {what}, not a component", path.display()))
        .next("the linker must be `wasm-component-ld`: is `.cargo/config.toml` of this checkout in force, or RUSTFLAGS set?"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scratch::Scratch;

    #[test]
    fn only_components_are_collected() {
        let scratch = Scratch::new("components-test").unwrap();
        let (from, to) = (scratch.path().join("from"), scratch.path().join("to"));
        fs::create_dir(&from).unwrap();
        let file = from.join("a_gate.wasm");
        let collect = |bytes: &[u8]| {
            fs::write(&file, bytes).unwrap();
            super::collect(&["a-gate".to_owned()], &from, &to)
        };

        assert_eq!(collect(&COMPONENT_HEAD), Ok(()));
        assert_eq!(fs::read(to.join("a_gate.wasm")).unwrap(), COMPONENT_HEAD);
        let next = "the linker must be `wasm-component-ld`: is `.cargo/config.toml` of this checkout in force, or \
                    RUSTFLAGS set?";
        assert_eq!(
            collect(&MODULE_HEAD),
            Err(Failure::problem(format!("`{}` is a core module, not a component", file.display()))
                .next(next)),
        );
    }
}
