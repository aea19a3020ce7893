//! What is refused never reaches the engine.

use std::os::unix::fs::symlink;

use serde_json::{Value, json};

use super::fake::{Fake, Reply, build_spec, container, id, spec};
use crate::{
    Refusal,
    host::{
        Context,
        bindings::runner::plugin::{
            docker::{
                ContainerSpec, DockerError, ExecSpec, Host as _, HostContainer as _, LogRange, Mount, Pair,
                Port, Privilege, PruneSpec,
            },
            types::HostError,
        },
    },
};

fn denied() -> DockerError {
    DockerError::Host(HostError::Denied)
}

fn invalid(text: &str) -> DockerError {
    DockerError::Host(HostError::Invalid(text.to_owned()))
}

/// Everything may be done to nothing that a test asks for.
fn elsewhere() -> Value {
    json!({
        "verbs": ["container.*", "image.*", "network.*"], "containers": ["other-*"], "images": ["other:*"], "networks": ["other-*"],
    })
}

/// May create `web-*` from `app:*`.
fn creator() -> Value {
    json!({ "verbs": ["container.create", "container.inspect"], "containers": ["web-*"], "images": ["app:*"] })
}

fn refusals(context: &Context) -> Vec<Refusal> {
    context.ledger().finish().refusals
}

fn silent() -> Fake {
    Fake::start(|line| panic!("the engine was asked `{line}`"))
}

#[tokio::test]
async fn no_name_that_no_rule_covers_reaches_the_engine() {
    let fake = silent();
    let mut context = fake.context(&elsewhere());
    let app = || "app:v1".to_owned();
    assert_eq!(context.create_container(spec("web", "other:v1")).await.unwrap().unwrap_err(), denied());
    assert_eq!(context.create_container(spec("other-web", "app:v1")).await.unwrap().unwrap_err(), denied());
    assert_eq!(context.find_container("web".to_owned()).await.unwrap().unwrap_err(), denied());
    assert_eq!(context.build_image(build_spec("app:v1")).await.unwrap().unwrap_err(), denied());
    assert_eq!(context.pull_image(app(), None, None).await.unwrap().unwrap_err(), denied());
    assert_eq!(context.push_image(app(), None, None).await.unwrap().unwrap_err(), denied());
    assert_eq!(context.inspect_image(app()).await.unwrap().unwrap_err(), denied());
    assert_eq!(context.tag_image("other:v1".to_owned(), app()).await.unwrap().unwrap_err(), denied());
    assert_eq!(context.tag_image(app(), "other:v1".to_owned()).await.unwrap().unwrap_err(), denied());
    assert_eq!(context.remove_image(app()).await.unwrap().unwrap_err(), denied());
    assert_eq!(context.create_network("net".to_owned(), false).await.unwrap().unwrap_err(), denied());
    assert_eq!(context.remove_network("net".to_owned()).await.unwrap().unwrap_err(), denied());
    assert_eq!(fake.asked(), []);
    let first = &refusals(&context)[0];
    assert_eq!(first.message, "none of its `docker.containers` covers `web`: `other-*`");
    let paste = r#"docker: { verbs: [container.create], containers: [web], images: ["other:v1"] }"#;
    assert_eq!(first.grant.as_deref(), Some(paste));
}

#[tokio::test]
async fn no_verb_that_is_not_granted_reaches_the_engine() {
    let fake = Fake::start(|line| match line {
        "GET /containers/web-1/json" => Reply::Json(200, container("web-1", &json!({}))),
        other => panic!("the engine was asked `{other}`"),
    });
    // One that lets a handle be had, and nothing else be done with it.
    let mut context =
        fake.context(&json!({ "verbs": ["container.create"], "containers": ["web-*"], "images": ["app:*"] }));
    let found = context.find_container("web-1".to_owned()).await.unwrap().unwrap().unwrap();
    let asked = fake.asked().len();
    let handle = || wasmtime::component::Resource::new_borrow(found.rep());
    let range = LogRange { tail: None, since_ms: None, max_bytes: None };
    let exec = ExecSpec {
        command: vec!["sh".to_owned()],
        env: Vec::new(),
        user: None,
        directory: None,
        timeout_ms: None,
        max_bytes: None,
    };
    let answers = [
        context.inspect(handle()).await.unwrap().map(drop),
        context.start(handle()).await.unwrap(),
        context.stop(handle(), None).await.unwrap().map(drop),
        context.rename(handle(), "web-2".to_owned()).await.unwrap(),
        context.remove(handle(), true).await.unwrap(),
        context.wait(handle(), None).await.unwrap().map(drop),
        context.logs(handle(), range).await.unwrap().map(drop),
        context.follow(handle(), None).await.unwrap().map(drop),
        context.stats(handle()).await.unwrap().map(drop),
        context.exec(handle(), exec).await.unwrap().map(drop),
        context.copy_out(handle(), "/x".to_owned(), "out".to_owned(), None).await.unwrap().map(drop),
        context.list_containers(false).await.unwrap().map(drop),
        context.build_image(build_spec("app:v1")).await.unwrap().map(drop),
        context.pull_image("app:v1".to_owned(), None, None).await.unwrap().map(drop),
        context.push_image("app:v1".to_owned(), None, None).await.unwrap().map(drop),
        context.inspect_image("app:v1".to_owned()).await.unwrap().map(drop),
        context.tag_image("app:v1".to_owned(), "app:v2".to_owned()).await.unwrap(),
        context.remove_image("app:v1".to_owned()).await.unwrap(),
        context.create_network("web-net".to_owned(), false).await.unwrap(),
        context.remove_network("web-net".to_owned()).await.unwrap().map(drop),
        context.own_networks().await.unwrap().map(drop),
        context
            .prune_images(PruneSpec {
                dangling: true,
                pattern: String::new(),
                before_ms: 1,
                keep: Vec::new(),
            })
            .await
            .unwrap()
            .map(drop),
    ];
    assert_eq!(answers.to_vec(), vec![Err(denied()); 22]);
    assert_eq!(fake.asked().len(), asked);
    let first = &refusals(&context)[0];
    assert_eq!(
        (first.request.as_str(), first.message.as_str(), first.grant.as_deref()),
        (
            "container.inspect web-1",
            "none of its `docker.verbs` covers `container.inspect`: `container.create`",
            Some("docker: { verbs: [container.inspect], containers: [web-1] }")
        )
    );
}

fn with(change: impl FnOnce(&mut ContainerSpec)) -> ContainerSpec {
    let mut spec = spec("web-1", "app:v1");
    change(&mut spec);
    spec
}

fn mount(source: &str) -> Mount {
    Mount { source: source.to_owned(), target: "/data".to_owned(), writable: false }
}

#[tokio::test]
async fn nothing_of_a_create_that_is_not_granted_reaches_the_engine() {
    let fake = silent();
    let mut context = fake.context(&creator());
    let table = [
        with(|spec| spec.network = Some("inner".to_owned())),
        with(|spec| spec.ports = vec![Port { inside: 80, address: String::new(), outside: 0 }]),
        with(|spec| spec.ports = vec![Port { inside: 80, address: "0.0.0.0".to_owned(), outside: 80 }]),
        with(|spec| spec.mounts = vec![mount("fixtures")]),
        with(|spec| spec.mounts = vec![mount("/srv")]),
        with(|spec| spec.privileges = vec![Privilege::Privileged]),
        with(|spec| spec.privileges = vec![Privilege::HostPid]),
        with(|spec| spec.privileges = vec![Privilege::HostIpc]),
        with(|spec| spec.privileges = vec![Privilege::HostNetwork]),
        with(|spec| spec.privileges = vec![Privilege::Device("/dev/fuse".to_owned())]),
        with(|spec| spec.privileges = vec![Privilege::AddCapability("SYS_ADMIN".to_owned())]),
        with(|spec| spec.privileges = vec![Privilege::VolumesFrom("web-2".to_owned())]),
    ];
    for spec in table {
        let shown = format!("{spec:?}");
        assert_eq!(context.create_container(spec).await.unwrap().unwrap_err(), denied(), "{shown}");
    }
    assert_eq!(fake.asked(), []);
}

#[tokio::test]
async fn what_no_grant_can_give_is_refused_whatever_it_says() {
    let fake = silent();
    let all = json!({
        "verbs": ["container.create"], "containers": ["*"], "images": ["*"], "networks": ["*"],
        "mounts": { "read": ["/srv", "./", "/tmp"], "write": ["/srv", "./", "/tmp"] },
    });
    let mut context = fake.context(&all);
    let own_socket = fake.socket().to_str().unwrap().to_owned();
    for source in [
        "/",
        "/proc",
        "/sys/kernel",
        "/etc",
        "/etc/shadow",
        "/var",
        "/run",
        "/var/run/docker.sock",
        &own_socket,
    ] {
        let spec = with(|spec| spec.mounts = vec![mount(source)]);
        assert_eq!(context.create_container(spec).await.unwrap().unwrap_err(), denied(), "{source}");
    }
    let text = "`fixtures/../../etc`: a path to mount holds no `..`";
    let spec = with(|spec| spec.mounts = vec![mount("fixtures/../../etc")]);
    assert_eq!(context.create_container(spec).await.unwrap().unwrap_err(), invalid(text));
    let spec = with(|spec| spec.network = Some("host".to_owned()));
    assert_eq!(
        context.create_container(spec).await.unwrap().unwrap_err(),
        invalid("`host` is not a network to join; the host's own is the privilege `host-network`")
    );
    let spec = with(|spec| spec.network = Some("container:web-2".to_owned()));
    assert_eq!(
        context.create_container(spec).await.unwrap().unwrap_err(),
        invalid("`container:web-2` cannot be the name of a network: letters, digits, `_`, `.` and `-`")
    );
    // The journal of this very run, and every directory that holds it.
    std::fs::create_dir_all(fake.place().join(".runner/runs")).unwrap();
    for source in [".runner", ".runner/runs", "./"] {
        let spec = with(|spec| spec.mounts = vec![mount(source)]);
        assert_eq!(context.create_container(spec).await.unwrap().unwrap_err(), denied(), "{source}");
    }
    assert_eq!(fake.asked(), []);
}

#[tokio::test]
async fn a_mount_that_a_link_leads_astray_is_refused() {
    let fake = silent();
    let mut grant = creator();
    grant["mounts"] = json!({ "write": ["data/"] });
    let mut context = fake.context(&grant);
    let data = fake.place().join("data");
    std::fs::create_dir(&data).unwrap();
    symlink("/", data.join("root")).unwrap();
    symlink("..", data.join("up")).unwrap();
    symlink("/etc", data.join("etc")).unwrap();
    for source in ["data/root", "data/root/etc", "data/up", "data/etc"] {
        let spec = with(|spec| spec.mounts = vec![mount(source)]);
        assert_eq!(context.create_container(spec).await.unwrap().unwrap_err(), denied(), "{source}");
    }
    let spec = with(|spec| spec.mounts = vec![mount("data/none")]);
    let absent = context.create_container(spec).await.unwrap().unwrap_err();
    let text = format!(
        "`{}/data/none` cannot be mounted: No such file or directory (os error 2)",
        fake.place().canonicalize().unwrap().display()
    );
    assert_eq!(absent, invalid(&text));
    assert_eq!(fake.asked(), []);
    let message = "`data/root` leads to `/`, which is outside of the granted directory";
    assert_eq!(refusals(&context)[0].message, message);
}

#[tokio::test]
async fn names_that_would_change_the_request_are_no_names() {
    let fake = silent();
    let mut context = fake.context(&json!({
        "verbs": ["container.*", "image.*", "network.*"], "containers": ["*"], "images": ["*"], "networks": ["*"],
    }));
    for name in ["", "../images/json", "a/../../images", "a?all=1", "a#b", "a b", "a%2e%2e", "a\nb", "-a"] {
        let shown: String = name.chars().flat_map(char::escape_debug).collect();
        let text = |what: &str| {
            invalid(&format!("`{shown}` cannot be the name of a {what}: letters, digits, `_`, `.` and `-`"))
        };
        assert_eq!(context.find_container(name.to_owned()).await.unwrap().unwrap_err(), text("container"));
        assert_eq!(
            context.create_container(spec(name, "app:v1")).await.unwrap().unwrap_err(),
            text("container")
        );
        assert_eq!(
            context.create_network(name.to_owned(), false).await.unwrap().unwrap_err(),
            text("network")
        );
        let image = context.inspect_image(format!("{name}:v1/..")).await.unwrap().unwrap_err();
        assert!(matches!(image, DockerError::Host(HostError::Invalid(_))), "{image:?}");
    }
    let taken =
        with(|spec| spec.labels = vec![Pair { name: "runner.run".to_owned(), value: "other".to_owned() }]);
    assert_eq!(
        context.create_container(taken).await.unwrap().unwrap_err(),
        invalid("the label `runner.run`: labels that start with `runner.` are the runner's own")
    );
    assert_eq!(fake.asked(), []);
}

/// What another run has created is not there, also for a rule that would cover its name, unless it names just that.
#[tokio::test]
async fn what_is_another_runs_is_not_there() {
    let answer = |line: &str| match line {
        "GET /containers/web-1/json" => {
            Reply::Json(200, container("web-1", &json!({ "runner.run": "OTHER" })))
        }
        line if line.starts_with("GET /containers/json") => Reply::Json(
            200,
            json!([
                { "Id": id('a'), "Names": ["/web-1"], "Labels": { "runner.run": "OTHER" } },
                { "Id": id('b'), "Names": ["/secret"], "Labels": {} },
            ]),
        ),
        "GET /networks/web-net" => {
            Reply::Json(200, json!({ "Name": "web-net", "Id": id('c'), "Labels": { "runner.run": "OTHER" } }))
        }
        line if line.starts_with("GET /containers/aaaa") => {
            Reply::Json(200, container("web-1", &json!({ "runner.run": "OTHER" })))
        }
        other => panic!("the engine was asked `{other}`"),
    };
    let grant = |name: &str| {
        json!({
            "verbs": ["container.inspect", "container.create", "network.remove"], "containers": [name], "images": ["app:*"],
            "networks": ["web-*"],
        })
    };
    let fake = Fake::start(answer);
    let mut context = fake.context(&grant("web-*"));
    assert!(context.find_container("web-1".to_owned()).await.unwrap().unwrap().is_none());
    assert!(context.find_container(id('a')).await.unwrap().unwrap().is_none());
    assert!(context.list_containers(false).await.unwrap().unwrap().is_empty());
    assert_eq!(context.remove_network("web-net".to_owned()).await.unwrap(), Ok(false));
    let joining = with(|spec| spec.network = Some("web-net".to_owned()));
    let text = "network web-net not found".to_owned();
    assert_eq!(context.create_container(joining).await.unwrap().unwrap_err(), DockerError::NotFound(text));
    assert!(fake.lines().iter().all(|line| line.starts_with("GET ")), "{:?}", fake.lines());

    let mut named = fake.context(&grant("web-1"));
    assert!(named.find_container("web-1".to_owned()).await.unwrap().unwrap().is_some());
    let listed = named.list_containers(false).await.unwrap().unwrap();
    let names: Vec<(&str, bool)> = listed.iter().map(|one| (one.name.as_str(), one.of_this_run)).collect();
    assert_eq!(names, [("web-1", false)]);
    // The variables of a container stay with the engine.
    assert!(!format!("{listed:?}").contains("hunter2"));
}

/// An id names nothing by itself.
#[tokio::test]
async fn an_id_leads_nowhere_that_its_name_does_not() {
    let fake = Fake::start(|line| match line {
        line if line.starts_with("GET /containers/") => Reply::Json(200, container("secret", &json!({}))),
        line if line.starts_with("GET /images/sha256:") => {
            Reply::Json(200, json!({ "Id": format!("sha256:{}", id('b')), "RepoTags": ["secret:v1"] }))
        }
        other => panic!("the engine was asked `{other}`"),
    });
    let mut context = fake.context(&json!({
        "verbs": ["container.create", "image.inspect", "image.tag"], "containers": ["web-*"], "images": ["app:*"],
    }));
    let image = format!("sha256:{}", id('b'));
    assert!(context.find_container(id('a')).await.unwrap().unwrap().is_none());
    assert!(context.inspect_image(image.clone()).await.unwrap().unwrap().is_none());
    assert_eq!(context.create_container(spec("web-1", &image)).await.unwrap().unwrap_err(), denied());
    assert_eq!(context.tag_image(image, "app:v1".to_owned()).await.unwrap().unwrap_err(), denied());
    assert!(fake.lines().iter().all(|line| line.starts_with("GET ")), "{:?}", fake.lines());
}

#[tokio::test]
async fn a_call_without_an_engine_is_denied() {
    let grants = json!({ "docker": { "verbs": ["container.inspect"], "containers": ["*"] } });
    let mut context = crate::host::testing::Builder::new(grants).build();
    assert_eq!(context.engine().await.unwrap().unwrap_err(), denied());
    assert_eq!(refusals(&context)[0].message, "this call has no Docker Engine");
}

/// A step without the grant is linked with what cannot do anything; it is told by the same words.
#[tokio::test]
async fn a_step_that_is_granted_no_docker_has_no_engine_behind_its_import() {
    let fake = silent();
    let mut context = crate::host::testing::Builder::new(json!({})).docker(fake.engine()).build();
    let mut denying = crate::host::denied::Denied(&mut context);
    let name = || "web".to_owned();
    let image = || "app:v1".to_owned();
    let prune = PruneSpec { dangling: true, pattern: String::new(), before_ms: 1, keep: Vec::new() };
    let answers = [
        denying.engine().await.unwrap().map(drop),
        denying.create_container(spec("web", "app:v1")).await.unwrap().map(drop),
        denying.find_container(name()).await.unwrap().map(drop),
        denying.list_containers(false).await.unwrap().map(drop),
        denying.build_image(build_spec("app:v1")).await.unwrap().map(drop),
        denying.pull_image(image(), None, None).await.unwrap().map(drop),
        denying.push_image(image(), None, None).await.unwrap().map(drop),
        denying.inspect_image(image()).await.unwrap().map(drop),
        denying.tag_image(image(), image()).await.unwrap(),
        denying.remove_image(image()).await.unwrap(),
        denying.prune_images(prune).await.unwrap().map(drop),
        denying.create_network(name(), false).await.unwrap(),
        denying.remove_network(name()).await.unwrap().map(drop),
        denying.own_networks().await.unwrap().map(drop),
    ];
    assert_eq!(answers.to_vec(), vec![Err(denied()); 14]);
    assert_eq!(fake.asked(), []);
    let told = refusals(&context);
    assert!(
        told.iter().all(|refusal| refusal.message == "this step is granted no Docker at all"),
        "{told:?}"
    );
    let paste = r#"docker: { verbs: [container.create], containers: [web], images: ["app:v1"] }"#;
    assert_eq!(told[1].grant.as_deref(), Some(paste));
}
