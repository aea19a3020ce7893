//! The gate as a pipeline sees it. Requirements: 003-20 to 003-24, 003-26 to 003-28, 003-34, 003-36.

use runner_plugin::testing::{FakeHost, FakeRepository, evaluate};
use runner_plugin::{Decision, FailureKind, HostError};
use serde_json::{Value, json};

use super::*;

const KEY: &str = "ssh-ed25519 AAAA";
const ALLOWED: &str = "ada@example.com ssh-ed25519 AAAA";

/// A repository on `main` with two commits, the first tagged `v1.2.7-l9`, known to `origin`, and then `v1.3.0-l9`
/// on the second, pushed as well.
struct Released {
    here: FakeRepository,
    origin: FakeRepository,
    first: String,
    second: String,
    tag: String,
}

fn released() -> Released {
    let here = FakeRepository::new("main");
    let first = here.commit("Feature: login");
    here.annotated_tag("v1.2.7-l9", "HEAD", "before");
    let second = here.commit("Feature: logout");
    let tag = here.annotated_tag("v1.3.0-l9", "HEAD", "now");
    let origin = here.publish("origin");
    Released { here, origin, first, second, tag }
}

fn ask(repository: &FakeRepository, config: Value) -> Result<Evaluation, Failure> {
    evaluate::<GitPolicy>(&FakeHost::new().repository(".", repository), config)
}

/// The decision, and `rule: message` of what was found.
fn found(repository: &FakeRepository, config: Value) -> (Decision, Vec<String>) {
    let Evaluation { decision, findings, .. } = ask(repository, config).unwrap();
    (decision, findings.into_iter().map(|finding| format!("{}: {}", finding.rule, finding.message)).collect())
}

fn no(finding: impl Into<String>) -> (Decision, Vec<String>) {
    (Decision::Fail, vec![finding.into()])
}

fn yes() -> (Decision, Vec<String>) {
    (Decision::Pass, vec![])
}

/// All that the L9 pipeline asks of a tag.
fn all() -> Value {
    json!({
        "branch": "main",
        "tag": "v1.3.0-l9",
        "tag_pattern": r"v\d+\.\d+\.\d+-l9",
        "suffix": "-l9",
        "reachable_from": "origin/main",
        "remote_matches": true,
        "increment": {},
        "commit_message": "required",
        "head_is_tag": true,
    })
}

/// 003-20 to 003-23, 003-26 to 003-28, 003-34, 003-36.
#[test]
fn a_tag_that_is_all_it_should_be_passes_and_tells_its_commit() {
    let Released { here, second, tag, .. } = released();

    assert_eq!(
        ask(&here, all()),
        Ok(Evaluation::pass(format!("`v1.3.0-l9` at {} is as it should be", short_id(&second)))
            .output("commit", second)
            .output("tag_object", tag)
            .output("version", "1.3.0")
            .output("previous", "1.2.7")
            .output("signer", Value::Null)
            .output("message", "Feature: logout")),
    );
}

#[test]
fn each_rule_that_does_not_hold_is_a_finding_of_its_own() {
    let Released { here, origin, first, tag, .. } = released();
    here.switch("dev");
    let stray = here.commit("");
    here.lightweight_tag("v1.5.0", "HEAD");
    origin.set_reference("refs/tags/v1.5.0", &tag);
    let mut config = all();
    config["tag"] = "v1.5.0".into();
    here.detach(&first);
    let (now, there) = (short_id(&first), short_id(&stray));

    assert_eq!(
        ask(&here, config),
        Ok(Evaluation::fail("8 problems with `v1.5.0`")
            .finding(
                Finding::error("wrong-branch", format!("`HEAD` is at {now} and on no branch, not on `main`"))
                    .help("run `git switch main`")
            )
            .finding(Finding::error("invalid-tag", r"the tag `v1.5.0` does not match `v\d+\.\d+\.\d+-l9`"))
            .finding(
                Finding::error("lightweight-tag", "`v1.5.0` is a lightweight tag")
                    .help("make it with `git tag -a`")
            )
            .finding(
                Finding::error(
                    "remote-tag-differs",
                    format!("the tag `v1.5.0` is {} at `origin`, and {there} here", short_id(&tag))
                )
                .help(
                    "a tag that was published is never moved: find out who did, and release under a new one"
                )
            )
            .finding(
                Finding::error(
                    "head-elsewhere",
                    format!("`HEAD` is at {now}, and the tag `v1.5.0` at {there}")
                )
                .help("check the tag out")
            )
            .finding(Finding::error("wrong-increment", "after 1.3.0 comes 2.0.0, 1.4.0 or 1.3.1, not 1.5.0"))
            .finding(
                Finding::error(
                    "not-reachable",
                    format!(
                        "{there} is not part of `origin/main`, which ends at {}",
                        short_id(&here.reference("refs/remotes/origin/main").unwrap())
                    )
                )
                .help("release what is on that branch; if it was pushed by now, fetch first")
            )
            .finding(
                Finding::error("empty-message", format!("{there} has no message"))
                    .help("say what it changes: `git commit --amend`")
            )
            .output("commit", stray.clone())
            .output("tag_object", stray)
            .output("version", "1.5.0")
            .output("previous", "1.3.0")
            .output("signer", Value::Null)
            .output("message", "")),
    );
}

/// 003-27: on `main` before anything is pushed.
#[test]
fn head_is_on_the_branch() {
    let Released { here, .. } = released();

    assert_eq!(found(&here, json!({ "branch": "main", "commit_message": "required" })), yes());
    here.switch("feature/login");
    assert_eq!(
        found(&here, json!({ "branch": "main" })),
        no("wrong-branch: `HEAD` is on `feature/login`, not on `main`")
    );
}

/// Without a tag the commit is that of `HEAD`.
#[test]
fn a_branch_can_be_asked_about_without_a_tag() {
    let Released { here, second, .. } = released();

    assert_eq!(
        ask(&here, json!({ "branch": "main", "reachable_from": "origin/main" })),
        Ok(Evaluation::pass(format!("`main` at {} is as it should be", short_id(&second)))
            .output("commit", second)
            .output("tag_object", Value::Null)
            .output("version", Value::Null)
            .output("previous", Value::Null)
            .output("signer", Value::Null)
            .output("message", Value::Null)),
    );
    let ahead = here.commit(" \n");
    assert_eq!(
        found(&here, json!({ "reachable_from": "origin/main", "commit_message": "required" })).1,
        [
            format!(
                "not-reachable: {} is not part of `origin/main`, which ends at {}",
                short_id(&ahead),
                short_id(&here.reference("refs/remotes/origin/main").unwrap())
            ),
            format!("empty-message: {} has no message", short_id(&ahead)),
        ]
    );
}

#[test]
fn a_tag_that_is_not_there_is_a_no() {
    let Released { here, .. } = released();

    assert_eq!(
        ask(
            &here,
            json!({ "tag": "v9.0.0", "tag_pattern": "v9.*", "increment": {}, "remote_matches": true })
        ),
        Ok(Evaluation::fail("1 problem with `v9.0.0`")
            .finding(
                Finding::error("missing-tag", "there is no tag `v9.0.0` here")
                    .help("make it with `git tag -a`, or get it with `git fetch --tags`")
            )
            .output("commit", Value::Null)
            .output("tag_object", Value::Null)
            .output("version", Value::Null)
            .output("previous", Value::Null)
            .output("signer", Value::Null)
            .output("message", Value::Null)),
    );
}

/// 003-23.
#[test]
fn a_lightweight_tag_passes_only_where_the_step_says_so() {
    let Released { here, .. } = released();
    here.lightweight_tag("light", "HEAD");

    assert_eq!(found(&here, json!({ "tag": "light" })), no("lightweight-tag: `light` is a lightweight tag"));
    assert_eq!(found(&here, json!({ "tag": "light", "annotated": false })), yes());
}

#[test]
fn a_tag_that_leads_to_no_commit_is_a_no() {
    let Released { here, .. } = released();
    let object = here.tag_of_a_file("file");

    assert_eq!(
        found(
            &here,
            json!({ "tag": "file", "annotated": false, "reachable_from": "main", "head_is_tag": true })
        ),
        no(format!("no-commit: the tag `file` leads to {}, which is no commit", short_id(&object)))
    );
}

/// 003-24: an unsigned tag is all right unless a signature is required; a bad one never is.
#[test]
fn a_signature_is_judged_as_the_step_asks() {
    let Released { here, tag, .. } = released();
    let with = |signature: &str, signers: Option<&str>| {
        let mut config = json!({ "tag": "v1.3.0-l9", "signature": signature });
        if let Some(signers) = signers {
            config["allowed_signers"] = signers.into();
        }
        found(&here, config)
    };
    let bob = "bob@example.com ssh-ed25519 BBBB";

    assert_eq!(found(&here, json!({ "tag": "v1.3.0-l9" })), yes());
    assert_eq!(with("required", Some(ALLOWED)), no("unsigned: the tag `v1.3.0-l9` is not signed"));
    assert_eq!(with("ignore", None), yes());

    here.sign(&tag, KEY);
    let untrusted = "untrusted-signature: the signature of `v1.3.0-l9` is not trusted: its key is none of an allowed signer";
    assert_eq!(with("required", Some(ALLOWED)), yes());
    assert_eq!(with("optional", Some(ALLOWED)), yes());
    assert_eq!(with("required", Some(bob)), no(untrusted));
    assert_eq!(with("optional", Some(bob)), (Decision::Warn, vec![untrusted.to_owned()]));
    assert_eq!(with("optional", None), (Decision::Pass, vec![untrusted.to_owned()]));

    here.sign_badly(&tag);
    let bad = "bad-signature: the signature of `v1.3.0-l9` is wrong: the signature does not fit";
    assert_eq!(with("required", Some(ALLOWED)), no(bad));
    assert_eq!(with("optional", Some(ALLOWED)), no(bad));
    assert_eq!(with("optional", None), no(bad));
    assert_eq!(found(&here, json!({ "tag": "v1.3.0-l9" })), no(bad));
    assert_eq!(with("ignore", None), yes());
}

#[test]
fn the_allowed_signers_may_stand_in_a_file() {
    let Released { here, tag, .. } = released();
    here.sign(&tag, KEY);
    let config =
        json!({ "tag": "v1.3.0-l9", "signature": "required", "allowed_signers": { "file": "signers" } });
    let host = FakeHost::new().repository(".", &here);

    assert_eq!(
        evaluate::<GitPolicy>(&host, config.clone()),
        Err(Failure::unavailable("read `signers`: no such file"))
    );
    let evaluation =
        evaluate::<GitPolicy>(&host.file("signers", format!("# ours\n{ALLOWED}\n")), config).unwrap();
    assert_eq!(evaluation.decision, Decision::Pass);
    assert_eq!(
        evaluation.outputs.iter().find(|output| output.name == "signer").map(|output| &output.value),
        Some(&json!("ada@example.com"))
    );
}

/// 003-28: the commit behind the tag counts, not the tag object; and a tag that is named like the branch changes nothing.
#[test]
fn a_tag_off_the_branch_is_a_no_even_behind_a_tag_of_the_branchs_name() {
    let Released { here, second, .. } = released();
    here.switch("dev");
    let stray = here.commit("Feature: not on main");
    here.annotated_tag("v2.0.0-l9", "HEAD", "too early");
    here.annotated_tag("origin/main", "HEAD", "looks like a branch");
    let asked = |branch: &str| found(&here, json!({ "tag": "v2.0.0-l9", "reachable_from": branch }));
    let off = |branch: &str| {
        let (stray, second) = (short_id(&stray), short_id(&second));
        no(format!("not-reachable: {stray} is not part of `{branch}`, which ends at {second}"))
    };

    assert_eq!(asked("origin/main"), off("origin/main"));
    assert_eq!(asked("refs/remotes/origin/main"), off("refs/remotes/origin/main"));
    assert_eq!(asked("main"), off("main"));
    assert_eq!(asked("dev"), yes());
}

/// 003-26: a tag that was pushed is what it was.
#[test]
fn the_remote_has_the_same_tag() {
    let Released { here, origin, second, tag, .. } = released();
    let config = json!({ "tag": "v1.3.0-l9", "remote_matches": true });

    assert_eq!(found(&here, config.clone()), yes());
    let moved = origin.annotated_tag("v1.3.0-l9", &second, "again");
    assert_eq!(
        found(&here, config.clone()),
        no(format!(
            "remote-tag-differs: the tag `v1.3.0-l9` is {} at `origin`, and {} here",
            short_id(&moved),
            short_id(&tag)
        ))
    );
    origin.remove_reference("refs/tags/v1.3.0-l9");
    assert_eq!(found(&here, config), no("not-at-remote: `origin` has no tag `v1.3.0-l9`"));
}

#[test]
fn a_remote_that_asks_for_a_login_gets_one() {
    let Released { here, origin, .. } = released();
    origin.asks_for("ada", "t0ken");
    let host = FakeHost::new().repository(".", &here).secret("git_token", "t0ken");
    let config = |login: Value| json!({ "tag": "v1.3.0-l9", "remote_matches": true, "login": login });
    let of = |password: &str| json!({ "user": "ada", "password": password });

    assert_eq!(evaluate::<GitPolicy>(&host, config(of("git_token"))).unwrap().decision, Decision::Pass);
    assert_eq!(
        evaluate::<GitPolicy>(&host, config(Value::Null)),
        Err(Failure::invalid_input(
            "repository `.`: list references `refs/tags/v1.3.0-l9` of `origin`: `origin` refused the login"
        ))
    );
    assert_eq!(
        evaluate::<GitPolicy>(&host, config(of("other"))),
        Err(Failure::new(FailureKind::Denied, "secret `other`: denied, no grant of this step covers it"))
    );
}

/// 003-21: held against the highest tag of the same kind that the commit comes after.
#[test]
fn the_increment_is_over_the_highest_tag_before() {
    let Released { here, first, .. } = released();
    let increment = |tag: &str, increment: Value| {
        found(&here, json!({ "tag": tag, "tag_pattern": ".*-l9", "suffix": "-l9", "increment": increment }))
    };
    // Neither of another kind, nor of another line, nor unreadable.
    here.annotated_tag("v7.0.0", "HEAD", "another product");
    here.annotated_tag("latest-l9", "HEAD", "no version");
    here.detach(&first);
    here.commit("Fix: an old line");
    here.annotated_tag("v1.2.8-l9", "HEAD", "hotfix of the old line");
    here.annotated_tag("v9.0.0-l9", "HEAD", "far away");
    here.switch("main");

    assert_eq!(increment("v1.3.0-l9", json!({})), yes());
    assert_eq!(increment("v1.3.0-l9", json!({ "allow": ["minor"] })), yes());
    assert_eq!(
        increment("v1.3.0-l9", json!({ "allow": ["patch"] })),
        no("wrong-increment: a patch release after 1.2.7 is 1.2.8, not 1.3.0")
    );
    assert_eq!(
        increment("v1.3.0-l9", json!({ "allow": ["patch", "major"] })),
        no("wrong-increment: after 1.2.7 comes 2.0.0 or 1.2.8, not 1.3.0")
    );
    assert_eq!(increment("v1.2.8-l9", json!({ "previous": "v1.2.7-l9", "allow": ["hotfix"] })), yes());
    here.annotated_tag("v1.2.9-l9", "HEAD", "backwards");
    assert_eq!(increment("v1.2.9-l9", json!({})), no("not-newer: 1.2.9 does not come after 1.3.0"));
    assert_eq!(
        increment("latest-l9", json!({})),
        no(
            "no-version: the tag names no version: `latest-l9` is no semantic version: unexpected character 'l' while parsing major version number"
        )
    );
}

#[test]
fn a_first_tag_passes_with_a_warning() {
    let repository = FakeRepository::new("main");
    repository.commit("Feature: all");
    repository.annotated_tag("v0.1.0", "HEAD", "first");

    assert_eq!(
        found(&repository, json!({ "tag": "v0.1.0", "increment": {} })),
        (
            Decision::Warn,
            vec!["no-earlier-tag: no earlier tag is here, so there was nothing to compare with".to_owned()]
        )
    );
}

/// What cannot be answered is never a pass.
#[test]
fn what_cannot_be_told_is_a_failure() {
    let Released { here, .. } = released();
    let tag = |key: &str, value: Value| {
        let mut config = json!({ "tag": "v1.3.0-l9" });
        config[key] = value;
        config
    };
    let shallow = released().here;
    shallow.cut_history_off();
    let away = released().here;
    away.unreachable_remote("origin", HostError::Unavailable("connection refused".into()));
    let without = |verb: &str| {
        let repository = released().here;
        repository.denies(verb);
        repository
    };
    let failure = |repository: &FakeRepository, config: Value| ask(repository, config).unwrap_err();
    let denied = |what: &str| {
        Failure::new(
            FailureKind::Denied,
            format!("repository `.`: {what}: denied, no grant of this step covers it"),
        )
    };

    assert_eq!(
        [
            failure(&FakeRepository::new("main"), json!({ "branch": "main" })),
            failure(&here, tag("reachable_from", "upstream/main".into())),
            failure(&here, json!({ "tag": "v1.3.0-l9", "remote_matches": true, "remote": "backup" })),
            failure(&away, tag("remote_matches", true.into())),
            failure(&without("refs"), json!({ "branch": "main" })),
            failure(&without("objects"), tag("reachable_from", "main".into())),
            failure(&without("remote"), tag("remote_matches", true.into())),
        ],
        [
            Failure::invalid_input("repository `.`: read `HEAD`: there is no commit yet"),
            Failure::unavailable(format!(
                "repository `.`: there is no `refs/remotes/upstream/main` and no `refs/heads/upstream/main`; fetch it first; \
                 whether {} is part of it was not checked",
                short_id(&here.reference("refs/heads/main").unwrap())
            )),
            Failure::unavailable(
                "repository `.`: list references `refs/tags/v1.3.0-l9` of `backup`: there is no remote `backup`"
            ),
            Failure::unavailable(
                "repository `.`: list references `refs/tags/v1.3.0-l9` of `origin`: connection refused"
            ),
            denied("read `HEAD`"),
            denied(&format!("compare `{0}` with `{0}`", released().second)),
            denied("list references `refs/tags/v1.3.0-l9` of `origin`"),
        ],
    );
    assert_eq!(
        failure(&shallow, tag("increment", json!({}))),
        Failure::invalid_input(
            "repository `.`: it is a shallow clone, so earlier tags may be missing; get them with \
             `git fetch --unshallow --tags`, or give `increment.previous`; nothing was compared"
        ),
    );
}

/// A signature nobody may verify is no pass either.
#[test]
fn a_signature_that_may_not_be_verified_is_a_failure() {
    let Released { here, tag, .. } = released();
    here.sign(&tag, KEY);
    here.denies("verify");

    assert_eq!(
        ask(&here, json!({ "tag": "v1.3.0-l9" })),
        Err(Failure::new(
            FailureKind::Denied,
            "repository `.`: verify tag `v1.3.0-l9`: denied, no grant of this step covers it"
        ))
    );
}

/// A history that is cut off can still show that something is part of it, and never that it is not.
#[test]
fn a_shallow_clone_says_no_more_than_it_knows() {
    let Released { here, first, .. } = released();
    here.cut_history_off();
    let asked = json!({ "tag": "v1.3.0-l9", "reachable_from": "main" });
    assert_eq!(found(&here, asked), yes());

    here.switch("other");
    let stray = here.commit("Feature: elsewhere");
    here.annotated_tag("v2.0.0-l9", "HEAD", "elsewhere");
    assert_ne!(first, stray);
    assert_eq!(
        ask(&here, json!({ "tag": "v2.0.0-l9", "reachable_from": "main" })).map_err(|failure| failure.kind),
        Err(FailureKind::InvalidInput)
    );
}

#[test]
fn a_step_that_makes_no_sense_is_refused() {
    let Released { here, .. } = released();
    let refused = |config: Value| ask(&here, config).unwrap_err();
    let alone = |key: &str, value: Value| {
        let mut config = json!({ "branch": "main" });
        config[key] = value;
        refused(config)
    };
    let needs_tag = |key: &str| Failure::invalid_config(format!("`{key}` needs `tag`; nothing was checked"));

    assert_eq!(
        [
            alone("tag_pattern", "v.*".into()),
            alone("annotated", true.into()),
            alone("signature", "optional".into()),
            alone("allowed_signers", ALLOWED.into()),
            alone("remote_matches", true.into()),
            alone("increment", json!({})),
            alone("suffix", "-l9".into()),
            alone("head_is_tag", true.into()),
        ],
        [
            "tag_pattern",
            "annotated",
            "signature",
            "allowed_signers",
            "remote_matches",
            "increment",
            "suffix",
            "head_is_tag"
        ]
        .map(needs_tag),
    );
    assert_eq!(
        [
            refused(json!({})),
            refused(json!({ "tag": null })),
            refused(json!({ "tag": "v1", "signature": "required" })),
            refused(json!({ "tag": "v1", "signature": "ignore", "allowed_signers": ALLOWED })),
            refused(json!({ "tag": "v1", "remote": "origin" })),
            refused(json!({ "tag": "v1", "remote_matches": false, "login": { "user": "a", "password": "b" } })),
            refused(json!({ "tag": "v1", "tag_pattern": "(" })),
            refused(json!({ "tag": "v1.3.0-l9", "increment": { "previous": "none" } })),
        ],
        [
            "nothing is asked: give `branch`, `tag`, `reachable_from` or `commit_message`",
            "nothing is asked: give `branch`, `tag`, `reachable_from` or `commit_message`",
            "`signature: required` needs `allowed_signers`: without them no signature is trusted",
            "`allowed_signers` with `signature: ignore`: nobody would look at them",
            "`remote` needs `remote_matches: true`; nothing was checked",
            "`login` needs `remote_matches: true`; nothing was checked",
            "`tag_pattern`: `(` is no pattern: found open group without closing ')'",
            "`increment.previous`: `none` is no semantic version: unexpected character 'n' while parsing major version number; nothing was compared",
        ]
        .map(Failure::invalid_config),
    );
    assert_eq!(refused(json!({ "tag": "v1", "signed": true })).kind, FailureKind::InvalidConfig);
    assert_eq!(
        refused(json!({ "tag": "v1", "increment": { "allow": ["huge"] } })).kind,
        FailureKind::InvalidConfig
    );
}
