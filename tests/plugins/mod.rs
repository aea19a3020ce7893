//! The first-party plugins as components inside the runner: real files, real servers on loopback.

mod formats;
mod health;
mod notify;
mod policy;
mod reports;
