//! `status`: what runs now, what waits, and what for.

use runner_model::{Phase, Plan, Step};
use serde_json::{Value, json};

use crate::{
    Style,
    run::{Now, Run, StepRun, Undo},
    show::state,
    style::Tone,
    text::{TimeZone, clean, elapsed, list, plural, time_of_day},
};

/// Waiting steps that are listed; the rest is counted.
const LISTED: usize = 12;

/// A run that has not finished.
#[derive(Debug)]
pub struct Standing<'a, G> {
    /// Its plan.
    pub plan: &'a Plan<G>,
    /// The run so far.
    pub run: &'a Run,
    /// Whether a process carries it out now.
    pub live: bool,
}

/// Runs that have not finished, with what each waits for. `now_ms` is the time: milliseconds since 1970.
#[must_use]
pub fn text<G>(standings: &[Standing<'_, G>], now_ms: u64, style: &Style, zone: &TimeZone) -> String {
    if standings.is_empty() {
        return "nothing runs\n".to_owned();
    }
    let texts: Vec<String> = standings.iter().map(|standing| one(standing, now_ms, style, zone)).collect();
    texts.join("\n")
}

/// The same for programs: one object per run.
#[must_use]
pub fn to_json<G>(standings: &[Standing<'_, G>]) -> Vec<Value> {
    let object = |standing: &Standing<'_, G>| {
        let steps: Vec<Value> = pairs(standing)
            .filter(|(_, ran)| ran.result().is_none() || ran.undo == Undo::Running)
            .map(|(step, ran)| json!({ "step": step.id, "state": word(ran), "for": unmet(standing, step) }))
            .collect();
        json!({
            "run": standing.run.id,
            "pipeline": standing.plan.header.name,
            "live": standing.live,
            "started_ms": standing.run.started_ms,
            "unwinding": standing.run.unwinding,
            "steps": steps,
        })
    };
    standings.iter().map(object).collect()
}

fn one<G>(standing: &Standing<'_, G>, now_ms: u64, style: &Style, zone: &TimeZone) -> String {
    let run = standing.run;
    let id = run.id.map(|id| id.to_string()).unwrap_or_default();
    let name = clean(&standing.plan.header.name);
    let since = elapsed(now_ms.saturating_sub(run.started_ms));
    let how = if standing.live {
        style.paint(Tone::Active, &format!("runs for {since}"))
    } else {
        style.paint(Tone::Warning, &format!("was interrupted; `runner resume {id}` goes on"))
    };
    let mut out = format!("run {id} of {name}: {how}\n");
    let mut fact = |name: &str, value: String| {
        out.push_str(&format!("  {} {value}\n", style.paint(Tone::Faint, &format!("{name:<6}"))));
    };
    if let Some(cause) = &run.unwinding {
        fact("back", format!("{}; changes are taken back", crate::terminal::lines::because(cause)));
    }
    let mut waiting = Vec::new();
    for (step, ran) in pairs(standing) {
        let id_of_step = list([step.id.as_str()]);
        match (&ran.now, &ran.undo) {
            (_, Undo::Running) if standing.live => fact("undo", format!("{id_of_step} is taken back")),
            (_, Undo::Running) => fact("undo", format!("{id_of_step} was being taken back")),
            (Now::Running { since_ms }, _) if standing.live => {
                fact("runs", format!("{id_of_step} for {}", elapsed(now_ms.saturating_sub(*since_ms))));
            }
            (Now::Retrying, _) => fact("again", format!("{id_of_step} waits for its next attempt")),
            (Now::Interrupted | Now::Running { .. }, _) => {
                fact("cut", format!("{id_of_step} ran when the runner was stopped"))
            }
            (Now::Asking, _) => fact("asks", asks(ran, &id, zone)),
            (Now::Waiting, _) => match step.phase {
                Phase::Observe => waiting.push(format!("{id_of_step} for its turn")),
                Phase::Main => {
                    let needs = unmet(standing, step);
                    let what = if needs.is_empty() { "its turn".to_owned() } else { list(needs) };
                    waiting.push(format!("{id_of_step} for {what}"));
                }
                Phase::Finally => waiting.push(format!("{id_of_step} for the verdict")),
                // Whether its occasion comes is not known.
                Phase::Notify { .. } => {}
            },
            (Now::Ended(_) | Now::Skipped(_), _) => {}
        }
    }
    let rest = waiting.len().saturating_sub(LISTED);
    for line in waiting.into_iter().take(LISTED) {
        fact("waits", line);
    }
    if rest > 0 {
        fact("", format!("and {} more", plural(rest, "step")));
    }
    out
}

fn asks(ran: &StepRun, run: &str, zone: &TimeZone) -> String {
    let id = clean(ran.id.as_str());
    let question = ran.questions.last().map(|asked| {
        format!("{} (until {}); ", clean(&asked.message), time_of_day(asked.expires_at_ms, zone))
    });
    format!(
        "`{id}`: {}`runner approve {run} {id}` or `runner reject {run} {id}`",
        question.unwrap_or_default()
    )
}

const fn word(ran: &StepRun) -> &'static str {
    match ran.undo {
        Undo::Running => "undo",
        Undo::No | Undo::Done | Undo::Failed { .. } => state(ran),
    }
}

fn pairs<'a, G>(standing: &Standing<'a, G>) -> impl Iterator<Item = (&'a Step<G>, &'a StepRun)> {
    standing.plan.steps.iter().zip(&standing.run.steps)
}

/// The needs of a step that have not ended.
fn unmet<'a, G>(standing: &Standing<'a, G>, step: &Step<G>) -> Vec<&'a str> {
    let open = |index: usize| standing.run.steps.get(index).is_none_or(|ran| ran.result().is_none());
    // Nothing of `steps` has its turn before every proxy was asked.
    let observers = standing.plan.header.targets.values().filter_map(|target| target.observer);
    let asked: Vec<&str> = observers
        .filter(|observer| step.phase == Phase::Main && open(observer.get()))
        .map(|observer| standing.plan.step(observer).id.as_str())
        .collect();
    if !asked.is_empty() {
        return asked;
    }
    step.needs
        .iter()
        .filter(|need| open(need.step.get()))
        .map(|need| standing.plan.step(need.step).id.as_str())
        .collect()
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;
    use serde_json::json;

    use super::{Standing, text, to_json};
    use crate::{
        Style, TimeZone,
        run::Run,
        testing::{BEGAN, Story, deployment},
    };

    fn status(story: &Story, live: bool) -> String {
        let plan = deployment();
        let run = Run::read(&plan, &story.records);
        text(&[Standing { plan: &plan, run: &run, live }], BEGAN + 30_000, &Style::PLAIN, &TimeZone::UTC)
    }

    #[test]
    fn what_waits_says_what_for() {
        assert_snapshot!(status(&Story::begin().gates().asked(), true), @r"
        run 01JD3K00000000000000000000 of deploy: runs for 30s
          asks   `go-live`: Deploy v1.4.0 to production? (until 15:02:16); `runner approve 01JD3K00000000000000000000 go-live` or `runner reject 01JD3K00000000000000000000 go-live`
          waits  `migrate` for `go-live`
          waits  `switch` for `migrate`
          waits  `smoke` for `switch`
          waits  `live` for `smoke`
          waits  `tidy` for the verdict
        ");
    }

    #[test]
    fn what_runs_says_for_how_long() {
        assert_snapshot!(status(&Story::begin().started("lint", 1).started("unit", 1), true), @r"
        run 01JD3K00000000000000000000 of deploy: runs for 30s
          runs   `lint` for 30s
          runs   `unit` for 30s
          waits  `go-live` for `lint` and `unit`
          waits  `migrate` for `go-live`
          waits  `switch` for `migrate`
          waits  `smoke` for `switch`
          waits  `live` for `smoke`
          waits  `tidy` for the verdict
        ");
    }

    #[test]
    fn an_interrupted_run_that_was_going_back() {
        assert_snapshot!(status(&Story::begin().gates().asked().approved().rejected(), false), @r"
        run 01JD3K00000000000000000000 of deploy: was interrupted; `runner resume 01JD3K00000000000000000000` goes on
          back   `smoke` said no; changes are taken back
          undo   `switch` was being taken back
          waits  `tidy` for the verdict
        ");
    }

    #[test]
    fn nothing_runs() {
        assert_eq!(text::<()>(&[], 0, &Style::PLAIN, &TimeZone::UTC), "nothing runs\n");
    }

    #[test]
    fn for_programs_every_run_is_an_object() {
        let plan = deployment();
        let run = Run::read(&plan, &Story::begin().started("lint", 1).records);
        let objects = to_json(&[Standing { plan: &plan, run: &run, live: true }]);
        assert_eq!(objects[0]["steps"][0], json!({ "step": "lint", "state": "runs", "for": [] }));
        assert_eq!(
            objects[0]["steps"][2],
            json!({ "step": "go-live", "state": "waits", "for": ["lint", "unit"] })
        );
    }
}
