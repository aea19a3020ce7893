//! What a value must look like. Says what is wrong with one, never what it is.

use schemars::JsonSchema;
use serde::Deserialize;

/// A kind of value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    /// `scheme://user:password@host:port/database`, all of it.
    Dsn,
    /// `scheme://host`, with port, path and the rest if wanted.
    Url,
    /// A whole number.
    Int,
    /// `true`, `false`, `yes`, `no`, `on`, `off`, `1` or `0`.
    Bool,
    /// 1 to 65535.
    Port,
    /// `somebody@example.com`.
    Email,
    /// Anything but nothing.
    NonEmpty,
}

impl Kind {
    /// What the value should be and why it is not, to follow "is not". `None` if all is well.
    pub(crate) fn problem(self, value: &str) -> Option<String> {
        let is = |right: bool, what: &str| (!right).then(|| what.to_owned());
        match self {
            Self::Dsn => dsn(value)
                .err()
                .map(|why| format!("a DSN (`scheme://user:password@host:port/database`): {why}")),
            Self::Url => authority(value).map(|_| ()).err().map(|why| format!("a URL: {why}")),
            Self::Int => is(value.parse::<i64>().is_ok(), "a whole number"),
            Self::Bool => {
                is(is_bool(value), "a yes or no (`true`, `false`, `yes`, `no`, `on`, `off`, `1`, `0`)")
            }
            Self::Port => is(is_port(value), "a port (1 to 65535)"),
            Self::Email => is(is_email(value), "an e-mail address"),
            Self::NonEmpty => is(!value.trim().is_empty(), "anything but space"),
        }
    }
}

fn is_bool(value: &str) -> bool {
    ["true", "false", "yes", "no", "on", "off", "1", "0"]
        .iter()
        .any(|known| known.eq_ignore_ascii_case(value))
}

fn is_port(value: &str) -> bool {
    value.bytes().all(|byte| byte.is_ascii_digit()) && value.parse::<u16>().is_ok_and(|port| port > 0)
}

fn is_email(value: &str) -> bool {
    let Some((name, domain)) = value.rsplit_once('@') else { return false };
    let labels = || domain.split('.');
    !name.is_empty()
        && !name.contains(|sign: char| sign.is_whitespace() || sign == '@')
        && labels().count() > 1
        && labels()
            .all(|label| !label.is_empty() && label.chars().all(|sign| sign.is_alphanumeric() || sign == '-'))
}

/// The parts of a URL between `//` and the path.
struct Authority<'v> {
    user_info: Option<&'v str>,
    port: Option<&'v str>,
    path: &'v str,
}

fn authority(value: &str) -> Result<Authority<'_>, &'static str> {
    let (scheme, rest) = value.split_once("://").ok_or("it has no `scheme://`")?;
    let is_scheme = scheme.starts_with(|sign: char| sign.is_ascii_alphabetic())
        && scheme.chars().all(|sign| sign.is_ascii_alphanumeric() || "+-.".contains(sign));
    if !is_scheme {
        return Err("its scheme is none");
    }
    if value.contains(char::is_whitespace) {
        return Err("it has space in it");
    }
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let (user_info, address) = match authority.rsplit_once('@') {
        Some((user_info, address)) => (Some(user_info), address),
        None => (None, authority),
    };
    // The colons of an IPv6 address stand in brackets.
    let (host, after) = match address.strip_prefix('[') {
        Some(inner) => inner.split_once(']').ok_or("its host has an open bracket")?,
        None => address.split_at(address.find(':').unwrap_or(address.len())),
    };
    if host.is_empty() {
        return Err("it has no host");
    }
    let port = match after.strip_prefix(':') {
        Some(port) if is_port(port) => Some(port),
        Some(_) => return Err("its port is not 1 to 65535"),
        None if after.is_empty() => None,
        None => return Err("something follows its host"),
    };
    Ok(Authority { user_info, port, path })
}

fn dsn(value: &str) -> Result<(), &'static str> {
    let parts = authority(value)?;
    let (user, password) =
        parts.user_info.ok_or("it has no user")?.split_once(':').ok_or("it has no password")?;
    if user.is_empty() {
        return Err("it has no user");
    }
    if password.is_empty() {
        return Err("it has no password");
    }
    if parts.port.is_none() {
        return Err("it has no port");
    }
    let database = parts.path.trim_start_matches('/').split(['?', '#']).next().unwrap_or_default();
    if database.is_empty() { Err("it has no database") } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn why(value: &str) -> Option<&str> {
        dsn(value).err()
    }

    /// 003-41: `postgresql://user:password@host:port/db`.
    #[test]
    fn a_dsn_has_every_part() {
        assert_eq!(why("postgresql://l9:s3cr3t@db:5432/l9"), None);
        assert_eq!(why("postgresql+asyncpg://l9:p%40ss@[::1]:5432/l9?sslmode=require"), None);
        assert_eq!(why("postgresql://l9:pa:ss@db:5432/l9"), None);

        assert_eq!(why("localhost"), Some("it has no `scheme://`"));
        assert_eq!(why("://l9:p@db:5432/l9"), Some("its scheme is none"));
        assert_eq!(why("postgresql://db:5432/l9"), Some("it has no user"));
        assert_eq!(why("postgresql://l9@db:5432/l9"), Some("it has no password"));
        assert_eq!(why("postgresql://l9:@db:5432/l9"), Some("it has no password"));
        assert_eq!(why("postgresql://:p@db:5432/l9"), Some("it has no user"));
        assert_eq!(why("postgresql://l9:p@:5432/l9"), Some("it has no host"));
        assert_eq!(why("postgresql://l9:p@db/l9"), Some("it has no port"));
        assert_eq!(why("postgresql://l9:p@db:99999/l9"), Some("its port is not 1 to 65535"));
        assert_eq!(why("postgresql://l9:p@db:5432/"), Some("it has no database"));
        assert_eq!(why("postgresql://l9:p@db:5432/l 9"), Some("it has space in it"));
        assert_eq!(why("postgresql://l9:p@[::1/l9"), Some("its host has an open bracket"));
    }

    #[test]
    fn every_kind_knows_its_own() {
        let fits = |kind: Kind, value| kind.problem(value).is_none();

        assert!(fits(Kind::Url, "https://example.com/a?b#c"));
        assert!(fits(Kind::Url, "redis://:p@redis:6379"));
        assert!(!fits(Kind::Url, "example.com"));
        assert!(fits(Kind::Int, "-12"));
        assert!(!fits(Kind::Int, "1.5"));
        assert!(fits(Kind::Bool, "True"));
        assert!(!fits(Kind::Bool, "maybe"));
        assert!(fits(Kind::Port, "8001"));
        assert!(!fits(Kind::Port, "0"));
        assert!(!fits(Kind::Port, "+80"));
        assert!(fits(Kind::Email, "ops@example.com"));
        assert!(!fits(Kind::Email, "ops@localhost"));
        assert!(!fits(Kind::Email, "a b@example.com"));
        assert!(fits(Kind::NonEmpty, "x"));
        assert!(!fits(Kind::NonEmpty, "  "));
    }
}
