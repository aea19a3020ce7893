//! The imports of a component, answered by a [`FakeHost`](super::FakeHost).

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use hmac::{Hmac, Mac};
use sha2::Sha256;

pub(crate) use super::docker::ContainerHandle;
use super::fake::{LogLine, World};
pub(crate) use super::git::RepositoryHandle;
use super::{Answer, Exit, RanCommand, SentRequest};
use crate::HostError;
use crate::host::{
    Completion, DirEntry, FileKind, GitReason, Invocation, Level, Metadata, Outgoing, Response, SecretHeader,
    SecretVariable, TlsFacts,
};

/// A world to act on.
#[derive(Debug, Clone)]
pub(crate) struct Backend {
    pub(super) world: Rc<RefCell<World>>,
}

impl Backend {
    pub(crate) fn log(&self, level: Level, line: &str) {
        self.world.borrow_mut().log.push(LogLine { level, text: line.to_owned() });
    }

    pub(crate) fn now(&self) -> u64 {
        u64::try_from(self.world.borrow().now.as_millis()).unwrap_or(u64::MAX)
    }

    pub(crate) fn monotonic(&self) -> u64 {
        u64::try_from(self.world.borrow().now.as_micros()).unwrap_or(u64::MAX)
    }

    pub(crate) fn sleep(&self, milliseconds: u64) {
        self.world.borrow_mut().now += Duration::from_millis(milliseconds);
    }

    pub(crate) fn secret(&self, name: &str) -> Result<SecretHandle, HostError> {
        let world = self.world.borrow();
        let value = world.secrets.get(name).ok_or(HostError::Denied)?.clone();
        Ok(SecretHandle { value, revealable: world.revealable })
    }

    pub(crate) fn read(&self, path: &str, limit: Option<u64>) -> Result<Vec<u8>, HostError> {
        let world = self.world.borrow();
        let content = world
            .files
            .get(path)
            .ok_or_else(|| HostError::Unavailable("no such file".to_owned()))?
            .clone()?;
        let limit = limit.unwrap_or(16 * 1024 * 1024);
        if content.len() as u64 > limit {
            return Err(HostError::BudgetExceeded(format!("file is longer than {limit} bytes")));
        }
        Ok(content)
    }

    pub(crate) fn write(&self, path: &str, data: &[u8]) -> Result<(), HostError> {
        let mut world = self.world.borrow_mut();
        if let Some(Err(error)) = world.files.get(path) {
            return Err(error.clone());
        }
        world.files.insert(path.to_owned(), Ok(data.to_vec()));
        Ok(())
    }

    pub(crate) fn remove(&self, path: &str) -> Result<bool, HostError> {
        let mut world = self.world.borrow_mut();
        if let Some(Err(error)) = world.files.get(path) {
            return Err(error.clone());
        }
        Ok(world.files.remove(path).is_some())
    }

    pub(crate) fn list_dir(&self, path: &str) -> Result<Vec<DirEntry>, HostError> {
        let world = self.world.borrow();
        if let Some(Err(error)) = world.files.get(path) {
            return Err(error.clone());
        }
        let inside = if path == "." { String::new() } else { format!("{}/", path.trim_end_matches('/')) };
        let mut entries = BTreeMap::new();
        for rest in world.files.keys().filter_map(|file| file.strip_prefix(&inside)) {
            let (name, kind) =
                rest.split_once('/').map_or((rest, FileKind::File), |(name, _)| (name, FileKind::Directory));
            entries.insert(name.to_owned(), kind);
        }
        if entries.is_empty() {
            return Err(HostError::Unavailable("no such directory".to_owned()));
        }
        Ok(entries.into_iter().map(|(name, kind)| DirEntry { name, kind }).collect())
    }

    pub(crate) fn stat(&self, path: &str) -> Result<Option<Metadata>, HostError> {
        let world = self.world.borrow();
        match world.files.get(path) {
            Some(Err(error)) => Err(error.clone()),
            Some(Ok(content)) => Ok(Some(Metadata {
                kind: FileKind::File,
                size: content.len() as u64,
                mode: 0o644,
                modified: 0,
            })),
            None => {
                let inside = format!("{}/", path.trim_end_matches('/'));
                let directory = Metadata { kind: FileKind::Directory, size: 0, mode: 0o755, modified: 0 };
                Ok(world.files.keys().any(|file| file.starts_with(&inside)).then_some(directory))
            }
        }
    }

    pub(crate) fn send(
        &self,
        outgoing: Outgoing,
        secrets: &[SecretHeader<'_>],
    ) -> Result<Response, HostError> {
        let Outgoing { method, url, mut headers, body, timeout_ms, max_body_bytes } = outgoing;
        for header in secrets {
            let value = format!("{}{}", header.prefix, header.secret.handle.value);
            headers.push((header.name.clone(), value.into_bytes()));
        }
        let sent = SentRequest { method, url, headers, body, timeout_ms, max_body_bytes };
        let answer = self.answer(&sent);
        self.world.borrow_mut().sent.push(sent);
        let response = answer.0?;
        let limit = max_body_bytes.unwrap_or(1024 * 1024);
        if response.body.len() as u64 > u64::from(limit) {
            return Err(HostError::BudgetExceeded(format!("body is longer than {limit} bytes")));
        }
        Ok(response)
    }

    fn answer(&self, sent: &SentRequest) -> Answer {
        let prepared =
            self.world.borrow_mut().answers.get_mut(&sent.line()).and_then(|answers| answers.pop_front());
        if let Some(answer) = prepared {
            return answer;
        }
        // Taken out while it runs, so that a server may look at its own fake host.
        let Some(mut server) = self.world.borrow_mut().server.take() else {
            return Answer::error(HostError::Denied);
        };
        let answer = server(sent);
        self.world.borrow_mut().server = Some(server);
        answer
    }

    pub(crate) fn run(
        &self,
        invocation: Invocation,
        secrets: &[SecretVariable<'_>],
    ) -> Result<Completion, HostError> {
        let Invocation { program, args, mut env, stdin, directory, timeout_ms, max_bytes } = invocation;
        for variable in secrets {
            env.push((variable.name.clone(), variable.value.handle.value.clone()));
        }
        let ran = RanCommand { program, args, env, stdin, directory, timeout_ms, max_bytes };
        let line = ran.line();
        let mut world = self.world.borrow_mut();
        world.ran.push(ran);
        let prepared = world.commands.get_mut(&line).and_then(|prepared| prepared.pop_front());
        let completion = prepared.unwrap_or_else(|| Exit::error(HostError::Denied)).0?;
        Ok(within(completion, max_bytes.unwrap_or(1024 * 1024)))
    }

    pub(crate) fn open_repository(&self, path: &str) -> Result<RepositoryHandle, GitReason> {
        let world = self.world.borrow();
        let prepared = world.repositories.get(path).ok_or(GitReason::Host(HostError::Denied))?;
        Ok(prepared.clone()?.opened())
    }

    pub(crate) fn connect(
        &self,
        host: &str,
        port: u16,
        _: Option<u32>,
    ) -> Result<ConnectionHandle, HostError> {
        let address = format!("{host}:{port}");
        if !self.world.borrow().listeners.contains_key(&address) {
            return Err(HostError::Denied);
        }
        Ok(ConnectionHandle { world: Rc::clone(&self.world), address })
    }
}

/// What there is room for, as the real host cuts it off.
fn within(mut completion: Completion, limit: u32) -> Completion {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    completion.truncated |= completion.stdout.len() + completion.stderr.len() > limit;
    completion.stdout.truncate(limit);
    completion.stderr.truncate(limit - completion.stdout.len());
    completion
}

/// A secret of the world.
pub(crate) struct SecretHandle {
    pub(super) value: String,
    revealable: bool,
}

impl SecretHandle {
    /// What the host itself puts where it is needed.
    pub(crate) fn value(&self) -> &str {
        &self.value
    }

    pub(crate) fn hmac_sha256(&self, data: &[u8]) -> Vec<u8> {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(self.value.as_bytes()).expect("HMAC takes a key of any length");
        mac.update(data);
        mac.finalize().into_bytes().to_vec()
    }

    pub(crate) fn reveal(&self) -> Result<String, HostError> {
        if self.revealable { Ok(self.value.clone()) } else { Err(HostError::Denied) }
    }
}

/// A connection to a listener of the world.
#[derive(Debug)]
pub(crate) struct ConnectionHandle {
    world: Rc<RefCell<World>>,
    address: String,
}

impl ConnectionHandle {
    pub(crate) fn write(&self, data: &[u8]) -> Result<(), HostError> {
        self.with(|listener| listener.heard.extend_from_slice(data))
    }

    pub(crate) fn read(&self, limit: u32) -> Result<Vec<u8>, HostError> {
        self.with(|listener| {
            let mut line = listener.lines.pop_front().unwrap_or_default();
            let limit = usize::try_from(limit).unwrap_or(usize::MAX);
            if line.len() > limit {
                listener.lines.push_front(line.split_off(limit));
            }
            line
        })
    }

    pub(crate) fn start_tls(&self, _server_name: &str, _verify: bool) -> Result<TlsFacts, HostError> {
        self.with(|listener| listener.tls.clone())?
            .ok_or_else(|| HostError::Unavailable("the other side does not speak TLS".to_owned()))
    }

    fn with<T>(&self, act: impl FnOnce(&mut super::Conversation) -> T) -> Result<T, HostError> {
        match self.world.borrow_mut().listeners.get_mut(&self.address) {
            Some(listener) => Ok(act(listener)),
            None => Err(HostError::Unavailable("connection reset".to_owned())),
        }
    }
}
