//! The gate as a pipeline sees it. Requirements: 000-08, 001-10, 001-14, 001-44.

use std::time::Duration;

use super::*;
use runner_plugin::FailureKind;
use runner_plugin::testing::{FakeHost, evaluate};
use serde_json::{Value, json};

const CRITICAL: &str = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H";

/// 2026-07-01T12:00:00Z.
const NOW: Duration = Duration::from_secs(1_782_907_200);

fn trivy(vulnerabilities: Value) -> Value {
    json!({
        "SchemaVersion": 2, "ArtifactName": "app", "ArtifactType": "filesystem",
        "Results": [{ "Target": "requirements.txt", "Class": "lang-pkgs", "Type": "pip", "Vulnerabilities": vulnerabilities }],
    })
}

fn flask(severity: &str, fix: &str) -> Value {
    json!({
        "VulnerabilityID": "CVE-2026-0001", "PkgName": "flask", "InstalledVersion": "3.0.0", "FixedVersion": fix,
        "Severity": severity, "Title": "flask: leaks\nmore",
    })
}

fn judged(report: &Value, more: Value) -> Result<Evaluation, Failure> {
    let mut config = json!({ "files": ["r.json"] });
    config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    evaluate::<VulnThreshold>(&FakeHost::new().file("r.json", report.to_string()).now(NOW), config)
}

fn decided(report: &Value, more: Value) -> Decision {
    judged(report, more).unwrap().decision
}

fn outputs(evaluation: Evaluation, counts: [u64; 8]) -> Evaluation {
    VulnThreshold::OUTPUTS
        .iter()
        .zip(counts)
        .fold(evaluation, |evaluation, (name, count)| evaluation.output(*name, count))
}

/// What a report of another scanner says: each vulnerability as message and help.
fn told(report: Value) -> Vec<(String, String)> {
    let findings = judged(&report, json!({ "max": { "unknown": null, "high": null, "critical": null } }))
        .unwrap()
        .findings;
    findings
        .into_iter()
        .map(|finding| (format!("{}: {}", finding.rule, finding.message), finding.help.unwrap_or_default()))
        .collect()
}

fn pair(one: &str, other: &str) -> (String, String) {
    (one.to_owned(), other.to_owned())
}

/// 000-08 and 001-44: a scan that finds something high or critical is a no, whatever its exit code was.
#[test]
fn a_high_or_critical_vulnerability_is_a_no() {
    assert_eq!(
        judged(&trivy(json!([])), json!({})),
        Ok(outputs(Evaluation::pass("no vulnerabilities"), [0; 8])),
    );
    assert_eq!(
        judged(&trivy(json!([flask("HIGH", "3.0.1")])), json!({})),
        Ok(outputs(
            Evaluation::fail("1 vulnerability: 1 high")
                .finding(Finding::error(
                    "too-many-vulnerabilities",
                    "1 vulnerability of severity `high`, at most 0 may be"
                ))
                .finding(
                    Finding::error("high-vulnerability", "`flask` 3.0.0 has CVE-2026-0001: flask: leaks")
                        .in_file("r.json")
                        .help("update to 3.0.1")
                ),
            [1, 0, 1, 0, 0, 0, 0, 0],
        )),
    );
    assert_eq!(decided(&trivy(json!([flask("MEDIUM", "")])), json!({})), Decision::Pass);
}

/// 001-10 and 001-14: what may be there is the step's own choice.
#[test]
fn each_severity_has_its_ceiling() {
    let medium = trivy(json!([flask("MEDIUM", "")]));

    assert_eq!(decided(&medium, json!({ "max": { "medium": 0 } })), Decision::Fail);
    assert_eq!(decided(&medium, json!({ "max": { "medium": 1 } })), Decision::Warn);
    assert_eq!(
        decided(&trivy(json!([flask("HIGH", "")])), json!({ "max": { "high": null } })),
        Decision::Pass
    );
    assert_eq!(decided(&trivy(json!([flask("HIGH", "")])), json!({ "fixable_only": true })), Decision::Pass);
    assert_eq!(
        decided(&trivy(json!([flask("HIGH", "3.0.1")])), json!({ "fixable_only": true })),
        Decision::Fail
    );
}

#[test]
fn a_severity_that_nobody_knows_counts_as_one_of_its_own() {
    let unknown = trivy(json!([flask("UNKNOWN", "")]));

    assert_eq!(decided(&unknown, json!({})), Decision::Fail);
    assert_eq!(decided(&unknown, json!({ "max": { "unknown": null } })), Decision::Pass);

    let mut with_vector = flask("UNKNOWN", "");
    with_vector["CVSS"] = json!({ "nvd": { "V3Vector": CRITICAL }, "other": { "V3Score": 5.0 } });
    assert_eq!(
        judged(&trivy(json!([with_vector])), json!({})).unwrap().summary,
        "1 vulnerability: 1 critical"
    );
}

#[test]
fn a_vulnerability_counts_once_however_often_it_is_reported() {
    let report = trivy(json!([flask("MEDIUM", ""), flask("HIGH", "3.0.1"), flask("LOW", "")]));

    assert_eq!(
        judged(&report, json!({})).unwrap().findings[1],
        Finding::error("high-vulnerability", "`flask` 3.0.0 has CVE-2026-0001: flask: leaks")
            .in_file("r.json")
            .help("update to 3.0.1")
    );
}

#[test]
fn what_is_ignored_has_a_reason_and_a_last_day() {
    let report = trivy(json!([flask("HIGH", "")]));
    let ignore = |id: &str, until: &str| json!({ "ignore": [{ "id": id, "reason": "not reachable", "until": until }] });

    assert_eq!(
        judged(&report, ignore("cve-2026-0001", "2026-07-01")),
        Ok(outputs(
            Evaluation::pass("no vulnerabilities").finding(Finding::note(
                "ignored",
                "`cve-2026-0001` is ignored until 2026-07-01: not reachable"
            )),
            [0, 0, 0, 0, 0, 0, 1, 0],
        )),
    );
    let expired = judged(&report, ignore("CVE-2026-0001", "2026-06-30")).unwrap();
    assert_eq!(expired.decision, Decision::Fail);
    assert_eq!(
        expired.findings[2],
        Finding::warning(
            "expired-ignore",
            "`CVE-2026-0001` was ignored until 2026-06-30 (not reachable), so it counts"
        )
        .help("fix it, or decide anew and write another day")
    );
    let unused = judged(&trivy(json!([])), ignore("CVE-2025-9", "2027-01-01")).unwrap();
    assert_eq!(
        unused.findings,
        [Finding::warning("unused-ignore", "`CVE-2025-9` is ignored and was not found")
            .help("take it out of `ignore`")]
    );
    let other_package = json!({ "ignore": [{
        "id": "CVE-2026-0001", "package": "click", "reason": "r", "until": "2027-01-01" }] });
    assert_eq!(decided(&report, other_package), Decision::Fail);
}

#[test]
fn an_ignore_without_reason_or_day_is_refused() {
    let refused = |ignore: Value| judged(&trivy(json!([])), json!({ "ignore": [ignore] })).unwrap_err();

    assert_eq!(
        [
            refused(json!({ "id": "A", "reason": " ", "until": "2027-01-01" })),
            refused(json!({ "id": "A", "reason": "r", "until": "2027-02-30" })),
            refused(json!({ "id": "A", "reason": "r", "until": "soon" })),
        ],
        [
            Failure::invalid_config("`ignore` of `A` has no reason"),
            Failure::invalid_config("`ignore` of `A`: `2027-02-30` is not a day"),
            Failure::invalid_config("`ignore` of `A`: `soon` is not a day"),
        ],
    );
    assert_eq!(refused(json!({ "id": "A", "until": "2027-01-01" })).kind, FailureKind::InvalidConfig);
}

#[test]
fn grype_is_understood() {
    let report = json!({
        "matches": [{
            "vulnerability": {
                "id": "GHSA-aaaa", "severity": "Unknown", "description": "bad", "fix": { "versions": ["1.2"], "state": "fixed" },
                "cvss": [{ "version": "3.1", "vector": CRITICAL, "metrics": { "baseScore": 9.8 } }],
            },
            "relatedVulnerabilities": [{ "id": "CVE-2026-2" }],
            "artifact": { "name": "left", "version": "1.1" },
        }],
        "descriptor": { "name": "grype" },
    });
    assert_eq!(
        told(report.clone()),
        [pair("critical-vulnerability: `left` 1.1 has GHSA-aaaa: bad", "update to 1.2")]
    );

    let ignore = json!({ "ignore": [{ "id": "CVE-2026-2", "reason": "r", "until": "2027-01-01" }] });
    assert_eq!(decided(&report, ignore), Decision::Pass);
}

#[test]
fn osv_scanner_is_understood_and_a_group_counts_once() {
    let advisory = |id: &str, severity: Value| {
        json!({
            "id": id, "aliases": [], "summary": "bad",
            "severity": severity, "database_specific": { "severity": "MODERATE" },
            "affected": [{ "package": { "name": "right" }, "ranges": [{ "type": "SEMVER", "events": [{ "introduced": "0" }, { "fixed": "2.0" }] }] }],
        })
    };
    let report = json!({ "results": [{
        "source": { "path": "package-lock.json", "type": "lockfile" },
        "packages": [{
            "package": { "name": "right", "version": "1.9", "ecosystem": "npm" },
            "vulnerabilities": [
                advisory("GHSA-1", json!([{ "type": "CVSS_V3", "score": CRITICAL }])),
                advisory("OSV-1", json!([])),
                advisory("OSV-2", json!([])),
            ],
            "groups": [{ "ids": ["GHSA-1", "OSV-1"], "aliases": ["CVE-2026-3"], "max_severity": "7.5" }],
        }],
    }] });

    assert_eq!(
        told(report),
        [
            pair("high-vulnerability: `right` 1.9 has GHSA-1: bad", "update to 2.0"),
            pair("medium-vulnerability: `right` 1.9 has OSV-2: bad", "update to 2.0"),
        ],
    );
}

#[test]
fn cargo_audit_is_understood_and_its_warnings_are_notes() {
    let report = json!({
        "database": {}, "lockfile": { "dependency-count": 10 }, "settings": {},
        "vulnerabilities": { "found": true, "count": 2, "list": [
            { "advisory": { "id": "RUSTSEC-2026-0001", "cvss": CRITICAL, "title": "bad", "aliases": ["CVE-2026-4"] },
              "versions": { "patched": [">=1.2.3"], "unaffected": [] }, "package": { "name": "tokei", "version": "1.0.0" } },
            { "advisory": { "id": "RUSTSEC-2026-0002", "cvss": null, "title": "odd" },
              "versions": { "patched": [] }, "package": { "name": "time", "version": "0.1.0" } },
        ] },
        "warnings": { "unmaintained": [
            { "kind": "unmaintained", "package": { "name": "old", "version": "0.2.0" }, "advisory": { "title": "nobody is there" } }] },
    });

    assert_eq!(
        told(report),
        [
            pair("critical-vulnerability: `tokei` 1.0.0 has RUSTSEC-2026-0001: bad", "update to >=1.2.3"),
            pair("unknown-vulnerability: `time` 0.1.0 has RUSTSEC-2026-0002: odd", "no fix is known"),
            pair("cargo-audit-warning: `old` 0.2.0 is unmaintained: nobody is there", ""),
        ],
    );
}

#[test]
fn npm_audit_is_understood_and_a_dependent_is_not_counted_again() {
    let report = json!({
        "auditReportVersion": 2,
        "vulnerabilities": {
            "lodash": { "name": "lodash", "severity": "high", "via": [{
                "source": 1673, "name": "lodash", "title": "Prototype pollution", "url": "https://github.com/advisories/GHSA-p6mc",
                "severity": "high", "cvss": { "score": 7.4 }, "range": "<4.17.20" }],
                "fixAvailable": { "name": "lodash", "version": "4.17.21", "isSemVerMajor": false } },
            "async": { "name": "async", "severity": "high", "via": ["lodash"], "fixAvailable": true },
            "moment": { "name": "moment", "severity": "moderate", "via": [{ "source": 2, "title": "slow", "url": "",
                "severity": "moderate", "range": "*" }], "fixAvailable": false },
        },
        "metadata": { "dependencies": { "total": 3 } },
    });

    assert_eq!(
        told(report),
        [
            pair(
                "high-vulnerability: `lodash` <4.17.20 has GHSA-p6mc: Prototype pollution",
                "update to `lodash` 4.17.21"
            ),
            pair("medium-vulnerability: `moment` * has 2: slow", "no fix is known"),
        ],
    );
}

/// 001-14: `safety check` is clean.
#[test]
fn pip_audit_and_safety_are_understood() {
    let pip_audit = json!({
        "dependencies": [
            { "name": "flask", "version": "0.5", "vulns": [
                { "id": "PYSEC-2019-179", "fix_versions": ["1.0"], "aliases": ["CVE-2019-1010083"], "description": "memory" }] },
            { "name": "local", "skip_reason": "not on PyPI" },
        ],
        "fixes": [],
    });
    assert_eq!(
        told(pip_audit),
        [
            pair("unknown-vulnerability: `flask` 0.5 has PYSEC-2019-179: memory", "update to 1.0"),
            pair("not-scanned: `local` was not scanned: not on PyPI", ""),
        ],
    );

    let safety = json!({
        "report_meta": { "packages_found": 4 }, "affected_packages": {}, "ignored_vulnerabilities": [],
        "vulnerabilities": [{
            "vulnerability_id": "44742", "package_name": "django", "analyzed_version": "2.2", "CVE": "CVE-2022-22818",
            "fixed_versions": ["2.2.27"], "advisory": "XSS",
            "severity": { "cvssv3": { "base_score": 6.1, "base_severity": "MEDIUM" } },
        }],
    });
    assert_eq!(told(safety), [pair("medium-vulnerability: `django` 2.2 has 44742: XSS", "update to 2.2.27")]);
}

#[test]
fn a_report_in_which_nothing_was_scanned_is_inconclusive() {
    let empty = json!({ "SchemaVersion": 2, "ArtifactName": "app" });

    assert_eq!(
        judged(&empty, json!({})),
        Ok(outputs(Evaluation::inconclusive("nothing was scanned for `r.json`"), [0; 8])),
    );
    assert_eq!(decided(&empty, json!({ "allow_empty": true })), Decision::Pass);
    assert_eq!(decided(&json!({ "dependencies": [], "fixes": [] }), json!({})), Decision::Inconclusive);
}

#[test]
fn ten_thousand_vulnerabilities_are_shown_in_part_and_counted_as_a_whole() {
    let many: Vec<Value> = (0..10_000)
        .map(|n| json!({ "VulnerabilityID": format!("CVE-{n}"), "PkgName": "p", "Severity": "HIGH" }))
        .collect();
    let answer = judged(&trivy(json!(many)), json!({})).unwrap();

    assert_eq!(answer.summary, "10000 vulnerabilities: 10000 high");
    assert_eq!(answer.findings.len(), 102);
}

#[test]
fn what_is_no_report_is_a_failure_with_its_place() {
    let refused = |text: String, format: Option<&str>| {
        let config = json!({ "files": ["r.json"], "format": format });
        evaluate::<VulnThreshold>(&FakeHost::new().file("r.json", text), config).unwrap_err()
    };
    let whole = trivy(json!([flask("HIGH", "")])).to_string();
    let unknown = "`r.json`: this is not the report of a scanner that is known; `format` names it";

    assert_eq!(
        [
            refused(whole[..whole.len() - 9].to_owned(), None),
            refused("{}".to_owned(), None),
            refused(r#"{ "error": { "code": "ENOLOCK", "summary": "no lockfile" } }"#.to_owned(), None),
            refused("{}".to_owned(), Some("grype")),
            refused(json!({ "auditReportVersion": 1 }).to_string(), None),
            refused(json!({ "SchemaVersion": 2, "ArtifactName": "a", "Results": {} }).to_string(), None),
            refused(trivy(json!([{ "PkgName": "p" }])).to_string(), None),
            refused(trivy(json!([1])).to_string(), None),
            refused(trivy(json!([{ "VulnerabilityID": 7 }])).to_string(), None),
        ],
        [
            "read `r.json` as JSON: line 1, column 300: EOF while parsing a string",
            unknown,
            unknown,
            "`r.json`: it has no `matches`",
            "`r.json`: its `auditReportVersion` is not 2, the one of npm 7 and later",
            "`r.json` at `/Results`: it is {}, not a list",
            "`r.json` at `/Results/0/Vulnerabilities/0`: it has no `VulnerabilityID`",
            "`r.json` at `/Results/0/Vulnerabilities/0`: it is 1, not an object",
            "`r.json` at `/Results/0/Vulnerabilities/0/VulnerabilityID`: it is 7, not a text",
        ]
        .map(Failure::invalid_input),
    );
}

#[test]
fn a_file_that_is_missing_or_in_another_encoding_is_a_failure() {
    let host = FakeHost::new().file("latin", b"{ \"caf\xe9\": 1 }").file("utf16", b"\xff\xfe{\0}\0");
    let kind = |path: &str| {
        evaluate::<VulnThreshold>(&host, json!({ "files": [path] })).map_err(|failure| failure.kind)
    };

    assert_eq!(
        ["gone", "latin", "utf16"].map(kind),
        [FailureKind::Unavailable, FailureKind::InvalidInput, FailureKind::InvalidInput].map(Err)
    );
}
