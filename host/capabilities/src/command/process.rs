//! Starting a program, and ending it with all its children.
//!
//! A program runs in a process group of its own, with the variables it is given and no others. When it ends, when its time
//! is up or when whoever waits for it goes away, the whole group is killed. A child that has left the group on purpose
//! (`setsid`) lives on, and cannot hold the caller up: what it still writes is nobody's.
//!
//! ```text
//! Running::start ──▶ stdin, stdout, stderr: ends of pipes
//!               └──▶ a thread that waits for the end, kills what is left of the group, and only then reaps the leader:
//!                    until then the group's number is nobody else's
//! ```
//!
//! Never here: what may be run, and where.

use std::{
    ffi::OsString,
    io,
    os::{
        fd::{AsFd, AsRawFd as _, OwnedFd},
        unix::process::CommandExt as _,
    },
    path::PathBuf,
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use rustix::{
    io::Errno,
    process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::unix::pipe::{Receiver, Sender},
    task::JoinHandle,
    time::{Instant, timeout, timeout_at},
};

/// How long a killed leader is waited for. It is dead at once, unless the system may not kill it.
const GRACE: Duration = Duration::from_secs(2);
/// Read at once.
const CHUNK: usize = 16 * 1024;
/// What a pipe can hold at most, and so what an ended program can have left in one.
const LEFT_IN_PIPE: usize = 1 << 20;

/// What to start.
pub(crate) struct Program {
    /// Absolute path of the file.
    pub(crate) file: PathBuf,
    /// What it is told its own name is.
    pub(crate) name: OsString,
    /// Its arguments.
    pub(crate) args: Vec<OsString>,
    /// All its variables.
    pub(crate) env: Vec<(OsString, OsString)>,
    /// Where it starts.
    pub(crate) directory: OwnedFd,
}

/// A program that has been started, and is killed with its group when this is dropped.
pub(crate) struct Running {
    /// Its standard input; closed when dropped.
    pub(crate) stdin: Option<Sender>,
    /// Its standard output.
    pub(crate) stdout: Receiver,
    /// Its standard error.
    pub(crate) stderr: Receiver,
    ended: JoinHandle<io::Result<(ExitStatus, Instant)>>,
    group: Group,
}

/// How much a program may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// When it has to have ended.
    pub(crate) deadline: Instant,
    /// Longest output, both streams together.
    pub(crate) output: usize,
}

/// What came of a program.
#[derive(Debug)]
pub(crate) struct Ended {
    /// How it ended.
    pub(crate) status: ExitStatus,
    /// What it wrote to standard output, as far as there was room.
    pub(crate) stdout: Vec<u8>,
    /// What it wrote to standard error, likewise.
    pub(crate) stderr: Vec<u8>,
    /// Bytes that there was no room for.
    pub(crate) dropped: u64,
    /// From start to end.
    pub(crate) elapsed: Duration,
}

/// Why a program did not come to its end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Stopped {
    /// It was killed because its time was up.
    #[error("timed out")]
    TimedOut,
    /// It could not be started, or not be waited for.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// All groups of this process that have not ended.
static GROUPS: Mutex<Groups> = Mutex::new(Groups { open: Vec::new(), closed: false });

struct Groups {
    open: Vec<Group>,
    closed: bool,
}

impl Groups {
    fn lock() -> MutexGuard<'static, Self> {
        GROUPS.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps `group` until it has ended, unless nothing may be started any more: then it is killed.
    fn keep(group: &Group) -> io::Result<()> {
        let mut groups = Self::lock();
        if groups.closed {
            group.kill();
            return Err(io::Error::other("the runner is about to end"));
        }
        groups.open.push(group.clone());
        Ok(())
    }

    fn forget(leader: Pid) {
        Self::lock().open.retain(|group| group.leader != leader);
    }
}

/// Kills every program that still runs, and lets no other start: for a process that is about to end without waiting for
/// its tasks.
pub fn end_all() {
    let mut groups = Groups::lock();
    groups.closed = true;
    groups.open.iter().for_each(Group::kill);
}

/// A process group, as long as its number is its own.
#[derive(Clone)]
struct Group {
    leader: Pid,
    gone: Arc<Mutex<bool>>,
}

impl Group {
    fn gone(&self) -> MutexGuard<'_, bool> {
        self.gone.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn kill(&self) {
        let gone = self.gone();
        if !*gone {
            // Refused only for processes of somebody else, who are then nothing we could end.
            let _ = kill_process_group(self.leader, Signal::KILL);
        }
    }

    /// Waits until the leader has ended, and leaves nothing of its group. Blocks.
    fn wait(&self, mut child: Child) -> io::Result<(ExitStatus, Instant)> {
        // The leader stays a zombie until its group is killed: so long no other group can get its number.
        while let Err(error) = waitid(WaitId::Pid(self.leader), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT)
        {
            if error != Errno::INTR {
                return Err(error.into());
            }
        }
        let ended = Instant::now();
        let mut gone = self.gone();
        let _ = kill_process_group(self.leader, Signal::KILL);
        let status = child.wait();
        *gone = true;
        drop(gone);
        Groups::forget(self.leader);
        Ok((status?, ended))
    }
}

impl Running {
    /// Starts `program` in a process group of its own. Without `input` its standard input is empty.
    ///
    /// # Errors
    ///
    /// It cannot be started.
    pub(crate) fn start(program: &Program, input: bool) -> io::Result<Self> {
        let mut command = Command::new(&program.file);
        command
            .arg0(&program.name)
            .args(&program.args)
            .env_clear()
            .envs(program.env.iter().map(|(name, value)| (name, value)))
            // The directory that was opened and judged, not whatever has its name by now.
            .current_dir(format!("/proc/self/fd/{}", program.directory.as_raw_fd()))
            .process_group(0)
            .stdin(if input { Stdio::piped() } else { Stdio::null() })
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn()?;
        let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let group = Group { leader: Pid::from_child(&child), gone: Arc::default() };
        let kept = Groups::keep(&group);
        let ended = tokio::task::spawn_blocking({
            let group = group.clone();
            move || group.wait(child)
        });
        let pipes = || -> io::Result<_> {
            kept?;
            let closed = || io::Error::other("a pipe is missing");
            let stdin = stdin.map(|pipe| Sender::from_owned_fd(pipe.into())).transpose()?;
            let stdout = Receiver::from_owned_fd(stdout.ok_or_else(closed)?.into())?;
            let stderr = Receiver::from_owned_fd(stderr.ok_or_else(closed)?.into())?;
            Ok((stdin, stdout, stderr))
        };
        match pipes() {
            Ok((stdin, stdout, stderr)) => Ok(Self { stdin, stdout, stderr, ended, group }),
            Err(error) => {
                group.kill();
                Err(error)
            }
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.group.kill();
    }
}

/// Runs `program` to its end with `stdin` as its input.
///
/// # Errors
///
/// [`Stopped::TimedOut`]: it was killed with its children. [`Stopped::Io`]: it did not start.
pub(crate) async fn run(program: &Program, stdin: &[u8], bounds: Bounds) -> Result<Ended, Stopped> {
    let started = Instant::now();
    let mut running = Running::start(program, !stdin.is_empty())?;
    let kept = Kept { room: bounds.output, ..Kept::default() };
    let (kept, input) = (Mutex::new(kept), running.stdin.take());
    let ended = {
        let (stdout, stderr, ended) = (&mut running.stdout, &mut running.stderr, &mut running.ended);
        let talk = async {
            tokio::join!(
                feed(input, stdin),
                listen(stdout, |bytes| lock(&kept).stdout(bytes)),
                listen(stderr, |bytes| lock(&kept).stderr(bytes)),
            );
            // The program may close its pipes long before it ends.
            std::future::pending::<()>().await;
        };
        timeout_at(bounds.deadline, async {
            tokio::select! {
                ended = ended => ended,
                () = talk => unreachable!("it waits for ever"),
            }
        })
        .await
    };
    let Ok(ended) = ended else {
        running.group.kill();
        // Whoever hears of it may rely on the program being gone.
        drop(timeout(GRACE, &mut running.ended).await);
        return Err(Stopped::TimedOut);
    };
    let (status, ended) = ended.map_err(io::Error::other)??;
    let mut kept = kept.into_inner().unwrap_or_else(PoisonError::into_inner);
    rest(&running.stdout, |bytes| kept.stdout(bytes));
    rest(&running.stderr, |bytes| kept.stderr(bytes));
    let Kept { stdout, stderr, dropped, room: _ } = kept;
    Ok(Ended { status, stdout, stderr, dropped, elapsed: ended.saturating_duration_since(started) })
}

/// What a program has written, as far as there is room.
#[derive(Default)]
struct Kept {
    stdout: Vec<u8>,
    stderr: Vec<u8>,
    room: usize,
    dropped: u64,
}

impl Kept {
    fn stdout(&mut self, bytes: &[u8]) {
        let bytes = self.admit(bytes);
        self.stdout.extend_from_slice(bytes);
    }

    fn stderr(&mut self, bytes: &[u8]) {
        let bytes = self.admit(bytes);
        self.stderr.extend_from_slice(bytes);
    }

    fn admit<'b>(&mut self, bytes: &'b [u8]) -> &'b [u8] {
        // What comes once something is missing would only look as if it followed.
        let most = if self.dropped > 0 { 0 } else { self.room.min(bytes.len()) };
        self.room -= most;
        self.dropped += (bytes.len() - most) as u64;
        &bytes[..most]
    }
}

fn lock(kept: &Mutex<Kept>) -> MutexGuard<'_, Kept> {
    kept.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn feed(input: Option<Sender>, stdin: &[u8]) {
    if let Some(mut input) = input {
        // A program need not read what it is given.
        drop(input.write_all(stdin).await);
    }
}

async fn listen(pipe: &mut Receiver, mut heard: impl FnMut(&[u8])) {
    let mut chunk = vec![0; CHUNK];
    while let Ok(length @ 1..) = pipe.read(&mut chunk).await {
        heard(&chunk[..length]);
    }
}

/// What an ended program has left in a pipe. Read past the reactor, which may not have noticed it yet; and never more than a
/// pipe can hold, since somebody else may still be writing.
fn rest(pipe: &impl AsFd, mut heard: impl FnMut(&[u8])) {
    let mut chunk = vec![0; CHUNK];
    let mut left = LEFT_IN_PIPE;
    while left > 0 {
        let most = left.min(CHUNK);
        match rustix::io::read(pipe, &mut chunk[..most]) {
            Ok(0) => return,
            Ok(length) => {
                heard(&chunk[..length]);
                left -= length;
            }
            Err(Errno::INTR) => {}
            Err(_) => return,
        }
    }
}
