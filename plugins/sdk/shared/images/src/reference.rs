//! The parts of an image's name.

use std::fmt;

/// `registry:5000/path/name:tag@sha256:…` in its parts. Nothing is filled in but the registry that is meant by none.
///
/// ```
/// use runner_images::Reference;
///
/// let image = Reference::of("ghcr.io/acme/api:v1");
/// assert_eq!((image.registry, image.path, image.tag), (Some("ghcr.io"), "acme/api", Some("v1")));
/// assert!(image.is_below("ghcr.io/acme") && !image.is_below("ghcr.io/ac"));
/// assert_eq!(Reference::of("python").to_string(), "docker.io/library/python");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reference<'t> {
    /// Host and port of the registry, if one is named.
    pub registry: Option<&'t str>,
    /// The path there, as it is written.
    pub path: &'t str,
    /// The tag, if there is one.
    pub tag: Option<&'t str>,
    /// What stands after `@`, be it a digest or not.
    pub digest: Option<&'t str>,
}

/// The registry that is meant if none is named.
const DEFAULT: &str = "docker.io";

impl<'t> Reference<'t> {
    /// Takes a name apart.
    #[must_use]
    pub fn of(text: &'t str) -> Self {
        let (name, digest) = match text.split_once('@') {
            Some((name, digest)) => (name, Some(digest)),
            None => (text, None),
        };
        // A `:` before the last `/` belongs to the port of the registry.
        let last = name.rfind('/').map_or(0, |slash| slash + 1);
        let (name, tag) = match name[last..].find(':') {
            Some(colon) => (&name[..last + colon], Some(&name[last + colon + 1..])),
            None => (name, None),
        };
        let (registry, path) = match name.split_once('/') {
            Some((first, rest)) if first.contains(['.', ':']) || first == "localhost" => (Some(first), rest),
            Some(_) | None => (None, name),
        };
        Self { registry, path, tag: tag.filter(|tag| !tag.is_empty()), digest }
    }

    /// Whether it lies in a registry, or below a path of it: `ghcr.io`, `ghcr.io/acme`.
    #[must_use]
    pub fn is_below(&self, place: &str) -> bool {
        let repository = self.to_string();
        repository
            .strip_prefix(place.trim_end_matches('/'))
            .is_some_and(|rest| rest.starts_with('/') || rest.is_empty())
    }
}

/// The repository in full: registry and path, without tag and digest.
impl fmt::Display for Reference<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, .. } = self;
        match self.registry {
            None if !path.contains('/') => write!(f, "{DEFAULT}/library/{path}"),
            registry => write!(f, "{}/{path}", registry.unwrap_or(DEFAULT)),
        }
    }
}

/// Whether a text is `sha256:` with 64 hexadecimal digits.
#[must_use]
pub fn is_sha256(digest: &str) -> bool {
    digest
        .strip_prefix("sha256:")
        .is_some_and(|digits| digits.len() == 64 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &str) -> (Option<&str>, &str, Option<&str>, Option<&str>) {
        let Reference { registry, path, tag, digest } = Reference::of(text);
        (registry, path, tag, digest)
    }

    #[test]
    fn a_name_is_taken_apart() {
        assert_eq!(parts("python"), (None, "python", None, None));
        assert_eq!(parts("python:"), (None, "python", None, None));
        assert_eq!(parts("acme/api:v1@sha256:0"), (None, "acme/api", Some("v1"), Some("sha256:0")));
        assert_eq!(parts("127.0.0.1:5055/api"), (Some("127.0.0.1:5055"), "api", None, None));
        assert_eq!(parts("localhost/a/b:v1"), (Some("localhost"), "a/b", Some("v1"), None));
        assert_eq!(parts(""), (None, "", None, None));
    }

    #[test]
    fn a_place_ends_where_a_part_of_the_name_ends() {
        let below = |name: &str, place: &str| Reference::of(name).is_below(place);

        assert!(below("ghcr.io/acme/api:v1", "ghcr.io") && below("ghcr.io/acme/api", "ghcr.io/acme/"));
        assert!(below("python", "docker.io") && below("docker.io/python", "docker.io"));
        assert!(!below("ghcr.io.evil.example/acme/api", "ghcr.io"));
        assert!(!below("ghcr.io/acme-two/api", "ghcr.io/acme"));
        assert!(!below("acme/api", "ghcr.io"));
    }
}
