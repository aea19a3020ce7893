//! The servers of one run: blue, green, a proxy that leads to blue, and a receiver of webhooks.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::caddy;
use crate::failure::Failure;
use crate::process::{self, Server};
use crate::workspace::Workspace;

/// What stands before blue and green.
#[derive(Debug)]
pub(crate) enum Proxy {
    /// A real Caddy.
    Caddy(PathBuf),
    /// `quickstart proxy`, which speaks the part of Caddy's admin API that the example uses.
    StandIn,
}

impl Proxy {
    /// In words for people.
    pub(crate) fn describe(&self) -> String {
        match self {
            Self::Caddy(path) => {
                format!("Caddy {}", caddy::version(path).unwrap_or_else(|| "of unknown version".to_owned()))
            }
            Self::StandIn => {
                "a stand-in for Caddy on loopback, with the same admin API (no `caddy` was used)".to_owned()
            }
        }
    }
}

/// The ports of `caddy.json` and of the pipeline's inputs, as the files in the repository have them.
const NAMES: [(&str, u16); 5] = [
    ("blue_port", 8001),
    ("green_port", 8002),
    ("proxy_port", 8080),
    ("admin_port", 2019),
    ("hook_port", 8090),
];

/// Servers that run until this is dropped.
#[derive(Debug)]
pub(crate) struct Servers {
    ports: [u16; 5],
    quickstart: PathBuf,
    environment: Vec<(String, String)>,
    /// In the order in which they are taken down.
    _running: Vec<Server>,
}

impl Servers {
    /// Starts all of them and waits until all of them listen. Their logs go to `scratch`.
    pub(crate) fn start(
        workspace: &Workspace,
        proxy: &Proxy,
        mode: &str,
        scratch: &Path,
    ) -> Result<Self, Failure> {
        let example = workspace.root.join("examples/quickstart");
        let environment = variables(&read(&example.join(".env"))?);
        let ports = free_ports()?;
        let [blue, green, _, _, hook] = ports.map(|port| port.to_string());
        let caddyfile = scratch.join("caddy.json");
        fs::write(&caddyfile, with_ports(&read(&example.join("caddy.json"))?, ports))
            .map_err(|error| Failure::problem(format!("write `{}`: {error}", caddyfile.display())))?;

        let quickstart = workspace.program("quickstart");
        let start = |name: &str, arguments: &[&str]| {
            let mut command = Command::new(&quickstart);
            command.args(arguments).envs(environment.iter().cloned());
            Server::start(name, &mut command, "listening on", &scratch.join(format!("{name}.log")))
        };
        let running = vec![
            start("blue", &["service", "--port", &blue, "--version", "blue"])?,
            start("green", &["service", "--port", &green, "--version", "green", "--mode", mode])?,
            start("hook", &["hook", "--port", &hook])?,
            match proxy {
                Proxy::StandIn => start("stand-in", &["proxy", "--config", &caddyfile.to_string_lossy()])?,
                Proxy::Caddy(caddy) => {
                    let mut command = Command::new(caddy);
                    command.arg("run").arg("--config").arg(&caddyfile);
                    // Caddy keeps things in the home directory unless told otherwise.
                    command.env("XDG_DATA_HOME", scratch).env("XDG_CONFIG_HOME", scratch);
                    Server::start(
                        "caddy",
                        &mut command,
                        "serving initial configuration",
                        &scratch.join("caddy.log"),
                    )?
                }
            },
        ];
        Ok(Self { ports, quickstart, environment, _running: running })
    }

    /// The pipeline's inputs.
    pub(crate) fn ports(&self) -> impl Iterator<Item = (&'static str, u16)> {
        NAMES.iter().zip(self.ports).map(|(&(name, _), port)| (name, port))
    }

    /// The variables of the example's `.env`.
    pub(crate) fn environment(&self) -> impl Iterator<Item = (String, String)> {
        self.environment.iter().cloned()
    }

    /// Who answers through the proxy.
    pub(crate) fn version(&self) -> Result<String, Failure> {
        let [_, _, proxy, _, _] = self.ports;
        Ok(text(&self.get(proxy, "version")?, "version").to_owned())
    }

    /// How whoever answers through the proxy says it is.
    pub(crate) fn health(&self) -> String {
        let [_, _, proxy, _, _] = self.ports;
        self.get(proxy, "health")
            .map_or_else(|_| "no answer".to_owned(), |answer| text(&answer, "status").to_owned())
    }

    /// The messages that were sent to the webhook, one line of JSON each.
    pub(crate) fn messages(&self) -> Result<String, Failure> {
        let [_, _, _, _, hook] = self.ports;
        self.get(hook, "messages")
    }

    fn get(&self, port: u16, path: &str) -> Result<String, Failure> {
        let url = format!("http://127.0.0.1:{port}/{path}");
        process::output(Command::new(&self.quickstart).args(["get", &url])).ok_or_else(|| {
            process::go_on()
                .err()
                .unwrap_or_else(|| Failure::problem(format!("nobody answers well at {url}")))
        })
    }
}

fn read(path: &Path) -> Result<String, Failure> {
    fs::read_to_string(path).map_err(|error| Failure::problem(format!("read `{}`: {error}", path.display())))
}

/// Ports that nobody listens on. Somebody may take one before the server does; then the server says so.
fn free_ports() -> Result<[u16; 5], Failure> {
    let failed =
        |error: std::io::Error| Failure::problem(format!("look for a free port on loopback: {error}"));
    let mut ports = [0; 5];
    let mut held = Vec::new();
    for port in &mut ports {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(failed)?;
        *port = listener.local_addr().map_err(failed)?.port();
        held.push(listener);
    }
    Ok(ports)
}

/// The configuration with other ports.
fn with_ports(config: &str, ports: [u16; 5]) -> String {
    let mut parts = config.split("127.0.0.1:");
    let mut changed = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (port, rest) = part.split_at(part.find(|c: char| !c.is_ascii_digit()).unwrap_or(part.len()));
        let place = NAMES.iter().position(|(_, from)| port == from.to_string());
        let port = place.map_or_else(|| port.to_owned(), |place| ports[place].to_string());
        changed.push_str(&format!("127.0.0.1:{port}{rest}"));
    }
    changed
}

/// The variables of an env file: `NAME=value` lines without quotes, as ours is.
fn variables(text: &str) -> Vec<(String, String)> {
    let lines = text.lines().filter(|line| !line.trim_start().starts_with('#'));
    lines
        .filter_map(|line| line.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// The text at `key` in a flat JSON object that our own server has written.
fn text<'a>(object: &'a str, key: &str) -> &'a str {
    let from = object.split_once(&format!("\"{key}\":\"")).map_or("", |(_, from)| from);
    from.split('"').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_port_of_a_configuration_is_replaced_once() {
        let config = r#"{ "a": "127.0.0.1:8001", "b": ["127.0.0.1:8080"], "c": "127.0.0.1:80801" }"#;

        assert_eq!(
            with_ports(config, [8080, 2, 3, 4, 5]),
            r#"{ "a": "127.0.0.1:8080", "b": ["127.0.0.1:3"], "c": "127.0.0.1:80801" }"#,
        );
    }

    #[test]
    fn an_env_file_is_read() {
        let variables = variables("# API_TOKEN=old\nAPI_TOKEN=abc=\n\nLOG_LEVEL=info\n");

        assert_eq!(
            variables,
            [("API_TOKEN".to_owned(), "abc=".to_owned()), ("LOG_LEVEL".to_owned(), "info".to_owned())],
        );
    }

    #[test]
    fn answers_of_our_servers_are_read() {
        assert_eq!(text(r#"{"status":"healthy","version":"v2"}"#, "version"), "v2");
        assert_eq!(text("{}", "version"), "");
    }
}
