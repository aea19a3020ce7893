//! What people see: the output of a chore goes to stdout, so that it stands in order with what cargo's tests print.

use std::io::{self, Write};
use std::time::Duration;

use crate::failure::Failure;

/// One line, or several. Whoever closed stdout does not want to know.
pub(crate) fn say(text: &str) {
    let mut stdout = io::stdout();
    drop(writeln!(stdout, "{text}").and_then(|()| stdout.flush()));
}

/// The beginning of a part.
pub(crate) fn heading(text: &str) {
    say(&format!("\n== {text}"));
}

/// Why it ends here.
pub(crate) fn failure(failure: &Failure) {
    drop(writeln!(io::stderr(), "\nerror: {failure}"));
}

/// A time for people: `3.2 s`, `2 min 05 s`.
pub(crate) fn duration(duration: Duration) -> String {
    match duration.as_secs() {
        ..60 => format!("{:.1} s", duration.as_secs_f64()),
        seconds => format!("{} min {:02} s", seconds / 60, seconds % 60),
    }
}

/// A size for people: `48 KiB`.
pub(crate) fn size(bytes: u64) -> String {
    format!("{} KiB", bytes.div_ceil(1024))
}

/// `1 test`, `2 tests`.
pub(crate) fn count(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_sizes_and_numbers_are_for_people() {
        assert_eq!(duration(Duration::from_millis(3240)), "3.2 s");
        assert_eq!(duration(Duration::from_secs(125)), "2 min 05 s");
        assert_eq!(size(1025), "2 KiB");
        assert_eq!([count(1, "test"), count(2, "test")], ["1 test", "2 tests"]);
    }
}
