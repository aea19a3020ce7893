//! The capabilities as the component imports them: one thin function each.
//!
//! What a plugin never calls is not linked, and so not imported. Nothing here may call more than its own import.

mod git;

use std::time::Duration;

use super::command::{Completion, Ending, Invocation, SecretVariable};
pub(super) use git::RepositoryHandle;

pub(crate) use super::docker::imports::ContainerHandle;
use super::files::{DirEntry, FileKind, Metadata};
use super::http::{Outgoing, Response, SecretHeader};
use super::log::Level;
use super::tcp::TlsFacts;
use crate::HostError;
use crate::component::capabilities::runner::plugin::{
    clock, command, files, http, log, reveal, secrets, tcp,
};

/// The imports of this component.
#[derive(Debug, Clone)]
pub(crate) struct Backend;

impl Backend {
    pub(super) fn log(&self, level: Level, line: &str) {
        let level = match level {
            Level::Debug => log::Level::Debug,
            Level::Info => log::Level::Info,
            Level::Warn => log::Level::Warn,
            Level::Error => log::Level::Error,
        };
        log::write(level, line);
    }

    pub(super) fn now(&self) -> u64 {
        clock::now()
    }

    pub(super) fn monotonic(&self) -> u64 {
        clock::monotonic()
    }

    pub(super) fn sleep(&self, milliseconds: u64) {
        clock::sleep(milliseconds);
    }

    pub(super) fn secret(&self, name: &str) -> Result<SecretHandle, HostError> {
        Ok(SecretHandle(secrets::get(name)?))
    }

    pub(super) fn read(&self, path: &str, limit: Option<u64>) -> Result<Vec<u8>, HostError> {
        Ok(files::read(path, limit)?)
    }

    pub(super) fn write(&self, path: &str, data: &[u8]) -> Result<(), HostError> {
        Ok(files::write(path, data)?)
    }

    pub(super) fn remove(&self, path: &str) -> Result<bool, HostError> {
        Ok(files::remove(path)?)
    }

    pub(super) fn list_dir(&self, path: &str) -> Result<Vec<DirEntry>, HostError> {
        let entries = files::list_dir(path)?;
        Ok(entries.into_iter().map(|entry| DirEntry { name: entry.name, kind: entry.kind.into() }).collect())
    }

    pub(super) fn stat(&self, path: &str) -> Result<Option<Metadata>, HostError> {
        Ok(files::stat(path)?.map(|found| Metadata {
            kind: found.kind.into(),
            size: found.size,
            mode: found.mode,
            modified: found.modified,
        }))
    }

    pub(super) fn send(
        &self,
        outgoing: Outgoing,
        secrets: &[SecretHeader<'_>],
    ) -> Result<Response, HostError> {
        let response = http::send(&http::Request {
            method: outgoing.method,
            url: outgoing.url,
            headers: outgoing.headers.into_iter().map(|(name, value)| http::Header { name, value }).collect(),
            secret_headers: secrets
                .iter()
                .map(|header| http::SecretHeader {
                    name: header.name.clone(),
                    prefix: header.prefix.clone(),
                    secret: &header.secret.handle.0,
                })
                .collect(),
            body: outgoing.body,
            timeout_ms: outgoing.timeout_ms,
            max_body_bytes: outgoing.max_body_bytes,
        })?;
        let pairs = |headers: Vec<http::Header>| {
            headers.into_iter().map(|header| (header.name, header.value)).collect()
        };
        Ok(Response {
            status: response.status,
            headers: pairs(response.headers),
            trailers: pairs(response.trailers),
            body: response.body,
            elapsed: Duration::from_micros(response.elapsed_us),
            tried: String::new(),
        })
    }

    pub(super) fn run(
        &self,
        invocation: Invocation,
        secrets: &[SecretVariable<'_>],
    ) -> Result<Completion, HostError> {
        let variable = |(name, value)| command::Variable { name, value };
        let completion = command::run(&command::Invocation {
            program: invocation.program,
            args: invocation.args,
            env: invocation.env.into_iter().map(variable).collect(),
            secret_env: secrets
                .iter()
                .map(|variable| command::SecretVariable {
                    name: variable.name.clone(),
                    value: &variable.value.handle.0,
                })
                .collect(),
            stdin: invocation.stdin,
            directory: invocation.directory,
            timeout_ms: invocation.timeout_ms,
            max_bytes: invocation.max_bytes,
        })?;
        Ok(Completion {
            ending: match completion.ending {
                command::Ending::Exited(code) => Ending::Exited(code),
                command::Ending::Signalled(signal) => Ending::Signalled(signal),
            },
            stdout: completion.stdout,
            stderr: completion.stderr,
            truncated: completion.truncated,
            elapsed: Duration::from_micros(completion.elapsed_us),
        })
    }

    pub(super) fn connect(
        &self,
        host: &str,
        port: u16,
        timeout_ms: Option<u32>,
    ) -> Result<ConnectionHandle, HostError> {
        Ok(ConnectionHandle(tcp::connect(host, port, timeout_ms)?))
    }
}

/// A secret of the host.
#[derive(Debug)]
pub(crate) struct SecretHandle(pub(super) secrets::Secret);

impl SecretHandle {
    pub(super) fn hmac_sha256(&self, data: &[u8]) -> Vec<u8> {
        self.0.hmac_sha256(data)
    }

    pub(super) fn reveal(&self) -> Result<String, HostError> {
        Ok(reveal::reveal(&self.0)?)
    }
}

/// A connection of the host.
#[derive(Debug)]
pub(crate) struct ConnectionHandle(tcp::Connection);

impl ConnectionHandle {
    pub(super) fn write(&self, data: &[u8]) -> Result<(), HostError> {
        Ok(self.0.write(data)?)
    }

    pub(super) fn read(&self, limit: u32) -> Result<Vec<u8>, HostError> {
        Ok(self.0.read(limit)?)
    }

    pub(super) fn start_tls(&self, server_name: &str, verify: bool) -> Result<TlsFacts, HostError> {
        let facts = self.0.start_tls(server_name, verify)?;
        Ok(TlsFacts { protocol: facts.protocol, certificates: facts.certificates })
    }
}

impl From<files::FileKind> for FileKind {
    fn from(kind: files::FileKind) -> Self {
        match kind {
            files::FileKind::File => Self::File,
            files::FileKind::Directory => Self::Directory,
            files::FileKind::Other => Self::Other,
        }
    }
}
