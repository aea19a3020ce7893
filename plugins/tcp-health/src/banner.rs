//! What the other side has to say.

use runner_plugin::{Failure, FailureKind};
use runner_probe::{Wire, said};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::NotWell;

/// Most bytes that are read to find a banner.
const LONGEST: usize = 4096;

/// What the other side has to say, soon after the connection is there.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Banner {
    /// This, before anything else, e.g. `SSH-2.0-`.
    StartsWith(#[schemars(length(min = 1, max = 4096))] String),
    /// This, somewhere in its first 4096 bytes.
    Contains(#[schemars(length(min = 1, max = 4096))] String),
}

impl Banner {
    /// Reads until the text is there or cannot come any more.
    pub(crate) fn expect(&self, wire: &mut Wire<'_>) -> Result<String, NotWell> {
        let (Self::StartsWith(text) | Self::Contains(text)) = self;
        if text.is_empty() || text.len() > LONGEST {
            let message = format!("the text of `banner` has {} bytes, not 1 to {LONGEST}", text.len());
            return Err(Failure::invalid_config(message).into());
        }
        loop {
            match self.found(wire.unread()) {
                Some(true) => return Ok(format!("it says `{}`", shown(wire.unread()))),
                Some(false) => return Err(self.missing(wire, "")),
                None => {}
            }
            match wire.read_more() {
                Ok(true) => {}
                Ok(false) => return Err(self.missing(wire, " and closed the connection")),
                Err(failure) if failure.kind == FailureKind::TimedOut => {
                    return Err(self.missing(wire, " and then nothing in time"));
                }
                Err(failure) => return Err(failure.into()),
            }
        }
    }

    /// Whether what was read has the text; `None` while it may still come.
    fn found(&self, read: &[u8]) -> Option<bool> {
        match self {
            Self::StartsWith(text) => {
                let text = text.as_bytes();
                let common = read.len().min(text.len());
                if read[..common] != text[..common] {
                    return Some(false);
                }
                (common == text.len()).then_some(true)
            }
            Self::Contains(text) => {
                let read = &read[..read.len().min(LONGEST)];
                let found = read.windows(text.len()).any(|window| window == text.as_bytes());
                if found { Some(true) } else { (read.len() == LONGEST).then_some(false) }
            }
        }
    }

    fn missing(&self, wire: &Wire<'_>, then: &str) -> NotWell {
        let found = match wire.unread() {
            [] => "nothing".to_owned(),
            found => format!("`{}`", shown(found)),
        };
        let expected = match self {
            Self::StartsWith(text) => format!("a banner that starts with `{}`", said(text)),
            Self::Contains(text) => format!("a banner with `{}` in it", said(text)),
        };
        NotWell::Said(format!("it says {found}{then}, not {expected}"))
    }
}

/// The first line of a banner, as it may stand in a message.
fn shown(banner: &[u8]) -> String {
    said(banner.split(|&byte| byte == b'\n').next().unwrap_or_default().trim_ascii_end())
}
