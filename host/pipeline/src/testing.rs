//! What the tests of this crate share: a pipeline from text, components from a table, problems as plain lines.

use std::{collections::BTreeMap, fmt::Write as _, sync::Arc};

use runner_capabilities::{Capability, Policy};
use runner_model::{Diagnostic, Digest, ExitCode, Plan, PluginKind, Severity, Sources};
use serde_json::{Value, json};

use crate::{
    Given, MainFile, PluginFacts, PluginIndex, PluginProblem, Problems, check, parse, plan, resolve,
};

/// A pipeline on its way.
#[derive(Clone)]
pub(crate) struct Pipeline {
    text: Vec<u8>,
    files: BTreeMap<String, Vec<u8>>,
    policy: Policy,
    given: Given,
    components: Components,
}

/// Components by path. `NAME.wasm` for `gate`, `health-check`, `notifier`, `proxy-switch` and `action` is one of that
/// kind that imports nothing.
#[derive(Clone, Default)]
pub(crate) struct Components(BTreeMap<String, PluginFacts>);

impl PluginIndex for Components {
    fn facts(&self, source: &str) -> Result<Arc<PluginFacts>, PluginProblem> {
        let plain = || PluginKind::ALL.into_iter().find(|kind| source == format!("{}.wasm", kind.as_str()));
        let known = self.0.get(source).cloned().or_else(|| plain().map(component));
        known.map(Arc::new).ok_or_else(|| PluginProblem {
            message: format!("`/work/{source}` is not there"),
            notes: vec!["looked for in the pipeline's directory".to_owned()],
            help: Some("build it, or correct the path".to_owned()),
        })
    }
}

/// A component that imports nothing and takes any `with`.
pub(crate) fn component(kind: PluginKind) -> PluginFacts {
    PluginFacts {
        path: format!("/work/{}.wasm", kind.as_str()),
        digest: Digest::from_sha256(&[7; 32]),
        kind,
        name: format!("some-{}", kind.as_str()),
        version: "1.2.3".to_owned(),
        imports: vec![Capability::Log],
        wasi: Vec::new(),
        config_schema: json!(true),
        outputs: vec!["answer".to_owned(), "tag".to_owned()],
    }
}

impl PluginFacts {
    pub(crate) fn importing(mut self, imports: &[Capability]) -> Self {
        self.imports.extend(imports);
        self
    }

    pub(crate) fn wasi(mut self, interfaces: &[&str]) -> Self {
        self.wasi = interfaces.iter().map(|name| (*name).to_owned()).collect();
        self
    }

    pub(crate) fn taking(mut self, schema: Value) -> Self {
        self.config_schema = schema;
        self
    }
}

impl Pipeline {
    /// A pipeline as it stands in a file.
    pub(crate) fn new(text: impl AsRef<[u8]>) -> Self {
        Self {
            text: text.as_ref().to_vec(),
            files: BTreeMap::new(),
            policy: Policy::unrestricted(),
            given: Given::default(),
            components: Components::default(),
        }
    }

    /// A pipeline that begins with version, name and a plugin of each kind that it uses, called by the first word of
    /// the kind.
    pub(crate) fn with_plugins(text: &str) -> Self {
        let mut whole = "version: 1\nname: demo\nplugins:\n  gate: { source: 'file:gate.wasm' }\n".to_owned();
        for kind in PluginKind::ALL.into_iter().skip(1) {
            let kind = kind.as_str();
            let alias = kind.split('-').next().unwrap();
            if text.contains(&format!("uses: {alias}")) {
                writeln!(whole, "  {alias}: {{ source: 'file:{kind}.wasm' }}").unwrap();
            }
        }
        Self::new(whole + text)
    }

    pub(crate) fn file(mut self, path: &str, text: &str) -> Self {
        self.files.insert(path.to_owned(), text.as_bytes().to_vec());
        self
    }

    pub(crate) fn component(mut self, path: &str, facts: PluginFacts) -> Self {
        self.components.0.insert(path.to_owned(), facts);
        self
    }

    pub(crate) fn policy(mut self, policy: Value) -> Self {
        self.policy = Policy::parse(&policy).unwrap();
        self
    }

    pub(crate) fn input(mut self, name: &str, value: &str) -> Self {
        self.given.inputs.insert(name.to_owned(), value.to_owned());
        self
    }

    pub(crate) fn given(mut self, change: impl FnOnce(&mut Given)) -> Self {
        change(&mut self.given);
        self
    }

    fn checked(&self) -> Result<crate::Granted, Problems> {
        let main = MainFile { name: "p.yaml", bytes: &self.text, file: "/work/p.yaml", directory: "/work" };
        let read = |path: &str| self.files.get(path).cloned().ok_or_else(|| "no such file".to_owned());
        check(resolve(parse(main, &read)?, &self.components), &self.policy)
    }

    /// The problems and warnings of `check`.
    pub(crate) fn check(&self) -> String {
        match self.checked() {
            Ok(granted) => printed(granted.warnings(), granted.sources(), ExitCode::Succeeded),
            Err(problems) => printed(&problems.diagnostics, &problems.sources, problems.exit()),
        }
    }

    /// The problems and warnings of `plan`, for a pipeline in which `check` finds no errors.
    pub(crate) fn refused(&self) -> String {
        let problems =
            plan(self.checked().expect("check finds nothing"), &self.given).expect_err("it can be planned");
        printed(&problems.diagnostics, &problems.sources, problems.exit())
    }

    /// The plan.
    pub(crate) fn plan(&self) -> Plan {
        let granted = self.checked().unwrap_or_else(|problems| {
            panic!("{}", printed(&problems.diagnostics, &problems.sources, problems.exit()))
        });
        plan(granted, &self.given)
            .unwrap_or_else(|problems| {
                panic!("{}", printed(&problems.diagnostics, &problems.sources, problems.exit()))
            })
            .plan
    }
}

/// One block per problem: `code place: message`, then places, notes and help, and the exit code at the end.
pub(crate) fn printed(diagnostics: &[Diagnostic], sources: &Sources, exit: ExitCode) -> String {
    let mut text = String::new();
    for diagnostic in diagnostics {
        let first = diagnostic.labels.first();
        let place = first.map_or("-".to_owned(), |label| sources.place(label.span));
        let warning = if diagnostic.severity == Severity::Warning { "warning " } else { "" };
        writeln!(text, "{warning}{} {place}: {}", diagnostic.code, diagnostic.message).unwrap();
        for (index, label) in diagnostic.labels.iter().enumerate() {
            let source = sources.get(label.span.source).unwrap();
            let marked = &source.text[label.span.start as usize..label.span.end as usize];
            let marked = marked.lines().next().unwrap_or_default();
            if index == 0 {
                writeln!(text, "  at `{marked}` {}", label.text).unwrap();
            } else {
                writeln!(text, "  at `{marked}` {} {}", sources.place(label.span), label.text).unwrap();
            }
        }
        diagnostic.notes.iter().for_each(|note| writeln!(text, "  note: {note}").unwrap());
        diagnostic.help.iter().for_each(|help| writeln!(text, "  help: {help}").unwrap());
    }
    if exit != ExitCode::Succeeded {
        write!(text, "exit {}", exit.code()).unwrap();
    }
    text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
}
