//! How one version follows another.

use schemars::JsonSchema;
use semver::Version;
use serde::Deserialize;

/// What a release is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Release {
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
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Major => "major",
            Self::Minor => "minor",
            Self::Patch => "patch",
            Self::Hotfix => "hotfix",
        }
    }

    /// The version that this release makes of another.
    pub(crate) fn after(self, previous: &Version) -> Version {
        let Version { major, minor, patch, .. } = *previous;
        match self {
            Self::Major => Version::new(major.saturating_add(1), 0, 0),
            Self::Minor => Version::new(major, minor.saturating_add(1), 0),
            Self::Patch | Self::Hotfix => Version::new(major, minor, patch.saturating_add(1)),
        }
    }

    /// What is wrong with the numbers of a version of this release, whatever was before it.
    pub(crate) fn misshapen(self, version: &Version) -> Option<String> {
        let (shape, fits) = match self {
            Self::Major => ("X.0.0", version.major > 0 && version.minor == 0 && version.patch == 0),
            Self::Minor => ("X.Y.0", version.minor > 0 && version.patch == 0),
            Self::Patch | Self::Hotfix => ("X.Y.Z with Z above 0", version.patch > 0),
        };
        (!fits).then(|| format!("{version} is no {} release: that would be {shape}", self.name()))
    }
}

/// Without what comes before and after a release: `1.2.3-rc.1+5` becomes `1.2.3`.
pub(crate) fn core(version: &Version) -> Version {
    Version::new(version.major, version.minor, version.patch)
}

/// What is wrong with a version that follows another. Without `release` each of the three increments is all right.
pub(crate) fn wrong(
    previous: &Version,
    version: &Version,
    release: Option<Release>,
) -> Option<(&'static str, String)> {
    if version.cmp_precedence(previous).is_le() {
        return Some(("not-newer", format!("{version} does not come after {previous}")));
    }
    if !previous.pre.is_empty() && core(version) == core(previous) {
        // The next candidate of the same release, or the release itself.
        return None;
    }
    let legal = |release: Release| release.after(previous);
    match release {
        Some(release) if core(version) == legal(release) => None,
        Some(release) => {
            let next = legal(release);
            Some((
                "wrong-increment",
                format!("a {} release after {previous} is {next}, not {version}", release.name()),
            ))
        }
        None => {
            let all = [Release::Patch, Release::Minor, Release::Major].map(legal);
            let [patch, minor, major] = &all;
            (!all.contains(&core(version))).then(|| {
                (
                    "wrong-increment",
                    format!("after {previous} comes {patch}, {minor} or {major}, not {version}"),
                )
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(text: &str) -> Version {
        Version::parse(text).unwrap()
    }

    fn rule(previous: &str, next: &str, release: Option<Release>) -> Option<&'static str> {
        wrong(&version(previous), &version(next), release).map(|(rule, _)| rule)
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
