//! Versions of releases: how they are written, and how one follows another.
//!
//! Pure: where versions stand, in files or in tags, is for the plugins.

use runner_plugin::text::shortened;
use schemars::JsonSchema;
use semver::Version;
use serde::Deserialize;

/// Understands `1.2.3`, `v1.2.3`, and both with the suffix.
///
/// ```
/// let version = runner_version::parse("v1.3.0-l9", "-l9")?;
/// assert_eq!(version.to_string(), "1.3.0");
/// # Ok::<(), String>(())
/// ```
///
/// # Errors
///
/// What is wrong with the text, which is named.
pub fn parse(written: &str, suffix: &str) -> Result<Version, String> {
    let text = written.trim();
    let text = text.strip_prefix('v').unwrap_or(text);
    let text = text.strip_suffix(suffix).unwrap_or(text);
    Version::parse(text)
        .map_err(|error| format!("`{}` is no semantic version: {error}", shortened(written.trim())))
}

/// What a release is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Release {
    /// `X.0.0`: things break.
    Major,
    /// `X.Y.0`: things are added.
    Minor,
    /// `X.Y.Z`: things are mended.
    Patch,
    /// `X.Y.Z`, as a patch, when there is need.
    Hotfix,
}

impl Release {
    /// What a release may be if nobody says.
    pub const ANY: [Self; 3] = [Self::Patch, Self::Minor, Self::Major];

    /// The word for it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Major => "major",
            Self::Minor => "minor",
            Self::Patch => "patch",
            Self::Hotfix => "hotfix",
        }
    }

    /// The version that this release makes of another.
    #[must_use]
    pub fn after(self, previous: &Version) -> Version {
        let Version { major, minor, patch, .. } = *previous;
        match self {
            Self::Major => Version::new(major.saturating_add(1), 0, 0),
            Self::Minor => Version::new(major, minor.saturating_add(1), 0),
            Self::Patch | Self::Hotfix => Version::new(major, minor, patch.saturating_add(1)),
        }
    }

    /// What is wrong with the numbers of a version of this release, whatever was before it.
    #[must_use]
    pub fn misshapen(self, version: &Version) -> Option<String> {
        let (shape, fits) = match self {
            Self::Major => ("X.0.0", version.major > 0 && version.minor == 0 && version.patch == 0),
            Self::Minor => ("X.Y.0", version.minor > 0 && version.patch == 0),
            Self::Patch | Self::Hotfix => ("X.Y.Z with Z above 0", version.patch > 0),
        };
        (!fits).then(|| format!("{version} is no {} release: that would be {shape}", self.name()))
    }
}

/// Without what comes before and after a release: `1.2.3-rc.1+5` becomes `1.2.3`.
#[must_use]
pub fn core(version: &Version) -> Version {
    Version::new(version.major, version.minor, version.patch)
}

/// What is wrong with a version that follows another: the rule, and why. It has to be one of the releases that are
/// allowed.
#[must_use]
pub fn wrong(previous: &Version, version: &Version, allowed: &[Release]) -> Option<(&'static str, String)> {
    if version.cmp_precedence(previous).is_le() {
        return Some(("not-newer", format!("{version} does not come after {previous}")));
    }
    if !previous.pre.is_empty() && core(version) == core(previous) {
        // The next candidate of the same release, or the release itself.
        return None;
    }
    let legal: Vec<Version> = allowed.iter().map(|release| release.after(previous)).collect();
    if legal.contains(&core(version)) {
        return None;
    }
    let why = match (allowed, legal.as_slice()) {
        ([release], [next]) => {
            format!("a {} release after {previous} is {next}, not {version}", release.name())
        }
        (_, [others @ .., last]) => {
            let others: Vec<String> = others.iter().map(Version::to_string).collect();
            format!("after {previous} comes {} or {last}, not {version}", others.join(", "))
        }
        (_, []) => format!("no release is allowed after {previous}"),
    };
    Some(("wrong-increment", why))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(text: &str) -> Version {
        Version::parse(text).unwrap()
    }

    fn rule(previous: &str, next: &str, release: Option<Release>) -> Option<&'static str> {
        let allowed = release.map_or(Release::ANY.to_vec(), |release| vec![release]);
        wrong(&version(previous), &version(next), &allowed).map(|(rule, _)| rule)
    }

    #[test]
    fn each_release_has_one_version_after_another() {
        let after = |release: Release| release.after(&version("1.2.3")).to_string();

        assert_eq!(
            [Release::Major, Release::Minor, Release::Patch, Release::Hotfix].map(after),
            ["2.0.0", "1.3.0", "1.2.4", "1.2.4"]
        );
    }

    #[test]
    fn only_the_next_version_is_right() {
        assert_eq!(rule("1.2.3", "1.3.0", Some(Release::Minor)), None);
        assert_eq!(rule("1.2.3", "1.3.1", Some(Release::Minor)), Some("wrong-increment"));
        assert_eq!(rule("1.2.3", "1.4.0", Some(Release::Minor)), Some("wrong-increment"));
        assert_eq!(rule("1.2.3", "1.2.3", Some(Release::Patch)), Some("not-newer"));
        assert_eq!(rule("1.2.3", "1.2.3+5", Some(Release::Patch)), Some("not-newer"));
        assert_eq!(rule("1.10.0", "1.9.0", None), Some("not-newer"));
        assert_eq!(rule("1.2.3", "2.0.0", None), None);
        assert_eq!(rule("1.2.3", "2.1.0", None), Some("wrong-increment"));
    }

    #[test]
    fn candidates_come_before_their_release() {
        assert_eq!(rule("1.3.0-rc.1", "1.3.0-rc.2", Some(Release::Minor)), None);
        assert_eq!(rule("1.3.0-rc.2", "1.3.0", Some(Release::Minor)), None);
        assert_eq!(rule("1.3.0", "1.3.0-rc.3", None), Some("not-newer"));
        assert_eq!(rule("1.2.3", "1.3.0-rc.1", Some(Release::Minor)), None);
    }
}
