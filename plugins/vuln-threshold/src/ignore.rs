//! What the step has decided to live with, and until when.

use std::cell::Cell;

use jiff::civil::Date;
use jiff::tz::Offset;
use runner_evidence::moment;
use runner_plugin::{Failure, Finding, Host};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::format::Vulnerability;

/// A vulnerability that does not count for now.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Ignore {
    /// Its id, or another name of it: `CVE-…`, `GHSA-…`, `RUSTSEC-…`, `PYSEC-…`.
    #[schemars(length(min = 1))]
    id: String,
    /// Only in this package. Without it: in any.
    package: Option<String>,
    /// Why it is all right.
    #[schemars(length(min = 1))]
    reason: String,
    /// The last day on which it is, in UTC: `2026-12-31`.
    #[schemars(regex(pattern = r"^\d{4}-\d{2}-\d{2}$"))]
    until: String,
}

/// The list, and what has come of it.
#[derive(Debug)]
pub(crate) struct Ignores<'c> {
    entries: Vec<Entry<'c>>,
}

#[derive(Debug)]
struct Entry<'c> {
    ignore: &'c Ignore,
    expired: bool,
    used: Cell<bool>,
}

impl<'c> Ignores<'c> {
    /// Reads the days, and asks the host which day it is if there are any.
    pub(crate) fn new(ignores: &'c [Ignore], host: &Host) -> Result<Self, Failure> {
        if ignores.is_empty() {
            return Ok(Self { entries: Vec::new() });
        }
        let today = Offset::UTC.to_datetime(moment::of_clock(host.clock().now())?).date();
        let entry = |ignore: &'c Ignore| {
            let until: Date = ignore.until.parse().map_err(|_| {
                Failure::invalid_config(format!(
                    "`ignore` of `{}`: `{}` is not a day",
                    ignore.id, ignore.until
                ))
            })?;
            if ignore.reason.trim().is_empty() {
                return Err(Failure::invalid_config(format!("`ignore` of `{}` has no reason", ignore.id)));
            }
            Ok(Entry { ignore, expired: until < today, used: Cell::new(false) })
        };
        Ok(Self { entries: ignores.iter().map(entry).collect::<Result<_, _>>()? })
    }

    /// Whether a vulnerability does not count. An entry that has expired is remembered and covers nothing.
    pub(crate) fn cover(&self, found: &Vulnerability) -> bool {
        let mut covered = false;
        for Entry { ignore, expired, used } in &self.entries {
            let named = std::iter::once(&found.id)
                .chain(&found.aliases)
                .any(|id| id.eq_ignore_ascii_case(&ignore.id));
            if named && ignore.package.as_ref().is_none_or(|package| *package == found.package) {
                used.set(true);
                covered |= !expired;
            }
        }
        covered
    }

    /// What people should know of the list itself.
    pub(crate) fn findings(self) -> impl Iterator<Item = Finding> {
        self.entries.into_iter().map(|Entry { ignore, expired, used }| {
            let Ignore { id, until, reason, .. } = ignore;
            match (expired, used.get()) {
                (true, true) => Finding::warning(
                    "expired-ignore",
                    format!("`{id}` was ignored until {until} ({reason}), so it counts"),
                )
                .help("fix it, or decide anew and write another day"),
                (_, false) => {
                    Finding::warning("unused-ignore", format!("`{id}` is ignored and was not found"))
                        .help("take it out of `ignore`")
                }
                (false, true) => {
                    Finding::note("ignored", format!("`{id}` is ignored until {until}: {reason}"))
                }
            }
        })
    }
}
