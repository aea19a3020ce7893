//! WASI 0.2 for guests whose language wants it: the same grants behind another door.
//!
//! Environment, files and connections come from the step's grants; stdin is closed, stdout and stderr become log lines;
//! there are no arguments. `wasi:http` goes through the one dialer. `wasi:sockets` may connect, over TCP, to addresses that
//! a `tcp://` rule names as addresses (or `localhost`): a name that is looked up by the guest could not be judged, so
//! name lookup always fails; UDP and listening are refused.

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context as TaskContext, Poll},
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use tokio::{
    io::AsyncWrite,
    sync::{OwnedSemaphorePermit, Semaphore},
    time::Instant,
};
use wasmtime::component::ResourceTable;
use wasmtime_wasi::{
    WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView,
    cli::{IsTerminal, StdoutStream},
    p2::{OutputStream, Pollable, StreamResult},
    sockets::SocketAddrUse,
};
use wasmtime_wasi_http::{
    Error as HttpError, RequestOptions, WasiBody, WasiHttpCtx, WasiHttpCtxView, WasiHttpHooks, WasiHttpView,
};

use super::{Booking, Context, Ledger, Problem, wasi_opens::Opens};
use crate::{
    GrantSet, Rule, RuleKind,
    clock::Time,
    filesystem::Preopens,
    log::{Level, MAX_LINE},
    network::{Dialer, exchange::Outgoing},
};

/// Longest list of bytes that a guest may ask of the random interfaces at once.
const MAX_RANDOM: u64 = 1 << 20;
/// Bytes of header fields a guest may hold in one resource.
const MAX_FIELDS: usize = 32 * 1024;
/// Longest body of a request or response through `wasi:http`; both are held whole.
const MAX_BODY: u64 = 16 << 20;
/// Most exchanges through `wasi:http` that are under way or whose response the guest has not let go of.
const MAX_EXCHANGES: usize = 16;

/// The part of a context that only WASI guests have.
pub(super) struct Wasi {
    ctx: WasiCtx,
    http: WasiHttpCtx,
    hooks: Hooks,
    opens: Opens,
    /// What a guest gets that has used up its calls: handles lead nowhere in it, so that its next call traps.
    spent: ResourceTable,
    /// Whether it has called since. Not every function takes a handle: the clock, say.
    overrun: bool,
    /// Kept as long as the guest may look at them.
    _preopens: Option<Preopens>,
}

impl Context {
    /// Adds what a component with WASI imports needs.
    ///
    /// # Errors
    ///
    /// Granted files cannot be made ready for it.
    pub fn with_wasi(mut self) -> io::Result<Self> {
        let mut builder = WasiCtxBuilder::new();
        builder.max_random_size(MAX_RANDOM).allow_tcp(true).allow_udp(false).allow_ip_name_lookup(false);
        builder.stdout(Capture::new(Level::Info, &self.ledger));
        builder.stderr(Capture::new(Level::Warn, &self.ledger));
        for (name, value) in self.env.iter() {
            builder.env(name, value);
        }
        let (grants, ledger, time) =
            (Arc::clone(&self.grants), Arc::clone(&self.ledger), Arc::clone(&self.time));
        builder.socket_addr_check(move |address, usage| {
            let booking = Booking { ledger: &ledger, at_ms: time.now_ms() };
            let allowed = may_use(&grants, booking, address, usage);
            Box::pin(async move { allowed })
        });
        let files = &self.grants.rules().filesystem;
        let preopens = match &self.tree {
            Some(tree) if !files.is_empty() => Some(Preopens::open(tree, files)?),
            Some(_) | None => None,
        };
        if let Some(preopens) = &preopens {
            preopens.add_to(&mut builder)?;
        }
        let mut http = WasiHttpCtx::new();
        http.set_field_size_limit(MAX_FIELDS);
        let hooks = Hooks {
            grants: Arc::clone(&self.grants),
            ledger: Arc::clone(&self.ledger),
            dialer: Arc::clone(&self.dialer),
            time: Arc::clone(&self.time),
            deadline: self.deadline,
            // Never more than the guest could hold.
            max_body: MAX_BODY.min(self.limits.memory),
            exchanges: Arc::new(Semaphore::new(MAX_EXCHANGES)),
        };
        let mut spent = ResourceTable::new();
        spent.set_max_capacity(0);
        let (ctx, opens) = (builder.build(), Opens::default());
        self.wasi =
            Some(Box::new(Wasi { ctx, http, hooks, opens, spent, overrun: false, _preopens: preopens }));
        Ok(self)
    }

    /// Whether a WASI function was called beyond the `calls` limit. Most of them cannot say so: whoever runs the guest has to
    /// look, while it runs and when it has answered.
    #[must_use]
    pub fn calls_overrun(&self) -> bool {
        self.wasi.as_ref().is_some_and(|wasi| wasi.overrun)
    }

    /// What the guest has open.
    pub(super) fn opens(&mut self) -> &mut Opens {
        let Some(wasi) = &mut self.wasi else {
            unreachable!("WASI is linked only where `with_wasi` was called");
        };
        &mut wasi.opens
    }

    /// The WASI part and the table to use; counts one host call.
    fn wasi(&mut self) -> (&mut WasiCtx, &mut WasiHttpCtx, &mut Hooks, &mut ResourceTable) {
        let spent = self.ledger.call().is_err();
        let Some(wasi) = &mut self.wasi else {
            unreachable!("WASI is linked only where `with_wasi` was called");
        };
        wasi.overrun |= spent;
        let table = if spent { &mut wasi.spent } else { &mut self.table };
        (&mut wasi.ctx, &mut wasi.http, &mut wasi.hooks, table)
    }
}

impl WasiView for Context {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        let (ctx, _, _, table) = self.wasi();
        WasiCtxView { ctx, table }
    }
}

impl WasiHttpView for Context {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        let (_, ctx, hooks, table) = self.wasi();
        WasiHttpCtxView { hooks, table, ctx }
    }
}

fn may_use(grants: &GrantSet, booking: Booking<'_>, address: SocketAddr, usage: SocketAddrUse) -> bool {
    match usage {
        SocketAddrUse::TcpConnect => {
            match grants.rules().network.covers_address(address.ip(), address.port()) {
                Ok(rule) => {
                    // wasmtime serves the connection itself: its bytes are not counted.
                    drop(booking.used(Rule::new(RuleKind::Network, rule.written())));
                    true
                }
                Err(refusal) => {
                    booking.ledger.refuse(*refusal);
                    false
                }
            }
        }
        // What the system does by itself before it connects.
        SocketAddrUse::TcpBind => address.ip().is_unspecified() && address.port() == 0,
        SocketAddrUse::TcpListen
        | SocketAddrUse::TcpAccept
        | SocketAddrUse::UdpBind
        | SocketAddrUse::UdpSend
        | SocketAddrUse::UdpReceive => false,
    }
}

/// Sends what a guest asks of `wasi:http`.
struct Hooks {
    grants: Arc<GrantSet>,
    ledger: Arc<Ledger>,
    dialer: Arc<Dialer>,
    time: Arc<dyn Time>,
    deadline: Instant,
    max_body: u64,
    exchanges: Arc<Semaphore>,
}

type Answer = (http::Response<WasiBody>, Box<dyn Future<Output = Result<(), HttpError>> + Send>);

impl WasiHttpHooks for Hooks {
    fn send_request(
        &mut self,
        request: http::Request<WasiBody>,
        options: Option<RequestOptions>,
        _processed: Box<dyn Future<Output = Result<(), HttpError>> + Send>,
    ) -> Box<dyn Future<Output = Result<Answer, HttpError>> + Send> {
        let (grants, ledger, dialer) =
            (Arc::clone(&self.grants), Arc::clone(&self.ledger), Arc::clone(&self.dialer));
        let deadline = self.deadline.min(Instant::now() + time_of(options));
        let (max_body, exchange) = (self.max_body, Arc::clone(&self.exchanges).try_acquire_owned());
        let at_ms = self.time.now_ms();
        Box::new(async move {
            // Bodies lie outside of the guest's memory: without this a guest could have thousands of them held for it.
            let exchange = exchange.map_err(|_| HttpError::ConnectionLimitReached)?;
            let booking = Booking { ledger: &ledger, at_ms };
            match send(&grants, &dialer, request, max_body, deadline, booking).await {
                Ok(response) => {
                    let response = response.map(|body| held(body, exchange));
                    let done: Box<dyn Future<Output = _> + Send> = Box::new(async { Ok(()) });
                    Ok((response, done))
                }
                Err(Problem::Denied(refusal)) => {
                    ledger.refuse(*refusal);
                    Err(HttpError::HttpRequestDenied)
                }
                Err(Problem::Unavailable(how_far)) => Err(HttpError::InternalError(Some(how_far))),
                Err(Problem::TimedOut) => Err(HttpError::ConnectionTimeout),
                Err(Problem::BudgetExceeded(_)) => Err(HttpError::HttpResponseBodySize(Some(max_body))),
                Err(Problem::Invalid(what)) => Err(HttpError::InternalError(Some(what))),
            }
        })
    }
}

/// All the times a guest may name, together: our deadline stands over the exchange as a whole.
fn time_of(options: Option<RequestOptions>) -> Duration {
    const UNNAMED: Duration = Duration::from_secs(10);
    let options = options.unwrap_or_default();
    let connect = options.connect_timeout.unwrap_or(UNNAMED);
    connect
        .saturating_add(options.first_byte_timeout.unwrap_or(UNNAMED))
        .min(Duration::from_secs(24 * 60 * 60))
}

async fn send(
    grants: &GrantSet,
    dialer: &Dialer,
    request: http::Request<WasiBody>,
    max_body: u64,
    deadline: Instant,
    booking: Booking<'_>,
) -> Result<http::Response<WasiBody>, Problem> {
    let (head, body) = request.into_parts();
    let mut outgoing = Outgoing::new(head.method.as_str(), &head.uri.to_string())?;
    for (name, value) in &head.headers {
        // Both are made anew from the URL and the body.
        if !matches!(*name, http::header::HOST | http::header::CONTENT_LENGTH) {
            outgoing.header(name.as_str(), value.as_bytes(), false)?;
        }
    }
    let limit = usize::try_from(max_body).unwrap_or(usize::MAX);
    let collected = tokio::time::timeout_at(deadline, Limited::new(body, limit).collect()).await;
    let body = collected
        .map_err(|_| Problem::TimedOut)?
        .map_err(|error| Problem::Invalid(format!("the request body cannot be sent: {error}")))?;
    if body.trailers().is_some() {
        return Err(Problem::Invalid("request trailers are not offered".to_owned()));
    }
    outgoing.body = body.to_bytes();
    outgoing.max_body = max_body;
    let response = dialer.send(&grants.rules().network, outgoing, deadline, booking).await?;
    let trailers = (!response.trailers.is_empty()).then_some(response.trailers);
    let body = Full::new(Bytes::from(response.body))
        .with_trailers(std::future::ready(trailers.map(Ok)))
        .map_err(|never| match never {})
        .boxed_unsync();
    let mut answer = http::Response::new(body);
    *answer.status_mut() = response.status;
    *answer.headers_mut() = response.headers;
    Ok(answer)
}

/// `body`, which counts as an exchange as long as anybody has it.
fn held(body: WasiBody, exchange: OwnedSemaphorePermit) -> WasiBody {
    body.map_frame(move |frame| {
        let _held = &exchange;
        frame
    })
    .boxed_unsync()
}

/// Stdout or stderr: what is written becomes log lines.
#[derive(Clone)]
struct Capture(Arc<Lines>);

struct Lines {
    level: Level,
    ledger: Arc<Ledger>,
    /// The line that has no end yet.
    rest: Mutex<Vec<u8>>,
}

impl Capture {
    fn new(level: Level, ledger: &Arc<Ledger>) -> Self {
        Self(Arc::new(Lines { level, ledger: Arc::clone(ledger), rest: Mutex::default() }))
    }
}

impl Lines {
    fn write(&self, bytes: &[u8]) {
        let mut rest = self.rest.lock().unwrap_or_else(PoisonError::into_inner);
        rest.extend_from_slice(bytes);
        // A line that never ends is shown in pieces.
        let end = match rest.iter().rposition(|byte| *byte == b'\n') {
            Some(newline) => newline + 1,
            None if rest.len() > MAX_LINE => rest.len(),
            None => return,
        };
        let whole: Vec<u8> = rest.drain(..end).collect();
        drop(rest);
        self.ledger.write(self.level, &String::from_utf8_lossy(&whole));
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        let rest = std::mem::take(self.rest.get_mut().unwrap_or_else(PoisonError::into_inner));
        if !rest.is_empty() {
            self.ledger.write(self.level, &String::from_utf8_lossy(&rest));
        }
    }
}

impl IsTerminal for Capture {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Capture {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

#[async_trait]
impl Pollable for Capture {
    async fn ready(&mut self) {}
}

#[async_trait]
impl OutputStream for Capture {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.0.write(&bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(64 * 1024)
    }
}

impl AsyncWrite for Capture {
    fn poll_write(self: Pin<&mut Self>, _: &mut TaskContext<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.0.write(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut TaskContext<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut TaskContext<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
#[path = "wasi_tests.rs"]
mod tests;
