//! What changes nothing that is taken back: waiting, and tidying up.

use std::time::Duration;

use runner_plugin::{Applied, Failure, FailureKind, Host};

use crate::config::Drain;
use crate::stand::{Seen, aside, existing, named, short};

pub(crate) fn capture(name: &str, host: &Host) -> Result<Seen, Failure> {
    let (_, facts) = existing(host, name)?;
    Ok(Seen::of(&facts))
}

/// Waits. Nobody can be asked whether connections are open, so the time is all there is, and the summary says so.
pub(crate) fn drain(config: &Drain, seen: &Seen, host: &Host) -> Result<Applied, Failure> {
    let (_, facts) = seen.find_in_place(host)?;
    let Drain { container: name, time } = config;
    let applied = |summary| {
        Applied::new(summary).output("container", seen.container.clone()).output("id", seen.id.clone())
    };
    if !facts.state.is_alive() {
        return Ok(applied(format!("`{name}` does not run: there is nothing to wait for")));
    }
    let began = host.clock().monotonic();
    host.clock().sleep(time.duration());
    let waited = host.clock().monotonic().saturating_sub(began);
    // A sleep of the host may end a tick early, and ends with the step's own time.
    if waited + Duration::from_millis(50) < time.duration() {
        let message =
            format!("the step's own time was up before `{name}` had been given {time}; raise its limits");
        return Err(Failure::new(FailureKind::TimedOut, message));
    }
    Ok(applied(format!("waited {time} for `{name}`; whether connections are still open is not known")))
}

/// Removes what earlier runs have moved aside, and keeps what this run would go back to.
pub(crate) fn tidy(name: &str, host: &Host) -> Result<Applied, Failure> {
    let away = aside(name);
    let applied = |summary, removed: bool| Applied::new(summary).output("removed", removed);
    let Some((old, facts)) = named(host, &away)? else {
        return Ok(applied(format!("there is no `{away}`"), false));
    };
    if named(host, name)?.is_some_and(|(_, facts)| facts.of_this_run) {
        return Ok(applied(format!("kept `{away}`: this run would go back to it"), false));
    }
    if facts.state.is_alive() {
        return Err(Failure::unavailable(format!(
            "conflict: `{away}` ({}) is {}; somebody uses it, and it was not touched",
            short(&facts.id),
            facts.state.as_str(),
        )));
    }
    old.remove()?;
    Ok(applied(format!("removed `{away}`"), true))
}
