//! What a person sees while a run goes on.
//!
//! Every record becomes zero or more lines (`lines.rs`), the end a block (`summary.rs`); both are pure. On a tty there is
//! a line below them for each step that runs, written over again and again (`live.rs`). Without one the same lines come
//! out plainly, plus one for each start, so that a log of the run reads the same every time.
//!
//! A terminal that cannot be written to any more is left alone: nothing here ever stops a run.

mod compiling;
pub(crate) mod lines;
mod live;
pub(crate) mod summary;
#[cfg(test)]
mod tests;

use std::io::{self, Write};

use jiff::tz::TimeZone;
use runner_journal::{Entry, Progress, Record, Sink};
use runner_model::Plan;

pub use self::compiling::Compilations;
use self::{lines::Lines, live::Live};
use crate::{Style, run::Run, text::clean};

/// What the terminal cannot know from the records.
#[derive(Debug, Clone)]
pub struct About {
    /// Where the journal is, as a person would type it; none for a rehearsal, which keeps none.
    pub journal: Option<String>,
    /// Whether an approval can be answered by typing.
    pub can_answer: bool,
    /// Finds the time zone for times of day: most runs show none, and the search takes a millisecond.
    pub zone: fn() -> TimeZone,
}

/// The sink for people.
pub struct Terminal {
    style: Style,
    about: About,
    output: Output,
    seen: Option<Seen>,
}

struct Seen {
    plan: Plan,
    run: Run,
    /// Columns for step ids.
    ids: usize,
}

enum Output {
    Plain(Box<dyn Write + Send>),
    Live(Live),
    /// The first write that failed was the last.
    Closed,
}

impl Terminal {
    /// On stderr; with live lines if `style` is interactive.
    #[must_use]
    pub fn stderr(style: Style, about: About) -> Self {
        let output = if style.interactive {
            Output::Live(Live::stderr(style))
        } else {
            Output::Plain(Box::new(io::stderr()))
        };
        Self { style, about, output, seen: None }
    }

    /// Plain lines to `writer`, whatever `style` says about interaction.
    #[must_use]
    pub fn new(writer: Box<dyn Write + Send>, style: Style, about: About) -> Self {
        let style = Style { interactive: false, ..style };
        Self { style, about, output: Output::Plain(writer), seen: None }
    }

    #[cfg(test)]
    fn live(live: Live, style: Style, about: About) -> Self {
        Self { style, about, output: Output::Live(live), seen: None }
    }

    fn write(&mut self, lines: &[String]) {
        let written = match &mut self.output {
            Output::Plain(writer) => {
                lines.iter().try_for_each(|line| writeln!(writer, "{line}")).and_then(|()| writer.flush())
            }
            Output::Live(live) => lines.iter().try_for_each(|line| live.print(line)),
            Output::Closed => Ok(()),
        };
        if written.is_err() {
            self.output = Output::Closed;
        }
    }
}

/// Columns for step ids: as many as the longest has, within reason.
fn id_columns(plan: &Plan) -> usize {
    plan.steps.iter().map(|step| clean(step.id.as_str()).chars().count()).max().unwrap_or(0).min(32)
}

impl Sink for Terminal {
    fn plan(&mut self, plan: &Plan, past: &[Record]) {
        let run = Run::read(plan, past);
        let ids = id_columns(plan);
        let head = Lines { plan, run: &run, about: &self.about, style: &self.style, ids }.head(past.len());
        self.write(&head);
        self.seen = Some(Seen { plan: plan.clone(), run, ids });
    }

    fn record(&mut self, record: &Record) {
        let Some(Seen { plan, run, ids }) = &mut self.seen else { return };
        let ids = *ids;
        run.apply(record);
        let mut lines = Lines { plan, run, about: &self.about, style: &self.style, ids }.of(record);
        if let Entry::RunFinished { .. } = record.entry {
            lines.push(String::new());
            let block = match &self.about.journal {
                Some(journal) => summary::summary(plan, run, Some(journal), &self.style),
                None => summary::rehearsed(plan, run, &self.style),
            };
            lines.extend(block.lines().map(str::to_owned));
        }
        if let Output::Live(live) = &mut self.output {
            live.follow(plan, run, ids);
        }
        self.write(&lines);
    }

    fn progress(&mut self, progress: &Progress) {
        if let Output::Live(live) = &mut self.output {
            live.progress(progress);
        }
    }
}
