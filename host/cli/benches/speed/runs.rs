//! Whole processes: the built runner from start to verdict, and what it is held against.

use std::{
    path::Path,
    process::{Command, Stdio},
};

use criterion::{BatchSize, Criterion, SamplingMode};
use wait4::Wait4 as _;

use crate::{
    project::{Project, makefile},
    raw,
};

/// The graphs that are run.
pub(crate) const STEPS: [usize; 3] = [100, 1_000, 10_000];

/// The most memory that a run had, in bytes.
pub(crate) struct Memory {
    pub(crate) steps: usize,
    pub(crate) bytes: u64,
}

pub(crate) fn measure(criterion: &mut Criterion, component: &[u8]) -> Vec<Memory> {
    processes(criterion, component);
    let mut group = criterion.benchmark_group("graph");
    group.sample_size(10).sampling_mode(SamplingMode::Flat);
    let mut memory = Vec::new();
    for steps in STEPS {
        let project = Project::new(component, steps);
        memory.push(Memory { steps, bytes: exec(&project) });
        group.bench_function(format!("exec {steps}"), |bencher| {
            bencher.iter_batched(|| project.forget_runs(), |()| exec(&project), BatchSize::PerIteration);
        });
        group.bench_function(format!("check {steps}"), |bencher| {
            bencher.iter(|| run(runner(&project).args(["check", "pipeline.yaml"])));
        });
    }
    let made = Project::new(component, 1);
    std::fs::write(made.path("Makefile"), makefile(1_000)).unwrap();
    group.bench_function("make 1000", |bencher| {
        bencher.iter(|| run(Command::new("make").arg("-j2").current_dir(made.path("."))));
    });
    group.finish();
    memory
}

/// One step: from the start of the process to its verdict, everything cached.
fn processes(criterion: &mut Criterion, component: &[u8]) {
    let mut group = criterion.benchmark_group("process");
    group.sample_size(50);
    let project = Project::new(component, 1);
    group.bench_function("true", |bencher| bencher.iter(|| run(&mut Command::new("/bin/true"))));
    let compiled = project.path("gate.cwasm");
    raw::precompile(component, &compiled);
    let this = std::env::current_exe().unwrap();
    group.bench_function("floor", |bencher| {
        bencher.iter(|| run(Command::new(&this).arg("--floor").arg(&compiled)));
    });
    group.bench_function("version", |bencher| {
        bencher.iter(|| run(runner(&project).arg("--version")));
    });
    run(runner(&project).args(["check", "pipeline.yaml"]));
    group.bench_function("check", |bencher| {
        bencher.iter(|| run(runner(&project).args(["check", "pipeline.yaml"])));
    });
    exec(&project);
    group.bench_function("exec", |bencher| {
        bencher.iter_batched(|| project.forget_runs(), |()| exec(&project), BatchSize::PerIteration);
    });
    group.finish();
}

fn runner(project: &Project) -> Command {
    let mut command = Command::new(Path::new(env!("CARGO_BIN_EXE_runner")));
    command.current_dir(project.path(".")).env("XDG_CACHE_HOME", project.path("cache"));
    command
}

fn exec(project: &Project) -> u64 {
    run(runner(project).args(["exec", "pipeline.yaml"]))
}

/// Runs to the end; gives the most memory it had.
fn run(command: &mut Command) -> u64 {
    let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let child = quiet.spawn().unwrap();
    let used = child.wait4().unwrap();
    assert!(used.status.success(), "{command:?} ended with {}", used.status);
    used.rusage.maxrss
}
