//! The product in a minute: examples/quickstart twice, once well and once with a new version that breaks behind the proxy.
//!
//! Each run gets servers of its own (`servers`), so that both begin with traffic on blue. What is claimed at the end
//! is asked through the proxy, as a customer would, never taken from the runner's word.

mod servers;

pub(crate) use servers::Proxy;

use std::fs::File;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Instant, SystemTime};

use crate::caddy::{self, Choice};
use crate::failure::Failure;
use crate::scratch::Scratch;
use crate::toolchain::{self, cargo};
use crate::workspace::Workspace;
use crate::{components, process, screen};
use servers::Servers;

/// What the runner's exit code says.
const SUCCEEDED: i32 = 0;
const REJECTED: i32 = 3;

/// One way in which the example can go.
#[derive(Debug, Clone, Copy)]
struct Story {
    title: &'static str,
    /// How the new version behaves.
    mode: &'static str,
    exit: i32,
    /// Who has the traffic in the end.
    winner: &'static str,
}

const STORIES: [Story; 2] = [
    Story { title: "a good version", mode: "healthy", exit: SUCCEEDED, winner: "green" },
    Story {
        title: "a version that is healthy on its own port and breaks behind the proxy",
        mode: "behind-proxy",
        exit: REJECTED,
        winner: "blue",
    },
];

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

/// Builds everything, runs both stories, and shows what came out.
pub(crate) fn show(workspace: &Workspace, choice: Choice) -> Result<(), Failure> {
    toolchain::ready()?;
    let proxy = choose(workspace, choice)?;
    screen::heading("building the runner, the plugins and the example's servers");
    build(workspace)?;
    components::plugins(workspace)?;
    let claims = both_stories(workspace, &proxy)?;
    match claims.iter().filter(|claim| !claim.holds).count() {
        0 => Ok(()),
        wrong => Err(Failure::problem(format!(
            "{} of {} did not hold",
            wrong,
            screen::count(claims.len(), "claim"),
        ))
        .next("what the runner printed above says which step ended how; examples/quickstart/README.md has the same by hand")),
    }
}

fn build(workspace: &Workspace) -> Result<(), Failure> {
    let mut build = cargo();
    build.current_dir(&workspace.root).args(["build", "--package", "runner-cli", "--package", "quickstart"]);
    process::must(&mut build)?;
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

fn choose(workspace: &Workspace, choice: Choice) -> Result<Proxy, Failure> {
    let caddy = match choice {
        Choice::Any | Choice::Caddy => caddy::find(workspace),
        Choice::StandIn => None,
    };
    match (caddy, choice) {
        (Some(caddy), _) => Ok(Proxy::Caddy(caddy)),
        (None, Choice::Caddy) => {
            Err(Failure::problem("there is no `caddy` on PATH, and apt has none either")
                .next("on Debian and Ubuntu: `apt-get install caddy`; `--proxy stand-in` does without"))
        }
        (None, Choice::Any | Choice::StandIn) => Ok(Proxy::StandIn),
    }
}

/// Runs both stories with programs that are built already.
pub(crate) fn both_stories(workspace: &Workspace, proxy: &Proxy) -> Result<Vec<Claim>, Failure> {
    let began = Instant::now();
    let mut claims = Vec::new();
    let mut told = Vec::new();
    for story in STORIES {
        let found = tell(workspace, proxy, story)?;
        told.push(format!("{}:", story.title));
        told.extend(
            found
                .iter()
                .map(|claim| format!("  {}  {}", if claim.holds { "ok " } else { "NOT" }, claim.text)),
        );
        claims.extend(found);
    }
    screen::heading("what came of it");
    screen::say(&told.join("\n"));
    screen::say(&format!("\nproxy: {}\ntime:  {}", proxy.describe(), screen::duration(began.elapsed())));
    Ok(claims)
}

/// Runs the pipeline against fresh servers, and looks what has become of them.
fn tell(workspace: &Workspace, proxy: &Proxy, story: Story) -> Result<Vec<Claim>, Failure> {
    screen::heading(&format!("deploying {}", story.title));
    let scratch = Scratch::new("demo")?;
    let servers = Servers::start(workspace, proxy, story.mode, scratch.path())?;
    screen::say(&format!("proxy: {}; traffic goes to {}\n", proxy.describe(), servers.version()?));

    let mut runner = Command::new(workspace.program("runner"));
    runner.current_dir(&workspace.root).arg("exec").arg(pipeline(workspace));
    runner.arg("--state-dir").arg(scratch.path().join("state")).envs(servers.environment());
    for (name, port) in servers.ports() {
        runner.arg("--input").arg(format!("{name}={port}"));
    }
    let status = process::run(&mut runner)?;

    let exit = status.code().map_or_else(|| status.to_string(), |code| code.to_string());
    let messages = servers.messages()?;
    screen::say(&format!("\nthe webhook was sent: {}", messages.trim_end()));
    Ok(vec![
        Claim::equal("exit code", &story.exit.to_string(), &exit),
        Claim::equal("who answers through the proxy", story.winner, &servers.version()?),
        Claim::equal("its health through the proxy", "healthy", &servers.health()),
        Claim::equal("messages sent", "1", &messages.lines().count().to_string()),
    ])
}

fn pipeline(workspace: &Workspace) -> PathBuf {
    workspace.root.join("examples/quickstart/pipeline.yaml")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_says_what_was_expected_only_if_it_does_not_hold() {
        assert_eq!(Claim::equal("exit code", "3", "3"), Claim { text: "exit code: 3".into(), holds: true });
        assert_eq!(
            Claim::equal("exit code", "3", "0"),
            Claim { text: "exit code: 0, expected 3".into(), holds: false },
        );
    }
}
