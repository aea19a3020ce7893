//! HTTP: one request in, one response out.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::backend::Backend;
use super::secrets::Secret;
use crate::{Failure, Host};

/// HTTP, from [`Host::http`](crate::Host::http).
///
/// The host resolves and judges the address, verifies TLS, follows no redirect and keeps no connection open.
///
/// ```
/// use runner_plugin::testing::{Answer, FakeHost};
/// use serde_json::{Value, json};
/// use std::time::Duration;
///
/// let fake = FakeHost::new().answer("GET http://api/health", Answer::json(200, json!({ "status": "healthy" })));
/// let response = fake.host().http().get("http://api/health").timeout(Duration::from_secs(2)).send()?;
///
/// assert_eq!(response.status, 200);
/// assert_eq!(response.json::<Value>()?["status"], "healthy");
/// # Ok::<(), runner_plugin::Failure>(())
/// ```
#[derive(Debug)]
pub struct Http<'a> {
    backend: &'a Backend,
}

impl<'a> Http<'a> {
    pub(super) fn new(backend: &'a Backend) -> Self {
        Self { backend }
    }

    /// Begins a request with any method.
    pub fn request<'s>(&self, method: impl Into<String>, url: impl Into<String>) -> HttpRequest<'a, 's> {
        let outgoing = Outgoing { method: method.into(), url: url.into(), ..Outgoing::default() };
        HttpRequest { backend: self.backend, outgoing, secrets: Vec::new() }
    }

    /// Begins a `GET`.
    pub fn get<'s>(&self, url: impl Into<String>) -> HttpRequest<'a, 's> {
        self.request("GET", url)
    }

    /// Begins a `POST`.
    pub fn post<'s>(&self, url: impl Into<String>) -> HttpRequest<'a, 's> {
        self.request("POST", url)
    }

    /// Begins a `HEAD`.
    pub fn head<'s>(&self, url: impl Into<String>) -> HttpRequest<'a, 's> {
        self.request("HEAD", url)
    }

    /// Begins a `PUT`.
    pub fn put<'s>(&self, url: impl Into<String>) -> HttpRequest<'a, 's> {
        self.request("PUT", url)
    }

    /// Begins a `DELETE`.
    pub fn delete<'s>(&self, url: impl Into<String>) -> HttpRequest<'a, 's> {
        self.request("DELETE", url)
    }

    /// Begins a `PATCH`.
    pub fn patch<'s>(&self, url: impl Into<String>) -> HttpRequest<'a, 's> {
        self.request("PATCH", url)
    }
}

/// The parts of a request that hold no secret.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Outgoing {
    pub(crate) method: String,
    pub(crate) url: String,
    pub(crate) headers: Vec<(String, Vec<u8>)>,
    pub(crate) body: Vec<u8>,
    pub(crate) timeout_ms: Option<u32>,
    pub(crate) max_body_bytes: Option<u32>,
}

/// A header whose value the host completes: the prefix, then the secret.
#[derive(Debug)]
pub(crate) struct SecretHeader<'s> {
    pub(crate) name: String,
    pub(crate) prefix: String,
    pub(crate) secret: &'s Secret,
}

/// Who is asking.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Auth {
    /// Name of the secret that is sent as `authorization: Bearer <secret>`. The plugin never sees its value.
    pub bearer: String,
}

impl Auth {
    /// Asks the host for the secret.
    ///
    /// # Errors
    ///
    /// [`Denied`](crate::FailureKind::Denied) when the step may not use it.
    pub fn secret(&self, host: &Host) -> Result<Secret, Failure> {
        host.secret(&self.bearer)
    }
}

/// A request that is being written. Nothing happens before [`HttpRequest::send`].
#[derive(Debug)]
#[must_use = "a request does nothing until it is sent"]
pub struct HttpRequest<'a, 's> {
    backend: &'a Backend,
    outgoing: Outgoing,
    secrets: Vec<SecretHeader<'s>>,
}

impl<'s> HttpRequest<'_, 's> {
    /// Adds a header.
    pub fn header(mut self, name: impl Into<String>, value: impl AsRef<[u8]>) -> Self {
        self.outgoing.headers.push((name.into(), value.as_ref().to_vec()));
        self
    }

    /// Adds a header whose value is `prefix` followed by the secret.
    pub fn secret_header(
        mut self,
        name: impl Into<String>,
        prefix: impl Into<String>,
        secret: &'s Secret,
    ) -> Self {
        self.secrets.push(SecretHeader { name: name.into(), prefix: prefix.into(), secret });
        self
    }

    /// Adds `authorization: Bearer <secret>`.
    pub fn bearer(self, secret: &'s Secret) -> Self {
        self.secret_header("authorization", "Bearer ", secret)
    }

    /// Sets the body.
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.outgoing.body = body.into();
        self
    }

    /// Sets the body to JSON, and `content-type` to `application/json` if there is none yet.
    pub fn json(mut self, value: &serde_json::Value) -> Self {
        self.outgoing.body = value.to_string().into_bytes();
        let typed = self.outgoing.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type"));
        if typed { self } else { self.header("content-type", "application/json") }
    }

    /// Bounds name resolution, connection, TLS and response together. Without it: 10 seconds.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.outgoing.timeout_ms = Some(milliseconds(timeout));
        self
    }

    /// Bounds the body of the response. Without it: 1 MiB.
    pub fn max_body(mut self, bytes: u32) -> Self {
        self.outgoing.max_body_bytes = Some(bytes);
        self
    }

    /// Sends the request. Every status is a response, also 500.
    ///
    /// # Errors
    ///
    /// [`Denied`](crate::FailureKind::Denied) without a grant; [`Unavailable`](crate::FailureKind::Unavailable) or
    /// [`TimedOut`](crate::FailureKind::TimedOut) when there was no whole response;
    /// [`BudgetExceeded`](crate::FailureKind::BudgetExceeded) when the body is longer than allowed;
    /// [`InvalidConfig`](crate::FailureKind::InvalidConfig) when URL or headers make no sense.
    pub fn send(self) -> Result<Response, Failure> {
        let Self { backend, outgoing, secrets } = self;
        let tried = format!("{} {}", outgoing.method, without_query(&outgoing.url));
        match backend.send(outgoing, &secrets) {
            Ok(response) => Ok(Response { tried, ..response }),
            Err(error) => Err(Failure::of_call(tried, error)),
        }
    }
}

/// A response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// Status code.
    pub status: u16,
    /// Headers in the order received; a name may come more than once.
    pub headers: Vec<(String, Vec<u8>)>,
    /// Headers that came after the body. Some servers put an `ETag` there.
    pub trailers: Vec<(String, Vec<u8>)>,
    /// Body.
    pub body: Vec<u8>,
    /// From the start of the connection to the last byte of the body.
    pub elapsed: Duration,
    pub(crate) tried: String,
}

impl Response {
    /// The first value of a header, or else of a trailer. `None` also if the value is not UTF-8.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let (_, value) =
            self.headers.iter().chain(&self.trailers).find(|(other, _)| other.eq_ignore_ascii_case(name))?;
        std::str::from_utf8(value).ok()
    }

    /// Whether the status is 200 to 299.
    #[must_use]
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The body as text.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::FailureKind::InvalidInput) when it is not UTF-8.
    pub fn text(&self) -> Result<&str, Failure> {
        std::str::from_utf8(&self.body)
            .map_err(|_| Failure::invalid_input(format!("{}: the body is not UTF-8", self.tried)))
    }

    /// The body as JSON.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::FailureKind::InvalidInput) when it is not JSON, or not of this shape.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        serde_json::from_slice(&self.body).map_err(|error| {
            Failure::invalid_input(format!("{}: the body is not the JSON expected: {error}", self.tried))
        })
    }
}

/// A URL without its query, which may hold a key: for messages.
fn without_query(url: &str) -> &str {
    url.split_once('?').map_or(url, |(before, _)| before)
}

/// The longest time the interface can say is 49 days; longer ones mean that.
pub(super) fn milliseconds(duration: Duration) -> u32 {
    u32::try_from(duration.as_millis()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::HostError;
    use crate::testing::{Answer, FakeHost, SentRequest};
    use serde_json::{Value, json};

    #[test]
    fn a_request_is_sent_as_written() {
        let fake =
            FakeHost::new().secret("key", "s3cr3t").answer("POST http://api/packet", Answer::status(200));
        let host = fake.host();

        let key = host.secret("key").unwrap();
        let response = host
            .http()
            .post("http://api/packet")
            .header("x-trace", "1")
            .bearer(&key)
            .json(&json!({ "content": "test" }))
            .timeout(Duration::from_secs(3))
            .max_body(10)
            .send()
            .unwrap();

        assert_eq!(response.status, 200);
        assert_eq!(
            fake.sent(),
            [SentRequest::new("POST", "http://api/packet")
                .header("x-trace", "1")
                .header("content-type", "application/json")
                .header("authorization", "Bearer s3cr3t")
                .body(r#"{"content":"test"}"#)
                .timeout_ms(3000)
                .max_body_bytes(10)],
        );
    }

    #[test]
    fn a_content_type_of_ones_own_is_kept() {
        let fake = FakeHost::new().answer("POST http://api/", Answer::status(200));

        fake.host()
            .http()
            .post("http://api/")
            .header("Content-Type", "application/merge-patch+json")
            .json(&json!({}))
            .send()
            .unwrap();

        assert_eq!(
            fake.sent()[0].headers,
            [("Content-Type".to_owned(), b"application/merge-patch+json".to_vec())]
        );
    }

    #[test]
    fn headers_are_found_in_any_case_and_in_trailers() {
        let answer = Answer::status(200).header("Etag", "one").trailer("ETAG", "two").trailer("X-Sum", "3");
        let fake = FakeHost::new().answer("GET http://api/", answer);

        let response = fake.host().http().get("http://api/").send().unwrap();

        assert_eq!(response.header("etag"), Some("one"));
        assert_eq!(response.header("x-sum"), Some("3"));
        assert_eq!(response.header("absent"), None);
    }

    #[test]
    fn the_query_of_a_url_is_in_no_message() {
        let host = FakeHost::new().fails("GET http://api/?key=s3cr3t", HostError::TimedOut).host();

        assert_eq!(
            host.http().get("http://api/?key=s3cr3t").send(),
            Err(Failure::of_call("GET http://api/", HostError::TimedOut)),
        );
    }

    #[test]
    fn a_body_that_is_no_json_is_invalid_input() {
        let fake = FakeHost::new().answer("GET http://api/", Answer::text(200, "<html>"));

        let response = fake.host().http().get("http://api/").send().unwrap();

        assert_eq!(
            response.json::<Value>(),
            Err(Failure::invalid_input(
                "GET http://api/: the body is not the JSON expected: expected value at line 1 column 1"
            )),
        );
    }

    #[test]
    fn what_no_answer_was_prepared_for_is_denied() {
        assert_eq!(
            FakeHost::new().host().http().get("http://api/").send(),
            Err(Failure::of_call("GET http://api/", HostError::Denied)),
        );
    }
}
