//! Addresses.

use email_address::{EmailAddress, Options};
use runner_plugin::Failure;
use runner_plugin::text::shortened;

/// Somebody who writes or is written to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Address {
    /// The name that is shown; may be empty.
    pub(crate) name: String,
    /// `local@domain`, ASCII.
    pub(crate) mailbox: String,
}

impl Address {
    /// Reads `local@domain` or `Name <local@domain>`.
    ///
    /// # Errors
    ///
    /// `invalid-config`: it is none, or has something in it that would end its line.
    pub(crate) fn parse(key: &str, text: &str) -> Result<Self, Failure> {
        let refused = |why: &str| {
            let shown = shortened(&text.escape_debug().to_string());
            Failure::invalid_config(format!("`{key}`: `{shown}` {why}; nothing was sent"))
        };
        if text.contains(char::is_control) {
            return Err(refused("has a line end or another control character in it"));
        }
        let options = Options::default().with_no_minimum_sub_domains().without_domain_literal();
        let address = EmailAddress::parse_with_options(text.trim(), options)
            .map_err(|error| refused(&format!("is no mail address: {error}")))?;
        let mailbox = address.email();
        if !mailbox.is_ascii() || mailbox.contains(['<', '>', ' ']) {
            return Err(refused("has signs in its address that only some servers take"));
        }
        let name = address.display_part().trim().trim_matches('"').replace("\\\"", "\"");
        Ok(Self { name, mailbox })
    }

    /// What stands after the `@`.
    pub(crate) fn domain(&self) -> &str {
        self.mailbox.rsplit_once('@').map_or("localhost", |(_, domain)| domain)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_may_have_a_name() {
        let parsed = |text: &str| Address::parse("to", text).map(|address| (address.name, address.mailbox));
        let read = |name: &str, mailbox: &str| Ok((name.to_owned(), mailbox.to_owned()));

        assert_eq!(parsed("ops@example.com"), read("", "ops@example.com"));
        assert_eq!(parsed(" root@localhost "), read("", "root@localhost"));
        assert_eq!(parsed("Ops Team <ops@example.com>"), read("Ops Team", "ops@example.com"));
        assert_eq!(parsed("Jürgen <j@example.com>"), read("Jürgen", "j@example.com"));
    }

    #[test]
    fn what_would_end_the_line_is_refused() {
        let refused = |text: &str| Address::parse("to", text).unwrap_err().message;

        assert_eq!(
            refused("ops@example.com\r\nBcc: eve@example.com"),
            "`to`: `ops@example.com\\r\\nBcc: eve@example.com` has a line end or another control character in it; nothing \
             was sent",
        );
        assert_eq!(
            refused("ops"),
            "`to`: `ops` is no mail address: Missing separator character '@'.; nothing was sent"
        );
        assert_eq!(
            refused("jürgen@example.com"),
            "`to`: `jürgen@example.com` has signs in its address that only some servers take; nothing was sent",
        );
        assert!(Address::parse("to", "a@example.com> SIZE=1").is_err());
        assert!(Address::parse("to", "a@b.example, c@d.example").is_err());
        assert!(Address::parse("to", "@").is_err());
    }
}
