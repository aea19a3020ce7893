//! A real Docker Engine at the usual socket. Without one these tests are skipped, and say so; with
//! `RUNNER_TEST_DOCKER=required` that is a failure.
//!
//! Nothing is fetched: images are built `FROM scratch` around a program that `rustc` makes here.

use std::{
    fs,
    path::Path,
    process::Command,
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    },
};

use serde_json::{Value, json};
use tempfile::TempDir;
use wasmtime::component::Resource;

use super::fake::{self, build_spec};

use crate::{
    DockerHost,
    docker::{Container, Engine, Places},
    host::{
        Context,
        bindings::runner::plugin::{
            docker::{
                BuildResult, ContainerSpec, ContainerState, DockerError, ExecSpec, HealthCommand,
                HealthStatus, Host as _, HostContainer as _, LogRange, OutputStream, Pair, Port,
            },
            types::HostError,
        },
        testing::Builder,
    },
};

/// What runs in the containers: it does what its arguments say, one after the other.
const PROGRAM: &str = r#"
use std::{fs, io::Write, thread, time::Duration};
fn main() {
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut next = || words.next().unwrap_or_default();
        match word.as_str() {
            "out" => println!("{}", next()),
            "err" => eprintln!("{}", next()),
            "env" => println!("{}", std::env::var(next()).unwrap_or_default()),
            "flood" => {
                let line = format!("{}\n", "x".repeat(1023));
                let mut out = std::io::stdout().lock();
                for _ in 0..next().parse::<u32>().unwrap() { out.write_all(line.as_bytes()).unwrap(); }
                out.write_all(b"the end\n").unwrap();
            }
            "file" => fs::write(next(), next()).unwrap(),
            "directory" => fs::create_dir_all(next()).unwrap(),
            "link" => std::os::unix::fs::symlink(next(), next()).unwrap(),
            "serve" => loop { thread::sleep(Duration::from_secs(3600)) },
            "exit" => std::process::exit(next().parse().unwrap()),
            other => panic!("no word {other}"),
        }
    }
}
"#;

/// Everything of one test: a directory, a context, and a prefix for its names.
struct Stage {
    directory: TempDir,
    context: Context,
    prefix: String,
}

/// Takes away whatever the test has made.
impl Drop for Stage {
    fn drop(&mut self) {
        let docker = |arguments: &[&str]| {
            let output = Command::new("docker").args(arguments).output().unwrap();
            String::from_utf8(output.stdout)
                .unwrap()
                .split_whitespace()
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        let name = format!("name=^{}", self.prefix);
        for id in docker(&["ps", "-aq", "--filter", &name]) {
            docker(&["rm", "-f", "-v", &id]);
        }
        for id in docker(&["network", "ls", "-q", "--filter", &name]) {
            docker(&["network", "rm", &id]);
        }
        let tags = docker(&["images", "--format", "{{.Repository}}:{{.Tag}}"]);
        for tag in tags.iter().filter(|tag| tag.contains(&self.prefix)) {
            docker(&["rmi", tag]);
        }
    }
}

/// Makes a stage, or says why there is none.
fn stage(test: &str, more: &Value) -> Option<Stage> {
    if !there() {
        return None;
    }
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let prefix = format!("dh-{test}-{}-{number}", std::process::id());
    let directory = tempfile::tempdir().unwrap();
    fs::create_dir(directory.path().join("context")).unwrap();
    fs::copy(program(), directory.path().join("context/app")).unwrap();
    // Each test has an image of its own, or they would count each other's names.
    let dockerfile = format!("FROM scratch\nLABEL stage={prefix}\nCOPY app /app\nENTRYPOINT [\"/app\"]\n");
    fs::write(directory.path().join("context/Dockerfile"), dockerfile).unwrap();
    let mut docker = json!({
        "verbs": ["container.*", "image.*", "network.*"],
        "containers": [format!("{prefix}-*")],
        "images": [format!("{prefix}:*"), format!("127.0.0.1:*/{prefix}:*")],
        "networks": [format!("{prefix}-*")],
        "ports": ["127.0.0.1:0"],
    });
    for (key, value) in more.as_object().unwrap() {
        docker[key] = value.clone();
    }
    let grants = json!({ "docker": docker, "filesystem": { "read": ["context/"], "write": ["out/"] } });
    let places = Places { directory: directory.path().to_owned(), ..Places::default() };
    let context = Builder::new(grants)
        .directory(directory.path())
        .docker(Engine::new(DockerHost::default(), places))
        .deadline(std::time::Duration::from_secs(120))
        .build();
    Some(Stage { directory, context, prefix })
}

#[expect(clippy::print_stderr, reason = "whoever reads the test's output should know")]
#[expect(clippy::disallowed_methods, reason = "a switch of the test, not of the product")]
fn there() -> bool {
    let answers =
        Command::new("docker").args(["version"]).output().is_ok_and(|output| output.status.success());
    if !answers {
        assert!(
            std::env::var_os("RUNNER_TEST_DOCKER").is_none_or(|value| value != "required"),
            "no Docker Engine answers, and RUNNER_TEST_DOCKER says that one has to"
        );
        eprintln!("SKIPPED: no Docker Engine answers at unix:///var/run/docker.sock");
    }
    answers
}

/// The program, made once.
fn program() -> &'static Path {
    static PROGRAM_AT: OnceLock<TempDir> = OnceLock::new();
    let directory = PROGRAM_AT.get_or_init(|| {
        let directory = tempfile::tempdir().unwrap();
        let source = directory.path().join("app.rs");
        fs::write(&source, PROGRAM).unwrap();
        let made = Command::new("rustc")
            .args(["--edition", "2021", "-C", "target-feature=+crt-static", "-C", "strip=symbols", "-o"])
            .arg(directory.path().join("app"))
            .arg(&source)
            .status();
        assert!(made.unwrap().success(), "the program for containers is made");
        directory
    });
    static PATH: OnceLock<std::path::PathBuf> = OnceLock::new();
    PATH.get_or_init(|| directory.path().join("app"))
}

/// One that ends at once when it is asked to.
fn spec(name: &str, image: &str, command: &[&str]) -> ContainerSpec {
    let command = command.iter().map(|word| (*word).to_owned()).collect();
    ContainerSpec { command, init: true, ..fake::spec(name, image) }
}

/// A second handle on the same container; a call takes one.
fn again(container: &Resource<Container>) -> Resource<Container> {
    Resource::new_borrow(container.rep())
}

const ALL: LogRange = LogRange { tail: None, since_ms: None, max_bytes: None };

impl Stage {
    fn image(&self) -> String {
        format!("{}:v1", self.prefix)
    }

    async fn built(&mut self) -> String {
        let image = self.image();
        match self.context.build_image(build_spec(&image)).await.unwrap().unwrap() {
            BuildResult::Built(id) => id,
            BuildResult::Broken(problem) => panic!("{problem:?}"),
        }
    }

    async fn created(&mut self, name: &str, command: &[&str]) -> Resource<Container> {
        let spec = spec(&format!("{}-{name}", self.prefix), &self.image(), command);
        self.context.create_container(spec).await.unwrap().unwrap()
    }

    async fn ran(&mut self, name: &str, command: &[&str]) -> Resource<Container> {
        let container = self.created(name, command).await;
        self.context.start(again(&container)).await.unwrap().unwrap();
        container
    }
}

fn texts(lines: &[crate::host::bindings::runner::plugin::docker::OutputLine]) -> Vec<(&str, &str)> {
    let channel = |channel: OutputStream| match channel {
        OutputStream::Stdout => "out",
        OutputStream::Stderr => "err",
    };
    lines.iter().map(|line| (channel(line.channel), line.text.as_str())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn real_docker_builds_runs_shows_and_removes() {
    let Some(mut stage) = stage("life", &json!({})) else { return };
    let id = stage.built().await;
    let image = stage.context.inspect_image(stage.image()).await.unwrap().unwrap().unwrap();
    assert_eq!((image.id.as_str(), image.tags, image.layers), (id.as_str(), vec![stage.image()], 1));

    let name = format!("{}-a", stage.prefix);
    let container = stage.ran("a", &["out", "one", "err", "two", "exit", "3"]).await;
    assert_eq!(stage.context.wait(again(&container), Some(20_000)).await.unwrap().unwrap(), 3);
    let facts = stage.context.inspect(again(&container)).await.unwrap().unwrap();
    assert_eq!((facts.name.as_str(), facts.exit_code, facts.of_this_run), (name.as_str(), Some(3), true));
    assert!(matches!((facts.state, facts.health), (ContainerState::Exited, HealthStatus::None)));
    // A container that ends at once may end before the engine has written down that it began.
    assert!(facts.started_at_ms >= facts.created_at_ms && facts.finished_at_ms >= facts.created_at_ms);
    let labels: Vec<(&str, &str)> =
        facts.labels.iter().map(|label| (label.name.as_str(), label.value.as_str())).take(3).collect();
    assert_eq!(labels, [("runner.plugin", "plugin"), ("runner.run", "RUN"), ("runner.step", "step")]);

    let output = stage.context.logs(again(&container), ALL).await.unwrap().unwrap();
    let mut lines = texts(&output.lines);
    // The two come through pipes of their own.
    lines.sort_unstable();
    assert_eq!((lines, output.truncated), (vec![("err", "two"), ("out", "one")], false));
    assert!(output.lines.iter().all(|line| line.at_ms >= facts.created_at_ms));

    stage.context.remove(again(&container), false).await.unwrap().unwrap();
    assert!(stage.context.find_container(name).await.unwrap().unwrap().is_none());
    let gone = stage.context.inspect(again(&container)).await.unwrap().unwrap_err();
    assert!(matches!(gone, DockerError::NotFound(_)), "{gone:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn real_docker_publishes_probes_measures_and_stops() {
    let Some(mut stage) = stage("serve", &json!({})) else { return };
    stage.built().await;
    let mut spec = spec(&format!("{}-web", stage.prefix), &stage.image(), &["out", "ready", "serve"]);
    spec.ports = vec![Port { inside: 8000, address: String::new(), outside: 0 }];
    spec.health = Some(HealthCommand {
        command: vec!["/app".to_owned(), "out".to_owned(), "well".to_owned()],
        interval_ms: 200,
        timeout_ms: 5000,
        retries: 2,
        start_period_ms: 0,
    });
    spec.memory = Some(64 << 20);
    spec.cpu_millis = Some(500);
    let container = stage.context.create_container(spec).await.unwrap().unwrap();
    stage.context.start(again(&container)).await.unwrap().unwrap();
    stage.context.start(again(&container)).await.unwrap().unwrap();

    let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(60);
    let facts = loop {
        let facts = stage.context.inspect(again(&container)).await.unwrap().unwrap();
        if matches!(facts.health, HealthStatus::Healthy) || tokio::time::Instant::now() > deadline {
            break facts;
        }
        // The engine tells nobody who does not listen all the time.
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    };
    assert!(
        matches!((facts.state, facts.health), (ContainerState::Running, HealthStatus::Healthy)),
        "{facts:?}"
    );
    assert_eq!((facts.probes[0].exit_code, facts.probes[0].output.as_str()), (0, "well\n"));
    let port = &facts.ports[0];
    assert_eq!((facts.ports.len(), port.inside, port.address.as_str()), (1, 8000, "127.0.0.1"));
    assert_ne!(port.outside, 0);

    let usage = stage.context.stats(again(&container)).await.unwrap().unwrap();
    assert_eq!(usage.memory_limit, 64 << 20);
    assert!(usage.memory > 0 && usage.pids > 0, "{usage:?}");
    let command = |words: &[&str]| ExecSpec {
        command: words.iter().map(|word| (*word).to_owned()).collect(),
        env: vec![Pair { name: "GREETING".to_owned(), value: "hello".to_owned() }],
        user: None,
        directory: None,
        timeout_ms: None,
        max_bytes: None,
    };
    let inside = command(&["/app", "env", "GREETING", "err", "bad", "exit", "7"]);
    let done = stage.context.exec(again(&container), inside).await.unwrap().unwrap();
    let mut lines = texts(&done.output.lines);
    lines.sort_unstable();
    assert_eq!((done.exit_code, lines), (7, vec![("err", "bad"), ("out", "hello")]));
    let for_ever = ExecSpec { timeout_ms: Some(300), ..command(&["/app", "serve"]) };
    let late = stage.context.exec(again(&container), for_ever).await.unwrap().unwrap_err();
    assert_eq!(late, DockerError::Host(HostError::TimedOut));

    stage.context.rename(again(&container), format!("{}-old", stage.prefix)).await.unwrap().unwrap();
    // With a small init it ends at once, so it was not killed; and then it does not run.
    assert!(!stage.context.stop(again(&container), Some(20)).await.unwrap().unwrap());
    assert!(!stage.context.stop(again(&container), None).await.unwrap().unwrap());
    let idle = stage.context.stats(again(&container)).await.unwrap().unwrap_err();
    assert!(matches!(idle, DockerError::Conflict(_)), "{idle:?}");
    let facts = stage.context.list_containers(true).await.unwrap().unwrap();
    let names: Vec<&str> = facts.iter().map(|facts| facts.name.as_str()).collect();
    assert!(names.contains(&format!("{}-old", stage.prefix).as_str()), "{names:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn real_docker_keeps_the_end_of_a_long_log_and_follows_one() {
    let Some(mut stage) = stage("log", &json!({})) else { return };
    stage.built().await;
    // 32 MiB, of which the last lines come back.
    let container = stage.ran("flood", &["flood", "32768"]).await;
    assert_eq!(stage.context.wait(again(&container), None).await.unwrap().unwrap(), 0);
    let range = LogRange { max_bytes: Some(2100), ..ALL };
    let output = stage.context.logs(again(&container), range).await.unwrap().unwrap();
    let lengths: Vec<usize> = output.lines.iter().map(|line| line.text.len()).collect();
    assert_eq!((lengths, output.truncated), (vec![1023, 1023, 7], true));
    let range = LogRange { tail: Some(1), ..ALL };
    let output = stage.context.logs(again(&container), range).await.unwrap().unwrap();
    assert_eq!((texts(&output.lines), output.truncated), (vec![("out", "the end")], false));

    let talker = stage.ran("talk", &["out", "first", "out", "second", "exit", "4"]).await;
    assert_eq!(stage.context.follow(again(&talker), Some(30_000)).await.unwrap().unwrap(), 4);
    let lines = stage.context.ledger().finish().lines;
    let said: Vec<&str> = lines.iter().map(|line| line.text.as_str()).collect();
    assert_eq!(said[said.len() - 2..], ["first", "second"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn real_docker_gives_files_out_and_no_links() {
    let Some(mut stage) = stage("copy", &json!({})) else { return };
    stage.built().await;
    let words = [
        "directory",
        "/r/sub",
        "file",
        "/r/a.xml",
        "<a/>",
        "file",
        "/r/sub/b",
        "b",
        "link",
        "/etc/passwd",
        "/r/l",
    ];
    let container = stage.ran("made", &words).await;
    assert_eq!(stage.context.wait(again(&container), None).await.unwrap().unwrap(), 0);
    let copied =
        stage.context.copy_out(again(&container), "/r/.".to_owned(), "out/all".to_owned(), None).await;
    assert_eq!(copied.unwrap().unwrap(), ["out/all/a.xml", "out/all/sub/b"]);
    let read = |path: &str| fs::read_to_string(stage.directory.path().join(path)).unwrap();
    assert_eq!((read("out/all/a.xml"), read("out/all/sub/b")), ("<a/>".to_owned(), "b".to_owned()));
    assert!(fs::symlink_metadata(stage.directory.path().join("out/all/l")).is_err());
    let one =
        stage.context.copy_out(again(&container), "/r/a.xml".to_owned(), "out".to_owned(), Some(3)).await;
    let too_long = "more than 3 bytes to copy; what came before `out/a.xml` is there".to_owned();
    assert_eq!(one.unwrap().unwrap_err(), DockerError::Host(HostError::BudgetExceeded(too_long)));
    let outside =
        stage.context.copy_out(again(&container), "/r/a.xml".to_owned(), "else".to_owned(), None).await;
    assert_eq!(outside.unwrap().unwrap_err(), DockerError::Host(HostError::Denied));
}

#[tokio::test(flavor = "multi_thread")]
async fn real_docker_says_why_a_build_broke() {
    let Some(mut stage) = stage("broken", &json!({})) else { return };
    let dockerfile = stage.directory.path().join("context/Dockerfile");
    fs::write(
        &dockerfile,
        "FROM scratch\nCOPY app /app\nRUN [\"/app\", \"err\", \"oh no\", \"exit\", \"9\"]\n",
    )
    .unwrap();
    let image = stage.image();
    let broken = stage.context.build_image(build_spec(&image)).await.unwrap().unwrap();
    let BuildResult::Broken(problem) = broken else { panic!("{broken:?}") };
    assert!(problem.message.ends_with("returned a non-zero code: 9"), "{}", problem.message);
    assert!(problem.log.contains(&"oh no".to_owned()), "{:?}", problem.log);
    fs::write(&dockerfile, "FORM scratch\n").unwrap();
    let unread = stage.context.build_image(build_spec(&image)).await.unwrap().unwrap();
    let BuildResult::Broken(problem) = unread else { panic!("{unread:?}") };
    assert!(problem.message.contains("FORM"), "{}", problem.message);
}

#[tokio::test(flavor = "multi_thread")]
async fn real_docker_joins_networks_and_names_images() {
    let Some(mut stage) = stage("net", &json!({})) else { return };
    stage.built().await;
    let network = format!("{}-inner", stage.prefix);
    stage.context.create_network(network.clone(), true).await.unwrap().unwrap();
    let twice = stage.context.create_network(network.clone(), true).await.unwrap().unwrap_err();
    assert_eq!(twice, DockerError::Conflict(format!("network with name {network} already exists")));
    assert!(stage.context.own_networks().await.unwrap().unwrap().contains(&network));
    let mut spec = spec(&format!("{}-in", stage.prefix), &stage.image(), &["serve"]);
    spec.network = Some(network.clone());
    spec.aliases = vec!["web".to_owned()];
    let container = stage.context.create_container(spec).await.unwrap().unwrap();
    stage.context.start(again(&container)).await.unwrap().unwrap();
    let facts = stage.context.inspect(again(&container)).await.unwrap().unwrap();
    let networks: Vec<&str> = facts.addresses.iter().map(|pair| pair.name.as_str()).collect();
    assert_eq!(networks, [network.as_str()]);
    stage.context.remove(again(&container), true).await.unwrap().unwrap();
    assert!(stage.context.remove_network(network.clone()).await.unwrap().unwrap());
    assert!(!stage.context.remove_network(network).await.unwrap().unwrap());

    let second = format!("{}:v2", stage.prefix);
    stage.context.tag_image(stage.image(), second.clone()).await.unwrap().unwrap();
    let user = stage.created("user", &[]).await;
    let last = stage.context.remove_image(second.clone()).await.unwrap();
    assert_eq!(last, Ok(()));
    let used = stage.context.remove_image(stage.image()).await.unwrap().unwrap_err();
    assert_eq!(used, DockerError::Conflict(format!("a container uses the image `{}`", stage.image())));
    stage.context.remove(again(&user), false).await.unwrap().unwrap();
    assert_eq!(stage.context.remove_image(stage.image()).await.unwrap(), Ok(()));
    assert!(stage.context.inspect_image(stage.image()).await.unwrap().unwrap().is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn real_docker_knows_what_never_ran() {
    let Some(mut stage) = stage("idle", &json!({})) else { return };
    stage.built().await;
    let container = stage.created("idle", &["exit", "0"]).await;
    let text = format!("container `{}-idle` has not been started, so it cannot end", stage.prefix);
    let waited = stage.context.wait(again(&container), Some(5000)).await.unwrap();
    assert_eq!(waited, Err(DockerError::Conflict(text.clone())));
    let followed = stage.context.follow(again(&container), Some(5000)).await.unwrap();
    assert_eq!(followed, Err(DockerError::Conflict(text)));
    let facts = stage.context.inspect(again(&container)).await.unwrap().unwrap();
    assert!(matches!(
        (facts.state, facts.exit_code, facts.started_at_ms),
        (ContainerState::Created, None, 0)
    ));
}

/// A registry of its own, ended with the test.
struct Registry {
    process: std::process::Child,
    port: u16,
    _place: TempDir,
}

impl Drop for Registry {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

#[expect(clippy::print_stderr, reason = "whoever reads the test's output should know")]
async fn registry() -> Option<Registry> {
    let place = tempfile::tempdir().unwrap();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let config = format!(
        "version: 0.1\nstorage: {{ filesystem: {{ rootdirectory: {} }} }}\nhttp: {{ addr: 127.0.0.1:{port} }}\n",
        place.path().display()
    );
    fs::write(place.path().join("config.yml"), config).unwrap();
    let started = Command::new("docker-registry")
        .arg("serve")
        .arg(place.path().join("config.yml"))
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn();
    let Ok(child) = started else {
        eprintln!("SKIPPED: there is no `docker-registry` on PATH");
        return None;
    };
    let registry = Registry { process: child, port, _place: place };
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(30);
    while tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_err() {
        assert!(tokio::time::Instant::now() < deadline, "the registry does not answer");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    Some(registry)
}

#[tokio::test(flavor = "multi_thread")]
async fn real_docker_sends_to_a_registry_and_gets_from_it() {
    let Some(mut stage) = stage("registry", &json!({})) else { return };
    let Some(registry) = registry().await else { return };
    stage.built().await;
    let remote = format!("127.0.0.1:{}/{}:v1", registry.port, stage.prefix);
    stage.context.tag_image(stage.image(), remote.clone()).await.unwrap().unwrap();
    let digest = stage.context.push_image(remote.clone(), None, None).await.unwrap().unwrap();
    let facts = stage.context.inspect_image(remote.clone()).await.unwrap().unwrap().unwrap();
    assert_eq!(facts.digests, std::slice::from_ref(&digest));
    for name in [stage.image(), remote.clone()] {
        stage.context.remove_image(name).await.unwrap().unwrap();
    }
    assert!(stage.context.inspect_image(remote.clone()).await.unwrap().unwrap().is_none());
    let again = stage.context.pull_image(remote.clone(), None, Some(30_000)).await.unwrap().unwrap();
    assert_eq!((again.id, again.digests), (facts.id, vec![digest]));
    let none = format!("127.0.0.1:{}/{}:none", registry.port, stage.prefix);
    let missing = stage.context.pull_image(none, None, Some(30_000)).await.unwrap().unwrap_err();
    assert!(
        matches!(&missing, DockerError::NotFound(text) if text.contains("manifest unknown")),
        "{missing:?}"
    );
}
