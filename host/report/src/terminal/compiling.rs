//! What a person sees while plugins are compiled, which happens once for each.
//!
//! On a tty a line for each turns while it lasts and is gone after it. Elsewhere there is nothing to see, unless one takes
//! so long that people would wonder: then a line says so.

use std::{
    collections::HashMap,
    io::{self, Write as _},
    sync::{Arc, Mutex, PoisonError, mpsc},
    thread,
    time::Duration,
};

use indicatif::{HumanBytes, MultiProgress, ProgressBar, ProgressDrawTarget};

use super::live::{TICK, template};
use crate::{Style, text::clean};

/// When people begin to wonder.
const LONG: Duration = Duration::from_secs(3);

/// Shows what is compiled. Threads may tell it as they like.
pub struct Compilations {
    style: Style,
    bars: MultiProgress,
    running: Mutex<HashMap<String, Shown>>,
}

enum Shown {
    Bar(ProgressBar),
    /// Dropping it keeps the line from being written.
    #[expect(dead_code, reason = "it is there to be dropped")]
    Silent(mpsc::Sender<()>),
}

impl Compilations {
    /// On stderr.
    #[must_use]
    pub fn stderr(style: Style) -> Arc<Self> {
        Arc::new(Self::to(ProgressDrawTarget::stderr(), style))
    }

    fn to(target: ProgressDrawTarget, style: Style) -> Self {
        Self { style, bars: MultiProgress::with_draw_target(target), running: Mutex::default() }
    }

    /// `name` of `size` bytes is being compiled.
    pub fn began(&self, name: &str, size: u64) {
        let text = format!("compiling {} ({})", clean(name), HumanBytes(size));
        let shown = if self.style.interactive {
            Shown::Bar(self.bar(text))
        } else {
            // If nobody reads it, nobody wondered.
            late(LONG, move || {
                drop(writeln!(io::stderr().lock(), "{text}; this is done once and takes a while"));
            })
        };
        self.running.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned(), shown);
    }

    /// `name` is no longer being compiled.
    pub fn ended(&self, name: &str) {
        let shown = self.running.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
        if let Some(Shown::Bar(bar)) = shown {
            bar.finish_and_clear();
            self.bars.remove(&bar);
        }
    }

    fn bar(&self, text: String) -> ProgressBar {
        let bar = self.bars.add(ProgressBar::new_spinner());
        let columns = if self.style.color {
            "{spinner:.cyan} {wide_msg} {elapsed:>6.dim}"
        } else {
            "{spinner} {wide_msg} {elapsed:>6}"
        };
        bar.set_style(template(&self.style, columns));
        bar.set_message(text);
        bar.enable_steady_tick(TICK);
        bar
    }
}

/// Does `write` if what is returned still lives after a while.
fn late(after: Duration, write: impl FnOnce() + Send + 'static) -> Shown {
    let (sender, ended) = mpsc::channel();
    let wait = move || {
        if ended.recv_timeout(after) == Err(mpsc::RecvTimeoutError::Timeout) {
            write();
        }
    };
    // Without a thread there is no line, and nothing else is lost.
    drop(thread::Builder::new().name("compiling".to_owned()).spawn(wait));
    Shown::Silent(sender)
}

#[cfg(test)]
mod tests {
    use std::{sync::mpsc, time::Duration};

    use indicatif::{InMemoryTerm, ProgressDrawTarget};

    use super::{Compilations, late};
    use crate::Style;

    #[test]
    fn on_a_tty_there_is_a_line_as_long_as_it_lasts() {
        let terminal = InMemoryTerm::new(10, 80);
        let target = ProgressDrawTarget::term_like(Box::new(terminal.clone()));
        let style = Style { interactive: true, ..Style::PLAIN };
        let compilations = Compilations::to(target, style);
        compilations.began("gate.wasm", 2048);
        compilations.bars.suspend(|| ());
        let shown = terminal.contents();
        assert!(shown.contains("compiling gate.wasm (2.00 KiB)"), "{shown}");
        compilations.ended("gate.wasm");
        assert_eq!(terminal.contents(), "");
    }

    #[test]
    fn elsewhere_only_what_takes_long_is_told() {
        let (sender, told) = mpsc::channel();
        let shown = late(Duration::ZERO, move || sender.send("told").unwrap());
        assert_eq!(told.recv(), Ok("told"));
        drop(shown);

        let (sender, told) = mpsc::channel();
        drop(late(Duration::from_secs(3600), move || sender.send("told").unwrap()));
        assert_eq!(told.recv(), Err(mpsc::RecvError));
    }
}
