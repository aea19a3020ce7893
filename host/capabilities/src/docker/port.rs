//! Ports on the engine's machine.

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    ops::RangeInclusive,
    str::FromStr,
};

use serde::{Deserialize, Serialize};

/// Which ports may be published: an address, and a port or a range; port 0 is any free one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PortRule {
    address: IpAddr,
    ports: RangeInclusive<u16>,
}

impl PortRule {
    /// Whether a port of the container may be published there.
    #[must_use]
    pub fn covers(&self, outside: SocketAddr) -> bool {
        self.address == outside.ip() && self.ports.contains(&outside.port())
    }

    pub(crate) fn contains(&self, narrow: &Self) -> bool {
        self.address == narrow.address
            && self.ports.start() <= narrow.ports.start()
            && narrow.ports.end() <= self.ports.end()
    }
}

impl FromStr for PortRule {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is not `address:port` or `address:first-last`");
        let (address, ports) = text.rsplit_once(':').ok_or_else(wrong)?;
        let bare = address.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        let address: IpAddr = match bare {
            Some(six) => six.parse::<std::net::Ipv6Addr>().map_err(|_| wrong())?.into(),
            None => address.parse::<std::net::Ipv4Addr>().map_err(|_| wrong())?.into(),
        };
        let (first, last) = ports.split_once('-').unwrap_or((ports, ports));
        let (first, last): (u16, u16) =
            (first.parse().map_err(|_| wrong())?, last.parse().map_err(|_| wrong())?);
        if first > last {
            return Err(format!("`{text}`: the range ends before it begins"));
        }
        if first == 0 && last != 0 {
            return Err(format!("`{text}`: port 0 means any free one, and stands alone"));
        }
        Ok(Self { address, ports: first..=last })
    }
}

impl fmt::Display for PortRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let first = SocketAddr::new(self.address, *self.ports.start());
        if self.ports.start() == self.ports.end() {
            write!(f, "{first}")
        } else {
            write!(f, "{first}-{}", self.ports.end())
        }
    }
}

impl TryFrom<String> for PortRule {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<PortRule> for String {
    fn from(rule: PortRule) -> Self {
        rule.to_string()
    }
}
