//! What a container writes: the engine's stream taken apart into lines.
//!
//! With a terminal the stream is the bytes as they are; without one it comes in frames of eight bytes of head (which stream,
//! how long) and a body. A gigabyte of either never enters memory: a line is cut at 64 KiB while it comes, and of the lines
//! only the last are kept.

use std::collections::VecDeque;

use jiff::Timestamp;

use crate::host::bindings::runner::plugin::docker::{Output, OutputLine, OutputStream};

/// Longest line.
const MAX_LINE: usize = 64 << 10;
/// Most lines, however short.
const MAX_LINES: usize = 100_000;
/// `2024-01-01T00:00:00.000000000Z `.
const STAMP: usize = 31;

/// Whether every line begins with the time at which it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stamps {
    /// It does.
    Given,
    /// It does not.
    Absent,
}

/// Takes a stream apart into lines.
pub(super) struct Lines {
    framing: Framing,
    stamps: Stamps,
    out: Partial,
    err: Partial,
}

enum Framing {
    Raw,
    Head { head: [u8; 8], have: usize },
    Body { channel: Channel, left: usize },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Channel {
    Out,
    Err,
}

/// A line that has not ended yet.
#[derive(Default)]
struct Partial {
    bytes: Vec<u8>,
    /// Whether anything of this line has come.
    begun: bool,
    /// Whether the next bytes are the first of a frame: the engine puts the time before each.
    fresh: bool,
}

/// The stream is no stream of an engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("its output is not framed as it should be")]
pub(super) struct Unframed;

impl Lines {
    /// Lines of a container; `terminal` if it has one.
    pub(super) fn new(terminal: bool, stamps: Stamps) -> Self {
        let framing = if terminal { Framing::Raw } else { Framing::Head { head: [0; 8], have: 0 } };
        Self { framing, stamps, out: Partial::default(), err: Partial::default() }
    }

    /// Takes `bytes`, and gives every line that they end to `each`.
    pub(super) fn take(
        &mut self,
        mut bytes: &[u8],
        each: &mut dyn FnMut(OutputLine),
    ) -> Result<(), Unframed> {
        while !bytes.is_empty() {
            match &mut self.framing {
                Framing::Raw => {
                    self.out.take(bytes, OutputStream::Stdout, self.stamps, each);
                    return Ok(());
                }
                Framing::Head { head, have } => {
                    let some = bytes.len().min(8 - *have);
                    head[*have..*have + some].copy_from_slice(&bytes[..some]);
                    *have += some;
                    bytes = &bytes[some..];
                    if *have == 8 {
                        let channel = match head[..4] {
                            [0 | 1, 0, 0, 0] => Channel::Out,
                            [2, 0, 0, 0] => Channel::Err,
                            _ => return Err(Unframed),
                        };
                        let left = u32::from_be_bytes([head[4], head[5], head[6], head[7]]) as usize;
                        self.partial(channel).fresh = true;
                        self.framing = Framing::Body { channel, left };
                        self.next_frame();
                    }
                }
                Framing::Body { channel, left } => {
                    let (channel, some) = (*channel, bytes.len().min(*left));
                    *left -= some;
                    let (now, rest) = bytes.split_at(some);
                    bytes = rest;
                    let stamps = self.stamps;
                    self.partial(channel).take(now, channel.stream(), stamps, each);
                    self.next_frame();
                }
            }
        }
        Ok(())
    }

    /// Gives the lines that the end of the stream has ended.
    pub(super) fn finish(&mut self, each: &mut dyn FnMut(OutputLine)) {
        for channel in [Channel::Out, Channel::Err] {
            let stamps = self.stamps;
            let partial = self.partial(channel);
            if partial.begun {
                partial.end(channel.stream(), stamps, each);
            }
        }
    }

    fn partial(&mut self, channel: Channel) -> &mut Partial {
        match channel {
            Channel::Out => &mut self.out,
            Channel::Err => &mut self.err,
        }
    }

    fn next_frame(&mut self) {
        if matches!(self.framing, Framing::Body { left: 0, .. }) {
            self.framing = Framing::Head { head: [0; 8], have: 0 };
        }
    }
}

impl Channel {
    fn stream(self) -> OutputStream {
        match self {
            Self::Out => OutputStream::Stdout,
            Self::Err => OutputStream::Stderr,
        }
    }
}

impl Partial {
    fn take(
        &mut self,
        mut bytes: &[u8],
        stream: OutputStream,
        stamps: Stamps,
        each: &mut dyn FnMut(OutputLine),
    ) {
        // A line longer than the engine's own buffer comes in several frames, each with the time in front.
        if std::mem::take(&mut self.fresh) && self.begun && stamps == Stamps::Given {
            bytes = without_stamp(bytes).1;
        }
        while !bytes.is_empty() {
            self.begun = true;
            let end = bytes.iter().position(|byte| *byte == b'\n');
            let text = &bytes[..end.unwrap_or(bytes.len())];
            let room = (MAX_LINE + STAMP).saturating_sub(self.bytes.len());
            self.bytes.extend_from_slice(&text[..text.len().min(room)]);
            let Some(end) = end else { return };
            bytes = &bytes[end + 1..];
            self.end(stream, stamps, each);
        }
    }

    fn end(&mut self, channel: OutputStream, stamps: Stamps, each: &mut dyn FnMut(OutputLine)) {
        self.begun = false;
        let line = std::mem::take(&mut self.bytes);
        let (at_ms, text) = match stamps {
            Stamps::Given => without_stamp(&line),
            Stamps::Absent => (0, line.as_slice()),
        };
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        let text = &text[..text.len().min(MAX_LINE)];
        each(OutputLine { channel, at_ms, text: String::from_utf8_lossy(text).into_owned() });
    }
}

/// The time in front of a line, and the line.
fn without_stamp(line: &[u8]) -> (u64, &[u8]) {
    let space = line.iter().take(40).position(|byte| *byte == b' ');
    let stamp = space.and_then(|space| std::str::from_utf8(&line[..space]).ok());
    match (space, stamp.and_then(|stamp| stamp.parse::<Timestamp>().ok())) {
        (Some(space), Some(at)) => (u64::try_from(at.as_millisecond()).unwrap_or(0), &line[space + 1..]),
        _ => (0, line),
    }
}

/// Keeps the last lines that have room.
pub(super) struct Tail {
    lines: VecDeque<OutputLine>,
    bytes: usize,
    most: usize,
    truncated: bool,
}

impl Tail {
    /// Room for `most` bytes of text.
    pub(super) fn new(most: usize) -> Self {
        Self { lines: VecDeque::new(), bytes: 0, most, truncated: false }
    }

    pub(super) fn push(&mut self, line: OutputLine) {
        self.bytes += line.text.len();
        self.lines.push_back(line);
        while self.bytes > self.most || self.lines.len() > MAX_LINES {
            let Some(gone) = self.lines.pop_front() else { break };
            self.bytes -= gone.text.len();
            self.truncated = true;
        }
    }

    pub(super) fn into_output(self) -> Output {
        Output { lines: self.lines.into(), truncated: self.truncated }
    }
}
