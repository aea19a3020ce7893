//! The messages of PostgreSQL's protocol, version 3: a letter, a length, and what the letter says.
//!
//! <https://www.postgresql.org/docs/current/protocol-message-formats.html>

use runner_plugin::Failure;
use runner_probe::Wire;

/// Longest message. A row of an answer may be long; what is longer is no answer to a health check.
const LONGEST: usize = 1024 * 1024;

/// Asks whether the server speaks TLS.
pub(crate) const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];

/// The first message: who wants what. It alone has no letter.
pub(crate) fn startup(parameters: &[(&str, &str)]) -> Result<Vec<u8>, Failure> {
    let mut body = 0x0003_0000_u32.to_be_bytes().to_vec();
    for (name, value) in parameters {
        body.extend(text(name)?);
        body.extend(text(value)?);
    }
    body.push(0);
    Ok(framed(None, &body))
}

/// A query of one or more statements.
pub(crate) fn query(sql: &str) -> Result<Vec<u8>, Failure> {
    Ok(framed(Some(b'Q'), &text(sql)?))
}

/// The first answer of a login: which mechanism, and its first message.
pub(crate) fn sasl_initial(mechanism: &str, data: &str) -> Result<Vec<u8>, Failure> {
    let mut body = text(mechanism)?;
    body.extend(length(data.len()));
    body.extend(data.as_bytes());
    Ok(framed(Some(b'p'), &body))
}

/// A later answer of a login.
pub(crate) fn sasl_response(data: &str) -> Vec<u8> {
    framed(Some(b'p'), data.as_bytes())
}

fn framed(letter: Option<u8>, body: &[u8]) -> Vec<u8> {
    let mut message: Vec<u8> = letter.into_iter().collect();
    message.extend(length(body.len() + 4));
    message.extend(body);
    message
}

fn length(bytes: usize) -> [u8; 4] {
    u32::try_from(bytes).unwrap_or(u32::MAX).to_be_bytes()
}

/// A text as the protocol has it: up to the first null.
fn text(text: &str) -> Result<Vec<u8>, Failure> {
    if text.contains('\0') {
        return Err(Failure::invalid_config("a text with a null in it cannot be sent to PostgreSQL"));
    }
    let mut bytes = text.as_bytes().to_vec();
    bytes.push(0);
    Ok(bytes)
}

/// A message of the server.
pub(crate) struct Message {
    pub(crate) letter: u8,
    pub(crate) body: Vec<u8>,
}

impl Message {
    /// Waits for the next message.
    ///
    /// # Errors
    ///
    /// As of [`Wire`]; `invalid-input` when what comes is no message of this protocol.
    pub(crate) fn read(wire: &mut Wire<'_>) -> Result<Self, Failure> {
        let head = wire.take(5)?;
        let (letter, length) = (head[0], [head[1], head[2], head[3], head[4]]);
        let length = u32::from_be_bytes(length) as usize;
        if !letter.is_ascii_alphanumeric() || !(4..=LONGEST).contains(&length) {
            return Err(nonsense(&format!(
                "a message begins with {} and a length of {length}",
                char::from(letter).escape_debug()
            )));
        }
        Ok(Self { letter, body: wire.take(length - 4)? })
    }

    pub(crate) fn fields(&self) -> Fields<'_> {
        Fields { rest: &self.body, letter: self.letter }
    }
}

/// The parts of a message, one after the other.
pub(crate) struct Fields<'m> {
    rest: &'m [u8],
    letter: u8,
}

impl<'m> Fields<'m> {
    pub(crate) fn bytes(&mut self, count: usize) -> Result<&'m [u8], Failure> {
        let (bytes, rest) = self.rest.split_at_checked(count).ok_or_else(|| self.short())?;
        self.rest = rest;
        Ok(bytes)
    }

    pub(crate) fn byte(&mut self) -> Result<u8, Failure> {
        self.bytes(1).map(|bytes| bytes[0])
    }

    pub(crate) fn int16(&mut self) -> Result<i16, Failure> {
        self.bytes(2).map(|bytes| i16::from_be_bytes([bytes[0], bytes[1]]))
    }

    pub(crate) fn int32(&mut self) -> Result<i32, Failure> {
        self.bytes(4).map(|bytes| i32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
    }

    /// A text with its null. Servers of other encodings than UTF-8 say some things in theirs.
    pub(crate) fn text(&mut self) -> Result<String, Failure> {
        let end = self.rest.iter().position(|&byte| byte == 0).ok_or_else(|| self.short())?;
        let bytes = self.bytes(end)?;
        self.bytes(1)?;
        Ok(String::from_utf8_lossy(bytes).into_owned())
    }

    pub(crate) fn rest(&self) -> &'m [u8] {
        self.rest
    }

    fn short(&self) -> Failure {
        nonsense(&format!("a message `{}` ends too early", char::from(self.letter)))
    }
}

pub(crate) fn nonsense(why: &str) -> Failure {
    Failure::invalid_input(format!("the server does not speak PostgreSQL: {why}"))
}
