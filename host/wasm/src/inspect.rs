//! What can be known of a component without running a pipeline, and why one cannot be used.

use runner_capabilities::Capability;
use runner_model::{Digest, Failure, PluginKind};

use crate::manifest::Manifest;

/// What a component is, asks for and says about itself.
#[derive(Debug, Clone, PartialEq)]
pub struct Inspection {
    /// Digest of the file.
    pub digest: Digest,
    /// Size of the file in bytes.
    pub size: u64,
    /// What it is, read from its exports.
    pub kind: PluginKind,
    /// What it asks for, read from its imports.
    pub imports: Vec<Capability>,
    /// The WASI interfaces it imports, without version: `wasi:http/outgoing-handler`.
    pub wasi: Vec<String>,
    /// What it says about itself.
    pub manifest: Manifest,
}

/// Why a component cannot be used.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum LoadError {
    /// The file cannot be read.
    #[error("the file `{path}` cannot be read: {reason}")]
    Unreadable {
        /// Which file.
        path: String,
        /// Why not.
        reason: String,
    },
    /// The file is larger than any component should be.
    #[error("the file has {bytes} bytes, more than {limit}")]
    TooLarge {
        /// Its size.
        bytes: u64,
        /// What is accepted.
        limit: u64,
    },
    /// The file is something else.
    #[error("the file is {found}, not a WebAssembly component")]
    NotAComponent {
        /// What it is.
        found: &'static str,
    },
    /// The component is broken.
    #[error("the component is not valid: {reason}")]
    Invalid {
        /// What the validator says.
        reason: String,
    },
    /// The compiler did not come to an end with it.
    #[error("the component was not compiled: {reason}")]
    NotCompiled {
        /// What happened to the compiler.
        reason: String,
    },
    /// This machine cannot run components.
    #[error("components cannot be run on this machine: {reason}")]
    Machine {
        /// Why not.
        reason: String,
    },
    /// It exports no kind.
    #[error(
        "the component is no plugin: it exports none of `gate`, `health-check`, `notifier`, `proxy-switch`, `action`"
    )]
    NoKind {
        /// What it exports instead.
        exports: Vec<String>,
    },
    /// It exports a kind of another version of the contract.
    #[error(
        "the component is made for another version of the contract: it exports `{export}`, and this runner knows 0.1"
    )]
    OtherVersion {
        /// What it exports.
        export: String,
    },
    /// It exports more than one kind.
    #[error("the component exports more than one kind: {}", names(kinds))]
    ManyKinds {
        /// Which.
        kinds: Vec<PluginKind>,
    },
    /// It imports what nobody offers.
    #[error("the component imports what this runner does not offer: {}", imports.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", "))]
    UnknownImports {
        /// What.
        imports: Vec<String>,
    },
    /// What a step is granted in one case of its target's slots is more than it is granted at all.
    #[error("the plan is not in order: for one of the slots the step is granted more than was admitted: {}", rules.join(", "))]
    Widened {
        /// The rules that are too much.
        rules: Vec<String>,
    },
    /// Its imports have the right names and the wrong types.
    #[error("the component does not fit the contract: {reason}")]
    Misfit {
        /// Where.
        reason: String,
    },
    /// `describe` did not return.
    #[error("its `describe` failed ({}): {failure}", failure.kind.as_str())]
    Describe {
        /// How.
        failure: Failure,
    },
    /// `describe` returned nonsense.
    #[error("what it says about itself is not usable: {reason}")]
    BadManifest {
        /// What is wrong.
        reason: String,
    },
    /// The file is not the one that was checked.
    #[error("the file has changed since the pipeline was checked: expected {expected}, found {found}")]
    Changed {
        /// What was planned.
        expected: Digest,
        /// What is there.
        found: Digest,
    },
    /// The directory of the pipeline cannot be opened for a step with files.
    #[error("the pipeline's directory `{path}` cannot be opened: {reason}")]
    Directory {
        /// Which.
        path: String,
        /// Why not.
        reason: String,
    },
}

impl LoadError {
    /// What to do about it.
    #[must_use]
    pub fn help(&self) -> String {
        match self {
            Self::Unreadable { .. } => "check `source`; paths are relative to the pipeline's directory".to_owned(),
            Self::TooLarge { .. } => "build it for release, stripped of debug information".to_owned(),
            Self::NotAComponent { found } if found.contains("core module") => {
                "make a component of it, with `wasm-component-ld` as linker or `wasm-tools component new`".to_owned()
            }
            Self::NotAComponent { .. } => "name the `.wasm` file that the plugin's build makes".to_owned(),
            Self::Invalid { .. } => "build or download it again; it may be cut short".to_owned(),
            Self::NotCompiled { .. } => {
                "no plugin that is meant well does this to the compiler: build it again, or ask who wrote it".to_owned()
            }
            Self::Machine { .. } => "see `runner doctor`".to_owned(),
            Self::NoKind { exports } if exports.is_empty() => {
                "it exports nothing at all; see `wit/worlds.wit` for what a plugin exports".to_owned()
            }
            Self::NoKind { exports } => {
                format!("it exports {}; see `wit/worlds.wit` for what a plugin exports", exports.join(", "))
            }
            Self::OtherVersion { .. } => "build it against `runner:plugin@0.1.0`, or use a runner that knows its version".to_owned(),
            Self::ManyKinds { .. } => "split it: a plugin is of exactly one kind".to_owned(),
            Self::UnknownImports { .. } => {
                "a plugin may import `runner:plugin@0.1` and WASI 0.2 (cli, clocks, filesystem, http, io, random, sockets)".to_owned()
            }
            Self::Misfit { .. } => "build it against the `wit/` of `runner:plugin@0.1.0`".to_owned(),
            Self::Describe { .. } => {
                "`describe` is called without any capability granted, and must do with that".to_owned()
            }
            Self::BadManifest { .. } => "correct what the plugin's `describe` returns".to_owned(),
            Self::Widened { .. } => "start the run again from the pipeline".to_owned(),
            Self::Changed { .. } => "check the pipeline again, and find out who changed the file".to_owned(),
            Self::Directory { .. } => "run from where the pipeline file is readable".to_owned(),
        }
    }
}

fn names(kinds: &[PluginKind]) -> String {
    kinds.iter().map(|kind| format!("`{}`", kind.as_str())).collect::<Vec<_>>().join(", ")
}
