//! The words that more than one crate uses.
//!
//! Plain data with the questions that can be answered from the data alone: ids, the [`Plan`] of a run, what a step
//! answered ([`Outcome`]) or why it could not ([`Failure`]), how a run ended ([`Verdict`]), what is wrong with a text
//! ([`Diagnostic`]), and the exit codes.
//!
//! A type comes here when a second crate needs it; functions stay at home. Never here: I/O, clocks, YAML, Wasm.

mod diagnostic;
mod duration;
pub mod exit;
mod ids;
mod outcome;
mod plan;
mod schema_work;
mod verdict;

pub use diagnostic::{Diagnostic, Label, Severity, Source, SourceId, Sources, Span};
pub use duration::{DurationError, format_duration, parse_duration};
pub use exit::ExitCode;
pub use ids::{Digest, IdError, PluginAlias, RunId, SecretName, StepId, TargetName};
pub use outcome::{
    Answer, Check, Failure, FailureKind, Finding, FindingSeverity, Measurements, Outcome, StepResult,
};
pub use plan::{
    Approval, Assignment, Backoff, Effect, Fault, Inconclusive, Narrowed, Need, NotifyOn, Phase, Plan,
    PlanHeader, PlannedPlugin, PluginIndex, PluginKind, Poll, RecordedPlan, ResultSet, Retry, RetryOn,
    SecretOrigin, SecretSource, Slot, Step, StepIndex, Target, Unassigned, Upstream, Uses,
};
pub use schema_work::{SchemaWork, check_schema_work};
pub use verdict::{Cause, Remaining, Verdict, World};
