//! Compiling in a process of its own.
//!
//! A component may be written to make the compiler loop, eat all memory or hit a fault in it. Each of these ends the
//! process that compiles it, and the runner says which: nothing has been started by then.

use std::{
    io::Write as _,
    os::unix::process::ExitStatusExt as _,
    process::{Command, ExitStatus, Stdio},
    thread,
};

use runner_model::ExitCode;
use runner_wasm::{CompileError, Compiler, Counting};

/// This program, also while a newer one is being put in its place.
const THIS: &str = "/proc/self/exe";
/// Processor time for any component, and for each MiB of it; a Python interpreter of 18 MiB takes 9 s on a slow machine.
const SECONDS: u64 = 60;
const SECONDS_PER_MIB: u64 = 5;
/// Address space for any component, and for each byte of it.
const MEMORY: u64 = 4 << 30;
const MEMORY_PER_BYTE: u64 = 256;
/// Threads for one component. Others are compiled beside it.
const THREADS: usize = 4;

/// Starts a process for each component.
pub(crate) struct Apart;

/// What one may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Bounds {
    seconds: u64,
    memory: u64,
}

impl Bounds {
    fn of(component: &[u8]) -> Self {
        let size = component.len() as u64;
        Self { seconds: SECONDS + SECONDS_PER_MIB * (size >> 20), memory: MEMORY + MEMORY_PER_BYTE * size }
    }
}

impl Compiler for Apart {
    fn compile(&self, component: &[u8], counting: Counting) -> Result<Vec<u8>, CompileError> {
        let failed = |error: std::io::Error| CompileError::NotStarted { reason: format!("{THIS}: {error}") };
        let bounds = Bounds::of(component);
        let threads = thread::available_parallelism().map_or(1, |cores| cores.get().min(THREADS));
        let mut compiling = Command::new(THIS)
            .args(["compile-component", "--seconds", &bounds.seconds.to_string()])
            .args(["--memory", &bounds.memory.to_string()])
            .args((counting == Counting::Fuel).then_some("--fuel"))
            .env_clear()
            .env("RAYON_NUM_THREADS", threads.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(failed)?;
        if let Some(mut stdin) = compiling.stdin.take() {
            // It writes nothing before it has read all. If it is gone by now, its end says why.
            drop(stdin.write_all(component));
        }
        let output = compiling.wait_with_output().map_err(failed)?;
        if output.status.success() {
            return Ok(output.stdout);
        }
        Err(ended(output.status, &String::from_utf8_lossy(&output.stderr), bounds))
    }
}

/// What the end of a compiler means.
fn ended(status: ExitStatus, said: &str, bounds: Bounds) -> CompileError {
    let Bounds { seconds, memory } = bounds;
    let said = said.lines().next().unwrap_or_default();
    if status.code() == Some(i32::from(ExitCode::PluginUnusable.code())) {
        return CompileError::Invalid { reason: said.to_owned() };
    }
    let xcpu = rustix::process::Signal::XCPU.as_raw();
    let reason = match status.signal() {
        Some(signal) if signal == xcpu => format!("it took more than {seconds} s of processor time"),
        Some(_) if said.contains("memory allocation of") => {
            format!("it took more than {} of memory", runner_report::text::bytes(memory))
        }
        Some(signal) => format!("it was ended by signal {signal}; {}", or(said, "it said nothing")),
        None => or(said, "it said nothing").to_owned(),
    };
    CompileError::GaveUp { reason }
}

fn or<'a>(said: &'a str, nothing: &'a str) -> &'a str {
    if said.is_empty() { nothing } else { said }
}

#[cfg(test)]
mod tests {
    use std::{os::unix::process::ExitStatusExt as _, process::ExitStatus};

    use runner_wasm::CompileError;

    use super::{Bounds, ended};

    #[test]
    fn larger_components_get_more() {
        let bounds = Bounds { seconds: 65, memory: (4 << 30) + (256 << 20) };
        assert_eq!(Bounds::of(&vec![0; 1 << 20]), bounds);
        assert_eq!(Bounds::of(&[]), Bounds { seconds: 60, memory: 4 << 30 });
    }

    #[test]
    fn each_way_to_end_has_its_own_words() {
        let gave_up = |reason: &str| CompileError::GaveUp { reason: reason.to_owned() };
        let invalid = CompileError::Invalid { reason: "unexpected end".to_owned() };
        let (exit, signal) = (|code: i32| ExitStatus::from_raw(code << 8), ExitStatus::from_raw);
        let table = [
            (exit(8), "unexpected end", invalid),
            (exit(1), "error: odd\nmore", gave_up("error: odd")),
            (exit(1), "", gave_up("it said nothing")),
            (signal(24), "", gave_up("it took more than 60 s of processor time")),
            (signal(6), "memory allocation of 64 bytes failed", gave_up("it took more than 4GiB of memory")),
            (signal(6), "thread panicked", gave_up("it was ended by signal 6; thread panicked")),
            (signal(9), "", gave_up("it was ended by signal 9; it said nothing")),
        ];
        for (status, said, expected) in table {
            assert_eq!(ended(status, said, Bounds::of(&[])), expected);
        }
    }
}
