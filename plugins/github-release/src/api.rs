//! The part of GitHub's REST API that a release needs.

use runner_notice::{Pace, deliver, refused};
use runner_plugin::host::{HttpRequest, Response};
use runner_plugin::{Failure, Host, Secret};
use serde::Deserialize;
use serde_json::Value;

/// Drafts cannot be asked for by their tag: they are looked for in the list, newest first, this far.
const PAGES: u32 = 3;
const PAGE: usize = 100;

/// Answers hold the texts of up to a hundred releases.
const LARGEST_ANSWER: u32 = 16 * 1024 * 1024;

/// A repository, and who asks.
pub(crate) struct Api<'h> {
    pub(crate) host: &'h Host,
    pub(crate) token: &'h Secret,
    pub(crate) pace: Pace,
    /// `https://api.github.com/repos/owner/name`.
    pub(crate) repository: String,
    /// `https://uploads.github.com/repos/owner/name`.
    pub(crate) uploads: String,
}

/// A release, as far as it matters here.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Release {
    pub(crate) id: u64,
    pub(crate) tag_name: String,
    #[serde(default)]
    pub(crate) draft: bool,
    #[serde(default)]
    pub(crate) html_url: String,
    #[serde(default)]
    pub(crate) assets: Vec<Attached>,
}

/// A file of a release.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Attached {
    pub(crate) id: u64,
    pub(crate) name: String,
    pub(crate) state: String,
    /// `sha256:…`; files from before 2025 have none.
    pub(crate) digest: Option<String>,
}

impl<'h> Api<'h> {
    /// The release of a tag, also a draft.
    pub(crate) fn find(&self, tag: &str) -> Result<Option<Release>, Failure> {
        let response = self.send(|| self.get(&format!("/releases/tags/{}", escaped(tag))))?;
        if response.status != 404 {
            return release(&response).map(Some);
        }
        for page in 1..=PAGES {
            let response = self.send(|| self.get(&format!("/releases?per_page={PAGE}&page={page}")))?;
            if response.status == 404 {
                return Err(Failure::invalid_input(
                    "there is no such repository, or the token may not see it; nothing was released",
                ));
            }
            let releases: Vec<Release> = expected(&response, 200)?.json()?;
            let last = releases.len() < PAGE;
            if let Some(found) = releases.into_iter().find(|release| release.tag_name == tag) {
                return Ok(Some(found));
            }
            if last {
                break;
            }
        }
        Ok(None)
    }

    pub(crate) fn has_tag(&self, tag: &str) -> Result<bool, Failure> {
        let response = self.send(|| self.get(&format!("/git/ref/tags/{}", escaped(tag))))?;
        if response.status == 404 {
            return Ok(false);
        }
        expected(&response, 200).map(|_| true)
    }

    pub(crate) fn create(&self, wanted: &Value) -> Result<Release, Failure> {
        let url = format!("{}/releases", self.repository);
        release(expected(&self.send(|| self.host.http().post(url.as_str()).json(wanted))?, 201)?)
    }

    pub(crate) fn update(&self, old: &Release, wanted: &Value) -> Result<Release, Failure> {
        let url = format!("{}/releases/{}", self.repository, old.id);
        release(&self.send(|| self.host.http().patch(url.as_str()).json(wanted))?)
    }

    pub(crate) fn delete_asset(&self, asset: &Attached) -> Result<(), Failure> {
        let url = format!("{}/releases/assets/{}", self.repository, asset.id);
        expected(&self.send(|| self.host.http().delete(url.as_str()))?, 204).map(|_| ())
    }

    pub(crate) fn upload(&self, to: &Release, name: &str, kind: &str, bytes: &[u8]) -> Result<(), Failure> {
        let url = format!("{}/releases/{}/assets?name={}", self.uploads, to.id, escaped(name));
        let send = || self.host.http().post(url.as_str()).header("content-type", kind).body(bytes);
        expected(&self.send(send)?, 201).map(|_| ())
    }

    fn get(&self, path: &str) -> HttpRequest<'h, 'h> {
        self.host.http().get(format!("{}{path}", self.repository))
    }

    fn send(&self, request: impl Fn() -> HttpRequest<'h, 'h>) -> Result<Response, Failure> {
        deliver(self.host, self.pace, || {
            request()
                .header("accept", "application/vnd.github+json")
                // GitHub answers nobody without one.
                .header("user-agent", "runner")
                .header("x-github-api-version", "2022-11-28")
                .max_body(LARGEST_ANSWER)
                .bearer(self.token)
        })
    }
}

fn expected(response: &Response, status: u16) -> Result<&Response, Failure> {
    if response.status == status { Ok(response) } else { Err(refused(response)) }
}

fn release(response: &Response) -> Result<Release, Failure> {
    match response.status {
        200 | 201 => response.json(),
        _ => Err(refused(response)),
    }
}

/// Signs that mean something in an address; tags and names hold no others that do.
fn escaped(text: &str) -> String {
    text.replace('+', "%2B").replace('/', "%2F")
}
