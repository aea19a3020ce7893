//! `op: tag`.

use super::*;

fn config() -> Value {
    json!({ "op": "tag", "name": "v1.3.0-l9", "message": "Release 1.3.0" })
}

fn with(key: &str, value: impl Into<Value>) -> Value {
    let mut config = config();
    config[key] = value.into();
    config
}

/// 003-22: the tag is annotated, and at the commit.
#[test]
fn a_tag_is_made_and_taken_back() {
    let (scene, [_, second]) = two_commits();
    let (applied, snapshot) = scene.run(&config());
    let object = scene.repository.reference("refs/tags/v1.3.0-l9").unwrap();

    assert_eq!(
        applied,
        Applied::new(format!("`v1.3.0-l9` is at {}", short_id(&second)))
            .output("commit", second.clone())
            .output("object", object.clone())
    );
    assert_ne!(object, second);
    scene.restore(&config(), &snapshot).unwrap();
    assert_eq!(scene.repository.reference("refs/tags/v1.3.0-l9"), None);
    scene.restore(&config(), &snapshot).unwrap();
    assert_eq!(scene.repository.done(), ["tag v1.3.0-l9", "delete tag v1.3.0-l9"]);
}

/// A retry, or a resumed run, ends in the same state.
#[test]
fn a_second_call_makes_no_second_tag() {
    let (scene, _) = two_commits();
    let (applied, snapshot) = scene.run(&config());

    assert_eq!(scene.apply(&config(), &snapshot), Ok(applied));
    assert_eq!(scene.repository.done(), ["tag v1.3.0-l9"]);
}

/// A commit that comes in between is not tagged.
#[test]
fn the_commit_is_the_one_of_the_beginning() {
    let (scene, [_, second]) = two_commits();
    let snapshot = scene.capture(&config()).unwrap();
    scene.repository.commit("Feature: too late");

    let applied = scene.apply(&config(), &snapshot).unwrap();
    assert_eq!(applied.outputs[0].value, json!(second));
}

#[test]
fn a_tag_that_nobody_made_is_not_taken_back() {
    let (scene, _) = two_commits();
    let snapshot = scene.capture(&config()).unwrap();

    assert_eq!(scene.restore(&config(), &snapshot), Ok(()));
    assert_eq!(scene.repository.done(), [""; 0]);
}

#[test]
fn a_tag_that_is_there_stops_the_step_before_it_begins() {
    let (scene, [first, second]) = two_commits();
    let why = |config: &Value| scene.capture(config).unwrap_err();
    let there = |at: &str, why: &str| {
        refused(format!("the tag `v1.3.0-l9` is there already, at {at}: {why}; nothing was tagged"))
    };
    let [at_first, at_second] = [short_id(&first), short_id(&second)];
    let same = with("if_exists", "same-commit");

    scene.repository.annotated_tag("v1.3.0-l9", "HEAD", "made by hand");
    assert_eq!(
        why(&config()),
        there(at_second, "`if_exists: same-commit` would take it if it is annotated and at the same commit")
    );
    scene.repository.annotated_tag("v1.3.0-l9", "HEAD~1", "an old one");
    assert_eq!(why(&same), there(at_first, &format!("the commit wanted is {at_second}")));
    scene.repository.lightweight_tag("v1.3.0-l9", "HEAD");
    assert_eq!(why(&same), there(at_second, "it is a lightweight tag"));
    scene.repository.tag_of_a_file("v1.3.0-l9");
    assert_eq!(why(&config()).kind, FailureKind::InvalidInput);
    assert_eq!(scene.repository.done(), [""; 0]);
}

/// What was there before the run is there after it.
#[test]
fn a_tag_at_the_same_commit_is_taken_as_it_is_and_never_deleted() {
    let (scene, [_, second]) = two_commits();
    let object = scene.repository.annotated_tag("v1.3.0-l9", "HEAD", "made by hand");
    let config = with("if_exists", "same-commit");
    let (applied, snapshot) = scene.run(&config);

    assert_eq!(
        applied,
        Applied::new(format!("`v1.3.0-l9` was already at {}", short_id(&second)))
            .output("commit", second)
            .output("object", object.clone())
    );
    scene.restore(&config, &snapshot).unwrap();
    assert_eq!(scene.repository.reference("refs/tags/v1.3.0-l9"), Some(object));
    assert_eq!(scene.repository.done(), [""; 0]);
}

#[test]
fn a_tag_that_somebody_else_has_changed_is_left_alone() {
    let (scene, _) = two_commits();
    let changed = |snapshot: &str| scene.apply(&config(), snapshot).unwrap_err();

    let snapshot = scene.capture(&config()).unwrap();
    let theirs = scene.repository.annotated_tag("v1.3.0-l9", "HEAD", "another message");
    assert_eq!(
        changed(&snapshot),
        refused("somebody else has made the tag `v1.3.0-l9` since this step began; it was left alone")
    );
    assert_eq!(
        scene.restore(&config(), &snapshot),
        Err(refused("the tag `v1.3.0-l9` is not as this step has made it; it was left alone"))
    );
    assert_eq!(scene.repository.reference("refs/tags/v1.3.0-l9"), Some(theirs));

    let same = with("if_exists", "same-commit");
    let snapshot = scene.capture(&same).unwrap();
    scene.repository.remove_reference("refs/tags/v1.3.0-l9");
    assert_eq!(
        scene.apply(&same, &snapshot),
        Err(refused("the tag `v1.3.0-l9` was changed since this step began; nothing was tagged"))
    );
}

#[test]
fn a_tag_may_stay() {
    let (scene, _) = two_commits();
    let config = with("keep", true);
    let (_, snapshot) = scene.run(&config);
    scene.restore(&config, &snapshot).unwrap();

    assert_eq!(scene.repository.done(), ["tag v1.3.0-l9"]);
    assert_eq!(
        scene.host.logged(),
        [LogLine { level: Level::Warn, text: "the tag `v1.3.0-l9` stays: `keep` says so".to_owned() }]
    );
}

#[test]
fn what_cannot_be_tagged_is_a_failure() {
    let (scene, _) = two_commits();
    let without_grant = two_commits().0;
    without_grant.repository.denies("tag");
    let snapshot = without_grant.capture(&config()).unwrap();
    let empty = Scene::of(FakeRepository::new("main"));

    assert_eq!(
        [
            scene.capture(&with("revision", "release")).unwrap_err(),
            empty.capture(&config()).unwrap_err(),
            scene.capture(&with("message", " \n")).unwrap_err(),
            without_grant.apply(&config(), &snapshot).unwrap_err(),
        ],
        [
            unavailable("there is no commit `release`; nothing was tagged"),
            unavailable("there is no commit `HEAD`; nothing was tagged"),
            Failure::invalid_config("`message` is blank: say what the tag is for; nothing was tagged"),
            denied("make tag `v1.3.0-l9`"),
        ],
    );
}
