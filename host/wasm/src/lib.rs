//! Components: load, link, limit and call one of the kinds.
//!
//! ```text
//! file -> Loader: bytes -> compiled (cache) -> surface (imports, kind) -> describe -> Inspection
//! Plan -> Host:   per step a linker with only its grants -> StepRunner::call: fresh store -> kind -> answer
//! ```
//!
//! A component is trusted with nothing: its kind and its needs are read from its type, what it says about itself is called in
//! a sandbox without any capability, every call gets a store of its own with limits on memory, time, output and host
//! calls, and what it answers is checked against what it declared, cleaned, and searched for secrets. Whatever a plugin
//! does ends as an answer or as a [`Failure`](runner_model::Failure), never as a panic and never as a pass by mistake.
//!
//! Never here: when a step runs, what its answer means for the run, where a secret comes from.

mod answer;
mod bindings;
mod cache;
#[cfg(test)]
mod cache_tests;
mod compiler;
mod engine;
mod facts;
mod failure;
mod guest;
mod host;
#[cfg(test)]
mod host_tests;
mod inspect;
mod kind;
mod limiter;
mod loader;
#[cfg(test)]
mod loader_tests;
mod manifest;
#[cfg(test)]
mod pool_tests;
mod rehearsal;
mod schema;
#[cfg(test)]
mod slot_tests;
mod source;
mod surface;
#[cfg(test)]
mod testing;

pub use compiler::{CompileError, Compiler, InProcess};
pub use engine::{Counting, EngineError};
pub use facts::SandboxFacts;
pub use host::{Host, HostOptions};
pub use inspect::{Inspection, LoadError};
pub use loader::{Compiling, Loader, LoaderOptions};
pub use manifest::Manifest;
