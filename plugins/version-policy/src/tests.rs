//! The gate as a pipeline sees it. Requirements: 000-46, 001-01, 001-02, 001-03, 003-20, 003-21.

use super::*;
use runner_plugin::testing::{FakeHost, evaluate};
use serde_json::{Value, json};
use std::time::Duration;

fn ask(host: &FakeHost, config: Value) -> Evaluation {
    evaluate::<VersionPolicy>(host, config).unwrap()
}

/// What was found, as `rule: message`.
fn found(host: &FakeHost, config: Value) -> Vec<String> {
    ask(host, config)
        .findings
        .iter()
        .map(|finding| format!("{}: {}", finding.rule, finding.message))
        .collect()
}

fn nothing() -> FakeHost {
    FakeHost::new()
}

/// 003-20 and 003-21: the format of a tag, and its increment over the one before.
#[test]
fn a_tag_that_follows_the_one_before_passes() {
    let config = json!({
        "tag": "v1.3.0-l9",
        "tag_pattern": r"v\d+\.\d+\.\d+-l9",
        "suffix": "-l9",
        "previous": "v1.2.7-l9",
        "release": "minor",
    });

    assert_eq!(
        ask(&nothing(), config),
        Evaluation::pass("1.3.0 after 1.2.7").output("version", "1.3.0").output("previous", "1.2.7"),
    );
}

#[test]
fn a_tag_that_does_not_fit_fails() {
    let config = json!({
        "version": "1.3.0",
        "tag": "1.3.1-l9",
        "tag_pattern": r"^v\d+\.\d+\.\d+-l9$",
        "suffix": "-l9",
    });

    assert_eq!(
        ask(&nothing(), config),
        Evaluation::fail("2 problems with 1.3.0")
            .finding(Finding::error(
                "invalid-tag",
                r"the tag `1.3.1-l9` does not match `^v\d+\.\d+\.\d+-l9$`"
            ))
            .finding(Finding::error(
                "tag-differs",
                "the tag `1.3.1-l9` is of 1.3.1, and the version is 1.3.0"
            ))
            .output("version", "1.3.0")
            .output("previous", None::<String>),
    );
    assert_eq!(
        found(&nothing(), json!({ "version": "1.3.0", "tag": "latest" })),
        ["tag-differs: the tag `latest` names no version"]
    );
}

/// 001-02: each kind of release has its pattern, and one version after another.
#[test]
fn a_release_is_the_version_that_its_kind_makes_of_the_one_before() {
    let wrong = |version: &str, release: &str| {
        found(&nothing(), json!({ "version": version, "previous": "1.2.3", "release": release }))
    };
    let shape =
        |version: &str, release: &str| found(&nothing(), json!({ "version": version, "release": release }));

    assert_eq!(wrong("2.0.0", "major"), [""; 0]);
    assert_eq!(wrong("1.2.4", "hotfix"), [""; 0]);
    assert_eq!(wrong("1.3.0", "patch"), ["wrong-increment: a patch release after 1.2.3 is 1.2.4, not 1.3.0"]);
    assert_eq!(
        wrong("1.2.5", "hotfix"),
        ["wrong-increment: a hotfix release after 1.2.3 is 1.2.4, not 1.2.5"]
    );
    assert_eq!(wrong("1.2.3", "patch"), ["not-newer: 1.2.3 does not come after 1.2.3"]);
    assert_eq!(
        found(&nothing(), json!({ "version": "1.4.0", "previous": "1.2.3" })),
        ["wrong-increment: after 1.2.3 comes 1.2.4, 1.3.0 or 2.0.0, not 1.4.0"]
    );
    assert_eq!(shape("1.3.0", "minor"), [""; 0]);
    assert_eq!(shape("1.3.1", "minor"), ["wrong-increment: 1.3.1 is no minor release: that would be X.Y.0"]);
    assert_eq!(
        shape("1.3.0", "hotfix"),
        ["wrong-increment: 1.3.0 is no hotfix release: that would be X.Y.Z with Z above 0"]
    );
}

#[test]
fn a_version_before_a_release_needs_leave() {
    let config =
        |allow: bool| json!({ "version": "1.3.0-rc.1", "previous": "1.2.3", "allow_prerelease": allow });

    assert_eq!(found(&nothing(), config(true)), [""; 0]);
    assert_eq!(found(&nothing(), config(false)), ["prerelease: 1.3.0-rc.1 comes before a release"]);
}

#[test]
fn a_text_that_is_no_version_fails() {
    let why = "`1.3` is no semantic version: unexpected end of input while parsing minor version number";

    assert_eq!(
        ask(&nothing(), json!({ "version": "1.3" })),
        Evaluation::fail(why).finding(Finding::error("invalid-version", why)),
    );
    assert_eq!(
        found(&nothing().file("VERSION", "01.3.0\n"), json!({ "version": { "file": "VERSION" } })),
        ["invalid-version: `01.3.0` is no semantic version: invalid leading zero in major version number"],
    );
}

/// 000-46: a bump of `VERSION.json` resets what is smaller; all files say the same.
#[test]
fn versions_are_read_where_files_have_them() {
    let host = FakeHost::new()
        .file("VERSION.json", r#"{"major": 2, "minor": 0, "patch": 0, "codex_version": "2.0.0"}"#)
        .file("old/VERSION.json", r#"{"major": 1, "minor": 4, "patch": 2}"#)
        .file("Cargo.toml", "\u{feff}[package]\nname = 'a'\nversion = '2.0.0'\n")
        .file("core/Cargo.toml", "[workspace.package]\nversion = '2.0.0'\n")
        .file("web/package.json", r#"{"name": "web", "version": "2.0.0"}"#)
        .file("py/pyproject.toml", "[project]\nversion = '2.0.0'\n")
        .file("poetry/pyproject.toml", "[tool.poetry]\nversion = '2.0.0'\n")
        .file("VERSION", "v2.0.0\n");
    let config = json!({
        "version": { "file": "VERSION.json" },
        "previous": { "file": "old/VERSION.json" },
        "release": "major",
        "files": [
            "Cargo.toml", "core/Cargo.toml", "web/package.json", "py/pyproject.toml", "poetry/pyproject.toml", "VERSION",
            { "file": "VERSION.json", "at": "/codex_version" },
        ],
    });

    assert_eq!(
        ask(&host, config),
        Evaluation::pass("2.0.0 after 1.4.2").output("version", "2.0.0").output("previous", "1.4.2"),
    );
    assert_eq!(
        found(
            &FakeHost::new().file("VERSION.json", r#"{"major": 2, "minor": 1, "patch": 0}"#),
            json!({ "version": { "file": "VERSION.json" }, "previous": "1.4.2", "release": "major" })
        ),
        ["wrong-increment: a major release after 1.4.2 is 2.0.0, not 2.1.0"],
    );
}

#[test]
fn files_that_say_something_else_are_found_with_their_line() {
    let host = FakeHost::new()
        .file("Cargo.toml", "[package]\nname = 'a'\nversion = '1.2.9'\n")
        .file("crate/Cargo.toml", "[package]\nversion.workspace = true\n")
        .file("package.json", r#"{"version": 2}"#)
        .file("VERSION", "next\n");
    let config =
        json!({ "version": "1.3.0", "files": ["Cargo.toml", "crate/Cargo.toml", "package.json", "VERSION"] });

    assert_eq!(
        ask(&host, config),
        Evaluation::fail("4 problems with 1.3.0")
            .finding(
                Finding::error("version-differs", "the version here is 1.2.9, not 1.3.0")
                    .in_file("Cargo.toml")
                    .at_line(3)
                    .help("write 1.3.0")
            )
            .finding(
                Finding::error("no-version", "there is no version at `/package/version` or `/workspace/package/version`")
                    .in_file("crate/Cargo.toml")
                    .help("`at` says where it is written")
            )
            .finding(
                Finding::error("no-version", "there is no version at `/version`")
                    .in_file("package.json")
                    .help("`at` says where it is written")
            )
            .finding(
                Finding::error(
                    "version-differs",
                    "`next` is no semantic version: unexpected character 'n' while parsing major version number"
                )
                .in_file("VERSION")
                .at_line(1)
                .help("write 1.3.0")
            )
            .output("version", "1.3.0")
            .output("previous", None::<String>),
    );
}

/// 001-03: every release has a codename, and no two have the same.
#[test]
fn a_codename_is_there_fits_and_is_new() {
    let host = FakeHost::new()
        .file("names.txt", "Nebula Whisper\n\nquantum guardian\n")
        .file("releases.yaml", "releases:\n  v0.3.0: Digital Oracle\n  0.4.0: Cosmic Defender\n");
    let with = |codename: Value| found(&host, json!({ "version": "0.4.0", "codename": codename }));
    let in_yaml = json!({ "file": "releases.yaml", "at": "/releases" });

    assert_eq!(
        with(json!({ "name": "Cosmic Defender", "used_in": in_yaml, "pattern": "[A-Z][a-z]+ [A-Z][a-z]+" })),
        [""; 0]
    );
    assert_eq!(
        with(json!({ "name": "digital oracle", "used_in": in_yaml, "pattern": "[A-Z][a-z]+ [A-Z][a-z]+" })),
        [
            "invalid-codename: the codename `digital oracle` does not match `^(?:[A-Z][a-z]+ [A-Z][a-z]+)$`",
            "used-codename: the codename `digital oracle` is taken",
        ]
    );
    assert_eq!(
        with(json!({ "name": "Quantum Guardian", "used_in": { "file": "names.txt" } })),
        ["used-codename: the codename `Quantum Guardian` is taken"]
    );
    assert_eq!(
        with(json!({ "name": "Nova", "used": ["NOVA"] })),
        ["used-codename: the codename `Nova` is taken"]
    );
    assert_eq!(with(json!({ "name": " " })), ["missing-codename: 0.4.0 has no codename"]);
    assert_eq!(with(json!({ "name": null })), ["missing-codename: 0.4.0 has no codename"]);
}

/// 001-01: major releases every three months, minor ones every month, patches every two weeks, hotfixes at need.
#[test]
fn a_release_out_of_turn_is_a_warning() {
    // 2026-04-01.
    let host = FakeHost::new().now(Duration::from_secs(1_775_001_600));
    let with = |release: &str, version: &str, last: &str| {
        ask(&host, json!({ "version": version, "release": release, "cadence": { "last": last } }))
    };
    let rules = |release: &str, version: &str, last: &str| -> Vec<String> {
        with(release, version, last).findings.into_iter().map(|finding| finding.rule).collect()
    };

    assert_eq!(
        with("minor", "1.3.0", "2026-03-15"),
        Evaluation::warn("1 problem with 1.3.0")
            .finding(Finding::warning(
                "early-release",
                "minor releases come every month: after the one of 2026-03-15 this one is early, it is due on 2026-04-15"
            ))
            .output("version", "1.3.0")
            .output("previous", None::<String>),
    );
    assert_eq!(rules("minor", "1.3.0", "2026-03-01"), [""; 0]);
    assert_eq!(rules("minor", "1.3.0", "2026-02-01"), ["late-release"]);
    assert_eq!(rules("major", "2.0.0", "2026-01-01"), [""; 0]);
    assert_eq!(rules("patch", "1.2.4", "2026-03-31"), ["early-release"]);
    assert_eq!(rules("hotfix", "1.2.4", "2026-03-31"), [""; 0]);
}

#[test]
fn what_cannot_be_read_is_a_failure() {
    let failure = |host: FakeHost, config: Value| evaluate::<VersionPolicy>(&host, config).unwrap_err();
    let file = |text: &[u8]| FakeHost::new().file("VERSION.json", text);
    let of_file = || json!({ "version": { "file": "VERSION.json" } });

    assert_eq!(
        [
            failure(nothing(), of_file()),
            failure(file(b"\xfe\xff\0{"), of_file()),
            failure(file(b"{}"), of_file()),
            failure(
                file(br#"{"version": "1.2"}"#),
                json!({ "version": "1.3.0", "previous": { "file": "VERSION.json" } })
            ),
            failure(nothing(), json!({ "version": "1.3.0", "previous": "none" })),
            failure(nothing(), json!({})),
            failure(nothing(), json!({ "version": "1.3.0", "tag_pattern": "v.*" })),
            failure(nothing(), json!({ "tag": "v1.3.0", "tag_pattern": "(" })),
            failure(nothing(), json!({ "version": "1.3.0", "cadence": { "last": "2026-03-01" } })),
            failure(
                nothing(),
                json!({ "version": "1.3.0", "release": "minor", "cadence": { "last": "2026-02-30" } })
            ),
        ],
        [
            Failure::unavailable("read `VERSION.json`: no such file"),
            Failure::invalid_input(
                "read `VERSION.json`: it is UTF-16 BE (its byte order mark says so); save it as UTF-8"
            ),
            Failure::invalid_input(
                "read `VERSION.json`: there is no version at `/version`; no version was judged"
            ),
            Failure::invalid_input(
                "read `VERSION.json`: `1.2` is no semantic version: unexpected end of input while parsing minor version number; nothing was compared"
            ),
            Failure::invalid_config(
                "`previous`: `none` is no semantic version: unexpected character 'n' while parsing major version number; nothing was compared"
            ),
            Failure::invalid_config("give `version` or `tag`"),
            Failure::invalid_config("`tag_pattern` needs `tag`: there is nothing to match"),
            Failure::invalid_config("`tag_pattern`: `(` is no pattern: found open group without closing ')'"),
            Failure::invalid_config("`cadence` needs `release`: each kind has its own"),
            Failure::invalid_config("`cadence`: `last` is `2026-02-30`, which is no day like `2026-03-01`"),
        ],
    );
}
