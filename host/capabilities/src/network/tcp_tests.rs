//! Connections and TLS, against servers of our own.

use std::sync::Arc;

use rustls::{RootCertStore, ServerConfig, pki_types::PrivateKeyDer};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};
use tokio_rustls::TlsAcceptor;
use wasmtime::component::Resource;

use super::Connection;
use crate::{
    Capability, Refusal,
    host::{
        Context,
        bindings::runner::plugin::{
            http::{Host as _, Request},
            tcp::{Host as _, HostConnection as _},
            types::HostError,
        },
        testing::Builder,
    },
};

fn allowing(rules: Value) -> Builder {
    Builder::new(json!({ "network": rules }))
}

/// Sends back what it gets, until the other side closes.
async fn echo() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let (mut read, mut write) = stream.split();
                tokio::io::copy(&mut read, &mut write).await.ok();
            });
        }
    });
    port
}

/// A TLS server for `app.test` that answers every connection with an HTTP response, and its certificate.
async fn tls_server() -> (u16, Vec<u8>) {
    let issued = rcgen::generate_simple_self_signed(vec!["app.test".to_owned()]).unwrap();
    let certificate = issued.cert.der().clone();
    let key = PrivateKeyDer::try_from(issued.signing_key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(mut stream) = acceptor.accept(stream).await else { return };
                let mut buffer = [0; 1024];
                if stream.read(&mut buffer).await.is_ok_and(|read| read > 0) {
                    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await.ok();
                }
                stream.shutdown().await.ok();
            });
        }
    });
    (port, certificate.to_vec())
}

fn trusting(certificate: &[u8]) -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add(certificate.to_vec().into()).unwrap();
    roots
}

async fn connect(context: &mut Context, host: &str, port: u16) -> Result<Resource<Connection>, HostError> {
    context.connect(host.to_owned(), port, Some(5_000)).await.unwrap()
}

/// The same handle once more: the bindings lend it for each call.
fn lent(connection: &Resource<Connection>) -> Resource<Connection> {
    Resource::new_borrow(connection.rep())
}

fn get(url: String) -> Request {
    Request {
        method: "GET".to_owned(),
        url,
        headers: Vec::new(),
        secret_headers: Vec::new(),
        body: Vec::new(),
        timeout_ms: Some(5_000),
        max_body_bytes: None,
    }
}

#[tokio::test]
async fn bytes_go_out_and_come_back() {
    let port = echo().await;
    let mut context = allowing(json!([format!("tcp://127.0.0.1:{port}")])).build();
    let connection = connect(&mut context, "127.0.0.1", port).await.unwrap();
    assert_eq!(context.write(lent(&connection), b"PING\r\n".to_vec()).await.unwrap(), Ok(()));
    assert_eq!(context.read(lent(&connection), 4).await.unwrap(), Ok(b"PING".to_vec()));
    assert_eq!(context.read(lent(&connection), 100).await.unwrap(), Ok(b"\r\n".to_vec()));
    assert_eq!(
        context.read(lent(&connection), 0).await.unwrap(),
        Err(HostError::Invalid("`max` must be above 0".to_owned()))
    );
    tcp_drop(&mut context, connection).await;
}

async fn tcp_drop(context: &mut Context, connection: Resource<Connection>) {
    crate::host::bindings::runner::plugin::tcp::HostConnection::drop(context, connection).await.unwrap();
}

#[tokio::test]
async fn other_hosts_and_ports_are_denied() {
    let port = echo().await;
    let mut context = allowing(json!([
        format!("tcp://127.0.0.1:{}", port - 1),
        format!("GET http://127.0.0.1:{port}/*"),
        format!("tcp://app.test:{port}")
    ]))
    .name("app.test", &["10.0.0.1"])
    .build();
    assert!(matches!(connect(&mut context, "127.0.0.1", port).await, Err(HostError::Denied)));
    assert!(matches!(connect(&mut context, "app.test", port).await, Err(HostError::Denied)));
    let rules =
        format!("`tcp://127.0.0.1:{}`, `GET http://127.0.0.1:{port}/*`, `tcp://app.test:{port}`", port - 1);
    assert_eq!(
        context.ledger().finish().refusals,
        [
            Refusal {
                capability: Capability::Tcp,
                request: format!("tcp://127.0.0.1:{port}"),
                message: format!("none of its network rules covers this: {rules}"),
                grant: Some(format!(r#"network: ["tcp://127.0.0.1:{port}"]"#)),
            },
            Refusal {
                capability: Capability::Tcp,
                request: format!("connect to `app.test` port {port}"),
                message: format!(
                    "the name leads to 10.0.0.1, which is a private address; write `tcp://app.test:{port} private` to allow that"
                ),
                grant: Some(format!(r#"network: ["tcp://app.test:{port} private"]"#)),
            },
        ]
    );
}

#[tokio::test]
async fn connections_at_once_are_limited() {
    let port = echo().await;
    let mut context = allowing(json!([format!("tcp://127.0.0.1:{port}")])).build();
    let mut open = Vec::new();
    for _ in 0..16 {
        open.push(connect(&mut context, "127.0.0.1", port).await.unwrap());
    }
    let expected = HostError::BudgetExceeded("more than 16 connections at once".to_owned());
    assert_eq!(connect(&mut context, "127.0.0.1", port).await.map(|_| ()), Err(expected));
    tcp_drop(&mut context, open.remove(0)).await;
    assert!(connect(&mut context, "127.0.0.1", port).await.is_ok());
}

#[tokio::test]
async fn tls_tells_what_the_other_side_showed() {
    let (port, certificate) = tls_server().await;
    let mut context =
        allowing(json!([format!("tcp://127.0.0.1:{port}")])).roots(trusting(&certificate)).build();
    let connection = connect(&mut context, "127.0.0.1", port).await.unwrap();
    let facts = context.start_tls(lent(&connection), "app.test".to_owned(), true).await.unwrap().unwrap();
    assert_eq!((facts.protocol.as_str(), facts.certificates), ("TLSv1.3", vec![certificate]));
    assert_eq!(context.write(lent(&connection), b"x".to_vec()).await.unwrap(), Ok(()));
    let again = context.start_tls(lent(&connection), "app.test".to_owned(), true).await.unwrap();
    assert_eq!(again.map(|_| ()), Err(HostError::Invalid("the connection is TLS already".to_owned())));
}

#[tokio::test]
async fn an_untrusted_certificate_may_be_looked_at_and_not_talked_to() {
    let (port, certificate) = tls_server().await;
    let mut context = allowing(json!([format!("tcp://127.0.0.1:{port}")])).build();
    let strict = connect(&mut context, "127.0.0.1", port).await.unwrap();
    let refused = context.start_tls(lent(&strict), "app.test".to_owned(), true).await.unwrap();
    assert_eq!(
        refused.map(|_| ()),
        Err(HostError::Unavailable(
            "connected, but TLS with `app.test` failed: invalid peer certificate: UnknownIssuer".to_owned()
        ))
    );
    assert_eq!(
        context.read(lent(&strict), 1).await.unwrap(),
        Err(HostError::Unavailable("the TLS handshake failed; connect again".to_owned()))
    );

    let curious = connect(&mut context, "127.0.0.1", port).await.unwrap();
    let facts = context.start_tls(lent(&curious), "other.test".to_owned(), false).await.unwrap().unwrap();
    assert_eq!(facts.certificates, [certificate]);
    assert_eq!(
        context.write(lent(&curious), b"secret".to_vec()).await.unwrap(),
        Err(HostError::Invalid(
            "this connection took any certificate: it is for looking at the certificate, not for talking"
                .to_owned()
        ))
    );
}

#[tokio::test]
async fn https_checks_the_name_and_who_signed() {
    let (port, certificate) = tls_server().await;
    let rules = json!([
        format!("GET https://app.test:{port}/* private"),
        format!("GET https://other.test:{port}/* private")
    ]);
    let context = |roots: RootCertStore| {
        allowing(rules.clone())
            .name("app.test", &["127.0.0.1"])
            .name("other.test", &["127.0.0.1"])
            .roots(roots)
            .build()
    };
    let good = context(trusting(&certificate)).send(get(format!("https://app.test:{port}/"))).await.unwrap();
    assert_eq!(good.map(|response| response.body), Ok(b"ok".to_vec()));

    let unknown =
        context(RootCertStore::empty()).send(get(format!("https://app.test:{port}/"))).await.unwrap();
    assert_eq!(
        unknown.map(|response| response.status),
        Err(HostError::Unavailable(
            "connected, but TLS with `app.test` failed: invalid peer certificate: UnknownIssuer".to_owned()
        ))
    );
    let misnamed =
        context(trusting(&certificate)).send(get(format!("https://other.test:{port}/"))).await.unwrap();
    assert!(
        matches!(misnamed, Err(HostError::Unavailable(text)) if text.contains("not valid for name \"other.test\""))
    );
}
