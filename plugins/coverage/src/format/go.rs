//! Cover profiles of Go: `file:line.column,line.column statements count`.
//!
//! No kept crate reads them; a line has six numbers.

use runner_plugin::Failure;
use runner_plugin::text::shortened;

use super::refuse;
use crate::data::{Block, Coverage};

/// Longest block that is believed, in lines. Each of its lines is looked at.
const LONGEST: u32 = 10_000;

pub(super) fn read(path: &str, text: &str, coverage: &mut Coverage) -> Result<(), Failure> {
    let mut has_mode = false;
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim();
        if line.is_empty() {
            continue;
        }
        // Profiles that were put together by hand have several.
        if let Some(mode) = line.strip_prefix("mode:") {
            if !["set", "count", "atomic"].contains(&mode.trim()) {
                return Err(refuse(path, number, &format!("`{}` is no mode of Go", shortened(mode.trim()))));
            }
            has_mode = true;
            continue;
        }
        if !has_mode {
            return Err(refuse(path, number, "the first line does not say the mode"));
        }
        let Some((file, block)) = block(line) else {
            let problem =
                format!("`{}` is not `file:line.column,line.column statements count`", shortened(line));
            return Err(refuse(path, number, &problem));
        };
        coverage.file(file).blocks.push(block);
    }
    if has_mode { Ok(()) } else { Err(refuse(path, 1, "the first line does not say the mode")) }
}

fn block(line: &str) -> Option<(&str, Block)> {
    let (file, rest) = line.rsplit_once(':')?;
    let mut words = rest.split(' ');
    let (range, statements, count) = (words.next()?, words.next()?, words.next()?);
    let (from, to) = range.split_once(',')?;
    let ((first, first_column), (last, last_column)) = (place(from)?, place(to)?);
    let statements = statements.parse().ok()?;
    let count: u64 = count.parse().ok()?;
    let sensible = words.next().is_none() && !file.is_empty() && first <= last && last - first < LONGEST;
    let range = (first, first_column, last, last_column);
    sensible.then_some((file, Block { range, statements, hit: count > 0 }))
}

fn place(text: &str) -> Option<(u32, u32)> {
    let (line, column) = text.split_once('.')?;
    Some((line.parse().ok().filter(|line| *line > 0)?, column.parse().ok()?))
}
