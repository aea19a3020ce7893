//! From plan to verdict.
//!
//! ```text
//!              Event                     entries            records
//! executor ────────────> dispatcher ───────────────> journal ───────> sinks
//!    ^                        │  decides with State                     (only look on)
//!    └────────────────────────┘
//!              Task, once its entry is on disk
//! ```
//!
//! One task owns the state of the run, the journal and the sinks ([`run`]). What goes on outside (plugin calls, waits,
//! people) reaches it as events; it decides (pure, `dispatcher.rs`), writes all entries of the moment at once, shows them,
//! and only then lets the next effects begin. So what a user saw is always what is on disk, and a crash at any place
//! leaves a journal from which the same code goes on.
//!
//! Never here: Wasm, YAML, terminals, the wall clock. They stand behind the traits in [`ports`].

mod dispatcher;
mod drive;
mod executor;
mod message;
mod notice;
mod poll;
pub mod ports;
mod rehearsal;
#[cfg(test)]
mod rehearsal_tests;
#[cfg(test)]
mod run_tests;
#[cfg(any(test, feature = "testing"))]
pub mod testing;

pub use drive::{RunError, Setup, Signal, run, run_with};
pub use rehearsal::{Intention, NobodyAsked, Rehearsal};
