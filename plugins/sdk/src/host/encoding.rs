//! Bytes to text, or what they look like instead.
//!
//! Only UTF-8 is read. Everything else is named, so that the person who has to save the file again knows what it
//! is. Nothing is guessed into text: a wrong guess would be judged as if it stood in the file. No byte stands in a
//! message, because it may be part of a secret.

/// How many bytes are looked at to tell UTF-16 without a byte order mark.
const SAMPLE: usize = 1024;

/// Understands bytes as UTF-8, without a byte order mark, or says in the words of an editor why not.
pub(super) fn text(bytes: Vec<u8>) -> Result<String, String> {
    if let Some(encoding) = wide(&bytes) {
        return Err(format!("it is {encoding}; save it as UTF-8"));
    }
    let bytes = match bytes.strip_prefix(b"\xef\xbb\xbf") {
        Some(rest) => rest.to_vec(),
        None => bytes,
    };
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let cut_off = error.utf8_error().error_len().is_none();
        let bytes = error.as_bytes();
        let line = bytes[..at].iter().filter(|&&byte| byte == b'\n').count() + 1;
        let in_line = bytes[..at].iter().rev().take_while(|&&byte| byte != b'\n').count() + 1;
        let encoding = narrow(bytes);
        if cut_off {
            return format!(
                "line {line} ends inside a character at byte {in_line}: the file is cut off, or it is {encoding}"
            );
        }
        format!("line {line} is not UTF-8 at byte {in_line}, it looks like {encoding}; save it as UTF-8")
    })
}

/// The encoding of several bytes for each character that these seem to have, and why.
fn wide(bytes: &[u8]) -> Option<String> {
    let marked = |name: &str| Some(format!("{name} (its byte order mark says so)"));
    match bytes {
        [0xff, 0xfe, 0, 0, ..] => return marked("UTF-32 LE"),
        [0xff, 0xfe, ..] => return marked("UTF-16 LE"),
        [0xfe, 0xff, ..] => return marked("UTF-16 BE"),
        _ => {}
    }
    // In UTF-16 every second byte of a text in Latin letters is zero; in UTF-8 none is.
    let sample = &bytes[..bytes.len().min(SAMPLE) & !1];
    let zeros = |parity: usize| sample.iter().skip(parity).step_by(2).filter(|&&byte| byte == 0).count();
    let (even, odd) = (zeros(0), zeros(1));
    let most = |zeros: usize, others: usize| zeros * 5 > sample.len() && others == 0;
    let unmarked = |name: &str| Some(format!("{name} by the look of it (it has no byte order mark)"));
    if most(odd, even) {
        unmarked("UTF-16 LE")
    } else if most(even, odd) {
        unmarked("UTF-16 BE")
    } else {
        None
    }
}

/// The encoding of one byte for each character that these seem to have.
fn narrow(bytes: &[u8]) -> &'static str {
    // Latin-1 has control characters there, which no text has; Windows has quotes and dashes.
    if bytes.iter().any(|byte| (0x80..0xa0).contains(byte)) { "Windows-1252" } else { "Latin-1 (ISO 8859-1)" }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utf_16(text: &str, bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(bytes).collect()
    }

    fn refused(bytes: impl Into<Vec<u8>>) -> String {
        text(bytes.into()).unwrap_err()
    }

    #[test]
    fn utf_8_is_read_and_its_byte_order_mark_taken_away() {
        assert_eq!(text("\u{feff}tëxt\n".into()), Ok("tëxt\n".to_owned()));
        assert_eq!(text(Vec::new()), Ok(String::new()));
    }

    #[test]
    fn a_zero_byte_alone_does_not_make_it_utf_16() {
        assert_eq!(text(b"one\0two three four".to_vec()), Ok("one\0two three four".to_owned()));
    }

    #[test]
    fn utf_16_and_32_are_named() {
        assert_eq!(
            [
                refused(utf_16("\u{feff}key: 1", u16::to_le_bytes)),
                refused(utf_16("\u{feff}key: 1", u16::to_be_bytes)),
                refused(utf_16("key: 1", u16::to_le_bytes)),
                refused(utf_16("key: 1", u16::to_be_bytes)),
                refused(*b"\xff\xfe\0\0k\0\0\0"),
            ],
            [
                "it is UTF-16 LE (its byte order mark says so); save it as UTF-8",
                "it is UTF-16 BE (its byte order mark says so); save it as UTF-8",
                "it is UTF-16 LE by the look of it (it has no byte order mark); save it as UTF-8",
                "it is UTF-16 BE by the look of it (it has no byte order mark); save it as UTF-8",
                "it is UTF-32 LE (its byte order mark says so); save it as UTF-8",
            ],
        );
    }

    #[test]
    fn one_byte_encodings_are_named_with_line_and_byte() {
        assert_eq!(
            [refused(*b"one\ntwo\ncaf\xe9 noir\n"), refused(*b"\x93quoted\x94")],
            [
                "line 3 is not UTF-8 at byte 4, it looks like Latin-1 (ISO 8859-1); save it as UTF-8",
                "line 1 is not UTF-8 at byte 1, it looks like Windows-1252; save it as UTF-8",
            ],
        );
    }

    #[test]
    fn a_character_that_is_cut_off_is_told_apart() {
        assert_eq!(
            refused(*b"one\ncaf\xc3"),
            "line 2 ends inside a character at byte 4: the file is cut off, or it is Latin-1 (ISO 8859-1)"
        );
    }
}
