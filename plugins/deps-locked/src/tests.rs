//! The gate as a pipeline sees it. Requirements: 003-12, 003-13, 003-14, 003-16.

use super::*;
use runner_plugin::HostError;
use runner_plugin::testing::{FakeHost, evaluate};
use serde_json::json;

const DIGEST: &str = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

fn error(rule: &str, message: &str, file: &str, line: u32) -> Finding {
    Finding::error(rule, message).in_file(file).at_line(line)
}

#[test]
fn pinned_dependencies_and_images_pass() {
    let host = FakeHost::new()
        .file("requirements.txt", "# web\nflask==3.0.3\nuvicorn[standard]==0.30.1; python_version >= '3.8'\n")
        .file("docker/Dockerfile", format!("FROM python:3.12-slim@{DIGEST} AS build\nFROM build\n"))
        .file("freeze.txt", "Flask==3.0.3\nuvicorn==0.30.1\n");

    assert_eq!(
        evaluate::<DepsLocked>(
            &host,
            json!({ "dockerfiles": ["docker/Dockerfile"], "installed": "freeze.txt" })
        ),
        Ok(Evaluation::pass("2 dependencies pinned, 1 base image by digest, installed as locked")
            .output("dependencies", 2)
            .output("base_images", 1)),
    );
}

/// 003-13: `==` only; `>=`, `~=` and bare names are rejected, each at its line.
#[test]
fn every_version_that_is_left_open_is_a_finding() {
    let host = FakeHost::new().file(
        "requirements.txt",
        "flask>=3.0\n\
click~=8.1\n\
requests\n\
numpy==2.*\n\
-e ./local\n\
git+https://example.com/x.git\n\
own @ https://example.com/own.whl\n",
    );

    assert_eq!(
        evaluate::<DepsLocked>(&host, json!({})),
        Ok(Evaluation::fail("7 problems with what is locked")
            .finding(
                error(
                    "editable-dependency",
                    "an editable requirement is whatever lies in its directory at the time",
                    "requirements.txt",
                    5
                )
                .help("build the package, and pin its version")
            )
            .finding(
                error(
                    "url-dependency",
                    "a package comes from a URL or path, which can change",
                    "requirements.txt",
                    6
                )
                .help("publish the package to an index, and pin its version with `==`")
            )
            .finding(
                error(
                    "url-dependency",
                    "`own` comes from a URL or path, which can change",
                    "requirements.txt",
                    7
                )
                .help("publish the package to an index, and pin its version with `==`")
            )
            .finding(
                error("loose-version", "`flask>=3.0` leaves the version open", "requirements.txt", 1)
                    .help("write `flask==<version>`")
            )
            .finding(
                error("loose-version", "`click~=8.1` leaves the version open", "requirements.txt", 2)
                    .help("write `click==<version>`")
            )
            .finding(
                error("unpinned-dependency", "`requests` has no version", "requirements.txt", 3)
                    .help("write `requests==<version>`")
            )
            .finding(
                error("loose-version", "`numpy==2.*` leaves the version open", "requirements.txt", 4)
                    .help("write `numpy==<version>`")
            )
            .output("dependencies", 4)
            .output("base_images", 0)),
    );
}

/// 003-14 and 003-16: base images by digest, `latest` nowhere.
#[test]
fn a_base_image_without_digest_or_with_latest_is_a_finding() {
    let host = FakeHost::new()
        .file("requirements.txt", "flask==3.0.3\n")
        .file("Dockerfile", format!("FROM python:3.12\nFROM nginx:latest@{DIGEST}\n"));

    assert_eq!(
        evaluate::<DepsLocked>(&host, json!({ "dockerfiles": ["Dockerfile"] })),
        Ok(Evaluation::fail("2 problems with what is locked")
            .finding(error("unpinned-base-image", "`python:3.12` has no digest", "Dockerfile", 1).help(
                "write `<image>:<tag>@sha256:<digest>`; `docker buildx imagetools inspect <image>` shows the digest"
            ))
            .finding(
                error("latest-tag", &format!("`nginx:latest@{}…` is `latest`", &DIGEST[..67]), "Dockerfile", 2)
                    .help("name the version")
            )
            .output("dependencies", 1)
            .output("base_images", 2)),
    );
}

/// 003-12: the difference between `pip freeze` and the lock is empty.
#[test]
fn every_difference_to_what_is_installed_is_a_finding() {
    let host = FakeHost::new()
        .file("requirements.txt", "flask==3.0.3\nclick==8.1.7\nuvloop==0.21.0; sys_platform != 'win32'\n")
        .file("freeze.txt", "flask==3.0.2\nrequests==2.32.3\n");

    assert_eq!(
        evaluate::<DepsLocked>(&host, json!({ "installed": "freeze.txt" })),
        Ok(Evaluation::fail("3 problems with what is locked")
            .finding(
                error("version-differs", "`flask` is installed at 3.0.2, locked at 3.0.3", "freeze.txt", 1)
                    .help("install from the requirements files again")
            )
            .finding(
                error("not-locked", "`requests` is installed and in no requirements file", "freeze.txt", 2)
                    .help("pin it in a requirements file, or do not install it")
            )
            .finding(
                error("not-installed", "`click` is locked and not installed", "requirements.txt", 2)
                    .help("install from the requirements files again")
            )
            .output("dependencies", 3)
            .output("base_images", 0)),
    );
}

#[test]
fn includes_are_followed_once_and_relative_to_their_file() {
    let host = FakeHost::new()
        .file("requirements.txt", "-r requirements/base.txt\nflask==3.0.3\n")
        .file("requirements/base.txt", "-r ../requirements.txt\n--requirement=more.txt\nclick==8.1.7\n")
        .file("requirements/more.txt", "rich>=13\n");

    assert_eq!(
        evaluate::<DepsLocked>(&host, json!({})),
        Ok(Evaluation::fail("1 problem with what is locked")
            .finding(
                error("loose-version", "`rich>=13` leaves the version open", "requirements/more.txt", 1)
                    .help("write `rich==<version>`")
            )
            .output("dependencies", 3)
            .output("base_images", 0)),
    );
}

#[test]
fn an_include_that_no_grant_covers_is_a_failure_with_its_place() {
    let host = FakeHost::new()
        .file("requirements.txt", "\n-r other.txt\n")
        .file_error("other.txt", HostError::Denied);

    assert_eq!(
        evaluate::<DepsLocked>(&host, json!({})),
        Err(Failure::new(
            FailureKind::Denied,
            "read `other.txt`: denied, no grant of this step covers it (included at `requirements.txt` line 2)",
        )),
    );
}

#[test]
fn an_include_from_outside_is_a_finding() {
    let host = FakeHost::new().file("requirements.txt", "-r ../../etc/passwd\nflask==3.0.3\n");

    assert_eq!(
        evaluate::<DepsLocked>(&host, json!({})),
        Ok(Evaluation::fail("1 problem with what is locked")
            .finding(error(
                "unreadable-line",
                "`-r ../../etc/passwd` is not a file of this directory",
                "requirements.txt",
                1
            ))
            .output("dependencies", 1)
            .output("base_images", 0)),
    );
}

#[test]
fn hashes_can_be_required_by_the_step_or_by_the_file() {
    let good = "a".repeat(64);
    let text = format!("flask==3.0.3 --hash=sha256:{good}\nclick==8.1.7\nrich==13.9.4 --hash=sha256:beef\n");
    let expected = Evaluation::fail("2 problems with what is locked")
        .finding(
            error("missing-hash", "`click` has no hash", "requirements.txt", 2)
                .help("`pip-compile --generate-hashes` or `pip hash` makes them"),
        )
        .finding(
            error("invalid-hash", "`rich` has a hash that is none: `sha256:beef`", "requirements.txt", 3)
                .help("write `--hash=sha256:<64 hexadecimal digits>`"),
        )
        .output("dependencies", 3)
        .output("base_images", 0);

    assert_eq!(
        evaluate::<DepsLocked>(
            &FakeHost::new().file("requirements.txt", text.clone()),
            json!({ "require_hashes": true })
        ),
        Ok(expected.clone()),
    );
    assert_eq!(
        evaluate::<DepsLocked>(
            &FakeHost::new().file("requirements.txt", format!("{text}--require-hashes\n")),
            json!({})
        ),
        Ok(expected),
    );
}

#[test]
fn allowed_names_need_no_version_and_unused_ones_are_named() {
    let host = FakeHost::new().file("requirements.txt", "Own_Package\nflask==3.0.3\n");

    assert_eq!(
        evaluate::<DepsLocked>(&host, json!({ "allow": ["own-package", "gone"] })),
        Ok(Evaluation::warn("1 problem with what is locked")
            .finding(
                Finding::warning("unused-allow", "`allow` names `gone`, which is in no requirements file")
                    .help("take it out of `allow`")
            )
            .output("dependencies", 2)
            .output("base_images", 0)),
    );
}

#[test]
fn two_versions_of_one_package_are_a_finding_unless_markers_choose() {
    let host = FakeHost::new().file(
        "requirements.txt",
        "flask==3.0.3\nFlask==3.1\nnumpy==1.26; python_version < '3.9'\nnumpy==2.1; python_version >= '3.9'\n",
    );

    assert_eq!(
        evaluate::<DepsLocked>(&host, json!({})),
        Ok(Evaluation::fail("1 problem with what is locked")
            .finding(
                error(
                    "conflicting-versions",
                    "`flask` is pinned to 3.1 here and to 3.0.3 in `requirements.txt` line 1",
                    "requirements.txt",
                    2
                )
                .help("keep one of them")
            )
            .output("dependencies", 4)
            .output("base_images", 0)),
    );
}

#[test]
fn an_empty_file_fails_unless_it_may_be_empty() {
    let host = FakeHost::new().file("requirements.txt", "# nothing yet\n\n");

    assert_eq!(
        evaluate::<DepsLocked>(&host, json!({})),
        Ok(Evaluation::fail("1 problem with what is locked")
            .finding(
                Finding::error("no-requirements", "no package is named")
                    .in_file("requirements.txt")
                    .help("`allow_empty: true` lets an empty file pass")
            )
            .output("dependencies", 0)
            .output("base_images", 0)),
    );
    assert_eq!(
        evaluate::<DepsLocked>(&host, json!({ "allow_empty": true })),
        Ok(Evaluation::pass("0 dependencies pinned").output("dependencies", 0).output("base_images", 0)),
    );
}

#[test]
fn a_missing_file_is_a_failure_not_a_no() {
    assert_eq!(
        evaluate::<DepsLocked>(&FakeHost::new(), json!({})),
        Err(Failure::unavailable("read `requirements.txt`: no such file")),
    );
}

#[test]
fn lines_that_mean_nothing_are_findings() {
    let host = FakeHost::new()
        .file("requirements.txt", "flask 3.0\n--nonsense\n[x]==1\n-i https://pypi.org/simple\n");
    let unreadable = |message: &str, line, help: &str| {
        error("unreadable-line", message, "requirements.txt", line).help(help)
    };

    assert_eq!(
        evaluate::<DepsLocked>(&host, json!({ "allow_empty": true })),
        Ok(Evaluation::fail("3 problems with what is locked")
            .finding(unreadable(
                "what follows `flask` is not a version",
                1,
                "write `<name>==<version>`, one on a line"
            ))
            .finding(unreadable(
                "this is not an option of a requirements file",
                2,
                "correct or remove the line"
            ))
            .finding(unreadable("this is not a requirement", 3, "write `<name>==<version>`, one on a line"))
            .output("dependencies", 0)
            .output("base_images", 0)),
    );
}

#[test]
fn a_config_with_an_unknown_key_is_refused() {
    assert_eq!(
        evaluate::<DepsLocked>(&FakeHost::new(), json!({ "require_hash": true }))
            .map_err(|failure| failure.kind),
        Err(FailureKind::InvalidConfig),
    );
}

#[test]
fn the_manifest_is_the_package() {
    let manifest = manifest();

    assert_eq!(manifest.name, "deps-locked");
    assert_eq!(manifest.summary, "Checks that Python dependencies and base images are pinned exactly");
    assert_eq!(manifest.outputs, ["dependencies", "base_images"]);
}
