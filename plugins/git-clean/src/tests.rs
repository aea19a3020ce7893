//! The gate as a pipeline sees it. Requirements: 003-06, 003-07, 003-83.

use runner_plugin::host::GitReason;
use runner_plugin::testing::{FakeHost, FakeRepository, evaluate};
use runner_plugin::{Decision, FailureKind, HostError};
use serde_json::{Value, json};

use super::*;

/// A repository with one commit on `main`, and the commit.
fn repository() -> (FakeRepository, String) {
    let repository = FakeRepository::new("main");
    let commit = repository.commit_files("Feature: login", &[("app.py", "")]);
    (repository, commit)
}

fn ask(repository: &FakeRepository, config: Value) -> Result<Evaluation, Failure> {
    evaluate::<GitClean>(&FakeHost::new().repository(".", repository), config)
}

/// The decision, and `rule: message` of what was found.
fn found(repository: &FakeRepository, config: Value) -> (Decision, Vec<String>) {
    let Evaluation { decision, findings, .. } = ask(repository, config).unwrap();
    (decision, findings.into_iter().map(|finding| format!("{}: {}", finding.rule, finding.message)).collect())
}

#[test]
fn a_clean_repository_passes() {
    let (repository, commit) = repository();

    assert_eq!(
        ask(&repository, json!({})),
        Ok(Evaluation::pass(format!("nothing differs from {} on `main`", short_id(&commit)))
            .output("commit", commit)
            .output("branch", "main")),
    );
}

#[test]
fn a_detached_head_is_clean_as_well() {
    let (repository, commit) = repository();
    repository.detach(&commit);

    assert_eq!(
        ask(&repository, json!({})),
        Ok(Evaluation::pass(format!("nothing differs from {}, which is on no branch", short_id(&commit)))
            .output("commit", commit)
            .output("branch", Value::Null)),
    );
}

/// 003-06: every kind of change is a no, whether it is staged or not.
#[test]
fn whatever_differs_is_found_by_its_kind() {
    let (repository, commit) = repository();
    repository.changed("app.py", Change::Modified, false);
    repository.changed("app.py", Change::Modified, true);
    repository.changed("b.py", Change::Added, true);
    repository.changed("c.py", Change::Deleted, false);
    repository.changed("d.py", Change::Renamed, true);
    repository.changed("e.py", Change::Retyped, false);
    repository.changed("f.py", Change::Conflicted, true);
    repository.changed("g.py", Change::Untracked, false);
    let error = |rule, path: &str, message, help| Finding::error(rule, message).in_file(path).help(help);

    assert_eq!(
        ask(&repository, json!({})),
        Ok(Evaluation::fail(format!("7 paths differ from {} on `main`", short_id(&commit)))
            .finding(error(
                "modified",
                "app.py",
                "`app.py` is modified",
                "commit it, or take it back with `git restore`"
            ))
            .finding(error(
                "modified",
                "app.py",
                "`app.py` is modified, staged",
                "commit it, or take it back with `git restore`"
            ))
            .finding(error(
                "added",
                "b.py",
                "`b.py` is added, and in no commit, staged",
                "commit it, or take it out with `git rm --cached`"
            ))
            .finding(error(
                "deleted",
                "c.py",
                "`c.py` is deleted",
                "commit that, or take it back with `git restore`"
            ))
            .finding(error(
                "renamed",
                "d.py",
                "`d.py` has another name, staged",
                "commit that, or take it back with `git restore`"
            ))
            .finding(error(
                "retyped",
                "e.py",
                "`e.py` is of another type",
                "commit that, or take it back with `git restore`"
            ))
            .finding(error(
                "conflicted",
                "f.py",
                "`f.py` is in conflict",
                "finish the merge, or end it with `git merge --abort`"
            ))
            .finding(error(
                "untracked",
                "g.py",
                "`g.py` is not known to git",
                "commit it, remove it, or name it in `.gitignore` or `allow_untracked`"
            ))
            .output("commit", commit)
            .output("branch", "main")),
    );
}

/// 003-07: only what is named may be untracked.
#[test]
fn untracked_paths_pass_where_a_pattern_says_so() {
    let (repository, _) = repository();
    for path in [".env.local", ".env.local.test", "web/.env.local", "vendor/"] {
        repository.changed(path, Change::Untracked, false);
    }

    assert_eq!(
        found(&repository, json!({ "allow_untracked": [".env.local*"] })),
        (
            Decision::Fail,
            vec![
                "untracked: `vendor/` is not known to git".to_owned(),
                "untracked: `web/.env.local` is not known to git".to_owned(),
            ]
        ),
    );
    assert_eq!(
        ask(&repository, json!({ "allow_untracked": ["**/.env.local*", "vendor/"] })).unwrap().summary,
        format!(
            "only 4 allowed paths differ from {} on `main`",
            short_id(&repository.reference("refs/heads/main").unwrap())
        ),
    );
    assert_eq!(
        found(&repository, json!({ "allow_untracked": ["**/.env.local*", "vendor"] })).0,
        Decision::Fail
    );
}

#[test]
fn an_allowed_change_is_of_one_kind_only() {
    let (repository, _) = repository();
    repository.changed("config.yaml", Change::Modified, false);
    let allowed = json!({ "allow_modified": ["config.yaml", "gone.yaml"], "allow_untracked": ["gone.yaml"] });

    assert_eq!(found(&repository, allowed.clone()), (Decision::Pass, vec![]));
    assert_eq!(found(&repository, json!({ "allow_untracked": ["config.yaml"] })).0, Decision::Fail);
    repository.changed("gone.yaml", Change::Deleted, false);
    assert_eq!(
        found(&repository, allowed),
        (Decision::Fail, vec!["deleted: `gone.yaml` is deleted".to_owned()])
    );
}

#[test]
fn a_path_is_named_from_where_the_repository_is() {
    let (repository, _) = repository();
    repository.changed("app.py", Change::Modified, false);
    let host = FakeHost::new().repository("server/checkout", &repository);
    let evaluation = evaluate::<GitClean>(&host, json!({ "repository": "server/checkout" })).unwrap();

    assert_eq!(evaluation.findings[0].file.as_deref(), Some("server/checkout/app.py"));
}

#[test]
fn many_findings_are_shown_in_part_and_counted() {
    let (repository, commit) = repository();
    (0..150).for_each(|number| repository.changed(&format!("{number:03}"), Change::Untracked, false));
    let evaluation = ask(&repository, json!({})).unwrap();

    assert_eq!(evaluation.summary, format!("150 paths differ from {} on `main`", short_id(&commit)));
    assert_eq!(evaluation.findings.len(), 101);
    assert_eq!(
        evaluation.findings[100],
        Finding::error("untracked", "50 more findings of `untracked` are not shown")
    );
}

/// What cannot be answered is never a pass.
#[test]
fn what_cannot_be_compared_is_a_failure() {
    let failure = |host: FakeHost, config: Value| evaluate::<GitClean>(&host, config).unwrap_err();
    let denied = |what: &str| {
        Failure::new(FailureKind::Denied, format!("{what}: denied, no grant of this step covers it"))
    };
    let (without_status, _) = repository();
    without_status.denies("status");
    let missing = GitReason::NotFound("there is no repository".into());
    let too_many = GitReason::Host(HostError::BudgetExceeded("more than 10000 paths differ".into()));
    let (good, _) = repository();
    let with = |repository: &FakeRepository| FakeHost::new().repository(".", repository);

    assert_eq!(
        [
            failure(FakeHost::new(), json!({})),
            failure(with(&without_status), json!({})),
            failure(FakeHost::new().repository_error("sub", missing), json!({ "repository": "sub" })),
            failure(FakeHost::new().repository_error(".", too_many), json!({})),
            failure(with(&FakeRepository::new("main")), json!({})),
            failure(with(&good), json!({ "allow_untracked": ["../secret"] })),
            failure(with(&good), json!({ "allow_modified": ["a{b"] })),
            failure(with(&good), json!({ "allow": [] })),
        ],
        [
            denied("open repository `.`"),
            denied("repository `.`: compare with the last commit"),
            Failure::unavailable("open repository `sub`: there is no repository"),
            Failure::new(FailureKind::BudgetExceeded, "open repository `.`: more than 10000 paths differ"),
            Failure::invalid_input("repository `.`: read `HEAD`: there is no commit yet"),
            Failure::invalid_config("the pattern `../secret`: a path holds no `..`"),
            Failure::invalid_config(
                "the pattern `a{b`: unclosed brace expansion at byte 1; missing '}' (to match a literal '{', escape it as '\\{' or '[{]')"
            ),
            Failure::invalid_config(
                "`with`: unknown field `allow`, expected one of `repository`, `allow_untracked`, `allow_modified` at line 1 column 8"
            ),
        ],
    );
}
