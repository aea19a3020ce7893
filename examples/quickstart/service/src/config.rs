//! The part of Caddy's JSON configuration that the stand-in understands, and no more.
//!
//! The tree is kept as it was written, so that what is read back is what was sent. Every change makes a new [`Config`],
//! which exists only if all of it makes sense: a wrong change leaves the old one in force, as with Caddy.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::SocketAddr;

use serde_json::Value;

/// A configuration that makes sense.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Config {
    tree: Value,
    pub(crate) admin: SocketAddr,
    pub(crate) listen: SocketAddr,
    pub(crate) upstreams: Vec<SocketAddr>,
}

/// Where a value stands: the keys that lead to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place(Vec<String>);

impl Config {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let tree = serde_json::from_str(text).map_err(|error| format!("not JSON: {error}"))?;
        Self::of(tree)
    }

    fn of(tree: Value) -> Result<Self, String> {
        let admin = address(tree.pointer("/admin/listen"), "/admin/listen")?;
        let servers = tree.pointer("/apps/http/servers").and_then(Value::as_object);
        let servers: Vec<&Value> = servers.map(|servers| servers.values().collect()).unwrap_or_default();
        let [server] = servers.as_slice() else {
            return Err("`/apps/http/servers` must hold exactly one server".to_owned());
        };
        let listen = address(server.pointer("/listen/0"), "listen/0")?;
        let proxies = reverse_proxies(server);
        let [proxy] = proxies.as_slice() else {
            return Err(format!("exactly one `reverse_proxy` handler is needed, not {}", proxies.len()));
        };
        let upstreams = upstreams(proxy)?;
        Ok(Self { admin, listen, upstreams, tree })
    }

    /// Finds what `/config/…` or `/id/…` of the admin API means.
    pub(crate) fn locate(&self, path: &str) -> Option<Place> {
        let words = path.split('/').filter(|word| !word.is_empty());
        let words: Vec<String> = words.map(str::to_owned).collect();
        let (root, rest) = words.split_first()?;
        let place = match (root.as_str(), rest.split_first()) {
            ("config", _) => Place(rest.to_vec()),
            ("id", Some((id, rest))) => {
                let mut keys = with_id(&self.tree, id)?;
                keys.extend_from_slice(rest);
                Place(keys)
            }
            _ => return None,
        };
        find(&self.tree, &place.0).map(|_| place)
    }

    /// The value at `place`, with the tag that `If-Match` may repeat.
    pub(crate) fn at(&self, place: &Place) -> Option<(&Value, String)> {
        let value = find(&self.tree, &place.0)?;
        let mut hasher = DefaultHasher::new();
        value.to_string().hash(&mut hasher);
        Some((value, format!("\"/config/{} {:016x}\"", place.0.join("/"), hasher.finish())))
    }

    /// Whether a tag that was given out is still true. The tag of any place may be given, as with Caddy.
    pub(crate) fn matches(&self, tag: &str) -> bool {
        let path = tag.trim_matches('"').split(' ').next().unwrap_or_default();
        let place = self.locate(path);
        place.and_then(|place| self.at(&place)).is_some_and(|(_, now)| now == tag)
    }

    /// The configuration with another value at `place`.
    pub(crate) fn replaced(&self, place: &Place, value: Value) -> Result<Self, String> {
        let mut tree = self.tree.clone();
        let mut target = &mut tree;
        for key in &place.0 {
            let below = match key.parse::<usize>() {
                Ok(index) if target.is_array() => target.get_mut(index),
                _ => target.get_mut(key),
            };
            target = below.ok_or_else(|| format!("nothing stands at `{key}`"))?;
        }
        *target = value;
        Self::of(tree)
    }
}

fn find<'a>(tree: &'a Value, keys: &[String]) -> Option<&'a Value> {
    keys.iter().try_fold(tree, |value, key| {
        children(value).into_iter().find(|(name, _)| name == key).map(|(_, child)| child)
    })
}

/// The values directly below a value, with their keys.
fn children(value: &Value) -> Vec<(String, &Value)> {
    if let Some(items) = value.as_array() {
        items.iter().enumerate().map(|(index, item)| (index.to_string(), item)).collect()
    } else if let Some(map) = value.as_object() {
        map.iter().map(|(key, item)| (key.clone(), item)).collect()
    } else {
        Vec::new()
    }
}

/// The keys that lead to the object with this `@id`.
fn with_id(value: &Value, id: &str) -> Option<Vec<String>> {
    if value.get("@id").and_then(Value::as_str) == Some(id) {
        return Some(Vec::new());
    }
    children(value).into_iter().find_map(|(key, child)| {
        let below = with_id(child, id)?;
        Some(std::iter::once(key).chain(below).collect())
    })
}

fn reverse_proxies(value: &Value) -> Vec<&Value> {
    if value.get("handler").and_then(Value::as_str) == Some("reverse_proxy") {
        return vec![value];
    }
    children(value).into_iter().flat_map(|(_, child)| reverse_proxies(child)).collect()
}

fn upstreams(proxy: &Value) -> Result<Vec<SocketAddr>, String> {
    known(proxy, &["@id", "handler", "upstreams", "load_balancing"])?;
    if let Some(balancing) = proxy.get("load_balancing") {
        known(balancing, &["selection_policy"])?;
        let policy = balancing.pointer("/selection_policy/policy").and_then(Value::as_str);
        if policy != Some("round_robin") {
            return Err("unknown selection policy; this stand-in knows `round_robin`".to_owned());
        }
    }
    let upstreams = proxy.get("upstreams").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    if upstreams.is_empty() {
        return Err("`upstreams` must be a list with at least one upstream".to_owned());
    }
    upstreams
        .iter()
        .map(|upstream| {
            known(upstream, &["@id", "dial"])?;
            address(upstream.get("dial"), "dial")
        })
        .collect()
}

fn known(value: &Value, keys: &[&str]) -> Result<(), String> {
    let map = value.as_object().ok_or_else(|| format!("{value} is not an object"))?;
    match map.keys().find(|key| !keys.contains(&key.as_str())) {
        Some(key) => Err(format!("unknown field `{key}`")),
        None => Ok(()),
    }
}

/// Reads `host:port` or `:port`, which means loopback here.
fn address(value: Option<&Value>, name: &str) -> Result<SocketAddr, String> {
    let text = value.and_then(Value::as_str).ok_or_else(|| format!("`{name}` is not a text"))?;
    let full = if text.starts_with(':') { format!("127.0.0.1{text}") } else { text.to_owned() };
    let address = full.replace("localhost:", "127.0.0.1:").parse::<SocketAddr>();
    match address {
        Ok(address) if address.ip().is_loopback() => Ok(address),
        _ => Err(format!("`{name}`: `{text}` is not an address of this machine like 127.0.0.1:8001")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const SAMPLE: &str = r#"{
        "admin": { "listen": "127.0.0.1:2019" },
        "apps": { "http": { "servers": { "web": {
            "listen": ["127.0.0.1:8080"],
            "routes": [{ "handle": [{
                "handler": "reverse_proxy",
                "upstreams": [{ "@id": "app", "dial": "127.0.0.1:8001" }]
            }] }]
        } } } }
    }"#;

    fn address(port: u16) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], port))
    }

    #[test]
    fn the_addresses_are_read() {
        let config = Config::parse(SAMPLE).unwrap();

        assert_eq!(
            (config.admin, config.listen, config.upstreams),
            (address(2019), address(8080), vec![address(8001)]),
        );
    }

    #[test]
    fn an_object_is_found_by_its_id_and_by_its_path() {
        let config = Config::parse(SAMPLE).unwrap();
        let path = "/config/apps/http/servers/web/routes/0/handle/0/upstreams/0";

        assert_eq!(config.locate("/id/app"), config.locate(path));
        let (value, tag) = config.at(&config.locate("/id/app").unwrap()).unwrap();
        assert_eq!(value, &json!({ "@id": "app", "dial": "127.0.0.1:8001" }));
        assert!(config.matches(&tag), "{tag}");
        assert_eq!(tag.split(' ').next(), Some(format!("\"{path}").as_str()));
        assert_eq!(config.locate("/id/app/dial/deeper"), None);
        assert_eq!(config.locate("/id/other"), None);
        assert_eq!(config.locate("/load"), None);
    }

    #[test]
    fn a_change_makes_old_tags_stale() {
        let config = Config::parse(SAMPLE).unwrap();
        let place = config.locate("/id/app").unwrap();
        let (_, before) = config.at(&place).unwrap();

        let config = config.replaced(&place, json!({ "@id": "app", "dial": "127.0.0.1:8002" })).unwrap();

        assert_eq!(config.upstreams, [address(8002)]);
        assert!(!config.matches(&before));
    }

    #[test]
    fn an_id_that_is_not_repeated_is_lost() {
        let config = Config::parse(SAMPLE).unwrap();
        let place = config.locate("/id/app").unwrap();

        let config = config.replaced(&place, json!({ "dial": "127.0.0.1:8002" })).unwrap();

        assert_eq!(config.locate("/id/app"), None);
    }

    #[test]
    fn a_change_that_makes_no_sense_makes_no_configuration() {
        let config = Config::parse(SAMPLE).unwrap();
        let change = |path: &str, value| {
            let place = config.locate(path).unwrap();
            config.replaced(&place, value).unwrap_err()
        };

        assert_eq!(change("/id/app", json!({ "dial": 8002 })), "`dial` is not a text");
        assert_eq!(change("/id/app", json!({ "dial": "a:1", "port": 1 })), "unknown field `port`");
        assert_eq!(change("/id/app", json!("127.0.0.1:1")), "\"127.0.0.1:1\" is not an object");
        assert_eq!(
            change("/id/app/dial", json!("192.0.2.1:80")),
            "`dial`: `192.0.2.1:80` is not an address of this machine like 127.0.0.1:8001",
        );
        assert_eq!(
            change("/config/apps/http/servers/web/routes", json!([])),
            "exactly one `reverse_proxy` handler is needed, not 0",
        );
    }
}
