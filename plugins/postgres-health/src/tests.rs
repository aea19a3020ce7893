//! The health check as a pipeline sees it. Requirements: 000-44, 003-94, 004-21, 004-22. The messages are those of
//! PostgreSQL 15.18; the login has one round of hashing, so that the tests are quick.

use super::*;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use runner_plugin::FailureKind;
use runner_plugin::host::TlsFacts;
use runner_plugin::testing::{Conversation, FakeHost, probe, request};
use serde_json::{Value, json};

const ADDRESS: &str = "db:5432";
const WELL: Health = Health::Healthy;
const ILL: Health = Health::Unhealthy;

fn message(letter: char, body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    let length = u32::try_from(body.len() + 4).unwrap().to_be_bytes();
    [&[u8::try_from(letter).unwrap()], length.as_slice(), body].concat()
}

fn authentication(code: u32, data: &str) -> Vec<u8> {
    message('R', [code.to_be_bytes().as_slice(), data.as_bytes()].concat())
}

fn welcome() -> Vec<u8> {
    [
        authentication(0, ""),
        message('S', "server_version\x0015.18 (Debian 15.18-0+deb12u1)\0"),
        message('N', "SNOTICE\0C00000\0Mhello\0\0"),
        message('K', [0; 8]),
        message('Z', "I"),
    ]
    .concat()
}

fn error(code: &str, text: &str) -> Vec<u8> {
    message('E', format!("SFATAL\0VFATAL\0C{code}\0M{text}\0Fauth.c\0\0"))
}

/// The answers to a question in its transaction.
fn answer(value: Option<&str>) -> Vec<Vec<u8>> {
    let column = value.map_or_else(
        || u32::MAX.to_be_bytes().to_vec(),
        |value| [u32::try_from(value.len()).unwrap().to_be_bytes().as_slice(), value.as_bytes()].concat(),
    );
    let row = [[0, 1].as_slice(), &column].concat();
    wrapped([message('T', "\0\0"), message('D', row), message('C', "SELECT 1\0")].concat())
}

fn wrapped(rows: Vec<u8>) -> Vec<Vec<u8>> {
    let begun = [message('C', "BEGIN\0"), message('C', "SET\0"), message('Z', "T")].concat();
    let over = [message('C', "ROLLBACK\0"), message('Z', "I")].concat();
    vec![begun, [rows, message('Z', "T")].concat(), over]
}

fn server(said: impl IntoIterator<Item = Vec<u8>>) -> FakeHost {
    let conversation = said.into_iter().fold(Conversation::new(), Conversation::says);
    FakeHost::new().listener(ADDRESS, conversation)
}

fn trusting(answers: impl IntoIterator<Item = Vec<Vec<u8>>>) -> FakeHost {
    server([welcome()].into_iter().chain(answers.into_iter().flatten()))
}

fn with(more: Value) -> Value {
    let mut config = json!({ "address": ADDRESS, "database": "l9", "user": "ada" });
    for (key, value) in more.as_object().unwrap() {
        config[key] = value.clone();
    }
    config
}

fn measured(host: &FakeHost, more: Value) -> Report {
    probe::<PostgresHealth>(host, with(more)).unwrap()
}

fn refused(host: &FakeHost, more: Value) -> Failure {
    probe::<PostgresHealth>(host, with(more)).unwrap_err()
}

fn check(name: &str, health: Health, message: &str) -> Check {
    Check::new(name, health, message)
}

/// 003-94, 004-21, 000-44: the database is reachable, and what the migration makes is there.
#[test]
fn a_server_as_it_should_be_is_healthy() {
    let host = trusting([answer(Some("f")), answer(Some("1")), answer(Some("42"))]);
    let config = json!({
        "min_version": 15,
        "in_recovery": false,
        "tables": ["public.analytics_events"],
        "query": { "sql": "SELECT count(*) FROM analytics_events", "equals": "42" },
        "latency": { "degraded_ms": 100 },
    });

    assert_eq!(
        probe::<PostgresHealth>(&host, with(config)),
        Ok(Report::of(
            vec![
                check("login", WELL, "the login is accepted, without a password"),
                check("latency", WELL, "it took 0 ms"),
                check("version", WELL, "version 15"),
                check("recovery", WELL, "it is no standby"),
                check("tables", WELL, "all tables are there"),
                check("query", WELL, "the query is answered with `42`"),
            ],
            "healthy: PostgreSQL 15.18 (Debian 15.18-0+deb12u1)"
        )
        .output("version", "15.18 (Debian 15.18-0+deb12u1)")
        .output("in_recovery", false)
        .output("value", "42")
        .output("latency_ms", 0)),
    );
    let heard = String::from_utf8_lossy(&host.heard(ADDRESS)).into_owned();
    assert_eq!(heard.matches("BEGIN READ ONLY; SET LOCAL statement_timeout = 5000\0").count(), 3);
    assert_eq!(heard.matches("ROLLBACK\0").count(), 3);
}

/// 004-21, the other way round.
#[test]
fn what_is_not_as_expected_is_unhealthy() {
    let host = trusting([answer(Some("t")), answer(Some("0")), answer(Some("1")), answer(None)]);
    let config = json!({
        "min_version": 16,
        "in_recovery": false,
        "tables": ["a", "b"],
        "query": { "sql": "SELECT null", "equals": "1" },
    });

    assert_eq!(
        measured(&host, config).checks[1..],
        [
            check("version", ILL, "version 15, not 16 or later"),
            check("recovery", ILL, "it is a standby"),
            check("tables", ILL, "table `a` is missing"),
            check("query", ILL, "the query is answered with null, not `1`"),
        ],
    );
}

#[test]
fn a_query_that_fails_or_says_nothing_is_unhealthy() {
    let denied = [error("42501", "permission denied for table keys")].concat();
    let summary =
        |answer: Vec<u8>| measured(&trusting([self::answer(Some("f")), wrapped(answer)]), json!({})).summary;

    assert_eq!(summary(denied), "unhealthy: the query fails: permission denied for table keys (42501)");
    assert_eq!(summary(message('C', "SELECT 0\0")), "unhealthy: the query has no row for an answer");
}

#[test]
fn a_server_that_lets_nobody_in_is_unhealthy() {
    let summary = |said| measured(&server([said]), json!({})).summary;

    assert_eq!(
        summary(error("57P03", "the database system is starting up")),
        "unhealthy: the login is refused: the database system is starting up (57P03)"
    );
    assert_eq!(
        summary([authentication(0, ""), error("53300", "sorry, too many clients already")].concat()),
        "unhealthy: the login is refused: sorry, too many clients already (53300)"
    );
    assert_eq!(summary(Vec::new()), "unhealthy: db:5432 closed the connection");
    assert_eq!(summary(b"R\0\0\0\x17".to_vec()), "unhealthy: db:5432 closed the connection");
}

/// A server with the password `s3cr3t`, and what it says last.
fn scram_server(last: impl FnOnce(&scram::Proof) -> Vec<u8>) -> FakeHost {
    let empty = FakeHost::new().secret("db_password", "s3cr3t").host();
    let config = serde_json::from_value::<Config>(with(json!({}))).unwrap();
    let nonce = Login { config: &config, request: &request(), host: &empty }.nonce();
    let first = format!("r={nonce}0B5Z3V,s=3oJvwXNQ4E9FzcmmSRJXJA==,i=1");
    let proof = scram::prove(&scram::ServerFirst::read(&first, &nonce).unwrap(), &nonce, |data| {
        empty.secret("db_password").unwrap().hmac_sha256(data)
    });
    let said = [
        authentication(10, "SCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0"),
        authentication(11, &first),
        last(&proof),
    ];
    server(said.into_iter().chain(answer(Some("f"))).chain(answer(Some("1"))))
}

fn signature(proof: &scram::Proof) -> String {
    format!("v={}", STANDARD.encode(proof.server_signature))
}

/// The fake host does not let the secret be revealed: nothing here has seen it.
#[test]
fn a_password_is_proved_and_never_seen() {
    let host = scram_server(|proof| [authentication(12, &signature(proof)), welcome()].concat())
        .secret("db_password", "s3cr3t");

    assert_eq!(
        measured(&host, json!({ "password": "db_password" })).checks[0],
        check("login", WELL, "the login is accepted")
    );
    assert!(!String::from_utf8_lossy(&host.heard(ADDRESS)).contains("s3cr3t"));
}

#[test]
fn a_wrong_password_is_unhealthy() {
    let no = error("28P01", "password authentication failed for user \"ada\"");
    let host = scram_server(|_| no).secret("db_password", "other");

    assert_eq!(
        measured(&host, json!({ "password": "db_password" })).summary,
        "unhealthy: the login is refused: password authentication failed for user \"ada\" (28P01)"
    );
}

#[test]
fn a_server_that_proves_nothing_is_a_failure() {
    let failed = |last: Vec<u8>| {
        let host = scram_server(|_| last).secret("db_password", "s3cr3t");
        refused(&host, json!({ "password": "db_password" }))
    };
    let cannot = "the server cannot prove that it knows the password: it may be another one than you mean";
    let never = "the server ends the login without having proved that it knows the password";

    assert_eq!(failed(authentication(12, "v=AAAA")), Failure::invalid_input(cannot));
    assert_eq!(failed(welcome()), Failure::invalid_input(never));
}

#[test]
fn logins_that_show_the_password_are_refused() {
    let wants = |code| refused(&server([authentication(code, "\0\0\0\0")]), json!({})).message;
    let rather = "set `password_encryption = scram-sha-256`, set the password anew, and use `scram-sha-256` in \
                  `pg_hba.conf`";
    let not_sent = |what: &str| format!("the server wants {what}, which this plugin does not send; {rather}");

    assert_eq!(wants(3), not_sent("the password itself"));
    assert_eq!(wants(5), not_sent("an MD5 sum of the password"));
    assert_eq!(
        refused(&server([authentication(10, "SCRAM-SHA-512\0\0")]), json!({})),
        Failure::invalid_input("the server offers no login with SCRAM-SHA-256, only with: SCRAM-SHA-512")
    );
}

#[test]
fn a_login_needs_a_password_that_is_granted_and_bounded_work() {
    let sasl = || server([authentication(10, "SCRAM-SHA-256\0\0")]);
    let rounds = scram_server(|_| Vec::new()).secret("db_password", "s3cr3t");

    assert_eq!(
        refused(&sasl(), json!({})),
        Failure::invalid_config("the server wants a password; give `password`")
    );
    assert_eq!(
        refused(&sasl(), json!({ "password": "db_password" })),
        Failure::new(FailureKind::Denied, "secret `db_password`: denied, no grant of this step covers it")
    );
    assert_eq!(
        refused(&rounds, json!({ "password": "db_password", "max_rounds": 0 })),
        Failure::invalid_input(
            "the server asks for 1 rounds of hashing, 0 are the most; raise `max_rounds`, and the step's \
             `limits.calls` above it"
        )
    );
}

#[test]
fn what_is_no_postgresql_is_a_failure() {
    let failed = |said: &[u8]| refused(&server([said.to_vec()]), json!({})).message;
    let nonsense = |why: &str| format!("the server does not speak PostgreSQL: {why}");

    assert_eq!(
        failed(b"HTTP/1.1 400 Bad Request\r\n"),
        nonsense("a message begins with H and a length of 1414811695")
    );
    assert_eq!(failed(b"R\0\0\0\x03"), nonsense("a message begins with R and a length of 3"));
    assert_eq!(failed(&message('R', "\0")), nonsense("a message `R` ends too early"));
    assert_eq!(failed(&message('E', "C42")), nonsense("a message `E` ends too early"));
    assert_eq!(failed(&message('T', "")), nonsense("a login is answered with a message `T`"));
    assert_eq!(failed(&authentication(99, "")), nonsense("it asks for a login of kind 99"));
}

#[test]
fn a_row_that_lies_about_its_length_is_a_failure() {
    let row = |body: &[u8]| {
        let host = trusting([wrapped(message('D', body))]);
        refused(&host, json!({})).message
    };
    let nonsense = |why: &str| format!("the server does not speak PostgreSQL: {why}");

    assert_eq!(row(b"\0\x01\x7f\xff\xff\xffx"), nonsense("a message `D` ends too early"));
    assert_eq!(row(b"\0\x01\xff\xff\xff\xfex"), nonsense("a column is -2 bytes long"));
    assert_eq!(row(b"\x7f\xff"), nonsense("a message `D` ends too early"));
}

#[test]
fn tls_is_asked_for_and_never_done_without() {
    let facts = TlsFacts { protocol: "TLSv1.3".into(), certificates: Vec::new() };
    let said = [b"S".to_vec(), welcome()].into_iter().chain(answer(Some("f"))).chain(answer(Some("1")));
    let secure =
        FakeHost::new().listener(ADDRESS, said.fold(Conversation::new().shows(facts), Conversation::says));

    assert_eq!(measured(&secure, json!({ "tls": {} })).health, WELL);
    assert_eq!(
        measured(&server([b"N".to_vec()]), json!({ "tls": {} })).checks,
        [check("tls", ILL, "the server does not offer TLS")]
    );
    assert_eq!(
        refused(&server([b"SE\0\0\0".to_vec()]), json!({ "tls": {} })),
        Failure::invalid_input("db:5432 sent 4 bytes in the clear after it agreed to TLS")
    );
}

#[test]
fn names_cannot_end_the_statement_they_stand_in() {
    assert_eq!(session::literal("a'; DROP TABLE b; --"), Ok("'a''; DROP TABLE b; --'".to_owned()));
    assert_eq!(
        refused(&trusting([answer(Some("f"))]), json!({ "tables": ["a\\' OR 1"] })),
        Failure::invalid_config("`a\\' OR 1` has a backslash in it")
    );
    assert_eq!(
        refused(&server([welcome()]), json!({ "user": "ada\0database" })),
        Failure::invalid_config("a text with a null in it cannot be sent to PostgreSQL")
    );
}

#[test]
fn the_manifest_is_the_package() {
    let manifest = manifest();

    assert_eq!(manifest.name, "postgres-health");
    assert_eq!(manifest.outputs, ["version", "in_recovery", "value", "latency_ms"]);
}
