//! What the other side said, as it may stand in a message.

use runner_plugin::text::shortened;

/// The start of a text of somebody else, with its control characters written out.
///
/// ```
/// assert_eq!(runner_probe::said(b"it's \x1b[2J up\r\n"), r"it's \u{1b}[2J up\r\n");
/// ```
#[must_use]
pub fn said(text: impl AsRef<[u8]>) -> String {
    let mut shown = String::new();
    // More than is shown of it in the end.
    for sign in String::from_utf8_lossy(text.as_ref()).chars().take(200) {
        if sign.is_control() { shown.extend(sign.escape_default()) } else { shown.push(sign) }
    }
    shortened(&shown)
}
