//! The notifier as a pipeline sees it, against a small GitHub. Requirements: 001-31, 001-32.

use std::cell::RefCell;
use std::rc::Rc;

use runner_plugin::testing::{Answer, FakeHost, SentRequest, notify};
use serde_json::{Value, json};

use super::*;

const REPOSITORY: &str = "https://api.github.com/repos/acme/pepe";
const HELLO: &str = "sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";

/// What the repository has.
#[derive(Default)]
struct State {
    tags: Vec<&'static str>,
    releases: Vec<Value>,
}

/// A GitHub with this repository, and what it was asked to change.
fn github(state: State) -> (FakeHost, Rc<RefCell<State>>) {
    let state = Rc::new(RefCell::new(state));
    let inside = Rc::clone(&state);
    let host = FakeHost::new()
        .secret("github_token", "ghp-1")
        .file("dist/pepe.tar.gz", "hello")
        .server(move |sent: &SentRequest| answer(&mut inside.borrow_mut(), sent));
    (host, state)
}

fn answer(state: &mut State, sent: &SentRequest) -> Answer {
    let body = || serde_json::from_slice::<Value>(&sent.body).unwrap();
    let rest = sent.url.strip_prefix(REPOSITORY).unwrap_or(&sent.url);
    let position =
        |state: &State, id: &str| state.releases.iter().position(|one| one["id"].as_u64() == id.parse().ok());
    match (sent.method.as_str(), rest) {
        ("GET", path) if path.starts_with("/releases/tags/") => {
            let tag = path.trim_start_matches("/releases/tags/").replace("%2F", "/");
            let public = |one: &&Value| one["tag_name"] == tag.as_str() && one["draft"] == false;
            match state.releases.iter().find(public) {
                Some(found) => Answer::json(200, found.clone()),
                None => Answer::json(404, json!({ "message": "Not Found" })),
            }
        }
        ("GET", "/releases?per_page=100&page=1") => Answer::json(200, json!(state.releases)),
        ("GET", path) if path.starts_with("/git/ref/tags/") => {
            let tag = path.trim_start_matches("/git/ref/tags/").replace("%2F", "/");
            if state.tags.contains(&tag.as_str()) {
                Answer::json(200, json!({}))
            } else {
                Answer::status(404)
            }
        }
        ("POST", "/releases") => {
            let mut made = body();
            made["id"] = json!(7);
            made["html_url"] = json!("https://github.com/acme/pepe/releases/7");
            made["assets"] = json!([]);
            state.releases.push(made.clone());
            Answer::json(201, made)
        }
        ("PATCH", path) => {
            let at = position(state, path.trim_start_matches("/releases/")).unwrap();
            let old = state.releases[at].as_object_mut().unwrap();
            old.extend(body().as_object().unwrap().clone());
            Answer::json(200, state.releases[at].clone())
        }
        ("DELETE", path) if path.starts_with("/releases/assets/") => Answer::status(204),
        ("POST", url)
            if url.starts_with("https://uploads.github.com/repos/acme/pepe/releases/7/assets?name=") =>
        {
            Answer::status(201)
        }
        _ => Answer::status(500),
    }
}

fn event() -> Event {
    Event {
        name: "run.succeeded".into(),
        pipeline: "pepe".into(),
        status: "succeeded".into(),
        severity: "info".into(),
        step: None,
        summary: "pepe succeeded, thanks to @ada for #12".into(),
        json: r#"{"steps":[]}"#.into(),
    }
}

fn config(more: Value) -> Value {
    let mut config = json!({
        "repository": "acme/pepe",
        "tag": "v0.3.0",
        "token": "github_token",
        "message": { "title": "v0.3.0", "template": "## What is new\n{{ summary }}" },
    });
    config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    config
}

fn changes(host: &FakeHost) -> Vec<String> {
    let lines = host.sent().into_iter().map(|sent| format!("{} {}", sent.method, sent.url));
    lines.filter(|line| !line.starts_with("GET ")).map(|line| line.replace(REPOSITORY, "")).collect()
}

/// 001-31: the release notes of a tag; nobody is mentioned by accident.
#[test]
fn a_tag_gets_its_release() {
    let (host, state) = github(State { tags: vec!["v0.3.0"], ..State::default() });

    assert_eq!(notify::<GitHubRelease>(&host, config(json!({ "latest": true })), &event()), Ok(()));
    assert_eq!(
        state.borrow().releases,
        [json!({
            "tag_name": "v0.3.0",
            "name": "v0.3.0",
            "body": "## What is new\npepe succeeded, thanks to @<!-- -->ada for #<!-- -->12",
            "draft": false,
            "prerelease": false,
            "make_latest": "true",
            "id": 7,
            "html_url": "https://github.com/acme/pepe/releases/7",
            "assets": [],
        })],
    );
    assert_eq!(changes(&host), ["POST /releases"]);
    let last = host.sent().pop().unwrap();
    assert_eq!(last.header_value("authorization"), Some("Bearer ghp-1"));
    assert_eq!(last.header_value("user-agent"), Some("runner"));
    assert_eq!(host.logged()[0].text, "release 7 of `v0.3.0`: https://github.com/acme/pepe/releases/7");
}

#[test]
fn a_second_time_it_is_updated() {
    let (host, state) = github(State { tags: vec!["v0.3.0"], ..State::default() });

    assert_eq!(notify::<GitHubRelease>(&host, config(json!({})), &event()), Ok(()));
    let first = state.borrow().releases.clone();
    assert_eq!(notify::<GitHubRelease>(&host, config(json!({})), &event()), Ok(()));
    assert_eq!(state.borrow().releases, first);
    assert_eq!(changes(&host), ["POST /releases", "PATCH /releases/7"]);
}

#[test]
fn a_draft_is_found_again_and_published() {
    let (host, state) = github(State { tags: vec!["v0.3.0"], ..State::default() });
    let draft = |draft: bool| notify::<GitHubRelease>(&host, config(json!({ "draft": draft })), &event());

    assert_eq!(draft(true), Ok(()));
    assert_eq!(state.borrow().releases[0]["draft"], true);
    assert_eq!(draft(true), Ok(()));
    assert_eq!(draft(false), Ok(()));
    assert_eq!(state.borrow().releases.len(), 1);
    assert_eq!(state.borrow().releases[0]["draft"], false);
    assert_eq!(
        draft(true),
        Err(Failure::invalid_input(
            "release 7 of `v0.3.0` is public already; `draft: true` would take it back, nothing was changed"
        )),
    );
}

#[test]
fn a_tag_that_is_not_there_is_not_made() {
    let (host, _) = github(State::default());

    assert_eq!(
        notify::<GitHubRelease>(&host, config(json!({})), &event()),
        Err(Failure::invalid_input(
            "`acme/pepe` has no tag `v0.3.0`, or the token may not see it; push the tag first, nothing was released"
        )),
    );
    assert_eq!(changes(&host), [""; 0]);
}

#[test]
fn files_are_attached_once() {
    let attached = |digest: &str, state: &str| {
        let release = json!({
            "id": 7,
            "tag_name": "v0.3.0",
            "draft": false,
            "assets": [{ "id": 9, "name": "pepe.tar.gz", "state": state, "digest": digest }],
        });
        let (host, _) = github(State { tags: vec!["v0.3.0"], releases: vec![release] });
        let more = json!({ "assets": [{ "path": "dist/pepe.tar.gz", "content_type": "application/gzip" }] });
        assert_eq!(notify::<GitHubRelease>(&host, config(more), &event()), Ok(()));
        changes(&host)
    };
    let upload = "POST https://uploads.github.com/repos/acme/pepe/releases/7/assets?name=pepe.tar.gz";

    assert_eq!(attached(HELLO, "uploaded"), ["PATCH /releases/7"]);
    assert_eq!(attached("sha256:00", "uploaded"), ["PATCH /releases/7", "DELETE /releases/assets/9", upload]);
    assert_eq!(attached(HELLO, "starter"), ["PATCH /releases/7", "DELETE /releases/assets/9", upload]);
}

#[test]
fn files_are_looked_at_before_anything_is_released() {
    let failed = |assets: Value| {
        let (host, _) = github(State { tags: vec!["v0.3.0"], ..State::default() });
        let host = host.file("empty", "");
        let failure =
            notify::<GitHubRelease>(&host, config(json!({ "assets": assets })), &event()).unwrap_err();
        assert_eq!(host.sent(), []);
        failure.message
    };

    assert_eq!(failed(json!([{ "path": "absent" }])), "read `absent`: no such file");
    assert_eq!(failed(json!([{ "path": "empty" }])), "`empty` is empty; nothing was released");
    assert_eq!(
        failed(json!([{ "path": "dist/pepe.tar.gz" }, { "path": "empty", "name": "pepe.tar.gz" }])),
        "`assets`: two files are called `pepe.tar.gz`; nothing was released",
    );
    assert_eq!(
        failed(json!([{ "path": "dist/größe" }])),
        "`assets`: `dist/größe` needs a `name` of letters, digits, `.`, `-` and `_`; nothing was released",
    );
}

#[test]
fn names_that_lead_elsewhere_are_refused() {
    let failed = |more: Value| {
        let (host, _) = github(State::default());
        let failure = notify::<GitHubRelease>(&host, config(more), &event()).unwrap_err();
        assert_eq!(host.sent(), []);
        failure.message
    };

    assert_eq!(
        failed(json!({ "repository": "acme/.." })),
        "`repository`: there can be no `acme/..`; nothing was released"
    );
    assert_eq!(
        failed(json!({ "tag": "../../user" })),
        "`tag`: there can be no `../../user`; nothing was released"
    );
}

#[test]
fn github_says_what_is_wrong() {
    let answered = |answer: Answer| {
        let host = FakeHost::new().secret("github_token", "ghp-1").server(move |_| answer.clone());
        notify::<GitHubRelease>(&host, config(json!({})), &event()).unwrap_err()
    };

    assert_eq!(
        answered(Answer::status(404)),
        Failure::invalid_input(
            "there is no such repository, or the token may not see it; nothing was released"
        )
    );
    assert_eq!(
        answered(Answer::text(401, "Bad credentials")),
        Failure::invalid_input("the receiver answered 401: Bad credentials")
    );
    assert_eq!(answered(Answer::status(502)), Failure::unavailable("the receiver answered 502"));
    assert_eq!(answered(Answer::text(200, "<html>")).kind, runner_plugin::FailureKind::InvalidInput);
}

#[test]
fn the_manifest_is_the_package() {
    assert_eq!(manifest().name, "github-release");
}
