//! `wasi:sockets` and `wasi:http`.

use std::net::SocketAddr;

use schemars::JsonSchema;
use serde::Deserialize;
use wasip2::http::outgoing_handler;
use wasip2::http::types::{Fields, Method, OutgoingBody, OutgoingRequest, Scheme};
use wasip2::io::streams::StreamError;
use wasip2::sockets::instance_network::instance_network;
use wasip2::sockets::ip_name_lookup::resolve_addresses;
use wasip2::sockets::network::{
    ErrorCode, IpAddressFamily, IpSocketAddress, Ipv4SocketAddress, Ipv6SocketAddress,
};
use wasip2::sockets::tcp::TcpSocket;
use wasip2::sockets::tcp_create_socket::create_tcp_socket;
use wasip2::sockets::udp::UdpSocket;
use wasip2::sockets::udp_create_socket::create_udp_socket;

use crate::Outcome;

/// Addresses are written `127.0.0.1:80` or `[::1]:80`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Socket {
    Connect(String),
    Bind(String),
    Listen(String),
    UdpBind(String),
    /// Binds to any port and names a peer.
    UdpPeer(String),
    Lookup(String),
}

/// A request. Its parts are handed over as they are.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Call {
    method: Option<String>,
    scheme: Option<String>,
    authority: Option<String>,
    path: Option<String>,
    #[serde(default)]
    headers: Vec<(String, String)>,
    #[serde(default)]
    trailers: Vec<(String, String)>,
}

impl Socket {
    pub(crate) fn make(&self) -> Outcome {
        let done = match self {
            Self::Connect(address) => with_tcp(address, connect),
            Self::Bind(address) => with_tcp(address, bind),
            Self::Listen(address) => with_tcp(address, |socket, address| {
                bind(socket, address)?;
                socket.start_listen()?;
                socket.subscribe().block();
                socket.finish_listen()
            }),
            Self::UdpBind(address) => with_udp(address, bind_udp),
            Self::UdpPeer(address) => with_udp(address, |socket, address| {
                bind_udp(socket, any(address))?;
                socket.stream(Some(address)).map(drop)
            }),
            Self::Lookup(name) => resolve_addresses(&instance_network(), name).and_then(|answers| {
                answers.subscribe().block();
                answers.resolve_next_address().map(drop)
            }),
        };
        done.map(|()| String::new()).map_err(|error| error.name().to_owned())
    }
}

fn with_tcp(
    address: &str,
    work: impl FnOnce(&TcpSocket, IpSocketAddress) -> Result<(), ErrorCode>,
) -> Result<(), ErrorCode> {
    let (family, address) = parse(address)?;
    work(&create_tcp_socket(family)?, address)
}

fn with_udp(
    address: &str,
    work: impl FnOnce(&UdpSocket, IpSocketAddress) -> Result<(), ErrorCode>,
) -> Result<(), ErrorCode> {
    let (family, address) = parse(address)?;
    work(&create_udp_socket(family)?, address)
}

fn connect(socket: &TcpSocket, address: IpSocketAddress) -> Result<(), ErrorCode> {
    socket.start_connect(&instance_network(), address)?;
    socket.subscribe().block();
    socket.finish_connect().map(drop)
}

fn bind(socket: &TcpSocket, address: IpSocketAddress) -> Result<(), ErrorCode> {
    socket.start_bind(&instance_network(), address)?;
    socket.subscribe().block();
    socket.finish_bind()
}

fn bind_udp(socket: &UdpSocket, address: IpSocketAddress) -> Result<(), ErrorCode> {
    socket.start_bind(&instance_network(), address)?;
    socket.subscribe().block();
    socket.finish_bind()
}

fn parse(address: &str) -> Result<(IpAddressFamily, IpSocketAddress), ErrorCode> {
    match address.parse().map_err(|_| ErrorCode::InvalidArgument)? {
        SocketAddr::V4(v4) => {
            let [a, b, c, d] = v4.ip().octets();
            let address = Ipv4SocketAddress { port: v4.port(), address: (a, b, c, d) };
            Ok((IpAddressFamily::Ipv4, IpSocketAddress::Ipv4(address)))
        }
        SocketAddr::V6(v6) => {
            let [a, b, c, d, e, f, g, h] = v6.ip().segments();
            let address = Ipv6SocketAddress {
                port: v6.port(),
                flow_info: 0,
                address: (a, b, c, d, e, f, g, h),
                scope_id: v6.scope_id(),
            };
            Ok((IpAddressFamily::Ipv6, IpSocketAddress::Ipv6(address)))
        }
    }
}

fn any(like: IpSocketAddress) -> IpSocketAddress {
    match like {
        IpSocketAddress::Ipv4(_) => {
            IpSocketAddress::Ipv4(Ipv4SocketAddress { port: 0, address: (0, 0, 0, 0) })
        }
        IpSocketAddress::Ipv6(_) => IpSocketAddress::Ipv6(Ipv6SocketAddress {
            port: 0,
            flow_info: 0,
            address: (0, 0, 0, 0, 0, 0, 0, 0),
            scope_id: 0,
        }),
    }
}

impl Call {
    pub(crate) fn make(&self) -> Outcome {
        let request = OutgoingRequest::new(fields(&self.headers)?);
        let method = match self.method.as_deref().unwrap_or("GET") {
            "GET" => Method::Get,
            "POST" => Method::Post,
            "CONNECT" => Method::Connect,
            "TRACE" => Method::Trace,
            other => Method::Other(other.to_owned()),
        };
        let scheme = match self.scheme.as_deref().unwrap_or("http") {
            "http" => Scheme::Http,
            "https" => Scheme::Https,
            other => Scheme::Other(other.to_owned()),
        };
        request.set_method(&method).map_err(|()| "refused method".to_owned())?;
        request.set_scheme(Some(&scheme)).map_err(|()| "refused scheme".to_owned())?;
        request.set_authority(self.authority.as_deref()).map_err(|()| "refused authority".to_owned())?;
        request.set_path_with_query(self.path.as_deref()).map_err(|()| "refused path".to_owned())?;
        let body = request.body().map_err(|()| "refused body".to_owned())?;
        let trailers = if self.trailers.is_empty() { None } else { Some(fields(&self.trailers)?) };
        let future = outgoing_handler::handle(request, None).map_err(|error| error.to_string())?;
        OutgoingBody::finish(body, trailers).map_err(|error| error.to_string())?;
        future.subscribe().block();
        let response = future.get().ok_or("no response")?.map_err(|()| "response taken twice")?;
        let response = response.map_err(|error| error.to_string())?;
        let status = response.status();
        let body = response.consume().map_err(|()| "body taken twice")?;
        let stream = body.stream().map_err(|()| "stream taken twice")?;
        let mut bytes = Vec::new();
        loop {
            match stream.blocking_read(64 * 1024) {
                Ok(piece) => bytes.extend(piece),
                Err(StreamError::Closed) => break,
                Err(StreamError::LastOperationFailed(error)) => return Err(error.to_debug_string()),
            }
        }
        Ok(format!("{status} {}", String::from_utf8_lossy(&bytes).trim_end()))
    }
}

fn fields(list: &[(String, String)]) -> Result<Fields, String> {
    let fields = Fields::new();
    for (name, value) in list {
        fields.append(name, value.as_bytes()).map_err(|error| format!("header refused: {error}"))?;
    }
    Ok(fields)
}
