//! Parts of a step's `with` that are about containers.

use std::borrow::Cow;
use std::collections::BTreeMap;

use runner_evidence::Length;
use runner_plugin::host::{self, HealthCommand};
use runner_plugin::{Failure, Host, Secret};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;

/// A directory or file of the engine's machine inside the container.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Mount {
    /// Relative to the pipeline's directory, or absolute. Has to lie below a granted mount root.
    #[schemars(length(min = 1))]
    source: String,
    /// Absolute path inside.
    #[schemars(extend("pattern" = "^/"))]
    target: String,
    /// Whether the container may write there.
    #[serde(default)]
    writable: bool,
}

impl From<Mount> for host::Mount {
    fn from(Mount { source, target, writable }: Mount) -> Self {
        Self { source, target, writable }
    }
}

/// How the engine asks the container whether it is well. What is left out is the engine's own.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Health {
    /// Program and arguments, run inside without a shell.
    #[schemars(length(min = 1))]
    command: Vec<String>,
    /// Between two probes.
    interval: Option<Length>,
    /// For one probe.
    timeout: Option<Length>,
    /// Failures in a row that make it unhealthy.
    #[schemars(range(min = 1))]
    retries: Option<u32>,
    /// Failures that do not count at first.
    start_period: Option<Length>,
}

impl From<Health> for HealthCommand {
    fn from(Health { command, interval, timeout, retries, start_period }: Health) -> Self {
        let time = |length: Option<Length>| length.map(Length::duration).unwrap_or_default();
        Self {
            command,
            interval: time(interval),
            timeout: time(timeout),
            retries: retries.unwrap_or_default(),
            start_period: time(start_period),
        }
    }
}

/// A share of the processors: `0.5`, `2`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "f64")]
pub struct Cpus(u32);

impl Cpus {
    /// Thousandths of one processor.
    #[must_use]
    pub fn millis(self) -> u32 {
        self.0
    }
}

impl TryFrom<f64> for Cpus {
    type Error = String;

    fn try_from(cpus: f64) -> Result<Self, String> {
        if (0.001..=1024.0).contains(&cpus) {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "1 to 1,024,000 by the line above"
            )]
            return Ok(Self((cpus * 1000.0).round() as u32));
        }
        Err(format!("`{cpus}` is no share of the processors; write `0.5` or `2`"))
    }
}

impl JsonSchema for Cpus {
    fn schema_name() -> Cow<'static, str> {
        "Cpus".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "description": "A share of the processors: `0.5`, `2`.", "type": "number", "minimum": 0.001, "maximum": 1024 })
    }
}

/// Who is asking a registry.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Login {
    /// User name.
    #[schemars(length(min = 1))]
    user: String,
    /// Name of the secret that is the password or token. The plugin never sees its value.
    #[schemars(length(min = 1))]
    password: String,
}

impl Login {
    /// Asks the host for the secret.
    ///
    /// # Errors
    ///
    /// [`Denied`](runner_plugin::FailureKind::Denied) when the step may not use it.
    pub fn with_secret(&self, host: &Host) -> Result<host::Login, Failure> {
        Ok(host::Login { user: self.user.clone(), password: host.secret(&self.password)? })
    }
}

/// Variables whose values are the secrets of these names.
///
/// # Errors
///
/// [`Denied`](runner_plugin::FailureKind::Denied) when the step may not use one of them.
pub fn secrets(host: &Host, names: BTreeMap<String, String>) -> Result<Vec<(String, Secret)>, Failure> {
    names.into_iter().map(|(variable, name)| Ok((variable, host.secret(&name)?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use runner_plugin::FailureKind;
    use runner_plugin::testing::FakeHost;
    use serde_json::{from_value, json};
    use std::time::Duration;

    #[test]
    fn processors_are_counted_in_thousandths() {
        let read = |value| from_value::<Cpus>(value).map(Cpus::millis).map_err(|error| error.to_string());

        assert_eq!([json!(0.5), json!(2), json!(0.001)].map(|cpus| read(cpus).unwrap()), [500, 2000, 1]);
        assert_eq!(
            [json!(0), json!(-1), json!(1025)].map(read),
            ["0", "-1", "1025"]
                .map(|cpus| Err(format!("`{cpus}` is no share of the processors; write `0.5` or `2`"))),
        );
    }

    #[test]
    fn what_a_probe_does_not_say_is_the_engines_own() {
        let health: Health =
            from_value(json!({ "command": ["/app", "healthcheck"], "interval": "2s" })).unwrap();

        assert_eq!(
            HealthCommand::from(health),
            HealthCommand {
                command: vec!["/app".to_owned(), "healthcheck".to_owned()],
                interval: Duration::from_secs(2),
                ..HealthCommand::default()
            },
        );
    }

    #[test]
    fn a_mount_is_read_only_unless_it_says_otherwise() {
        let mount: Mount = from_value(json!({ "source": "fixtures", "target": "/fixtures" })).unwrap();

        assert_eq!(
            host::Mount::from(mount),
            host::Mount { source: "fixtures".to_owned(), target: "/fixtures".to_owned(), writable: false },
        );
    }

    #[test]
    fn secrets_are_asked_for_by_name_and_denied_without_a_grant() {
        let host = FakeHost::new().secret("api_key", "s3cr3t").host();
        let login: Login = from_value(json!({ "user": "ci", "password": "token" })).unwrap();

        assert_eq!(
            secrets(&host, BTreeMap::from([("KEY".to_owned(), "api_key".to_owned())])),
            Ok(vec![("KEY".to_owned(), host.secret("api_key").unwrap())]),
        );
        assert_eq!(login.with_secret(&host).map_err(|failure| failure.kind), Err(FailureKind::Denied));
    }
}
