//! What a file was before an action changed it.
//!
//! `capture` looks with [`Kept::look`] and hands [`snapshot`] to the host, which has it on disk before anything is written;
//! `restore` reads it with [`read`] and calls [`Kept::bring_back`]. A file that was not there is removed again; every other
//! one comes back byte for byte, whoever has written to it meanwhile.
//!
//! Never here: what is written instead.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use runner_plugin::{Failure, FailureKind, Host};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// Longest snapshot that the host keeps.
const LONGEST: usize = 64 * 1024;

/// What was at a path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kept {
    /// Nothing.
    Absent,
    /// A file with this text.
    Text(String),
    /// A file with these bytes, which are no text, in Base64.
    Bytes(String),
}

impl Kept {
    /// Looks what is at `path`.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or is too long to be kept.
    pub fn look(host: &Host, path: &str) -> Result<Self, Failure> {
        if host.files().stat(path)?.is_none() {
            return Ok(Self::Absent);
        }
        match host.files().read_at_most(path, LONGEST as u64) {
            Ok(bytes) => Ok(String::from_utf8(bytes)
                .map_or_else(|error| Self::Bytes(STANDARD.encode(error.into_bytes())), Self::Text)),
            Err(failure) if failure.kind == FailureKind::BudgetExceeded => Err(too_long(&failure.message)),
            Err(failure) => Err(failure),
        }
    }

    /// The bytes of the file; none if there was none.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](FailureKind::InvalidInput): this is no snapshot of ours.
    pub fn content(&self) -> Result<Option<Vec<u8>>, Failure> {
        match self {
            Self::Absent => Ok(None),
            Self::Text(text) => Ok(Some(text.clone().into_bytes())),
            Self::Bytes(encoded) => STANDARD
                .decode(encoded)
                .map(Some)
                .map_err(|_| unreadable("the bytes of a file are not Base64")),
        }
    }

    /// Brings `path` back to what it was. Writes nothing if it is that already.
    ///
    /// # Errors
    ///
    /// The file cannot be written or removed.
    pub fn bring_back(&self, host: &Host, path: &str) -> Result<(), Failure> {
        let Some(content) = self.content()? else {
            return host.files().remove(path).map(drop);
        };
        if host.files().stat(path)?.is_some() && host.files().read(path).is_ok_and(|now| now == content) {
            return Ok(());
        }
        host.files().write(path, content)
    }
}

/// `kept` as a snapshot.
///
/// # Errors
///
/// [`BudgetExceeded`](FailureKind::BudgetExceeded): it is longer than the host keeps.
pub fn snapshot(kept: &impl Serialize) -> Result<String, Failure> {
    let text = serde_json::to_string(kept)
        .map_err(|error| Failure::internal(format!("a snapshot cannot be written: {error}")))?;
    if text.len() > LONGEST { Err(too_long("what is there now")) } else { Ok(text) }
}

/// What [`snapshot`] has made.
///
/// # Errors
///
/// [`InvalidInput`](FailureKind::InvalidInput): it is none of ours.
pub fn read<T: DeserializeOwned>(snapshot: &str) -> Result<T, Failure> {
    serde_json::from_str(snapshot).map_err(|error| unreadable(&error.to_string()))
}

fn too_long(what: &str) -> Failure {
    Failure::new(
        FailureKind::BudgetExceeded,
        format!("{what}: too long to be kept for going back, a snapshot holds 64 KiB; nothing was changed"),
    )
}

fn unreadable(why: &str) -> Failure {
    Failure::invalid_input(format!("the snapshot cannot be read: {why}; nothing was brought back"))
}

#[cfg(test)]
mod tests {
    use runner_plugin::HostError;
    use runner_plugin::testing::FakeHost;

    use super::*;

    #[test]
    fn whatever_was_there_comes_back_byte_for_byte() {
        for content in [&b"text\r\n"[..], b"", b"\xff\x00\xfe", "ä\u{feff}".as_bytes()] {
            let fake = FakeHost::new().file("a", content);
            let host = fake.host();
            let text = snapshot(&Kept::look(&host, "a").unwrap()).unwrap();

            host.files().write("a", "new").unwrap();
            let kept: Kept = read(&text).unwrap();
            assert_eq!((kept.bring_back(&host, "a"), kept.bring_back(&host, "a")), (Ok(()), Ok(())));
            assert_eq!(fake.content("a").as_deref(), Some(content));
        }
    }

    #[test]
    fn where_there_was_nothing_nothing_is_left() {
        let fake = FakeHost::new();
        let host = fake.host();
        let kept = Kept::look(&host, "a").unwrap();

        host.files().write("a", "new").unwrap();
        assert_eq!((kept.bring_back(&host, "a"), kept.bring_back(&host, "a")), (Ok(()), Ok(())));
        assert_eq!((kept, fake.content("a")), (Kept::Absent, None));
    }

    #[test]
    fn what_is_too_long_is_refused_before_anything_changes() {
        let refused = |what: &str| {
            Failure::new(
                FailureKind::BudgetExceeded,
                format!(
                    "{what}: too long to be kept for going back, a snapshot holds 64 KiB; nothing was changed"
                ),
            )
        };
        let host = FakeHost::new().file("a", "x".repeat(65_537)).file("b", "\n".repeat(40_000)).host();

        assert_eq!(Kept::look(&host, "a"), Err(refused("read `a`: file is longer than 65536 bytes")));
        assert_eq!(snapshot(&Kept::look(&host, "b").unwrap()), Err(refused("what is there now")));
    }

    #[test]
    fn a_file_that_may_not_be_looked_at_is_a_failure() {
        let host = FakeHost::new().file_error("a", HostError::Denied).host();

        assert_eq!(
            Kept::look(&host, "a"),
            Err(Failure::new(FailureKind::Denied, "look at `a`: denied, no grant of this step covers it")),
        );
    }

    #[test]
    fn a_snapshot_of_somebody_else_is_refused() {
        let bytes = Kept::Bytes("?".to_owned());
        let why = "the snapshot cannot be read: the bytes of a file are not Base64; nothing was brought back";

        assert_eq!(bytes.bring_back(&FakeHost::new().host(), "a"), Err(Failure::invalid_input(why)));
        assert_eq!(read::<Kept>("{").unwrap_err().kind, FailureKind::InvalidInput);
    }
}
