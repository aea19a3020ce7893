//! The sandbox, and what surrounds the process.

use std::{fs, num::NonZeroUsize, path::Path, sync::Arc, thread, time::Duration};

use runner_capabilities::{
    DockerHost, Limits,
    docker::{Engine, Places},
    network::{Resolve as _, SystemResolver, system_roots},
};
use runner_engine::ports::Clock as _;
use runner_report::text::amount;
use rustix::{
    fs::{CWD, Mode, OFlags, ResolveFlags, openat2},
    process::{Resource, geteuid, getrlimit},
};

use super::{Finding, disk};
use crate::{clock::SystemClock, environment::Environment, session::Session};

/// An engine of this machine answers in milliseconds, or not at all.
const ENGINE_TIME: Duration = Duration::from_secs(5);

/// 2025-01-01: no clock that is right shows less.
const EARLIEST_MS: u64 = 1_735_689_600_000;

/// The sandbox itself: engine, compiler, cache, addresses.
pub(super) fn sandbox(
    session: &Session,
    environment: &Environment,
    cache_dir: Option<&Path>,
) -> Vec<Finding> {
    let facts = session.loader.facts();
    let compiler = match session.loader.try_compiler() {
        Ok(()) => Finding::ok("compiler", "components can be compiled, and their code can be run"),
        Err(error) => Finding::problem(
            "compiler",
            error.to_string(),
            "let this process map executable memory: SELinux, seccomp or a container's profile may forbid it",
        ),
    };
    let limits = Limits::default();
    let usual = format!(
        "a call gets {} of memory, {} s and {} host calls, where the pipeline says nothing else",
        amount(limits.memory),
        limits.time_ms / 1_000,
        limits.calls
    );
    vec![
        Finding::ok("engine", facts.engine),
        compiler,
        Finding::ok("settings", facts.settings.join("; ")),
        Finding::ok("limits", usual),
        addresses(getrlimit(Resource::As).current, facts.reserved),
        pool(session),
        overcommit(&fs::read_to_string("/proc/sys/vm/overcommit_memory").unwrap_or_default()),
        disk::cache(environment.cache_dir(cache_dir).as_deref(), &session.loader.notes()),
        openat(),
        certificates(),
        names(session),
        docker(session, environment),
    ]
}

/// What the process finds around it.
pub(super) fn surroundings(environment: &Environment) -> Vec<Finding> {
    let swaps = fs::read_to_string("/proc/swaps").unwrap_or_default();
    vec![
        cores(),
        user(geteuid().is_root()),
        swap(swaps.lines().count() > 1),
        terminal(environment),
        time(SystemClock::new().now_ms()),
    ]
}

/// Whether steps could use Docker. One that is not on this machine is left in peace.
fn docker(session: &Session, environment: &Environment) -> Finding {
    let host = match environment.docker() {
        Ok(host) => host,
        Err(error) => {
            return Finding::warning("docker", error.to_string(), "set `DOCKER_HOST` right, or unset it");
        }
    };
    match &host {
        DockerHost::Unix(_) => {}
        DockerHost::Ssh(_) | DockerHost::Tcp { .. } => {
            return Finding::ok("docker", format!("`DOCKER_HOST` names {host}, which was not asked"));
        }
    }
    let engine = Arc::new(Engine::new(host, Places::default()));
    match session.handle.block_on(engine.introduced(ENGINE_TIME)) {
        Ok(text) => Finding::ok("docker", text),
        Err(text) => Finding::warning(
            "docker",
            text,
            "only pipelines that grant `docker` without a target need one: install and start a Docker Engine, or set `DOCKER_HOST`",
        ),
    }
}

/// Whether enough guests can reserve their addresses; most of these are never touched.
fn addresses(limit: Option<u64>, reserved: u64) -> Finding {
    const WHAT: &str = "addresses";
    const HELP: &str = "raise it: `ulimit -v unlimited`";
    match limit {
        None => {
            Finding::ok(WHAT, "no limit; a guest reserves 4 GiB of them, most of which are never touched")
        }
        Some(limit) if limit < 2 * reserved => Finding::problem(
            WHAT,
            format!(
                "the limit of {} (RLIMIT_AS) is too small for a guest, which reserves {}",
                amount(limit),
                amount(reserved)
            ),
            HELP,
        ),
        Some(limit) => {
            let guests = limit / reserved - 1;
            let text = format!(
                "with the limit of {} (RLIMIT_AS) at most {guests} guests run at once",
                amount(limit)
            );
            if guests < 64 { Finding::warning(WHAT, text, HELP) } else { Finding::ok(WHAT, text) }
        }
    }
}

/// Whether plans of many steps get their instances from a pool.
fn pool(session: &Session) -> Finding {
    const WHAT: &str = "pool";
    match session.loader.try_pool() {
        Ok(slots) => {
            Finding::ok(WHAT, format!("plans of many steps take their instances from {slots} slots"))
        }
        Err(error) => Finding::warning(
            WHAT,
            format!(
                "there is no room for a pool of instances, so plans of many steps are slower: {}",
                error.reason
            ),
            "raise the limit of addresses: `ulimit -v unlimited`",
        ),
    }
}

fn overcommit(mode: &str) -> Finding {
    const WHAT: &str = "overcommit";
    match mode.trim() {
        "2" => Finding::warning(
            WHAT,
            "the system promises no more memory than it has (vm.overcommit_memory = 2): guests may fail to start",
            "set vm.overcommit_memory to 0 or 1, or run fewer steps at once with `--jobs`",
        ),
        "" => Finding::ok(WHAT, "not known"),
        mode => Finding::ok(
            WHAT,
            format!("reserved memory costs nothing until it is used (vm.overcommit_memory = {mode})"),
        ),
    }
}

/// How paths are kept below the pipeline's directory.
fn openat() -> Finding {
    const WHAT: &str = "files";
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    match openat2(CWD, ".", flags, Mode::empty(), ResolveFlags::BENEATH) {
        Ok(_) => Finding::ok(
            WHAT,
            "the kernel itself keeps paths below a directory (openat2 with RESOLVE_BENEATH)",
        ),
        Err(error) => Finding::warning(
            WHAT,
            format!(
                "openat2 does not work here ({error}): paths are walked name by name instead, as safe but slower"
            ),
            "use Linux 5.6 or newer, or a container runtime that lets openat2 through",
        ),
    }
}

fn certificates() -> Finding {
    match system_roots() {
        Ok(count) => {
            Finding::ok("certificates", format!("{count} certificate authorities are trusted for https"))
        }
        Err(why) => Finding::warning("certificates", why, "until then every https request of a plugin fails"),
    }
}

/// Asks for a name that every machine has.
fn names(session: &Session) -> Finding {
    const WHAT: &str = "names";
    match session.handle.block_on(SystemResolver.resolve("localhost")) {
        Ok(addresses) => {
            let addresses: Vec<String> = addresses.iter().map(ToString::to_string).collect();
            Finding::ok(WHAT, format!("`localhost` is {}; no other name was asked for", addresses.join(", ")))
        }
        Err(error) => Finding::warning(
            WHAT,
            format!("`localhost` does not resolve: {error}"),
            "look at /etc/hosts, /etc/nsswitch.conf and /etc/resolv.conf; addresses still work in rules",
        ),
    }
}

fn cores() -> Finding {
    let cores = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    Finding::ok("cores", format!("{cores}; `--jobs` says how many steps run at once"))
}

fn user(root: bool) -> Finding {
    if root {
        return Finding::warning(
            "user",
            "this is root: a hole in the sandbox would be a hole in the machine",
            "run as a user of its own that owns the state directory and the cache",
        );
    }
    Finding::ok("user", "not root")
}

/// Memory of a guest that is swapped out leaves the process; worth knowing where secrets are revealed to guests.
fn swap(on: bool) -> Finding {
    if on {
        return Finding::warning(
            "swap",
            "swap is on: memory of guests, and secrets in it, may reach a disk (pagemap_scan is off for its sake)",
            "turn it off, or encrypt it",
        );
    }
    Finding::ok("swap", "off; pagemap_scan is not used all the same")
}

fn terminal(environment: &Environment) -> Finding {
    let style = &environment.style;
    let words = [
        if style.interactive {
            "live lines on stderr"
        } else {
            "plain lines on stderr, which is no terminal"
        },
        if style.color { "in colour" } else { "without colour" },
        if environment.can_ask {
            "approvals can be answered here"
        } else {
            "approvals are answered with `runner approve`"
        },
    ];
    Finding::ok("terminal", words.join(", "))
}

fn time(now_ms: u64) -> Finding {
    let zone = runner_report::TimeZone::system();
    let now = runner_report::text::moment(now_ms, &zone);
    if now_ms < EARLIEST_MS {
        return Finding::problem(
            "time",
            format!("it is said to be {now}: run ids, deadlines and certificates need the right time"),
            "set the clock",
        );
    }
    Finding::ok("time", format!("{now} ({})", zone.iana_name().unwrap_or("no named time zone")))
}

#[cfg(test)]
mod tests {
    use super::{addresses, overcommit, swap, time, user};
    use crate::command::doctor::Level;

    #[test]
    fn each_thing_is_as_bad_as_it_is() {
        let guest = 4 << 30;
        let table = [
            (addresses(None, guest), Level::Ok),
            (addresses(Some(guest), guest), Level::Problem),
            (addresses(Some(10 * guest), guest), Level::Warning),
            (addresses(Some(1_000 * guest), guest), Level::Ok),
            (overcommit("0\n"), Level::Ok),
            (overcommit("2\n"), Level::Warning),
            (overcommit(""), Level::Ok),
            (swap(true), Level::Warning),
            (swap(false), Level::Ok),
            (user(true), Level::Warning),
            (user(false), Level::Ok),
            (time(0), Level::Problem),
            (time(1_800_000_000_000), Level::Ok),
        ];
        for (finding, level) in table {
            assert_eq!((finding.level, finding.help.is_some()), (level, level != Level::Ok), "{finding:?}");
        }
    }
}
