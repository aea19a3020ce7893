use insta::assert_snapshot;
use runner_model::PluginKind;
use serde_json::json;

use crate::testing::{Pipeline, component};

fn http(with: &str) -> String {
    let schema = json!({
        "type": "object",
        "properties": {
            "url": { "type": "string", "pattern": "^https?://" },
            "method": { "enum": ["GET", "HEAD"] },
            "timeout_ms": { "type": "integer", "minimum": 1 },
            "expect": { "$ref": "#/$defs/expect" },
            "body": { "oneOf": [{ "type": "string" }, { "type": "object", "required": ["json"] }] },
        },
        "required": ["url"],
        "additionalProperties": false,
        "if": { "properties": { "method": { "const": "HEAD" } }, "required": ["method"] },
        "then": { "not": { "required": ["body"] } },
        "$defs": { "expect": {
            "type": "object",
            "properties": { "status": { "type": "array", "items": { "type": "integer" }, "uniqueItems": true } },
            "additionalProperties": false,
        } },
    });
    let text = format!(
        "version: 1\nname: x\ninputs: {{ x: {{}} }}\nplugins: {{ http: {{ source: 'file:http.wasm' }} }}\nsteps:\n  a:\n    uses: http\n{with}"
    );
    Pipeline::new(text).component("http.wasm", component(PluginKind::HealthCheck).taking(schema)).check()
}

#[test]
fn a_config_that_fits_is_accepted() {
    assert_eq!(
        http("    with: { url: 'http://x/', method: GET, expect: { status: [200] }, body: { json: 1 } }\n"),
        ""
    );
}

/// Requirement 002-29: a configuration is held against its plugin's types.
#[test]
fn every_fault_is_shown_at_its_value() {
    assert_snapshot!(http("    with:\n      url: ftp://x\n      methd: GET\n      timeout_ms: 0\n      expect:\n        status: [200, '404']\n        staus: 1\n      body: 5\n"), @r#"
    config p.yaml:9:12: `with.url`: "ftp://x" does not match "^https?://"
      at `ftp://x`
      note: checked against the schema of `some-health-check` 1.2.3 (read from the component itself)
    config p.yaml:10:7: `with` has no key `methd`
      at `methd`
      note: checked against the schema of `some-health-check` 1.2.3 (read from the component itself)
      help: did you mean `method`?
    config p.yaml:11:19: `with.timeout_ms`: 0 is less than the minimum of 1
      at `0`
      note: checked against the schema of `some-health-check` 1.2.3 (read from the component itself)
    config p.yaml:13:23: `with.expect.status.1`: "404" is not of type "integer"
      at `'404'`
      note: checked against the schema of `some-health-check` 1.2.3 (read from the component itself)
    config p.yaml:14:9: `with.expect` has no key `staus`
      at `staus`
      note: checked against the schema of `some-health-check` 1.2.3 (read from the component itself)
      help: did you mean `status`?
    config p.yaml:15:13: `with.body` is none of what it may be
      at `5`
      note: not this: `with.body`: 5 is not of type "string"
      note: not this: `with.body`: 5 is not of type "object"
      note: checked against the schema of `some-health-check` 1.2.3 (read from the component itself)
    exit 6
    "#);
}

#[test]
fn a_missing_key_is_shown_at_with_or_at_the_step() {
    assert_snapshot!(http(""), @"
    config p.yaml:7:11: `with` must have `url`
      at `http`
      note: checked against the schema of `some-health-check` 1.2.3 (read from the component itself)
    exit 6
    ");
    assert_snapshot!(http("    with: { method: GET }\n"), @"
    config p.yaml:8:5: `with` must have `url`
      at `with`
      note: checked against the schema of `some-health-check` 1.2.3 (read from the component itself)
    exit 6
    ");
}

#[test]
fn what_an_expression_gives_is_not_guessed() {
    assert_eq!(
        http(
            "    with: { url: '${{ inputs.x }}', method: '${{ inputs.x }}', timeout_ms: '${{ int(inputs.x) }}', expect: '${{ inputs.x }}', body: { json: 1 } }\n"
        ),
        ""
    );
    assert_eq!(
        http(
            "    with: { url: 'http://${{ inputs.x }}/', expect: { status: ['${{ inputs.x }}', '${{ inputs.x }}'] } }\n"
        ),
        ""
    );
}

#[test]
fn what_no_expression_can_cure_is_shown() {
    assert_snapshot!(http("    with: { method: '${{ inputs.x }}', timeout_ms: 'x ${{ inputs.x }}', body: { jsn: '${{ inputs.x }}' }, extra: '${{ inputs.x }}' }\n"), @r#"
    config p.yaml:8:5: `with` must have `url`
      at `with`
      note: checked against the schema of `some-health-check` 1.2.3 (read from the component itself)
    config p.yaml:8:52: `with.timeout_ms`: "x ${{ inputs.x }}" is not of type "integer"
      at `'x ${{ inputs.x }}'`
      note: checked against the schema of `some-health-check` 1.2.3 (read from the component itself)
    config p.yaml:8:107: `with` has no key `extra`
      at `extra`
      note: checked against the schema of `some-health-check` 1.2.3 (read from the component itself)
      help: keys: `url`, `method`, `timeout_ms`, `expect`, `body`
    exit 6
    "#);
}

#[test]
fn a_plugin_whose_schema_is_none_is_unusable() {
    let text = "version: 1\nname: x\nplugins: { a: { source: 'file:a.wasm' } }\nsteps: { a: { uses: a } }\n";
    let facts = component(PluginKind::Gate).taking(json!({ "type": "strin" }));
    assert_snapshot!(Pipeline::new(text).component("a.wasm", facts).check(), @r#"
    plugin p.yaml:3:25: the config schema of `some-gate` is not a JSON Schema: "strin" is not valid under any of the schemas listed in the 'anyOf' keyword
      at `'file:a.wasm'`
      note: the component says itself what its `with` may hold
      help: this is a fault of the plugin: use another version of it
    exit 8
    "#);
}

#[test]
fn a_schema_that_points_outside_is_refused_and_never_fetched() {
    let text = "version: 1\nname: x\nplugins: { a: { source: 'file:a.wasm' } }\nsteps: { a: { uses: a } }\n";
    let facts = component(PluginKind::Gate).taking(json!({ "$ref": "http://127.0.0.1:1/schema.json" }));
    let first = Pipeline::new(text).component("a.wasm", facts).check();
    assert_eq!(first.lines().next_back(), Some("exit 8"));
}

#[test]
fn a_literal_is_checked_as_the_plugin_will_see_it() {
    let text = "version: 1\nname: x\nplugins: { a: { source: 'file:a.wasm' } }\nsteps: { a: { uses: a, with: { x: '$${{ kept }}' } } }\n";
    let facts =
        component(PluginKind::Gate).taking(json!({ "properties": { "x": { "const": "${{ kept }}" } } }));
    assert_eq!(Pipeline::new(text).component("a.wasm", facts).check(), "");
}
