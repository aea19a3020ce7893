//! From a component to machine code.
//!
//! Compiling is the one thing that is done with a component outside of its sandbox: whoever wrote it chooses what the
//! compiler has to chew on. So [`Loader`](crate::Loader) is told who compiles, and the `runner` binary has it done by a
//! process of its own with bounds on time and memory. A compiler that gives up, or that is made to eat all memory, costs
//! that process.

use wasmtime::{Config, Engine};

use crate::{
    engine::{Counting, Variant, config},
    failure::in_one_line,
};

/// Compiles components.
pub trait Compiler: Send + Sync + 'static {
    /// The machine code for `component`, which counts as `counting` says. Blocks as long as it takes.
    ///
    /// # Errors
    ///
    /// [`CompileError`]; nothing was kept.
    fn compile(&self, component: &[u8], counting: Counting) -> Result<Vec<u8>, CompileError>;
}

/// A component without machine code.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CompileError {
    /// The component is broken, or uses what this runner does not offer.
    #[error("the component is not valid: {reason}")]
    Invalid {
        /// What the validator says.
        reason: String,
    },
    /// There is no compiler to be had on this machine; the component has no part in it.
    #[error("the compiler cannot be started: {reason}")]
    NotStarted {
        /// Why not.
        reason: String,
    },
    /// The compiler did not come to an end.
    #[error("the compiler gave up: {reason}")]
    GaveUp {
        /// What happened to it.
        reason: String,
    },
}

/// Compiles in this process, without bounds.
#[derive(Debug, Clone, Copy, Default)]
pub struct InProcess;

impl Compiler for InProcess {
    fn compile(&self, component: &[u8], counting: Counting) -> Result<Vec<u8>, CompileError> {
        let engine = Engine::new(&settings(counting))
            .map_err(|error| CompileError::NotStarted { reason: format!("{error:#}") })?;
        engine
            .precompile_component(component)
            .map_err(|error| CompileError::Invalid { reason: in_one_line(&error) })
    }
}

fn settings(counting: Counting) -> Config {
    config(Variant { counting, ..Variant::PLAIN })
}
