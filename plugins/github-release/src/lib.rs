//! Notifier: the GitHub release of a tag.
//!
//! ```text
//! find ─▶ none: create ─▶ assets: what is there with the same bytes stays, the rest is sent
//!      └▶ one:  update ─┘
//! ```
//!
//! Called again it ends in the same state. The tag is not made here: GitHub would make it of the newest commit, and nobody
//! would have signed it; so a tag that is not there is an error, unless it is a draft's.

mod api;
mod assets;

use runner_notice::{Channel, Links, Markup, Message, Pace};
use runner_plugin::{Event, Failure, Host, Notifier, Request};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use api::{Api, Release};

/// GitHub takes no longer text.
const CHANNEL: Channel = Channel { markup: Markup::GitHub, title: 256, text: 125_000, links: Links::Below };

/// What is released.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// `owner/name`.
    #[schemars(regex(pattern = "^[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+$"))]
    repository: String,
    /// The tag. It has to be there, unless the release is a draft.
    #[schemars(regex(pattern = "^[A-Za-z0-9_.+/-]{1,200}$"))]
    tag: String,
    /// Name of the secret that is the token; it needs the right to write contents. The plugin never sees it.
    token: String,
    /// What is said: the title is the release's name.
    #[serde(default)]
    message: Message,
    /// Not to be seen by everybody yet.
    #[serde(default)]
    draft: bool,
    /// Not meant for everybody.
    #[serde(default)]
    prerelease: bool,
    /// Whether it becomes the repository's latest release. Without it: as GitHub decides.
    latest: Option<bool>,
    /// Files to attach, below the pipeline's directory. One that is attached already with the same bytes stays.
    #[serde(default)]
    #[schemars(length(max = 50))]
    assets: Vec<Asset>,
    /// The API. Without it: `https://api.github.com`.
    #[serde(default = "api_address")]
    #[schemars(regex(pattern = "^https?://[^?#\\s]+[^/?#\\s]$"))]
    api: String,
    /// Where files are sent to. Without it: `https://uploads.github.com`.
    #[serde(default = "uploads_address")]
    #[schemars(regex(pattern = "^https?://[^?#\\s]+[^/?#\\s]$"))]
    uploads: String,
    /// For connection and response together, of each request. Without it: 10 seconds.
    #[schemars(range(min = 1))]
    timeout_ms: Option<u32>,
    /// Longest wait, for each request, when GitHub asks to come back later. Without it: 10 seconds.
    #[serde(default = "runner_notice::max_wait_ms")]
    max_wait_ms: u32,
}

fn api_address() -> String {
    "https://api.github.com".to_owned()
}

fn uploads_address() -> String {
    "https://uploads.github.com".to_owned()
}

/// A file to attach.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Asset {
    /// The file, at most 16 MiB.
    path: String,
    /// Its name in the release. Without it: the file's own.
    #[schemars(regex(pattern = "^[A-Za-z0-9_.-]{1,200}$"))]
    name: Option<String>,
    /// Without it: `application/octet-stream`.
    content_type: Option<String>,
}

/// The notifier.
#[derive(Debug)]
pub struct GitHubRelease;

impl Notifier for GitHubRelease {
    type Config = Config;

    fn notify(config: Config, request: &Request, event: &Event, host: &Host) -> Result<(), Failure> {
        check(&config)?;
        // All that can be wrong here is found before anything is changed there.
        let written = config.message.write(request, event, CHANNEL)?;
        let files = assets::read(&config.assets, host)?;

        let token = host.secret(&config.token)?;
        let api = Api {
            host,
            token: &token,
            pace: Pace { timeout_ms: config.timeout_ms, max_wait_ms: config.max_wait_ms },
            repository: format!("{}/repos/{}", config.api, config.repository),
            uploads: format!("{}/repos/{}", config.uploads, config.repository),
        };
        let wanted = wanted(&config, &written.title, &written.text);
        let release = publish(&api, &config, &wanted)?;
        host.log().info(format!("release {} of `{}`: {}", release.id, config.tag, release.html_url));
        assets::attach(&api, &release, &files)
    }
}

fn wanted(config: &Config, name: &str, body: &str) -> Value {
    let mut wanted = json!({
        "tag_name": config.tag,
        "name": name,
        "body": body,
        "draft": config.draft,
        "prerelease": config.prerelease,
    });
    if let Some(latest) = config.latest {
        // GitHub takes these as texts.
        wanted["make_latest"] = json!(if latest { "true" } else { "false" });
    }
    wanted
}

/// Refuses what would lead somewhere else as a part of an address; git has no such names either.
fn check(config: &Config) -> Result<(), Failure> {
    let refused = |key: &str, name: &str| {
        Err(Failure::invalid_config(format!("`{key}`: there can be no `{name}`; nothing was released")))
    };
    if config.repository.split('/').any(|part| part == "." || part == "..") {
        return refused("repository", &config.repository);
    }
    if config.tag == "." || config.tag.contains("..") {
        return refused("tag", &config.tag);
    }
    Ok(())
}

fn publish(api: &Api<'_>, config: &Config, wanted: &Value) -> Result<Release, Failure> {
    let found = api.find(&config.tag)?;
    if let Some(public) = found.as_ref().filter(|release| config.draft && !release.draft) {
        return Err(Failure::invalid_input(format!(
            "release {} of `{}` is public already; `draft: true` would take it back, nothing was changed",
            public.id, config.tag
        )));
    }
    let becomes_public = !config.draft && found.as_ref().is_none_or(|release| release.draft);
    if becomes_public && !api.has_tag(&config.tag)? {
        return Err(Failure::invalid_input(format!(
            "`{}` has no tag `{}`, or the token may not see it; push the tag first, nothing was released",
            config.repository, config.tag
        )));
    }
    match found {
        Some(release) => api.update(&release, wanted),
        None => api.create(wanted),
    }
}

runner_plugin::export_notifier!(GitHubRelease);

#[cfg(test)]
mod tests;
