//! What repositories say, and what is done to them.

use serde_json::json;
use wasmtime::component::Resource;

use super::{
    Repository,
    testing::{World, told},
};
use crate::{
    Capability, Refusal,
    host::{
        Context, Denied,
        bindings::runner::plugin::git::{Change, Host as _, HostRepository as _, TagFacts},
    },
};

const ABSENT: &str = "0123456789012345678901234567890123456789";

type At = Resource<Repository>;

async fn head(context: &mut Context, at: At) -> Result<(Option<String>, String, bool), String> {
    let head = context.head(at).await.unwrap().map_err(told)?;
    Ok((head.branch, head.commit, head.shallow))
}

async fn status(context: &mut Context, at: At) -> Result<Vec<(String, Change, bool)>, String> {
    let entries = context.status(at).await.unwrap().map_err(told)?;
    Ok(entries.into_iter().map(|entry| (entry.path, entry.change, entry.staged)).collect())
}

async fn resolve(context: &mut Context, at: At, revision: &str) -> Result<Option<String>, String> {
    context.resolve(at, revision.to_owned()).await.unwrap().map_err(told)
}

async fn is_ancestor(context: &mut Context, at: At, commit: &str, of: &str) -> Result<bool, String> {
    context.is_ancestor(at, commit.to_owned(), of.to_owned()).await.unwrap().map_err(told)
}

async fn tag(context: &mut Context, at: At, name: &str) -> Result<Option<TagFacts>, String> {
    context.tag(at, name.to_owned()).await.unwrap().map_err(told)
}

async fn create_tag(context: &mut Context, at: At, name: &str) -> Result<String, String> {
    let made = context.create_tag(at, name.to_owned(), "HEAD".to_owned(), "a release\n".to_owned());
    made.await.unwrap().map_err(told)
}

async fn read(context: &mut Context, at: At, path: &str, most: Option<u64>) -> Result<Vec<u8>, String> {
    context.read(at, "HEAD".to_owned(), path.to_owned(), most).await.unwrap().map_err(told)
}

async fn log(context: &mut Context, at: At, revision: &str, max: u32) -> Result<Vec<String>, String> {
    let commits = context.log(at, revision.to_owned(), None, max).await.unwrap().map_err(told)?;
    Ok(commits.into_iter().map(|commit| commit.message).collect())
}

#[tokio::test]
async fn a_repository_says_where_it_stands() {
    let world = World::new();
    let commit = world.git("root", &["rev-parse", "HEAD"]);
    let (mut context, at) = world.open(json!(["refs"])).await;
    assert_eq!(head(&mut context, at()).await, Ok((Some("main".to_owned()), commit.clone(), false)));
    world.git("root", &["checkout", "-q", "--detach"]);
    assert_eq!(head(&mut context, at()).await, Ok((None, commit, false)));
}

#[tokio::test]
async fn a_repository_without_commits_fails_with_words() {
    let world = World::empty();
    world.init("root");
    world.write("root/new.txt", "x");
    let (mut context, at) = world.open(json!(["refs", "status"])).await;
    assert_eq!(head(&mut context, at()).await, Err("failed: there are no commits yet".to_owned()));
    assert_eq!(resolve(&mut context, at(), "HEAD").await, Ok(None));
    assert_eq!(status(&mut context, at()).await, Ok(vec![("new.txt".to_owned(), Change::Untracked, false)]));
}

#[tokio::test]
async fn the_status_holds_what_differs_and_nothing_that_is_ignored() {
    let world = World::new();
    world.write("root/.gitignore", "*.log\n");
    world.commit("root", "moved.txt");
    world.commit("root", "gone.txt");
    world.git("root", &["add", "."]);
    world.git("root", &["commit", "-q", "-m", "ignore"]);
    world.write("root/build.log", "noise");
    world.write("root/dir/new.txt", "n");
    world.write("root/a.txt", "changed and longer\n");
    world.write("root/staged.txt", "s");
    world.git("root", &["add", "staged.txt"]);
    world.write("root/staged.txt", "s again");
    world.git("root", &["mv", "moved.txt", "there.txt"]);
    std::fs::remove_file(world.path("root/gone.txt")).unwrap();
    let (mut context, at) = world.open(json!(["status"])).await;
    let expected = [
        ("a.txt", Change::Modified, false),
        ("dir/new.txt", Change::Untracked, false),
        ("gone.txt", Change::Deleted, false),
        ("staged.txt", Change::Added, true),
        ("staged.txt", Change::Modified, false),
        ("there.txt", Change::Renamed, true),
    ];
    let expected = expected.map(|(path, change, staged)| (path.to_owned(), change, staged));
    assert_eq!(status(&mut context, at()).await, Ok(expected.into()));
}

#[tokio::test]
async fn a_conflict_is_a_change() {
    let world = World::new();
    world.git("root", &["checkout", "-q", "-b", "other"]);
    world.write("root/a.txt", "theirs\n");
    world.git("root", &["commit", "-q", "-am", "theirs"]);
    world.git("root", &["checkout", "-q", "main"]);
    world.write("root/a.txt", "ours\n");
    world.git("root", &["commit", "-q", "-am", "ours"]);
    // It ends with a failure, as it should: the merge is left in conflict.
    let merge = super::testing::command("git", &world.path("home"))
        .args(["merge", "-q", "other"])
        .current_dir(world.path("root"))
        .output()
        .unwrap();
    assert!(!merge.status.success());
    let (mut context, at) = world.open(json!(["status"])).await;
    assert_eq!(status(&mut context, at()).await, Ok(vec![("a.txt".to_owned(), Change::Conflicted, false)]));
}

#[tokio::test]
async fn revisions_lead_to_commits() {
    let world = World::new();
    let first = world.git("root", &["rev-parse", "HEAD"]);
    let second = world.commit("root", "b.txt");
    world.git("root", &["tag", "-a", "v1", "-m", "one", &first]);
    let (mut context, at) = world.open(json!(["refs"])).await;
    for (revision, commit) in [
        ("HEAD", &second),
        ("main", &second),
        ("HEAD~1", &first),
        ("v1", &first),
        ("refs/tags/v1", &first),
        (&first[..10], &first),
    ] {
        assert_eq!(resolve(&mut context, at(), revision).await, Ok(Some(commit.clone())), "{revision}");
    }
    assert_eq!(resolve(&mut context, at(), "nowhere").await, Ok(None));
    assert_eq!(resolve(&mut context, at(), "HEAD~9").await, Ok(None));
    assert_eq!(
        resolve(&mut context, at(), "HEAD^{/fir}").await,
        Err("invalid: `HEAD^{/fir}` searches, or names a file; a revision here names a commit".to_owned())
    );
    assert_eq!(
        resolve(&mut context, at(), "HEAD^{tree}").await,
        Err("failed: `HEAD^{tree}` does not lead to a commit".to_owned())
    );
}

#[tokio::test]
async fn tags_are_told_whole() {
    let world = World::new();
    let commit = world.git("root", &["rev-parse", "HEAD"]);
    world.git("root", &["tag", "light"]);
    world.git("root", &["tag", "-a", "v1.0.0", "-m", "first release"]);
    world.git("root", &["tag", "-a", "tree", "-m", "a tree", "HEAD^{tree}"]);
    let object = world.git("root", &["rev-parse", "refs/tags/v1.0.0"]);
    let (mut context, at) = world.open(json!(["refs"])).await;
    let v1 = tag(&mut context, at(), "v1.0.0").await.unwrap().unwrap();
    let tagger = v1.tagger.as_ref().map(|who| (who.name.as_str(), who.email.as_str(), who.at_ms));
    assert_eq!(tagger, Some(("Ann", "ann@example.com", 1_767_323_045_000)));
    assert_eq!(
        (v1.name.as_str(), &v1.object, v1.annotated, &v1.commit, v1.message.as_str(), v1.signed),
        ("v1.0.0", &object, true, &Some(commit.clone()), "first release\n", false)
    );
    let light = tag(&mut context, at(), "light").await.unwrap().unwrap();
    assert_eq!(
        (light.object, light.annotated, light.commit, light.tagger.is_none(), light.message),
        (commit.clone(), false, Some(commit), true, String::new())
    );
    assert_eq!(tag(&mut context, at(), "tree").await.unwrap().unwrap().commit, None);
    assert!(tag(&mut context, at(), "absent").await.unwrap().is_none());
    assert_eq!(
        tag(&mut context, at(), "a b").await.map(drop),
        Err("invalid: `a b` is not a name for a tag".to_owned())
    );
    world.git("root", &["tag", "release/v1"]);
    let names = context.tags(at(), "*1*".to_owned()).await.unwrap().unwrap();
    assert_eq!(names.iter().map(|tag| tag.name.as_str()).collect::<Vec<_>>(), ["release/v1", "v1.0.0"]);
}

#[tokio::test]
async fn what_comes_before_what_is_never_guessed() {
    let world = World::new();
    let first = world.git("root", &["rev-parse", "HEAD"]);
    let second = world.commit("root", "b.txt");
    let (mut context, at) = world.open(json!(["objects"])).await;
    assert_eq!(is_ancestor(&mut context, at(), &first, &second).await, Ok(true));
    assert_eq!(is_ancestor(&mut context, at(), &second, &second).await, Ok(true));
    assert_eq!(is_ancestor(&mut context, at(), &second, &first).await, Ok(false));
    assert_eq!(
        is_ancestor(&mut context, at(), ABSENT, &first).await,
        Err(format!("not found: there is no `{ABSENT}`"))
    );
}

#[tokio::test]
async fn beyond_the_cut_of_a_shallow_clone_nothing_is_said() {
    let world = World::new();
    world.commit("root", "b.txt");
    world.commit("root", "c.txt");
    world.git(".", &["clone", "-q", "--bare", "root", "origin.git"]);
    let first = world.git("root", &["rev-parse", "HEAD~2"]);
    std::fs::remove_dir_all(world.path("root")).unwrap();
    let url = format!("file://{}", world.path("origin.git").display());
    world.git(".", &["clone", "-q", "--depth", "2", &url, "root"]);
    let head_commit = world.git("root", &["rev-parse", "HEAD"]);
    world.git("root", &["-c", "protocol.version=2", "fetch", "-q", "--depth", "1", "origin", &first]);
    let (mut context, at) = world.open(json!(["refs", "objects"])).await;
    assert_eq!(head(&mut context, at()).await, Ok((Some("main".to_owned()), head_commit, true)));
    assert_eq!(is_ancestor(&mut context, at(), "HEAD~1", "HEAD").await, Ok(true));
    assert_eq!(
        is_ancestor(&mut context, at(), &first, "HEAD").await,
        Err(format!(
            "failed: whether `{first}` comes before `HEAD` cannot be said: this is a shallow clone, whose history is cut \
             off; fetch the whole of it first"
        ))
    );
    assert_eq!(
        resolve(&mut context, at(), "HEAD~5").await,
        Err("failed: `HEAD~5` cannot be looked for: this is a shallow clone; fetch its whole history first"
            .to_owned())
    );
    assert_eq!(
        log(&mut context, at(), "HEAD", 2).await,
        Ok(vec!["c.txt\n".to_owned(), "b.txt\n".to_owned()])
    );
    assert_eq!(
        log(&mut context, at(), "HEAD", 3).await,
        Err("failed: the history of `HEAD` is cut off after 2 commits: this is a shallow clone; fetch the whole of it \
             first"
            .to_owned())
    );
}

#[tokio::test]
async fn commits_and_their_files_are_read() {
    let world = World::new();
    let first = world.git("root", &["rev-parse", "HEAD"]);
    world.write("root/bin/run", "#!/bin/sh\n");
    world.git("root", &["add", "."]);
    world.git("root", &["update-index", "--chmod=+x", "bin/run"]);
    world.git("root", &["commit", "-q", "-m", "second\n\nwith a body"]);
    let (mut context, at) = world.open(json!(["objects"])).await;
    let commit = context.commit(at(), "HEAD".to_owned()).await.unwrap().unwrap();
    assert_eq!((commit.parents, commit.message.as_str()), (vec![first.clone()], "second\n\nwith a body\n"));
    assert_eq!((commit.author.name.as_str(), commit.committer.email.as_str()), ("Ann", "ann@example.com"));
    let messages = ["second\n\nwith a body\n".to_owned(), "first\n".to_owned()];
    assert_eq!(log(&mut context, at(), "HEAD", 9).await, Ok(messages.clone().into()));
    assert_eq!(log(&mut context, at(), "HEAD", 1).await, Ok(messages[..1].into()));
    let since = context.log(at(), "HEAD".to_owned(), Some(first), 9).await.unwrap().unwrap();
    assert_eq!(since.len(), 1);
    let files = context.files(at(), "HEAD".to_owned(), "*".to_owned()).await.unwrap().unwrap();
    let files: Vec<_> = files.iter().map(|file| (file.path.as_str(), file.size, file.executable)).collect();
    assert_eq!(files, [("a.txt", 2, false), ("bin/run", 10, true)]);
    assert_eq!(read(&mut context, at(), "bin/run", None).await, Ok(b"#!/bin/sh\n".to_vec()));
    assert_eq!(
        read(&mut context, at(), "bin/run", Some(9)).await,
        Err("budget exceeded: `bin/run` is longer than 9 bytes".to_owned())
    );
    for path in ["bin", "absent", "../root/a.txt", "/a.txt", ""] {
        let missing = Err(format!("not found: there is no file `{path}` in `HEAD`"));
        assert_eq!(read(&mut context, at(), path, None).await, missing);
    }
}

#[tokio::test]
async fn a_damaged_object_is_an_error_and_never_an_absence() {
    let world = World::new();
    let second = world.commit("root", "b.txt");
    let blob = world.git("root", &["rev-parse", "HEAD:b.txt"]);
    for object in [&second, &blob] {
        let path = world.path(&format!("root/.git/objects/{}/{}", &object[..2], &object[2..]));
        std::fs::remove_file(&path).unwrap();
        std::fs::write(&path, "this is no object").unwrap();
    }
    let (mut context, at) = world.open(json!(["refs", "objects"])).await;
    let failed = |told: Result<(), String>| told.is_err_and(|told| told.starts_with("failed: "));
    assert!(failed(resolve(&mut context, at(), "main").await.map(drop)));
    assert!(failed(head(&mut context, at()).await.map(drop)));
    std::fs::remove_file(world.path(&format!("root/.git/objects/{}/{}", &second[..2], &second[2..])))
        .unwrap();
    assert_eq!(
        resolve(&mut context, at(), "main").await,
        Err("failed: `main` is there, but the object it points at is missing".to_owned())
    );
}

#[tokio::test]
async fn a_tag_is_made_once_and_taken_back_as_it_was_made() {
    let world = World::new();
    let (mut context, at) = world.open(json!(["refs", { "verbs": ["tag"], "refs": ["refs/tags/v*"] }])).await;
    let object = create_tag(&mut context, at(), "v1.0.0").await.unwrap();
    assert_eq!(
        world.git("root", &["cat-file", "-p", "refs/tags/v1.0.0"]),
        format!(
            "object {}\ntype commit\ntag v1.0.0\ntagger Ann <ann@example.com> 43200 +0000\n\na release",
            world.git("root", &["rev-parse", "HEAD"])
        )
    );
    assert_eq!(object, world.git("root", &["rev-parse", "refs/tags/v1.0.0"]));
    assert_eq!(
        create_tag(&mut context, at(), "v1.0.0").await,
        Err("conflict: the tag `v1.0.0` is there already".to_owned())
    );
    let delete = async |context: &mut Context, object: &str| {
        context.delete_tag(at(), "v1.0.0".to_owned(), object.to_owned()).await.unwrap().map_err(told)
    };
    assert_eq!(
        delete(&mut context, ABSENT).await,
        Err(format!("conflict: the tag `v1.0.0` is {object} now, not {ABSENT}; it was left alone"))
    );
    assert_eq!(delete(&mut context, &object).await, Ok(true));
    assert_eq!(delete(&mut context, &object).await, Ok(false));
    assert_eq!(world.git("root", &["tag"]), "");
    assert_eq!(create_tag(&mut context, at(), "other").await, Err("denied".to_owned()));
    assert_eq!(
        context.ledger().finish().refusals,
        [Refusal {
            capability: Capability::Git,
            request: "tag `refs/tags/other` in `.`".to_owned(),
            message: "none of its `refs` for `tag` covers this".to_owned(),
            grant: Some(r#"git: [{ repository: ., verbs: [tag], refs: ["refs/tags/other"] }]"#.to_owned()),
        }]
    );
}

#[tokio::test]
async fn a_tagger_is_the_repositorys_own_setting() {
    let world = World::new();
    world.git("root", &["config", "--unset", "user.email"]);
    let (mut context, at) = world.open(json!([{ "verbs": ["tag"], "refs": ["refs/tags/*"] }])).await;
    assert_eq!(
        create_tag(&mut context, at(), "v1").await,
        Err("failed: the repository has no `user.email`, and that of a user is not read; set it with `git config \
             user.email …` in the repository"
            .to_owned())
    );
    assert_eq!(world.git("root", &["tag"]), "");
}

#[tokio::test]
async fn a_checkout_loses_nothing() {
    let world = World::new();
    let first = world.git("root", &["rev-parse", "HEAD"]);
    let second = world.commit("root", "b.txt");
    let (mut context, at) = world.open(json!(["refs", "checkout"])).await;
    let checkout = async |context: &mut Context, commit: &str| {
        context.checkout(at(), commit.to_owned()).await.unwrap().map_err(told)
    };
    let branch = async |context: &mut Context, branch: &str| {
        context.checkout_branch(at(), branch.to_owned()).await.unwrap().map_err(told)
    };
    assert_eq!(checkout(&mut context, &first).await, Ok(()));
    assert_eq!(head(&mut context, at()).await, Ok((None, first.clone(), false)));
    assert!(!world.path("root/b.txt").exists());

    world.write("root/b.txt", "in the way");
    assert_eq!(
        branch(&mut context, "main").await,
        Err("conflict: files that git does not know would be overwritten by `main`; nothing was checked out"
            .to_owned())
    );
    assert_eq!(std::fs::read_to_string(world.path("root/b.txt")).unwrap(), "in the way");
    std::fs::remove_file(world.path("root/b.txt")).unwrap();

    world.write("root/a.txt", "changed here\n");
    assert_eq!(
        branch(&mut context, "main").await,
        Err("conflict: local changes would be in the way: `a.txt`; nothing was checked out".to_owned())
    );
    assert_eq!(head(&mut context, at()).await, Ok((None, first.clone(), false)));
    world.git("root", &["checkout", "-q", "a.txt"]);

    assert_eq!(branch(&mut context, "main").await, Ok(()));
    assert_eq!(head(&mut context, at()).await, Ok((Some("main".to_owned()), second, false)));
    assert_eq!(world.git("root", &["status", "--porcelain"]), "");
    assert_eq!(
        branch(&mut context, "absent").await,
        Err("not found: there is no branch `absent`".to_owned())
    );
}

#[tokio::test]
async fn a_verb_that_is_not_granted_is_denied() {
    let world = World::new();
    let before = world.git("root", &["for-each-ref"]);
    let (mut context, at) = world.open(json!(["verify"])).await;
    let name = || "v1".to_owned();
    let told = [
        context.head(at()).await.unwrap().map(drop),
        context.status(at()).await.unwrap().map(drop),
        context.resolve(at(), name()).await.unwrap().map(drop),
        context.tag(at(), name()).await.unwrap().map(drop),
        context.tags(at(), name()).await.unwrap().map(drop),
        context.is_ancestor(at(), name(), name()).await.unwrap().map(drop),
        context.commit(at(), name()).await.unwrap().map(drop),
        context.log(at(), name(), None, 1).await.unwrap().map(drop),
        context.files(at(), name(), name()).await.unwrap().map(drop),
        context.read(at(), name(), name(), None).await.unwrap().map(drop),
        context.create_tag(at(), name(), "HEAD".to_owned(), name()).await.unwrap().map(drop),
        context.delete_tag(at(), name(), name()).await.unwrap().map(drop),
        context.checkout(at(), "HEAD".to_owned()).await.unwrap().map(drop),
        context.checkout_branch(at(), "main".to_owned()).await.unwrap().map(drop),
        context.remote_refs(at(), "origin".to_owned(), "*".to_owned(), None).await.unwrap().map(drop),
        context.fetch(at(), "origin".to_owned(), false, None).await.unwrap().map(drop),
        context.push(at(), "origin".to_owned(), "refs/heads/main".to_owned(), None).await.unwrap().map(drop),
    ]
    .map(|result| result.map_err(told));
    assert_eq!(told, std::array::from_fn::<_, 17, _>(|_| Err("denied".to_owned())));
    let (mut other, at) = world.open(json!(["refs"])).await;
    for verified in [
        other.verify_tag(at(), name(), String::new()).await.unwrap().map(drop),
        other.verify_commit(at(), name(), String::new()).await.unwrap().map(drop),
    ] {
        assert_eq!(verified.map_err(super::testing::told), Err("denied".to_owned()));
    }
    assert_eq!(world.git("root", &["for-each-ref"]), before);
}

#[tokio::test]
async fn a_step_without_git_is_denied_by_code_that_can_do_nothing_else() {
    let world = World::new();
    let mut context = world.context(json!([]));
    let opened = Denied(&mut context).open(".".to_owned()).await.unwrap();
    assert_eq!(opened.map(drop).map_err(told), Err("denied".to_owned()));
    let head = Denied(&mut context).head(Resource::new_own(0)).await.unwrap();
    assert_eq!(head.map(drop).map_err(told), Err("denied".to_owned()));
    assert_eq!(
        context.ledger().finish().refusals,
        [Refusal {
            capability: Capability::Git,
            request: "open the repository `.`".to_owned(),
            message: "this step is granted no repository at all".to_owned(),
            grant: Some("git: [status]".to_owned()),
        }]
    );
}

#[tokio::test]
async fn every_use_of_a_rule_is_counted() {
    let world = World::new();
    let (mut context, at) = world.open(json!(["status", "refs"])).await;
    head(&mut context, at()).await.unwrap();
    head(&mut context, at()).await.unwrap();
    let uses: Vec<(String, u64)> =
        context.ledger().finish().uses.into_iter().map(|one| (one.rule.to_string(), one.count)).collect();
    assert_eq!(uses, [("git: refs".to_owned(), 2)]);
}

#[tokio::test]
async fn a_repository_is_found_where_the_grant_says_and_nowhere_else() {
    let world = World::new();
    world.init("root/server");
    world.git(".", &["clone", "-q", "--bare", "root", "root/bare.git"]);
    std::fs::create_dir_all(world.path("root/plain/below")).unwrap();
    let mut context = world.context(json!([
        { "repository": "server", "verbs": ["refs"] },
        { "repository": "bare.git", "verbs": ["refs"] },
        { "repository": "plain", "verbs": ["refs"] },
    ]));
    let open = async |context: &mut Context, path: &str| {
        context.open(path.to_owned()).await.unwrap().map(drop).map_err(told)
    };
    for path in ["server", "./server/", "bare.git"] {
        assert_eq!(open(&mut context, path).await, Ok(()), "{path}");
    }
    assert_eq!(
        open(&mut context, "plain").await,
        Err("not found: there is no git repository at `plain`".to_owned())
    );
    for path in [".", "", "plain/below", "other"] {
        assert_eq!(open(&mut context, path).await, Err("denied".to_owned()), "{path}");
    }
    for path in ["../root", "/etc", "server/../server"] {
        assert!(
            open(&mut context, path).await.unwrap_err().starts_with("invalid: the path of a repository"),
            "{path}"
        );
    }
}

#[tokio::test]
async fn the_repository_around_the_pipeline_is_found_above_it() {
    let world = World::empty();
    world.init(".");
    world.write("root/pipeline.yaml", "x");
    world.git(".", &["add", "root"]);
    world.git(".", &["commit", "-q", "-m", "first"]);
    world.write("elsewhere.txt", "x");
    let (mut context, at) = world.open(json!(["status"])).await;
    assert_eq!(
        status(&mut context, at()).await,
        Ok(vec![("elsewhere.txt".to_owned(), Change::Untracked, false)])
    );
}

#[tokio::test]
async fn no_repository_is_no_answer() {
    let world = World::empty();
    let mut context = world.context(json!(["status"]));
    assert_eq!(
        context.open(".".to_owned()).await.unwrap().map(drop).map_err(told),
        Err("not found: the pipeline's directory is in no git repository".to_owned())
    );
}
