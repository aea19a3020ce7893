//! The world of a test.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use super::backend::Backend;
use super::{Answer, Conversation, Engine, Exit, FakeRepository, RanCommand, SentRequest};
use crate::HostError;
use crate::host::{GitReason, Host, Level};

/// A host whose files, servers, secrets and clock are those that a test says.
///
/// ```
/// use runner_plugin::testing::{Answer, FakeHost};
///
/// let fake = FakeHost::new()
///     .file("requirements.txt", "flask==3.1.0\n")
///     .answer("GET http://api/", Answer::status(204));
/// let host = fake.host();
///
/// assert_eq!(host.files().read_to_string("requirements.txt")?, "flask==3.1.0\n");
/// assert_eq!(host.http().get("http://api/").send()?.status, 204);
/// assert_eq!(fake.sent().len(), 1);
/// # Ok::<(), runner_plugin::Failure>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct FakeHost {
    pub(super) world: Rc<RefCell<World>>,
}

/// One line that a plugin has logged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// How much it matters.
    pub level: Level,
    /// The line.
    pub text: String,
}

pub(super) type Server = dyn FnMut(&SentRequest) -> Answer;

/// Everything behind a fake host.
#[derive(Default)]
pub(super) struct World {
    pub(super) files: BTreeMap<String, Result<Vec<u8>, HostError>>,
    pub(super) answers: BTreeMap<String, VecDeque<Answer>>,
    pub(super) server: Option<Box<Server>>,
    pub(super) listeners: BTreeMap<String, Conversation>,
    pub(super) repositories: BTreeMap<String, Result<FakeRepository, GitReason>>,
    pub(super) docker: Option<Engine>,
    pub(super) secrets: BTreeMap<String, String>,
    pub(super) revealable: bool,
    pub(super) now: Duration,
    pub(super) sent: Vec<SentRequest>,
    pub(super) commands: BTreeMap<String, VecDeque<Exit>>,
    pub(super) ran: Vec<RanCommand>,
    pub(super) log: Vec<LogLine>,
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("World")
            .field("files", &self.files.keys())
            .field("sent", &self.sent)
            .finish_non_exhaustive()
    }
}

impl FakeHost {
    /// A world with nothing in it, at 1970-01-01T00:00:00Z.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The host that a plugin is given. All hosts of one fake see the same world.
    #[must_use]
    pub fn host(&self) -> Host {
        Host::of_test(Backend { world: Rc::clone(&self.world) })
    }

    /// Puts a file there. Its directories exist.
    #[must_use]
    pub fn file(self, path: &str, content: impl Into<Vec<u8>>) -> Self {
        self.world.borrow_mut().files.insert(path.to_owned(), Ok(content.into()));
        self
    }

    /// Every call with this path fails.
    #[must_use]
    pub fn file_error(self, path: &str, error: HostError) -> Self {
        self.world.borrow_mut().files.insert(path.to_owned(), Err(error));
        self
    }

    /// Prepares one answer to `METHOD url`. Several for the same request are given in this order, each once.
    #[must_use]
    pub fn answer(self, request: &str, answer: Answer) -> Self {
        self.world.borrow_mut().answers.entry(request.to_owned()).or_default().push_back(answer);
        self
    }

    /// The next `METHOD url` fails.
    #[must_use]
    pub fn fails(self, request: &str, error: HostError) -> Self {
        self.answer(request, Answer::error(error))
    }

    /// Answers every request that no [`FakeHost::answer`] was prepared for: a server with a memory of its own.
    #[must_use]
    pub fn server(self, server: impl FnMut(&SentRequest) -> Answer + 'static) -> Self {
        self.world.borrow_mut().server = Some(Box::new(server));
        self
    }

    /// Prepares how one run of `program argument …` ends. Several for the same command are given in this order, each once.
    #[must_use]
    pub fn command(self, line: &str, exit: Exit) -> Self {
        self.world.borrow_mut().commands.entry(line.to_owned()).or_default().push_back(exit);
        self
    }

    /// Something listens at `host:port`.
    #[must_use]
    pub fn listener(self, address: &str, conversation: Conversation) -> Self {
        self.world.borrow_mut().listeners.insert(address.to_owned(), conversation);
        self
    }

    /// Puts a repository there, and grants every verb that it does not deny itself.
    #[must_use]
    pub fn repository(self, path: &str, repository: &FakeRepository) -> Self {
        self.world.borrow_mut().repositories.insert(path.to_owned(), Ok(repository.clone()));
        self
    }

    /// Opening this path as a repository fails.
    #[must_use]
    pub fn repository_error(self, path: &str, reason: GitReason) -> Self {
        self.world.borrow_mut().repositories.insert(path.to_owned(), Err(reason));
        self
    }

    /// Grants a Docker Engine.
    #[must_use]
    pub fn docker(self, engine: Engine) -> Self {
        self.world.borrow_mut().docker = Some(engine);
        self
    }

    /// Grants a secret.
    #[must_use]
    pub fn secret(self, name: &str, value: &str) -> Self {
        self.world.borrow_mut().secrets.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Grants that secrets be revealed.
    #[must_use]
    pub fn revealable(self) -> Self {
        self.world.borrow_mut().revealable = true;
        self
    }

    /// Sets the clock. It stands still but for the plugin's own sleep.
    #[must_use]
    pub fn now(self, since_1970: Duration) -> Self {
        self.world.borrow_mut().now = since_1970;
        self
    }

    /// The requests sent so far, oldest first.
    #[must_use]
    pub fn sent(&self) -> Vec<SentRequest> {
        self.world.borrow().sent.clone()
    }

    /// The requests sent so far as `METHOD url`, oldest first.
    #[must_use]
    pub fn sent_lines(&self) -> Vec<String> {
        self.world.borrow().sent.iter().map(SentRequest::line).collect()
    }

    /// The commands run so far, oldest first, also those that were denied.
    #[must_use]
    pub fn ran(&self) -> Vec<RanCommand> {
        self.world.borrow().ran.clone()
    }

    /// The commands run so far as `program argument …`, oldest first.
    #[must_use]
    pub fn ran_lines(&self) -> Vec<String> {
        self.world.borrow().ran.iter().map(RanCommand::line).collect()
    }

    /// What was written to the listener at `host:port`.
    #[must_use]
    pub fn heard(&self, address: &str) -> Vec<u8> {
        self.world.borrow().listeners.get(address).map(|listener| listener.heard.clone()).unwrap_or_default()
    }

    /// The content of a file, if there is one.
    #[must_use]
    pub fn content(&self, path: &str) -> Option<Vec<u8>> {
        self.world.borrow().files.get(path)?.clone().ok()
    }

    /// The lines logged so far, oldest first.
    #[must_use]
    pub fn logged(&self) -> Vec<LogLine> {
        self.world.borrow().log.clone()
    }

    /// The time now, with the plugin's sleep.
    #[must_use]
    pub fn time(&self) -> Duration {
        self.world.borrow().now
    }
}
