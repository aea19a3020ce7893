//! Gate: a changelog tells of the version that is released, as [Keep a Changelog] has it.
//!
//! `sections` turns Markdown into sections; the checks here compare them. Both are pure but for one look at the
//! clock, which knows what day it is.
//!
//! [Keep a Changelog]: https://keepachangelog.com

mod sections;

use jiff::civil::Date;
use jiff::tz::Offset;
use runner_evidence::moment;
use runner_plugin::text::{counted, shortened};
use runner_plugin::{Evaluation, Failure, FailureKind, Finding, Findings, Gate, Host, Request, Severity};
use schemars::JsonSchema;
use semver::Version;
use serde::Deserialize;

use sections::{Dated, Section, Title};

/// Longest changelog that is read. The reading takes a multiple of it in memory.
const LONGEST: u64 = 2 * 1024 * 1024;

/// Which changelog, and what it must tell.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The changelog.
    #[serde(default = "changelog")]
    file: String,
    /// The version that is released; a `v` before it does no harm. Without it: the first one in the file.
    version: Option<String>,
    /// Whether there may be changes under `Unreleased`.
    #[serde(default)]
    allow_unreleased: bool,
    /// Whether the version needs a date.
    #[serde(default = "yes")]
    require_date: bool,
    /// Whether the heading of the version must be a link.
    #[serde(default = "yes")]
    require_link: bool,
    /// Names of the sections that a version may have.
    #[serde(default = "groups")]
    sections: Vec<String>,
}

fn changelog() -> String {
    "CHANGELOG.md".to_owned()
}

fn yes() -> bool {
    true
}

fn groups() -> Vec<String> {
    ["Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"].map(str::to_owned).to_vec()
}

/// The gate.
#[derive(Debug)]
pub struct Changelog;

impl Gate for Changelog {
    type Config = Config;
    const OUTPUTS: &'static [&'static str] = &["version", "date", "items"];

    fn evaluate(config: Config, _: &Request, host: &Host) -> Result<Evaluation, Failure> {
        let wanted = config.wanted()?;
        let text = read(&config.file, host)?;
        let now = moment::of_clock(host.clock().now())?;
        // It is this day somewhere already: fourteen hours ahead, on the first islands to see it.
        let today = Offset::constant(14).to_datetime(now).date();
        let sections = sections::sections(&text);
        let released = match &wanted {
            Some(wanted) => sections.iter().find(|section| section.version() == Some(wanted)),
            None => sections.iter().find(|section| section.version().is_some()),
        };
        let mut findings = Findings::new();
        findings.extend(order(&sections));
        findings.extend(sections.iter().flat_map(|section| section.dates(today)));
        findings.extend(sections.iter().filter_map(Section::unknown));
        if !config.allow_unreleased {
            findings.extend(sections.iter().filter_map(Section::leftovers));
        }
        match released {
            Some(section) => findings.extend(released_findings(&config, section)),
            None => findings.push(missing(wanted.as_ref(), &sections)),
        }
        let in_file = |finding: Finding| finding.in_file(&config.file);
        let problems = findings.count_of(Severity::Error) + findings.count_of(Severity::Warning);
        let summary = match (problems, released) {
            (0, Some(section)) => section.summary(),
            (number, _) => format!("{} in `{}`", counted(number, "problem", "problems"), config.file),
        };
        let findings = findings.into_vec().into_iter().map(in_file).collect();
        let evaluation = Evaluation::judge(findings, summary);
        Ok(match released {
            Some(section) => section.outputs(evaluation),
            None => evaluation,
        })
    }
}

impl Config {
    fn wanted(&self) -> Result<Option<Version>, Failure> {
        let Some(text) = &self.version else { return Ok(None) };
        let bare = text.trim();
        Version::parse(bare.strip_prefix('v').unwrap_or(bare)).map(Some).map_err(|error| {
            Failure::invalid_config(format!(
                "`version`: `{}` is no semantic version: {error}",
                shortened(text)
            ))
        })
    }
}

fn read(path: &str, host: &Host) -> Result<String, Failure> {
    let text = host.files().read_to_string(path)?;
    if text.len() as u64 > LONGEST {
        return Err(Failure::new(
            FailureKind::BudgetExceeded,
            format!("read `{path}`: the changelog is longer than 2 MiB; nothing was judged"),
        ));
    }
    Ok(text)
}

/// The version that is released must be there with all that belongs to it.
fn released_findings(config: &Config, section: &Section) -> Vec<Finding> {
    let Title::Version { version, date, yanked } = &section.title else { return Vec::new() };
    let error = |rule: &str, message: String| Finding::error(rule, message).at_line(section.line);
    let mut findings = Vec::new();
    if config.require_date && *date == Dated::Never {
        let help = format!("write `## [{version}] - 2026-03-01` with the day of the release");
        findings.push(error("missing-date", format!("{version} has no date")).help(help));
    }
    if *yanked {
        findings.push(error("yanked", format!("{version} is marked as yanked")));
    }
    if section.items == 0 {
        let help = "say what changes for those who use it";
        findings.push(error("empty-section", format!("nothing stands under {version}")).help(help));
    }
    if config.require_link && !section.linked {
        let help = format!("write `[{version}]`, and at the bottom `[{version}]: https://…`");
        findings.push(error("missing-link", format!("the heading of {version} is no link")).help(help));
    }
    for group in &section.groups {
        let warning = |rule: &str, message: String| Finding::warning(rule, message).at_line(group.line);
        if !config.sections.contains(&group.name) {
            let message = format!("`{}` is no section that a version may have", shortened(&group.name));
            findings.push(warning("unknown-section", message).help(config.sections.join(", ")));
        }
        if group.items == 0 {
            let message = format!("nothing stands under `{}`", shortened(&group.name));
            findings.push(warning("empty-section", message).help("take the heading out"));
        }
    }
    findings
}

fn missing(wanted: Option<&Version>, sections: &[Section]) -> Finding {
    let newest = sections.iter().find_map(Section::version);
    let (message, help) = match (wanted, newest) {
        (Some(wanted), Some(newest)) => (
            format!("there is no section for {wanted}; the first one is {newest}"),
            format!("add `## [{wanted}] - …`"),
        ),
        (Some(wanted), None) => (
            format!("there is no section for {wanted}, nor for any version"),
            format!("add `## [{wanted}] - …`"),
        ),
        (None, _) => ("there is no section for any version".to_owned(), "add `## [1.0.0] - …`".to_owned()),
    };
    Finding::error("missing-version", message).help(help)
}

/// Versions stand once each, the newest first; so do their dates.
fn order(sections: &[Section]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let versions: Vec<(&Section, &Version)> =
        sections.iter().filter_map(|section| Some((section, section.version()?))).collect();
    for pair in versions.windows(2) {
        let [(above, newer), (section, version)] = pair else { continue };
        let at = |finding: Finding| finding.at_line(section.line);
        if version == newer {
            findings.push(at(Finding::error(
                "duplicate-version",
                format!("{version} stands here a second time"),
            )));
        } else if version > newer {
            let message = format!("{version} stands below {newer}, which is older");
            findings
                .push(at(Finding::error("not-descending", message).help("the newest version stands first")));
        }
        if let (Some(later), Some(date)) = (above.date(), section.date())
            && date > later
        {
            let message = format!("{version} is of {date}, and {newer} above it of {later}");
            findings.push(at(Finding::warning("dates-not-descending", message)));
        }
    }
    findings
}

impl Section {
    fn version(&self) -> Option<&Version> {
        match &self.title {
            Title::Version { version, .. } => Some(version),
            Title::Unreleased | Title::Other(_) => None,
        }
    }

    fn date(&self) -> Option<Date> {
        match &self.title {
            Title::Version { date: Dated::On(date), .. } => Some(*date),
            Title::Version { date: Dated::Never | Dated::Unreadable(_), .. }
            | Title::Unreleased
            | Title::Other(_) => None,
        }
    }

    fn dates(&self, today: Date) -> Option<Finding> {
        let Title::Version { version, date, .. } = &self.title else { return None };
        let error = |rule: &str, message: String| Finding::error(rule, message).at_line(self.line);
        match date {
            Dated::Never => None,
            Dated::On(date) if *date > today => {
                Some(error("future-date", format!("{version} is of {date}, which is in the future")))
            }
            Dated::On(_) => None,
            Dated::Unreadable(text) => Some(
                error("invalid-date", format!("{version} is of `{}`, which is no date", shortened(text)))
                    .help("write it as 2026-03-01"),
            ),
        }
    }

    fn unknown(&self) -> Option<Finding> {
        match &self.title {
            Title::Other(title) => Some(
                Finding::warning("unknown-heading", format!("`{}` is no version", shortened(title)))
                    .at_line(self.line)
                    .help("headings of the second level are versions, like `## [1.2.3] - 2026-03-01`"),
            ),
            Title::Unreleased | Title::Version { .. } => None,
        }
    }

    fn leftovers(&self) -> Option<Finding> {
        let left = matches!(self.title, Title::Unreleased) && self.items > 0;
        left.then(|| {
            let items = counted(self.items, "change", "changes");
            Finding::error("unreleased-items", format!("{items} under `Unreleased`"))
                .at_line(self.line)
                .help("move them under the version that is released; `allow_unreleased: true` lets them be")
        })
    }

    fn summary(&self) -> String {
        let (version, date) = (self.version().map(ToString::to_string).unwrap_or_default(), self.date());
        let of = date.map(|date| format!(" of {date}")).unwrap_or_default();
        format!("{version}{of}: {}", counted(self.items, "change", "changes"))
    }

    fn outputs(&self, evaluation: Evaluation) -> Evaluation {
        evaluation
            .output("version", self.version().map(ToString::to_string))
            .output("date", self.date().map(|date| date.to_string()))
            .output("items", self.items)
    }
}

runner_plugin::export_gate!(Changelog);

#[cfg(test)]
mod tests;
