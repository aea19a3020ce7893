//! Types of the model in the words that are shown.

use runner_capabilities::{GrantSet, Limits, Requested, Rule, RuleKind, docker::DockerGrant};
use runner_journal::{Decision, SkipReason};
use runner_model::{
    Answer, Check, Failure, Finding, Phase, Plan, Retry, Step, StepResult, Uses, format_duration,
};

use crate::{
    Style,
    style::Tone,
    text::{self, bytes, clean, plural},
};

/// Grants, admitted or only asked for: a plan as it runs has the one, as a journal holds it the other.
pub trait Granted {
    /// The rules.
    fn requested(&self) -> &Requested;
}

impl Granted for GrantSet {
    fn requested(&self) -> &Requested {
        self.rules()
    }
}

impl Granted for Requested {
    fn requested(&self) -> &Requested {
        self
    }
}

/// The status words stand in a column of this width.
pub(crate) const STATUS: usize = 6;

/// A status word in its colour, padded.
pub(crate) fn status(style: &Style, tone: Tone, word: &str) -> String {
    style.paint(tone, &text::pad(word, STATUS))
}

/// The word for a result at the start of a line.
pub(crate) const fn result(result: StepResult) -> (Tone, &'static str) {
    match result {
        StepResult::Success => (Tone::Good, "pass"),
        StepResult::Warn => (Tone::Warning, "warn"),
        StepResult::Failure => (Tone::Bad, "no"),
        StepResult::Error => (Tone::Bad, "error"),
        StepResult::Skipped => (Tone::Faint, "skip"),
        StepResult::Aborted => (Tone::Warning, "abort"),
    }
}

/// The word for an answer, where it is not the result.
pub(crate) const fn answer(answer: Answer) -> &'static str {
    match answer {
        Answer::Pass => "pass",
        Answer::Warn => "warn",
        Answer::Fail => "no",
        Answer::Inconclusive => "unsure",
        Answer::Done => "done",
    }
}

/// `error (timed-out): no answer in 30s`.
pub(crate) fn failure(failure: &Failure) -> String {
    format!("{}: {}", failure.kind.as_str(), clean(&failure.message))
}

/// Why a step was not started.
pub(crate) fn skipped(reason: &SkipReason) -> String {
    match reason {
        SkipReason::Need { step, result } => {
            let ended = match result {
                StepResult::Skipped => "was skipped".to_owned(),
                StepResult::Aborted => "was aborted".to_owned(),
                StepResult::Success | StepResult::Warn | StepResult::Failure | StepResult::Error => {
                    format!("ended with {}", result.as_str())
                }
            };
            format!("needs `{}`, which {ended}", clean(step.as_str()))
        }
        SkipReason::Condition => "its `if` is false".to_owned(),
        SkipReason::Unwinding => "the run was already going back".to_owned(),
        SkipReason::Cancelled => "the run was cancelled before".to_owned(),
        SkipReason::Unobserved => "which slot is active is not known".to_owned(),
    }
}

/// How a question was answered.
pub(crate) fn decision(decision: Decision, by: &str, reason: &str) -> String {
    let by = if by.is_empty() { String::new() } else { format!(" by {}", clean(by)) };
    let reason = if reason.is_empty() { String::new() } else { format!(": {}", clean(reason)) };
    match decision {
        Decision::Approved => format!("approved{by}{reason}"),
        Decision::Rejected => format!("rejected{by}{reason}"),
        Decision::Expired => format!("nobody answered in time{reason}"),
    }
}

/// `src/a.py:12:3 no-eval: eval is not allowed`.
pub(crate) fn finding(finding: &Finding) -> String {
    let mut line = String::new();
    if let Some(file) = &finding.file {
        line.push_str(&clean(file));
        for number in [finding.line, finding.column].into_iter().map_while(|number| number) {
            line.push_str(&format!(":{number}"));
        }
        line.push(' ');
    }
    format!("{line}{}: {}", clean(&finding.rule), clean(&finding.message))
}

/// ``check `db` no: no route``.
pub(crate) fn check(check: &Check) -> String {
    format!("check `{}` {}: {}", clean(&check.name), answer(check.answer), clean(&check.message))
}

/// What a step is: the plugin's kind, or the built-in.
pub(crate) fn kind<G>(plan: &Plan<G>, step: &Step<G>) -> &'static str {
    match &step.uses {
        Uses::Plugin(_) => plan.plugin(step).map_or("plugin", |plugin| plugin.kind.as_str()),
        Uses::Checkpoint => "checkpoint",
        Uses::Approval(_) => "approval",
    }
}

/// Which part of the pipeline a step stands in, if not among `steps`.
pub(crate) const fn part(phase: &Phase) -> Option<&'static str> {
    match phase {
        Phase::Observe => Some("targets"),
        Phase::Main => None,
        Phase::Finally => Some("finally"),
        Phase::Notify { .. } => Some("notify"),
    }
}

/// `gate`, or `gate, finally`.
pub(crate) fn kind_and_part<G>(plan: &Plan<G>, step: &Step<G>) -> String {
    let kind = kind(plan, step);
    part(&step.phase).map_or_else(|| kind.to_owned(), |part| format!("{kind}, {part}"))
}

/// Grants in words, one line each; empty if nothing is granted.
pub(crate) fn grants(granted: &Requested) -> Vec<String> {
    let mut lines: Vec<String> =
        granted.network.rules().map(|rule| format!("connect {}", clean(&rule.to_string()))).collect();
    lines.extend(granted.filesystem.read.iter().map(|path| format!("read {}", clean(&path.to_string()))));
    lines.extend(
        granted.filesystem.write.iter().map(|path| format!("read and write {}", clean(&path.to_string()))),
    );
    lines.extend(granted.env.names().map(|name| format!("see the variable {}", clean(name))));
    lines.extend(granted.secrets.iter().map(|secret| {
        let how = if secret.reveal { "see the bytes of" } else { "use, but not see," };
        format!("{how} the secret {}", clean(&secret.name))
    }));
    lines.extend(docker(&granted.docker));
    for Rule { grant, rule } in granted.each_rule() {
        match grant {
            RuleKind::Git => lines.push(format!("git {}", clean(&rule))),
            RuleKind::Command => lines.push(format!("run {}", clean(&rule))),
            RuleKind::Network
            | RuleKind::Read
            | RuleKind::Write
            | RuleKind::Env
            | RuleKind::Secret
            | RuleKind::Reveal
            | RuleKind::DockerVerb
            | RuleKind::DockerContainer
            | RuleKind::DockerImage
            | RuleKind::DockerNetwork
            | RuleKind::DockerPort
            | RuleKind::DockerMount
            | RuleKind::DockerPrivilege => {}
        }
    }
    lines
}

/// What may be done with Docker: the verbs, and a line for each list of what they are done to.
fn docker(granted: &DockerGrant) -> Vec<String> {
    if granted.is_empty() {
        return Vec::new();
    }
    let listed = |items: &mut dyn Iterator<Item = String>| {
        items.map(|item| clean(&item).into_owned()).collect::<Vec<_>>().join(", ")
    };
    let parts = [
        ("containers", listed(&mut granted.containers.iter().map(ToString::to_string))),
        ("images", listed(&mut granted.images.iter().map(ToString::to_string))),
        ("networks", listed(&mut granted.networks.iter().map(ToString::to_string))),
        ("ports", listed(&mut granted.ports.iter().map(ToString::to_string))),
        ("mount", listed(&mut granted.mounts.read.iter().map(ToString::to_string))),
        ("mount and write", listed(&mut granted.mounts.write.iter().map(ToString::to_string))),
        ("allow", listed(&mut granted.allow.iter().map(ToString::to_string))),
    ];
    let mut lines = vec![format!("docker {}", listed(&mut granted.verbs.iter().map(ToString::to_string)))];
    lines.extend(
        parts
            .into_iter()
            .filter(|(_, items)| !items.is_empty())
            .map(|(name, items)| format!("  {name} {items}")),
    );
    lines
}

/// The limits that differ from `usual`, in words.
pub(crate) fn limits_beside(limits: &Limits, usual: &Limits) -> Vec<String> {
    let mut words = Vec::new();
    let mut add = |differs: bool, text: String| {
        if differs {
            words.push(text);
        }
    };
    add(limits.memory != usual.memory, format!("memory {}", bytes(limits.memory)));
    add(limits.time_ms != usual.time_ms, format!("time {}", milliseconds(limits.time_ms)));
    add(
        limits.fuel != usual.fuel,
        limits.fuel.map_or_else(|| "fuel not counted".to_owned(), |fuel| format!("fuel {fuel}")),
    );
    add(limits.output != usual.output, format!("output {}", bytes(limits.output)));
    add(limits.calls != usual.calls, format!("{} host calls", limits.calls));
    words
}

/// All limits, in words.
pub(crate) fn limits(limits: &Limits) -> String {
    let fuel = limits.fuel.map_or_else(|| "fuel not counted".to_owned(), |fuel| format!("fuel {fuel}"));
    let [memory, output] = [bytes(limits.memory), bytes(limits.output)];
    format!(
        "memory {memory}, time {}, {fuel}, output {output}, {} host calls",
        milliseconds(limits.time_ms),
        limits.calls
    )
}

/// `3 attempts, 1s apart, growing by 2 up to 1m`; nothing for a single attempt.
pub(crate) fn retry(retry: &Retry) -> Option<String> {
    if retry.attempts < 2 {
        return None;
    }
    let growth = if (retry.backoff.0 - 1.0).abs() < f64::EPSILON {
        String::new()
    } else {
        format!(", growing by {} up to {}", retry.backoff.0, format_duration(retry.max_delay))
    };
    let attempts = plural(usize::try_from(retry.attempts).unwrap_or(usize::MAX), "attempt");
    Some(format!("{attempts}, {} apart{growth}", format_duration(retry.delay)))
}

pub(crate) fn milliseconds(count: u64) -> String {
    format_duration(std::time::Duration::from_millis(count))
}

#[cfg(test)]
mod tests {
    use runner_capabilities::Requested;
    use serde_json::json;

    use super::grants;

    /// A capability that a plan leaves out would be granted unseen.
    #[test]
    fn every_kind_of_grant_is_told() {
        let block = json!({
            "network": ["GET http://127.0.0.1:8001/health"],
            "filesystem": { "read": ["a.txt"], "write": ["reports/"] },
            "env": ["LANG"],
            "secrets": ["token", { "name": "open", "reveal": true }],
            "docker": {
                "verbs": ["container.create", "image.*"], "containers": ["web-*"], "images": ["web:*"], "networks": ["none"],
                "ports": ["127.0.0.1:8000-8001"], "mounts": { "read": ["fixtures/"], "write": ["out/"] }, "allow": ["host-network"],
            },
            "git": ["status", { "repository": "server", "verbs": ["fetch"], "remotes": ["./origin.git"] }],
            "command": [{ "program": "kubectl", "args": ["get", "*"] }],
        });
        assert_eq!(
            grants(&Requested::parse(&block).unwrap()),
            [
                "connect GET http://127.0.0.1:8001/health",
                "read a.txt",
                "read and write reports/",
                "see the variable LANG",
                "use, but not see, the secret token",
                "see the bytes of the secret open",
                "docker container.create, image.*",
                "  containers web-*",
                "  images web:*",
                "  networks none",
                "  ports 127.0.0.1:8000-8001",
                "  mount fixtures/",
                "  mount and write out/",
                "  allow host-network",
                "git status",
                "git { repository: server, verbs: [fetch], remotes: [./origin.git] }",
                "run kubectl get *",
            ]
        );
    }
}
