//! Two measurements, and whether one is worse than the other.

use runner_plugin::Finding;

use crate::measurement::Measurement;

/// Two numbers that differ by less than this share are the same: 1.05 is 5 % more than 1, and not 5.000000000000004 %.
const SAME: f64 = 1e-9;

/// What is bad for one metric.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Rule<'c> {
    pub(crate) higher_is_better: bool,
    pub(crate) max_percent: f64,
    pub(crate) warn_percent: Option<f64>,
    /// How many deviations beyond `max_percent` count.
    pub(crate) noise: f64,
    pub(crate) max_deviation_percent: Option<f64>,
    /// Why it is not compared.
    pub(crate) ignore: Option<&'c str>,
}

/// How a metric has changed.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Comparison {
    pub(crate) name: String,
    /// By how many percent of the baseline it is worse; negative if it is better, infinite if the baseline is 0.
    pub(crate) percent: f64,
    judgement: Judgement,
    values: (f64, f64),
}

#[derive(Debug, Clone, PartialEq)]
enum Judgement {
    Fine,
    /// Worse than allowed, and by more than the noise.
    Regression {
        allowed: f64,
    },
    /// Worse than what people want to be told.
    Slightly {
        allowed: f64,
    },
    /// Worse than allowed, by no more than the noise.
    WithinNoise {
        allowed: f64,
        noise: f64,
    },
    /// The samples spread too far to say anything.
    Unclear {
        deviation: f64,
        allowed: f64,
    },
    Ignored {
        reason: String,
    },
}

/// Compares two measurements of one metric.
pub(crate) fn compare(name: &str, old: &Measurement, new: &Measurement, rule: &Rule<'_>) -> Comparison {
    let worse = if rule.higher_is_better { old.median - new.median } else { new.median - old.median };
    let percent = percent_of(worse, old.median);
    let deviation = [old, new].iter().filter_map(|side| side.deviation).fold(0.0, f64::max);
    let deviation = percent_of(deviation, old.median.max(new.median));
    let noise = rule.noise
        * percent_of([old, new].iter().filter_map(|side| side.deviation).fold(0.0, f64::max), old.median);
    let beyond = |limit: f64| percent - limit > SAME * 100.0;
    let unclear = rule.max_deviation_percent.filter(|limit| deviation > *limit);
    let judgement = match (rule.ignore, unclear) {
        (Some(reason), _) => Judgement::Ignored { reason: reason.to_owned() },
        (None, Some(allowed)) => Judgement::Unclear { deviation, allowed },
        (None, None) if beyond(rule.max_percent + noise) => {
            Judgement::Regression { allowed: rule.max_percent }
        }
        (None, None) if beyond(rule.max_percent) => {
            Judgement::WithinNoise { allowed: rule.max_percent, noise }
        }
        (None, None) => match rule.warn_percent.filter(|limit| beyond(*limit)) {
            Some(allowed) => Judgement::Slightly { allowed },
            None => Judgement::Fine,
        },
    };
    Comparison { name: name.to_owned(), percent, judgement, values: (old.median, new.median) }
}

/// `part` in percent of `whole`. Of nothing, something is infinitely much.
fn percent_of(part: f64, whole: f64) -> f64 {
    match (part, whole) {
        (0.0, _) => 0.0,
        (part, 0.0) => part.signum() * f64::INFINITY,
        (part, whole) => part / whole * 100.0,
    }
}

impl Comparison {
    pub(crate) fn is_regression(&self) -> bool {
        matches!(self.judgement, Judgement::Regression { .. })
    }

    pub(crate) fn is_unclear(&self) -> bool {
        matches!(self.judgement, Judgement::Unclear { .. })
    }

    pub(crate) fn is_ignored(&self) -> bool {
        matches!(self.judgement, Judgement::Ignored { .. })
    }

    /// In a summary.
    pub(crate) fn shown(&self) -> String {
        if self.percent > 0.0 {
            format!("worst `{}`: {}", self.name, self.change())
        } else {
            "none is worse".to_owned()
        }
    }

    fn change(&self) -> String {
        match self.percent {
            percent if percent.is_infinite() && percent > 0.0 => "worse than 0".to_owned(),
            percent if percent < 0.0 => format!("{} % better", rounded(-percent)),
            percent => format!("{} % worse", rounded(percent)),
        }
    }

    pub(crate) fn finding(&self) -> Option<Finding> {
        let (old, new) = self.values;
        let said = format!("`{}` is {} ({old}, now {new})", self.name, self.change());
        let name = &self.name;
        match &self.judgement {
            Judgement::Fine => None,
            Judgement::Regression { allowed } => {
                Some(Finding::error("regression", format!("{said}, more than {allowed} %")))
            }
            Judgement::Slightly { allowed } => {
                Some(Finding::warning("slightly-worse", format!("{said}, more than {allowed} %")))
            }
            Judgement::WithinNoise { allowed, noise } => Some(
                Finding::warning(
                    "within-noise",
                    format!("{said}, more than {allowed} % and within the noise of {} %", rounded(*noise)),
                )
                .help("take more samples, or `noise: 0` to count any difference"),
            ),
            Judgement::Unclear { deviation, allowed } => Some(
                Finding::warning(
                    "too-much-noise",
                    format!(
                        "the samples of `{name}` deviate by {} %, more than {allowed} %",
                        rounded(*deviation)
                    ),
                )
                .help("take more samples, on a machine with nothing else to do"),
            ),
            Judgement::Ignored { reason } => {
                Some(Finding::note("ignored-metric", format!("{said}, which is ignored: {reason}")))
            }
        }
    }
}

/// Two decimals are enough to read.
fn rounded(percent: f64) -> f64 {
    (percent * 100.0).round() / 100.0
}
