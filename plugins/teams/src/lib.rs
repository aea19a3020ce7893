//! Notifier: an event as an adaptive card in Microsoft Teams.
//!
//! To the address of a workflow ("when a webhook request is received"), which is a secret. The card is made of text
//! blocks, one for each paragraph, and a button for each link.

use runner_notice::{Channel, Links, Markup, Message, Pace, Route, SecretUrl, Written, accepted, deliver};
use runner_plugin::{Event, Failure, Host, Notifier, Request};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

const CHANNEL: Channel =
    Channel { markup: Markup::AdaptiveCard, title: 200, text: 5_000, links: Links::Apart };

/// Teams takes no larger message.
const LARGEST: usize = 28 * 1024;

/// Whom to tell what.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Who is told.
    to: To,
    /// Who is told instead; the first route that fits counts.
    #[serde(default)]
    routes: Vec<Route<To>>,
    /// What is said.
    #[serde(default)]
    message: Message,
    /// For connection and response together. Without it: 10 seconds.
    #[schemars(range(min = 1))]
    timeout_ms: Option<u32>,
    /// Longest wait, all in all, when Teams asks to come back later. Without it: 10 seconds.
    #[serde(default = "runner_notice::max_wait_ms")]
    max_wait_ms: u32,
}

/// Who is told.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct To {
    /// Name of the secret that is the workflow's address; its grant needs `reveal: true`.
    webhook: String,
    /// People who are called.
    #[serde(default)]
    mention: Vec<Person>,
}

/// Somebody in Teams.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Person {
    /// User principal name or Entra object id.
    #[schemars(length(min = 1, max = 256))]
    id: String,
    /// The name that is shown.
    #[schemars(regex(pattern = "^[^<>\\r\\n]{1,100}$"))]
    name: String,
}

/// The notifier.
#[derive(Debug)]
pub struct Teams;

impl Notifier for Teams {
    type Config = Config;

    fn notify(config: Config, request: &Request, event: &Event, host: &Host) -> Result<(), Failure> {
        let Some(to) = Route::choose(&config.routes, &config.to, &config.message, event, host) else {
            return Ok(());
        };
        let written = config.message.write(request, event, CHANNEL)?;
        let body = json!({
            "type": "message",
            "attachments": [{
                "contentType": "application/vnd.microsoft.card.adaptive",
                "contentUrl": null,
                "content": card(&written, event, &to.mention),
            }],
        })
        .to_string();
        if body.len() > LARGEST {
            return Err(Failure::invalid_config(format!(
                "the card has {} bytes, and Teams takes {LARGEST}: `message` has too many paragraphs or too long links; nothing was sent",
                body.len()
            )));
        }
        let url = SecretUrl::reveal(&to.webhook, host)?;
        let response =
            deliver(host, Pace { timeout_ms: config.timeout_ms, max_wait_ms: config.max_wait_ms }, || {
                host.http().post(url.url()).header("content-type", "application/json").body(body.as_str())
            })
            .map_err(|failure| url.hide(failure))?;
        accepted(&response)
    }
}

fn card(written: &Written, event: &Event, people: &[Person]) -> Value {
    let mut body = vec![json!({
        "type": "TextBlock",
        "text": Markup::AdaptiveCard.escape(&written.title),
        "wrap": true,
        "size": "large",
        "weight": "bolder",
        "color": color(&event.severity),
    })];
    let at = |person: &Person| format!("<at>{}</at>", person.name);
    if !people.is_empty() {
        let calls: Vec<String> = people.iter().map(at).collect();
        body.push(json!({ "type": "TextBlock", "text": calls.join(" "), "wrap": true }));
    }
    for paragraph in written.text.split("\n\n").map(str::trim).filter(|paragraph| !paragraph.is_empty()) {
        // A single line end is a space to Teams.
        let text = paragraph.replace('\n', "\n\n");
        body.push(json!({ "type": "TextBlock", "text": text, "wrap": true }));
    }
    let actions: Vec<Value> = written
        .links
        .iter()
        .map(|link| json!({ "type": "Action.OpenUrl", "title": link.title, "url": link.url }))
        .collect();
    let entities: Vec<Value> = people
        .iter()
        .map(|person| {
            json!({ "type": "mention", "text": at(person), "mentioned": { "id": person.id, "name": person.name } })
        })
        .collect();
    json!({
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": body,
        "actions": actions,
        "msteams": { "width": "Full", "entities": entities },
    })
}

fn color(severity: &str) -> &'static str {
    match severity {
        "error" => "attention",
        "warning" => "warning",
        _ => "good",
    }
}

runner_plugin::export_notifier!(Teams);

#[cfg(test)]
mod tests;
