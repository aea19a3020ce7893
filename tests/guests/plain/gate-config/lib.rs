//! A gate that does and answers what its config says.
//!
//! In this order, each only if it is asked for: write log lines, sleep, read the clock, use a secret, send a request, connect,
//! read a file, write a file, take memory; then misbehave; then answer. A capability call that fails makes the
//! gate fail with that failure, unless `tolerate` is set; then the output `errors` has its text.

use std::hint::black_box;
use std::time::Duration;

use runner_plugin::host::Level;
use runner_plugin::{Decision, Evaluation, Failure, FailureKind, Finding, Gate, Host, Request, Severity};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// What to do and to answer.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The answer: `pass`, `warn`, `fail`, `inconclusive`.
    decision: Answer,
    /// Its one line. Without it: the step and the attempt.
    summary: Option<String>,
    /// Its reasons.
    findings: Vec<Reason>,
    /// Its outputs, of any name.
    outputs: Map<String, Value>,
    /// Lines for the log.
    log: Vec<String>,
    /// Level of these lines: `debug`, `info`, `warn`, `error`.
    level: Loudness,
    /// Waits so long.
    sleep_ms: u64,
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
    /// Takes so much memory.
    allocate: usize,
    /// Lets failed calls pass.
    tolerate: bool,
    /// Calls itself without end.
    recurse: bool,
    /// Never ends.
    #[serde(rename = "loop")]
    endless: bool,
    /// Panics with this text.
    panic: Option<String>,
    /// Fails, and answers nothing.
    fail: Option<Refusal>,
    /// Fails as `unavailable` until this attempt.
    from_attempt: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            decision: Answer::Pass,
            summary: None,
            findings: Vec::new(),
            outputs: Map::new(),
            log: Vec::new(),
            level: Loudness::Info,
            sleep_ms: 0,
            clock: false,
            secret: None,
            reveal: None,
            http: None,
            tcp: None,
            read: None,
            write: None,
            list: None,
            allocate: 0,
            tolerate: false,
            recurse: false,
            endless: false,
            panic: None,
            fail: None,
            from_attempt: 0,
        }
    }
}

#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Answer {
    Pass,
    Warn,
    Fail,
    Inconclusive,
}

#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Loudness {
    Debug,
    Info,
    Warn,
    Error,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Reason {
    /// `error`, `warning` or `note`.
    severity: Weight,
    rule: String,
    message: String,
    file: Option<String>,
    line: Option<u32>,
    column: Option<u32>,
    help: Option<String>,
}

#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Weight {
    Error,
    Warning,
    Note,
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

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Refusal {
    kind: Kind,
    message: String,
}

#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Kind {
    InvalidConfig,
    InvalidInput,
    Denied,
    Unavailable,
    TimedOut,
    BudgetExceeded,
    Internal,
}

/// The gate.
#[derive(Debug)]
pub struct GateConfig;

impl Gate for GateConfig {
    type Config = Config;
    const OUTPUTS: &'static [&'static str] = &[
        "value",
        "other",
        "now",
        "signature",
        "revealed",
        "status",
        "body",
        "banner",
        "text",
        "names",
        "errors",
    ];

    fn evaluate(config: Config, request: &Request, host: &Host) -> Result<Evaluation, Failure> {
        let mut outputs = config.outputs.clone();
        config.log.iter().for_each(|line| host.log().write(config.level.into(), line));
        if config.sleep_ms > 0 {
            host.clock().sleep(Duration::from_millis(config.sleep_ms));
        }
        if config.clock {
            outputs.insert("now".to_owned(), json!(host.clock().now().as_millis() as u64));
        }
        let mut errors = Vec::new();
        for call in [use_secret, reveal, send, connect, read, write, list] {
            match call(&config, host, &mut outputs) {
                Err(failure) if config.tolerate => errors.push(failure.message),
                outcome => outcome?,
            }
        }
        if config.tolerate {
            outputs.insert("errors".to_owned(), json!(errors));
        }
        if config.allocate > 0 {
            black_box(vec![1_u8; config.allocate]);
        }
        misbehave(&config, request)?;

        let summary =
            config.summary.unwrap_or_else(|| format!("{} attempt {}", request.step_id, request.attempt));
        let evaluation = Evaluation::new(config.decision.into(), summary);
        let evaluation =
            config.findings.into_iter().fold(evaluation, |answer, reason| answer.finding(reason.into()));
        Ok(outputs.into_iter().fold(evaluation, |answer, (name, value)| answer.output(name, value)))
    }
}

type Outputs = Map<String, Value>;

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

fn misbehave(config: &Config, request: &Request) -> Result<(), Failure> {
    if request.attempt < config.from_attempt {
        let text = format!("attempt {} of {} that are needed", request.attempt, config.from_attempt);
        return Err(Failure::unavailable(text));
    }
    if config.recurse {
        black_box(deeper(1));
    }
    if config.endless {
        loop {
            black_box(());
        }
    }
    if let Some(text) = &config.panic {
        panic!("{text}");
    }
    match &config.fail {
        Some(Refusal { kind, message }) => Err(Failure::new((*kind).into(), message)),
        None => Ok(()),
    }
}

/// Needs more stack than there is. The sum afterwards keeps the calls from becoming a loop.
#[expect(unconditional_recursion, reason = "that is its purpose")]
fn deeper(depth: u64) -> u64 {
    black_box(deeper(black_box(depth + 1))) + depth
}

impl From<Answer> for Decision {
    fn from(answer: Answer) -> Self {
        match answer {
            Answer::Pass => Self::Pass,
            Answer::Warn => Self::Warn,
            Answer::Fail => Self::Fail,
            Answer::Inconclusive => Self::Inconclusive,
        }
    }
}

impl From<Loudness> for Level {
    fn from(loudness: Loudness) -> Self {
        match loudness {
            Loudness::Debug => Self::Debug,
            Loudness::Info => Self::Info,
            Loudness::Warn => Self::Warn,
            Loudness::Error => Self::Error,
        }
    }
}

impl From<Reason> for Finding {
    fn from(reason: Reason) -> Self {
        let severity = match reason.severity {
            Weight::Error => Severity::Error,
            Weight::Warning => Severity::Warning,
            Weight::Note => Severity::Note,
        };
        let Reason { rule, message, file, line, column, help, .. } = reason;
        Self { severity, rule, message, file, line, column, help }
    }
}

impl From<Kind> for FailureKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::InvalidConfig => Self::InvalidConfig,
            Kind::InvalidInput => Self::InvalidInput,
            Kind::Denied => Self::Denied,
            Kind::Unavailable => Self::Unavailable,
            Kind::TimedOut => Self::TimedOut,
            Kind::BudgetExceeded => Self::BudgetExceeded,
            Kind::Internal => Self::Internal,
        }
    }
}

runner_plugin::export_gate!(GateConfig);
