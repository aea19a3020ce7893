//! A Docker Engine, and calls to it.
//!
//! An [`Engine`] says where an engine is and what is known of it: nothing is connected before the first call. Each call
//! gets a [`Session`], whose connections end with it, also if the call is cancelled. The engine is asked once which
//! version of its language it speaks, and every request names that version.
//!
//! `bollard` is named in this folder and in the files beside it that make its requests; grants are not known here.

mod trouble;
mod wire;

use std::{path::PathBuf, sync::Arc, time::Duration};

use bollard::{API_DEFAULT_VERSION, BollardRequest, ClientVersion, Docker, body_full, errors::Error};
use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::{Method, Request, Response, body::Incoming};
use tokio::{
    sync::OnceCell,
    time::{Instant, timeout_at},
};

pub(super) use self::trouble::Trouble;
use self::wire::Wire;
use crate::{DockerHost, host::Problem};

/// The oldest language that is spoken: that of Docker 19.03.
const OLDEST_API: (usize, usize) = (1, 40);
/// `bollard` has a timeout of its own, in whole seconds. Ours stands over every call.
const NO_TIMEOUT: u64 = 7 * 24 * 60 * 60;
/// Most of an error's text that is read.
const MAX_ERROR: usize = 64 << 10;

/// What of this machine matters to an engine's containers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Places {
    /// The pipeline's directory: relative paths start here. Absolute.
    pub directory: PathBuf,
    /// Where relative paths start on an engine's machine that is not this one.
    pub workdir: Option<String>,
    /// The runner's own state, which no container sees.
    pub state: Option<PathBuf>,
}

/// A Docker Engine that calls can be made to.
pub struct Engine {
    host: DockerHost,
    places: Places,
    ssh: PathBuf,
    facts: OnceCell<Facts>,
}

/// What an engine says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Facts {
    pub(super) version: String,
    pub(super) api: String,
    pub(super) platform: String,
}

/// One call to an engine. All its connections end with it.
pub(super) struct Session {
    engine: Arc<Engine>,
    pub(super) docker: Docker,
    wire: Arc<Wire>,
    /// When the call ends at the latest.
    pub(super) deadline: Instant,
}

impl Engine {
    /// An engine; nothing is connected yet.
    #[must_use]
    pub fn new(host: DockerHost, places: Places) -> Self {
        Self { host, places, ssh: PathBuf::from("ssh"), facts: OnceCell::new() }
    }

    /// As [`Engine::new`], with another `ssh` program.
    #[cfg(test)]
    pub(super) fn with_ssh(host: DockerHost, places: Places, ssh: &std::path::Path) -> Self {
        Self { ssh: ssh.to_owned(), ..Self::new(host, places) }
    }

    /// Where it is.
    pub(super) fn host(&self) -> &DockerHost {
        &self.host
    }

    /// What of this machine matters.
    pub(super) fn places(&self) -> &Places {
        &self.places
    }

    /// Whether paths of the engine are paths of this machine. A port of this machine may lead to another one; then a path
    /// that is not here either is refused rather than trusted.
    pub(super) fn is_local(&self) -> bool {
        match &self.host {
            DockerHost::Unix(_) => true,
            DockerHost::Ssh(_) => false,
            DockerHost::Tcp { host, .. } => {
                host == "localhost"
                    || host
                        .trim_matches(['[', ']'])
                        .parse::<std::net::IpAddr>()
                        .is_ok_and(|ip| ip.is_loopback())
            }
        }
    }

    /// Where it listens, if that is a path.
    pub(super) fn socket(&self) -> Option<&str> {
        match &self.host {
            DockerHost::Unix(path) => Some(path),
            DockerHost::Ssh(_) | DockerHost::Tcp { .. } => None,
        }
    }

    /// Says in one line which engine answers, within `most`.
    ///
    /// # Errors
    ///
    /// None does, or none that can be used; the text says what to do.
    pub async fn introduced(self: &Arc<Self>, most: Duration) -> Result<String, String> {
        match self.session(Instant::now() + most).await {
            Ok(session) => {
                let Facts { version, api, platform } = session.facts();
                Ok(format!("Docker Engine {version} ({platform}) at {}, API {api}", self.host))
            }
            Err(Trouble::Host(Problem::TimedOut)) => {
                Err(format!("{}: no answer within {} s", self.host, most.as_secs()))
            }
            Err(Trouble::Host(problem)) => Err(problem.to_string()),
            Err(Trouble::NotFound(text) | Trouble::Conflict(text) | Trouble::Failed(text)) => Err(text),
        }
    }

    /// Begins a call that ends at `deadline`.
    pub(super) async fn session(self: &Arc<Self>, deadline: Instant) -> Result<Session, Trouble> {
        self.session_with(deadline, None).await
    }

    /// As [`Engine::session`], with a login for a registry.
    pub(super) async fn session_with(
        self: &Arc<Self>,
        deadline: Instant,
        login: Option<hyper::header::HeaderValue>,
    ) -> Result<Session, Trouble> {
        let wire = Arc::new(Wire::new(self.host.clone(), &self.places.directory, &self.ssh));
        let sending = Arc::clone(&wire);
        let transport = move |request: BollardRequest| {
            let wire = Arc::clone(&sending);
            async move { wire.send(request).await }
        };
        let docker = Docker::connect_with_custom_transport(
            transport,
            Some("http://docker"),
            NO_TIMEOUT,
            API_DEFAULT_VERSION,
        )
        .map_err(|error| trouble::trouble(&self.host, "prepare a call", error))?;
        let docker = match login {
            // `bollard` writes it in another alphabet than engines read.
            Some(login) => docker.with_request_modifier(move |mut request| {
                request.headers_mut().insert("x-registry-auth", login.clone());
                request
            }),
            None => docker,
        };
        let session = Session { engine: Arc::clone(self), docker, wire, deadline };
        let facts = self.facts.get_or_try_init(|| session.introduce()).await?;
        session.wire.speak(&facts.api);
        Ok(session)
    }
}

impl Session {
    /// What the engine says of itself, if it is one that can be talked to.
    async fn introduce(&self) -> Result<Facts, Trouble> {
        let version = self.ask("say its version", self.docker.version()).await?;
        let (host, ours) = (&self.engine.host, API_DEFAULT_VERSION);
        let unusable =
            |why: String| Trouble::Host(Problem::Unavailable(format!("{host}: {why}; nothing was done")));
        let number = |text: Option<&str>| {
            let (major, minor) = text?.split_once('.')?;
            Some((major.parse::<usize>().ok()?, minor.parse::<usize>().ok()?))
        };
        let named = version.version.unwrap_or_default();
        let Some(theirs) = number(version.api_version.as_deref()) else {
            return Err(unusable(
                "what answers is no Docker Engine: it does not say which API it speaks".to_owned(),
            ));
        };
        if theirs < OLDEST_API {
            return Err(unusable(format!(
                "the Docker Engine is too old: version {named} speaks API {}.{}, and 1.40 (Docker 19.03) is needed; update it",
                theirs.0, theirs.1
            )));
        }
        let &ClientVersion { major_version, minor_version } = ours;
        if let Some(least) = number(version.min_api_version.as_deref())
            && least > (major_version, minor_version)
        {
            return Err(unusable(format!(
                "the Docker Engine is too new: version {named} speaks API {}.{} and later, and this runner knows {ours}",
                least.0, least.1
            )));
        }
        let api = theirs.min((major_version, minor_version));
        Ok(Facts {
            version: named,
            api: format!("{}.{}", api.0, api.1),
            platform: format!("{}/{}", version.os.unwrap_or_default(), version.arch.unwrap_or_default()),
        })
    }

    /// What the engine has said of itself.
    pub(super) fn facts(&self) -> Facts {
        match self.engine.facts.get() {
            Some(facts) => facts.clone(),
            None => unreachable!("a session is handed out once the engine has introduced itself"),
        }
    }

    /// Waits for an answer; `asked` says for what, as in "asked to …".
    pub(super) async fn ask<T>(
        &self,
        asked: &str,
        answer: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Trouble> {
        let answered = timeout_at(self.deadline, answer).await;
        answered
            .map_err(|_| Trouble::Host(Problem::TimedOut))?
            .map_err(|error| trouble::trouble(&self.engine.host, asked, error))
    }

    /// What an error of a stream means.
    pub(super) fn trouble(&self, asked: &str, error: Error) -> Trouble {
        trouble::trouble(&self.engine.host, asked, error)
    }

    /// What a broken body means.
    pub(super) fn broke_off(&self, asked: &str, error: &dyn std::error::Error) -> Trouble {
        trouble::broke_off(&self.engine.host, asked, error)
    }

    /// Asks for bytes that come bit by bit.
    pub(super) async fn raw(
        &self,
        asked: &str,
        method: Method,
        path: &str,
        body: Option<&serde_json::Value>,
    ) -> Result<Incoming, Trouble> {
        let bytes = body.map_or_else(Bytes::new, |body| Bytes::from(body.to_string()));
        let request = Request::builder().method(method).uri(path);
        let request =
            if body.is_some() { request.header("content-type", "application/json") } else { request };
        let request = request.body(body_full(bytes)).map_err(|error| self.trouble(asked, error.into()))?;
        let response: Response<Incoming> = self.ask(asked, self.wire.send(request)).await?;
        let status = response.status();
        if status.is_success() {
            return Ok(response.into_body());
        }
        let limited = http_body_util::Limited::new(response.into_body(), MAX_ERROR).collect();
        let text = timeout_at(self.deadline, limited).await.map_err(|_| Trouble::Host(Problem::TimedOut))?;
        let text = text.map_or_else(|_| Bytes::new(), http_body_util::Collected::to_bytes);
        let message = serde_json::from_slice::<serde_json::Value>(&text)
            .ok()
            .and_then(|value| Some(value.get("message")?.as_str()?.to_owned()));
        let message = message.unwrap_or_else(|| String::from_utf8_lossy(&text).into_owned());
        Err(trouble::of_status(status.as_u16(), message))
    }
}
