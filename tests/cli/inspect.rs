//! `runner plugin inspect`: what a component is, without running it.

use serde_json::{Value, json};

use crate::harness::{Project, target};

/// A project with these components in it.
fn project(names: &[&str]) -> Project {
    let project = Project::new();
    for name in names {
        std::fs::copy(target().join(format!("guests/{name}.wasm")), project.path(&format!("{name}.wasm")))
            .expect("run `cargo xtask plugins --guests`");
    }
    project
}

#[test]
fn a_component_of_ours_is_told_in_plain_words() {
    let project = project(&["gate_reach"]);
    let text = project.runner(&["plugin", "inspect", "gate_reach.wasm"]).all();
    let sizes = regex::Regex::new(r"\d+\.\d (KiB|MiB)").expect("a pattern");
    insta::assert_snapshot!("gate_reach", sizes.replace_all(&text, "SIZE"));
}

#[test]
fn a_component_that_speaks_wasi_says_what_it_gets_without_a_grant() {
    let project = project(&["wasip2_std"]);
    let text = project.runner(&["plugin", "inspect", "wasip2_std.wasm"]).all();
    let sizes = regex::Regex::new(r"\d+\.\d (KiB|MiB)").expect("a pattern");
    insta::assert_snapshot!("wasip2_std", sizes.replace_all(&text, "SIZE"));
}

#[test]
fn programs_get_the_schema_itself_and_a_list_for_several() {
    let project = project(&["gate_answer", "action_file"]);
    let json = |arguments: &[&str]| -> Value {
        let output = project.command(arguments).output().expect("the runner starts");
        assert_eq!(output.status.code(), Some(0));
        serde_json::from_slice(&output.stdout).expect("JSON")
    };
    let one = json(&["plugin", "inspect", "action_file.wasm", "--output", "json"]);
    assert_eq!(
        (&one["kind"], &one["asks_for"], &one["outputs"], &one["config_schema"]["required"]),
        (&json!("action"), &json!(["files"]), &json!(["before"]), &json!(["path", "text"]))
    );
    assert!(one["compiled_size"].as_u64() > one["size"].as_u64(), "{one}");
    let both = json(&["plugin", "inspect", "gate_answer.wasm", "action_file.wasm", "--output", "json"]);
    let names: Vec<&Value> = both.as_array().expect("a list").iter().map(|one| &one["name"]).collect();
    assert_eq!(names, [&json!("gate-answer"), &json!("action-file")]);
}

#[test]
fn a_file_that_is_no_component_is_told_and_the_others_are_shown() {
    let project = project(&["gate_answer"]);
    project.write("empty.wasm", "");
    project.write("text.wasm", "hello");
    project.write("core.wasm", b"\0asm\x01\0\0\0");
    let run = project.runner(&[
        "plugin",
        "inspect",
        "empty.wasm",
        "gate_answer.wasm",
        "text.wasm",
        "core.wasm",
        "none.wasm",
    ]);
    assert_eq!(
        (run.code, run.stdout.lines().next().map(|line| line.starts_with("gate-answer"))),
        (8, Some(true))
    );
    insta::assert_snapshot!("no_components", run.stderr);
    let alone = project.runner(&["plugin", "inspect", "text.wasm", "--output", "json"]);
    assert_eq!((alone.code, alone.stdout.as_str()), (8, ""));
}
