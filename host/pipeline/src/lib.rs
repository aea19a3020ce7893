//! Pipeline text to plan: parse, resolve, check, plan; pure.
//!
//! ```text
//! bytes -> parse -> Authored -> resolve -> Resolved -> check -> Granted -> plan -> Plan
//! ```
//!
//! Each stage takes what only the stage before can make, so no stage can be left out. Problems are collected on the
//! way and come out of [`check`](check()) all at once, each with its place, the reason, and what to write instead.
//!
//! ```
//! use runner_capabilities::Policy;
//! use runner_pipeline::{Given, MainFile, PluginFacts, PluginIndex, PluginProblem, check, parse, plan, resolve};
//!
//! /// A machine without any component.
//! struct Nothing;
//!
//! impl PluginIndex for Nothing {
//!     fn facts(&self, source: &str) -> Result<std::sync::Arc<PluginFacts>, PluginProblem> {
//!         let message = format!("`{source}` is not there");
//!         Err(PluginProblem { message, notes: Vec::new(), help: None })
//!     }
//! }
//!
//! let text = b"version: 1\nname: demo\nsteps:\n  b: { uses: checkpoint, needs: [a] }\n  a: { uses: checkpoint }\n";
//! let main = MainFile { name: "p.yaml", bytes: text, file: "/srv/p.yaml", directory: "/srv" };
//! let authored = parse(main, &|path| Err(format!("`{path}` is not there")))?;
//! let granted = check(resolve(authored, &Nothing), &Policy::unrestricted())?;
//! let planned = plan(granted, &Given::default())?;
//! assert_eq!(planned.plan.steps.iter().map(|step| step.id.as_str()).collect::<Vec<_>>(), ["a", "b"]);
//! # Ok::<(), runner_pipeline::Problems>(())
//! ```
//!
//! Never here: the file system, the environment, components, clocks. Files are read through a function that [`parse`]
//! is given; what a component says about itself comes from a [`PluginIndex`].

mod authored;
mod check;
mod plan;
mod problems;
mod resolve;
mod schema;
#[cfg(test)]
mod testing;
mod yaml;

pub use authored::{Authored, MainFile, parse, parse_policy};
pub use check::{Granted, check};
pub use plan::{Given, Planned, plan};
pub use problems::Problems;
pub use resolve::{PluginFacts, PluginIndex, PluginProblem, Resolved, resolve};
pub use schema::schema;
