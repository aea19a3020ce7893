//! What the sandbox is on this machine, and what a component becomes on it: for `doctor` and `plugin inspect`.

use std::path::Path;

use crate::{
    cache,
    compiler::CompileError,
    engine::{Allocation, Counting, EngineError, POOL_SLOTS, Variant},
    inspect::LoadError,
    loader::Loader,
};

/// The smallest component that makes the compiler work: one core module with one function that returns.
const TINY: &[u8] =
    b"\0asm\x0d\0\x01\0\x01\x18\0asm\x01\0\0\0\x01\x04\x01\x60\0\0\x03\x02\x01\0\x0a\x04\x01\x02\0\x0b";

/// Its version; wasmtime has no constant for it. A test holds it against the lock file.
const WASMTIME: &str = "48.0.8";

/// What carries components out, and how it is set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SandboxFacts {
    /// What it is: `wasmtime`, with the architecture it compiles for.
    pub engine: String,
    /// How computations are interrupted and counted, one fact each.
    pub settings: Vec<&'static str>,
    /// Addresses that one guest with one memory reserves: most are never touched.
    pub reserved: u64,
}

impl Loader {
    /// What carries components out on this machine.
    #[must_use]
    pub fn facts(&self) -> SandboxFacts {
        let settings = vec![
            "loops are interrupted by the clock (epochs)",
            "instructions are counted (fuel) for steps with a `fuel` limit",
            "memory, tables and instances are limited over all parts of a component",
            "every call has an instance of its own that is thrown away",
            "plugins are compiled in a process of their own, within bounds of time and memory",
            "pagemap_scan is not used",
        ];
        let engine = format!("wasmtime {WASMTIME}, compiling with Cranelift for {}", std::env::consts::ARCH);
        // The default of wasmtime on 64 bits: 4 GiB for what a 32-bit index can reach, and 32 MiB of guard.
        SandboxFacts { engine, settings, reserved: (4 << 30) + (32 << 20) }
    }

    /// Compiles a tiny component, in both ways in which a step may need it.
    ///
    /// # Errors
    ///
    /// Components cannot be compiled, or their code not be made executable.
    pub fn try_compiler(&self) -> Result<(), EngineError> {
        for counting in [Counting::Nothing, Counting::Fuel] {
            let code = self.shared.compiler.compile(TINY, counting).map_err(|error| match error {
                CompileError::Invalid { reason }
                | CompileError::GaveUp { reason }
                | CompileError::NotStarted { reason } => EngineError { reason },
            })?;
            let engine = self.shared.engines.get(Variant { counting, ..Variant::PLAIN })?;
            cache::copied(&engine, &code).map_err(|error| EngineError { reason: format!("{error:#}") })?;
        }
        Ok(())
    }

    /// Makes the pool that plans of many steps take their instances from; gives its number of slots.
    ///
    /// # Errors
    ///
    /// This machine has no room for it. Such plans run all the same, slower.
    pub fn try_pool(&self) -> Result<u32, EngineError> {
        let pooled = Variant { allocation: Allocation::Pooled, ..Variant::PLAIN };
        self.shared.engines.get(pooled).map(|_| POOL_SLOTS)
    }

    /// Bytes of machine code that the component at `path` becomes.
    ///
    /// # Errors
    ///
    /// It cannot be used.
    pub async fn compiled_size(&self, path: &Path) -> Result<u64, LoadError> {
        let known = self.know_file(path).await?;
        let (component, _) = self.on_demand(&known, Counting::Nothing).await?;
        let range = component.image_range();
        Ok((range.end.addr() - range.start.addr()) as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::WASMTIME;
    use crate::testing::loader;

    #[test]
    fn the_tiny_component_compiles() {
        assert!(loader().try_compiler().is_ok());
    }

    #[test]
    fn the_version_is_that_of_the_lock_file() {
        let lock = include_str!("../../../Cargo.lock");
        let package = lock.split("[[package]]").find(|package| package.contains("name = \"wasmtime\"\n"));
        let version = package.and_then(|package| package.split("version = \"").nth(1)?.split('"').next());
        assert_eq!(version, Some(WASMTIME));
    }
}
