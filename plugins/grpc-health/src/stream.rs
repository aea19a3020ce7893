//! A connection as `h2` wants it, where waiting is done by the host.
//!
//! There is one thing to wait for, and nothing else to do meanwhile, so a read that has to wait just waits. Before it
//! does, it says once that it is not ready: then `h2` sends what it has to send, without which no answer would come.

use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use runner_plugin::Failure;
use runner_probe::Wire;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The connection.
pub(crate) struct Stream<'h> {
    wire: Wire<'h>,
    /// Whether the last read said that it is not ready.
    has_yielded: bool,
    failure: Rc<RefCell<Option<Failure>>>,
}

impl<'h> Stream<'h> {
    /// `failure` is where the reason goes when reading or writing fails: `h2` keeps only a part of it.
    pub(crate) fn new(wire: Wire<'h>, failure: Rc<RefCell<Option<Failure>>>) -> Self {
        Self { wire, has_yielded: false, failure }
    }

    fn failed(&self, failure: Failure) -> io::Error {
        let error = io::Error::other(failure.message.clone());
        *self.failure.borrow_mut() = Some(failure);
        error
    }
}

impl AsyncRead for Stream<'_> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        to: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.wire.unread().is_empty() {
            if !self.has_yielded {
                self.has_yielded = true;
                return Poll::Pending;
            }
            self.has_yielded = false;
            if let Err(failure) = self.wire.read_more() {
                return Poll::Ready(Err(self.failed(failure)));
            }
        }
        let count = self.wire.unread().len().min(to.remaining());
        to.put_slice(&self.wire.unread()[..count]);
        self.wire.skip(count);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Stream<'_> {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(match self.wire.write(data) {
            Ok(()) => Ok(data.len()),
            Err(failure) => Err(self.failed(failure)),
        })
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
