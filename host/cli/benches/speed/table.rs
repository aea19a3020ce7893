//! Criterion's medians as ratios, each beside what it aims at.

use std::{fs, path::PathBuf};

use serde_json::Value;

use crate::runs::Memory;

/// One line: what, how much, held against what, and the most it should be.
struct Line {
    what: &'static str,
    figure: String,
    aim: &'static str,
    met: Option<bool>,
}

pub(crate) fn print(memory: &[Memory]) {
    let Some(lines) = lines(memory) else {
        println!("\nnot everything was measured, so there is no table");
        return;
    };
    println!("\n{:<58} {:>22}  {:<18}", "what", "measured", "aim");
    for Line { what, figure, aim, met } in lines {
        let met = match met {
            Some(true) => "met",
            Some(false) => "missed",
            None => "",
        };
        println!("{what:<58} {figure:>22}  {aim:<18} {met}");
    }
}

/// Nothing if a figure is missing: a filter was given.
fn lines(memory: &[Memory]) -> Option<Vec<Line>> {
    let (demand, pool) = (ratio("call on demand")?, ratio("call pooled")?);
    let per_step = |steps: f64, name| Some(median("graph", name)? / steps / 1e3);
    let thousand = per_step(1_000.0, "exec 1000")?;
    let (exec, floor) = (median("process", "exec")?, median("process", "floor")?);
    let (run, check) = (median("graph", "exec 10000")?, median("graph", "check 10000")?);
    let most = memory.iter().find(|memory| memory.steps == 10_000)?.bytes;
    let make = median("graph", "make 1000")?;
    Some(vec![
        plain("wasmtime alone, instance made on demand", us(demand.0)),
        aimed(
            "  the same through all layers of runner",
            times(demand),
            "at most 2x",
            demand.1 <= 2.0 * demand.0,
        ),
        plain("wasmtime alone, instance from a pool", us(pool.0)),
        aimed("  the same through all layers of runner", times(pool), "at most 2x", pool.1 <= 2.0 * pool.0),
        plain("`/bin/true`, from start to end", ms(median("process", "true")?)),
        plain("a process that maps a component and calls it once", ms(floor)),
        plain("`runner --version`", ms(median("process", "version")?)),
        plain("`runner check` of one step, plugin cached", ms(median("process", "check")?)),
        aimed(
            "`runner exec` of one step, plugin cached",
            times((floor, exec)),
            "at most 2x the floor",
            exec <= 2.0 * floor,
        ),
        plain("100 steps, per step", format!("{:.1} µs", per_step(100.0, "exec 100")?)),
        aimed("1,000 steps, per step", format!("{thousand:.1} µs"), "at most 60 µs", thousand <= 60.0),
        plain("10,000 steps, per step", format!("{:.1} µs", per_step(10_000.0, "exec 10000")?)),
        aimed("10,000 steps, run", ms(run), "under 1 s", run < 1e9),
        aimed(
            "10,000 steps, memory",
            format!("{} MB", most / 1_000_000),
            "within 150 MB",
            most <= 150_000_000,
        ),
        aimed("10,000 steps, checked", ms(check), "under 500 ms", check < 5e8),
        plain("`make -j2` of 1,000 times `/bin/true`", ms(make)),
        plain("  `runner exec` of 1,000 steps against it", format!("{:.2}x", thousand * 1e6 / make)),
    ])
}

fn plain(what: &'static str, figure: String) -> Line {
    Line { what, figure, aim: "", met: None }
}

fn aimed(what: &'static str, figure: String, aim: &'static str, met: bool) -> Line {
    Line { what, figure, aim, met: Some(met) }
}

fn ratio(group: &str) -> Option<(f64, f64)> {
    Some((median(group, "wasmtime")?, median(group, "runner")?))
}

/// The second as itself and as a multiple of the first.
fn times((floor, ours): (f64, f64)) -> String {
    let figure = if ours < 1e6 { us(ours) } else { ms(ours) };
    format!("{figure}, {:.2}x", ours / floor)
}

fn us(nanoseconds: f64) -> String {
    format!("{:.1} µs", nanoseconds / 1e3)
}

fn ms(nanoseconds: f64) -> String {
    format!("{:.2} ms", nanoseconds / 1e6)
}

/// Where criterion keeps what it found: beside the build that is measured.
pub(crate) fn directory() -> PathBuf {
    // target/release/deps/speed-0123456789abcdef
    std::env::current_exe().unwrap().ancestors().nth(3).unwrap().join("criterion")
}

/// What criterion found, in nanoseconds.
fn median(group: &str, name: &str) -> Option<f64> {
    let path = directory().join(group).join(name).join("new/estimates.json");
    let estimates: Value = serde_json::from_str(&fs::read_to_string(path).ok()?).ok()?;
    estimates["median"]["point_estimate"].as_f64()
}
