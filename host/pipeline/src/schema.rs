//! The pipeline file as a JSON Schema, for editors.
//!
//! It says which keys there are and what sort of value each takes. What only [`check`](crate::check()) can know (names
//! that lead nowhere, circles, grants) it leaves out. A test holds its keys against those that are read.

use serde_json::{Map, Value, json};

use crate::authored::STEP;

const NAME: &str = "^[a-z][a-z0-9_-]*$";
const WORD: &str = "^[a-z_][a-z0-9_]*$";
const DURATION: &str = "^([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?([0-9]+ms)?$";

/// The JSON Schema (draft 2020-12) of a pipeline file.
#[must_use]
pub fn schema() -> Value {
    let top = map(&[
        ("version", json!({ "const": 1 })),
        ("name", described("What the pipeline is called.", json!({ "type": "string" }))),
        ("description", json!({ "type": "string" })),
        ("inputs", named(WORD, reference("input"))),
        ("env", reference("env")),
        ("target", described("The target of steps that name none.", json!({ "type": "string" }))),
        ("targets", described("The machines that steps work on.", named(NAME, reference("target")))),
        ("secrets", named(NAME, reference("secret"))),
        ("plugins", named(NAME, reference("plugin"))),
        ("defaults", reference("defaults")),
        ("steps", described("Order comes from `needs` alone.", named(NAME, reference("step")))),
        (
            "finally",
            described("Run once the verdict is known; change nothing.", named(NAME, reference("step"))),
        ),
        ("notify", json!({ "type": "array", "items": reference("notify") })),
        (
            "on",
            described(
                "What may set the run off; chosen by `exec --event NAME`.",
                named(NAME, json!({ "type": ["object", "null"] })),
            ),
        ),
        ("include", described("Pipeline parts, relative to the main file.", texts())),
    ]);
    let mut schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "runner pipeline",
        "anyOf": [{ "required": ["version", "name", "steps"] }, { "not": { "required": ["version"] } }],
        "$defs": definitions(),
    });
    if let (Value::Object(schema), Value::Object(top)) = (&mut schema, top) {
        schema.extend(top);
    }
    schema
}

fn definitions() -> Value {
    let need = map(&[("step", json!({ "type": "string" })), ("result", words_list(&RESULTS))]);
    let steps: Map<String, Value> = STEP.known.iter().map(|key| ((*key).to_owned(), step_key(key))).collect();
    json!({
        "duration": described("For example `250ms`, `10s`, `1m30s` or `2h`.", json!({ "type": "string", "minLength": 2, "pattern": DURATION })),
        "size": described("For example `512KiB` or `64MiB`.", json!({ "type": ["string", "integer"], "pattern": "^[0-9]+ ?(B|KiB|MiB|GiB)?$", "minimum": 1 })),
        "env": { "type": "object", "propertyNames": { "pattern": "^[A-Za-z_][A-Za-z0-9_]*$" }, "additionalProperties": { "type": ["string", "number", "boolean"] } },
        "input": map(&[
            ("type", words(&["string", "integer", "number", "boolean", "enum"])),
            ("required", json!({ "type": "boolean" })),
            ("default", json!({ "type": ["string", "number", "boolean"] })),
            ("pattern", described("Must match as a whole.", json!({ "type": "string", "format": "regex" }))),
            ("values", json!({ "type": "array", "minItems": 1, "items": { "type": ["string", "number", "boolean"] } })),
            ("description", json!({ "type": "string" })),
        ]),
        "target": map(&[
            ("docker", reference("docker")),
            ("ssh", described("A `Host` of ssh_config, for commands. Without it: that of `docker`.", json!({ "type": "string" }))),
            ("workdir", described("Where commands start on it.", json!({ "type": "string" }))),
            ("slots", described("The two places of the service.", json!({ "type": "object", "propertyNames": { "pattern": NAME }, "additionalProperties": reference("slot"), "minProperties": 2, "maxProperties": 2 }))),
            ("proxy", reference("proxy")),
        ]),
        "docker": required(&["host"], map(&[
            ("host", described("`unix:///path`, `ssh://[user@]host` or `tcp://host:port`.", json!({ "type": "string" }))),
            ("tls", reference("tls")),
        ])),
        "tls": required(&["ca", "cert", "key"], map(&[
            ("ca", json!({ "type": "string" })),
            ("cert", json!({ "type": "string" })),
            ("key", json!({ "type": "string" })),
        ])),
        "slot": required(&["container"], map(&[
            ("container", json!({ "type": "string" })),
            ("port", json!({ "type": ["integer", "string"], "minimum": 1, "maximum": 65535 })),
            ("host", described("Without it: 127.0.0.1.", json!({ "type": "string" }))),
            ("address", described("As the proxy names it, if that is not `host:port`.", json!({ "type": "string" }))),
        ])),
        "proxy": required(&["uses"], map(&[
            ("uses", described("A proxy switch; it is asked which slot is active.", json!({ "type": "string" }))),
            ("with", json!({ "type": "object" })),
            ("limits", reference("limits")),
            ("timeout", reference("duration")),
            ("secrets", texts()),
        ])),
        "secret": required(&["from", "allow"], map(&[
            ("from", json!({ "type": "string", "pattern": "^(env|file):." })),
            ("allow", described("The plugins that may use it.", texts())),
        ])),
        "plugin": required(&["source"], map(&[
            ("source", json!({ "type": "string", "pattern": "^file:." })),
            ("digest", json!({ "type": "string", "pattern": "^sha256:[0-9a-f]{64}$" })),
            ("grants", reference("grants")),
            ("limits", reference("limits")),
        ])),
        "defaults": map(&[
            ("timeout", reference("duration")),
            ("retry", reference("retry")),
            ("limits", reference("limits")),
            ("on_inconclusive", words(&INCONCLUSIVE)),
        ]),
        "step": required(&["uses"], closed(steps)),
        "notify": required(&["on", "uses"], map(&[
            ("on", words_list(&["run.succeeded", "run.failed", "run.rolled_back", "run.stuck", "run.cancelled", "approval.waiting"])),
            ("uses", json!({ "type": "string" })),
            ("with", json!({ "type": "object" })),
            ("target", step_key("target")),
            ("secrets", texts()),
            ("severity", words(&["info", "warning", "error"])),
            ("if", step_key("if")),
            ("grants", reference("grants")),
            ("limits", reference("limits")),
            ("timeout", reference("duration")),
            ("retry", reference("retry")),
        ])),
        "need": { "anyOf": [{ "type": "string" }, required(&["step"], need)] },
        "retry": map(&[
            ("attempts", count(1)),
            ("delay", reference("duration")),
            ("backoff", json!({ "type": "number", "minimum": 1, "maximum": 100 })),
            ("max_delay", reference("duration")),
            ("on", words_list(&["error", "failure", "invalid-config", "invalid-input", "denied", "unavailable", "timed-out", "budget-exceeded", "trap", "bad-answer", "internal"])),
        ]),
        "poll": map(&[
            ("initial_delay", reference("duration")),
            ("interval", reference("duration")),
            ("count", count(1)),
            ("consecutive_successes", count(1)),
            ("failure_limit", count(-1)),
            ("inconclusive_limit", count(-1)),
            ("error_limit", count(-1)),
            ("deadline", reference("duration")),
        ]),
        "grants": described("Absent means deny.", map(&[
            ("network", described("For example `GET https://example.com/health` or `tcp://redis:6379`.", texts())),
            ("filesystem", map(&[("read", texts()), ("write", texts())])),
            ("env", texts()),
            ("secrets", json!({ "type": "array", "items": { "anyOf": [
                { "type": "string" },
                required(&["name"], map(&[("name", json!({ "type": "string" })), ("reveal", json!({ "type": "boolean" }))])),
            ] } })),
            ("command", described("For example `{ program: kubectl, args: [rollout, status, \"*\"] }`.", json!({
                "type": "array",
                "items": required(&["program"], map(&[
                    ("program", described("An absolute path, or a name.", json!({ "type": "string" }))),
                    ("args", described("One pattern per argument; a last `**` is any number of further ones.", texts())),
                    ("env", described("Variables that the program may have.", texts())),
                    ("on", words(&["host", "target"])),
                    ("directory", described("Where it may start.", json!({ "type": "string" }))),
                ])),
            }))),
        ])),
        "limits": described("Of one plugin call.", map(&[
            ("memory", reference("size")),
            ("time", reference("duration")),
            ("fuel", count(1)),
            ("output", reference("size")),
            ("calls", count(1)),
        ])),
    })
}

const RESULTS: [&str; 6] = ["success", "warn", "failure", "error", "skipped", "aborted"];
const INCONCLUSIVE: [&str; 3] = ["fail", "pass", "pause"];

fn step_key(key: &str) -> Value {
    match key {
        "uses" => {
            described("A plugin, or the built-in `checkpoint` or `approval`.", json!({ "type": "string" }))
        }
        "with" => {
            described("Configuration, checked against the plugin's own schema.", json!({ "type": "object" }))
        }
        "target" => described(
            "One of `targets`; without it the one at the top of the file.",
            json!({ "type": "string" }),
        ),
        "needs" => json!({ "type": "array", "items": reference("need") }),
        "if" => described(
            "An expression (CEL), with or without `${{ }}`.",
            json!({ "type": ["string", "boolean"] }),
        ),
        "matrix" => {
            let values = json!({ "type": "array", "minItems": 1, "items": { "type": ["string", "number", "boolean"] } });
            described("One step per combination.", named(WORD, values))
        }
        "timeout" => described("Longest time for one attempt.", reference("duration")),
        "retry" => reference("retry"),
        "poll" => described("Gates and health checks only.", reference("poll")),
        "on_inconclusive" => words(&INCONCLUSIVE),
        "outputs" => json!({ "type": "object", "additionalProperties": { "type": "string" } }),
        "grants" => described("May only narrow what the plugin is granted.", reference("grants")),
        "limits" => reference("limits"),
        "secrets" => texts(),
        "env" => reference("env"),
        _ => json!({ "type": "boolean" }),
    }
}

fn reference(definition: &str) -> Value {
    json!({ "$ref": format!("#/$defs/{definition}") })
}

fn described(text: &str, mut schema: Value) -> Value {
    schema["description"] = json!(text);
    schema
}

fn texts() -> Value {
    json!({ "type": "array", "items": { "type": "string" } })
}

fn words(words: &[&str]) -> Value {
    json!({ "enum": words })
}

fn words_list(list: &[&str]) -> Value {
    json!({ "type": "array", "items": words(list) })
}

fn count(least: i32) -> Value {
    json!({ "type": "integer", "minimum": least })
}

/// A map of things that have names.
fn named(pattern: &str, value: Value) -> Value {
    json!({ "type": "object", "propertyNames": { "pattern": pattern }, "additionalProperties": value })
}

/// A map with these keys, and those that start with `x-`.
fn map(keys: &[(&str, Value)]) -> Value {
    closed(keys.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect())
}

fn closed(keys: Map<String, Value>) -> Value {
    json!({ "type": "object", "properties": keys, "patternProperties": { "^x-": true }, "additionalProperties": false })
}

fn required(keys: &[&str], mut schema: Value) -> Value {
    schema["required"] = json!(keys);
    schema
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::schema;
    use crate::authored::{
        Keys,
        keys::{
            DEFAULTS, DOCKER, INPUT, NEED, NOTIFY, PIPELINE, PLUGIN, POLL, PROXY, RETRY, SECRET, SLOT, STEP,
            TARGET, TLS,
        },
    };

    fn keys_of(schema: &Value) -> Vec<&str> {
        schema["properties"].as_object().unwrap().keys().map(String::as_str).collect()
    }

    #[test]
    fn its_keys_are_those_that_are_read() {
        let schema = schema();
        let of = |name: &str| &schema["$defs"][name];
        let table: [(&Value, &Keys); 15] = [
            (&schema, &PIPELINE),
            (of("input"), &INPUT),
            (of("target"), &TARGET),
            (of("docker"), &DOCKER),
            (of("tls"), &TLS),
            (of("slot"), &SLOT),
            (of("proxy"), &PROXY),
            (of("secret"), &SECRET),
            (of("plugin"), &PLUGIN),
            (of("defaults"), &DEFAULTS),
            (of("step"), &STEP),
            (of("notify"), &NOTIFY),
            (&of("need")["anyOf"][1], &NEED),
            (of("retry"), &RETRY),
            (of("poll"), &POLL),
        ];
        assert_eq!(table.map(|(schema, _)| keys_of(schema)), table.map(|(_, keys)| keys.known.to_vec()));
    }

    #[test]
    fn it_is_a_json_schema_that_takes_a_pipeline_and_refuses_a_slip() {
        let validator = jsonschema::options().offline().build(&schema()).unwrap();
        let pipeline = |key: &str| json!({ "version": 1, "name": "x", "steps": { "a": { key: "checkpoint", "timeout": "1m30s" } }, "x-mine": 1 });
        assert_eq!([pipeline("uses"), pipeline("usse")].map(|text| validator.is_valid(&text)), [true, false]);
    }
}
