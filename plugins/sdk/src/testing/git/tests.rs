//! The fake behaves as git does where plugins depend on it.

use super::*;
use crate::host::{Credentials, GitReason, Head, RemoteRef, Repository, Verification};
use crate::testing::FakeHost;
use crate::{Failure, FailureKind};

fn open(repository: &FakeRepository) -> Repository {
    FakeHost::new().repository(".", repository).host().git().open(".").unwrap()
}

/// Two commits on `main`, known to `origin`.
fn published() -> (FakeRepository, FakeRepository, [String; 2]) {
    let repository = FakeRepository::new("main");
    let commits = [repository.commit("one"), repository.commit("two")];
    let origin = repository.publish("origin");
    (repository, origin, commits)
}

fn reason<T: std::fmt::Debug>(result: Result<T, crate::host::GitError>) -> GitReason {
    result.unwrap_err().reason
}

#[test]
fn what_nobody_prepared_is_denied() {
    let host = FakeHost::new().repository_error("gone", GitReason::NotFound("no repository".into())).host();
    let (repository, ..) = published();
    repository.denies("status");

    assert_eq!(
        Failure::from(host.git().open("other").unwrap_err()),
        Failure::new(FailureKind::Denied, "open repository `other`: denied, no grant of this step covers it"),
    );
    assert_eq!(
        Failure::from(host.git().open("gone").unwrap_err()),
        Failure::unavailable("open repository `gone`: no repository"),
    );
    assert_eq!(
        Failure::from(open(&repository).status().unwrap_err()),
        Failure::new(
            FailureKind::Denied,
            "repository `.`: compare with the last commit: denied, no grant of this step covers it"
        ),
    );
}

#[test]
fn a_repository_without_commits_stands_nowhere() {
    let opened = open(&FakeRepository::new("main"));

    assert_eq!(reason(opened.head()), GitReason::Failed("there is no commit yet".into()));
    assert_eq!(opened.resolve("HEAD"), Ok(None));
}

#[test]
fn revisions_lead_to_commits() {
    let (repository, _, [one, two]) = published();
    repository.annotated_tag("v1", &one, "first");
    let opened = open(&repository);
    let resolve = |revision| opened.resolve(revision).unwrap();

    assert_eq!(opened.head(), Ok(Head { branch: Some("main".into()), commit: two.clone(), shallow: false }));
    assert_eq!(
        ["HEAD", "main", "origin/main", &two].map(resolve),
        std::array::from_fn(|_| Some(two.clone()))
    );
    assert_eq!(["HEAD~1", "v1", "refs/tags/v1"].map(resolve), std::array::from_fn(|_| Some(one.clone())));
    assert_eq!(["HEAD~2", "v2", "HEAD~x"].map(resolve), [None, None, None]);
}

#[test]
fn ancestors_are_told_even_across_branches_and_not_guessed_where_history_is_cut() {
    let (repository, _, [one, two]) = published();
    repository.detach(&one);
    let side = repository.commit("side");
    let opened = open(&repository);

    assert_eq!(opened.is_ancestor(&one, &two), Ok(true));
    assert_eq!(opened.is_ancestor(&two, &two), Ok(true));
    assert_eq!(opened.is_ancestor(&two, &one), Ok(false));
    assert_eq!(opened.is_ancestor(&side, &two), Ok(false));
    assert_eq!(reason(opened.is_ancestor("v9", &two)), GitReason::NotFound("there is no commit `v9`".into()));

    repository.cut_history_off();
    let other = repository.commit("later");
    assert_eq!(opened.is_ancestor(&side, &other), Ok(true));
    assert_eq!(
        reason(opened.is_ancestor(&other, &side)),
        GitReason::Failed("history is cut off: this is a shallow clone".into())
    );
}

#[test]
fn tags_of_each_kind_say_what_they_are() {
    let (repository, _, [one, _]) = published();
    repository.lightweight_tag("light", "HEAD~1");
    let object = repository.annotated_tag("v1.0.0", "HEAD~1", "first");
    repository.sign(&object, "ssh-ed25519 AAAA");
    repository.tag_of_a_file("file");
    let opened = open(&repository);
    let signed = opened.tag("v1.0.0").unwrap().unwrap();
    let light = opened.tag("light").unwrap().unwrap();

    assert_eq!((signed.object, signed.annotated, signed.signed), (object.clone(), true, true));
    assert_eq!((signed.commit, signed.message.as_str()), (Some(one.clone()), "first"));
    assert_eq!((light.object, light.commit, light.annotated), (one.clone(), Some(one), false));
    assert_eq!(opened.tag("file").unwrap().unwrap().commit, None);
    assert_eq!(opened.tag("v2").unwrap(), None);
    let names =
        |pattern| -> Vec<String> { opened.tags(pattern).unwrap().into_iter().map(|tag| tag.name).collect() };
    assert_eq!(names("v*"), ["v1.0.0"]);
    assert_eq!(names("*i*"), ["file", "light"]);
    assert_eq!(names("v1.0.0*"), ["v1.0.0"]);

    let ada = "ada@example.com ssh-ed25519 AAAA";
    assert_eq!(opened.verify_tag("light", ada), Ok(Verification::Unsigned));
    assert_eq!(opened.verify_tag("v1.0.0", ada), Ok(Verification::Good("ada@example.com".into())));
    assert_eq!(
        opened.verify_tag("v1.0.0", "bob@example.com ssh-ed25519 BBBB"),
        Ok(Verification::Untrusted("its key is none of an allowed signer".into()))
    );
    repository.sign_badly(&object);
    assert_eq!(opened.verify_tag("v1.0.0", ada), Ok(Verification::Bad("the signature does not fit".into())));
}

#[test]
fn a_tag_is_made_once_and_deleted_only_as_it_was() {
    let (repository, ..) = published();
    let opened = open(&repository);

    let object = opened.create_tag("v1", "HEAD", "first").unwrap();
    assert_eq!(repository.reference("refs/tags/v1"), Some(object.clone()));
    assert_eq!(
        reason(opened.create_tag("v1", "HEAD", "first")),
        GitReason::Conflict("there is a tag `v1`".into())
    );

    let moved = repository.annotated_tag("v1", "HEAD", "somebody else's");
    assert_eq!(
        reason(opened.delete_tag("v1", &object)),
        GitReason::Conflict(format!("the tag `v1` is {moved} by now"))
    );
    assert_eq!(opened.delete_tag("v1", &moved), Ok(true));
    assert_eq!(opened.delete_tag("v1", &moved), Ok(false));
    assert_eq!(repository.done(), ["tag v1", "delete tag v1"]);
}

#[test]
fn a_push_overwrites_nothing() {
    let (repository, origin, [_, two]) = published();
    let opened = open(&repository);
    let push = |reference| opened.push("origin", reference, None);

    assert_eq!(push("refs/heads/main"), Ok(false));
    let theirs = origin.commit("theirs");
    let ours = repository.commit("ours");
    assert_eq!(
        reason(push("refs/heads/main")),
        GitReason::Conflict("`origin` has commits that are not here".into())
    );
    assert_eq!(origin.reference("refs/heads/main"), Some(theirs));
    origin.set_reference("refs/heads/main", &two);
    assert_eq!(push("refs/heads/main"), Ok(true));
    assert_eq!(repository.reference("refs/remotes/origin/main"), Some(ours));

    repository.annotated_tag("v1", "HEAD", "ours");
    origin.annotated_tag("v1", "main", "theirs");
    assert_eq!(
        reason(push("refs/tags/v1")),
        GitReason::Conflict("`origin` has another `refs/tags/v1`".into())
    );
    assert_eq!(
        reason(push("refs/tags/v2")),
        GitReason::NotFound("there is no reference `refs/tags/v2`".into())
    );
    repository.annotated_tag("v3", "HEAD", "third");
    origin.refuses_pushes("tags are protected");
    assert_eq!(
        reason(push("refs/tags/v3")),
        GitReason::Failed("`origin` refused it: tags are protected".into())
    );
    assert_eq!(
        reason(opened.push("backup", "refs/heads/main", None)),
        GitReason::NotFound("there is no remote `backup`".into())
    );
    assert_eq!(repository.done(), ["push origin refs/heads/main"]);
}

#[test]
fn a_fetch_brings_branches_and_tags() {
    let (repository, origin, _) = published();
    let theirs = origin.commit("theirs");
    let tag = origin.annotated_tag("v1", "HEAD", "first");
    let opened = open(&repository);

    assert_eq!(
        opened.remote_refs("origin", "refs/tags/*", None),
        Ok(vec![RemoteRef {
            name: "refs/tags/v1".into(),
            object: tag.clone(),
            peeled: Some(theirs.clone())
        }])
    );
    opened.fetch("origin", false, None).unwrap();
    assert_eq!(opened.resolve("origin/main"), Ok(Some(theirs)));
    assert_eq!(opened.tag("v1"), Ok(None));
    opened.fetch("origin", true, None).unwrap();
    assert_eq!(opened.tag("v1").unwrap().unwrap().object, tag);
    repository.annotated_tag("v1", "main", "ours");
    assert_eq!(
        reason(opened.fetch("origin", true, None)),
        GitReason::Conflict("`refs/tags/v1` is another one here".into())
    );
    repository.unreachable_remote("origin", HostError::TimedOut);
    assert_eq!(reason(opened.fetch("origin", true, None)), GitReason::Host(HostError::TimedOut));
}

#[test]
fn a_remote_may_ask_for_a_login() {
    let (repository, origin, _) = published();
    origin.asks_for("ada", "t0ken");
    let host =
        FakeHost::new().repository(".", &repository).secret("right", "t0ken").secret("wrong", "x").host();
    let opened = host.git().open(".").unwrap();
    let fetch = |password: Option<&str>| {
        let credentials = password.map(|name| Credentials { user: "ada".into(), password: name.into() });
        let login = credentials.map(|credentials| credentials.login(&host).unwrap());
        opened.fetch("origin", false, login.as_ref())
    };

    assert_eq!(fetch(Some("right")), Ok(()));
    assert_eq!(reason(fetch(Some("wrong"))), GitReason::Failed("`origin` refused the login".into()));
    assert_eq!(reason(fetch(None)), GitReason::Failed("`origin` refused the login".into()));
}

#[test]
fn a_checkout_overwrites_no_changes() {
    let (repository, _, [one, _]) = published();
    let opened = open(&repository);

    repository.changed("notes.txt", Change::Untracked, false);
    opened.checkout(&one).unwrap();
    assert_eq!(repository.head(), one);
    repository.changed("app.py", Change::Modified, false);
    assert_eq!(
        reason(opened.checkout_branch("main")),
        GitReason::Conflict("there are local changes, e.g. `app.py`".into())
    );
    repository.unchanged();
    opened.checkout_branch("main").unwrap();
    assert_eq!(repository.head(), "main");
    assert_eq!(
        reason(opened.checkout_branch("side")),
        GitReason::NotFound("there is no branch `side`".into())
    );
    assert_eq!(repository.done(), [format!("checkout {one}"), "checkout branch main".to_owned()]);
}

#[test]
fn files_and_commits_are_read_as_they_were() {
    let repository = FakeRepository::new("main");
    repository.commit_files("one", &[("a.py", "1"), ("docs/a.md", "22")]);
    let two = repository.commit_files("two", &[("a.py", "333")]);
    let opened = open(&repository);
    let messages = |except| -> Vec<String> {
        opened.log("HEAD", except, 9).unwrap().into_iter().map(|commit| commit.message).collect()
    };

    assert_eq!(opened.commit("HEAD").unwrap().id, two);
    assert_eq!(messages(None), ["two", "one"]);
    assert_eq!(messages(Some("HEAD~1")), ["two"]);
    assert_eq!(opened.log("HEAD", None, 1).unwrap().len(), 1);
    let files = |revision, pattern| -> Vec<(String, u64)> {
        let files = opened.files(revision, pattern).unwrap();
        files.into_iter().map(|file| (file.path, file.size)).collect()
    };
    assert_eq!(files("HEAD", "*"), [("a.py".to_owned(), 3), ("docs/a.md".to_owned(), 2)]);
    assert_eq!(files("HEAD~1", "*.py"), [("a.py".to_owned(), 1)]);
    assert_eq!(opened.read("HEAD~1", "a.py", None), Ok(b"1".to_vec()));
    assert_eq!(
        reason(opened.read("HEAD", "b.py", None)),
        GitReason::NotFound("there is no file `b.py` in it".into())
    );
    assert_eq!(
        reason(opened.read("HEAD", "a.py", Some(2))),
        GitReason::Host(HostError::BudgetExceeded("file is longer than 2 bytes".into()))
    );
}
