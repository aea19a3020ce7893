//! Connections.

use std::time::Duration;

use super::backend::{self, Backend};
use super::http::milliseconds;
use crate::Failure;

/// What TLS said about the other side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFacts {
    /// `TLSv1.2` or `TLSv1.3`.
    pub protocol: String,
    /// The certificates as sent, leaf first, DER.
    pub certificates: Vec<Vec<u8>>,
}

/// Connections, from [`Host::tcp`](crate::Host::tcp).
#[derive(Debug)]
pub struct Tcp<'a> {
    backend: &'a Backend,
}

impl<'a> Tcp<'a> {
    pub(super) fn new(backend: &'a Backend) -> Self {
        Self { backend }
    }

    /// Connects. `timeout` counts for this and for each later read and write.
    ///
    /// # Errors
    ///
    /// [`Denied`](crate::FailureKind::Denied) without a grant; [`Unavailable`](crate::FailureKind::Unavailable) or
    /// [`TimedOut`](crate::FailureKind::TimedOut) when nothing answers there.
    pub fn connect(&self, host: &str, port: u16, timeout: Duration) -> Result<Connection, Failure> {
        let peer = format!("tcp://{host}:{port}");
        match self.backend.connect(host, port, Some(milliseconds(timeout))) {
            Ok(handle) => Ok(Connection { peer, handle }),
            Err(error) => Err(Failure::of_call(format_args!("connect {peer}"), error)),
        }
    }
}

/// An open connection; closed when dropped.
#[derive(Debug)]
pub struct Connection {
    peer: String,
    handle: backend::ConnectionHandle,
}

impl Connection {
    /// Writes all of `data`.
    ///
    /// # Errors
    ///
    /// [`Unavailable`](crate::FailureKind::Unavailable) or [`TimedOut`](crate::FailureKind::TimedOut); how
    /// much was written is not known then.
    pub fn write(&self, data: impl AsRef<[u8]>) -> Result<(), Failure> {
        self.handle
            .write(data.as_ref())
            .map_err(|error| Failure::of_call(format_args!("write to {}", self.peer), error))
    }

    /// Reads what there is, at most `limit` bytes; waits if there is nothing. Empty means the other side has
    /// closed.
    ///
    /// # Errors
    ///
    /// [`Unavailable`](crate::FailureKind::Unavailable) or [`TimedOut`](crate::FailureKind::TimedOut).
    pub fn read(&self, limit: u32) -> Result<Vec<u8>, Failure> {
        self.handle
            .read(limit)
            .map_err(|error| Failure::of_call(format_args!("read from {}", self.peer), error))
    }

    /// Turns the connection into TLS, and refuses a certificate that is not good for `server_name`.
    ///
    /// # Errors
    ///
    /// [`Unavailable`](crate::FailureKind::Unavailable) when the handshake fails, with the reason.
    pub fn start_tls(&self, server_name: &str) -> Result<TlsFacts, Failure> {
        self.handle
            .start_tls(server_name, true)
            .map_err(|error| Failure::of_call(format_args!("start TLS with {}", self.peer), error))
    }

    /// Turns the connection into TLS with any certificate: for looking at the certificate, never for talking.
    ///
    /// # Errors
    ///
    /// As [`Connection::start_tls`].
    pub fn inspect_tls(&self, server_name: &str) -> Result<TlsFacts, Failure> {
        self.handle
            .start_tls(server_name, false)
            .map_err(|error| Failure::of_call(format_args!("start TLS with {}", self.peer), error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::HostError;
    use crate::testing::{Conversation, FakeHost};

    #[test]
    fn a_conversation_is_played_in_order() {
        let fake = FakeHost::new().listener("redis:6379", Conversation::new().says("+PONG\r\n"));

        let connection = fake.host().tcp().connect("redis", 6379, Duration::from_secs(1)).unwrap();
        connection.write("PING\r\n").unwrap();

        assert_eq!(connection.read(1024), Ok(b"+PONG\r\n".to_vec()));
        assert_eq!(connection.read(1024), Ok(Vec::new()));
        assert_eq!(fake.heard("redis:6379"), b"PING\r\n");
    }

    #[test]
    fn a_connection_that_no_grant_covers_is_denied() {
        assert_eq!(
            FakeHost::new().host().tcp().connect("redis", 6379, Duration::from_secs(1)).map(|_| ()),
            Err(Failure::of_call("connect tcp://redis:6379", HostError::Denied)),
        );
    }

    #[test]
    fn tls_shows_its_certificates() {
        let facts = TlsFacts { protocol: "TLSv1.3".into(), certificates: vec![vec![0x30]] };
        let fake = FakeHost::new().listener("db:5432", Conversation::new().shows(facts.clone()));

        let connection = fake.host().tcp().connect("db", 5432, Duration::from_secs(1)).unwrap();

        assert_eq!(connection.inspect_tls("db"), Ok(facts));
    }
}
