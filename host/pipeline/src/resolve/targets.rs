//! `target` to what it names, and the values of a target once the inputs have theirs.

use std::collections::HashMap;

use runner_capabilities::{DockerHost, Machine, TlsFiles};
use runner_expression::Scope;
use runner_model::{Diagnostic, Phase, Slot, Target};
use serde_json::{Map, Value};

use super::ResolvedStep;
use crate::{
    authored::{Document, SlotText, Spanned, TargetText, Templated, plain},
    problems::suggestion,
};

/// Which target a step works on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum On {
    /// None is named, by the step or for all steps.
    Nothing,
    /// What is named is not there, which has been said.
    Unknown,
    /// Index into [`Document::targets`].
    Target(usize),
}

/// Finds the target of each step, and says which targets nobody uses.
pub(super) fn resolve(document: &Document, steps: &mut [ResolvedStep], found: &mut Vec<Diagnostic>) {
    let names: HashMap<&str, usize> =
        document.targets.iter().enumerate().map(|(at, target)| (target.name.value.as_str(), at)).collect();
    let look_up = |named: &Spanned<String>, found: &mut Vec<Diagnostic>| match names.get(named.value.as_str())
    {
        Some(at) => On::Target(*at),
        None => {
            let help = suggestion(&named.value, names.keys().copied(), "targets", found);
            found.push(
                Diagnostic::error("unknown-target", format!("there is no target `{}`", named.value))
                    .at(named.span, "")
                    .help(help),
            );
            On::Unknown
        }
    };
    let default = document.target.as_ref().map_or(On::Nothing, |named| look_up(named, found));
    let mut used = vec![false; document.targets.len()];
    for step in steps {
        step.target = step.text.target.as_ref().map_or(default, |named| look_up(named, found));
        if let (On::Target(at), Phase::Main | Phase::Finally | Phase::Notify { .. }) =
            (step.target, &step.text.phase)
        {
            used[at] = true;
        }
    }
    for (target, _) in document.targets.iter().zip(used).filter(|(_, used)| !used) {
        found.push(
            Diagnostic::error(
                "unused-target",
                format!("no step works on the target `{}`", target.name.value),
            )
            .at(target.name.span, "")
            .help(format!(
                "remove it, or write `target: {}` in a step or at the top of the file",
                target.name.value
            )),
        );
    }
}

/// The target as it is under these inputs; `None` with a problem. Two slots that are the same one are a problem only if
/// `exact`: under stand-ins for inputs everything looks alike.
pub(crate) fn settle(
    text: &TargetText,
    inputs: &Map<String, Value>,
    exact: bool,
    found: &mut Vec<Diagnostic>,
) -> Option<Target> {
    let before = found.len();
    let mut scope = Scope::default();
    scope.variables.insert("inputs".to_owned(), Value::Object(inputs.clone()));
    let machine = machine(text, &scope, found);
    let slots: Vec<Slot> = text.slots.iter().filter_map(|text| slot(text, &scope, found)).collect();
    if let ([first, second], [one, other], true) = (slots.as_slice(), text.slots.as_slice(), exact) {
        let same = [
            ("container", &first.container, &second.container),
            ("address", &first.address, &second.address),
        ];
        for (what, value, _) in same.iter().filter(|(_, value, again)| value.eq_ignore_ascii_case(again)) {
            found.push(
                Diagnostic::error("slots", format!("both slots have the {what} `{value}`"))
                    .at(other.name.span, "")
                    .at(one.name.span, "the other one")
                    .note("one gets the traffic while the other is made ready"),
            );
        }
    }
    let is_whole = found.len() == before && !text.is_broken;
    is_whole.then_some(Target { machine: machine?, slots, observer: None })
}

fn machine(text: &TargetText, scope: &Scope, found: &mut Vec<Diagnostic>) -> Option<Machine> {
    let docker = text.docker.as_ref().map(|value| docker(text, value, scope, found));
    let ssh = text.ssh.as_ref().map(|value| ssh(value, scope, found));
    let workdir = text.workdir.as_ref().map(|value| workdir(value, scope, found));
    let docker = docker.unwrap_or_else(|| Some(DockerHost::default()))?;
    let through = match &docker {
        DockerHost::Ssh(alias) => Some(alias.clone()),
        DockerHost::Unix(_) | DockerHost::Tcp { .. } => None,
    };
    let ssh = match ssh {
        Some(alias) => Some(alias?),
        None => through,
    };
    let workdir = match workdir {
        Some(path) => Some(path?),
        None => None,
    };
    Some(Machine { docker, ssh, workdir })
}

fn ssh(value: &Templated, scope: &Scope, found: &mut Vec<Diagnostic>) -> Option<String> {
    let alias = rendered(value, scope, found)?;
    if format!("ssh://{alias}").parse::<DockerHost>().is_ok() {
        return Some(alias);
    }
    found.push(wrong(value, format!("`{alias}` is no `Host` of ssh_config")));
    None
}

fn workdir(value: &Templated, scope: &Scope, found: &mut Vec<Diagnostic>) -> Option<String> {
    let path = rendered(value, scope, found)?;
    if is_directory(&path) {
        return Some(path);
    }
    found.push(
        wrong(value, format!("`{path}` is no directory to work in"))
            .help("write an absolute path of letters, digits and `. _ - @ +`, for example `/opt/app`"),
    );
    None
}

fn docker(
    text: &TargetText,
    value: &Templated,
    scope: &Scope,
    found: &mut Vec<Diagnostic>,
) -> Option<DockerHost> {
    let host = rendered(value, scope, found)?;
    let host = match host.parse::<DockerHost>() {
        Ok(host) => host,
        Err(error) => {
            found.push(wrong(value, error.to_string()));
            return None;
        }
    };
    match (host, &text.tls) {
        (DockerHost::Tcp { host, port, .. }, Some((_, files))) => {
            let [ca, cert, key] = files;
            let mut file = |file: &Option<Templated>| rendered(file.as_ref()?, scope, found);
            let tls = TlsFiles { ca: file(ca)?, cert: file(cert)?, key: file(key)? };
            Some(DockerHost::Tcp { host, port, tls: Some(tls) })
        }
        (DockerHost::Tcp { host, .. }, None) if !is_loopback(&host) => {
            found.push(
                wrong(value, format!("an engine on `{host}` needs `tls`"))
                    .note("whoever reaches an engine without TLS is root on its machine")
                    .help("write `tls: { ca: ca.pem, cert: cert.pem, key: key.pem }` beside it, or use `ssh://`"),
            );
            None
        }
        (DockerHost::Unix(_) | DockerHost::Ssh(_), Some((span, _))) => {
            found.push(
                Diagnostic::error("key-without-effect", "`tls` means something for `tcp://` only")
                    .at(*span, "")
                    .help("remove it"),
            );
            None
        }
        (host, None) => Some(host),
    }
}

fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || bare.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn slot(text: &SlotText, scope: &Scope, found: &mut Vec<Diagnostic>) -> Option<Slot> {
    let container = rendered(text.container.as_ref()?, scope, found)?;
    if !is_container(&container) {
        let at = text.container.as_ref()?;
        found.push(
            wrong(at, format!("`{container}` is no name of a container"))
                .help("names begin with a letter or digit, and hold letters, digits, `.`, `-` and `_`"),
        );
        return None;
    }
    let port = match &text.port {
        None => None,
        Some(value) => {
            let port = rendered(value, scope, found)?;
            let Some(port) = port.parse::<u16>().ok().filter(|port| *port > 0) else {
                found.push(wrong(value, format!("`{port}` is no port (1 to 65535)")));
                return None;
            };
            Some((value, port))
        }
    };
    let (address, port) = match (&text.address, port) {
        (Some(value), port) => {
            let address = rendered(value, scope, found)?;
            let Some(own) = port_of(&address) else {
                found.push(wrong(value, format!("`{address}` is no address of the form `host:port`")));
                return None;
            };
            if let Some((at, port)) = port.filter(|(_, port)| *port != own) {
                found.push(
                    wrong(at, format!("the port is {port} here and {own} in the `address`"))
                        .help("remove it"),
                );
                return None;
            }
            (address, own)
        }
        (None, Some((_, port))) => {
            let host = match &text.host {
                None => "127.0.0.1".to_owned(),
                Some(value) => rendered(value, scope, found)?,
            };
            let address = format!("{host}:{port}");
            if port_of(&address).is_none() {
                let at = text.host.as_ref()?;
                found.push(wrong(at, format!("`{host}` is no name or address of a machine")));
                return None;
            }
            (address, port)
        }
        (None, None) => return None,
    };
    Some(Slot { name: text.name.value.clone(), container, address, port })
}

/// What a value is once its expressions have values.
fn rendered(value: &Templated, scope: &Scope, found: &mut Vec<Diagnostic>) -> Option<String> {
    match value.template.render(scope) {
        Ok(rendered @ (Value::String(_) | Value::Number(_) | Value::Bool(_))) => Some(plain(&rendered)),
        Ok(Value::Null | Value::Array(_) | Value::Object(_)) => {
            found.push(wrong(value, "this has no value".to_owned()));
            None
        }
        Err(error) => {
            found.push(wrong(value, format!("this has no value: {error}")));
            None
        }
    }
}

fn wrong(value: &Templated, message: String) -> Diagnostic {
    Diagnostic::error("target", message).at(value.node.span, "")
}

/// What can stand in a rule of a grant without meaning more than it says: no `*`, no way up.
fn is_directory(path: &str) -> bool {
    path.starts_with('/')
        && path.split('/').all(|part| part != ".." && part != ".")
        && path.chars().all(|sign| sign.is_ascii_alphanumeric() || "/._-@+".contains(sign))
}

fn is_container(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_alphanumeric())
        && name.len() > 1
        && name.chars().all(|sign| sign.is_ascii_alphanumeric() || "._-".contains(sign))
}

/// The port of `host:port`, if the host is a name, an IPv4 address, or an IPv6 address in brackets.
fn port_of(address: &str) -> Option<u16> {
    let (host, port) = address.rsplit_once(':')?;
    let inner = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let fits = match inner {
        Some(inner) => inner.parse::<std::net::Ipv6Addr>().is_ok(),
        None => {
            host.starts_with(|first: char| first.is_ascii_alphanumeric())
                && host.chars().all(|sign| sign.is_ascii_alphanumeric() || ".-_".contains(sign))
        }
    };
    port.parse().ok().filter(|port| fits && *port > 0)
}
