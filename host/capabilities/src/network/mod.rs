//! The network, one rule at a time.
//!
//! A rule names what may be asked of whom: `GET http://127.0.0.1:8001/health`, `POST https://hooks.slack.com/services/*`,
//! `tcp://redis:6379`. A URL is put into its one canonical spelling before it is compared ([`url::Url`] does the
//! numeric forms of IPv4, letter case, IDNA and dot segments), so that there is nothing to disagree about between the
//! rule and the wire. After the name is resolved *every* address is judged again by [`address`].
//!
//! What no rule can give: link-local metadata services, redirects followed by the host, proxies from the environment.

pub mod address;
#[cfg(feature = "host")]
mod counted;
#[cfg(feature = "host")]
mod dialer;
#[cfg(feature = "host")]
pub(crate) mod exchange;
mod grant;
#[cfg(feature = "host")]
mod host;
#[cfg(feature = "host")]
#[cfg(test)]
mod http_tests;
#[cfg(feature = "host")]
mod resolve;
#[cfg(feature = "host")]
#[cfg(test)]
mod tcp_tests;
#[cfg(test)]
mod tests;
#[cfg(feature = "host")]
mod tls;

#[cfg(feature = "host")]
pub use dialer::Dialer;
pub use grant::{NetworkGrant, NetworkRule};
#[cfg(feature = "host")]
pub use host::Connection;
#[cfg(feature = "host")]
pub use resolve::{MAX_ADDRESSES, Resolve, SystemResolver};
#[cfg(feature = "host")]
pub use tls::system_roots;
