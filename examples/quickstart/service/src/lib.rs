//! What the examples' small servers have in common: as much HTTP as they need, and a receiver of webhooks.
//!
//! Never here: anything of the runner. The examples are what it is used on.

pub mod hook;
pub mod http;
