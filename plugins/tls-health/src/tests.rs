//! The health check as a pipeline sees it. Requirements: 002-30, 004-17. Chains that are not trusted need a real handshake;
//! they are shown through the runner.

use super::*;
use rcgen::{CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use runner_plugin::testing::{Conversation, FakeHost, probe};
use serde_json::{Value, json};

/// 2026-06-01T00:00:00Z. The certificate of these tests is good from 2026-01-01 to 2026-07-01.
const JUNE: u64 = 1_780_272_000;
const DAY: u64 = 24 * 60 * 60;

const WELL: Health = Health::Healthy;
const ILL: Health = Health::Unhealthy;

fn authority(until: i32) -> (CertificateParams, KeyPair) {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(until, 6, 3);
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::OrganizationName, "Example Trust");
    (params, KeyPair::generate().unwrap())
}

/// A leaf for `app.test`, `*.app.test` and 127.0.0.1, and who issued it.
fn chain(until: i32) -> Vec<Vec<u8>> {
    let (above, above_key) = authority(until);
    let above_der = above.self_signed(&above_key).unwrap().der().to_vec();
    let names = ["app.test", "*.app.test", "127.0.0.1"].map(str::to_owned);
    let mut leaf = CertificateParams::new(names).unwrap();
    leaf.not_before = date_time_ymd(2026, 1, 1);
    leaf.not_after = date_time_ymd(2026, 7, 1);
    leaf.distinguished_name = DistinguishedName::new();
    leaf.distinguished_name.push(DnType::CommonName, "app.test");
    let issuer = Issuer::from_params(&above, &above_key);
    let leaf = leaf.signed_by(&KeyPair::generate().unwrap(), &issuer).unwrap();
    vec![leaf.der().to_vec(), above_der]
}

fn server(protocol: &str, certificates: Vec<Vec<u8>>, now: u64) -> FakeHost {
    let facts = TlsFacts { protocol: protocol.to_owned(), certificates };
    FakeHost::new().now(Duration::from_secs(now)).listener("app.test:443", Conversation::new().shows(facts))
}

fn with(more: Value) -> Value {
    let mut config = json!({ "address": "app.test:443" });
    for (key, value) in more.as_object().unwrap() {
        config[key] = value.clone();
    }
    config
}

fn measured(host: &FakeHost, more: Value) -> Report {
    probe::<TlsHealth>(host, with(more)).unwrap()
}

fn check(name: &str, health: Health, message: &str) -> Check {
    Check::new(name, health, message)
}

fn part(host: &FakeHost, more: Value, name: &str) -> Check {
    measured(host, more).checks.into_iter().find(|check| check.name == name).unwrap()
}

/// 004-17, 002-30: the certificate is valid and does not run out soon.
#[test]
fn a_server_as_it_should_be_is_healthy() {
    let host = server("TLSv1.3", chain(2030), JUNE);
    let config = json!({
        "names": ["www.app.test", "127.0.0.1"],
        "min_version": "TLSv1.3",
        "issuer": "O=Example Trust",
        "latency": { "degraded_ms": 100 },
    });

    assert_eq!(
        probe::<TlsHealth>(&host, with(config)),
        Ok(Report::of(
            vec![
                check("chain", WELL, "the chain is trusted"),
                check("protocol", WELL, "TLSv1.3"),
                check("name", WELL, "the certificate is for this name"),
                check("days", WELL, "the certificate is good for 30 days, until 2026-07-01T00:00:00Z"),
                check("issuer", WELL, "issued by `O=Example Trust`"),
                check("key", WELL, "the key is P-256"),
                check("latency", WELL, "it took 0 ms"),
            ],
            "healthy: TLSv1.3, 30 days left"
        )
        .output("days_left", 30)
        .output("not_after", "2026-07-01T00:00:00Z")
        .output("subject", "CN=app.test")
        .output("issuer", "O=Example Trust")
        .output("key", "P-256")
        .output("protocol", "TLSv1.3")
        .output("latency_ms", 0)),
    );
}

/// 004-17: not expiring within N days.
#[test]
fn a_certificate_that_runs_out_is_degraded_and_then_unhealthy() {
    let days = |now: u64| part(&server("TLSv1.3", chain(2030), now), json!({}), "days");
    let good = |left: &str| format!("the certificate is good for {left}, until 2026-07-01T00:00:00Z");

    assert_eq!(days(JUNE + 9 * DAY), check("days", WELL, &good("21 days")));
    assert_eq!(days(JUNE + 9 * DAY + 1), check("days", Health::Degraded, &good("20 days")));
    assert_eq!(days(JUNE + 23 * DAY), check("days", Health::Degraded, &good("7 days")));
    assert_eq!(days(JUNE + 24 * DAY), check("days", ILL, &format!("{}; 7 days are too few", good("6 days"))));
    assert_eq!(days(JUNE + 31 * DAY), check("days", ILL, "the certificate ran out at 2026-07-01T00:00:00Z"));
    assert_eq!(
        days(JUNE - 365 * DAY),
        check("days", ILL, "the certificate is not good before 2026-01-01T00:00:00Z")
    );
}

#[test]
fn a_certificate_above_that_runs_out_is_a_warning() {
    assert_eq!(
        part(&server("TLSv1.3", chain(2026), JUNE), json!({}), "days"),
        check(
            "days",
            Health::Degraded,
            "the certificate of `O=Example Trust` above it is good until 2026-06-03T00:00:00Z"
        ),
    );
}

#[test]
fn names_are_compared_label_by_label() {
    let names = |names: Value| part(&server("TLSv1.3", chain(2030), JUNE), json!({ "names": names }), "name");
    let for_others = |which: &str| {
        let message =
            format!("the certificate is not for {which}, but for `app.test`, `*.app.test`, `127.0.0.1`");
        check("name", ILL, &message)
    };

    assert_eq!(names(json!(["WWW.App.Test."])).health, WELL);
    assert_eq!(names(json!(["a.b.app.test"])), for_others("`a.b.app.test`"));
    assert_eq!(names(json!([".app.test", "127.0.0.2"])), for_others("`.app.test`, `127.0.0.2`"));
    assert_eq!(
        part(&server("TLSv1.3", chain(2030), JUNE), json!({ "server_name": "evil.test" }), "name"),
        for_others("`evil.test`")
    );
}

#[test]
fn an_old_protocol_and_another_issuer_are_unhealthy() {
    let host = server("TLSv1.2", chain(2030), JUNE);

    assert_eq!(
        part(&host, json!({ "min_version": "TLSv1.3" }), "protocol"),
        check("protocol", ILL, "it speaks TLSv1.2, not TLSv1.3")
    );
    assert_eq!(
        part(&host, json!({ "issuer": "O=Let's Encrypt" }), "issuer"),
        check("issuer", ILL, "issued by `O=Example Trust`, not by `O=Let's Encrypt`")
    );
}

#[test]
fn a_short_key_and_a_certificate_signed_by_itself_are_seen() {
    let old = include_bytes!("fixtures/rsa-1024.der").to_vec();
    let host = server("TLSv1.2", vec![old], 1_800_000_000);

    let report = measured(&host, json!({ "server_name": "legacy.test", "verify": false }));

    assert_eq!(
        report.checks[0],
        check("chain", WELL, "the certificate is signed by itself, which `verify: false` allows")
    );
    assert_eq!(report.checks[4], check("key", ILL, "the key is RSA of 1024 bits, not 2048 bits"));
    assert_eq!(report.outputs[2].value, "CN=legacy.test,O=Old & Co");
    assert_eq!(
        part(&server("TLSv1.3", chain(2030), JUNE), json!({ "min_ec_bits": 384 }), "key"),
        check("key", ILL, "the key is P-256, not 384 bits")
    );
}

#[test]
fn a_server_that_speaks_no_tls_is_unhealthy() {
    let host = FakeHost::new().listener("app.test:443", Conversation::new());
    let message = "start TLS with tcp://app.test:443: the other side does not speak TLS";

    assert_eq!(measured(&host, json!({})).checks, [check("chain", ILL, message)]);
    assert_eq!(measured(&host, json!({ "verify": false })).checks, [check("handshake", ILL, message)]);
    assert_eq!(measured(&host, json!({})).outputs.iter().filter(|output| output.value.is_null()).count(), 7);
}

#[test]
fn a_server_that_may_not_be_reached_is_a_failure() {
    assert_eq!(
        probe::<TlsHealth>(&FakeHost::new(), with(json!({}))),
        Err(Failure::new(
            FailureKind::Denied,
            "connect tcp://app.test:443: denied, no grant of this step covers it"
        )),
    );
}

#[test]
fn what_is_no_certificate_is_a_failure() {
    let failed = |certificates: Vec<Vec<u8>>| {
        probe::<TlsHealth>(&server("TLSv1.3", certificates, JUNE), with(json!({}))).unwrap_err().message
    };
    let good = include_bytes!("fixtures/rsa-1024.der").to_vec();
    let half = good[..300].to_vec();
    let unreadable =
        |number: usize, why: &str| format!("certificate {number} of the chain cannot be read: {why}");

    assert_eq!(failed(Vec::new()), "the server showed no certificate");
    assert_eq!(
        failed(vec![b"-----BEGIN".to_vec()]),
        unreadable(1, "unknown/unsupported ASN.1 DER tag: 0x2d at DER byte 1")
    );
    assert_eq!(
        failed(vec![good, half]),
        unreadable(2, "ASN.1 DER message is incomplete: expected 301, actual 300 at DER byte 300")
    );
    assert_eq!(
        failed(vec![vec![0x30; 200_000]]),
        unreadable(1, "ASN.1 DER message is incomplete: expected 51, actual 50 at DER byte 50")
    );
}

#[test]
fn the_manifest_is_the_package() {
    let manifest = manifest();

    assert_eq!(manifest.name, "tls-health");
    assert_eq!(
        manifest.outputs,
        ["days_left", "not_after", "subject", "issuer", "key", "protocol", "latency_ms"]
    );
}
