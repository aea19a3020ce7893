//! One call: `grpc.health.v1.Health/Check` over HTTP/2.

use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use h2::RecvStream;
use h2::client::{Builder, Connection};
use http::{HeaderMap, Request};
use runner_plugin::Failure;
use runner_probe::{Wire, said};

use crate::Config;
use crate::message::{self, Word, nonsense};
use crate::stream::Stream;

/// Longest answer. The message has a few bytes.
const LONGEST: usize = 16 * 1024;

/// Most turns of the loop below. Each reads once or sends something; a server that needs more says nothing of use.
const TURNS: usize = 1_000;

/// What came of the call.
pub(crate) enum Answer {
    /// The service has said how it is.
    Serving(Word),
    /// The call failed, as gRPC says it.
    Refused(Status),
    /// The call failed before there was any gRPC.
    Http(u16),
}

/// How a call ended, in the words of gRPC.
pub(crate) struct Status {
    pub(crate) code: Code,
    pub(crate) message: String,
}

/// The code of a status.
pub(crate) struct Code {
    pub(crate) number: u16,
}

impl Code {
    pub(crate) fn name(&self) -> String {
        let names = [
            "OK",
            "CANCELLED",
            "UNKNOWN",
            "INVALID_ARGUMENT",
            "DEADLINE_EXCEEDED",
            "NOT_FOUND",
            "ALREADY_EXISTS",
            "PERMISSION_DENIED",
            "RESOURCE_EXHAUSTED",
            "FAILED_PRECONDITION",
            "ABORTED",
            "OUT_OF_RANGE",
            "UNIMPLEMENTED",
            "INTERNAL",
            "UNAVAILABLE",
            "DATA_LOSS",
            "UNAUTHENTICATED",
        ];
        names
            .get(usize::from(self.number))
            .map_or_else(|| format!("code {}", self.number), |&name| name.to_owned())
    }
}

/// Asks, and waits for the answer.
///
/// # Errors
///
/// As of [`Wire`]; `invalid-input` when what answers does not speak HTTP/2 or not gRPC; `invalid-config` when the name of the
/// server cannot be one.
pub(crate) fn check(config: &Config, wire: Wire<'_>) -> Result<Answer, Failure> {
    let failure = Rc::new(RefCell::new(None));
    let reason = |error: h2::Error| {
        let known = failure.borrow_mut().take();
        match known {
            Some(failure) => failure,
            // The other side has closed, in the middle of something.
            None if error.is_io() => {
                Failure::unavailable(format!("{} broke off before it answered", config.address))
            }
            None if error.is_remote() => {
                let why = said(error.to_string());
                Failure::unavailable(format!("{} does not take the call: {why}", config.address))
            }
            None => nonsense(&format!("HTTP/2: {}", said(error.to_string()))),
        }
    };
    let request = request(config)?;
    // With none of them remembered, streams that were reset need no clock, which there is none of.
    let handshake = Builder::new()
        .max_concurrent_reset_streams(0)
        .max_header_list_size(16 * 1024)
        .enable_push(false)
        .handshake::<_, Bytes>(Stream::new(wire, Rc::clone(&failure)));
    let (mut client, mut connection) = done(handshake).map_err(reason)?;
    let (response, mut body) = client.send_request(request, false).map_err(reason)?;
    body.send_data(Bytes::from(message::request(&config.service)), true).map_err(reason)?;
    let answer = async {
        let response = response.await?;
        let (head, mut stream) = response.into_parts();
        let data = whole(&mut stream).await?;
        let trailers = poll_fn(|context| stream.poll_trailers(context)).await?;
        Ok((head, data, trailers))
    };
    let (head, data, trailers) = drive(answer, &mut connection, config, reason)?;
    understood(head.status.as_u16(), &head.headers, &trailers.unwrap_or_default(), data.as_deref())
}

fn request(config: &Config) -> Result<Request<()>, Failure> {
    let authority = config.authority.clone().unwrap_or_else(|| config.address.to_string());
    Request::post(format!("http://{authority}/grpc.health.v1.Health/Check"))
        .version(http::Version::HTTP_2)
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .header("grpc-timeout", format!("{}m", config.timeout_ms.min(99_999_999)))
        .header("user-agent", concat!("runner-grpc-health/", env!("CARGO_PKG_VERSION")))
        .body(())
        .map_err(|_| Failure::invalid_config(format!("`{}` is no name of a server", said(&authority))))
}

/// All of a body; `None` if it is longer than an answer can be.
async fn whole(stream: &mut RecvStream) -> Result<Option<Vec<u8>>, h2::Error> {
    let mut data = Vec::new();
    while let Some(piece) = poll_fn(|context| stream.poll_data(context)).await {
        let piece = piece?;
        stream.flow_control().release_capacity(piece.len())?;
        if data.len() + piece.len() > LONGEST {
            return Ok(None);
        }
        data.extend_from_slice(&piece);
    }
    Ok(Some(data))
}

/// A future that has nothing to wait for: writing waits by itself.
fn done<T>(future: impl Future<Output = Result<T, h2::Error>>) -> Result<T, h2::Error> {
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(result) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return result;
        }
    }
}

/// Lets the connection work until there is an answer.
fn drive<T>(
    answer: impl Future<Output = Result<T, h2::Error>>,
    connection: &mut Connection<Stream<'_>, Bytes>,
    config: &Config,
    reason: impl Fn(h2::Error) -> Failure,
) -> Result<T, Failure> {
    let mut answer = pin!(answer);
    let mut context = Context::from_waker(Waker::noop());
    let mut is_over = false;
    for _ in 0..TURNS {
        if let Poll::Ready(result) = answer.as_mut().poll(&mut context) {
            return result.map_err(reason);
        }
        if is_over {
            return Err(Failure::unavailable(format!("{} broke off before it answered", config.address)));
        }
        match pin!(&mut *connection).poll(&mut context) {
            Poll::Ready(Err(error)) => return Err(reason(error)),
            Poll::Ready(Ok(())) => is_over = true,
            Poll::Pending => {}
        }
    }
    Err(nonsense("the server sends and sends, and never an answer"))
}

/// What the parts of a response say together.
fn understood(
    http: u16,
    headers: &HeaderMap,
    trailers: &HeaderMap,
    data: Option<&[u8]>,
) -> Result<Answer, Failure> {
    let text = |headers: &HeaderMap, name: &str| {
        headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
    };
    // Without a body everything stands in the headers.
    let either = |name: &str| text(trailers, name).or_else(|| text(headers, name));
    if http != 200 && either("grpc-status").is_none() {
        return Ok(Answer::Http(http));
    }
    let kind = text(headers, "content-type").unwrap_or_default();
    if !kind.starts_with("application/grpc") {
        return Err(nonsense(&format!("its content type is `{}`, not `application/grpc`", said(&kind))));
    }
    let Some(status) = either("grpc-status") else {
        return Err(nonsense("it ends without a `grpc-status`"));
    };
    let Ok(number) = status.parse() else {
        return Err(nonsense(&format!("its `grpc-status` is `{}`", said(&status))));
    };
    if number != 0 {
        let message = either("grpc-message").unwrap_or_default();
        return Ok(Answer::Refused(Status { code: Code { number }, message: unescaped(&message) }));
    }
    let data = data.ok_or_else(|| nonsense(&format!("it is longer than {LONGEST} bytes")))?;
    message::response(data).map(Answer::Serving)
}

/// gRPC writes what is not ASCII in a message as `%C3%A4`.
fn unescaped(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let digits = after.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        let byte = digits.filter(|_| first == b'%').and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(byte.unwrap_or(first));
        rest = if byte.is_some() { &after[2..] } else { after };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
