//! The compiler is a process of its own, with bounds that it sets itself.

use std::{fs, io::Write as _, process::Stdio};

use crate::harness::{Finished, Project};

/// Compiles `component` within so many bytes of address space.
fn compile(component: &[u8], memory: u64) -> Finished {
    let project = Project::new();
    let arguments = ["compile-component", "--seconds", "60", "--memory", &memory.to_string()];
    let mut compiling = project.command(&arguments).stdin(Stdio::piped()).spawn().expect("the runner starts");
    let mut stdin = compiling.stdin.take().expect("a pipe");
    // It may be gone by now; its end says why.
    drop(stdin.write_all(component));
    drop(stdin);
    project.finish(compiling.wait_with_output().expect("its end"))
}

fn component() -> Vec<u8> {
    let project = Project::with("guest:gate_answer");
    fs::read(project.path("gate_answer.wasm")).expect("the guest")
}

#[test]
fn machine_code_comes_out_at_stdout() {
    let compiled = compile(&component(), 4 << 30);
    assert_eq!((compiled.code, compiled.stderr.as_str()), (0, ""));
    // An object file, as wasmtime keeps machine code.
    assert_eq!(&compiled.stdout[1..4], "ELF");
}

#[test]
fn what_is_no_component_is_said_in_one_line() {
    let compiled = compile(b"version: 1\n", 4 << 30);
    let reason = "failed to parse WebAssembly module: magic header not detected: bad magic number - expected=[ 0x0, 0x61, 0x73, \
                  0x6d, ] actual=[ 0x76, 0x65, 0x72, 0x73, ] (at offset 0x0)";
    let squeezed = compiled.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!((compiled.code, compiled.stdout.as_str(), squeezed.as_str()), (8, "", reason));
}

#[test]
fn a_compiler_that_wants_too_much_memory_ends_alone() {
    let compiled = compile(&component(), 80 << 20);
    assert_eq!((compiled.code, compiled.stdout.as_str()), (128 + 6, ""));
    let first = compiled.stderr.lines().next().expect("its last words");
    assert!(first.starts_with("memory allocation of "), "{first}");
}
