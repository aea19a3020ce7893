//! The lines that a change has added, from a unified diff.

use std::collections::BTreeMap;

use diffy::Line;
use diffy::patch_set::{FileOperation, ParseOptions, PatchSet};
use runner_plugin::Failure;

/// The lines that were added, by the new path of their file.
pub(crate) type Change = BTreeMap<String, Vec<u32>>;

/// Reads a diff. One without a line in it is a change of nothing.
pub(crate) fn read(path: &str, text: &str) -> Result<Change, Failure> {
    if text.trim().is_empty() {
        return Ok(Change::new());
    }
    let of_git = text.starts_with("diff --git ") || text.contains("\ndiff --git ");
    let options = if of_git { ParseOptions::gitdiff() } else { ParseOptions::unidiff() };
    let mut change = Change::new();
    for file in PatchSet::parse(text, options) {
        let file =
            file.map_err(|error| Failure::invalid_input(format!("`{path}` is no unified diff: {error}")))?;
        let Some(name) = new_path(file.operation()) else { continue };
        let lines = change.entry(name).or_default();
        // A binary file has no lines.
        let hunks = file.patch().as_text().map(|patch| patch.hunks()).unwrap_or_default();
        for hunk in hunks {
            let mut number = hunk.new_range().start();
            for line in hunk.lines() {
                match line {
                    Line::Insert(_) => {
                        lines.extend(u32::try_from(number));
                        number += 1;
                    }
                    Line::Context(_) => number += 1,
                    Line::Delete(_) => {}
                }
            }
        }
    }
    Ok(change)
}

/// The path a file has after the change, without the `b/` of git.
fn new_path(operation: &FileOperation<'_, str>) -> Option<String> {
    let (old, new) = match operation {
        FileOperation::Delete(_) => return None,
        FileOperation::Create(new) => (None, new),
        FileOperation::Modify { original, modified } => (Some(original), modified),
        FileOperation::Rename { from, to } | FileOperation::Copy { from, to } => (Some(from), to),
    };
    let prefixed = old.is_none_or(|old| old.starts_with("a/"));
    let new = new.strip_prefix("b/").filter(|_| prefixed).unwrap_or(new);
    Some(new.to_owned())
}
