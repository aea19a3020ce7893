//! The quickstart's servers, one binary: `quickstart service | proxy | hook | get`.
//!
//! `service` is what gets deployed: one process is blue, another is green. `proxy` stands in for Caddy where Caddy is not
//! installed. `hook` receives the messages of the run. `get` asks one question, for machines without curl.
//! Each server listens on loopback only, says `listening on 127.0.0.1:PORT` when it is ready, and runs until it is ended.

mod arguments;
mod config;
mod proxy;
mod service;

use std::io::{self, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::process::ExitCode;

use arguments::{Command, USAGE};
use config::Config;
use quickstart::{hook, http};

fn main() -> ExitCode {
    let outcome = match arguments::parse(std::env::args().skip(1)) {
        Ok(command) => run(command),
        Err(problem) => Err(format!("{problem}\n\n{USAGE}")),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            drop(writeln!(io::stderr(), "error: {problem}"));
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<(), String> {
    match command {
        Command::Help => say(USAGE),
        Command::Get { url } => {
            let response = http::get(&url)?;
            say(String::from_utf8_lossy(&response.body).trim_end())?;
            if response.status == 200 { Ok(()) } else { Err(format!("{url} answered {}", response.status)) }
        }
        Command::Service { port, settings } => {
            let listener = listen(port)?;
            ready(&[&listener])?;
            http::serve(&listener, move |request| service::answer(&settings, request));
            Ok(())
        }
        Command::Hook { port } => {
            let listener = listen(port)?;
            ready(&[&listener])?;
            // A message is kept also when nobody looks on any more.
            let hook = hook::Hook::new(|line| drop(say(line)));
            http::serve(&listener, move |request| hook.answer(request));
            Ok(())
        }
        Command::Proxy { config } => {
            let text =
                std::fs::read_to_string(&config).map_err(|error| format!("read `{config}`: {error}"))?;
            let config = Config::parse(&text).map_err(|problem| format!("`{config}`: {problem}"))?;
            let (admin, customers) = (listen(config.admin.port())?, listen(config.listen.port())?);
            ready(&[&customers, &admin])?;
            proxy::run(config, admin, &customers);
            Ok(())
        }
    }
}

fn listen(port: u16) -> Result<TcpListener, String> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port))
        .map_err(|error| format!("listen on 127.0.0.1:{port}: {error}; is another server using the port?"))
}

/// Says where a server listens, once it does so everywhere: whoever waits for the line may ask at once.
fn ready(listeners: &[&TcpListener]) -> Result<(), String> {
    let addresses: Result<Vec<String>, io::Error> =
        listeners.iter().map(|listener| listener.local_addr().map(|address| address.to_string())).collect();
    say(&format!("listening on {}", addresses.map_err(|error| error.to_string())?.join(", ")))
}

/// One line on stdout. Whoever started the server may wait for it, so it must not stay in a buffer.
fn say(line: &str) -> Result<(), String> {
    let mut stdout = io::stdout();
    writeln!(stdout, "{line}")
        .and_then(|()| stdout.flush())
        .map_err(|error| format!("write to stdout: {error}"))
}
