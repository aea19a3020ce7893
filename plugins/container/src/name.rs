//! Names that no other step, run or attempt has.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use runner_plugin::Request;

/// Longest part that is made of the step's id.
const STEP: usize = 60;

/// The name of what a step makes: `runner-8q9p0n1m2-suites.unit-1`.
///
/// The random end of the run's id tells runs apart. A step's id holds signs that no name may have (`suites[unit]`); what
/// is lost by leaving them out, or by cutting, a hash of the whole makes up for.
pub(crate) fn base(prefix: &str, request: &Request) -> String {
    let run = request.run_id.to_lowercase();
    let run = &run[run.char_indices().rev().nth(8).map_or(0, |(at, _)| at)..];
    format!("{prefix}-{run}-{}-{}", step(&request.step_id), request.attempt)
}

fn step(id: &str) -> String {
    let opened = id.replace(['[', ','], ".");
    let wanted = opened.strip_suffix(']').unwrap_or(&opened);
    let plain = |sign: char| sign.is_ascii_alphanumeric() || "_.-".contains(sign);
    let said: String = wanted.chars().filter(|sign| plain(*sign)).take(STEP).collect();
    if said == wanted && !id.contains('.') {
        return said;
    }
    let mut hasher = DefaultHasher::new();
    id.hash(&mut hasher);
    format!("{said}.{:08x}", hasher.finish() & 0xffff_ffff)
}

#[cfg(test)]
mod tests {
    use super::*;
    use runner_plugin::testing::request;

    #[test]
    fn a_name_says_run_step_and_attempt() {
        let request = Request { step_id: "suites[unit]".into(), attempt: 2, ..request() };

        assert_eq!(base("runner", &request), "runner-8q9p0n1m2-suites.unit-2");
    }

    #[test]
    fn steps_do_not_share_a_name() {
        let ids = [
            "a",
            "a-b",
            "a[b]",
            "a[b,c]",
            "a[b c]",
            "a[b/c]",
            "a[b.c]",
            "a[ä]",
            &"a".repeat(61),
            &"a".repeat(62),
        ];
        let mut names: Vec<String> = ids.iter().map(|id| step(id)).collect();

        assert!(
            names
                .iter()
                .all(|name| name.chars().all(|sign| sign.is_ascii_alphanumeric() || "_.-".contains(sign)))
        );
        assert!(names.iter().all(|name| name.len() <= STEP + 9));
        names.sort();
        names.dedup();
        assert_eq!(names.len(), ids.len());
    }
}
