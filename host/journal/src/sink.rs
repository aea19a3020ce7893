//! Who looks on.

use runner_model::{Plan, StepId};

use crate::Record;

/// Something worth showing that nobody needs to understand the run: dropped when nobody keeps up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// A plugin wrote a line (already cleaned and with secrets replaced).
    Log {
        /// Which step.
        step: StepId,
        /// `debug`, `info`, `warn` or `error`.
        level: &'static str,
        /// The line.
        line: String,
    },
    /// A polled step was measured.
    Measured {
        /// Which step.
        step: StepId,
        /// How often so far.
        count: u32,
        /// What came back, in one line.
        summary: String,
    },
}

/// Somebody who is shown what happens: the terminal, JSON lines on stdout. A sink only reads: nothing it does or
/// fails to do changes the run.
pub trait Sink: Send {
    /// The run begins, or is taken up again after `past` entries.
    fn plan(&mut self, plan: &Plan, past: &[Record]);

    /// An entry is on disk.
    fn record(&mut self, record: &Record);

    /// Something happened that will not be kept.
    fn progress(&mut self, progress: &Progress);
}
