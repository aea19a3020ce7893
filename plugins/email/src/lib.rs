//! Notifier: an event as a mail, handed to a server over SMTP.
//!
//! ```text
//! Message ─▶ text and HTML ─▶ mail (headers, parts) ─▶ dialogue: greeting, EHLO, STARTTLS, AUTH, MAIL, RCPT…, DATA
//! ```
//!
//! TLS is the host's, which also checks the certificate. The password has to be seen, since SMTP wants it in an answer:
//! it goes into that one line, over TLS, and nowhere else.

mod address;
mod dialogue;
mod mail;

use std::time::Duration;

use runner_notice::{Channel, Links, Markup, Message, Route, key};
use runner_plugin::{Event, Failure, Host, Notifier, Request};
use schemars::JsonSchema;
use serde::Deserialize;

use address::Address;
use dialogue::Dialogue;
use mail::Mail;

/// Plain text, and the same in HTML.
const PLAIN: Channel = Channel { markup: Markup::Plain, title: 200, text: 100_000, links: Links::Below };
const HTML: Channel = Channel { markup: Markup::Html, ..PLAIN };

/// Whom to tell what.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The server that takes the mail.
    server: Server,
    /// Who asks it to. Without it: nobody in particular, as servers of one's own network allow.
    login: Option<Login>,
    /// Who writes: `deploys@example.com` or `Deploys <deploys@example.com>`.
    #[schemars(regex(pattern = "^[^\\x00-\\x1f\\x7f]+@[^\\x00-\\x1f\\x7f]+$"))]
    from: String,
    /// Where answers go. Without it: to `from`.
    #[schemars(regex(pattern = "^[^\\x00-\\x1f\\x7f]+@[^\\x00-\\x1f\\x7f]+$"))]
    reply_to: Option<String>,
    /// Who is told.
    to: To,
    /// Who is told instead; the first route that fits counts.
    #[serde(default)]
    routes: Vec<Route<To>>,
    /// What is said. The title is the subject.
    #[serde(default)]
    message: Message,
    /// For connecting, and for each answer of the server. Without it: 10 seconds.
    #[serde(default = "timeout_ms")]
    #[schemars(range(min = 1))]
    timeout_ms: u32,
}

fn timeout_ms() -> u32 {
    10_000
}

/// The server that takes the mail.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Server {
    /// Its name or address.
    #[schemars(length(min = 1))]
    host: String,
    /// Its port. Without it: 587 for `starttls`, 465 for `implicit`, 25 for `none`.
    #[schemars(range(min = 1))]
    port: Option<u16>,
    /// How the connection is made safe.
    #[serde(default)]
    tls: Tls,
    /// The name that its certificate has to be good for. Without it: `host`.
    name: Option<String>,
    /// The name by which it is greeted. Without it: `localhost`.
    #[serde(default = "hello")]
    #[schemars(regex(pattern = "^[A-Za-z0-9.:\\[\\]-]{1,255}$"))]
    hello: String,
}

fn hello() -> String {
    "localhost".to_owned()
}

/// How the connection is made safe.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Tls {
    /// It begins in the clear and is made TLS before anything is said. A server that does not offer it gets nothing.
    #[default]
    Starttls,
    /// It is TLS from the first byte.
    Implicit,
    /// It stays in the clear: for a relay on the same machine. A login is refused then.
    None,
}

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Login {
    /// The account.
    #[schemars(length(min = 1))]
    user: String,
    /// Name of the secret that is its password; the grant needs `reveal: true`.
    password: String,
}

/// Who is told.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct To {
    /// Addresses, at least one; with a name if you like: `Ops <ops@example.com>`.
    #[schemars(
        length(min = 1, max = 100),
        inner(regex(pattern = "^[^\\x00-\\x1f\\x7f]+@[^\\x00-\\x1f\\x7f]+$"))
    )]
    to: Vec<String>,
    /// Those who get a copy.
    #[serde(default)]
    #[schemars(length(max = 100), inner(regex(pattern = "^[^\\x00-\\x1f\\x7f]+@[^\\x00-\\x1f\\x7f]+$")))]
    cc: Vec<String>,
    /// Those who get a copy that the others do not see.
    #[serde(default)]
    #[schemars(length(max = 100), inner(regex(pattern = "^[^\\x00-\\x1f\\x7f]+@[^\\x00-\\x1f\\x7f]+$")))]
    bcc: Vec<String>,
}

/// The notifier.
#[derive(Debug)]
pub struct Email;

impl Notifier for Email {
    type Config = Config;

    fn notify(config: Config, request: &Request, event: &Event, host: &Host) -> Result<(), Failure> {
        let Some(told) = Route::choose(&config.routes, &config.to, &config.message, event, host) else {
            return Ok(());
        };
        let list = |key: &str, texts: &[String]| -> Result<Vec<Address>, Failure> {
            texts.iter().map(|text| Address::parse(key, text)).collect()
        };
        let (to, cc, bcc) = (list("to", &told.to)?, list("cc", &told.cc)?, list("bcc", &told.bcc)?);
        if to.is_empty() {
            return Err(Failure::invalid_config("`to` names nobody; nothing was sent"));
        }
        let from = Address::parse("from", &config.from)?;
        let reply_to = config.reply_to.as_deref().map(|text| Address::parse("reply_to", text)).transpose()?;
        let plain = config.message.write(request, event, PLAIN)?;
        let html = config.message.write(request, event, HTML)?;
        let mail = Mail {
            from: &from,
            reply_to: reply_to.as_ref(),
            to: &to,
            cc: &cc,
            subject: &plain.title,
            plain: &plain.text,
            html: &html.text,
            key: &key(request, event),
            sent: host.clock().now(),
        };
        let recipients: Vec<&Address> = to.iter().chain(&cc).chain(&bcc).collect();
        send(&config, host, &from, &recipients, &mail.write()?)
    }
}

fn send(
    config: &Config,
    host: &Host,
    from: &Address,
    recipients: &[&Address],
    mail: &str,
) -> Result<(), Failure> {
    let Server { host: server, port, tls, name, hello } = &config.server;
    if config.login.is_some() && *tls == Tls::None {
        return Err(Failure::invalid_config(
            "`login` needs TLS: a password is not sent in the clear; nothing was sent",
        ));
    }
    let port = port.unwrap_or(match tls {
        Tls::Starttls => 587,
        Tls::Implicit => 465,
        Tls::None => 25,
    });
    let name = name.as_deref().unwrap_or(server);
    let connection = host.tcp().connect(server, port, Duration::from_millis(config.timeout_ms.into()))?;
    if *tls == Tls::Implicit {
        drop(connection.start_tls(name)?);
    }
    let mut dialogue = Dialogue::begin(connection, hello)?;
    if *tls == Tls::Starttls {
        dialogue.start_tls(name, hello)?;
    }
    if let Some(login) = &config.login {
        dialogue.log_in(&login.user, &host.secret(&login.password)?.reveal()?)?;
    }
    let refused = dialogue.hand_over(from, recipients, mail)?;
    dialogue.quit();
    match refused {
        None => Ok(()),
        Some(failure) => Err(failure),
    }
}

runner_plugin::export_notifier!(Email);

#[cfg(test)]
mod tests;
