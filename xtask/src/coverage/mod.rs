//! Which requirements are shown by a test or an example, and which by nothing.
//!
//! ```text
//! docs/requirements.md ---table---> rows ----\
//! tests/ host/ plugins/ ...                   >--- coverage ---> text, JSON
//! every file ---scan---> mentions of ids ----/
//! ```
//!
//! A row is covered by a mention in a test or in an example. A mention anywhere else (a comment in the code, a README) covers
//! nothing, but its id has to exist all the same: an id that no row has is an error wherever it stands.
//!
//! Never here: whether a test really shows what it names. That is for whoever writes it, and whoever reads it.

mod files;
mod judge;
mod scan;
mod show;
mod table;

use std::fs;

use crate::failure::Failure;
use crate::screen;
use crate::workspace::Workspace;
use judge::Coverage;

/// The table of requirements.
const TABLE: &str = "docs/requirements.md";

/// What is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Output {
    Text,
    Json,
}

/// Prints the coverage, and fails if fewer than `min` rows are covered or an id is wrong.
pub(crate) fn print(workspace: &Workspace, output: Output, min: usize) -> Result<(), Failure> {
    let coverage = of(workspace)?;
    match output {
        Output::Text => screen::say(show::text(&coverage).trim_end()),
        Output::Json => screen::say(&format!("{:#}", show::json(&coverage))),
    }
    no_wrong_ids(&coverage)?;
    let covered = coverage.sums().covered;
    if covered >= min {
        return Ok(());
    }
    let rows = screen::count(covered, "row");
    Err(Failure::problem(format!("only {rows} covered, {min} are wanted"))
        .next("name the ids of rows in the tests that show them"))
}

/// Fails if an id is wrong anywhere.
pub(crate) fn check(workspace: &Workspace) -> Result<(), Failure> {
    let coverage = of(workspace)?;
    screen::say(&show::sum(&coverage));
    no_wrong_ids(&coverage)
}

fn of(workspace: &Workspace) -> Result<Coverage, Failure> {
    let text = fs::read_to_string(workspace.root.join(TABLE))
        .map_err(|error| Failure::problem(format!("read `{TABLE}`: {error}")))?;
    let table = table::parse(&text).map_err(|problems| {
        Failure::problem(format!("`{TABLE}` is not in order:\n{}", problems.join("\n")))
            .next("a row is `| 003-52 | what it is | G H N P F E | later or nothing |`")
    })?;
    let mentions = files::mentions(&workspace.root)?;
    Ok(judge::judge(table, mentions))
}

fn no_wrong_ids(coverage: &Coverage) -> Result<(), Failure> {
    if coverage.wrong.is_empty() {
        return Ok(());
    }
    let lines: Vec<String> = coverage.wrong.iter().map(show::wrong).collect();
    Err(Failure::problem(format!(
        "{} of requirements:\n{}",
        screen::count(coverage.wrong.len(), "wrong id"),
        lines.join("\n")
    ))
    .next(format!("`{TABLE}` has the ids that there are; write each one whole, a range as `003-14..17`")))
}
