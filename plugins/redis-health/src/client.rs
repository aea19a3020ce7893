//! Commands and replies (RESP, version 2).

use std::time::Duration;

use redis_protocol::resp2::decode::decode;
use redis_protocol::resp2::encode::encode;
use redis_protocol::resp2::types::{OwnedFrame, Resp2Frame as _};
use runner_plugin::{Failure, Host};
use runner_probe::{Address, Wire, said};

/// Longest reply. `INFO` of a server with a thousand replicas stays far below it.
const LONGEST: usize = 1024 * 1024;

/// Who talks to the server.
pub(crate) struct Client<'h> {
    wire: Wire<'h>,
    peer: String,
}

/// What a server answers to the commands of this plugin.
pub(crate) enum Reply {
    /// A text.
    Text(String),
    /// A no, as the server says it: `NOAUTH Authentication required.`
    Error(String),
}

impl<'h> Client<'h> {
    pub(crate) fn connect(host: &'h Host, address: &Address, timeout: Duration) -> Result<Self, Failure> {
        Ok(Self { wire: Wire::connect(host, address, timeout)?, peer: address.to_string() })
    }

    pub(crate) fn start_tls(&mut self, server_name: &str) -> Result<(), Failure> {
        self.wire.start_tls(server_name).map(|_| ())
    }

    /// Sends a command and waits for its reply.
    ///
    /// # Errors
    ///
    /// As of [`Wire`]; `invalid-input` when the reply is none of Redis, or not of this command.
    pub(crate) fn command(&mut self, words: &[&str]) -> Result<Reply, Failure> {
        let words = words.iter().map(|word| OwnedFrame::BulkString(word.as_bytes().to_vec())).collect();
        let command = OwnedFrame::Array(words);
        let mut bytes = vec![0; command.encode_len(false)];
        encode(&mut bytes, &command, false)
            .map_err(|error| Failure::internal(format!("encode a command: {error}")))?;
        self.wire.write(&bytes)?;
        self.reply()
    }

    fn reply(&mut self) -> Result<Reply, Failure> {
        loop {
            // Lists can lie in lists without end, and no command here is answered with one.
            if let Some(first) = self.wire.unread().first().filter(|first| !b"+-$".contains(first)) {
                return Err(self.nonsense(&format!("it begins with `{}`", char::from(*first).escape_debug())));
            }
            match decode(self.wire.unread()) {
                Ok(Some((frame, used))) => {
                    self.wire.skip(used);
                    return self.understood(frame);
                }
                Ok(None) if self.wire.unread().len() > LONGEST => {
                    return Err(self.nonsense("it is longer than 1 MiB"));
                }
                Ok(None) => self.wire.must_read()?,
                Err(error) => return Err(self.nonsense(&said(error.details()))),
            }
        }
    }

    fn understood(&self, frame: OwnedFrame) -> Result<Reply, Failure> {
        match frame {
            OwnedFrame::SimpleString(text) | OwnedFrame::BulkString(text) => String::from_utf8(text)
                .map(Reply::Text)
                .map_err(|error| self.nonsense(&format!("it is not UTF-8: {}", error.utf8_error()))),
            OwnedFrame::Error(text) => Ok(Reply::Error(text)),
            OwnedFrame::Integer(_) | OwnedFrame::Array(_) | OwnedFrame::Null => {
                Err(self.nonsense("it is no text"))
            }
        }
    }

    fn nonsense(&self, why: &str) -> Failure {
        Failure::invalid_input(format!("the reply of {} is not one of Redis: {why}", self.peer))
    }
}
