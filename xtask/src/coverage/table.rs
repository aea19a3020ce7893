//! The table of requirements: Markdown, one section for each document.

use std::fmt;

/// `003-52`: a document and a row of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Id {
    pub(super) document: u16,
    pub(super) row: u16,
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:03}-{:02}", self.document, self.row)
    }
}

/// What a row becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Gate,
    HealthCheck,
    Notifier,
    ProxySwitch,
    Feature,
    Example,
}

impl Kind {
    pub(super) const ALL: [Self; 6] =
        [Self::Gate, Self::HealthCheck, Self::Notifier, Self::ProxySwitch, Self::Feature, Self::Example];

    /// Its letter in the table.
    pub(super) const fn letter(self) -> &'static str {
        match self {
            Self::Gate => "G",
            Self::HealthCheck => "H",
            Self::Notifier => "N",
            Self::ProxySwitch => "P",
            Self::Feature => "F",
            Self::Example => "E",
        }
    }
}

/// One requirement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) id: Id,
    pub(super) behaviour: String,
    pub(super) kinds: Vec<Kind>,
    /// Whether it may wait.
    pub(super) later: bool,
}

/// The requirements of one document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Document {
    pub(super) name: String,
    pub(super) number: u16,
    pub(super) rows: Vec<Row>,
}

/// Reads the table.
///
/// # Errors
///
/// Every line that is not in order, with its number.
pub(super) fn parse(text: &str) -> Result<Vec<Document>, Vec<String>> {
    let mut documents: Vec<Document> = Vec::new();
    let mut problems = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        if let Some(heading) = line.strip_prefix("## ") {
            match document(heading) {
                Some(document) if documents.iter().any(|other| other.number == document.number) => {
                    problems.push(format!("line {number}: a second section for {:03}", document.number));
                }
                Some(document) => documents.push(document),
                None => problems.push(format!("line {number}: a section is called `## Name (003)`")),
            }
        } else if line.starts_with("| 0") {
            let document = documents.last_mut();
            match row(line).and_then(|row| add(document, row)) {
                Ok(()) => {}
                Err(problem) => problems.push(format!("line {number}: {problem}")),
            }
        }
    }
    if documents.iter().all(|document| document.rows.is_empty()) {
        problems.push("there is no row in it".to_owned());
    }
    if problems.is_empty() { Ok(documents) } else { Err(problems) }
}

fn document(heading: &str) -> Option<Document> {
    let (name, number) = heading.trim_end().strip_suffix(')')?.rsplit_once(" (")?;
    let number = Some(number).filter(|number| number.len() == 3)?.parse().ok()?;
    Some(Document { name: name.to_owned(), number, rows: Vec::new() })
}

fn add(document: Option<&mut Document>, row: Row) -> Result<(), String> {
    let Some(document) = document else { return Err("a row before the first section".to_owned()) };
    if row.id.document != document.number {
        return Err(format!("`{}` stands in the section of {:03}", row.id, document.number));
    }
    if document.rows.iter().any(|other| other.id == row.id) {
        return Err(format!("a second row `{}`", row.id));
    }
    document.rows.push(row);
    Ok(())
}

fn row(line: &str) -> Result<Row, String> {
    let cells: Vec<&str> = line.trim().trim_matches('|').split('|').map(str::trim).collect();
    let [id, behaviour, kinds, later] = cells.as_slice() else {
        return Err(format!("{} cells instead of 4", cells.len()));
    };
    let later = match *later {
        "" => false,
        "later" => true,
        other => return Err(format!("`{other}` is neither `later` nor nothing")),
    };
    let kinds: Result<Vec<Kind>, String> = kinds.split_whitespace().map(kind).collect();
    let row = Row { id: parse_id(id)?, behaviour: (*behaviour).to_owned(), kinds: kinds?, later };
    if row.behaviour.is_empty() || row.kinds.is_empty() {
        return Err(format!("`{}` has no behaviour or no kind", row.id));
    }
    Ok(row)
}

fn kind(letter: &str) -> Result<Kind, String> {
    let found = Kind::ALL.into_iter().find(|kind| kind.letter() == letter);
    found.ok_or_else(|| format!("`{letter}` is no kind"))
}

fn parse_id(text: &str) -> Result<Id, String> {
    let wrong = || format!("`{text}` is no id");
    let (document, row) = text.split_once('-').ok_or_else(wrong)?;
    let number = |digits: &str, length: usize| {
        let well_formed = digits.len() == length && digits.bytes().all(|byte| byte.is_ascii_digit());
        if well_formed { digits.parse().map_err(|_| wrong()) } else { Err(wrong()) }
    };
    Ok(Id { document: number(document, 3)?, row: number(row, 2)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_read_in_their_sections() {
        let text = "# Requirements\n\n| kind | means |\n|---|---|\n| G | gate |\n\n## L9 (003)\n\n| id | behaviour | kind | later |\n\
                    |---|---|---|---|\n| 003-01 | A graph | F |  |\n| 003-02 | Poll `/health` | H E | later |\n## QDPI-256 (000)\n";
        let row = |row, behaviour: &str, kinds, later| Row {
            id: Id { document: 3, row },
            behaviour: behaviour.to_owned(),
            kinds,
            later,
        };
        assert_eq!(
            parse(text),
            Ok(vec![
                Document {
                    name: "L9".to_owned(),
                    number: 3,
                    rows: vec![
                        row(1, "A graph", vec![Kind::Feature], false),
                        row(2, "Poll `/health`", vec![Kind::HealthCheck, Kind::Example], true),
                    ],
                },
                Document { name: "QDPI-256".to_owned(), number: 0, rows: Vec::new() },
            ])
        );
    }

    #[test]
    fn every_line_that_is_not_in_order_is_named() {
        let text = "| 003-01 | early | F |  |\n## L9\n## L9 (003)\n## L9 again (003)\n| 003-1 | short | F |  |\n| 003-02 | few | F |\n\
                    | 003-03 | what | X |  |\n| 003-04 |  | F |  |\n| 003-05 | when | F | soon |\n| 003-06 | one | F |  |\n\
                    | 003-06 | two | F |  |\n| 000-01 | elsewhere | F |  |\n";
        assert_eq!(
            parse(text),
            Err([
                "line 1: a row before the first section",
                "line 2: a section is called `## Name (003)`",
                "line 4: a second section for 003",
                "line 5: `003-1` is no id",
                "line 6: 3 cells instead of 4",
                "line 7: `X` is no kind",
                "line 8: `003-04` has no behaviour or no kind",
                "line 9: `soon` is neither `later` nor nothing",
                "line 11: a second row `003-06`",
                "line 12: `000-01` stands in the section of 003",
            ]
            .map(str::to_owned)
            .to_vec())
        );
        assert_eq!(parse("# Requirements\n"), Err(vec!["there is no row in it".to_owned()]));
    }
}
