//! The record of a run.
//!
//! The journal *is* the run: [`State`] is nothing but its entries folded together, and what has to be done next follows
//! from the state alone. Live running and recovery after a crash use the same two pure functions, [`State::apply`] and
//! [`State::next`].
//!
//! ```text
//! Entry --append--> file (numbered, checksummed, chained) --open--> Record --apply--> State --next--> Action
//! ```
//!
//! An entry is durable before the effect it announces begins. Never here: doing things, clocks, Wasm, terminals.

mod entry;
mod sink;

pub use entry::{AbortReason, Decision, Ending, Entry, LogReference, Record, SkipReason, Snapshot};
pub use sink::{Progress, Sink};
