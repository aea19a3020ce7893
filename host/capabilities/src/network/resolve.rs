//! Names to addresses.

use std::{io, net::IpAddr};

use async_trait::async_trait;

/// Most addresses that an answer may have; more than any honest name leads to.
pub const MAX_ADDRESSES: usize = 32;

/// Turns a name into addresses.
#[async_trait]
pub trait Resolve: Send + Sync {
    /// All addresses of `host`, best first. `host` is never an address itself.
    async fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>>;
}

/// The resolver of this machine: its hosts file, its name servers.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemResolver;

#[async_trait]
impl Resolve for SystemResolver {
    async fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        let mut addresses: Vec<IpAddr> = Vec::new();
        for address in tokio::net::lookup_host((host, 0)).await? {
            if !addresses.contains(&address.ip()) {
                addresses.push(address.ip());
            }
        }
        Ok(addresses)
    }
}
