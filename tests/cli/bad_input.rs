//! Input of every kind that is broken: the right exit code and text, and never a panic.

use crate::harness::{Finished, Project, target};

fn checked(bytes: &[u8]) -> Finished {
    let project = Project::new();
    project.write("pipeline.yaml", bytes);
    project.runner(&["check", "pipeline.yaml"])
}

/// Offsets and function numbers differ from build to build.
fn without_numbers(finished: &Finished) -> String {
    regex::Regex::new("[0-9]+|NUMBER").expect("a pattern").replace_all(&finished.all(), "N").into_owned()
}

#[test]
fn texts_that_are_no_pipeline_are_refused_with_their_place() {
    let deep = "[".repeat(100_000);
    let bomb = format!(
        "x-a: &a [1,1,1,1,1,1,1,1,1,1]\n{}version: 1\nname: bomb\nsteps: {{ s: {{ uses: checkpoint, with: *i }} }}\n",
        ["b", "c", "d", "e", "f", "g", "h", "i"].windows(2).fold(
            "x-b: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\n".to_owned(),
            |text, pair| {
                let (from, to) = (pair[0], pair[1]);
                format!("{text}x-{to}: &{to} [{}]\n", vec![format!("*{from}"); 10].join(","))
            }
        )
    );
    let utf16: Vec<u8> = "version: 1".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let table: [(&str, &[u8]); 9] = [
        ("empty", b""),
        ("syntax", b"version: 1\nname: [unclosed\n"),
        ("tab", b"version: 1\nsteps:\n\ta: {}\n"),
        ("latin-1", b"version: 1\nname: caf\xe9\n"),
        ("utf-16", &utf16),
        ("deep", deep.as_bytes()),
        ("bomb", bomb.as_bytes()),
        ("two documents", b"version: 1\nname: a\n---\nversion: 1\n"),
        ("a list", b"- version: 1\n"),
    ];
    for (name, bytes) in table {
        let check = checked(bytes);
        assert_eq!(check.code, 6, "{name}: {}", check.stderr);
        insta::assert_snapshot!(name.replace(' ', "_"), check.all());
    }
}

#[test]
fn a_file_of_100_megabytes_is_refused_by_its_size() {
    let check = checked(&b"# padding, padding, padding, padding\n".repeat(2_900_000));
    assert_eq!(check.code, 6, "{}", check.stderr);
    insta::assert_snapshot!(check.all());
}

#[test]
fn files_that_are_no_plugins_are_refused_with_the_reason() {
    let module = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00];
    let whole = std::fs::read(target().join("guests/gate_answer.wasm")).expect("a guest");
    let table: [(&str, Option<&[u8]>); 5] = [
        ("missing", None),
        ("empty", Some(b"")),
        ("text", Some(b"#!/bin/sh\n")),
        ("core_module", Some(&module)),
        ("truncated", Some(&whole[..whole.len() / 2])),
    ];
    for (name, bytes) in table {
        let project = Project::with(
            "
version: 1
name: plugin
plugins: { broken: { source: file:broken.wasm } }
steps:
  ask: { uses: broken }
",
        );
        if let Some(bytes) = bytes {
            project.write("broken.wasm", bytes);
        }
        let check = project.runner(&["check", "pipeline.yaml"]);
        assert_eq!(check.code, 8, "{name}: {}", check.stderr);
        insta::assert_snapshot!(format!("plugin_{name}"), without_numbers(&check));
        assert_eq!(project.exec(&[]).code, 8);
        assert!(!project.path(".runner").exists(), "nothing was started");
    }
}

#[test]
fn components_that_cannot_describe_themselves_are_refused() {
    for guest in ["garbage_describe", "garbage_schema"] {
        let project = Project::with(&format!(
            "
version: 1
name: plugin
plugins: {{ broken: {{ source: guest:{guest} }} }}
steps:
  ask: {{ uses: broken }}
"
        ));
        let check = project.runner(&["check", "pipeline.yaml"]);
        assert_eq!(check.code, 8, "{guest}: {}", check.stderr);
        insta::assert_snapshot!(guest, without_numbers(&check));
    }
}

#[test]
fn command_lines_that_make_no_sense_are_refused() {
    let project = Project::new();
    for arguments in [
        &["exec"][..],
        &["exec", "missing.yaml"],
        &["exec", "missing.yaml", "--input", "novalue"],
        &["exec", "missing.yaml", "--inject", "step:explode"],
        &["show", "01ABC"],
        &["resume"],
        &["frobnicate"],
    ] {
        let run = project.runner(arguments);
        assert_eq!(run.code, 2, "{arguments:?}: {}", run.stderr);
    }
}

#[test]
fn secrets_that_are_not_there_stop_the_run_before_it_starts() {
    let project = Project::with(
        "
version: 1
name: secret
secrets: { hook: { from: 'env:HOOK', allow: [gate] } }
plugins:
  gate:
    source: guest:gate_reach
    grants:
      network: ['GET http://127.0.0.1:1/', 'tcp://127.0.0.1:1']
      filesystem: { read: [x] }
      secrets: [{ name: hook, reveal: true }]
steps:
  ask: { uses: gate, secrets: [hook] }
",
    );
    let run = project.exec(&[]);
    assert_eq!(run.code, 9, "{}", run.stderr);
    insta::assert_snapshot!(run.all());
}

#[test]
fn a_policy_is_a_ceiling_and_a_broken_one_stops_everything() {
    let project = Project::with(
        "
version: 1
name: policy
plugins: { action: { source: guest:action_file, grants: { filesystem: { write: [world, other] } } } }
steps:
  change: { uses: action, with: { path: world, text: new } }
",
    )
    .file("wide.yaml", "version: 1\ngrants: { filesystem: { write: ['./'] } }\n")
    .file("narrow.yaml", "version: 1\ngrants: { filesystem: { write: [world] } }\n")
    .file("broken.yaml", "version: 1\ngrant: { filesystem: { write: ['./'] } }\n");
    project.write("world", "old");
    for (policy, code) in [("wide.yaml", 0), ("narrow.yaml", 7), ("broken.yaml", 7), ("missing.yaml", 2)] {
        let run = project.exec(&["--policy", policy]);
        assert_eq!(run.code, code, "{policy}: {}", run.stderr);
        if code == 7 {
            insta::assert_snapshot!(format!("policy_{policy}"), run.all());
        }
    }
}
