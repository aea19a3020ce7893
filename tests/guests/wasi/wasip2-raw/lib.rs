//! A gate that makes WASI calls one by one, with arguments that no standard library would pass. `wasip2-std` is the one
//! that lives in WASI as an honest program does.
//!
//! Each of `tries` is one call or one short row of calls; the output `tried` says of each in the same place `ok`, `ok:` with
//! what came back, or the name of the error. `flood` does not end by itself.

mod files;
mod floods;
mod surroundings;
mod web;

use runner_plugin::{Evaluation, Failure, Gate, Host, Request};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

/// What to try.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// One after the other, whatever comes of them.
    tries: Vec<Try>,
    /// Then takes without end.
    flood: Option<floods::Flood>,
    /// Then panics with this secret in the message.
    panic_with: Option<String>,
    /// Then ends itself: `true` as one that succeeded.
    exit: Option<bool>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Try {
    /// A call of `wasi:filesystem`.
    File(files::Call),
    /// A call of `wasi:sockets`.
    Socket(web::Socket),
    /// A request through `wasi:http`.
    Http(web::Call),
    /// A look at what a process inherits.
    Look(surroundings::Look),
}

/// The gate.
#[derive(Debug)]
pub struct Wasip2Raw;

impl Gate for Wasip2Raw {
    type Config = Config;
    const OUTPUTS: &'static [&'static str] = &["tried"];

    fn evaluate(config: Config, _: &Request, host: &Host) -> Result<Evaluation, Failure> {
        let tried: Vec<String> = config.tries.iter().map(|attempt| words(attempt.make())).collect();
        if let Some(flood) = config.flood {
            flood.run();
        }
        if let Some(name) = config.panic_with {
            panic!("the secret is {}", host.secret(&name)?.reveal()?);
        }
        if let Some(success) = config.exit {
            wasip2::cli::exit::exit(if success { Ok(()) } else { Err(()) });
        }
        Ok(Evaluation::pass("tried").output("tried", json!(tried)))
    }
}

/// What came back, or the name of the error.
type Outcome = Result<String, String>;

impl Try {
    fn make(&self) -> Outcome {
        match self {
            Self::File(call) => call.make(),
            Self::Socket(socket) => socket.make(),
            Self::Http(call) => call.make(),
            Self::Look(look) => look.make(),
        }
    }
}

fn words(outcome: Outcome) -> String {
    match outcome {
        Ok(text) if text.is_empty() => "ok".to_owned(),
        Ok(text) => format!("ok: {text}"),
        Err(name) => name,
    }
}

runner_plugin::export_gate!(Wasip2Raw);
