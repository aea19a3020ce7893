//! Plugins made by hand for tests: a core module in text, made a component with the real `wit/`.

use std::{collections::BTreeMap, fmt::Write as _, path::Path, sync::Arc, time::Duration};

use runner_capabilities::{Limits, Policy, Requested, admit};
use runner_engine::ports::{BoxFuture, Call, CallReport, Clock, LogLine, Operation, StepRunner as _};
use runner_expression::Template;
use runner_model::{
    Digest, Inconclusive, Phase, Plan, PlanHeader, PlannedPlugin, PluginAlias, PluginIndex, PluginKind,
    Retry, RunId, SecretName, SecretOrigin, SecretSource, Step, StepId, StepIndex, Uses,
};
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::{Resolve, UnresolvedPackageGroup};

use crate::{Host, HostOptions, Loader};

/// Time that stands still.
pub(crate) struct Noon;

impl Clock for Noon {
    fn now_ms(&self) -> u64 {
        43_200_000
    }

    fn monotonic_us(&self) -> u64 {
        7
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<()> {
        Box::pin(tokio::time::sleep(duration))
    }
}

pub(crate) fn loader() -> Loader {
    Loader::new(None, Arc::new(Noon)).unwrap()
}

/// What a hand-made plugin says about itself.
pub(crate) struct Says<'a> {
    pub(crate) name: &'a str,
    pub(crate) schema: &'a str,
    pub(crate) outputs: &'a [&'a str],
}

impl Default for Says<'_> {
    fn default() -> Self {
        Self { name: "by-hand", schema: r#"{"type":"object"}"#, outputs: &["text"] }
    }
}

/// A gate. `fields` are module fields; `body` is what `evaluate` does with its seven parameters, ending with a pointer
/// to its result. `$pass` is one that says "pass" with the summary "fine"; `$text` is one whose summary and whose output
/// `text` are whatever was put at `$where` with length `$length`; `$ret` is room for what host calls return. `strings` become
/// globals `$name` and `$name_len`.
pub(crate) fn gate(says: &Says<'_>, strings: &[(&str, &str)], fields: &str, body: &str) -> Vec<u8> {
    let interface = "runner:plugin/gate@0.1.0";
    let describe =
        format!(r#"(func $describe (export "{interface}#describe") (result i32) (global.get $manifest))"#);
    let evaluate = format!(
        r#"(func $evaluate (export "{interface}#evaluate") (param i32 i32 i32 i32 i32 i32 i32) (result i32) {body})"#
    );
    component("gate-plugin", &module(says, strings, fields, &format!("{describe} {evaluate}")), VERSION)
}

/// A gate that passes, made for another version of the contract with the same interfaces.
pub(crate) fn gate_made_for(version: &str) -> Vec<u8> {
    let interface = format!("runner:plugin/gate@{version}");
    let functions = format!(
        r#"(func (export "{interface}#describe") (result i32) (global.get $manifest))
           (func (export "{interface}#evaluate") (param i32 i32 i32 i32 i32 i32 i32) (result i32)
             (call $log (i32.const 1) (i32.const 0) (i32.const 0)) (global.get $pass))"#
    );
    let log = format!(r#"(import "runner:plugin/log@{version}" "write" (func $log (param i32 i32 i32)))"#);
    component("gate-plugin", &module(&Says::default(), &[], &log, &functions), version)
}

/// An action whose snapshot is `strings["snapshot"]` and whose other functions do nothing.
pub(crate) fn action(snapshot: &str) -> Vec<u8> {
    let interface = "runner:plugin/action@0.1.0";
    let seven = "(param i32 i32 i32 i32 i32 i32 i32)";
    let functions = format!(
        r#"(func (export "{interface}#describe") (result i32) (global.get $manifest))
           (func (export "{interface}#capture") {seven} (result i32)
             (i32.store offset=4 (global.get $ret) (global.get $snapshot))
             (i32.store offset=8 (global.get $ret) (global.get $snapshot_len))
             (global.get $ret))
           (func (export "{interface}#apply") {seven} (param i32 i32) (result i32)
             (i32.store offset=4 (global.get $ret) (local.get 7))
             (i32.store offset=8 (global.get $ret) (local.get 8))
             (global.get $ret))
           (func (export "{interface}#restore") {seven} (param i32 i32) (result i32) (global.get $ret))"#
    );
    component("action-plugin", &module(&Says::default(), &[("snapshot", snapshot)], "", &functions), VERSION)
}

fn module(says: &Says<'_>, strings: &[(&str, &str)], fields: &str, functions: &str) -> String {
    let mut image = Image(Vec::new());
    let mut globals = String::new();
    let mut global = |name: &str, value: u32| {
        writeln!(globals, "(global ${name} i32 (i32.const {value}))").unwrap();
    };
    for (name, text) in strings {
        global(name, image.text(text));
        global(&format!("{name}_len"), u32::try_from(text.len()).unwrap());
    }
    let lists: Vec<[u32; 2]> = says.outputs.iter().map(|name| image.slice(name)).collect();
    let outputs = image.words(&lists.concat());
    let texts = [says.name, "1.0.0", "made by hand", says.schema].map(|text| image.slice(text));
    let count = u32::try_from(lists.len()).unwrap();
    global("manifest", image.words(&[texts.concat(), vec![outputs, count]].concat()));
    let [fine, fine_len] = image.slice("fine");
    // ok, decision `pass`, summary, no findings, no outputs.
    global("pass", image.words(&[0, 0, fine, fine_len, 4, 0, 4, 0]));
    global("ret", image.words(&[0; 16]));
    let data = image.0.iter().fold(String::new(), |mut text, byte| {
        write!(text, "\\{byte:02x}").unwrap();
        text
    });
    format!(
        r#"(module
             {fields}
             (memory $main (export "memory") 2)
             (global $heap (mut i32) (i32.const 65536))
             (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
               (local $at i32)
               (local.set $at (i32.and (i32.add (global.get $heap) (i32.const 7)) (i32.const -8)))
               (global.set $heap (i32.add (local.get $at) (local.get 3)))
               (local.get $at))
             {globals}
             {functions}
             (data (memory $main) (i32.const {BASE}) "{data}"))"#
    )
}

const BASE: u32 = 1024;

struct Image(Vec<u8>);

impl Image {
    fn text(&mut self, text: &str) -> u32 {
        let at = self.end();
        self.0.extend_from_slice(text.as_bytes());
        at
    }

    fn slice(&mut self, text: &str) -> [u32; 2] {
        [self.text(text), u32::try_from(text.len()).unwrap()]
    }

    fn words(&mut self, words: &[u32]) -> u32 {
        while !self.end().is_multiple_of(8) {
            self.0.push(0);
        }
        let at = self.end();
        self.0.extend(words.iter().flat_map(|word| word.to_le_bytes()));
        at
    }

    fn end(&self) -> u32 {
        BASE + u32::try_from(self.0.len()).unwrap()
    }
}

/// The version of `wit/`.
const VERSION: &str = "0.1.0";

fn component(world: &str, module: &str, version: &str) -> Vec<u8> {
    let mut bytes = wat::parse_str(module).unwrap();
    let mut resolve = Resolve::default();
    let wit = UnresolvedPackageGroup::parse("contract.wit", &contract(version)).unwrap();
    let package = resolve.push_group(wit).unwrap();
    let world = resolve.select_world(&[package], Some(world)).unwrap();
    embed_component_metadata(&mut bytes, &resolve, world, StringEncoding::UTF8).unwrap();
    ComponentEncoder::default().validate(true).module(&bytes).unwrap().encode().unwrap()
}

/// All files of `wit/` as one, with another version.
fn contract(version: &str) -> String {
    let wit = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../wit");
    let package = format!("package runner:plugin@{VERSION};");
    let files =
        ["types.wit", "capabilities.wit", "docker.wit", "git.wit", "command.wit", "kinds.wit", "worlds.wit"];
    let texts = files.map(|file| std::fs::read_to_string(wit.join(file)).unwrap().replace(&package, ""));
    format!("package runner:plugin@{version};\n{}", texts.concat())
}

/// One step around one plugin, and the directory they stand in.
pub(crate) struct Stage {
    pub(crate) directory: tempfile::TempDir,
    pub(crate) grants: Value,
    pub(crate) limits: Limits,
    pub(crate) kind: PluginKind,
    pub(crate) secrets: BTreeMap<SecretName, Vec<u8>>,
}

impl Stage {
    pub(crate) fn new() -> Self {
        Self {
            directory: tempfile::tempdir().unwrap(),
            grants: json!({}),
            limits: Limits { time_ms: 20_000, ..Limits::default() },
            kind: PluginKind::Gate,
            secrets: BTreeMap::new(),
        }
    }

    pub(crate) fn grants(mut self, grants: Value) -> Self {
        self.grants = grants;
        self
    }

    pub(crate) fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    pub(crate) fn secret(mut self, name: &str, bytes: &[u8]) -> Self {
        self.secrets.insert(SecretName::new(name), bytes.to_vec());
        self
    }

    /// A plan of one step that uses `component`.
    pub(crate) fn plan(&self, component: &[u8]) -> Plan {
        let path = self.directory.path().join("plugin.wasm");
        std::fs::write(&path, component).unwrap();
        let alias = PluginAlias::new("plugin");
        let grants = admit(Requested::parse(&self.grants).unwrap(), &Policy::unrestricted()).unwrap();
        let source = SecretSource { from: SecretOrigin::Env("X".to_owned()), allow: vec![alias.clone()] };
        Plan {
            header: PlanHeader {
                name: "test".to_owned(),
                description: String::new(),
                file: "pipeline.yaml".to_owned(),
                directory: self.directory.path().display().to_string(),
                digest: Digest::from_sha256(&[0; 32]),
                inputs: Map::new(),
                event: Map::new(),
                env: BTreeMap::new(),
                secrets: self.secrets.keys().map(|name| (name.clone(), source.clone())).collect(),
                plugins: vec![PlannedPlugin {
                    alias,
                    path: path.display().to_string(),
                    digest: Digest::from_sha256(&Sha256::digest(component).into()),
                    kind: self.kind,
                }],
                targets: BTreeMap::new(),
            },
            steps: vec![Step {
                id: StepId::new("step"),
                phase: Phase::Main,
                uses: Uses::Plugin(PluginIndex(0)),
                with: Template::default(),
                needs: Vec::new(),
                condition: None,
                matrix: Map::new(),
                timeout: Duration::from_secs(600),
                retry: Retry::default(),
                poll: None,
                on_inconclusive: Inconclusive::Fail,
                report_only: false,
                continue_on_error: false,
                required: false,
                outputs: None,
                grants,
                limits: self.limits,
                secrets: self.secrets.keys().cloned().collect(),
                env: BTreeMap::new(),
                place: "pipeline.yaml:1".to_owned(),
                target: None,
                fault: None,
            }],
        }
    }

    pub(crate) async fn host(&self, component: &[u8]) -> Host {
        self.host_of(&loader(), component, 1).await
    }

    /// A plan of so many steps that all use `component`, loaded.
    pub(crate) async fn host_of(&self, loader: &Loader, component: &[u8], steps: usize) -> Host {
        let options = HostOptions { secrets: self.secrets.clone(), ..HostOptions::default() };
        let mut plan = self.plan(component);
        for number in 1..steps {
            let id = StepId::new(format!("step{number}"));
            plan.steps.push(Step { id, ..plan.steps[0].clone() });
        }
        Host::load(loader, &plan, options).await.unwrap()
    }

    /// Loads `component` and asks it once.
    pub(crate) async fn ask(&self, component: &[u8]) -> CallReport {
        self.host(component).await.call(observe(), silent()).await
    }
}

/// A call of the one step.
pub(crate) fn observe() -> Call {
    Call {
        run: RunId::from_parts(0, 0),
        step: StepIndex(0),
        attempt: 1,
        operation: Operation::Observe,
        config: json!({}),
        time: Duration::from_secs(600),
    }
}

pub(crate) fn silent() -> Arc<dyn Fn(LogLine) + Send + Sync> {
    Arc::new(|_| {})
}
