//! What of a certificate is of interest.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use runner_plugin::Failure;
use runner_probe::said;
use x509_cert::certificate::TbsCertificate;
use x509_cert::der::asn1::{ObjectIdentifier, UintRef};
use x509_cert::der::{self, Decode as _, Reader as _, SliceReader};
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;

const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
const P384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");
const P521: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.35");

/// A certificate.
#[derive(Debug)]
pub(crate) struct Certificate {
    pub(crate) subject: String,
    pub(crate) issuer: String,
    /// Since 1970.
    pub(crate) from: Duration,
    pub(crate) until: Duration,
    pub(crate) not_before: String,
    pub(crate) not_after: String,
    pub(crate) key: Key,
    names: Vec<String>,
    addresses: Vec<IpAddr>,
}

/// A public key.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Key {
    /// RSA, with so many bits.
    Rsa(u32),
    /// A curve, with so many bits.
    Curve(&'static str, u32),
    /// Something else.
    Other(ObjectIdentifier),
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rsa(bits) => write!(f, "RSA of {bits} bits"),
            Self::Curve(name, _) => f.write_str(name),
            Self::Other(algorithm) => write!(f, "of kind {algorithm}"),
        }
    }
}

impl Certificate {
    /// Reads a certificate; `number` is its place in the chain, counted from 1.
    ///
    /// # Errors
    ///
    /// `invalid-input` when it is none, or its parts contradict each other.
    pub(crate) fn read(der: &[u8], number: usize) -> Result<Self, Failure> {
        let wrong = |error: der::Error| {
            Failure::invalid_input(format!("certificate {number} of the chain cannot be read: {error}"))
        };
        let certificate = x509_cert::Certificate::from_der(der).map_err(wrong)?;
        let facts = certificate.tbs_certificate();
        let (names, addresses) = names(facts).map_err(wrong)?;
        let validity = facts.validity();
        Ok(Self {
            subject: facts.subject().to_string(),
            issuer: facts.issuer().to_string(),
            from: validity.not_before.to_unix_duration(),
            until: validity.not_after.to_unix_duration(),
            not_before: validity.not_before.to_date_time().to_string(),
            not_after: validity.not_after.to_date_time().to_string(),
            key: key(facts).map_err(wrong)?,
            names,
            addresses,
        })
    }

    /// Whole days until it runs out; below 0 if it has.
    pub(crate) fn days_left(&self, now: Duration) -> i64 {
        let seconds = |time: Duration| i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
        (seconds(self.until) - seconds(now)).div_euclid(24 * 60 * 60)
    }

    /// Whether it is good for a name or an address. A `*` stands for one label, and only for the first.
    pub(crate) fn is_for(&self, name: &str) -> bool {
        if let Ok(address) = name.parse::<IpAddr>() {
            return self.addresses.contains(&address);
        }
        let name = name.trim_end_matches('.').to_ascii_lowercase();
        self.names.iter().any(|pattern| match pattern.strip_prefix("*.") {
            Some(parent) => {
                name.split_once('.').is_some_and(|(label, rest)| !label.is_empty() && rest == parent)
            }
            None => *pattern == name,
        })
    }

    /// The first ten names.
    pub(crate) fn names_listed(&self) -> String {
        let all = self.names.iter().cloned().chain(self.addresses.iter().map(ToString::to_string));
        let mut shown: Vec<String> = all.take(10).map(|name| format!("`{}`", said(name))).collect();
        match self.names.len() + self.addresses.len() {
            0 => return "no name at all".to_owned(),
            count if count > 10 => shown.push(format!("and {} more", count - 10)),
            _ => {}
        }
        shown.join(", ")
    }
}

/// The names and addresses it is good for. A common name counts no more, since RFC 9525.
fn names(facts: &TbsCertificate) -> der::Result<(Vec<String>, Vec<IpAddr>)> {
    let (mut names, mut addresses) = (Vec::new(), Vec::new());
    let Some((_, SubjectAltName(all))) = facts.get_extension::<SubjectAltName>()? else {
        return Ok((names, addresses));
    };
    for name in all {
        match name {
            GeneralName::DnsName(name) => names.push(name.as_str().to_ascii_lowercase()),
            GeneralName::IpAddress(address) => {
                let bytes = address.as_bytes();
                let four = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
                let address = four.or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from));
                addresses.extend(address);
            }
            GeneralName::OtherName(_)
            | GeneralName::Rfc822Name(_)
            | GeneralName::DirectoryName(_)
            | GeneralName::EdiPartyName(_)
            | GeneralName::UniformResourceIdentifier(_)
            | GeneralName::RegisteredId(_) => {}
        }
    }
    Ok((names, addresses))
}

fn key(facts: &TbsCertificate) -> der::Result<Key> {
    let info = facts.subject_public_key_info();
    match info.algorithm.oid {
        RSA => {
            let mut reader = SliceReader::new(info.subject_public_key.raw_bytes())?;
            let bits = reader.sequence(|reader| {
                let modulus = UintRef::decode(reader)?;
                UintRef::decode(reader)?;
                let unused = modulus.as_bytes().first().map_or(0, |first| first.leading_zeros());
                let bytes = u32::try_from(modulus.as_bytes().len()).unwrap_or(u32::MAX / 8);
                Ok::<u32, der::Error>(bytes * 8 - unused)
            })?;
            Ok(Key::Rsa(bits))
        }
        EC => match info.algorithm.parameters.as_ref().and_then(|curve| curve.decode_as().ok()) {
            Some(P256) => Ok(Key::Curve("P-256", 256)),
            Some(P384) => Ok(Key::Curve("P-384", 384)),
            Some(P521) => Ok(Key::Curve("P-521", 521)),
            other => Ok(Key::Other(other.unwrap_or(EC))),
        },
        // Its bits are counted as those of the curve; RFC 8032.
        ED25519 => Ok(Key::Curve("Ed25519", 256)),
        other => Ok(Key::Other(other)),
    }
}
