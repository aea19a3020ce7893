//! Engines that are not there, too old, or go away; registries that refuse or stall; what no engine should be sent.

use std::{
    io::{Read as _, Write as _},
    net::TcpListener,
    os::unix::net::{UnixListener, UnixStream},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use crate::{harness::Project, plugins::endings};

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

/// A change, and after it a step that cannot be done.
fn after_a_change(plugin: &str, grants: &str, step: &str) -> Project {
    let project = Project::with(&format!(
        "
version: 1
name: trouble
plugins:
  action: {{ source: guest:action_file, grants: {{ filesystem: {{ write: [world, calls] }} }} }}
  p: {{ source: plugin:{plugin}, grants: {{ {grants} }} }}
steps:
  change: {{ uses: action, with: {{ path: world, text: new, record: calls }} }}
  trouble: {{ uses: p, needs: [change], {step} }}
"
    ));
    project.write("world", "old");
    project.write("calls", "");
    project
}

/// Ends with 4 and this kind of failure, says this, and has taken the change back.
fn goes_back(project: &Project, kind: &str, says: &str) {
    let run = project.exec(&[]);
    assert_eq!(run.code, 4, "{}", run.stderr);
    let ending = endings(project).remove("trouble").expect("it has ended");
    assert_eq!(ending[0], kind, "{ending}");
    assert!(ending[1].as_str().is_some_and(|message| message.contains(says)), "{ending}");
    assert_eq!(
        (project.results().last().map(String::as_str), project.read("world")),
        (Some("change undone"), "old".to_owned())
    );
}

#[test]
fn a_registry_that_is_not_there_is_unavailable() {
    // A port that was free a moment ago, and that nobody listens at.
    let free =
        TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port");
    let grants = format!(
        "docker: {{ verbs: [image.pull, image.inspect, image.tag, image.remove], images: ['{free}/none:*'] }}"
    );
    let project = after_a_change("image_pull", &grants, &format!("with: {{ reference: '{free}/none:v1' }}"));
    goes_back(&project, "unavailable", "connection refused");
}

/// It takes the connection and says nothing.
#[test]
fn a_registry_that_stalls_is_not_waited_for() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    drop(thread::spawn(move || {
        let kept: Vec<_> = listener.incoming().take(16).collect();
        drop(kept);
    }));
    let grants = format!(
        "docker: {{ verbs: [image.pull, image.inspect, image.tag, image.remove], images: ['{address}/none:*'] }}"
    );
    let step = format!("with: {{ reference: '{address}/none:v1' }}, limits: {{ time: 3s }}");
    goes_back(&after_a_change("image_pull", &grants, &step), "timed-out", "3s");
}

/// A gigabyte by mistake: nothing of it is sent.
#[test]
fn a_context_that_is_too_long_is_not_sent() {
    let grants = "docker: { verbs: [image.build, image.inspect, image.tag, image.remove], images: ['runner-test-long:*'] }, filesystem: { read: [context/] }";
    let step = "with: { context: context/, tags: ['runner-test-long:v1'] }";
    let project = after_a_change("image_build", grants, step);
    project.write("context/Dockerfile", "FROM scratch\nCOPY data /data\n");
    project.write("context/data", "");
    let data = std::fs::File::options().write(true).open(project.path("context/data")).expect("the file");
    data.set_len(1 << 30).expect("a sparse file");
    goes_back(&project, "budget-exceeded", "leave out more in `.dockerignore`");
}

#[test]
fn a_dockerfile_that_does_not_parse_is_told_in_the_engine_s_words() {
    let grants = "docker: { verbs: [image.build, image.inspect, image.tag, image.remove], images: ['runner-test-odd:*'] }, filesystem: { read: [context/] }";
    let project =
        after_a_change("image_build", grants, "with: { context: context/, tags: ['runner-test-odd:v1'] }");
    project.write("context/Dockerfile", "FROM scratch\nFRUM elsewhere\n");
    goes_back(&project, "invalid-input", "FRUM");
}
