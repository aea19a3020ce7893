//! A gate that reaches for what its config names, through every capability there is. `gate-answer` is the one that
//! reaches for nothing.
//!
//! In this order, each only if it is asked for: read the clock, use a secret, reveal one, send a request, connect, read
//! a file, write one, list a directory, look at a path. A call that fails makes the gate fail with that failure, unless
//! `tolerate` is set; then the output `errors` has its text. Each of `tries` does the same for itself; the output `tried`
//! says in the same place what came of it: its outputs, or kind and text of its failure.

use std::time::Duration;

use runner_plugin::{Evaluation, Failure, Gate, Host, Request};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// What to do and to answer.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Puts milliseconds since 1970 into the output `now`.
    clock: bool,
    /// Signs its own name with this secret; the output `signature` has the first bytes.
    secret: Option<String>,
    /// Reads this secret; the output `revealed` has it.
    reveal: Option<String>,
    /// Sends this request; outputs `status` and `body`.
    http: Option<Call>,
    /// Connects to `host:port`; the output `banner` has what is said first.
    tcp: Option<String>,
    /// Reads this file; the output `text` has it.
    read: Option<String>,
    /// Writes to a file.
    write: Option<Page>,
    /// Lists this directory; the output `names` has what is in it.
    list: Option<String>,
    /// Looks at this path; the output `size` has its bytes, or null if there is nothing.
    stat: Option<String>,
    /// Lets failed calls pass.
    tolerate: bool,
    /// Then reaches for each of these, whatever comes of it.
    tries: Vec<Config>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Call {
    url: String,
    #[serde(default = "get")]
    method: String,
    #[serde(default)]
    body: String,
    /// Headers.
    #[serde(default)]
    headers: Map<String, Value>,
    /// Secret for `authorization: Bearer`.
    bearer: Option<String>,
    timeout_ms: Option<u64>,
}

fn get() -> String {
    "GET".to_owned()
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Page {
    path: String,
    text: String,
}

/// The gate.
#[derive(Debug)]
pub struct GateReach;

impl Gate for GateReach {
    type Config = Config;
    const OUTPUTS: &'static [&'static str] = &[
        "now",
        "signature",
        "revealed",
        "status",
        "body",
        "banner",
        "text",
        "names",
        "size",
        "errors",
        "tried",
    ];

    fn evaluate(config: Config, _: &Request, host: &Host) -> Result<Evaluation, Failure> {
        let mut outputs = reach(&config, host)?;
        if !config.tries.is_empty() {
            let tried: Vec<Value> =
                config.tries.iter().map(|attempt| outcome(reach(attempt, host))).collect();
            outputs.insert("tried".to_owned(), json!(tried));
        }
        Ok(outputs
            .into_iter()
            .fold(Evaluation::pass("reached"), |answer, (name, value)| answer.output(name, value)))
    }
}

type Outputs = Map<String, Value>;

fn reach(config: &Config, host: &Host) -> Result<Outputs, Failure> {
    let mut outputs = Outputs::new();
    if config.clock {
        outputs.insert("now".to_owned(), json!(host.clock().now().as_millis() as u64));
    }
    let mut errors = Vec::new();
    for call in [use_secret, reveal, send, connect, read, write, list, stat] {
        match call(config, host, &mut outputs) {
            Err(failure) if config.tolerate => errors.push(failure.message),
            outcome => outcome?,
        }
    }
    if config.tolerate {
        outputs.insert("errors".to_owned(), json!(errors));
    }
    Ok(outputs)
}

fn outcome(reached: Result<Outputs, Failure>) -> Value {
    match reached {
        Ok(outputs) => Value::Object(outputs),
        Err(Failure { kind, message }) => json!(format!("{kind:?}: {message}")),
    }
}

fn use_secret(config: &Config, host: &Host, outputs: &mut Outputs) -> Result<(), Failure> {
    let Some(name) = &config.secret else { return Ok(()) };
    let signature = host.secret(name)?.hmac_sha256(name.as_bytes());
    outputs.insert("signature".to_owned(), json!(signature.get(..4)));
    Ok(())
}

fn reveal(config: &Config, host: &Host, outputs: &mut Outputs) -> Result<(), Failure> {
    let Some(name) = &config.reveal else { return Ok(()) };
    let text = host.secret(name)?.reveal()?;
    host.log().info(format!("the secret is {text}"));
    outputs.insert("revealed".to_owned(), json!(text));
    Ok(())
}

fn send(config: &Config, host: &Host, outputs: &mut Outputs) -> Result<(), Failure> {
    let Some(call) = &config.http else { return Ok(()) };
    let secret = call.bearer.as_ref().map(|name| host.secret(name)).transpose()?;
    let mut request = host.http().request(&call.method, &call.url).body(call.body.as_bytes());
    for (name, value) in &call.headers {
        request = request.header(name, value.as_str().unwrap_or_default());
    }
    if let Some(secret) = &secret {
        request = request.bearer(secret);
    }
    if let Some(timeout) = call.timeout_ms {
        request = request.timeout(Duration::from_millis(timeout));
    }
    let response = request.send()?;
    outputs.insert("status".to_owned(), json!(response.status));
    outputs.insert("body".to_owned(), json!(response.text()?));
    Ok(())
}

fn connect(config: &Config, host: &Host, outputs: &mut Outputs) -> Result<(), Failure> {
    let Some(address) = &config.tcp else { return Ok(()) };
    let (name, port) = address.rsplit_once(':').unwrap_or((address, ""));
    let port =
        port.parse().map_err(|_| Failure::invalid_config(format!("`tcp`: `{address}` has no port")))?;
    let banner = host.tcp().connect(name, port, Duration::from_secs(5))?.read(1024)?;
    outputs.insert("banner".to_owned(), json!(String::from_utf8_lossy(&banner)));
    Ok(())
}

fn read(config: &Config, host: &Host, outputs: &mut Outputs) -> Result<(), Failure> {
    let Some(path) = &config.read else { return Ok(()) };
    outputs.insert("text".to_owned(), json!(host.files().read_to_string(path)?));
    Ok(())
}

fn write(config: &Config, host: &Host, _: &mut Outputs) -> Result<(), Failure> {
    let Some(Page { path, text }) = &config.write else { return Ok(()) };
    host.files().write(path, text)
}

fn list(config: &Config, host: &Host, outputs: &mut Outputs) -> Result<(), Failure> {
    let Some(path) = &config.list else { return Ok(()) };
    let names: Vec<String> = host.files().list(path)?.into_iter().map(|entry| entry.name).collect();
    outputs.insert("names".to_owned(), json!(names));
    Ok(())
}

fn stat(config: &Config, host: &Host, outputs: &mut Outputs) -> Result<(), Failure> {
    let Some(path) = &config.stat else { return Ok(()) };
    outputs.insert("size".to_owned(), json!(host.files().stat(path)?.map(|found| found.size)));
    Ok(())
}

runner_plugin::export_gate!(GateReach);
