//! A gate that is shown a secret and tells it by every way out there is: log, outputs, findings, summary, failure, panic,
//! and the address of a request that it may not send; plain, encoded, and in pieces.

use runner_plugin::{Decision, Evaluation, Failure, Finding, Gate, Host, Request};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// What to tell, and how to end.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The secret.
    secret: String,
    /// How to end.
    #[serde(default)]
    end: End,
    /// Passed through to the output `given`.
    #[serde(default)]
    given: Value,
}

#[derive(Debug, Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum End {
    /// With a no, whose every text holds the secret.
    #[default]
    Answer,
    /// With a failure that holds it.
    Failure,
    /// With a panic that holds it.
    Panic,
}

/// The gate.
#[derive(Debug)]
pub struct GateLeak;

impl Gate for GateLeak {
    type Config = Config;
    const OUTPUTS: &'static [&'static str] = &["forms", "pieces", "key", "given"];

    fn evaluate(config: Config, _: &Request, host: &Host) -> Result<Evaluation, Failure> {
        let secret = host.secret(&config.secret)?.reveal()?;
        let forms = forms(&secret);
        let all = forms.join(" | ");
        for form in &forms {
            host.log().info(format!("it is {form}."));
        }
        write_in_pieces(&secret, host);
        write_in_pieces(&base64(secret.as_bytes(), STANDARD), host);
        for form in &forms {
            // Refused, and the refusal names what was asked for.
            drop(host.http().get(format!("http://127.0.0.1:1/{form}")).send());
        }
        drop(host.tcp().connect(&secret, 1, std::time::Duration::from_secs(1)));
        drop(host.files().read(&secret));
        match config.end {
            End::Answer => Ok(answer(&secret, &all, &forms, config.given)),
            End::Failure => Err(Failure::unavailable(all)),
            End::Panic => panic!("{all}"),
        }
    }
}

/// Over two lines of one call, over two calls, and with what no screen shows in between.
fn write_in_pieces(text: &str, host: &Host) {
    let (first, second) = text.split_at(text.len() / 2);
    host.log().info(format!("one call {first}\n{second} done"));
    host.log().warn(format!("two calls {first}"));
    host.log().info(format!("{second} done"));
    for between in ["\u{0}", "\u{1b}[31m", "\t", "\r", "\u{200b}"] {
        host.log().info(format!("hidden {first}{between}{second} done"));
    }
}

fn answer(secret: &str, all: &str, forms: &[String], given: Value) -> Evaluation {
    let finding = Finding::error("leak", all).help(all);
    let mut named = Map::new();
    named.insert(secret.to_owned(), json!([{ "deep": all }]));
    let (first, second) = secret.split_at(secret.len() / 2);
    Evaluation::new(Decision::Fail, all)
        .finding(finding)
        .output("forms", json!(forms))
        .output("pieces", json!(format!("{first}\u{0}{second} {first}\n{second}")))
        .output("key", Value::Object(named))
        .output("given", given)
}

fn forms(secret: &str) -> Vec<String> {
    let bytes = secret.as_bytes();
    let hex = |upper: bool, before: &str| -> String {
        bytes
            .iter()
            .map(|byte| if upper { format!("{before}{byte:02X}") } else { format!("{before}{byte:02x}") })
            .collect()
    };
    let quoted = Value::from(secret).to_string();
    let mut forms = vec![
        secret.to_owned(),
        hex(false, ""),
        hex(true, ""),
        hex(false, "%"),
        hex(true, "%"),
        percent(bytes, true, "%20"),
        percent(bytes, false, "%20"),
        percent(bytes, true, "+"),
        quoted[1..quoted.len() - 1].to_owned(),
        secret.to_lowercase(),
    ];
    for alphabet in [STANDARD, URL_SAFE] {
        for before in ["", "x", "xy"] {
            let encoded = base64(format!("{before}{secret}").as_bytes(), alphabet);
            forms.push(encoded.trim_end_matches('=').to_owned());
            forms.push(encoded);
        }
    }
    forms
}

fn percent(bytes: &[u8], upper: bool, space: &str) -> String {
    bytes
        .iter()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                char::from(*byte).to_string()
            }
            b' ' => space.to_owned(),
            _ if upper => format!("%{byte:02X}"),
            _ => format!("%{byte:02x}"),
        })
        .collect()
}

const STANDARD: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const URL_SAFE: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

fn base64(bytes: &[u8], alphabet: &[u8; 64]) -> String {
    let mut text = String::new();
    for part in bytes.chunks(3) {
        let number = (0..3).fold(0_u32, |number, at| number << 8 | u32::from(*part.get(at).unwrap_or(&0)));
        for at in 0..4 {
            let sign = alphabet[(number >> (18 - 6 * at) & 63) as usize];
            text.push(if at <= part.len() { char::from(sign) } else { '=' });
        }
    }
    text
}

runner_plugin::export_gate!(GateLeak);
