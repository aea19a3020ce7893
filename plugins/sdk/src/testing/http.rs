//! HTTP in a test: what was sent, and what is answered.

use std::time::Duration;

use serde_json::Value;

use crate::HostError;
use crate::host::Response;

/// A request that a plugin has sent, with its secrets filled in as the real host would.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SentRequest {
    /// `GET`, `POST`, …
    pub method: String,
    /// Absolute URL.
    pub url: String,
    /// Headers in the order written, then those with secrets.
    pub headers: Vec<(String, Vec<u8>)>,
    /// Body; empty for none.
    pub body: Vec<u8>,
    /// The time limit, if one was set.
    pub timeout_ms: Option<u32>,
    /// The limit of the response body, if one was set.
    pub max_body_bytes: Option<u32>,
}

impl SentRequest {
    /// A request without headers, body or limits.
    pub fn new(method: impl Into<String>, url: impl Into<String>) -> Self {
        let (method, url) = (method.into(), url.into());
        Self { method, url, headers: Vec::new(), body: Vec::new(), timeout_ms: None, max_body_bytes: None }
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers.push((name.to_owned(), value.as_ref().to_vec()));
        self
    }

    /// Sets the body.
    #[must_use]
    pub fn body(self, body: impl Into<Vec<u8>>) -> Self {
        Self { body: body.into(), ..self }
    }

    /// Sets the time limit.
    #[must_use]
    pub fn timeout_ms(self, timeout_ms: u32) -> Self {
        Self { timeout_ms: Some(timeout_ms), ..self }
    }

    /// Sets the limit of the response body.
    #[must_use]
    pub fn max_body_bytes(self, max_body_bytes: u32) -> Self {
        Self { max_body_bytes: Some(max_body_bytes), ..self }
    }

    /// The value of a header as text, if there is one.
    #[must_use]
    pub fn header_value(&self, name: &str) -> Option<&str> {
        let (_, value) = self.headers.iter().find(|(other, _)| other.eq_ignore_ascii_case(name))?;
        std::str::from_utf8(value).ok()
    }

    /// `METHOD url`, as answers are prepared for.
    pub(super) fn line(&self) -> String {
        format!("{} {}", self.method, self.url)
    }
}

/// What a server answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer(pub(super) Result<Response, HostError>);

impl Answer {
    /// A status without a body.
    #[must_use]
    pub fn status(status: u16) -> Self {
        Self(Ok(Response {
            status,
            headers: Vec::new(),
            trailers: Vec::new(),
            body: Vec::new(),
            elapsed: Duration::from_millis(1),
            tried: String::new(),
        }))
    }

    /// A status with a body.
    pub fn text(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self::status(status).with(|response| response.body = body.into())
    }

    /// A status with a JSON body and its content type.
    #[must_use]
    pub fn json(status: u16, body: Value) -> Self {
        Self::text(status, body.to_string()).header("content-type", "application/json")
    }

    /// No answer.
    #[must_use]
    pub fn error(error: HostError) -> Self {
        Self(Err(error))
    }

    /// Adds a header.
    #[must_use]
    pub fn header(self, name: &str, value: &str) -> Self {
        self.with(|response| response.headers.push((name.to_owned(), value.as_bytes().to_vec())))
    }

    /// Adds a trailer.
    #[must_use]
    pub fn trailer(self, name: &str, value: &str) -> Self {
        self.with(|response| response.trailers.push((name.to_owned(), value.as_bytes().to_vec())))
    }

    /// Says how long the answer took. Without it: 1 ms.
    #[must_use]
    pub fn after(self, elapsed: Duration) -> Self {
        self.with(|response| response.elapsed = elapsed)
    }

    fn with(mut self, change: impl FnOnce(&mut Response)) -> Self {
        if let Ok(response) = &mut self.0 {
            change(response);
        }
        self
    }
}
