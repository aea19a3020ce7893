//! Gate: a branch or a tag is what it should be.
//!
//! Every key of the step is one rule, and every rule that does not hold is one finding. `tag` judges what a tag is, and
//! `increment` which version it makes; where a commit is, is judged here. A tag is always looked at through
//! the commit behind it, never through the tag object.
//!
//! What cannot be told (no commits, a history that is cut off, a remote that does not answer) is a failure, never a pass.

mod config;
mod increment;
mod tag;

use runner_plugin::host::{Head, Repository, short_id};
use runner_plugin::text::{counted, shortened};
use runner_plugin::{Evaluation, Failure, Finding, Gate, Host, Request, Severity};

pub use config::Config;
use increment::{Place, Versions};

/// The gate.
#[derive(Debug)]
pub struct GitPolicy;

impl Gate for GitPolicy {
    type Config = Config;
    const OUTPUTS: &'static [&'static str] =
        &["commit", "tag_object", "version", "previous", "signer", "message"];

    fn evaluate(config: Config, _: &Request, host: &Host) -> Result<Evaluation, Failure> {
        config.check()?;
        let repository = host.git().open(&config.repository)?;
        let head = repository.head()?;
        let mut seen = Seen::default();
        seen.findings.extend(config.branch.as_ref().and_then(|branch| elsewhere(branch, &head)));
        match &config.tag {
            Some(name) => seen.tag(name, &config, &head, &repository, host)?,
            None => seen.commit = Some(head.commit.clone()),
        }
        if let Some(commit) = seen.commit.clone() {
            if let Some(branch) = &config.reachable_from {
                seen.findings.extend(unreachable(&commit, branch, &repository)?);
            }
            if config.needs_message() {
                let message = repository.commit(&commit)?.message;
                seen.findings.extend(wordless(&commit, &message));
                seen.message = Some(message);
            }
        }
        Ok(seen.evaluation(&config, &head))
    }
}

/// What was seen so far.
#[derive(Debug, Default)]
struct Seen {
    commit: Option<String>,
    tag_object: Option<String>,
    versions: Versions,
    signer: Option<String>,
    message: Option<String>,
    findings: Vec<Finding>,
}

impl Seen {
    fn tag(
        &mut self,
        name: &str,
        config: &Config,
        head: &Head,
        repository: &Repository,
        host: &Host,
    ) -> Result<(), Failure> {
        let pattern = config.tag_pattern()?;
        self.findings.extend(tag::misnamed(name, pattern.as_ref()));
        let Some(tag) = repository.tag(name)? else {
            self.findings.push(tag::missing(name));
            return Ok(());
        };
        self.tag_object = Some(tag.object.clone());
        self.commit.clone_from(&tag.commit);
        if config.annotated != Some(false) {
            self.findings.extend(tag::lightweight(&tag));
        }
        let (finding, signer) = tag::signature(config, &tag, repository, host)?;
        self.findings.extend(finding);
        self.signer = signer;
        if config.asks_remote() {
            self.findings.extend(tag::at_remote(config, &tag, repository, host)?);
        }
        let Some(commit) = &tag.commit else {
            self.findings.push(tag::without_commit(&tag));
            return Ok(());
        };
        if config.head_is_tag == Some(true) && head.commit != *commit {
            let [here, there] = [&head.commit, commit].map(|id| short_id(id));
            let message = format!("`HEAD` is at {here}, and the tag `{name}` at {there}");
            self.findings.push(Finding::error("head-elsewhere", message).help("check the tag out"));
        }
        let pattern = pattern.as_ref().map(|(_, regex)| regex);
        self.versions = increment::versions(config, &Place { repository, head, tag: &tag, commit, pattern })?;
        self.findings.extend(self.versions.finding.take());
        Ok(())
    }

    fn evaluation(self, config: &Config, head: &Head) -> Evaluation {
        let subject = match (&config.tag, &head.branch) {
            (Some(tag), _) => format!("`{}`", shortened(tag)),
            (None, Some(branch)) => format!("`{branch}`"),
            (None, None) => "`HEAD`".to_owned(),
        };
        let errors = self.findings.iter().filter(|finding| finding.severity == Severity::Error).count();
        let summary = match (errors, &self.commit) {
            (0, Some(commit)) => format!("{subject} at {} is as it should be", short_id(commit)),
            (number, _) => format!("{} with {subject}", counted(number, "problem", "problems")),
        };
        let text = |version: Option<semver::Version>| version.map(|version| version.to_string());
        Evaluation::judge(self.findings, summary)
            .output("commit", self.commit)
            .output("tag_object", self.tag_object)
            .output("version", text(self.versions.version))
            .output("previous", text(self.versions.previous))
            .output("signer", self.signer)
            .output("message", self.message)
    }
}

/// `HEAD` is not on the branch.
fn elsewhere(branch: &str, head: &Head) -> Option<Finding> {
    let place = match &head.branch {
        Some(on) if on == branch => return None,
        Some(on) => format!("on `{on}`"),
        None => format!("at {} and on no branch", short_id(&head.commit)),
    };
    let message = format!("`HEAD` is {place}, not on `{}`", shortened(branch));
    Some(Finding::error("wrong-branch", message).help(format!("run `git switch {}`", shortened(branch))))
}

/// The commit is on no way back from the branch.
///
/// The name is looked for among branches only: a tag called `origin/main` would else come first.
fn unreachable(commit: &str, branch: &str, repository: &Repository) -> Result<Option<Finding>, Failure> {
    let names = if branch.starts_with("refs/") {
        vec![branch.to_owned()]
    } else {
        vec![format!("refs/remotes/{branch}"), format!("refs/heads/{branch}")]
    };
    for name in &names {
        if let Some(end) = repository.resolve(name)? {
            let message =
                format!("{} is not part of `{branch}`, which ends at {}", short_id(commit), short_id(&end));
            let help = "release what is on that branch; if it was pushed by now, fetch first";
            return Ok((!repository.is_ancestor(commit, &end)?)
                .then(|| Finding::error("not-reachable", message).help(help)));
        }
    }
    Err(Failure::unavailable(format!(
        "repository `{}`: there is no `{}`; fetch it first; whether {} is part of it was not checked",
        repository.path(),
        names.join("` and no `"),
        short_id(commit),
    )))
}

/// A commit that does not say what it changes.
fn wordless(commit: &str, message: &str) -> Option<Finding> {
    let finding = || Finding::error("empty-message", format!("{} has no message", short_id(commit)));
    message.trim().is_empty().then(|| finding().help("say what it changes: `git commit --amend`"))
}

runner_plugin::export_gate!(GitPolicy);

#[cfg(test)]
mod tests;
