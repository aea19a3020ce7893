//! The service that the L9 example deploys, one static program: `l9-api serve | healthcheck | test`.
//!
//! `serve` is process 1 of its container: it ends on SIGTERM, after what it has begun is answered. `healthcheck` is what
//! Docker asks. `test` stands for the project's test suites and writes what pytest would. How good or bad a release is
//! stands in its `release.json`, which is part of the commit and of the image: a broken deployment is a broken commit.

mod arguments;
mod release;
mod service;
mod suite;

use std::fs;
use std::io::{self, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::ExitCode;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use arguments::{Command, USAGE};
use quickstart::http;
use release::{Behaviour, Release};
use service::Service;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

/// What pytest says when tests have failed, and when it was used wrongly.
const TESTS_FAILED: u8 = 1;
const WRONG_USE: u8 = 4;

fn main() -> ExitCode {
    let outcome = match arguments::parse(std::env::args().skip(1), variable) {
        Ok(command) => run(command),
        Err(problem) => Err(format!("{problem}\n\n{USAGE}")),
    };
    outcome.unwrap_or_else(|problem| {
        drop(writeln!(io::stderr(), "error: {problem}"));
        ExitCode::from(WRONG_USE)
    })
}

fn run(command: Command) -> Result<ExitCode, String> {
    match command {
        Command::Help => {
            say(USAGE)?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Serve { release, port, key } => serve(Release::load(&release)?, port, key),
        Command::HealthCheck { port } => {
            let problem = service::ask(port).err();
            say(problem.as_deref().unwrap_or("healthy"))?;
            Ok(if problem.is_none() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
        Command::Test { release, suite, report } => {
            let outcome = suite.run(&Release::load(&release)?.failing);
            say(&outcome.text())?;
            write(&report, &outcome.junit())?;
            Ok(if outcome.failures() == 0 { ExitCode::SUCCESS } else { ExitCode::from(TESTS_FAILED) })
        }
    }
}

/// What a service that dies says with its exit code.
const OUT_OF_IDEAS: u8 = 70;

/// How long requests that have begun may take once the service is to end.
const GRACE: Duration = Duration::from_secs(5);

/// Runs until SIGTERM, unless the release has it otherwise.
fn serve(release: Release, port: u16, key: Option<String>) -> Result<ExitCode, String> {
    let behaviour = release.behaviour;
    say(&format!("INFO l9-api {} starts", release.version))?;
    let (end, ended) = mpsc::channel();
    if behaviour != Behaviour::IgnoresSigterm {
        // A process 1 that asks for no signals gets none of those that would end it.
        let signals =
            Signals::new([SIGTERM, SIGINT]).map_err(|error| format!("watch for signals: {error}"))?;
        in_thread(&end, move |end| watch(signals, &end));
    }
    let service = Arc::new(Service::new(release, key));
    let answering = Arc::clone(&service);
    in_thread(&end, move |end| {
        if let Err(problem) = answer(answering, port, behaviour) {
            drop(end.send(Err(problem)));
        }
    });
    if let Behaviour::DiesAfter(time) = behaviour {
        in_thread(&end, move |end| {
            thread::sleep(time);
            drop(end.send(say("CRITICAL out of ideas").map(|()| ExitCode::from(OUT_OF_IDEAS))));
        });
    }
    let code = ended.recv().map_err(|_| "nobody is left to say when to end".to_owned())??;
    service.finish(GRACE);
    Ok(code)
}

/// What ends the service, and how.
type End = mpsc::Sender<Result<ExitCode, String>>;

fn in_thread(end: &End, work: impl FnOnce(End) + Send + 'static) {
    let end = end.clone();
    thread::spawn(move || work(end));
}

fn watch(mut signals: Signals, end: &End) {
    for _ in signals.forever() {
        drop(end.send(say("INFO asked to end").map(|()| ExitCode::SUCCESS)));
    }
}

/// Listens and answers, for ever.
fn answer(service: Arc<Service>, port: u16, behaviour: Behaviour) -> Result<(), String> {
    if let Behaviour::SlowStart(time) = behaviour {
        thread::sleep(time);
    }
    let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, port))
        .map_err(|error| format!("listen on port {port}: {error}"))?;
    say(&format!("INFO listening on port {port}"))?;
    if behaviour == Behaviour::Traceback {
        say(release::TRACEBACK)?;
    }
    http::serve(&listener, move |request| service.answer(&request));
    Ok(())
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is a program of its own, and its configuration is its environment"
)]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// One line on stdout, at once: Docker's log is all that is left of a container.
fn say(line: &str) -> Result<(), String> {
    let mut stdout = io::stdout();
    writeln!(stdout, "{line}")
        .and_then(|()| stdout.flush())
        .map_err(|error| format!("write to stdout: {error}"))
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    fs::write(path, text).map_err(|error| format!("write `{}`: {error}", path.display()))
}
