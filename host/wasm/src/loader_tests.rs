//! What can be loaded, what cannot, and what is said about it.

use std::path::Path;

use runner_capabilities::Capability;
use runner_engine::ports::{Reply, StepRunner as _};
use runner_model::{Answer, Digest, Outcome, PluginKind};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::{
    Host, HostOptions, Inspection, Manifest,
    testing::{Says, Stage, gate, loader, observe, silent},
};

async fn refused(bytes: impl Into<Vec<u8>>) -> String {
    loader().inspect_bytes(bytes.into()).await.unwrap_err().to_string()
}

async fn refused_text(component: &str) -> String {
    refused(wat::parse_str(component).unwrap()).await
}

#[tokio::test]
async fn a_component_is_what_its_type_says() {
    let bytes = gate(&Says::default(), &[], "", "(global.get $pass)");
    let expected = Inspection {
        digest: Digest::from_sha256(&Sha256::digest(&bytes).into()),
        size: bytes.len() as u64,
        kind: PluginKind::Gate,
        imports: Vec::new(),
        wasi: Vec::new(),
        manifest: Manifest {
            name: "by-hand".to_owned(),
            version: "1.0.0".to_owned(),
            summary: "made by hand".to_owned(),
            config_schema: json!({ "type": "object" }),
            outputs: vec!["text".to_owned()],
        },
    };
    assert_eq!(loader().inspect_bytes(bytes).await.unwrap(), expected);
}

#[tokio::test]
async fn imports_are_the_request_and_a_type_alone_is_none() {
    // `http` uses the type of a secret; that does not ask for secrets.
    let imports = r#"
        (import "runner:plugin/http@0.1.0" "send" (func (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)))
        (import "runner:plugin/log@0.1.0" "write" (func (param i32 i32 i32)))"#;
    let inspection =
        loader().inspect_bytes(gate(&Says::default(), &[], imports, "(global.get $pass)")).await.unwrap();
    assert_eq!(inspection.imports, [Capability::Log, Capability::Http]);
}

#[tokio::test]
async fn what_is_no_component_is_named() {
    let table: [(&[u8], &str); 6] = [
        (b"", "the file is empty, not a WebAssembly component"),
        (b"#!/bin/sh\n", "the file is something else, not a WebAssembly component"),
        (
            b"\x7fELF\x02\x01\x01\0",
            "the file is a native program or a precompiled component, not a WebAssembly component",
        ),
        (b"\0asm\x01\0\0\0", "the file is a core module, not a WebAssembly component"),
        (b"\0asm\x09\0\x09\0", "the file is WebAssembly of an unknown sort, not a WebAssembly component"),
        (b"\0as", "the file is something else, not a WebAssembly component"),
    ];
    for (bytes, message) in table {
        assert_eq!(refused(bytes).await, message);
    }
}

#[tokio::test]
async fn a_component_cut_short_is_not_valid() {
    let bytes = gate(&Says::default(), &[], "", "(global.get $pass)");
    for length in [8, 9, 100, bytes.len() / 2, bytes.len() - 1] {
        let message = refused(&bytes[..length]).await;
        let expected =
            if length == 8 { "the component is no plugin" } else { "the component is not valid: " };
        assert!(message.starts_with(expected), "{length}: {message}");
    }
}

#[tokio::test]
async fn a_component_of_no_kind_or_two_is_refused() {
    let none = "the component is no plugin: it exports none of `gate`, `health-check`, `notifier`, `proxy-switch`, `action`";
    assert_eq!(refused_text("(component)").await, none);
    assert_eq!(
        refused_text(
            r#"(component (instance $i) (export "runner:plugin/gate@0.1.0" (instance $i))
                 (export "runner:plugin/action@0.1.3" (instance $i)))"#
        )
        .await,
        "the component exports more than one kind: `gate`, `action`"
    );
    for export in [
        "runner:plugin/gate@0.2.0",
        "runner:plugin/gate@1.0.0",
        "runner:plugin/gate@0.1.0-rc.1",
        "runner:plugin/gate",
    ] {
        assert_eq!(
            refused_text(&format!(r#"(component (instance $i) (export "{export}" (instance $i)))"#)).await,
            format!(
                "the component is made for another version of the contract: it exports `{export}`, and this runner knows 0.1"
            )
        );
    }
}

#[tokio::test]
async fn imports_that_nobody_offers_are_all_named() {
    let message = refused_text(
        r#"(component
             (import "evil:host/shell@1.0.0" (instance (export "run" (func))))
             (import "wasi:keyvalue/store@0.2.0" (instance (export "get" (func))))
             (import "wasi:cli/exit@0.3.0" (instance (export "exit" (func))))
             (import "runner:plugin/kubernetes@0.1.0" (instance (export "run" (func))))
             (import "runner:plugin/log@0.2.0" (instance (export "write" (func))))
             (import "run" (func))
             (instance $i) (export "runner:plugin/gate@0.1.0" (instance $i)))"#,
    )
    .await;
    assert_eq!(
        message,
        "the component imports what this runner does not offer: `evil:host/shell@1.0.0`, `run`, `runner:plugin/kubernetes@0.1.0`, \
         `runner:plugin/log@0.2.0`, `wasi:cli/exit@0.3.0`, `wasi:keyvalue/store@0.2.0`"
    );
}

#[tokio::test]
async fn a_kind_without_its_functions_does_not_fit() {
    let message =
        refused_text(r#"(component (instance $i) (export "runner:plugin/gate@0.1.0" (instance $i)))"#).await;
    assert!(message.starts_with("the component does not fit the contract: "), "{message}");
}

#[tokio::test]
async fn an_import_with_another_type_does_not_fit() {
    let message = refused_text(
        r#"(component
             (import "runner:plugin/log@0.1.0" (instance (export "write" (func (param "message" string)))))
             (instance $i) (export "runner:plugin/gate@0.1.0" (instance $i)))"#,
    )
    .await;
    assert!(message.starts_with("the component does not fit the contract: "), "{message}");
}

#[tokio::test]
async fn what_describe_says_is_checked() {
    let says = |says: Says<'_>| gate(&says, &[], "", "(global.get $pass)");
    assert_eq!(
        refused(says(Says { name: "../../etc", ..Says::default() })).await,
        "what it says about itself is not usable: its name `../../etc` is not kebab-case with at most 64 characters"
    );
    assert_eq!(
        refused(says(Says { schema: "yes", ..Says::default() })).await,
        "what it says about itself is not usable: its config-schema is not JSON: expected value at line 1 column 1"
    );
}

#[tokio::test]
async fn a_component_that_traps_while_it_starts_cannot_be_asked() {
    let start = "(start $go) (func $go unreachable)";
    assert_eq!(
        refused(gate(&Says::default(), &[], start, "(global.get $pass)")).await,
        "its `describe` failed (trap): the plugin stopped at an `unreachable` (a panic or abort) in function `go`"
    );
}

#[tokio::test]
async fn a_component_that_starts_with_a_loop_is_given_up() {
    let start = "(start $go) (func $go (loop $again (br $again)))";
    let loader = loader().giving_describe(std::time::Duration::from_millis(50));
    assert_eq!(
        loader
            .inspect_bytes(gate(&Says::default(), &[], start, "(global.get $pass)"))
            .await
            .unwrap_err()
            .to_string(),
        "its `describe` failed (timed-out): it did not return within 50ms"
    );
}

#[tokio::test]
async fn a_plan_gets_the_component_that_was_checked_or_none() {
    let stage = Stage::new();
    let plan = stage.plan(&gate(&Says::default(), &[], "", "(global.get $pass)"));
    let other = gate(&Says { name: "other", ..Says::default() }, &[], "", "(global.get $pass)");
    std::fs::write(&plan.header.plugins[0].path, &other).unwrap();
    let errors = Host::load(&loader(), &plan, HostOptions::default()).await.err().unwrap();
    let shown: Vec<String> = errors.iter().map(|(alias, error)| format!("{alias}: {error}")).collect();
    assert_eq!(
        shown,
        [format!(
            "plugin: the file has changed since the pipeline was checked: expected {}, found {}",
            plan.header.plugins[0].digest,
            Digest::from_sha256(&Sha256::digest(&other).into())
        )]
    );
}

#[tokio::test]
async fn what_was_checked_is_what_runs_even_if_its_file_has_changed_since() {
    let stage = Stage::new();
    let plan = stage.plan(&gate(&Says::default(), &[], "", "(global.get $pass)"));
    let loader = loader();
    loader.inspect(Path::new(&plan.header.plugins[0].path)).await.unwrap();
    std::fs::write(&plan.header.plugins[0].path, "no component at all").unwrap();
    let host = Host::load(&loader, &plan, HostOptions::default()).await.unwrap();
    let report = host.call(observe(), silent()).await;
    assert_eq!(report.result, Ok(Reply::Outcome(Outcome::new(Answer::Pass, "fine"))));
}

#[tokio::test]
async fn many_components_are_looked_at_in_the_order_asked() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    for name in ["one", "two"] {
        let component = gate(&Says { name, ..Says::default() }, &[], "", "(global.get $pass)");
        std::fs::write(path(name), component).unwrap();
    }
    let looked = loader().inspect_all(&["two", "gone", "one", "two"].map(path)).await;
    let names: Vec<String> = looked
        .into_iter()
        .map(|one| one.map_or_else(|error| error.to_string(), |one| one.manifest.name))
        .collect();
    let gone = format!(
        "the file `{}` cannot be read: No such file or directory (os error 2)",
        path("gone").display()
    );
    assert_eq!(names, ["two", &gone, "one", "two"]);
}

#[tokio::test]
async fn a_file_that_is_not_there_is_said_so() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("gone.wasm");
    assert_eq!(
        loader().inspect(&path).await.unwrap_err().to_string(),
        format!("the file `{}` cannot be read: No such file or directory (os error 2)", path.display())
    );
    assert_eq!(
        loader().inspect(directory.path()).await.unwrap_err().to_string(),
        format!("the file `{}` cannot be read: it is not a regular file", directory.path().display())
    );
}
