//! The host side of every capability.
//!
//! [`Context`] lives in the store of one plugin call and answers its host calls. [`link`] puts a capability into a linker:
//! the real one if the step is granted it, else one that answers `denied` and cannot do anything else. So there are two
//! walls: what is not granted is not linked, and what is linked asks the grant again at each call.
//!
//! ```text
//! guest -> linked function -> Context: count, ask the grant, do it -> Ok | Problem
//!                                       Problem -> HostError (code, for the guest) + Refusal (rule, for the operator)
//! ```
//!
//! The [`Ledger`] counts and keeps what a call did. Never here: which component is called, and what its answer means.

pub mod bindings;
mod context;
pub(crate) mod denied;
mod ledger;
mod link;
mod problem;
#[cfg(test)]
pub(crate) mod testing;
mod wasi;
mod wasi_opens;

pub use context::{Context, Owner, Surroundings};
pub(crate) use denied::{Denied, not_linked};
pub(crate) use ledger::{Booking, Meter};
pub use ledger::{CallsSpent, Ledger, Record};
pub use link::{HasContext, link, link_wasi};
pub use problem::Problem;
pub(crate) use problem::reason;
