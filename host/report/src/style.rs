//! What the other end can show.

/// What the terminal, file or pipe at the other end can show. The caller finds out; here it is only obeyed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Style {
    /// Whether colours may be used.
    pub color: bool,
    /// Whether signs beyond ASCII may be used.
    pub unicode: bool,
    /// Whether lines may be written over: a terminal with a person in front of it.
    pub interactive: bool,
    /// Columns.
    pub width: usize,
}

impl Style {
    /// For files, pipes and tests: no colour, ASCII, 100 columns.
    pub const PLAIN: Self = Self { color: false, unicode: false, interactive: false, width: 100 };

    /// `text` in the colour of `tone`.
    pub(crate) fn paint(&self, tone: Tone, text: &str) -> String {
        if self.color && !text.is_empty() {
            format!("\u{1b}[{}m{text}\u{1b}[0m", tone.code())
        } else {
            text.to_owned()
        }
    }

    /// `unicode` if the other end can show it.
    pub(crate) const fn sign<'a>(&self, unicode: &'a str, ascii: &'a str) -> &'a str {
        if self.unicode { unicode } else { ascii }
    }
}

/// What a colour means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    Good,
    Warning,
    Bad,
    /// Goes on, waits, or is taken back.
    Active,
    /// Less important than the rest.
    Faint,
    Strong,
}

impl Tone {
    const fn code(self) -> &'static str {
        match self {
            Self::Good => "32",
            Self::Warning => "33",
            Self::Bad => "1;31",
            Self::Active => "36",
            Self::Faint => "2",
            Self::Strong => "1",
        }
    }
}
