//! CEL expressions, and the templates they stand in.
//!
//! A pipeline writes `${{ … }}` inside YAML values. [`Template`] is such a value: rendering it gives a JSON value of the
//! same shape. A string that is *one* expression and nothing else becomes the expression's own value (a number stays
//! a number); in a longer string the values are put in as text. [`Expression`] is what stands between the braces.
//!
//! ```text
//! text --scan--> tokens --check, rewrite--> CEL --parse--> tree --names--> Expression --evaluate(Scope)--> JSON
//! ```
//!
//! Everything that can be wrong without values is found when an expression is read: syntax, names, functions, depth.
//! Both types know what they refer to ([`References`]), so that a pipeline can be checked without running and a run
//! builds only the part of the context that an expression looks at.
//!
//! Never here: where values come from, YAML, steps. Evaluation is pure: no clock, no environment, bounded work. A plugin
//! chooses part of the values, so neither a long list nor a long text in them may make an expression expensive.

mod evaluate;
mod expression;
mod functions;
mod names;
mod parse;
mod scan;
mod scope;
mod template;
mod value;
mod work;

pub use expression::{EvaluationError, Expression, ParseError};
pub use scope::{References, RunStatus, Scope};
pub use template::{Template, TemplateError};
