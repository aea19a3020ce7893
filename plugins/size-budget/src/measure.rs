//! The size of a file after gzip, as servers send it.

use std::io::{self, Write};

use flate2::{Compression, write::GzEncoder};

/// How many bytes are left after gzip at its usual level, 6.
///
/// # Errors
///
/// None in practice: what is written to takes everything.
pub(crate) fn gzip(content: &[u8]) -> io::Result<u64> {
    let mut encoder = GzEncoder::new(Counter(0), Compression::new(6));
    encoder.write_all(content)?;
    Ok(encoder.finish()?.0)
}

/// Counts what it is given, and keeps nothing.
struct Counter(u64);

impl Write for Counter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_repeats_itself_shrinks_and_what_does_not_grows() {
        let mut state = 1_u32;
        let noise: Vec<u8> = std::iter::repeat_with(|| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state.to_be_bytes()[0]
        })
        .take(1000)
        .collect();

        assert_eq!(gzip(&[]).unwrap(), 20);
        assert!(gzip(&[b'a'; 100_000]).unwrap() < 200);
        assert!(gzip(&noise).unwrap() > 1000);
    }
}
