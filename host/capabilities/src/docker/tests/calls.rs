//! What an engine is sent, and what is made of its answers.

use std::{fmt::Write as _, fs, time::Duration};

use serde_json::{Value, json};
use wasmtime::component::Resource;

use super::fake::{Fake, Reply, build_spec, container, id, spec};
use crate::{
    docker::Container,
    host::{
        Context,
        bindings::runner::plugin::{
            docker::{
                BuildResult, DockerError, HealthCommand, Host as _, HostContainer as _, LogRange, Login,
                Mount, OutputStream, Pair, Port, Privilege, PruneSpec, Restart, SecretPair,
            },
            secrets::Host as _,
            types::HostError,
        },
    },
};

fn all() -> Value {
    json!({
        "verbs": ["container.*", "image.*", "network.*"], "containers": ["web-*"], "images": ["app:*", "127.0.0.1:5055/app:*"],
        "networks": ["inner"], "ports": ["127.0.0.1:8000", "127.0.0.1:0"], "mounts": { "read": ["fixtures/"], "write": ["data/"] },
    })
}

/// The container `web-1`, and what `answer` says to everything else.
fn with_web(answer: impl Fn(&str) -> Reply + Send + Sync + 'static) -> Fake {
    let looked = [format!("GET /containers/{}/json", id('a')), "GET /containers/web-1/json".to_owned()];
    Fake::start(move |line| {
        if looked.iter().any(|look| look == line) {
            Reply::Json(200, container("web-1", &json!({ "runner.run": "RUN" })))
        } else {
            answer(line)
        }
    })
}

async fn web(context: &mut Context) -> Resource<Container> {
    context.find_container("web-1".to_owned()).await.unwrap().unwrap().unwrap()
}

fn again(container: &Resource<Container>) -> Resource<Container> {
    Resource::new_borrow(container.rep())
}

fn pair(name: &str, value: &str) -> Pair {
    Pair { name: name.to_owned(), value: value.to_owned() }
}

fn words(list: &[&str]) -> Vec<String> {
    list.iter().map(|word| (*word).to_owned()).collect()
}

#[tokio::test]
async fn a_create_is_sent_as_it_was_granted() {
    let fake = Fake::start(|line| match line {
        "POST /containers/create?name=web-1&platform=" => {
            Reply::Json(201, json!({ "Id": id('a'), "Warnings": [] }))
        }
        "GET /networks/inner" => Reply::Json(200, json!({ "Name": "inner", "Id": id('c') })),
        other => panic!("the engine was asked `{other}`"),
    });
    let mut grant = all();
    grant["allow"] = json!(["device:/dev/fuse", "capability:NET_ADMIN"]);
    let policy = json!({ "version": 1, "grants": {
        "docker": grant.clone(), "filesystem": { "read": ["./"], "write": ["out/"] }, "secrets": ["token"],
    } });
    let grants = json!({
        "docker": grant, "filesystem": { "read": ["./"] }, "secrets": ["token"],
    });
    let mut context = crate::host::testing::Builder::new(grants)
        .policy(&policy)
        .directory(&fake.place())
        .secret("token", b"hunter2")
        .docker(fake.engine())
        .build();
    for directory in ["fixtures", "data"] {
        fs::create_dir(fake.place().join(directory)).unwrap();
    }
    fs::write(fake.place().join("env"), "# first\n\nA=1\nB=x=y\n").unwrap();
    let secret = context.get("token".to_owned()).unwrap().unwrap();
    let mut spec = spec("web-1", "docker.io/library/app");
    spec.command = words(&["serve"]);
    spec.entrypoint = Some(Vec::new());
    spec.env_files = words(&["env"]);
    spec.env = vec![pair("A", "2"), pair("C", "3")];
    spec.secret_env = vec![SecretPair { name: "TOKEN".to_owned(), value: secret }];
    spec.labels = vec![pair("team", "blue")];
    spec.mounts = vec![
        Mount { source: "fixtures".to_owned(), target: "/in".to_owned(), writable: false },
        Mount { source: "data".to_owned(), target: "/out".to_owned(), writable: true },
    ];
    spec.tmpfs = words(&["/tmp"]);
    spec.ports = vec![Port { inside: 8000, address: String::new(), outside: 8000 }];
    spec.network = Some("inner".to_owned());
    spec.aliases = words(&["web"]);
    spec.restart = Restart::OnFailure;
    spec.stop_signal = Some("SIGTERM".to_owned());
    spec.stop_grace = Some(30);
    spec.health = Some(HealthCommand {
        command: words(&["/app", "health"]),
        interval_ms: 200,
        timeout_ms: 0,
        retries: 3,
        start_period_ms: 0,
    });
    spec.memory = Some(1 << 20);
    spec.cpu_millis = Some(1500);
    spec.pids = Some(50);
    spec.user = Some("1000:1000".to_owned());
    spec.directory = Some("/srv".to_owned());
    spec.read_only = true;
    spec.init = true;
    spec.privileges =
        vec![Privilege::Device("/dev/fuse".to_owned()), Privilege::AddCapability("cap_net_admin".to_owned())];
    context.create_container(spec).await.unwrap().unwrap();

    let place = fake.place().canonicalize().unwrap();
    let at = |name: &str| place.join(name).to_str().unwrap().to_owned();
    let asked = fake.asked();
    assert_eq!(asked[0].line, "GET /v1.41/networks/inner");
    assert_eq!(asked[1].line, "POST /v1.41/containers/create?name=web-1&platform=");
    assert_eq!(asked.len(), 2);
    assert_eq!(
        asked[1].body,
        json!({
            "User": "1000:1000",
            "ExposedPorts": { "8000/tcp": {} },
            "Env": ["A=2", "B=x=y", "C=3", "TOKEN=hunter2"],
            "Cmd": ["serve"],
            "Healthcheck": { "Test": ["CMD", "/app", "health"], "Interval": 200_000_000, "Retries": 3 },
            "Image": "app:latest",
            "WorkingDir": "/srv",
            "Entrypoint": [""],
            "Labels": { "team": "blue", "runner.run": "RUN", "runner.step": "step", "runner.plugin": "plugin" },
            "StopSignal": "SIGTERM",
            "StopTimeout": 30,
            "HostConfig": {
                "Memory": 1_048_576,
                "Devices": [{ "PathOnHost": "/dev/fuse", "PathInContainer": "/dev/fuse", "CgroupPermissions": "rwm" }],
                "MemorySwap": 1_048_576,
                "NanoCpus": 1_500_000_000,
                "Init": true,
                "PidsLimit": 50,
                "NetworkMode": "inner",
                "PortBindings": { "8000/tcp": [{ "HostIp": "127.0.0.1", "HostPort": "8000" }] },
                "RestartPolicy": { "Name": "on-failure", "MaximumRetryCount": 5 },
                "Mounts": [
                    { "Target": "/in", "Source": at("fixtures"), "Type": "bind", "ReadOnly": true, "BindOptions": { "NonRecursive": true } },
                    { "Target": "/out", "Source": at("data"), "Type": "bind", "ReadOnly": false, "BindOptions": { "NonRecursive": true } },
                ],
                "CapAdd": ["NET_ADMIN"],
                "ReadonlyRootfs": true,
                "Tmpfs": { "/tmp": "" },
            },
            "NetworkingConfig": { "EndpointsConfig": { "inner": { "Aliases": ["web"] } } },
        })
    );
    let used: Vec<String> = context.ledger().finish().uses.iter().map(|used| used.rule.to_string()).collect();
    assert_eq!(
        used,
        [
            "secrets: token",
            "docker.verbs: container.*",
            "docker.containers: web-*",
            "docker.images: app:*",
            "docker.networks: inner",
            "docker.ports: 127.0.0.1:8000",
            "docker.mounts: fixtures/",
            "docker.mounts: data/",
            "docker.allow: device:/dev/fuse",
            "docker.allow: capability:NET_ADMIN",
            "filesystem.read: ./",
        ]
    );
}

#[tokio::test]
async fn what_an_engine_refuses_comes_back_in_its_own_words_without_secrets() {
    let fake = Fake::start(|line| match line {
        "POST /containers/create?name=web-404&platform=" => {
            Reply::Json(404, json!({ "message": "No such image: app:v1" }))
        }
        "POST /containers/create?name=web-409&platform=" => {
            Reply::Json(409, json!({ "message": "the name is taken" }))
        }
        "POST /containers/create?name=web-500&platform=" => {
            Reply::Json(500, json!({ "message": "cannot use TOKEN=hunter2" }))
        }
        other => panic!("the engine was asked `{other}`"),
    });
    let grants = json!({ "docker": all(), "secrets": ["token"] });
    let mut context =
        crate::host::testing::Builder::new(grants).secret("token", b"hunter2").docker(fake.engine()).build();
    let mut answers = Vec::new();
    for status in ["404", "409", "500"] {
        let secret = context.get("token".to_owned()).unwrap().unwrap();
        let mut spec = spec(&format!("web-{status}"), "app:v1");
        spec.secret_env = vec![SecretPair { name: "TOKEN".to_owned(), value: secret }];
        answers.push(context.create_container(spec).await.unwrap().unwrap_err());
    }
    assert_eq!(
        answers,
        [
            DockerError::NotFound("No such image: app:v1".to_owned()),
            DockerError::Conflict("the name is taken".to_owned()),
            DockerError::Failed("cannot use TOKEN=***".to_owned()),
        ]
    );
}

const LOG: LogRange = LogRange { tail: None, since_ms: None, max_bytes: None };

fn frame(channel: u8, text: &str) -> Vec<u8> {
    let length = u32::try_from(text.len()).unwrap().to_be_bytes();
    [&[channel, 0, 0, 0], length.as_slice(), text.as_bytes()].concat()
}

#[tokio::test]
async fn a_log_is_taken_apart_into_lines() {
    let stamp = "1970-01-01T00:00:01.500000000Z ";
    let bytes = [
        frame(1, &format!("{stamp}out\n")),
        frame(2, &format!("{stamp}err \n")),
        // A line longer than the engine's buffer.
        frame(1, &format!("{stamp}one ")),
        frame(1, &format!("{stamp}line\n")),
        frame(1, "no time\n"),
        frame(1, &format!("{stamp}unfinished")),
    ];
    let bytes = bytes.concat();
    let fake = with_web(move |line| {
        let path =
            format!("GET /containers/{}/logs?stdout=1&stderr=1&timestamps=1&tail=7&since=1.050", id('a'));
        assert_eq!(line, path);
        Reply::Bytes(bytes.clone())
    });
    let mut context = fake.context(&all());
    let container = web(&mut context).await;
    let range = LogRange { tail: Some(7), since_ms: Some(1050), max_bytes: None };
    let output = context.logs(again(&container), range).await.unwrap().unwrap();
    let lines: Vec<(bool, u64, &str)> = output
        .lines
        .iter()
        .map(|line| (matches!(line.channel, OutputStream::Stderr), line.at_ms, line.text.as_str()))
        .collect();
    let expected = [
        (false, 1500, "out"),
        (true, 1500, "err "),
        (false, 1500, "one line"),
        (false, 0, "no time"),
        (false, 1500, "unfinished"),
    ];
    assert_eq!((lines.as_slice(), output.truncated), (expected.as_slice(), false));
}

/// 256 MiB in lines of 64 KiB pass through; what is kept is what was asked for.
#[tokio::test(flavor = "multi_thread")]
async fn a_huge_log_never_enters_memory() {
    let line = frame(1, &format!("1970-01-01T00:00:01.000000000Z {}\n", "x".repeat((64 << 10) - 40)));
    let fake = with_web(move |_| Reply::Repeated(line.clone(), 4 << 10));
    let mut context = fake.step(&all()).deadline(Duration::from_secs(120)).build();
    let container = web(&mut context).await;
    let before = resident();
    let range = LogRange { max_bytes: Some(200_000), ..LOG };
    let output = context.logs(again(&container), range).await.unwrap().unwrap();
    let kept: usize = output.lines.iter().map(|line| line.text.len()).sum();
    assert_eq!((output.lines.len(), kept, output.truncated), (3, 3 * ((64 << 10) - 40), true));
    let grown = resident().saturating_sub(before);
    assert!(grown < 128 << 20, "{grown} bytes more than before");
}

/// Also of a terminal without a single line break.
#[tokio::test(flavor = "multi_thread")]
async fn a_line_without_end_is_cut() {
    let looked = format!("GET /containers/{}/json", id('a'));
    let fake = Fake::start(move |line| {
        let mut web = container("web-1", &json!({}));
        web["Config"]["Tty"] = json!(true);
        if line == looked || line == "GET /containers/web-1/json" {
            Reply::Json(200, web)
        } else {
            Reply::Repeated(vec![b'x'; 1 << 20], 64)
        }
    });
    let mut context = fake.context(&all());
    let container = web(&mut context).await;
    let output = context.logs(again(&container), LOG).await.unwrap().unwrap();
    let lengths: Vec<usize> = output.lines.iter().map(|line| line.text.len()).collect();
    assert_eq!(lengths, [64 << 10]);
}

#[tokio::test]
async fn a_stream_that_is_none_is_an_error() {
    let fake = with_web(|_| Reply::Bytes(b"HTTP is not a frame".to_vec()));
    let mut context = fake.context(&all());
    let container = web(&mut context).await;
    let error = context.logs(again(&container), LOG).await.unwrap().unwrap_err();
    let text = format!(
        "unix://{}: the connection broke off while the engine was asked to show the log of container `web-1` (its output is not framed \
         as it should be); whether it was done is not known: look with `docker ps -a`",
        fake.socket().display()
    );
    assert_eq!(error, DockerError::Host(HostError::Unavailable(text)));
}

fn resident() -> usize {
    let statm = fs::read_to_string("/proc/self/statm").unwrap();
    statm.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() * 4096
}

/// Entries of a tar in its order: path, mode, owner, where a link leads, content.
fn unpacked(chunked: &[u8]) -> Vec<(String, u32, u64, Option<String>, String)> {
    let mut bytes = Vec::new();
    let mut rest = chunked;
    while let Some(at) = rest.windows(2).position(|two| two == b"\r\n") {
        let length = usize::from_str_radix(std::str::from_utf8(&rest[..at]).unwrap(), 16).unwrap();
        bytes.extend_from_slice(&rest[at + 2..at + 2 + length]);
        rest = &rest[at + 4 + length..];
    }
    let mut archive = tar::Archive::new(bytes.as_slice());
    archive
        .entries()
        .unwrap()
        .map(|entry| {
            let mut entry = entry.unwrap();
            let mut content = String::new();
            std::io::Read::read_to_string(&mut entry, &mut content).unwrap();
            let link = entry.link_name().unwrap().map(|link| link.to_string_lossy().into_owned());
            let header = entry.header();
            (
                entry.path().unwrap().to_string_lossy().into_owned(),
                header.mode().unwrap(),
                header.uid().unwrap() + header.gid().unwrap(),
                link,
                content,
            )
        })
        .collect()
}

fn context_of(fake: &Fake, files: &[(&str, &str)]) {
    for (path, content) in files {
        let path = fake.place().join("context").join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_context_is_sent_in_order_without_what_is_ignored() {
    let fake = Fake::start(|line| {
        if line.starts_with("POST /build?") {
            Reply::Bytes(
                b"{\"stream\":\"Step 1/1 : FROM scratch\\n\"}\n{\"aux\":{\"ID\":\"sha256:b\"}}\n".to_vec(),
            )
        } else {
            Reply::Json(201, json!({}))
        }
    });
    let files = [
        ("docker/Dockerfile", "FROM scratch\n"),
        (".dockerignore", "docker\ntarget\n*.log\n!keep.log\n"),
        ("b", "b"),
        ("a/z", "z"),
        ("target/big", "big"),
        ("x.log", "x"),
        ("keep.log", "keep"),
    ];
    context_of(&fake, &files);
    let place = fake.place().join("context");
    std::os::unix::fs::symlink("a/z", place.join("link")).unwrap();
    fs::set_permissions(place.join("b"), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    fs::set_permissions(place.join("a"), std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    rustix::fs::mknodat(
        rustix::fs::CWD,
        place.join("pipe"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::from_raw_mode(0o644),
        0,
    )
    .unwrap();
    let mut build = build_spec("app:v1");
    build.tags.push("app:v2".to_owned());
    build.dockerfile = "docker/Dockerfile".to_owned();
    build.args = vec![pair("TAG", "v1")];
    build.target = Some("final".to_owned());
    build.no_cache = true;
    let mut context = fake.context(&all());
    let recorded = fake.recorded();
    let built = context.build_image(build).await.unwrap().unwrap();
    assert!(matches!(&built, BuildResult::Built(id) if id == "sha256:b"), "{built:?}");
    let entries = unpacked(&recorded.lock().unwrap()[0]);
    let expected = [
        (".dockerignore", 0o644, None, files[1].1),
        ("a/", 0o700, None, ""),
        ("a/z", 0o644, None, "z"),
        ("b", 0o755, None, "b"),
        ("docker/Dockerfile", 0o644, None, "FROM scratch\n"),
        ("keep.log", 0o644, None, "keep"),
        ("link", 0o777, Some("a/z"), ""),
    ];
    let expected: Vec<_> = expected
        .iter()
        .map(|(path, mode, link, content)| {
            ((*path).to_owned(), *mode, 0, link.map(str::to_owned), (*content).to_owned())
        })
        .collect();
    assert_eq!(entries, expected);
    let lines = fake.lines();
    let url = url::Url::parse(&format!("http://x{}", lines[0].strip_prefix("POST ").unwrap())).unwrap();
    let query =
        |name: &str| url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned());
    assert_eq!(url.path(), "/v1.41/build");
    let asked = ["t", "dockerfile", "target", "nocache", "rm", "forcerm", "buildargs"].map(query);
    let told = ["app:v1", "docker/Dockerfile", "final", "true", "true", "true", r#"{"TAG":"v1"}"#];
    assert_eq!(asked, told.map(|value| Some(value.to_owned())));
    let labels: Value = serde_json::from_str(&query("labels").unwrap()).unwrap();
    assert_eq!(labels, json!({ "runner.run": "RUN", "runner.step": "step", "runner.plugin": "plugin" }));
    assert_eq!(lines[1], "POST /v1.41/images/sha256:b/tag?repo=app&tag=v2");
    assert_eq!(context.ledger().finish().lines[0].text, "Step 1/1 : FROM scratch");
}

#[tokio::test]
async fn a_context_that_is_too_long_or_leads_out_is_not_sent() {
    let fake = Fake::start(|line| panic!("the engine was asked `{line}`"));
    context_of(&fake, &[("Dockerfile", "FROM scratch\n"), ("big", &"x".repeat(1000))]);
    let mut context = fake.context(&all());
    let mut build = build_spec("app:v1");
    build.max_context_bytes = Some(1000);
    let long = context.build_image(build).await.unwrap().unwrap_err();
    let text =
        "the context `context` has 1013 bytes, and 1000 are allowed; leave out more in `.dockerignore`";
    assert_eq!(long, DockerError::Host(HostError::BudgetExceeded(text.to_owned())));
    std::os::unix::fs::symlink("../../secret", fake.place().join("context/out")).unwrap();
    let out = context.build_image(build_spec("app:v1")).await.unwrap().unwrap_err();
    let text = "`context/out` is a link to `../../secret`, which is outside of the context; leave it out in `.dockerignore`";
    assert_eq!(out, DockerError::Host(HostError::Invalid(text.to_owned())));
    fs::remove_file(fake.place().join("context/Dockerfile")).unwrap();
    fs::remove_file(fake.place().join("context/out")).unwrap();
    let none = context.build_image(build_spec("app:v1")).await.unwrap().unwrap_err();
    let text = "there is no Dockerfile `context/Dockerfile`".to_owned();
    assert_eq!(none, DockerError::Host(HostError::Invalid(text)));
    assert_eq!(fake.asked(), []);
}

/// What the step may not read, it may not send to be built either.
#[tokio::test]
async fn a_context_holds_nothing_that_is_not_granted() {
    let fake = Fake::start(|line| panic!("the engine was asked `{line}`"));
    context_of(&fake, &[("Dockerfile", "FROM scratch\n"), ("private/key", "x")]);
    let grants = json!({
        "docker": { "verbs": ["image.build"], "images": ["app:*"] },
        "filesystem": { "read": ["context", "context/Dockerfile", "context/.dockerignore"] },
    });
    let mut context =
        crate::host::testing::Builder::new(grants).directory(&fake.place()).docker(fake.engine()).build();
    let refused = context.build_image(build_spec("app:v1")).await.unwrap().unwrap_err();
    assert_eq!(refused, DockerError::Host(HostError::Denied));
    assert_eq!(fake.asked(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_build_that_breaks_keeps_its_last_50_lines() {
    let mut said = String::new();
    for line in 0..60 {
        writeln!(said, "{}", json!({ "stream": format!("line {line}\n") })).unwrap();
    }
    said.push_str(r#"{"errorDetail":{"message":"it failed"},"error":"it failed"}"#);
    let fake = Fake::start(move |_| Reply::Bytes(said.clone().into_bytes()));
    context_of(&fake, &[("Dockerfile", "FROM scratch\n")]);
    let mut context = fake.context(&all());
    let BuildResult::Broken(problem) = context.build_image(build_spec("app:v1")).await.unwrap().unwrap()
    else {
        panic!("it was built");
    };
    let expected: Vec<String> = (10..60).map(|line| format!("line {line}")).collect();
    assert_eq!((problem.message.as_str(), problem.log), ("it failed", expected));
    assert_eq!(context.ledger().finish().lines.len(), 60);
}

fn archive(entries: &[(&str, tar::EntryType, &str)]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (path, kind, content) in entries {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(*kind);
        header.set_mode(0o644);
        header.set_size(content.len() as u64);
        // As a hostile one would write it: the library refuses `..`.
        header.as_mut_bytes()[..path.len()].copy_from_slice(path.as_bytes());
        if !matches!(kind, tar::EntryType::Regular | tar::EntryType::Directory) {
            header.set_link_name("/etc/passwd").unwrap();
        }
        header.set_cksum();
        builder.append(&header, content.as_bytes()).unwrap();
    }
    builder.into_inner().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn only_plain_files_are_copied_out_and_none_beside_their_place() {
    use tar::EntryType::{Directory, Link, Regular, Symlink};
    let cases = [
        archive(&[
            ("r/", Directory, ""),
            ("r/a", Regular, "a"),
            ("r/s", Symlink, ""),
            ("r/h", Link, ""),
            ("r/s/x", Regular, "x"),
        ]),
        archive(&[("../evil", Regular, "x")]),
        archive(&[("/evil", Regular, "x")]),
    ];
    let mut answers = Vec::new();
    let fake = with_web(move |line| {
        let path = line.split("path=").nth(1).unwrap();
        Reply::Bytes(cases[path.trim_start_matches("%2F").parse::<usize>().unwrap()].clone())
    });
    let mut context = fake.context(&all());
    let container = web(&mut context).await;
    for case in ["/0", "/1", "/2"] {
        answers.push(
            context.copy_out(again(&container), case.to_owned(), "out".to_owned(), None).await.unwrap(),
        );
    }
    let refused = |path: &str| {
        let text = format!("the engine sent the path `{path}`, which is not taken");
        Err(DockerError::Host(HostError::Invalid(text)))
    };
    assert_eq!(answers, [Ok(words(&["out/r/a", "out/r/s/x"])), refused("../evil"), refused("/evil")]);
    let warned: Vec<String> = context.ledger().finish().lines.into_iter().map(|line| line.text).collect();
    assert_eq!(
        warned,
        [
            "`out/r/s` is not copied: it is neither a file nor a directory",
            "`out/r/h` is not copied: it is neither a file nor a directory",
        ]
    );
    assert!(!fake.directory.path().join("evil").exists() && !fake.place().join("evil").exists());
}

#[tokio::test]
async fn a_login_goes_to_the_engine_and_nowhere_else() {
    let fake = Fake::start(|line| match line {
        "GET /images/127.0.0.1:5055/app:v1/json" => Reply::Json(404, json!({ "message": "none" })),
        "POST /images/create?fromImage=127.0.0.1%3A5055%2Fapp&tag=v1&platform=" => {
            Reply::Bytes(br#"{"errorDetail":{"message":"denied: hunter2??>>"},"error":"x"}"#.to_vec())
        }
        other => panic!("the engine was asked `{other}`"),
    });
    let grants = json!({ "docker": all(), "secrets": ["token"] });
    let mut context = crate::host::testing::Builder::new(grants)
        .secret("token", b"hunter2??>>")
        .docker(fake.engine())
        .build();
    let password = context.get("token".to_owned()).unwrap().unwrap();
    let login = Login { user: "me".to_owned(), password };
    let refused = context.pull_image("127.0.0.1:5055/app:v1".to_owned(), Some(login), None).await.unwrap();
    assert_eq!(refused.unwrap_err(), DockerError::Failed("denied: ***".to_owned()));
    let header = fake.asked()[1].login.clone().unwrap();
    let decoded = base64::Engine::decode(&base64::engine::general_purpose::URL_SAFE, header).unwrap();
    assert_eq!(
        serde_json::from_slice::<Value>(&decoded).unwrap(),
        json!({ "username": "me", "password": "hunter2??>>", "serveraddress": "127.0.0.1:5055" })
    );
}

#[tokio::test]
async fn a_push_says_the_digest_and_a_pull_fetches_nothing_that_is_there() {
    let digest = format!("sha256:{}", id('d'));
    let said = format!(
        "{}\n{}\n",
        json!({ "status": "The push refers to repository [127.0.0.1:5055/app]" }),
        json!({ "status": format!("v1: digest: {digest} size: 528") })
    );
    let fake = Fake::start(move |line| match line {
        "POST /images/127.0.0.1:5055/app/push?tag=v1" => Reply::Bytes(said.clone().into_bytes()),
        "GET /images/app:v1/json" => Reply::Json(
            200,
            json!({
                "Id": "sha256:b", "RepoTags": ["app:v1", "secret:v1"], "RepoDigests": [format!("secret@sha256:{}", id('e'))],
                "Config": { "Labels": { "a": "b" }, "Healthcheck": { "Test": ["CMD", "x"] }, "ExposedPorts": { "80/tcp": {} }, "User": "app" },
                "Architecture": "amd64", "Size": 7, "Created": "1970-01-01T00:00:02Z", "RootFS": { "Type": "layers", "Layers": ["x", "y"] },
            }),
        ),
        other => panic!("the engine was asked `{other}`"),
    });
    let mut context = fake.context(&all());
    let pushed = context.push_image("127.0.0.1:5055/app:v1".to_owned(), None, None).await.unwrap();
    assert_eq!(pushed, Ok(format!("127.0.0.1:5055/app@{digest}")));
    let facts = context.pull_image("app:v1".to_owned(), None, None).await.unwrap().unwrap();
    // Names that no rule covers are not shown.
    assert_eq!((facts.tags, facts.digests), (words(&["app:v1"]), Vec::new()));
    assert_eq!((facts.created_at_ms, facts.size, facts.layers, facts.has_health_check), (2000, 7, 2, true));
    assert_eq!(
        (facts.exposed, facts.user.as_str(), facts.architecture.as_str()),
        (words(&["80/tcp"]), "app", "amd64")
    );
}

#[tokio::test]
async fn pruning_spares_what_is_used_kept_young_or_not_granted() {
    let image = |digit: char, tags: &[&str], labels: &Value, created: i64| {
        json!({
            "Id": format!("sha256:{}", id(digit)), "ParentId": "", "RepoTags": tags, "RepoDigests": [], "Created": created, "Size": 5,
            "SharedSize": -1, "Labels": labels, "Containers": -1,
        })
    };
    let none = json!({});
    let listed = json!([
        image('1', &["app:used"], &none, 1),
        image('2', &["app:kept"], &none, 1),
        image('3', &["app:young"], &none, 100),
        image('4', &["app:old", "app:older"], &none, 1),
        image('5', &["app:both", "other:both"], &none, 1),
        image('6', &["<none>:<none>"], &none, 1),
        image('7', &["<none>:<none>"], &json!({ "runner.run": "OLD" }), 1),
        image('8', &["app:won't"], &none, 1),
        image('9', &["app:busy"], &none, 1),
    ]);
    let used = json!([{ "Id": id('a'), "Names": ["/x"], "ImageID": format!("sha256:{}", id('1')) }]);
    let fake = Fake::start(move |line| match line {
        line if line.starts_with("GET /images/json") => Reply::Json(200, listed.clone()),
        line if line.starts_with("GET /containers/json") => Reply::Json(200, used.clone()),
        "DELETE /images/app:busy" => Reply::Json(409, json!({ "message": "in use" })),
        line if line.starts_with("DELETE /images/") => Reply::Json(200, json!([])),
        other => panic!("the engine was asked `{other}`"),
    });
    let mut context = fake.context(&all());
    let spec = |dangling: bool, pattern: &str| PruneSpec {
        dangling,
        pattern: pattern.to_owned(),
        before_ms: 50_000,
        keep: words(&["docker.io/library/app:kept"]),
    };
    let pruned = context.prune_images(spec(false, "app:*")).await.unwrap().unwrap();
    let gone: Vec<(char, usize)> =
        pruned.iter().map(|one| (one.id.chars().last().unwrap(), one.tags.len())).collect();
    assert_eq!(gone, [('7', 0), ('4', 2)]);
    let deleted =
        |lines: Vec<String>| lines.into_iter().filter(|line| line.starts_with("DELETE")).collect::<Vec<_>>();
    let seven = format!("DELETE /v1.41/images/sha256:{}", id('7'));
    let lines = deleted(fake.lines());
    assert_eq!(
        lines,
        [
            "DELETE /v1.41/images/app:old",
            "DELETE /v1.41/images/app:older",
            &seven,
            "DELETE /v1.41/images/app:busy"
        ]
    );
    let pruned = context.prune_images(spec(true, "")).await.unwrap().unwrap();
    assert_eq!(pruned.iter().map(|one| one.id.chars().last().unwrap()).collect::<String>(), "7");
    assert_eq!(deleted(fake.lines())[lines.len()..], [seven]);
    let unread = PruneSpec { keep: words(&["App"]), ..spec(true, "") };
    assert!(matches!(
        context.prune_images(unread).await.unwrap().unwrap_err(),
        DockerError::Host(HostError::Invalid(_))
    ));
}

#[tokio::test]
async fn own_only_is_asked_of_the_engine_too() {
    let fake = Fake::start(|line| match line {
        line if line.starts_with("GET /containers/json") => Reply::Json(200, json!([])),
        line if line.starts_with("GET /networks?") => {
            Reply::Json(200, json!([{ "Name": "inner", "Id": id('c') }, { "Name": "outer", "Id": id('d') }]))
        }
        other => panic!("the engine was asked `{other}`"),
    });
    let mut context = fake.context(&all());
    assert!(context.list_containers(true).await.unwrap().unwrap().is_empty());
    assert_eq!(context.own_networks().await.unwrap(), Ok(words(&["inner"])));
    for line in fake.lines() {
        let url = url::Url::parse(&format!("http://x{}", line.strip_prefix("GET ").unwrap())).unwrap();
        let filters = url.query_pairs().find(|(key, _)| key == "filters").unwrap().1.into_owned();
        let filters: Value = serde_json::from_str(&filters).unwrap();
        assert_eq!(filters, json!({ "label": ["runner.run=RUN", "runner.step=step"] }));
    }
}

#[tokio::test]
async fn a_call_that_is_given_up_leaves_no_connection() {
    let fake = with_web(|_| Reply::Silence);
    let mut context = fake.context(&all());
    let container = web(&mut context).await;
    let waiting = context.wait(again(&container), None);
    assert!(tokio::time::timeout(Duration::from_millis(300), waiting).await.is_err());
    let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
    // The other side hears of it when the system tells it.
    while fake.open() > 0 && tokio::time::Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(fake.open(), 0);
    let timed_out = context.wait(again(&container), Some(100)).await.unwrap().unwrap_err();
    assert_eq!(timed_out, DockerError::Host(HostError::TimedOut));
}
