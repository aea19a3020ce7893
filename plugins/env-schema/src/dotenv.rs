//! Env files: `KEY=value` lines as the common readers take them.
//!
//! Comments, blank lines, `export`, single quotes (as written), double quotes (escapes, more than one line)
//! and unquoted values (a space and `#` start a comment). What such readers would guess at is a problem with
//! a line number here. The content of a line that cannot be read is never repeated: it may be a piece of a
//! key.

use std::collections::BTreeMap;
use std::fmt;

/// An env file.
#[derive(Debug, Default)]
pub(crate) struct EnvFile {
    entries: Vec<Entry>,
    by_key: BTreeMap<String, usize>,
    /// Keys that are set again, with the line of the first and of this one.
    pub(crate) duplicates: Vec<(String, u32, u32)>,
    pub(crate) problems: Vec<Problem>,
}

/// One key with its value.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) value: Value,
    pub(crate) line: u32,
}

/// A value. It cannot be displayed: whoever wants to see it has to ask for its text.
#[derive(PartialEq, Eq)]
pub(crate) struct Value {
    text: String,
    /// Whether `${NAME}` in it means another variable.
    expands: bool,
}

/// A line that cannot be read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    pub(crate) line: u32,
    pub(crate) what: &'static str,
    pub(crate) help: &'static str,
}

impl Value {
    pub(crate) fn text(&self) -> &str {
        &self.text
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Value(…)")
    }
}

impl EnvFile {
    pub(crate) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().map(|entry| entry.key.as_str())
    }

    pub(crate) fn get(&self, key: &str) -> Option<&Entry> {
        self.by_key.get(key).map(|&index| &self.entries[index])
    }

    fn add(&mut self, entry: Entry) {
        match self.get(&entry.key) {
            Some(first) => self.duplicates.push((entry.key, first.line, entry.line)),
            None => {
                self.by_key.insert(entry.key.clone(), self.entries.len());
                self.entries.push(entry);
            }
        }
    }
}

impl Entry {
    /// The names in `${NAME}`, but for those with a default (`${NAME:-default}`).
    pub(crate) fn references(&self) -> Vec<&str> {
        if !self.value.expands {
            return Vec::new();
        }
        // `$$` is an escaped dollar sign.
        let parts = self.value.text.split("$$").flat_map(|part| part.split("${").skip(1));
        parts
            .filter_map(|after| after.split_once('}'))
            .filter(|(inner, _)| !inner.contains(":-"))
            .map(|(inner, _)| inner.split([':', '?']).next().unwrap_or_default())
            .filter(|name| is_key(name))
            .collect()
    }
}

/// Reads an env file. Never fails: what cannot be read is among the problems.
pub(crate) fn parse(text: &str) -> EnvFile {
    let mut file = EnvFile::default();
    let mut lines = (1..).zip(text.lines());
    while let Some((line, text)) = lines.next() {
        let text = text.trim();
        if text.is_empty() || text.starts_with('#') {
            continue;
        }
        if text.starts_with("-----BEGIN ") || text.contains("=-----BEGIN ") {
            // What follows is a key. Its lines must not be taken for names.
            lines.by_ref().find(|(_, text)| text.contains("-----END "));
            file.problems.push(Problem {
                line,
                what: "a value of more than one line is not in quotes",
                help: "put it in double quotes",
            });
            continue;
        }
        match entry(line, text, &mut lines) {
            Ok(entry) => file.add(entry),
            Err((what, help)) => file.problems.push(Problem { line, what, help }),
        }
    }
    file
}

/// What is wrong with a line, and what to do.
type Unreadable = (&'static str, &'static str);

fn entry<'t>(
    line: u32,
    text: &'t str,
    rest: &mut impl Iterator<Item = (u32, &'t str)>,
) -> Result<Entry, Unreadable> {
    const HELP: &str = "write `KEY=value`";
    let text = text.strip_prefix("export ").map_or(text, str::trim_start);
    let (key, value) = text.split_once('=').ok_or(("this line has no `=`", HELP))?;
    let (key, value) = (key.trim_end(), value.trim_start());
    if !is_key(key) || value.starts_with('=') {
        // `==` ends many a line of base64.
        return Err(("what stands before `=` is not a name", HELP));
    }
    let (text, expands) = if let Some(quoted) = value.strip_prefix('\'') {
        (until_quote(quoted, rest, '\'')?, false)
    } else if let Some(quoted) = value.strip_prefix('"') {
        (unescaped(&until_quote(quoted, rest, '"')?), true)
    } else {
        (unquoted(value).to_owned(), true)
    };
    Ok(Entry { key: key.to_owned(), value: Value { text, expands }, line })
}

pub(crate) fn is_key(key: &str) -> bool {
    key.starts_with(|sign: char| sign.is_ascii_alphabetic() || sign == '_')
        && key.chars().all(|sign| sign.is_ascii_alphanumeric() || sign == '_')
}

/// The text up to the closing quote, which may be on a later line; escapes are left in.
fn until_quote<'t>(
    first: &'t str,
    rest: &mut impl Iterator<Item = (u32, &'t str)>,
    quote: char,
) -> Result<String, Unreadable> {
    let mut text = String::new();
    let mut line = first;
    loop {
        let mut escaped = false;
        for (at, sign) in line.char_indices() {
            if sign == quote && !escaped {
                text.push_str(&line[..at]);
                let after = line[at + 1..].trim();
                if after.is_empty() || after.starts_with('#') {
                    return Ok(text);
                }
                return Err(("something follows the closing quote", "put the whole value in quotes"));
            }
            // Single quotes know no escape.
            escaped = sign == '\\' && !escaped && quote == '"';
        }
        text.push_str(line);
        text.push('\n');
        line = rest.next().ok_or(("the quote is never closed", "close the quote"))?.1;
    }
}

fn unescaped(text: &str) -> String {
    let mut result = String::with_capacity(text.len());
    let mut signs = text.chars();
    while let Some(sign) = signs.next() {
        if sign != '\\' {
            result.push(sign);
            continue;
        }
        match signs.next() {
            Some('n') => result.push('\n'),
            Some('r') => result.push('\r'),
            Some('t') => result.push('\t'),
            // Stays escaped, in the other way of writing it: it starts no reference.
            Some('$') => result.push_str("$$"),
            Some(sign @ ('"' | '\\')) => result.push(sign),
            Some(sign) => result.extend(['\\', sign]),
            None => result.push('\\'),
        }
    }
    result
}

/// An unquoted value ends at a `#` after a space.
fn unquoted(value: &str) -> &str {
    if value.starts_with('#') {
        return "";
    }
    let end = value
        .char_indices()
        .zip(value.chars().skip(1))
        .find(|((_, sign), next)| sign.is_whitespace() && *next == '#')
        .map_or(value.len(), |((at, _), _)| at);
    value[..end].trim_end()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(text: &str) -> Vec<(String, String)> {
        parse(text).entries.into_iter().map(|entry| (entry.key, entry.value.text)).collect()
    }

    fn pair(key: &str, value: &str) -> (String, String) {
        (key.to_owned(), value.to_owned())
    }

    fn problem(line: u32, what: &'static str, help: &'static str) -> Problem {
        Problem { line, what, help }
    }

    /// 003-42: comments and blank lines are ignored.
    #[test]
    fn comments_and_blank_lines_are_ignored() {
        let text = "# a comment\n\n   # KEY=no\nA=1 # why\nB=a#b\nC= # nothing\n";

        assert_eq!(pairs(text), [pair("A", "1"), pair("B", "a#b"), pair("C", "")]);
    }

    #[test]
    fn values_may_be_quoted_exported_and_spaced() {
        let text =
            "export A=1\nB = two words \nC='as $written \\n'\nD=\"one\\ntwo \\\"x\\\" \\$y\" # why\nE=\"\"\n";

        assert_eq!(
            pairs(text),
            [
                pair("A", "1"),
                pair("B", "two words"),
                pair("C", "as $written \\n"),
                pair("D", "one\ntwo \"x\" $$y"),
                pair("E", ""),
            ],
        );
    }

    #[test]
    fn quoted_values_may_have_several_lines() {
        let text = "KEY=\"-----\nabc\n\"\nNEXT=1\n";

        assert_eq!(pairs(text), [pair("KEY", "-----\nabc\n"), pair("NEXT", "1")]);
    }

    #[test]
    fn what_cannot_be_read_is_named_by_line_only() {
        let text = "sk-live-1234\n1A=x\nTWO WORDS=x\nA=\"open\nB='x' y\n";
        let file = parse(text);

        assert_eq!(
            file.problems,
            [
                problem(1, "this line has no `=`", "write `KEY=value`"),
                problem(2, "what stands before `=` is not a name", "write `KEY=value`"),
                problem(3, "what stands before `=` is not a name", "write `KEY=value`"),
                problem(4, "the quote is never closed", "close the quote"),
            ],
        );
        assert_eq!(
            parse("B='x' y").problems,
            [problem(1, "something follows the closing quote", "put the whole value in quotes")]
        );
    }

    #[test]
    fn the_lines_of_an_unquoted_key_are_not_taken_for_names() {
        let file = parse(
            "K=-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBg==\nabc=\n-----END PRIVATE KEY-----\nA=1\nAbCd==\n",
        );

        assert_eq!(file.keys().collect::<Vec<_>>(), ["A"]);
        assert_eq!(
            file.problems,
            [
                problem(1, "a value of more than one line is not in quotes", "put it in double quotes"),
                problem(6, "what stands before `=` is not a name", "write `KEY=value`"),
            ],
        );
    }

    #[test]
    fn the_first_of_two_equal_keys_is_kept_and_the_second_reported() {
        let file = parse("A=1\nB=2\nA=3\n");

        assert_eq!(file.get("A").unwrap().value.text(), "1");
        assert_eq!(file.duplicates, [("A".to_owned(), 1, 3)]);
    }

    #[test]
    fn references_are_names_without_a_default() {
        let file = parse("A=${ONE}-${TWO:-2}-${THREE?no}-$${FOUR}-$FIVE\nB='${SIX}'\n");

        assert_eq!(file.entries[0].references(), ["ONE", "THREE"]);
        assert_eq!(file.entries[1].references(), [""; 0]);
    }

    #[test]
    fn a_value_cannot_be_seen_by_accident() {
        assert_eq!(
            format!("{:?}", parse("A=s3cr3t").entries[0]),
            r#"Entry { key: "A", value: Value(…), line: 1 }"#
        );
    }
}
