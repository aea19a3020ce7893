//! The corpus of hostile guests: one file per wall that they run against.
//!
//! Each attack is one step of a run in which other steps do honest work ([`scene`]): a change before it, a gate beside it,
//! one that needs it, one that runs whatever becomes of it. What is compared is always the whole: how the attack ended, what
//! was denied and which grant would have allowed it, what became of the others, and that nothing else happened. Where an
//! attack differs from honest work only by a grant, the same attack with the grant is there too: it has to work.
//!
//! Guests are in `tests/guests/`: `gate-reach` and `wasip2-raw` try what their config names, call by call; `gate-hostile`
//! takes without end and carries secrets out; what no compiler would make is written by hand in `wat/` ([`handmade`]).
//! `docs/sandbox.md` is the list of what is tried here.

mod ambient;
mod cache;
mod components;
mod files;
mod handmade;
mod network;
mod policy;
mod resources;
mod scene;
mod secrets;
mod std_guest;
