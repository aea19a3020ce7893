//! Notifier: an event as a Slack message.
//!
//! To an incoming webhook, whose address is the secret, or to `chat.postMessage` with a token that only the host sees.
//! Nothing in the text can mention anybody: only `mention` does.

use runner_notice::{
    Channel, Links, Markup, Message, Pace, Route, SecretUrl, Written, accepted, deliver, refused,
};
use runner_plugin::host::Response;
use runner_plugin::text::shortened;
use runner_plugin::{Event, Failure, Host, Notifier, Request, Secret};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

/// Most characters of a header block.
const TITLE: usize = 150;
/// Most characters of a section block.
const TEXT: usize = 3_000;

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
    /// Slack's API, for `channel`. Without it: `https://slack.com/api`.
    #[serde(default = "api")]
    #[schemars(regex(pattern = "^https?://[^?#\\s]+[^/?#\\s]$"))]
    api: String,
    /// For connection and response together. Without it: 10 seconds.
    #[schemars(range(min = 1))]
    timeout_ms: Option<u32>,
    /// Longest wait, all in all, when Slack asks to come back later. Without it: 10 seconds.
    #[serde(default = "runner_notice::max_wait_ms")]
    max_wait_ms: u32,
}

fn api() -> String {
    "https://slack.com/api".to_owned()
}

/// Who is told.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(untagged)]
enum To {
    /// The channel of an incoming webhook.
    Webhook(Webhook),
    /// Any channel that the token may post to.
    Channel(ByToken),
}

/// The channel of an incoming webhook.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Webhook {
    /// Name of the secret that is the webhook's address; its grant needs `reveal: true`.
    webhook: String,
    /// Who is called: `here`, `channel`, `everyone`, or the id of a member (`U…`, `W…`) or of a user group (`S…`).
    #[serde(default)]
    #[schemars(inner(regex(pattern = "^(here|channel|everyone|[UWS][A-Z0-9]{2,30})$")))]
    mention: Vec<String>,
}

/// Any channel that the token may post to.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ByToken {
    /// Id or name of the channel.
    #[schemars(length(min = 1))]
    channel: String,
    /// Name of the secret that is the token (`xoxb-…`). The plugin never sees it.
    token: String,
    /// Who is called: `here`, `channel`, `everyone`, or the id of a member (`U…`, `W…`) or of a user group (`S…`).
    #[serde(default)]
    #[schemars(inner(regex(pattern = "^(here|channel|everyone|[UWS][A-Z0-9]{2,30})$")))]
    mention: Vec<String>,
}

/// The notifier.
#[derive(Debug)]
pub struct Slack;

impl Notifier for Slack {
    type Config = Config;

    fn notify(config: Config, request: &Request, event: &Event, host: &Host) -> Result<(), Failure> {
        let Some(to) = Route::choose(&config.routes, &config.to, &config.message, event, host) else {
            return Ok(());
        };
        let mentions = mentions(to);
        let channel = Channel {
            markup: Markup::Mrkdwn,
            title: TITLE,
            text: TEXT.saturating_sub(mentions.chars().count()),
            links: Links::Below,
        };
        let written = config.message.write(request, event, channel)?;
        let body = blocks(&written, &mentions);
        match to {
            To::Webhook(to) => {
                let url = SecretUrl::reveal(&to.webhook, host)?;
                let response =
                    post(&config, host, url.url(), None, &body).map_err(|failure| url.hide(failure))?;
                accepted(&response)
            }
            To::Channel(to) => {
                let mut body = body;
                body["channel"] = json!(to.channel);
                let url = format!("{}/chat.postMessage", config.api);
                let token = host.secret(&to.token)?;
                judge(&post(&config, host, &url, Some(&token), &body)?)
            }
        }
    }
}

fn mentions(to: &To) -> String {
    let names = match to {
        To::Webhook(to) => &to.mention,
        To::Channel(to) => &to.mention,
    };
    let calls: Vec<String> = names
        .iter()
        .map(|name| match name.as_bytes().first() {
            Some(b'S') => format!("<!subteam^{name}>"),
            Some(b'U' | b'W') => format!("<@{name}>"),
            Some(_) | None => format!("<!{name}>"),
        })
        .collect();
    if calls.is_empty() { String::new() } else { calls.join(" ") + "\n" }
}

/// `text` is what stands in a notification; what is read stands in the blocks.
fn blocks(written: &Written, mentions: &str) -> Value {
    json!({
        "text": Markup::Mrkdwn.escape(&written.title),
        "blocks": [
            { "type": "header", "text": { "type": "plain_text", "text": written.title, "emoji": false } },
            {
                "type": "section",
                // Verbatim: Slack makes no links or mentions of plain words.
                "text": { "type": "mrkdwn", "text": format!("{mentions}{}", written.text), "verbatim": true },
            },
        ],
        "unfurl_links": false,
        "unfurl_media": false,
    })
}

fn post(
    config: &Config,
    host: &Host,
    url: &str,
    token: Option<&Secret>,
    body: &Value,
) -> Result<Response, Failure> {
    deliver(host, Pace { timeout_ms: config.timeout_ms, max_wait_ms: config.max_wait_ms }, || {
        let request =
            host.http().post(url).header("content-type", "application/json; charset=utf-8").json(body);
        match token {
            Some(token) => request.bearer(token),
            None => request,
        }
    })
}

/// The API answers 200 to nearly everything, and says in the body what it means.
fn judge(response: &Response) -> Result<(), Failure> {
    accepted(response)?;
    let answer: Value = response.json()?;
    match (answer["ok"].as_bool(), answer["error"].as_str()) {
        (Some(true), _) => Ok(()),
        // Those that Slack calls passing.
        (_, Some(error @ ("internal_error" | "fatal_error" | "service_unavailable" | "request_timeout"))) => {
            Err(Failure::unavailable(format!("Slack did not take the message: {error}")))
        }
        (_, Some(error)) => {
            Err(Failure::invalid_input(format!("Slack did not take the message: {}", shortened(error))))
        }
        (_, None) => Err(refused(response)),
    }
}

runner_plugin::export_notifier!(Slack);

#[cfg(test)]
mod tests;
