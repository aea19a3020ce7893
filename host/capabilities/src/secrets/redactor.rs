//! Takes secrets out of whatever leaves a sandbox.
//!
//! A secret is looked for as it is and in the forms in which it tends to leak by accident: Base64 (also when it stands in
//! the middle of something longer), hexadecimal, URL-encoded, JSON-escaped, and line by line if it has several. This is a net
//! under the real wall, which is that a plugin without `reveal` never gets the bytes; it cannot catch a plugin that has
//! them and means to hide them.

use std::{borrow::Cow, fmt::Write as _};

use base64::Engine as _;
use memchr::memmem;

/// What stands where a secret was.
pub const MASK: &str = "***";

/// Encoded forms of anything shorter would be found in ordinary text.
const SHORTEST_ENCODED: usize = 4;
/// A line of a secret that is worth finding alone.
const SHORTEST_LINE: usize = 8;

/// Knows the secrets of a run in all forms in which they are looked for.
#[derive(Default)]
pub struct Redactor {
    /// Longest first, so that a form that holds another is replaced as a whole.
    patterns: Vec<memmem::Finder<'static>>,
}

impl std::fmt::Debug for Redactor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Never the patterns: they are the secrets.
        write!(f, "Redactor({} patterns)", self.patterns.len())
    }
}

impl Redactor {
    /// Prepares to look for `secrets`.
    #[must_use]
    pub fn new<'a>(secrets: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut forms: Vec<Vec<u8>> = secrets.into_iter().flat_map(forms_of).collect();
        forms.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        forms.dedup();
        Self { patterns: forms.iter().map(|form| memmem::Finder::new(form).into_owned()).collect() }
    }

    /// `text` with every secret replaced by [`MASK`].
    #[must_use]
    pub fn redact<'t>(&self, text: &'t str) -> Cow<'t, str> {
        match self.replaced(text.as_bytes()) {
            None => Cow::Borrowed(text),
            Some(bytes) => Cow::Owned(String::from_utf8_lossy(&bytes).into_owned()),
        }
    }

    /// `bytes` with every secret replaced by [`MASK`].
    #[must_use]
    pub fn redact_bytes(&self, bytes: Vec<u8>) -> Vec<u8> {
        self.replaced(&bytes).unwrap_or(bytes)
    }

    /// Whether a secret stands in `text`.
    #[must_use]
    pub fn finds(&self, text: &str) -> bool {
        self.patterns.iter().any(|pattern| pattern.find(text.as_bytes()).is_some())
    }

    fn replaced(&self, bytes: &[u8]) -> Option<Vec<u8>> {
        let mut current: Option<Vec<u8>> = None;
        for pattern in &self.patterns {
            let text = current.as_deref().unwrap_or(bytes);
            let mut places = pattern.find_iter(text).peekable();
            if places.peek().is_none() {
                continue;
            }
            let mut replaced = Vec::with_capacity(text.len());
            let mut from = 0;
            for place in places {
                replaced.extend_from_slice(&text[from..place]);
                replaced.extend_from_slice(MASK.as_bytes());
                from = place + pattern.needle().len();
            }
            replaced.extend_from_slice(&text[from..]);
            current = Some(replaced);
        }
        current
    }
}

/// The secret as it is and in every encoding, each once or more.
fn forms_of(secret: &[u8]) -> Vec<Vec<u8>> {
    if secret.is_empty() {
        return Vec::new();
    }
    let mut forms = vec![secret.to_vec()];
    if let Ok(text) = std::str::from_utf8(secret) {
        let lines = text.lines().map(str::trim);
        forms.extend(lines.filter(|line| line.len() >= SHORTEST_LINE).map(|line| line.as_bytes().to_vec()));
    }
    if secret.len() < SHORTEST_ENCODED {
        return forms;
    }
    let mut encoded = vec![hex(secret, false), hex(secret, true)];
    encoded.extend(base64_forms(secret));
    encoded.extend(
        [(false, false), (false, true), (true, false), (true, true)]
            .map(|(upper, plus)| percent(secret, upper, plus)),
    );
    if let Ok(text) = std::str::from_utf8(secret) {
        let quoted = serde_json::Value::from(text).to_string();
        encoded.push(quoted[1..quoted.len() - 1].to_owned());
    }
    forms.extend(encoded.into_iter().map(String::into_bytes));
    forms
}

/// The part of every Base64 text around the secret that depends on the secret alone: three alignments, two alphabets.
fn base64_forms(secret: &[u8]) -> Vec<String> {
    let mut forms = Vec::new();
    for engine in
        [base64::engine::general_purpose::STANDARD_NO_PAD, base64::engine::general_purpose::URL_SAFE_NO_PAD]
    {
        for before in 0..3_usize {
            let mut padded = vec![0; before];
            padded.extend_from_slice(secret);
            let text = engine.encode(&padded);
            // Signs that carry bits of what stands before; and at the end of what follows.
            let start = (before * 8).div_ceil(6);
            let end = padded.len() * 8 / 6;
            if end > start && end - start >= SHORTEST_ENCODED {
                forms.push(text[start..end].to_owned());
            }
        }
    }
    forms
}

fn hex(secret: &[u8], upper: bool) -> String {
    secret.iter().fold(String::with_capacity(secret.len() * 2), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = if upper { write!(text, "{byte:02X}") } else { write!(text, "{byte:02x}") };
        text
    })
}

fn percent(secret: &[u8], upper: bool, plus: bool) -> String {
    secret.iter().fold(String::with_capacity(secret.len() * 3), |mut text, byte| {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                text.push(char::from(*byte))
            }
            b' ' if plus => text.push('+'),
            _ => {
                let _ = if upper { write!(text, "%{byte:02X}") } else { write!(text, "%{byte:02x}") };
            }
        }
        text
    })
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;

    use super::Redactor;

    const SECRET: &str = "hunter2/with+signs";

    fn redactor() -> Redactor {
        Redactor::new([SECRET.as_bytes()])
    }

    #[test]
    fn a_secret_is_replaced_in_every_form_in_which_it_leaks() {
        let table = [
            format!("token={SECRET}!"),
            "token=68756e746572322f776974682b7369676e73!".to_owned(),
            "token=68756E746572322F776974682B7369676E73!".to_owned(),
            "token=hunter2%2Fwith%2Bsigns!".to_owned(),
            "token=hunter2%2fwith%2bsigns!".to_owned(),
        ];
        for text in table {
            assert_eq!(redactor().redact(&text), "token=***!");
        }
    }

    #[test]
    fn base64_is_found_wherever_the_secret_stands_in_what_was_encoded() {
        for user in ["", "a", "ab", "abc", "abcd"] {
            let text = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{SECRET}\n"));
            assert!(redactor().redact(&text).contains("***"), "{user}: {text}");
            assert!(redactor().finds(&text));
        }
    }

    #[test]
    fn the_lines_of_a_secret_are_found_one_by_one() {
        let redactor =
            Redactor::new(["-----BEGIN KEY-----\nMIIEvQIBADANBgkq\n-----END KEY-----\n".as_bytes()]);
        assert_eq!(redactor.redact("read MIIEvQIBADANBgkq from disk"), "read *** from disk");
    }

    #[test]
    fn other_text_stays_as_it_is() {
        assert_eq!(redactor().redact("nothing here"), "nothing here");
        assert!(!redactor().finds("nothing here"));
        assert_eq!(Redactor::new([b"".as_slice()]).redact("nothing here"), "nothing here");
    }

    #[test]
    fn a_secret_that_holds_another_is_replaced_as_a_whole() {
        let redactor = Redactor::new([b"pass".as_slice(), b"password".as_slice()]);
        assert_eq!(redactor.redact("password pass"), "*** ***");
    }

    #[test]
    fn bytes_that_are_no_text_are_looked_through_too() {
        let redactor = Redactor::new([[0xff, 0xfe, 1, 2].as_slice()]);
        assert_eq!(redactor.redact_bytes(vec![9, 0xff, 0xfe, 1, 2, 9]), b"\x09***\x09");
    }

    #[test]
    fn printing_it_shows_no_secret() {
        assert!(!format!("{:?}", redactor()).contains("hunter2"));
    }
}
