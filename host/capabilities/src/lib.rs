//! What a plugin may touch.
//!
//! One folder per capability. `grant.rs` in each is pure: it says what was asked for and answers
//! `covers(request)`. With the feature `host` there is a `host.rs` beside it, which does the thing: the only code
//! of the project that opens a socket for a guest, a file for a guest, or hands out a secret.
//!
//! A grant travels in three steps: [`Requested`] is read from a pipeline and is data like any other; [`admit`]
//! holds it against the operator's [`Policy`]; what comes out is a [`GrantSet`], which nothing else can make.
//! Holding one *is* the proof that the policy was asked.
//!
//! Never here: pipelines, plans, journals, terminals. This crate depends on no other crate of ours, so that it can
//! be read, built and fuzzed alone.

mod admit;
#[cfg(feature = "host")]
pub mod clock;
pub mod command;
pub mod docker;
pub mod env;
pub mod filesystem;
pub mod git;
#[cfg(feature = "host")]
pub mod host;
mod limits;
#[cfg(feature = "host")]
pub mod log;
mod machine;
pub mod network;
mod pattern;
mod requested;
mod rule;
pub mod secrets;
mod shown;
#[cfg(test)]
mod tests;

pub use admit::{GrantSet, Policy, PolicyError, Refusal, admit};
pub use limits::{LimitError, Limits, RequestedLimits, duration_ms};
pub use machine::{DockerHost, DockerHostError, Machine, TlsFiles};
pub use requested::{Capability, GrantError, Requested};
pub use rule::{Rule, RuleKind, Use};
