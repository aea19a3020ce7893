//! A connection with what the server has said about itself.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use runner_plugin::{Failure, Host};
use runner_probe::{Address, Wire, said};

use crate::message::{self, Fields, Message, nonsense};

/// A connection to the server.
pub(crate) struct Session<'h> {
    wire: Wire<'h>,
    parameters: BTreeMap<String, String>,
}

/// A no of the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ServerError {
    code: String,
    message: String,
}

impl fmt::Display for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", said(&self.message), said(&self.code))
    }
}

/// The answer to a query. Of many rows only the first is of interest.
#[derive(Debug, Default)]
pub(crate) struct Rows {
    pub(crate) first: Option<Vec<Option<String>>>,
}

impl<'h> Session<'h> {
    pub(crate) fn connect(host: &'h Host, address: &Address, timeout: Duration) -> Result<Self, Failure> {
        Ok(Self { wire: Wire::connect(host, address, timeout)?, parameters: BTreeMap::new() })
    }

    /// Whether the server has agreed to TLS, and the connection is TLS now.
    pub(crate) fn start_tls(&mut self, server_name: &str) -> Result<bool, Failure> {
        self.wire.write(&message::SSL_REQUEST)?;
        match self.wire.take(1)?.as_slice() {
            b"S" => self.wire.start_tls(server_name).map(|_| true),
            b"N" => Ok(false),
            other => Err(nonsense(&format!("it answers the wish for TLS with `{}`", said(other)))),
        }
    }

    pub(crate) fn send(&self, message: &[u8]) -> Result<(), Failure> {
        self.wire.write(message)
    }

    /// The next message that is an answer, or the server's no.
    pub(crate) fn receive(&mut self) -> Result<Result<Message, ServerError>, Failure> {
        loop {
            let message = Message::read(&mut self.wire)?;
            match message.letter {
                b'E' => return server_error(message.fields()).map(Err),
                b'S' => {
                    let mut fields = message.fields();
                    let name = fields.text()?;
                    self.parameters.insert(name, fields.text()?);
                }
                // A notice, a notification, and the key to cancel with.
                b'N' | b'A' | b'K' => {}
                _ => return Ok(Ok(message)),
            }
        }
    }

    /// What the server has said about itself at the login.
    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.get(name).map(String::as_str)
    }

    /// Waits until the server waits for a query.
    pub(crate) fn until_ready(&mut self) -> Result<Result<(), ServerError>, Failure> {
        loop {
            match self.receive()? {
                Ok(message) if message.letter == b'Z' => return Ok(Ok(())),
                Ok(_) => {}
                Err(error) => return Ok(Err(error)),
            }
        }
    }

    /// Runs a query to its end.
    pub(crate) fn query(&mut self, sql: &str) -> Result<Result<Rows, ServerError>, Failure> {
        self.send(&message::query(sql)?)?;
        let mut answer = Ok(Rows::default());
        loop {
            match self.receive()? {
                Ok(message) => match message.letter {
                    b'Z' => return Ok(answer),
                    b'D' => {
                        if let Ok(rows) = &mut answer
                            && rows.first.is_none()
                        {
                            rows.first = Some(row(message.fields())?);
                        }
                    }
                    // What the columns are, and that a statement is done or was empty.
                    b'T' | b'C' | b'I' => {}
                    other => {
                        let other = char::from(other);
                        return Err(nonsense(&format!("a query is answered with a message `{other}`")));
                    }
                },
                Err(error) => answer = Err(error),
            }
        }
    }
}

fn row(mut fields: Fields<'_>) -> Result<Vec<Option<String>>, Failure> {
    let columns = fields.int16()?;
    (0..columns)
        .map(|_| match fields.int32()? {
            -1 => Ok(None),
            length => {
                let length = usize::try_from(length)
                    .map_err(|_| nonsense(&format!("a column is {length} bytes long")))?;
                let bytes = fields.bytes(length)?;
                Ok(Some(String::from_utf8_lossy(bytes).into_owned()))
            }
        })
        .collect()
}

fn server_error(mut fields: Fields<'_>) -> Result<ServerError, Failure> {
    let mut error = ServerError { code: "no code".to_owned(), message: "no message".to_owned() };
    loop {
        match fields.byte()? {
            0 => return Ok(error),
            b'C' => error.code = fields.text()?,
            b'M' => error.message = fields.text()?,
            _ => drop(fields.text()?),
        }
    }
}

/// A text as a literal of SQL, whatever `standard_conforming_strings` is.
pub(crate) fn literal(text: &str) -> Result<String, Failure> {
    if text.contains('\\') {
        return Err(Failure::invalid_config(format!("`{}` has a backslash in it", said(text))));
    }
    Ok(format!("'{}'", text.replace('\'', "''")))
}
