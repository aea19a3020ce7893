//! The notifier as a pipeline sees it. Requirements: 003-89, 001-31, 001-37.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use runner_plugin::FailureKind;
use runner_plugin::host::TlsFacts;
use runner_plugin::testing::{Conversation, FakeHost, notify};
use serde_json::{Value, json};

use super::*;

const SERVER: &str = "mail.example.com:587";

fn event() -> Event {
    Event {
        name: "run.failed".into(),
        pipeline: "l9-deploy".into(),
        status: "failed".into(),
        severity: "error".into(),
        step: Some("smoke".into()),
        summary: "l9-deploy failed at `smoke`: <b>no</b>".into(),
        json: r#"{"steps":[]}"#.into(),
    }
}

fn config(more: Value) -> Value {
    let mut config = json!({
        "server": { "host": "mail.example.com" },
        "login": { "user": "deploys", "password": "smtp_password" },
        "from": "Deploys <deploys@example.com>",
        "to": { "to": ["ops@example.com"] },
        "message": { "title": "Deployment {{ status }}", "template": "{{ summary }}\n.hidden" },
    });
    config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    config
}

/// Greeting, STARTTLS and login as a good server has them; then `rest`.
fn server(rest: &[&str]) -> Conversation {
    let begin = [
        "220 mail.example.com ESMTP\r\n",
        "250-mail.example.com\r\n250-SIZE 1000000\r\n250 STARTTLS\r\n",
        "220 go on\r\n",
        "250-mail.example.com\r\n250 AUTH LOGIN PLAIN\r\n",
        "235 2.7.0 welcome\r\n",
    ];
    let facts = TlsFacts { protocol: "TLSv1.3".into(), certificates: vec![] };
    begin.iter().chain(rest).fold(Conversation::new().shows(facts), |talk, line| talk.says(*line))
}

fn host(conversation: Conversation) -> FakeHost {
    FakeHost::new()
        .now(Duration::from_secs(1_795_176_000))
        .secret("smtp_password", "hunter2\n")
        .revealable()
        .listener(SERVER, conversation)
}

fn heard(host: &FakeHost) -> String {
    String::from_utf8(host.heard(SERVER)).unwrap()
}

/// 003-89: the alert by mail, in plain text and in HTML.
#[test]
fn a_mail_is_handed_over() {
    let host =
        host(server(&["250 ok\r\n", "250 ok\r\n", "354 go on\r\n", "250 2.0.0 queued\r\n", "221 bye\r\n"]));

    assert_eq!(notify::<Email>(&host, config(json!({})), &event()), Ok(()));
    assert_eq!(
        heard(&host),
        format!(
            "EHLO localhost\r\nSTARTTLS\r\nEHLO localhost\r\nAUTH PLAIN {}\r\n\
             MAIL FROM:<deploys@example.com>\r\nRCPT TO:<ops@example.com>\r\nDATA\r\n\
             Date: Fri, 20 Nov 2026 12:00:00 +0000\r\n\
             From: Deploys <deploys@example.com>\r\n\
             To: ops@example.com\r\n\
             Subject: Deployment failed\r\n\
             Message-ID: <01JD3KZ9Y4V5T6S7R8Q9P0N1M2/run.failed@example.com>\r\n\
             Auto-Submitted: auto-generated\r\n\
             MIME-Version: 1.0\r\n\
             Content-Type: multipart/alternative; boundary=\"=_runner_0\"\r\n\
             \r\n\
             --=_runner_0\r\n\
             Content-Type: text/plain; charset=utf-8\r\n\
             Content-Transfer-Encoding: 7bit\r\n\
             \r\n\
             l9-deploy failed at `smoke`: <b>no</b>\r\n\
             ..hidden\r\n\
             --=_runner_0\r\n\
             Content-Type: text/html; charset=utf-8\r\n\
             Content-Transfer-Encoding: 7bit\r\n\
             \r\n\
             <!doctype html>\r\n\
             <html><body>\r\n\
             l9-deploy failed at `smoke`: &lt;b&gt;no&lt;/b&gt;<br>\r\n\
             ..hidden\r\n\
             </body></html>\r\n\
             --=_runner_0--\r\n\
             .\r\n\
             QUIT\r\n",
            STANDARD.encode("\0deploys\0hunter2")
        ),
    );
}

#[test]
fn what_is_not_ascii_is_encoded() {
    let host = host(server(&[
        "250 ok\r\n",
        "250 ok\r\n",
        "250 ok\r\n",
        "250 ok\r\n",
        "354 go on\r\n",
        "250 ok\r\n",
    ]));
    let more = json!({
        "from": "Jürgen <j@example.com>",
        "reply_to": "team@example.com",
        "to": { "to": ["Ops, all <ops@example.com>"], "cc": ["cc@example.com"], "bcc": ["bcc@example.com"] },
        "message": { "title": "Größe", "template": "Größe" },
    });

    assert_eq!(notify::<Email>(&host, config(more), &event()), Ok(()));
    let heard = heard(&host);
    assert_eq!(
        heard.lines().filter(|line| line.starts_with("RCPT")).collect::<Vec<_>>(),
        ["RCPT TO:<ops@example.com>", "RCPT TO:<cc@example.com>", "RCPT TO:<bcc@example.com>"],
    );
    let (_, mail) = heard.split_once("DATA\r\n").unwrap();
    assert!(mail.is_ascii());
    assert_eq!(
        mail.lines().skip(1).take(5).collect::<Vec<_>>(),
        [
            "From: =?utf-8?b?SsO8cmdlbg==?= <j@example.com>",
            "Reply-To: team@example.com",
            "To: =?utf-8?b?T3BzLCBhbGw=?= <ops@example.com>",
            "Cc: cc@example.com",
            "Subject: =?utf-8?b?R3LDtsOfZQ==?=",
        ],
    );
    assert!(!mail.contains("bcc@"));
    assert!(mail.contains("Content-Transfer-Encoding: base64\r\n\r\nR3LDtsOfZQ==\r\n--=_runner_0\r\n"));
}

#[test]
fn the_other_way_to_log_in_and_tls_from_the_first_byte() {
    let facts = TlsFacts { protocol: "TLSv1.3".into(), certificates: vec![] };
    let lines = [
        "220 hi\r\n",
        "250 AUTH LOGIN\r\n",
        "334 VXNlcm5hbWU6\r\n",
        "334 UGFzc3dvcmQ6\r\n",
        "235 ok\r\n",
        "250 ok\r\n",
        "250 ok\r\n",
        "354 go on\r\n",
        "250 ok\r\n",
    ];
    let talk = lines.iter().fold(Conversation::new().shows(facts), |talk, line| talk.says(*line));
    let host = FakeHost::new()
        .secret("smtp_password", "hunter2")
        .revealable()
        .listener("mail.example.com:465", talk);
    let more =
        json!({ "server": { "host": "mail.example.com", "tls": "implicit", "hello": "ci.example.com" } });

    assert_eq!(notify::<Email>(&host, config(more), &event()), Ok(()));
    let heard = String::from_utf8(host.heard("mail.example.com:465")).unwrap();
    assert_eq!(
        heard.lines().take(4).collect::<Vec<_>>(),
        ["EHLO ci.example.com", "AUTH LOGIN", "ZGVwbG95cw==", "aHVudGVyMg=="]
    );
}

#[test]
fn those_who_are_refused_are_named_and_the_others_get_the_mail() {
    let to = json!({ "to": { "to": ["a@example.com", "b@example.com", "c@example.com"] } });
    let ended = |second: &str, third: &str| {
        let host = host(server(&[
            "250 ok\r\n",
            "250 ok\r\n",
            second,
            third,
            "354 go on\r\n",
            "250 ok\r\n",
            "221 bye\r\n",
        ]));
        let ended = notify::<Email>(&host, config(to.clone()), &event());
        assert!(heard(&host).ends_with(".\r\nQUIT\r\n"));
        ended
    };

    assert_eq!(ended("250 ok\r\n", "250 ok\r\n"), Ok(()));
    assert_eq!(
        ended("550 5.1.1 no such user\r\n", "450 4.2.2 full\r\n"),
        Err(Failure::invalid_input(
            "the server does not take mail for `b@example.com` (550 no such user), `c@example.com` (450 full); the mail \
             went to the other 1 address"
        )),
    );
    assert_eq!(
        ended("450 full\r\n", "250 ok\r\n").map_err(|failure| failure.kind),
        Err(FailureKind::Unavailable)
    );
}

#[test]
fn if_nobody_is_left_there_is_no_mail() {
    let host = host(server(&["250 ok\r\n", "550 5.7.1 no relaying\r\n"]));

    assert_eq!(
        notify::<Email>(&host, config(json!({})), &event()),
        Err(Failure::invalid_input(
            "the server does not take mail for `ops@example.com` (550 no relaying); nobody gets the mail"
        )),
    );
    assert!(!heard(&host).contains("DATA"));
}

#[test]
fn a_server_that_does_not_do_its_part_is_said_so() {
    let failed =
        |conversation: Conversation| notify::<Email>(&host(conversation), config(json!({})), &event());
    let says = |lines: &[&str]| lines.iter().fold(Conversation::new(), |talk, line| talk.says(*line));

    assert_eq!(
        failed(says(&["554 no service\r\n"])),
        Err(Failure::invalid_input("the server did not take the greeting: 554 no service")),
    );
    assert_eq!(
        failed(says(&["421 too busy\r\n"])),
        Err(Failure::unavailable("the server did not take the greeting: 421 too busy")),
    );
    assert_eq!(
        failed(says(&["220 hi\r\n", "250 mail.example.com\r\n"])),
        Err(Failure::invalid_input(
            "the server does not offer STARTTLS; nothing was sent (`tls: implicit` is for port 465)"
        )),
    );
    assert_eq!(
        failed(says(&["HTTP/1.1 400 Bad Request\r\n\r\n"])),
        Err(Failure::invalid_input("the server does not answer as SMTP servers do; it was left")),
    );
    assert_eq!(
        failed(says(&["220-half of a gre"])),
        Err(Failure::unavailable("the server closed the connection before it had answered")),
    );
    assert_eq!(
        failed(says(&[&format!("220-{}", "long ".repeat(2000))])),
        Err(Failure::invalid_input("the server does not answer as SMTP servers do; it was left")),
    );
}

/// What somebody in between has put before the handshake would be taken as said inside it.
#[test]
fn words_smuggled_in_before_tls_end_the_conversation() {
    let talk = ["220 hi\r\n", "250 STARTTLS\r\n", "220 go on\r\n250 AUTH PLAIN\r\n"]
        .iter()
        .fold(Conversation::new(), |talk, line| talk.says(*line));
    let host = host(talk);

    assert_eq!(
        notify::<Email>(&host, config(json!({})), &event()),
        Err(Failure::invalid_input(
            "the server said more after STARTTLS than it may, which somebody in between could have done; nothing was sent"
        )),
    );
    assert_eq!(heard(&host), "EHLO localhost\r\nSTARTTLS\r\n");
}

#[test]
fn a_login_that_fails_does_not_show_the_password() {
    let facts = TlsFacts { protocol: "TLSv1.3".into(), certificates: vec![] };
    let failed = |offer: &str, answer: &str| {
        let lines = ["220 hi\r\n", "250 STARTTLS\r\n", "220 go on\r\n", offer, answer];
        let talk = lines.iter().fold(Conversation::new().shows(facts.clone()), |talk, line| talk.says(*line));
        notify::<Email>(&host(talk), config(json!({})), &event()).unwrap_err()
    };

    assert_eq!(
        failed("250 AUTH PLAIN\r\n", "535 5.7.8 wrong password\r\n"),
        Failure::invalid_input("the server did not take the login: 535 wrong password")
    );
    assert_eq!(
        failed("250 AUTH XOAUTH2 CRAM-MD5\r\n", ""),
        Failure::invalid_input(
            "the server takes neither AUTH PLAIN nor AUTH LOGIN (XOAUTH2, CRAM-MD5); nothing was sent"
        )
    );
}

#[test]
fn a_password_needs_tls() {
    let host = host(Conversation::new());
    let more = json!({ "server": { "host": "mail.example.com", "tls": "none", "port": 587 } });

    assert_eq!(
        notify::<Email>(&host, config(more), &event()),
        Err(Failure::invalid_config(
            "`login` needs TLS: a password is not sent in the clear; nothing was sent"
        )),
    );
    assert_eq!(heard(&host), "");
}

#[test]
fn nothing_can_be_added_to_the_headers() {
    let host = host(Conversation::new());
    let failed = |more: Value| notify::<Email>(&host, config(more), &event()).unwrap_err().message;

    assert_eq!(
        failed(json!({ "to": { "to": ["ops@example.com\r\nBcc: eve@example.com"] } })),
        "`to`: `ops@example.com\\r\\nBcc: eve@example.com` has a line end or another control character in it; nothing was \
         sent",
    );
    assert!(failed(json!({ "from": "Eve\nX: y <eve@example.com>" })).starts_with("`from`: "));
    assert_eq!(failed(json!({ "to": { "to": [] } })), "`to` names nobody; nothing was sent");
    assert_eq!(heard(&host), "");
}

/// A line end in a value becomes a space in the subject.
#[test]
fn a_subject_is_one_line() {
    let host = host(server(&["250 ok\r\n", "250 ok\r\n", "354 go on\r\n", "250 ok\r\n"]));
    let more = json!({ "message": { "title": "{{ fields.t }}", "fields": { "t": "a\r\nBcc: eve@example.com\r\n\r\nb" } } });

    assert_eq!(notify::<Email>(&host, config(more), &event()), Ok(()));
    assert!(heard(&host).contains("\r\nSubject: a Bcc: eve@example.com b\r\n"));
}

#[test]
fn what_the_host_refuses_is_passed_on() {
    let without = FakeHost::new();

    assert_eq!(
        notify::<Email>(&without, config(json!({})), &event()),
        Err(Failure::new(
            FailureKind::Denied,
            "connect tcp://mail.example.com:587: denied, no grant of this step covers it"
        )),
    );
    let hidden = FakeHost::new().secret("smtp_password", "hunter2").listener(SERVER, server(&[]));
    assert_eq!(
        notify::<Email>(&hidden, config(json!({})), &event()).map_err(|failure| failure.kind),
        Err(FailureKind::Denied)
    );
}

#[test]
fn the_manifest_is_the_package() {
    assert_eq!(manifest().name, "email");
}
