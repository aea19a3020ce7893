//! Health check: the TLS of a server, and its certificate.
//!
//! ```text
//! connect -> TLS, chain verified by the host -> certificates as sent -> name, dates, issuer, key
//!                      | not verified
//!                      '-> connect again, look at the certificate without trusting it
//! ```
//!
//! Whether a chain leads to an authority that is trusted is decided by the host, against the roots of its machine. The
//! dates, the names and the key are read here, also of a chain that is not trusted: one wants to know what is wrong.
//!
//! Never here: a word to the server after the handshake.

mod certificate;

use std::time::Duration;

use runner_plugin::host::TlsFacts;
use runner_plugin::{Check, Failure, FailureKind, Health, HealthCheck, Host, Report, Request};
use runner_probe::{Address, Latency, line, milliseconds, said, unreachable};
use schemars::JsonSchema;
use serde::Deserialize;

use certificate::{Certificate, Key};

/// Which server, and what its TLS is when it is well.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where the server listens: `host:port`. It has to begin with TLS; `STARTTLS` is not spoken.
    address: Address,
    /// The name that the certificate has to be good for. Without it: the host of `address`.
    server_name: Option<String>,
    /// Whether the chain has to lead to an authority that the machine trusts. With `false` whoever signed is all right;
    /// the rest is looked at all the same.
    #[serde(default = "yes")]
    verify: bool,
    /// More names that the certificate has to be good for.
    #[serde(default)]
    names: Vec<String>,
    /// How many days the certificate has to be good for.
    #[serde(default)]
    days: Days,
    /// The oldest protocol that is all right. The host itself speaks nothing older than 1.2.
    #[serde(default)]
    min_version: Version,
    /// A text that the name of the issuer has to have in it, e.g. `O=Let's Encrypt`.
    issuer: Option<String>,
    /// Least number of bits of an RSA key.
    #[serde(default = "rsa")]
    min_rsa_bits: u32,
    /// Least number of bits of a key on an elliptic curve.
    #[serde(default = "curve")]
    min_ec_bits: u32,
    /// How slow is not well: connection and handshake together.
    #[serde(default)]
    latency: Latency,
    /// For connection and handshake together, in milliseconds.
    #[serde(default = "timeout")]
    #[schemars(range(min = 1))]
    timeout_ms: u32,
}

/// How many days the certificate has to be good for.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct Days {
    /// With fewer than these the server is degraded.
    degraded: u32,
    /// With fewer than these the server is unhealthy.
    unhealthy: u32,
}

impl Default for Days {
    fn default() -> Self {
        Self { degraded: 21, unhealthy: 7 }
    }
}

/// Protocols.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize, JsonSchema)]
enum Version {
    /// TLS 1.2 of 2008.
    #[default]
    #[serde(rename = "TLSv1.2")]
    Tls12,
    /// TLS 1.3 of 2018.
    #[serde(rename = "TLSv1.3")]
    Tls13,
}

fn yes() -> bool {
    true
}

fn rsa() -> u32 {
    2048
}

fn curve() -> u32 {
    256
}

fn timeout() -> u32 {
    10_000
}

/// The health check.
#[derive(Debug)]
pub struct TlsHealth;

/// What goes into the outputs.
#[derive(Debug, Default)]
struct Seen {
    checks: Vec<Check>,
    leaf: Option<Certificate>,
    days_left: Option<i64>,
    protocol: Option<String>,
    latency_ms: Option<u64>,
}

impl HealthCheck for TlsHealth {
    type Config = Config;
    const OUTPUTS: &'static [&'static str] =
        &["days_left", "not_after", "subject", "issuer", "key", "protocol", "latency_ms"];

    fn probe(config: Config, _: &Request, host: &Host) -> Result<Report, Failure> {
        let mut seen = Seen::default();
        if let Err(failure) = look(&config, host, &mut seen) {
            seen.checks.push(unreachable(failure)?);
        }
        let healthy = format!(
            "{}, {} days left",
            seen.protocol.as_deref().unwrap_or_default(),
            seen.days_left.unwrap_or_default()
        );
        let summary = line(&seen.checks, &healthy);
        let of = |text: fn(&Certificate) -> String| seen.leaf.as_ref().map(text);
        let (not_after, subject) = (of(|leaf| leaf.not_after.clone()), of(|leaf| leaf.subject.clone()));
        let (issuer, key) = (of(|leaf| leaf.issuer.clone()), of(|leaf| leaf.key.to_string()));
        Ok(Report::of(seen.checks, summary)
            .output("days_left", seen.days_left)
            .output("not_after", not_after)
            .output("subject", subject)
            .output("issuer", issuer)
            .output("key", key)
            .output("protocol", seen.protocol)
            .output("latency_ms", seen.latency_ms))
    }
}

fn look(config: &Config, host: &Host, seen: &mut Seen) -> Result<(), Failure> {
    let begun = host.clock().monotonic();
    let facts = match (config.verify, shake_hands(config, host, config.verify)?) {
        (true, Ok(facts)) => {
            seen.checks.push(Check::new("chain", Health::Healthy, "the chain is trusted"));
            facts
        }
        (false, Ok(facts)) => facts,
        (true, Err(failure)) => {
            seen.checks.push(Check::new("chain", Health::Unhealthy, failure.message));
            // What the certificate is like is worth a second look; if there is none, the first says enough.
            let Ok(Ok(facts)) = shake_hands(config, host, false) else { return Ok(()) };
            facts
        }
        (false, Err(failure)) => {
            seen.checks.push(Check::new("handshake", Health::Unhealthy, failure.message));
            return Ok(());
        }
    };
    let took = milliseconds(host.clock().monotonic().saturating_sub(begun));
    seen.latency_ms = Some(took);
    judge(config, &facts, host.clock().now(), seen)?;
    seen.checks.extend(config.latency.check(took));
    Ok(())
}

/// The outer failure is one of the connection, the inner one is of the handshake.
fn shake_hands(config: &Config, host: &Host, verify: bool) -> Result<Result<TlsFacts, Failure>, Failure> {
    let Address { host: name, port } = &config.address;
    let timeout = Duration::from_millis(config.timeout_ms.into());
    let connection = host.tcp().connect(name, *port, timeout)?;
    let name = config.server_name();
    let facts = if verify { connection.start_tls(name) } else { connection.inspect_tls(name) };
    match facts {
        Err(failure) if failure.kind == FailureKind::Unavailable => Ok(Err(failure)),
        Err(failure) => Err(failure),
        Ok(facts) => Ok(Ok(facts)),
    }
}

impl Config {
    fn server_name(&self) -> &str {
        self.server_name.as_deref().unwrap_or(&self.address.host)
    }
}

fn judge(config: &Config, facts: &TlsFacts, now: Duration, seen: &mut Seen) -> Result<(), Failure> {
    let chain = facts
        .certificates
        .iter()
        .enumerate()
        .map(|(index, der)| Certificate::read(der, index + 1))
        .collect::<Result<Vec<Certificate>, Failure>>()?;
    let Some((leaf, above)) = chain.split_first() else {
        return Err(Failure::invalid_input("the server showed no certificate"));
    };
    if !config.verify {
        let message = if leaf.subject == leaf.issuer {
            "the certificate is signed by itself, which `verify: false` allows"
        } else {
            "who signed the certificate is not looked at, as `verify: false` says"
        };
        seen.checks.push(Check::new("chain", Health::Healthy, message));
    }
    seen.checks.push(protocol(config, facts)?);
    seen.checks.push(names(config, leaf));
    seen.checks.push(days(config, leaf, above, now));
    seen.checks.extend(config.issuer.as_ref().map(|wanted| issuer(wanted, leaf)));
    seen.checks.push(key(config, &leaf.key));
    seen.protocol = Some(facts.protocol.clone());
    seen.days_left = Some(leaf.days_left(now));
    seen.leaf = chain.into_iter().next();
    Ok(())
}

fn protocol(config: &Config, facts: &TlsFacts) -> Result<Check, Failure> {
    let version = match facts.protocol.as_str() {
        "TLSv1.2" => Version::Tls12,
        "TLSv1.3" => Version::Tls13,
        other => return Err(Failure::invalid_input(format!("the protocol is `{}`", said(other)))),
    };
    Ok(if version >= config.min_version {
        Check::new("protocol", Health::Healthy, facts.protocol.clone())
    } else {
        Check::new("protocol", Health::Unhealthy, format!("it speaks {}, not TLSv1.3", facts.protocol))
    })
}

fn names(config: &Config, leaf: &Certificate) -> Check {
    let missing: Vec<String> = [config.server_name()]
        .into_iter()
        .chain(config.names.iter().map(String::as_str))
        .filter(|name| !leaf.is_for(name))
        .map(|name| format!("`{}`", said(name)))
        .collect();
    if missing.is_empty() {
        return Check::new("name", Health::Healthy, "the certificate is for this name");
    }
    let message =
        format!("the certificate is not for {}, but for {}", missing.join(", "), leaf.names_listed());
    Check::new("name", Health::Unhealthy, message)
}

/// The leaf decides. Of a certificate above it that runs out nothing more than a warning is made: servers send some that
/// nobody needs.
fn days(config: &Config, leaf: &Certificate, above: &[Certificate], now: Duration) -> Check {
    let part = |health, message: String| Check::new("days", health, message);
    let left = leaf.days_left(now);
    let until = &leaf.not_after;
    if now < leaf.from {
        return part(Health::Unhealthy, format!("the certificate is not good before {}", leaf.not_before));
    }
    if now > leaf.until {
        return part(Health::Unhealthy, format!("the certificate ran out at {until}"));
    }
    let message = format!("the certificate is good for {left} days, until {until}");
    if left < i64::from(config.days.unhealthy) {
        return part(Health::Unhealthy, format!("{message}; {} days are too few", config.days.unhealthy));
    }
    if left < i64::from(config.days.degraded) {
        return part(Health::Degraded, message);
    }
    let soonest = above.iter().min_by_key(|certificate| certificate.until);
    match soonest.filter(|certificate| certificate.days_left(now) < i64::from(config.days.unhealthy)) {
        Some(certificate) => {
            let (who, when) = (said(&certificate.subject), &certificate.not_after);
            part(Health::Degraded, format!("the certificate of `{who}` above it is good until {when}"))
        }
        None => part(Health::Healthy, message),
    }
}

fn issuer(wanted: &str, leaf: &Certificate) -> Check {
    let issuer = said(&leaf.issuer);
    if leaf.issuer.contains(wanted) {
        return Check::new("issuer", Health::Healthy, format!("issued by `{issuer}`"));
    }
    Check::new("issuer", Health::Unhealthy, format!("issued by `{issuer}`, not by `{}`", said(wanted)))
}

fn key(config: &Config, key: &Key) -> Check {
    let short =
        |least: u32| Check::new("key", Health::Unhealthy, format!("the key is {key}, not {least} bits"));
    match key {
        Key::Rsa(bits) if *bits < config.min_rsa_bits => short(config.min_rsa_bits),
        Key::Curve(_, bits) if *bits < config.min_ec_bits => short(config.min_ec_bits),
        Key::Rsa(_) | Key::Curve(..) => Check::new("key", Health::Healthy, format!("the key is {key}")),
        Key::Other(_) => Check::new("key", Health::Unknown, format!("the key is {key}")),
    }
}

runner_plugin::export_health_check!(TlsHealth);

#[cfg(test)]
mod tests;
