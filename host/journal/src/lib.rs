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
#[cfg(test)]
mod entry_tests;
mod file;
#[cfg(test)]
mod file_tests;
mod line;
mod logs;
mod node;
mod read;
pub mod settle;
mod sink;
mod state;
mod storage;
#[cfg(any(test, feature = "testing"))]
pub mod testing;

pub use entry::{AbortReason, Decision, Ending, Entry, LogReference, Record, SkipReason, Snapshot};
pub use file::{AppendError, CreateError, Journal, Opened, is_live};
pub use line::{Damage, VERSION};
pub use logs::Logs;
pub use node::{End, Node};
pub use read::{Ends, Listed, OpenError, Run, history, read};
pub use sink::{Progress, Sink};
pub use state::{Action, Change, IllegalEntry, Occasion, Stage, State};
pub use storage::Storage;
