//! examples/l9 twice: a release that goes live, and one that is taken back after it had the traffic.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use l9::{Parts, Release, World, WorldError};

use super::{Claim, told};
use crate::failure::Failure;
use crate::workspace::Workspace;
use crate::{apt, caddy, process, screen};

/// What the example is played with.
#[derive(Debug)]
pub(crate) struct Stage {
    /// The engine's version.
    engine: String,
    caddy: PathBuf,
    registry: PathBuf,
}

impl Stage {
    /// In words for people.
    pub(crate) fn describe(&self) -> String {
        let caddy = caddy::version(&self.caddy).unwrap_or_else(|| "of unknown version".to_owned());
        format!("Docker Engine {} behind Caddy {caddy}", self.engine)
    }

    /// The folders in which its programs lie, where these are not on PATH already.
    pub(crate) fn folders(&self) -> impl Iterator<Item = &Path> {
        [&self.caddy, &self.registry].into_iter().filter_map(|program| program.parent())
    }
}

/// What is on this machine, or a sentence about what is not.
pub(crate) fn stage(workspace: &Workspace) -> Result<Stage, String> {
    let engine = l9::engine().ok_or("no Docker Engine answers `docker version`")?;
    if !l9::is_there(Path::new("git"), "--version") {
        return Err("there is no `git`".to_owned());
    }
    let caddy = caddy::find(workspace).ok_or("there is no `caddy`")?;
    let registry = PathBuf::from("docker-registry");
    let registry = if l9::is_there(&registry, "--version") {
        Some(registry)
    } else {
        apt::program(workspace, "docker-registry", "usr/bin/docker-registry")
    };
    Ok(Stage { engine, caddy, registry: registry.ok_or("there is no `docker-registry`")? })
}

/// One way in which the example can go.
#[derive(Debug, Clone, Copy)]
struct Story {
    title: &'static str,
    behaviour: &'static str,
    exit: &'static str,
    /// The version that customers get in the end.
    live: &'static str,
    /// What runs then, and what has been stopped.
    containers: &'static str,
}

/// The release that is deployed.
const VERSION: &str = "v1.1.0-l9";

const STORIES: [Story; 2] = [
    Story {
        title: "a good release",
        behaviour: "healthy",
        exit: "0",
        live: VERSION,
        containers: "blue exited, green running",
    },
    Story {
        title: "a release that is well on its own port and breaks behind the proxy",
        behaviour: "behind-proxy",
        exit: "3",
        live: "v1.0.0-l9",
        containers: "blue running",
    },
];

/// Plays the stories with programs that are built already.
pub(crate) fn stories(workspace: &Workspace, stage: &Stage) -> Result<Vec<Claim>, Failure> {
    let began = Instant::now();
    let mut claims = Vec::new();
    let mut all = Vec::new();
    for story in STORIES {
        let found = tell(workspace, stage, story)?;
        all.push(told(story.title, &found));
        claims.extend(found);
    }
    screen::heading("what came of it");
    screen::say(&all.join("\n"));
    screen::say(&format!("\non:   {}\ntime: {}", stage.describe(), screen::duration(began.elapsed())));
    Ok(claims)
}

/// Deploys one release into a fresh world, and looks what has become of it.
fn tell(workspace: &Workspace, stage: &Stage, story: Story) -> Result<Vec<Claim>, Failure> {
    screen::heading(&format!("deploying {}", story.title));
    let world = World::new(Parts {
        example: &workspace.root.join("examples/l9"),
        plugins: &workspace.root.join("target/plugins"),
        service: &workspace.service(),
        caddy: &stage.caddy,
        registry: &stage.registry,
    })
    .map_err(broken)?;
    let release = Release { version: VERSION, behaviour: story.behaviour, failing: &[] };
    let commit = world.commit(release).map_err(broken)?;
    world.publish(VERSION, &commit).map_err(broken)?;
    screen::say(&format!(
        "{} is live as blue; {VERSION} is commit {commit}\n",
        world.live().map_err(broken)?
    ));

    let mut runner = Command::new(workspace.program("runner"));
    runner.current_dir(world.project()).args(["exec", "pipeline.yaml"]).envs(world.environment());
    runner.args(["--input", &format!("tag={VERSION}"), "--input", "message=The second release"]);
    for (name, value) in world.inputs() {
        runner.arg("--input").arg(format!("{name}={value}"));
    }
    let status = process::run(&mut runner)?;

    let exit = status.code().map_or_else(|| status.to_string(), |code| code.to_string());
    let containers: Vec<String> = world
        .containers()
        .map_err(broken)?
        .into_iter()
        .map(|(name, state)| format!("{name} {state}"))
        .collect();
    let mut claims = vec![
        Claim::equal("exit code", story.exit, &exit),
        Claim::equal("what customers get", story.live, &world.live().map_err(broken)?),
        Claim::equal("containers", story.containers, &containers.join(", ")),
        Claim::equal("messages sent", "1", &world.messages().map_err(broken)?.len().to_string()),
    ];
    let left = match world.close() {
        Ok(()) => "nothing".to_owned(),
        Err(left) => left.to_string(),
    };
    claims.push(Claim::equal("left in Docker", "nothing", &left));
    Ok(claims)
}

/// A world that could not be made, or asked. An interruption breaks it too, and is the better reason.
fn broken(error: WorldError) -> Failure {
    let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}"));
    let problem = Failure::problem(format!("{error}{}", cause.unwrap_or_default()));
    process::go_on().err().unwrap_or(problem)
}
