//! The forms in which a secret tends to leak.

use std::fmt::Write as _;

use base64::Engine as _;

use crate::log::{Seen, seen};

/// Encoded forms of anything shorter would be found in ordinary text.
const SHORTEST_ENCODED: usize = 4;
/// A line of a secret that is worth finding alone.
const SHORTEST_LINE: usize = 8;
/// Longest form that is looked for as a whole. A longer one is cut into pieces of this length, so that a part of it is
/// found too, and so that nothing has to be held back for long.
const PIECE: usize = 64;

/// All forms of `secret`, each once or more, none longer than [`PIECE`].
pub(super) fn of(secret: &[u8]) -> Vec<Vec<u8>> {
    let mut forms = Vec::new();
    let mut add = |form: &[u8]| {
        for piece in pieces(form) {
            forms.push(piece.to_vec());
        }
    };
    for part in parts(secret) {
        add(part);
        let text = std::str::from_utf8(part).ok();
        if let Some(text) = text {
            add(shown(text).as_bytes());
        }
        if part.len() < SHORTEST_ENCODED {
            continue;
        }
        let encoded =
            [hex(part, false), hex(part, true)].into_iter().chain(base64(part)).chain(percent(part));
        encoded.for_each(|form| add(form.as_bytes()));
        if let Some(text) = text {
            json(text).iter().for_each(|form| add(form.as_bytes()));
            // Names of hosts are put into lower case on their way into an error.
            add(text.to_lowercase().as_bytes());
            add(text.to_uppercase().as_bytes());
        }
    }
    forms
}

/// The secret, and its lines if it has several.
fn parts(secret: &[u8]) -> Vec<&[u8]> {
    let lines = secret.split(|byte| matches!(byte, b'\n' | b'\r')).map(<[u8]>::trim_ascii);
    let lines = lines.filter(|line| line.len() >= SHORTEST_LINE);
    let whole = std::iter::once(secret).filter(|secret| !secret.is_empty());
    let mut parts: Vec<&[u8]> = whole.chain(lines).collect();
    parts.dedup();
    parts
}

/// The form itself, or pieces that cover it.
fn pieces(form: &[u8]) -> Vec<&[u8]> {
    if form.len() <= PIECE {
        return if form.is_empty() { Vec::new() } else { vec![form] };
    }
    form.chunks_exact(PIECE).chain([&form[form.len() - PIECE..]]).collect()
}

/// What is seen of the secret in a log.
fn shown(text: &str) -> String {
    seen(text)
        .filter_map(|(_, seen)| match seen {
            Seen::Sign(sign) => Some(sign),
            Seen::Gap => None,
        })
        .collect()
}

/// The part of every Base64 text around the secret that depends on the secret alone: three alignments, two alphabets.
fn base64(secret: &[u8]) -> Vec<String> {
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
                // Alone, with nothing before it and nothing after: the last bits are its own too.
                if before == 0 {
                    forms.push(text);
                }
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

/// URL-encoded: from everything down to the least that a URL can bear, as the usual libraries do it.
fn percent(secret: &[u8]) -> Vec<String> {
    const SETS: [fn(u8) -> bool; 7] = [
        |_| false,
        // RFC 3986, `encodeURIComponent`, `encodeURI`, HTML forms, and the path and query of the URL standard.
        |byte| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte),
        |byte| byte.is_ascii_alphanumeric() || b"-_.~!'()*".contains(&byte),
        |byte| byte.is_ascii_alphanumeric() || b"-_.~!'()*;/?:@&=+$,#".contains(&byte),
        |byte| byte.is_ascii_alphanumeric() || b"-_.*".contains(&byte),
        |byte| byte.is_ascii_graphic() && !b"\"#<>?`{}^".contains(&byte),
        |byte| byte.is_ascii_graphic() && !b"\"#<>'".contains(&byte),
    ];
    let mut forms = Vec::new();
    for keeps in SETS {
        for (upper, plus) in [(false, false), (false, true), (true, false), (true, true)] {
            forms.push(secret.iter().fold(String::with_capacity(secret.len() * 3), |mut text, byte| {
                match byte {
                    byte if keeps(*byte) => text.push(char::from(*byte)),
                    b' ' if plus => text.push('+'),
                    _ => {
                        let _ = if upper { write!(text, "%{byte:02X}") } else { write!(text, "%{byte:02x}") };
                    }
                }
                text
            }));
        }
    }
    forms.sort_unstable();
    forms.dedup();
    forms
}

/// Inside a JSON string, and inside one that stands in another: plain, with `\/`, safe for HTML, and ASCII only.
fn json(secret: &str) -> Vec<String> {
    let plain = quoted(secret);
    let ascii = |text: &str, upper: bool, also: &str| {
        text.chars().fold(String::new(), |mut out, sign| {
            if sign.is_ascii() && !also.contains(sign) {
                out.push(sign);
                return out;
            }
            for unit in sign.encode_utf16(&mut [0; 2]) {
                let _ = if upper { write!(out, "\\u{unit:04X}") } else { write!(out, "\\u{unit:04x}") };
            }
            out
        })
    };
    let mut forms = vec![quoted(&plain), plain.replace('/', "\\/")];
    for upper in [false, true] {
        forms.push(ascii(&plain, upper, ""));
        forms.push(ascii(&plain, upper, "<>&"));
        forms.push(ascii(&plain, upper, "<>&'"));
    }
    forms.push(plain);
    forms.sort_unstable();
    forms.dedup();
    forms
}

fn quoted(text: &str) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}
