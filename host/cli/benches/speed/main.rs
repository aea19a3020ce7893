//! What the runner costs, as ratios to what the machine charges for the same without it.
//!
//! `cargo bench` measures and prints one table; `docs/performance.md` says what its lines mean and keeps a result. Figures of
//! different machines do not compare, so everything is held against something that was measured in the same run:
//! wasmtime alone, a process alone, `make`.
//!
//! Criterion measures; this program reads its medians back. With `--floor FILE` it is the smallest process that can do
//! what a one-step run does: map a compiled component, call it once, end.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "it is a program that prints a table")]
#![expect(clippy::unwrap_used, reason = "a benchmark that cannot go on has nothing better to do than stop")]

mod calls;
mod project;
mod raw;
mod runs;
mod table;

use std::{path::PathBuf, time::Duration};

use criterion::Criterion;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [flag, compiled] = arguments.as_slice()
        && flag == "--floor"
    {
        raw::floor(&PathBuf::from(compiled));
        return;
    }
    let component = project::component();
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(3))
        .output_directory(&table::directory())
        .configure_from_args()
        .without_plots();
    calls::measure(&mut criterion, &component);
    let memory = runs::measure(&mut criterion, &component);
    criterion.final_summary();
    table::print(&memory);
}
