//! Where lines come from: files, or a container.

use std::time::Duration;

use runner_plugin::host::{ContainerFacts, ContainerOutput, LogRange};
use runner_plugin::text::counted;
use runner_plugin::{Failure, Finding, Host};

use crate::Config;
use crate::lines;
use crate::scan::Scan;
use crate::time::{Beginning, Since};

/// Longest line that the engine's host passes on; what is longer is cut off.
const LONGEST: usize = 64 * 1024;

/// Where lines come from.
pub(crate) enum Source<'c> {
    /// Files below the pipeline's directory.
    Files { patterns: &'c [String], last: Option<u32>, since: Option<Since<'c>> },
    /// What a container wrote.
    Container { name: &'c str, range: LogRange, since: Option<Beginning> },
}

/// What was looked at.
pub(crate) struct Seen {
    /// For people: `2 logs`, `` `web` ``.
    pub(crate) name: String,
    /// How many files, if any.
    pub(crate) files: Option<usize>,
    /// What could not be looked at.
    pub(crate) gaps: Gaps,
}

/// What could not be looked at.
#[derive(Debug, Default)]
pub(crate) struct Gaps {
    /// Whether earlier lines are missing.
    truncated: bool,
    /// Lines of which only the beginning is there.
    cut: usize,
}

impl<'c> Source<'c> {
    /// Understands where the lines are, and refuses keys that are for the other place.
    pub(crate) fn new(config: &'c Config, host: &Host) -> Result<Self, Failure> {
        let since = config.since.as_ref().map(|since| since.read(host)).transpose()?;
        let last = match (config.last_lines, config.tail) {
            (Some(_), Some(_)) => {
                return Err(Failure::invalid_config(
                    "`last_lines` and `tail` are the same: give one of them",
                ));
            }
            (last, tail) => last.or(tail),
        };
        match (&config.container, config.files.as_slice()) {
            (None, []) => Err(Failure::invalid_config("nothing is looked at: give `files` or `container`")),
            (Some(_), [_, ..]) => {
                Err(Failure::invalid_config("give either `files` or `container`; two steps look at both"))
            }
            (None, patterns) => {
                only_for("a container; files have at most 16 MiB", "max_size", config.max_size.is_some())?;
                let offset = config.assume_offset.as_deref();
                let since = match since {
                    Some(Beginning::Moment(from)) => Some(Since::new(from, offset)?),
                    Some(Beginning::Start) => {
                        return Err(Failure::invalid_config("`since: start` is for a container"));
                    }
                    None => None,
                };
                Ok(Self::Files { patterns, last, since })
            }
            (Some(name), []) => {
                let engine = "files; the engine knows when a container wrote a line";
                only_for(engine, "assume_offset", config.assume_offset.is_some())?;
                let max_bytes = match config.max_size.map(|size| u32::try_from(size.bytes())) {
                    None => None,
                    Some(Ok(bytes @ 1..)) => Some(bytes),
                    Some(Ok(0) | Err(_)) => {
                        return Err(Failure::invalid_config("`max_size` is not between 1 B and 4 GiB"));
                    }
                };
                let range = LogRange { tail: last, since: None, max_bytes };
                Ok(Self::Container { name, range, since })
            }
        }
    }

    /// Looks at all lines.
    pub(crate) fn read(&self, scan: &mut Scan, host: &Host) -> Result<Seen, Failure> {
        match self {
            Self::Files { patterns, last, since } => {
                let paths = host.files().find(patterns)?;
                for path in &paths {
                    let bytes = lines::narrowed(host.files().read(path)?);
                    scan.file(path, lines::lines(&bytes, *last), since.as_ref())?;
                }
                let name = counted(paths.len(), "log", "logs");
                Ok(Seen { name, files: Some(paths.len()), gaps: Gaps::default() })
            }
            Self::Container { name, range, since } => {
                let ContainerOutput { lines, truncated } = of_container(name, *range, *since, host)?;
                scan.container(&lines);
                // What replaces a sign that is not UTF-8 is longer than it was, and a cut is made between signs.
                let cut = lines.iter().filter(|line| line.text.len() + 4 > LONGEST).count();
                Ok(Seen { name: format!("`{name}`"), files: None, gaps: Gaps { truncated, cut } })
            }
        }
    }
}

fn only_for(place: &str, key: &str, given: bool) -> Result<(), Failure> {
    if given { Err(Failure::invalid_config(format!("`{key}` is only for {place}"))) } else { Ok(()) }
}

fn of_container(
    name: &str,
    range: LogRange,
    since: Option<Beginning>,
    host: &Host,
) -> Result<ContainerOutput, Failure> {
    let nothing = "no line was looked at";
    let Some(container) = host.docker().find_container(name)? else {
        return Err(Failure::unavailable(format!("there is no container `{name}` for this step; {nothing}")));
    };
    let since = match since {
        None => None,
        Some(Beginning::Moment(moment)) => {
            // Before 1970 is before every line.
            Some(Duration::from_millis(u64::try_from(moment.as_millisecond()).unwrap_or(0)))
        }
        Some(Beginning::Start) => {
            let facts = container.inspect()?;
            if facts.started_at.is_none() {
                return Err(Failure::unavailable(format!("container `{name}` was never started; {nothing}")));
            }
            before_start(&facts)
        }
    };
    Ok(container.logs(LogRange { since, ..range })?)
}

/// A moment between the run before and this one, or `None` for all lines.
///
/// The engine notes that a container was started when it already runs: the first lines may be older. So it is the end of
/// the run before that counts. Of a container that has ended, only its last end is known; then all lines are looked at.
fn before_start(facts: &ContainerFacts) -> Option<Duration> {
    facts.finished_at.filter(|finished| Some(*finished) < facts.started_at)
}

impl Gaps {
    /// Whether everything was seen.
    pub(crate) fn is_none(&self) -> bool {
        !self.truncated && self.cut == 0
    }

    /// What is missing, for people.
    pub(crate) fn findings(&self) -> Vec<Finding> {
        let truncated = self.truncated.then(|| {
            Finding::warning(
                "truncated-log",
                "earlier lines are missing: the log is longer than what may be read of it",
            )
            .help("ask for less with `tail` or `since`, or for more with `max_size`")
        });
        let cut = (self.cut > 0).then(|| {
            let lines = counted(self.cut, "line is", "lines are");
            Finding::warning("cut-line", format!("{lines} longer than 64 KiB, and cut off there"))
                .help("a line this long is rarely meant for a log")
        });
        truncated.into_iter().chain(cut).collect()
    }
}
