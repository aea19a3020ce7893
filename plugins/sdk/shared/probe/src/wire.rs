//! A connection that is read in pieces, within one time.

use std::time::Duration;

use runner_plugin::host::{Connection, TlsFacts};
use runner_plugin::{Failure, FailureKind, Host};

use crate::Address;

/// Most bytes of one read.
const READ: u32 = 64 * 1024;

/// The usual `timeout_ms` of a check: five seconds for everything together.
#[must_use]
pub fn timeout_ms() -> u32 {
    5_000
}

/// A connection with what was read of it and not yet used. One time stands over all of it: a server that sends one byte
/// now and then is as late as one that sends none.
#[derive(Debug)]
pub struct Wire<'h> {
    host: &'h Host,
    connection: Connection,
    peer: String,
    /// When it is too late, on the clock that only goes forward.
    deadline: Duration,
    buffer: Vec<u8>,
    /// How many bytes of `buffer` are used.
    used: usize,
}

impl<'h> Wire<'h> {
    /// Connects. `timeout` counts for everything that is done with the connection.
    ///
    /// # Errors
    ///
    /// [`FailureKind::Denied`], [`FailureKind::Unavailable`] or [`FailureKind::TimedOut`], as from
    /// [`Tcp::connect`](runner_plugin::host::Tcp::connect).
    pub fn connect(host: &'h Host, address: &Address, timeout: Duration) -> Result<Self, Failure> {
        let deadline = host.clock().monotonic() + timeout;
        let connection = host.tcp().connect(&address.host, address.port, timeout)?;
        Ok(Self { host, connection, peer: address.to_string(), deadline, buffer: Vec::new(), used: 0 })
    }

    /// Writes all of `data`.
    ///
    /// # Errors
    ///
    /// As [`Connection::write`]; [`FailureKind::TimedOut`] when the time is over.
    pub fn write(&self, data: &[u8]) -> Result<(), Failure> {
        self.in_time()?;
        self.connection.write(data)
    }

    /// What was read and not yet used.
    #[must_use]
    pub fn unread(&self) -> &[u8] {
        &self.buffer[self.used..]
    }

    /// Reads once more. `false` means that the other side has closed.
    ///
    /// # Errors
    ///
    /// As [`Connection::read`]; [`FailureKind::TimedOut`] when the time is over.
    pub fn read_more(&mut self) -> Result<bool, Failure> {
        self.in_time()?;
        let piece = self.connection.read(READ)?;
        self.buffer.drain(..self.used);
        self.used = 0;
        self.buffer.extend_from_slice(&piece);
        Ok(!piece.is_empty())
    }

    /// As [`Wire::read_more`], where the other side may not close yet.
    ///
    /// # Errors
    ///
    /// [`FailureKind::Unavailable`] when it does.
    pub fn must_read(&mut self) -> Result<(), Failure> {
        if self.read_more()? {
            return Ok(());
        }
        let broke_off = match self.unread().len() {
            0 => "closed the connection".to_owned(),
            count => format!("closed the connection in the middle of a message, after {count} bytes of it"),
        };
        Err(Failure::unavailable(format!("{} {broke_off}", self.peer)))
    }

    /// Takes exactly `count` bytes.
    ///
    /// # Errors
    ///
    /// As [`Wire::must_read`].
    pub fn take(&mut self, count: usize) -> Result<Vec<u8>, Failure> {
        while self.unread().len() < count {
            self.must_read()?;
        }
        let taken = self.unread()[..count].to_vec();
        self.skip(count);
        Ok(taken)
    }

    /// Says that the first `count` unread bytes are used.
    pub fn skip(&mut self, count: usize) {
        self.used = self.buffer.len().min(self.used + count);
    }

    /// Turns the connection into TLS with a certificate that is good for `server_name`.
    ///
    /// # Errors
    ///
    /// As [`Connection::start_tls`]; [`FailureKind::InvalidInput`] when the other side has already sent more: what
    /// came in the clear must not be taken for something that came through TLS.
    pub fn start_tls(&mut self, server_name: &str) -> Result<TlsFacts, Failure> {
        self.in_time()?;
        if !self.unread().is_empty() {
            return Err(Failure::invalid_input(format!(
                "{} sent {} bytes in the clear after it agreed to TLS",
                self.peer,
                self.unread().len()
            )));
        }
        self.connection.start_tls(server_name)
    }

    fn in_time(&self) -> Result<(), Failure> {
        if self.host.clock().monotonic() < self.deadline {
            return Ok(());
        }
        Err(Failure::new(FailureKind::TimedOut, format!("talk to {}: timed out", self.peer)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use runner_plugin::testing::{Conversation, FakeHost};

    fn address() -> Address {
        Address { host: "redis".to_owned(), port: 6379 }
    }

    #[test]
    fn pieces_are_put_together_and_used_one_after_the_other() {
        let said = Conversation::new().says("ab").says("cde").says("f");
        let host = FakeHost::new().listener("redis:6379", said).host();
        let mut wire = Wire::connect(&host, &address(), Duration::from_secs(1)).unwrap();

        assert_eq!(wire.take(4), Ok(b"abcd".to_vec()));
        assert_eq!(wire.unread(), b"e");
        assert_eq!(wire.take(2), Ok(b"ef".to_vec()));
        assert_eq!(wire.read_more(), Ok(false));
    }

    #[test]
    fn half_a_message_is_no_message() {
        let host = FakeHost::new().listener("redis:6379", Conversation::new().says("abc")).host();
        let mut wire = Wire::connect(&host, &address(), Duration::from_secs(1)).unwrap();

        assert_eq!(
            wire.take(4),
            Err(Failure::unavailable(
                "redis:6379 closed the connection in the middle of a message, after 3 bytes of it"
            )),
        );
    }

    #[test]
    fn one_time_stands_over_all_reads() {
        let host = FakeHost::new().listener("redis:6379", Conversation::new().says("a").says("b")).host();
        let mut wire = Wire::connect(&host, &address(), Duration::from_secs(1)).unwrap();

        assert_eq!(wire.take(1), Ok(b"a".to_vec()));
        host.clock().sleep(Duration::from_secs(1));
        assert_eq!(wire.take(1), Err(Failure::new(FailureKind::TimedOut, "talk to redis:6379: timed out")));
    }

    #[test]
    fn what_was_sent_in_the_clear_is_not_taken_for_tls() {
        let host = FakeHost::new().listener("redis:6379", Conversation::new().says("Sinjected")).host();
        let mut wire = Wire::connect(&host, &address(), Duration::from_secs(1)).unwrap();

        assert_eq!(wire.take(1), Ok(b"S".to_vec()));
        assert_eq!(
            wire.start_tls("redis"),
            Err(Failure::invalid_input("redis:6379 sent 8 bytes in the clear after it agreed to TLS")),
        );
    }
}
