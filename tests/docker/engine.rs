//! Engines that are not there, too old, or go away.

use std::{
    io::{Read as _, Write as _},
    os::unix::net::{UnixListener, UnixStream},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use crate::harness::Project;

/// A pipeline whose one target has its engine at `host`; `world` is written before a container is looked at.
fn project(host: &str, container: &str) -> Project {
    let project = Project::with(&format!(
        "
version: 1
name: engine
target: server
targets: {{ server: {{ docker: {{ host: '{host}' }} }} }}
plugins:
  action: {{ source: guest:action_file, grants: {{ filesystem: {{ write: [world, calls] }} }} }}
  health:
    source: plugin:docker_health
    grants: {{ docker: {{ verbs: [container.inspect], containers: ['{container}'] }} }}
steps:
  change: {{ uses: action, with: {{ path: world, text: new, record: calls }} }}
  health: {{ uses: health, needs: [change], with: {{ container: '{container}' }} }}
"
    ));
    project.write("world", "old");
    project.write("calls", "");
    project
}

/// Nothing was started, nothing was changed, and the text says which engine and what to do.
fn refused(project: &Project, says: &str) {
    let run = project.exec(&[]);
    assert_eq!(run.code, 9, "{}", run.stderr);
    assert!(
        run.stderr.starts_with("error: a Docker Engine does not answer\n  = target `server`: "),
        "{}",
        run.stderr
    );
    assert!(run.stderr.contains(says), "{}", run.stderr);
    assert!(run.stderr.contains("nothing was started"), "{}", run.stderr);
    assert_eq!((project.read("world"), project.read("calls")), ("old".to_owned(), String::new()));
    assert!(!project.path(".runner").exists(), "no run was begun");
}

#[test]
fn a_run_without_its_engine_does_not_begin() {
    let place = tempfile::tempdir().expect("a temporary directory");
    let socket = place.path().join("none.sock");
    refused(&project(&format!("unix://{}", socket.display()), "web"), "no Docker Engine listens there");
}

#[test]
fn a_machine_that_ssh_does_not_reach_is_named() {
    refused(&project("ssh://runner-test-nobody.invalid", "web"), "ssh://runner-test-nobody.invalid");
}

/// Answers everything as an engine of 2014 would.
#[test]
fn a_run_on_an_engine_that_is_too_old_does_not_begin() {
    let place = tempfile::tempdir().expect("a temporary directory");
    let socket = place.path().join("old.sock");
    let listener = UnixListener::bind(&socket).expect("a socket");
    drop(thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut asked = [0; 4096];
            if !matches!(stream.read(&mut asked), Ok(1..)) {
                continue;
            }
            let body = r#"{"Version":"1.4.1","ApiVersion":"1.16","MinAPIVersion":"1.12","Os":"linux","Arch":"amd64"}"#;
            let head = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
                body.len()
            );
            // The runner may have hung up.
            drop(stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body.as_bytes())));
        }
    }));
    refused(&project(&format!("unix://{}", socket.display()), "web"), "1.16");
}

/// The way to the engine is cut once the run has begun: the step fails, and what was changed is taken back.
#[test]
fn an_engine_that_goes_away_in_the_middle_takes_the_change_back() {
    let place = tempfile::tempdir().expect("a temporary directory");
    let (socket, is_cut) = (place.path().join("way.sock"), Arc::new(AtomicBool::new(false)));
    let listener = UnixListener::bind(&socket).expect("a socket");
    let project = project(&format!("unix://{}", socket.display()), "web");
    let (cut, calls) = (Arc::clone(&is_cut), project.path("calls"));
    drop(thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(stream) = stream else { return };
            // The change has been made: what comes now comes from the step after it.
            if std::fs::read_to_string(&calls).is_ok_and(|calls| calls.contains("apply")) {
                cut.store(true, Ordering::Relaxed);
                continue;
            }
            pass_on(stream);
        }
    }));

    let run = project.exec(&[]);

    assert!(is_cut.load(Ordering::Relaxed), "the engine was never asked: {}", run.stderr);
    assert_eq!(run.code, 4, "{}", run.stderr);
    assert_eq!(project.results(), ["change success", "health error", "change undone"]);
    assert_eq!(project.read("world"), "old");
}

/// Connects a client with the real engine.
fn pass_on(client: UnixStream) {
    let engine = UnixStream::connect(Path::new("/var/run/docker.sock")).expect("the engine");
    for (mut from, mut to) in [
        (client.try_clone().expect("a second handle"), engine.try_clone().expect("a second handle")),
        (engine, client),
    ] {
        drop(thread::spawn(move || {
            // It ends with either side.
            drop(std::io::copy(&mut from, &mut to));
            drop(to.shutdown(std::net::Shutdown::Write));
        }));
    }
}
