//! Components that are no plugins, or plugins only by their looks; and answers that are none.

use serde_json::{Value, json};

use super::{
    handmade,
    scene::{Refused, Scene, Seen},
};

const FIT: &str = "build it against the `wit/` of `runner:plugin@0.1.0`";
const AGAIN: &str = "build or download it again; it may be cut short";
const DESCRIBE: &str = "`describe` is called without any capability granted, and must do with that";
const CORRECT: &str = "correct what the plugin's `describe` returns";

#[test]
fn a_component_that_is_no_plugin_starts_nothing() {
    let table: Vec<(Vec<u8>, &str, &str)> = vec![
        (
            b"\0asm\x01\0\0\0".to_vec(),
            "the file is a core module, not a WebAssembly component",
            "make a component of it, with `wasm-component-ld` as linker or `wasm-tools component new`",
        ),
        (
            handmade::component("(component)"),
            "the component is no plugin: it exports none of `gate`, `health-check`, `notifier`, `proxy-switch`, `action`",
            "it exports nothing at all; see `wit/worlds.wit` for what a plugin exports",
        ),
        // The right name and none of what belongs to it.
        (
            handmade::component(
                r#"(component (instance $i) (export "runner:plugin/gate@0.1.0" (instance $i)))"#,
            ),
            "the component does not fit the contract: instance export `runner:plugin/gate@N.N.N` does not have export `describe`",
            FIT,
        ),
        // The right functions with other types.
        (
            handmade::component(
                r#"(component
                     (core module $m (func (export "f") (result i32) (i32.const 1)))
                     (core instance $c (instantiate $m))
                     (func $f (result u32) (canon lift (core func $c "f")))
                     (instance $i (export "describe" (func $f)) (export "evaluate" (func $f)))
                     (export "runner:plugin/gate@0.1.0" (instance $i)))"#,
            ),
            "the component does not fit the contract: failed to convert function to given type: type mismatch with results: \
             expected `record` found `uN`",
            FIT,
        ),
        (
            handmade::component(
                r#"(component
                     (import "evil:host/shell@1.0.0" (instance (export "run" (func))))
                     (instance $i) (export "runner:plugin/gate@0.1.0" (instance $i)))"#,
            ),
            "the component imports what this runner does not offer: `evil:host/shell@N.N.N`",
            "a plugin may import `runner:plugin@0.1` and WASI 0.2 (cli, clocks, filesystem, http, io, random, sockets)",
        ),
        (
            handmade::gate_with_instances("(module)", 3000),
            "the component is not valid: failed to parse WebAssembly module: instances count exceeds limit of N (at offset N)",
            AGAIN,
        ),
        (
            handmade::gate("shared-memory"),
            "the component is not valid: failed to parse WebAssembly module: threads must be enabled for shared memories (at offset N)",
            AGAIN,
        ),
    ];
    for (bytes, error, hint) in table {
        assert_eq!(Scene::component(bytes).refused(), Refused::unusable(error, hint));
    }
}

#[test]
fn a_component_that_takes_too_much_to_start_starts_nothing() {
    let table: Vec<(Vec<u8>, &str)> = vec![
        (handmade::gate("start-loop"), "its `describe` failed (timed-out): it did not return within Ns"),
        (
            handmade::gate("start-trap"),
            "its `describe` failed (trap): the plugin stopped at an `unreachable` (a panic or abort) in function `go`",
        ),
        (
            handmade::gate("start-memory"),
            "its `describe` failed (budget-exceeded): memory: the plugin wanted more than its limit of N bytes, then stopped at an \
             `unreachable` (a panic or abort) in function `go`",
        ),
        (
            handmade::gate("table-at-start"),
            "its `describe` failed (budget-exceeded): memory: the plugin wanted larger tables than any plugin gets to start with",
        ),
        (
            handmade::gate_with_instances("(module (memory 0))", 100),
            "its `describe` failed (budget-exceeded): instances: memory count too high at N",
        ),
        (
            handmade::gate_with_instances("(module (table 0 funcref))", 300),
            "its `describe` failed (budget-exceeded): instances: instance count too high at N",
        ),
        (
            handmade::gate_with_instances("(module (memory 100))", 20),
            "its `describe` failed (budget-exceeded): memory: the plugin wanted more than its limit of N bytes to start with",
        ),
    ];
    for (bytes, error) in table {
        assert_eq!(Scene::component(bytes).refused(), Refused::unusable(error, DESCRIBE));
    }
}

#[test]
fn a_plugin_that_says_nonsense_about_itself_starts_nothing() {
    let deep = format!("{}{{}}{}", r#"{"not":"#.repeat(1000), "}".repeat(1000));
    let table: Vec<(String, &str)> = vec![
        (
            "yes".to_owned(),
            "what it says about itself is not usable: its config-schema is not JSON: expected value at line N column N",
        ),
        (
            r#"{"type":12}"#.to_owned(),
            "what it says about itself is not usable: its config-schema is not a JSON Schema: N is not valid under any of the schemas \
             listed in the 'anyOf' keyword",
        ),
        (
            deep,
            "what it says about itself is not usable: its config-schema is not JSON: recursion limit exceeded at line N column N",
        ),
        (
            r#"{"$ref":"http://127.0.0.1:1/schema.json"}"#.to_owned(),
            "what it says about itself is not usable: its config-schema is not a JSON Schema: Resource 'http://N.N.N.N:N/schema.json' is \
             not present in a registry and retrieving it failed: `resolve-http` feature or a custom resolver is required to \
             resolve external schemas via HTTP",
        ),
        (
            r#"{"patternProperties":{"((a{1000}){1000}){1000}":{}}}"#.to_owned(),
            "what it says about itself is not usable: its config-schema is not a JSON Schema: \"((a{N}){N}){N}\" is not a \"regex\"",
        ),
        (
            format!(r#"{{"description":"{}"}}"#, "x".repeat(300_000)),
            "what it says about itself is not usable: its config-schema is longer than N bytes",
        ),
    ];
    for (schema, error) in table {
        let scene = Scene::component(handmade::gate_with_schema(&schema));
        assert_eq!(scene.refused(), Refused::unusable(error, CORRECT));
    }
}

/// A schema is a program of the plugin that the host runs: 40 definitions that refer to the next one twice would never end.
#[test]
fn a_schema_that_would_take_for_ever_starts_nothing() {
    let mut definitions: serde_json::Map<String, Value> = (0..40)
        .map(|level| {
            let next = json!({ "$ref": format!("#/$defs/a{}", level + 1) });
            (format!("a{level}"), json!({ "allOf": [next, next] }))
        })
        .collect();
    definitions.insert("a40".to_owned(), json!({}));
    let schema = json!({ "$ref": "#/$defs/a0", "$defs": definitions });
    let scene = Scene::component(handmade::gate_with_schema(&schema.to_string()));
    let refused = scene.refused();
    let run = scene.project.runner(&["check", "pipeline.yaml"]);
    assert_eq!(
        (refused, run.stderr.lines().next()),
        (
            Refused::unusable("", "this is a fault of the plugin: use another version of it"),
            Some(
                "error: the config schema of `by-hand` cannot be applied to this `with`: to apply it takes more than NUMBER steps"
            )
        )
    );
}

#[test]
fn a_component_of_200_megabytes_starts_nothing() {
    let scene = Scene::component(handmade::gate_of(""));
    let path = scene.project.path("hostile.wasm");
    let mut bytes = std::fs::read(&path).expect("the component");
    bytes.extend(handmade::custom_section_head(200_000_000));
    std::fs::write(&path, &bytes).expect("room");
    // The rest of it are zeros that take no room on disk.
    let file = std::fs::File::options().write(true).open(&path).expect("the component");
    file.set_len(bytes.len() as u64 + 200_000_000).expect("room");
    let expected = Refused::unusable(
        "the file has N bytes, more than N",
        "build it for release, stripped of debug information",
    );
    assert_eq!(scene.refused(), expected);
}

#[test]
fn an_answer_that_breaks_the_contract_is_no_answer() {
    let garbage = |answer: &str| Scene::guest("garbage_answer").with(json!({ "answer": answer }));
    let made = |name: &str| Scene::component(handmade::gate(name));
    let table = [
        (
            garbage("json"),
            "bad-answer: its output `value` is not JSON: EOF while parsing a value at line 1 column 8",
        ),
        (garbage("undeclared"), "bad-answer: it sets the output `surprise`, which it does not declare"),
        (garbage("name"), "bad-answer: it sets the output `Not A Name`, which it does not declare"),
        (garbage("twice"), "bad-answer: it sets the output `value` twice"),
        (
            garbage("huge"),
            "budget-exceeded: output: the answer has 8388619 bytes, and 1048571 are left of the limit",
        ),
        (
            made("invalid-utf8"),
            "bad-answer: its answer breaks the contract: invalid utf-8 sequence of 1 bytes from index 0",
        ),
        (
            made("half-a-character"),
            "trap: the plugin stopped: incomplete utf-8 byte sequence from index 0 in function N",
        ),
        (made("no-such-decision"), "bad-answer: its answer breaks the contract: unexpected discriminant: 77"),
        (
            made("answer-beyond-memory"),
            "bad-answer: its answer breaks the contract: pointer out of bounds of memory",
        ),
        (
            made("summary-beyond-memory"),
            "bad-answer: its answer breaks the contract: string pointer/length out of bounds of memory",
        ),
    ];
    for (scene, expected) in table {
        assert_eq!(scene.run(), Seen::failed(expected));
    }
}

/// What a plugin writes, answers or is called must not move the cursor, retitle the window or speak to a CI system.
#[test]
fn nothing_that_a_plugin_writes_takes_over_the_terminal() {
    let table = [
        (
            Scene::guest("garbage_answer").with(json!({ "answer": "escapes" })),
            Seen::passed("pass: gone  line two", Value::Null),
        ),
        (
            Scene::component(handmade::gate("escapes-in-a-name")),
            Seen::failed(
                "trap: the plugin stopped at an `unreachable` (a panic or abort) in function `gone ::error::no`",
            ),
        ),
    ];
    for (scene, expected) in table {
        assert_eq!(scene.run(), expected);
        let exec = scene.command(&["exec", "pipeline.yaml"]).output().expect("the runner starts");
        let shown = [
            scene.project.finish(exec).all(),
            scene.project.runner(&["show"]).all(),
            scene.project.runner(&["logs"]).all(),
        ];
        let control: Vec<char> =
            shown.concat().chars().filter(|sign| sign.is_control() && *sign != '\n').collect();
        assert_eq!(control, Vec::<char>::new(), "{shown:?}");
        assert!(!shown.concat().lines().any(|line| line.trim_start().starts_with("::")), "{shown:?}");
    }
}

#[test]
fn a_function_with_a_name_as_long_as_a_book_is_cut() {
    let name = "x".repeat(100_000);
    let fields = format!(
        r#"(func $deep (@name "{name}") unreachable)
           (func $evaluate (export "runner:plugin/gate@0.1.0#evaluate") (param i32 i32 i32 i32 i32 i32 i32) (result i32)
             (call $deep) (global.get $pass))"#
    );
    let expected = format!(
        "trap: the plugin stopped at an `unreachable` (a panic or abort) in function `{}… (99800 bytes more)`",
        "x".repeat(200)
    );
    assert_eq!(Scene::component(handmade::gate_of(&fields)).run(), Seen::failed(&expected));
}
