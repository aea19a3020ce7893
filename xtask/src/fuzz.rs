//! Fuzzing for a short, fixed time: from the seeds in `fuzz/corpus/<target>/`, with what was found kept beside cargo's output.

use std::fs;
use std::process::Command;

use crate::failure::Failure;
use crate::scratch::Scratch;
use crate::workspace::Workspace;
use crate::{process, screen};

/// Runs each target of `fuzz/` for `seconds`.
pub(crate) fn every_target(workspace: &Workspace, seconds: u32) -> Result<(), Failure> {
    ready()?;
    let folder = workspace.root.join("fuzz");
    let targets =
        process::output(nightly().current_dir(&workspace.root).args(["fuzz", "list"])).ok_or_else(|| {
            Failure::problem(format!("`cargo +nightly fuzz list` fails in `{}`", folder.display()))
        })?;
    // A target may keep files; it has no end at which it could remove them.
    let scratch = Scratch::new("fuzz")?;
    let mut broken = Vec::new();
    for target in targets.lines() {
        screen::heading(&format!("{target}, {seconds} s"));
        // New inputs go to the first folder; the seeds in the second stay as they are.
        let found = workspace.cache("fuzz-corpus").join(target);
        fs::create_dir_all(&found)
            .map_err(|error| Failure::problem(format!("create `{}`: {error}", found.display())))?;
        let mut run = nightly();
        run.current_dir(&workspace.root)
            .env("TMPDIR", scratch.path())
            .args(["fuzz", "run", target])
            .arg(&found);
        run.arg(folder.join("corpus").join(target));
        run.args([
            "--",
            &format!("-max_total_time={seconds}"),
            "-timeout=10",
            "-rss_limit_mb=4096",
            "-print_final_stats=1",
        ]);
        if !process::run(&mut run)?.success() {
            broken.push(target);
        }
    }
    if broken.is_empty() {
        screen::say(&format!("\n{} held", screen::count(targets.lines().count(), "target")));
        Ok(())
    } else {
        Err(Failure::problem(format!("broken: {}", broken.join(", "))).next(
            "the input lies in fuzz/artifacts/<target>/; `cargo +nightly fuzz run <target> <file>` shows it again. \
             Add it to fuzz/corpus/<target>/ once it is mended",
        ))
    }
}

fn ready() -> Result<(), Failure> {
    if process::output(nightly().arg("--version")).is_none() {
        return Err(
            Failure::problem("fuzzing needs a nightly Rust").next("`rustup toolchain install nightly`")
        );
    }
    if process::output(nightly().args(["fuzz", "--version"])).is_none() {
        return Err(Failure::problem("fuzzing needs `cargo-fuzz`").next("`cargo install cargo-fuzz`"));
    }
    Ok(())
}

/// Nightly cargo. `cargo` itself may be the binary of one toolchain, which does not know `+nightly`; rustup does.
fn nightly() -> Command {
    let mut command = Command::new("rustup");
    command.args(["run", "nightly", "cargo"]);
    // The variables that cargo has set for this program lead to its own toolchain.
    for name in ["CARGO", "RUSTC", "RUSTDOC", "RUSTUP_TOOLCHAIN"] {
        command.env_remove(name);
    }
    command
}
