//! Git as a capability, and the plugins over it: real repositories, made by the `git` program with an environment of its
//! own, a remote beside them, signatures by `ssh-keygen`.
//!
//! The examples of the READMEs are run as they stand there. Then each thing that may be wrong is wrong once, and what
//! the journal has of the step is compared; and a run that is taken back leaves what it found.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

use regex::Regex;

use super::{
    policy::{endings, expected},
    readme_example,
};
use crate::harness::Project;

/// A project that is a repository, and its remote.
struct World {
    project: Project,
    remote: tempfile::TempDir,
}

/// Runs a program in a directory and gives what it prints. Nothing of this machine's settings is read.
fn run(directory: &Path, program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program)
        .args(arguments)
        .current_dir(directory)
        .env_clear()
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .env("HOME", directory)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_AUTHOR_DATE", "2026-01-01T00:00:00Z")
        .env("GIT_COMMITTER_DATE", "2026-01-01T00:00:00Z")
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|error| panic!("`{program}` is needed to test git: {error}"));
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{program} {arguments:?}: {out}{err}");
    out.trim_end().to_owned()
}

/// A text with `ID` for each object of git.
fn without_ids(text: &str) -> String {
    Regex::new(r"\b[0-9a-f]{40}\b").expect("a pattern").replace_all(text, "ID").into_owned()
}

impl World {
    /// Two commits on `main`, the first tagged `v1.2.9-l9`; both are at `origin`.
    fn new(pipeline: &str) -> Self {
        let world = Self::without_commits(pipeline);
        world.commit("app.py", "one", "Feature: login");
        world.git(&["tag", "-a", "-m", "Release 1.2.9", "v1.2.9-l9"]);
        world.commit("app.py", "two", "Feature: logout");
        run(world.remote.path(), "git", &["init", "--quiet", "--bare", "--initial-branch=main", "l9.git"]);
        world.git(&["push", "--quiet", "--tags", "--set-upstream", "origin", "main"]);
        world
    }

    fn without_commits(pipeline: &str) -> Self {
        let remote = tempfile::tempdir().expect("a temporary directory");
        let mut world = Self { project: Project::new(), remote };
        let address = world.address();
        let pipeline =
            pipeline.replace("https://github.com/acme/l9.git", &address).replace("REMOTE", &address);
        world.project = world.project.file("pipeline.yaml", &pipeline);
        world
            .project
            .write(".gitignore", "*.wasm\n.runner/\npipeline.yaml\npolicy.yaml\nserver/\n.signer*\n");
        world.git(&["init", "--quiet", "--initial-branch=main"]);
        world.git(&["config", "user.name", "Ada"]);
        world.git(&["config", "user.email", "ada@example.com"]);
        world.git(&["remote", "add", "origin", &address]);
        world
    }

    fn git(&self, arguments: &[&str]) -> String {
        run(&self.project.path("."), "git", arguments)
    }

    fn at_remote(&self, arguments: &[&str]) -> String {
        run(&self.remote.path().join("l9.git"), "git", arguments)
    }

    /// Where `origin` is.
    fn address(&self) -> String {
        fs::canonicalize(self.remote.path())
            .expect("it is there")
            .join("l9.git")
            .to_string_lossy()
            .into_owned()
    }

    fn commit(&self, file: &str, text: &str, message: &str) {
        self.project.write(file, text);
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--allow-empty-message", "--message", message]);
    }

    /// Where `HEAD` is: the branch if it is on one, and the commit.
    fn head(&self) -> [String; 2] {
        [self.git(&["rev-parse", "--abbrev-ref", "HEAD"]), self.git(&["rev-parse", "HEAD"])]
    }

    /// Runs the pipeline: the exit code, and how each step ended with ids replaced.
    fn exec(&self) -> (i32, std::collections::BTreeMap<String, Vec<String>>) {
        let run = self.project.exec(&[]);
        assert!([0, 3, 4].contains(&run.code), "{}", run.all());
        let endings = endings(&self.project);
        let remote = self.address();
        let comparable =
            |line: &String| self.project.comparable(without_ids(&line.replace(&remote, "REMOTE")).as_bytes());
        let endings =
            endings.into_iter().map(|(step, lines)| (step, lines.iter().map(comparable).collect())).collect();
        (run.code, endings)
    }
}

fn pipeline(example: &str) -> String {
    format!("version: 1\nname: example\n{example}")
}

/// Requirements 003-06, 003-07: clean but for what is named.
#[test]
fn the_example_of_git_clean_passes_in_a_clean_repository() {
    let world = World::new(&pipeline(&readme_example("git-clean")));
    world.project.write(".env.local.test", "SECRET=1");

    assert_eq!(
        world.exec(),
        (0, expected([("local-ready", &["pass: only 1 allowed path differs from DIGEST on `main`"])]))
    );
}

/// Requirements 003-20 to 003-23, 003-26 to 003-28, 003-36.
#[test]
fn the_example_of_git_policy_passes_for_a_tag_that_is_all_it_should_be() {
    let world = World::new(&pipeline(&readme_example("git-policy")));
    world.git(&["tag", "-a", "-m", "Release 1.3.0", "v1.3.0-l9"]);
    world.git(&["push", "--quiet", "origin", "v1.3.0-l9"]);
    world.project.write(".allowed_signers", "# nobody yet\n");

    assert_eq!(
        world.exec(),
        (0, expected([("tag-in-git", &["pass: `v1.3.0-l9` at DIGEST is as it should be"])]))
    );
}

/// Requirements 003-22, 003-25, 003-26, 003-32, 003-34, 003-36.
#[test]
fn the_example_of_git_tags_pushes_and_checks_out() {
    let world = World::new(&pipeline(&readme_example("git")));
    world.commit("app.py", "three", "Feature: search");
    let [_, commit] = world.head();

    assert_eq!(
        world.exec(),
        (
            0,
            expected([
                ("fetch", &["done: branches and tags of `origin` are here"]),
                ("create-tag", &["done: `v1.3.0-l9` is at DIGEST"]),
                ("push-commits", &["done: `refs/heads/main` is now at `origin`"]),
                ("push-tag", &["done: `refs/tags/v1.3.0-l9` is now at `origin`"]),
                ("checkout", &["done: `HEAD` is at DIGEST, the tag `v1.3.0-l9`"]),
            ])
        )
    );
    let tag = world.git(&["rev-parse", "refs/tags/v1.3.0-l9"]);
    assert_eq!(world.head(), ["HEAD".to_owned(), commit.clone()]);
    assert_eq!(world.git(&["cat-file", "-t", &tag]), "tag");
    assert_eq!(world.git(&["describe"]), "v1.3.0-l9");
    assert_eq!(world.git(&["status", "--porcelain"]), "");
    assert_eq!(
        world.at_remote(&["rev-parse", "refs/heads/main", "refs/tags/v1.3.0-l9"]),
        format!("{commit}\n{tag}")
    );
}

const PLUGINS: &str = r#"
version: 1
name: git
plugins:
  clean:  { source: plugin:git_clean, grants: { git: [refs, status] } }
  policy:
    source: plugin:git_policy
    grants: { filesystem: {}, git: [refs, objects, verify, { repository: ., verbs: [remote], remotes: [REMOTE, REMOTE-gone] }] }
  git:
    source: plugin:git
    grants:
      git:
        - refs
        - status
        - checkout
        - { repository: ., verbs: [tag, push, fetch], remotes: [REMOTE, REMOTE-gone], refs: ["refs/tags/v*", refs/heads/main] }
"#;

fn with(steps: &str) -> String {
    format!("{PLUGINS}steps:\n{steps}")
}

/// Requirements 003-06, 003-07.
#[test]
fn whatever_differs_from_the_last_commit_is_found() {
    let world = World::new(&with("  clean: { uses: clean, with: { allow_untracked: ['.env.local*'] } }\n"));
    world.commit("gone.py", "was here", "Feature: more");
    world.project.write("app.py", "changed");
    world.project.write("staged.py", "");
    world.git(&["add", "staged.py"]);
    fs::remove_file(world.project.path("gone.py")).expect("it was there");
    world.project.write("web/.env.local", "");
    world.project.write(".env.local", "");

    assert_eq!(
        world.exec(),
        (
            3,
            expected([(
                "clean",
                &[
                    "fail: 4 paths differ from DIGEST on `main`",
                    "error app.py:null modified",
                    "error gone.py:null deleted",
                    "error staged.py:null added",
                    "error web/.env.local:null untracked",
                ]
            )])
        )
    );
}

#[test]
fn a_repository_without_commits_is_no_answer() {
    let world = World::without_commits(&with(
        "
  clean: { uses: clean, continue_on_error: true }
  policy: { uses: policy, with: { branch: main }, continue_on_error: true }
  tag: { uses: git, with: { op: tag, name: v1.0.0, message: first }, continue_on_error: true }
",
    ));

    assert_eq!(
        world.exec(),
        (
            0,
            expected([
                ("clean", &["invalid-input: repository `.`: read `HEAD`: there are no commits yet"]),
                ("policy", &["invalid-input: repository `.`: read `HEAD`: there are no commits yet"]),
                ("tag", &["unavailable: repository `.`: there is no commit `HEAD`; nothing was tagged"]),
            ])
        )
    );
}

/// Requirements 003-20, 003-21, 003-23, 003-26, 003-27, 003-28, 003-36: each wrong in one way.
#[test]
fn every_rule_over_branches_and_tags_says_no() {
    let world = World::new(&with(
        "
  branch:      { uses: policy, with: { branch: main }, continue_on_error: true }
  format:      { uses: policy, with: { tag: v1.3.0, tag_pattern: 'v.*-l9' }, continue_on_error: true }
  lightweight: { uses: policy, with: { tag: light }, continue_on_error: true }
  off-main:    { uses: policy, with: { tag: v1.3.0, reachable_from: origin/main }, continue_on_error: true }
  unpushed:    { uses: policy, with: { tag: v1.3.0, remote_matches: true }, continue_on_error: true }
  moved:       { uses: policy, with: { tag: v1.2.9-l9, remote_matches: true }, continue_on_error: true }
  increment:   { uses: policy, with: { tag: v1.4.0-l9, suffix: -l9, tag_pattern: '.*-l9', increment: {} }, continue_on_error: true }
  head:        { uses: policy, with: { tag: v1.2.9-l9, head_is_tag: true }, continue_on_error: true }
  message:     { uses: policy, with: { tag: v1.3.0, commit_message: required }, continue_on_error: true }
  tree:        { uses: policy, with: { tag: tree }, continue_on_error: true }
  missing:     { uses: policy, with: { tag: v9.0.0, reachable_from: origin/main }, continue_on_error: true }
",
    ));
    world.git(&["tag", "light"]);
    world.git(&["tag", "-a", "-m", "a directory", "tree", "HEAD^{tree}"]);
    world.git(&["switch", "--quiet", "--create", "dev"]);
    world.commit("app.py", "three", "");
    world.git(&["tag", "-a", "-m", "Release 1.3.0", "v1.3.0"]);
    world.git(&["tag", "-a", "-m", "Release 1.4.0", "v1.4.0-l9"]);
    world.git(&["tag", "-a", "-m", "looks like a branch", "origin/main"]);
    world.git(&["tag", "-f", "-a", "-m", "moved", "v1.2.9-l9", "HEAD~1"]);

    assert_eq!(
        world.exec(),
        (
            0,
            expected([
                ("branch", &["fail: 1 problem with `dev`", "error null:null wrong-branch"]),
                ("format", &["fail: 1 problem with `v1.3.0`", "error null:null invalid-tag"]),
                ("lightweight", &["fail: 1 problem with `light`", "error null:null lightweight-tag"]),
                ("off-main", &["fail: 1 problem with `v1.3.0`", "error null:null not-reachable"]),
                ("unpushed", &["fail: 1 problem with `v1.3.0`", "error null:null not-at-remote"]),
                ("moved", &["fail: 1 problem with `v1.2.9-l9`", "error null:null remote-tag-differs"]),
                ("increment", &["fail: 1 problem with `v1.4.0-l9`", "error null:null wrong-increment"]),
                ("head", &["fail: 1 problem with `v1.2.9-l9`", "error null:null head-elsewhere"]),
                ("message", &["fail: 1 problem with `v1.3.0`", "error null:null empty-message"]),
                ("tree", &["fail: 1 problem with `tree`", "error null:null no-commit"]),
                ("missing", &["fail: 1 problem with `v9.0.0`", "error null:null missing-tag"]),
            ])
        )
    );
}

/// Requirement 003-32, and what cannot be told: never a pass.
#[test]
fn what_git_cannot_tell_is_a_failure() {
    let world = World::new(&with(
        "
  no-remote:    { uses: policy, with: { tag: v1.2.9-l9, remote_matches: true, remote: backup }, continue_on_error: true }
  remote-gone:  { uses: policy, with: { tag: v1.2.9-l9, remote_matches: true, remote: gone }, continue_on_error: true }
  no-branch:    { uses: policy, with: { tag: v1.2.9-l9, reachable_from: backup/main }, continue_on_error: true }
  fetch:        { uses: git, with: { op: fetch, remote: backup }, continue_on_error: true }
  fetch-gone:   { uses: git, with: { op: fetch, remote: gone }, continue_on_error: true }
  push-nothing: { uses: git, with: { op: push, ref: refs/tags/v9.0.0 }, continue_on_error: true }
",
    ));
    let gone = format!("{}-gone", world.address());
    world.git(&["remote", "add", "gone", &gone]);

    assert_eq!(
        world.exec(),
        (
            0,
            expected([
                (
                    "no-remote",
                    &[
                        "unavailable: repository `.`: list references `refs/tags/v1.2.9-l9` of `backup`: there is no remote `backup`"
                    ]
                ),
                (
                    "remote-gone",
                    &[
                        "unavailable: repository `.`: list references `refs/tags/v1.2.9-l9` of `gone`: `gone` is at `REMOTE-gone`, where nothing is"
                    ]
                ),
                (
                    "no-branch",
                    &[
                        "unavailable: repository `.`: there is no `refs/remotes/backup/main` and no `refs/heads/backup/main`; fetch it first; whether DIGEST is part of it was not checked"
                    ]
                ),
                ("fetch", &["unavailable: repository `.`: fetch from `backup`: there is no remote `backup`"]),
                (
                    "fetch-gone",
                    &[
                        "unavailable: repository `.`: fetch from `gone`: `gone` is at `REMOTE-gone`, where nothing is"
                    ]
                ),
                (
                    "push-nothing",
                    &[
                        "unavailable: repository `.`: push `refs/tags/v9.0.0` to `origin`: there is no `refs/tags/v9.0.0` here"
                    ]
                ),
            ])
        )
    );
}

#[test]
fn a_shallow_clone_says_no_more_than_it_knows() {
    let world = World::new(
        "
version: 1
name: shallow
plugins:
  policy:
    source: plugin:git_policy
    grants: { filesystem: {}, git: [{ repository: server, verbs: [refs, objects] }] }
steps:
  here:      { uses: policy, with: { repository: server, tag: v1.3.0-l9, reachable_from: origin/main }, continue_on_error: true }
  elsewhere: { uses: policy, with: { repository: server, tag: v1.3.0-l9, reachable_from: old }, continue_on_error: true }
  increment: { uses: policy, with: { repository: server, tag: v1.3.0-l9, increment: {} }, continue_on_error: true }
",
    );
    world.git(&["tag", "-a", "-m", "Release 1.3.0", "v1.3.0-l9"]);
    world.git(&["push", "--quiet", "origin", "v1.3.0-l9"]);
    let address = format!("file://{}", world.address());
    world.git(&["clone", "--quiet", "--depth=1", &address, "server"]);
    let server = world.project.path("server");
    run(&server, "git", &["fetch", "--quiet", "--depth=1", "origin", "tag", "v1.2.9-l9"]);
    run(&server, "git", &["branch", "old", "v1.2.9-l9"]);

    assert_eq!(
        world.exec(),
        (
            0,
            expected([
                ("here", &["pass: `v1.3.0-l9` at DIGEST is as it should be"]),
                (
                    "elsewhere",
                    &[
                        "invalid-input: repository `server`: compare `ID` with `ID`: whether `ID` comes before `ID` cannot be said: this is a shallow clone, whose history is cut off; fetch the whole of it first"
                    ]
                ),
                (
                    "increment",
                    &[
                        "invalid-input: repository `server`: it is a shallow clone, so earlier tags may be missing; get them with `git fetch --unshallow --tags`, or give `increment.previous`; nothing was compared"
                    ]
                ),
            ])
        )
    );
}

/// Requirement 003-24: signed by one who may, by one who may not, not at all, and tampered with.
#[test]
fn signatures_of_tags_are_verified() {
    let steps = |required: &str, key: &str| {
        let one = |step: &str, tag: &str| {
            format!(
                "  {step}-{required}: {{ uses: policy, continue_on_error: true, with: {{ tag: {tag}, signature: {required}, allowed_signers: '{key}' }} }}\n"
            )
        };
        [("ada", "v1-ada"), ("bob", "v1-bob"), ("nobody", "v1.2.9-l9"), ("tampered", "v1-tampered")]
            .map(|(step, tag)| one(step, tag))
            .concat()
    };
    let world = World::new("");
    for name in ["ada", "bob"] {
        let arguments = ["-q", "-t", "ed25519", "-N", "", "-C", name, "-f", &format!(".signer-{name}")];
        run(&world.project.path("."), "ssh-keygen", &arguments);
        let key = format!("user.signingkey=.signer-{name}");
        world.git(&["-c", "gpg.format=ssh", "-c", &key, "tag", "-s", "-m", name, &format!("v1-{name}")]);
    }
    let signed = world.git(&["cat-file", "tag", "v1-ada"]);
    world.project.write(".signer-tampered", signed.replacen("\n\nada\n", "\n\nmallory\n", 1) + "\n");
    let tampered = world.git(&["hash-object", "-t", "tag", "-w", ".signer-tampered"]);
    world.git(&["update-ref", "refs/tags/v1-tampered", &tampered]);
    let key = world.project.read(".signer-ada.pub");
    let allowed = format!("ada@example.com {}", key.trim_end().trim_end_matches(" ada"));
    let pipeline = with(&(steps("required", &allowed) + &steps("optional", &allowed)));
    let pipeline = world.project.with_components(&pipeline).replace("REMOTE", "/srv/git/l9.git");
    world.project.write("pipeline.yaml", pipeline);

    let passes = |tag: &str| vec![format!("pass: `{tag}` at DIGEST is as it should be")];
    let fails = |tag: &str, rule: &str| {
        vec![format!("fail: 1 problem with `{tag}`"), format!("error null:null {rule}")]
    };
    let warns = |tag: &str, rule: &str| {
        vec![format!("warn: `{tag}` at DIGEST is as it should be"), format!("warning null:null {rule}")]
    };
    let endings = [
        ("ada-required", passes("v1-ada")),
        ("bob-required", fails("v1-bob", "untrusted-signature")),
        ("nobody-required", fails("v1.2.9-l9", "unsigned")),
        ("tampered-required", fails("v1-tampered", "bad-signature")),
        ("ada-optional", passes("v1-ada")),
        ("bob-optional", warns("v1-bob", "untrusted-signature")),
        ("nobody-optional", passes("v1.2.9-l9")),
        ("tampered-optional", fails("v1-tampered", "bad-signature")),
    ];
    assert_eq!(world.exec(), (0, endings.map(|(step, lines)| (step.to_owned(), lines)).into()));
}

/// Requirements 003-22, 003-26, 003-36: what can be taken back is, what was pushed stays.
#[test]
fn a_run_that_goes_wrong_leaves_what_it_found_but_for_what_was_pushed() {
    let world = World::new(&with(
        "
  tag:      { uses: git, with: { op: tag, name: v1.3.0-l9, message: Release 1.3.0 } }
  push:     { uses: git, needs: [tag], with: { op: push, ref: main } }
  checkout: { uses: git, needs: [push], with: { op: checkout, tag: v1.2.9-l9 } }
  verify:   { uses: policy, needs: [checkout], with: { tag: v1.2.9-l9, head_is_tag: true } }
  no:       { uses: policy, needs: [verify], with: { branch: release } }
",
    ));
    world.commit("app.py", "three", "Feature: search");
    let before = world.head();
    let (code, _) = world.exec();

    assert_eq!(code, 3);
    assert_eq!(
        world.project.results(),
        [
            "tag success",
            "push success",
            "checkout success",
            "verify success",
            "no failure",
            "checkout undone",
            "push undone",
            "tag undone"
        ]
    );
    assert_eq!(world.head(), before);
    assert_eq!(world.project.read("app.py"), "three");
    assert_eq!(world.git(&["tag", "--list"]), "v1.2.9-l9");
    assert_eq!(world.git(&["status", "--porcelain"]), "");
    assert_eq!(world.at_remote(&["rev-parse", "refs/heads/main"]), before[1]);
    let logs = world.project.runner(&["logs", &world.project.run_id()]);
    assert!(logs.stdout.contains("what was pushed is not taken back"), "{}", logs.all());
}

/// Requirement 003-26: never with force.
#[test]
fn what_others_have_pushed_is_not_overwritten() {
    let world = World::new(&with(
        "
  branch: { uses: git, with: { op: push, ref: main }, continue_on_error: true }
  tag:    { uses: git, with: { op: push, ref: refs/tags/v1.2.9-l9 }, continue_on_error: true }
  fetch:  { uses: git, needs: [{ step: branch, result: [error] }, { step: tag, result: [error] }], with: { op: fetch, tags: true }, continue_on_error: true }
  remake: { uses: git, with: { op: tag, name: v1.2.9-l9, message: again }, continue_on_error: true }
",
    ));
    world.commit("app.py", "theirs", "Fix: theirs");
    world.git(&["push", "--quiet", "origin", "main"]);
    world.git(&["reset", "--quiet", "--hard", "HEAD~1"]);
    world.commit("app.py", "ours", "Fix: ours");
    world.git(&["tag", "-f", "-a", "-m", "ours", "v1.2.9-l9"]);
    let theirs = world.at_remote(&["rev-parse", "refs/heads/main", "refs/tags/v1.2.9-l9"]);
    let ours = world.git(&["rev-parse", "refs/heads/main", "refs/tags/v1.2.9-l9"]);

    assert_eq!(
        world.exec(),
        (
            0,
            expected([
                (
                    "branch",
                    &[
                        "invalid-input: repository `.`: push `refs/heads/main` to `origin`: `refs/heads/main` is no fast-forward: `origin` has ID, which is not part of it; nothing was pushed, and nothing is ever forced"
                    ]
                ),
                (
                    "tag",
                    &[
                        "invalid-input: repository `.`: push `refs/tags/v1.2.9-l9` to `origin`: `refs/tags/v1.2.9-l9` is ID at `origin` and ID here; a tag is never moved"
                    ]
                ),
                (
                    "fetch",
                    &[
                        "invalid-input: repository `.`: fetch from `origin`: `refs/tags/v1.2.9-l9` is ID here and ID at `origin`; nothing was fetched"
                    ]
                ),
                (
                    "remake",
                    &[
                        "invalid-input: repository `.`: the tag `v1.2.9-l9` is there already, at DIGEST: `if_exists: same-commit` would take it if it is annotated and at the same commit; nothing was tagged"
                    ]
                ),
            ])
        )
    );
    assert_eq!(world.at_remote(&["rev-parse", "refs/heads/main", "refs/tags/v1.2.9-l9"]), theirs);
    assert_eq!(world.git(&["rev-parse", "refs/heads/main", "refs/tags/v1.2.9-l9"]), ours);
}

#[test]
fn a_checkout_overwrites_no_local_changes() {
    let world = World::new(&with("  checkout: { uses: git, with: { op: checkout, tag: v1.2.9-l9 } }\n"));
    world.project.write("app.py", "not committed");
    let before = world.head();

    assert_eq!(
        world.exec(),
        (
            4,
            expected([(
                "checkout",
                &[
                    "invalid-input: repository `.`: there are local changes, `app.py`; nothing was checked out"
                ]
            )])
        )
    );
    assert_eq!((world.head(), world.project.read("app.py")), (before, "not committed".to_owned()));
}

/// Every verb, remote and reference that is not granted is denied, and nothing happens.
#[test]
fn what_is_not_granted_is_denied() {
    let world = World::new(
        r#"
version: 1
name: denied
plugins:
  clean:  { source: plugin:git_clean, grants: { git: [refs] } }
  policy: { source: plugin:git_policy, grants: { filesystem: {}, git: [refs] } }
  git:
    source: plugin:git
    grants:
      git:
        - refs
        - { repository: ., verbs: [push], remotes: [/srv/git/*], refs: ["refs/heads/*"] }
        - { repository: ., verbs: [tag], refs: ["refs/tags/release-*"] }
steps:
  status:   { uses: clean, continue_on_error: true }
  objects:  { uses: policy, with: { tag: v1.2.9-l9, reachable_from: main }, continue_on_error: true }
  remote:   { uses: policy, with: { tag: v1.2.9-l9, remote_matches: true }, continue_on_error: true }
  elsewhere: { uses: clean, with: { repository: server }, continue_on_error: true }
  push:     { uses: git, with: { op: push, ref: main }, continue_on_error: true }
  push-tag: { uses: git, with: { op: push, ref: refs/tags/v1.2.9-l9 }, continue_on_error: true }
  tag:      { uses: git, with: { op: tag, name: v1.3.0-l9, message: Release 1.3.0 }, continue_on_error: true }
  fetch:    { uses: git, with: { op: fetch }, continue_on_error: true }
  checkout: { uses: git, with: { op: checkout, tag: v1.2.9-l9 }, continue_on_error: true }
"#,
    );
    world.commit("app.py", "three", "Feature: search");
    let (before, remote) = (world.head(), world.at_remote(&["for-each-ref"]));
    let denied = |what: &str| format!("denied: {what}: denied, no grant of this step covers it");

    let (code, endings) = world.exec();
    assert_eq!(code, 0);
    assert_eq!(
        endings,
        [
            ("status", "repository `.`: compare with the last commit"),
            ("objects", "repository `.`: compare `ID` with `ID`"),
            ("remote", "repository `.`: list references `refs/tags/v1.2.9-l9` of `origin`"),
            ("elsewhere", "open repository `server`"),
            ("push", "repository `.`: push `refs/heads/main` to `origin`"),
            ("push-tag", "repository `.`: push `refs/tags/v1.2.9-l9` to `origin`"),
            ("tag", "repository `.`: make tag `v1.3.0-l9`"),
            ("fetch", "repository `.`: fetch from `origin`"),
            ("checkout", "repository `.`: compare with the last commit"),
        ]
        .map(|(step, what)| (step.to_owned(), vec![denied(what)]))
        .into()
    );
    assert_eq!((world.head(), world.at_remote(&["for-each-ref"])), (before, remote));
    assert_eq!(world.git(&["tag", "--list"]), "v1.2.9-l9");
}

/// The operator's policy is a ceiling for git as for everything.
#[test]
fn a_policy_refuses_what_it_does_not_allow() {
    let world = World::new(&with("  push: { uses: git, with: { op: push, ref: main } }\n"));
    world.project.write("policy.yaml", "version: 1\ngrants: { git: [refs, status, checkout] }\n");
    let run = world.project.exec(&["--policy", "policy.yaml"]);

    assert_eq!(run.code, 7, "{}", run.all());
    assert!(!world.project.path(".runner").exists());
    world.project.write("policy.yaml", "version: 1\ngrants: { network: [] }\n");
    assert_eq!(world.project.exec(&["--policy", "policy.yaml"]).code, 7);
}

/// Requirements 003-34, 003-36, 003-83: the checkout of a server, fetched, brought to the tag, and clean.
#[test]
fn a_checkout_beside_the_pipeline_is_brought_to_a_tag() {
    let world = World::new(
        r#"
version: 1
name: server
plugins:
  clean:  { source: plugin:git_clean, grants: { git: [{ repository: server, verbs: [refs, status] }] } }
  policy: { source: plugin:git_policy, grants: { filesystem: {}, git: [{ repository: server, verbs: [refs, objects] }] } }
  git:    { source: plugin:git, grants: { git: [{ repository: server, verbs: [refs, status, checkout, fetch], remotes: [REMOTE] }] } }
steps:
  fetch:    { uses: git, with: { op: fetch, repository: server, tags: true } }
  in-main:  { uses: policy, needs: [fetch], with: { repository: server, tag: v1.3.0-l9, reachable_from: origin/main }, outputs: { commit: commit } }
  checkout: { uses: git, needs: [in-main], with: { op: checkout, repository: server, commit: '${{ steps.in-main.outputs.commit }}' } }
  verify:   { uses: policy, needs: [checkout], with: { repository: server, tag: v1.3.0-l9, head_is_tag: true } }
  clean:    { uses: clean, needs: [checkout], with: { repository: server, allow_untracked: [.env] } }
"#,
    );
    world.git(&["clone", "--quiet", &world.address(), "server"]);
    let server = world.project.path("server");
    world.commit("app.py", "three", "Feature: search");
    world.git(&["tag", "-a", "-m", "Release 1.3.0", "v1.3.0-l9"]);
    world.git(&["push", "--quiet", "origin", "main", "v1.3.0-l9"]);
    world.project.write("server/.env", "KEY=value");

    assert_eq!(
        world.exec(),
        (
            0,
            expected([
                ("fetch", &["done: branches and tags of `origin` are here"]),
                ("in-main", &["pass: `v1.3.0-l9` at DIGEST is as it should be"]),
                ("checkout", &["done: `HEAD` is at DIGEST"]),
                ("verify", &["pass: `v1.3.0-l9` at DIGEST is as it should be"]),
                ("clean", &["pass: only 1 allowed path differs from DIGEST, which is on no branch"]),
            ])
        )
    );
    assert_eq!(run(&server, "git", &["describe", "--exact-match"]), "v1.3.0-l9");
    assert_eq!(world.project.read("server/app.py"), "three");
}

/// A dry run looks for real, and pushes what it has only said it would make.
#[test]
fn a_rehearsal_changes_nothing_and_tells_what_it_would() {
    let world = World::new(&with(
        "
  fetch:    { uses: git, with: { op: fetch, tags: true } }
  tag:      { uses: git, needs: [fetch], with: { op: tag, name: v1.3.0-l9, message: Release 1.3.0 } }
  push:     { uses: git, needs: [tag], with: { op: push, ref: refs/tags/v1.3.0-l9 } }
  checkout: { uses: git, needs: [push], with: { op: checkout, tag: v1.2.9-l9 } }
",
    ));
    let (before, remote) = (world.head(), world.at_remote(&["for-each-ref"]));
    let run = world.project.exec(&["--dry-run"]);

    assert_eq!(run.code, 0, "{}", run.all());
    assert_eq!(
        without_ids(&run.stdout),
        "a run would, in this order\n\
         \x20 1  fetch  fetch from `origin`\n\
         \x20 2  tag  tag ID as `v1.3.0-l9`\n\
         \x20 3  push  push `refs/tags/v1.3.0-l9` to `origin`\n\
         \x20 4  checkout  check out ID\n"
    );
    assert_eq!((world.head(), world.at_remote(&["for-each-ref"])), (before, remote));
    assert_eq!(world.git(&["tag", "--list"]), "v1.2.9-l9");
}
