//! The host side of every capability.
