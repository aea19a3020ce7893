//! One scale of severities.

use std::fmt;

use cvss::Cvss;

/// How bad a vulnerability is, the worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Severity {
    Critical,
    High,
    Medium,
    Low,
    /// Nobody has said.
    Unknown,
}

impl Severity {
    pub(crate) const ALL: [Self; 5] = [Self::Critical, Self::High, Self::Medium, Self::Low, Self::Unknown];

    /// The severity of a word of a scanner. A word that is not known is a severity that is not known.
    pub(crate) fn of_word(word: &str) -> Self {
        match word.trim().to_ascii_lowercase().as_str() {
            "critical" => Self::Critical,
            "high" | "important" => Self::High,
            "medium" | "moderate" => Self::Medium,
            "low" | "minor" | "negligible" | "info" | "informational" | "none" => Self::Low,
            _ => Self::Unknown,
        }
    }

    /// The severity of a score from 0 to 10, by the scale of CVSS 3 and 4.
    pub(crate) fn of_score(score: f64) -> Self {
        match score {
            score if !(0.0..=10.0).contains(&score) => Self::Unknown,
            score if score >= 9.0 => Self::Critical,
            score if score >= 7.0 => Self::High,
            score if score >= 4.0 => Self::Medium,
            _ => Self::Low,
        }
    }

    /// The severity of a CVSS vector of version 2, 3 or 4. One that cannot be read says nothing.
    pub(crate) fn of_vector(vector: &str) -> Self {
        vector.trim().parse::<Cvss>().map_or(Self::Unknown, |cvss| Self::of_score(cvss.score()))
    }

    /// This one, or another if it is not known.
    pub(crate) fn or(self, other: impl FnOnce() -> Self) -> Self {
        if self == Self::Unknown { other() } else { self }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Critical => "critical",
            Self::High => "high",
            Self::Medium => "medium",
            Self::Low => "low",
            Self::Unknown => "unknown",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vector_has_the_severity_of_its_score() {
        let vectors = [
            "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H",
            "CVSS:3.0/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H",
            "CVSS:3.1/AV:N/AC:L/PR:N/UI:R/S:C/C:L/I:L/A:N",
            "CVSS:3.1/AV:L/AC:H/PR:H/UI:R/S:U/C:L/I:N/A:N",
            "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N",
            "AV:N/AC:L/Au:N/C:N/I:N/A:C",
            "CVSS:9.9/AV:N",
            "",
        ];
        use Severity::{Critical, High, Low, Medium, Unknown};
        assert_eq!(
            vectors.map(Severity::of_vector),
            [Critical, High, Medium, Low, Critical, High, Unknown, Unknown],
        );
    }

    #[test]
    fn each_class_of_scores_begins_where_the_standard_says() {
        use Severity::{Critical, High, Low, Medium, Unknown};
        assert_eq!(
            [0.0, 3.9, 4.0, 6.9, 7.0, 8.9, 9.0, 10.0, 10.1, -1.0, f64::NAN].map(Severity::of_score),
            [Low, Low, Medium, Medium, High, High, Critical, Critical, Unknown, Unknown, Unknown],
        );
    }

    #[test]
    fn words_of_all_scanners_are_understood_and_others_are_unknown() {
        use Severity::{High, Low, Medium, Unknown};
        assert_eq!(
            ["HIGH", "moderate", "Negligible", "info", "UNKNOWN", "", "severe"].map(Severity::of_word),
            [High, Medium, Low, Low, Unknown, Unknown, Unknown],
        );
    }
}
