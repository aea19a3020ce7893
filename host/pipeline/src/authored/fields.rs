//! Maps with known keys, and the values in them.

use std::time::Duration;

use runner_model::{Diagnostic, Span, parse_duration};

use crate::{
    problems::{listed, suggestion},
    yaml::{Content, Entry, Node},
};

/// A value and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Spanned<T> {
    /// The value.
    pub(crate) value: T,
    /// Where it stands.
    pub(crate) span: Span,
}

/// The keys that a map may have.
#[derive(Debug)]
pub(crate) struct Keys {
    /// What the map is, with its article.
    pub(crate) of: &'static str,
    /// Keys with a meaning.
    pub(crate) known: &'static [&'static str],
    /// Keys whose meaning this version cannot carry out.
    pub(crate) later: &'static [&'static str],
}

/// A map whose keys have been checked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fields<'a> {
    entries: &'a [Entry],
    keys: &'static Keys,
}

impl<'a> Fields<'a> {
    /// Opens `node` if it is a map, and says what is wrong with its keys.
    pub(crate) fn open(node: &'a Node, keys: &'static Keys, found: &mut Vec<Diagnostic>) -> Option<Self> {
        let Some(entries) = node.as_map() else {
            found.push(
                Diagnostic::error("wrong-type", format!("{} must be a map, found {}", keys.of, node.kind()))
                    .at(node.span, "")
                    .help(format!("keys: {}", listed(keys.known.iter().copied()))),
            );
            return None;
        };
        for entry in entries {
            let key = &*entry.key;
            if keys.known.contains(&key) || key.starts_with("x-") {
                continue;
            }
            found.push(if keys.later.contains(&key) {
                not_yet(entry.key_span, &format!("`{key}`"))
            } else {
                let help = suggestion(key, keys.known.iter().copied(), "keys", found);
                Diagnostic::error("unknown-key", format!("{} has no key `{key}`", keys.of))
                    .at(entry.key_span, "")
                    .help(help)
            });
        }
        Some(Self { entries, keys })
    }

    /// The line of `key`.
    pub(crate) fn get(&self, key: &'static str) -> Option<&'a Entry> {
        debug_assert!(self.keys.known.contains(&key), "`{key}` is not among the keys of {}", self.keys.of);
        self.entries.iter().find(|entry| &*entry.key == key)
    }

    /// The lines in the order of the file, those that start with `x-` left out.
    pub(crate) fn entries(&self) -> impl Iterator<Item = &'a Entry> {
        self.entries.iter().filter(|entry| !entry.key.starts_with("x-"))
    }

    /// The line of `key`, which must be there. `at` is where it is missing from.
    pub(crate) fn require(
        &self,
        key: &'static str,
        at: Span,
        found: &mut Vec<Diagnostic>,
    ) -> Option<&'a Entry> {
        let entry = self.get(key);
        if entry.is_none() {
            found.push(
                Diagnostic::error("missing-key", format!("{} must have `{key}`", self.keys.of)).at(at, ""),
            );
        }
        entry
    }

    pub(crate) fn text(&self, key: &'static str, found: &mut Vec<Diagnostic>) -> Option<Spanned<String>> {
        self.get(key).and_then(|entry| text(entry, found))
    }

    pub(crate) fn bool(&self, key: &'static str, found: &mut Vec<Diagnostic>) -> Option<Spanned<bool>> {
        let entry = self.get(key)?;
        if let Content::Bool(value) = entry.value.content {
            return Some(Spanned { value, span: entry.key_span });
        }
        found.push(
            wrong_type(entry, "`true` or `false`")
                .help("YAML 1.2 knows only these two words; `yes`, `no` and `on` are text"),
        );
        None
    }

    pub(crate) fn duration(&self, key: &'static str, found: &mut Vec<Diagnostic>) -> Option<Duration> {
        self.get(key).and_then(|entry| duration(entry, found))
    }

    /// A duration of at least a millisecond.
    pub(crate) fn positive_duration(
        &self,
        key: &'static str,
        found: &mut Vec<Diagnostic>,
    ) -> Option<Duration> {
        let entry = self.get(key)?;
        let duration = duration(entry, found)?;
        if duration.is_zero() {
            found.push(
                Diagnostic::error("wrong-value", format!("`{key}` must be longer than nothing"))
                    .at(entry.value.span, ""),
            );
            return None;
        }
        Some(duration)
    }

    /// A whole number from `least` to `most`.
    pub(crate) fn count(
        &self,
        key: &'static str,
        least: u32,
        most: u32,
        found: &mut Vec<Diagnostic>,
    ) -> Option<u32> {
        let entry = self.get(key)?;
        let count = match &entry.value.content {
            Content::Number(number) => number.as_u64().and_then(|count| u32::try_from(count).ok()),
            Content::Null | Content::Bool(_) | Content::Text(_) | Content::List(_) | Content::Map(_) => None,
        };
        let count = count.filter(|count| (least..=most).contains(count));
        if count.is_none() {
            found.push(wrong_type(entry, &format!("a whole number from {least} to {most}")));
        }
        count
    }

    /// One of some words.
    pub(crate) fn choice<T: Copy>(
        &self,
        key: &'static str,
        words: &[(&'static str, T)],
        found: &mut Vec<Diagnostic>,
    ) -> Option<Spanned<T>> {
        let entry = self.get(key)?;
        let known = || words.iter().map(|(word, _)| *word);
        let Some(text) = entry.value.as_text() else {
            found.push(wrong_type(entry, &format!("one of {}", listed(known()))));
            return None;
        };
        let chosen = words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
        if chosen.is_none() {
            let help = suggestion(text, known(), "words", found);
            found.push(
                Diagnostic::error("wrong-value", format!("`{key}` cannot be `{text}`"))
                    .at(entry.value.span, "")
                    .help(help),
            );
        }
        chosen.map(|value| Spanned { value, span: entry.key_span })
    }

    /// A list of texts.
    pub(crate) fn texts(&self, key: &'static str, found: &mut Vec<Diagnostic>) -> Vec<Spanned<String>> {
        let Some(entry) = self.get(key) else { return Vec::new() };
        let Some(items) = entry.value.as_list() else {
            found.push(
                wrong_type(entry, "a list of names").help(format!("for example `{key}: [one, another]`")),
            );
            return Vec::new();
        };
        let mut texts: Vec<Spanned<String>> = Vec::with_capacity(items.len());
        for item in items {
            match item.as_text() {
                Some(text) => texts.push(Spanned { value: text.to_owned(), span: item.span }),
                None => found.push(
                    Diagnostic::error("wrong-type", format!("`{key}` holds names, found {}", item.kind()))
                        .at(item.span, ""),
                ),
            }
        }
        texts
    }
}

/// A problem of a value that is of the wrong type.
pub(crate) fn wrong_type(entry: &Entry, expected: &str) -> Diagnostic {
    Diagnostic::error(
        "wrong-type",
        format!("`{}` must be {expected}, found {}", entry.key, entry.value.kind()),
    )
    .at(entry.value.span, "")
}

/// A problem of something that the vocabulary has and this version cannot carry out.
pub(crate) fn not_yet(span: Span, what: &str) -> Diagnostic {
    Diagnostic::error("not-supported-yet", format!("{what} is not supported yet"))
        .at(span, "")
        .note("what this version cannot carry out is refused, never ignored")
        .help("remove it")
}

pub(crate) fn text(entry: &Entry, found: &mut Vec<Diagnostic>) -> Option<Spanned<String>> {
    if let Some(text) = entry.value.as_text() {
        return Some(Spanned { value: text.to_owned(), span: entry.value.span });
    }
    let mut problem = wrong_type(entry, "text");
    if matches!(entry.value.content, Content::Bool(_) | Content::Number(_)) {
        problem = problem.help("put it in quotes");
    }
    found.push(problem);
    None
}

fn duration(entry: &Entry, found: &mut Vec<Diagnostic>) -> Option<Duration> {
    let Some(text) = entry.value.as_text() else {
        found.push(wrong_type(entry, "a duration").help("write the unit: `250ms`, `10s`, `1m30s` or `2h`"));
        return None;
    };
    parse_duration(text)
        .inspect_err(|_| {
            found.push(
                Diagnostic::error("wrong-value", format!("`{}`: `{text}` is not a duration", entry.key))
                    .at(entry.value.span, "")
                    .help("write for example `250ms`, `10s`, `1m30s` or `2h`, largest unit first"),
            );
        })
        .ok()
}

/// Whether `text` is `[a-z][a-z0-9_-]*`: an id of a step, plugin, secret or event.
pub(crate) fn is_name(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_lowercase())
        && text.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-'))
}

/// Whether `text` is `[a-z_][a-z0-9_]*`: what can stand behind a dot in an expression.
pub(crate) fn is_word(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_lowercase() || first == '_')
        && text.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_'))
}

/// Whether `text` is the name of an environment variable.
pub(crate) fn is_variable(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// Says what is wrong with the key of a map of named things; `None` if it is no name.
pub(crate) fn name<'a>(
    entry: &'a Entry,
    what: &str,
    fits: fn(&str) -> bool,
    rule: &str,
    found: &mut Vec<Diagnostic>,
) -> Option<&'a str> {
    let key = &*entry.key;
    let problem =
        Diagnostic::error("name", format!("`{key}` is not a name for {what}")).at(entry.key_span, "");
    if key.starts_with("x-") {
        found.push(
            problem
                .note("elsewhere keys that start with `x-` are ignored; a name that looks like one would be misread")
                .help("choose another name; templates stand under an `x-` key at the top of the file"),
        );
        return None;
    }
    if !fits(key) {
        found.push(problem.help(format!("names are {rule}")));
        return None;
    }
    Some(key)
}
