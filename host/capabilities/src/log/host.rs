//! `runner:plugin/log`.

use wasmtime::Result;

use super::Level;
use crate::host::{Context, bindings::runner::plugin::log};

impl log::Host for Context {
    fn write(&mut self, level: log::Level, message: String) -> Result<()> {
        self.ledger.call()?;
        self.ledger.write(level.into(), &message);
        Ok(())
    }
}

impl From<log::Level> for Level {
    fn from(level: log::Level) -> Self {
        match level {
            log::Level::Debug => Self::Debug,
            log::Level::Info => Self::Info,
            log::Level::Warn => Self::Warn,
            log::Level::Error => Self::Error,
        }
    }
}
