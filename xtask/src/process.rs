//! Programs that are started here, and signals that reach us meanwhile.
//!
//! Each program gets a process group of its own, so that Ctrl-C at the terminal reaches only this program. It goes on to the
//! program in the foreground ([`run`], [`read`]), once per signal, as if typed there: the runner takes its changes back,
//! cargo stops its compilers. Servers ([`Server`]) hear nothing of it; they are needed until the runner has ended, and are
//! taken down when dropped.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::failure::Failure;
use crate::screen;

/// The program in the foreground. The lock is held while it is started, so that no signal falls into the gap.
static FOREGROUND: Mutex<Option<Pid>> = Mutex::new(None);

/// The first signal that asked us to end; 0 for none.
static INTERRUPTED: AtomicI32 = AtomicI32::new(0);

/// From here on a signal ends the program in the foreground instead of us.
pub(crate) fn watch_signals() -> Result<(), Failure> {
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP])
        .map_err(|error| Failure::problem(format!("watch for signals: {error}")))?;
    thread::spawn(move || {
        for signal in signals.forever() {
            let foreground = lock();
            // Later signals are passed on too; the first one decides the exit code.
            let _ = INTERRUPTED.compare_exchange(0, signal, Ordering::SeqCst, Ordering::SeqCst);
            if let Some(group) = *foreground {
                let signal = if signal == SIGINT { Signal::INT } else { Signal::TERM };
                // It may have ended just now; then there is nobody to tell.
                let _ = kill_process_group(group, signal);
            }
        }
    });
    Ok(())
}

fn lock() -> std::sync::MutexGuard<'static, Option<Pid>> {
    FOREGROUND.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Fails if a signal has asked us to end.
pub(crate) fn go_on() -> Result<(), Failure> {
    match INTERRUPTED.load(Ordering::SeqCst) {
        0 => Ok(()),
        signal => Err(Failure::Interrupted { signal }),
    }
}

/// Starts a program in the foreground.
fn start(command: &mut Command) -> Result<Child, Failure> {
    let mut foreground = lock();
    go_on()?;
    let child = spawn(command)?;
    *foreground = Pid::from_raw(child.id().cast_signed());
    Ok(child)
}

/// Waits for the program in the foreground.
fn wait(child: &mut Child, name: &str) -> Result<ExitStatus, Failure> {
    let status = child.wait().map_err(|error| Failure::problem(format!("wait for `{name}`: {error}")));
    *lock() = None;
    go_on()?;
    status
}

fn spawn(command: &mut Command) -> Result<Child, Failure> {
    command.stdin(Stdio::null()).process_group(0).spawn().map_err(|error| {
        let name = command.get_program().to_string_lossy();
        let failure = Failure::problem(format!("start `{name}`: {error}"));
        if error.kind() == io::ErrorKind::NotFound {
            failure.next(format!("install `{name}`, or put it on PATH"))
        } else {
            failure
        }
    })
}

fn name_of(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(OsStr::to_string_lossy).collect::<Vec<_>>().join(" ")
}

/// Runs a program to its end, its output on our terminal.
pub(crate) fn run(command: &mut Command) -> Result<ExitStatus, Failure> {
    let mut child = start(command)?;
    wait(&mut child, &name_of(command))
}

/// Runs a program that must succeed.
pub(crate) fn must(command: &mut Command) -> Result<(), Failure> {
    let status = run(command)?;
    if status.success() { Ok(()) } else { Err(Failure::problem(format!("`{}`: {status}", name_of(command)))) }
}

/// Runs a program to its end, and hands on each line of its stdout as it comes.
pub(crate) fn read(command: &mut Command, mut line: impl FnMut(&str)) -> Result<ExitStatus, Failure> {
    let mut child = start(command.stdout(Stdio::piped()))?;
    if let Some(stdout) = child.stdout.take() {
        let mut stdout = BufReader::new(stdout);
        let mut bytes = Vec::new();
        // An unreadable pipe is a program that has ended.
        while stdout.read_until(b'\n', &mut bytes).is_ok_and(|length| length > 0) {
            line(String::from_utf8_lossy(&bytes).trim_end_matches('\n'));
            bytes.clear();
        }
    }
    wait(&mut child, &name_of(command))
}

/// What a program prints, if it succeeds; nothing of it is shown.
pub(crate) fn output(command: &mut Command) -> Option<String> {
    let mut text = String::new();
    let status = read(command.stderr(Stdio::null()), |line| {
        text.push_str(line);
        text.push('\n');
    });
    status.is_ok_and(|status| status.success()).then(|| text.trim_end().to_owned())
}

/// How long a server may take until it listens.
const START: Duration = Duration::from_secs(20);

/// A program that runs until it is dropped.
#[derive(Debug)]
pub(crate) struct Server {
    name: String,
    child: Child,
}

impl Server {
    /// Starts a server and waits until it has printed `ready` on stdout or stderr, which go to the file `log`.
    pub(crate) fn start(name: &str, command: &mut Command, ready: &str, log: &Path) -> Result<Self, Failure> {
        go_on()?;
        let failed = |error: io::Error| Failure::problem(format!("start `{name}`: {error}"));
        let mut file = File::create(log).map_err(failed)?;
        let (mut reader, writer) = io::pipe().map_err(failed)?;
        command.stdout(writer.try_clone().map_err(failed)?).stderr(writer);
        let server = Self { name: name.to_owned(), child: spawn(command)? };
        // The command holds our ends of the pipe; without them the pipe ends when the server does.
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let (said, heard) = mpsc::channel();
        let ready = ready.to_owned();
        thread::spawn(move || copy(&mut reader, &mut file, &ready, &said));
        let deadline = std::time::Instant::now() + START;
        loop {
            go_on()?;
            match heard.recv_timeout(Duration::from_millis(100)) {
                Ok(()) => return Ok(server),
                Err(RecvTimeoutError::Timeout) if std::time::Instant::now() < deadline => {}
                Err(end) => {
                    let why = match end {
                        RecvTimeoutError::Timeout => "it does not listen",
                        RecvTimeoutError::Disconnected => "it has ended",
                    };
                    let log = std::fs::read_to_string(log).unwrap_or_default();
                    return Err(Failure::problem(format!(
                        "the server `{name}` did not start: {why}\n{}",
                        log.trim_end()
                    )));
                }
            }
        }
    }
}

/// Copies what a server prints to its log, and says once when a line holds `ready`.
fn copy(reader: &mut impl Read, file: &mut File, ready: &str, said: &mpsc::Sender<()>) {
    let mut said = Some(said);
    for line in BufReader::new(reader).lines() {
        let Ok(line) = line else { return };
        // A full disk must not stop the server.
        drop(io::Write::write_all(file, format!("{line}\n").as_bytes()));
        if let Some(sender) = said.take_if(|_| line.contains(ready)) {
            let _ = sender.send(());
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Err(error) = self.child.kill().and_then(|()| self.child.wait()) {
            screen::say(&format!(
                "note: `{}` (process {}) could not be ended: {error}",
                self.name,
                self.child.id()
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scratch::Scratch;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn programs_are_run_read_and_served() {
        // One test, because there is one foreground.
        let mut lines = Vec::new();
        let status =
            read(&mut shell("printf 'one\ntwo'; exit 3"), |line| lines.push(line.to_owned())).unwrap();
        assert_eq!((status.code(), lines), (Some(3), vec!["one".to_owned(), "two".to_owned()]));

        assert_eq!(output(&mut shell("echo text")), Some("text".to_owned()));
        assert_eq!(output(&mut shell("echo text; exit 1")), None);

        assert_eq!(
            run(&mut Command::new("no-such-program")).map(|_| ()),
            Err(Failure::problem("start `no-such-program`: No such file or directory (os error 2)")
                .next("install `no-such-program`, or put it on PATH")),
        );

        let scratch = Scratch::new("process-test").unwrap();
        let log = scratch.path().join("log");
        let server =
            Server::start("sleeper", &mut shell("echo ready >&2; exec sleep 600"), "ready", &log).unwrap();
        let pid = Pid::from_raw(server.child.id().cast_signed()).unwrap();
        drop(server);
        assert!(rustix::process::test_kill_process(pid).is_err());

        let broken = Server::start("broken", &mut shell("echo no port; exit 1"), "ready", &log).map(|_| ());
        assert_eq!(broken, Err(Failure::problem("the server `broken` did not start: it has ended\nno port")));
    }
}
