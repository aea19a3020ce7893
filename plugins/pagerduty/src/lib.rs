//! Notifier: an alert in PagerDuty, by version 2 of its Events API.
//!
//! What fails opens an alert, what succeeds closes it; the same key joins the two, and joins repeated failures to one
//! alert.

use runner_notice::{Channel, Links, Markup, Message, Pace, Route, accepted, deliver};
use runner_plugin::{Event, Failure, Host, Notifier, Request};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;

const CHANNEL: Channel = Channel { markup: Markup::Plain, title: 1_024, text: 8_000, links: Links::Apart };

/// Longest key of an alert.
const LONGEST_KEY: usize = 255;

/// Whom to tell what.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Which service gets the alert.
    to: To,
    /// Which service gets it instead; the first route that fits counts.
    #[serde(default)]
    routes: Vec<Route<To>>,
    /// What is done to the alert. Without it: `run.succeeded` resolves it, everything else triggers it.
    action: Option<Action>,
    /// What one alert is about.
    #[serde(default)]
    per: Per,
    /// The alert's key, in place of the one that `per` makes.
    #[schemars(length(min = 1, max = 255))]
    dedup_key: Option<String>,
    /// How bad it is. Without it: `critical` for a stuck run, else the severity that the pipeline says.
    severity: Option<Severity>,
    /// What is said. The title is the alert's summary; without one, the event's own summary is.
    #[serde(default)]
    message: Message,
    /// The Events API. Without it: `https://events.pagerduty.com`; for accounts in Europe `https://events.eu.pagerduty.com`.
    #[serde(default = "api")]
    #[schemars(regex(pattern = "^https?://[^?#\\s]+[^/?#\\s]$"))]
    api: String,
    /// For connection and response together. Without it: 10 seconds.
    #[schemars(range(min = 1))]
    timeout_ms: Option<u32>,
    /// Longest wait, all in all, when PagerDuty asks to come back later. Without it: 10 seconds.
    #[serde(default = "runner_notice::max_wait_ms")]
    max_wait_ms: u32,
}

fn api() -> String {
    "https://events.pagerduty.com".to_owned()
}

/// Which service gets the alert.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct To {
    /// Name of the secret that is the integration's routing key. It stands in the body, so its grant needs `reveal: true`.
    routing_key: String,
}

/// What is done to the alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Action {
    /// Opened, or added to if it is open.
    Trigger,
    /// Somebody looks after it.
    Acknowledge,
    /// Closed.
    Resolve,
}

/// What one alert is about.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Per {
    /// The pipeline: repeated failures are one alert, and the next run that succeeds closes it.
    #[default]
    Pipeline,
    /// The run: each run that fails has an alert of its own; only what comes later in the same run closes it.
    Run,
}

/// How bad it is, as PagerDuty says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Severity {
    /// Everything stands still.
    Critical,
    /// Something is broken.
    Error,
    /// Something may break.
    Warning,
    /// For information.
    Info,
}

/// The notifier.
#[derive(Debug)]
pub struct PagerDuty;

impl Notifier for PagerDuty {
    type Config = Config;

    fn notify(config: Config, request: &Request, event: &Event, host: &Host) -> Result<(), Failure> {
        let Some(to) = Route::choose(&config.routes, &config.to, &config.message, event, host) else {
            return Ok(());
        };
        let mut body = match config.action.unwrap_or_else(|| Action::of(event)) {
            Action::Trigger => triggered(&config, request, event)?,
            Action::Acknowledge => json!({ "event_action": "acknowledge" }),
            Action::Resolve => json!({ "event_action": "resolve" }),
        };
        body["dedup_key"] = json!(dedup_key(&config, request, event));
        let secret = host.secret(&to.routing_key)?.reveal()?;
        let routing_key = secret.trim();
        if routing_key.is_empty() {
            return Err(Failure::invalid_input(format!(
                "secret `{}` is empty, and no routing key; nothing was sent",
                to.routing_key
            )));
        }
        body["routing_key"] = json!(routing_key);
        let response =
            deliver(host, Pace { timeout_ms: config.timeout_ms, max_wait_ms: config.max_wait_ms }, || {
                host.http().post(format!("{}/v2/enqueue", config.api)).json(&body)
            })?;
        accepted(&response)
    }
}

impl Action {
    fn of(event: &Event) -> Self {
        match event.name.as_str() {
            "run.succeeded" => Self::Resolve,
            _ => Self::Trigger,
        }
    }
}

/// The same for what one alert is about; too long a name ends early, which is the same each time.
fn dedup_key(config: &Config, request: &Request, event: &Event) -> String {
    let key = match (&config.dedup_key, config.per) {
        (Some(key), _) => key.clone(),
        (None, Per::Pipeline) => format!("runner/{}", event.pipeline),
        (None, Per::Run) => format!("runner/{}", request.run_id),
    };
    key.chars().take(LONGEST_KEY).collect()
}

fn triggered(config: &Config, request: &Request, event: &Event) -> Result<Value, Failure> {
    let mut message = config.message.clone();
    message.title.get_or_insert_with(|| "{{ summary }}".to_owned());
    let written = message.write(request, event, CHANNEL)?;
    let details: BTreeMap<&str, Value> = BTreeMap::from([
        ("run", json!(request.run_id)),
        ("event", json!(event.name)),
        ("status", json!(event.status)),
        ("text", json!(written.text)),
        ("fields", json!(message.fields)),
    ]);
    let links: Vec<Value> =
        written.links.iter().map(|link| json!({ "href": link.url, "text": link.title })).collect();
    let mut payload = json!({
        "summary": written.title,
        "source": event.pipeline,
        "severity": severity(config, event),
        "class": event.name,
        "custom_details": details,
    });
    if let Some(step) = &event.step {
        payload["component"] = json!(step);
    }
    Ok(json!({ "event_action": "trigger", "client": "runner", "payload": payload, "links": links }))
}

fn severity(config: &Config, event: &Event) -> &'static str {
    match config.severity {
        Some(Severity::Critical) => "critical",
        Some(Severity::Error) => "error",
        Some(Severity::Warning) => "warning",
        Some(Severity::Info) => "info",
        None => match (event.status.as_str(), event.severity.as_str()) {
            ("stuck", _) => "critical",
            (_, "error") => "error",
            (_, "warning") => "warning",
            _ => "info",
        },
    }
}

runner_plugin::export_notifier!(PagerDuty);

#[cfg(test)]
mod tests;
