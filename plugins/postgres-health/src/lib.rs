//! Health check: how a PostgreSQL server is.
//!
//! ```text
//! connect -> TLS -> log in (SCRAM-SHA-256) -> recovery, tables, query, each in a transaction that only reads
//! ```
//!
//! The password is never seen: what SCRAM makes of it is made by the host, round by round, through the secret's handle.
//! The messages are written by hand, because `postgres-protocol` wants a source of random numbers that there is not in
//! the sandbox, and wants to see the password.
//!
//! Never here: logins in which the password itself, or an MD5 sum of it, goes to the server.

mod login;
mod message;
mod scram;
mod session;

use std::time::Duration;

use runner_plugin::{Check, Failure, Health, HealthCheck, Host, Report, Request};
use runner_probe::{Address, Latency, Tls, line, milliseconds, said, unreachable};
use schemars::JsonSchema;
use serde::Deserialize;

use login::Login;
use session::{Rows, ServerError, Session};

/// Where the server is, who asks, and how the server is when it is well.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where the server listens: `host:port`.
    address: Address,
    /// The database to log in to.
    database: String,
    /// The user to log in as. It needs no right but to log in, and to read what `query` reads.
    user: String,
    /// Name of the secret that is the user's password. The plugin never sees its value.
    password: Option<String>,
    /// Talk through TLS. `{}` for the defaults.
    tls: Option<Tls>,
    /// Oldest major version that is all right, e.g. 15.
    #[schemars(range(min = 7))]
    min_version: Option<u32>,
    /// Whether the server has to be a standby (`true`) or must not be one (`false`).
    in_recovery: Option<bool>,
    /// Tables or views that have to be there, as `name` or `schema.name`, quoted as in SQL.
    #[serde(default)]
    tables: Vec<String>,
    /// A question of your own.
    #[serde(default)]
    query: Query,
    /// Most rounds of hashing that the server may ask for in the login. Each is a host call: with more than 9,500 the
    /// step needs higher `limits.calls`.
    #[serde(default = "rounds")]
    max_rounds: u32,
    /// How slow is not well: from the start of the connection to the end of the login.
    #[serde(default)]
    latency: Latency,
    /// For everything together, in milliseconds.
    #[serde(default = "runner_probe::timeout_ms")]
    #[schemars(range(min = 1))]
    timeout_ms: u32,
}

/// A question and its answer.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Query {
    /// Runs in a transaction that only reads.
    #[serde(default = "select_1")]
    sql: String,
    /// What the first column of the first row has to be, as text (its first 1000 characters). Without it: one row, whatever is in it.
    equals: Option<String>,
}

impl Default for Query {
    fn default() -> Self {
        Self { sql: select_1(), equals: None }
    }
}

fn select_1() -> String {
    "SELECT 1".to_owned()
}

fn rounds() -> u32 {
    9_500
}

/// Longest answer of a query that is kept, in characters.
const KEPT: usize = 1000;

/// The health check.
#[derive(Debug)]
pub struct PostgresHealth;

/// What was seen so far.
#[derive(Debug, Default)]
struct Seen {
    checks: Vec<Check>,
    version: Option<String>,
    in_recovery: Option<bool>,
    value: Option<String>,
    latency_ms: Option<u64>,
}

impl HealthCheck for PostgresHealth {
    type Config = Config;
    const OUTPUTS: &'static [&'static str] = &["version", "in_recovery", "value", "latency_ms"];

    fn probe(config: Config, request: &Request, host: &Host) -> Result<Report, Failure> {
        let mut seen = Seen::default();
        if let Err(failure) = look(&config, request, host, &mut seen) {
            seen.checks.push(unreachable(failure)?);
        }
        let healthy = match (&seen.version, seen.in_recovery) {
            (Some(version), Some(true)) => format!("PostgreSQL {version}, standby"),
            (Some(version), _) => format!("PostgreSQL {version}"),
            (None, _) => "PostgreSQL".to_owned(),
        };
        let summary = line(&seen.checks, &healthy);
        Ok(Report::of(seen.checks, summary)
            .output("version", seen.version)
            .output("in_recovery", seen.in_recovery)
            .output("value", seen.value)
            .output("latency_ms", seen.latency_ms))
    }
}

/// Stops at the first answer after which there is nothing more to ask.
fn look(config: &Config, request: &Request, host: &Host, seen: &mut Seen) -> Result<(), Failure> {
    let begun = host.clock().monotonic();
    let mut session =
        Session::connect(host, &config.address, Duration::from_millis(config.timeout_ms.into()))?;
    if let Some(tls) = &config.tls
        && !session.start_tls(tls.name(&config.address))?
    {
        seen.checks.push(Check::new("tls", Health::Unhealthy, "the server does not offer TLS"));
        return Ok(());
    }
    let login = Login { config, request, host };
    let how = match login.run(&mut session)? {
        Ok(how) => how,
        Err(error) => {
            seen.checks.push(Check::new(
                "login",
                Health::Unhealthy,
                format!("the login is refused: {error}"),
            ));
            return Ok(());
        }
    };
    let took = milliseconds(host.clock().monotonic().saturating_sub(begun));
    seen.latency_ms = Some(took);
    seen.checks.push(Check::new("login", Health::Healthy, how));
    seen.checks.extend(config.latency.check(took));
    seen.version = session.parameter("server_version").map(str::to_owned);
    seen.checks.extend(version(config, seen.version.as_deref())?);
    seen.checks.extend(recovery(config, &mut session, &mut seen.in_recovery)?);
    seen.checks.extend(tables(config, &mut session)?);
    seen.checks.push(query(config, &mut session, &mut seen.value)?);
    Ok(())
}

fn version(config: &Config, version: Option<&str>) -> Result<Option<Check>, Failure> {
    let Some(least) = config.min_version else { return Ok(None) };
    let version = version.unwrap_or_default();
    let digits = version.split(|sign: char| !sign.is_ascii_digit()).next().unwrap_or_default();
    let Ok(major) = digits.parse::<u32>() else {
        return Err(Failure::invalid_input(format!("the server says its version is `{}`", said(version))));
    };
    let (health, message) = if major >= least {
        (Health::Healthy, format!("version {major}"))
    } else {
        (Health::Unhealthy, format!("version {major}, not {least} or later"))
    };
    Ok(Some(Check::new("version", health, message)))
}

fn recovery(
    config: &Config,
    session: &mut Session<'_>,
    seen: &mut Option<bool>,
) -> Result<Option<Check>, Failure> {
    let part = |health, message: &str| Some(Check::new("recovery", health, message));
    let rows = match ask(config, session, "SELECT pg_catalog.pg_is_in_recovery()")? {
        Ok(rows) => rows,
        Err(error) => return Ok(part(Health::Unhealthy, &error.to_string())),
    };
    let standby = match rows.first.as_deref() {
        Some([Some(value)]) if value == "t" => true,
        Some([Some(value)]) if value == "f" => false,
        _ => return Err(Failure::invalid_input("`pg_is_in_recovery()` is answered with no boolean")),
    };
    *seen = Some(standby);
    let is = |standby| if standby { "a standby" } else { "no standby" };
    let Some(wanted) = config.in_recovery else { return Ok(None) };
    Ok(if wanted == standby {
        part(Health::Healthy, &format!("it is {}", is(standby)))
    } else {
        part(Health::Unhealthy, &format!("it is {}", is(standby)))
    })
}

/// 004-21: what a migration makes is there.
fn tables(config: &Config, session: &mut Session<'_>) -> Result<Option<Check>, Failure> {
    if config.tables.is_empty() {
        return Ok(None);
    }
    let part = |health, message: String| Ok(Some(Check::new("tables", health, message)));
    let mut missing = Vec::new();
    for table in &config.tables {
        let sql = format!(
            "SELECT count(*) FROM pg_catalog.pg_class WHERE oid = pg_catalog.to_regclass({}) \
             AND relkind IN ('r', 'p', 'v', 'm', 'f')",
            session::literal(table)?
        );
        match ask(config, session, &sql)? {
            Ok(rows) if rows.first.as_deref() == Some(&[Some("1".to_owned())]) => {}
            Ok(_) => missing.push(format!("`{}`", said(table))),
            Err(error) => return part(Health::Unhealthy, format!("table `{}`: {error}", said(table))),
        }
    }
    match missing.as_slice() {
        [] => part(Health::Healthy, "all tables are there".to_owned()),
        [one] => part(Health::Unhealthy, format!("table {one} is missing")),
        several => {
            let shown = several.iter().take(10).map(String::as_str).collect::<Vec<_>>().join(", ");
            let rest = several.len().saturating_sub(10);
            let more = if rest > 0 { format!(" and {rest} more") } else { String::new() };
            part(Health::Unhealthy, format!("tables {shown}{more} are missing"))
        }
    }
}

fn query(config: &Config, session: &mut Session<'_>, value: &mut Option<String>) -> Result<Check, Failure> {
    let part = |health, message: String| Check::new("query", health, message);
    let rows = match ask(config, session, &config.query.sql)? {
        Ok(rows) => rows,
        Err(error) => return Ok(part(Health::Unhealthy, format!("the query fails: {error}"))),
    };
    let Some(first) = rows.first else {
        return Ok(part(Health::Unhealthy, "the query has no row for an answer".to_owned()));
    };
    *value = first.into_iter().next().flatten().map(|value| value.chars().take(KEPT).collect());
    Ok(match (&config.query.equals, value) {
        (None, _) => part(Health::Healthy, "the query is answered".to_owned()),
        (Some(wanted), Some(value)) if wanted == value => {
            part(Health::Healthy, format!("the query is answered with `{}`", said(value)))
        }
        (Some(wanted), value) => {
            let value =
                value.as_ref().map_or_else(|| "null".to_owned(), |value| format!("`{}`", said(value)));
            let message = format!("the query is answered with {value}, not `{}`", said(wanted));
            part(Health::Unhealthy, message)
        }
    })
}

/// A question in a transaction of its own that only reads. Behind a connection pool nothing of it is left to others.
fn ask(config: &Config, session: &mut Session<'_>, sql: &str) -> Result<Result<Rows, ServerError>, Failure> {
    let begin = format!("BEGIN READ ONLY; SET LOCAL statement_timeout = {}", config.timeout_ms);
    if let Err(error) = session.query(&begin)? {
        return Ok(Err(error));
    }
    let answer = session.query(sql)?;
    match session.query("ROLLBACK")? {
        Ok(_) => Ok(answer),
        Err(error) => Ok(answer.and(Err(error))),
    }
}

runner_plugin::export_health_check!(PostgresHealth);

#[cfg(test)]
mod tests;
