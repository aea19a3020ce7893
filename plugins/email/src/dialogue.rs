//! What is said to the server, and what it answers.
//!
//! One command at a time: nothing is sent before the answer to the last has come.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use runner_plugin::host::Connection;
use runner_plugin::text::{counted, shortened};
use runner_plugin::{Failure, FailureKind};
use smtp_proto::Error;
use smtp_proto::response::parser::ResponseReceiver;

use crate::address::Address;

/// Most bytes taken at once.
const READ: u32 = 4096;

/// A conversation with a server that has been greeted.
pub(crate) struct Dialogue {
    connection: Connection,
    /// Received and not yet read.
    pending: Vec<u8>,
    /// What it says it can do, in capitals, one line each.
    offers: Vec<String>,
}

/// One answer.
struct Reply {
    code: u16,
    text: String,
}

impl Dialogue {
    /// Waits for the greeting, and says who is there.
    ///
    /// # Errors
    ///
    /// `unavailable` or `invalid-input` when the server does not want to talk, or does not speak SMTP.
    pub(crate) fn begin(connection: Connection, hello: &str) -> Result<Self, Failure> {
        let mut dialogue = Self { connection, pending: Vec::new(), offers: Vec::new() };
        dialogue.reply()?.expect(220, "the greeting")?;
        dialogue.greet(hello)?;
        Ok(dialogue)
    }

    fn greet(&mut self, hello: &str) -> Result<(), Failure> {
        let reply = self.ask(&format!("EHLO {hello}"))?;
        reply.expect(250, "EHLO")?;
        self.offers = reply.text.lines().map(|line| line.trim().to_ascii_uppercase()).collect();
        Ok(())
    }

    /// Makes the connection TLS, and begins anew: what was said before may be somebody else's.
    ///
    /// # Errors
    ///
    /// `invalid-input` when the server does not offer it; the host's failure when its certificate is not good.
    pub(crate) fn start_tls(&mut self, name: &str, hello: &str) -> Result<(), Failure> {
        if !self.offers.iter().any(|offer| offer == "STARTTLS") {
            return Err(Failure::invalid_input(
                "the server does not offer STARTTLS; nothing was sent (`tls: implicit` is for port 465)",
            ));
        }
        self.ask("STARTTLS")?.expect(220, "STARTTLS")?;
        if !self.pending.is_empty() {
            return Err(Failure::invalid_input(
                "the server said more after STARTTLS than it may, which somebody in between could have done; nothing was sent",
            ));
        }
        drop(self.connection.start_tls(name)?);
        self.greet(hello)
    }

    /// Says who asks.
    ///
    /// # Errors
    ///
    /// `invalid-input` when the server knows no way to log in that is known here, or does not let this account in.
    pub(crate) fn log_in(&mut self, user: &str, password: &str) -> Result<(), Failure> {
        let password = password.trim_end_matches(['\r', '\n']);
        let offered: Vec<String> = self
            .offers
            .iter()
            .find_map(|offer| offer.strip_prefix("AUTH "))
            .map(|ways| ways.split_whitespace().map(str::to_owned).collect())
            .unwrap_or_default();
        let has = |way: &str| offered.iter().any(|offer| offer == way);
        if has("PLAIN") {
            let words = STANDARD.encode(format!("\0{user}\0{password}"));
            return self.ask(&format!("AUTH PLAIN {words}"))?.expect(235, "the login");
        }
        if has("LOGIN") {
            self.ask("AUTH LOGIN")?.expect(334, "AUTH LOGIN")?;
            self.ask(&STANDARD.encode(user))?.expect(334, "the account")?;
            return self.ask(&STANDARD.encode(password))?.expect(235, "the login");
        }
        Err(Failure::invalid_input(format!(
            "the server takes neither AUTH PLAIN nor AUTH LOGIN ({}); nothing was sent",
            if offered.is_empty() { "it offers none".to_owned() } else { shortened(&offered.join(", ")) }
        )))
    }

    /// Hands a mail over. `Some` says who does not get it, if anybody else does.
    ///
    /// # Errors
    ///
    /// `unavailable` when the server may take it later, `invalid-input` when it will not; nobody gets the mail then.
    pub(crate) fn hand_over(
        &mut self,
        from: &Address,
        recipients: &[&Address],
        mail: &str,
    ) -> Result<Option<Failure>, Failure> {
        self.ask(&format!("MAIL FROM:<{}>", from.mailbox))?.expect(250, "the sender")?;
        let mut refused = Vec::new();
        for recipient in recipients {
            let reply = self.ask(&format!("RCPT TO:<{}>", recipient.mailbox))?;
            if !matches!(reply.code, 250 | 251) {
                refused.push((recipient.mailbox.as_str(), reply));
            }
        }
        let taken = recipients.len() - refused.len();
        if taken == 0 {
            return Err(not_taken(&refused, "nobody gets the mail"));
        }
        self.ask("DATA")?.expect(354, "DATA")?;
        self.connection.write(stuffed(mail))?;
        self.reply()?.expect(250, "the mail")?;
        Ok((!refused.is_empty()).then(|| {
            not_taken(
                &refused,
                &format!("the mail went to the other {}", counted(taken, "address", "addresses")),
            )
        }))
    }

    /// Ends the conversation. What the server says to that changes nothing.
    pub(crate) fn quit(mut self) {
        drop(self.ask("QUIT"));
    }

    fn ask(&mut self, command: &str) -> Result<Reply, Failure> {
        self.connection.write(format!("{command}\r\n"))?;
        self.reply()
    }

    fn reply(&mut self) -> Result<Reply, Failure> {
        let mut receiver = ResponseReceiver::default();
        loop {
            let mut bytes = self.pending.iter();
            let parsed = receiver.parse(&mut bytes);
            self.pending = bytes.copied().collect();
            match parsed {
                Ok(response) => return Ok(Reply { code: response.code, text: response.message }),
                Err(Error::NeedsMoreData { .. }) => {}
                Err(_) => {
                    return Err(Failure::invalid_input(
                        "the server does not answer as SMTP servers do; it was left",
                    ));
                }
            }
            self.pending = self.connection.read(READ)?;
            if self.pending.is_empty() {
                return Err(Failure::unavailable("the server closed the connection before it had answered"));
            }
        }
    }
}

impl Reply {
    fn expect(&self, code: u16, what: &str) -> Result<(), Failure> {
        if self.code == code {
            return Ok(());
        }
        Err(Failure::new(self.kind(), format!("the server did not take {what}: {self}")))
    }

    /// Codes that begin with 4 are for now, those with 5 for good.
    fn kind(&self) -> FailureKind {
        match self.code {
            400..500 => FailureKind::Unavailable,
            _ => FailureKind::InvalidInput,
        }
    }
}

impl std::fmt::Display for Reply {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let words: Vec<&str> = self.text.split_whitespace().collect();
        write!(f, "{} {}", self.code, shortened(&words.join(" ")))
    }
}

/// For now, if all of them are; then a retry may help.
fn not_taken(refused: &[(&str, Reply)], outcome: &str) -> Failure {
    let kind = if refused.iter().all(|(_, reply)| reply.kind() == FailureKind::Unavailable) {
        FailureKind::Unavailable
    } else {
        FailureKind::InvalidInput
    };
    let each: Vec<String> = refused.iter().map(|(who, reply)| format!("`{who}` ({reply})")).collect();
    Failure::new(kind, format!("the server does not take mail for {}; {outcome}", each.join(", ")))
}

/// A line that begins with a dot gets a second one, and a line with a dot alone ends the mail.
fn stuffed(mail: &str) -> String {
    let mut out = String::with_capacity(mail.len() + 8);
    for line in mail.split_inclusive("\r\n") {
        if line.starts_with('.') {
            out.push('.');
        }
        out.push_str(line);
    }
    out.push_str(".\r\n");
    out
}
