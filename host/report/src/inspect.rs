//! `plugin inspect`: what a component is, what it may ask for, and how to configure it.
//!
//! All of it was read from the component itself. What it says in words of its own is cleaned; its schema is shown as a
//! table as far as a table can hold it, and as it is in JSON.

mod schema;
#[cfg(test)]
mod tests;

use runner_capabilities::Capability;
use runner_model::{Digest, PluginKind};
use serde_json::{Value, json};

use crate::{
    Style,
    style::Tone,
    text::{self, amount, clean},
};

/// A component, as it was inspected.
#[derive(Debug, Clone, PartialEq)]
pub struct Component {
    /// The file, as it was named.
    pub path: String,
    /// Digest of the file.
    pub digest: Digest,
    /// Bytes of the file.
    pub size: u64,
    /// Bytes of machine code it becomes here.
    pub compiled_size: u64,
    /// What it is.
    pub kind: PluginKind,
    /// Its own name.
    pub name: String,
    /// Its own version.
    pub version: String,
    /// Its own one line.
    pub summary: String,
    /// What it imports of `runner:plugin`.
    pub imports: Vec<Capability>,
    /// The WASI interfaces it imports, without version.
    pub wasi: Vec<String>,
    /// The outputs it may set.
    pub outputs: Vec<String>,
    /// JSON Schema of its `with`.
    pub config_schema: Value,
}

/// The component for people.
#[must_use]
pub fn text(component: &Component, style: &Style) -> String {
    let Component { name, version, summary, .. } = component;
    let title = style.paint(Tone::Strong, &format!("{} {}", clean(name), clean(version)));
    let mut out = format!("{title}: {}\n", clean(summary));
    let outputs: Vec<String> = component.outputs.iter().map(|output| clean(output).into_owned()).collect();
    let outputs = if outputs.is_empty() { "none".to_owned() } else { outputs.join(", ") };
    let size = format!("{}, {} compiled", amount(component.size), amount(component.compiled_size));
    let asks = asks(component);
    let asks = if asks.is_empty() { "nothing that needs a grant".to_owned() } else { asks.join(", ") };
    for (fact, value) in [
        ("file", clean(&component.path).into_owned()),
        ("kind", format!("{}: {}", component.kind.as_str(), kind(component.kind))),
        ("digest", component.digest.to_string()),
        ("size", size),
        ("outputs", outputs),
        ("may ask for", asks),
    ] {
        out.push_str(&format!("  {} {value}\n", style.paint(Tone::Faint, &text::pad(fact, 11))));
    }
    let rows: Vec<Vec<String>> = imports(component);
    if !rows.is_empty() {
        out.push('\n');
        out.push_str(&text::table(&["imports", "to", "without a grant"], &rows, style));
    }
    let grants = example(component);
    if grants.is_empty() {
        out.push_str("\na step has to grant nothing\n");
    } else {
        out.push_str("\na step would have to grant, as far as it is to use it (the capitals stand for yours):\n  grants:\n");
        grants.iter().for_each(|grant| out.push_str(&format!("    {grant}\n")));
    }
    let keys = schema::rows(&component.config_schema);
    if keys.is_empty() {
        out.push_str("\nit takes no configuration\n");
    } else {
        out.push_str("\nconfiguration (`with`)\n");
        out.push_str(&text::table(&["key", "type", "default", "required", "description"], &keys, style));
    }
    out
}

/// The component for programs.
#[must_use]
pub fn to_json(component: &Component) -> Value {
    json!({
        "path": component.path,
        "digest": component.digest,
        "size": component.size,
        "compiled_size": component.compiled_size,
        "kind": component.kind,
        "name": component.name,
        "version": component.version,
        "summary": component.summary,
        "imports": component.imports,
        "wasi": component.wasi,
        "asks_for": asks(component),
        "example_grants": example(component),
        "outputs": component.outputs,
        "config_schema": component.config_schema,
    })
}

const fn kind(kind: PluginKind) -> &'static str {
    match kind {
        PluginKind::Gate => "answers yes or no, changes nothing",
        PluginKind::HealthCheck => "measures something that runs, changes nothing",
        PluginKind::Notifier => "tells people or systems about a run",
        PluginKind::ProxySwitch => "moves traffic, and can move it back",
        PluginKind::Action => "changes something, and can take it back",
    }
}

/// What it may ask for, each thing once, whichever door it uses.
fn asks(component: &Component) -> Vec<&'static str> {
    let wasi = |prefix: &str| component.wasi.iter().any(|interface| interface.starts_with(prefix));
    let imports = |capability| component.imports.contains(&capability);
    [
        ("network (HTTP)", imports(Capability::Http) || wasi("wasi:http/outgoing-handler")),
        ("network (connections)", imports(Capability::Tcp) || wasi("wasi:sockets/tcp")),
        ("files", imports(Capability::Files) || wasi("wasi:filesystem/")),
        ("variables of the environment", wasi("wasi:cli/environment")),
        ("secrets", imports(Capability::Secrets)),
        ("the bytes of secrets", imports(Capability::Reveal)),
        ("Docker", imports(Capability::Docker)),
        ("git", imports(Capability::Git)),
        ("commands", imports(Capability::Command)),
    ]
    .into_iter()
    .filter_map(|(what, asks)| asks.then_some(what))
    .collect()
}

/// Every import in plain words: its name, what for, and what comes of it without a grant.
fn imports(component: &Component) -> Vec<Vec<String>> {
    let ours = component.imports.iter().map(|capability| {
        let (to, without) = ours(*capability);
        vec![capability.interface().to_owned(), to.to_owned(), without.to_owned()]
    });
    let wasi = component.wasi.iter().map(|interface| {
        let (to, without) = wasi(interface);
        vec![clean(interface).into_owned(), to.to_owned(), without.to_owned()]
    });
    ours.chain(wasi).collect()
}

const fn ours(capability: Capability) -> (&'static str, &'static str) {
    const REFUSED: &str = "the pipeline is refused; with an empty grant, denied";
    match capability {
        Capability::Log => ("write lines to the step's log", "all of it; secrets are replaced"),
        Capability::Clock => ("know the time, and wait", "all of it, within the step's time"),
        Capability::Http => ("send HTTP requests", REFUSED),
        Capability::Tcp => ("open connections", REFUSED),
        Capability::Files => ("read and write files below the pipeline's directory", REFUSED),
        Capability::Env => ("read variables of the environment", "the step's own `env`"),
        Capability::Secrets => ("use secrets without seeing them", "every secret is denied"),
        Capability::Reveal => ("see the bytes of secrets", "every secret is denied"),
        Capability::Docker => ("use containers, images and networks", REFUSED),
        Capability::Git => ("use git repositories", REFUSED),
        Capability::Command => ("run programs", REFUSED),
    }
}

fn wasi(interface: &str) -> (&'static str, &'static str) {
    match interface.split_once('/').unwrap_or((interface, "")) {
        ("wasi:cli", "environment") => ("read variables and arguments", "the step's own `env`, no arguments"),
        ("wasi:cli", "exit") => ("end itself", "that is a failure"),
        ("wasi:cli", "stdin") => ("read its input", "it is closed"),
        ("wasi:cli", "stdout" | "stderr") => ("print", "lines of the step's log; secrets are replaced"),
        ("wasi:cli", _) => ("use a terminal", "there is none"),
        ("wasi:clocks", _) => ("know the time, and wait", "all of it, within the step's time"),
        ("wasi:filesystem", _) => ("read and write files", "there is no directory"),
        ("wasi:http", _) => ("send HTTP requests", "every request is denied"),
        ("wasi:io", _) => ("read, write and wait for what it has", "nothing by itself"),
        ("wasi:random", _) => ("get random bytes", "all of it, 1 MiB at a time"),
        ("wasi:sockets", "ip-name-lookup") => ("look up names", "it always fails, also with a grant"),
        ("wasi:sockets", "udp" | "udp-create-socket") => {
            ("send datagrams", "it always fails, also with a grant")
        }
        ("wasi:sockets", _) => ("open connections to addresses", "every connection is denied"),
        _ => ("do what this version of the runner has no words for", "nothing"),
    }
}

/// The lines of a `grants` block that gives it all it can use.
fn example(component: &Component) -> Vec<String> {
    let asks = asks(component);
    let has = |what: &str| asks.contains(&what);
    let network: Vec<&str> =
        [("network (HTTP)", r#""GET https://HOST/PATH""#), ("network (connections)", r#""tcp://HOST:443""#)]
            .into_iter()
            .filter_map(|(what, rule)| has(what).then_some(rule))
            .collect();
    let mut lines = Vec::new();
    if !network.is_empty() {
        lines.push(format!("network: [{}]", network.join(", ")));
    }
    if has("files") {
        lines.push("filesystem: { read: [FILE, DIRECTORY/], write: [DIRECTORY/] }".to_owned());
    }
    if has("variables of the environment") {
        lines.push("env: [VARIABLE]".to_owned());
    }
    if has("the bytes of secrets") {
        lines.push("secrets: [{ name: SECRET, reveal: true }]".to_owned());
    } else if has("secrets") {
        lines.push("secrets: [SECRET]".to_owned());
    }
    let examples =
        [("Docker", Capability::Docker), ("git", Capability::Git), ("commands", Capability::Command)];
    lines.extend(
        examples.iter().filter(|(what, _)| has(what)).map(|(_, capability)| capability.example().to_owned()),
    );
    lines
}
