//! The gate as a pipeline sees it. Requirements: 000-04, 001-43, 002-03, 004-23.

use super::*;
use runner_plugin::testing::{FakeHost, evaluate};
use runner_plugin::{Decision, FailureKind};
use serde_json::json;

fn codex(symbols: usize) -> String {
    json!({ "symbols": vec!["glyph"; symbols] }).to_string()
}

/// One document `d`, one assertion.
fn asked(document: &str, assertion: Value) -> Result<Evaluation, Failure> {
    let host = FakeHost::new().file("d.json", document);
    let mut named = json!({ "name": "a" });
    named.as_object_mut().unwrap().extend(assertion.as_object().unwrap().clone());
    evaluate::<JsonAssert>(&host, json!({ "documents": { "d": "d.json" }, "assert": [named] }))
}

fn that(document: &str, expression: &str) -> Result<Decision, String> {
    asked(document, json!({ "that": expression }))
        .map(|answer| answer.decision)
        .map_err(|failure| failure.message)
}

fn at(document: &str, pointer: &str, expected: Value) -> Result<Decision, String> {
    let mut assertion = json!({ "at": pointer });
    assertion.as_object_mut().unwrap().extend(expected.as_object().unwrap().clone());
    asked(document, assertion).map(|answer| answer.decision).map_err(|failure| failure.message)
}

/// 000-04: the codex has exactly 256 symbols, not 255 and not 257.
#[test]
fn a_codex_has_exactly_256_symbols() {
    let config = json!({
        "documents": { "codex": "codex.json" },
        "assert": [
            { "name": "256 symbols", "that": "size(codex.symbols) == 256" },
            { "name": "256 again", "at": "/symbols", "count": { "equals": 256 }, "message": "a symbol is lost" },
        ],
    });
    let with = |symbols: usize| {
        evaluate::<JsonAssert>(&FakeHost::new().file("codex.json", codex(symbols)), config.clone())
    };

    assert_eq!(
        with(256),
        Ok(Evaluation::pass("2 assertions hold").output("assertions", 2).output("failed", 0))
    );
    assert_eq!(
        with(255),
        Ok(Evaluation::fail("2 of 2 assertions do not hold")
            .finding(
                Finding::error("assertion", "`256 symbols`: `size(codex.symbols) == 256` is false")
                    .in_file("codex.json")
            )
            .finding(
                Finding::error(
                    "assertion",
                    "`256 again`: a symbol is lost (the count at `/symbols`: 255 is not 256)"
                )
                .in_file("codex.json")
            )
            .output("assertions", 2)
            .output("failed", 2)),
    );
    assert_eq!(with(257).unwrap().decision, Decision::Fail);
}

/// 004-23 and 001-43: thresholds on metrics, over several documents of several formats; 002-03: a report is not empty.
#[test]
fn thresholds_hold_over_several_documents() {
    let host = FakeHost::new()
        .file("metrics.yaml", "avg_response_time: 180\nactive_sessions: 12\ntotal_interactions: 3400\n")
        .file("survey.toml", "satisfaction = 4.6\nsecurity_issues = 0\n")
        .file("bios", r#"{ "status": "ok", "devices": ["motor"] }"#);
    let config = json!({
        "documents": {
            "metrics": "metrics.yaml", "survey": "survey.toml", "bios": { "file": "bios", "format": "json" },
        },
        "assert": [
            { "name": "fast", "in": "metrics", "at": "/avg_response_time", "is": { "below": 200 } },
            { "name": "liked", "that": "survey.satisfaction > 4.5 && survey.security_issues == 0" },
            { "name": "load", "that": "metrics.total_interactions / metrics.active_sessions < 250", "severity": "warning" },
            { "name": "devices", "in": "bios", "at": "/devices", "count": { "above": 0 } },
            { "name": "status", "in": "bios", "at": "/status", "equals": "ok" },
            { "name": "no faults", "in": "bios", "at": "/faults", "exists": false },
        ],
    });

    assert_eq!(
        evaluate::<JsonAssert>(&host, config),
        Ok(Evaluation::warn("1 of 6 assertions does not hold")
            .finding(Finding::warning(
                "assertion",
                "`load`: `metrics.total_interactions / metrics.active_sessions < 250` is false"
            ))
            .output("assertions", 6)
            .output("failed", 1)),
    );
}

#[test]
fn expressions_see_whole_documents() {
    let document = r#"{ "a": [1, 2.5, "x", null, true], "b": { "c": 18446744073709551615 }, "k-y": 1 }"#;

    for expression in [
        "d.a[0] == 1",
        "d.a[1] == 2.5",
        "d.a[2] == 'x'",
        "d.a[3] == null",
        "d.a[4]",
        "d.b.c == 18446744073709551615u",
        "d['k-y'] == 1",
        "has(d.b.c) && !has(d.b.d)",
        "d.a.exists(x, x == 'x')",
        "'x'.matches('^[a-z]$')",
    ] {
        assert_eq!(that(document, expression), Ok(Decision::Pass), "{expression}");
    }
}

#[test]
fn an_expression_without_an_answer_is_a_failure_that_names_it() {
    let document = r#"{ "a": 1, "t": "1", "l": [] }"#;

    assert_eq!(
        [
            "d.missing == 1",
            "d.a.b == 1",
            "d.a",
            "d.l",
            "d.l[0] == 1",
            "d.a / 0 == 1",
            "d.a < d.t",
            "d.t + 1 == 2",
            "unknown(d)",
            "d.a == 2 || d.missing",
        ]
        .map(|expression| that(document, expression)),
        [
            "`a`: `d.missing == 1`: no such key `missing`; `has(…)` asks whether there is one",
            "`a`: `d.a.b == 1`: `_._` does not go with int and string",
            "`a`: `d.a`: it is neither true nor false, but of type int",
            "`a`: `d.l`: it is neither true nor false, but of type list",
            "`a`: `d.l[0] == 1`: the list has no such element",
            "`a`: `d.a / 0 == 1`: division by zero",
            "`a`: `d.a < d.t`: `_<_` does not go with int and string",
            "`a`: `d.t + 1 == 2`: string and int do not go together",
            "`a`: `unknown(d)`: Undeclared reference to 'unknown'",
            "`a`: `d.a == 2 || d.missing`: no such key `missing`; `has(…)` asks whether there is one",
        ]
        .map(|message| Err(message.to_owned())),
    );
}

#[test]
fn a_number_that_is_text_is_not_equal_to_the_number() {
    assert_eq!(that(r#"{ "n": "256" }"#, "d.n == 256"), Ok(Decision::Fail));
    assert_eq!(at(r#"{ "n": "256" }"#, "/n", json!({ "equals": 256 })), Ok(Decision::Fail));
    assert_eq!(
        at(r#"{ "n": "256" }"#, "/n", json!({ "is": { "equals": 256 } })),
        Err("`a`: at `/n` of `d.json` there is \"256\", not a number".to_owned()),
    );
}

#[test]
fn what_cannot_be_answered_wins_over_what_does_not_hold_and_the_log_has_both() {
    let host = FakeHost::new().file("d.json", "{}");
    let config = json!({
        "documents": { "d": "d.json" },
        "assert": [
            { "name": "no", "that": "1 == 2" },
            { "name": "lost", "at": "/a", "equals": 1 },
            { "name": "lost too", "that": "d.a == 1" },
        ],
    });

    assert_eq!(
        evaluate::<JsonAssert>(&host, config),
        Err(Failure::invalid_input("`lost`: `d.json` has nothing at `/a`; 1 more without an answer")),
    );
    let logged: Vec<String> = host.logged().into_iter().map(|line| line.text).collect();
    assert_eq!(logged, ["`no`: `1 == 2` is false"]);
}

#[test]
fn a_place_can_be_asked_for_its_value_its_count_and_whether_it_is_there() {
    let document = r#"{ "a": { "b": [1, 2], "c/d": null }, "t": "äöü" }"#;
    let hold = [
        ("/a/b", json!({ "equals": [1.0, 2] })),
        ("/a/c~1d", json!({ "equals": null })),
        ("/a/c~1d", json!({ "exists": true })),
        ("/a/x", json!({ "exists": false })),
        ("/a", json!({ "count": { "equals": 2 } })),
        ("/t", json!({ "count": { "equals": 3 } })),
        ("", json!({ "count": { "at_least": 2 } })),
        ("/a/b/1", json!({ "is": { "at_most": 2 } })),
    ];
    for (pointer, expected) in hold {
        assert_eq!(at(document, pointer, expected.clone()), Ok(Decision::Pass), "{pointer} {expected}");
    }

    let broken = |pointer: &str, expected: Value| {
        let mut assertion = json!({ "at": pointer });
        assertion.as_object_mut().unwrap().extend(expected.as_object().unwrap().clone());
        asked(document, assertion).unwrap().findings.remove(0).message
    };
    assert_eq!(
        [
            broken("/a", json!({ "equals": { "b": [1, 2] } })),
            broken("/a/b", json!({ "equals": [1] })),
            broken("/a/x", json!({ "exists": true })),
            broken("/a", json!({ "exists": false })),
            broken("/a/b/0", json!({ "is": { "above": 1 } })),
        ],
        [
            "`a`: at `/a` `$.c/d` is there, and should not be",
            "`a`: at `/a/b` `$` is [1,2], not [1]",
            "`a`: there is nothing at `/a/x`",
            "`a`: there is something at `/a`",
            "`a`: at `/a/b/0` 1 is not above 1",
        ],
    );
    assert_eq!(
        at(document, "/a/b/0", json!({ "count": { "above": 1 } })),
        Err("`a`: at `/a/b/0` of `d.json` there is 1, not a list, an object or a text".to_owned()),
    );
}

#[test]
fn a_config_that_asks_nothing_clear_is_refused_before_any_file_is_read() {
    let refused = |assertion: Value| {
        let mut named = json!({ "name": "a" });
        named.as_object_mut().unwrap().extend(assertion.as_object().unwrap().clone());
        let config = json!({ "documents": { "d": "d.json", "e": "e.json" }, "assert": [named] });
        evaluate::<JsonAssert>(&FakeHost::new(), config).unwrap_err()
    };
    let unclear =
        "`a`: an assertion needs either `that`, or `at` with one of `equals`, `is`, `count` and `exists`";

    assert_eq!(
        [
            json!({}),
            json!({ "that": "true", "at": "" }),
            json!({ "in": "d", "at": "/a" }),
            json!({ "in": "d", "at": "/a", "equals": 1, "exists": true }),
            json!({ "at": "/a", "equals": 1 }),
            json!({ "in": "f", "at": "/a", "equals": 1 }),
            json!({ "in": "d", "at": "/a", "is": {} }),
            json!({ "that": "d.a ==" }),
            json!({ "that": "f.a == 1" }),
            json!({ "that": format!("{}d{}", "(".repeat(100), ")".repeat(100)) }),
            json!({ "that": format!("d{}", " + d".repeat(1_000)) }),
            json!({ "that": format!("d.{}", "a".repeat(5_000)) }),
        ]
        .map(refused),
        [
            unclear,
            unclear,
            unclear,
            unclear,
            "`a`: there are several documents, so `in` has to name one",
            "`a`: there is no document `f`",
            "`a`: `is` needs one of `at_least`, `above`, `at_most`, `below` and `equals`",
            "`a`: `that`: line 1, column 7: mismatched input `<EOF>` expecting expression",
            "`a`: `that`: there is no `f`; known: `d`, `e`",
            "`a`: `that`: the expression has more than 128 operators, dots and brackets",
            "`a`: `that`: the expression has more than 128 operators, dots and brackets",
            "`a`: `that`: the expression is 5002 bytes long; 4096 are the most",
        ]
        .map(Failure::invalid_config),
    );
}

#[test]
fn what_is_no_document_is_a_failure_with_its_place() {
    let refused = |text: &[u8]| {
        let host = FakeHost::new().file("d.json", text);
        let assertion = json!({ "name": "a", "that": "true" });
        evaluate::<JsonAssert>(&host, json!({ "documents": { "d": "d.json" }, "assert": [assertion] }))
            .unwrap_err()
    };

    assert_eq!(
        [&b"{ \"a\": [1"[..], b"", b"{ \"a\": NaN }", b"{} {}", b"{ \"a\": 1, \"a\": 1 }"].map(refused),
        [
            "read `d.json` as JSON: line 1, column 9: EOF while parsing a list",
            "read `d.json` as JSON: line 1, column 1: EOF while parsing a value",
            "read `d.json` as JSON: line 1, column 8: expected value",
            "read `d.json` as JSON: line 1, column 4: trailing characters",
            "read `d.json` as JSON: line 1, column 13: `a` stands twice in this object",
        ]
        .map(Failure::invalid_input),
    );
    assert_eq!(
        [&b"\xff\xfe{\0}\0"[..], b"{ \"caf\xe9\": 1 }", &b"[".repeat(100_000)].map(|text| refused(text).kind),
        [FailureKind::InvalidInput; 3]
    );
    assert_eq!(refused(&vec![b' '; 16 * 1024 * 1024 + 1]).kind, FailureKind::BudgetExceeded);
}

#[test]
fn a_file_that_is_missing_or_of_no_known_format_is_a_failure() {
    let read = |path: &str| {
        let config = json!({ "documents": { "d": path }, "assert": [{ "name": "a", "that": "true" }] });
        evaluate::<JsonAssert>(&FakeHost::new(), config).unwrap_err().kind
    };
    assert_eq!(["d.json", "d.txt"].map(read), [FailureKind::Unavailable, FailureKind::InvalidConfig]);
}
