//! The name of an image: `registry:5000/name:tag@sha256:…`.

use runner_plugin::Finding;
use runner_plugin::text::shortened;

use crate::{Reference, is_sha256};

/// An image as it is named somewhere, its variables filled in as far as they are known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// The name with tag and digest.
    pub name: String,
    /// 1-based line of the file that names it.
    pub line: u32,
}

/// Why it cannot be told which image a name will lead to tomorrow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flaw {
    /// A variable without a value decides.
    Unresolved,
    /// What stands after `@` is no digest.
    InvalidDigest,
    /// It has no digest.
    NoDigest,
    /// Its tag is `latest`.
    Latest,
    /// It has neither tag nor digest, which means `latest`.
    NoTag,
}

impl Flaw {
    /// The rule that a finding of it names.
    #[must_use]
    pub fn rule(self) -> &'static str {
        match self {
            Self::Unresolved => "unresolved-image",
            Self::InvalidDigest => "invalid-digest",
            Self::NoDigest => "unpinned-base-image",
            Self::Latest | Self::NoTag => "latest-tag",
        }
    }
}

impl Image {
    /// Everything that leaves open which image it is, tags aside that are no `latest`.
    #[must_use]
    pub fn flaws(&self) -> Vec<Flaw> {
        if self.name.contains('$') {
            return vec![Flaw::Unresolved];
        }
        let Reference { tag, digest, .. } = Reference::of(&self.name);
        let mut flaws = Vec::new();
        match digest {
            Some(digest) if is_sha256(digest) => {}
            Some(_) => flaws.push(Flaw::InvalidDigest),
            None => flaws.push(Flaw::NoDigest),
        }
        match tag {
            Some("latest") => flaws.push(Flaw::Latest),
            None if digest.is_none() => flaws.push(Flaw::NoTag),
            Some(_) | None => {}
        }
        flaws
    }

    /// The flaws as findings of a file in which every image has to be pinned by its digest.
    #[must_use]
    pub fn findings(&self, file: &str) -> Vec<Finding> {
        self.flaws().into_iter().map(|flaw| self.finding(flaw, file)).collect()
    }

    /// A flaw of this image as a finding.
    #[must_use]
    pub fn finding(&self, flaw: Flaw, file: &str) -> Finding {
        let image = shortened(&self.name);
        let (message, help) = match flaw {
            Flaw::Unresolved => (
                format!("which image `{image}` is cannot be told from the file"),
                "give the variable a default, as in `ARG TAG=3.12` before the first `FROM` or `${TAG:-3.12}`",
            ),
            Flaw::InvalidDigest => {
                (format!("the digest of `{image}` is none"), "write `@sha256:<64 hexadecimal digits>`")
            }
            Flaw::NoDigest => (
                format!("`{image}` has no digest"),
                "write `<image>:<tag>@sha256:<digest>`; `docker buildx imagetools inspect <image>` shows the digest",
            ),
            Flaw::Latest => (format!("`{image}` is `latest`"), "name the version"),
            Flaw::NoTag => (format!("`{image}` means `latest`"), "name the version"),
        };
        Finding::error(flaw.rule(), message).in_file(file).at_line(self.line).help(help)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    fn flaws(name: &str) -> Vec<Flaw> {
        Image { name: name.to_owned(), line: 1 }.flaws()
    }

    #[test]
    fn only_a_digest_pins_and_latest_is_never_right() {
        assert_eq!(flaws(&format!("python:3.12@{DIGEST}")), []);
        assert_eq!(flaws(&format!("python@{DIGEST}")), []);
        assert_eq!(flaws(&format!("python:latest@{DIGEST}")), [Flaw::Latest]);
        assert_eq!(flaws("python:3.12"), [Flaw::NoDigest]);
        assert_eq!(flaws("registry:5000/python"), [Flaw::NoDigest, Flaw::NoTag]);
        assert_eq!(flaws("python:"), [Flaw::NoDigest, Flaw::NoTag]);
        assert_eq!(flaws("python:latest"), [Flaw::NoDigest, Flaw::Latest]);
        assert_eq!(flaws("python@sha256:abc"), [Flaw::InvalidDigest]);
        assert_eq!(flaws("python:$TAG"), [Flaw::Unresolved]);
    }

    #[test]
    fn a_finding_names_the_image_and_what_to_write() {
        let image = Image { name: "python".to_owned(), line: 3 };

        assert_eq!(
            image.findings("Dockerfile"),
            [
                Finding::error("unpinned-base-image", "`python` has no digest")
                    .in_file("Dockerfile")
                    .at_line(3)
                    .help(
                        "write `<image>:<tag>@sha256:<digest>`; `docker buildx imagetools inspect <image>` shows the \
                         digest"
                    ),
                Finding::error("latest-tag", "`python` means `latest`")
                    .in_file("Dockerfile")
                    .at_line(3)
                    .help("name the version"),
            ]
        );
    }
}
