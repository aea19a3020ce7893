//! examples/quickstart twice, once well and once with a new version that breaks behind the proxy.

mod servers;

pub(crate) use servers::Proxy;

use std::process::Command;
use std::time::Instant;

use super::{Claim, told};
use crate::caddy::{self, Choice};
use crate::failure::Failure;
use crate::scratch::Scratch;
use crate::workspace::Workspace;
use crate::{process, screen};
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

/// The proxy that was asked for, if it can be had.
pub(super) fn choose(workspace: &Workspace, choice: Choice) -> Result<Proxy, Failure> {
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
    let mut all = Vec::new();
    for story in STORIES {
        let found = tell(workspace, proxy, story)?;
        all.push(told(story.title, &found));
        claims.extend(found);
    }
    screen::heading("what came of it");
    screen::say(&all.join("\n"));
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
    runner.current_dir(&workspace.root).arg("exec");
    runner.arg(workspace.root.join("examples/quickstart/pipeline.yaml"));
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
