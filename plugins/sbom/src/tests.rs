//! The gate as a pipeline sees it. Requirement: 001-48.

use std::time::Duration;

use runner_plugin::testing::{FakeHost, evaluate};
use runner_plugin::{FailureKind, Finding};
use serde_json::{Value, json};

use super::*;

fn good() -> Value {
    json!({
        "bomFormat": "CycloneDX", "specVersion": "1.5",
        "metadata": {
            "timestamp": "2026-02-27T12:00:00+01:00",
            "tools": [{ "name": "maker" }],
            "component": { "name": "shop", "version": "1.4.0" },
        },
        "components": [{
            "name": "serde", "version": "1.0.228", "purl": "pkg:cargo/serde@1.0.228",
            "hashes": [{ "alg": "SHA-256", "content": "a".repeat(64) }],
            "supplier": { "name": "somebody" },
            "licenses": [{ "expression": "MIT OR Apache-2.0" }],
        }],
    })
}

fn run(bill: impl Into<Vec<u8>>, config: Value) -> Result<Evaluation, Failure> {
    // 2026-03-01T00:00:00Z.
    let host = FakeHost::new().file("sbom.json", bill).now(Duration::from_secs(1_772_323_200));
    evaluate::<Sbom>(&host, config)
}

/// `rule: message` of every finding.
fn found(bill: &Value, config: Value) -> Vec<String> {
    let findings = run(bill.to_string(), config).unwrap().findings.into_iter();
    findings.map(|finding| format!("{}: {}", finding.rule, finding.message)).collect()
}

/// 001-48: there is a bill for each release.
#[test]
fn a_complete_bill_of_this_release_passes() {
    let config = json!({
        "require": ["version", "purl", "hash", "supplier", "license"],
        "primary": { "name": "shop", "version": "1.4.0" },
        "max_age_days": 2,
        "require_author": true,
    });

    assert_eq!(
        run(good().to_string(), config),
        Ok(Evaluation::pass("CycloneDX 1.5 of 1 component, complete")
            .output("format", "CycloneDX 1.5")
            .output("components", 1)
            .output("name", "shop")
            .output("version", "1.4.0")
            .output("created", "2026-02-27T12:00:00+01:00")),
    );
}

#[test]
fn an_empty_bill_is_no_bill() {
    let empty = json!({ "spdxVersion": "SPDX-2.3" });

    assert_eq!(
        run(empty.to_string(), json!({})),
        Ok(Evaluation::fail("2 problems in `sbom.json`")
            .finding(
                Finding::error("too-few-components", "the bill has 0 components, and 1 are the least")
                    .in_file("sbom.json")
                    .help("make it from what is shipped, after the build")
            )
            .finding(
                Finding::error("no-timestamp", "the bill does not say when it was made")
                    .in_file("sbom.json")
                    .help("let the tool write it")
            )
            .output("format", "SPDX 2.3")
            .output("components", 0)
            .output("name", Value::Null)
            .output("version", Value::Null)
            .output("created", Value::Null)),
    );
}

#[test]
fn what_a_component_lacks_is_said() {
    let mut bill = good();
    bill["components"] = json!([
        { "name": "a" },
        { "name": "b", "version": "1", "purl": "b@1", "hashes": [{ "alg": "MD5", "content": "00" }] },
    ]);
    let all = json!({ "require": ["version", "purl", "hash", "supplier", "license"] });

    assert_eq!(
        found(&bill, all),
        [
            "no-version: `a` has no version",
            "no-purl: `a` has no package URL",
            "no-hash: `a` has no hash",
            "no-supplier: `a` has no supplier",
            "no-license: `a` has no licence",
            "invalid-purl: the package URL of `b@1` is none: `b@1`",
            "weak-hash: `b@1` has no hash that is worth one, only MD5",
            "no-supplier: `b@1` has no supplier",
            "no-license: `b@1` has no licence",
        ]
    );
}

#[test]
fn some_components_need_less_for_a_reason() {
    let mut bill = good();
    bill["components"] = json!([{ "name": "own/tool", "version": "1" }, { "name": "b" }]);
    let except = |except: Value| found(&bill, json!({ "except": [except] }));

    assert_eq!(
        except(json!({ "component": "own/*", "reason": "ours" })),
        ["no-version: `b` has no version", "no-purl: `b` has no package URL"]
    );
    assert_eq!(
        except(json!({ "component": "b", "parts": ["purl"], "reason": "a script" })),
        ["no-purl: `own/tool@1` has no package URL", "no-version: `b` has no version"]
    );
    assert_eq!(
        except(json!({ "component": "c", "reason": "gone" })).last().unwrap(),
        "unused-except: `except` names `c` (gone), which lacks nothing"
    );
}

#[test]
fn a_bill_of_another_release_is_told_apart() {
    let primary = |primary: Value| found(&good(), json!({ "primary": primary }));

    assert_eq!(
        primary(json!({ "name": "store", "version": "1.4.1" })),
        [
            "other-primary: the bill is of the component `shop`, not `store`",
            "other-primary: the bill is of version `1.4.0`, not `1.4.1`",
        ]
    );
    let mut bill = good();
    bill["metadata"]["component"] = Value::Null;
    assert_eq!(
        found(&bill, json!({ "primary": { "name": "shop" } })),
        ["no-primary: the bill does not say what it is of"]
    );
}

#[test]
fn times_are_moments_of_the_past() {
    let created = |created: &str| {
        let mut bill = good();
        bill["metadata"]["timestamp"] = created.into();
        found(&bill, json!({ "max_age_days": 2 }))
    };

    assert_eq!(created("2026-02-27T00:00:00Z"), [""; 0]);
    assert_eq!(
        created("2026-02-26T23:59:59Z"),
        ["old-bill: the bill was made at `2026-02-26T23:59:59Z`, more than 2 days ago"]
    );
    assert_eq!(created("2026-03-01T00:05:00Z"), [""; 0]);
    assert_eq!(
        created("2026-03-01T00:05:01Z"),
        ["future-timestamp: the bill was made at `2026-03-01T00:05:01Z`, which is still to come"]
    );
    assert_eq!(
        created("2026-02-28T12:00:00"),
        [
            "invalid-timestamp: the time at which the bill was made, `2026-02-28T12:00:00`, has no zone; write \
             `2026-02-28T12:00:00Z` or an offset like `+02:00`"
        ]
    );
    assert_eq!(created("yesterday").len(), 1);
}

#[test]
fn what_is_no_bill_is_a_failure() {
    let kind = |bill: &[u8]| run(bill, json!({})).unwrap_err().kind;
    let nested = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));

    assert_eq!(
        [b"".as_slice(), b"{", b"null", b"\xff\xfe{\0", b"\xe9\xe9", nested.as_bytes()].map(kind),
        [FailureKind::InvalidInput; 6]
    );
    assert_eq!(
        evaluate::<Sbom>(&FakeHost::new(), json!({})),
        Err(Failure::unavailable("read `sbom.json`: no such file"))
    );
    let config = json!({ "except": [{ "component": "[", "reason": "x" }] });
    assert_eq!(run("{}", config).unwrap_err().kind, FailureKind::InvalidConfig);
}

#[test]
fn a_thousand_components_without_anything_are_counted() {
    let mut bill = good();
    bill["components"] = vec![json!({ "name": "a" }); 1000].into();
    let found = found(&bill, json!({}));

    assert_eq!(
        (found.len(), found[201].as_str()),
        (202, "no-version: 900 more findings of `no-version` are not shown")
    );
}
