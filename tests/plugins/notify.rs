//! Notifiers: what arrives at the other side.
