//! `op: checkout`.

use super::*;
use runner_plugin::host::Change;

fn to(key: &str, value: &str) -> Value {
    let mut config = json!({ "op": "checkout" });
    config[key] = value.into();
    config
}

fn done(summary: String, commit: &str) -> Applied {
    Applied::new(summary).output("commit", commit)
}

/// 003-36: exactly the commit, and exactly back.
#[test]
fn head_goes_to_a_commit_and_back_to_its_branch() {
    let (scene, [first, _]) = two_commits();
    let config = to("commit", &first);
    let (applied, snapshot) = scene.run(&config);
    let at = short_id(&first);

    assert_eq!(applied, done(format!("`HEAD` is at {at}"), &first));
    assert_eq!(scene.repository.head(), first);
    assert_eq!(scene.apply(&config, &snapshot), Ok(done(format!("`HEAD` was already at {at}"), &first)));
    scene.restore(&config, &snapshot).unwrap();
    assert_eq!(scene.repository.head(), "main");
    scene.restore(&config, &snapshot).unwrap();
    assert_eq!(scene.repository.done(), [format!("checkout {first}"), "checkout branch main".to_owned()]);
}

#[test]
fn head_goes_to_a_tag_and_back_to_its_commit() {
    let (scene, [first, second]) = two_commits();
    scene.repository.annotated_tag("v1", "HEAD~1", "first");
    scene.repository.detach(&second);
    let (applied, snapshot) = scene.run(&to("tag", "v1"));

    assert_eq!(applied, done(format!("`HEAD` is at {}, the tag `v1`", short_id(&first)), &first));
    scene.restore(&to("tag", "v1"), &snapshot).unwrap();
    assert_eq!(scene.repository.head(), second);
}

#[test]
fn head_goes_to_a_branch_and_back_to_the_other() {
    let (scene, [_, second]) = two_commits();
    scene.repository.switch("release");
    scene.repository.switch("main");
    let (applied, snapshot) = scene.run(&to("branch", "release"));

    assert_eq!(applied, done(format!("`HEAD` is at {}, the branch `release`", short_id(&second)), &second));
    assert_eq!(scene.repository.head(), "release");
    scene.restore(&to("branch", "release"), &snapshot).unwrap();
    assert_eq!(scene.repository.head(), "main");
}

#[test]
fn a_checkout_that_was_never_made_is_taken_back_by_doing_nothing() {
    let (scene, [first, _]) = two_commits();
    let snapshot = scene.capture(&to("commit", &first)).unwrap();

    assert_eq!(scene.restore(&to("commit", &first), &snapshot), Ok(()));
    assert_eq!(scene.repository.done(), [""; 0]);
}

#[test]
fn local_changes_stop_the_step_before_it_begins() {
    let (scene, [first, _]) = two_commits();
    for path in ["app.py", "b.py", "c.py"] {
        scene.repository.changed(path, Change::Modified, false);
    }
    scene.repository.changed("notes.txt", Change::Untracked, false);

    assert_eq!(
        scene.capture(&to("commit", &first)),
        Err(refused("there are local changes, `app.py` and 2 more; nothing was checked out"))
    );
}

/// Neither by the step nor when it is taken back.
#[test]
fn local_changes_that_come_later_are_never_overwritten() {
    let (scene, [first, second]) = two_commits();
    let config = to("commit", &first);
    let conflict = |what: &str| refused(format!("{what}: there are local changes, e.g. `app.py`"));

    let snapshot = scene.capture(&config).unwrap();
    scene.repository.changed("app.py", Change::Modified, false);
    assert_eq!(scene.apply(&config, &snapshot), Err(conflict(&format!("check `{first}` out"))));

    scene.repository.unchanged();
    scene.apply(&config, &snapshot).unwrap();
    scene.repository.changed("app.py", Change::Modified, false);
    assert_eq!(scene.restore(&config, &snapshot), Err(conflict("check branch `main` out")));
    assert_eq!(scene.repository.head(), first);

    // As a checkout leaves it that was cut short: the files are there, and `HEAD` is not.
    scene.repository.switch("main");
    assert_eq!(
        scene.restore(&config, &snapshot),
        Err(refused(format!(
            "`HEAD` is at {} on `main`, as it was, but files differ from that, `app.py`: a checkout was cut short, or \
             somebody is at work; they were left alone; `git status` shows them, and \
             `git restore --staged --worktree .` brings the files back",
            short_id(&second)
        )))
    );
}

#[test]
fn where_somebody_else_has_put_head_it_stays() {
    let (scene, [first, second]) = two_commits();
    let config = to("commit", &first);
    let [at_first, at_second] = [short_id(&first), short_id(&second)];

    let snapshot = scene.capture(&config).unwrap();
    scene.repository.switch("dev");
    let theirs = scene.repository.commit("Feature: theirs");
    let at_theirs = short_id(&theirs);
    assert_eq!(
        scene.apply(&config, &snapshot),
        Err(refused(format!(
            "`HEAD` is at {at_theirs} on `dev`, neither at {at_second} on `main` nor at {at_first} on no branch: \
             somebody else has moved it; it was left where it is"
        )))
    );
    assert_eq!(
        scene.restore(&config, &snapshot),
        Err(refused(format!(
            "`HEAD` is at {at_theirs} on `dev`, neither at {at_first} on no branch nor at {at_second} on `main`: \
             somebody else has moved it; it was left where it is"
        )))
    );
    assert_eq!(scene.repository.done(), [""; 0]);
}

/// Back on its branch would not be back where it was.
#[test]
fn a_branch_that_has_moved_is_not_gone_back_to() {
    let (scene, [first, second]) = two_commits();
    let config = to("commit", &first);
    let (_, snapshot) = scene.run(&config);
    let restore = || scene.restore(&config, &snapshot).unwrap_err();

    scene.repository.set_reference("refs/heads/main", &first);
    assert_eq!(
        restore(),
        refused(format!(
            "the branch `main` is at {}, and was at {}; `HEAD` was left where it is",
            short_id(&first),
            short_id(&second)
        ))
    );
    scene.repository.remove_reference("refs/heads/main");
    assert_eq!(
        restore(),
        refused(format!(
            "the branch `main` is gone, and was at {}; `HEAD` was left where it is",
            short_id(&second)
        ))
    );
    assert_eq!(scene.repository.head(), first);
}

#[test]
fn a_tag_that_moves_in_between_is_not_checked_out() {
    let (scene, [first, second]) = two_commits();
    scene.repository.annotated_tag("v1", "HEAD~1", "first");
    let snapshot = scene.capture(&to("tag", "v1")).unwrap();
    scene.repository.annotated_tag("v1", "HEAD", "moved");

    assert_eq!(
        scene.apply(&to("tag", "v1"), &snapshot),
        Err(refused(format!(
            "the tag `v1` was at {} when this step began, and is at {} now; nothing was checked out",
            short_id(&first),
            short_id(&second)
        )))
    );
    assert_eq!(scene.repository.head(), "main");
}

#[test]
fn what_cannot_be_checked_out_is_a_failure() {
    let (scene, [first, _]) = two_commits();
    scene.repository.tag_of_a_file("file");
    let nowhere = "0".repeat(40);
    let captured = |config: Value| scene.capture(&config).unwrap_err();
    let without_grant = two_commits();
    without_grant.0.repository.denies("checkout");
    let config = to("commit", &without_grant.1[0]);
    let snapshot = without_grant.0.capture(&config).unwrap();
    let one = || {
        Failure::invalid_config("give exactly one of `commit`, `branch` and `tag`; nothing was checked out")
    };

    assert_eq!(
        [
            captured(to("commit", &nowhere)),
            captured(to("commit", "main")),
            captured(to("branch", "release")),
            captured(to("branch", "origin/main")),
            captured(to("tag", "v9")),
            captured(to("tag", "file")),
            captured(json!({ "op": "checkout" })),
            captured(json!({ "op": "checkout", "commit": first, "branch": "main" })),
            without_grant.0.apply(&config, &snapshot).unwrap_err(),
        ],
        [
            unavailable(format!("there is no commit `{nowhere}`; nothing was checked out")),
            unavailable("there is no commit `main`; nothing was checked out"),
            unavailable("there is no branch `release`; nothing was checked out"),
            unavailable("there is no branch `origin/main`; nothing was checked out"),
            unavailable("there is no tag `v9`; nothing was checked out"),
            unavailable("there is no commit behind the tag `file`; nothing was checked out"),
            one(),
            one(),
            denied(&format!("check `{}` out", without_grant.1[0])),
        ],
    );
}
