//! Rows and mentions, put together.

use std::collections::BTreeMap;

use super::files::{Mention, Worth};
use super::table::{Document, Id, Kind, Row};

/// Where a row is shown.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) worth: Worth,
    pub(super) file: String,
    pub(super) line: usize,
}

/// How far a row is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// A test or an example shows it.
    Covered,
    /// Nothing shows it, and it needs a feature of the host.
    FeatureToCome,
    /// Nothing shows it.
    NotCovered,
}

/// A row with what shows it: tests first.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Judged {
    pub(super) row: Row,
    pub(super) places: Vec<Place>,
}

impl Judged {
    pub(super) fn state(&self) -> State {
        if !self.places.is_empty() {
            State::Covered
        } else if self.row.kinds.contains(&Kind::Feature) {
            State::FeatureToCome
        } else {
            State::NotCovered
        }
    }
}

/// A document with its rows.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) name: String,
    pub(super) number: u16,
    pub(super) rows: Vec<Judged>,
}

/// Something that is no id, at one place.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Wrong {
    pub(super) file: String,
    pub(super) line: usize,
    pub(super) text: String,
}

/// Everything that is known.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Coverage {
    pub(super) parts: Vec<Part>,
    pub(super) wrong: Vec<Wrong>,
}

/// Numbers of rows.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sums {
    pub(super) rows: usize,
    pub(super) covered: usize,
    pub(super) features_to_come: usize,
    pub(super) not_covered: usize,
    /// Of those that nothing shows: how many may wait.
    pub(super) later: usize,
}

impl Part {
    pub(super) fn sums(&self) -> Sums {
        let mut sums = Sums::default();
        for judged in &self.rows {
            sums.rows += 1;
            match judged.state() {
                State::Covered => sums.covered += 1,
                State::FeatureToCome => sums.features_to_come += 1,
                State::NotCovered => sums.not_covered += 1,
            }
            if judged.row.later && judged.places.is_empty() {
                sums.later += 1;
            }
        }
        sums
    }
}

impl Coverage {
    pub(super) fn sums(&self) -> Sums {
        self.parts.iter().map(Part::sums).fold(Sums::default(), |all, one| Sums {
            rows: all.rows + one.rows,
            covered: all.covered + one.covered,
            features_to_come: all.features_to_come + one.features_to_come,
            not_covered: all.not_covered + one.not_covered,
            later: all.later + one.later,
        })
    }
}

/// Gives each row its places, and names what belongs to none.
pub(super) fn judge(documents: Vec<Document>, mentions: Vec<Mention>) -> Coverage {
    let mut places: BTreeMap<Id, Vec<Place>> =
        documents.iter().flat_map(|document| &document.rows).map(|row| (row.id, Vec::new())).collect();
    let mut wrong = Vec::new();
    for Mention { file, line, worth, what } in mentions {
        let ids = match what {
            Ok(ids) => ids,
            Err(text) => {
                wrong.push(Wrong { file, line, text });
                continue;
            }
        };
        for id in ids {
            match places.get_mut(&id) {
                None => wrong.push(Wrong { file: file.clone(), line, text: id.to_string() }),
                Some(places) => match worth {
                    Worth::Test | Worth::Example => places.push(Place { worth, file: file.clone(), line }),
                    Worth::Nothing => {}
                },
            }
        }
    }
    let mut judged = |row: Row| {
        let mut places = places.remove(&row.id).unwrap_or_default();
        places.sort();
        places.dedup();
        Judged { row, places }
    };
    let parts = documents
        .into_iter()
        .map(|Document { name, number, rows }| Part {
            name,
            number,
            rows: rows.into_iter().map(&mut judged).collect(),
        })
        .collect();
    Coverage { parts, wrong }
}
