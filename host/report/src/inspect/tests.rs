//! Components in words.

use insta::assert_snapshot;
use runner_capabilities::{Capability, Requested};
use runner_model::{Digest, PluginKind};
use serde_json::{Value, json};

use super::{Component, schema, text, to_json};
use crate::Style;

fn component() -> Component {
    Component {
        path: "target/plugins/http_smoke.wasm".to_owned(),
        digest: Digest::from_sha256(&[7; 32]),
        size: 52_000,
        compiled_size: 190_000,
        kind: PluginKind::HealthCheck,
        name: "http-smoke".to_owned(),
        version: "0.1.0".to_owned(),
        summary: "asks\u{1b}[2J many times".to_owned(),
        imports: vec![Capability::Log, Capability::Http, Capability::Secrets],
        wasi: Vec::new(),
        outputs: vec!["p95_ms".to_owned()],
        config_schema: json!({
            "type": "object",
            "required": ["url"],
            "properties": {
                "url": { "type": "string", "description": "What to ask.\n\nMore about it." },
                "expect": { "anyOf": [{ "$ref": "#/$defs/Expect" }, { "type": "null" }], "default": null },
                "headers": { "type": "array", "items": { "$ref": "#/$defs/Header" } },
                "level": { "enum": ["low", "high"], "default": "low" },
                "either": { "oneOf": [{ "const": 1 }, { "type": "string" }] },
                "maybe": { "type": ["integer", "null"] },
                "odd": true,
            },
            "$defs": {
                "Expect": {
                    "type": "object", "description": "What to accept.",
                    "properties": { "status": { "type": "integer", "default": 200 } },
                },
                "Header": {
                    "type": "object", "required": ["name"],
                    "properties": { "name": { "type": "string" }, "value": { "type": "string" } },
                },
            },
        }),
    }
}

#[test]
fn a_component_is_told_in_plain_words() {
    assert_snapshot!(text(&component(), &Style::PLAIN), @r#"
    http-smoke 0.1.0: asks\u{1b}[2J many times
      file        target/plugins/http_smoke.wasm
      kind        health-check: measures something that runs, changes nothing
      digest      sha256:0707070707070707070707070707070707070707070707070707070707070707
      size        50.7 KiB, 185.5 KiB compiled
      outputs     p95_ms
      may ask for network (HTTP), secrets

    imports  to                               without a grant
    log      write lines to the step's log    all of it; secrets are replaced
    http     send HTTP requests               the pipeline is refused; with an empty grant, denied
    secrets  use secrets without seeing them  every secret is denied

    a step would have to grant, as far as it is to use it (the capitals stand for yours):
      grants:
        network: ["GET https://HOST/PATH"]
        secrets: [SECRET]

    configuration (`with`)
    key              type                  default  required  description
    url              text                           yes       What to ask.
    expect           map or null           null               What to accept.
    expect.status    whole number          200
    headers          list of map
    headers[].name   text                           yes
    headers[].value  text
    level            "low" or "high"       "low"
    either           1 or text
    maybe            whole number or null
    odd              any
    "#);
}

#[test]
fn wasi_imports_say_what_they_get_without_a_grant() {
    let component = Component {
        imports: Vec::new(),
        wasi: [
            "wasi:cli/environment",
            "wasi:cli/exit",
            "wasi:cli/stdin",
            "wasi:cli/stdout",
            "wasi:cli/terminal-stdin",
            "wasi:clocks/wall-clock",
            "wasi:filesystem/types",
            "wasi:http/outgoing-handler",
            "wasi:io/streams",
            "wasi:random/random",
            "wasi:sockets/ip-name-lookup",
            "wasi:sockets/tcp",
            "wasi:sockets/udp",
        ]
        .map(str::to_owned)
        .to_vec(),
        outputs: Vec::new(),
        config_schema: json!({}),
        ..component()
    };
    assert_snapshot!(text(&component, &Style::PLAIN).split_once("\n\n").unwrap().1, @r#"
    imports                      to                                    without a grant
    wasi:cli/environment         read variables and arguments          the step's own `env`, no arguments
    wasi:cli/exit                end itself                            that is a failure
    wasi:cli/stdin               read its input                        it is closed
    wasi:cli/stdout              print                                 lines of the step's log; secrets are replaced
    wasi:cli/terminal-stdin      use a terminal                        there is none
    wasi:clocks/wall-clock       know the time, and wait               all of it, within the step's time
    wasi:filesystem/types        read and write files                  there is no directory
    wasi:http/outgoing-handler   send HTTP requests                    every request is denied
    wasi:io/streams              read, write and wait for what it has  nothing by itself
    wasi:random/random           get random bytes                      all of it, 1 MiB at a time
    wasi:sockets/ip-name-lookup  look up names                         it always fails, also with a grant
    wasi:sockets/tcp             open connections to addresses         every connection is denied
    wasi:sockets/udp             send datagrams                        it always fails, also with a grant

    a step would have to grant, as far as it is to use it (the capitals stand for yours):
      grants:
        network: ["GET https://HOST/PATH", "tcp://HOST:443"]
        filesystem: { read: [FILE, DIRECTORY/], write: [DIRECTORY/] }
        env: [VARIABLE]

    it takes no configuration
    "#);
}

/// What is shown to be pasted can be pasted.
#[test]
fn the_example_is_a_grants_block() {
    let component = Component {
        imports: Capability::ALL.to_vec(),
        wasi: vec!["wasi:cli/environment".to_owned()],
        ..component()
    };
    let lines = to_json(&component)["example_grants"].clone();
    assert_eq!(
        lines,
        json!([
            r#"network: ["GET https://HOST/PATH", "tcp://HOST:443"]"#,
            "filesystem: { read: [FILE, DIRECTORY/], write: [DIRECTORY/] }",
            "env: [VARIABLE]",
            "secrets: [{ name: SECRET, reveal: true }]",
            "docker: { verbs: [container.inspect], containers: [my-app-*] }",
            "git: [status, refs]",
            r#"command: [{ program: kubectl, args: [rollout, status, "*"] }]"#,
        ])
    );
    let block = json!({
        "network": ["GET https://HOST/PATH", "tcp://HOST:443"],
        "filesystem": { "read": ["FILE", "DIRECTORY/"], "write": ["DIRECTORY/"] },
        "env": ["VARIABLE"],
        "secrets": [{ "name": "SECRET", "reveal": true }],
        "docker": { "verbs": ["container.inspect"], "containers": ["my-app-*"] },
        "git": ["status", "refs"],
        "command": [{ "program": "kubectl", "args": ["rollout", "status", "*"] }],
    });
    assert!(Requested::parse(&block).is_ok());
}

/// A schema that refers to itself, or has no end of keys, is shown as far as it goes.
#[test]
fn a_schema_cannot_keep_the_table_from_ending() {
    let circle = json!({
        "properties": { "again": { "$ref": "#" }, "loop": { "$ref": "#/properties/loop" }, "list": { "items": { "$ref": "#/properties/list" } } },
    });
    assert!(schema::rows(&circle).len() <= 201);
    let tree = json!({
        "type": "object",
        "properties": { "name": { "type": "string" }, "parts": { "type": "array", "items": { "$ref": "#" } } },
    });
    let keys: Vec<[String; 2]> =
        schema::rows(&tree).into_iter().map(|row| [row[0].clone(), row[1].clone()]).collect();
    assert_eq!(keys, [["name", "text"], ["parts", "list of map, as above"]]);
    let many: serde_json::Map<String, Value> =
        (0..1_000).map(|number| (format!("k{number}"), json!({ "type": "string" }))).collect();
    let rows = schema::rows(&json!({ "properties": many }));
    assert_eq!((rows.len(), rows[200][0].starts_with("and ")), (201, true));
    for odd in [json!(true), json!([]), json!({ "properties": [] }), json!({ "properties": { "a": 1 } })] {
        assert!(schema::rows(&odd).len() <= 1, "{odd}");
    }
}
