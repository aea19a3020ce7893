//! Notifiers: tell people or systems about a run.

use schemars::JsonSchema;
use serde::de::DeserializeOwned;

use crate::{Event, Failure, Host, Request};

/// Delivers messages.
pub trait Notifier {
    /// The step's `with`.
    type Config: DeserializeOwned + JsonSchema;

    /// Delivers one message. May be called again for the same event after a crash: use [`Request::run_id`] and
    /// [`Event::name`] to tell.
    ///
    /// # Errors
    ///
    /// A [`Failure`] when the message was not delivered, or may not have been.
    fn notify(config: Self::Config, request: &Request, event: &Event, host: &Host) -> Result<(), Failure>;
}

/// Makes a type that implements [`Notifier`] the one this package exports, and writes `pub fn manifest()`.
#[macro_export]
macro_rules! export_notifier {
    ($notifier:ty) => {
        $crate::__export!($notifier, Notifier, notifier, &[]);
    };
}
