//! Takes secrets out of whatever leaves a sandbox.
//!
//! A secret is looked for as it is and in the forms in which it tends to leak by accident (`forms.rs`), in a text as it is and in
//! what a screen shows of it: control characters between its signs hide nothing. All forms of all secrets are
//! looked for in one pass, and wherever some of them overlap, all that they cover is replaced.
//!
//! This is a net under the real wall, which is that a plugin without `reveal` never gets the bytes; it cannot catch a
//! plugin that has them and means to hide them.

use std::{borrow::Cow, ops::Range};

use aho_corasick::{AhoCorasick, MatchKind};

use super::forms;
use crate::log::{GAP, Seen, finished, marked, seen};

/// What stands where a secret was.
pub const MASK: &str = "***";

/// The shortest secret that a run takes. Whatever is shorter is found all over ordinary text, and told by where it is missing.
pub const SHORTEST_SECRET: usize = 4;

/// Knows the secrets of a run in all forms in which they are looked for.
#[derive(Default)]
pub struct Redactor(Option<Forms>);

struct Forms {
    /// Sorted, each once.
    patterns: Vec<Vec<u8>>,
    finder: AhoCorasick,
    longest: usize,
}

impl std::fmt::Debug for Redactor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Never the patterns: they are the secrets.
        write!(f, "Redactor({} patterns)", self.0.as_ref().map_or(0, |forms| forms.patterns.len()))
    }
}

impl Redactor {
    /// Prepares to look for `secrets`.
    #[must_use]
    pub fn new<'a>(secrets: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut patterns: Vec<Vec<u8>> = secrets.into_iter().flat_map(forms::of).collect();
        patterns.sort_unstable();
        patterns.dedup();
        let Some(longest) = patterns.iter().map(Vec::len).max() else { return Self(None) };
        let finder = AhoCorasick::builder().match_kind(MatchKind::Standard).build(&patterns);
        let Ok(finder) = finder else {
            unreachable!("it takes 2^31 states, and a secret has at most 64 KiB");
        };
        Self(Some(Forms { patterns, finder, longest }))
    }

    /// `text` with every secret replaced by [`MASK`].
    #[must_use]
    pub fn redact<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let places = self.places_in_text(text);
        if places.is_empty() {
            return Cow::Borrowed(text);
        }
        let replaced = replaced(text.as_bytes(), &places);
        Cow::Owned(String::from_utf8_lossy(&replaced).into_owned())
    }

    /// `bytes` with every secret replaced by [`MASK`].
    #[must_use]
    pub fn redact_bytes(&self, bytes: Vec<u8>) -> Vec<u8> {
        let places = self.places(&bytes);
        if places.is_empty() { bytes } else { replaced(&bytes, &places) }
    }

    /// `text` as one clean line ([`clean_line`](crate::log::clean_line)) with every secret replaced by [`MASK`].
    #[must_use]
    pub fn redact_line(&self, text: &str) -> String {
        let marked = marked(text);
        let seen: Vec<u8> = marked.bytes().filter(|byte| *byte != GAP as u8).collect();
        finished(&masked(&marked, &self.places(&seen), 0))
    }

    /// Whether a secret stands in `text`.
    #[must_use]
    pub fn finds(&self, text: &str) -> bool {
        !self.places_in_text(text).is_empty()
    }

    /// How far back from its last byte a secret can begin.
    pub(crate) fn reach(&self) -> usize {
        self.0.as_ref().map_or(0, |forms| forms.longest - 1)
    }

    /// Where secrets stand in `bytes`: in order, apart from each other.
    pub(crate) fn places(&self, bytes: &[u8]) -> Vec<Range<usize>> {
        let Some(forms) = &self.0 else { return Vec::new() };
        let mut places: Vec<Range<usize>> =
            forms.finder.find_overlapping_iter(bytes).map(|found| found.range()).collect();
        join(&mut places);
        places
    }

    /// The length of the longest end of `bytes` with which a secret may begin.
    pub(crate) fn open_end(&self, bytes: &[u8]) -> usize {
        let Some(forms) = &self.0 else { return 0 };
        let most = bytes.len().min(forms.longest - 1);
        let begins = |end: &[u8]| {
            let next = forms.patterns.partition_point(|pattern| pattern.as_slice() <= end);
            forms.patterns.get(next).is_some_and(|pattern| pattern.starts_with(end))
        };
        (1..=most).rev().find(|length| begins(&bytes[bytes.len() - length..])).unwrap_or(0)
    }

    /// Where secrets stand in `text`, as it is and as it is seen.
    fn places_in_text(&self, text: &str) -> Vec<Range<usize>> {
        let mut places = self.places(text.as_bytes());
        let plain = |byte: u8| byte.is_ascii_graphic() || byte == b' ';
        if self.0.is_none() || text.bytes().all(plain) {
            return places;
        }
        let mut bytes = Vec::with_capacity(text.len());
        let mut origins = Vec::with_capacity(text.len());
        for (place, what) in seen(text) {
            let Seen::Sign(sign) = what else { continue };
            bytes.extend_from_slice(sign.encode_utf8(&mut [0; 4]).as_bytes());
            origins.resize(bytes.len(), place);
        }
        let end =
            |last: usize| origins[last] + text[origins[last]..].chars().next().map_or(1, char::len_utf8);
        places.extend(self.places(&bytes).into_iter().map(|place| origins[place.start]..end(place.end - 1)));
        join(&mut places);
        places
    }
}

/// Puts places in order, and those that overlap or touch together.
pub(crate) fn join(places: &mut Vec<Range<usize>>) {
    places.sort_unstable_by_key(|place| (place.start, place.end));
    places.dedup_by(|later, earlier| {
        let joined = later.start <= earlier.end;
        if joined {
            earlier.end = earlier.end.max(later.end);
        }
        joined
    });
}

fn replaced(bytes: &[u8], places: &[Range<usize>]) -> Vec<u8> {
    let mut replaced = Vec::with_capacity(bytes.len());
    let mut from = 0;
    for place in places {
        replaced.extend_from_slice(&bytes[from..place.start]);
        replaced.extend_from_slice(MASK.as_bytes());
        from = place.end;
    }
    replaced.extend_from_slice(&bytes[from..]);
    replaced
}

/// A marked line without the signs that stand at `places` of a text in which the line, without its gaps, begins at `start`.
pub(crate) fn masked(marked: &str, places: &[Range<usize>], start: usize) -> String {
    let mut out = String::with_capacity(marked.len());
    let mut at = start;
    let mut places = places[places.partition_point(|place| place.end <= start)..].iter().peekable();
    let mut shown = None;
    for sign in marked.chars() {
        while places.next_if(|place| place.end <= at).is_some() {}
        let inside = places.peek().filter(|place| place.start < at + sign.len_utf8());
        match (inside, sign) {
            // A gap inside goes with what is around it; one in front of it stays.
            (Some(place), GAP) if place.start < at => {}
            (_, GAP) => out.push(GAP),
            (Some(place), _) if shown == Some(place.start) => {}
            (Some(place), _) => {
                shown = Some(place.start);
                out.push_str(MASK);
            }
            (None, _) => out.push(sign),
        }
        if sign != GAP {
            at += sign.len_utf8();
        }
    }
    out
}

#[cfg(test)]
#[path = "redactor_tests.rs"]
mod tests;
