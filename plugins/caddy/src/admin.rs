//! Caddy's admin API: reading and replacing one object by its `@id`.
//!
//! An ETag comes as a header, or from older versions (2.6 is one) as a trailer. A change restarts the admin
//! endpoint, so that the connection of the change may be cut before its answer, and the next one refused for
//! a moment: what was reached is decided by reading back, never by the answer alone.

use std::time::Duration;

use runner_plugin::expect;
use runner_plugin::host::{HttpRequest, Response};
use runner_plugin::text::shortened;
use runner_plugin::{Failure, FailureKind, Host, Route};
use serde_json::Value;

use crate::object::Object;
use crate::{Config, Verify};

/// How often to knock at an admin endpoint that is restarting, and how long to wait between.
const KNOCKS: u32 = 10;
const PAUSE: Duration = Duration::from_millis(200);

/// An object as Caddy has it.
pub(crate) struct Reading {
    pub(crate) object: Object,
    /// What Caddy calls this state.
    pub(crate) etag: Option<String>,
}

impl Reading {
    pub(crate) fn route(&self) -> Route {
        Route { upstreams: self.object.upstreams(), revision: self.etag.clone().unwrap_or_default() }
    }
}

/// The admin API, for one object.
pub(crate) struct Admin<'a> {
    host: &'a Host,
    config: &'a Config,
    url: String,
}

impl<'a> Admin<'a> {
    pub(crate) fn new(host: &'a Host, config: &'a Config) -> Result<Self, Failure> {
        let id = &config.object;
        // The id becomes a part of a URL; `/` in it would lead into the object.
        let is_id =
            !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte));
        if !is_id || id.bytes().all(|byte| byte == b'.') {
            return Err(Failure::invalid_config(format!(
                "`{id}` is not an `@id`: letters, digits, `_`, `.` and `-`"
            )));
        }
        Ok(Self { host, config, url: format!("{}/id/{id}", config.admin.trim_end_matches('/')) })
    }

    /// Reads the object.
    pub(crate) fn read(&self) -> Result<Reading, Failure> {
        let response = self.send(self.host.http().get(&self.url))?;
        let id = &self.config.object;
        match response.status {
            200 => {}
            404 => return Err(Failure::invalid_config(format!("Caddy has no object with the `@id` `{id}`"))),
            status @ 500.. => {
                return Err(Failure::unavailable(format!("Caddy answered {status}{}", reason(&response))));
            }
            status => {
                return Err(Failure::invalid_input(format!("Caddy answered {status}{}", reason(&response))));
            }
        }
        let etag = response.header("etag").map(str::to_owned);
        Ok(Reading { object: Object::parse(response.json()?, id)?, etag })
    }

    /// Replaces the object that was read, and reads back that it is replaced.
    pub(crate) fn write(&self, wanted: &Object, now: &Reading) -> Result<Reading, Failure> {
        let mut request = self.host.http().patch(&self.url).json(&wanted.with_id(&self.config.object));
        if self.config.optimistic_lock {
            let Some(etag) = &now.etag else {
                return Err(Failure::invalid_input(
                    "Caddy gives no ETag, so it cannot refuse a change that comes too late; nothing was changed \
                     (`optimistic_lock: false` goes without)",
                ));
            };
            request = request.header("if-match", etag);
        }
        let cut_off = match self.send(request) {
            Ok(response) => self.accepted(&response).map(|()| None)?,
            Err(failure) if may_have_been_done(failure.kind) => Some(failure),
            Err(failure) => return Err(failure),
        };
        let after = self.read_after_restart()?;
        if after.object == *wanted {
            return Ok(after);
        }
        Err(cut_off.unwrap_or_else(|| {
            let id = &self.config.object;
            Failure::unavailable(format!(
                "Caddy accepted the change of `{id}`, and does not show it when read back"
            ))
        }))
    }

    /// Judges the answer to a change by its status. A refused change leaves the old config running.
    fn accepted(&self, response: &Response) -> Result<(), Failure> {
        let id = &self.config.object;
        match response.status {
            200..300 => Ok(()),
            412 => Err(Failure::invalid_input(format!(
                "somebody else has changed `{id}` since it was read (Caddy answered 412); nothing was overwritten"
            ))),
            status @ 502..=504 => {
                Err(Failure::unavailable(format!("Caddy answered {status}{}", reason(response))))
            }
            status => Err(Failure::invalid_input(format!(
                "Caddy refused to change `{id}` ({status}{}); the old config stays",
                reason(response),
            ))),
        }
    }

    fn read_after_restart(&self) -> Result<Reading, Failure> {
        let mut knocks = 1;
        loop {
            match self.read() {
                Err(failure) if failure.kind == FailureKind::Unavailable && knocks < KNOCKS => {
                    self.host.clock().sleep(PAUSE);
                    knocks += 1;
                }
                reading => return reading,
            }
        }
    }

    fn send(&self, request: HttpRequest<'_, '_>) -> Result<Response, Failure> {
        match self.config.timeout_ms {
            Some(timeout) => request.timeout(Duration::from_millis(timeout.into())).send(),
            None => request.send(),
        }
    }
}

/// Whether a request without an answer may have done its work.
fn may_have_been_done(kind: FailureKind) -> bool {
    match kind {
        FailureKind::Unavailable | FailureKind::TimedOut | FailureKind::BudgetExceeded => true,
        FailureKind::InvalidConfig
        | FailureKind::InvalidInput
        | FailureKind::Denied
        | FailureKind::Internal => false,
    }
}

/// What Caddy says about an error, to follow a status.
fn reason(response: &Response) -> String {
    let said = response.json::<Value>().ok().and_then(|body| Some(body.get("error")?.as_str()?.to_owned()));
    said.map(|said| format!(": {}", shortened(&said))).unwrap_or_default()
}

/// Asks through the proxy until the answer is right.
pub(crate) fn verify(host: &Host, verify: &Verify) -> Result<(), Failure> {
    let mut attempt = 1;
    loop {
        let mut request = host.http().get(&verify.url);
        if let Some(timeout) = verify.timeout_ms {
            request = request.timeout(Duration::from_millis(timeout.into()));
        }
        let seen = match request.send() {
            Ok(response) => match expect::status(&verify.status, &response) {
                None => return Ok(()),
                Some(problem) => problem,
            },
            Err(failure) if matches!(failure.kind, FailureKind::Unavailable | FailureKind::TimedOut) => {
                failure.message
            }
            Err(failure) => return Err(failure),
        };
        if attempt >= verify.attempts {
            return Err(Failure::unavailable(format!(
                "the route has changed, and the proxy does not serve: {seen} ({} of `{}`)",
                runner_plugin::text::counted(attempt as usize, "attempt", "attempts"),
                verify.url,
            )));
        }
        host.clock().sleep(PAUSE);
        attempt += 1;
    }
}
