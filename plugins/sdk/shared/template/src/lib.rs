//! Templates in a plugin.
//!
//! The language is that of Jinja, as far as MiniJinja has it: values, filters, `if` and `for`. What is not defined is an
//! error, with its line. [`weigh`] looks at a template before the engine does, since the stack of a plugin is small;
//! [`environment`] is the engine with bounds and with the filters that texts need; [`Bounded`] takes what comes out.
//!
//! Never here: how a value is escaped. That is the caller's, who knows what the text is for.

mod bounds;
mod engine;

pub use bounds::weigh;
pub use engine::{Bounded, LastLineBreak, environment, problem};
