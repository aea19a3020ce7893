//! What is handed over: headers, a plain text and the same in HTML.

use std::fmt::{self, Write as _};
use std::time::{Duration, SystemTime};

use email_encoding::body::{self, Encoding};
use email_encoding::headers::{quoted_string, rfc2047, writer::EmailWriter};
use runner_plugin::Failure;

use crate::address::Address;

/// A mail before it is written.
pub(crate) struct Mail<'m> {
    pub(crate) from: &'m Address,
    pub(crate) reply_to: Option<&'m Address>,
    pub(crate) to: &'m [Address],
    pub(crate) cc: &'m [Address],
    /// One line.
    pub(crate) subject: &'m str,
    pub(crate) plain: &'m str,
    /// What stands between `<body>` and `</body>`; line ends are line breaks.
    pub(crate) html: &'m str,
    /// The same for each attempt to send this mail.
    pub(crate) key: &'m str,
    /// Time since 1970.
    pub(crate) sent: Duration,
}

impl Mail<'_> {
    /// The mail as bytes of a conversation: lines end with `\r\n`, all of it is ASCII.
    ///
    /// # Errors
    ///
    /// `invalid-config` when the subject has a line end in it.
    pub(crate) fn write(&self) -> Result<String, Failure> {
        if self.subject.contains(char::is_control) {
            return Err(Failure::invalid_config(
                "the subject has a line end or another control character in it; nothing was sent",
            ));
        }
        let mut out = String::new();
        self.write_to(&mut out).map_err(|_| Failure::internal("the mail could not be written"))?;
        Ok(out)
    }

    fn write_to(&self, out: &mut String) -> fmt::Result {
        // RFC 5322 wants an offset where HTTP has the old name of the zone.
        let date = httpdate::fmt_http_date(SystemTime::UNIX_EPOCH + self.sent).replace("GMT", "+0000");
        write!(out, "Date: {date}\r\n")?;
        addresses(out, "From", std::slice::from_ref(self.from))?;
        if let Some(reply_to) = self.reply_to {
            addresses(out, "Reply-To", std::slice::from_ref(reply_to))?;
        }
        addresses(out, "To", self.to)?;
        if !self.cc.is_empty() {
            addresses(out, "Cc", self.cc)?;
        }
        header(out, "Subject", |writer| {
            // What looks like an encoded word would be decoded.
            let plain = self.subject.is_ascii() && !self.subject.contains("=?");
            if plain {
                writer.folding().write_str(self.subject)
            } else {
                rfc2047::encode(self.subject, writer)
            }
        })?;
        write!(out, "Message-ID: <{}@{}>\r\n", atom(self.key), self.from.domain())?;
        // So that nobody's holiday note answers.
        out.push_str("Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n");

        let plain = Part::of("text/plain", self.plain)?;
        let html = Part::of("text/html", &page(self.html))?;
        let boundary = boundary(&[&plain, &html]);
        write!(out, "Content-Type: multipart/alternative; boundary=\"{boundary}\"\r\n\r\n")?;
        for part in [plain, html] {
            let Part { kind, encoding, body } = part;
            write!(out, "--{boundary}\r\nContent-Type: {kind}; charset=utf-8\r\n")?;
            write!(out, "Content-Transfer-Encoding: {encoding}\r\n\r\n{body}\r\n")?;
        }
        write!(out, "--{boundary}--\r\n")
    }
}

fn header(
    out: &mut String,
    name: &str,
    value: impl FnOnce(&mut EmailWriter<'_>) -> fmt::Result,
) -> fmt::Result {
    write!(out, "{name}: ")?;
    value(&mut EmailWriter::new(out, name.len() + 2, 0, false))?;
    out.push_str("\r\n");
    Ok(())
}

fn addresses(out: &mut String, name: &str, addresses: &[Address]) -> fmt::Result {
    header(out, name, |writer| {
        for (index, address) in addresses.iter().enumerate() {
            if index > 0 {
                writer.write_char(',')?;
                writer.space();
            }
            if address.name.is_empty() {
                writer.folding().write_str(&address.mailbox)?;
            } else {
                quoted_string::encode(&address.name, writer)?;
                writer.space();
                writer.folding().write_str(&format!("<{}>", address.mailbox))?;
            }
        }
        Ok(())
    })
}

/// One way to show the text.
struct Part {
    kind: &'static str,
    encoding: &'static str,
    body: String,
}

impl Part {
    fn of(kind: &'static str, text: &str) -> Result<Self, fmt::Error> {
        let lines: Vec<&str> = text.lines().collect();
        let text = lines.join("\r\n");
        match Encoding::choose(text.as_str(), false) {
            Encoding::SevenBit => Ok(Self { kind, encoding: "7bit", body: text }),
            Encoding::EightBit | Encoding::QuotedPrintable | Encoding::Base64 => {
                let mut body = String::with_capacity(body::base64::encoded_len(text.len()));
                body::base64::encode(text.as_bytes(), &mut body)?;
                Ok(Self { kind, encoding: "base64", body })
            }
        }
    }
}

fn page(inside: &str) -> String {
    let lines: Vec<&str> = inside.lines().collect();
    format!("<!doctype html>\n<html><body>\n{}\n</body></html>", lines.join("<br>\n"))
}

/// A line that stands in none of the parts. The same for the same mail: two attempts are the same bytes.
fn boundary(parts: &[&Part]) -> String {
    let mut number = 0_u32;
    loop {
        let boundary = format!("=_runner_{number}");
        if !parts.iter().any(|part| part.body.contains(&boundary)) {
            return boundary;
        }
        number += 1;
    }
}

/// `text` with what may not stand in a message id as `=` and two digits.
fn atom(text: &str) -> String {
    text.bytes().fold(String::new(), |mut out, byte| {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'/' => out.push(byte.into()),
            b'.' => out.push('.'),
            other => {
                let _ = write!(out, "={other:02X}");
            }
        }
        out
    })
}
