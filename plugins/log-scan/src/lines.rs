//! A log as lines, whatever its bytes are.
//!
//! A log is never refused for its encoding: programs die in the middle of a character, and two of them write into
//! one file. What is not UTF-8 becomes `�` and is counted; UTF-16 is read as such.

use std::borrow::Cow;

/// One line of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line<'t> {
    /// Counted from 1.
    pub(crate) number: u32,
    /// Without its end.
    pub(crate) text: Cow<'t, str>,
    /// Whether something in it was not in the encoding of the file.
    pub(crate) misencoded: bool,
}

/// UTF-16 as UTF-8; everything else as it is.
pub(crate) fn narrowed(bytes: Vec<u8>) -> Vec<u8> {
    let units = |unit: fn([u8; 2]) -> u16| -> Vec<u16> {
        bytes.chunks_exact(2).map(|pair| unit([pair[0], pair[1]])).collect()
    };
    let units = match bytes.as_slice() {
        [0xff, 0xfe, ..] => units(u16::from_le_bytes),
        [0xfe, 0xff, ..] => units(u16::from_be_bytes),
        [_, 0, _, 0, ..] => units(u16::from_le_bytes),
        [0, _, 0, _, ..] => units(u16::from_be_bytes),
        _ => return bytes,
    };
    String::from_utf16_lossy(&units).into_bytes()
}

/// The last lines of a log, or all of them.
pub(crate) fn lines(bytes: &[u8], last: Option<u32>) -> impl Iterator<Item = Line<'_>> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let start = last.map_or(0, |last| start_of_last(bytes, last));
    let first = 1 + bytes[..start].iter().filter(|&&byte| byte == b'\n').count();
    let rest = &bytes[start..];
    let rest = rest.strip_suffix(b"\n").unwrap_or(rest);
    let pieces = (!bytes[start..].is_empty()).then(|| rest.split(|&byte| byte == b'\n'));
    pieces.into_iter().flatten().enumerate().map(move |(index, line)| {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let text = String::from_utf8_lossy(line);
        let misencoded = matches!(text, Cow::Owned(_)) || text.contains('\u{fffd}');
        Line { number: u32::try_from(first + index).unwrap_or(u32::MAX), text, misencoded }
    })
}

/// Where the last so many lines begin.
fn start_of_last(bytes: &[u8], last: u32) -> usize {
    let body = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    let ends = body.iter().enumerate().rev().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at + 1);
    ends.take(last as usize).last().filter(|_| count(body) >= u64::from(last)).unwrap_or(0)
}

/// How many ends of lines there are.
fn count(bytes: &[u8]) -> u64 {
    bytes.iter().filter(|&&byte| byte == b'\n').count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(bytes: &[u8], last: Option<u32>) -> Vec<String> {
        lines(bytes, last).map(|line| format!("{} {}", line.number, line.text)).collect()
    }

    #[test]
    fn lines_are_counted_from_the_start_of_the_file() {
        assert_eq!(texts(b"\xef\xbb\xbfa\r\nb\n\nc", None), ["1 a", "2 b", "3 ", "4 c"]);
        assert_eq!(texts(b"a\nb\nc\n", Some(2)), ["2 b", "3 c"]);
        assert_eq!(texts(b"a\nb\nc", Some(2)), ["2 b", "3 c"]);
        assert_eq!(texts(b"a\nb\n", Some(2)), ["1 a", "2 b"]);
        assert_eq!(texts(b"a\nb\n", Some(9)), ["1 a", "2 b"]);
        assert_eq!(texts(b"", Some(1)), [""; 0]);
        assert_eq!(texts(b"\n", None), ["1 "]);
    }

    #[test]
    fn what_is_not_utf_8_is_replaced_and_said() {
        let found: Vec<Line> = lines(b"caf\xe9\nna\xc3\xafve\n", None).collect();

        assert_eq!(
            found,
            [
                Line { number: 1, text: "caf\u{fffd}".into(), misencoded: true },
                Line { number: 2, text: "naïve".into(), misencoded: false },
            ]
        );
    }

    #[test]
    fn utf_16_is_read() {
        let wide = |text: &str, bytes: fn(u16) -> [u8; 2]| -> Vec<u8> {
            text.encode_utf16().flat_map(bytes).collect()
        };

        for bytes in [
            wide("\u{feff}one\nzwölf", u16::to_le_bytes),
            wide("\u{feff}one\nzwölf", u16::to_be_bytes),
            wide("one\nzwölf", u16::to_le_bytes),
            wide("one\nzwölf", u16::to_be_bytes),
        ] {
            assert_eq!(texts(&narrowed(bytes), None), ["1 one", "2 zwölf"]);
        }
        assert_eq!(narrowed(b"one".to_vec()), b"one");
    }
}
