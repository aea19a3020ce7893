//! Records as texts that can be compared.

use std::net::{Ipv4Addr, Ipv6Addr};

use runner_plugin::Failure;
use runner_probe::said;
use schemars::JsonSchema;
use serde::Deserialize;
use simple_dns::rdata::RData;
use simple_dns::{Name, TYPE};

/// Kinds of records that can be asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum Type {
    /// IPv4 addresses.
    #[default]
    A,
    /// IPv6 addresses.
    Aaaa,
    /// The name that this one stands for.
    Cname,
    /// Texts.
    Txt,
    /// Where mail goes: preference and name.
    Mx,
    /// Where a service is: priority, weight, port and name.
    Srv,
    /// Who may issue certificates: flags, tag and value.
    Caa,
    /// Name servers.
    Ns,
    /// The name of an address.
    Ptr,
}

impl Type {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::A => "A",
            Self::Aaaa => "AAAA",
            Self::Cname => "CNAME",
            Self::Txt => "TXT",
            Self::Mx => "MX",
            Self::Srv => "SRV",
            Self::Caa => "CAA",
            Self::Ns => "NS",
            Self::Ptr => "PTR",
        }
    }

    pub(crate) fn on_the_wire(self) -> TYPE {
        match self {
            Self::A => TYPE::A,
            Self::Aaaa => TYPE::AAAA,
            Self::Cname => TYPE::CNAME,
            Self::Txt => TYPE::TXT,
            Self::Mx => TYPE::MX,
            Self::Srv => TYPE::SRV,
            Self::Caa => TYPE::CAA,
            Self::Ns => TYPE::NS,
            Self::Ptr => TYPE::PTR,
        }
    }

    /// A value of the config in the one way in which it is compared.
    ///
    /// # Errors
    ///
    /// `invalid-config` when a record of this kind cannot have it.
    pub(crate) fn canonical(self, value: &str) -> Result<String, Failure> {
        let parts: Vec<&str> = value.split_ascii_whitespace().collect();
        let canonical = match (self, parts.as_slice()) {
            (Self::A, [address]) => address.parse::<Ipv4Addr>().ok().map(|address| address.to_string()),
            (Self::Aaaa, [address]) => address.parse::<Ipv6Addr>().ok().map(|address| address.to_string()),
            (Self::Cname | Self::Ns | Self::Ptr, [target]) => name(target),
            (Self::Mx, [preference, target]) => number::<u16>(preference).zip(name(target)).map(joined),
            (Self::Srv, [priority, weight, port, target]) => number::<u16>(priority)
                .zip(number::<u16>(weight))
                .map(joined)
                .zip(number::<u16>(port))
                .map(joined)
                .zip(name(target))
                .map(joined),
            (Self::Caa, [flag, tag, .., _]) if number::<u8>(flag).is_some() => {
                let value = value.split_once(tag).map_or("", |(_, value)| value.trim());
                let bare = value.strip_prefix('"').and_then(|value| value.strip_suffix('"'));
                number::<u8>(flag).map(|flag| format!("{flag} {tag} {}", bare.unwrap_or(value)))
            }
            (Self::Txt, _) => Some(value.to_owned()),
            _ => None,
        };
        canonical.ok_or_else(|| {
            Failure::invalid_config(format!(
                "`{}` is no value of a record of type {}",
                said(value),
                self.name()
            ))
        })
    }
}

fn name(text: &str) -> Option<String> {
    Name::new(text).ok().map(|name| shown(&name))
}

fn number<N: std::str::FromStr + ToString>(text: &str) -> Option<String> {
    text.parse::<N>().ok().map(|number| number.to_string())
}

fn joined((first, second): (String, String)) -> String {
    format!("{first} {second}")
}

/// A name in small letters, without the dot at the end.
pub(crate) fn shown(name: &Name<'_>) -> String {
    name.to_string().to_ascii_lowercase()
}

/// A record in the one way in which it is compared; `None` for kinds that cannot be asked for.
#[expect(clippy::wildcard_enum_match_arm, reason = "the list of record types is open")]
pub(crate) fn value(data: &RData<'_>) -> Option<String> {
    Some(match data {
        RData::A(address) => Ipv4Addr::from(address.address).to_string(),
        RData::AAAA(address) => Ipv6Addr::from(address.address).to_string(),
        RData::CNAME(target) => shown(target),
        RData::NS(target) => shown(target),
        RData::PTR(target) => shown(target),
        RData::TXT(text) => {
            String::try_from(text.clone()).unwrap_or_else(|_| "(a text that is not UTF-8)".to_owned())
        }
        RData::MX(mail) => format!("{} {}", mail.preference, shown(&mail.exchange)),
        RData::SRV(service) => {
            let target = shown(&service.target);
            format!("{} {} {} {target}", service.priority, service.weight, service.port)
        }
        RData::CAA(issuer) => {
            let tag = String::try_from(issuer.tag.clone()).unwrap_or_default();
            format!("{} {tag} {}", issuer.flag, String::from_utf8_lossy(&issuer.value))
        }
        _ => return None,
    })
}
