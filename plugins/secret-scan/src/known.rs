//! Secrets that show what they are: by a prefix that somebody gave them for this.

/// A kind of secret.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Known {
    pub(crate) rule: &'static str,
    /// For messages.
    pub(crate) what: &'static str,
    prefix: &'static str,
    /// Which signs follow the prefix.
    body: fn(u8) -> bool,
    /// How many of them, at least and at most.
    least: usize,
    most: usize,
}

/// Longer than any token is.
const MOST: usize = 4096;

const fn token(
    rule: &'static str,
    what: &'static str,
    prefix: &'static str,
    body: fn(u8) -> bool,
    least: usize,
) -> Known {
    Known { rule, what, prefix, body, least, most: MOST }
}

const fn exactly(
    rule: &'static str,
    what: &'static str,
    prefix: &'static str,
    body: fn(u8) -> bool,
    length: usize,
) -> Known {
    Known { rule, what, prefix, body, least: length, most: length }
}

fn upper(byte: u8) -> bool {
    byte.is_ascii_uppercase() || byte.is_ascii_digit()
}

fn alnum(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
}

fn word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-'
}

/// What a token cannot begin after.
fn continues(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn dotted(byte: u8) -> bool {
    word(byte) || byte == b'.'
}

fn path(byte: u8) -> bool {
    word(byte) || byte == b'/'
}

fn hex(byte: u8) -> bool {
    byte.is_ascii_hexdigit()
}

const AWS: (&str, &str) = ("aws-access-key", "an access key of AWS");
const GITHUB: (&str, &str) = ("github-token", "a token of GitHub");
const SLACK: (&str, &str) = ("slack-token", "a token of Slack");
const STRIPE: (&str, &str) = ("stripe-key", "a key of Stripe");

const KNOWN: [Known; 38] = [
    exactly(AWS.0, AWS.1, "AKIA", upper, 16),
    exactly(AWS.0, AWS.1, "ASIA", upper, 16),
    exactly(AWS.0, AWS.1, "ABIA", upper, 16),
    exactly(AWS.0, AWS.1, "ACCA", upper, 16),
    token(GITHUB.0, GITHUB.1, "ghp_", alnum, 36),
    token(GITHUB.0, GITHUB.1, "gho_", alnum, 36),
    token(GITHUB.0, GITHUB.1, "ghu_", alnum, 36),
    token(GITHUB.0, GITHUB.1, "ghs_", alnum, 36),
    token(GITHUB.0, GITHUB.1, "ghr_", alnum, 36),
    token(GITHUB.0, GITHUB.1, "github_pat_", word, 50),
    token("gitlab-token", "a token of GitLab", "glpat-", word, 20),
    token(SLACK.0, SLACK.1, "xoxb-", word, 20),
    token(SLACK.0, SLACK.1, "xoxp-", word, 20),
    token(SLACK.0, SLACK.1, "xoxa-", word, 20),
    token(SLACK.0, SLACK.1, "xoxr-", word, 20),
    token(SLACK.0, SLACK.1, "xoxs-", word, 20),
    token(SLACK.0, SLACK.1, "xapp-", word, 20),
    token("slack-webhook", "a webhook of Slack", "hooks.slack.com/services/", path, 30),
    token("slack-webhook", "a webhook of Slack", "hooks.slack.com/workflows/", path, 30),
    token("discord-webhook", "a webhook of Discord", "discord.com/api/webhooks/", path, 60),
    token("discord-webhook", "a webhook of Discord", "discordapp.com/api/webhooks/", path, 60),
    token(STRIPE.0, STRIPE.1, "sk_live_", alnum, 16),
    token(STRIPE.0, STRIPE.1, "rk_live_", alnum, 16),
    token(STRIPE.0, STRIPE.1, "sk_test_", alnum, 16),
    token(STRIPE.0, STRIPE.1, "whsec_", alnum, 24),
    exactly("google-api-key", "an API key of Google", "AIza", word, 35),
    token("google-oauth-secret", "an OAuth secret of Google", "GOCSPX-", word, 20),
    token("openai-key", "a key of OpenAI", "sk-proj-", word, 20),
    token("openai-key", "a key of OpenAI", "sk-svcacct-", word, 20),
    token("anthropic-key", "a key of Anthropic", "sk-ant-", word, 20),
    token("npm-token", "a token of npm", "npm_", alnum, 36),
    token("pypi-token", "a token of PyPI", "pypi-AgE", word, 50),
    token("crates-io-token", "a token of crates.io", "cio", alnum, 32),
    token("sendgrid-key", "a key of SendGrid", "SG.", dotted, 60),
    token("huggingface-token", "a token of Hugging Face", "hf_", alnum, 30),
    exactly("digitalocean-token", "a token of DigitalOcean", "dop_v1_", hex, 64),
    token("vault-token", "a token of Vault", "hvs.", word, 24),
    token("age-key", "a private key of age", "AGE-SECRET-KEY-1", upper, 50),
];

/// All kinds, sorted by what they begin with, so that most places of a text are dismissed by one look.
#[derive(Debug)]
pub(crate) struct Table {
    by_first: [Vec<&'static Known>; 256],
}

impl Table {
    pub(crate) fn new() -> Self {
        let mut by_first = std::array::from_fn(|_| Vec::new());
        for known in &KNOWN {
            by_first[usize::from(known.prefix.as_bytes()[0])].push(known);
        }
        Self { by_first }
    }

    /// The secret that begins at a place of a line, and its length.
    pub(crate) fn at(&self, line: &[u8], at: usize) -> Option<(&'static Known, usize)> {
        let rest = &line[at..];
        let candidates = &self.by_first[usize::from(*rest.first()?)];
        // In the middle of a word it is a part of something else, unless what stands before it is an escape.
        let within = at > 0 && continues(line[at - 1]) && !(at > 1 && line[at - 2] == b'\\');
        candidates.iter().filter(|_| !within).find_map(|known| {
            let body = rest.strip_prefix(known.prefix.as_bytes())?;
            let length = body.iter().take(known.most + 1).take_while(|byte| (known.body)(**byte)).count();
            let fits = (known.least..=known.most).contains(&length);
            (fits && !is_example(&body[..length])).then_some((*known, known.prefix.len() + length))
        })
    }
}

/// What stands in manuals: `AKIAIOSFODNN7EXAMPLE`, `ghp_xxxxxxxx…`.
fn is_example(body: &[u8]) -> bool {
    let first = body.first().copied().unwrap_or_default();
    body.ends_with(b"EXAMPLE") || body.iter().all(|byte| *byte == first)
}

/// The length of a JSON Web Token that begins at a place: three parts of Base64, the first two of which are objects.
pub(crate) fn jwt(line: &[u8], at: usize) -> Option<usize> {
    let rest = &line[at..];
    if !rest.starts_with(b"eyJ") || (at > 0 && continues(line[at - 1])) {
        return None;
    }
    let part = |text: &[u8]| text.iter().take(MOST).take_while(|byte| word(**byte)).count();
    let header = part(rest);
    let payload = rest[header..].strip_prefix(b".").filter(|text| text.starts_with(b"eyJ")).map(part)?;
    let signature = rest[header + 1 + payload..].strip_prefix(b".").map(part)?;
    (header >= 10 && payload >= 10 && signature >= 10).then_some(header + payload + signature + 2)
}

/// The length of the first line of a private key.
pub(crate) fn private_key(line: &[u8], at: usize) -> Option<usize> {
    let rest = line[at..].strip_prefix(b"-----BEGIN ")?;
    let label = rest.iter().take(64).take_while(|byte| upper(**byte) || **byte == b' ').count();
    let (label, after) = rest.split_at(label);
    let is_private = label.ends_with(b"PRIVATE KEY") || label.ends_with(b"PRIVATE KEY BLOCK");
    (is_private && after.starts_with(b"-----")).then_some(b"-----BEGIN ".len() + label.len() + 5)
}
