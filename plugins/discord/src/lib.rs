//! Notifier: an event as a Discord message.
//!
//! To a channel's webhook, whose address is the secret, or as a bot with a token that only the host sees. The text stands
//! in an embed, which pings nobody; besides, `allowed_mentions` names those whom `mention` names and no one else.

use runner_notice::{
    Channel, Links, Markup, Message, Pace, Route, SecretUrl, Written, accepted, deliver, hexadecimal, key,
};
use runner_plugin::host::Response;
use runner_plugin::{Event, Failure, Host, Notifier, Request, Secret};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

const CHANNEL: Channel = Channel {
    markup: Markup::Discord,
    // Escaped afterwards, and 256 is the most.
    title: 120,
    text: 4_000,
    links: Links::Below,
};

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
    /// Discord's API, for `channel`. Without it: `https://discord.com/api/v10`.
    #[serde(default = "api")]
    #[schemars(regex(pattern = "^https?://[^?#\\s]+[^/?#\\s]$"))]
    api: String,
    /// For connection and response together. Without it: 10 seconds.
    #[schemars(range(min = 1))]
    timeout_ms: Option<u32>,
    /// Longest wait, all in all, when Discord asks to come back later. Without it: 10 seconds.
    #[serde(default = "runner_notice::max_wait_ms")]
    max_wait_ms: u32,
}

fn api() -> String {
    "https://discord.com/api/v10".to_owned()
}

/// Who is told.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(untagged)]
enum To {
    /// The channel of a webhook.
    Webhook(Webhook),
    /// Any channel that the bot may write to.
    Channel(ByBot),
}

/// The channel of a webhook.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Webhook {
    /// Name of the secret that is the webhook's address; its grant needs `reveal: true`.
    webhook: String,
    /// Who is called: `everyone`, `here`, `user:<id>` or `role:<id>`.
    #[serde(default)]
    #[schemars(inner(regex(pattern = "^(everyone|here|(user|role):[0-9]{5,20})$")))]
    mention: Vec<String>,
}

/// Any channel that the bot may write to.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ByBot {
    /// Id of the channel.
    #[schemars(regex(pattern = "^[0-9]{5,20}$"))]
    channel: String,
    /// Name of the secret that is the bot's token. The plugin never sees it.
    token: String,
    /// Who is called: `everyone`, `here`, `user:<id>` or `role:<id>`.
    #[serde(default)]
    #[schemars(inner(regex(pattern = "^(everyone|here|(user|role):[0-9]{5,20})$")))]
    mention: Vec<String>,
}

/// The notifier.
#[derive(Debug)]
pub struct Discord;

impl Notifier for Discord {
    type Config = Config;

    fn notify(config: Config, request: &Request, event: &Event, host: &Host) -> Result<(), Failure> {
        let Some(to) = Route::choose(&config.routes, &config.to, &config.message, event, host) else {
            return Ok(());
        };
        let written = config.message.write(request, event, CHANNEL)?;
        match to {
            To::Webhook(to) => {
                let body = message(&written, event, &to.mention);
                let url = SecretUrl::reveal(&to.webhook, host)?;
                // Without it Discord answers before it has looked at the message.
                let joint = if url.url().contains('?') { '&' } else { '?' };
                let waiting = format!("{}{joint}wait=true", url.url());
                let response =
                    post(&config, host, &waiting, None, &body).map_err(|failure| url.hide(failure))?;
                accepted(&response)
            }
            To::Channel(to) => {
                let mut body = message(&written, event, &to.mention);
                body["nonce"] = json!(nonce(&key(request, event)));
                body["enforce_nonce"] = json!(true);
                let url = format!("{}/channels/{}/messages", config.api, to.channel);
                let token = host.secret(&to.token)?;
                accepted(&post(&config, host, &url, Some(&token), &body)?)
            }
        }
    }
}

/// At most 25 characters: Discord drops a message whose nonce it has seen within the last minutes.
fn nonce(key: &str) -> String {
    hexadecimal(&Sha256::digest(key.as_bytes())[..12])
}

fn message(written: &Written, event: &Event, mentions: &[String]) -> Value {
    let ids =
        |kind: &str| -> Vec<&str> { mentions.iter().filter_map(|name| name.strip_prefix(kind)).collect() };
    let (users, roles) = (ids("user:"), ids("role:"));
    let everybody = mentions.iter().any(|name| name == "everyone" || name == "here");
    let calls: Vec<String> = mentions
        .iter()
        .map(|name| match name.split_once(':') {
            Some(("user", id)) => format!("<@{id}>"),
            Some((_, id)) => format!("<@&{id}>"),
            None => format!("@{name}"),
        })
        .collect();
    let mut message = json!({
        "embeds": [{
            "title": Markup::Discord.escape(&written.title),
            "description": written.text,
            "color": color(&event.severity),
        }],
        "allowed_mentions": {
            "parse": if everybody { vec!["everyone"] } else { vec![] },
            "users": users,
            "roles": roles,
        },
    });
    if !calls.is_empty() {
        message["content"] = json!(calls.join(" "));
    }
    message
}

fn color(severity: &str) -> u32 {
    match severity {
        "error" => 0x00d9_2d20,
        "warning" => 0x00f7_9009,
        _ => 0x0012_b76a,
    }
}

fn post(
    config: &Config,
    host: &Host,
    url: &str,
    token: Option<&Secret>,
    body: &Value,
) -> Result<Response, Failure> {
    deliver(host, Pace { timeout_ms: config.timeout_ms, max_wait_ms: config.max_wait_ms }, || {
        let request = host.http().post(url).json(body);
        match token {
            Some(token) => request.secret_header("authorization", "Bot ", token),
            None => request,
        }
    })
}

runner_plugin::export_notifier!(Discord);

#[cfg(test)]
mod tests;
