//! What is read, what is covered, what is narrower.

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::{
    Capability, DockerHost, GrantError, Policy, Refusal, Requested, admit,
    docker::{DockerGrant, Reference, Verb, grant::Wanted},
};

fn grant(value: &Value) -> DockerGrant {
    DockerGrant::parse(value).unwrap()
}

fn errors(value: &Value) -> Vec<(String, String)> {
    let errors = DockerGrant::parse(value).unwrap_err();
    errors.into_iter().map(|error: GrantError| (error.pointer, error.message)).collect()
}

fn image(text: &str) -> Reference {
    text.parse().unwrap()
}

const DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

#[test]
fn a_grant_reads_back_as_it_was_written() {
    let block = json!({
        "verbs": ["container.inspect", "image.*", "container.create", "network.create"],
        "containers": ["l9-api-*"],
        "images": ["l9-api:*", format!("l9-api@{DIGEST}"), "127.0.0.1:5055/l9/*:v*"],
        "networks": ["l9-*"],
        "ports": ["127.0.0.1:8000-8001", "127.0.0.1:0", "[::1]:80"],
        "mounts": { "read": ["fixtures/"], "write": ["/srv/l9/data"] },
        "allow": ["host-network", "device:/dev/fuse", "capability:NET_ADMIN", "volumes-from"],
    });
    let read = grant(&block);
    assert_eq!(serde_json::to_value(&read).unwrap(), block);
    assert_eq!(serde_json::from_value::<DockerGrant>(block).unwrap(), read);
}

#[test]
fn what_cannot_be_meant_is_an_error_with_its_place() {
    let table = [
        (
            json!({ "verbs": ["container.restart"], "containers": ["a"] }),
            "/verbs/0",
            "there is no verb `container.restart`; did you mean `container.start`?",
        ),
        (json!({ "verbs": ["*"], "containers": ["a"] }), "/verbs/0", "there is no verb `*`"),
        (json!({ "verb": [] }), "/verb", "unknown key `verb`; did you mean `verbs`?"),
        (
            json!({ "verbs": ["container.start"] }),
            "/verbs",
            "a verb of this grant needs `containers`, and there is none",
        ),
        (
            json!({ "verbs": ["container.create"], "containers": ["a"] }),
            "/verbs",
            "a verb of this grant needs `images`, and there is none",
        ),
        (
            json!({ "verbs": ["network.remove"] }),
            "/verbs",
            "a verb of this grant needs `networks`, and there is none",
        ),
        (
            json!({ "verbs": ["image.pull"], "images": ["a:b"], "containers": ["a"] }),
            "/containers",
            "no verb of this grant needs `containers`",
        ),
        (
            json!({ "verbs": ["container.start"], "containers": ["a"], "images": ["a:b"] }),
            "/images",
            "no verb of this grant needs `images`",
        ),
        (
            json!({ "verbs": ["container.start"], "containers": ["a"], "ports": ["127.0.0.1:1"] }),
            "/ports",
            "no verb of this grant needs `ports`",
        ),
        (
            json!({ "verbs": ["container.start"], "containers": ["a"], "allow": ["privileged"] }),
            "/allow",
            "no verb of this grant needs `allow`",
        ),
        (
            json!({ "containers": ["a/b"], "verbs": [] }),
            "/containers/0",
            "`a/b` is not a name: letters, digits, `_`, `.`, `-`, and `*` for any of them",
        ),
        (
            json!({ "images": ["app"] }),
            "/images/0",
            "`app` is not a rule for images: it says no tag; write `app:latest`, or `app:*` for all tags",
        ),
        (
            json!({ "images": ["App:v1"] }),
            "/images/0",
            "`App:v1` is not a rule for images: a name is made of lower-case letters, digits, `.`, `_`, `-` and `*` between `/`",
        ),
        (json!({ "ports": ["8000"] }), "/ports/0", "`8000` is not `address:port` or `address:first-last`"),
        (
            json!({ "ports": ["127.0.0.1:9-8"] }),
            "/ports/0",
            "`127.0.0.1:9-8`: the range ends before it begins",
        ),
        (
            json!({ "ports": ["127.0.0.1:0-8"] }),
            "/ports/0",
            "`127.0.0.1:0-8`: port 0 means any free one, and stands alone",
        ),
        (
            json!({ "mounts": { "read": ["a/../b"] } }),
            "/mounts/read/0",
            "`a/../b`: a path to mount holds no `..`",
        ),
        (json!({ "mounts": { "reed": [] } }), "/mounts/reed", "unknown key `reed`"),
        (
            json!({ "allow": ["privilege"] }),
            "/allow/0",
            "there is no privilege `privilege`; did you mean `privileged`?",
        ),
        (
            json!({ "allow": ["device:/dev/../etc/shadow"] }),
            "/allow/0",
            "`device:/dev/../etc/shadow`: a device is a plain path below `/dev/`",
        ),
    ];
    for (block, pointer, message) in table {
        assert_eq!(errors(&block), [(pointer.to_owned(), message.to_owned())], "{block}");
    }
}

#[test]
fn what_makes_a_container_its_machine_is_no_mount_root() {
    for root in [
        "/",
        "/proc",
        "/proc/1",
        "/sys",
        "/etc",
        "/etc/ssh",
        "//etc/./",
        "/var",
        "/run",
        "/var/run",
        "/var/lib/docker/volumes",
    ] {
        let block = json!({ "verbs": ["container.create"], "containers": ["a"], "images": ["*"], "mounts": { "read": [root] } });
        assert_eq!(
            errors(&block),
            [(
                "/mounts/read/0".to_owned(),
                format!(
                    "`{root}` cannot be mounted by any grant: it is, or holds, what makes a container as mighty as its machine"
                )
            )]
        );
    }
    let socket = |allow: Value| {
        json!({
            "verbs": ["container.create"], "containers": ["a"], "images": ["*"],
            "mounts": { "write": ["/var/run/docker.sock"] }, "allow": allow,
        })
    };
    assert_eq!(
        errors(&socket(json!([]))),
        [(
            "/mounts/write/0".to_owned(),
            "`/var/run/docker.sock` is where an engine listens: whoever may write there rules the machine"
                .to_owned()
        )]
    );
    assert!(DockerGrant::parse(&socket(json!(["docker-socket"]))).is_ok());
}

#[test]
fn names_of_images_have_one_spelling() {
    let table = [
        ("app", "app:latest"),
        ("docker.io/library/app:v1", "app:v1"),
        ("index.docker.io/team/app", "team/app:latest"),
        ("127.0.0.1:5055/team/app", "127.0.0.1:5055/team/app:latest"),
        ("localhost/app:v1", "localhost/app:v1"),
    ];
    for (written, shown) in table {
        assert_eq!(image(written).to_string(), shown);
    }
    let wrong = [
        "",
        "app:",
        "App",
        "a b",
        "app/../x",
        "../../containers/json",
        "app?x=1",
        "app#x",
        "app%2e",
        "app:v1@sha256:0",
        "sha256:abc",
        "a/",
        "/a",
        "a//b",
        "-a",
        "app:v1/..",
    ];
    for text in wrong {
        assert!(text.parse::<Reference>().is_err(), "{text}");
    }
    let both = format!("app:v1@{DIGEST}");
    assert_eq!(
        both.parse::<Reference>().unwrap_err(),
        format!("`{both}` is not the name of an image: it has a tag and a digest; name it by one of them")
    );
}

#[test]
fn rules_for_images_cover_what_they_say_and_no_other_registry() {
    let pinned = format!("app@{DIGEST}");
    let other = "app@sha256:0000000000000000000000000000000000000000000000000000000000000000";
    let table: [(&str, &[&str], &[&str]); 6] = [
        (
            "app:*",
            &["app:v1", "app", "docker.io/library/app:v2"],
            &["app-evil:v1", &pinned, "app:5000/evil:v1", "team/app:v1", DIGEST],
        ),
        ("app-*:v1", &["app-x:v1"], &["app-x:v2", "app-evil.example/x:v1", "app:v1"]),
        (
            "127.0.0.1:5055/*:*",
            &["127.0.0.1:5055/app:v1"],
            &["127.0.0.1:5055/team/app:v1", "127.0.0.1:5056/app:v1"],
        ),
        (&pinned, &[&pinned], &[other, "app:v1"]),
        ("app@sha256:*", &[&pinned, other], &["app:v1", DIGEST]),
        ("*", &["app:v1", &pinned, "registry.example/a/b/c:v1", DIGEST], &[]),
    ];
    for (rule, yes, no) in table {
        let grant = grant(&json!({ "verbs": ["image.pull"], "images": [rule] }));
        let covered = |name: &&&str| grant.covers(&Wanted::image(Verb::ImagePull, &image(name))).is_ok();
        assert_eq!(yes.iter().filter(covered).count(), yes.len(), "{rule}");
        assert_eq!(no.iter().filter(covered).count(), 0, "{rule}");
    }
}

fn wanted() -> Wanted {
    let mut wanted = Wanted::container(Verb::ContainerCreate, "web-1");
    wanted.images.push(image("app:v1"));
    wanted.networks.push("inner".to_owned());
    wanted.ports.push("127.0.0.1:8000".parse().unwrap());
    wanted.mounts = vec![("fixtures/a".parse().unwrap(), false), ("/srv/x".parse().unwrap(), true)];
    wanted.privileges = vec!["host-pid".parse().unwrap()];
    wanted
}

fn wide() -> Value {
    json!({
        "verbs": ["container.create"], "containers": ["web-*"], "images": ["app:*"], "networks": ["inner"],
        "ports": ["127.0.0.1:8000-8010"], "mounts": { "read": ["fixtures/"], "write": ["/srv"] }, "allow": ["host-pid"],
    })
}

#[test]
fn a_call_names_every_rule_it_uses() {
    let rules: Vec<String> =
        grant(&wide()).covers(&wanted()).unwrap().iter().map(ToString::to_string).collect();
    assert_eq!(
        rules,
        [
            "docker.verbs: container.create",
            "docker.containers: web-*",
            "docker.images: app:*",
            "docker.networks: inner",
            "docker.ports: 127.0.0.1:8000-8010",
            "docker.mounts: fixtures/",
            "docker.mounts: /srv",
            "docker.allow: host-pid",
        ]
    );
}

#[test]
fn each_list_denies_by_itself_and_the_refusal_can_be_pasted() {
    let paste = "docker: { verbs: [container.create], containers: [web-1], images: [\"app:v1\"], networks: [inner], ports: \
                 [\"127.0.0.1:8000\"], mounts: { read: [fixtures/a], write: [/srv/x] }, allow: [host-pid] }";
    let table = [
        (
            "/verbs/0",
            json!("container.start"),
            "none of its `docker.verbs` covers `container.create`: `container.start`",
        ),
        ("/containers/0", json!("web-2"), "none of its `docker.containers` covers `web-1`: `web-2`"),
        ("/images/0", json!("app:v2"), "none of its `docker.images` covers `app:v1`: `app:v2`"),
        ("/networks/0", json!("outer"), "none of its `docker.networks` covers `inner`: `outer`"),
        (
            "/ports/0",
            json!("0.0.0.0:8000"),
            "none of its `docker.ports` covers `127.0.0.1:8000`: `0.0.0.0:8000`",
        ),
        (
            "/mounts/read/0",
            json!("fixtures/a/b"),
            "none of its `docker.mounts.read` covers `fixtures/a`: `fixtures/a/b`",
        ),
        (
            "/mounts/write/0",
            json!("/srv/x/y"),
            "none of its `docker.mounts.write` covers `/srv/x`: `/srv/x/y`",
        ),
        ("/allow/0", json!("host-ipc"), "none of its `docker.allow` covers `host-pid`: `host-ipc`"),
    ];
    for (pointer, value, message) in table {
        let mut block = wide();
        *block.pointer_mut(pointer).unwrap() = value;
        let read: DockerGrant = serde_json::from_value(block).unwrap();
        let refusal = read.covers(&wanted()).unwrap_err();
        let request = "container.create web-1 inner app:v1".to_owned();
        let (capability, message, grant) = (Capability::Docker, message.to_owned(), Some(paste.to_owned()));
        assert_eq!(*refusal, Refusal { capability, request, message, grant }, "{pointer}");
    }
    let pasted: Value = json!({
        "verbs": ["container.create"], "containers": ["web-1"], "images": ["app:v1"], "networks": ["inner"],
        "ports": ["127.0.0.1:8000"], "mounts": { "read": ["fixtures/a"], "write": ["/srv/x"] }, "allow": ["host-pid"],
    });
    assert!(grant(&pasted).covers(&wanted()).is_ok());
}

/// What may be written may be read too, and not the other way round.
#[test]
fn a_root_for_writing_is_one_for_reading() {
    let grant = grant(&wide());
    let mount = |path: &str, write| {
        grant.covers(&Wanted { mounts: vec![(path.parse().unwrap(), write)], ..Wanted::default() }).is_ok()
    };
    assert_eq!(
        [mount("/srv/x", false), mount("fixtures/a", true), mount("fixtures2", false)],
        [true, false, false]
    );
    assert!(!mount("/fixtures", false));
}

#[test]
fn what_only_an_operator_can_give_needs_a_policy() {
    let block = json!({ "docker": { "verbs": ["container.create"], "containers": ["a"], "images": ["*"], "allow": ["privileged"] } });
    let requested = Requested::parse(&block).unwrap();
    let refused = admit(requested.clone(), &Policy::unrestricted()).unwrap_err();
    assert_eq!(
        refused,
        [Refusal {
            capability: Capability::Docker,
            request: "the Docker privilege `privileged`".to_owned(),
            message: "only the operator's policy can allow it, and none is in force that names grants; write one (`{ version: 1, grants: \
                      { docker: { verbs: [container.create], …, allow: [\"privileged\"] } } }`) and name it with `--policy`"
                .to_owned(),
            grant: None,
        }]
    );
    let policy = |allow: Value| {
        let mut grants = block.clone();
        grants["docker"]["allow"] = allow;
        Policy::parse(&json!({ "version": 1, "grants": grants })).unwrap()
    };
    let beyond = admit(requested.clone(), &policy(json!(["host-pid"]))).unwrap_err();
    assert_eq!(
        (beyond[0].capability, beyond[0].request.as_str()),
        (Capability::Docker, "the Docker privilege `privileged`")
    );
    assert!(admit(requested, &policy(json!(["privileged"]))).is_ok());
    // Limits alone are no ceiling.
    let limits = Policy::parse(&json!({ "version": 1, "limits": { "calls": 5 } })).unwrap();
    assert!(admit(Requested::parse(&block).unwrap(), &limits).is_err());
}

#[test]
fn what_reaches_beyond_is_named_with_its_place() {
    let narrow = json!({
        "verbs": ["container.*"], "containers": ["*"], "images": ["app*:v1", "app@sha256:*"], "networks": ["inner*"],
        "ports": ["127.0.0.1:8000-8011"], "mounts": { "read": ["./"], "write": ["fixtures/"] }, "allow": ["privileged"],
    });
    let beyond = grant(&wide()).beyond(&grant(&narrow));
    let beyond: Vec<(&str, &str)> =
        beyond.iter().map(|error| (error.pointer.as_str(), error.message.as_str())).collect();
    assert_eq!(
        beyond,
        [
            ("/verbs/0", "the Docker verb `container.*`"),
            ("/containers/0", "containers `*`"),
            ("/images/0", "images `app*:v1`"),
            ("/images/1", "images `app@sha256:*`"),
            ("/networks/0", "networks `inner*`"),
            ("/ports/0", "publishing `127.0.0.1:8000-8011`"),
            ("/mounts/read/0", "mounting `./`"),
            ("/mounts/write/0", "mounting `fixtures/` for writing"),
            ("/allow/0", "the Docker privilege `privileged`"),
        ]
    );
    assert_eq!(grant(&wide()).beyond(&grant(&wide())), []);
}

#[test]
fn an_engine_is_named_as_docker_names_it() {
    let read = |text: &str| text.parse::<DockerHost>();
    assert_eq!(read("unix:///run/x.sock"), Ok(DockerHost::Unix("/run/x.sock".to_owned())));
    assert_eq!(read("ssh://admin@l9"), Ok(DockerHost::Ssh("admin@l9".to_owned())));
    assert!(
        ["", "ssh://-oProxyCommand=x", "ssh://l9:22", "tcp://l9", "npipe:////./pipe"]
            .iter()
            .all(|text| read(text).is_err())
    );
}

fn names() -> impl Strategy<Value = String> {
    "[ab*]{1,4}".prop_filter("a name", |text| !text.starts_with('-'))
}

fn images() -> impl Strategy<Value = String> {
    "[ab*]{1,3}(/[ab*]{1,2})?:[ab*]{1,3}|\\*"
}

fn any_grant() -> impl Strategy<Value = Value> {
    let verbs = prop::collection::vec(
        prop::sample::select(vec![
            "container.start",
            "container.create",
            "container.*",
            "image.pull",
            "image.*",
            "network.*",
        ]),
        0..3,
    );
    let ports = prop::collection::vec(
        prop::sample::select(vec![
            "127.0.0.1:1",
            "127.0.0.1:1-3",
            "127.0.0.1:2-9",
            "127.0.0.1:0",
            "0.0.0.0:1-3",
        ]),
        0..3,
    );
    let roots =
        || prop::collection::vec(prop::sample::select(vec!["./", "a", "a/b", "/srv", "/srv/a", "/a"]), 0..2);
    (
        verbs,
        prop::collection::vec(names(), 0..3),
        prop::collection::vec(images(), 0..3),
        prop::collection::vec(names(), 0..2),
        ports,
        roots(),
        roots(),
    )
        .prop_map(|(verbs, containers, images, networks, ports, read, write)| {
            json!({
                "verbs": verbs, "containers": containers, "images": images, "networks": networks, "ports": ports,
                "mounts": { "read": read, "write": write },
            })
        })
}

/// The rules of `narrow` that `wide` says lie within it.
fn within(wide: &DockerGrant, mut narrow: Value) -> DockerGrant {
    let read: DockerGrant = serde_json::from_value(narrow.clone()).unwrap();
    // From the back, so that the places of the others stay what they are.
    for error in wide.beyond(&read).iter().rev() {
        let (list, index) = error.pointer.rsplit_once('/').unwrap();
        narrow.pointer_mut(list).unwrap().as_array_mut().unwrap().remove(index.parse().unwrap());
    }
    serde_json::from_value(narrow).unwrap()
}

proptest! {
    /// What a narrower grant lets through, the wider one does too.
    #[test]
    fn a_wider_grant_never_refuses_more(
        wide in any_grant(), narrow in any_grant(),
        container in "[ab]{1,4}", name in "[ab]{1,3}(/[ab]{1,2})?", tag in "[ab]{1,3}", network in "[ab]{1,4}",
        address in prop::sample::select(vec!["127.0.0.1", "0.0.0.0"]), port in 0_u16..10,
        path in prop::sample::select(vec!["./", "a", "a/b/c", "b", "/srv/a/b", "/srv", "/a"]), write in any::<bool>(),
        verb in prop::sample::select(Verb::ALL.to_vec()),
    ) {
        let wide: DockerGrant = serde_json::from_value(wide).unwrap();
        let narrow = within(&wide, narrow);
        prop_assert_eq!(wide.beyond(&narrow), []);
        let image: Reference = format!("{name}:{tag}").parse().unwrap();
        let calls = [
            Wanted::verb(verb),
            Wanted::container(verb, &container),
            Wanted::image(verb, &image),
            Wanted::network(verb, &network),
            Wanted { ports: vec![format!("{address}:{port}").parse().unwrap()], ..Wanted::default() },
            Wanted { mounts: vec![(path.parse().unwrap(), write)], ..Wanted::default() },
        ];
        for call in calls {
            prop_assert!(narrow.covers(&call).is_err() || wide.covers(&call).is_ok(), "{call:?}");
        }
    }

    #[test]
    fn no_text_makes_a_panic(text in "\\PC{0,40}") {
        drop(text.parse::<Reference>());
        let block = json!({ "verbs": [&text], "containers": [&text], "images": [&text], "ports": [&text], "mounts": { "read": [&text] }, "allow": [&text] });
        drop(DockerGrant::parse(&block));
    }
}
