//! One look at each line of a text.

use std::borrow::Cow;
use std::ops::Range;

use regex_lite::Regex;
use runner_plugin::Failure;
use schemars::JsonSchema;
use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::guess;
use crate::known::{self, Table};

/// Something else to look for.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct OwnPattern {
    /// The rule that its findings name.
    #[schemars(regex(pattern = r"^[a-z][a-z0-9-]*$"))]
    rule: String,
    /// A regular expression for a part of a line. With a group, the group is the secret.
    #[schemars(length(min = 1))]
    pattern: String,
}

/// A secret that was found: everything but the secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found<'s> {
    pub(crate) rule: Cow<'s, str>,
    pub(crate) what: &'s str,
    pub(crate) line: u32,
    pub(crate) column: u32,
    /// In characters.
    pub(crate) length: usize,
    /// `sha256:` and 16 hexadecimal digits: enough to tell one secret from another.
    pub(crate) fingerprint: String,
}

/// What is looked for.
pub(crate) struct Scanner {
    table: Table,
    own: Vec<(String, Regex)>,
    bits: f64,
    least: usize,
}

/// A place in a line.
struct Hit<'s> {
    rule: &'s str,
    what: &'s str,
    range: Range<usize>,
}

/// Rules that guess. What another rule knows better is not said twice.
const URL: (&str, &str) = ("url-password", "a password in a URL");
const ASSIGNED: (&str, &str) =
    ("assigned-secret", "a value that looks like a secret, under a name that says so");

impl Scanner {
    pub(crate) fn new(own: &[OwnPattern], bits: f64, least: usize) -> Result<Self, Failure> {
        let compiled = own.iter().map(|own| match Regex::new(&own.pattern) {
            Ok(pattern) if pattern.is_match("") => {
                Err(Failure::invalid_config(format!("`patterns`: `{}` matches an empty text", own.rule)))
            }
            Ok(pattern) => Ok((own.rule.clone(), pattern)),
            Err(error) => Err(Failure::invalid_config(format!("`patterns`: `{}`: {error}", own.rule))),
        });
        Ok(Self { table: Table::new(), own: compiled.collect::<Result<_, _>>()?, bits, least })
    }

    /// Tells `found` of every secret, in the order of the text.
    pub(crate) fn scan(&self, text: &str, mut found: impl FnMut(Found<'_>)) {
        for (number, line) in (1..).zip(text.lines()) {
            let mut hits = self.hits(line);
            hits.sort_by_key(|hit| hit.range.start);
            for hit in hits {
                let secret = &line[hit.range.clone()];
                found(Found {
                    rule: Cow::Borrowed(hit.rule),
                    what: hit.what,
                    line: number,
                    column: u32::try_from(line[..hit.range.start].chars().count() + 1).unwrap_or(u32::MAX),
                    length: secret.chars().count(),
                    fingerprint: fingerprint(secret),
                });
            }
        }
    }

    fn hits<'s>(&'s self, line: &str) -> Vec<Hit<'s>> {
        let bytes = line.as_bytes();
        let mut hits: Vec<Hit<'s>> = Vec::new();
        let mut add = |rule, what, range: Range<usize>| {
            let taken =
                hits.iter().any(|hit: &Hit<'_>| hit.range.start < range.end && range.start < hit.range.end);
            // Half a character would be no text.
            if !taken && line.is_char_boundary(range.start) && line.is_char_boundary(range.end) {
                hits.push(Hit { rule, what, range });
            }
        };
        for (rule, pattern) in &self.own {
            for found in pattern.captures_iter(line) {
                if let Some(found) = found.get(1).or_else(|| found.get(0)) {
                    add(rule, "what a pattern of the step matches", found.range());
                }
            }
        }
        let mut guesses = Vec::new();
        for at in 0..bytes.len() {
            if let Some((known, length)) = self.table.at(bytes, at) {
                add(known.rule, known.what, at..at + length);
            }
            match bytes[at] {
                b'e' => {
                    if let Some(length) = known::jwt(bytes, at) {
                        add("jwt", "a JSON Web Token", at..at + length);
                    }
                }
                b'-' => {
                    if let Some(length) = known::private_key(bytes, at) {
                        add("private-key", "a private key", at..at + length);
                    }
                }
                b':' => guesses.extend(guess::url_password(bytes, at).map(|range| (URL, range))),
                b'p' | b's' | b't' | b'a' | b'c' | b'P' | b'S' | b'T' | b'A' | b'C' | b'E' => {
                    let range = guess::assigned(bytes, at, self.least, self.bits);
                    guesses.extend(range.map(|range| (ASSIGNED, range)));
                }
                _ => {}
            }
        }
        for ((rule, what), range) in guesses {
            add(rule, what, range);
        }
        hits
    }
}

/// What tells one secret from another without telling it.
fn fingerprint(secret: &str) -> String {
    let digest = Sha256::digest(secret.as_bytes());
    let digits: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{digits}")
}
