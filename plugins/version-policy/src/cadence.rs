//! How often releases come.

use jiff::civil::Date;
use jiff::{Span, ToSpan as _};
use runner_plugin::{Failure, Finding};
use runner_version::Release;
use schemars::JsonSchema;
use serde::Deserialize;

/// When the last release of this kind was.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Cadence {
    /// The day of the last release of this kind, e.g. `2026-03-01`.
    #[schemars(regex(pattern = "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"))]
    last: String,
    /// How many days earlier or later are all right.
    #[serde(default = "a_week")]
    tolerance_days: u16,
}

fn a_week() -> u16 {
    7
}

impl Cadence {
    /// Warns of a release that comes too early or too late.
    pub(crate) fn finding(&self, release: Release, today: Date) -> Result<Option<Finding>, Failure> {
        let invalid = || {
            let message = format!("`cadence`: `last` is `{}`, which is no day like `2026-03-01`", self.last);
            Failure::invalid_config(message)
        };
        let last: Date = self.last.parse().map_err(|_| invalid())?;
        let Some((span, words)) = every(release) else { return Ok(None) };
        let due = last.checked_add(span).map_err(|_| invalid())?;
        let tolerance = i64::from(self.tolerance_days).days();
        let (earliest, latest) = (due.saturating_sub(tolerance), due.saturating_add(tolerance));
        let message = |what: &str| {
            format!("{} releases come {words}: after the one of {last} this one {what} {due}", release.name())
        };
        Ok(if today < earliest {
            Some(Finding::warning("early-release", message("is early, it is due on")))
        } else if today > latest {
            Some(Finding::warning("late-release", message("is late, it was due on")))
        } else {
            None
        })
    }
}

/// How often releases of a kind come. Hotfixes come when there is need.
fn every(release: Release) -> Option<(Span, &'static str)> {
    match release {
        Release::Major => Some((3.months(), "every three months")),
        Release::Minor => Some((1.month(), "every month")),
        Release::Patch => Some((2.weeks(), "every two weeks")),
        Release::Hotfix => None,
    }
}
