//! The time.

use std::time::Duration;

use super::backend::Backend;

/// The time, from [`Host::clock`](crate::Host::clock).
#[derive(Debug)]
pub struct Clock<'a> {
    backend: &'a Backend,
}

impl<'a> Clock<'a> {
    pub(super) fn new(backend: &'a Backend) -> Self {
        Self { backend }
    }

    /// Time since 1970-01-01T00:00:00Z, to the millisecond.
    #[must_use]
    pub fn now(&self) -> Duration {
        Duration::from_millis(self.backend.now())
    }

    /// Time since some fixed moment of the past; never goes back. For measuring.
    #[must_use]
    pub fn monotonic(&self) -> Duration {
        Duration::from_micros(self.backend.monotonic())
    }

    /// Waits, at most until the step's deadline. For polling use the step's `poll` instead.
    pub fn sleep(&self, duration: Duration) {
        self.backend.sleep(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX));
    }
}
