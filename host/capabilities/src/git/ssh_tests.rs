//! Remotes behind ssh: a program in place of the system's client that runs the other side here.

use std::{fs, path::Path, time::Duration};

use serde_json::{Value, json};
use wasmtime::component::Resource;

use super::{
    Repository,
    testing::{World, opened, told},
};
use crate::host::{Context, bindings::runner::plugin::git::HostRepository as _};

type At = Resource<Repository>;

/// Notes what it was called with, and runs the last argument as the other side's shell would.
fn other_side(world: &World) -> String {
    format!(
        r#"printf '%s\n' "$@" > '{}'
for last; do :; done
PATH=/usr/local/bin:/usr/bin:/bin HOME=/nonexistent GIT_CONFIG_NOSYSTEM=1 exec sh -c "$last"
"#,
        world.path("called").display()
    )
}

/// A repository whose remote `origin` is `url`; what is behind is `origin.git`.
fn world(url: &str) -> World {
    let world = World::new();
    world.git(".", &["clone", "-q", "--bare", "root", "it's.git"]);
    world.git("root", &["remote", "add", "origin", &url.replace("$", world.path("").to_str().unwrap())]);
    world
}

fn rules(remote: &str) -> Value {
    json!([{ "verbs": ["remote", "fetch", "push"], "remotes": [remote], "refs": ["refs/*"] }])
}

/// With `script` in place of the system's client.
async fn open(world: &World, rules: Value, script: &str) -> (Context, impl Fn() -> At + use<>) {
    let (mut context, at) = world.open(rules).await;
    context.ssh = world.script("ssh", script);
    (context, at)
}

async fn push(context: &mut Context, at: At, reference: &str) -> Result<bool, String> {
    context.push(at, "origin".to_owned(), reference.to_owned(), None).await.unwrap().map_err(told)
}

async fn fetch(context: &mut Context, at: At) -> Result<(), String> {
    context.fetch(at, "origin".to_owned(), true, None).await.unwrap().map_err(told)
}

async fn remote_refs(context: &mut Context, at: At) -> Result<usize, String> {
    let refs = context.remote_refs(at, "origin".to_owned(), "*".to_owned(), None).await.unwrap();
    refs.map(|refs| refs.len()).map_err(told)
}

#[tokio::test]
async fn a_remote_behind_ssh_is_listed_pushed_to_and_fetched_from() {
    let world = world("ssh://git@host:2222$it's.git");
    let (mut context, at) = open(&world, rules("ssh://git@host:2222/*"), &other_side(&world)).await;
    assert_eq!(remote_refs(&mut context, at()).await, Ok(2));
    assert_eq!(
        fs::read_to_string(world.path("called")).unwrap(),
        format!(
            "-T\n-o\nBatchMode=yes\n-o\nConnectTimeout=10\n-p\n2222\n--\ngit@host\ngit-upload-pack '{}it'\\''s.git'\n",
            world.path("").display()
        )
    );
    let commit = world.commit("root", "b.txt");
    world.git("root", &["tag", "-a", "v1", "-m", "one"]);
    assert_eq!(push(&mut context, at(), "refs/heads/main").await, Ok(true));
    assert_eq!(push(&mut context, at(), "refs/heads/main").await, Ok(false));
    assert_eq!(push(&mut context, at(), "refs/tags/v1").await, Ok(true));
    assert_eq!(world.git("it's.git", &["rev-parse", "main", "v1^{commit}"]), format!("{commit}\n{commit}"));

    world.git(".", &["clone", "-q", "it's.git", "other"]);
    let theirs = world.commit("other", "c.txt");
    world.git("other", &["push", "-q", "origin", "main"]);
    assert_eq!(fetch(&mut context, at()).await, Ok(()));
    assert_eq!(world.git("root", &["rev-parse", "refs/remotes/origin/main"]), theirs);
    world.git("root", &["fsck", "--strict"]);
    let used = context.ledger().finish().uses;
    assert!(used.iter().all(|one| one.sent > 0 && one.received > 0), "{used:?}");
}

#[tokio::test]
async fn a_remote_that_says_no_is_quoted() {
    let world = world("git@host:$it's.git");
    world.script("it's.git/hooks/pre-receive", "echo 'no deployments on Friday' >&2; exit 1\n");
    world.commit("root", "b.txt");
    let (mut context, at) = open(&world, rules("ssh://git@host/*"), &other_side(&world)).await;
    let before = world.git("it's.git", &["for-each-ref"]);
    assert_eq!(
        push(&mut context, at(), "refs/heads/main").await,
        Err("failed: `origin` refused `refs/heads/main`: pre-receive hook declined (no deployments on Friday)".to_owned())
    );
    assert_eq!(world.git("it's.git", &["for-each-ref"]), before);
    assert_eq!(world.git("root", &["for-each-ref", "refs/remotes"]), "");
}

#[tokio::test]
async fn a_push_over_ssh_is_never_forced() {
    let world = world("git@host:$it's.git");
    world.git(".", &["clone", "-q", "it's.git", "other"]);
    let theirs = world.commit("other", "theirs.txt");
    world.git("other", &["push", "-q", "origin", "main"]);
    world.commit("root", "ours.txt");
    let (mut context, at) = open(&world, rules("ssh://git@host/*"), &other_side(&world)).await;
    assert_eq!(
        push(&mut context, at(), "refs/heads/main").await,
        Err(format!(
            "conflict: `refs/heads/main` is no fast-forward: `origin` has {theirs}, which is not known here: fetch first; \
             nothing was pushed, and nothing is ever forced"
        ))
    );
    assert_eq!(world.git("it's.git", &["rev-parse", "main"]), theirs);
}

#[tokio::test]
async fn what_ssh_says_is_told() {
    let world = world("git@host:acme/app.git");
    let script = "echo 'git@host: Permission denied (publickey).' >&2; exit 255\n";
    let (mut context, at) = open(&world, rules("git@host:acme/*"), script).await;
    let told = remote_refs(&mut context, at()).await.unwrap_err();
    let (what, said) = told.rsplit_once(" (git@host").unwrap();
    assert_eq!(said, ": Permission denied (publickey).)");
    assert!(what.starts_with("unavailable: connecting to `origin` at `git@host:acme/app.git`: "), "{what}");
    context.ssh = world.path("absent");
    let told = remote_refs(&mut context, at()).await.unwrap_err();
    assert!(told.ends_with("/absent cannot be started: no such file or directory"), "{told}");
}

/// Whether the process is gone, or waits to be: polled, since the system tells nobody else.
async fn is_over(pid: &str) -> bool {
    let over = || match fs::read_to_string(format!("/proc/{pid}/stat")) {
        Ok(stat) => stat.contains(") Z ") || stat.contains(") X "),
        Err(_) => true,
    };
    let wait = async {
        while !over() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), wait).await.is_ok()
}

fn line(path: &Path) -> Option<String> {
    fs::read_to_string(path).ok().filter(|text| text.ends_with('\n')).map(|text| text.trim().to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_stalls_ends_with_the_step_and_so_does_its_program() {
    let world = world("git@host:acme/app.git");
    let (mut context, at) = opened(
        world.builder(json!({ "git": rules("git@host:acme/*") })).deadline(Duration::from_secs(3)).build(),
    )
    .await;
    let pids = world.path("pids");
    // A child of its own, as a proxy command would be; it holds the pipes too.
    context.ssh = world.script("ssh", &format!("sleep 1000 &\necho $$ $! > '{}'\nwait\n", pids.display()));
    assert_eq!(remote_refs(&mut context, at()).await, Err("timed out".to_owned()));
    let started = line(&pids).expect("it was started before the deadline");
    for pid in started.split(' ') {
        assert!(is_over(pid).await, "{pid} still runs");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_is_given_up_ends_its_program() {
    let world = world("git@host:acme/app.git");
    let (mut context, at) = world.open(rules("git@host:acme/*")).await;
    let pids = world.path("pids");
    context.ssh = world.script("ssh", &format!("echo $$ > '{}'\nexec sleep 1000\n", pids.display()));
    let call = tokio::spawn(async move { remote_refs(&mut context, at()).await });
    let started = async {
        loop {
            if let Some(pid) = line(&pids) {
                return pid;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let pid = tokio::time::timeout(Duration::from_secs(20), started).await.unwrap();
    call.abort();
    assert!(is_over(&pid).await, "{pid} still runs");
}

#[tokio::test]
async fn a_host_that_is_not_granted_is_never_called() {
    let world = world("git@host:acme/app.git");
    let script = format!("touch '{}'\n", world.path("called").display());
    let (mut context, at) = open(&world, rules("git@other:acme/*"), &script).await;
    assert_eq!(remote_refs(&mut context, at()).await, Err("denied".to_owned()));
    for url in ["ssh://-oProxyCommand=touch$called/x", "-oProxyCommand=x:y", "ext::sh -c true"] {
        world.git(
            "root",
            &["config", "remote.origin.url", &url.replace("$", world.path("").to_str().unwrap())],
        );
        let told = remote_refs(&mut context, at()).await.unwrap_err();
        assert!(told.starts_with("invalid: the remote `origin`: "), "{told}");
    }
    assert!(!world.path("called").exists());
}

#[tokio::test]
async fn what_is_no_git_is_said() {
    let world = world("git@host:acme/app.git");
    let (mut context, at) = open(&world, rules("git@host:acme/*"), "echo 'Welcome to the machine'\n").await;
    let told = remote_refs(&mut context, at()).await.unwrap_err();
    assert!(told.starts_with("unavailable: connecting to `origin` at `git@host:acme/app.git`: "), "{told}");
}
