//! Which expressions can be kept to by keeping to allowed licences alone.

use runner_plugin::Failure;
use spdx::{Expression, LicenseReq, Licensee, ParseMode};

/// Identifiers as they are found in bills: also deprecated ones and `GPL-2.0+`.
const MODE: ParseMode = ParseMode {
    allow_slash_as_or_operator: false,
    allow_imprecise_license_names: false,
    allow_postfix_plus_on_gpl: true,
    allow_deprecated: true,
    allow_unknown: false,
};

/// Longest expression that is read.
const MOST: usize = 10_000;

/// What can be said of an expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It can be kept to with allowed licences.
    Allowed,
    /// It cannot; these of its licences are why.
    Refused(Vec<String>),
    /// It is no expression.
    Unknown {
        /// Why.
        why: &'static str,
        /// The licence that is often called so.
        meant: Option<&'static str>,
    },
}

/// Allowed and denied licences.
#[derive(Debug, Clone)]
pub(crate) struct Policy {
    /// None: all that are not denied.
    allow: Option<Vec<Licensee>>,
    deny: Vec<String>,
    /// Allowed whatever is denied.
    above_all: Vec<Licensee>,
}

impl Policy {
    /// Reads both lists. `allow_key` and `deny_key` name them in messages.
    pub(crate) fn new(
        allow_key: &str,
        allow: &[String],
        deny_key: &str,
        deny: &[String],
    ) -> Result<Self, Failure> {
        let licensees = allow
            .iter()
            .map(|text| {
                Licensee::parse_mode(text, MODE).map_err(|error| {
                    Failure::invalid_config(format!(
                        "`{allow_key}`: `{text}` is no SPDX licence: {}",
                        error.reason
                    ))
                })
            })
            .collect::<Result<Vec<_>, _>>()?;
        for text in deny {
            let known = match text.strip_suffix('*') {
                Some(beginning) => {
                    !beginning.is_empty() && spdx_names().any(|name| name.starts_with(beginning))
                }
                None => Licensee::parse_mode(text, MODE).is_ok(),
            };
            if !known {
                // A licence that is not known would never be met, and never denied.
                return Err(Failure::invalid_config(format!("`{deny_key}`: `{text}` is no SPDX licence")));
            }
        }
        let allow = (!licensees.is_empty()).then_some(licensees);
        Ok(Self { allow, deny: deny.to_vec(), above_all: Vec::new() })
    }

    /// The same with the licences of an exception.
    pub(crate) fn with(&self, exception: &Self) -> Self {
        Self { above_all: exception.allow.clone().unwrap_or_default(), ..self.clone() }
    }

    pub(crate) fn judge(&self, text: &str) -> Verdict {
        let expression = match expression(text) {
            Ok(expression) => expression,
            Err(why) => {
                let meant = spdx::imprecise_license_id(text).filter(|(_, length)| *length == text.len());
                return Verdict::Unknown { why, meant: meant.map(|(id, _)| id.name) };
            }
        };
        match expression.evaluate_with_failures(|requirement| self.refusal(requirement).is_none()) {
            Ok(()) => Verdict::Allowed,
            Err(failed) => {
                let mut refused: Vec<String> =
                    failed.iter().filter_map(|requirement| self.refusal(&requirement.req)).collect();
                refused.sort();
                refused.dedup();
                Verdict::Refused(refused)
            }
        }
    }

    /// Why a licence is refused, if it is.
    fn refusal(&self, requirement: &LicenseReq) -> Option<String> {
        let satisfied = |list: &[Licensee]| list.iter().any(|licensee| licensee.satisfies(requirement));
        if satisfied(&self.above_all) {
            return None;
        }
        let whole = requirement.to_string();
        let licence = requirement.license.to_string();
        let denied = self.deny.iter().any(|entry| match entry.strip_suffix('*') {
            Some(beginning) => licence.starts_with(beginning),
            // Without `WITH` an entry means the licence with whatever is added to it.
            None => *entry == whole || *entry == licence,
        });
        if denied {
            return Some(format!("`{whole}` is denied"));
        }
        match &self.allow {
            Some(allow) if !satisfied(allow) => Some(format!("`{whole}` is not allowed")),
            Some(_) | None => None,
        }
    }
}

/// Reads an expression.
pub(crate) fn expression(text: &str) -> Result<Expression, &'static str> {
    if text.len() > MOST {
        return Err("it is too long");
    }
    let expression = Expression::parse_mode(text, MODE).map_err(|error| match error.reason {
        spdx::error::Reason::UnknownLicense | spdx::error::Reason::UnknownTerm => {
            "a licence in it is not known"
        }
        spdx::error::Reason::UnknownException => "an exception in it is not known",
        spdx::error::Reason::Empty => "it is empty",
        spdx::error::Reason::UnclosedParens | spdx::error::Reason::UnopenedParens => {
            "its parentheses do not match"
        }
        spdx::error::Reason::InvalidCharacters
        | spdx::error::Reason::Unexpected(_)
        | spdx::error::Reason::SeparatedPlus
        | spdx::error::Reason::GnuNoPlus
        | spdx::error::Reason::GnuPlusWithSuffix
        | spdx::error::Reason::DeprecatedLicenseId => "it cannot be read",
    })?;
    // The list of licences has this one as if it were one.
    let says_nothing = expression
        .requirements()
        .filter_map(|requirement| requirement.req.license.id())
        .any(|id| id.name == "NOASSERTION");
    if says_nothing { Err("it asserts nothing") } else { Ok(expression) }
}

fn spdx_names() -> impl Iterator<Item = &'static str> {
    spdx::identifiers::LICENSES.iter().map(|license| license.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(allow: &[&str], deny: &[&str]) -> Policy {
        let owned = |list: &[&str]| list.iter().map(|&text| text.to_owned()).collect::<Vec<_>>();
        Policy::new("allow", &owned(allow), "deny", &owned(deny)).unwrap()
    }

    fn refused(texts: &[&str]) -> Verdict {
        Verdict::Refused(texts.iter().map(|&text| text.to_owned()).collect())
    }

    #[test]
    fn an_expression_is_allowed_if_it_can_be_kept_to() {
        let policy = policy(&["MIT", "Apache-2.0", "Apache-2.0 WITH LLVM-exception", "LicenseRef-Own"], &[]);

        for allowed in [
            "MIT",
            "MIT OR GPL-3.0-only",
            "(MIT AND Apache-2.0) OR GPL-2.0+",
            "Apache-2.0 WITH LLVM-exception",
            "LicenseRef-Own",
            "Apache-1.0+",
        ] {
            assert_eq!(policy.judge(allowed), Verdict::Allowed, "{allowed}");
        }
        assert_eq!(policy.judge("MIT AND GPL-3.0-only"), refused(&["`GPL-3.0-only` is not allowed"]));
        assert_eq!(
            policy.judge("MIT WITH Classpath-exception-2.0"),
            refused(&["`MIT WITH Classpath-exception-2.0` is not allowed"])
        );
        assert_eq!(policy.judge("LicenseRef-Other"), refused(&["`LicenseRef-Other` is not allowed"]));
    }

    #[test]
    fn what_is_denied_is_refused_whatever_is_allowed() {
        let policy = policy(&["MIT", "AGPL-3.0-only"], &["AGPL-*", "GPL-2.0-only"]);

        assert_eq!(policy.judge("AGPL-3.0-only"), refused(&["`AGPL-3.0-only` is denied"]));
        assert_eq!(policy.judge("MIT OR AGPL-3.0-only"), Verdict::Allowed);
        assert_eq!(
            policy.judge("GPL-2.0-only WITH Classpath-exception-2.0"),
            refused(&["`GPL-2.0-only WITH Classpath-exception-2.0` is denied"])
        );
    }

    #[test]
    fn what_is_no_expression_is_unknown_with_a_suggestion() {
        let judge = |text: &str| policy(&["MIT"], &[]).judge(text);
        let unknown = |why, meant| Verdict::Unknown { why, meant };

        assert_eq!(judge("Apache 2.0"), unknown("a licence in it is not known", Some("Apache-2.0")));
        assert_eq!(judge("Own Licence"), unknown("a licence in it is not known", None));
        assert_eq!(judge("(MIT"), unknown("its parentheses do not match", None));
        assert_eq!(judge("NOASSERTION"), unknown("it asserts nothing", None));
        assert_eq!(policy(&[], &["MIT"]).judge("Zlib OR NOASSERTION"), unknown("it asserts nothing", None));
        assert_eq!(judge(""), unknown("it is empty", None));
        assert_eq!(judge(&"(".repeat(100_000)), unknown("it is too long", None));
        assert!(matches!(judge(&"(".repeat(9_000)), Verdict::Unknown { .. }));
    }

    #[test]
    fn lists_name_licences_that_there_are() {
        let refused = |allow: &str, deny: &str| {
            Policy::new("allow", &[allow.to_owned()], "deny", &[deny.to_owned()]).unwrap_err().message
        };

        assert_eq!(refused("Mit", "GPL-2.0"), "`allow`: `Mit` is no SPDX licence: unknown term");
        assert_eq!(refused("MIT", "GLP-*"), "`deny`: `GLP-*` is no SPDX licence");
        assert_eq!(refused("MIT", "*"), "`deny`: `*` is no SPDX licence");
    }
}
