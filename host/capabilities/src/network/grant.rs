//! Network rules: what they say, what they cover.

use std::{fmt, net::IpAddr, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use url::{Host, Url};

use super::address::{Reach, reach};
use crate::{Capability, GrantError, Refusal, pattern};
#[cfg(feature = "host")]
use crate::{Rule, RuleKind};

/// The rules of one step. Whatever no rule covers is denied.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NetworkGrant(pub(super) Vec<NetworkRule>);

/// One rule. It is shown in its one canonical spelling and written down as its author spelled it; both read back as the
/// same rule.
#[derive(Debug, Clone)]
pub struct NetworkRule {
    what: What,
    host: HostPattern,
    port: u16,
    /// Whether a *name* may lead to a private or loopback address. An address written as such speaks for itself.
    private: bool,
    /// The author's spelling. Says nothing that the rest does not say.
    written: String,
}

impl PartialEq for NetworkRule {
    fn eq(&self, other: &Self) -> bool {
        let Self { what, host, port, private, written: _ } = self;
        (what, host, port, private) == (&other.what, &other.host, &other.port, &other.private)
    }
}

impl Eq for NetworkRule {}

#[derive(Debug, Clone, PartialEq, Eq)]
enum What {
    /// `methods` empty means all. `path` is matched against path and query together.
    Http {
        methods: Vec<String>,
        tls: bool,
        path: String,
    },
    Tcp,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum HostPattern {
    Exact(String),
    Address(IpAddr),
    /// `*.example.com`: any name below, not `example.com` itself.
    Below(String),
}

const EXAMPLES: &str = "for example `GET https://example.com/health`, `GET,POST https://example.com/api/*` or `tcp://redis:6379`";

impl NetworkGrant {
    pub(crate) fn parse(value: &Value) -> Result<Self, Vec<GrantError>> {
        let Value::Array(items) = value else {
            return Err(vec![GrantError::new("", "expected a list of rules").help(EXAMPLES)]);
        };
        let mut rules = Vec::new();
        let mut errors = Vec::new();
        for (index, item) in items.iter().enumerate() {
            let parsed = match item.as_str() {
                Some(text) => text.parse::<NetworkRule>(),
                None => Err(format!("expected a rule as text, found `{item}`")),
            };
            match parsed {
                Ok(rule) => rules.push(rule),
                Err(message) => errors.push(GrantError::new(format!("/{index}"), message).help(EXAMPLES)),
            }
        }
        if errors.is_empty() { Ok(Self(rules)) } else { Err(errors) }
    }

    /// Whether nothing is granted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The rules, as written.
    pub fn rules(&self) -> impl Iterator<Item = &NetworkRule> {
        self.0.iter()
    }

    /// Whether any rule is about HTTP.
    #[must_use]
    pub fn has_http(&self) -> bool {
        self.0.iter().any(|rule| matches!(rule.what, What::Http { .. }))
    }

    /// Whether any rule is about plain connections.
    #[must_use]
    pub fn has_tcp(&self) -> bool {
        self.0.iter().any(NetworkRule::is_tcp)
    }

    /// The first rule that covers a request, whose addresses still have to be judged by [`NetworkRule::admits`].
    ///
    /// # Errors
    ///
    /// The refusal for the operator, with a rule to paste.
    pub fn covers_http(&self, method: &str, url: &Url) -> Result<&NetworkRule, Box<Refusal>> {
        self.0.iter().find(|rule| rule.covers_http(method, url)).ok_or_else(|| {
            let shown = shown_url(url);
            Box::new(Refusal {
                capability: Capability::Http,
                request: format!("{method} {shown}"),
                message: no_rule(self, "HTTP requests"),
                grant: url
                    .host_str()
                    .is_some_and(|host| is_grantable(&canonical_host(host)))
                    .then(|| format!(r#"network: ["{method} {shown}"]"#)),
            })
        })
    }

    /// The first rule that covers a connection, whose addresses still have to be judged by [`NetworkRule::admits`].
    ///
    /// # Errors
    ///
    /// The refusal for the operator, with a rule to paste.
    pub fn covers_tcp(&self, host: &str, port: u16) -> Result<&NetworkRule, Box<Refusal>> {
        let canonical = canonical_host(host);
        self.0
            .iter()
            .find(|rule| {
                rule.is_tcp()
                    && rule.port == port
                    && canonical.as_ref().is_ok_and(|host| rule.host.covers(host))
            })
            .ok_or_else(|| {
                let bare = host.contains(':') && !host.starts_with('[');
                let host = if bare { format!("[{host}]") } else { host.to_owned() };
                Box::new(Refusal {
                    capability: Capability::Tcp,
                    request: format!("tcp://{host}:{port}"),
                    message: no_rule(self, "connections"),
                    grant: is_grantable(&canonical).then(|| format!(r#"network: ["tcp://{host}:{port}"]"#)),
                })
            })
    }

    /// Whether a connection to this very address is covered, for guests that resolve names themselves: only rules
    /// that name the address, and `localhost` for this machine.
    ///
    /// # Errors
    ///
    /// The refusal for the operator, with a rule to paste.
    pub fn covers_address(&self, address: IpAddr, port: u16) -> Result<&NetworkRule, Box<Refusal>> {
        let by_address = self.covers_tcp(&address.to_string(), port);
        let rule = match reach(address) {
            Reach::Loopback => {
                by_address.or_else(|refusal| self.covers_tcp("localhost", port).map_err(|_| refusal))
            }
            Reach::Public | Reach::Private | Reach::Metadata | Reach::Unusable => by_address,
        }?;
        rule.admits(address).map(|()| rule).map_err(|message| {
            let request = format!("tcp://{}", std::net::SocketAddr::new(address, port));
            Box::new(Refusal { capability: Capability::Tcp, request, message, grant: None })
        })
    }

    pub(crate) fn beyond(&self, narrower: &Self) -> Vec<GrantError> {
        narrower
            .0
            .iter()
            .enumerate()
            .filter(|(_, rule)| !self.0.iter().any(|wide| wide.contains(rule)))
            .map(|(index, rule)| GrantError::new(format!("/{index}"), format!("network rule `{rule}`")))
            .collect()
    }
}

/// Whether a rule for this host could ever let anything through.
fn is_grantable(canonical: &Result<String, String>) -> bool {
    match canonical.as_ref().map(|host| host.parse()) {
        Ok(Ok(address)) => !matches!(reach(address), Reach::Metadata | Reach::Unusable),
        Ok(Err(_)) => true,
        Err(_) => false,
    }
}

fn no_rule(grant: &NetworkGrant, what: &str) -> String {
    if grant.is_empty() {
        format!("this step is granted no network at all, so no {what}")
    } else {
        let rules: Vec<String> = grant.0.iter().map(|rule| format!("`{rule}`")).collect();
        format!("none of its network rules covers this: {}", rules.join(", "))
    }
}

/// A URL for people: without query, which may hold what should not be shown.
fn shown_url(url: &Url) -> String {
    let mut shown = url.clone();
    shown.set_fragment(None);
    if shown.query().is_some() {
        shown.set_query(None);
        return format!("{shown}?*");
    }
    shown.to_string()
}

impl NetworkRule {
    /// The author's spelling.
    #[must_use]
    pub fn written(&self) -> &str {
        &self.written
    }

    /// This rule in a ledger.
    #[cfg(feature = "host")]
    pub(super) fn as_used(&self) -> Rule {
        Rule::new(RuleKind::Network, self.written())
    }

    /// Whether it is about plain connections.
    pub(crate) fn is_tcp(&self) -> bool {
        self.what == What::Tcp
    }

    pub(crate) fn covers_http(&self, wanted: &str, url: &Url) -> bool {
        let What::Http { methods, tls, path } = &self.what else { return false };
        let scheme = if *tls { "https" } else { "http" };
        let host = url.host_str().map(canonical_host);
        let target = match url.query() {
            Some(query) => format!("{}?{query}", url.path()),
            None => url.path().to_owned(),
        };
        (methods.is_empty() || methods.iter().any(|method| method == wanted))
            && url.scheme() == scheme
            && url.username().is_empty()
            && url.password().is_none()
            && url.port_or_known_default() == Some(self.port)
            && matches!(host, Some(Ok(host)) if self.host.covers(&host))
            && pattern::matches(path, &target)
            && (path == "/*" || !path.contains('*') || !is_ambiguous(url.path()))
    }

    /// Whether a connection under this rule may go to `address`.
    ///
    /// # Errors
    ///
    /// Why not: a lower-case fragment for the operator.
    pub fn admits(&self, address: IpAddr) -> Result<(), String> {
        let named = match &self.host {
            HostPattern::Address(granted) => *granted == address,
            HostPattern::Exact(name) => name == "localhost" && reach(address) == Reach::Loopback,
            HostPattern::Below(_) => false,
        };
        match reach(address) {
            Reach::Public => Ok(()),
            Reach::Loopback | Reach::Private if named || self.private => Ok(()),
            Reach::Loopback => Err(format!(
                "the name leads to {address}, which is this machine itself; write `{self} private` to allow that"
            )),
            Reach::Private => Err(format!(
                "the name leads to {address}, which is a private address; write `{self} private` to allow that"
            )),
            Reach::Metadata => Err(format!("{address} is a cloud metadata service, which no rule can allow")),
            Reach::Unusable => Err(format!("{address} is not an address to connect to")),
        }
    }

    /// Whether everything `narrow` covers is covered by `self` too.
    pub(crate) fn contains(&self, narrow: &Self) -> bool {
        let what = match (&self.what, &narrow.what) {
            (What::Tcp, What::Tcp) => true,
            (
                What::Http { methods: wide, tls: wide_tls, path: wide_path },
                What::Http { methods, tls, path },
            ) => {
                (wide.is_empty()
                    || (!methods.is_empty() && methods.iter().all(|method| wide.contains(method))))
                    && wide_tls == tls
                    && pattern::matches(wide_path, path)
                    && (wide_path == "/*" || wide_path == path || !is_ambiguous(path))
            }
            (What::Tcp, What::Http { .. }) | (What::Http { .. }, What::Tcp) => false,
        };
        what && self.port == narrow.port
            && self.host.contains(&narrow.host)
            // Beside an address `private` says nothing new.
            && (self.private || !narrow.private || matches!(narrow.host, HostPattern::Address(_)))
    }
}

/// A path that servers are known to read in more than one way. A rule with a `*` never covers one, unless it is `/*`:
/// what the `*` would have to stand for is in doubt.
fn is_ambiguous(target: &str) -> bool {
    let lower = target.split('?').next().unwrap_or_default().to_ascii_lowercase();
    ["%2f", "%5c", "%2e", "%00", "\\", "//", ";"].iter().any(|part| lower.contains(part))
}

/// Host names in one spelling: lower case, IDNA, no final dot, addresses in their canonical form.
pub(super) fn canonical_host(host: &str) -> Result<String, String> {
    let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    if let Some(address) = bare.or(Some(host)).and_then(|text| text.parse::<std::net::Ipv6Addr>().ok()) {
        return Ok(address.to_string());
    }
    match Host::parse(host).map_err(|_| format!("`{host}` is not a host name"))? {
        Host::Domain(name) => {
            let name = name.strip_suffix('.').unwrap_or(&name);
            // `127..` without its dot would read as the address 0.0.0.127.
            let whole = name.split('.').all(|label| !label.is_empty());
            if whole { Ok(name.to_owned()) } else { Err(format!("`{host}` is not a host name")) }
        }
        Host::Ipv4(address) => Ok(address.to_string()),
        Host::Ipv6(address) => Ok(address.to_string()),
    }
}

impl HostPattern {
    fn covers(&self, canonical: &str) -> bool {
        match self {
            Self::Exact(name) => name == canonical,
            Self::Address(address) => canonical.parse::<IpAddr>().is_ok_and(|host| host == *address),
            Self::Below(parent) => canonical
                .strip_suffix(parent.as_str())
                .and_then(|rest| rest.strip_suffix('.'))
                .is_some_and(|label| !label.is_empty()),
        }
    }

    fn contains(&self, narrow: &Self) -> bool {
        match narrow {
            Self::Exact(name) => self.covers(name),
            Self::Address(address) => *self == Self::Address(*address),
            Self::Below(parent) => match self {
                Self::Below(wide) => wide == parent || parent.ends_with(&format!(".{wide}")),
                Self::Exact(_) | Self::Address(_) => false,
            },
        }
    }

    fn parse(text: &str) -> Result<Self, String> {
        if let Some(parent) = text.strip_prefix("*.") {
            let parent = canonical_host(parent)?;
            if !parent.contains('.') || parent.parse::<IpAddr>().is_ok() {
                return Err(format!(
                    "`*.{parent}` is too wide: name at least a domain, as in `*.example.com`"
                ));
            }
            return Ok(Self::Below(parent));
        }
        if text.contains('*') {
            return Err(format!("`{text}`: a `*` in a host stands only at its start, as in `*.example.com`"));
        }
        let canonical = canonical_host(text)?;
        Ok(canonical.parse().map_or(Self::Exact(canonical), Self::Address))
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(name) => f.write_str(name),
            Self::Address(IpAddr::V4(address)) => write!(f, "{address}"),
            Self::Address(IpAddr::V6(address)) => write!(f, "[{address}]"),
            Self::Below(parent) => write!(f, "*.{parent}"),
        }
    }
}

impl FromStr for NetworkRule {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut words: Vec<&str> = text.split_ascii_whitespace().collect();
        let written = words.join(" ");
        let private = words.last() == Some(&"private");
        if private {
            words.pop();
        }
        match words.as_slice() {
            [address] => match address.strip_prefix("tcp://") {
                Some(rest) => parse_tcp(rest, private, written),
                None if address.contains("://") => Err(format!(
                    "`{address}` names no method: write `GET {address}`, or `* {address}` for all methods"
                )),
                None => Err(format!("`{address}` is not a rule")),
            },
            [methods, url] => parse_http(methods, url, private, written),
            _ => Err(format!("`{text}` is not a rule")),
        }
    }
}

fn parse_tcp(rest: &str, private: bool, written: String) -> Result<NetworkRule, String> {
    let (host, port) = rest
        .rsplit_once(':')
        .ok_or_else(|| format!("`tcp://{rest}` needs a port, as in `tcp://redis:6379`"))?;
    let port = parse_port(port)?;
    Ok(NetworkRule { what: What::Tcp, host: HostPattern::parse(host)?, port, private, written })
}

fn parse_port(text: &str) -> Result<u16, String> {
    text.parse::<u16>()
        .ok()
        .filter(|port| *port > 0)
        .ok_or_else(|| format!("`{text}` is not a port (1 to 65535)"))
}

fn parse_http(methods: &str, url: &str, private: bool, written: String) -> Result<NetworkRule, String> {
    let methods: Vec<String> = match methods {
        "*" => Vec::new(),
        list => list.split(',').map(str::to_owned).collect(),
    };
    if let Some(wrong) =
        methods.iter().find(|name| name.is_empty() || !name.chars().all(|c| c.is_ascii_uppercase()))
    {
        return Err(format!("`{wrong}` is not a method; methods are in capitals, as in `GET` or `GET,POST`"));
    }
    let (tls, rest) = match (url.strip_prefix("https://"), url.strip_prefix("http://")) {
        (Some(rest), _) => (true, rest),
        (None, Some(rest)) => (false, rest),
        (None, None) => return Err(format!("`{url}` must start with `http://` or `https://`")),
    };
    let (authority, path) = match rest.find('/') {
        Some(slash) => rest.split_at(slash),
        None => return Err(format!("`{url}` names no path: write `{url}/*` for all of them")),
    };
    if authority.contains('@') {
        return Err("a rule holds no user info: use a secret header".to_owned());
    }
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, parse_port(port)?),
        Some(_) | None => (authority, if tls { 443 } else { 80 }),
    };
    let canonical = canonical_path(path)?;
    Ok(NetworkRule {
        what: What::Http { methods, tls, path: canonical },
        host: HostPattern::parse(host)?,
        port,
        private,
        written,
    })
}

/// The path as the wire will have it, so that the rule and the request are spelled alike.
fn canonical_path(path: &str) -> Result<String, String> {
    if path.contains('#') {
        return Err(format!("`{path}`: a rule holds no fragment, since none is ever sent"));
    }
    let url =
        Url::parse(&format!("http://rule.invalid{path}")).map_err(|_| format!("`{path}` is not a path"))?;
    let mut canonical = url.as_str().strip_prefix("http://rule.invalid").unwrap_or(path).to_owned();
    while canonical.contains("**") {
        canonical = canonical.replace("**", "*");
    }
    if canonical != "/*" && canonical.contains('*') && is_ambiguous(&canonical) {
        return Err(format!(
            "`{path}`: servers read `//`, `;`, `\\` and encoded separators in more than one way; write such a path \
             in full, without `*`"
        ));
    }
    Ok(canonical)
}

impl fmt::Display for NetworkRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.what {
            What::Tcp => write!(f, "tcp://{}:{}", self.host, self.port)?,
            What::Http { methods, tls, path } => {
                let methods = if methods.is_empty() { "*".to_owned() } else { methods.join(",") };
                let (scheme, default) = if *tls { ("https", 443) } else { ("http", 80) };
                write!(f, "{methods} {scheme}://{}", self.host)?;
                if self.port != default {
                    write!(f, ":{}", self.port)?;
                }
                f.write_str(path)?;
            }
        }
        if self.private { f.write_str(" private") } else { Ok(()) }
    }
}

impl Serialize for NetworkRule {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.written)
    }
}

impl<'de> Deserialize<'de> for NetworkRule {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}
