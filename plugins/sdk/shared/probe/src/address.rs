//! Where something listens.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;

/// A host and a port: `redis:6379`, `127.0.0.1:6379`, `[::1]:6379`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct Address {
    /// Name or address, without brackets.
    pub host: String,
    /// Port, at least 1.
    pub port: u16,
}

impl TryFrom<String> for Address {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let wrong = || format!("`{text}` is not `host:port`");
        let (host, port) = text.rsplit_once(':').ok_or_else(wrong)?;
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let host = bare.unwrap_or(host);
        // Without brackets the last group of `::1` would be taken for a port.
        if host.is_empty() || (bare.is_none() && host.contains(':')) {
            return Err(wrong());
        }
        match port.parse() {
            Ok(0) | Err(_) => Err(format!("`{port}` in `{text}` is not a port")),
            Ok(port) => Ok(Self { host: host.to_owned(), port }),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port } = self;
        if host.contains(':') { write!(f, "[{host}]:{port}") } else { write!(f, "{host}:{port}") }
    }
}

impl JsonSchema for Address {
    fn schema_name() -> Cow<'static, str> {
        "Address".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "`host:port`; an IPv6 address stands in brackets.",
            "type": "string",
            "pattern": r"^(\[[0-9A-Fa-f:.]+\]|[^\[\]:/@\s]+):[0-9]{1,5}$",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<(String, u16), String> {
        Address::try_from(text.to_owned()).map(|address| (address.host, address.port))
    }

    #[test]
    fn names_and_addresses_of_both_kinds_are_read() {
        assert_eq!(read("redis:6379"), Ok(("redis".to_owned(), 6379)));
        assert_eq!(read("127.0.0.1:53"), Ok(("127.0.0.1".to_owned(), 53)));
        assert_eq!(read("[::1]:53"), Ok(("::1".to_owned(), 53)));
    }

    #[test]
    fn what_has_no_host_or_no_port_is_refused() {
        assert_eq!(read("redis"), Err("`redis` is not `host:port`".to_owned()));
        assert_eq!(read(":6379"), Err("`:6379` is not `host:port`".to_owned()));
        assert_eq!(read("::1"), Err("`::1` is not `host:port`".to_owned()));
        assert_eq!(read("redis:0"), Err("`0` in `redis:0` is not a port".to_owned()));
        assert_eq!(read("redis:70000"), Err("`70000` in `redis:70000` is not a port".to_owned()));
    }

    #[test]
    fn an_address_is_shown_as_it_is_written() {
        let shown = ["redis:6379", "[::1]:53"]
            .map(|text| Address::try_from(text.to_owned()).map(|address| address.to_string()));

        assert_eq!(shown, [Ok("redis:6379".to_owned()), Ok("[::1]:53".to_owned())]);
    }
}
