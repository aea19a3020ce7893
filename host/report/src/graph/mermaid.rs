//! For Markdown.

use runner_model::Plan;

use super::{PARTS, Shape, changes, part, subtitle, unusual};
use crate::text::clean;

/// The graph as a mermaid flowchart.
#[must_use]
pub fn mermaid<G>(plan: &Plan<G>) -> String {
    let mut out = "flowchart LR\n".to_owned();
    for (number, name) in PARTS {
        let steps: Vec<_> = plan.indexed().filter(|(_, step)| part(&step.phase) == number).collect();
        if steps.is_empty() {
            continue;
        }
        let indent = if let Some(name) = name {
            out.push_str(&format!("  subgraph {name}\n"));
            "    "
        } else {
            "  "
        };
        for (index, step) in steps {
            let [open, close] = match Shape::of(plan, step) {
                Shape::Plugin(_) => ["[", "]"],
                Shape::Checkpoint => ["([", "])"],
                Shape::Approval => ["{{", "}}"],
            };
            let mark = if changes(plan, step) { " Δ" } else { "" };
            let (id, below) = (escaped(step.id.as_str()), escaped(&subtitle(plan, step)));
            let class = Shape::of(plan, step).name();
            out.push_str(&format!(
                "{indent}s{}{open}\"{id}{mark}<br/>{below}\"{close}:::{class}\n",
                index.get()
            ));
        }
        if name.is_some() {
            out.push_str("  end\n");
        }
    }
    for (index, step) in plan.indexed() {
        for need in &step.needs {
            let arrow = unusual(need.accept)
                .map_or_else(|| "-->".to_owned(), |results| format!("-. \"{results}\" .->"));
            out.push_str(&format!("  s{} {arrow} s{}\n", need.step.get(), index.get()));
        }
    }
    for shape in Shape::ALL {
        if plan.steps.iter().any(|step| Shape::of(plan, step) == shape) {
            let color = shape.color();
            out.push_str(&format!("  classDef {} fill:{color}22,stroke:{color}\n", shape.name()));
        }
    }
    let conditional: Vec<String> = plan
        .indexed()
        .filter(|(_, step)| step.condition.is_some())
        .map(|(index, _)| format!("s{}", index.get()))
        .collect();
    for step in conditional {
        out.push_str(&format!("  style {step} stroke-dasharray: 5 3\n"));
    }
    out
}

/// Text inside mermaid's quotes: its own escapes, and nothing it would read as markup.
fn escaped(text: &str) -> String {
    let mut out = String::new();
    for sign in clean(text).chars() {
        match sign {
            '"' | '<' | '>' | '&' | '#' | ';' | '`' | '\\' => out.push_str(&format!("#{};", u32::from(sign))),
            _ => out.push(sign),
        }
    }
    out
}
