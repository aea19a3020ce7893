//! What a release is, and the ways in which it disappoints: `release.json`.

use std::path::Path;
use std::time::Duration;

use serde_json::Value;

/// What a broken packet looks like in the log of a Python service.
pub(crate) const TRACEBACK: &str = "\
Traceback (most recent call last):
  File \"/app/memory.py\", line 41, in store
    raise KeyError(packet[\"id\"])
KeyError: 'id'";

/// One release of the service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Release {
    /// What `/version` answers.
    pub(crate) version: String,
    pub(crate) behaviour: Behaviour,
    /// Tests that fail, as `suite::test`.
    pub(crate) failing: Vec<String>,
}

/// How well a release is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Behaviour {
    Healthy,
    /// `/health` answers 503, with the reason.
    Unhealthy,
    /// 200, and the body says no: what a check that looks only at the status takes for healthy.
    UnhealthyBody,
    /// Well on its own port, broken for everybody who comes through a proxy.
    BehindProxy,
    /// A Traceback in the log; otherwise well.
    Traceback,
    /// Nobody listens for so long.
    SlowStart(Duration),
    /// Well for so long.
    DiesAfter(Duration),
    /// Well, and has to be killed.
    IgnoresSigterm,
}

impl Release {
    pub(crate) fn load(path: &Path) -> Result<Self, String> {
        let text = std::fs::read_to_string(path);
        let text = text.map_err(|error| format!("read `{}`: {error}", path.display()))?;
        Self::parse(&text).map_err(|problem| format!("`{}`: {problem}", path.display()))
    }

    fn parse(text: &str) -> Result<Self, String> {
        let tree: Value = serde_json::from_str(text).map_err(|error| format!("not JSON: {error}"))?;
        let text = |name: &str| tree.get(name).and_then(Value::as_str);
        let failing = tree.get("failing").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        Ok(Self {
            version: text("version").ok_or("`version` is missing")?.to_owned(),
            behaviour: Behaviour::parse(text("behaviour").ok_or("`behaviour` is missing")?)?,
            failing: failing.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        })
    }
}

impl Behaviour {
    fn parse(word: &str) -> Result<Self, String> {
        let (name, time) = match word.split_once(':') {
            Some((name, time)) => (name, Some(seconds(time)?)),
            None => (word, None),
        };
        match (name, time) {
            ("healthy", None) => Ok(Self::Healthy),
            ("unhealthy", None) => Ok(Self::Unhealthy),
            ("unhealthy-body", None) => Ok(Self::UnhealthyBody),
            ("behind-proxy", None) => Ok(Self::BehindProxy),
            ("traceback", None) => Ok(Self::Traceback),
            ("slow-start", Some(time)) => Ok(Self::SlowStart(time)),
            ("dies-after", Some(time)) => Ok(Self::DiesAfter(time)),
            ("ignores-sigterm", None) => Ok(Self::IgnoresSigterm),
            _ => Err(format!(
                "unknown behaviour `{word}`: healthy, unhealthy, unhealthy-body, behind-proxy, traceback, \
                 slow-start:SECONDS, dies-after:SECONDS or ignores-sigterm"
            )),
        }
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    text.parse().map(Duration::from_secs).map_err(|_| format!("`{text}` is not a number of seconds"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn release(behaviour: Behaviour, failing: &[&str]) -> Release {
        Release {
            version: "v1.4.0-l9".into(),
            behaviour,
            failing: failing.iter().map(|&name| name.into()).collect(),
        }
    }

    #[test]
    fn a_release_is_read() {
        let parsed = |behaviour: &str| {
            Release::parse(&format!(r#"{{ "version": "v1.4.0-l9", "behaviour": "{behaviour}" }}"#))
        };

        assert_eq!(parsed("healthy"), Ok(release(Behaviour::Healthy, &[])));
        assert_eq!(parsed("slow-start:20"), Ok(release(Behaviour::SlowStart(Duration::from_secs(20)), &[])));
        assert_eq!(
            Release::parse(
                r#"{ "version": "v1.4.0-l9", "behaviour": "traceback", "failing": ["unit::packet"] }"#
            ),
            Ok(release(Behaviour::Traceback, &["unit::packet"])),
        );
    }

    #[test]
    fn what_is_no_release_is_said() {
        let problem = |text: &str| Release::parse(text).err();

        assert_eq!(problem("{}"), Some("`version` is missing".to_owned()));
        assert_eq!(problem(r#"{"version":"v1"}"#), Some("`behaviour` is missing".to_owned()));
        assert_eq!(
            problem(r#"{"version":"v1","behaviour":"slow-start:soon"}"#),
            Some("`soon` is not a number of seconds".to_owned())
        );
        assert_eq!(
            problem(r#"{"version":"v1","behaviour":"healthy:3"}"#),
            Some(
                "unknown behaviour `healthy:3`: healthy, unhealthy, unhealthy-body, behind-proxy, traceback, \
                 slow-start:SECONDS, dies-after:SECONDS or ignores-sigterm"
                    .to_owned()
            )
        );
    }
}
