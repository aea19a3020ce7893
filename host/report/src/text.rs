//! Small parts of texts: cleaned, cut, counted, padded.

use std::borrow::Cow;

use jiff::Timestamp;
pub(crate) use jiff::tz::TimeZone;
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use crate::{Style, style::Tone};

/// `text` on one line and without anything a terminal would obey: control characters, and the signs that turn the
/// direction of writing, are spelled out. A tab becomes a space.
///
/// ```
/// use runner_report::text::clean;
///
/// assert_eq!(clean("safe ä"), "safe ä");
/// assert_eq!(clean("a\tb\n\u{1b}[2Jc\u{202e}"), "a b\\n\\u{1b}[2Jc\\u{202e}");
/// ```
#[must_use]
pub fn clean(text: &str) -> Cow<'_, str> {
    if !text.contains(is_unsafe) {
        return Cow::Borrowed(text);
    }
    let mut cleaned = String::with_capacity(text.len() + 8);
    for sign in text.chars() {
        match sign {
            '\t' => cleaned.push(' '),
            _ if is_unsafe(sign) => cleaned.extend(sign.escape_default()),
            _ => cleaned.push(sign),
        }
    }
    Cow::Owned(cleaned)
}

/// The same for text that may have several lines.
#[must_use]
pub fn clean_lines(text: &str) -> String {
    text.lines().map(clean).collect::<Vec<_>>().join("\n")
}

/// Control characters, line separators, what turns the direction of writing or hides letters, and what is no character.
pub(crate) fn is_unsafe(sign: char) -> bool {
    sign.is_control()
        || matches!(sign, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
}

/// At most `width` columns of `text`; what is missing is marked.
#[must_use]
pub fn cut(text: &str, width: usize) -> Cow<'_, str> {
    if text.width() <= width {
        return Cow::Borrowed(text);
    }
    let mut room = width.saturating_sub(3);
    let fits = |sign: &char| {
        let columns = sign.width().unwrap_or(0);
        let fits = columns <= room;
        room = room.saturating_sub(columns);
        fits
    };
    let mut start: String = text.chars().take_while(fits).collect();
    start.push_str("...");
    Cow::Owned(start)
}

/// `text` with blanks behind it up to `width` columns.
#[must_use]
pub fn pad(text: &str, width: usize) -> String {
    format!("{text}{}", " ".repeat(width.saturating_sub(text.width())))
}

/// Rows under a head, in columns as wide as they have to be. The last column is not padded, and a row that is one cell
/// long stands as it is.
pub(crate) fn table(head: &[&str], rows: &[Vec<String>], style: &Style) -> String {
    let mut widths: Vec<usize> = head.iter().map(|cell| cell.width()).collect();
    for row in rows.iter().filter(|row| row.len() > 1) {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.width());
        }
    }
    let line = |cells: &[String]| match cells {
        [one] => one.clone(),
        cells => {
            let padded: Vec<String> =
                cells.iter().zip(&widths).map(|(cell, width)| pad(cell, *width)).collect();
            padded.join("  ").trim_end().to_owned()
        }
    };
    let head: Vec<String> = head.iter().map(|&cell| cell.to_owned()).collect();
    let mut text = style.paint(Tone::Faint, &line(&head));
    text.push('\n');
    for row in rows {
        text.push_str(&line(row));
        text.push('\n');
    }
    text
}

/// `1 step`, `2 steps`.
#[must_use]
pub fn plural(count: usize, one: &str) -> String {
    format!("{count} {one}{}", if count == 1 { "" } else { "s" })
}

/// `` `a` ``, `` `a` and `b` ``, `` `a`, `b` and `c` ``; names are cleaned.
#[must_use]
pub fn list<S: AsRef<str>>(names: impl IntoIterator<Item = S>) -> String {
    let names: Vec<String> = names.into_iter().map(|name| format!("`{}`", clean(name.as_ref()))).collect();
    match names.as_slice() {
        [] => String::new(),
        [one] => one.clone(),
        [rest @ .., last] => format!("{} and {last}", rest.join(", ")),
    }
}

/// A length of time as people read it: two figures are enough.
#[must_use]
pub fn elapsed(milliseconds: u64) -> String {
    let seconds = milliseconds / 1_000;
    match seconds {
        0 => format!("{milliseconds}ms"),
        1..=9 => format!("{seconds}.{}s", milliseconds % 1_000 / 100),
        10..=59 => format!("{seconds}s"),
        60..=3_599 => format!("{}m{:02}s", seconds / 60, seconds % 60),
        3_600..=86_399 => format!("{}h{:02}m", seconds / 3_600, seconds / 60 % 60),
        _ => format!("{}d{:02}h", seconds / 86_400, seconds / 3_600 % 24),
    }
}

/// A moment in the reader's time: `2026-03-01 14:02:11`.
#[must_use]
pub fn moment(at_ms: u64, zone: &TimeZone) -> String {
    zoned(at_ms, zone, "%Y-%m-%d %H:%M:%S")
}

/// A moment of a day that is clear: `14:02:11`.
#[must_use]
pub fn time_of_day(at_ms: u64, zone: &TimeZone) -> String {
    zoned(at_ms, zone, "%H:%M:%S")
}

/// A moment for programs: `2026-03-01T14:02:11Z`. `None` if there is no such year.
#[must_use]
pub fn utc(at_ms: u64) -> Option<String> {
    let milliseconds = i64::try_from(at_ms).ok()?;
    Timestamp::from_millisecond(milliseconds).ok().map(|timestamp| timestamp.to_string())
}

fn zoned(at_ms: u64, zone: &TimeZone, format: &str) -> String {
    let milliseconds = i64::try_from(at_ms).unwrap_or(i64::MAX);
    match Timestamp::from_millisecond(milliseconds) {
        Ok(timestamp) => timestamp.to_zoned(zone.clone()).strftime(format).to_string(),
        // A journal that was tampered with: still shown, as the number it is.
        Err(_) => format!("{at_ms} ms"),
    }
}

/// Bytes as a pipeline writes them: `64MiB`.
#[must_use]
pub fn bytes(count: u64) -> String {
    let units = [(30, "GiB"), (20, "MiB"), (10, "KiB")];
    let unit = units.into_iter().find(|(shift, _)| count >= 1 << shift && count.is_multiple_of(1 << shift));
    unit.map_or_else(|| format!("{count}B"), |(shift, name)| format!("{}{name}", count >> shift))
}

/// Bytes as people compare them: `812 B`, `4.1 KiB`.
#[must_use]
pub fn amount(count: u64) -> String {
    let units = [(30, "GiB"), (20, "MiB"), (10, "KiB")];
    let unit = units.into_iter().find(|(shift, _)| count >= 1 << shift);
    unit.map_or_else(
        || format!("{count} B"),
        |(shift, name)| format!("{}.{} {name}", count >> shift, ((count % (1 << shift)) * 10) >> shift),
    )
}

#[cfg(test)]
mod tests {
    use super::{amount, bytes, cut, elapsed, list, moment, pad, plural, utc};
    use crate::TimeZone;

    #[test]
    fn lengths_of_time_have_two_figures() {
        let table =
            [0, 999, 1_000, 9_990, 10_000, 59_999, 60_000, 3_599_000, 3_600_000, 90_000_000].map(elapsed);
        assert_eq!(
            table,
            ["0ms", "999ms", "1.0s", "9.9s", "10s", "59s", "1m00s", "59m59s", "1h00m", "1d01h"]
        );
    }

    #[test]
    fn moments_are_shown_in_the_readers_time() {
        assert_eq!(moment(1_772_373_731_000, &TimeZone::UTC), "2026-03-01 14:02:11");
        assert_eq!(moment(u64::MAX, &TimeZone::UTC), "18446744073709551615 ms");
        assert_eq!(utc(1_772_373_731_040).as_deref(), Some("2026-03-01T14:02:11.04Z"));
        assert_eq!(utc(u64::MAX), None);
    }

    #[test]
    fn texts_are_cut_and_padded_by_columns() {
        assert_eq!(cut("häuser", 6), "häuser");
        assert_eq!(cut("häusern", 6), "häu...");
        assert_eq!(cut("漢字漢字", 6), "漢...");
        assert_eq!(pad("漢", 4), "漢  ");
        assert_eq!(cut("abc", 0), "...");
    }

    #[test]
    fn counts_and_lists_read_as_sentences() {
        assert_eq!(
            [plural(0, "step"), plural(1, "step"), plural(2, "step")],
            ["0 steps", "1 step", "2 steps"]
        );
        assert_eq!(list(["a", "b\n", "c"]), "`a`, `b\\n` and `c`");
        assert_eq!(
            [bytes(1 << 20), bytes(64 << 20), bytes(1_000), bytes(1536)],
            ["1MiB", "64MiB", "1000B", "1536B"]
        );
        assert_eq!(
            [amount(0), amount(1_023), amount(1_536), amount(5 << 30), amount(u64::MAX)],
            ["0 B", "1023 B", "1.5 KiB", "5.0 GiB", "17179869183.9 GiB"]
        );
    }
}
