//! lcov tracefiles, record by record, with the crate `lcov`.
//!
//! Versions 2 of lcov write records that the crate does not know; none of them says what is covered.

use std::collections::BTreeMap;

use ::lcov::Record;
use runner_plugin::Failure;
use runner_plugin::text::shortened;

use super::refuse;
use crate::data::{Count, Coverage, Line};

/// Records about functions, conditions, versions, and sums.
const SKIPPED: [&str; 14] =
    ["TN", "VER", "FN", "FNDA", "FNF", "FNH", "FNL", "FNA", "BRF", "BRH", "LF", "LH", "MCF", "MCH"];

pub(super) fn read(path: &str, text: &str, coverage: &mut Coverage) -> Result<(), Failure> {
    let mut open: Option<Source> = None;
    let mut last = 0;
    for (number, line) in (1..).zip(text.lines()) {
        last = number;
        let line = line.trim();
        let kind = line.split(':').next().unwrap_or_default();
        if line.is_empty() || line.starts_with('#') || SKIPPED.contains(&kind) || kind == "MCDC" {
            continue;
        }
        // Version 2 marks branches of exceptions with an `e`.
        let plain = if kind == "BRDA" { line.replacen(",e", ",", 1) } else { line.to_owned() };
        let record: Record = plain
            .parse()
            .map_err(|error| refuse(path, number, &format!("`{}`: {error}", shortened(line))))?;
        match (record, &mut open) {
            (Record::SourceFile { path: file }, None) => open = Some(Source::new(&file.to_string_lossy())),
            (Record::SourceFile { .. }, Some(source)) => {
                return Err(refuse(
                    path,
                    number,
                    &format!("`{}` has not ended, and another file begins", source.path),
                ));
            }
            (Record::EndOfRecord, Some(_)) => {
                if let Some(source) = open.take() {
                    source.end(coverage);
                }
            }
            (Record::LineData { line, count, .. }, Some(source)) => {
                *source.lines.entry(line).or_default() |= count > 0;
            }
            (Record::BranchData { line, block, branch, taken }, Some(source)) => {
                let taken = taken.is_some_and(|taken| taken > 0);
                *source.branches.entry((line, u64::from(block), u64::from(branch))).or_default() |= taken;
            }
            (_, Some(_)) => {}
            (_, None) => return Err(refuse(path, number, "no `SF:` says which file this is about")),
        }
    }
    match open {
        Some(source) => Err(refuse(
            path,
            last,
            &format!("`{}` has no `end_of_record`: the rest is missing", shortened(&source.path)),
        )),
        None => Ok(()),
    }
}

/// A file whose record has not ended.
struct Source {
    path: String,
    lines: BTreeMap<u32, bool>,
    /// By line, block and branch: whether it was taken.
    branches: BTreeMap<(u32, u64, u64), bool>,
}

impl Source {
    fn new(path: &str) -> Self {
        Self { path: path.to_owned(), lines: BTreeMap::new(), branches: BTreeMap::new() }
    }

    fn end(self, coverage: &mut Coverage) {
        let file = coverage.file(&self.path);
        let mut branches: BTreeMap<u32, Count> = BTreeMap::new();
        for ((line, _, _), taken) in self.branches {
            branches.entry(line).or_default().add(Count { covered: u32::from(taken), total: 1 });
        }
        for (number, hit) in self.lines {
            let branches = branches.remove(&number).unwrap_or_default();
            file.lines.push(Line { number, hit, branches });
        }
        // Branches of a line that nothing else is said of.
        let rest = branches.into_iter();
        file.lines.extend(rest.map(|(number, branches)| Line {
            number,
            hit: branches.covered > 0,
            branches,
        }));
    }
}
