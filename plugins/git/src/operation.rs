//! The operations, a file each.

mod checkout;
mod fetch;
mod push;
mod tag;

pub use checkout::Checkout;
pub use fetch::Fetch;
pub use push::Push;
pub use tag::Tag;
