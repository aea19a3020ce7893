//! What people and programs see: never decides, only shows.
//!
//! ```text
//! Diagnostics ---------------------> diagnostics   text with excerpts, JSON
//! Plan ----------------------------> plan, graph   text, JSON; mermaid, dot, SVG
//! Component ----------------------> inspect       text, JSON
//! Record by record (a live run) ---> terminal      lines, live on a tty
//!                                    json          one line each
//! all Records of a run ------------> run::Run ---> show, ledger, status, history; sarif, junit
//! ```
//!
//! The two sinks, [`terminal::Terminal`] and [`json::Lines`], are shown what is already on disk. Nothing they do or fail to
//! do changes the run: after the first write that fails they say nothing more. Everything else is a function from
//! data to text. The text is the same with and without colour, and nothing that came from outside reaches a terminal as
//! a control character ([`text::clean`]).
//!
//! Never here: verdicts, exit codes, the environment, the clock. Times come from the records, the terminal's abilities from
//! the caller ([`Style`]).

pub mod diagnostics;
pub mod graph;
pub mod history;
pub mod inspect;
pub mod json;
pub mod junit;
pub mod ledger;
mod place;
pub mod plan;
pub mod rehearsal;
pub mod run;
pub mod sarif;
pub mod show;
pub mod status;
mod style;
pub mod terminal;
#[cfg(test)]
mod testing;
pub mod text;
mod words;

/// The time zone in which times are shown: [`TimeZone::system`] for people, [`TimeZone::UTC`] for tests.
pub use jiff::tz::TimeZone;
pub use style::Style;
pub use words::Granted;
