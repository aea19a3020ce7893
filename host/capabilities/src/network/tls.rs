//! Whom to trust, and the one way not to.

use std::sync::{Arc, OnceLock};

use rustls::{
    ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::CryptoProvider,
    pki_types::{CertificateDer, ServerName, UnixTime},
};
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream};

use crate::host::Problem;

/// What a connection is going to be used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// HTTP/1.1.
    Http,
    /// Whatever the guest speaks.
    Talk,
    /// To look at the certificate, whoever signed it; no byte is exchanged afterwards.
    Look,
}

/// TLS with the root certificates of this machine, read when first needed.
pub(super) struct Tls {
    provider: Arc<CryptoProvider>,
    roots: OnceLock<Result<Arc<RootCertStore>, String>>,
}

impl Tls {
    pub(super) fn system() -> Self {
        Self { provider: Arc::new(rustls::crypto::ring::default_provider()), roots: OnceLock::new() }
    }

    pub(super) fn trusting(roots: RootCertStore) -> Self {
        Self { roots: OnceLock::from(Ok(Arc::new(roots))), ..Self::system() }
    }

    /// Makes `stream` a TLS connection to `server`.
    pub(super) async fn start(
        &self,
        stream: TcpStream,
        server: &str,
        purpose: Purpose,
    ) -> Result<TlsStream<TcpStream>, Problem> {
        let name = ServerName::try_from(server.to_owned())
            .map_err(|_| Problem::Invalid(format!("`{server}` is not a server name")))?;
        let config = self.config(purpose).map_err(Problem::Unavailable)?;
        TlsConnector::from(Arc::new(config)).connect(name, stream).await.map_err(|error| {
            Problem::Unavailable(format!("connected, but TLS with `{server}` failed: {error}"))
        })
    }

    fn config(&self, purpose: Purpose) -> Result<ClientConfig, String> {
        let builder = ClientConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?;
        let mut config = match purpose {
            Purpose::Http | Purpose::Talk => {
                builder.with_root_certificates(self.roots()?).with_no_client_auth()
            }
            Purpose::Look => builder
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(AnyCertificate(Arc::clone(&self.provider))))
                .with_no_client_auth(),
        };
        if purpose == Purpose::Http {
            config.alpn_protocols = vec![b"http/1.1".to_vec()];
        }
        Ok(config)
    }

    fn roots(&self) -> Result<Arc<RootCertStore>, String> {
        self.roots.get_or_init(load_roots).clone()
    }
}

/// How many certificate authorities this machine trusts, or why it has none.
///
/// # Errors
///
/// Without one, every `https` request fails.
pub fn system_roots() -> Result<usize, String> {
    load_roots().map(|roots| roots.len())
}

fn load_roots() -> Result<Arc<RootCertStore>, String> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    let (usable, _) = roots.add_parsable_certificates(found.certs);
    if usable > 0 {
        return Ok(Arc::new(roots));
    }
    let why = found.errors.first().map(|error| format!(" ({error})")).unwrap_or_default();
    Err(format!(
        "this machine has no root certificates to check a server with{why}; install `ca-certificates`"
    ))
}

/// Takes any certificate, but still wants proof that the other side holds its key.
#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _certificate: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
