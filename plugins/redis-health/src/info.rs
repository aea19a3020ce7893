//! What the server says about itself in `INFO`: lines `key:value`, in sections.

use std::collections::BTreeMap;
use std::str::FromStr;

use runner_plugin::text::{counted, shortened};
use runner_plugin::{Check, Failure, Health};

use crate::{Config, Memory, Role, Seen};

/// The lines of `INFO`, each with its number.
pub(crate) struct Info<'t> {
    lines: BTreeMap<&'t str, (usize, &'t str)>,
}

impl<'t> Info<'t> {
    pub(crate) fn of(text: &'t str) -> Self {
        let lines = text
            .lines()
            .zip(1..)
            .filter(|(line, _)| !line.starts_with('#'))
            .filter_map(|(line, number)| line.split_once(':').map(|(key, value)| (key, (number, value))))
            .collect();
        Self { lines }
    }

    /// Adds the parts that the config asks for, and those that always matter.
    ///
    /// # Errors
    ///
    /// `invalid-input` when a line that is needed is missing or has no number where one belongs.
    pub(crate) fn judge(&self, config: &Config, seen: &mut Seen) -> Result<(), Failure> {
        let role = match self.text("role")? {
            "master" => Role::Master,
            "slave" | "replica" => Role::Replica,
            other => {
                return Err(Failure::invalid_input(format!("`INFO`: `role` is `{}`", shortened(other))));
            }
        };
        let memory = self.number("used_memory")?;
        seen.role = Some(role.name().to_owned());
        seen.version = self.lines.get("redis_version").map(|(_, version)| (*version).to_owned());
        seen.used_memory = Some(memory);
        if self.text("loading")? != "0" {
            seen.checks.push(Check::new("loading", Health::Unhealthy, "it is still loading its data"));
        }
        seen.checks.extend(config.role.map(|wanted| wanted.check(role)));
        seen.checks.extend(config.memory.check(memory));
        match role {
            Role::Master => self.replicas(config, seen)?,
            Role::Replica => self.link(config, seen)?,
        }
        if config.appendonly {
            seen.checks.push(self.appendonly()?);
        }
        Ok(())
    }

    /// A master and those who follow it.
    fn replicas(&self, config: &Config, seen: &mut Seen) -> Result<(), Failure> {
        let connected = self.number::<u64>("connected_slaves")?;
        let some = counted(usize::try_from(connected).unwrap_or(usize::MAX), "replica", "replicas");
        if let Some(needed) = config.min_replicas {
            let check = if connected >= needed {
                Check::new("replicas", Health::Healthy, some.clone())
            } else {
                Check::new("replicas", Health::Unhealthy, format!("it has {some}, not {needed} or more"))
            };
            seen.checks.push(check);
        }
        let Some(limit) = config.max_lag_s else { return Ok(()) };
        let mut late = Vec::new();
        for index in 0..connected {
            let key = format!("slave{index}");
            let (_, line) = self.line(&key)?;
            let fields: BTreeMap<&str, &str> =
                line.split(',').filter_map(|field| field.split_once('=')).collect();
            let lag = fields.get("lag").and_then(|lag| lag.parse::<i64>().ok());
            let state = fields.get("state").copied().unwrap_or("unknown");
            match lag {
                Some(lag) if state == "online" && (0..=limit).contains(&lag) => {}
                Some(lag) if state == "online" => late.push(format!("`{key}` is {lag} s behind")),
                _ => late.push(format!("`{key}` is `{}`", shortened(state))),
            }
        }
        seen.checks.push(if late.is_empty() {
            Check::new("lag", Health::Healthy, format!("{some}, none more than {limit} s behind"))
        } else {
            let message = format!("{}; {limit} s is the limit", late.join(", "));
            Check::new("lag", Health::Degraded, shortened_list(message))
        });
        Ok(())
    }

    /// A replica and its master.
    fn link(&self, config: &Config, seen: &mut Seen) -> Result<(), Failure> {
        let status = self.text("master_link_status")?;
        if status != "up" {
            let message = format!("the link to its master is `{}`", shortened(status));
            seen.checks.push(Check::new("lag", Health::Unhealthy, message));
            return Ok(());
        }
        let Some(limit) = config.max_lag_s else { return Ok(()) };
        let lag = self.number::<i64>("master_last_io_seconds_ago")?;
        let message = format!("it heard from its master {lag} s ago");
        seen.checks.push(if (0..=limit).contains(&lag) {
            Check::new("lag", Health::Healthy, message)
        } else {
            Check::new("lag", Health::Unhealthy, format!("{message}; {limit} s is the limit"))
        });
        Ok(())
    }

    fn appendonly(&self) -> Result<Check, Failure> {
        let part = |health, message: &str| Check::new("appendonly", health, message);
        Ok(if self.text("aof_enabled")? != "1" {
            part(Health::Unhealthy, "it writes no append-only file; set `appendonly yes`")
        } else {
            match self.text("aof_last_write_status")? {
                "ok" => part(Health::Healthy, "it writes an append-only file"),
                other => {
                    let message = format!("the last write to the append-only file: `{}`", shortened(other));
                    part(Health::Unhealthy, &message)
                }
            }
        })
    }

    fn line(&self, key: &str) -> Result<(usize, &'t str), Failure> {
        let missing = || Failure::invalid_input(format!("`INFO` has no line `{key}`"));
        self.lines.get(key).copied().ok_or_else(missing)
    }

    fn text(&self, key: &str) -> Result<&'t str, Failure> {
        self.line(key).map(|(_, value)| value)
    }

    fn number<N: FromStr>(&self, key: &str) -> Result<N, Failure> {
        let (number, value) = self.line(key)?;
        value.parse().map_err(|_| {
            let value = shortened(value);
            Failure::invalid_input(format!("`INFO`, line {number}: `{key}` is `{value}`, not a number"))
        })
    }
}

/// A list of replicas may be long.
fn shortened_list(text: String) -> String {
    match text.char_indices().nth(500) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

impl Role {
    fn name(self) -> &'static str {
        match self {
            Self::Master => "master",
            Self::Replica => "replica",
        }
    }

    fn check(self, actual: Self) -> Check {
        if self == actual {
            return Check::new("role", Health::Healthy, format!("it is a {}", actual.name()));
        }
        let message = format!("it is a {}, not a {}", actual.name(), self.name());
        Check::new("role", Health::Unhealthy, message)
    }
}

impl Memory {
    fn check(&self, used: u64) -> Option<Check> {
        let reached = |limit: Option<u64>| limit.filter(|&limit| used >= limit);
        let much = |health, limit| {
            Check::new("memory", health, format!("it uses {used} bytes of memory, {limit} or more"))
        };
        match (reached(self.unhealthy_bytes), reached(self.degraded_bytes)) {
            (Some(limit), _) => Some(much(Health::Unhealthy, limit)),
            (None, Some(limit)) => Some(much(Health::Degraded, limit)),
            (None, None) if self.degraded_bytes.is_none() && self.unhealthy_bytes.is_none() => None,
            (None, None) => {
                Some(Check::new("memory", Health::Healthy, format!("it uses {used} bytes of memory")))
            }
        }
    }
}
