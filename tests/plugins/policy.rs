//! Gates over the sources and what they are built from.
//!
//! The example of each README is run as it stands there, over files that are as they should be. A second pipeline
//! has files that are not, and every gate says no. A third one holds what must neither pass nor bring the sandbox down.
//! What the journal has of each step is compared.

use std::{collections::BTreeMap, fs};

use serde_json::{Value, json};

use super::readme_example;
use crate::harness::Project;

const DIGEST: &str = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// How each step of the newest run ended: `answer: summary` and `place rule` of each finding, or kind and message of
/// the failure.
pub(super) fn endings(project: &Project) -> BTreeMap<String, Vec<String>> {
    let journal = project.journal();
    let ended = journal.iter().filter(|entry| entry["type"] == "step-ended");
    ended.map(|entry| (text(&entry["step"]), ending(entry))).collect()
}

fn ending(entry: &Value) -> Vec<String> {
    let outcome = &entry["outcome"];
    if !outcome.is_object() {
        let failure = &entry["failure"];
        return vec![format!("{}: {}", text(&failure["kind"]), text(&failure["message"]))];
    }
    let answer = format!("{}: {}", text(&outcome["answer"]), text(&outcome["summary"]));
    let findings = outcome["findings"].as_array().into_iter().flatten();
    let findings = findings.map(|finding| {
        let place = [&finding["file"], &finding["line"]].map(text).join(":");
        format!("{} {place} {}", text(&finding["severity"]), text(&finding["rule"]))
    });
    std::iter::once(answer).chain(findings).collect()
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

pub(super) fn expected<const N: usize>(endings: [(&str, &[&str]); N]) -> BTreeMap<String, Vec<String>> {
    let owned = |lines: &[&str]| lines.iter().map(|&line| line.to_owned()).collect();
    endings.into_iter().map(|(step, lines)| (step.to_owned(), owned(lines))).collect()
}

/// The examples of these plugins' READMEs as one pipeline.
fn examples(plugins: &[&str]) -> String {
    let (mut all_plugins, mut all_steps) = (String::new(), String::new());
    for plugin in plugins {
        let example = readme_example(plugin);
        let (plugins, steps) = example.split_once("\nsteps:\n").expect("steps after the plugins");
        all_plugins += plugins.strip_prefix("plugins:\n").expect("plugins first");
        all_steps += steps;
    }
    format!("version: 1\nname: examples\nplugins:\n{all_plugins}\nsteps:\n{all_steps}")
}

fn dockerfile(end: &str) -> String {
    format!(
        "ARG PYTHON\nFROM python:${{PYTHON}}@{DIGEST} AS base\nRUN apt-get update && apt-get install -y \\\n    curl=7.88.1\n{end}"
    )
}

const COMPOSE: &str = "services:
  proxy: { image: 'nginx:1.27', networks: [front], depends_on: { app: { condition: service_healthy } } }
  app:
    image: shop:${TAG}
    networks: [front, back]
    healthcheck: { test: [CMD, /health] }
    environment: ['DB_PASSWORD=${DB_PASSWORD}']
  db: { image: 'postgres:16', networks: [back], environment: { POSTGRES_PASSWORD: '${DB_PASSWORD}' } }
  cache: { image: 'redis:7', networks: [back], command: 'redis-server --requirepass ${CACHE_PASSWORD}' }
";

const PRODUCTION: &str = "services:
  prometheus:
    image: prom/prometheus:v2.54
    volumes: ['./monitoring/prometheus.yml:/etc/prometheus/prometheus.yml:ro']
";

fn bill(components: &Value) -> String {
    json!({
        "bomFormat": "CycloneDX", "specVersion": "1.5",
        "metadata": { "timestamp": "2026-01-01T00:00:00Z", "component": { "name": "shop", "version": "1.4.0" } },
        "components": components,
    })
    .to_string()
}

/// Requirements 003-14 to 003-17, 000-26, 000-27 (Dockerfiles), 003-18, 000-28, 000-29, 000-31, 000-32, 000-54, 002-17, 002-32 (compose),
/// 003-31, 001-52, 002-28 (secrets), 001-48, 001-49 (bill and licences), 004-36 (sizes), 003-29 (messages).
#[test]
fn the_examples_of_the_readmes_pass_over_files_that_are_as_they_should_be() {
    let project = Project::with(&examples(&[
        "dockerfile-policy",
        "compose-policy",
        "secret-scan",
        "size-budget",
        "commit-message",
        "sbom",
        "license-policy",
    ]));
    let good = "HEALTHCHECK --retries=5 CMD curl -f http://localhost/\nFROM base\nUSER nobody\n";
    let hash = json!([{ "alg": "SHA-256", "content": "a".repeat(64) }]);
    project.write("Dockerfile", dockerfile(good));
    project.write("services/job/Dockerfile", dockerfile("USER 1000\n"));
    project.write("compose.yaml", COMPOSE);
    project.write("compose.prod.yaml", PRODUCTION);
    project.write("monitoring/prometheus.yml", "global: {}\n");
    project.write("src/app.py", "import os\npassword = os.environ['PASSWORD']\n");
    project.write("tests/door.txt", "the door: 4711\n");
    project.write("node_modules/x/key.txt", ["AKIA", "QWERTYUIOPASDF23"].concat());
    project.write("dist/app.js", vec![b'a'; 800_000]);
    project.write("dist/app.js.map", vec![b'a'; 2_000_000]);
    project.write("dist/scene.glb", vec![0; 5 << 20]);
    project.write("build/message.txt", "Fix: prevent a deadlock\n\nReferences: #12\n");
    project.write(
        "build/sbom.json",
        bill(&json!([
            { "name": "serde", "version": "1.0.228", "purl": "pkg:cargo/serde@1.0.228", "hashes": hash,
              "licenses": [{ "expression": "MIT OR Apache-2.0" }] },
            { "name": "core", "group": "@own", "version": "1", "purl": "pkg:npm/%40own/core@1", "licenses": [{ "license": { "id": "MIT" } }] },
            { "name": "libfoo", "version": "2", "purl": "pkg:generic/libfoo@2", "hashes": hash, "licenses": [{ "license": { "id": "LGPL-3.0-only" } }] },
            { "name": "oldlib", "version": "1.7", "purl": "pkg:generic/oldlib@1.7", "hashes": hash },
        ])),
    );
    let run = project.exec(&[]);

    assert_eq!((run.code, run.stdout.as_str()), (0, ""), "{}", run.stderr);
    assert_eq!(
        endings(&project),
        expected([
            (
                "dockerfiles",
                &["pass: 2 Dockerfiles as wanted", "note services/job/Dockerfile:2 no-healthcheck"]
            ),
            ("compose", &["pass: 5 services as wanted", "note compose.yaml:9 not-durable"]),
            ("no-secrets", &["pass: no secret in 3 files"]),
            ("bundle", &["pass: 2 files, 6.04288 MB within budget"]),
            ("message", &["pass: `Fix: prevent a deadlock`"]),
            ("bill", &["pass: CycloneDX 1.5 of 4 components, complete"]),
            ("licences", &["pass: 4 components, all of allowed licences"]),
        ])
    );
}

const PLUGINS: &str = "
version: 1
name: policy
plugins:
  dockerfile: { source: plugin:dockerfile_policy, grants: { filesystem: { read: [./] } } }
  compose:    { source: plugin:compose_policy,    grants: { filesystem: { read: [./] } } }
  secrets:    { source: plugin:secret_scan,       grants: { filesystem: { read: [./] } } }
  size:       { source: plugin:size_budget,       grants: { filesystem: { read: [./] } } }
  message:    { source: plugin:commit_message,    grants: { filesystem: { read: [./] } } }
  sbom:       { source: plugin:sbom,              grants: { filesystem: { read: [./] } } }
  licence:    { source: plugin:license_policy,    grants: { filesystem: { read: [./] } } }
";

#[test]
fn every_gate_says_no_with_its_findings() {
    let project = Project::with(&format!(
        "{PLUGINS}
defaults: {{ retry: {{ attempts: 1 }} }}
steps:
  dockerfile: {{ uses: dockerfile, continue_on_error: true }}
  compose:    {{ uses: compose, continue_on_error: true }}
  secrets:    {{ uses: secrets, with: {{ files: ['src/'] }}, continue_on_error: true }}
  size:       {{ uses: size, with: {{ budgets: [{{ files: ['src/*'], total: {{ fail: 10B }} }}] }}, continue_on_error: true }}
  message:    {{ uses: message, with: {{ message: 'fixed it' }}, continue_on_error: true }}
  sbom:       {{ uses: sbom, continue_on_error: true }}
  licence:    {{ uses: licence, with: {{ deny: ['GPL-*'] }}, continue_on_error: true }}
"
    ));
    let secret = ["ghp_", &"a1B2".repeat(9)].concat();
    project.write("Dockerfile", "FROM python:latest\nRUN apk add curl\n");
    project.write(
        "compose.yaml",
        "services:\n  app:\n    image: app\n    volumes: ['.:/app']\n    privileged: true\n",
    );
    project.write("src/a.py", format!("key = 1\ntoken = '{secret}'\n"));
    project.write(
        "sbom.json",
        bill(&json!([{ "name": "a", "licenses": [{ "license": { "id": "GPL-3.0-only" } }] }])),
    );
    let run = project.exec(&[]);

    assert_eq!(run.code, 0, "{}", run.stderr);
    assert_eq!(
        endings(&project),
        expected([
            (
                "dockerfile",
                &[
                    "fail: 5 problems in 1 Dockerfile",
                    "error Dockerfile:1 unpinned-base-image",
                    "error Dockerfile:1 latest-tag",
                    "error Dockerfile:2 unpinned-package",
                    "error Dockerfile:1 no-healthcheck",
                    "error Dockerfile:1 root-user",
                ]
            ),
            (
                "compose",
                &[
                    "fail: 3 problems in 1 service",
                    "error compose.yaml:3 floating-image",
                    "error compose.yaml:4 source-mount",
                    "error compose.yaml:5 privileged",
                ]
            ),
            ("secrets", &["fail: 1 secret in 1 file", "error src/a.py:2 github-token"]),
            ("size", &["fail: 1 budget exceeded", "error null:null total-size"]),
            ("message", &["fail: the commit message has 1 problem", "error null:1 bad-form"]),
            (
                "sbom",
                &[
                    "fail: 2 problems in `sbom.json`",
                    "error sbom.json:null no-version",
                    "error sbom.json:null no-purl",
                ]
            ),
            (
                "licence",
                &["fail: 1 problem with the licences of 1 component", "error sbom.json:null denied-license"]
            ),
        ])
    );
    // Nowhere: not in the journal, not on the screen.
    let journal = fs::read_to_string(project.run_directory().join("journal.jsonl")).expect("a journal");
    assert!(!journal.contains(&secret) && !run.all().contains(&secret));
}

#[test]
fn a_gate_that_says_no_stops_the_run() {
    let project = Project::with(&format!(
        "{PLUGINS}
steps:
  dockerfile: {{ uses: dockerfile }}
  deploy: {{ uses: checkpoint, needs: [dockerfile] }}
"
    ));
    project.write("Dockerfile", "FROM scratch\n");

    assert_eq!(project.exec(&[]).code, 3);
    assert_eq!(project.results(), ["dockerfile failure", "deploy skipped"]);
}

/// Bad input where the sandbox matters: 64 KiB of stack, 64 MiB of memory, 1 MiB of answer.
#[test]
fn hostile_input_ends_in_an_answer_or_a_failure_and_never_in_a_trap() {
    let project = Project::with(&format!(
        "{PLUGINS}
steps:
  json-brackets:  {{ uses: sbom, with: {{ file: brackets.json }}, continue_on_error: true }}
  yaml-brackets:  {{ uses: compose, with: {{ files: [brackets.json] }}, continue_on_error: true }}
  yaml-deepest:   {{ uses: compose, with: {{ files: [deepest.json] }}, continue_on_error: true }}
  json-deepest:   {{ uses: sbom, with: {{ file: deepest.json }}, continue_on_error: true }}
  alias-bomb:     {{ uses: compose, with: {{ files: [bomb.yaml] }}, continue_on_error: true }}
  expression:     {{ uses: licence, with: {{ file: expression.json, allow: [MIT] }}, continue_on_error: true }}
  many-secrets:   {{ uses: secrets, with: {{ files: [many.txt] }}, continue_on_error: true }}
  many-images:    {{ uses: dockerfile, with: {{ files: [many.txt] }}, continue_on_error: true }}
  utf-16:         {{ uses: message, with: {{ file: utf-16.txt }}, continue_on_error: true }}
  latin-1:        {{ uses: dockerfile, with: {{ files: [latin-1.txt] }}, continue_on_error: true }}
  too-long:       {{ uses: message, with: {{ file: too-long.txt }}, continue_on_error: true }}
  missing:        {{ uses: size, with: {{ budgets: [{{ files: ['gone/*'], total: {{ fail: 1 }} }}] }}, continue_on_error: true }}
"
    ));
    let deepest = format!("{}1{}", "[".repeat(64), "]".repeat(64));
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..10 {
        bomb += &format!("a{level}: &a{level} [{}]\n", format!("*a{}, ", level - 1).repeat(10));
    }
    let expression = format!("{}MIT{}", "(".repeat(4_000), ")".repeat(4_000));
    project.write("brackets.json", "[".repeat(100_000));
    project.write("deepest.json", deepest);
    project.write("bomb.yaml", bomb);
    project.write(
        "expression.json",
        bill(&json!([{ "name": "a", "licenses": [{ "expression": expression }] }])),
    );
    project.write("many.txt", format!("FROM {}\n", ["AKIA", "QWERTYUIOPASDF23"].concat()).repeat(100_000));
    project.write("utf-16.txt", "Fix: a\n".encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>());
    project.write("latin-1.txt", b"FROM caf\xe9\n");
    project.write("too-long.txt", vec![b'a'; (16 << 20) + 1]);
    let run = project.exec(&[]);

    assert_eq!(run.code, 0, "{}", run.stderr);
    let mut endings = endings(&project);
    let many_secrets = endings.remove("many-secrets").expect("an end");
    let many_images = endings.remove("many-images").expect("an end");
    assert_eq!(many_secrets[0], "fail: 100000 secrets in 1 file");
    assert_eq!(many_images[0], "fail: 200002 problems in 1 Dockerfile");
    assert_eq!((many_secrets.len(), many_images.len()), (102, 205));
    assert_eq!(
        endings,
        expected([
            (
                "json-brackets",
                &[
                    "invalid-input: read `brackets.json` as JSON: line 1, column 65: values are nested deeper than 64 levels"
                ]
            ),
            (
                "yaml-brackets",
                &[
                    "invalid-input: read `brackets.json` as YAML: line 1, column 256: this is not YAML: recursion limit exceeded"
                ]
            ),
            ("yaml-deepest", &["invalid-input: `deepest.json` line 1: the file is a list, not a map"]),
            (
                "json-deepest",
                &[
                    "invalid-input: read `deepest.json`: it is neither CycloneDX (`bomFormat`) nor SPDX (`spdxVersion`)"
                ]
            ),
            (
                "alias-bomb",
                &[
                    "invalid-input: read `bomb.yaml` as YAML: line 6, column 15: the document is too large from here on: with all aliases written out it may have 250,000 values and 16 MiB of text"
                ]
            ),
            ("expression", &["pass: 1 component, all of allowed licences"]),
            (
                "utf-16",
                &[
                    "invalid-input: read `utf-16.txt`: it is UTF-16 LE by the look of it (it has no byte order mark); save it as UTF-8"
                ]
            ),
            (
                "latin-1",
                &[
                    "invalid-input: read `latin-1.txt`: line 1 is not UTF-8 at byte 9, it looks like Latin-1 (ISO 8859-1); save it as UTF-8"
                ]
            ),
            (
                "too-long",
                &["budget-exceeded: read `too-long.txt`: `too-long.txt` is longer than 16777216 bytes"]
            ),
            ("missing", &["unavailable: find `gone/*`: no file matches"]),
        ])
    );
}

#[test]
fn a_config_that_makes_no_sense_is_found_before_anything_runs() {
    let project = Project::with(&format!(
        "{PLUGINS}
steps:
  dockerfile: {{ uses: dockerfile, with: {{ off: [{{ rule: root, reason: x }}] }} }}
  compose:    {{ uses: compose, with: {{ files: [] }} }}
  secrets:    {{ uses: secrets }}
  size:       {{ uses: size, with: {{ budgets: [{{ files: [a], each: {{ fail: much }} }}] }} }}
  message:    {{ uses: message, with: {{ message: a, form: haiku }} }}
  sbom:       {{ uses: sbom, with: {{ require: [everything] }} }}
  licence:    {{ uses: licence, with: {{ allow: [MIT], unknown: pass }} }}
"
    ));
    let check = project.runner(&["check", "pipeline.yaml"]);
    let wrong = check.stderr.lines().filter(|line| line.starts_with("error")).count();

    assert_eq!((check.code, wrong), (6, 7), "{}", check.stderr);
}
