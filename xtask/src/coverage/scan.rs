//! Ids in a text.
//!
//! An id is `00`, a digit, `-` and two digits, not inside a longer word or number. `003-14..17` is a range, both ends
//! included; `003-14..003-17` is the same. What begins like an id and goes on in another way is said to be wrong: the typing
//! error in an id is what nobody finds otherwise.

use super::table::Id;

/// What stands on one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    /// 1-based.
    pub(super) line: usize,
    /// The ids, or what only looks like one.
    pub(super) what: Result<Vec<Id>, String>,
}

/// The ids of a text of any kind.
pub(super) fn text(text: &str) -> Vec<Found> {
    (1..).zip(text.lines()).flat_map(|(line, text)| on_line(line, text)).collect()
}

/// The ids of Rust source: those in comments and in the names of functions.
pub(super) fn rust(text: &str) -> Vec<Found> {
    (1..)
        .zip(text.lines())
        .flat_map(|(number, line)| {
            let comment = line.split_once("//").map_or("", |(_, comment)| comment);
            let mut found = on_line(number, comment);
            found.extend(in_name(line).into_iter().map(|id| Found { line: number, what: Ok(vec![id]) }));
            found
        })
        .collect()
}

/// `fn polls_30_times_003_52()`.
fn in_name(line: &str) -> Vec<Id> {
    let name = line.split_once("fn ").and_then(|(_, rest)| rest.split('(').next()).unwrap_or_default();
    let words: Vec<&str> = name.split('_').collect();
    words.windows(2).filter_map(|pair| id(&pair.join("-"))).collect()
}

fn on_line(line: usize, text: &str) -> Vec<Found> {
    let mut found = Vec::new();
    let mut rest = text;
    let mut before = None;
    while let Some(sign) = rest.chars().next() {
        let word = word(rest);
        if begins_an_id(word) && !before.is_some_and(joins) {
            found.push(Found { line, what: read(word) });
            before = word.chars().next_back();
            rest = &rest[word.len()..];
        } else {
            before = Some(sign);
            rest = &rest[sign.len_utf8()..];
        }
    }
    found
}

/// Whether an id cannot begin after this sign: it would be the end of something longer.
fn joins(sign: char) -> bool {
    sign.is_alphanumeric() || matches!(sign, '-' | '_' | '.')
}

/// All that is written together at the start of `text`: letters, digits, `-`, `_`, and dots, commas and slashes between them.
fn word(text: &str) -> &str {
    let part = |sign: char| sign.is_ascii_alphanumeric() || matches!(sign, '-' | '_' | '.' | ',' | '/');
    let length = text.find(|sign| !part(sign)).unwrap_or(text.len());
    // What ends a sentence is not part of it.
    text[..length].trim_end_matches(['.', ',', '/', '-'])
}

fn begins_an_id(word: &str) -> bool {
    matches!(word.as_bytes(), [b'0', b'0', b'0'..=b'9', b'-', b'0'..=b'9', ..])
}

/// A word that is an id or a range of them.
fn read(word: &str) -> Result<Vec<Id>, String> {
    let wrong = || word.to_owned();
    let (first, last) = match word.split_once("..") {
        Some((first, last)) => (first, Some(last)),
        None => (word, None),
    };
    let first = id(first).ok_or_else(wrong)?;
    let last = match last {
        None => first,
        Some(last) => match last.as_bytes() {
            [b'0'..=b'9', b'0'..=b'9'] => Id { row: last.parse().map_err(|_| wrong())?, ..first },
            _ => id(last).filter(|last| last.document == first.document).ok_or_else(wrong)?,
        },
    };
    if last.row < first.row {
        return Err(wrong());
    }
    Ok((first.row..=last.row).map(|row| Id { row, ..first }).collect())
}

fn id(text: &str) -> Option<Id> {
    match text.as_bytes() {
        [b'0', b'0', b'0'..=b'9', b'-', b'0'..=b'9', b'0'..=b'9'] => {
            Some(Id { document: text[..3].parse().ok()?, row: text[4..].parse().ok()? })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn on(line: &str) -> Vec<Result<String, String>> {
        let names = |ids: Vec<Id>| ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
        text(line).into_iter().map(|found| found.what.map(names)).collect()
    }

    fn ids(words: &[&str]) -> Vec<Result<String, String>> {
        words.iter().map(|word| Ok((*word).to_owned())).collect()
    }

    #[test]
    fn ids_lists_and_ranges_are_read() {
        assert_eq!(on("Requirement 003-52: polls."), ids(&["003-52"]));
        assert_eq!(on("(003-01, 003-02, `000-21`)."), ids(&["003-01", "003-02", "000-21"]));
        assert_eq!(on("003-14..17"), ids(&["003-14 003-15 003-16 003-17"]));
        assert_eq!(on("003-14..003-15,"), ids(&["003-14 003-15"]));
        assert_eq!(on("003-01.., and so on"), ids(&["003-01"]));
        assert_eq!(on("x: 003-64 # 003-65"), ids(&["003-64", "003-65"]));
    }

    #[test]
    fn what_only_looks_like_an_id_is_wrong() {
        for word in [
            "003-5",
            "003-520",
            "003-5x",
            "003-14-17",
            "003-14,15",
            "003-14/003-15",
            "003-17..14",
            "003-14..000-15",
            "003-14..1",
        ] {
            assert_eq!(on(&format!("a {word} b")), [Err(word.to_owned())], "{word}");
        }
    }

    #[test]
    fn numbers_of_other_sorts_are_not_ids() {
        for text in [
            "2003-05",
            "1003-52",
            "v003-52",
            "a-003-52",
            "0.003-52",
            "2026-03-01",
            "123-45",
            "003",
            "003-x",
            "ä003-52",
        ] {
            assert_eq!(on(text), [], "{text}");
        }
    }

    #[test]
    fn rust_counts_in_comments_and_names_alone() {
        let source = "//! 003-01\n/// 003-02\n#[test]\nfn polls_003_03_times_003_06() { let x = \"003-04\"; } // 003-05\n";
        let at = |line, row| Found { line, what: Ok(vec![Id { document: 3, row }]) };
        assert_eq!(rust(source), [at(1, 1), at(2, 2), at(4, 5), at(4, 3), at(4, 6)]);
        assert_eq!(rust("fn in_2003_05() {}\nfn a() { b(1_003_05) }\n"), []);
    }
}
