//! The gate as a pipeline sees it. Requirement: 001-49.

use runner_plugin::FailureKind;
use runner_plugin::testing::{FakeHost, evaluate};
use serde_json::{Value, json};

use super::*;

fn bill(components: &[(&str, &str)]) -> String {
    let components: Vec<Value> = components
        .iter()
        .map(|(name, licence)| {
            let licences = match *licence {
                "" => json!([]),
                licence if licence.contains(' ') => json!([{ "expression": licence }]),
                licence => json!([{ "license": { "id": licence } }]),
            };
            json!({ "name": name, "version": "1.0", "licenses": licences })
        })
        .collect();
    json!({ "bomFormat": "CycloneDX", "specVersion": "1.6", "components": components }).to_string()
}

fn run(bill: &str, config: Value) -> Result<Evaluation, Failure> {
    evaluate::<LicensePolicy>(&FakeHost::new().file("sbom.json", bill), config)
}

/// `rule: message` of every finding.
fn found(components: &[(&str, &str)], config: Value) -> Vec<String> {
    let findings = run(&bill(components), config).unwrap().findings.into_iter();
    findings.map(|finding| format!("{}: {}", finding.rule, finding.message)).collect()
}

/// 001-49.
#[test]
fn components_under_allowed_licences_pass() {
    assert_eq!(
        run(
            &bill(&[("a", "MIT"), ("b", "MIT OR GPL-3.0-only"), ("c", "MIT")]),
            json!({ "allow": ["MIT", "Apache-2.0"], "deny": ["GPL-*"] })
        ),
        Ok(Evaluation::pass("3 components, all of allowed licences")
            .output("components", 3)
            .output("licenses", json!({ "MIT": 2, "MIT OR GPL-3.0-only": 1 }))
            .output("unknown", 0)),
    );
}

#[test]
fn a_licence_that_is_not_allowed_is_a_finding_with_its_component() {
    assert_eq!(
        run(&bill(&[("a", "MIT"), ("b", "AGPL-3.0-only")]), json!({ "allow": ["MIT"] })),
        Ok(Evaluation::fail("1 problem with the licences of 2 components")
            .finding(
                Finding::error(
                    "denied-license",
                    "`b@1.0` is under `AGPL-3.0-only`: `AGPL-3.0-only` is not allowed"
                )
                .in_file("sbom.json")
                .help("use something else, or say under `exceptions` why it is all right here")
            )
            .output("components", 2)
            .output("licenses", json!({ "AGPL-3.0-only": 1, "MIT": 1 }))
            .output("unknown", 0)),
    );
}

#[test]
fn an_unknown_licence_fails_or_warns_and_never_passes() {
    let components = [("a", ""), ("b", "Apache 2.0"), ("c", "NOASSERTION")];
    let messages = [
        "unknown-license: the licence of `a@1.0` is not told",
        "unknown-license: the licence of `b@1.0`, `Apache 2.0`, is no SPDX expression: a licence in it is not known",
        "unknown-license: the licence of `c@1.0`, `NOASSERTION`, is no SPDX expression: it asserts nothing",
    ];

    assert_eq!(found(&components, json!({ "allow": ["MIT"] })), messages);
    let warned = run(&bill(&components), json!({ "allow": ["MIT"], "unknown": "warn" })).unwrap();
    assert_eq!(
        (warned.decision, warned.summary.as_str()),
        (runner_plugin::Decision::Warn, "3 components, 3 of unknown licence")
    );
    assert_eq!(warned.findings[1].help.as_deref(), Some("if `Apache-2.0` is meant, say it under `clarify`"));
}

#[test]
fn several_licences_of_one_component_all_apply() {
    let bill = json!({
        "bomFormat": "CycloneDX", "specVersion": "1.6",
        "components": [{ "name": "a", "licenses": [{ "license": { "id": "MIT" } }, { "license": { "id": "GPL-2.0" } }] }],
    });
    let rules: Vec<String> = run(&bill.to_string(), json!({ "deny": ["GPL-2.0"] }))
        .unwrap()
        .findings
        .into_iter()
        .map(|finding| finding.message)
        .collect();

    assert_eq!(rules, ["`a` is under `GPL-2.0`: `GPL-2.0` is denied"]);
}

#[test]
fn exceptions_allow_a_licence_for_one_component() {
    let exception = |exception: Value| {
        found(
            &[("a", "LGPL-3.0-only"), ("b", "LGPL-3.0-only")],
            json!({ "allow": ["MIT"], "exceptions": [exception] }),
        )
    };

    assert_eq!(
        exception(json!({ "component": "a", "allow": ["LGPL-3.0-only"], "reason": "linked dynamically" })),
        ["denied-license: `b@1.0` is under `LGPL-3.0-only`: `LGPL-3.0-only` is not allowed"]
    );
    assert_eq!(
        exception(
            json!({ "component": "*@1.0", "allow": ["LGPL-3.0-only"], "reason": "linked dynamically" })
        ),
        [""; 0]
    );
    assert_eq!(
        exception(json!({ "component": "c", "allow": ["LGPL-3.0-only"], "reason": "gone" }))[2],
        "unused-exception: `exceptions` names `c` (gone), which needs none"
    );
}

#[test]
fn a_person_can_say_what_the_bill_does_not() {
    let clarify = |component: &str, license: &str| {
        let clarify =
            json!([{ "component": component, "license": license, "reason": "LICENSE in its sources" }]);
        found(&[("a", "")], json!({ "allow": ["MIT"], "clarify": clarify }))
    };

    assert_eq!(clarify("a", "MIT OR Zlib"), [""; 0]);
    assert_eq!(clarify("a", "Zlib"), ["denied-license: `a@1.0` is under `Zlib`: `Zlib` is not allowed"]);
    assert_eq!(
        clarify("b", "MIT"),
        [
            "unknown-license: the licence of `a@1.0` is not told",
            "unused-clarification: `clarify` names `b` (LICENSE in its sources), which is not in the bill",
        ]
    );
}

#[test]
fn a_bill_without_components_fails_unless_it_may() {
    let empty = bill(&[]);

    assert_eq!(
        run(&empty, json!({ "allow": ["MIT"] })).map(|evaluation| evaluation.summary),
        Ok("`sbom.json` has no components".to_owned())
    );
    assert_eq!(
        run(&empty, json!({ "allow": ["MIT"], "allow_empty": true })).map(|evaluation| evaluation.decision),
        Ok(runner_plugin::Decision::Pass)
    );
}

#[test]
fn what_makes_no_sense_is_a_failure() {
    let kind = |config| run(&bill(&[("a", "MIT")]), config).unwrap_err().kind;

    assert_eq!(
        [
            json!({}),
            json!({ "allow": ["Mit"] }),
            json!({ "deny": ["none"] }),
            json!({ "allow": ["MIT"], "exceptions": [{ "component": "a", "allow": ["x"], "reason": "r" }] }),
            json!({ "allow": ["MIT"], "exceptions": [{ "component": "[", "allow": ["MIT"], "reason": "r" }] }),
            json!({ "allow": ["MIT"], "clarify": [{ "component": "a", "license": "MIT OR", "reason": "r" }] }),
            json!({ "allow": ["MIT"], "unknown": "pass" }),
        ]
        .map(kind),
        [FailureKind::InvalidConfig; 7]
    );
    let failure = |text: &str| run(text, json!({ "allow": ["MIT"] })).unwrap_err().kind;
    assert_eq!(["", "{\"bomFormat\": \"Cyclo", "<bom/>"].map(failure), [FailureKind::InvalidInput; 3]);
}
