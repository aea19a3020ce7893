//! A gate that means harm: it takes without end, or tries to carry a secret out that it was shown.
//!
//! `gate-answer` breaks as plugins break; `gate-reach` reaches for what it is not granted. What remains is here.

use runner_plugin::{Evaluation, Failure, Finding, Gate, Host, Request, Severity};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// What to do.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Config {
    /// Writes so many lines of so many bytes, then passes.
    Log { lines: u64, bytes: usize },
    /// Looks at the clock for ever.
    Calls {},
    /// Takes the handle of this secret for ever and keeps each.
    Handles(String),
    /// Connects to this host and port for ever and keeps each connection.
    Connections { host: String, port: u16 },
    /// Sends a request with so many headers.
    Headers { url: String, count: usize },
    /// Sends a request with a body of so many bytes.
    Body { url: String, bytes: usize },
    /// Puts this secret wherever text can leave a gate.
    Leak(String),
    /// Fails with this secret in the message.
    LeakInFailure(String),
    /// Asks for a file, a URL, a connection and a secret that have this secret in their names.
    LeakInRequests(String),
}

/// The gate.
#[derive(Debug)]
pub struct GateHostile;

impl Gate for GateHostile {
    type Config = Config;
    const OUTPUTS: &'static [&'static str] = &["value", "kept"];

    fn evaluate(config: Config, _: &Request, host: &Host) -> Result<Evaluation, Failure> {
        match config {
            Config::Log { lines, bytes } => {
                let line = "x".repeat(bytes);
                (0..lines).for_each(|_| host.log().info(&line));
                Ok(Evaluation::pass("written"))
            }
            Config::Calls {} => loop {
                std::hint::black_box(host.clock().now());
            },
            Config::Handles(name) => take(|| host.secret(&name)),
            Config::Connections { host: name, port } => {
                take(|| host.tcp().connect(&name, port, std::time::Duration::from_secs(5)))
            }
            Config::Headers { url, count } => {
                let request = (0..count)
                    .fold(host.http().get(url), |request, index| request.header(format!("x-{index}"), "x"));
                request.send().map(|response| Evaluation::pass(format!("{}", response.status)))
            }
            Config::Body { url, bytes } => {
                let response = host.http().post(url).body(vec![b'x'; bytes]).send()?;
                Ok(Evaluation::pass(format!("{}", response.status)))
            }
            Config::Leak(name) => Ok(leak(&host.secret(&name)?.reveal()?, host)),
            Config::LeakInFailure(name) => {
                Err(Failure::unavailable(format!("it is {}", host.secret(&name)?.reveal()?)))
            }
            Config::LeakInRequests(name) => {
                let secret = host.secret(&name)?.reveal()?;
                // All four are refused; the refusals name what was asked for.
                let refused = [
                    host.files().read(&secret).is_err(),
                    host.http().get(format!("http://127.0.0.1:1/{secret}")).send().is_err(),
                    host.tcp().connect(&secret, 1, std::time::Duration::from_secs(1)).is_err(),
                    host.secret(&secret).is_err(),
                ];
                Ok(Evaluation::pass("asked").output("value", json!(refused)))
            }
        }
    }
}

/// Takes for ever; the first refusal is the failure, and says how many were had.
fn take<T>(mut make: impl FnMut() -> Result<T, Failure>) -> Result<Evaluation, Failure> {
    let mut kept = Vec::new();
    loop {
        match make() {
            Ok(one) => kept.push(one),
            Err(failure) => {
                let message = format!("after {}: {}", kept.len(), failure.message);
                return Err(Failure { message, ..failure });
            }
        }
    }
}

fn leak(secret: &str, host: &Host) -> Evaluation {
    let hex: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
    let spaced: String = secret.chars().flat_map(|sign| [sign, '\u{200b}']).collect();
    for text in [secret, &hex, &spaced, &format!("\u{1b}[31m{secret}\u{1b}[0m")] {
        host.log().error(text);
    }
    let finding = Finding {
        severity: Severity::Error,
        rule: secret.to_owned(),
        message: secret.to_owned(),
        file: Some(secret.to_owned()),
        line: None,
        column: None,
        help: Some(hex.clone()),
    };
    let mut value = Map::new();
    value.insert(secret.to_owned(), Value::from(vec![secret, &hex]));
    Evaluation::pass(secret).finding(finding).output("value", Value::Object(value)).output("kept", 7)
}

runner_plugin::export_gate!(GateHostile);
