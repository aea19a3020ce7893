//! What keeps services apart from each other and from the host.

use std::collections::BTreeSet;

use runner_plugin::text::shortened;

use crate::project::{At, Project, Service};
use crate::{Problem, Rule};

/// Capabilities that are as good as all of them.
const ALL_POWERFUL: [&str; 3] = ["ALL", "SYS_ADMIN", "SYS_MODULE"];

pub(crate) fn problems(project: &Project, separate: &[[String; 2]]) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (name, service) in &project.services {
        if let Some(mode) = service.network_mode.as_ref().filter(|mode| mode.value == "host") {
            let message =
                "uses the network of the host: its ports are fixed, and a second copy cannot start beside it";
            let problem = Problem::new(Rule::HostNetwork, name, mode, message.to_owned());
            problems
                .push(problem.help("take out `network_mode: host`, and publish the ports that are needed"));
        }
        problems.extend(privileges(name, service));
    }
    for [one, other] in separate {
        problems.extend(shared(project, one, other));
    }
    problems
}

fn privileges(name: &str, service: &Service) -> Vec<Problem> {
    let mut found: Vec<(At<()>, String)> = Vec::new();
    if let Some(privileged) = service.privileged.as_ref().filter(|privileged| privileged.value) {
        found.push((privileged.with(()), "is privileged, so it has all rights of the host".to_owned()));
    }
    if let Some(pid) = service.pid.as_ref().filter(|pid| pid.value == "host") {
        found.push((pid.with(()), "sees the processes of the host".to_owned()));
    }
    for capability in &service.cap_add {
        let upper = capability.value.to_ascii_uppercase();
        if ALL_POWERFUL.contains(&upper.trim_start_matches("CAP_")) {
            let message =
                format!("has the capability `{}`, as good as all of them", shortened(&capability.value));
            found.push((capability.with(()), message));
        }
    }
    let problem = |(place, message): (At<()>, String)| {
        let problem = Problem::new(Rule::Privileged, name, &place, message);
        problem.help("take it out, or grant the one capability it needs")
    };
    found.into_iter().map(problem).collect()
}

/// A network that two services share although they must not.
fn shared(project: &Project, one: &str, other: &str) -> Option<Problem> {
    let (first, second) = (project.services.get(one)?, project.services.get(other)?);
    if one == other {
        return None;
    }
    let (mine, theirs) = (networks(project, one), networks(project, other));
    let network = mine.intersection(&theirs).next()?;
    let place = first.networks.get(network).unwrap_or(&first.place);
    let also = second.networks.get(network).unwrap_or(&second.place).line;
    let message =
        format!("shares the network `{network}` with `{other}` (line {also}), from which it has to be apart");
    let problem = Problem::new(Rule::SharedNetwork, one, place, message);
    Some(problem.help("give each of them networks of its own under `networks`"))
}

/// The networks that a service is in, by their real names.
fn networks(project: &Project, service: &str) -> BTreeSet<String> {
    let mut name = service.to_owned();
    let mut seen = BTreeSet::new();
    // `network_mode: service:x` is the network of `x`.
    while seen.insert(name.clone()) {
        let Some(service) = project.services.get(&name) else { break };
        match service.network_mode.as_ref().map(|mode| mode.value.as_str()) {
            Some("none") => return BTreeSet::new(),
            Some(mode) => match mode.strip_prefix("service:") {
                Some(other) => name = other.to_owned(),
                None => return BTreeSet::from([mode.to_owned()]),
            },
            None if service.networks.is_empty() => return BTreeSet::from(["default".to_owned()]),
            None => {
                let real = |name: &String| project.network_names.get(name).unwrap_or(name).clone();
                return service.networks.keys().map(real).collect();
            }
        }
    }
    BTreeSet::new()
}
