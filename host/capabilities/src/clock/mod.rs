//! The time. Needs no grant.

mod host;

/// Where the time comes from, so that tests can have another.
pub trait Time: Send + Sync {
    /// Milliseconds since 1970.
    fn now_ms(&self) -> u64;

    /// Microseconds since some fixed moment; never goes back.
    fn monotonic_us(&self) -> u64;
}
