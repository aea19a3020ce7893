//! What the process was started with: read once, handed down.

use std::{
    collections::BTreeMap,
    io::{self, IsTerminal as _},
    path::{Path, PathBuf},
};

use runner_capabilities::{DockerHost, DockerHostError, TlsFiles};
use runner_report::Style;

use crate::error::CommandError;

/// The process' surroundings.
#[derive(Debug, Clone)]
pub(crate) struct Environment {
    /// Variables whose name and value are Unicode.
    pub(crate) variables: BTreeMap<String, String>,
    /// How to write to stderr.
    pub(crate) style: Style,
    /// How to write to stdout.
    pub(crate) stdout_style: Style,
    /// Whether a person can be asked: stdin and stderr are terminals.
    pub(crate) can_ask: bool,
}

impl Environment {
    /// Reads the process' environment; the only place that does.
    #[expect(clippy::disallowed_methods, reason = "read once here, handed down from here")]
    pub(crate) fn read() -> Self {
        let variables: BTreeMap<String, String> = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        let stderr = io::stderr().is_terminal();
        Self {
            style: style(&variables, stderr),
            stdout_style: style(&variables, io::stdout().is_terminal()),
            can_ask: stderr && io::stdin().is_terminal(),
            variables,
        }
    }

    /// Where compiled components are kept: what the command line says, else the user's cache directory.
    pub(crate) fn cache_dir(&self, asked: Option<&Path>) -> Option<PathBuf> {
        let from = |variable: &str| self.variables.get(variable).filter(|value| value.starts_with('/'));
        asked.map(Path::to_owned).or_else(|| {
            from("XDG_CACHE_HOME")
                .map(PathBuf::from)
                .or_else(|| from("HOME").map(|home| Path::new(home).join(".cache")))
                .map(|cache| cache.join("runner"))
        })
    }

    /// The Docker Engine of this machine, as `docker` itself finds it: what `DOCKER_HOST` says, with the certificates of
    /// `DOCKER_CERT_PATH` if `DOCKER_TLS_VERIFY` asks for them, else the usual socket.
    ///
    /// # Errors
    ///
    /// `DOCKER_HOST` is no address of an engine.
    pub(crate) fn docker(&self) -> Result<DockerHost, CommandError> {
        let named = |name: &str| self.variables.get(name).filter(|value| !value.is_empty());
        let Some(text) = named("DOCKER_HOST") else { return Ok(DockerHost::default()) };
        let host: DockerHost =
            text.parse().map_err(|error: DockerHostError| CommandError::DockerHost(error.to_string()))?;
        let DockerHost::Tcp { host, port, tls: None } = host else { return Ok(host) };
        let tls = match (named("DOCKER_TLS_VERIFY"), named("DOCKER_CERT_PATH")) {
            (None, _) => None,
            (Some(_), Some(path)) => {
                let file = |name: &str| format!("{}/{name}", path.trim_end_matches('/'));
                Some(TlsFiles { ca: file("ca.pem"), cert: file("cert.pem"), key: file("key.pem") })
            }
            (Some(_), None) => {
                let what = "`DOCKER_TLS_VERIFY` is set, and `DOCKER_CERT_PATH` does not say where the certificates are";
                return Err(CommandError::DockerHost(what.to_owned()));
            }
        };
        Ok(DockerHost::Tcp { host, port, tls })
    }

    /// Writes to stderr. If nobody can read it, nobody does: the exit code still says what happened.
    pub(crate) fn tell(&self, text: &str) {
        use io::Write as _;
        drop(io::stderr().lock().write_all(text.as_bytes()));
    }

    /// Who answers an approval.
    pub(crate) fn user(&self) -> String {
        let user = self.variables.get("USER").or_else(|| self.variables.get("LOGNAME"));
        let user = user.map_or_else(|| format!("uid {}", rustix::process::getuid().as_raw()), Clone::clone);
        let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
        format!("{user}@{host}")
    }
}

/// `NO_COLOR` beats `CLICOLOR_FORCE` beats whether it is a terminal.
fn style(variables: &BTreeMap<String, String>, terminal: bool) -> Style {
    let set = |name: &str| variables.get(name).is_some_and(|value| !value.is_empty());
    let forced = variables.get("CLICOLOR_FORCE").is_some_and(|value| !value.is_empty() && value != "0");
    let dumb = variables.get("TERM").is_some_and(|term| term == "dumb");
    let utf8 = ["LC_ALL", "LC_CTYPE", "LANG"]
        .iter()
        .find_map(|name| variables.get(*name).filter(|value| !value.is_empty()))
        .is_some_and(|locale| locale.to_ascii_lowercase().replace('-', "").contains("utf8"));
    let width = variables.get("COLUMNS").and_then(|columns| columns.parse().ok()).unwrap_or(100);
    Style {
        color: !set("NO_COLOR") && (forced || (terminal && !dumb)),
        unicode: utf8,
        interactive: terminal && !dumb,
        width,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use runner_capabilities::{DockerHost, TlsFiles};
    use runner_model::ExitCode;
    use runner_report::Style;

    use super::{Environment, style};

    fn environment(variables: &[(&str, &str)]) -> Environment {
        let variables: BTreeMap<String, String> =
            variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let style = style(&variables, false);
        Environment { style: Style { ..style }, stdout_style: style, can_ask: false, variables }
    }

    #[test]
    fn the_engine_is_the_one_that_docker_would_ask() {
        let tcp = |tls| DockerHost::Tcp { host: "l9".to_owned(), port: 2376, tls };
        let named = ("DOCKER_HOST", "tcp://l9:2376");
        let file = |name: &str| format!("/certs/{name}");
        let files = TlsFiles { ca: file("ca.pem"), cert: file("cert.pem"), key: file("key.pem") };
        let table = [
            (environment(&[]), DockerHost::default()),
            (environment(&[("DOCKER_HOST", "")]), DockerHost::default()),
            (environment(&[("DOCKER_HOST", "ssh://admin@l9")]), DockerHost::Ssh("admin@l9".to_owned())),
            (environment(&[named]), tcp(None)),
            (environment(&[named, ("DOCKER_CERT_PATH", "/certs/")]), tcp(None)),
            (
                environment(&[named, ("DOCKER_TLS_VERIFY", "1"), ("DOCKER_CERT_PATH", "/certs/")]),
                tcp(Some(files)),
            ),
        ];
        for (environment, host) in table {
            assert_eq!(environment.docker().unwrap(), host);
        }
    }

    #[test]
    fn an_engine_that_cannot_be_named_stops_the_command() {
        let environment = environment(&[("DOCKER_HOST", "l9:2376")]);
        let error = environment.docker().unwrap_err();
        assert_eq!(error.exit(), ExitCode::Usage);
        assert_eq!(
            error.render(&environment),
            "error: the environment names no Docker Engine: `l9:2376` is not `unix:///path`, `ssh://[user@]host` or \
             `tcp://host:port`\n  = nothing was started\n\nhint: set `DOCKER_HOST` to the address of a Docker Engine, or unset \
             it for this machine's own\n      (exit 2)\n"
        );
    }

    #[test]
    fn colour_follows_the_conventions() {
        let table = [
            ("", true, true),
            ("", false, false),
            ("NO_COLOR=1", true, false),
            ("CLICOLOR_FORCE=1", false, true),
            ("CLICOLOR_FORCE=1 NO_COLOR=1", false, false),
            ("TERM=dumb", true, false),
        ];
        for (variables, terminal, color) in table {
            let pairs = variables.split_whitespace().filter_map(|pair| pair.split_once('='));
            let pairs: BTreeMap<String, String> =
                pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
            assert_eq!(style(&pairs, terminal).color, color, "{variables} {terminal}");
        }
    }
}
