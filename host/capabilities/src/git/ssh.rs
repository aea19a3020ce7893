//! Git through the system's `ssh`: one program for one exchange, killed with the call.
//!
//! Keys, known hosts and proxies are what the user's and the machine's `ssh_config(5)` say; of the repository there is the
//! address, and that was judged. It has the runner's environment, as from a shell: that is where the agent with the keys is.

use std::{
    io::{self, Read, Write},
    os::unix::process::CommandExt as _,
    path::PathBuf,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::{Arc, Mutex, PoisonError},
    thread::JoinHandle,
};

use git2::{
    Error,
    transport::{Service, SmartSubtransportStream},
};
use rustix::process::Pid;

use super::{SshAddress, call::Stop};
use crate::host::{Meter, reason};

/// Longest part of what `ssh` and the other side say that is kept.
const MAX_SAID: usize = 4096;

/// A repository behind `ssh`.
pub(super) struct Ssh {
    pub(super) program: PathBuf,
    pub(super) address: SshAddress,
    pub(super) stop: Arc<Stop>,
    pub(super) meter: Meter,
    said: Mutex<Vec<u8>>,
}

impl Ssh {
    pub(super) fn new(program: PathBuf, address: SshAddress, stop: Arc<Stop>, meter: Meter) -> Self {
        Self { program, address, stop, meter, said: Mutex::default() }
    }

    /// What `ssh` and the other side wrote beside the protocol.
    pub(super) fn said(&self) -> String {
        let said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&said).trim().to_owned()
    }

    pub(super) fn open(
        self: &Arc<Self>,
        service: Service,
    ) -> Result<Box<dyn SmartSubtransportStream>, Error> {
        let program = match service {
            Service::UploadPackLs | Service::UploadPack => "git-upload-pack",
            Service::ReceivePackLs | Service::ReceivePack => "git-receive-pack",
        };
        let started = Running::start(self, program);
        let running = started.map_err(|error| {
            Error::from_str(&format!("{} cannot be started: {}", self.program.display(), reason(&error)))
        })?;
        Ok(Box::new(running))
    }

    fn command(&self, program: &str) -> Command {
        let SshAddress { user, host, port, path } = &self.address;
        let mut command = Command::new(&self.program);
        command.args(["-T", "-o", "BatchMode=yes", "-o", "ConnectTimeout=10"]);
        if let Some(port) = port {
            command.arg("-p").arg(port.to_string());
        }
        let to = user.as_ref().map_or_else(|| host.clone(), |user| format!("{user}@{host}"));
        // A shell of the other side reads this; in single quotes only the single quote means something.
        command.arg("--").arg(to).arg(format!("{program} '{}'", path.replace('\'', r"'\''")));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
        command
    }
}

/// One running `ssh`.
struct Running {
    ssh: Arc<Ssh>,
    child: Child,
    to: ChildStdin,
    from: ChildStdout,
    listener: Option<JoinHandle<()>>,
}

impl Running {
    fn start(ssh: &Arc<Ssh>, program: &str) -> io::Result<Self> {
        let mut child = ssh.command(program).spawn()?;
        if let Some(group) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
            ssh.stop.started(group);
        }
        let (Some(to), Some(from), Some(mut beside)) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            unreachable!("all three were asked for as pipes");
        };
        let listening = Arc::clone(ssh);
        let listener = std::thread::spawn(move || {
            let mut buffer = [0; 1024];
            while let Ok(read @ 1..) = beside.read(&mut buffer) {
                let mut said = listening.said.lock().unwrap_or_else(PoisonError::into_inner);
                let room = MAX_SAID.saturating_sub(said.len()).min(read);
                said.extend_from_slice(&buffer[..room]);
            }
        });
        Ok(Self { ssh: Arc::clone(ssh), child, to, from, listener: Some(listener) })
    }
}

impl Read for Running {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.from.read(buffer)?;
        self.ssh.meter.received(read);
        if read == 0 && !buffer.is_empty() {
            // What it said last says why; wait for it to be heard.
            if let Some(listener) = self.listener.take() {
                drop(listener.join());
            }
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the connection ended early"));
        }
        Ok(read)
    }
}

impl Write for Running {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.to.write(bytes)?;
        self.ssh.meter.sent(written);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.ssh.stop.kill();
        drop(self.child.wait());
        if let Some(listener) = self.listener.take() {
            drop(listener.join());
        }
    }
}
