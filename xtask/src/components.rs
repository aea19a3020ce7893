//! Plugins and test guests, from source to checked components.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::failure::Failure;
use crate::toolchain::{self, COMPONENT, WASI, cargo};
use crate::workspace::{self, Workspace};
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
    build
        .args(packages.iter().flat_map(|package| ["--package", package]))
        .args(same_everywhere(workspace, COMPONENT));
    process::must(&mut build)?;
    screen::say(&collect(&packages, &workspace.built(COMPONENT, PROFILE), &workspace.components("plugins"))?);
    Ok(())
}

/// Builds the guests of the end-to-end tests into `target/guests/`.
pub(crate) fn guests(workspace: &Workspace) -> Result<(), Failure> {
    for (folder, target) in GUESTS {
        let packages = workspace.component_packages(folder)?;
        process::must(&mut on_guests(workspace, "build", target, &packages))?;
        let built = guests_cache(workspace).join(target).join("release");
        screen::say(&collect(&packages, &built, &workspace.components("guests"))?);
    }
    Ok(())
}

/// Builds the service of the L9 example, as one static program for images that hold nothing else, into `target/l9/`.
///
/// Only the last call of the compiler is asked for it: the standard library brings both ways of linking.
pub(crate) fn service(workspace: &Workspace) -> Result<(), Failure> {
    let machine = toolchain::machine()?;
    let mut build = cargo();
    build.current_dir(&workspace.root).args(["rustc", "--release", "--target", &machine]);
    build.args(["--package", "l9", "--bin", "l9-api", "--", "-Ctarget-feature=+crt-static"]);
    process::must(&mut build)?;
    let (from, to) = (workspace.built(&machine, "release").join("l9-api"), workspace.service());
    let folder = to.parent().unwrap_or(&to);
    fs::create_dir_all(folder).and_then(|()| fs::copy(&from, &to)).map(drop).map_err(|error| {
        Failure::problem(format!("copy `{}` to `{}`: {error}", from.display(), to.display()))
    })
}

/// Lints them: no native build ever sees them.
pub(crate) fn lint_guests(workspace: &Workspace) -> Result<(), Failure> {
    for (folder, target) in GUESTS {
        let packages = workspace.component_packages(folder)?;
        process::must(on_guests(workspace, "clippy", target, &packages).args(["--", "-D", "warnings"]))?;
    }
    Ok(())
}

/// Guests by what they are built for.
const GUESTS: [(&str, &str); 2] = [("tests/guests/plain", COMPONENT), ("tests/guests/wasi", WASI)];

/// Cargo in the guests' workspace.
fn on_guests(workspace: &Workspace, command: &str, target: &str, packages: &[String]) -> Command {
    let mut cargo = cargo();
    cargo.current_dir(workspace.root.join("tests/guests")).args([command, "--release", "--target", target]);
    cargo.args(packages.iter().flat_map(|package| ["--package", package]));
    cargo.args(same_everywhere(workspace, target)).env("CARGO_TARGET_DIR", guests_cache(workspace));
    cargo
}

/// Takes this machine's folders out of the places in panic messages: the same sources make the same plugin, and the
/// same digest, wherever they lie. Cargo joins the list with the one in `.cargo/config.toml`.
fn same_everywhere(workspace: &Workspace, target: &str) -> [String; 2] {
    let mut folders = vec![(workspace.root.clone(), ".")];
    let home = workspace::variable("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(PathBuf::from(workspace::variable("HOME")?).join(".cargo")));
    folders.extend(home.map(|home| (home.join("registry/src"), "registry")));
    let flags: Vec<String> =
        folders.iter().map(|(from, to)| format!("'--remap-path-prefix={}={to}'", from.display())).collect();
    ["--config".to_owned(), format!("target.{target}.rustflags=[{}]", flags.join(","))]
}

/// Their own target folder: their features and versions do not mix with ours, so neither makes the other build again.
fn guests_cache(workspace: &Workspace) -> PathBuf {
    workspace.cache("guests-build")
}

/// Copies components to where pipelines expect them, and gives a list of them with their sizes.
fn collect(packages: &[String], from: &Path, to: &[PathBuf]) -> Result<String, Failure> {
    let mut list = String::new();
    for package in packages {
        let file = format!("{}.wasm", package.replace('-', "_"));
        let bytes = component(&from.join(&file))?;
        for folder in to {
            place(&bytes, folder, &file)
                .map_err(|error| Failure::problem(format!("write to `{}`: {error}", folder.display())))?;
        }
        list.push_str(&format!("{:>8}  {file}\n", screen::size(bytes.len() as u64)));
    }
    let folders: Vec<String> = to.iter().map(|folder| folder.display().to_string()).collect();
    Ok(list + &format!("{} in {}", screen::count(packages.len(), "component"), folders.join(" and ")))
}

/// Writes by rename, because a pipeline may be reading the old one.
fn place(bytes: &[u8], folder: &Path, file: &str) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let fresh = folder.join(format!(".{file}"));
    fs::write(&fresh, bytes)?;
    fs::rename(&fresh, folder.join(file))
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
            super::collect(&["a-gate".to_owned()], &from, std::slice::from_ref(&to))
        };

        let list = format!("   1 KiB  a_gate.wasm\n1 component in {}", to.display());
        assert_eq!(collect(&COMPONENT_HEAD), Ok(list));
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
