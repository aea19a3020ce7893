//! `op: push` and `op: fetch`.

use super::*;
use runner_plugin::HostError;

/// Two commits, the first known to `origin`.
fn ahead() -> (Scene, FakeRepository, [String; 2]) {
    let repository = FakeRepository::new("main");
    let first = repository.commit("Feature: login");
    let origin = repository.publish("origin");
    let second = repository.commit("Feature: logout");
    (Scene::of(repository), origin, [first, second])
}

fn push(reference: &str) -> Value {
    json!({ "op": "push", "ref": reference })
}

/// 003-25: a branch, and a tag.
#[test]
fn a_branch_and_a_tag_are_pushed_once() {
    let (scene, origin, [_, second]) = ahead();
    let tag = scene.repository.annotated_tag("v1", "HEAD", "first");
    let pushed = |name: &str, verb: &str, object: &str, pushed: bool| {
        Applied::new(format!("`{name}` {verb} at `origin`"))
            .output("commit", second.clone())
            .output("object", object)
            .output("pushed", pushed)
    };

    assert_eq!(scene.run(&push("main")).0, pushed("refs/heads/main", "is now", &second, true));
    assert_eq!(
        scene.run(&push("refs/heads/main")).0,
        pushed("refs/heads/main", "was already", &second, false)
    );
    assert_eq!(scene.run(&push("refs/tags/v1")).0, pushed("refs/tags/v1", "is now", &tag, true));
    assert_eq!(scene.run(&push("refs/tags/v1")).0, pushed("refs/tags/v1", "was already", &tag, false));
    assert_eq!(origin.reference("refs/heads/main"), Some(second.clone()));
    assert_eq!(origin.reference("refs/tags/v1"), Some(tag));
    assert_eq!(scene.repository.done(), ["push origin refs/heads/main", "push origin refs/tags/v1"]);
}

/// 003-26: a tag is what it was, and commits of others are not overwritten.
#[test]
fn a_push_never_overwrites() {
    let (scene, origin, _) = ahead();
    scene.repository.annotated_tag("v1", "HEAD", "ours");
    let theirs = [origin.annotated_tag("v1", "main", "theirs"), origin.commit("Fix: theirs")];
    let failed = |reference: &str| {
        let snapshot = scene.capture(&push(reference)).unwrap();
        scene.apply(&push(reference), &snapshot).unwrap_err()
    };

    assert_eq!(
        [failed("refs/tags/v1"), failed("main")],
        [
            refused("push `refs/tags/v1` to `origin`: `origin` has another `refs/tags/v1`"),
            refused("push `refs/heads/main` to `origin`: `origin` has commits that are not here"),
        ]
    );
    assert_eq!(["refs/tags/v1", "refs/heads/main"].map(|name| origin.reference(name).unwrap()), theirs);
    assert_eq!(scene.repository.done(), [""; 0]);
}

#[test]
fn a_push_is_not_taken_back_and_says_so() {
    let (scene, origin, [_, second]) = ahead();
    let (_, snapshot) = scene.run(&push("main"));
    scene.restore(&push("main"), &snapshot).unwrap();

    assert_eq!(origin.reference("refs/heads/main"), Some(second));
    assert_eq!(
        scene.host.logged(),
        [LogLine {
            level: Level::Warn,
            text: "`refs/heads/main` stays at `origin` as it is: what was pushed is not taken back"
                .to_owned()
        }]
    );
}

#[test]
fn what_is_pushed_is_what_was_there_at_the_beginning() {
    let (scene, origin, [first, second]) = ahead();
    let snapshot = scene.capture(&push("main")).unwrap();
    let late = scene.repository.commit("Feature: too late");

    assert_eq!(
        scene.apply(&push("main"), &snapshot),
        Err(refused(format!(
            "`refs/heads/main` was at {} when this step began, and is at {} now; nothing was pushed",
            short_id(&second),
            short_id(&late)
        )))
    );
    assert_eq!(origin.reference("refs/heads/main"), Some(first));

    let snapshot = scene.capture(&push("refs/tags/v1")).unwrap();
    let tag = scene.repository.annotated_tag("v1", "HEAD", "too late as well");
    assert_eq!(
        scene.apply(&push("refs/tags/v1"), &snapshot),
        Err(refused(format!(
            "`refs/tags/v1` was nowhere when this step began, and is at {} now; nothing was pushed",
            short_id(&tag)
        )))
    );
}

#[test]
fn what_cannot_be_pushed_is_a_failure() {
    let (scene, origin, _) = ahead();
    scene.repository.annotated_tag("v1", "HEAD", "first");
    scene.repository.unreachable_remote("away", HostError::TimedOut);
    let failed = |config: Value| match scene.capture(&config) {
        Ok(snapshot) => scene.apply(&config, &snapshot).unwrap_err(),
        Err(failure) => failure,
    };
    let to = |remote: &str| failed(json!({ "op": "push", "ref": "main", "remote": remote }));
    origin.refuses_pushes("main is protected");

    assert_eq!(
        [
            failed(push("v1")),
            failed(push("refs/tags/v2")),
            failed(push("refs/notes/commits")),
            to("backup"),
            to("away"),
            to("origin"),
        ],
        [
            unavailable(
                "push `refs/heads/v1` to `origin`: there is no reference `refs/heads/v1`; a tag is written `refs/tags/v1`"
            ),
            unavailable("push `refs/tags/v2` to `origin`: there is no reference `refs/tags/v2`"),
            Failure::invalid_config(
                "`ref`: `refs/notes/commits` is neither a branch nor a tag; nothing was pushed"
            ),
            unavailable("push `refs/heads/main` to `backup`: there is no remote `backup`"),
            Failure::new(
                FailureKind::TimedOut,
                "repository `.`: push `refs/heads/main` to `away`: timed out"
            ),
            refused("push `refs/heads/main` to `origin`: `origin` refused it: main is protected"),
        ],
    );
    scene.repository.denies("push");
    assert_eq!(to("origin"), denied("push `refs/heads/main` to `origin`"));
}

/// 003-34: branches and tags.
#[test]
fn a_fetch_brings_what_the_remote_has() {
    let (scene, origin, _) = ahead();
    let theirs = origin.commit("Feature: theirs");
    let tag = origin.annotated_tag("v1", "HEAD", "first");
    let config = |tags: bool| json!({ "op": "fetch", "tags": tags });

    assert_eq!(scene.run(&config(false)).0, Applied::new("branches of `origin` are here"));
    assert_eq!(scene.repository.reference("refs/remotes/origin/main"), Some(theirs));
    assert_eq!(scene.repository.reference("refs/tags/v1"), None);
    let (applied, snapshot) = scene.run(&config(true));
    assert_eq!(applied, Applied::new("branches and tags of `origin` are here"));
    assert_eq!(scene.repository.reference("refs/tags/v1"), Some(tag.clone()));
    scene.restore(&config(true), &snapshot).unwrap();
    assert_eq!(scene.repository.reference("refs/tags/v1"), Some(tag));
    assert_eq!(
        scene.host.logged(),
        [LogLine { level: Level::Warn, text: "what was fetched from `origin` stays".to_owned() }]
    );
}

/// 003-32: a fetch that fails is an error, whatever is here already.
#[test]
fn a_fetch_that_fails_is_an_error() {
    let (scene, origin, _) = ahead();
    let fetch = |remote: &str| {
        let config = json!({ "op": "fetch", "remote": remote, "tags": true });
        let snapshot = scene.capture(&config).unwrap();
        scene.apply(&config, &snapshot).unwrap_err()
    };
    scene.repository.unreachable_remote("away", HostError::Unavailable("connection refused".into()));
    scene.repository.annotated_tag("v1", "HEAD", "ours");
    origin.annotated_tag("v1", "main", "theirs");

    assert_eq!(
        [fetch("backup"), fetch("away"), fetch("origin")],
        [
            unavailable("fetch from `backup`: there is no remote `backup`"),
            unavailable("fetch from `away`: connection refused"),
            refused("fetch from `origin`: `refs/tags/v1` is another one here"),
        ],
    );
    scene.repository.denies("fetch");
    assert_eq!(fetch("origin"), denied("fetch from `origin`"));
}

#[test]
fn a_login_goes_to_the_remote_that_asks() {
    let (scene, origin, _) = ahead();
    origin.asks_for("ada", "t0ken");
    let scene = Scene { host: scene.host.secret("git_token", "t0ken"), repository: scene.repository };
    let login = |name: &str| json!({ "user": "ada", "password": name });
    let fetch = |name: &str| json!({ "op": "fetch", "login": login(name) });
    let push = json!({ "op": "push", "ref": "main", "login": login("git_token") });

    assert_eq!(scene.run(&push).0.outputs[2].value, json!(true));
    assert_eq!(scene.run(&fetch("git_token")).0, Applied::new("branches of `origin` are here"));
    let snapshot = scene.capture(&fetch("other")).unwrap();
    assert_eq!(
        scene.apply(&fetch("other"), &snapshot),
        Err(Failure::new(FailureKind::Denied, "secret `other`: denied, no grant of this step covers it"))
    );
}
