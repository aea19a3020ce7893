//! Secrets that nothing marks: a password in a URL, and a value under a name that says what it is.

use std::ops::Range;

/// What names of secrets have in them, in small letters.
const NAMES: [&[u8]; 14] = [
    b"password",
    b"passwd",
    b"passphrase",
    b"secret",
    b"token",
    b"api_key",
    b"apikey",
    b"api-key",
    b"private_key",
    b"access_key",
    b"accesskey",
    b"auth_key",
    b"credential",
    b"encryption_key",
];

/// What is left by those who meant to fill it in, or comes from somewhere else.
const PLACEHOLDERS: [&str; 21] = [
    "${",
    "{{",
    "%(",
    "$(",
    "<",
    "example",
    "changeme",
    "change_me",
    "change-me",
    "your_",
    "your-",
    "yourpass",
    "xxxx",
    "****",
    "....",
    "placeholder",
    "dummy",
    "redacted",
    "todo",
    "insert",
    "not-a-secret",
];

/// Longest value that is looked at.
const MOST: usize = 512;

/// The bits that a sign of a text holds, by how often each sign comes (Shannon).
pub(crate) fn entropy(text: &[u8]) -> f64 {
    let mut counts = [0_u32; 256];
    for byte in text {
        counts[usize::from(*byte)] += 1;
    }
    let length = text.len() as f64;
    let bits = |count: &u32| {
        let share = f64::from(*count) / length;
        -share * share.log2()
    };
    counts.iter().filter(|count| **count > 0).map(bits).sum()
}

pub(crate) fn is_placeholder(value: &[u8]) -> bool {
    let text = String::from_utf8_lossy(value).to_ascii_lowercase();
    // `$NAME` and `%NAME%` are variables.
    let variable = text.starts_with(['$', '%', '@'])
        && text.bytes().skip(1).all(|byte| byte.is_ascii_alphanumeric() || b"_%@".contains(&byte));
    variable || PLACEHOLDERS.iter().any(|word| text.contains(word))
}

/// The password in a URL whose `://` stands at a place.
pub(crate) fn url_password(line: &[u8], at: usize) -> Option<Range<usize>> {
    let rest = line[at..].strip_prefix(b"://")?;
    let start = at + 3;
    let scheme = line[..at]
        .iter()
        .rev()
        .take_while(|byte| byte.is_ascii_alphanumeric() || b"+.-".contains(byte))
        .count();
    let ends = |byte: &u8| byte.is_ascii_whitespace() || b"/?#\"'`<>\\".contains(byte);
    let authority = rest.iter().take(MOST).position(ends).unwrap_or(rest.len().min(MOST));
    let user_info = rest[..authority].iter().rposition(|byte| *byte == b'@')?;
    let colon = rest[..user_info].iter().position(|byte| *byte == b':')?;
    let password = &rest[colon + 1..user_info];
    let told = ["password", "pass", "pw", "pwd", "secret", "user", "postgres", "root", "guest", "test"];
    let manual = told.iter().any(|word| password.eq_ignore_ascii_case(word.as_bytes()));
    (scheme > 0 && !password.is_empty() && !manual && !is_placeholder(password))
        .then(|| start + colon + 1..start + user_info)
}

/// The value of `name = "value"`, `name: value` and the like, where the name begins to say at a place that it is a
/// secret.
pub(crate) fn assigned(line: &[u8], at: usize, least: usize, bits: f64) -> Option<Range<usize>> {
    let rest = &line[at..];
    let name = NAMES
        .iter()
        .find(|name| rest.get(..name.len()).is_some_and(|text| text.eq_ignore_ascii_case(name)))?;
    let mut here = at + name.len();
    // What else belongs to the name: `secret_key_base`, `tokenValue`.
    here += line[here..]
        .iter()
        .take(40)
        .take_while(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(byte))
        .count();
    here += line[here..].iter().take(2).take_while(|byte| b"\"']".contains(byte)).count();
    here += blanks(&line[here..]);
    let operator =
        [&b":="[..], b"=>", b"==", b"=", b":"].into_iter().find(|sign| line[here..].starts_with(sign))?;
    if operator == b"==" {
        return None;
    }
    here += operator.len();
    here += blanks(&line[here..]);
    // Python's `f"…"`, `b"…"` and `r"…"`.
    if line[here..].len() > 1 && b"bBrRuU".contains(&line[here]) && b"\"'".contains(&line[here + 1]) {
        here += 1;
    }
    let range = match line.get(here).copied() {
        Some(quote @ (b'"' | b'\'' | b'`')) => {
            let value = &line[here + 1..];
            let end = value.iter().take(MOST).position(|byte| *byte == quote)?;
            here + 1..here + 1 + end
        }
        Some(_) => {
            let value = &line[here..];
            let end =
                value.iter().take(MOST).position(u8::is_ascii_whitespace).unwrap_or(value.len().min(MOST));
            // Without quotes it may be code; a secret has digits and no brackets, and ends the line.
            let after = &value[end..];
            let comment = after.trim_ascii();
            let is_last = comment.is_empty() || comment.starts_with(b"#") || comment.starts_with(b"//");
            let value =
                value[..end].strip_suffix(b",").or(value[..end].strip_suffix(b";")).unwrap_or(&value[..end]);
            let plain =
                value.iter().all(|byte| byte.is_ascii_alphanumeric() || b"+/=_-.~!@#$%^&*".contains(byte));
            let mixed = value.iter().any(u8::is_ascii_digit) && value.iter().any(u8::is_ascii_alphabetic);
            if !(is_last && plain && mixed) {
                return None;
            }
            here..here + value.len()
        }
        None => return None,
    };
    let value = &line[range.clone()];
    let wordy = value.contains(&b' ');
    (value.len() >= least && !wordy && entropy(value) >= bits && !is_placeholder(value)).then_some(range)
}

fn blanks(text: &[u8]) -> usize {
    text.iter().take(20).take_while(|byte| **byte == b' ' || **byte == b'\t').count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entropy_is_shannons() {
        assert_eq!(entropy(b"aaaa"), 0.0);
        assert_eq!(entropy(b"abab"), 1.0);
        assert_eq!(entropy(b"abcdefgh"), 3.0);
        assert_eq!(entropy(b""), 0.0);
    }

    fn password(line: &str) -> Option<&str> {
        let at = line.find("://")?;
        url_password(line.as_bytes(), at).map(|range| &line[range])
    }

    #[test]
    fn passwords_stand_in_urls_before_the_host() {
        assert_eq!(password("url: postgresql://app:k3E9!x@db:5432/app"), Some("k3E9!x"));
        assert_eq!(password("amqp://a:b:c@d@host/"), Some("b:c@d"));
        for none in [
            "https://example.com/a:b@c",
            "https://user@example.com",
            "postgresql://user:password@host:port/db",
            "redis://:${REDIS_PASSWORD}@redis",
            "postgres://app:$PASSWORD@db",
            "http://localhost:8000/@x",
            "://a:b@c",
        ] {
            assert_eq!(password(none), None, "{none}");
        }
    }

    fn value(line: &str) -> Option<&str> {
        let line_bytes = line.as_bytes();
        (0..line.len()).find_map(|at| assigned(line_bytes, at, 10, 3.5)).map(|range| &line[range])
    }

    #[test]
    fn values_are_taken_for_secrets_by_name_and_entropy() {
        let secret = "kJ8#mP2$vL9@qR4";
        for line in [
            format!("password = \"{secret}\""),
            format!("DB_PASSWORD='{secret}'"),
            format!("export API_KEY={secret}"),
            format!("  \"apiKey\": \"{secret}\","),
            format!("client.secret_key_base => `{secret}`"),
            format!("token: {secret}  # rotate"),
            format!("config[\"token\"] = b'{secret}'"),
            format!("let api_key := \"{secret}\";"),
        ] {
            assert_eq!(value(&line), Some(secret), "{line}");
        }
    }

    #[test]
    fn code_and_placeholders_are_no_secrets() {
        for line in [
            "password = get_password(user, 42)",
            "token = request.headers['x-token-123']",
            "if token == \"kJ8#mP2$vL9@qR4\"",
            "secret: ${SECRET_KEY_BASE_1}",
            "API_KEY=YOUR_API_KEY_HERE_123",
            "password: \"changeme-12345-abc\"",
            "token = \"aaaaaaaaaaaaaaaaaaaaaaaa\"",
            "secret = \"the quick brown fox 12345\"",
            "password = \"short1!\"",
            "PASSWORD_FILE=/run/secrets/db",
            "token",
            "secret=",
        ] {
            assert_eq!(value(line), None, "{line}");
        }
    }
}
