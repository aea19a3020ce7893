//! Bands without gaps and overlaps.

use runner_plugin::{Decision, Failure, Severity};
use schemars::JsonSchema;
use serde::Deserialize;

/// From the smallest to the largest score, both included.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Scale {
    /// The smallest score.
    pub(crate) from: f64,
    /// The largest score.
    pub(crate) to: f64,
}

impl Default for Scale {
    fn default() -> Self {
        Self { from: 0.0, to: 100.0 }
    }
}

impl Scale {
    /// Refuses a score that is not on the scale: nobody has said what it would mean.
    pub(crate) fn check(&self, name: &str, score: f64) -> Result<(), Failure> {
        if (self.from..=self.to).contains(&score) {
            return Ok(());
        }
        let Self { from, to } = self;
        Err(Failure::invalid_input(format!(
            "`{name}` is {score}, which is not on the scale from {from} to {to}"
        )))
    }
}

/// What the scores from `at_least` on, and below `below`, mean.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Band {
    /// What people call it.
    #[schemars(length(min = 1))]
    pub(crate) label: String,
    /// What it means for the run.
    pub(crate) means: Means,
    /// The smallest score of the band. Without it: the smallest of the scale.
    pub(crate) at_least: Option<f64>,
    /// The smallest score above the band. Without it: the band holds all up to the largest of the scale.
    pub(crate) below: Option<f64>,
}

/// What a band means for the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Means {
    /// Go on.
    Pass,
    /// Go on, and tell people.
    Warn,
    /// Stop.
    Fail,
    /// Nothing can be said.
    Inconclusive,
}

impl Means {
    /// How serious a score of this band is.
    pub(crate) fn severity(self) -> Option<Severity> {
        match self {
            Self::Pass => None,
            Self::Warn | Self::Inconclusive => Some(Severity::Warning),
            Self::Fail => Some(Severity::Error),
        }
    }
}

impl From<Means> for Decision {
    fn from(means: Means) -> Self {
        match means {
            Means::Pass => Self::Pass,
            Means::Warn => Self::Warn,
            Means::Fail => Self::Fail,
            Means::Inconclusive => Self::Inconclusive,
        }
    }
}

impl Band {
    pub(crate) fn range(&self, scale: &Scale) -> String {
        let from = self.at_least.unwrap_or(scale.from);
        match self.below {
            Some(below) => format!("from {from}, below {below}"),
            None => format!("from {from} to {}", scale.to),
        }
    }
}

/// The bands in the order of the scale, or why they are none.
pub(crate) fn check<'b>(bands: &'b [Band], scale: &Scale) -> Result<Vec<&'b Band>, Failure> {
    let refused = |problem: String| Err(Failure::invalid_config(format!("`bands`: {problem}")));
    let Scale { from, to } = *scale;
    if from >= to {
        return Err(Failure::invalid_config(format!("`scale`: {from} is not smaller than {to}")));
    }
    let mut sorted: Vec<&Band> = bands.iter().collect();
    sorted.sort_by(|one, other| one.at_least.unwrap_or(from).total_cmp(&other.at_least.unwrap_or(from)));
    // How far the scale is covered, and by which band; `None` once it is covered to its end.
    let mut covered: (Option<f64>, Option<&Band>) = (Some(from), None);
    for band in &sorted {
        let begin = band.at_least.unwrap_or(from);
        if begin < from || begin > to || band.below.is_some_and(|below| below <= begin || below > to) {
            return refused(format!("`{}` ({}) does not lie on the scale", band.label, band.range(scale)));
        }
        match covered {
            (Some(end), _) if begin > end => {
                return refused(format!("no band holds the scores from {end}, below {begin}"));
            }
            (Some(end), _) if begin == end => {}
            (end, before) => {
                let before = before.map_or("", |before| before.label.as_str());
                let up_to = match (end, band.below) {
                    (Some(end), Some(below)) => format!(", below {}", end.min(below)),
                    (Some(end), None) => format!(", below {end}"),
                    (None, Some(below)) => format!(", below {below}"),
                    (None, None) => String::new(),
                };
                return refused(format!(
                    "`{before}` and `{}` both hold the scores from {begin}{up_to}",
                    band.label
                ));
            }
        }
        covered = (band.below, Some(band));
    }
    match covered.0 {
        Some(end) if end == to => {
            refused(format!("no band holds the score {to} itself; leave out `below: {to}`"))
        }
        Some(end) => refused(format!("no band holds the scores from {end} to {to}")),
        None => Ok(sorted),
    }
}

/// The band of a score that is on the scale.
pub(crate) fn of<'b>(sorted: &[&'b Band], score: f64) -> &'b Band {
    let found = sorted.iter().find(|band| band.below.is_none_or(|below| score < below));
    found.copied().unwrap_or_else(|| unreachable!("the last band has no end"))
}
