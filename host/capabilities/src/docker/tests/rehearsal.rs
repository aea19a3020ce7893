//! A rehearsal looks, lists, and writes nothing to the engine.

use serde_json::json;
use wasmtime::component::Resource;

use super::fake::{Fake, Reply, build_spec, container, id, spec};
use crate::host::bindings::runner::plugin::{
    docker::{BuildResult, ContainerState, DockerError, ExecSpec, Host as _, HostContainer as _, PruneSpec},
    types::HostError,
};

/// Everything that writes, on what is there and on what would be there; the engine is only ever asked.
#[tokio::test]
async fn every_write_is_listed_and_none_reaches_the_engine() {
    let fake = Fake::start(|line| match line {
        "GET /containers/web-blue/json" => Reply::Json(200, container("web-blue", &json!({}))),
        line if line.starts_with(&format!("GET /containers/{}/json", id('a'))) => {
            Reply::Json(200, container("web-blue", &json!({})))
        }
        "GET /images/app%3Av1/json" | "GET /images/app:v1/json" => {
            Reply::Json(200, json!({ "Id": format!("sha256:{}", id('c')), "RepoTags": ["app:v1", "app:v0"] }))
        }
        line if line.starts_with("GET /images/json") => Reply::Json(
            200,
            json!([{
                "Id": format!("sha256:{}", id('d')), "ParentId": "", "RepoTags": ["app:old"], "RepoDigests": [], "Created": 1,
                "Size": 7, "SharedSize": 0, "Labels": {}, "Containers": 0,
            }]),
        ),
        line if line.starts_with("GET /containers/json") => Reply::Json(200, json!([])),
        line if line.starts_with("GET ") => Reply::Json(404, json!({ "message": "not there" })),
        other => panic!("the engine was asked `{other}`"),
    });
    std::fs::create_dir_all(fake.place().join("context")).unwrap();
    std::fs::write(fake.place().join("context/Dockerfile"), "FROM scratch\n").unwrap();
    let grants = json!({
        "verbs": ["container.*", "image.*", "network.*"],
        "containers": ["web-*"], "images": ["app:*"], "networks": ["net"],
    });
    let mut context = fake.step(&grants).rehearsing().build();
    let exec = || ExecSpec {
        command: vec!["app".to_owned(), "check".to_owned()],
        env: Vec::new(),
        user: None,
        directory: None,
        timeout_ms: None,
        max_bytes: None,
    };

    // What is there.
    let blue = context.find_container("web-blue".to_owned()).await.unwrap().unwrap().unwrap();
    let held = || Resource::new_borrow(blue.rep());
    context.start(held()).await.unwrap().unwrap();
    assert!(!context.stop(held(), Some(5)).await.unwrap().unwrap());
    context.rename(held(), "web-blue.before".to_owned()).await.unwrap().unwrap();
    assert_eq!(context.exec(held(), exec()).await.unwrap().unwrap().exit_code, 0);
    assert_eq!(
        context.copy_out(held(), "/x".to_owned(), "out".to_owned(), None).await.unwrap().unwrap(),
        [""; 0]
    );
    context.remove(held(), true).await.unwrap().unwrap();

    // What would be there.
    let green = context.create_container(spec("web-green", "app:v1")).await.unwrap().unwrap();
    let held = || Resource::new_borrow(green.rep());
    context.start(held()).await.unwrap().unwrap();
    let facts = context.inspect(held()).await.unwrap().unwrap();
    assert_eq!((facts.name.as_str(), facts.state), ("web-green", ContainerState::Running));
    assert_eq!(context.wait(held(), None).await.unwrap().unwrap(), 0);
    assert_eq!(context.follow(held(), None).await.unwrap().unwrap(), 0);

    // Images and networks.
    let built = context.build_image(build_spec("app:v2")).await.unwrap().unwrap();
    assert!(matches!(built, BuildResult::Built(_)));
    context.pull_image("app:v3".to_owned(), None, None).await.unwrap().unwrap();
    context.push_image("app:v1".to_owned(), None, None).await.unwrap().unwrap();
    context.tag_image("app:v1".to_owned(), "app:live".to_owned()).await.unwrap().unwrap();
    context.remove_image("app:v1".to_owned()).await.unwrap().unwrap();
    let all = PruneSpec { dangling: false, pattern: "app:*".to_owned(), before_ms: 2_000, keep: Vec::new() };
    assert_eq!(context.prune_images(all).await.unwrap().unwrap().len(), 1);
    context.create_network("net".to_owned(), true).await.unwrap().unwrap();

    let record = context.ledger().finish();
    let old = format!("sha256:{}", id('d'));
    assert_eq!(
        record.rehearsed,
        [
            "start container `web-blue`".to_owned(),
            "stop container `web-blue`".to_owned(),
            "rename container `web-blue` to `web-blue.before`".to_owned(),
            r#"run ["app", "check"] in container `web-blue.before`"#.to_owned(),
            "copy `/x` to `out` out of container `web-blue.before`".to_owned(),
            "remove container `web-blue.before`".to_owned(),
            "create container `web-green` from image `app:v1`".to_owned(),
            "start container `web-green`".to_owned(),
            "build image `app:v2` from `context`".to_owned(),
            "get image `app:v3`".to_owned(),
            "send image `app:v1`".to_owned(),
            "give image `app:v1` the name `app:live`".to_owned(),
            "take the name `app:v1` from its image".to_owned(),
            format!("remove image `{old}` (app:old)"),
            "create network `net`".to_owned(),
        ]
    );
    assert!(fake.lines().iter().all(|line| line.starts_with("GET ")), "{:?}", fake.lines());
}

/// A rehearsal that said yes where a run would be told no would be worth nothing.
#[tokio::test]
async fn what_a_run_would_be_denied_is_denied_and_not_listed() {
    let fake = Fake::start(|line| panic!("the engine was asked `{line}`"));
    let grants =
        json!({ "verbs": ["container.create", "image.pull"], "containers": ["web-*"], "images": ["app:*"] });
    let mut context = fake.step(&grants).rehearsing().build();
    let denied = DockerError::Host(HostError::Denied);
    assert_eq!(context.create_container(spec("db", "app:v1")).await.unwrap().unwrap_err(), denied);
    assert_eq!(context.pull_image("other:v1".to_owned(), None, None).await.unwrap().unwrap_err(), denied);
    assert_eq!(context.create_network("net".to_owned(), false).await.unwrap().unwrap_err(), denied);
    let record = context.ledger().finish();
    assert_eq!((record.rehearsed, record.refusals.len()), (Vec::new(), 3));
}
