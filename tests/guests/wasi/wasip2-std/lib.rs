//! A gate that reaches outside as any Rust program does: `std::fs`, `std::env`, `println!`, and HTTP through `wasi:http`.
//!
//! It knows nothing of grants. What it was refused is an answer, not a failure: outputs are `{ "ok": … }` or
//! `{ "error": … }`, so that a test sees both.

use runner_plugin::{Evaluation, Failure, Gate, Host, Request};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use wasip2::http::outgoing_handler;
use wasip2::http::types::{Fields, Method, OutgoingRequest, Scheme};
use wasip2::io::streams::StreamError;

/// What to reach for.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// A file to read.
    read: Option<String>,
    /// A file to write.
    write: Option<String>,
    /// A directory to list.
    list: Option<String>,
    /// A variable of the environment.
    env: Option<String>,
    /// `host:port/path` to GET over plain HTTP.
    get: Option<String>,
    /// A line for stdout.
    print: Option<String>,
    /// A line for stderr.
    complain: Option<String>,
}

/// The gate.
#[derive(Debug)]
pub struct Wasip2Std;

impl Gate for Wasip2Std {
    type Config = Config;
    const OUTPUTS: &'static [&'static str] = &["read", "write", "list", "env", "get"];

    fn evaluate(config: Config, _: &Request, _: &Host) -> Result<Evaluation, Failure> {
        if let Some(line) = &config.print {
            println!("{line}");
        }
        if let Some(line) = &config.complain {
            eprintln!("{line}");
        }
        let read = config.read.map(|path| answer(std::fs::read_to_string(path)));
        let write =
            config.write.map(|path| answer(std::fs::write(path, "written").map(|()| "written".to_owned())));
        let list = config.list.map(|path| answer(names(&path)));
        #[expect(clippy::disallowed_methods, reason = "what a guest sees of the environment is the question")]
        let env = config.env.map(|name| answer(std::env::var(name)));
        let get = config.get.map(|url| answer(get(&url)));

        let outputs = [("read", read), ("write", write), ("list", list), ("env", env), ("get", get)];
        let outputs = outputs.into_iter().filter_map(|(name, value)| Some((name, value?)));
        Ok(outputs
            .fold(Evaluation::pass("tried"), |evaluation, (name, value)| evaluation.output(name, value)))
    }
}

fn answer<E: std::fmt::Display>(outcome: Result<String, E>) -> Value {
    match outcome {
        Ok(text) => json!({ "ok": text }),
        Err(error) => json!({ "error": error.to_string() }),
    }
}

fn names(path: &str) -> std::io::Result<String> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(path)? {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names.join(" "))
}

/// Sends a GET and returns status and body, as `200 text`.
fn get(url: &str) -> Result<String, String> {
    let (authority, path) = url.split_once('/').unwrap_or((url, ""));
    let request = OutgoingRequest::new(Fields::new());
    let set = request
        .set_method(&Method::Get)
        .and_then(|()| request.set_scheme(Some(&Scheme::Http)))
        .and_then(|()| request.set_authority(Some(authority)))
        .and_then(|()| request.set_path_with_query(Some(&format!("/{path}"))));
    set.map_err(|()| format!("`{url}` is no URL"))?;
    let future = outgoing_handler::handle(request, None).map_err(|error| error.to_string())?;
    future.subscribe().block();
    let response = future.get().ok_or("no response")?.map_err(|()| "response taken twice")?;
    let response = response.map_err(|error| error.to_string())?;
    let body = response.consume().map_err(|()| "body taken twice")?;
    let stream = body.stream().map_err(|()| "stream taken twice")?;
    let mut bytes = Vec::new();
    loop {
        match stream.blocking_read(64 * 1024) {
            Ok(piece) => bytes.extend(piece),
            Err(StreamError::Closed) => break,
            Err(StreamError::LastOperationFailed(error)) => return Err(error.to_debug_string()),
        }
    }
    Ok(format!("{} {}", response.status(), String::from_utf8_lossy(&bytes)))
}

runner_plugin::export_gate!(Wasip2Std);
