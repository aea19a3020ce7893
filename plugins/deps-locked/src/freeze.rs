//! `pip freeze`: what is installed, compared with what is locked.

use std::collections::{BTreeMap, BTreeSet};

use runner_plugin::Finding;

use crate::requirements::{self, Entry, Name, Pin, Version, same_version};

/// Reads the output of `pip freeze`. What is not `name==version` is a finding.
pub(crate) fn parse(path: &str, text: &str, findings: &mut Vec<Finding>) -> Vec<Pin> {
    let mut installed = Vec::new();
    for entry in requirements::parse(path, text) {
        match entry {
            Entry::Package(pin) => installed.push(pin),
            Entry::Problem(finding) => findings.push(finding),
            Entry::RequireHashes => {}
            Entry::Include { path: include, line } => findings.push(
                Finding::error("unreadable-line", format!("`pip freeze` never prints `-r {include}`"))
                    .in_file(path)
                    .at_line(line),
            ),
        }
    }
    installed
}

/// Every package that is installed and not locked, locked and not installed, or installed at another version.
///
/// A requirement with a marker may be missing: whether it applies is known on the target only.
pub(crate) fn differences(
    path: &str,
    installed: &[Pin],
    locked: &[Pin],
    allowed: &BTreeSet<Name>,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut wanted: BTreeMap<&Name, Vec<&Pin>> = BTreeMap::new();
    for pin in locked {
        wanted.entry(&pin.name).or_default().push(pin);
    }
    for pin in installed.iter().filter(|pin| !allowed.contains(&pin.name)) {
        let at = |rule: &str, message: String| Finding::error(rule, message).in_file(path).at_line(pin.line);
        let Some(wanted) = wanted.get(&pin.name) else {
            findings.push(
                at("not-locked", format!("`{}` is installed and in no requirements file", pin.name))
                    .help("pin it in a requirements file, or do not install it"),
            );
            continue;
        };
        let (Version::Exact(version), versions) = (&pin.version, exact_versions(wanted)) else { continue };
        if !versions.is_empty() && !versions.iter().any(|wanted| same_version(wanted, version)) {
            let wanted = versions.join(" or ");
            findings.push(
                at(
                    "version-differs",
                    format!("`{}` is installed at {version}, locked at {wanted}", pin.name),
                )
                .help("install from the requirements files again"),
            );
        }
    }
    let installed: BTreeSet<&Name> = installed.iter().map(|pin| &pin.name).collect();
    for (name, pins) in wanted {
        let pin = pins[0];
        if installed.contains(name) || allowed.contains(name) || pins.iter().all(|pin| pin.conditional) {
            continue;
        }
        findings.push(
            Finding::error("not-installed", format!("`{name}` is locked and not installed"))
                .in_file(&pin.file)
                .at_line(pin.line)
                .help("install from the requirements files again"),
        );
    }
    findings
}

fn exact_versions<'a>(pins: &[&'a Pin]) -> Vec<&'a str> {
    pins.iter()
        .filter_map(|pin| match &pin.version {
            Version::Exact(version) => Some(version.as_str()),
            Version::Any | Version::Loose(_) => None,
        })
        .collect()
}
