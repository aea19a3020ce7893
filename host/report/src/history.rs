//! `history`: the runs of a directory, one line each.

use runner_journal::{Entry, Record};
use runner_model::{Cause, RunId, Verdict, World};
use serde::Serialize;

use crate::{
    Style,
    text::{self, TimeZone, clean, elapsed, list, moment, plural},
};

/// One run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Line {
    /// Its id.
    pub run: RunId,
    /// `name` of its pipeline.
    pub pipeline: String,
    /// When it began: milliseconds since 1970.
    pub started_ms: u64,
    /// From its first record to its last.
    pub elapsed_ms: u64,
    /// `running`, `interrupted`, or the status of the verdict.
    pub status: &'static str,
    /// How it ended, once that is known.
    pub verdict: Option<Verdict>,
}

impl Line {
    /// The line of the run with these records; `live` says whether a process carries it out now. `None` if the first
    /// record is not the beginning of a run.
    #[must_use]
    pub fn of(records: &[Record], live: bool) -> Option<Self> {
        let (first, last) = (records.first()?, records.last()?);
        let Entry::RunStarted { run, pipeline, .. } = &first.entry else { return None };
        let mut verdict = None;
        let mut finished = false;
        for record in records {
            match &record.entry {
                Entry::RunDecided { verdict: decided } => verdict = Some(decided.clone()),
                Entry::RunFinished { verdict: decided } => {
                    verdict = Some(decided.clone());
                    finished = true;
                }
                Entry::RunResumed { .. } => {
                    verdict = None;
                    finished = false;
                }
                Entry::RunStarted { .. }
                | Entry::StepStarted { .. }
                | Entry::StepCaptured { .. }
                | Entry::StepEnded { .. }
                | Entry::StepSkipped { .. }
                | Entry::ApprovalRequested { .. }
                | Entry::ApprovalAnswered { .. }
                | Entry::CapabilityDenied { .. }
                | Entry::GrantsUsed { .. }
                | Entry::CancelRequested { .. }
                | Entry::UnwindStarted { .. }
                | Entry::UndoStarted { .. }
                | Entry::UndoSucceeded { .. }
                | Entry::UndoFailed { .. } => {}
            }
        }
        let status = match (&verdict, finished, live) {
            (Some(verdict), true, _) => verdict.status(),
            (_, false, true) => "running",
            (_, false, false) | (None, true, _) => "interrupted",
        };
        Some(Self {
            run: *run,
            pipeline: pipeline.clone(),
            started_ms: first.at_ms,
            elapsed_ms: last.at_ms.saturating_sub(first.at_ms),
            status,
            verdict,
        })
    }
}

/// The runs as a table, in the order given.
#[must_use]
pub fn table(lines: &[Line], style: &Style, zone: &TimeZone) -> String {
    if lines.is_empty() {
        return "no runs\n".to_owned();
    }
    let rows: Vec<Vec<String>> = lines
        .iter()
        .map(|line| {
            vec![
                line.run.to_string(),
                clean(&line.pipeline).into_owned(),
                moment(line.started_ms, zone),
                elapsed(line.elapsed_ms),
                verdict(line),
            ]
        })
        .collect();
    text::table(&["run", "pipeline", "began", "took", "verdict"], &rows, style)
}

fn verdict(line: &Line) -> String {
    let Some(verdict) = &line.verdict else {
        return if line.status == "interrupted" {
            format!("interrupted; `runner resume {}` goes on", line.run)
        } else {
            line.status.to_owned()
        };
    };
    let by = match (&verdict.world, &verdict.cause) {
        (World::Unchanged | World::Changed { .. } | World::Restored { .. }, Cause::Rejected { step }) => {
            format!(" by {}", list([step.as_str()]))
        }
        (
            World::Unchanged | World::Changed { .. } | World::Restored { .. },
            Cause::Failed { step } | Cause::Unobserved { step },
        ) => {
            format!(" at {}", list([step.as_str()]))
        }
        (World::Stuck { .. }, _) | (_, Cause::Succeeded | Cause::Cancelled) => String::new(),
    };
    let world = match &verdict.world {
        World::Unchanged => String::new(),
        World::Changed { steps } => format!(", {}", plural(steps.len(), "change")),
        World::Restored { steps } => format!(", {} taken back", plural(steps.len(), "change")),
        World::Stuck { remaining, .. } => format!(", {} not taken back", plural(remaining.len(), "change")),
    };
    format!("{}{by}{world}", line.status)
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::{Line, table};
    use crate::{Style, TimeZone, testing::Story};

    #[test]
    fn every_run_is_one_line() {
        let mut cut_off = Story::begin().gates();
        cut_off.records.truncate(6);
        let stories = [
            (Story::succeeded(), false),
            (Story::restored(), false),
            (Story::stuck(), false),
            (Story::begin().gates(), true),
            (cut_off, false),
        ];
        let lines: Vec<Line> =
            stories.iter().map(|(story, live)| Line::of(&story.records, *live).unwrap()).collect();
        assert_snapshot!(table(&lines, &Style::PLAIN, &TimeZone::UTC), @r"
        run                         pipeline  began                took   verdict
        01JD3K00000000000000000000  deploy    2026-03-01 14:02:11  1m25s  succeeded, 2 changes
        01JD3K00000000000000000000  deploy    2026-03-01 14:02:11  1m26s  rejected by `smoke`, 2 changes taken back
        01JD3K00000000000000000000  deploy    2026-03-01 14:02:11  1m28s  stuck, 2 changes not taken back
        01JD3K00000000000000000000  deploy    2026-03-01 14:02:11  5.1s   running
        01JD3K00000000000000000000  deploy    2026-03-01 14:02:11  3.2s   interrupted; `runner resume 01JD3K00000000000000000000` goes on
        ");
    }

    #[test]
    fn no_runs_are_said_to_be_none() {
        assert_eq!(table(&[], &Style::PLAIN, &TimeZone::UTC), "no runs\n");
        assert_eq!(Line::of(&[], false), None);
        assert_eq!(Line::of(&Story::succeeded().records[1..], false), None);
    }
}
