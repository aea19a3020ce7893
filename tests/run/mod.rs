//! What runs do.

pub(crate) mod approval;
mod changes;
mod crash;
mod expressions;
mod gates;
mod journal;
mod ledger;
mod notify;
mod poll;
mod redaction;
mod rehearsal;
mod targets;
