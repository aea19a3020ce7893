//! What a run would change: the list at the end of a rehearsal.

use serde_json::{Value, json};

use crate::text::{clean, pad};

/// One numbered line for each change, in the order in which a run makes them: `(step, what)`.
#[must_use]
pub fn text(changes: &[(&str, &str)]) -> String {
    if changes.is_empty() {
        return "a run would change nothing\n".to_owned();
    }
    let columns = changes.iter().map(|(step, _)| clean(step).chars().count()).max().unwrap_or(0).min(32);
    let digits = changes.len().to_string().len();
    let mut out = "a run would, in this order\n".to_owned();
    for (number, (step, what)) in (1..).zip(changes) {
        out.push_str(&format!("  {number:>digits$}  {}  {}\n", pad(&clean(step), columns), clean(what)));
    }
    out
}

/// The same for programs.
#[must_use]
pub fn json(changes: &[(&str, &str)]) -> Value {
    let changes: Vec<Value> =
        changes.iter().map(|(step, what)| json!({ "step": step, "change": what })).collect();
    json!({ "type": "rehearsal", "changes": changes })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::text;

    #[test]
    fn changes_are_numbered_in_their_order() {
        let changes = [("build", "build the image `app:1`"), ("launch", "create \u{1b}[1m`app`")];
        assert_eq!(
            text(&changes),
            "a run would, in this order\n  1  build   build the image `app:1`\n  2  launch  create \\u{1b}[1m`app`\n"
        );
        assert_eq!(text(&[]), "a run would change nothing\n");
        assert_eq!(
            super::json(&changes[..1]),
            json!({ "type": "rehearsal", "changes": [{ "step": "build", "change": "build the image `app:1`" }] })
        );
    }
}
