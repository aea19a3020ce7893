//! What is refused before anything is sent, in the sandbox.

use super::{
    http::{Answer, Receiver},
    told,
};
use crate::harness::Project;

/// A pipeline that tells Slack with this `with`, a JSON or YAML flow, and these grants of the secret.
fn project(port: u16, secret: &str, with: &str) -> Project {
    Project::with(&format!(
        r#"
version: 1
name: tell
secrets:
  hook: {{ from: file:hook, allow: [slack] }}
plugins:
  gate: {{ source: guest:gate_answer }}
  slack:
    source: plugin:slack
    grants: {{ network: ["POST http://127.0.0.1:{port}/services/*"], secrets: [{secret}] }}
steps:
  verify: {{ uses: gate }}
notify:
  - {{ on: [run.succeeded], uses: slack, secrets: [hook], with: {with} }}
"#
    ))
    .file("hook", &format!("http://127.0.0.1:{port}/services/T0/B0/XyZsecret\n"))
}

fn template(text: &str) -> String {
    serde_json::json!({ "to": { "webhook": "hook" }, "message": { "template": text } }).to_string()
}

#[test]
fn an_address_that_may_not_be_seen_is_not_used() {
    let receiver = Receiver::start(|_| Answer::status(200));
    let project = project(receiver.port, "hook", "{ to: { webhook: hook } }");

    assert_eq!(project.exec(&[]).code, 0);
    assert_eq!(told(&project), ["denied: reveal secret `hook`: denied, no grant of this step covers it"]);
    assert_eq!(receiver.count("/services/T0/B0/XyZsecret"), 0);
}

#[test]
fn an_address_that_the_grants_do_not_name_is_not_used() {
    let receiver = Receiver::start(|_| Answer::status(200));
    let project = project(receiver.port, "{ name: hook, reveal: true }", "{ to: { webhook: hook } }");
    project.write("hook", format!("http://127.0.0.1:{}/elsewhere/XyZsecret", receiver.port));

    assert_eq!(project.exec(&[]).code, 0);
    assert_eq!(told(&project), ["denied: POST <secret `hook`>: denied, no grant of this step covers it"]);
    assert_eq!(receiver.count("/elsewhere/XyZsecret"), 0);
}

/// The stack of a plugin is 64 KiB: what is deep is refused in words, and never a trap.
#[test]
fn a_template_that_goes_deep_is_refused_and_the_deepest_allowed_works() {
    let receiver = Receiver::start(|_| Answer::status(200));
    let ended = |text: &str| {
        let project = project(receiver.port, "{ name: hook, reveal: true }", &template(text));
        let run = project.exec(&[]);
        assert_eq!(run.code, 0, "{}", run.stderr);
        told(&project)
    };
    let tag = |open: &str, times: usize, close: &str| {
        format!("{{{{ {}run{} }}}}", open.repeat(times), close.repeat(times))
    };
    let refused = [
        "invalid-config: `message.template`: line 1 is nested too deep, or a chain that is too long; nothing was sent",
    ];
    let delivered = ["delivered `run.succeeded`"];

    assert_eq!(ended(&tag("(", 4000, ")")), refused);
    assert_eq!(ended(&"{% if true %}".repeat(1000)), refused);
    assert_eq!(ended(&tag("", 2000, "|upper")), refused);

    assert_eq!(ended(&tag("(", 16, ")")), delivered);
    assert_eq!(ended(&tag("[", 16, "]")), delivered);
    assert_eq!(ended(&tag("not (", 12, ")")), delivered);
    assert_eq!(ended(&tag("(1 if false else ", 10, ")")), delivered);
    assert_eq!(ended(&tag("", 100, "|upper")), delivered);
    assert_eq!(ended(&tag("", 100, " ~ run")), delivered);
    let blocks = format!("{}{}{}", "{% if true %}".repeat(8), tag("(", 8, ")"), "{% endif %}".repeat(8));
    assert_eq!(ended(&blocks), delivered);
}

/// What the schema can say is found by `check`, with its place.
#[test]
fn a_wrong_config_is_found_before_anything_runs() {
    let project = project(
        1,
        "{ name: hook, reveal: true }",
        "{ to: { webhook: hook, mention: [everybody] }, style: loud }",
    );

    let check = project.runner(&["check", "pipeline.yaml"]);

    assert_eq!(check.all(), CHECKED);
}

const CHECKED: &str = r#"error: `with.to` is none of what it may be
  --> pipeline.yaml:14:70
   |
14 | ...ets: [hook], with: { to: { webhook: hook, mention: [everybody] }, style: loud } }
   |  ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
   |
   = not this: `with.to.mention.0`: "everybody" does not match "^(here|channel|everyone|[UWS][A-Z0-9]{2,30})$"
   = not this: `with.to`: "channel" is a required property
   = checked against the schema of `slack` 0.1.0 (read from the component itself)

error: `with` has no key `style`
  --> pipeline.yaml:14:111
   |
14 | ... { webhook: hook, mention: [everybody] }, style: loud } }
   |  ^^^^^
   |
   = checked against the schema of `slack` 0.1.0 (read from the component itself)

hint: keys: `to`, `routes`, `message`, `api`, `timeout_ms`, `max_wait_ms`

2 errors; nothing was started (exit 6)
exit 6"#;
