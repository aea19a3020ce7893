//! Gate: now is a time at which a deployment is allowed.
//!
//! `config` turns what the pipeline says into a calendar, `calendar` tells how it is at a moment and when that
//! changes; both are pure but for the files that are read. This file asks the clock and finds the words.

mod calendar;
mod config;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use runner_evidence::moment;
use runner_plugin::{Evaluation, Failure, Finding, Gate, Host, Request};
use serde_json::Value;

use calendar::State;
pub use config::Config;

/// The gate.
#[derive(Debug)]
pub struct TimeWindow;

impl Gate for TimeWindow {
    type Config = Config;
    const OUTPUTS: &'static [&'static str] = &["open", "next_change"];

    fn evaluate(config: Config, _: &Request, host: &Host) -> Result<Evaluation, Failure> {
        let calendar = config.calendar(host)?;
        let reason = config.reason()?;
        let now = moment::of_clock(host.clock().now())?;
        let state = calendar.state(now);
        let change = calendar.next_change(now);
        let shown = |at: Timestamp| words(at, &calendar.zone);
        let (rule, why) = match &state {
            State::Open => {
                let until = change.map_or_else(
                    || "without an end in the calendar".to_owned(),
                    |at| format!("until {}", shown(at)),
                );
                return Ok(told(Evaluation::pass(format!("open {until}")), true, change));
            }
            State::Frozen(freeze) => {
                ("frozen", format!("frozen for `{}` until {}", freeze.name, shown(freeze.to)))
            }
            State::Outside => ("outside-window", format!("{} is in no window", shown(now))),
        };
        let next = change.map_or_else(
            || "there is no open time in the calendar".to_owned(),
            |at| format!("next open: {}", shown(at)),
        );
        let summary = format!("{why}; {next}");
        let evaluation = match reason {
            Some(reason) => Evaluation::warn(format!("let pass for `{reason}`: {summary}"))
                .finding(Finding::warning("overridden", format!("{why}, and let pass for `{reason}`"))),
            None => Evaluation::fail(summary).finding(Finding::error(rule, why).help(next)),
        };
        Ok(told(evaluation, false, change))
    }
}

fn told(evaluation: Evaluation, open: bool, change: Option<Timestamp>) -> Evaluation {
    let change = change.map_or(Value::Null, |at| Value::from(at.to_string()));
    evaluation.output("open", open).output("next_change", change)
}

/// A moment for people: day of the week, wall clock, zone.
fn words(at: Timestamp, zone: &TimeZone) -> String {
    let wall = at.to_zoned(zone.clone());
    let name = zone.iana_name().unwrap_or("UTC");
    format!("{} {name}", wall.strftime("%a %Y-%m-%d %H:%M"))
}

runner_plugin::export_gate!(TimeWindow);

#[cfg(test)]
mod tests;
