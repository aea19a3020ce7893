//! Sending, and what the answer means.

use std::time::Duration;

use runner_plugin::host::{HttpRequest, Response};
use runner_plugin::text::shortened;
use runner_plugin::{Failure, Host};

/// Most times one message is sent because the receiver said "later".
const TRIES: u32 = 5;

/// How long a delivery may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// For connection and response together, of each request. None means 10 seconds.
    pub timeout_ms: Option<u32>,
    /// For all waits together that the receiver asks for.
    pub max_wait_ms: u32,
}

/// The usual `max_wait_ms`: a third of the time that a call has by default.
#[must_use]
pub fn max_wait_ms() -> u32 {
    10_000
}

/// Sends a request, and again if the receiver answers 429 or 503 with `Retry-After`: then nothing was delivered. All
/// waits together take at most `max_wait_ms`, and never longer than the step has; the step's `retry` is for the rest.
///
/// Every other status is a response: see [`accepted`].
///
/// # Errors
///
/// What [`HttpRequest::send`] fails with; `unavailable` when the receiver asks for more patience than there is.
pub fn deliver<'a, 's>(
    host: &Host,
    pace: Pace,
    request: impl Fn() -> HttpRequest<'a, 's>,
) -> Result<Response, Failure> {
    let send = || match pace.timeout_ms {
        Some(timeout) => request().timeout(Duration::from_millis(timeout.into())).send(),
        None => request().send(),
    };
    let mut left = Duration::from_millis(pace.max_wait_ms.into());
    for _ in 1..TRIES {
        let response = send()?;
        let Some(wait) = asks_to_wait(&response, host) else { return Ok(response) };
        if wait > left {
            return Err(Failure::unavailable(format!(
                "the receiver answered {} and asks to wait {} s; at most {} s are waited here (`max_wait_ms`), nothing was delivered",
                response.status,
                wait.as_secs_f64(),
                left.as_secs_f64()
            )));
        }
        host.log().info(format!(
            "the receiver answered {} and asks to wait {} s",
            response.status,
            wait.as_secs_f64()
        ));
        left -= wait;
        host.clock().sleep(wait);
    }
    send()
}

/// How long the receiver asks to be left alone, if it does.
fn asks_to_wait(response: &Response, host: &Host) -> Option<Duration> {
    if !matches!(response.status, 429 | 503) {
        return None;
    }
    let asked = response.header("retry-after")?.trim();
    if let Ok(seconds) = asked.parse::<f64>() {
        return Duration::try_from_secs_f64(seconds).ok();
    }
    let until = httpdate::parse_http_date(asked).ok()?;
    let until = until.duration_since(std::time::SystemTime::UNIX_EPOCH).ok()?;
    Some(until.saturating_sub(host.clock().now()))
}

/// Takes a status from 200 to 299 as delivered.
///
/// # Errors
///
/// [`refused`] for every other.
pub fn accepted(response: &Response) -> Result<(), Failure> {
    if response.is_success() { Ok(()) } else { Err(refused(response)) }
}

/// The failure that a status means: one to try again if the receiver may recover by itself.
#[must_use]
pub fn refused(response: &Response) -> Failure {
    let status = response.status;
    let said = String::from_utf8_lossy(&response.body);
    let said = match said.trim() {
        "" => String::new(),
        said => format!(": {}", shortened(said)),
    };
    let message = format!("the receiver answered {status}{said}");
    match status {
        429 | 500.. => Failure::unavailable(message),
        _ => Failure::invalid_input(message),
    }
}

/// Bytes as hexadecimal digits.
#[must_use]
pub fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
