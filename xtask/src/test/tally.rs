//! What cargo's tests have said, added up.

use std::ops::AddAssign;

/// How many tests there were.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) passed: usize,
    pub(crate) failed: usize,
    /// Not run, whoever decided it: `#[ignore]`, a filter, or a part that is missing on this machine.
    pub(crate) skipped: usize,
}

impl Tally {
    /// Reads one line of output. Only the last line of each test binary counts:
    /// `test result: ok. 5 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.01s`.
    pub(crate) fn read(&mut self, line: &str) {
        let Some((_, result)) = line.split_once("test result: ") else { return };
        for part in result.split(';') {
            let mut words = part.split_whitespace().rev();
            match (words.next(), words.next(), words.next()) {
                (Some("passed"), Some(number), _) => self.passed += parsed(number),
                (Some("failed"), Some(number), _) => self.failed += parsed(number),
                (Some("ignored"), Some(number), _) | (Some("out"), Some("filtered"), Some(number)) => {
                    self.skipped += parsed(number);
                }
                _ => {}
            }
        }
    }
}

fn parsed(number: &str) -> usize {
    number.parse().unwrap_or(0)
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(output: &str) -> Tally {
        let mut tally = Tally::default();
        output.lines().for_each(|line| tally.read(line));
        tally
    }

    #[test]
    fn all_binaries_are_added_up() {
        let output = "\
running 2 tests
test a ... ok
test b ... ignored

test result: ok. 1 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s

running 3 tests
test result: FAILED. 30 passed; 2 failed; 0 ignored; 0 measured; 4 filtered out; finished in 1.01s
";
        assert_eq!(tally(output), Tally { passed: 31, failed: 2, skipped: 5 });
    }

    #[test]
    fn colours_do_not_matter() {
        let output =
            "test result: \u{1b}[32mok\u{1b}[m. 12 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out";

        assert_eq!(tally(output), Tally { passed: 12, failed: 0, skipped: 0 });
    }

    #[test]
    fn only_results_count() {
        let output = "test says_5_passed ... ok\n5 passed; 2 failed\nassertion failed\ntest result of mine: 3 passed\n";

        assert_eq!(tally(output), Tally::default());
    }
}
