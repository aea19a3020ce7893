//! `show RUN` and `show RUN STEP`: a run after the fact, all of it.

#[cfg(test)]
mod tests;

use runner_journal::Ending;
use runner_model::{Outcome, Plan, Step, StepIndex};
use serde_json::{Value, json};

use crate::{
    Granted, Style, ledger,
    run::{Attempt, Now, Run, StepRun, Undo},
    style::Tone,
    terminal::{lines::summary as ending_summary, summary::summary},
    text::{self, TimeZone, clean, clean_lines, elapsed, list, moment, plural},
    words,
};

/// Findings beneath a step in the table; the rest is counted.
const FINDINGS: usize = 3;

/// A run: head, verdict, a table of its steps, what was changed, asked and denied.
#[must_use]
pub fn run<G: Granted>(plan: &Plan<G>, run: &Run, style: &Style, zone: &TimeZone) -> String {
    let mut out = head(plan, run, style, zone);
    out.push('\n');
    if run.verdict.is_some() {
        out.push_str(&summary(plan, run, None, style));
    } else {
        out.push_str(&format!("{} no verdict yet\n", style.paint(Tone::Active, "running:")));
    }
    out.push('\n');
    let mut rows = Vec::new();
    for (step, ran) in plan.steps.iter().zip(&run.steps) {
        rows.push(row(plan, step, ran, run));
        rows.extend(findings(ran, run).into_iter().map(|line| vec![line]));
    }
    out.push_str(&text::table(&["step", "what", "result", "tries", "time", "summary"], &rows, style));
    out.push_str(&section("changes", &changes(run), style));
    out.push_str(&section("questions", &questions(run, zone), style));
    out.push_str(&section("grants", &ledger::lines(plan, run, zone), style));
    out.push_str(&section("grants that nothing used", &ledger::unused_lines(plan, run), style));
    out
}

/// One step of a run; `None` if the plan has none of this name.
#[must_use]
pub fn step<G: Granted>(
    plan: &Plan<G>,
    run: &Run,
    id: &str,
    style: &Style,
    zone: &TimeZone,
) -> Option<String> {
    let (index, ran) = find(plan, run, id)?;
    let step = plan.step(index);
    let mut out = String::new();
    for (name, value) in step_head(plan, step, run, ran) {
        out.push_str(&fact(name, &value, style));
    }
    let config = serde_json::to_string_pretty(step.with.source()).unwrap_or_default();
    out.push_str(&section(
        "with",
        &config.lines().map(|line| clean(line).into_owned()).collect::<Vec<_>>(),
        style,
    ));
    out.push_str(&section("grants", &words::grants(step.grants.requested()), style));
    for attempt in &ran.attempts {
        out.push('\n');
        out.push_str(&attempt_text(attempt, ran, run, style, zone));
    }
    let questions: Vec<String> = ran.questions.iter().flat_map(|asked| question(asked, zone)).collect();
    out.push_str(&section("questions", &questions, style));
    out.push_str(&section("used", &ledger::step_lines(plan, step, run, ran, zone), style));
    Some(out)
}

/// A run for programs.
#[must_use]
pub fn run_json<G: Granted>(plan: &Plan<G>, run: &Run) -> Value {
    let steps: Vec<Value> = plan
        .steps
        .iter()
        .zip(&run.steps)
        .map(|(step, ran)| step_object(plan, step, run, ran, false))
        .collect();
    json!({
        "run": run.id,
        "pipeline": plan.header.name,
        "file": plan.header.file,
        "digest": plan.header.digest,
        "runner": run.runner,
        "inputs": plan.header.inputs,
        "started_ms": run.started_ms,
        "elapsed_ms": run.elapsed_ms(),
        "resumed": run.resumed,
        "status": run.status(),
        "finished": run.finished,
        "verdict": run.verdict,
        "exit": run.verdict.as_ref().map(|verdict| verdict.exit().code()),
        "steps": steps,
        "unused_grants": ledger::unused_json(plan, run),
    })
}

/// One step of a run for programs; `None` if the plan has none of this name.
#[must_use]
pub fn step_json<G: Granted>(plan: &Plan<G>, run: &Run, id: &str) -> Option<Value> {
    let (index, ran) = find(plan, run, id)?;
    let step = plan.step(index);
    let mut object = step_object(plan, step, run, ran, true);
    object["run"] = json!(run.id);
    object["with"] = step.with.source().clone();
    object["grants"] = json!(step.grants.requested());
    object["place"] = json!(step.place);
    Some(object)
}

fn find<'a, G>(plan: &Plan<G>, run: &'a Run, id: &str) -> Option<(StepIndex, &'a StepRun)> {
    let index = plan.find(id)?;
    Some((index, run.steps.get(index.get())?))
}

fn step_object<G: Granted>(plan: &Plan<G>, step: &Step<G>, run: &Run, ran: &StepRun, whole: bool) -> Value {
    let mut object = json!({
        "step": step.id,
        "kind": words::kind(plan, step),
        "part": words::part(&step.phase).unwrap_or("steps"),
        "state": state(ran),
        "result": ran.result(),
        "attempts": ran.attempts.len(),
        "elapsed_ms": ran.elapsed_ms(),
        "summary": ran.ending().map(ending_summary),
        "captured": ran.captured,
        "undo": undo(ran).map(|(word, _)| word),
        "denials": ran.denials,
        "ledger": ledger::step_json(plan, step, run, ran),
    });
    if let Now::Skipped(reason) = &ran.now {
        object["skipped"] = json!(reason);
    }
    if whole {
        let attempts = ran.attempts.iter().map(|attempt| {
            json!({
                "attempt": attempt.number,
                "started_ms": attempt.started_ms,
                "elapsed_ms": attempt.elapsed_ms,
                "ending": attempt.ending,
                "again_in_ms": attempt.again_in_ms,
                "log": attempt.log,
            })
        });
        object["attempts"] = attempts.collect();
        let questions = ran.questions.iter().map(|asked| {
            let answer = asked.answer.as_ref();
            json!({
                "message": asked.message,
                "at_ms": asked.at_ms,
                "expires_at_ms": asked.expires_at_ms,
                "decision": answer.map(|(decision, ..)| decision),
                "by": answer.map(|(_, by, _)| by),
                "reason": answer.map(|(.., reason)| reason),
            })
        });
        object["questions"] = questions.collect();
    }
    object
}

fn head<G>(plan: &Plan<G>, run: &Run, style: &Style, zone: &TimeZone) -> String {
    let id = run.id.map(|id| id.to_string()).unwrap_or_default();
    let took = elapsed(run.elapsed_ms());
    let took = if run.finished { format!("took {took}") } else { format!("{took} so far") };
    let mut out = fact("run", &id, style);
    out.push_str(&fact(
        "pipeline",
        &format!("{} ({})", clean(&plan.header.name), clean(&plan.header.file)),
        style,
    ));
    out.push_str(&fact("began", &format!("{}, {took}", moment(run.started_ms, zone)), style));
    if run.resumed > 0 {
        let times = usize::try_from(run.resumed).unwrap_or(usize::MAX);
        out.push_str(&fact("resumed", &plural(times, "time"), style));
    }
    let inputs: Vec<String> = plan
        .header
        .inputs
        .iter()
        .map(|(name, value)| format!("{} = {}", clean(name), clean(&value.to_string())))
        .collect();
    if !inputs.is_empty() {
        out.push_str(&fact("inputs", &inputs.join(", "), style));
    }
    out
}

fn fact(name: &str, value: &str, style: &Style) -> String {
    format!("{} {value}\n", style.paint(Tone::Faint, &text::pad(name, 8)))
}

/// Indented lines under a heading; nothing for no lines.
fn section(name: &str, lines: &[String], style: &Style) -> String {
    if lines.is_empty() {
        return String::new();
    }
    let mut out = format!("\n{}\n", style.paint(Tone::Faint, name));
    for line in lines {
        out.push_str(&format!("  {line}\n"));
    }
    out
}

fn row<G>(plan: &Plan<G>, step: &Step<G>, ran: &StepRun, run: &Run) -> Vec<String> {
    let summary = match &ran.now {
        Now::Skipped(reason) => words::skipped(reason),
        Now::Waiting
        | Now::Running { .. }
        | Now::Retrying
        | Now::Asking
        | Now::Interrupted
        | Now::Ended(_) => ran.ending().map(ending_summary).unwrap_or_default(),
    };
    let tries = if ran.attempts.is_empty() { String::new() } else { ran.attempts.len().to_string() };
    let time = if ran.attempts.is_empty() { String::new() } else { elapsed(ran.elapsed_ms()) };
    vec![
        clean(step.id.as_str()).into_owned(),
        words::kind_and_part(plan, step),
        last_state(ran, run).to_owned(),
        tries,
        time,
        text::cut(&summary, 200).into_owned(),
    ]
}

/// Where a step of a run that may have finished stands, in a word: not every `notify` entry has its occasion.
const fn last_state(ran: &StepRun, run: &Run) -> &'static str {
    match ran.now {
        Now::Waiting if run.finished => "-",
        Now::Waiting
        | Now::Running { .. }
        | Now::Retrying
        | Now::Asking
        | Now::Interrupted
        | Now::Ended(_)
        | Now::Skipped(_) => state(ran),
    }
}

/// Where a step stands, in a word.
pub(crate) const fn state(ran: &StepRun) -> &'static str {
    match &ran.now {
        Now::Waiting => "waits",
        Now::Running { .. } => "runs",
        Now::Retrying => "again",
        Now::Asking => "asks",
        Now::Interrupted => "cut off",
        Now::Ended(result) => match &ran.undo {
            Undo::Done => "undone",
            Undo::No | Undo::Running | Undo::Failed { .. } => words::result(*result).1,
        },
        Now::Skipped(_) => "skip",
    }
}

fn findings(ran: &StepRun, run: &Run) -> Vec<String> {
    let Some(outcome) = ran.outcome() else { return Vec::new() };
    let mut lines: Vec<String> = outcome
        .findings
        .iter()
        .take(FINDINGS)
        .map(|finding| format!("  {}", words::finding(finding)))
        .collect();
    let rest = outcome.findings.len().saturating_sub(FINDINGS);
    if let (1.., Some(id)) = (rest, run.id) {
        lines.push(format!("  and {rest} more: `runner show {id} {}`", clean(ran.id.as_str())));
    }
    lines
}

fn undo(ran: &StepRun) -> Option<(&'static str, String)> {
    if !ran.captured {
        return None;
    }
    Some(match &ran.undo {
        Undo::No => ("stands", String::new()),
        Undo::Running => ("is taken back", String::new()),
        Undo::Done => ("taken back", String::new()),
        Undo::Failed { failure, attempts } => {
            let tried = plural(usize::try_from(*attempts).unwrap_or(usize::MAX), "attempt");
            ("stuck", format!(" after {tried}: {}", words::failure(failure)))
        }
    })
}

fn changes(run: &Run) -> Vec<String> {
    let line = |ran: &StepRun| {
        let (word, more) = undo(ran)?;
        Some(format!("`{}` {word}{more}", clean(ran.id.as_str())))
    };
    run.steps.iter().filter_map(line).collect()
}

fn questions(run: &Run, zone: &TimeZone) -> Vec<String> {
    let of = |ran: &StepRun| {
        let id = clean(ran.id.as_str()).into_owned();
        let lines: Vec<String> = ran
            .questions
            .iter()
            .flat_map(|asked| question(asked, zone))
            .map(|line| format!("`{id}` {line}"))
            .collect();
        lines
    };
    run.steps.iter().flat_map(of).collect()
}

fn question(asked: &crate::run::Asked, zone: &TimeZone) -> Option<String> {
    let answer = match &asked.answer {
        Some((decision, by, reason)) => words::decision(*decision, by, reason),
        None => format!("no answer yet, expires {}", moment(asked.expires_at_ms, zone)),
    };
    Some(format!("asked {}: {}; {answer}", moment(asked.at_ms, zone), clean(&asked.message)))
}

fn step_head<G>(plan: &Plan<G>, step: &Step<G>, run: &Run, ran: &StepRun) -> Vec<(&'static str, String)> {
    let mut facts = vec![("step", clean(step.id.as_str()).into_owned())];
    let uses = plan
        .plugin(step)
        .map(|plugin| format!(" `{}`, {}", clean(plugin.alias.as_str()), clean(&plugin.path)));
    facts.push(("what", format!("{}{}", words::kind_and_part(plan, step), uses.unwrap_or_default())));
    facts.push(("place", clean(&step.place).into_owned()));
    if let Some(id) = run.id {
        facts.push(("run", id.to_string()));
    }
    let needs: Vec<&str> = step.needs.iter().map(|need| plan.step(need.step).id.as_str()).collect();
    if !needs.is_empty() {
        facts.push(("needs", list(needs)));
    }
    if let Some(condition) = &step.condition {
        facts.push(("if", clean(condition.source()).into_owned()));
    }
    let summary = match &ran.now {
        Now::Skipped(reason) => format!(": {}", words::skipped(reason)),
        Now::Waiting
        | Now::Running { .. }
        | Now::Retrying
        | Now::Asking
        | Now::Interrupted
        | Now::Ended(_) => {
            ran.ending().map(|ending| format!(": {}", ending_summary(ending))).unwrap_or_default()
        }
    };
    facts.push(("result", format!("{}{summary}", last_state(ran, run))));
    if let Some((word, more)) = undo(ran) {
        facts.push(("change", format!("{word}{more}")));
    }
    facts
}

fn attempt_text(attempt: &Attempt, ran: &StepRun, run: &Run, style: &Style, zone: &TimeZone) -> String {
    let ending = match &attempt.ending {
        None => "no end is recorded".to_owned(),
        Some(ending) => {
            let word = match ending {
                Ending::Answered { outcome } => words::answer(outcome.answer),
                Ending::Failed { .. } => "error",
                Ending::Aborted { .. } => "abort",
            };
            format!("{word} after {}: {}", elapsed(attempt.elapsed_ms), ending_summary(ending))
        }
    };
    let name = style.paint(Tone::Strong, &format!("attempt {}", attempt.number));
    let mut out = format!("{name} at {}: {ending}\n", moment(attempt.started_ms, zone));
    if let Some(Ending::Answered { outcome }) = &attempt.ending {
        for line in outcome_lines(outcome) {
            out.push_str(&format!("  {line}\n"));
        }
    }
    if let Some(log) = &attempt.log {
        let bytes = plural(usize::try_from(log.bytes).unwrap_or(usize::MAX), "byte");
        let dropped = if log.dropped > 0 {
            format!(", {} lines were dropped at the limit", log.dropped)
        } else {
            String::new()
        };
        let command =
            run.id.map(|id| format!(": `runner logs {id} {}`", clean(ran.id.as_str()))).unwrap_or_default();
        out.push_str(&format!("  log of {bytes}{dropped}{command}\n"));
    }
    if let Some(wait) = attempt.again_in_ms {
        out.push_str(&format!("  another attempt after {}\n", elapsed(wait)));
    }
    out
}

/// What an answer holds beside its one line.
pub(crate) fn outcome_lines(outcome: &Outcome) -> Vec<String> {
    let mut lines = Vec::new();
    for finding in &outcome.findings {
        lines.push(words::finding(finding));
        lines.extend(finding.help.iter().flat_map(|help| {
            clean_lines(help).lines().map(|line| format!("  help: {line}")).collect::<Vec<_>>()
        }));
    }
    lines.extend(outcome.checks.iter().map(words::check));
    lines.extend(outcome.score.map(|score| format!("score {score}")));
    lines.extend(outcome.measurements.map(|measured| {
        let count = |number: u32, word: &str| plural(usize::try_from(number).unwrap_or(usize::MAX), word);
        format!(
            "measured: {}, {}, {} inconclusive, {}",
            plural_success(measured.successes),
            count(measured.failures, "failure"),
            measured.inconclusive,
            count(measured.errors, "error")
        )
    }));
    lines.extend(
        outcome
            .outputs
            .iter()
            .map(|(name, value)| format!("output {} = {}", clean(name), clean(&value.to_string()))),
    );
    lines
}

fn plural_success(count: u32) -> String {
    format!("{count} success{}", if count == 1 { "" } else { "es" })
}
