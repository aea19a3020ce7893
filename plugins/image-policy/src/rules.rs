//! The rules, each about one thing that the engine knows of an image.
//!
//! Pure: facts and the time go in, findings come out. What is not known breaks the rule that asks for it.

use std::time::Duration;

use runner_evidence::{Length, Size};
use runner_images::Reference;
use runner_plugin::Finding;
use runner_plugin::host::ImageFacts;
use runner_plugin::text::shortened;

use crate::{Config, HealthCheck, Port};

/// The word for every user but root.
pub(crate) const NON_ROOT: &str = "non-root";

/// How far the clocks of the machine that built and of this one may be apart.
const SKEW: Duration = Duration::from_secs(5 * 60);

/// Holds an image against all rules.
pub(crate) fn judge(config: &Config, facts: &ImageFacts, now: Duration) -> Vec<Finding> {
    let mut findings = Vec::new();
    findings.extend(user(&config.user, &facts.user));
    findings.extend(health_check(config.health_check, facts.has_health_check));
    findings.extend(config.max_size.and_then(|most| size(most, facts.size)));
    findings.extend(config.max_age.and_then(|most| age(most, facts.created_at, now)));
    findings.extend(config.required_labels.iter().filter_map(|name| label(name, facts)));
    findings.extend(tags(config, facts));
    findings.extend(config.architecture.as_ref().and_then(|wanted| architecture(wanted, facts)));
    if let Some(allowed) = &config.allowed_registries {
        findings.extend(registries(allowed, &config.image, facts));
    }
    if let Some(allowed) = &config.exposed_ports {
        findings.extend(ports(allowed, facts));
    }
    findings
}

fn user(wanted: &str, user: &str) -> Option<Finding> {
    if wanted == "any" {
        return None;
    }
    let name = user.split(':').next().unwrap_or_default();
    // Docker reads digits as a number: `000` is root as well.
    let is_root = matches!(name, "" | "root") || name.bytes().all(|digit| digit == b'0');
    let finding = |message: String| Finding::error("user", message).help("give its Dockerfile a `USER`");
    match wanted {
        NON_ROOT if is_root && user.is_empty() => {
            Some(finding("it runs as root: it names no user".to_owned()))
        }
        NON_ROOT if is_root => Some(finding(format!("it runs as root: its user is `{}`", shortened(user)))),
        NON_ROOT => None,
        wanted if wanted == user => None,
        wanted => Some(finding(format!("its user is `{}`, not `{}`", shortened(user), shortened(wanted)))),
    }
}

fn health_check(wanted: HealthCheck, there: bool) -> Option<Finding> {
    (wanted == HealthCheck::Required && !there).then(|| {
        Finding::error("health-check", "it has no health check")
            .help("give its Dockerfile a `HEALTHCHECK`, or write `health_check: any`")
    })
}

fn size(most: Size, bytes: u64) -> Option<Finding> {
    (bytes > most.bytes()).then(|| {
        let message = format!("it has {}, at most {most} is allowed", Size::of(bytes));
        Finding::error("size", message).help("`docker history` shows which layer it is")
    })
}

fn age(most: Length, created_at: Duration, now: Duration) -> Option<Finding> {
    if created_at > now + SKEW {
        let message = "it says that it was built in the future, so its age is not known".to_owned();
        return Some(Finding::error("age", message).help("is the clock right where it was built, and here?"));
    }
    let age = now.saturating_sub(created_at);
    (age > most.duration()).then(|| {
        let age = Length::of_ms(u64::try_from(age.as_millis()).unwrap_or(u64::MAX)).rounded();
        Finding::error("age", format!("it was built {age} ago, at most {most} is allowed"))
            .help("build it anew; builds that leave out the time always look old")
    })
}

fn label(name: &str, facts: &ImageFacts) -> Option<Finding> {
    let message = match facts.label(name) {
        Some(value) if !value.trim().is_empty() => return None,
        Some(_) => format!("label `{name}` is empty"),
        None => format!("there is no label `{name}`"),
    };
    Some(Finding::error("label", message).help("add it when the image is built"))
}

/// Whether a text is the id of the image, or as many of its first digits as people write.
fn is_id(text: &str, facts: &ImageFacts) -> bool {
    let digits = facts.id.strip_prefix("sha256:").unwrap_or(&facts.id);
    text == facts.id || (text.len() >= 12 && digits.starts_with(text))
}

/// All names that lead to the image: the one that was asked for and those that the engine knows.
fn names<'t>(asked: &'t str, facts: &'t ImageFacts) -> Vec<&'t str> {
    let mut names: Vec<&str> = Some(asked).filter(|name| !is_id(name, facts)).into_iter().collect();
    for name in facts.tags.iter().chain(&facts.digests) {
        if !names.contains(&name.as_str()) {
            names.push(name);
        }
    }
    names
}

fn tags(config: &Config, facts: &ImageFacts) -> Vec<Finding> {
    let forbidden = |name: &&str| {
        let Reference { tag, digest, .. } = Reference::of(name);
        // Neither tag nor digest means `latest`.
        let tag = tag.or(if digest.is_none() { Some("latest") } else { None })?;
        let pattern =
            config.forbid_tags.iter().find(|pattern| fast_glob::glob_match(pattern.as_str(), tag))?;
        let message = format!("its name `{}` has a tag like `{pattern}`", shortened(name));
        Some(Finding::error("tag", message).help("name the version"))
    };
    names(&config.image, facts).iter().filter_map(forbidden).collect()
}

fn architecture(wanted: &str, facts: &ImageFacts) -> Option<Finding> {
    (facts.architecture != wanted).then(|| {
        let message = format!("it is for `{}`, not for `{wanted}`", shortened(&facts.architecture));
        Finding::error("architecture", message).help("build it for this platform")
    })
}

fn registries(allowed: &[String], asked: &str, facts: &ImageFacts) -> Vec<Finding> {
    let names = names(asked, facts);
    if names.is_empty() {
        let message = "it has no name, so nothing says where it comes from";
        return vec![Finding::error("registry", message).help("name the image instead of its id")];
    }
    let outside = names.into_iter().filter(|name| {
        let image = Reference::of(name);
        !allowed.iter().any(|place| image.is_below(place))
    });
    outside
        .map(|name| {
            let message = format!("`{}` leads to no registry that is allowed", shortened(name));
            Finding::error("registry", message).help(format!("allowed are {}", allowed.join(", ")))
        })
        .collect()
}

fn ports(allowed: &[Port], facts: &ImageFacts) -> Vec<Finding> {
    let allowed: Vec<String> = allowed
        .iter()
        .map(|port| match port {
            Port::Number(number) => format!("{number}/tcp"),
            Port::Text(text) => text.clone(),
        })
        .collect();
    let unexpected = facts.exposed.iter().filter(|port| !allowed.contains(port));
    unexpected
        .map(|port| {
            let message = format!("it exposes port {}", shortened(port));
            Finding::error("port", message).help("what listens there? take out its `EXPOSE`, or allow it")
        })
        .collect()
}
