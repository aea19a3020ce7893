//! `postgres-health` as a component, logging in with a password that it never sees.

use std::{io::Read, net::TcpStream};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, Mac as _};
use sha2::{Digest as _, Sha256};

use super::{ended, parts};
use crate::{harness::Project, server};

const PIPELINE: &str = r#"
version: 1
name: postgres
secrets: { db_password: { from: env:DB_PASSWORD, allow: [postgres-health] } }
plugins:
  postgres-health:
    source: plugin:postgres_health
    grants: { network: ["tcp://127.0.0.1:PORT"], secrets: [db_password] }
steps:
  database:
    uses: postgres-health
    secrets: [db_password]
    with:
      address: 127.0.0.1:PORT
      database: l9
      user: ada
      password: db_password
      min_version: 14
      in_recovery: false
      tables: [public.analytics_events]
"#;

fn run(port: u16, password: &str) -> (i32, Project) {
    let project = Project::with(&PIPELINE.replace("PORT", &port.to_string()));
    let mut command = project.command(&["exec", "pipeline.yaml"]);
    let output = command.env("DB_PASSWORD", password).output().expect("the runner starts");
    (project.finish(output).code, project)
}

fn message(letter: u8, body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    let length = u32::try_from(body.len() + 4).expect("a short message").to_be_bytes();
    [&[letter], length.as_slice(), body].concat()
}

fn authentication(code: u32, data: &str) -> Vec<u8> {
    message(b'R', [code.to_be_bytes().as_slice(), data.as_bytes()].concat())
}

fn hmac(key: &[u8], data: &[u8]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("a key of any length");
    mac.update(data);
    mac.finalize().into_bytes().into()
}

/// The next message of the client: after its letter, if it has one.
fn heard(stream: &mut TcpStream, letter: bool) -> String {
    let mut head = vec![0; 4 + usize::from(letter)];
    stream.read_exact(&mut head).expect("a message");
    let length = u32::from_be_bytes(head[head.len() - 4..].try_into().expect("four bytes"));
    let mut body = vec![0; length as usize - 4];
    stream.read_exact(&mut body).expect("the rest of it");
    String::from_utf8_lossy(&body).into_owned()
}

/// A server with the password `s3cr3t` that counts to 4,096, as PostgreSQL does, and has `tables` tables of each name.
fn postgres(tables: &'static str) -> u16 {
    server::serve(move |_, mut stream| {
        heard(&mut stream, false);
        server::write(&mut stream, &authentication(10, "SCRAM-SHA-256\0\0"));
        let first = heard(&mut stream, true);
        let bare = first.split_once("n,,").expect("the first message").1.to_owned();
        let salt = b"0123456789abcdef";
        let server_first =
            format!("{}server,s={},i=4096", bare.split_once(',').expect("a nonce").1, STANDARD.encode(salt));
        server::write(&mut stream, &authentication(11, &server_first));
        let last = heard(&mut stream, true);
        let (without_proof, proof) = last.split_once(",p=").expect("a proof");
        let mut round = hmac(b"s3cr3t", &[salt.as_slice(), &[0, 0, 0, 1]].concat());
        let mut salted = round;
        for _ in 1..4096 {
            round = hmac(b"s3cr3t", &round);
            salted.iter_mut().zip(round).for_each(|(sum, round)| *sum ^= round);
        }
        let all = format!("{bare},{server_first},{without_proof}");
        let client_key = hmac(&salted, b"Client Key");
        let signature = hmac(&Sha256::digest(client_key), all.as_bytes());
        let expected: Vec<u8> = client_key.iter().zip(signature).map(|(key, sign)| key ^ sign).collect();
        if proof != STANDARD.encode(expected) {
            let no = "SFATAL\0C28P01\0Mpassword authentication failed for user \"ada\"\0\0";
            return server::write(&mut stream, &message(b'E', no));
        }
        let server_signature = STANDARD.encode(hmac(&hmac(&salted, b"Server Key"), all.as_bytes()));
        let welcome = [
            authentication(12, &format!("v={server_signature}")),
            authentication(0, ""),
            message(b'S', "server_version\x0015.18\0"),
            message(b'Z', "I"),
        ];
        server::write(&mut stream, &welcome.concat());
        loop {
            let mut letter = [0];
            if stream.read_exact(&mut letter).is_err() {
                return;
            }
            let sql = heard(&mut stream, false);
            let value = match sql.as_str() {
                sql if sql.contains("pg_is_in_recovery") => "f",
                sql if sql.contains("to_regclass('public.analytics_events')") => tables,
                "SELECT 1\0" => "1",
                _ => "",
            };
            let row = [b"\0\x01\0\0\0\x01", value.as_bytes()].concat();
            let rows = if value.is_empty() { Vec::new() } else { message(b'D', row) };
            server::write(&mut stream, &[rows, message(b'C', "OK\0"), message(b'Z', "I")].concat());
        }
    })
}

/// Requirements 003-94, 004-21, 000-44, 004-22.
#[test]
fn a_database_with_its_tables_is_healthy() {
    let (code, project) = run(postgres("1"), "s3cr3t");

    assert_eq!(
        parts(&project, "database"),
        [
            "login pass the login is accepted",
            "version pass version 15",
            "recovery pass it is no standby",
            "tables pass all tables are there",
            "query pass the query is answered",
        ]
    );
    assert_eq!(code, 0);
}

/// Requirements 004-21, 000-44, the other way round.
#[test]
fn a_database_without_its_tables_or_that_knows_another_password_is_unhealthy() {
    let (missing, without_tables) = run(postgres("0"), "s3cr3t");
    let (wrong, misnamed) = run(postgres("1"), "other");

    assert_eq!((missing, wrong), (3, 3));
    assert_eq!(
        ended(&without_tables)["database"],
        "fail: unhealthy: table `public.analytics_events` is missing"
    );
    assert_eq!(
        ended(&misnamed)["database"],
        "fail: unhealthy: the login is refused: password authentication failed for user \"ada\" (28P01)"
    );
}

#[test]
fn what_is_no_database_is_a_failure_to_answer() {
    let (code, project) = run(server::saying("HTTP/1.1 400 Bad Request\r\n\r\n"), "s3cr3t");

    assert_eq!(code, 4);
    assert_eq!(
        ended(&project)["database"],
        "invalid-input: the server does not speak PostgreSQL: a message begins with H and a length of 1414811695"
    );
}
