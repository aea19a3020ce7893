//! One claim each, the whole text compared.

mod config;
mod grants;
mod kinds;
mod reachable;
mod references;
mod secrets;
mod targets;
