//! Write a runner plugin: one typed config, one function.
//!
//! A plugin is a WebAssembly component of one of five kinds. Its author writes a `Config` (the step's
//! `with`), implements the trait of the kind ([`Gate`], [`HealthCheck`], [`Notifier`], [`ProxySwitch`] or
//! [`Action`]), and names the type in the macro that exports it. Everything else is here: parsing the config,
//! its JSON Schema, the manifest, and the capabilities, which are reached through the [`Host`] that each call
//! is given.
//!
//! This is a whole gate:
//!
//! ```
//! use runner_plugin::{Evaluation, Failure, Finding, Gate, Host, Request};
//! use schemars::JsonSchema;
//! use serde::Deserialize;
//!
//! /// Settings of the gate.
//! #[derive(Deserialize, JsonSchema)]
//! #[serde(deny_unknown_fields)]
//! struct Config {
//!     /// The file that must not be empty.
//!     path: String,
//! }
//!
//! /// Passes when a file has something in it.
//! struct NotEmpty;
//!
//! impl Gate for NotEmpty {
//!     type Config = Config;
//!     const OUTPUTS: &'static [&'static str] = &["lines"];
//!
//!     fn evaluate(config: Config, _: &Request, host: &Host) -> Result<Evaluation, Failure> {
//!         let text = host.files().read_to_string(&config.path)?;
//!         if text.trim().is_empty() {
//!             let finding = Finding::error("empty-file", "the file is empty").in_file(&config.path);
//!             return Ok(Evaluation::fail(format!("`{}` is empty", config.path)).finding(finding));
//!         }
//!         let lines = text.lines().count();
//!         Ok(Evaluation::pass(format!("`{}` has {lines} lines", config.path)).output("lines", lines))
//!     }
//! }
//!
//! runner_plugin::export_gate!(NotEmpty);
//! #
//! # fn main() {
//! # use runner_plugin::testing::{FakeHost, evaluate};
//! # let host = FakeHost::new().file("notes.txt", "one\ntwo\n");
//! # assert_eq!(
//! #     evaluate::<NotEmpty>(&host, serde_json::json!({ "path": "notes.txt" })),
//! #     Ok(Evaluation::pass("`notes.txt` has 2 lines").output("lines", 2)),
//! # );
//! # assert_eq!(manifest().outputs, ["lines"]);
//! # }
//! ```
//!
//! The manifest's name, version and summary are the package's own (`name`, `version`, `description` in
//! `Cargo.toml`), and the schema comes from `Config`: doc comments become descriptions, `deny_unknown_fields`
//! becomes `additionalProperties: false`.
//!
//! # Three kinds of "no"
//!
//! An answer is `Ok`: also a gate's "no" ([`Evaluation::fail`]) and an unhealthy service. `Err` is a
//! [`Failure`]: the plugin could not answer. Every capability call returns a `Failure` that says what was
//! tried and what happened, so `?` is right nearly everywhere. A failure never counts as a pass.
//!
//! # Imports are permissions
//!
//! On wasm32 a call such as [`Files::read`](host::Files::read) is one import, and the linker drops what is
//! never called. A gate that only reads files imports `files` and nothing else (`log` is always there for the
//! message of a panic; it needs no grant). There is no WASI.
//!
//! # Features
//!
//! `document` reads JSON, YAML and TOML into one kind of value, bounded and with the place of what is wrong.
//! `glob` finds files by patterns, and holds paths against them. `heap` (on by default) is the allocator that makes small calls fast.
//!
//! # Tests run natively
//!
//! On any other target [`Host`] is backed by a [`testing::FakeHost`]: files in memory, scripted HTTP answers,
//! a clock that stands still. `cargo test` needs no sandbox.
//!
//! # Never here
//!
//! State between two calls: each call runs in a fresh instance.

mod action;
mod event;
mod failure;
mod finding;
mod gate;
mod health_check;
mod manifest;
mod notifier;
mod output;
mod proxy_switch;
mod request;

#[cfg(feature = "document")]
pub mod document;
pub mod expect;
#[cfg(feature = "glob")]
pub mod glob;
pub mod host;
pub mod json;
pub mod text;

#[cfg(target_arch = "wasm32")]
#[doc(hidden)]
pub mod component;
#[cfg(all(target_arch = "wasm32", feature = "heap"))]
mod heap;
#[cfg(not(target_arch = "wasm32"))]
pub mod testing;

pub use action::{Action, Applied};
pub use event::Event;
pub use failure::{Failure, FailureKind, HostError};
pub use finding::{Finding, Findings, Severity};
pub use gate::{Decision, Evaluation, Gate};
pub use health_check::{Check, Health, HealthCheck, Report};
pub use host::{Host, Secret};
pub use manifest::Manifest;
#[doc(hidden)]
pub use manifest::Package;
pub use notifier::Notifier;
pub use output::Output;
pub use proxy_switch::{ProxySwitch, Route, Switched, Upstream};
pub use request::Request;
