//! The project's test suites, as far as a deployment sees them: they take a moment, some test may fail, and a JUnit report
//! is written. What fails stands in the release.

use std::fmt::Write as _;

/// A suite.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Suite {
    CgmpFix,
    CgmpSim,
    CgmpCov,
    CgmpOracle,
    Unit,
    Integration,
    ApiSmoke,
}

/// How a suite went.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    suite: &'static str,
    /// Each test, and whether it passed.
    tests: Vec<(&'static str, bool)>,
}

impl Suite {
    const ALL: [Self; 7] = [
        Self::CgmpFix,
        Self::CgmpSim,
        Self::CgmpCov,
        Self::CgmpOracle,
        Self::Unit,
        Self::Integration,
        Self::ApiSmoke,
    ];

    pub(crate) fn parse(name: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|suite| suite.name() == name).ok_or_else(|| {
            let [first @ .., last] = Self::ALL.map(Self::name);
            format!("unknown suite `{name}`: {} or {last}", first.join(", "))
        })
    }

    fn name(self) -> &'static str {
        match self {
            Self::CgmpFix => "cgmp-fix",
            Self::CgmpSim => "cgmp-sim",
            Self::CgmpCov => "cgmp-cov",
            Self::CgmpOracle => "cgmp-oracle",
            Self::Unit => "unit",
            Self::Integration => "integration",
            Self::ApiSmoke => "api_smoke",
        }
    }

    fn tests(self) -> &'static [&'static str] {
        match self {
            Self::CgmpFix => &["governance_is_enforced", "memory_is_append_only"],
            Self::CgmpSim => &["replay_is_deterministic"],
            Self::CgmpCov => &["every_branch_is_reached"],
            Self::CgmpOracle => &["answers_match_the_oracle"],
            Self::Unit => &["packet_is_parsed", "packet_without_content_is_refused", "key_is_compared"],
            Self::Integration => &["packet_is_stored_once", "store_survives_a_restart"],
            Self::ApiSmoke => &["health", "memory_packet"],
        }
    }

    /// Runs it; the tests named in `failing` fail.
    pub(crate) fn run(self, failing: &[String]) -> Outcome {
        let suite = self.name();
        let passes = |test: &str| !failing.iter().any(|name| *name == format!("{suite}::{test}"));
        Outcome { suite, tests: self.tests().iter().map(|&test| (test, passes(test))).collect() }
    }
}

impl Outcome {
    pub(crate) fn failures(&self) -> usize {
        self.tests.iter().filter(|(_, passed)| !passed).count()
    }

    /// As pytest would show it.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        for (test, passed) in &self.tests {
            let word = if *passed { "PASSED" } else { "FAILED" };
            let _ = writeln!(text, "tests/{}::{test} {word}", self.suite);
        }
        let failed = self.failures();
        let _ = write!(text, "{} passed, {failed} failed", self.tests.len() - failed);
        text
    }

    /// As a JUnit report. No name in it needs escaping.
    pub(crate) fn junit(&self) -> String {
        let mut cases = String::new();
        for (test, passed) in &self.tests {
            let inside = if *passed { "" } else { "<failure message=\"assert False\"/>" };
            let _ = writeln!(
                cases,
                "    <testcase classname=\"tests.{}\" name=\"{test}\" time=\"0.001\">{inside}</testcase>",
                self.suite
            );
        }
        format!(
            "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<testsuites>\n  <testsuite name=\"{}\" tests=\"{}\" \
             failures=\"{}\" errors=\"0\" skipped=\"0\">\n{cases}  </testsuite>\n</testsuites>\n",
            self.suite,
            self.tests.len(),
            self.failures(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_suite_passes_unless_the_release_says_otherwise() {
        let good = Suite::Integration.run(&["unit::packet_is_stored_once".to_owned()]);
        let bad = Suite::Integration.run(&["integration::packet_is_stored_once".to_owned()]);

        assert_eq!((good.failures(), bad.failures()), (0, 1));
        assert_eq!(
            bad.text(),
            "tests/integration::packet_is_stored_once FAILED\n\
             tests/integration::store_survives_a_restart PASSED\n\
             1 passed, 1 failed"
        );
    }

    #[test]
    fn a_report_says_the_same() {
        assert_eq!(
            Suite::CgmpSim.run(&["cgmp-sim::replay_is_deterministic".to_owned()]).junit(),
            "<?xml version=\"1.0\" encoding=\"utf-8\"?>
<testsuites>
  <testsuite name=\"cgmp-sim\" tests=\"1\" failures=\"1\" errors=\"0\" skipped=\"0\">
    <testcase classname=\"tests.cgmp-sim\" name=\"replay_is_deterministic\" time=\"0.001\"><failure message=\"assert False\"/></testcase>
  </testsuite>
</testsuites>
"
        );
    }

    #[test]
    fn every_suite_is_known_by_its_name() {
        assert_eq!(Suite::ALL.map(|suite| Suite::parse(suite.name())), Suite::ALL.map(Ok));
    }
}
