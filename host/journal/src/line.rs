//! One line of the file.
//!
//! ```text
//! {"seq":7,"v":2,"at_ms":1700000000000,"type":"undo-succeeded","step":"switch","chain":"0f3a…"}
//! ```
//!
//! `chain` is the first half of the SHA-256 over the chain of the line before and this line without its own `chain`. So a
//! line that was altered, left out, put in twice or moved is seen, and so is a journal whose beginning was exchanged.

use std::fmt::Write as _;

use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use crate::Record;

/// Version of the format. 2 has `grants-used`, and a run that began with it writes down every use. 3 has targets, with a
/// verdict of their own.
pub const VERSION: u32 = 3;
/// The oldest version that is read.
const OLDEST: u32 = 1;

const CHAIN_KEY: &[u8] = b",\"chain\":\"";
const CHAIN_DIGITS: usize = 32;
const SUFFIX: usize = CHAIN_KEY.len() + CHAIN_DIGITS + 2;

/// What a line carries over to the next one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Chain(String);

impl Chain {
    fn next(&self, line: &[u8]) -> Self {
        let digest = Sha256::new().chain_update(self.0.as_bytes()).chain_update(line).finalize();
        let mut text = String::with_capacity(CHAIN_DIGITS);
        for byte in digest.iter().take(CHAIN_DIGITS / 2) {
            // Writing to a string cannot fail.
            let _ = write!(text, "{byte:02x}");
        }
        Self(text)
    }
}

#[cfg(test)]
impl Chain {
    /// The line for some JSON, whatever it says.
    pub(crate) fn line(&self, json: &str) -> Vec<u8> {
        let chain = self.next(json.as_bytes()).0;
        format!("{},\"chain\":\"{chain}\"}}\n", json.strip_suffix('}').expect("an object")).into_bytes()
    }
}

/// What is wrong with a line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    /// It does not end with a checksum.
    #[error("the line does not end with a checksum")]
    NoChecksum,
    /// Its checksum does not fit.
    #[error(
        "the checksum does not fit: the line was altered, or a line before it is missing, doubled or moved"
    )]
    Checksum,
    /// It was written by another version.
    #[error("the line is of version {found} of the format, and only {OLDEST} to {VERSION} are known")]
    Version {
        /// Which.
        found: u32,
    },
    /// Its number is not the next one.
    #[error("the line has the number {found} where {expected} has to be")]
    Sequence {
        /// The next number.
        expected: u64,
        /// The line's.
        found: u64,
    },
    /// It is not an entry that this version knows.
    #[error("the line is not an entry: {reason}")]
    Entry {
        /// Why not.
        reason: String,
    },
    /// The first line is not the beginning of a run.
    #[error("the journal does not begin with `run-started`")]
    Beginning,
}

/// Appends the line of `record` to `buffer` and gives the chain that the next line needs.
pub(crate) fn encode(
    record: &Record,
    chain: &Chain,
    buffer: &mut Vec<u8>,
) -> Result<Chain, serde_json::Error> {
    let start = buffer.len();
    serde_json::to_writer(&mut *buffer, record)?;
    let chain = chain.next(&buffer[start..]);
    buffer.pop();
    buffer.extend_from_slice(CHAIN_KEY);
    buffer.extend_from_slice(chain.0.as_bytes());
    buffer.extend_from_slice(b"\"}\n");
    Ok(chain)
}

/// Reads one line, without its newline.
pub(crate) fn decode(line: &[u8], seq: u64, chain: &Chain) -> Result<(Record, Chain), Damage> {
    let (mut json, recorded) = split(line).ok_or(Damage::NoChecksum)?;
    json.push(b'}');
    let chain = chain.next(&json);
    if chain.0.as_bytes() != recorded {
        return Err(Damage::Checksum);
    }
    Ok((parse(&json, Some(seq))?, chain))
}

/// Reads a line whose predecessor is not known: what it says, without proof that it belongs there.
pub(crate) fn peek(line: &[u8]) -> Result<Record, Damage> {
    let (mut json, _) = split(line).ok_or(Damage::NoChecksum)?;
    json.push(b'}');
    parse(&json, None)
}

/// The line's JSON up to its checksum, and the checksum.
fn split(line: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let (json, suffix) = line.split_at(line.len().checked_sub(SUFFIX)?);
    let recorded = suffix.strip_prefix(CHAIN_KEY)?.strip_suffix(b"\"}")?;
    Some((json.to_vec(), recorded))
}

fn parse(json: &[u8], expected: Option<u64>) -> Result<Record, Damage> {
    #[derive(Deserialize)]
    struct Head {
        seq: u64,
        v: u32,
    }
    let wrong = |error: serde_json::Error| Damage::Entry { reason: error.to_string() };
    let head: Head = serde_json::from_slice(json).map_err(wrong)?;
    if !(OLDEST..=VERSION).contains(&head.v) {
        return Err(Damage::Version { found: head.v });
    }
    match expected {
        Some(expected) if expected != head.seq => Err(Damage::Sequence { expected, found: head.seq }),
        Some(_) | None => serde_json::from_slice(json).map_err(wrong),
    }
}
