//! The action as a pipeline sees it. Requirement 000-19.

use super::*;
use runner_plugin::testing::{FakeHost, apply, capture_action, restore_action};
use runner_plugin::{FailureKind, HostError};
use serde_json::json;

fn config(values: serde_json::Value) -> serde_json::Value {
    json!({ "files": [{ "template": "a.tmpl", "to": "a.yaml" }], "values": values })
}

/// What one template becomes, or why it becomes nothing.
fn made(template: &str, values: serde_json::Value) -> Result<String, String> {
    let fake = FakeHost::new().file("a.tmpl", template);
    let applied = apply::<Render>(&fake, config(values), "[]");
    let content = fake.content("a.yaml").map(|bytes| String::from_utf8(bytes).unwrap());
    match applied {
        Ok(_) => Ok(content.unwrap()),
        Err(failure) => {
            assert_eq!((content, failure.kind), (None, FailureKind::InvalidInput));
            Err(failure.message)
        }
    }
}

#[test]
fn values_are_filled_in_as_they_are() {
    let template = "image: {{ image }}\nreplicas: {{ replicas }}\n{% for name in hosts %}\n- {{ name|json }}\n{% endfor %}\n{% if tls %}\ntls: on\n{% endif %}\nlevel: {{ level|default('info') }}\n";
    let values = json!({ "image": "l9-api:v1 <&>", "replicas": 2, "hosts": ["a\"b", "c"], "tls": true });

    assert_eq!(
        made(template, values),
        Ok("image: l9-api:v1 <&>\nreplicas: 2\n- \"a\\\"b\"\n- \"c\"\ntls: on\nlevel: info\n".to_owned()),
    );
    assert_eq!(made("no end of line", json!({})), Ok("no end of line".to_owned()));
    assert_eq!(made("", json!({})), Ok(String::new()));
}

#[test]
fn what_is_not_defined_is_an_error_with_its_line_and_nothing_is_written() {
    let wrong = |message: &str| Err(format!("{message}; nothing was written"));

    assert_eq!(
        made("a: 1\nb: {{ image }}\n", json!({ "imgae": "x" })),
        wrong("`a.tmpl`, line 2: undefined value, in `b: {{ image }}`"),
    );
    assert_eq!(
        made("{% if tls %}x{% endif %}", json!({})),
        wrong("`a.tmpl`, line 1: undefined value, in `{% if tls %}x{% endif %}`"),
    );
    assert_eq!(
        made("{{ db.password }}", json!({ "db": {} })),
        wrong("`a.tmpl`, line 1: undefined value, in `{{ db.password }}`"),
    );
    assert_eq!(
        made("\n{{ a }}", json!({ "a": null })),
        wrong(
            "`a.tmpl`, line 2: invalid operation: a null is put in; give it a value, or write `|default('', true)`, in `{{ a }}`"
        ),
    );
}

#[test]
fn a_template_without_end_or_bottom_is_an_error() {
    let endless =
        "{% for a in list %}{% for b in list %}{% for c in list %}x{% endfor %}{% endfor %}{% endfor %}";
    let list: Vec<u32> = (0..400).collect();
    let message = made(endless, json!({ "list": list })).unwrap_err();

    assert!(message.starts_with("`a.tmpl`, line 1: "), "{message}");
    assert_eq!(
        made(&"{% if a %}".repeat(17), json!({ "a": 1 })),
        Err("`a.tmpl`: line 1 is nested too deep, or a chain that is too long; nothing was written"
            .to_owned()),
    );
    assert_eq!(
        made("{% include 'b' %}", json!({})),
        Err("`a.tmpl`: line 1: there is no `include` here, only `if` and `for`; nothing was written"
            .to_owned()),
    );
}

/// One template that cannot be filled in keeps all files from being written.
#[test]
fn all_files_are_made_or_none() {
    let files = json!([{ "template": "a.tmpl", "to": "a" }, { "template": "b.tmpl", "to": "b" }]);
    let config = |value: &str| json!({ "files": files, "values": { "v": value, value: 1 } });
    let fake = FakeHost::new().file("a.tmpl", "{{ v }}").file("b.tmpl", "{{ w }}").file("b", "old");

    assert_eq!(
        apply::<Render>(&fake, config("x"), "[]"),
        Err(Failure::invalid_input("`b.tmpl`, line 1: undefined value, in `{{ w }}`; nothing was written")),
    );
    assert_eq!((fake.content("a"), fake.content("b")), (None, Some(b"old".to_vec())));
    assert_eq!(
        apply::<Render>(&fake, config("w"), "[]"),
        Ok(Applied::new("made 2 files").output("files", json!(["a", "b"]))),
    );
    assert_eq!((fake.content("a"), fake.content("b")), (Some(b"w".to_vec()), Some(b"1".to_vec())));
}

#[test]
fn what_was_there_comes_back_and_what_was_not_goes() {
    let files = json!([{ "template": "t", "to": "text" }, { "template": "t", "to": "bytes" }, { "template": "t", "to": "new" }]);
    let config = json!({ "files": files });
    let fake = FakeHost::new().file("t", "made").file("text", "old\r\n").file("bytes", [0xff, 0x00]);
    let snapshot = capture_action::<Render>(&fake, config.clone()).unwrap();

    assert_eq!(
        snapshot,
        r#"[{"path":"text","was":{"text":"old\r\n"}},{"path":"bytes","was":{"bytes":"/wA="}},{"path":"new","was":"absent"}]"#,
    );
    apply::<Render>(&fake, config.clone(), &snapshot).unwrap();
    for _ in 0..2 {
        assert_eq!(restore_action::<Render>(&fake, config.clone(), &snapshot), Ok(()));
    }
    assert_eq!(
        ["text", "bytes", "new"].map(|path| fake.content(path)),
        [Some(b"old\r\n".to_vec()), Some(vec![0xff, 0x00]), None],
    );
}

#[test]
fn capture_finds_what_apply_would_fail_of() {
    let fake =
        FakeHost::new().file("a.tmpl", "{{ x }}").file("b.tmpl", "b").file_error("closed", HostError::Denied);
    let capture =
        |files: serde_json::Value| capture_action::<Render>(&fake, json!({ "files": files })).unwrap_err();

    assert_eq!(
        [
            capture(json!([{ "template": "a.tmpl", "to": "a" }])),
            capture(json!([{ "template": "none", "to": "a" }])),
            capture(json!([{ "template": "b.tmpl", "to": "a" }, { "template": "b.tmpl", "to": "a" }])),
            capture(json!([{ "template": "b.tmpl", "to": "closed" }])),
        ],
        [
            Failure::invalid_input("`a.tmpl`, line 1: undefined value, in `{{ x }}`; nothing was written"),
            Failure::unavailable("read `none`: no such file"),
            Failure::invalid_config("`a` is made twice; nothing was written"),
            Failure::new(FailureKind::Denied, "look at `closed`: denied, no grant of this step covers it"),
        ],
    );
}
