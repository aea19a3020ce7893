//! What runs do.

mod approval;
mod changes;
mod crash;
mod expressions;
mod gates;
mod journal;
mod notify;
mod poll;
mod sandbox;
