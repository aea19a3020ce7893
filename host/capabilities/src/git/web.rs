//! Git over HTTPS: requests through the one dialer, each judged like any other.
//!
//! Two requests make an exchange: `GET …/info/refs` and `POST …/git-upload-pack` or `…/git-receive-pack`. They go to the judged
//! address and nowhere else: no redirect is followed, and no proxy and no credential helper is asked.

use std::{
    io::{self, Cursor, Read, Write},
    sync::{Arc, Mutex, PoisonError},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use git2::transport::{Service, SmartSubtransportStream};
use http::{StatusCode, header::CONTENT_TYPE};
use tokio::{runtime::Handle, time::Instant};
use url::Url;

use super::{
    call::{Fault, Work},
    transfer::Credentials,
};
use crate::{
    Capability, Refusal, Rule,
    host::{Booking, Ledger, Problem},
    network::{
        Dialer, NetworkRule,
        exchange::{self, Incoming, Outgoing},
    },
};

/// Longest pack, in either direction: all of it is in memory.
const MAX_PACK: usize = 256 << 20;

/// By what right a remote is talked to.
pub(super) struct Right {
    /// Judges the addresses.
    pub(super) judge: NetworkRule,
    /// What counts as used.
    pub(super) used: Rule,
}

/// A repository over HTTPS.
pub(super) struct Web {
    dialer: Arc<Dialer>,
    ledger: Arc<Ledger>,
    now_ms: u64,
    deadline: Instant,
    runtime: Handle,
    base: Url,
    right: Right,
    credentials: Option<Credentials>,
    /// Why a request failed: libgit2 keeps no more than a text.
    problem: Mutex<Option<Fault>>,
}

impl Web {
    /// To be called on a thread of the runtime.
    pub(super) fn new(work: &Work, base: Url, right: Right, credentials: Option<Credentials>) -> Self {
        Self {
            dialer: Arc::clone(&work.dialer),
            ledger: Arc::clone(&work.ledger),
            now_ms: work.now_ms,
            deadline: Instant::from_std(work.deadline),
            runtime: Handle::current(),
            base,
            right,
            credentials,
            problem: Mutex::default(),
        }
    }

    /// Why it failed, if it did.
    pub(super) fn problem(&self) -> Option<Fault> {
        self.problem.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    pub(super) fn open(self: &Arc<Self>, service: Service) -> Box<dyn SmartSubtransportStream> {
        Box::new(Stream { web: Arc::clone(self), service, sent: Vec::new(), answer: None })
    }

    /// A server that sends back what it was sent would hand the guest what only the host may know.
    pub(super) fn masked(&self, bytes: Vec<u8>) -> Vec<u8> {
        match &self.credentials {
            Some(credentials) => credentials.password.mask().redact_bytes(bytes),
            None => bytes,
        }
    }

    fn exchange(&self, service: Service, body: Vec<u8>) -> Result<Vec<u8>, Fault> {
        let (name, asks) = match service {
            Service::UploadPackLs => ("git-upload-pack", true),
            Service::UploadPack => ("git-upload-pack", false),
            Service::ReceivePackLs => ("git-receive-pack", true),
            Service::ReceivePack => ("git-receive-pack", false),
        };
        let base = self.base.as_str().trim_end_matches('/');
        let expected = if asks { "advertisement" } else { "result" };
        let expected = format!("application/x-{name}-{expected}");
        let mut request = if asks {
            Outgoing::new("GET", &format!("{base}/info/refs?service={name}"))?
        } else {
            Outgoing::new("POST", &format!("{base}/{name}"))?
        };
        if !asks {
            request.header("content-type", format!("application/x-{name}-request").as_bytes(), false)?;
        }
        request.header("accept", expected.as_bytes(), false)?;
        // Servers look for the name before they talk the newer protocols.
        request.header(
            "user-agent",
            concat!("git/2.0 (runner ", env!("CARGO_PKG_VERSION"), ")").as_bytes(),
            false,
        )?;
        if let Some(Credentials { user, password }) = &self.credentials {
            if user.contains(':') {
                return Err(Fault::Host(Problem::Invalid("a user name holds no `:`".to_owned())));
            }
            let mut pair = format!("{user}:").into_bytes();
            pair.extend_from_slice(password.bytes());
            request.header("authorization", format!("Basic {}", STANDARD.encode(pair)).as_bytes(), true)?;
        }
        request.body = Bytes::from(body);
        request.max_body = MAX_PACK as u64;
        let right = exchange::Right {
            capability: Capability::Git,
            rule: &self.right.judge,
            used: self.right.used.clone(),
        };
        let booking = Booking { ledger: &self.ledger, at_ms: self.now_ms };
        let sent = self.runtime.block_on(self.dialer.send_by(right, request, self.deadline, booking));
        let answer = self.answer(sent.map_err(in_words_of_git)?, &expected)?;
        Ok(match service {
            Service::UploadPackLs | Service::ReceivePackLs | Service::ReceivePack => self.masked(answer),
            // A pack is compressed, and its objects are the repository's. What is said beside it is masked where it is shown.
            Service::UploadPack => answer,
        })
    }

    fn answer(&self, answer: Incoming, expected: &str) -> Result<Vec<u8>, Fault> {
        let at = &self.base;
        let kind = answer.headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        match answer.status {
            StatusCode::OK if kind == expected => Ok(answer.body),
            StatusCode::OK => {
                let kind: String = kind.chars().take(100).collect();
                Err(Fault::Failed(format!(
                    "`{at}` does not speak git: its answer is `{kind}`, not `{expected}`"
                )))
            }
            StatusCode::UNAUTHORIZED if self.credentials.is_none() => {
                Err(Fault::Failed(format!("`{at}` wants a login, and none was given")))
            }
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                Err(Fault::Failed(format!("`{at}` refuses the login ({})", answer.status.as_u16())))
            }
            StatusCode::NOT_FOUND => Err(Fault::NotFound(format!(
                "there is no repository at `{at}`, or none that this login may see"
            ))),
            status if status.is_redirection() => Err(Fault::Failed(format!(
                "`{at}` leads elsewhere ({}); no redirect is followed",
                status.as_u16()
            ))),
            status => Err(Fault::Host(Problem::Unavailable(format!("`{at}` answers {}", status.as_u16())))),
        }
    }
}

/// A refusal of an address names the rule of the network that judged it; the author wrote a pattern for remotes.
fn in_words_of_git(problem: Problem) -> Problem {
    let Problem::Denied(refusal) = problem else { return problem };
    let message = refusal.message.replace("GET,POST ", "");
    Problem::Denied(Box::new(Refusal { message, grant: None, ..*refusal }))
}

/// One request and its answer.
struct Stream {
    web: Arc<Web>,
    service: Service,
    sent: Vec<u8>,
    answer: Option<Cursor<Vec<u8>>>,
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.answer.is_none() {
            let body = std::mem::take(&mut self.sent);
            let answer = self.web.exchange(self.service, body).map_err(|fault| {
                *self.web.problem.lock().unwrap_or_else(PoisonError::into_inner) = Some(fault);
                io::Error::other("the request failed")
            })?;
            self.answer = Some(Cursor::new(answer));
        }
        match &mut self.answer {
            Some(answer) => answer.read(buffer),
            None => Ok(0),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.answer.is_some() || self.sent.len() + bytes.len() > MAX_PACK {
            return Err(io::Error::other(format!(
                "a request has at most {MAX_PACK} bytes, all of them at once"
            )));
        }
        self.sent.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
