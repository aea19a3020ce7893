//! What is mounted from the host.

use runner_plugin::text::shortened;

use crate::project::{At, Mount, Project, Service};
use crate::{Problem, Rule, WantedMount};

pub(crate) fn problems(project: &Project, wanted: &[WantedMount]) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (name, service) in &project.services {
        for mount in &service.mounts {
            problems.extend(of_mount(project, name, mount));
        }
    }
    for wanted in wanted {
        problems.extend(missing(project, wanted));
    }
    problems
}

fn of_mount(project: &Project, service: &str, mount: &At<Mount>) -> Option<Problem> {
    let source = mount.value.source.as_deref()?;
    let shown = shortened(source);
    if source.contains('$') {
        let message = format!("mounts `{shown}`, and what that is cannot be told from the files");
        let problem = Problem::new(Rule::UnresolvedMount, service, mount, message);
        return Some(problem.help("give the variable a default, or its value under `env`"));
    }
    if source.ends_with("/docker.sock") || source.ends_with("/podman.sock") {
        let message = format!("mounts `{shown}`, through which it can do anything on the host");
        return Some(Problem::new(Rule::DockerSocket, service, mount, message).help("take the mount out"));
    }
    if !is_of_project(source) {
        return None;
    }
    if let Some(why) = source_of(project, source) {
        let message = format!("mounts `{shown}` at `{}`: {why}", shortened(&mount.value.target));
        let problem = Problem::new(Rule::SourceMount, service, mount, message);
        return Some(problem.help("copy what is needed into the image"));
    }
    if !mount.value.read_only {
        let message = format!("can write to `{shown}`, which belongs to the project");
        let problem = Problem::new(Rule::WritableMount, service, mount, message);
        return Some(problem.help("add `:ro`, or use a volume"));
    }
    None
}

/// Whether a source is a path beside the compose file, and not a volume or a path of the host.
fn is_of_project(source: &str) -> bool {
    source == "." || source == ".." || source.starts_with("./") || source.starts_with("../")
}

/// Why a path holds sources: it is the project itself or above it, or what an image is built from.
fn source_of(project: &Project, source: &str) -> Option<String> {
    let Some(source) = joined("", source) else {
        return Some("it is above the project".to_owned());
    };
    if source.is_empty() {
        return Some("it is the project itself".to_owned());
    }
    let contexts =
        project.services.iter().filter_map(|(name, service)| Some((name, service.build.as_ref()?)));
    contexts
        .filter_map(|(name, context)| Some((name, joined("", &context.value)?)))
        // A context of `.` holds everything, also what is only configuration.
        .filter(|(_, context)| !context.is_empty())
        .find(|(_, context)| is_within(&source, context) || is_within(context, &source))
        .map(|(name, _)| format!("`{name}` is built from it"))
}

/// Whether a path is another one or below it.
fn is_within(path: &str, directory: &str) -> bool {
    path.strip_prefix(directory).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// A path below a directory without `.` and `..`; none if it leads out.
pub(crate) fn joined(directory: &str, path: &str) -> Option<String> {
    if path.starts_with(['/', '~']) {
        return None;
    }
    let mut names: Vec<&str> = Vec::new();
    for name in directory.split('/').chain(path.split('/')) {
        match name {
            "" | "." => {}
            ".." => {
                names.pop()?;
            }
            name => names.push(name),
        }
    }
    Some(names.join("/"))
}

/// What is wrong with a mount that has to be there.
fn missing(project: &Project, wanted: &WantedMount) -> Vec<Problem> {
    let services =
        project.services.iter().filter(|(name, _)| wanted.service.as_ref().is_none_or(|own| own == *name));
    let found: Vec<(&String, &Service, &At<Mount>)> = services
        .flat_map(|(name, service)| service.mounts.iter().map(move |mount| (name, service, mount)))
        .filter(|(_, _, mount)| is_wanted(wanted, &mount.value))
        .collect();
    if found.is_empty() {
        // An unknown service is a finding of its own.
        let place = match &wanted.service {
            Some(name) => project.services.get(name),
            None => project.services.values().next(),
        };
        let what = wanted.source.as_ref().map_or(String::new(), |source| format!(" from `{source}`"));
        let problem = place.map(|service| {
            let name = wanted.service.as_deref().unwrap_or("any service");
            let message = format!("has no mount at `{}`{what}", wanted.target);
            Problem::new(Rule::MissingMount, name, &service.place, message).help("add it under `volumes`")
        });
        return problem.into_iter().collect();
    }
    found
        .into_iter()
        .filter(|(_, _, mount)| wanted.read_only && !mount.value.read_only)
        // What belongs to the project is found above already.
        .filter(|(_, _, mount)| mount.value.source.as_deref().is_none_or(|source| !is_of_project(source)))
        .map(|(name, _, mount)| {
            let message = format!("can write to the mount at `{}`, which has to be read-only", wanted.target);
            Problem::new(Rule::WritableMount, name, mount, message).help("add `:ro`")
        })
        .collect()
}

fn is_wanted(wanted: &WantedMount, mount: &Mount) -> bool {
    let clean = |path: &str| path.trim_end_matches('/').trim_start_matches("./").to_owned();
    let source = |wanted: &String| mount.source.as_deref().is_some_and(|own| clean(own) == clean(wanted));
    clean(&mount.target) == clean(&wanted.target) && wanted.source.as_ref().is_none_or(source)
}
