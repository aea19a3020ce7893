//! A changelog as sections: one for each heading of the second level, as Keep a Changelog has them.
//!
//! The Markdown is read by a parser of Markdown, so headings inside of code and comments are none, and a link is one
//! however it is written.

use jiff::civil::Date;
use pulldown_cmark::{Event, HeadingLevel, Options, Parser, Tag, TagEnd};
use semver::Version;

/// What stands under one heading of the second level.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Section {
    /// What the heading is about.
    pub(crate) title: Title,
    /// Line of the heading.
    pub(crate) line: u32,
    /// Whether the heading is a link.
    pub(crate) linked: bool,
    /// Headings of the third level.
    pub(crate) groups: Vec<Group>,
    /// How many items of lists there are; what stands there without being a list counts as one.
    pub(crate) items: usize,
}

/// A heading of the third level, e.g. `Added`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Group {
    pub(crate) name: String,
    pub(crate) line: u32,
    /// How many items there are.
    pub(crate) items: usize,
}

/// What a heading of the second level says.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Title {
    /// Changes that are in no version yet.
    Unreleased,
    /// A version.
    Version {
        version: Version,
        date: Dated,
        /// Taken back after it was released.
        yanked: bool,
    },
    /// Something else.
    Other(String),
}

/// The date of a version.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Dated {
    On(Date),
    Never,
    /// What stands in its place.
    Unreadable(String),
}

/// Reads all sections in the order they stand.
pub(crate) fn sections(text: &str) -> Vec<Section> {
    let mut lines = Lines { text, at: 0, line: 1 };
    let mut sections: Vec<Section> = Vec::new();
    let mut heading: Option<(HeadingLevel, String, bool)> = None;
    let mut lists = 0_usize;
    for (event, range) in Parser::new_ext(text, Options::empty()).into_offset_iter() {
        match event {
            Event::Start(Tag::Heading { level, .. }) => heading = Some((level, String::new(), false)),
            Event::End(TagEnd::Heading(level)) => {
                let (_, title, linked) = heading.take().unwrap_or((level, String::new(), false));
                let line = lines.of(range.start);
                if level == HeadingLevel::H2 {
                    let title = Title::parse(&title);
                    sections.push(Section { title, line, linked, groups: Vec::new(), items: 0 });
                } else if level == HeadingLevel::H3
                    && let Some(section) = sections.last_mut()
                {
                    section.groups.push(Group { name: title.trim().to_owned(), line, items: 0 });
                }
            }
            Event::Start(Tag::Link { .. }) => {
                if let Some((_, _, linked)) = &mut heading {
                    *linked = true;
                }
            }
            Event::Text(text) | Event::Code(text) => match (&mut heading, sections.last_mut()) {
                (Some((_, title, _)), _) => title.push_str(&text),
                (None, Some(section)) if section.items == 0 && lists == 0 && !text.trim().is_empty() => {
                    section.count();
                }
                (None, _) => {}
            },
            Event::Start(Tag::List(_)) => lists += 1,
            Event::End(TagEnd::List(_)) => lists = lists.saturating_sub(1),
            Event::Start(Tag::Item) if lists == 1 => {
                if let Some(section) = sections.last_mut() {
                    section.count();
                }
            }
            // Text in some dress, comments, and what is none of Keep a Changelog.
            Event::Start(_)
            | Event::End(_)
            | Event::InlineMath(_)
            | Event::DisplayMath(_)
            | Event::Html(_)
            | Event::InlineHtml(_)
            | Event::FootnoteReference(_)
            | Event::SoftBreak
            | Event::HardBreak
            | Event::Rule
            | Event::TaskListMarker(_) => {}
        }
    }
    sections
}

impl Section {
    fn count(&mut self) {
        self.items += 1;
        if let Some(group) = self.groups.last_mut() {
            group.items += 1;
        }
    }
}

impl Title {
    /// Understands `[1.2.3] - 2026-03-01`, `v1.2.3 (2026-03-01) [YANKED]`, `Unreleased`.
    fn parse(heading: &str) -> Self {
        let bare = |word: &str| word.trim_matches(['[', ']', '(', ')', ',', ':']).to_owned();
        let mut words = heading
            .split_whitespace()
            .map(bare)
            .filter(|word| !matches!(word.as_str(), "" | "-" | "–" | "—"));
        let first = words.next().unwrap_or_default();
        if first.eq_ignore_ascii_case("unreleased") {
            return Self::Unreleased;
        }
        let Ok(version) = Version::parse(first.strip_prefix('v').unwrap_or(&first)) else {
            return Self::Other(heading.trim().to_owned());
        };
        let (yanked, others): (Vec<String>, Vec<String>) =
            words.partition(|word| word.eq_ignore_ascii_case("yanked"));
        let date = match others.first() {
            None => Dated::Never,
            // Only this form: `01/03/2026` is two days, and `2026-3-1` sorts wrongly.
            Some(word) if word.len() == "2026-03-01".len() => {
                word.parse().map_or_else(|_| Dated::Unreadable(word.clone()), Dated::On)
            }
            Some(word) => Dated::Unreadable(word.clone()),
        };
        Self::Version { version, date, yanked: !yanked.is_empty() }
    }
}

/// Counts lines as it goes through a text once.
struct Lines<'t> {
    text: &'t str,
    at: usize,
    line: u32,
}

impl Lines<'_> {
    /// Line of a byte that lies not before the one asked for last.
    fn of(&mut self, byte: usize) -> u32 {
        let between = self.text.as_bytes().get(self.at..byte).unwrap_or_default();
        let ends = between.iter().filter(|&&byte| byte == b'\n').count();
        self.line = self.line.saturating_add(u32::try_from(ends).unwrap_or(u32::MAX));
        self.at = byte.max(self.at);
        self.line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn title(heading: &str) -> Title {
        Title::parse(heading)
    }

    fn version(text: &str, date: Dated, yanked: bool) -> Title {
        Title::Version { version: Version::parse(text).unwrap(), date, yanked }
    }

    #[test]
    fn headings_are_read_in_their_usual_shapes() {
        let day = Dated::On(jiff::civil::date(2026, 3, 1));

        assert_eq!(
            [
                title("[1.2.3] - 2026-03-01"),
                title("v1.2.3-l9 (2026-03-01)"),
                title("1.2.3 – 2026-03-01 [YANKED]"),
                title("1.2.3"),
                title("1.2.3 - 01/03/2026"),
                title("1.2.3 - 2026-02-30"),
                title("[UNRELEASED]"),
                title("Migration guide"),
                title("1.2"),
            ],
            [
                version("1.2.3", day.clone(), false),
                version("1.2.3-l9", day.clone(), false),
                version("1.2.3", day, true),
                version("1.2.3", Dated::Never, false),
                version("1.2.3", Dated::Unreadable("01/03/2026".to_owned()), false),
                version("1.2.3", Dated::Unreadable("2026-02-30".to_owned()), false),
                Title::Unreleased,
                Title::Other("Migration guide".to_owned()),
                Title::Other("1.2".to_owned()),
            ],
        );
    }

    #[test]
    fn what_stands_in_code_and_comments_is_no_heading_and_no_item() {
        let text = "# Log\n\n## [1.0.0]\n\n<!--\n## 0.9.0\n- item\n-->\n\n```\n## 0.8.0\n```\n\n### Added\n\n- one\n  - inner\n- two\n\n[1.0.0]: https://example.com\n";

        assert_eq!(
            sections(text),
            [Section {
                title: version("1.0.0", Dated::Never, false),
                line: 3,
                linked: true,
                groups: vec![Group { name: "Added".to_owned(), line: 14, items: 2 }],
                items: 3,
            }]
        );
    }
}
