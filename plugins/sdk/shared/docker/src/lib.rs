//! What the actions on containers and images have in common.
//!
//! [`settings`] are parts of a step's `with`. [`ready`] waits until a container runs or is well; [`lines`] shows the end
//! of its log; [`tags`] notes where names of images lead, and puts them back.
//!
//! Never here: what a step means by it, and whether anything is removed.

pub mod lines;
pub mod ready;
pub mod settings;
pub mod tags;
