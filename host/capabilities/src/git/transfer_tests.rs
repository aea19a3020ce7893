//! Remotes on this machine: what is fetched, what is pushed, and what is never overwritten.

use std::sync::Arc;

use serde_json::{Value, json};
use wasmtime::component::Resource;

use super::{
    Repository,
    testing::{World, opened, told},
};
use crate::{
    Limits,
    host::{Context, Ledger, bindings::runner::plugin::git::HostRepository as _},
    secrets::Redactor,
};

type At = Resource<Repository>;

/// A repository with one commit and the bare remote `origin`, which has it too.
fn world() -> World {
    let world = World::new();
    world.git(".", &["clone", "-q", "--bare", "root", "origin.git"]);
    let url = world.path("origin.git");
    world.git("root", &["remote", "add", "origin", url.to_str().unwrap()]);
    world
}

/// All of git's verbs that go to remotes, to that of `world`.
fn rules(world: &World) -> Value {
    json!([{
        "verbs": ["remote", "fetch", "push"],
        "remotes": [world.path("*").to_str().unwrap()],
        "refs": ["refs/heads/main", "refs/tags/v*"],
    }])
}

async fn push(context: &mut Context, at: At, reference: &str) -> Result<bool, String> {
    context.push(at, "origin".to_owned(), reference.to_owned(), None).await.unwrap().map_err(told)
}

async fn fetch(context: &mut Context, at: At, tags: bool) -> Result<(), String> {
    context.fetch(at, "origin".to_owned(), tags, None).await.unwrap().map_err(told)
}

async fn remote_refs(
    context: &mut Context,
    at: At,
    remote: &str,
) -> Result<Vec<(String, String, Option<String>)>, String> {
    let refs =
        context.remote_refs(at, remote.to_owned(), "refs/*".to_owned(), None).await.unwrap().map_err(told)?;
    Ok(refs.into_iter().map(|one| (one.name, one.object, one.peeled)).collect())
}

#[tokio::test]
async fn a_branch_and_a_tag_are_pushed_once() {
    let world = world();
    let commit = world.commit("root", "b.txt");
    world.git("root", &["tag", "-a", "v1", "-m", "one"]);
    let tag = world.git("root", &["rev-parse", "refs/tags/v1"]);
    let (mut context, at) = world.open(rules(&world)).await;
    assert_eq!(push(&mut context, at(), "refs/heads/main").await, Ok(true));
    assert_eq!(push(&mut context, at(), "refs/heads/main").await, Ok(false));
    assert_eq!(push(&mut context, at(), "refs/tags/v1").await, Ok(true));
    assert_eq!(push(&mut context, at(), "refs/tags/v1").await, Ok(false));
    assert_eq!(
        world.git("origin.git", &["for-each-ref", "--format", "%(refname) %(objectname)"]),
        format!("refs/heads/main {commit}\nrefs/tags/v1 {tag}")
    );
    world.git("origin.git", &["fsck", "--strict"]);
    assert_eq!(world.git("root", &["rev-parse", "refs/remotes/origin/main"]), commit);
    assert_eq!(
        remote_refs(&mut context, at(), "origin").await,
        Ok(vec![
            ("refs/heads/main".to_owned(), commit.clone(), None),
            ("refs/tags/v1".to_owned(), tag, Some(commit)),
        ])
    );
}

#[tokio::test]
async fn a_push_that_would_overwrite_is_a_conflict_and_changes_nothing() {
    let world = world();
    world.git(".", &["clone", "-q", "origin.git", "other"]);
    let theirs = world.commit("other", "theirs.txt");
    world.git("other", &["tag", "-a", "v1", "-m", "theirs"]);
    world.git("other", &["push", "-q", "origin", "main", "v1"]);
    let their_tag = world.git("other", &["rev-parse", "refs/tags/v1"]);
    world.commit("root", "ours.txt");
    world.git("root", &["tag", "-a", "v1", "-m", "ours"]);
    let our_tag = world.git("root", &["rev-parse", "refs/tags/v1"]);
    let before = world.git("origin.git", &["for-each-ref"]);
    let (mut context, at) = world.open(rules(&world)).await;
    assert_eq!(
        push(&mut context, at(), "refs/heads/main").await,
        Err(format!(
            "conflict: `refs/heads/main` is no fast-forward: `origin` has {theirs}, which is not known here: fetch first; \
             nothing was pushed, and nothing is ever forced"
        ))
    );
    assert_eq!(fetch(&mut context, at(), false).await, Ok(()));
    assert_eq!(world.git("root", &["rev-parse", "refs/remotes/origin/main"]), theirs);
    assert_eq!(
        push(&mut context, at(), "refs/heads/main").await,
        Err(format!(
            "conflict: `refs/heads/main` is no fast-forward: `origin` has {theirs}, which is not part of it; nothing was \
             pushed, and nothing is ever forced"
        ))
    );
    assert_eq!(
        push(&mut context, at(), "refs/tags/v1").await,
        Err(format!(
            "conflict: `refs/tags/v1` is {their_tag} at `origin` and {our_tag} here; a tag is never moved"
        ))
    );
    assert_eq!(world.git("origin.git", &["for-each-ref"]), before);
    assert_eq!(
        fetch(&mut context, at(), true).await,
        Err(format!(
            "conflict: `refs/tags/v1` is {our_tag} here and {their_tag} at `origin`; nothing was fetched"
        ))
    );
    assert_eq!(world.git("root", &["rev-parse", "refs/tags/v1"]), our_tag);
}

#[tokio::test]
async fn what_is_fetched_is_there_afterwards() {
    let world = world();
    world.git(".", &["clone", "-q", "origin.git", "other"]);
    let theirs = world.commit("other", "theirs.txt");
    world.git("other", &["tag", "-a", "v1", "-m", "one"]);
    world.git("other", &["push", "-q", "origin", "main", "v1"]);
    let ours = world.git("root", &["rev-parse", "HEAD"]);
    let (mut context, at) = world.open(rules(&world)).await;
    assert_eq!(fetch(&mut context, at(), false).await, Ok(()));
    assert_eq!(world.git("root", &["tag"]), "");
    assert_eq!(fetch(&mut context, at(), true).await, Ok(()));
    assert_eq!(fetch(&mut context, at(), true).await, Ok(()));
    assert_eq!(
        world.git("root", &["for-each-ref", "--format", "%(refname) %(*objectname)%(objectname)"]),
        format!(
            "refs/heads/main {ours}\nrefs/remotes/origin/main {theirs}\nrefs/tags/v1 {theirs}{}",
            world.git("other", &["rev-parse", "refs/tags/v1"])
        )
    );
    world.git("root", &["fsck", "--strict"]);
}

#[tokio::test]
async fn only_granted_remotes_and_references_are_touched() {
    let world = world();
    world.commit("root", "b.txt");
    world.git("root", &["branch", "side"]);
    world.git("root", &["remote", "add", "sly", "../elsewhere/../origin.git"]);
    std::fs::create_dir(world.path("elsewhere")).unwrap();
    std::os::unix::fs::symlink(world.path("origin.git"), world.path("elsewhere/link.git")).unwrap();
    world.git("root", &["remote", "add", "link", world.path("elsewhere/link.git").to_str().unwrap()]);
    let before = world.git("origin.git", &["for-each-ref"]);
    let elsewhere = json!([{
        "verbs": ["remote", "fetch", "push"], "refs": ["refs/heads/main"],
        "remotes": [world.path("elsewhere/*").to_str().unwrap()],
    }]);
    let (mut context, at) = world.open(elsewhere).await;
    for remote in ["origin", "sly", "link"] {
        assert_eq!(remote_refs(&mut context, at(), remote).await, Err("denied".to_owned()), "{remote}");
    }
    assert_eq!(push(&mut context, at(), "refs/heads/main").await, Err("denied".to_owned()));
    assert_eq!(fetch(&mut context, at(), true).await, Err("denied".to_owned()));
    let (mut context, at) = world.open(rules(&world)).await;
    assert_eq!(push(&mut context, at(), "refs/heads/side").await, Err("denied".to_owned()));
    assert_eq!(
        push(&mut context, at(), "refs/tags/v9").await,
        Err("not found: there is no `refs/tags/v9` here".to_owned())
    );
    assert_eq!(
        push(&mut context, at(), "main").await,
        Err("invalid: `main` is not a reference in full, as `refs/heads/main` or `refs/tags/v1.0.0`"
            .to_owned())
    );
    assert_eq!(
        remote_refs(&mut context, at(), "absent").await,
        Err("not found: there is no remote `absent`".to_owned())
    );
    assert_eq!(world.git("origin.git", &["for-each-ref"]), before);
}

#[tokio::test]
async fn a_remote_below_the_pipeline_is_named_from_there() {
    let world = World::new();
    world.git(".", &["clone", "-q", "--bare", "root", "root/remotes/origin.git"]);
    world.git("root", &["remote", "add", "origin", "./remotes/origin.git"]);
    let (mut context, at) = world.open(json!([{ "verbs": ["remote"], "remotes": ["./remotes/*"] }])).await;
    assert_eq!(remote_refs(&mut context, at(), "origin").await.map(|refs| refs.len()), Ok(1));
}

#[tokio::test]
async fn a_remote_that_is_not_there_or_not_bare_is_said() {
    let world = world();
    world.commit("root", "b.txt");
    world.git(".", &["clone", "-q", "origin.git", "work"]);
    world.git("root", &["remote", "set-url", "origin", world.path("work").to_str().unwrap()]);
    let (mut context, at) = world.open(rules(&world)).await;
    assert_eq!(
        push(&mut context, at(), "refs/heads/main").await,
        Err(format!(
            "failed: pushing to `origin` at `{}`: local push doesn't (yet) support pushing to non-bare repos.",
            world.path("work").display()
        ))
    );
    std::fs::remove_dir_all(world.path("work")).unwrap();
    assert_eq!(
        push(&mut context, at(), "refs/heads/main").await,
        Err(format!("unavailable: `origin` is at `{}`, where nothing is", world.path("work").display()))
    );
}

#[tokio::test]
async fn a_rehearsal_looks_and_changes_nothing() {
    let world = world();
    let commit = world.commit("root", "b.txt");
    world.git("root", &["tag", "-a", "v1", "-m", "one"]);
    let tag = world.git("root", &["rev-parse", "refs/tags/v1"]);
    let mut rules = rules(&world);
    rules[0]["verbs"] = json!(["fetch", "push", "tag", "checkout"]);
    let mut context = world.context(rules);
    let ledger = Ledger::new(Limits::default(), Arc::new(Redactor::default()), Box::new(|_| {}));
    context.ledger = Arc::new(ledger.rehearsing());
    let (mut context, at) = opened(context).await;
    let before = (world.git("root", &["for-each-ref"]), world.git("origin.git", &["for-each-ref"]));
    assert_eq!(push(&mut context, at(), "refs/heads/main").await, Ok(true));
    assert_eq!(push(&mut context, at(), "refs/heads/side").await, Err("denied".to_owned()));
    assert_eq!(fetch(&mut context, at(), true).await, Ok(()));
    let create = async |context: &mut Context, name: &str| {
        let made = context.create_tag(at(), name.to_owned(), "HEAD".to_owned(), "m".to_owned());
        made.await.unwrap().map_err(told)
    };
    assert_eq!(create(&mut context, "v2").await, Ok("0".repeat(40)));
    assert_eq!(create(&mut context, "v1").await, Err("conflict: the tag `v1` is there already".to_owned()));
    let deleted = context.delete_tag(at(), "v1".to_owned(), tag).await.unwrap().map_err(told);
    assert_eq!(deleted, Ok(true));
    let checked_out = context.checkout(at(), "HEAD~1".to_owned()).await.unwrap().map_err(told);
    assert_eq!(checked_out, Ok(()));
    assert_eq!((world.git("root", &["for-each-ref"]), world.git("origin.git", &["for-each-ref"])), before);
    assert_eq!(world.git("root", &["rev-parse", "--abbrev-ref", "HEAD"]), "main");
    let first = world.git("root", &["rev-parse", "HEAD~1"]);
    assert_eq!(
        context.ledger().finish().rehearsed,
        [
            "push `refs/heads/main` to `origin`".to_owned(),
            "fetch from `origin`".to_owned(),
            format!("tag {commit} as `v2`"),
            "delete the tag `v1`".to_owned(),
            format!("check out {first}"),
        ]
    );
}
