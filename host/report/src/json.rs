//! A live run for programs: one [`Record`] per line, as it stands in the journal.

use std::io::Write;

use runner_journal::{Progress, Record, Sink};
use runner_model::Plan;

/// Writes every record of a run as one line of JSON. What a run that is resumed has behind it is written first, so that
/// a reader always sees the whole journal. Progress is not written: it is not kept either.
///
/// After the first write that fails nothing more is written: a reader that went away never stops a run.
#[derive(Debug)]
pub struct Lines<W> {
    writer: Option<W>,
}

impl<W: Write> Lines<W> {
    /// Lines to `writer`, flushed one by one.
    pub fn new(writer: W) -> Self {
        Self { writer: Some(writer) }
    }

    fn write(&mut self, record: &Record) {
        let Some(writer) = &mut self.writer else { return };
        let written = serde_json::to_string(record)
            .map_err(std::io::Error::from)
            .and_then(|line| writeln!(writer, "{line}"))
            .and_then(|()| writer.flush());
        if written.is_err() {
            self.writer = None;
        }
    }
}

impl<W: Write + Send> Sink for Lines<W> {
    fn plan(&mut self, _plan: &Plan, past: &[Record]) {
        for record in past {
            self.write(record);
        }
    }

    fn record(&mut self, record: &Record) {
        self.write(record);
    }

    fn progress(&mut self, _progress: &Progress) {}
}

#[cfg(test)]
mod tests {
    use std::io::{self, Write};

    use runner_journal::{Entry, Record, Sink as _, testing};
    use runner_model::StepId;

    use super::Lines;

    fn record(seq: u64) -> Record {
        Record { seq, v: 1, at_ms: 7, entry: Entry::StepStarted { step: StepId::new("a\n"), attempt: 1 } }
    }

    #[test]
    fn every_record_is_one_line_the_past_first() {
        let mut written = Vec::new();
        let mut lines = Lines::new(&mut written);
        lines.plan(&testing::plan([testing::gate("a")]), &[record(1)]);
        lines.record(&record(2));
        assert_eq!(
            String::from_utf8(written).unwrap(),
            "{\"seq\":1,\"v\":1,\"at_ms\":7,\"type\":\"step-started\",\"step\":\"a\\n\",\"attempt\":1}\n\
             {\"seq\":2,\"v\":1,\"at_ms\":7,\"type\":\"step-started\",\"step\":\"a\\n\",\"attempt\":1}\n"
        );
    }

    struct Closing(usize);

    impl Write for Closing {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 = self.0.checked_sub(bytes.len()).ok_or(io::ErrorKind::BrokenPipe)?;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_reader_that_went_away_is_left_alone() {
        let mut lines = Lines::new(Closing(100));
        lines.record(&record(1));
        assert!(lines.writer.is_some());
        lines.record(&record(2));
        lines.record(&record(3));
        assert!(lines.writer.is_none());
    }
}
