//! Words of a command line: which are names, how they are shown, and how a shell reads them as one word each.

/// Whether `text` names a program: an absolute path without detours, or a name without any directory.
pub(super) fn is_program(text: &str) -> bool {
    if let Some(path) = text.strip_prefix('/') {
        return path.split('/').all(|name| !matches!(name, "" | "." | ".."))
            && !text.contains(['\0', '*'])
            && text.len() < 4096;
    }
    let plain = |sign: char| sign.is_ascii_alphanumeric() || "._+-".contains(sign);
    text.starts_with(|first: char| first.is_ascii_alphanumeric() || first == '_')
        && text.len() < 256
        && text.chars().all(plain)
}

/// A word for people, in quotes where it would not read as one.
pub(super) fn shown(word: &str) -> String {
    let plain = |sign: char| sign.is_ascii_alphanumeric() || "._/:=@%+,*-".contains(sign);
    if !word.is_empty() && word.chars().all(plain) { word.to_owned() } else { quoted(word) }
}

/// A word in double quotes, as YAML and JSON read it.
pub(super) fn quoted(word: &str) -> String {
    serde_json::Value::from(word).to_string()
}

/// A word as a POSIX shell reads it back. Inside of single quotes nothing but their end means anything.
#[cfg(feature = "host")]
pub(super) fn for_shell(word: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(word.len() + 2);
    out.push(b'\'');
    for byte in word {
        match byte {
            b'\'' => out.extend_from_slice(br"'\''"),
            other => out.push(*other),
        }
    }
    out.push(b'\'');
    out
}
