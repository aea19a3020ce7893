//! SIGINT and SIGTERM: the first cancels, the second stops.

use runner_engine::Signal;
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::mpsc,
};

use crate::error::CommandError;

/// Listens from now on.
///
/// # Errors
///
/// The process may not install handlers. Nothing was started.
pub(crate) fn listen() -> Result<mpsc::Receiver<Signal>, CommandError> {
    let failed = |error: std::io::Error| CommandError::Bug(format!("cannot listen for signals: {error}"));
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    let (sender, receiver) = mpsc::channel(2);
    tokio::spawn(async move {
        let mut cancelled = false;
        loop {
            let name = tokio::select! {
                Some(()) = interrupt.recv() => "SIGINT",
                Some(()) = terminate.recv() => "SIGTERM",
                else => return,
            };
            let signal = if cancelled { Signal::Stop } else { Signal::Cancel { by: name.to_owned() } };
            cancelled = true;
            if sender.send(signal).await.is_err() {
                return;
            }
        }
    });
    Ok(receiver)
}
