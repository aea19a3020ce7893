//! The lines below the others, on a tty: one for each step that runs or waits, and one for the run.
//!
//! ```text
//! | smoke        3s  GET /health: 200, 4 of 10
//! | go-live     12s  waits for an answer
//!   4 of 9 steps have ended, 2 run, 3 wait for `go-live` and `smoke`
//! ```

use std::{collections::HashMap, io, time::Duration};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use runner_journal::Progress;
use runner_model::{Phase, Plan, StepId};

use super::lines::is_live;
use crate::{
    Style,
    run::{Now, Run, StepRun, Undo},
    text::{clean, list, pad, plural},
};

/// How often a spinner turns.
pub(super) const TICK: Duration = Duration::from_millis(100);

pub(super) struct Live {
    style: Style,
    bars: MultiProgress,
    steps: HashMap<StepId, ProgressBar>,
    run: Option<ProgressBar>,
    /// Whether spinners turn by themselves; not in tests.
    ticking: bool,
}

impl Live {
    pub(super) fn stderr(style: Style) -> Self {
        Self::to(ProgressDrawTarget::stderr(), style, true)
    }

    pub(super) fn to(target: ProgressDrawTarget, style: Style, ticking: bool) -> Self {
        Self {
            style,
            bars: MultiProgress::with_draw_target(target),
            steps: HashMap::new(),
            run: None,
            ticking,
        }
    }

    /// A line above the live ones, for good.
    pub(super) fn print(&self, line: &str) -> io::Result<()> {
        // `println` leaves out empty lines.
        self.bars.println(if line.is_empty() { " " } else { line })
    }

    /// Brings the live lines in step with `run`.
    pub(super) fn follow(&mut self, plan: &Plan, run: &Run, ids: usize) {
        for step in &run.steps {
            match (is_live(step) && !run.finished, self.steps.contains_key(&step.id)) {
                (true, false) => self.begin(step, ids),
                (true, true) => self.say(&step.id, state(step)),
                (false, true) => {
                    if let Some(bar) = self.steps.remove(&step.id) {
                        bar.finish_and_clear();
                        self.bars.remove(&bar);
                    }
                }
                (false, false) => {}
            }
        }
        if run.finished {
            if let Some(bar) = self.run.take() {
                bar.finish_and_clear();
                self.bars.remove(&bar);
            }
            return;
        }
        let text = whole(plan, run);
        let bar = self.run.get_or_insert_with(|| {
            let bar = self.bars.add(ProgressBar::new_spinner());
            bar.set_style(template(&self.style, "  {msg}"));
            bar
        });
        bar.set_message(text);
        bar.tick();
    }

    pub(super) fn progress(&self, progress: &Progress) {
        match progress {
            Progress::Log { step, line, .. } => self.say(step, &clean(line)),
            Progress::Measured { step, count, summary } => {
                self.say(step, &format!("{count}: {}", clean(summary)))
            }
        }
    }

    /// Draws what was said since the last tick, however short ago that was.
    #[cfg(test)]
    pub(super) fn draw(&self) {
        self.steps.values().for_each(ProgressBar::tick);
        self.bars.suspend(|| ());
    }

    fn begin(&mut self, step: &StepRun, ids: usize) {
        let bar = self.bars.insert(self.steps.len(), ProgressBar::new_spinner());
        let columns = if self.style.color {
            "{spinner:.cyan} {prefix:.bold}  {elapsed:>6.dim}  {wide_msg}"
        } else {
            "{spinner} {prefix}  {elapsed:>6}  {wide_msg}"
        };
        bar.set_style(template(&self.style, columns));
        bar.set_prefix(pad(&clean(step.id.as_str()), ids));
        bar.set_message(state(step).to_owned());
        if self.ticking {
            bar.enable_steady_tick(TICK);
        }
        bar.tick();
        self.steps.insert(step.id.clone(), bar);
    }

    fn say(&self, step: &StepId, text: &str) {
        if text.is_empty() {
            return;
        }
        if let Some(bar) = self.steps.get(step) {
            bar.set_message(text.to_owned());
        }
    }
}

pub(super) fn template(style: &Style, columns: &str) -> ProgressStyle {
    let spinner = ProgressStyle::with_template(columns).unwrap_or_else(|_| ProgressStyle::default_spinner());
    let spinner = spinner.tick_chars(style.sign("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏ ", "|/-\\ "));
    spinner.with_key("elapsed", |state: &indicatif::ProgressState, writer: &mut dyn std::fmt::Write| {
        // Whole seconds: tenths that run draw the eye from what is said.
        let seconds = state.elapsed().as_secs();
        let text = if seconds < 60 { format!("{seconds}s") } else { crate::text::elapsed(seconds * 1_000) };
        // The line is drawn again in a moment.
        let _ = writer.write_str(&text);
    })
}

/// What a step does that writes nothing itself.
const fn state(step: &StepRun) -> &'static str {
    match (&step.now, &step.undo) {
        (_, Undo::Running) => "is taken back",
        (Now::Retrying, _) => "waits for its next attempt",
        (Now::Asking, _) => "waits for an answer",
        (
            Now::Running { .. } | Now::Waiting | Now::Interrupted | Now::Ended(_) | Now::Skipped(_),
            Undo::No | Undo::Done | Undo::Failed { .. },
        ) => "",
    }
}

/// The line about the run: how far it is, and what the rest waits for.
pub(super) fn whole(plan: &Plan, run: &Run) -> String {
    let main: Vec<&StepRun> = plan
        .steps
        .iter()
        .zip(&run.steps)
        .filter(|(step, _)| step.phase == Phase::Main)
        .map(|(_, ran)| ran)
        .collect();
    let ended = main.iter().filter(|step| step.result().is_some()).count();
    let live: Vec<&str> =
        run.steps.iter().filter(|step| is_live(step)).map(|step| step.id.as_str()).collect();
    let waiting = main.iter().filter(|step| step.result().is_none() && !is_live(step)).count();
    let mut text = format!("{ended} of {} ended", plural(main.len(), "step"));
    if waiting > 0 && run.unwinding.is_none() {
        let verb = if waiting == 1 { "waits" } else { "wait" };
        let rest = live.len().saturating_sub(3);
        let names = list(live.iter().take(3));
        let more = if rest > 0 { format!(" and {rest} more") } else { String::new() };
        let what = if live.is_empty() { String::new() } else { format!(" for {names}{more}") };
        text.push_str(&format!(", {waiting} {verb}{what}"));
    }
    text
}
