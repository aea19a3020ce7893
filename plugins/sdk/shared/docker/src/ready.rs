//! Waiting until a container is ready.
//!
//! The engine is asked again and again, a fifth of a second apart: it has no call that waits for health. `judge`
//! decides and is pure.

use std::time::Duration;

use runner_evidence::Length;
use runner_plugin::host::{Container, ContainerFacts, ContainerState, HealthStatus};
use runner_plugin::text::shortened;
use runner_plugin::{Failure, FailureKind, Host};

/// When a container is ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Goal {
    /// It runs.
    Running,
    /// Its own health probe is content.
    Healthy,
    /// Its own health probe is content, if it has one; else it runs.
    HealthyIfProbed,
}

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(200);

/// Waits until `container` is as `goal` says, and returns what it is like then.
///
/// # Errors
///
/// `unavailable` as soon as it cannot become so, `invalid-config` if there is no probe, `timed-out`, and what the engine
/// answers.
pub fn wait(
    host: &Host,
    container: &Container,
    goal: Goal,
    timeout: Duration,
) -> Result<ContainerFacts, Failure> {
    poll(host, container, wanted(goal), timeout, |facts| Ok(judge(facts, goal)))
}

/// Waits until `container` runs and `probe` says so too. `what` it is then, stands in messages: `ready`.
///
/// # Errors
///
/// As [`wait`], and those of `probe`.
pub fn wait_until(
    host: &Host,
    container: &Container,
    what: &str,
    timeout: Duration,
    mut probe: impl FnMut() -> Result<bool, Failure>,
) -> Result<ContainerFacts, Failure> {
    poll(host, container, what, timeout, |facts| match judge(facts, Goal::Running) {
        Judgement::Ready if probe()? => Ok(Judgement::Ready),
        Judgement::Ready => Ok(Judgement::NotYet("running")),
        other @ (Judgement::NotYet(_) | Judgement::Never(_)) => Ok(other),
    })
}

fn poll(
    host: &Host,
    container: &Container,
    wanted: &str,
    timeout: Duration,
    mut look: impl FnMut(&ContainerFacts) -> Result<Judgement, Failure>,
) -> Result<ContainerFacts, Failure> {
    let began = host.clock().monotonic();
    loop {
        let facts = container.inspect()?;
        match look(&facts)? {
            Judgement::Ready => return Ok(facts),
            Judgement::Never(failure) => return Err(failure),
            Judgement::NotYet(what) => {
                let waited = host.clock().monotonic().saturating_sub(began);
                if waited >= timeout {
                    let after = Length::of_ms(milliseconds(timeout));
                    let message = format!("container `{}` is {what} after {after}, not {wanted}", facts.name);
                    return Err(Failure::new(FailureKind::TimedOut, message));
                }
                host.clock().sleep(PAUSE.min(timeout.saturating_sub(waited)));
            }
        }
    }
}

/// What one look says.
#[derive(Debug, PartialEq, Eq)]
enum Judgement {
    Ready,
    /// It may become so; this is what it is now.
    NotYet(&'static str),
    Never(Failure),
}

fn judge(facts: &ContainerFacts, goal: Goal) -> Judgement {
    let name = &facts.name;
    let never = |message: String| Judgement::Never(Failure::unavailable(message));
    match facts.state {
        ContainerState::Running => {}
        ContainerState::Created | ContainerState::Restarting => {
            return Judgement::NotYet(facts.state.as_str());
        }
        ContainerState::Paused | ContainerState::Removing | ContainerState::Dead => {
            return never(format!("container `{name}` is {}", facts.state.as_str()));
        }
        ContainerState::Exited => return never(ended(facts)),
    }
    match (goal, facts.health) {
        (Goal::Running, _)
        | (Goal::Healthy | Goal::HealthyIfProbed, HealthStatus::Healthy)
        | (Goal::HealthyIfProbed, HealthStatus::None) => Judgement::Ready,
        (Goal::Healthy | Goal::HealthyIfProbed, HealthStatus::Starting) => {
            Judgement::NotYet("not yet healthy")
        }
        (Goal::Healthy | Goal::HealthyIfProbed, HealthStatus::Unhealthy) => {
            let said = facts.probes.last().map(|probe| probe.output.trim()).filter(|said| !said.is_empty());
            let said = said.map(|said| format!(": {}", shortened(said))).unwrap_or_default();
            never(format!("container `{name}` is unhealthy by its own probe{said}"))
        }
        (Goal::Healthy, HealthStatus::None) => Judgement::Never(Failure::invalid_config(format!(
            "container `{name}` has no health probe, so it never becomes healthy; give one (`health`), put a \
             HEALTHCHECK into its image, or wait for less"
        ))),
    }
}

/// How a container ended, as a sentence.
///
/// ```
/// use runner_plugin::host::ContainerFacts;
///
/// let facts = ContainerFacts { name: "web".into(), exit_code: Some(137), out_of_memory: true, ..Default::default() };
/// assert_eq!(runner_docker::ready::ended(&facts), "container `web` was killed for want of memory (exit code 137)");
/// ```
#[must_use]
pub fn ended(facts: &ContainerFacts) -> String {
    let code = facts.exit_code.map_or_else(|| "unknown".to_owned(), |code| code.to_string());
    if facts.out_of_memory {
        format!("container `{}` was killed for want of memory (exit code {code})", facts.name)
    } else {
        format!("container `{}` has ended with exit code {code}", facts.name)
    }
}

fn wanted(goal: Goal) -> &'static str {
    match goal {
        Goal::Running => "running",
        Goal::Healthy | Goal::HealthyIfProbed => "healthy",
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use runner_plugin::host::HealthProbe;
    use runner_plugin::testing::{Engine, FakeContainer, FakeHost, FakeImage};

    fn facts(state: ContainerState, health: HealthStatus) -> ContainerFacts {
        ContainerFacts { name: "web".into(), state, health, ..ContainerFacts::default() }
    }

    fn never(message: &str) -> Judgement {
        Judgement::Never(Failure::unavailable(message))
    }

    #[test]
    fn only_what_runs_is_ready() {
        let table = [
            (ContainerState::Running, Judgement::Ready),
            (ContainerState::Created, Judgement::NotYet("created")),
            (ContainerState::Restarting, Judgement::NotYet("restarting")),
            (ContainerState::Paused, never("container `web` is paused")),
            (ContainerState::Removing, never("container `web` is removing")),
            (ContainerState::Dead, never("container `web` is dead")),
            (ContainerState::Exited, never("container `web` has ended with exit code unknown")),
        ];

        for (state, expected) in table {
            assert_eq!(judge(&facts(state, HealthStatus::None), Goal::Running), expected);
        }
    }

    #[test]
    fn health_counts_where_it_is_asked_for() {
        let judged = |health| {
            [Goal::Running, Goal::Healthy, Goal::HealthyIfProbed]
                .map(|goal| judge(&facts(ContainerState::Running, health), goal))
        };
        let no_probe = Judgement::Never(Failure::invalid_config(
            "container `web` has no health probe, so it never becomes healthy; give one (`health`), put a HEALTHCHECK \
             into its image, or wait for less",
        ));
        let unhealthy = || never("container `web` is unhealthy by its own probe");
        let starting = || Judgement::NotYet("not yet healthy");

        assert_eq!(judged(HealthStatus::Healthy), [Judgement::Ready, Judgement::Ready, Judgement::Ready]);
        assert_eq!(judged(HealthStatus::None), [Judgement::Ready, no_probe, Judgement::Ready]);
        assert_eq!(judged(HealthStatus::Starting), [Judgement::Ready, starting(), starting()]);
        assert_eq!(judged(HealthStatus::Unhealthy), [Judgement::Ready, unhealthy(), unhealthy()]);
    }

    #[test]
    fn an_unhealthy_container_is_told_with_what_its_probe_said() {
        let probe = HealthProbe {
            exit_code: 1,
            output: "redis: connection refused\n".into(),
            ..HealthProbe::default()
        };
        let facts =
            ContainerFacts { probes: vec![probe], ..facts(ContainerState::Running, HealthStatus::Unhealthy) };

        assert_eq!(
            judge(&facts, Goal::Healthy),
            never("container `web` is unhealthy by its own probe: redis: connection refused"),
        );
    }

    #[test]
    fn a_probe_of_ones_own_is_asked_while_it_runs() {
        let image = FakeImage::new("web:1").exits_after(3, 2);
        let fake =
            FakeHost::new().docker(Engine::new().image(image).container(FakeContainer::new("web", "web:1")));
        let host = fake.host();
        let web = host.docker().find_container("web").unwrap().unwrap();
        let mut asked = 0;
        let mut at_the = |time| {
            wait_until(&host, &web, "ready", Duration::from_secs(1), || {
                asked += 1;
                Ok(asked == time)
            })
            .map(|facts| facts.name)
        };

        assert_eq!(at_the(2), Ok("web".to_owned()));
        assert_eq!(at_the(9), Err(Failure::unavailable("container `web` has ended with exit code 2")));
    }

    #[test]
    fn it_is_asked_until_it_is_well_or_time_is_up() {
        let image = FakeImage::new("web:1").health([
            HealthStatus::Starting,
            HealthStatus::Starting,
            HealthStatus::Healthy,
        ]);
        let fake =
            FakeHost::new().docker(Engine::new().image(image).container(FakeContainer::new("web", "web:1")));
        let host = fake.host();
        let web = host.docker().find_container("web").unwrap().unwrap();

        let facts = wait(&host, &web, Goal::Healthy, Duration::from_secs(2)).unwrap();
        assert_eq!((facts.health, fake.time()), (HealthStatus::Healthy, 2 * PAUSE));

        let image = FakeImage::new("web:1").health([HealthStatus::Starting]);
        let fake =
            FakeHost::new().docker(Engine::new().image(image).container(FakeContainer::new("web", "web:1")));
        let host = fake.host();
        let web = host.docker().find_container("web").unwrap().unwrap();

        assert_eq!(
            wait(&host, &web, Goal::Healthy, Duration::from_millis(500)),
            Err(Failure::new(
                FailureKind::TimedOut,
                "container `web` is not yet healthy after 500ms, not healthy"
            )),
        );
        assert_eq!(fake.time(), Duration::from_millis(500));
    }
}
