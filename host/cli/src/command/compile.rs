//! `runner compile-component`: the compiler, in a process that may die.
//!
//! It bounds itself before it reads the first byte. See `compiler.rs` for the other side.

use std::io::{self, Read as _, Write as _};

use runner_model::ExitCode;
use runner_wasm::{CompileError, Compiler as _, Counting, InProcess};
use rustix::process::{Resource, Rlimit, setrlimit};

use crate::{args::CompileArgs, error::CommandError};

/// Compiles stdin to stdout.
pub(crate) fn compile(args: &CompileArgs) -> Result<ExitCode, CommandError> {
    let bounds = [(Resource::Core, 0), (Resource::Cpu, args.seconds), (Resource::As, args.memory)];
    for (resource, most) in bounds {
        // One that the system refuses to lower is lower already.
        let limit = Rlimit { current: Some(most), maximum: Some(most) };
        let _lower_already = setrlimit(resource, limit);
    }
    let mut component = Vec::new();
    io::stdin()
        .lock()
        .read_to_end(&mut component)
        .map_err(|error| CommandError::Bug(format!("the component cannot be read from stdin: {error}")))?;
    let counting = if args.fuel { Counting::Fuel } else { Counting::Nothing };
    match InProcess.compile(&component, counting) {
        Ok(code) => {
            let mut stdout = io::stdout().lock();
            stdout
                .write_all(&code)
                .and_then(|()| stdout.flush())
                .map_err(|error| CommandError::Bug(format!("the machine code cannot be written: {error}")))?;
            Ok(ExitCode::Succeeded)
        }
        Err(CompileError::Invalid { reason }) => {
            // For the process that started this one; it has the words around it.
            drop(io::stderr().lock().write_all(reason.as_bytes()));
            Ok(ExitCode::PluginUnusable)
        }
        Err(error @ (CompileError::GaveUp { .. } | CompileError::NotStarted { .. })) => {
            Err(CommandError::Bug(error.to_string()))
        }
    }
}
