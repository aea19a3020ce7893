//! A run as JUnit XML, in the dialect that GitLab, Jenkins and the usual GitHub actions read.
//!
//! ```text
//! run -----------> testsuite    ids and digests as properties, the summary as its output
//! step ----------> testcase     one for each combination of a matrix
//! a no ----------> failure      also one that the pipeline tolerates: what follows of it is the verdict's business
//! a failure -----> error        also a change that could not be taken back, and a step nobody knows the end of
//! not started ---> skipped      with the reason
//! retries -------> rerunFailure, rerunError; flakyFailure, flakyError if the step came to a yes in the end
//! ```
//!
//! There is no written standard; a test case has the elements of Maven Surefire, in its order. `quick-junit` writes much
//! the same, and would bring `chrono`, `uuid` and a second `quick-xml` along for it.
//!
//! Never here: control characters that XML forbids. All text went through [`text::clean`](crate::text::clean).

mod case;
#[cfg(test)]
mod tests;
mod write;

use std::io;

use runner_model::Plan;

use crate::{Granted, run::Run};

/// How much of the end of a step's log is shown. A thousand steps then stay within GitLab's 30 MB.
pub const LOG_TAIL: u64 = 16 * 1024;

/// The end of what a step's plugin wrote.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogTail {
    /// Whole lines.
    text: String,
    /// Bytes before them.
    left_out: u64,
}

impl LogTail {
    /// Of the last bytes of a log, with as many before them. The first line is dropped if it is not whole.
    #[must_use]
    pub fn of(bytes: &[u8], before: u64) -> Self {
        let cut = match bytes.iter().position(|byte| *byte == b'\n') {
            Some(end) if before > 0 => end + 1,
            Some(_) | None => 0,
        };
        let text = String::from_utf8_lossy(&bytes[cut..]).into_owned();
        Self { text, left_out: before + cut as u64 }
    }
}

/// A run as a JUnit document; `logs` are those of the steps, in the order of the plan. A step without one is still a case.
///
/// # Errors
///
/// None but what the writer of XML may find.
pub fn document<G: Granted>(plan: &Plan<G>, run: &Run, logs: &[LogTail]) -> io::Result<String> {
    let none = LogTail::default();
    let logs = logs.iter().chain(std::iter::repeat(&none));
    let steps = plan.steps.iter().zip(&run.steps).zip(logs);
    let cases: Vec<_> = steps.map(|((step, ran), log)| case::of(plan, step, ran, log)).collect();
    write::document(plan, run, &cases)
}
