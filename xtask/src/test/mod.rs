//! Everything that has to hold before a commit, in stages.
//!
//! A stage that fails does not stop the others, unless they need what it makes: one run shows all that is wrong. What is
//! missing on this machine is skipped, said and counted; in CI it is a failure, because there it should have been installed.
//! The last line is the sum: `N passed, N failed, N skipped`.

mod tally;

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::demo::{self, Claim, Proxy};
use crate::failure::Failure;
use crate::toolchain::{self, COMPONENT, cargo};
use crate::workspace::{self, Workspace};
use crate::{caddy, components, coverage, process, screen};
use tally::Tally;

/// Tests that need a Caddy have this in their name.
const NEEDS_CADDY: &str = "real_caddy";

/// Those that need a Docker Engine, and what else `demo::l9` stands on.
const NEEDS_DOCKER: &str = "real_docker";

/// Runs all stages.
pub(crate) fn everything(workspace: &Workspace) -> Result<(), Failure> {
    let mut stages = Stages::default();
    stages.run("toolchain", |_| toolchain::ready())?;
    stages.run("format", |_| format(workspace))?;
    stages.run("ids of requirements", |_| coverage::check(workspace))?;
    let components = stages.run("plugins and guests", |_| {
        components::plugins(workspace)?;
        components::guests(workspace)?;
        components::service(workspace)
    })?;
    stages.run("lint", |_| lint(workspace))?;
    // The same selection of packages and targets for building and testing, or features differ and all is built twice.
    let programs = stages.run("build", |_| {
        process::must(&mut on(workspace, &["build", "--workspace", "--bins", "--tests"]))?;
        demo::as_new(workspace)
    })?;
    let caddy = caddy::find(workspace);
    let stage = demo::l9::stage(workspace);
    stages.run("unit and end-to-end tests", |tally| {
        let mut test = on(workspace, &["test", "--workspace", "--bins", "--tests", "--no-fail-fast", "--"]);
        if caddy.is_none() {
            test.args(["--skip", NEEDS_CADDY]);
        }
        if stage.is_err() {
            test.args(["--skip", NEEDS_DOCKER]);
        }
        let beside = stage.iter().flat_map(demo::l9::Stage::folders);
        on_path(&mut test, caddy.iter().filter_map(|caddy| caddy.parent()).chain(beside));
        counted(&mut test, tally)
    })?;
    if components && programs {
        stages.run("example, stand-in for Caddy", |tally| example(workspace, &Proxy::StandIn, tally))?;
        match caddy {
            Some(caddy) => {
                stages.run("example, Caddy", |tally| example(workspace, &Proxy::Caddy(caddy), tally))?;
            }
            None => stages.missing(
                "example, Caddy",
                "no `caddy` on PATH, and apt has none; install it to run this and the tests named `real_caddy`",
                workspace::in_ci(),
            ),
        }
        match stage {
            Ok(stage) => {
                stages.run("example, Docker", |tally| held(&demo::l9::stories(workspace, &stage)?, tally))?;
            }
            Err(missing) => stages.missing(
                "example, Docker",
                &format!(
                    "{missing}; `.ci/run` says how to get it, for this and the tests named `real_docker`"
                ),
                workspace::in_ci(),
            ),
        }
    } else {
        stages.left_out("example");
    }
    stages.run("doc tests", |tally| {
        counted(&mut on(workspace, &["test", "--workspace", "--doc", "--no-fail-fast"]), tally)
    })?;
    stages.run("documentation", |_| {
        // With the examples the features are those of the lint, and no dependency is checked a second time.
        let targets = ["--lib", "--bins", "--examples"];
        let mut doc = on(workspace, &["doc", "--workspace", "--no-deps"]);
        doc.args(targets);
        process::must(doc.env("RUSTDOCFLAGS", "-D warnings"))
    })?;
    stages.sum_up()
}

/// Cargo in the root of the checkout.
fn on(workspace: &Workspace, arguments: &[&str]) -> Command {
    let mut command = cargo();
    command.current_dir(&workspace.root).args(arguments);
    command
}

/// Lets a program find other programs where we have found them.
fn on_path<'a>(command: &mut Command, folders: impl Iterator<Item = &'a Path>) {
    let folders = folders.filter(|folder| !folder.as_os_str().is_empty());
    let folders = folders.map(|folder| folder.display().to_string());
    let path: Vec<String> = folders.chain(workspace::variable("PATH")).collect();
    command.env("PATH", path.join(":"));
}

fn format(workspace: &Workspace) -> Result<(), Failure> {
    for folder in [".", "tests/guests", "fuzz"] {
        let mut check = cargo();
        check.current_dir(workspace.root.join(folder)).args(["fmt", "--check"]);
        process::must(&mut check).map_err(|failure| failure.next(format!("`cd {folder} && cargo fmt`")))?;
    }
    Ok(())
}

fn lint(workspace: &Workspace) -> Result<(), Failure> {
    process::must(on(workspace, &["clippy", "--workspace", "--all-targets"]).args(["--", "-D", "warnings"]))?;
    // What is there on wasm32 only, the native build never sees.
    let mut wasm =
        on(workspace, &["clippy", "--profile", "guest", "--target", COMPONENT, "--package", "runner-plugin"]);
    wasm.args(workspace.component_packages("plugins")?.iter().flat_map(|package| ["--package", package]));
    process::must(wasm.args(["--", "-D", "warnings"]))?;
    components::lint_guests(workspace)
}

/// Runs tests, shows what they print, and counts.
fn counted(test: &mut Command, tally: &mut Tally) -> Result<(), Failure> {
    let status = process::read(test, |line| {
        screen::say(line);
        tally.read(line);
    })?;
    if status.success() {
        Ok(())
    } else if tally.failed > 0 {
        Err(Failure::problem(screen::count(tally.failed, "test") + " failed"))
    } else {
        Err(Failure::problem(format!("the tests did not run: {status}")))
    }
}

fn example(workspace: &Workspace, proxy: &Proxy, tally: &mut Tally) -> Result<(), Failure> {
    held(&demo::both_stories(workspace, proxy)?, tally)
}

/// Counts claims as tests.
fn held(claims: &[Claim], tally: &mut Tally) -> Result<(), Failure> {
    tally.passed += claims.iter().filter(|claim| claim.holds).count();
    tally.failed += claims.iter().filter(|claim| !claim.holds).count();
    if tally.failed == 0 { Ok(()) } else { Err(Failure::problem("the example did not end as it should")) }
}

/// How the stages have ended.
#[derive(Debug, Default)]
struct Stages {
    rows: Vec<Row>,
    sum: Tally,
}

#[derive(Debug)]
struct Row {
    name: &'static str,
    took: Duration,
    ending: &'static str,
}

impl Stages {
    /// Runs one stage and says whether it succeeded. Only an interruption ends the whole.
    fn run(
        &mut self,
        name: &'static str,
        stage: impl FnOnce(&mut Tally) -> Result<(), Failure>,
    ) -> Result<bool, Failure> {
        process::go_on()?;
        screen::heading(name);
        let began = Instant::now();
        let mut tally = Tally::default();
        let outcome = stage(&mut tally);
        process::go_on()?;
        if let Err(failure) = &outcome {
            screen::failure(failure);
        }
        let held = outcome.is_ok();
        let word = if held { "ok" } else { "FAILED" };
        screen::say(&format!("-- {name}: {word}, {}", screen::duration(began.elapsed())));
        self.end(name, began.elapsed(), held, tally);
        Ok(held)
    }

    fn end(&mut self, name: &'static str, took: Duration, held: bool, tally: Tally) {
        // A stage that broke before any test failed counts as one.
        let tally = if held || tally.failed > 0 { tally } else { Tally { failed: 1, ..tally } };
        self.add(Row { name, took, ending: if held { "ok" } else { "FAILED" } }, tally);
    }

    /// A stage that needs something this machine does not have.
    fn missing(&mut self, name: &'static str, why: &str, is_failure: bool) {
        screen::heading(name);
        screen::say(&format!("SKIPPED: {why}"));
        self.not_run(name, is_failure);
    }

    fn not_run(&mut self, name: &'static str, is_failure: bool) {
        let (ending, tally) = if is_failure {
            ("FAILED: missing in CI", Tally { failed: 1, ..Tally::default() })
        } else {
            ("SKIPPED", Tally { skipped: 1, ..Tally::default() })
        };
        self.add(Row { name, took: Duration::ZERO, ending }, tally);
    }

    /// A stage whose needs failed.
    fn left_out(&mut self, name: &'static str) {
        let ending = "FAILED: not run, what it needs has failed";
        self.add(Row { name, took: Duration::ZERO, ending }, Tally { failed: 1, ..Tally::default() });
    }

    fn add(&mut self, row: Row, tally: Tally) {
        self.rows.push(row);
        self.sum += tally;
    }

    fn summary(&self) -> String {
        let rows = self.rows.iter().map(|Row { name, took, ending }| {
            format!("{name:<28} {:>12}  {ending}\n", screen::duration(*took))
        });
        let Tally { passed, failed, skipped } = self.sum;
        rows.chain([format!("\n{passed} passed, {failed} failed, {skipped} skipped")]).collect()
    }

    fn sum_up(&self) -> Result<(), Failure> {
        screen::heading("all stages");
        screen::say(&self.summary());
        if self.sum.failed == 0 { Ok(()) } else { Err(Failure::problem("not everything holds")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stages_are_shown_one_by_one_and_added_up() {
        let mut stages = Stages::default();
        stages.end("format", Duration::from_millis(1200), false, Tally::default());
        stages.end("lint", Duration::from_secs(61), true, Tally::default());
        stages.end("tests", Duration::from_secs(3), false, Tally { passed: 5, failed: 2, skipped: 1 });
        stages.not_run("example, Caddy", false);
        stages.left_out("example");

        assert_eq!(
            stages.summary(),
            "format                              1.2 s  FAILED
lint                           1 min 01 s  ok
tests                               3.0 s  FAILED
example, Caddy                      0.0 s  SKIPPED
example                             0.0 s  FAILED: not run, what it needs has failed

5 passed, 4 failed, 2 skipped",
        );
    }

    #[test]
    fn what_is_missing_is_a_failure_in_ci() {
        let mut stages = Stages::default();
        stages.not_run("example, Caddy", true);

        assert_eq!(stages.sum, Tally { passed: 0, failed: 1, skipped: 0 });
    }
}
