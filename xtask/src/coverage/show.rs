//! The coverage for people and for programs.

use serde_json::{Value, json};

use super::files::Worth;
use super::judge::{Coverage, Judged, Part, State, Sums, Wrong};
use super::table::Kind;
use crate::screen;

/// The headings, in the order in which they are printed.
const STATES: [(State, &str); 3] = [
    (State::Covered, "covered"),
    (State::FeatureToCome, "host features still to come"),
    (State::NotCovered, "not covered"),
];

/// Documents with their rows, and the sum.
pub(super) fn text(coverage: &Coverage) -> String {
    let parts: String = coverage.parts.iter().map(part).collect();
    format!("{parts}{}\n", sum(coverage))
}

fn part(part: &Part) -> String {
    let sums = part.sums();
    let mut out =
        format!("{} ({:03}): {} of {} rows covered\n", part.name, part.number, sums.covered, sums.rows);
    for (state, heading) in STATES {
        let rows: String = part.rows.iter().filter(|judged| judged.state() == state).map(row).collect();
        if !rows.is_empty() {
            out.push_str(&format!("\n  {heading}\n{rows}"));
        }
    }
    out.push('\n');
    out
}

fn row(judged: &Judged) -> String {
    let row = &judged.row;
    let later = if row.later { " (later)" } else { "" };
    let mut out = format!("    {} {:<4} {}{later}\n", row.id, kinds(&row.kinds), row.behaviour);
    for place in &judged.places {
        out.push_str(&format!("                {}:{}\n", place.file, place.line));
    }
    out
}

fn kinds(kinds: &[Kind]) -> String {
    kinds.iter().map(|kind| kind.letter()).collect()
}

/// One line.
pub(super) fn sum(coverage: &Coverage) -> String {
    let Sums { rows, covered, features_to_come, not_covered, later } = coverage.sums();
    format!(
        "{}: {covered} covered, {} still to come, {not_covered} not covered ({later} of these may wait)",
        screen::count(rows, "row"),
        screen::count(features_to_come, "host feature")
    )
}

/// `tests/a.rs:3: there is no row 003-99`.
pub(super) fn wrong(Wrong { file, line, text }: &Wrong) -> String {
    format!("  {file}:{line}: `{text}` is not in the table")
}

/// The same as data.
pub(super) fn json(coverage: &Coverage) -> Value {
    let documents: Vec<Value> = coverage
        .parts
        .iter()
        .map(|part| {
            json!({
                "document": format!("{:03}", part.number),
                "name": part.name,
                "sums": sums(part.sums()),
                "rows": part.rows.iter().map(row_json).collect::<Vec<_>>(),
            })
        })
        .collect();
    let wrong = |wrong: &Wrong| json!({ "file": wrong.file, "line": wrong.line, "text": wrong.text });
    json!({
        "sums": sums(coverage.sums()),
        "documents": documents,
        "wrong": coverage.wrong.iter().map(wrong).collect::<Vec<_>>(),
    })
}

fn sums(sums: Sums) -> Value {
    json!({
        "rows": sums.rows,
        "covered": sums.covered,
        "features_to_come": sums.features_to_come,
        "not_covered": sums.not_covered,
        "later": sums.later,
    })
}

fn row_json(judged: &Judged) -> Value {
    let places: Vec<Value> = judged
        .places
        .iter()
        .map(|place| json!({ "file": place.file, "line": place.line, "is": worth(place.worth) }))
        .collect();
    json!({
        "id": judged.row.id.to_string(),
        "behaviour": judged.row.behaviour,
        "kinds": judged.row.kinds.iter().map(|kind| kind.letter()).collect::<Vec<_>>(),
        "later": judged.row.later,
        "state": state(judged.state()),
        "places": places,
    })
}

const fn worth(worth: Worth) -> &'static str {
    match worth {
        Worth::Test => "test",
        Worth::Example => "example",
        Worth::Nothing => "prose",
    }
}

const fn state(state: State) -> &'static str {
    match state {
        State::Covered => "covered",
        State::FeatureToCome => "feature-to-come",
        State::NotCovered => "not-covered",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::coverage::files::Mention;
    use crate::coverage::judge::judge;
    use crate::coverage::table::{Id, parse};

    fn coverage() -> Coverage {
        let table = "## L9 (003)\n| 003-01 | A graph | F |  |\n| 003-02 | One command | F |  |\n| 003-03 | Polls | H |  |\n\
                     | 003-04 | Docker | H E | later |\n## QDPI-256 (000)\n| 000-01 | Triggers | E F |  |\n";
        let mention = |file: &str, line, worth, what: Result<&[u16], &str>| Mention {
            file: file.to_owned(),
            line,
            worth,
            what: what
                .map(|rows| rows.iter().map(|row| Id { document: 3, row: *row }).collect())
                .map_err(str::to_owned),
        };
        let mentions = vec![
            mention("examples/a.yaml", 1, Worth::Example, Ok(&[1])),
            mention("tests/a.rs", 9, Worth::Test, Ok(&[1, 3])),
            mention("tests/a.rs", 9, Worth::Test, Ok(&[1])),
            mention("host/a.rs", 2, Worth::Nothing, Ok(&[2, 99])),
            mention("tests/b.rs", 4, Worth::Test, Err("003-5")),
        ];
        judge(parse(table).unwrap(), mentions)
    }

    #[test]
    fn people_see_what_is_covered_by_what_and_what_is_not() {
        assert_eq!(
            text(&coverage()),
            "\
L9 (003): 2 of 4 rows covered

  covered
    003-01 F    A graph
                tests/a.rs:9
                examples/a.yaml:1
    003-03 H    Polls
                tests/a.rs:9

  host features still to come
    003-02 F    One command

  not covered
    003-04 HE   Docker (later)

QDPI-256 (000): 0 of 1 rows covered

  host features still to come
    000-01 EF   Triggers

5 rows: 2 covered, 2 host features still to come, 1 not covered (1 of these may wait)
"
        );
    }

    #[test]
    fn ids_that_no_row_has_are_named_wherever_they_stand() {
        let lines: Vec<String> = coverage().wrong.iter().map(wrong).collect();
        assert_eq!(
            lines,
            ["  host/a.rs:2: `003-99` is not in the table", "  tests/b.rs:4: `003-5` is not in the table"]
        );
    }

    #[test]
    fn programs_get_the_same_as_data() {
        let json = json(&coverage());
        assert_eq!(
            json["sums"],
            json!({ "rows": 5, "covered": 2, "features_to_come": 2, "not_covered": 1, "later": 1 })
        );
        assert_eq!(
            json["documents"][0]["rows"][0],
            json!({
                "id": "003-01",
                "behaviour": "A graph",
                "kinds": ["F"],
                "later": false,
                "state": "covered",
                "places": [
                    { "file": "tests/a.rs", "line": 9, "is": "test" },
                    { "file": "examples/a.yaml", "line": 1, "is": "example" },
                ],
            })
        );
        assert_eq!(json["wrong"][1], json!({ "file": "tests/b.rs", "line": 4, "text": "003-5" }));
    }
}
