//! Scanners of images and whole trees: Trivy, Grype, OSV-Scanner.

use runner_plugin::Failure;
use runner_reading::Part;
use serde_json::Value;

use super::{Report, Vulnerability};
use crate::severity::Severity;

/// Trivy: one result for each file or package manager it looked at.
pub(super) fn trivy(report: &Part<'_>) -> Result<Report, Failure> {
    let mut all = Report::default();
    let results = report.list("Results")?;
    all.scanned = Some(results.len() as u64);
    for result in results {
        for found in result.list("Vulnerabilities")? {
            let fix = found.text("FixedVersion")?.unwrap_or_default();
            all.vulnerabilities.push(Vulnerability {
                id: found.required_text("VulnerabilityID")?.to_owned(),
                aliases: found.texts("VendorIDs")?,
                package: found.required_text("PkgName")?.to_owned(),
                version: found.text("InstalledVersion")?.unwrap_or_default().to_owned(),
                severity: Severity::of_word(found.text("Severity")?.unwrap_or_default())
                    .or(|| trivy_cvss(&found)),
                fix: Some(fix.to_owned()).filter(|fix| !fix.is_empty()),
                title: found.line("Title")?,
            });
        }
    }
    Ok(all)
}

/// The worst of what the sources of Trivy say.
fn trivy_cvss(found: &Part<'_>) -> Severity {
    let sources =
        found.value().get("CVSS").and_then(Value::as_object).into_iter().flat_map(|sources| sources.values());
    let severities = sources.flat_map(|source| {
        ["V40Score", "V3Score", "V2Score"]
            .into_iter()
            .filter_map(|key| Some(Severity::of_score(source.get(key)?.as_f64()?)))
            .chain(
                ["V40Vector", "V3Vector", "V2Vector"]
                    .into_iter()
                    .filter_map(|key| Some(Severity::of_vector(source.get(key)?.as_str()?))),
            )
    });
    severities.min().unwrap_or(Severity::Unknown)
}

/// Grype: one match for each vulnerability of each artifact.
pub(super) fn grype(report: &Part<'_>) -> Result<Report, Failure> {
    let mut all = Report::default();
    for found in report.required_list("matches")? {
        let vulnerability = found.required("vulnerability")?;
        let artifact = found.required("artifact")?;
        let mut aliases = Vec::new();
        for related in found.list("relatedVulnerabilities")? {
            aliases.push(related.text("id")?.unwrap_or_default().to_owned());
        }
        let fix = match vulnerability.object("fix")? {
            Some(fix) => fix.texts("versions")?.join(" or "),
            None => String::new(),
        };
        let word = Severity::of_word(vulnerability.text("severity")?.unwrap_or_default());
        let scores = vulnerability.list("cvss")?;
        all.vulnerabilities.push(Vulnerability {
            id: vulnerability.required_text("id")?.to_owned(),
            aliases,
            package: artifact.required_text("name")?.to_owned(),
            version: artifact.text("version")?.unwrap_or_default().to_owned(),
            severity: word.or(|| scores.iter().map(grype_cvss).min().unwrap_or(Severity::Unknown)),
            fix: Some(fix).filter(|fix| !fix.is_empty()),
            title: vulnerability.line("description")?,
        });
    }
    Ok(all)
}

fn grype_cvss(cvss: &Part<'_>) -> Severity {
    let score = cvss.value().pointer("/metrics/baseScore").and_then(Value::as_f64);
    score
        .map_or(Severity::Unknown, Severity::of_score)
        .or(|| Severity::of_vector(cvss.text("vector").ok().flatten().unwrap_or_default()))
}

/// OSV-Scanner: several advisories about one vulnerability are a group, and count once.
pub(super) fn osv_scanner(report: &Part<'_>) -> Result<Report, Failure> {
    let mut all = Report::default();
    for result in report.required_list("results")? {
        for package in result.list("packages")? {
            let named = package.required("package")?;
            let name = named.required_text("name")?;
            let advisories = package.list("vulnerabilities")?;
            let mut grouped = Vec::new();
            for group in package.list("groups")? {
                let ids = group.texts("ids")?;
                let of_group: Vec<&Part<'_>> = advisories
                    .iter()
                    .filter(|advisory| {
                        advisory
                            .text("id")
                            .is_ok_and(|id| id.is_some_and(|id| ids.iter().any(|of_group| of_group == id)))
                    })
                    .collect();
                let score = group
                    .text("max_severity")?
                    .unwrap_or_default()
                    .parse()
                    .map_or(Severity::Unknown, Severity::of_score);
                let mut found = osv(name, named.text("version")?.unwrap_or_default(), &of_group, score)?;
                found.aliases.extend(group.texts("aliases")?);
                found.aliases.extend(ids.iter().cloned());
                if let Some(first) = ids.first() {
                    found.id.clone_from(first);
                }
                if found.id.is_empty() {
                    return Err(group.refuse("the group has no id"));
                }
                grouped.extend(ids);
                all.vulnerabilities.push(found);
            }
            for advisory in &advisories {
                let id = advisory.required_text("id")?;
                if !grouped.iter().any(|of_group| of_group == id) {
                    let alone = [advisory];
                    all.vulnerabilities.push(osv(
                        name,
                        named.text("version")?.unwrap_or_default(),
                        &alone,
                        Severity::Unknown,
                    )?);
                }
            }
        }
    }
    Ok(all)
}

/// What several advisories say of one vulnerability.
fn osv(
    name: &str,
    version: &str,
    advisories: &[&Part<'_>],
    score: Severity,
) -> Result<Vulnerability, Failure> {
    let mut found = Vulnerability {
        id: String::new(),
        aliases: Vec::new(),
        package: name.to_owned(),
        version: version.to_owned(),
        severity: score,
        fix: None,
        title: String::new(),
    };
    let mut of_advisories = Severity::Unknown;
    for advisory in advisories {
        if found.id.is_empty() {
            advisory.required_text("id")?.clone_into(&mut found.id);
            found.title = advisory.line("summary")?;
        }
        found.aliases.extend(advisory.texts("aliases")?);
        for severity in advisory.list("severity")? {
            of_advisories =
                of_advisories.min(Severity::of_vector(severity.text("score")?.unwrap_or_default()));
        }
        if of_advisories == Severity::Unknown {
            let word = advisory.value().pointer("/database_specific/severity").and_then(Value::as_str);
            of_advisories = word.map_or(Severity::Unknown, Severity::of_word);
        }
        if found.fix.is_none() {
            found.fix = fixed(advisory, name)?;
        }
    }
    found.severity = found.severity.or(|| of_advisories);
    Ok(found)
}

/// The versions that an advisory calls fixed for a package.
fn fixed(advisory: &Part<'_>, name: &str) -> Result<Option<String>, Failure> {
    let mut versions: Vec<String> = Vec::new();
    for affected in advisory.list("affected")? {
        let of_package =
            affected.object("package")?.map(|package| package.text("name")).transpose()?.flatten();
        if of_package.is_some_and(|other| other != name) {
            continue;
        }
        for range in affected.list("ranges")? {
            if range.text("type")?.unwrap_or_default() == "GIT" {
                continue;
            }
            for event in range.list("events")? {
                let version = event.text("fixed")?.unwrap_or_default();
                if !version.is_empty() && !versions.iter().any(|known| known == version) {
                    versions.push(version.to_owned());
                }
            }
        }
    }
    Ok((!versions.is_empty()).then(|| versions.join(" or ")))
}
