//! Where a remote is: what its URL says, and the patterns over it that a grant holds.
//!
//! An address has one spelling here, so that there is nothing to disagree about between the rule and what is connected to.
//! What two readers could take differently (`..`, `//`, percent signs in a path for a shell, user info in a web address)
//! is refused.

use std::{fmt, net::IpAddr, str::FromStr};

use url::{Host, Url};

use crate::{network::NetworkRule, pattern};

/// What the URL of a remote says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RemoteUrl {
    /// A path of this machine, as written: relative to the repository, or absolute.
    Path(String),
    /// Through `ssh`.
    Ssh(SshAddress),
    /// Over HTTP.
    Web(Url),
}

/// A repository behind `ssh`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SshAddress {
    /// None for what `ssh_config(5)` says.
    pub user: Option<String>,
    /// Name, address, or a `Host` alias of `ssh_config(5)`.
    pub host: String,
    /// None for what `ssh_config(5)` says.
    pub port: Option<u16>,
    /// Absolute, or relative to the user's home directory.
    pub path: String,
}

/// Where a remote really is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// A directory of this machine: absolute, and without links.
    Directory {
        /// The path.
        path: String,
        /// The same, relative to the pipeline's directory; none if it is not below it.
        below: Option<String>,
    },
    /// Through `ssh`.
    Ssh(SshAddress),
    /// Over HTTP.
    Web(Url),
}

impl FromStr for RemoteUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = |why: &str| Err(format!("`{}` {why}", shown(text)));
        if text.is_empty() || text.chars().any(char::is_control) {
            return wrong("is empty, or holds control characters");
        }
        if let Some(path) = text.strip_prefix("file://") {
            if !path.starts_with('/') || path.contains('%') {
                return wrong("is not `file:///absolute/path`");
            }
            return Ok(Self::Path(path.to_owned()));
        }
        if text.starts_with("ssh://") || is_scp_like(text) {
            return SshAddress::parse(text).map(Self::Ssh);
        }
        if text.starts_with("https://") || text.starts_with("http://") {
            let Ok(url) = Url::parse(text) else { return wrong("cannot be read as a URL") };
            if !url.username().is_empty() || url.password().is_some() {
                return Err(
                    "its URL holds a name or password; take them out, and give the step a secret to log in with".to_owned()
                );
            }
            if url.query().is_some() || url.fragment().is_some() || url.host_str().is_none() {
                return wrong("is not `https://host/path`");
            }
            if url.scheme() == "http" && !is_this_machine(&url) {
                return wrong("is plain HTTP, which is only for this machine itself; use `https`");
            }
            return Ok(Self::Web(url));
        }
        if text.contains("://") || text.contains("::") {
            return wrong("is neither a path nor `https`, `ssh` or `file`; nothing else is offered");
        }
        Ok(Self::Path(text.to_owned()))
    }
}

/// `[user@]host:path`, which has a colon before any slash.
fn is_scp_like(text: &str) -> bool {
    let colon = text.find(':');
    colon.is_some_and(|colon| {
        colon > 0
            && !text[colon..].starts_with("::")
            && !text[..colon].contains('/')
            && !text[colon..].starts_with("://")
    })
}

fn is_this_machine(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => IpAddr::V4(address).is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::V6(address).is_loopback(),
        None => false,
    }
}

impl SshAddress {
    fn parse(text: &str) -> Result<Self, String> {
        let wrong = |why: &str| Err(format!("`{}` {why}", shown(text)));
        let (authority, port, path) = match text.strip_prefix("ssh://") {
            Some(rest) => {
                let Some(slash) = rest.find('/') else { return wrong("names no path") };
                let (authority, path) = rest.split_at(slash);
                match authority.rsplit_once(':') {
                    Some((authority, port)) if !port.ends_with(']') => match port.parse() {
                        Ok(port) if port > 0 => (authority, Some(port), path),
                        Ok(_) | Err(_) => return wrong("has a port that is none"),
                    },
                    Some(_) | None => (authority, None, path),
                }
            }
            None => match text.split_once(':') {
                Some((authority, path)) => (authority, None, path),
                None => return wrong("is not `[user@]host:path`"),
            },
        };
        let (user, host) = match authority.rsplit_once('@') {
            Some((user, host)) => (Some(user), host),
            None => (None, authority),
        };
        // What ssh would read as an option, or a shell as more than a word, is not a name.
        let word = |text: &str, also: &str| {
            !text.is_empty()
                && !text.starts_with('-')
                && text.chars().all(|sign| sign.is_ascii_alphanumeric() || also.contains(sign))
        };
        if user.is_some_and(|user| !word(user, "._-")) {
            return wrong("has a user that is not letters, digits, `.`, `_` and `-`");
        }
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        if !word(host, "._-") && bare.parse::<std::net::Ipv6Addr>().is_err() {
            return wrong("has a host that is not a name or an address");
        }
        if path.contains(['%', '\\', '~']) || path.chars().any(char::is_control) || path.starts_with('-') {
            return wrong("has a path with `%`, `\\`, `~`, or a `-` at its start");
        }
        if !is_straight(path) {
            return wrong("has a path with empty names, `.` or `..`");
        }
        Ok(Self {
            user: user.map(str::to_owned),
            host: bare.to_ascii_lowercase(),
            port,
            path: path.to_owned(),
        })
    }

    fn is_at(&self, other: &Self) -> bool {
        (&self.user, &self.host, self.port) == (&other.user, &other.host, other.port)
    }
}

/// No empty name, no `.` and no `..` in it; `/` at the start is not a name.
fn is_straight(path: &str) -> bool {
    let rest = path.strip_prefix('/').unwrap_or(path);
    !rest.split('/').any(|name| matches!(name, "" | "." | ".."))
}

impl fmt::Display for SshAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { user, host, port, path } = self;
        let relative = !path.starts_with('/');
        if !relative {
            f.write_str("ssh://")?;
        }
        if let Some(user) = user {
            write!(f, "{user}@")?;
        }
        if host.contains(':') { write!(f, "[{host}]") } else { f.write_str(host) }?;
        if let Some(port) = port {
            write!(f, ":{port}")?;
        }
        if relative { write!(f, ":{path}") } else { f.write_str(path) }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Directory { path, .. } => f.write_str(path),
            Self::Ssh(address) => address.fmt(f),
            Self::Web(url) => url.fmt(f),
        }
    }
}

/// A pattern over [`Location`]s, in which `*` stands for anything: `/srv/git/*`, `./server.git`, `https://github.com/acme/*`,
/// `ssh://git@host/*`, `git@host:acme/*`.
#[derive(Debug, Clone)]
pub struct RemotePattern {
    what: What,
    /// The author's spelling. Says nothing that the rest does not say.
    written: String,
}

impl PartialEq for RemotePattern {
    fn eq(&self, other: &Self) -> bool {
        self.what == other.what
    }
}

impl Eq for RemotePattern {}

#[derive(Debug, Clone, PartialEq, Eq)]
enum What {
    /// Absolute.
    Directory(String),
    /// Relative to the pipeline's directory.
    Below(String),
    Ssh(SshAddress),
    Web(NetworkRule),
}

impl RemotePattern {
    /// The author's spelling.
    #[must_use]
    pub fn written(&self) -> &str {
        &self.written
    }

    pub(super) fn covers(&self, location: &Location) -> bool {
        match (&self.what, location) {
            (What::Directory(wanted), Location::Directory { path, .. }) => pattern::matches(wanted, path),
            (What::Below(wanted), Location::Directory { below: Some(path), .. }) => {
                pattern::matches(wanted, path)
            }
            (What::Ssh(wanted), Location::Ssh(address)) => {
                wanted.is_at(address) && pattern::matches(&wanted.path, &address.path)
            }
            (What::Web(rule), Location::Web(url)) => rule.covers_http("GET", url),
            (What::Directory(_) | What::Below(_) | What::Ssh(_) | What::Web(_), _) => false,
        }
    }

    /// The rule that judges the addresses behind a web address.
    #[cfg(feature = "host")]
    pub(super) fn web_rule(&self) -> Option<&NetworkRule> {
        match &self.what {
            What::Web(rule) => Some(rule),
            What::Directory(_) | What::Below(_) | What::Ssh(_) => None,
        }
    }

    /// Whether everything `narrow` covers is covered by `self` too.
    pub(super) fn contains(&self, narrow: &Self) -> bool {
        match (&self.what, &narrow.what) {
            (What::Directory(wide), What::Directory(narrow)) | (What::Below(wide), What::Below(narrow)) => {
                pattern::matches(wide, narrow)
            }
            (What::Ssh(wide), What::Ssh(narrow)) => {
                wide.is_at(narrow) && pattern::matches(&wide.path, &narrow.path)
            }
            (What::Web(wide), What::Web(narrow)) => wide.contains(narrow),
            (What::Directory(_) | What::Below(_) | What::Ssh(_) | What::Web(_), _) => false,
        }
    }
}

impl FromStr for RemotePattern {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let written = text.to_owned();
        let made = |what| Ok(Self { what, written: written.clone() });
        let crooked =
            |path: &str| Err(format!("`{path}` holds empty names, `.` or `..`: a path has one spelling"));
        if let Some(path) = text.strip_prefix("./") {
            return if is_straight(path) && !path.starts_with('/') {
                made(What::Below(path.to_owned()))
            } else {
                crooked(text)
            };
        }
        let path = text.strip_prefix("file://").unwrap_or(text);
        if path.starts_with('/') {
            return if is_straight(path) { made(What::Directory(path.to_owned())) } else { crooked(path) };
        }
        if text.starts_with("https://") || text.starts_with("http://") {
            let bare = text.strip_suffix(" private").unwrap_or(text);
            let plain = bare.starts_with("http://");
            if bare.contains(['?', '@']) {
                return Err(format!("`{text}` holds `?` or `@`: the address of a repository has neither"));
            }
            if plain && !Url::parse(bare).is_ok_and(|url| is_this_machine(&url)) {
                return Err(format!(
                    "`{text}` is plain HTTP, which is only for this machine itself; use `https`"
                ));
            }
            return made(What::Web(format!("GET,POST {text}").parse()?));
        }
        if text.starts_with("ssh://") || is_scp_like(text) {
            return made(What::Ssh(SshAddress::parse(text)?));
        }
        Err(format!("`{text}` is not the address of a remote"))
    }
}

/// An address for people: without what may be a password.
fn shown(text: &str) -> String {
    let text = crate::shown::shown(text);
    match (text.find("://"), text.rfind('@')) {
        (Some(scheme), Some(at)) if at > scheme => format!("{}…{}", &text[..scheme + 3], &text[at..]),
        (_, _) => text,
    }
}
