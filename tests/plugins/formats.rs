//! Gates over logs, versions, metrics and time.
//!
//! Each plugin says yes in one pipeline and no in another; both run as components over real files, and over a server
//! on loopback. A third pipeline holds what must neither pass nor bring the sandbox down. What the journal has of each
//! step is compared.

mod metrics;

use serde_json::{Value, json};

use super::{endings, expected, readme_example};
use crate::harness::Project;

fn pass(summary: &str) -> Value {
    json!(["pass", summary, []])
}

/// Everything that the plugins over files look at, all as it should be.
fn good() -> Project {
    let project = Project::with(
        r#"
version: 1
name: formats
inputs:
  tag: { default: v1.3.0-l9 }
plugins:
  log-format: { source: plugin:log_format, grants: { filesystem: { read: [logs/] } } }
  log-scan: { source: plugin:log_scan, grants: { filesystem: { read: [.state/logs/] }, docker: {} } }
  version-policy:
    source: plugin:version_policy
    grants: { filesystem: { read: [VERSION.json, Cargo.toml, web/package.json, releases.yaml] } }
  changelog: { source: plugin:changelog, grants: { filesystem: { read: [CHANGELOG.md] } } }
  key-age: { source: plugin:key_age, grants: { filesystem: { read: [keys.yaml] } } }
  time-window: { source: plugin:time_window, grants: { filesystem: { read: [freezes.yaml] } } }
defaults: { limits: { time: 60s } }
steps:
  structured-logs:
    uses: log-format
    continue_on_error: true
    with: { files: ["logs/*.jsonl"], required: [message] }
  logs:
    uses: log-scan
    continue_on_error: true
    with:
      files: [".state/logs/**/*.log"]
      last_lines: 100
      forbid:
        - { texts: [traceback, error, exception], ignore_case: true, except: [DEBUG] }
        - { texts: [Failed to load], rule: not-loaded, help: is logging.yaml in the image? }
      require:
        - { pattern: "listening on :[0-9]+" }
      repeats: { at_most: 2, containing: SAFE_MODE }
  version:
    uses: version-policy
    continue_on_error: true
    with:
      version: { file: VERSION.json }
      previous: v1.2.7-l9
      release: minor
      tag: ${{ inputs.tag }}
      tag_pattern: v\d+\.\d+\.\d+-l9
      suffix: -l9
      files: [Cargo.toml, web/package.json]
      codename: { name: Digital Oracle, used_in: { file: releases.yaml, at: /releases } }
  release-notes:
    uses: changelog
    continue_on_error: true
    with: { version: 1.3.0 }
  key-rotation:
    uses: key-age
    continue_on_error: true
    with:
      file: keys.yaml
      at: /keys
      warn_days: 100000
      fail_days: 100007
      id_pattern: qdpi_[A-Za-z0-9-]+
      scopes: [read, encode, search]
  open:
    uses: time-window
    continue_on_error: true
    with:
      zone: Europe/Berlin
      allow:
        - { days: [mon, tue, wed, thu, fri, sat, sun], from: "00:00", to: "00:00" }
      freeze_files: [freezes.yaml]
"#,
    );
    let line = r#"{"timestamp":"2026-03-01T12:00:00Z","level":"INFO","message":"it runs"}"#;
    project.write("logs/app.jsonl", format!("{line}\n{line}\n"));
    project.write(".state/logs/2026-03-01/core.log", "listening on :8000\nDEBUG no error\ncaf\u{e9}\n");
    project.write("VERSION.json", r#"{"major": 1, "minor": 3, "patch": 0}"#);
    project.write("Cargo.toml", "[package]\nname = 'a'\nversion = '1.3.0'\n");
    project.write("web/package.json", r#"{"version": "1.3.0"}"#);
    project.write("releases.yaml", "releases:\n  1.2.7: Quantum Guardian\n");
    project.write(
        "CHANGELOG.md",
        "# Log\n\n## [1.3.0] - 2026-03-01\n\n### Added\n\n- a gate\n\n[1.3.0]: https://example.com\n",
    );
    project.write(
        "keys.yaml",
        "keys:\n  - { id: qdpi_a, created_at: 2026-03-01T12:00:00Z, active: true, scopes: [read, search] }\n",
    );
    project
        .write("freezes.yaml", "freezes:\n  - { name: the fair, from: 2020-03-01, to: 2020-03-08T12:00 }\n");
    project
}

/// Requirements 000-35, 000-36, 000-37, 000-46, 001-02, 001-03, 001-06, 002-06, 002-12, 002-25, 003-20, 003-21, 003-58.
#[test]
fn what_is_as_it_should_be_passes() {
    let project = good();
    let run = project.exec(&[]);

    assert_eq!(run.code, 0, "{}", run.stderr);
    assert_eq!(
        endings(&project),
        expected([
            ("structured-logs", pass("2 lines as they should be")),
            ("logs", pass("nothing wrong in 3 lines of 1 log")),
            ("version", pass("1.3.0 after 1.2.7")),
            ("release-notes", pass("1.3.0 of 2026-03-01: 1 change")),
            ("key-rotation", pass("1 key, none due")),
            ("open", pass("open without an end in the calendar")),
        ]),
        "{}",
        run.stderr
    );
}

/// Requirements 000-36, 000-40, 001-02, 001-03, 001-08, 002-07, 002-25, 003-20, 003-21, 003-59.
#[test]
fn what_is_not_is_found_with_its_place() {
    let project = good();
    project.write(
        "logs/app.jsonl",
        "{\"timestamp\":\"2026-03-01T12:00:00\",\"level\":\"INFO\",\"message\":\"\"}\n",
    );
    project.write(
        ".state/logs/2026-03-01/core.log",
        "Traceback (most recent call last):\n  File \"main.py\"\nValueError: no mode\n1 SAFE_MODE\n2 SAFE_MODE\n3 SAFE_MODE\n",
    );
    project.write("Cargo.toml", "[package]\nname = 'a'\nversion = '1.2.7'\n");
    project.write("releases.yaml", "releases:\n  1.2.7: digital oracle\n");
    project.write("CHANGELOG.md", "## [Unreleased]\n\n- left over\n");
    project.write(
        "keys.yaml",
        "keys:\n  - { id: qdpi_a_s3cr3t, created_at: 2026-03-01, active: false, scopes: [admin] }\n",
    );
    project.write(
        "freezes.yaml",
        "freezes:\n  - { name: the fair, from: 2020-03-01, to: 9000-03-08T12:00+01:00 }\n",
    );
    let run = project.exec(&["--input", "tag=v1.4.0"]);

    let finding = |severity: &str, rule: &str, message: &str| json!({ "severity": severity, "rule": rule, "message": message });
    let in_file = |mut finding: Value, file: &str, line: Option<u32>, help: Option<&str>| {
        finding["file"] = json!(file);
        if let Some(line) = line {
            finding["line"] = json!(line);
        }
        if let Some(help) = help {
            finding["help"] = json!(help);
        }
        finding
    };
    let (core, allowed) = (".state/logs/2026-03-01/core.log", "allowed: read, encode, search");
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert_eq!(
        endings(&project),
        expected([
            (
                "structured-logs",
                json!([
                    "fail",
                    "1 bad line of 1",
                    [in_file(
                        finding(
                            "error",
                            "invalid-timestamp",
                            "`timestamp` has no zone; write `2026-03-01T12:00:00Z` or an offset like `+02:00`"
                        ),
                        "logs/app.jsonl",
                        Some(1),
                        None
                    )]
                ])
            ),
            (
                "logs",
                json!([
                    "fail",
                    "3 problems in 6 lines of 1 log",
                    [
                        in_file(
                            finding("error", "forbidden-line", "a traceback: `ValueError: no mode`"),
                            core,
                            Some(1),
                            None
                        ),
                        in_file(
                            finding(
                                "error",
                                "repeated-line",
                                "comes more than 2 times by here, digits apart: `3 SAFE_MODE`"
                            ),
                            core,
                            Some(6),
                            Some("the first one is line 4; is something going round in a circle?")
                        ),
                        finding("error", "missing-line", "no line has `listening on :[0-9]+`"),
                    ]
                ])
            ),
            (
                "version",
                json!([
                    "fail",
                    "4 problems with 1.3.0",
                    [
                        finding(
                            "error",
                            "invalid-tag",
                            r"the tag `v1.4.0` does not match `v\d+\.\d+\.\d+-l9`"
                        ),
                        finding(
                            "error",
                            "tag-differs",
                            "the tag `v1.4.0` is of 1.4.0, and the version is 1.3.0"
                        ),
                        in_file(
                            finding("error", "version-differs", "the version here is 1.2.7, not 1.3.0"),
                            "Cargo.toml",
                            Some(3),
                            Some("write 1.3.0")
                        ),
                        in_file(
                            finding("error", "used-codename", "the codename `Digital Oracle` is taken"),
                            "releases.yaml",
                            None,
                            None
                        ),
                    ]
                ])
            ),
            (
                "release-notes",
                json!([
                    "fail",
                    "2 problems in `CHANGELOG.md`",
                    [
                        in_file(
                            finding("error", "unreleased-items", "1 change under `Unreleased`"),
                            "CHANGELOG.md",
                            Some(1),
                            Some(
                                "move them under the version that is released; `allow_unreleased: true` lets them be"
                            )
                        ),
                        in_file(
                            finding(
                                "error",
                                "missing-version",
                                "there is no section for 1.3.0, nor for any version"
                            ),
                            "CHANGELOG.md",
                            None,
                            Some("add `## [1.3.0] - …`")
                        ),
                    ]
                ])
            ),
            (
                "key-rotation",
                json!([
                    "fail",
                    "4 problems with 1 key",
                    [
                        in_file(
                            finding("error", "invalid-id", "the id of key 1 does not fit `id_pattern`"),
                            "keys.yaml",
                            None,
                            Some("it is not shown, as it may be the key itself")
                        ),
                        in_file(
                            finding("error", "inactive-key", "key 1 is not active"),
                            "keys.yaml",
                            None,
                            Some("take it out; `ignore_inactive: true` lets it be")
                        ),
                        in_file(
                            finding("error", "unexpected-scope", "key 1 has the scope `admin`"),
                            "keys.yaml",
                            None,
                            Some(allowed)
                        ),
                        in_file(
                            finding(
                                "error",
                                "invalid-date",
                                "the date of key 1 is a day, not a moment; write `2026-03-01T00:00:00Z` or the time you mean"
                            ),
                            "keys.yaml",
                            None,
                            None
                        ),
                    ]
                ])
            ),
            (
                "open",
                json!([
                    "fail",
                    "frozen for `the fair` until Sat 9000-03-08 12:00 Europe/Berlin; next open: Sat 9000-03-08 12:00 Europe/Berlin",
                    [{
                        "severity": "error",
                        "rule": "frozen",
                        "message": "frozen for `the fair` until Sat 9000-03-08 12:00 Europe/Berlin",
                        "help": "next open: Sat 9000-03-08 12:00 Europe/Berlin",
                    }]
                ])
            ),
        ]),
        "{}",
        run.stderr
    );
    let journal = project.read(&format!(".runner/runs/{}/journal.jsonl", project.run_id()));
    assert!(!journal.contains("s3cr3t"), "what may be a key stands in the journal");
}

/// A few bytes that no parser likes, and many that no stack does, end in a failure or a no, never in a trap.
#[test]
fn bad_input_neither_passes_nor_brings_the_sandbox_down() {
    let project = good();
    project.write(
        "logs/app.jsonl",
        format!("{}\n{}{}\n", "[".repeat(100_000), "{\"a\":".repeat(31), "1".to_owned() + &"}".repeat(31)),
    );
    project.write(".state/logs/2026-03-01/core.log", b"\xff\xfee\0r\0r\0o\0r\0\n\0");
    project.write("VERSION.json", "[".repeat(100_000));
    project.write(
        "CHANGELOG.md",
        format!(
            "## [1.3.0\n\n{}\n\n{}\n\n{}\n",
            ">".repeat(50_000),
            "- ".repeat(20_000),
            "*[".repeat(50_000)
        ),
    );
    project.write("keys.yaml", b"keys:\n  - { id: caf\xe9 }\n");
    project.write("freezes.yaml", "freezes: &a [*a, {{{{\n");
    let run = project.exec(&[]);

    assert_eq!(run.code, 0, "{}", run.stderr);
    let endings = endings(&project);
    let in_short: Vec<String> = endings
        .iter()
        .map(|(step, ending)| {
            format!("{step}: {} {}", ending[0].as_str().unwrap(), ending[1].as_str().unwrap())
        })
        .collect();
    assert_eq!(
        in_short,
        [
            "key-rotation: invalid-input read `keys.yaml`: line 2 is not UTF-8 at byte 14, it looks like Latin-1 (ISO 8859-1); save it as UTF-8",
            "logs: fail 2 problems in 1 line of 1 log",
            "open: invalid-input read `freezes.yaml` as YAML: line 1, column 14: this alias stands inside what it stands for",
            "release-notes: fail 2 problems in `CHANGELOG.md`",
            "structured-logs: fail 2 bad lines of 2",
            "version: invalid-input read `VERSION.json` as JSON: line 1, column 65: values are nested deeper than 64 levels",
        ],
        "{}",
        run.stderr
    );
}

/// How `check` ends for the example of a README, with `more` as the rest of the pipeline.
fn check(plugin: &str, more: &str) -> (i32, String) {
    let example = readme_example(plugin);
    let project = Project::with(&format!("version: 1\nname: example\n{more}\n{example}"));
    let check = project.runner(&["check", "pipeline.yaml"]);
    (check.code, check.stderr)
}

/// The schemas of the components and their imports allow what the READMEs show.
#[test]
fn the_examples_of_the_readmes_are_pipelines() {
    let good = (0, String::new());

    assert_eq!(check("log-format", ""), good);
    assert_eq!(check("log-scan", ""), good);
    assert_eq!(check("version-policy", "inputs: { previous: {}, tag: {} }"), good);
    assert_eq!(check("changelog", "inputs: { version: {} }"), good);
    assert_eq!(check("key-age", ""), good);
    assert_eq!(check("time-window", "inputs: { override: {} }"), good);
    assert_eq!(check("metrics-scrape", ""), good);
    let secrets = "secrets: { prometheus_token: { from: env:TOKEN, allow: [prometheus] } }";
    assert_eq!(check("prometheus", secrets), good);
}
