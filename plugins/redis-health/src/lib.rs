//! Health check: how a Redis server is.
//!
//! ```text
//! connect -> TLS -> AUTH -> PING -> INFO -> the parts that the config asks for
//! ```
//!
//! With `require_password` a second connection tries `PING` without logging in, and has to be refused.
//!
//! Never here: a command that changes something, or one that reads data.

mod client;
mod info;

use std::time::Duration;

use runner_plugin::{Check, Failure, Health, HealthCheck, Host, Report, Request};
use runner_probe::{Address, Latency, Tls, line, milliseconds, said, unreachable};
use schemars::JsonSchema;
use serde::Deserialize;

use client::{Client, Reply};
use info::Info;

/// Where the server is, and how it is when it is well.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where the server listens: `host:port`.
    address: Address,
    /// Who is asking. Without it: nobody in particular.
    auth: Option<Auth>,
    /// Talk through TLS. `{}` for the defaults.
    tls: Option<Tls>,
    /// What the server has to be.
    role: Option<Role>,
    /// How much memory is too much.
    #[serde(default)]
    memory: Memory,
    /// Most seconds since a replica has heard from its master; asked of a master it goes for each replica.
    #[schemars(range(min = 0))]
    max_lag_s: Option<i64>,
    /// Least number of replicas that a master has.
    min_replicas: Option<u64>,
    /// The server writes every change to its append-only file, and the last write went well.
    #[serde(default)]
    appendonly: bool,
    /// The server refuses those who do not log in.
    #[serde(default)]
    require_password: bool,
    /// How slow a `PING` is not well.
    #[serde(default)]
    latency: Latency,
    /// For everything together, in milliseconds.
    #[serde(default = "runner_probe::timeout_ms")]
    #[schemars(range(min = 1))]
    timeout_ms: u32,
}

/// Who is asking.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Auth {
    /// User of the server's access list. Without it: the default user.
    username: Option<String>,
    /// Name of the secret that is the password. The server wants the password itself: `reveal: true`.
    password: String,
}

/// What a server can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Role {
    /// It takes writes.
    Master,
    /// It follows a master.
    Replica,
}

/// How much memory is too much, in bytes that the server itself has asked for (`used_memory`).
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct Memory {
    /// From here on the server is degraded.
    degraded_bytes: Option<u64>,
    /// From here on the server is unhealthy.
    unhealthy_bytes: Option<u64>,
}

/// The health check.
#[derive(Debug)]
pub struct RedisHealth;

/// What goes into the outputs.
#[derive(Debug, Default)]
struct Seen {
    checks: Vec<Check>,
    role: Option<String>,
    version: Option<String>,
    used_memory: Option<u64>,
    latency_ms: Option<u64>,
}

impl HealthCheck for RedisHealth {
    type Config = Config;
    const OUTPUTS: &'static [&'static str] = &["role", "version", "used_memory", "latency_ms"];

    fn probe(config: Config, _: &Request, host: &Host) -> Result<Report, Failure> {
        let mut seen = Seen::default();
        if let Err(failure) = look(&config, host, &mut seen) {
            seen.checks.push(unreachable(failure)?);
        }
        let healthy = format!(
            "{} {}",
            seen.role.as_deref().unwrap_or("server"),
            seen.version.as_deref().unwrap_or_default()
        );
        let summary = line(&seen.checks, healthy.trim_end());
        Ok(Report::of(seen.checks, summary)
            .output("role", seen.role)
            .output("version", seen.version)
            .output("used_memory", seen.used_memory)
            .output("latency_ms", seen.latency_ms))
    }
}

/// Stops at the first answer after which there is nothing more to ask.
fn look(config: &Config, host: &Host, seen: &mut Seen) -> Result<(), Failure> {
    let mut client = connect(config, host)?;
    if let Some(auth) = &config.auth {
        let password = host.secret(&auth.password)?.reveal()?;
        let user = auth.username.as_deref();
        let command: Vec<&str> = ["AUTH"].into_iter().chain(user).chain([password.as_str()]).collect();
        if let Reply::Error(error) = client.command(&command)? {
            seen.checks.push(refused("auth", "the login is refused", &error));
            return Ok(());
        }
        seen.checks.push(Check::new("auth", Health::Healthy, "the login is accepted"));
    }
    let begun = host.clock().monotonic();
    match client.command(&["PING"])? {
        Reply::Text(text) if text == "PONG" => {}
        Reply::Text(text) => {
            let message = format!("`PING` is answered with `{}`", said(&text));
            seen.checks.push(Check::new("ping", Health::Unhealthy, message));
            return Ok(());
        }
        Reply::Error(error) => {
            seen.checks.push(refused("ping", "`PING` is refused", &error));
            return Ok(());
        }
    }
    let took = milliseconds(host.clock().monotonic().saturating_sub(begun));
    seen.latency_ms = Some(took);
    seen.checks.push(Check::new("ping", Health::Healthy, "`PING` is answered"));
    seen.checks.extend(config.latency.check(took));
    match client.command(&["INFO"])? {
        Reply::Text(text) => Info::of(&text).judge(config, seen)?,
        Reply::Error(error) => {
            let message = format!("`INFO` is refused: {}", said(&error));
            seen.checks.push(Check::new("info", Health::Unknown, message));
        }
    }
    if config.require_password {
        seen.checks.push(password_is_required(config, host)?);
    }
    Ok(())
}

fn connect<'h>(config: &Config, host: &'h Host) -> Result<Client<'h>, Failure> {
    let timeout = Duration::from_millis(config.timeout_ms.into());
    let mut client = Client::connect(host, &config.address, timeout)?;
    if let Some(tls) = &config.tls {
        client.start_tls(tls.name(&config.address))?;
    }
    Ok(client)
}

fn refused(part: &str, what: &str, error: &str) -> Check {
    let help = if error.starts_with("NOAUTH") { " (give `auth`)" } else { "" };
    Check::new(part, Health::Unhealthy, format!("{what}: {}{help}", said(error)))
}

/// 000-31: a stranger must not get in.
fn password_is_required(config: &Config, host: &Host) -> Result<Check, Failure> {
    let part = |health, message: &str| Check::new("password", health, message);
    Ok(match connect(config, host)?.command(&["PING"])? {
        Reply::Error(error) if error.starts_with("NOAUTH") => part(Health::Healthy, "strangers are refused"),
        Reply::Error(error) => {
            let message = format!("a stranger's `PING` fails for another reason: {}", said(&error));
            part(Health::Unknown, &message)
        }
        Reply::Text(_) => part(Health::Unhealthy, "it answers those who do not log in; set `requirepass`"),
    })
}

runner_plugin::export_health_check!(RedisHealth);

#[cfg(test)]
mod tests;
