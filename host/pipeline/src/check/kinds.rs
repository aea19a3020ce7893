//! What a step is decides where it may stand and which keys mean something.

use std::{collections::HashMap, time::Duration};

use runner_model::{Approval, Diagnostic, Effect, Inconclusive, Phase, PluginKind};

use crate::{
    authored::{Fields, Keys, STEP, StepText, text},
    resolve::{Resolved, ResolvedStep, ResolvedUses, unusable},
};

pub(crate) const APPROVAL: Keys =
    Keys { of: "the `with` of an approval", known: &["message", "timeout", "on_timeout"], later: &[] };

/// Keys that mean something for a step that no plugin carries out.
const OF_CHECKPOINT: [&str; 5] = ["uses", "target", "needs", "if", "matrix"];
const OF_APPROVAL: [&str; 8] =
    ["uses", "with", "target", "needs", "if", "matrix", "env", "continue_on_error"];

/// Checks every step against its kind; gives what each approval asks.
pub(super) fn check(resolved: &Resolved, found: &mut Vec<Diagnostic>) -> HashMap<usize, Approval> {
    let mut approvals = HashMap::new();
    for (at, step) in resolved.steps.iter().enumerate() {
        match step.uses {
            Some(ResolvedUses::Checkpoint | ResolvedUses::Approval) if is_message(&step.text) => {
                let at = step.text.uses.as_ref().map_or(step.text.id.span, |uses| uses.span);
                found.push(
                    Diagnostic::error("wrong-kind", "a built-in step cannot send messages")
                        .at(at, "")
                        .help("under `notify` stand notifiers only"),
                );
            }
            Some(ResolvedUses::Checkpoint | ResolvedUses::Approval) if step.text.phase == Phase::Observe => {
                let at = step.text.uses.as_ref().map_or(step.text.id.span, |uses| uses.span);
                found.push(
                    Diagnostic::error("wrong-kind", "a built-in step cannot say where traffic goes")
                        .at(at, "")
                        .help("the `proxy` of a target uses a proxy switch"),
                );
            }
            Some(ResolvedUses::Checkpoint) => built_in(&step.text, "a `checkpoint`", &OF_CHECKPOINT, found),
            Some(ResolvedUses::Approval) => {
                built_in(&step.text, "an `approval`", &OF_APPROVAL, found);
                approvals.extend(approval(&step.text, found).map(|approval| (at, approval)));
            }
            Some(ResolvedUses::Plugin(_)) => {
                if let Some((_, facts)) = resolved.plugin_of(step) {
                    plugin(step, facts.kind, found);
                }
            }
            None => {}
        }
    }
    approvals
}

fn is_message(step: &StepText) -> bool {
    match step.phase {
        Phase::Notify { .. } => true,
        Phase::Observe | Phase::Main | Phase::Finally => false,
    }
}

fn built_in(step: &StepText, of: &str, meant: &[&str], found: &mut Vec<Diagnostic>) {
    let known = |key: &str| STEP.known.contains(&key) && !meant.contains(&key);
    for key in step.keys.iter().filter(|key| known(&key.value)) {
        let timeout_of_approval = key.value == "timeout" && meant.contains(&"with");
        found.push(without_effect(&key.value, of).at(key.span, "").help(if timeout_of_approval {
            "how long to wait for the answer stands under `with`: `with: { message: …, timeout: 24h }`"
        } else {
            "remove it"
        }));
    }
}

fn approval(step: &StepText, found: &mut Vec<Diagnostic>) -> Option<Approval> {
    if step.with_unreadable {
        return None;
    }
    let Some(with) = &step.with else {
        found.push(
            Diagnostic::error("missing-key", "an approval must say what it asks")
                .at(step.id.span, "")
                .help("write `with: { message: \"Switch to the new version?\" }`"),
        );
        return None;
    };
    let fields = Fields::open(&with.node, &APPROVAL, found)?;
    let message = fields.require("message", with.node.span, found).and_then(|entry| text(entry, found));
    let timeout = fields.positive_duration("timeout", found).unwrap_or(Duration::from_secs(24 * 60 * 60));
    let answers = [("fail", Inconclusive::Fail), ("pass", Inconclusive::Pass)];
    let on_timeout =
        fields.choice("on_timeout", &answers, found).map_or(Inconclusive::Fail, |chosen| chosen.value);
    Some(Approval { message: message?.value, timeout, on_timeout })
}

fn plugin(step: &ResolvedStep, kind: PluginKind, found: &mut Vec<Diagnostic>) {
    let text = &step.text;
    let at = text.uses.as_ref().map_or(text.id.span, |uses| uses.span);
    let name = text.uses.as_ref().map_or("", |uses| &uses.value);
    if text.phase == Phase::Observe {
        if kind != PluginKind::ProxySwitch {
            found.push(
                unusable("wrong-kind", format!("`{name}` cannot say where traffic goes"))
                    .at(at, "")
                    .note(format!("it is {} (read from the component itself)", article(kind)))
                    .help("the `proxy` of a target uses a proxy switch"),
            );
        }
        return;
    }
    match (&text.phase, kind.effect()) {
        (Phase::Finally, Effect::Change) => found.push(
            unusable("wrong-kind", format!("`{name}` changes something, and cannot stand under `finally`"))
                .at(at, "")
                .note(format!("it is {} (read from the component itself)", article(kind)))
                .note("`finally` runs when the world is settled; a change there could not be taken back")
                .help("move the step to `steps`"),
        ),
        (Phase::Notify { .. }, Effect::Change | Effect::Observe) => found.push(
            unusable("wrong-kind", format!("`{name}` cannot send messages"))
                .at(at, "")
                .note(format!("it is {} (read from the component itself)", article(kind)))
                .help("under `notify` stand notifiers only"),
        ),
        (Phase::Observe | Phase::Main, Effect::Observe | Effect::Change | Effect::Announce)
        | (Phase::Finally, Effect::Observe | Effect::Announce)
        | (Phase::Notify { .. }, Effect::Announce) => {}
    }
    if kind.effect() != Effect::Observe {
        for (key, help) in [
            ("poll", "only gates and health checks can be asked again and again"),
            ("on_inconclusive", "only gates and health checks can be inconclusive"),
        ] {
            if let Some(span) = text.key(key) {
                found.push(without_effect(key, article(kind)).at(span, "").help(help));
            }
        }
    }
    if kind != PluginKind::Notifier
        && let Some(span) = text.key("required")
    {
        found.push(
            without_effect("required", article(kind))
                .at(span, "")
                .help("only a notifier may fail without ending the run; for others see `continue_on_error`"),
        );
    }
}

fn without_effect(key: &str, of: &str) -> Diagnostic {
    Diagnostic::error("key-without-effect", format!("`{key}` means nothing for {of}"))
}

/// The kind with its article.
pub(crate) const fn article(kind: PluginKind) -> &'static str {
    match kind {
        PluginKind::Gate => "a gate",
        PluginKind::HealthCheck => "a health check",
        PluginKind::Notifier => "a notifier",
        PluginKind::ProxySwitch => "a proxy switch",
        PluginKind::Action => "an action",
    }
}
