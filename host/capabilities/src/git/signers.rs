//! Whose signatures count: the lines of an `allowed_signers` file, as ssh-keygen(1) has them.
//!
//! `principals [options] key-type base64-key [comment]`, with the options `namespaces`, `valid-after` and `valid-before`.
//! A line for a certificate authority trusts nobody here: certificates are not verified.

use ssh_key::{PublicKey, public::KeyData};

use super::call::{Fault, invalid};

/// What git signs in.
pub(super) const NAMESPACE: &str = "git";

/// One line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Signer {
    pub(super) principals: String,
    key: KeyData,
    namespaces: Option<Vec<String>>,
    authority: bool,
    /// Seconds since 1970.
    after: Option<i64>,
    before: Option<i64>,
}

/// Why a known key does not count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Standing {
    Good,
    Unknown,
    OutOfTime,
    OtherPurpose,
}

/// Reads all lines.
pub(super) fn parse(text: &str) -> Result<Vec<Signer>, Fault> {
    let lines = text.lines().enumerate().map(|(index, line)| (index + 1, line.trim()));
    lines
        .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
        .map(|(number, line)| {
            Signer::parse(line).map_err(|why| invalid(format!("line {number} of the allowed signers: {why}")))
        })
        .collect()
}

/// Who of `signers` holds `key`, and whether that counted at `at` (seconds since 1970).
pub(super) fn standing<'a>(signers: &'a [Signer], key: &KeyData, at: i64) -> (Standing, Option<&'a str>) {
    let mut worst = (Standing::Unknown, None);
    for signer in signers.iter().filter(|signer| !signer.authority && signer.key == *key) {
        let standing = signer.standing(at);
        let who = Some(signer.principals.as_str());
        if standing == Standing::Good {
            return (standing, who);
        }
        worst = (standing, who);
    }
    worst
}

impl Signer {
    fn parse(line: &str) -> Result<Self, String> {
        let mut words = split(line)?.into_iter();
        let principals = words.next().unwrap_or_default();
        let mut rest: Vec<String> = words.collect();
        let is_type = |word: &String| ["ssh-", "ecdsa-", "sk-"].iter().any(|start| word.starts_with(start));
        let mut signer = Self {
            principals,
            // Replaced below: a line without a key is none.
            key: KeyData::Ed25519(ssh_key::public::Ed25519PublicKey([0; 32])),
            namespaces: None,
            authority: false,
            after: None,
            before: None,
        };
        if rest.first().is_some_and(|word| !is_type(word)) {
            let options = rest.remove(0);
            for option in options_of(&options) {
                signer.option(&option)?;
            }
        }
        let [kind, key, ..] = rest.as_slice() else {
            return Err("expected `principals [options] key-type key`".to_owned());
        };
        let key = PublicKey::from_openssh(&format!("{kind} {key}"))
            .map_err(|error| format!("its key cannot be read: {error}"))?;
        signer.key = key.key_data().clone();
        Ok(signer)
    }

    fn option(&mut self, option: &str) -> Result<(), String> {
        let (name, value) = option.split_once('=').unwrap_or((option, ""));
        match name.to_ascii_lowercase().as_str() {
            "cert-authority" => self.authority = true,
            "namespaces" => self.namespaces = Some(value.split(',').map(str::to_owned).collect()),
            "valid-after" => self.after = Some(moment(value)?),
            "valid-before" => self.before = Some(moment(value)?),
            other => return Err(format!("unknown option `{other}`")),
        }
        Ok(())
    }

    fn standing(&self, at: i64) -> Standing {
        let purpose = self.namespaces.as_ref().is_none_or(|namespaces| {
            namespaces.iter().any(|pattern| crate::pattern::matches(pattern, NAMESPACE))
        });
        let in_time =
            self.after.is_none_or(|after| at >= after) && self.before.is_none_or(|before| at < before);
        match (purpose, in_time) {
            (true, true) => Standing::Good,
            (true, false) => Standing::OutOfTime,
            (false, _) => Standing::OtherPurpose,
        }
    }
}

/// Words of a line; spaces in double quotes do not end one.
fn split(line: &str) -> Result<Vec<String>, String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut quoted = false;
    for sign in line.chars() {
        match sign {
            '"' => {
                quoted = !quoted;
                // Kept in options, whose commas it protects.
                word.push('"');
            }
            ' ' | '\t' if !quoted => {
                if !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
            }
            sign => word.push(sign),
        }
    }
    if quoted {
        return Err("a `\"` without its second".to_owned());
    }
    words.push(word);
    words.retain(|word| !word.is_empty());
    if let Some(first) = words.first_mut() {
        first.retain(|sign| sign != '"');
    }
    Ok(words)
}

/// The options of a line, split at commas outside of quotes, and without the quotes.
fn options_of(text: &str) -> Vec<String> {
    let mut quoted = false;
    let parts = text.split(|sign| {
        quoted ^= sign == '"';
        sign == ',' && !quoted
    });
    parts.map(|part| part.replace('"', "")).collect()
}

/// `YYYYMMDD[Z]` or `YYYYMMDDHHMM[SS][Z]`, read as UTC, in seconds since 1970.
fn moment(text: &str) -> Result<i64, String> {
    let wrong = || format!("`{text}` is not a moment, as `20260101` or `20260101120000Z`");
    let digits = text.strip_suffix('Z').unwrap_or(text);
    if !matches!(digits.len(), 8 | 12 | 14) || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(wrong());
    }
    let part =
        |from: usize, to: usize| digits.get(from..to).and_then(|part| part.parse::<i64>().ok()).unwrap_or(0);
    let (year, month, day) = (part(0, 4), part(4, 6), part(6, 8));
    let (hour, minute, second) = (part(8, 10), part(10, 12), part(12, 14));
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) || hour > 23 || minute > 59 || second > 60 {
        return Err(wrong());
    }
    // Days since 1970 of the civil calendar; years begin in March, so that the leap day is the last.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * month + 2) / 5 + day - 1;
    let days = era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468;
    Ok(days * 86_400 + hour * 3600 + minute * 60 + second)
}

#[cfg(test)]
mod tests {
    use super::{Standing, moment, parse, standing};
    use crate::{git::call::Fault, host::Problem};

    const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAICCoRgFc2nJbvuC8kO7oYQ8LSXlJ5VvYBgsW3IbVq7bC";

    fn why(text: &str) -> String {
        match parse(text) {
            Err(Fault::Host(Problem::Invalid(why))) => why,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn moments_are_read_as_utc() {
        let read: Vec<Result<i64, String>> =
            ["19700101", "20000229Z", "202601011230", "20260101123015Z"].map(moment).into();
        assert_eq!(read, [Ok(0), Ok(951_782_400), Ok(1_767_270_600), Ok(1_767_270_615)]);
        let wrong: Vec<bool> =
            ["", "2026", "20261301", "2026010112Z", "x0260101"].map(|text| moment(text).is_err()).into();
        assert_eq!(wrong, [true; 5]);
    }

    #[test]
    fn a_line_counts_for_its_purpose_and_in_its_time() {
        let text = format!(
            "# who may sign\n\n\"ann@example.com,bob@example.com\" valid-after=\"20260101Z\",valid-before=20270101Z {KEY} both\n"
        );
        let signers = parse(&text).unwrap();
        let key = signers[0].key.clone();
        let at = |moment_text: &str| standing(&signers, &key, moment(moment_text).unwrap());
        let both = Some("ann@example.com,bob@example.com");
        assert_eq!(at("20260601"), (Standing::Good, both));
        assert_eq!(at("20251231"), (Standing::OutOfTime, both));
        assert_eq!(at("20270101"), (Standing::OutOfTime, both));

        let other = parse(&format!("ann namespaces=\"file,mail\" {KEY}")).unwrap();
        assert_eq!(standing(&other, &key, 0), (Standing::OtherPurpose, Some("ann")));
        let git = parse(&format!("ann namespaces=\"file,git\" {KEY}")).unwrap();
        assert_eq!(standing(&git, &key, 0), (Standing::Good, Some("ann")));
        let authority = parse(&format!("ann cert-authority {KEY}")).unwrap();
        assert_eq!(standing(&authority, &key, 0), (Standing::Unknown, None));
    }

    #[test]
    fn a_line_that_cannot_be_read_is_said() {
        assert_eq!(why("ann"), "line 1 of the allowed signers: expected `principals [options] key-type key`");
        assert_eq!(
            why(&format!("\nann touch {KEY}")),
            "line 2 of the allowed signers: unknown option `touch`"
        );
        assert_eq!(why("ann \"x"), "line 1 of the allowed signers: a `\"` without its second");
        assert_eq!(
            why(&format!("ann valid-after=soon {KEY}")),
            "line 1 of the allowed signers: `soon` is not a moment, as `20260101` or `20260101120000Z`"
        );
    }
}
