//! For Graphviz.

use runner_model::Plan;

use super::{PARTS, Shape, changes, part, subtitle, unusual};
use crate::text::clean;

/// The graph in Graphviz' language.
#[must_use]
pub fn dot<G>(plan: &Plan<G>) -> String {
    let mut out = format!("digraph {} {{\n", quoted(&plan.header.name));
    out.push_str("  rankdir=LR;\n");
    out.push_str("  node [shape=box, style=\"rounded,filled\", fontname=\"Helvetica\", fontsize=11];\n");
    out.push_str("  edge [color=\"#8b949e\", fontname=\"Helvetica\", fontsize=9];\n");
    for (number, name) in PARTS {
        let steps: Vec<_> = plan.steps.iter().filter(|step| part(&step.phase) == number).collect();
        if steps.is_empty() {
            continue;
        }
        let indent = if let Some(name) = name {
            out.push_str(&format!("  subgraph cluster_{name} {{\n    label={name}; style=dotted;\n"));
            "    "
        } else {
            "  "
        };
        for step in steps {
            let shape = Shape::of(plan, step);
            let mark = if changes(plan, step) { " Δ" } else { "" };
            let label =
                quoted(&format!("{}{mark}\n{}", clean(step.id.as_str()), clean(&subtitle(plan, step))));
            let dashed = if step.condition.is_some() { ", style=\"rounded,filled,dashed\"" } else { "" };
            let color = shape.color();
            out.push_str(&format!(
                "{indent}{} [label={label}, color=\"{color}\", fillcolor=\"{color}22\"{dashed}];\n",
                quoted(step.id.as_str())
            ));
        }
        if name.is_some() {
            out.push_str("  }\n");
        }
    }
    for step in &plan.steps {
        for need in &step.needs {
            let from = quoted(plan.step(need.step).id.as_str());
            let dress = unusual(need.accept)
                .map_or_else(String::new, |results| format!(" [style=dashed, label={}]", quoted(&results)));
            out.push_str(&format!("  {from} -> {}{dress};\n", quoted(step.id.as_str())));
        }
    }
    out.push_str("}\n");
    out
}

/// A quoted string of dot. A newline stays one; other control characters are spelled out.
fn quoted(text: &str) -> String {
    let lines: Vec<String> =
        text.split('\n').map(|line| clean(line).replace('\\', "\\\\").replace('"', "\\\"")).collect();
    format!("\"{}\"", lines.join("\\n"))
}
