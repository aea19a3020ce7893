//! The product in a minute: one of the examples, each story of it once.
//!
//! `l9` is the whole of it, on a real Docker Engine; `quickstart` is for machines without one. Every story gets a world of
//! its own, so that all begin alike. What is claimed at the end is asked as a customer would, or of Docker: never
//! taken from the runner's word.

pub(crate) mod l9;
mod quickstart;

pub(crate) use quickstart::{Proxy, both_stories};

use std::fs::File;
use std::time::SystemTime;

use crate::caddy::Choice;
use crate::failure::Failure;
use crate::toolchain::{self, cargo};
use crate::workspace::Workspace;
use crate::{components, process, screen};

/// Which example is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Example {
    /// L9 where it can be played, else the quick start.
    Any,
    L9,
    Quickstart(Choice),
}

/// Something that has to be true after a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Claim {
    text: String,
    pub(crate) holds: bool,
}

impl Claim {
    fn equal(text: &str, expected: &str, actual: &str) -> Self {
        if expected == actual {
            Self { text: format!("{text}: {actual}"), holds: true }
        } else {
            Self { text: format!("{text}: {actual}, expected {expected}"), holds: false }
        }
    }
}

/// What came of one story, for people.
fn told(title: &str, claims: &[Claim]) -> String {
    let lines =
        claims.iter().map(|claim| format!("\n  {}  {}", if claim.holds { "ok " } else { "NOT" }, claim.text));
    std::iter::once(format!("{title}:")).chain(lines).collect()
}

/// Builds everything, plays the example, and shows what came out.
pub(crate) fn show(workspace: &Workspace, example: Example) -> Result<(), Failure> {
    toolchain::ready()?;
    let claims = match example {
        Example::Quickstart(choice) => quickstart(workspace, choice)?,
        Example::L9 => docker(workspace, &l9::stage(workspace).map_err(|missing| {
            Failure::problem(missing).next(
                "`apt-get install docker.io docker-registry caddy git`; `cargo xtask demo quickstart` does without",
            )
        })?)?,
        Example::Any => match l9::stage(workspace) {
            Ok(stage) => docker(workspace, &stage)?,
            Err(missing) => {
                screen::say(&format!("playing examples/quickstart, and not examples/l9: {missing}"));
                quickstart(workspace, Choice::Any)?
            }
        },
    };
    match claims.iter().filter(|claim| !claim.holds).count() {
        0 => Ok(()),
        wrong => Err(Failure::problem(format!(
            "{} of {} did not hold",
            wrong,
            screen::count(claims.len(), "claim"),
        ))
        .next("what the runner printed above says which step ended how; the example's README.md has the same by hand")),
    }
}

fn docker(workspace: &Workspace, stage: &l9::Stage) -> Result<Vec<Claim>, Failure> {
    screen::say(&format!("playing examples/l9 on {}", stage.describe()));
    screen::heading("building the runner, the plugins and the example's service");
    build(workspace, &["runner-cli"])?;
    components::plugins(workspace)?;
    components::service(workspace)?;
    l9::stories(workspace, stage)
}

fn quickstart(workspace: &Workspace, choice: Choice) -> Result<Vec<Claim>, Failure> {
    let proxy = quickstart::choose(workspace, choice)?;
    screen::heading("building the runner, the plugins and the example's servers");
    build(workspace, &["runner-cli", "quickstart"])?;
    components::plugins(workspace)?;
    both_stories(workspace, &proxy)
}

fn build(workspace: &Workspace, packages: &[&str]) -> Result<(), Failure> {
    let mut build = cargo();
    build.current_dir(&workspace.root).arg("build");
    process::must(build.args(packages.iter().flat_map(|package| ["--package", package])))?;
    as_new(workspace)
}

/// Gives a runner that cargo has found up to date the date of now: the end-to-end tests refuse one that is older than the
/// newest source, and cargo does not touch it for a change of sources that are not in it.
#[expect(clippy::disallowed_methods, reason = "the date of a file is of the wall clock")]
pub(crate) fn as_new(workspace: &Workspace) -> Result<(), Failure> {
    let runner = workspace.program("runner");
    let touched = File::open(&runner).and_then(|file| file.set_modified(SystemTime::now()));
    touched.map_err(|error| Failure::problem(format!("set the date of `{}`: {error}", runner.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_says_what_was_expected_only_if_it_does_not_hold() {
        let claims = [Claim::equal("exit code", "3", "3"), Claim::equal("exit code", "3", "0")];

        assert_eq!(
            claims,
            [
                Claim { text: "exit code: 3".into(), holds: true },
                Claim { text: "exit code: 0, expected 3".into(), holds: false },
            ],
        );
        assert_eq!(
            told("a bad version", &claims),
            "a bad version:\n  ok   exit code: 3\n  NOT  exit code: 0, expected 3"
        );
    }
}
