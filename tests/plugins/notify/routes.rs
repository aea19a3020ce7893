//! Who is told what. Requirements: 001-37, 001-38, 001-39.

use super::{
    http::{Answer, Receiver},
    told,
};
use crate::harness::Project;

/// Tells Slack by a token and Discord by a bot, both never seen, and both by the same routes.
const PIPELINE: &str = r##"
version: 1
name: l9-deploy
inputs:
  level: { type: enum, values: [critical, high, medium, low], default: medium }
  target: { default: v1.2.2-l9 }
secrets:
  token: { from: file:token, allow: [slack, discord] }
plugins:
  gate: { source: guest:gate_answer }
  slack:
    source: plugin:slack
    grants: { network: ["POST http://127.0.0.1:PORT/slack/chat.postMessage"], secrets: [token] }
  discord:
    source: plugin:discord
    grants: { network: ["POST http://127.0.0.1:PORT/discord/channels/*"], secrets: [token] }
steps:
  verify: { uses: gate, with: { decision: fail, summary: too slow } }
notify:
  - on: [run.failed]
    uses: slack
    severity: error
    secrets: [token]
    with:
      api: http://127.0.0.1:PORT/slack
      to: { channel: "#deploys", token: token }
      message:
        template: "back to {{ fields.target }}"
        fields: { level: "${{ inputs.level }}", target: "${{ inputs.target }}" }
      routes:
        - { fields: { level: critical }, to: { channel: "#all", token: token, mention: [channel] } }
        - { fields: { level: high }, to: { channel: "#engineers", token: token } }
        - { severities: [error], fields: { level: low }, to: nobody }
  - on: [run.failed]
    uses: discord
    severity: info
    secrets: [token]
    with:
      api: http://127.0.0.1:PORT/discord
      to: { channel: "1234567890", token: token }
      message: { template: "{{ status }}" }
      routes: [{ events: [run.failed], severities: [warning, error], to: nobody }]
"##;

/// Channel and text of what Slack was sent, if it was.
fn slack_was_told(level: &str) -> Option<String> {
    let receiver = Receiver::start(|_| Answer::json(200, r#"{"ok":true}"#));
    let project =
        Project::with(&PIPELINE.replace("PORT", &receiver.port.to_string())).file("token", "xoxb-1");

    assert_eq!(project.exec(&["--input", &format!("level={level}")]).code, 3);

    assert_eq!(told(&project), vec!["delivered `run.failed`"; 2]);
    let discord = receiver.only("/discord/channels/1234567890/messages");
    assert_eq!(discord.header("authorization"), Some("Bot xoxb-1"));
    if receiver.count("/slack/chat.postMessage") == 0 {
        return None;
    }
    let slack = receiver.only("/slack/chat.postMessage");
    assert_eq!(slack.header("authorization"), Some("Bearer xoxb-1"));
    let body = receiver.body("/slack/chat.postMessage");
    Some(format!("{}: {}", body["channel"].as_str()?, body["blocks"][1]["text"]["text"].as_str()?))
}

#[test]
fn the_more_serious_it_is_the_more_people_are_told() {
    assert_eq!(slack_was_told("critical").as_deref(), Some("#all: <!channel>\nback to v1.2.2-l9"));
    assert_eq!(slack_was_told("high").as_deref(), Some("#engineers: back to v1.2.2-l9"));
    assert_eq!(slack_was_told("medium").as_deref(), Some("#deploys: back to v1.2.2-l9"));
    assert_eq!(slack_was_told("low"), None);
}
