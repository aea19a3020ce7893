//! `runner:plugin/clock`.

use std::time::Duration;

use tokio::time::Instant;
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
        let asked = Duration::from_millis(milliseconds);
        if asked >= self.deadline.saturating_duration_since(Instant::now()) {
            // Whoever holds the call ends it at its deadline. Woken then, the guest could still answer in that moment.
            std::future::pending::<()>().await;
        }
        tokio::time::sleep(asked).await;
        Ok(())
    }
}
