//! What the health checks of this folder have in common.
//!
//! A health check connects to an [`Address`], talks through a [`Wire`], turns what it saw into parts
//! ([`Check`](runner_plugin::Check)), judges how long it took by its [`Latency`], and takes the parts together in one
//! [`line()`]. Whatever does not answer is [`unreachable()`]: unhealthy, which is an answer. An answer that cannot be
//! understood is a failure.
//!
//! Never here: a protocol.

mod address;
mod latency;
mod said;
mod tls;
mod verdict;
mod wire;

pub use address::Address;
pub use latency::{Latency, milliseconds};
pub use said::said;
pub use tls::Tls;
pub use verdict::{line, unreachable};
pub use wire::{Wire, timeout_ms};
