//! The end of a container's log.

use runner_plugin::host::{Container, DockerFailure, LogRange};
use runner_plugin::{Failure, Host};

/// How many lines are shown of what went wrong.
pub const LAST: u32 = 50;

/// Longest end of a log inside a message. The host cuts messages at 4 KiB, and what failed has to fit as well.
const IN_MESSAGE: usize = 3000;

/// The last lines of a container, oldest first.
///
/// # Errors
///
/// That of the engine.
pub fn last(container: &Container) -> Result<Vec<String>, DockerFailure> {
    let output = container.logs(LogRange::last(LAST))?;
    Ok(output.lines.into_iter().map(|line| line.text).collect())
}

/// Writes the last lines of a container to the step's log. That they cannot be read is said there, and stops nothing.
pub fn show(host: &Host, name: &str, container: &Container) {
    match last(container) {
        Ok(lines) if lines.is_empty() => host.log().info(format!("container `{name}` has written nothing")),
        Ok(lines) => {
            host.log().info(format!("the last lines of container `{name}`:"));
            for line in lines {
                host.log().info(line);
            }
        }
        Err(failure) => host.log().info(failure.to_string()),
    }
}

/// The end of a message: as many of the last lines as fit.
///
/// ```
/// let lines = ["collected 2 items".to_owned(), "1 failed, 1 passed".to_owned()];
///
/// assert_eq!(runner_docker::lines::told(&lines), "; its last lines: collected 2 items | 1 failed, 1 passed");
/// assert_eq!(runner_docker::lines::told(&[]), "; it has written nothing");
/// ```
#[must_use]
pub fn told(lines: &[String]) -> String {
    let mut room = IN_MESSAGE;
    let lines: Vec<&str> = lines.iter().map(|line| line.trim()).filter(|line| !line.is_empty()).collect();
    let fit = lines.iter().rev().take_while(|line| {
        let needed = line.len() + 3;
        let fits = needed <= room;
        room = room.saturating_sub(needed);
        fits
    });
    match (lines.last(), fit.count()) {
        (None, _) => "; it has written nothing".to_owned(),
        (Some(last), 0) => {
            let mut end = IN_MESSAGE.min(last.len());
            while !last.is_char_boundary(end) {
                end -= 1;
            }
            format!("; its last line begins: {}", &last[..end])
        }
        (Some(_), count) => format!("; its last lines: {}", lines[lines.len() - count..].join(" | ")),
    }
}

/// A failure with the last lines of a container behind its words.
#[must_use]
pub fn with_last(failure: Failure, container: &Container) -> Failure {
    match last(container) {
        Ok(lines) => Failure::new(failure.kind, format!("{}{}", failure.message, told(&lines))),
        Err(_) => failure,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_holds_the_newest_lines_that_fit() {
        let lines = ["a".repeat(2000), "b".repeat(2000), " ".to_owned(), "ende".to_owned()];

        assert_eq!(told(&lines), format!("; its last lines: {} | ende", "b".repeat(2000)));
        assert_eq!(told(&["ä".repeat(2000)]), format!("; its last line begins: {}", "ä".repeat(1500)));
    }
}
