//! The command line.

use crate::service::{Mode, Settings};

pub(crate) const USAGE: &str = "\
usage: quickstart service --port PORT --version LABEL [--mode MODE]
       quickstart proxy   --config caddy.json
       quickstart hook    --port PORT
       quickstart get     http://127.0.0.1:PORT/PATH

modes of the service:
  healthy         answers as it should (default)
  unhealthy-body  /health answers 200, and its body says `unhealthy`
  status-503      /health answers 503
  slow            /health answers after 5 seconds
  behind-proxy    healthy when asked directly, unhealthy when asked through a proxy

The service wants the bearer token of the environment variable API_TOKEN on POST /api/echo.
Port 0 means any free port.";

/// What was asked for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Command {
    Help,
    Get { url: String },
    Service { port: u16, settings: Settings },
    Proxy { config: String },
    Hook { port: u16 },
}

pub(crate) fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Command, String> {
    let command = arguments.next().unwrap_or_else(|| "help".to_owned());
    if command == "get" {
        let url = arguments.next().ok_or("`get` needs a URL")?;
        return Ok(Command::Get { url });
    }
    let mut options = Options::parse(arguments)?;
    let parsed = match command.as_str() {
        "help" | "--help" | "-h" => Command::Help,
        "service" => Command::Service {
            port: options.port()?,
            settings: Settings {
                version: options.required("version")?,
                mode: options.take("mode").as_deref().map_or(Ok(Mode::Healthy), Mode::parse)?,
                token: token(),
            },
        },
        "proxy" => Command::Proxy { config: options.required("config")? },
        "hook" => Command::Hook { port: options.port()? },
        other => return Err(format!("unknown command `{other}`")),
    };
    options.none_left()?;
    Ok(parsed)
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is a program of its own, and its configuration is its environment"
)]
fn token() -> Option<String> {
    std::env::var("API_TOKEN").ok().filter(|token| !token.is_empty())
}

/// `--name value` pairs.
struct Options(Vec<(String, String)>);

impl Options {
    fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut options = Vec::new();
        while let Some(argument) = arguments.next() {
            let name = argument.strip_prefix("--").ok_or_else(|| format!("unexpected `{argument}`"))?;
            let value = arguments.next().ok_or_else(|| format!("`--{name}` needs a value"))?;
            options.push((name.to_owned(), value));
        }
        Ok(Self(options))
    }

    fn take(&mut self, name: &str) -> Option<String> {
        let place = self.0.iter().position(|(other, _)| other == name)?;
        Some(self.0.remove(place).1)
    }

    fn required(&mut self, name: &str) -> Result<String, String> {
        self.take(name).ok_or_else(|| format!("`--{name}` is missing"))
    }

    fn port(&mut self) -> Result<u16, String> {
        let text = self.required("port")?;
        text.parse().map_err(|_| format!("`--port {text}` is not a port: 0 to 65535"))
    }

    fn none_left(&self) -> Result<(), String> {
        match self.0.first() {
            Some((name, _)) => Err(format!("unknown or repeated option `--{name}`")),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Command, String> {
        parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn a_proxy_and_a_hook_are_asked_for() {
        assert_eq!(parsed("proxy --config caddy.json"), Ok(Command::Proxy { config: "caddy.json".into() }));
        assert_eq!(parsed("hook --port 0"), Ok(Command::Hook { port: 0 }));
        assert_eq!(parsed(""), Ok(Command::Help));
    }

    #[test]
    fn a_wrong_line_is_answered_with_what_is_wrong() {
        let problem = |line| parsed(line).err().unwrap();

        assert_eq!(problem("serve"), "unknown command `serve`");
        assert_eq!(problem("hook"), "`--port` is missing");
        assert_eq!(problem("hook --port"), "`--port` needs a value");
        assert_eq!(problem("hook --port 65536"), "`--port 65536` is not a port: 0 to 65535");
        assert_eq!(problem("hook --port 1 --port 2"), "unknown or repeated option `--port`");
        assert_eq!(problem("hook 1"), "unexpected `1`");
        assert_eq!(
            problem("service --port 1 --version x --mode odd"),
            "unknown mode `odd`: healthy, unhealthy-body, status-503, slow or behind-proxy",
        );
    }
}
