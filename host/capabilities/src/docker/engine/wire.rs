//! Connections to an engine: one for each request, so that none outlives its call.
//!
//! This is the only place that opens the socket of an engine. A connection is driven by a task of its own; the tasks are
//! kept in the [`Wire`] and end with it, and so does the `ssh` behind them.

use std::{
    io,
    net::Shutdown,
    os::fd::OwnedFd,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::Duration,
};

use bollard::BollardRequest;
use hyper::{
    Response, Uri,
    body::Incoming,
    client::conn::http1,
    header::{HOST, HeaderValue},
};
use hyper_util::rt::TokioIo;
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject as _},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite},
    net::{TcpStream, UnixStream},
    task::JoinSet,
};
use tokio_rustls::TlsConnector;

use super::trouble::Unreachable;
use crate::{DockerHost, TlsFiles};

/// For `ssh` to reach its host, in seconds.
const SSH_CONNECT: &str = "ConnectTimeout=10";
/// Most that is shown of what `ssh` says.
const SSH_WORDS: u64 = 2048;

/// The connections of one call.
pub(super) struct Wire {
    host: DockerHost,
    /// Where relative paths of certificates start.
    directory: PathBuf,
    /// The `ssh` program.
    ssh: PathBuf,
    /// `/v1.41`, once it is known.
    prefix: OnceLock<String>,
    open: Mutex<JoinSet<()>>,
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// A stream to the engine, and what has to be kept for as long as it is in use.
struct Line {
    stream: Box<dyn Stream>,
    ssh: Option<Ssh>,
    /// Where `ssh` says what is wrong.
    words: Option<UnixStream>,
}

/// A running `ssh`, ended when it is dropped.
struct Ssh(Child);

impl Drop for Ssh {
    fn drop(&mut self) {
        // It may have ended by itself; what is killed is waited for, or it stays as a zombie.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

impl Wire {
    pub(super) fn new(host: DockerHost, directory: &Path, ssh: &Path) -> Self {
        Self {
            host,
            directory: directory.to_owned(),
            ssh: ssh.to_owned(),
            prefix: OnceLock::new(),
            open: Mutex::default(),
        }
    }

    /// From here on the engine is spoken to in this version of its language.
    pub(super) fn speak(&self, api: &str) {
        drop(self.prefix.set(format!("/v{api}")));
    }

    /// Sends one request on a connection of its own.
    pub(super) async fn send(
        &self,
        mut request: BollardRequest,
    ) -> Result<Response<Incoming>, bollard::errors::Error> {
        *request.uri_mut() = self.target(request.uri())?;
        request.headers_mut().insert(HOST, HeaderValue::from_static("docker"));
        let Line { stream, ssh, words } = self.connect().await?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        self.open.lock().unwrap_or_else(PoisonError::into_inner).spawn(async move {
            let _held = ssh;
            drop(connection.await);
        });
        match (sender.send_request(request).await, words) {
            (Err(error), Some(words)) => Err(self.ssh_failed(words, &error).await.into()),
            (answer, _) => Ok(answer?),
        }
    }

    /// Path and query alone, with the version in front: `bollard` 0.21 leaves it out.
    fn target(&self, uri: &Uri) -> Result<Uri, bollard::errors::Error> {
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        let prefix = self.prefix.get().filter(|_| !path.starts_with("/v1.")).map_or("", String::as_str);
        Ok(format!("{prefix}{path}").parse()?)
    }

    async fn connect(&self) -> Result<Line, Unreachable> {
        let plain = |stream| Line { stream, ssh: None, words: None };
        match &self.host {
            DockerHost::Unix(path) => match UnixStream::connect(path).await {
                Ok(stream) => Ok(plain(Box::new(stream))),
                Err(error) => Err(self.no_socket(&error)),
            },
            DockerHost::Tcp { host, port, tls } => {
                let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
                let stream = TcpStream::connect((bare, *port)).await.map_err(|error| self.silent(&error))?;
                match tls {
                    Some(files) => Ok(plain(self.encrypted(stream, bare, files).await?)),
                    None if stream.peer_addr().is_ok_and(|peer| peer.ip().is_loopback()) => {
                        Ok(plain(Box::new(stream)))
                    }
                    None => Err(Unreachable(format!(
                        "{}: without TLS an engine is asked on this machine only; give the target `ca`, `cert` and `key`, or go \
                         through `ssh://`",
                        self.host
                    ))),
                }
            }
            DockerHost::Ssh(alias) => self.through_ssh(alias),
        }
    }

    fn no_socket(&self, error: &io::Error) -> Unreachable {
        let host = &self.host;
        let kind = error.kind();
        if kind == io::ErrorKind::NotFound || kind == io::ErrorKind::ConnectionRefused {
            Unreachable(format!(
                "{host}: no Docker Engine listens there; start it (`systemctl start docker`), or say in `DOCKER_HOST` where it is"
            ))
        } else if kind == io::ErrorKind::PermissionDenied {
            Unreachable(format!(
                "{host}: this user may not talk to the Docker Engine; add it to the group that owns the socket (`usermod -aG docker \
                 $USER`)"
            ))
        } else {
            self.silent(error)
        }
    }

    fn silent(&self, error: &io::Error) -> Unreachable {
        Unreachable(format!("{}: the Docker Engine cannot be reached: {error}", self.host))
    }

    async fn encrypted(
        &self,
        stream: TcpStream,
        host: &str,
        files: &TlsFiles,
    ) -> Result<Box<dyn Stream>, Unreachable> {
        let config = self.certificates(files).map_err(|why| Unreachable(format!("{}: {why}", self.host)))?;
        let name = ServerName::try_from(host.to_owned())
            .map_err(|_| Unreachable(format!("{}: `{host}` is not the name of a server", self.host)))?;
        let stream = TlsConnector::from(Arc::new(config))
            .connect(name, stream)
            .await
            .map_err(|error| Unreachable(format!("{}: connected, but TLS failed: {error}", self.host)))?;
        Ok(Box::new(stream))
    }

    /// Read anew for each connection: they may be replaced while a long run goes on.
    fn certificates(&self, files: &TlsFiles) -> Result<ClientConfig, String> {
        let unreadable =
            |path: &str, error: &dyn std::fmt::Display| format!("`{path}` cannot be read: {error}");
        let ca = |error: &dyn std::fmt::Display| unreadable(&files.ca, error);
        let cert = |error: &dyn std::fmt::Display| unreadable(&files.cert, error);
        let mut roots = RootCertStore::empty();
        for root in
            CertificateDer::pem_file_iter(self.directory.join(&files.ca)).map_err(|error| ca(&error))?
        {
            roots.add(root.map_err(|error| ca(&error))?).map_err(|error| ca(&error))?;
        }
        let chain = CertificateDer::pem_file_iter(self.directory.join(&files.cert))
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(|error| cert(&error))?;
        let key = PrivateKeyDer::from_pem_file(self.directory.join(&files.key))
            .map_err(|error| unreadable(&files.key, &error))?;
        ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .with_root_certificates(roots)
            .with_client_auth_cert(chain, key)
            .map_err(|error| format!("`{}` and `{}` do not fit: {error}", files.cert, files.key))
    }

    /// The system's `ssh` carries the bytes: keys, known hosts and jumps are those of the user.
    fn through_ssh(&self, alias: &str) -> Result<Line, Unreachable> {
        let failed = |error: io::Error| {
            Unreachable(format!("{}: `ssh` cannot be started: {error}; install OpenSSH's client", self.host))
        };
        let (ours, theirs) = std::os::unix::net::UnixStream::pair().map_err(failed)?;
        let (words, their_words) = std::os::unix::net::UnixStream::pair().map_err(failed)?;
        words.shutdown(Shutdown::Write).map_err(failed)?;
        for stream in [&ours, &words] {
            stream.set_nonblocking(true).map_err(failed)?;
        }
        let child = Command::new(&self.ssh)
            .args(["-T", "-o", "BatchMode=yes", "-o", SSH_CONNECT, "--", alias])
            .args(["docker", "system", "dial-stdio"])
            .stdin(Stdio::from(OwnedFd::from(theirs.try_clone().map_err(failed)?)))
            .stdout(Stdio::from(OwnedFd::from(theirs)))
            .stderr(Stdio::from(OwnedFd::from(their_words)))
            .spawn()
            .map_err(failed)?;
        let ssh = Some(Ssh(child));
        let stream = Box::new(UnixStream::from_std(ours).map_err(failed)?);
        Ok(Line { stream, ssh, words: Some(UnixStream::from_std(words).map_err(failed)?) })
    }

    async fn ssh_failed(&self, words: UnixStream, error: &hyper::Error) -> Unreachable {
        let mut said = Vec::new();
        // `ssh` is gone, or goes with its connection; then this ends.
        drop(
            tokio::time::timeout(Duration::from_secs(2), words.take(SSH_WORDS).read_to_end(&mut said)).await,
        );
        let said = String::from_utf8_lossy(&said);
        let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
        let said = if said.is_empty() { error.to_string() } else { said };
        Unreachable(format!(
            "{}: `ssh` did not reach a Docker Engine: {said}; try `ssh -o BatchMode=yes HOST docker version` by hand",
            self.host
        ))
    }
}
