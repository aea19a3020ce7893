//! `runner:plugin/http` and `runner:plugin/tcp`.

use std::time::Duration;

use ::http::HeaderMap;
use bytes::Bytes;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::{Instant, timeout_at},
};
use tokio_rustls::client::TlsStream;
use wasmtime::{Result, component::Resource};

use super::{
    dialer::Destination,
    exchange::{Incoming, Outgoing},
    grant::canonical_host,
    tls::Purpose,
};
use crate::{
    Capability,
    host::{
        Context, Meter, Problem,
        bindings::runner::plugin::{
            http::{self, Header, Request, Response},
            tcp::{self, TlsFacts},
            types::HostError,
        },
        reason,
    },
    secrets::Secret,
};

/// For a guest that names no time.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);
/// For a guest that names no length.
const DEFAULT_BODY: u64 = 1 << 20;
/// Most bytes of one `read`.
const MAX_READ: u32 = 1 << 20;
/// Most connections open at once in one plugin call.
const MAX_CONNECTIONS: usize = 16;

/// An open connection of a guest.
pub struct Connection {
    stream: Stream,
    timeout: Duration,
    meter: Meter,
}

enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
    /// TLS without verification has shown its certificate; there is nothing more to do with it.
    LookedAt,
    /// A handshake failed.
    Broken,
}

impl http::Host for Context {
    async fn send(&mut self, request: Request) -> Result<Result<Response, HostError>> {
        let sent = self.send_http(request).await;
        Ok(self.answer(sent))
    }
}

impl Context {
    async fn send_http(&mut self, request: Request) -> Result<Response, Problem> {
        self.charge()?;
        let mut outgoing = Outgoing::new(&request.method, &request.url)?;
        for header in &request.headers {
            outgoing.header(&header.name, &header.value, false)?;
        }
        let mut used = Vec::new();
        for header in &request.secret_headers {
            let gone = |_| Problem::Invalid("the secret's handle is not valid".to_owned());
            let secret = self.table.get(&header.secret).map_err(gone)?;
            let mut value = header.prefix.clone().into_bytes();
            value.extend_from_slice(secret.bytes());
            outgoing.header(&header.name, &value, true)?;
            used.push(secret.clone());
        }
        outgoing.body = Bytes::from(request.body);
        // Never more than the guest could hold.
        outgoing.max_body = request.max_body_bytes.map_or(DEFAULT_BODY, u64::from).min(self.limits.memory);
        let deadline = self.deadline_in(request.timeout_ms);
        if !matches!(request.method.as_str(), "GET" | "HEAD" | "OPTIONS") {
            self.grants.rules().network.covers_http(&request.method, outgoing.url())?;
            self.not_rehearsed(|| format!("{} {}", request.method, request.url))?;
        }
        let response =
            self.dialer.send(&self.grants.rules().network, outgoing, deadline, self.booking()).await?;
        // A server that sends back what it was sent would hand the guest what only the host may know.
        Ok(shown(response, &used))
    }

    /// What the other side would answer cannot be known, so a rehearsal ends here.
    fn not_rehearsed(&self, what: impl FnOnce() -> String) -> Result<(), Problem> {
        if self.ledger.instead(what) {
            return Err(Problem::Unavailable("not sent: this is a rehearsal".to_owned()));
        }
        Ok(())
    }

    fn deadline_in(&self, milliseconds: Option<u32>) -> Instant {
        let timeout = milliseconds.map_or(DEFAULT_TIMEOUT, |ms| Duration::from_millis(ms.into()));
        self.deadline.min(Instant::now() + timeout)
    }
}

fn shown(response: Incoming, used: &[Secret]) -> Response {
    let masked = |bytes: Vec<u8>| used.iter().fold(bytes, |bytes, secret| secret.mask().redact_bytes(bytes));
    let list = |headers: &HeaderMap| {
        headers
            .iter()
            .map(|(name, value)| Header { name: name.to_string(), value: masked(value.as_bytes().to_vec()) })
            .collect()
    };
    Response {
        status: response.status.as_u16(),
        headers: list(&response.headers),
        trailers: list(&response.trailers),
        body: masked(response.body),
        elapsed_us: u64::try_from(response.elapsed.as_micros()).unwrap_or(u64::MAX),
    }
}

impl tcp::Host for Context {
    async fn connect(
        &mut self,
        host: String,
        port: u16,
        timeout_ms: Option<u32>,
    ) -> Result<Result<Resource<Connection>, HostError>> {
        let connected = self.connect_tcp(&host, port, timeout_ms).await;
        Ok(match self.answer(connected) {
            Ok(connection) => Ok(self.table.push(connection)?),
            Err(error) => Err(error),
        })
    }
}

impl Context {
    async fn connect_tcp(
        &mut self,
        host: &str,
        port: u16,
        timeout_ms: Option<u32>,
    ) -> Result<Connection, Problem> {
        self.charge()?;
        let canonical = canonical_host(host).map_err(Problem::Invalid)?;
        let rule = self.grants.rules().network.covers_tcp(host, port)?;
        self.not_rehearsed(|| format!("connect to {host}:{port}"))?;
        if self.connections >= MAX_CONNECTIONS {
            return Err(Problem::BudgetExceeded(format!("more than {MAX_CONNECTIONS} connections at once")));
        }
        let to = Destination {
            capability: Capability::Tcp,
            rule,
            used: rule.as_used(),
            host: &canonical,
            port,
            booking: self.booking(),
        };
        let (stream, meter) = self.dialer.connect(&to, self.deadline_in(timeout_ms)).await?;
        self.connections += 1;
        let timeout = timeout_ms.map_or(DEFAULT_TIMEOUT, |ms| Duration::from_millis(ms.into()));
        Ok(Connection { stream: Stream::Plain(stream), timeout, meter })
    }
}

impl tcp::HostConnection for Context {
    async fn write(
        &mut self,
        connection: Resource<Connection>,
        data: Vec<u8>,
    ) -> Result<Result<(), HostError>> {
        let charged = self.charge();
        let step_deadline = self.deadline;
        let connection = self.table.get_mut(&connection)?;
        let written = match charged {
            Ok(()) => connection.write(&data, step_deadline).await,
            Err(problem) => Err(problem),
        };
        Ok(self.answer(written))
    }

    async fn read(
        &mut self,
        connection: Resource<Connection>,
        max: u32,
    ) -> Result<Result<Vec<u8>, HostError>> {
        let charged = self.charge();
        let step_deadline = self.deadline;
        let connection = self.table.get_mut(&connection)?;
        let read = match charged {
            Ok(()) => connection.read(max, step_deadline).await,
            Err(problem) => Err(problem),
        };
        Ok(self.answer(read))
    }

    async fn start_tls(
        &mut self,
        connection: Resource<Connection>,
        server_name: String,
        verify: bool,
    ) -> Result<Result<TlsFacts, HostError>> {
        let charged = self.charge();
        let dialer = std::sync::Arc::clone(&self.dialer);
        let step_deadline = self.deadline;
        let connection = self.table.get_mut(&connection)?;
        let purpose = if verify { Purpose::Talk } else { Purpose::Look };
        let started = match charged {
            Ok(()) => {
                let deadline = step_deadline.min(Instant::now() + connection.timeout);
                match connection.take_plain() {
                    Ok(stream) => match dialer.start_tls(stream, &server_name, purpose, deadline).await {
                        Ok(stream) => Ok(connection.facts(stream, purpose)),
                        Err(problem) => Err(problem),
                    },
                    Err(problem) => Err(problem),
                }
            }
            Err(problem) => Err(problem),
        };
        Ok(self.answer(started))
    }

    async fn drop(&mut self, connection: Resource<Connection>) -> Result<()> {
        drop(self.table.delete(connection)?);
        self.connections = self.connections.saturating_sub(1);
        Ok(())
    }
}

impl Connection {
    async fn write(&mut self, data: &[u8], step_deadline: Instant) -> Result<(), Problem> {
        let deadline = step_deadline.min(Instant::now() + self.timeout);
        let written = match &mut self.stream {
            Stream::Plain(stream) => timeout_at(deadline, stream.write_all(data)).await,
            Stream::Tls(stream) => {
                timeout_at(deadline, async {
                    stream.write_all(data).await?;
                    stream.flush().await
                })
                .await
            }
            Stream::LookedAt | Stream::Broken => return Err(self.no_stream()),
        };
        written.map_err(|_| Problem::TimedOut)?.map_err(|error| Problem::Unavailable(reason(&error)))?;
        self.meter.sent(data.len());
        Ok(())
    }

    async fn read(&mut self, max: u32, step_deadline: Instant) -> Result<Vec<u8>, Problem> {
        if max == 0 {
            return Err(Problem::Invalid("`max` must be above 0".to_owned()));
        }
        let deadline = step_deadline.min(Instant::now() + self.timeout);
        let most = max.min(MAX_READ);
        let mut buffer = Vec::with_capacity(most.min(64 * 1024) as usize);
        let read = match &mut self.stream {
            Stream::Plain(stream) => {
                timeout_at(deadline, stream.take(most.into()).read_buf(&mut buffer)).await
            }
            Stream::Tls(stream) => timeout_at(deadline, stream.take(most.into()).read_buf(&mut buffer)).await,
            Stream::LookedAt | Stream::Broken => return Err(self.no_stream()),
        };
        read.map_err(|_| Problem::TimedOut)?.map_err(|error| Problem::Unavailable(reason(&error)))?;
        self.meter.received(buffer.len());
        Ok(buffer)
    }

    fn no_stream(&self) -> Problem {
        match self.stream {
            Stream::LookedAt => Problem::Invalid(
                "this connection took any certificate: it is for looking at the certificate, not for talking"
                    .to_owned(),
            ),
            Stream::Broken | Stream::Plain(_) | Stream::Tls(_) => {
                Problem::Unavailable("the TLS handshake failed; connect again".to_owned())
            }
        }
    }

    fn take_plain(&mut self) -> Result<TcpStream, Problem> {
        match std::mem::replace(&mut self.stream, Stream::Broken) {
            Stream::Plain(stream) => Ok(stream),
            other @ (Stream::Tls(_) | Stream::LookedAt) => {
                self.stream = other;
                Err(Problem::Invalid("the connection is TLS already".to_owned()))
            }
            Stream::Broken => Err(self.no_stream()),
        }
    }

    fn facts(&mut self, stream: TlsStream<TcpStream>, purpose: Purpose) -> TlsFacts {
        let (_, session) = stream.get_ref();
        let facts = TlsFacts {
            protocol: match session.protocol_version() {
                Some(rustls::ProtocolVersion::TLSv1_2) => "TLSv1.2".to_owned(),
                _ => "TLSv1.3".to_owned(),
            },
            certificates: session
                .peer_certificates()
                .unwrap_or_default()
                .iter()
                .map(|certificate| certificate.to_vec())
                .collect(),
        };
        self.stream = match purpose {
            Purpose::Look => Stream::LookedAt,
            Purpose::Http | Purpose::Talk => Stream::Tls(Box::new(stream)),
        };
        facts
    }
}
