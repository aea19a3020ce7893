//! Notifiers: what arrives at the other side.
//!
//! One run tells all of them; a second one is refused by all of them, which changes nothing about the run. The receivers
//! are servers of this test on loopback, and what they were sent is compared byte for byte.

mod http;
mod mail;
mod refusals;
mod routes;
mod smtp;

use serde_json::{Value, json};

use crate::harness::Project;
use http::{Answer, Receiver};

/// How each notifier of the newest run ended, in the order of the file: `delivered …`, or kind and message of the failure.
fn told(project: &Project) -> Vec<String> {
    let mut ends: Vec<(String, String)> = project
        .journal()
        .iter()
        .filter(|entry| entry["type"] == "step-ended")
        .filter(|entry| entry["step"].as_str().is_some_and(|step| step.starts_with("notify")))
        .map(|entry| {
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            let end = match entry["ending"].as_str() {
                Some("answered") => text(&entry["outcome"]["summary"]),
                _ => format!("{}: {}", text(&entry["failure"]["kind"]), text(&entry["failure"]["message"])),
            };
            (text(&entry["step"]), end)
        })
        .collect();
    ends.sort();
    ends.into_iter().map(|(_, end)| project.comparable(end.as_bytes())).collect()
}

/// A pipeline whose one gate answers `decision`, and whose notifiers all talk to `PORT`.
fn pipeline(decision: &str, port: u16) -> String {
    format!(
        r#"
version: 1
name: l9-deploy
inputs:
  ref: {{ default: v1.2.3-l9 }}
secrets:
  slack_webhook:   {{ from: env:SLACK_WEBHOOK, allow: [slack] }}
  discord_webhook: {{ from: env:DISCORD_WEBHOOK, allow: [discord] }}
  teams_webhook:   {{ from: env:TEAMS_WEBHOOK, allow: [teams] }}
  pagerduty_key:   {{ from: env:PAGERDUTY_KEY, allow: [pagerduty] }}
  github_token:    {{ from: env:GITHUB_TOKEN, allow: [github-release] }}
  signing_key:     {{ from: env:SIGNING_KEY, allow: [webhook] }}
plugins:
  gate: {{ source: guest:gate_answer }}
  slack:
    source: plugin:slack
    grants:
      network: ["POST http://127.0.0.1:PORT/services/*"]
      secrets: [{{ name: slack_webhook, reveal: true }}]
  discord:
    source: plugin:discord
    grants:
      network: ["POST http://127.0.0.1:PORT/api/webhooks/*"]
      secrets: [{{ name: discord_webhook, reveal: true }}]
  teams:
    source: plugin:teams
    grants:
      network: ["POST http://127.0.0.1:PORT/workflows/*"]
      secrets: [{{ name: teams_webhook, reveal: true }}]
  pagerduty:
    source: plugin:pagerduty
    grants:
      network: ["POST http://127.0.0.1:PORT/v2/enqueue"]
      secrets: [{{ name: pagerduty_key, reveal: true }}]
  webhook:
    source: plugin:webhook
    grants:
      network: ["POST http://127.0.0.1:PORT/hook"]
      secrets: [signing_key]
  github-release:
    source: plugin:github_release
    grants:
      network: ["GET,POST,PATCH http://127.0.0.1:PORT/repos/acme/pepe/*"]
      secrets: [github_token]
      filesystem: {{ read: [dist/] }}
steps:
  tests:  {{ uses: gate, with: {{ summary: 120 passed }} }}
  verify: {{ uses: gate, needs: [tests], with: {{ decision: {decision}, summary: "<!channel> @everyone is *fine*" }} }}
x-message: &message
  title: "{{{{ pipeline }}}} {{{{ fields.ref }}}}: {{{{ status }}}}"
  template: "{{{{ summary }}}}"
  fields: {{ ref: "${{{{ inputs.ref }}}}" }}
  links: [{{ title: Dashboard, url: "https://grafana.example/d/l9" }}]
notify:
  - on: [run.succeeded, run.failed]
    uses: slack
    secrets: [slack_webhook]
    with: {{ to: {{ webhook: slack_webhook, mention: [here] }}, message: *message }}
  - on: [run.succeeded, run.failed]
    uses: discord
    secrets: [discord_webhook]
    with:
      to: {{ webhook: discord_webhook }}
      message: {{ style: community, fields: {{ version: "${{{{ inputs.ref }}}}" }} }}
  - on: [run.succeeded, run.failed]
    uses: teams
    secrets: [teams_webhook]
    with: {{ to: {{ webhook: teams_webhook }}, message: *message }}
  - on: [run.succeeded, run.failed]
    uses: pagerduty
    severity: error
    secrets: [pagerduty_key]
    with: {{ to: {{ routing_key: pagerduty_key }}, api: "http://127.0.0.1:PORT", message: *message }}
  - on: [run.succeeded, run.failed]
    uses: webhook
    secrets: [signing_key]
    with:
      url: http://127.0.0.1:PORT/hook
      body: {{ text: "{{pipeline}} {{status}}" }}
      sign: {{ secret: signing_key, header: x-hub-signature-256 }}
  - on: [run.succeeded, run.failed]
    uses: github-release
    secrets: [github_token]
    with:
      repository: acme/pepe
      tag: ${{{{ inputs.ref }}}}
      token: github_token
      api: http://127.0.0.1:PORT
      uploads: http://127.0.0.1:PORT
      assets: [{{ path: dist/pepe.txt }}]
      message:
        style: compliance
        fields: {{ version: "${{{{ inputs.ref }}}}", classification: enhancement, risk: low }}
"#
    )
    .replace("PORT", &port.to_string())
}

/// Runs it with the secrets in the environment; gives the project and the exit code.
fn exec(decision: &str, port: u16) -> (Project, i32) {
    let project = Project::with(&pipeline(decision, port));
    project.write("dist/pepe.txt", "hello");
    let mut command = project.command(&["exec", "pipeline.yaml"]);
    command
        .env("SLACK_WEBHOOK", format!("http://127.0.0.1:{port}/services/T0/B0/XyZsecret"))
        .env("DISCORD_WEBHOOK", format!("http://127.0.0.1:{port}/api/webhooks/1/AbCsecret"))
        .env("TEAMS_WEBHOOK", format!("http://127.0.0.1:{port}/workflows/1/invoke?sig=DeFsecret"))
        .env("PAGERDUTY_KEY", "R0UT1NGsecret")
        .env("GITHUB_TOKEN", "ghp-secret")
        .env("SIGNING_KEY", "Jefe-secret");
    let run = project.finish(command.output().expect("the runner starts"));
    assert!(!run.all().contains("secret\n") && !run.all().contains("XyZ"), "{}", run.all());
    (project, run.code)
}

/// 003-88, 000-55, 001-31, 001-32, 001-33, 004-30: one result, told in each channel's own way.
#[test]
fn all_channels_are_told_that_a_run_succeeded() {
    let receiver = Receiver::start(|request| match (request.method.as_str(), request.path.as_str()) {
        ("GET", "/repos/acme/pepe/releases/tags/v1.2.3-l9") => Answer::status(404),
        ("GET", "/repos/acme/pepe/releases?per_page=100&page=1") => Answer::json(200, "[]"),
        ("GET", "/repos/acme/pepe/git/ref/tags/v1.2.3-l9") => Answer::json(200, "{}"),
        ("POST", "/repos/acme/pepe/releases") => {
            Answer::json(201, r#"{"id":7,"tag_name":"v1.2.3-l9","assets":[]}"#)
        }
        ("POST", "/repos/acme/pepe/releases/7/assets?name=pepe.txt") => Answer::status(201),
        ("POST", "/v2/enqueue" | "/workflows/1/invoke?sig=DeFsecret") => Answer::status(202),
        ("POST", _) => Answer::status(200),
        _ => Answer::status(500),
    });

    let (project, code) = exec("pass", receiver.port);

    assert_eq!(told(&project), vec!["delivered `run.succeeded`"; 6]);
    assert_eq!(code, 0);
    let run = project.run_id();
    let summary = "l9-deploy succeeded; nothing was changed";
    let sent = |path: &str| receiver.body(path);
    assert_eq!(
        sent("/services/T0/B0/XyZsecret"),
        json!({
            "text": "l9-deploy v1.2.3-l9: succeeded",
            "blocks": [
                {
                    "type": "header",
                    "text": { "type": "plain_text", "text": "l9-deploy v1.2.3-l9: succeeded", "emoji": false },
                },
                {
                    "type": "section",
                    "text": {
                        "type": "mrkdwn",
                        "text": format!("<!here>\n{summary}\n\n<https://grafana.example/d/l9|Dashboard>"),
                        "verbatim": true,
                    },
                },
            ],
            "unfurl_links": false,
            "unfurl_media": false,
        }),
    );
    assert_eq!(
        sent("/api/webhooks/1/AbCsecret?wait=true"),
        json!({
            "embeds": [{
                "title": "l9-deploy v1.2.3-l9",
                "description": "v1.2.3-l9 is here.",
                "color": 0x0012_b76a,
            }],
            "allowed_mentions": { "parse": [], "users": [], "roles": [] },
        }),
    );
    assert_eq!(
        sent("/workflows/1/invoke?sig=DeFsecret")["attachments"][0]["content"],
        json!({
            "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
            "type": "AdaptiveCard",
            "version": "1.4",
            "body": [
                {
                    "type": "TextBlock",
                    "text": "l9-deploy v1.2.3-l9: succeeded",
                    "wrap": true,
                    "size": "large",
                    "weight": "bolder",
                    "color": "good",
                },
                { "type": "TextBlock", "text": summary, "wrap": true },
            ],
            "actions": [{ "type": "Action.OpenUrl", "title": "Dashboard", "url": "https://grafana.example/d/l9" }],
            "msteams": { "width": "Full", "entities": [] },
        }),
    );
    assert_eq!(
        sent("/v2/enqueue"),
        json!({ "event_action": "resolve", "dedup_key": "runner/l9-deploy", "routing_key": "R0UT1NGsecret" }),
    );
    let hook = receiver.only("/hook");
    assert_eq!(hook.text(), r#"{"text":"l9-deploy succeeded"}"#);
    assert_eq!(hook.header("idempotency-key"), Some(format!("{run}/run.succeeded").as_str()));
    assert_eq!(
        hook.header("x-hub-signature-256"),
        Some("sha256=e6ad4e03f826f2b09168e8d244c451009de41962dcaeae32b0df86a293bfcaf0"),
    );
    assert_eq!(
        sent("/repos/acme/pepe/releases"),
        json!({
            "tag_name": "v1.2.3-l9",
            "name": "Release record: l9-deploy v1.2.3-l9",
            "body": format!(
                "**Version**: v1.2.3-l9\n**Classification**: enhancement\n**Risk level**: low\n\
                 **Result**: succeeded (run.succeeded)\n**Run**: `{run}`\n\n{summary}\n\n\
                 - `tests`: success\n- `verify`: success"
            ),
            "draft": false,
            "prerelease": false,
        }),
    );
    assert_eq!(receiver.only("/repos/acme/pepe/releases").header("authorization"), Some("Bearer ghp-secret"));
    assert_eq!(receiver.only("/repos/acme/pepe/releases/7/assets?name=pepe.txt").text(), "hello");
}

/// A receiver that does not take the message changes nothing about the run; what it said is in the journal, its
/// address is not.
#[test]
fn receivers_that_refuse_are_shown_and_decide_nothing() {
    let receiver = Receiver::start(|request| match request.path.as_str() {
        path if path.starts_with("/services/") => Answer::text(404, "no_service"),
        path if path.starts_with("/api/webhooks/") => Answer::status(302),
        path if path.starts_with("/workflows/") => Answer::status(503).header("retry-after", "3600"),
        "/v2/enqueue" => Answer::text(400, "no such key R0UT1NGsecret"),
        "/hook" => Answer::status(429).header("retry-after", "0"),
        _ => Answer::text(401, "Bad credentials"),
    });

    let (project, code) = exec("fail", receiver.port);

    assert_eq!(
        told(&project),
        [
            "invalid-input: the receiver answered 404: no_service",
            "invalid-input: the receiver answered 302",
            "unavailable: the receiver answered 503 and asks to wait 3600 s; at most 10 s are waited here (`max_wait_ms`), \
             nothing was delivered",
            "invalid-input: the receiver answered 400: no such key ***",
            "unavailable: the receiver answered 429",
            "invalid-input: the receiver answered 401: Bad credentials",
        ],
    );
    assert_eq!(code, 3);
    assert_eq!(receiver.count("/hook"), 5);
    // What the gate has said calls nobody.
    let text = receiver.body("/services/T0/B0/XyZsecret")["blocks"][1]["text"]["text"].clone();
    assert_eq!(
        text,
        "<!here>\nl9-deploy rejected at `verify`: &lt;!channel&gt; @everyone is *fine*; nothing was changed\n\n\
         <https://grafana.example/d/l9|Dashboard>",
    );
    let journal = project.read(&format!(".runner/runs/{}/journal.jsonl", project.run_id()));
    assert!(!journal.contains("XyZsecret") && !journal.contains("R0UT1NGsecret"));
}
