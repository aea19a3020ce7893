//! `runner:plugin/clock`.

use std::time::Duration;

use wasmtime::Result;

use crate::host::{Context, bindings::runner::plugin::clock};

impl clock::Host for Context {
    fn now(&mut self) -> Result<u64> {
        self.ledger.call()?;
        Ok(self.time.now_ms())
    }

    fn monotonic(&mut self) -> Result<u64> {
        self.ledger.call()?;
        Ok(self.time.monotonic_us())
    }

    async fn sleep(&mut self, milliseconds: u64) -> Result<()> {
        self.ledger.call()?;
        let until_deadline = self.deadline.saturating_duration_since(tokio::time::Instant::now());
        tokio::time::sleep(Duration::from_millis(milliseconds).min(until_deadline)).await;
        Ok(())
    }
}
