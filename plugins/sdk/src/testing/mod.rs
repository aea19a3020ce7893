//! A host for unit tests, and the calls as the real host makes them.
//!
//! [`FakeHost`] is told what the world looks like and remembers what was done to it. Like the real host it
//! denies what nobody prepared: an unknown request is [`HostError::Denied`](crate::HostError::Denied), never
//! a default answer. [`evaluate`], [`probe`] and the others take the step's `with` as JSON, as a pipeline
//! gives it.

mod calls;
mod command;
mod docker;
mod fake;
mod git;
mod http;
mod tcp;

pub(crate) mod backend;

pub use calls::{
    apply, capture, capture_action, evaluate, notify, observe, probe, request, restore, restore_action,
    switch,
};
pub use command::{Exit, RanCommand};
pub use docker::{Engine, FakeContainer, FakeImage};
pub use fake::{FakeHost, LogLine};
pub use git::FakeRepository;
pub use http::{Answer, SentRequest};
pub use tcp::Conversation;
