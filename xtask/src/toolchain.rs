//! What has to be on the machine before anything can be built.

use std::path::Path;
use std::process::Command;

use crate::failure::Failure;
use crate::{process, screen};

/// The targets that components are built for: our own plugins, and guests that use WASI.
pub(crate) const COMPONENT: &str = "wasm32-unknown-unknown";
pub(crate) const WASI: &str = "wasm32-wasip2";

/// Makes sure that a linker and the wasm targets are there; adds the targets if they are not.
pub(crate) fn ready() -> Result<(), Failure> {
    if process::output(Command::new("cc").arg("--version")).is_none() {
        return Err(Failure::problem("there is no C compiler `cc`, which Rust needs to link programs")
            .next("on Debian and Ubuntu: `apt-get install -y build-essential`"));
    }
    let sysroot = process::output(rustc().args(["--print", "sysroot"])).ok_or_else(|| {
        Failure::problem("`rustc` does not run").next("install Rust with https://rustup.rs")
    })?;
    let missing: Vec<&str> =
        [COMPONENT, WASI].into_iter().filter(|target| !has_target(Path::new(&sysroot), target)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    screen::say(&format!("adding the targets {}", missing.join(", ")));
    process::must(Command::new("rustup").args(["target", "add"]).args(&missing)).map_err(|failure| {
        failure.next(format!(
            "`rustup target add {}` needs rustup and the network; a Rust of the distribution has packages for it",
            missing.join(" "),
        ))
    })
}

fn has_target(sysroot: &Path, target: &str) -> bool {
    sysroot.join("lib/rustlib").join(target).join("lib").is_dir()
}

/// What programs of this machine are built for, as the compiler calls it.
pub(crate) fn machine() -> Result<String, Failure> {
    process::output(rustc().args(["--print", "host-tuple"]))
        .ok_or_else(|| Failure::problem("`rustc --print host-tuple` says nothing").next("`rustup update`"))
}

/// The compiler that this program was built with.
fn rustc() -> Command {
    Command::new(crate::workspace::variable("RUSTC").unwrap_or_else(|| "rustc".to_owned()))
}

/// The cargo that started this program.
pub(crate) fn cargo() -> Command {
    Command::new(crate::workspace::variable("CARGO").unwrap_or_else(|| "cargo".to_owned()))
}
