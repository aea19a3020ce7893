//! One HTTP request, one response, one connection.

use std::time::Duration;

use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, StatusCode,
    header::{self, HOST, USER_AGENT},
};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::{Instant, timeout_at},
};
use url::Url;

use super::{
    NetworkGrant, NetworkRule,
    counted::Counted,
    dialer::{Destination, Dialer},
    grant::canonical_host,
    tls::Purpose,
};
use crate::{
    Capability, Rule,
    host::{Booking, Problem},
};

/// Longest head of a response: status line and headers.
const MAX_HEAD: usize = 64 * 1024;
/// Most headers of a request or response.
pub(crate) const MAX_HEADERS: usize = 100;
/// Headers that say how the message is framed or routed: the host's own.
const RESERVED: [HeaderName; 12] = [
    header::HOST,
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::TRANSFER_ENCODING,
    header::TE,
    header::TRAILER,
    header::UPGRADE,
    header::EXPECT,
    header::PROXY_AUTHORIZATION,
    HeaderName::from_static("proxy-connection"),
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("http2-settings"),
];

/// A request that is well formed and not yet allowed.
pub(crate) struct Outgoing {
    method: Method,
    url: Url,
    /// Canonical, without brackets.
    host: String,
    port: u16,
    headers: HeaderMap,
    /// The body.
    pub(crate) body: Bytes,
    /// Longest response body to accept.
    pub(crate) max_body: u64,
}

/// A response, whole.
#[derive(Debug)]
pub(crate) struct Incoming {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) trailers: HeaderMap,
    pub(crate) body: Vec<u8>,
    pub(crate) elapsed: Duration,
}

/// By what right a request is sent.
pub(crate) struct Right<'a> {
    /// For the refusal.
    pub(crate) capability: Capability,
    /// The rule that judges the addresses.
    pub(crate) rule: &'a NetworkRule,
    /// The rule that is used, as its author wrote it.
    pub(crate) used: Rule,
}

impl Outgoing {
    /// Where it goes.
    pub(crate) fn url(&self) -> &Url {
        &self.url
    }

    /// Reads method and URL into their one canonical spelling.
    pub(crate) fn new(method: &str, url: &str) -> Result<Self, Problem> {
        let invalid = |text: String| Err(Problem::Invalid(text));
        if method.is_empty() || !method.bytes().all(|sign| sign.is_ascii_uppercase()) {
            return invalid("the method must be a word in capitals, as `GET`".to_owned());
        }
        if matches!(method, "CONNECT" | "TRACE") {
            return invalid(format!("`{method}` is not offered"));
        }
        let Ok(method) = Method::from_bytes(method.as_bytes()) else {
            return invalid("the method is not one".to_owned());
        };
        // `Url` would silently drop or turn round what stands here; two readers of one URL must not differ.
        if url.bytes().any(|sign| sign <= b' ' || sign == 0x7f || sign == b'\\') {
            return invalid("the URL holds a space, a control character or `\\`".to_owned());
        }
        let mut url = match Url::parse(url) {
            Ok(url) => url,
            Err(error) => return invalid(format!("the URL cannot be read: {error}")),
        };
        if !matches!(url.scheme(), "http" | "https") {
            return invalid(format!("`{}` URLs are not offered, only `http` and `https`", url.scheme()));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return invalid("the URL holds user info; send a secret header instead".to_owned());
        }
        url.set_fragment(None);
        let host = match url.host_str().map(canonical_host) {
            Some(Ok(host)) if !host.is_empty() => host,
            Some(_) | None => return invalid("the URL names no host".to_owned()),
        };
        let port = url.port_or_known_default().unwrap_or(0);
        if port == 0 {
            return invalid("port 0 is not a port".to_owned());
        }
        Ok(Self { method, url, host, port, headers: HeaderMap::new(), body: Bytes::new(), max_body: 0 })
    }

    /// Adds a header.
    pub(crate) fn header(&mut self, name: &str, value: &[u8], secret: bool) -> Result<(), Problem> {
        let key = HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| Problem::Invalid("a header's name holds what a name cannot".to_owned()))?;
        if RESERVED.contains(&key) {
            return Err(Problem::Invalid(format!("the header `{key}` is the host's own")));
        }
        let mut value = HeaderValue::from_bytes(value).map_err(|_| {
            Problem::Invalid(format!("the value of the header `{key}` holds what a value cannot"))
        })?;
        if self.headers.len() >= MAX_HEADERS {
            return Err(Problem::Invalid(format!("a request has at most {MAX_HEADERS} headers")));
        }
        value.set_sensitive(secret);
        self.headers.append(key, value);
        Ok(())
    }

    fn authority(&self) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        match self.url.port() {
            Some(port) => format!("{host}:{port}"),
            None => host,
        }
    }

    fn into_request(mut self) -> Result<http::Request<Full<Bytes>>, Problem> {
        let target = match self.url.query() {
            Some(query) => format!("{}?{query}", self.url.path()),
            None => self.url.path().to_owned(),
        };
        let authority = self.authority();
        let mut request = http::Request::builder().method(self.method).uri(target);
        if let Some(headers) = request.headers_mut() {
            // `Host` first, as RFC 9110 wishes.
            headers.insert(
                HOST,
                HeaderValue::from_str(&authority).map_err(|_| Problem::Invalid("host".to_owned()))?,
            );
            if !self.headers.contains_key(USER_AGENT) {
                headers.insert(
                    USER_AGENT,
                    HeaderValue::from_static(concat!("runner/", env!("CARGO_PKG_VERSION"))),
                );
            }
            headers.extend(self.headers.drain());
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        request
            .body(Full::new(self.body))
            .map_err(|error| Problem::Invalid(format!("the request cannot be sent: {error}")))
    }
}

impl Dialer {
    /// Sends `request` if `grant` covers it. `deadline` stands over everything; the use is written down in `booking`.
    pub(crate) async fn send(
        &self,
        grant: &NetworkGrant,
        request: Outgoing,
        deadline: Instant,
        booking: Booking<'_>,
    ) -> Result<Incoming, Problem> {
        let rule = grant.covers_http(request.method.as_str(), &request.url)?;
        let right = Right { capability: Capability::Http, rule, used: rule.as_used() };
        self.send_by(right, request, deadline, booking).await
    }

    /// Sends `request` by a right that was found to cover it.
    pub(crate) async fn send_by(
        &self,
        right: Right<'_>,
        request: Outgoing,
        deadline: Instant,
        booking: Booking<'_>,
    ) -> Result<Incoming, Problem> {
        let Right { capability, rule, used } = right;
        let host = request.host.clone();
        let to = Destination { capability, rule, used, host: &host, port: request.port, booking };
        let tls = request.url.scheme() == "https";
        let max_body = request.max_body;
        let request = request.into_request()?;
        let start = Instant::now();
        let (stream, meter) = self.connect(&to, deadline).await?;
        let exchanged = if tls {
            let stream = self.start_tls(stream, &host, Purpose::Http, deadline).await?;
            timeout_at(deadline, exchange(Counted::new(stream, meter), request, max_body)).await
        } else {
            timeout_at(deadline, exchange(Counted::new(stream, meter), request, max_body)).await
        };
        let mut response = exchanged.map_err(|_| Problem::TimedOut)??;
        response.elapsed = start.elapsed();
        Ok(response)
    }
}

async fn exchange<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    stream: S,
    request: http::Request<Full<Bytes>>,
    max_body: u64,
) -> Result<Incoming, Problem> {
    let mut builder = http1::Builder::new();
    builder.max_buf_size(MAX_HEAD).max_headers(MAX_HEADERS);
    let (mut sender, connection) = builder
        .handshake(TokioIo::new(stream))
        .await
        .map_err(|error| broke_off("sending the request", &error))?;
    let answer = async {
        let response = sender
            .send_request(request)
            .await
            .map_err(|error| broke_off("waiting for the response", &error))?;
        let (head, mut body) = response.into_parts();
        if size(&head.headers) > MAX_HEAD {
            return Err(head_too_long());
        }
        let mut bytes = Vec::new();
        let mut trailers = HeaderMap::new();
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| broke_off("reading the response body", &error))?;
            match frame.into_data() {
                Ok(data) if (bytes.len() + data.len()) as u64 > max_body => {
                    return Err(Problem::BudgetExceeded(format!(
                        "the response body is longer than {max_body} bytes"
                    )));
                }
                Ok(data) => bytes.extend_from_slice(&data),
                Err(frame) => trailers.extend(frame.into_trailers().unwrap_or_default()),
            }
            if size(&trailers) > MAX_HEAD {
                return Err(head_too_long());
            }
        }
        Ok(Incoming {
            status: head.status,
            headers: head.headers,
            trailers,
            body: bytes,
            elapsed: Duration::ZERO,
        })
    };
    // The connection does the reading and writing for `answer`. Its own errors reach `answer` too, so its end alone
    // says nothing.
    let connection = async {
        drop(connection.await);
        std::future::pending::<std::convert::Infallible>().await
    };
    tokio::select! {
        biased;
        answer = answer => answer,
        never = connection => match never {},
    }
}

/// `hyper` bounds what it buffers, not exactly what it hands on.
fn size(headers: &HeaderMap) -> usize {
    headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum()
}

fn head_too_long() -> Problem {
    Problem::BudgetExceeded(format!(
        "the response has more than {MAX_HEADERS} headers or {MAX_HEAD} bytes of them"
    ))
}

fn broke_off(doing: &str, error: &hyper::Error) -> Problem {
    if error.is_parse_too_large() {
        return head_too_long();
    }
    let cause = std::error::Error::source(error).map(|source| format!(": {source}")).unwrap_or_default();
    Problem::Unavailable(format!("connected, but the exchange broke off {doing}: {error}{cause}"))
}
