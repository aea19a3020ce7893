//! A secret is for the wire, and for nothing that is kept or shown.

use serde_json::{Value, json};

use super::{
    network::Servers,
    scene::{Scene, Seen, denied},
};

const SECRET: &str = "s3cr3t-t0ken";

fn scene(guest: &str, with: Value) -> Scene {
    let grants = json!({
        "network": ["GET http://127.0.0.1:1/", "tcp://127.0.0.1:1"],
        "filesystem": { "read": ["nothing/"] },
        "secrets": [{ "name": "token", "reveal": true }],
    });
    Scene::guest(guest).grants(grants).secret("token", SECRET).with(with)
}

/// No form in which it tends to leak stands anywhere.
fn assert_unseen(scene: &Scene) {
    let written = scene.everything_written();
    for form in [SECRET, "7333637233742d74306b656e", "czNjcjN0LXQwa2Vu"] {
        assert!(!written.contains(form), "{form} in {written}");
    }
}

/// Requirements 003-42, 003-49: a secret reaches the wire and nothing else. A server that sends it back sends it to nobody.
#[test]
fn a_secret_reaches_the_wire_and_no_file_of_the_run() {
    let servers = Servers::start();
    let port = servers.open;
    let grants = json!({
        "network": [format!("GET http://127.0.0.1:{port}/"), format!("tcp://127.0.0.1:{port}")],
        "filesystem": { "read": ["nothing"] },
        "secrets": ["token"],
    });
    let call = json!({ "http": { "url": format!("http://127.0.0.1:{port}/"), "bearer": "token" } });
    let scene = Scene::guest("gate_reach").grants(grants).secret("token", SECRET).with(call);
    let head = "GET / HTTP/1.1; host: 127.0.0.1:PORT; user-agent: runner/0.1.0; authorization: Bearer ***; connection: close";
    let seen = scene.run().in_words(&[("PORT", port.to_string())]);
    assert_eq!(seen, Seen::passed("pass: reached", json!({ "status": 200, "body": head })));
    assert_eq!(servers.secrets_seen(), [SECRET]);
    assert_unseen(&scene);
}

/// Log, summary, every text of a finding, the value and the key of an output; as it is, in hexadecimal, with invisible signs
/// in between, between terminal escapes.
#[test]
fn a_secret_that_a_plugin_says_is_said_as_asterisks() {
    let scene = scene("gate_hostile", json!({ "leak": "token" }));
    let outputs = json!({ "value": { "***": ["***", "***"] }, "kept": 7 });
    assert_eq!(scene.run(), Seen::passed("pass: ***", outputs));
    assert!(scene.everything_written().contains("***"), "it did try");
    assert_unseen(&scene);
}

#[test]
fn a_secret_in_a_failure_is_said_as_asterisks() {
    let scene = scene("gate_hostile", json!({ "leak-in-failure": "token" }));
    assert_eq!(scene.run(), Seen::failed("unavailable: it is ***"));
    assert_unseen(&scene);
}

#[test]
fn a_secret_in_a_panic_is_said_as_asterisks() {
    let scene = scene("wasip2_raw", json!({ "panic_with": "token" }));
    assert_eq!(
        scene.run(),
        Seen::failed("trap: the plugin stopped at an `unreachable` (a panic or abort) in function N")
    );
    assert!(scene.everything_written().contains("the secret is ***"), "it did try");
    assert_unseen(&scene);
}

/// What was asked for in vain stands in the journal, and so would a secret in it.
#[test]
fn a_secret_in_what_was_refused_is_said_as_asterisks() {
    let scene = scene("gate_hostile", json!({ "leak-in-requests": "token" }));
    let network = "none of its network rules covers this: `GET http://127.0.0.1:1/`, `tcp://127.0.0.1:1`";
    let expected = Seen::passed("pass: asked", json!({ "value": [true, true, true, true] })).denied([
        denied("read ***", "none of its filesystem rules covers this", "filesystem: { read: [***] }"),
        denied("GET http://127.0.0.1:1/***", network, r#"network: ["GET http://127.0.0.1:1/***"]"#),
        denied("tcp://***:1", network, r#"network: ["tcp://***:1"]"#),
        denied("use the secret `***`", "its `secrets` grant does not name this", "secrets: [***]"),
    ]);
    assert_eq!(scene.run(), expected);
    assert_unseen(&scene);
}

#[test]
fn the_bytes_of_a_secret_need_a_grant_of_their_own() {
    let grants = json!({
        "network": ["GET http://127.0.0.1:1/", "tcp://127.0.0.1:1"],
        "filesystem": { "read": ["nothing"] },
        "secrets": ["token"],
    });
    let tries = json!({ "tries": [{ "secret": "token" }, { "reveal": "token" }, { "secret": "other" }] });
    let scene = Scene::guest("gate_reach").grants(grants).secret("token", SECRET).with(tries);
    let refused = "its `secrets` grant does not name this";
    let tried = json!([
        { "signature": [170, 249, 137, 106] },
        "Denied: reveal secret `token`: denied, no grant of this step covers it",
        "Denied: secret `other`: denied, no grant of this step covers it",
    ]);
    let expected = Seen::passed("pass: reached", json!({ "tried": tried })).denied([
        denied("see the bytes of `token`", refused, "secrets: [{ name: token, reveal: true }]"),
        denied("use the secret `other`", refused, "secrets: [other]"),
    ]);
    assert_eq!(scene.run(), expected);
    assert_unseen(&scene);
}
