//! The one place of the project that opens connections for guests.
//!
//! ```text
//! name -> rule -> resolve -> judge every address -> connect to a judged address -> TLS -> bytes
//! ```
//!
//! `runner:plugin/http`, `runner:plugin/tcp` and `wasi:http` all come here. (`wasi:sockets` asks
//! [`NetworkGrant::covers_address`](super::NetworkGrant::covers_address) before wasmtime connects.) One deadline stands over
//! all of it. Nothing is kept between two calls: no connection, no answer of a name server, no session ticket.

use std::{net::IpAddr, sync::Arc};

use rustls::RootCertStore;
use tokio::{
    net::TcpStream,
    time::{Instant, timeout_at},
};
use tokio_rustls::client::TlsStream;

use super::{
    NetworkRule,
    resolve::{MAX_ADDRESSES, Resolve, SystemResolver},
    tls::{Purpose, Tls},
};
use crate::{
    Capability, Refusal, Rule,
    host::{Booking, Meter, Problem, reason},
};

/// Opens connections, to judged addresses only.
pub struct Dialer {
    resolver: Arc<dyn Resolve>,
    tls: Tls,
}

/// Whom to connect to, and by what right.
pub(super) struct Destination<'a> {
    /// For the refusal.
    pub(super) capability: Capability,
    /// The rule that judges its addresses.
    pub(super) rule: &'a NetworkRule,
    /// The rule that is used, as its author wrote it.
    pub(super) used: Rule,
    /// Canonical name or address, without brackets.
    pub(super) host: &'a str,
    pub(super) port: u16,
    /// Where the use of the rule is written down.
    pub(super) booking: Booking<'a>,
}

impl Dialer {
    /// Uses the resolver and the root certificates of this machine.
    #[must_use]
    pub fn system() -> Self {
        Self { resolver: Arc::new(SystemResolver), tls: Tls::system() }
    }

    /// Uses another resolver and trusts `roots` only. For tests, and for machines with a certificate authority of their own.
    #[must_use]
    pub fn with(resolver: Arc<dyn Resolve>, roots: RootCertStore) -> Self {
        Self { resolver, tls: Tls::trusting(roots) }
    }

    /// Connects to the first judged address that answers. The rule counts as used once the addresses are judged, whoever
    /// answers then; the meter is for what is said on the connection.
    pub(super) async fn connect(
        &self,
        to: &Destination<'_>,
        deadline: Instant,
    ) -> Result<(TcpStream, Meter), Problem> {
        let addresses = self.judged_addresses(to, deadline).await?;
        let meter = to.booking.used(to.used.clone());
        let mut failed = Vec::new();
        for (index, address) in addresses.iter().enumerate() {
            // A silent address must leave time for those after it.
            let left = deadline.saturating_duration_since(Instant::now());
            let share = left / u32::try_from(addresses.len() - index).unwrap_or(u32::MAX);
            match timeout_at(Instant::now() + share, TcpStream::connect((*address, to.port))).await {
                Ok(Ok(stream)) => {
                    // Small writes go out at once: guests write whole messages.
                    drop(stream.set_nodelay(true));
                    return Ok((stream, meter));
                }
                Ok(Err(error)) => failed.push(format!("{address}: {}", reason(&error))),
                Err(_) if index + 1 == addresses.len() && failed.is_empty() => return Err(Problem::TimedOut),
                Err(_) => failed.push(format!("{address}: no answer")),
            }
        }
        Err(Problem::Unavailable(format!("no connection to port {}: {}", to.port, failed.join("; "))))
    }

    /// Makes `stream` a TLS connection.
    pub(super) async fn start_tls(
        &self,
        stream: TcpStream,
        server: &str,
        purpose: Purpose,
        deadline: Instant,
    ) -> Result<TlsStream<TcpStream>, Problem> {
        timeout_at(deadline, self.tls.start(stream, server, purpose)).await.map_err(|_| Problem::TimedOut)?
    }

    async fn judged_addresses(
        &self,
        to: &Destination<'_>,
        deadline: Instant,
    ) -> Result<Vec<IpAddr>, Problem> {
        let addresses = match to.host.parse::<IpAddr>() {
            Ok(address) => vec![address],
            Err(_) => timeout_at(deadline, self.resolver.resolve(to.host))
                .await
                .map_err(|_| Problem::TimedOut)?
                .map_err(|error| {
                    Problem::Unavailable(format!("`{}` does not resolve: {}", to.host, reason(&error)))
                })?,
        };
        if addresses.is_empty() {
            return Err(Problem::Unavailable(format!("`{}` does not resolve: no address", to.host)));
        }
        if addresses.len() > MAX_ADDRESSES {
            return Err(Problem::Unavailable(format!(
                "`{}` has more than {MAX_ADDRESSES} addresses",
                to.host
            )));
        }
        for address in &addresses {
            // One bad address spoils the answer: whoever mixes them means to be tried twice.
            to.rule.admits(*address).map_err(|message| {
                let paste =
                    message.contains("private").then(|| format!(r#"network: ["{} private"]"#, to.rule));
                Box::new(Refusal {
                    capability: to.capability,
                    request: format!("connect to `{}` port {}", to.host, to.port),
                    message,
                    grant: paste,
                })
            })?;
        }
        Ok(addresses)
    }
}
