//! `runner doctor`: what this machine can and cannot do.

use std::{fs, path::Path};

use runner_model::ExitCode;

use super::print;
use crate::{args::DoctorArgs, environment::Environment, error::CommandError, session::Session};

/// One thing that was looked at.
struct Finding {
    good: bool,
    what: &'static str,
    text: String,
}

/// Looks at everything a run needs from this machine. Ends with 9 if something is missing that stops every run.
pub(crate) fn doctor(args: &DoctorArgs, environment: &Environment) -> Result<ExitCode, CommandError> {
    let session = Session::start(args.cache_dir.as_deref(), environment)?;
    let findings = [
        Finding { good: true, what: "sandbox", text: "components can be compiled and run".to_owned() },
        cache(environment.cache_dir(args.cache_dir.as_deref()).as_deref(), &session.loader.notes()),
        state(&args.state.state_dir),
        certificates(),
        swap(),
    ];
    let mut text = String::new();
    for finding in &findings {
        let word = if finding.good { "ok  " } else { "look" };
        text.push_str(&format!("{word}  {:<13} {}\n", finding.what, finding.text));
    }
    print::text(&text)?;
    let stops = findings.iter().any(|finding| !finding.good && finding.what == "state");
    Ok(if stops { ExitCode::Environment } else { ExitCode::Succeeded })
}

fn cache(directory: Option<&Path>, notes: &[String]) -> Finding {
    let what = "cache";
    match (directory, notes) {
        (None, _) => Finding {
            good: false,
            what,
            text: "neither HOME nor XDG_CACHE_HOME is set: every run compiles its plugins anew; use `--cache-dir`".to_owned(),
        },
        (Some(directory), []) => {
            Finding { good: true, what, text: format!("compiled components are kept in {}", directory.display()) }
        }
        (Some(_), notes) => Finding { good: false, what, text: notes.join("; ") },
    }
}

/// Whether the state directory, or the nearest parent that exists, can be written.
fn state(directory: &Path) -> Finding {
    let shown = directory.display();
    let absolute = std::path::absolute(directory).unwrap_or_else(|_| directory.to_owned());
    let existing = absolute.ancestors().find(|path| path.exists()).unwrap_or(Path::new("/"));
    let writable = existing.is_dir() && rustix::fs::access(existing, rustix::fs::Access::WRITE_OK).is_ok();
    let text = if writable {
        format!("runs are recorded in {shown}")
    } else {
        format!("{shown} cannot be written: no run can be started; use `--state-dir`")
    };
    Finding { good: writable, what: "state", text }
}

fn certificates() -> Finding {
    let roots = runner_capabilities::network::system_roots();
    let good = roots.is_ok();
    let text = match roots {
        Ok(count) => format!("{count} certificate authorities of the system are trusted for https"),
        Err(why) => format!("every https request fails: {why}"),
    };
    Finding { good, what: "certificates", text }
}

/// Memory of a guest that is swapped out leaves the process; worth knowing where secrets are revealed to guests.
fn swap() -> Finding {
    let swaps = fs::read_to_string("/proc/swaps").unwrap_or_default();
    let on = swaps.lines().count() > 1;
    let text = if on { "swap is on: memory of guests may reach a disk" } else { "swap is off" };
    Finding { good: !on, what: "swap", text: text.to_owned() }
}
