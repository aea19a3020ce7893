//! The command line.

use std::path::PathBuf;

use crate::suite::Suite;

pub(crate) const USAGE: &str = "\
usage: l9-api serve
       l9-api healthcheck
       l9-api test SUITE --junitxml PATH

suites: cgmp-fix, cgmp-sim, cgmp-cov, cgmp-oracle, unit, integration, api_smoke

L9_PORT is the port (8000); L9_EXECUTOR_API_KEY the bearer key that POST /memory/packet wants; L9_RELEASE the file that says
which release this is and how it behaves (/app/release.json).";

/// Where it listens if nobody says.
const PORT: u16 = 8000;

/// Where the image has the file.
const RELEASE: &str = "/app/release.json";

/// What was asked for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Command {
    Help,
    Serve { release: PathBuf, port: u16, key: Option<String> },
    HealthCheck { port: u16 },
    Test { release: PathBuf, suite: Suite, report: PathBuf },
}

/// Reads the arguments; `variable` gives those of the environment.
pub(crate) fn parse(
    arguments: impl Iterator<Item = String>,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<Command, String> {
    let words: Vec<String> = arguments.collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let release = || PathBuf::from(variable("L9_RELEASE").unwrap_or_else(|| RELEASE.to_owned()));
    let port = || match variable("L9_PORT") {
        None => Ok(PORT),
        Some(text) => text.parse().map_err(|_| format!("L9_PORT: `{text}` is not a port: 0 to 65535")),
    };
    match words.as_slice() {
        ["help" | "--help" | "-h"] => Ok(Command::Help),
        ["serve"] => {
            Ok(Command::Serve { release: release(), port: port()?, key: variable("L9_EXECUTOR_API_KEY") })
        }
        ["healthcheck"] => Ok(Command::HealthCheck { port: port()? }),
        ["test", suite, "--junitxml", report] => {
            Ok(Command::Test { release: release(), suite: Suite::parse(suite)?, report: report.into() })
        }
        words => Err(format!("`l9-api {}` is not a command", words.join(" "))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str, variables: &[(&str, &str)]) -> Result<Command, String> {
        let variable = |name: &str| {
            variables.iter().find(|(other, _)| *other == name).map(|(_, value)| (*value).to_owned())
        };
        parse(line.split_whitespace().map(str::to_owned), variable)
    }

    #[test]
    fn commands_are_read_with_their_environment() {
        let variables =
            [("L9_PORT", "81"), ("L9_EXECUTOR_API_KEY", "k"), ("L9_RELEASE", "other/release.json")];

        assert_eq!(
            parsed("serve", &variables),
            Ok(Command::Serve { release: "other/release.json".into(), port: 81, key: Some("k".into()) }),
        );
        assert_eq!(
            parsed("serve", &[]),
            Ok(Command::Serve { release: "/app/release.json".into(), port: 8000, key: None }),
        );
        assert_eq!(parsed("healthcheck", &[]), Ok(Command::HealthCheck { port: 8000 }));
        assert_eq!(
            parsed("test unit --junitxml /artifacts/unit.xml", &[]),
            Ok(Command::Test {
                release: "/app/release.json".into(),
                suite: Suite::Unit,
                report: "/artifacts/unit.xml".into(),
            }),
        );
    }

    #[test]
    fn a_wrong_line_is_answered_with_what_is_wrong() {
        let problem = |line, variables| parsed(line, variables).err();

        assert_eq!(problem("run", &[]), Some("`l9-api run` is not a command".to_owned()));
        assert_eq!(problem("", &[]), Some("`l9-api ` is not a command".to_owned()));
        assert_eq!(
            problem("serve", &[("L9_PORT", "http")]),
            Some("L9_PORT: `http` is not a port: 0 to 65535".to_owned())
        );
        assert_eq!(
            problem("test smoke --junitxml x", &[]),
            Some(
                "unknown suite `smoke`: cgmp-fix, cgmp-sim, cgmp-cov, cgmp-oracle, unit, integration or api_smoke"
                    .to_owned()
            )
        );
    }
}
