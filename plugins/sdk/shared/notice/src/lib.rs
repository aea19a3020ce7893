//! What all notifiers of runner share.
//!
//! ```text
//! Event ─┬─ Route::choose ──▶ who is told, or nobody
//!        └─ Message::write ─▶ Written { title, text, links } ──the channel's own JSON or mail──▶ deliver
//! ```
//!
//! [`Message`] is a part of every notifier's config: a style or a template, facts, links. [`Message::write`] fills it
//! in for one [`Channel`]: every value is escaped by the channel's [`Markup`], so that nothing a step has said can ping
//! a team or break the text, and what is too long is cut with a word about it. [`deliver`] sends, waits as long as
//! the receiver asks if the config is that patient, and says what went wrong without showing a secret address.
//!
//! Never here: state. A plugin is fresh for each call, so there is one message for each event; what belongs
//! together is told to the receiver by [`key`].

mod cut;
mod delivery;
mod fact;
mod key;
mod link;
mod markup;
mod message;
mod route;
mod secret_url;
mod style;
mod template;

pub use delivery::{Pace, accepted, deliver, hexadecimal, max_wait_ms, refused};
pub use fact::Fact;
pub use key::key;
pub use link::Link;
pub use markup::Markup;
pub use message::{Channel, Links, Message, Written};
pub use route::{Level, Occasion, Route};
pub use secret_url::SecretUrl;
pub use style::Style;

#[cfg(test)]
mod tests;
