//! Bytes to text. A secret is one in any encoding, so nothing is refused; bytes that are no text become `�`.

/// What a file holds.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Content {
    Text(String),
    /// Something that no editor would show.
    Binary,
}

/// As Git does it: a zero byte near the start makes a file binary.
const SAMPLE: usize = 8000;

pub(crate) fn of(bytes: Vec<u8>) -> Content {
    let wide = |bytes: &[u8], unit: fn([u8; 2]) -> u16| {
        let units = bytes.as_chunks::<2>().0.iter().map(|pair| unit(*pair));
        let text = char::decode_utf16(units).map(|sign| sign.unwrap_or(char::REPLACEMENT_CHARACTER));
        Content::Text(text.collect())
    };
    if let Some(rest) = bytes.strip_prefix(b"\xff\xfe") {
        return wide(rest, u16::from_le_bytes);
    }
    if let Some(rest) = bytes.strip_prefix(b"\xfe\xff") {
        return wide(rest, u16::from_be_bytes);
    }
    let sample = &bytes[..bytes.len().min(SAMPLE)];
    let zeros = |parity: usize| sample.iter().skip(parity).step_by(2).filter(|&&byte| byte == 0).count();
    match (zeros(0), zeros(1)) {
        (0, 0) => Content::Text(match String::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
        }),
        // UTF-16 without a mark: every second byte of a text in Latin letters is zero.
        (0, odd) if odd * 5 > sample.len() => wide(&bytes, u16::from_le_bytes),
        (even, 0) if even * 5 > sample.len() => wide(&bytes, u16::from_be_bytes),
        (_, _) => Content::Binary,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_every_encoding_is_text() {
        let utf_16 = |text: &str, unit: fn(u16) -> [u8; 2]| -> Vec<u8> {
            text.encode_utf16().flat_map(unit).collect()
        };
        let text = Content::Text("key = 1\n".to_owned());

        assert_eq!(of(b"key = 1\n".to_vec()), text);
        assert_eq!(of([b"\xff\xfe".to_vec(), utf_16("key = 1\n", u16::to_le_bytes)].concat()), text);
        assert_eq!(of([b"\xfe\xff".to_vec(), utf_16("key = 1\n", u16::to_be_bytes)].concat()), text);
        assert_eq!(of(utf_16("key = 1\n", u16::to_le_bytes)), text);
        assert_eq!(of(utf_16("key = 1\n", u16::to_be_bytes)), text);
        assert_eq!(of(b"caf\xe9".to_vec()), Content::Text("caf\u{fffd}".to_owned()));
        assert_eq!(of(Vec::new()), Content::Text(String::new()));
    }

    #[test]
    fn what_is_no_text_is_binary() {
        assert_eq!(of(b"\x7fELF\x02\x01\x01\0\0\0\0\0".to_vec()), Content::Binary);
    }
}
