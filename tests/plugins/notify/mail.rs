//! Mail, over connections in the clear and safe ones.

use super::{
    smtp::{Identity, Server},
    told,
};
use crate::harness::Project;

fn project(port: u16, server: &str, login: &str, to: &str) -> Project {
    Project::with(&format!(
        r#"
version: 1
name: l9-deploy
secrets:
  smtp_password: {{ from: file:password, allow: [email] }}
plugins:
  gate: {{ source: guest:gate_answer }}
  email:
    source: plugin:email
    grants:
      network: ["tcp://127.0.0.1:{port}"]
      secrets: [{{ name: smtp_password, reveal: true }}]
steps:
  verify: {{ uses: gate, with: {{ decision: fail, summary: "größer als erlaubt" }} }}
notify:
  - on: [run.failed]
    uses: email
    severity: error
    secrets: [smtp_password]
    with:
      server: {{ host: 127.0.0.1, port: {port}, {server} }}
      {login}
      from: Deploys <deploys@example.com>
      to: {{ to: {to} }}
      message: {{ title: "{{{{ pipeline }}}} {{{{ status }}}}", template: "Run {{{{ run }}}}\n.\n{{{{ status }}}}" }}
"#
    ))
    .file("password", "hunter2\n")
}

/// What is said between DATA and the dot, without what differs from run to run.
fn mail(project: &Project, heard: &str) -> String {
    let (_, mail) = heard.split_once("DATA\r\n").expect("a mail");
    let (date, rest) = mail.split_once("\r\n").expect("a header");
    assert!(date.starts_with("Date: ") && date.ends_with(" +0000"), "{date}");
    project.comparable(rest.replace("\r\n", "\n").as_bytes())
}

const MAIL: &str = "From: Deploys <deploys@example.com>
To: ops@example.com
Subject: l9-deploy rejected
Message-ID: <RUN/run.failed@example.com>
Auto-Submitted: auto-generated
MIME-Version: 1.0
Content-Type: multipart/alternative; boundary=\"=_runner_0\"

--=_runner_0
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: 7bit

Run RUN
..
rejected
--=_runner_0
Content-Type: text/html; charset=utf-8
Content-Transfer-Encoding: 7bit

<!doctype html>
<html><body>
Run RUN<br>
..<br>
rejected
</body></html>
--=_runner_0--
.
QUIT
";

/// 003-89: the alert by mail, over STARTTLS, with a login that nobody else sees.
#[test]
fn a_mail_goes_over_starttls_with_a_login() {
    let identity = Identity::of("mail.test");
    let server = Server::start(Some(&identity));
    let project = project(
        server.port,
        "name: mail.test",
        "login: { user: deploys, password: smtp_password }",
        "[ops@example.com]",
    );
    project.write("authority.pem", &identity.certificate);

    let mut command = project.command(&["exec", "pipeline.yaml"]);
    command.env("SSL_CERT_FILE", project.path("authority.pem"));
    let run = project.finish(command.output().expect("the runner starts"));

    assert_eq!(told(&project), ["delivered `run.failed`"], "{}", run.stderr);
    assert_eq!(run.code, 3);
    let heard = server.heard();
    assert_eq!(
        heard.lines().take(7).collect::<Vec<_>>(),
        [
            "EHLO localhost",
            "STARTTLS",
            "EHLO localhost",
            "AUTH PLAIN AGRlcGxveXMAaHVudGVyMg==",
            "MAIL FROM:<deploys@example.com>",
            "RCPT TO:<ops@example.com>",
            "DATA",
        ],
    );
    assert_eq!(mail(&project, &heard), MAIL);
}

#[test]
fn a_server_that_nobody_vouches_for_gets_no_login() {
    let server = Server::start(Some(&Identity::of("mail.test")));
    let project = project(
        server.port,
        "name: mail.test",
        "login: { user: deploys, password: smtp_password }",
        "[ops@example.com]",
    );
    // An authority, but not that of the server.
    project.write("authority.pem", Identity::of("other.test").certificate);

    let mut command = project.command(&["exec", "pipeline.yaml"]);
    command.env("SSL_CERT_FILE", project.path("authority.pem"));
    assert_eq!(project.finish(command.output().expect("the runner starts")).code, 3);

    let port = server.port;
    let told = told(&project).join("\n").replace(&port.to_string(), "PORT");
    assert!(
        told.starts_with("unavailable: start TLS with tcp://127.0.0.1:PORT: connected, but TLS with `mail.test` failed: invalid peer certificate"),
        "{told}"
    );
    assert_eq!(server.heard(), "EHLO localhost\r\nSTARTTLS\r\n");
}

#[test]
fn a_relay_takes_mail_in_the_clear_and_those_it_refuses_are_named() {
    let server = Server::start(None);
    let project = project(server.port, "tls: none", "", "[ops@example.com, nobody@example.com]");

    assert_eq!(project.exec(&[]).code, 3);

    assert_eq!(
        told(&project),
        [
            "invalid-input: the server does not take mail for `nobody@example.com` (550 no such user); the mail went to the \
             other 1 address"
        ],
    );
    assert_eq!(
        mail(&project, &server.heard()),
        MAIL.replace("To: ops@example.com", "To: ops@example.com, nobody@example.com"),
    );
}
