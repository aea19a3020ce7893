//! What a pipeline says, and what it means.

use jiff::civil::{Date, DateTime, Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};
use runner_evidence::moment;
use runner_plugin::document;
use runner_plugin::{Failure, FailureKind, Host};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::calendar::{Calendar, Freeze, Window};

/// When a deployment is allowed.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("anyOf" = [
    { "required": ["allow"] }, { "required": ["freezes"] }, { "required": ["freeze_files"] },
]))]
pub struct Config {
    /// The IANA time zone in which all times without one are meant, e.g. `Europe/Berlin` or `UTC`.
    #[schemars(length(min = 1))]
    zone: String,
    /// Windows of the week. Without any: every time that is not frozen.
    #[serde(default)]
    #[schemars(length(min = 1))]
    allow: Vec<Allowed>,
    /// Times at which nothing is allowed, whatever the windows say.
    #[serde(default)]
    freezes: Vec<Frozen>,
    /// Files (JSON, YAML or TOML) with a list `freezes` of the same shape.
    #[serde(default)]
    freeze_files: Vec<String>,
    /// Reasons that let a deployment pass at a closed time, with a warning.
    #[serde(default)]
    override_reasons: Vec<String>,
    /// The reason of this run, one of `override_reasons`. Empty or `null` for none.
    override_reason: Option<String>,
}

/// A stretch of some days of the week.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Allowed {
    /// The days on which it begins.
    #[schemars(length(min = 1))]
    days: Vec<Day>,
    /// The first minute in it, e.g. `09:00`.
    #[schemars(regex(pattern = "^([01][0-9]|2[0-3]):[0-5][0-9]$"))]
    from: String,
    /// The first minute after it, e.g. `16:00`. Not later than `from`: on the next day. The end of the day is `24:00` or
    /// `00:00`.
    #[schemars(regex(pattern = "^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$"))]
    to: String,
}

/// A day of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Day {
    /// Monday.
    Mon,
    /// Tuesday.
    Tue,
    /// Wednesday.
    Wed,
    /// Thursday.
    Thu,
    /// Friday.
    Fri,
    /// Saturday.
    Sat,
    /// Sunday.
    Sun,
}

/// A time at which nothing is allowed.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Frozen {
    /// What people call it.
    #[schemars(length(min = 1))]
    name: String,
    /// A day (`2026-12-20`, from its first moment), a time in `zone` (`2026-12-20T18:00`), or a time with an offset.
    from: String,
    /// A day (to its last moment), a time in `zone`, or a time with an offset.
    to: String,
}

/// What a file of freezes holds.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct FreezeFile {
    freezes: Vec<Frozen>,
}

impl Config {
    /// The calendar that is meant.
    pub(crate) fn calendar(&self, host: &Host) -> Result<Calendar, Failure> {
        if self.allow.is_empty() && self.freezes.is_empty() && self.freeze_files.is_empty() {
            return Err(Failure::invalid_config(
                "nothing is said: give `allow`, `freezes` or `freeze_files`",
            ));
        }
        let zone = TimeZone::get(&self.zone).map_err(|_| {
            Failure::invalid_config(format!(
                "`zone`: `{}` is no IANA time zone; write one like `Europe/Berlin`, or `UTC`",
                self.zone
            ))
        })?;
        let windows = self.allow.iter().map(Allowed::window).collect::<Result<_, _>>()?;
        let mut freezes = Vec::new();
        for frozen in &self.freezes {
            freezes.push(frozen.freeze(&zone).map_err(Failure::invalid_config)?);
        }
        for path in &self.freeze_files {
            freezes.extend(read(path, &zone, host)?);
        }
        Ok(Calendar { zone, windows, freezes })
    }

    /// The reason that lets this run pass at a closed time, if it has one.
    pub(crate) fn reason(&self) -> Result<Option<&str>, Failure> {
        let Some(reason) = self.override_reason.as_deref().map(str::trim).filter(|reason| !reason.is_empty())
        else {
            return Ok(None);
        };
        if !self.override_reasons.iter().any(|known| known == reason) {
            let known = match self.override_reasons.join("`, `") {
                none if none.is_empty() => "this step allows none".to_owned(),
                known => format!("this step allows `{known}`"),
            };
            return Err(Failure::invalid_config(format!(
                "`override_reason`: `{reason}` is not known; {known}"
            )));
        }
        Ok(Some(reason))
    }
}

fn read(path: &str, zone: &TimeZone, host: &Host) -> Result<Vec<Freeze>, Failure> {
    let invalid =
        |why: String| Failure::invalid_input(format!("read `{path}`: {why}; the time was not judged"));
    let value = document::read(&host.files(), path, None)?;
    let file: FreezeFile = serde_json::from_value(value).map_err(|error| invalid(error.to_string()))?;
    file.freezes.iter().map(|frozen| frozen.freeze(zone).map_err(invalid)).collect()
}

impl Allowed {
    fn window(&self) -> Result<Window, Failure> {
        let time = |text: &str| {
            let invalid = || {
                Failure::new(
                    FailureKind::InvalidConfig,
                    format!("`allow`: `{text}` is no time of a day like `09:00`"),
                )
            };
            if text.len() != "09:00".len() {
                return Err(invalid());
            }
            text.parse::<Time>().map_err(|_| invalid())
        };
        let days = self.days.iter().map(|&day| day.weekday()).collect();
        let to = if self.to == "24:00" { Time::midnight() } else { time(&self.to)? };
        Ok(Window { days, from: time(&self.from)?, to })
    }
}

impl Day {
    fn weekday(self) -> Weekday {
        match self {
            Self::Mon => Weekday::Monday,
            Self::Tue => Weekday::Tuesday,
            Self::Wed => Weekday::Wednesday,
            Self::Thu => Weekday::Thursday,
            Self::Fri => Weekday::Friday,
            Self::Sat => Weekday::Saturday,
            Self::Sun => Weekday::Sunday,
        }
    }
}

impl Frozen {
    fn freeze(&self, zone: &TimeZone) -> Result<Freeze, String> {
        let place = |key: &str, text: &str| {
            format!("the freeze `{}`: `{key}` is `{text}`, which is no day or time", self.name)
        };
        let from = bound(&self.from, zone, false).ok_or_else(|| place("from", &self.from))?;
        let to = bound(&self.to, zone, true).ok_or_else(|| place("to", &self.to))?;
        if from >= to {
            return Err(format!("the freeze `{}` ends before it begins", self.name));
        }
        Ok(Freeze { name: self.name.clone(), from, to })
    }
}

/// A bound of a freeze as a moment. A day as an end is meant with all of it.
///
/// Where the wall clock leaves a time out or shows it twice, the freeze takes all that could be meant: it begins at
/// the earlier moment and ends at the later one.
fn bound(text: &str, zone: &TimeZone, is_end: bool) -> Option<Timestamp> {
    let text = text.trim();
    if let Ok(moment) = moment::parse(text) {
        return Some(moment);
    }
    let wall = if text.len() == "2026-12-20".len() {
        let day = text.parse::<Date>().ok()?;
        let day = if is_end { day.checked_add(1.day()).ok()? } else { day };
        day.to_datetime(Time::midnight())
    } else {
        text.parse::<DateTime>().ok()?
    };
    let ambiguous = zone.to_ambiguous_timestamp(wall);
    if is_end { ambiguous.later().ok() } else { ambiguous.earlier().ok() }
}
