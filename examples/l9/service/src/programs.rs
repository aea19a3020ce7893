//! The programs that a world is made with, each with an environment of its own: what is in ours must not decide.

use std::fs::File;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// Why there is no world.
#[derive(Debug, thiserror::Error)]
pub enum WorldError {
    /// A program is not there, or may not be started.
    #[error("start `{program}`")]
    Start {
        /// Its name or path.
        program: String,
        /// What the system said.
        #[source]
        error: io::Error,
    },
    /// A program said no.
    #[error("`{command}`: {said}")]
    Failed {
        /// With its arguments.
        command: String,
        /// What it wrote to stderr.
        said: String,
    },
    /// A server does not answer.
    #[error("{who} does not answer at {url}: {said}")]
    Silent {
        /// Which server.
        who: String,
        /// Where it was asked.
        url: String,
        /// The last lines of its log, or why it was not reached.
        said: String,
    },
    /// A file or directory of the world could not be made.
    #[error("`{path}`")]
    File {
        /// Which one.
        path: PathBuf,
        /// What the system said.
        #[source]
        error: io::Error,
    },
    /// There are no free ports on loopback.
    #[error("no free port on loopback from {from} to {to}")]
    Ports {
        /// The first that was tried.
        from: u16,
        /// The last.
        to: u16,
    },
    /// Docker still holds things of this world.
    #[error("left behind in Docker: {}", .0.join(", "))]
    LeftBehind(Vec<String>),
}

/// How long a server may take until it answers. Generous: machines that test are busy.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// Between two looks at something that tells nobody when it is ready.
pub(crate) const LOOK: Duration = Duration::from_millis(20);

/// A program with nothing of our environment but where programs are.
#[expect(clippy::disallowed_methods, reason = "a program of its own, whose one variable this is")]
pub(crate) fn program(name: &Path, home: &Path) -> Command {
    let mut command = Command::new(name);
    let path = std::env::var_os("PATH").unwrap_or_else(|| "/usr/local/bin:/usr/bin:/bin".into());
    command.env_clear().env("PATH", path).env("HOME", home).env("LC_ALL", "C");
    command.stdin(Stdio::null());
    command
}

/// The Docker program. Without BuildKit: its builder is a plugin that not every installation has.
pub(crate) fn docker(home: &Path, arguments: &[&str]) -> Command {
    let mut command = program(Path::new("docker"), home);
    command.env("DOCKER_BUILDKIT", "0").args(arguments);
    command
}

/// The version of the Docker Engine, if one answers where the example looks for it.
#[must_use]
pub fn engine() -> Option<String> {
    let mut version = docker(Path::new("/"), &["version", "--format", "{{.Server.Version}}"]);
    run(&mut version).ok().filter(|version| !version.is_empty())
}

/// Whether a program can be started at all, asked with this argument.
#[must_use]
pub fn is_there(name: &Path, argument: &str) -> bool {
    run(program(name, Path::new("/")).arg(argument)).is_ok()
}

/// What a program writes to stdout, without the last line end, if it succeeds.
pub(crate) fn run(command: &mut Command) -> Result<String, WorldError> {
    let output = command.output().map_err(|error| start_failed(command, error))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).trim_end().to_owned());
    }
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let words: Vec<_> = words.map(|word| word.to_string_lossy()).collect();
    let said = String::from_utf8_lossy(&output.stderr).trim_end().to_owned();
    Err(WorldError::Failed { command: words.join(" "), said: format!("{}: {said}", output.status) })
}

fn start_failed(command: &Command, error: io::Error) -> WorldError {
    WorldError::Start { program: command.get_program().to_string_lossy().into_owned(), error }
}

/// A server that runs until it is dropped.
#[derive(Debug)]
pub(crate) struct Server(Child);

impl Server {
    /// Starts it in a process group of its own, so that Ctrl-C at a terminal leaves it to us, and waits until `url` answers.
    pub(crate) fn start(command: &mut Command, log: &Path, url: &str) -> Result<Self, WorldError> {
        let file = |error| WorldError::File { path: log.to_owned(), error };
        let out = File::create(log).map_err(file)?;
        let err = out.try_clone().map_err(file)?;
        command.stdout(out).stderr(err).process_group(0);
        let mut server = Self(command.spawn().map_err(|error| start_failed(command, error))?);
        let ended = || server.0.try_wait().is_ok_and(|status| status.is_some());
        if answers(url, ended) {
            return Ok(server);
        }
        let said = std::fs::read_to_string(log).map_err(file)?;
        let last: Vec<&str> = said.lines().rev().take(10).collect();
        let said = last.into_iter().rev().collect::<Vec<_>>().join("\n");
        let who = command.get_program().to_string_lossy().into_owned();
        Err(WorldError::Silent { who, url: url.to_owned(), said })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // One that has ended already cannot be ended again.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// Asks `url` until it answers 200, but no longer than [`PATIENCE`], and not when `given_up`.
pub(crate) fn answers(url: &str, mut given_up: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if quickstart::http::get(url).is_ok_and(|response| response.status == 200) {
            return true;
        }
        if given_up() || Instant::now() >= deadline {
            return false;
        }
        thread::sleep(LOOK);
    }
}
