//! What plugins that look at container images have in common: how an image is named, what a Dockerfile says, and
//! how both fill in variables.
//!
//! Text goes in and facts come out; all of it is pure. Which facts are wrong is for the plugins to say, but for an
//! image that is not pinned, which is the same everywhere ([`Image::findings`]).

mod dockerfile;
mod image;
mod off;
mod reference;
mod variables;

pub use dockerfile::{Base, Dockerfile, Fragment, Instruction, Problem, Stage};
pub use image::{Flaw, Image};
pub use off::{Judge, Off, Rule};
pub use reference::{Reference, is_sha256};
pub use variables::{Filled, fill_in};
