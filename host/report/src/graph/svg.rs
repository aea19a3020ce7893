//! The picture.
//!
//! It runs from left to right, and downwards if it would be too wide for a page that way.
//!
//! Light or dark as the viewer is set; where that is not known, light. Only elements and attributes that every viewer
//! knows: no scripts, no fonts, no links.

use std::fmt::Write as _;

use runner_model::{Plan, Step, StepIndex};

use super::{
    PARTS, Shape, changes,
    layout::{Graph, Layout, layout, reduced},
    part, subtitle, unusual,
};
use crate::text::{clean, cut};

/// Height of a box, and of a box with its margin.
const BOX: f64 = 46.0;
const ROW: f64 = 64.0;
/// Room between columns, for the curves.
const GAP: f64 = 64.0;
const MARGIN: f64 = 24.0;
/// Room for the title above, and the legend below.
const TITLE: f64 = 40.0;
const LEGEND: f64 = 44.0;
/// What is wider runs downwards.
const WIDEST: f64 = 2400.0;
/// Room between boxes side by side, and between the rows of a picture that runs downwards.
const BESIDE: f64 = 22.0;
const BELOW: f64 = 40.0;
/// Columns of text in a box; a longer id is cut, and whole in its tooltip.
const LONGEST: usize = 30;

/// Colours are in classes, so that a dark viewer can have others.
const STYLE: &str = "
    text { font: 12px ui-sans-serif, -apple-system, 'Segoe UI', Helvetica, Arial, sans-serif; fill: #1f2328 }
    .bg { fill: #ffffff }
    .title { font-size: 15px; font-weight: 600 }
    .id { font-size: 13px; font-weight: 600 }
    .sub, .part, .legend { font-size: 11px; fill: #59636e }
    .box { fill: #f6f8fa; stroke: #d1d9e0; stroke-width: 1.2 }
    .change .box { stroke: #e5484d; stroke-width: 1.8 }
    .conditional .box { stroke-dasharray: 5 3 }
    .mark { fill: #e5484d; font-weight: 700 }
    .line { fill: none; stroke: #8b949e; stroke-width: 1.4 }
    .unusual { stroke: #d4a72c; stroke-dasharray: 4 3 }
    .head { fill: #8b949e }
    .group { fill: none; stroke: #d1d9e0; stroke-dasharray: 2 4 }
    @media (prefers-color-scheme: dark) {
      text { fill: #e6edf3 }
      .bg { fill: #0d1117 }
      .sub, .part, .legend { fill: #9198a1 }
      .box { fill: #151b23; stroke: #3d444d }
      .group { stroke: #3d444d }
    }
  ";

/// The graph as a picture of its own.
#[must_use]
pub fn svg<G>(plan: &Plan<G>) -> String {
    let picture = Picture::of(plan);
    let mut out = String::new();
    picture.write(&mut out);
    out
}

struct Picture<'a, G> {
    plan: &'a Plan<G>,
    edges: Vec<(StepIndex, StepIndex, Option<String>)>,
    layout: Layout,
    /// Width of each box.
    widths: Vec<f64>,
    flow: Flow,
}

/// Which way the picture runs.
enum Flow {
    /// Left edge and width of each column.
    Right(Vec<(f64, f64)>),
    /// Room across for a box: that of the widest, with its margin.
    Down(f64),
}

/// A box, or the place where a line passes between boxes.
struct Place {
    left: f64,
    top: f64,
    width: f64,
    height: f64,
}

impl Place {
    /// Where lines arrive, and where they leave.
    fn ends(&self, flow: &Flow) -> ((f64, f64), (f64, f64)) {
        let (x, y) = (self.left + self.width / 2.0, self.top + self.height / 2.0);
        match flow {
            Flow::Right(_) => ((self.left, y), (self.left + self.width, y)),
            Flow::Down(_) => ((x, self.top), (x, self.top + self.height)),
        }
    }
}

impl<'a, G> Picture<'a, G> {
    fn of(plan: &'a Plan<G>) -> Self {
        let edges: Vec<(StepIndex, StepIndex, Option<String>)> = plan
            .indexed()
            .flat_map(|(to, step)| step.needs.iter().map(move |need| (need.step, to, unusual(need.accept))))
            .collect();
        let mut graph = Graph {
            earliest: vec![0; plan.steps.len()],
            edges: edges.iter().map(|(from, to, _)| (from.get(), to.get())).collect(),
        };
        let mut kept = reduced(&graph);
        // A need with results of its own says more than that one step comes after another.
        kept.extend((0..edges.len()).filter(|edge| edges[*edge].2.is_some()));
        kept.sort_unstable();
        kept.dedup();
        // What asks proxies, `finally` and `notify` stand in columns of their own, each after everything it follows.
        for number in 1..PARTS.len() {
            let laid = layout(&graph, &[]);
            let in_part = |index: usize| part(&plan.steps[index].phase);
            let before = (0..plan.steps.len()).filter(|index| in_part(*index) < number);
            let start = before.map(|index| laid.boxes[index].0 + 1).max().unwrap_or(0);
            for index in (0..plan.steps.len()).filter(|index| in_part(*index) == number) {
                graph.earliest[index] = start;
            }
        }
        let layout = layout(&graph, &kept);
        let widths: Vec<f64> = plan.steps.iter().map(|step| width_of(plan, step)).collect();
        let flow = Flow::of(&layout, &widths);
        Self { plan, edges, layout, widths, flow }
    }

    /// Where a box of this width stands, or a line passes.
    fn place(&self, column: usize, height: f64, width: Option<f64>) -> Place {
        match &self.flow {
            Flow::Right(columns) => {
                let (left, room) = columns.get(column).copied().unwrap_or_default();
                let middle = TITLE + ROW / 2.0 + height * ROW;
                Place { left, top: middle - BOX / 2.0, width: room, height: BOX }
            }
            Flow::Down(room) => {
                let width = width.unwrap_or(0.0);
                let middle = MARGIN + room / 2.0 + height * room;
                // Bounded by the number of steps.
                let row = f64::from(u32::try_from(column).unwrap_or(u32::MAX));
                let top = TITLE + BELOW / 2.0 + row * (BOX + BELOW);
                Place { left: middle - width / 2.0, top, width, height: BOX }
            }
        }
    }

    fn place_of(&self, index: usize) -> Place {
        let (column, height) = self.layout.boxes[index];
        self.place(column, height, self.widths.get(index).copied())
    }

    /// Right and lower edge of all boxes.
    fn extent(&self) -> (f64, f64) {
        match &self.flow {
            Flow::Right(columns) => {
                let right = columns.last().map_or(MARGIN, |(left, width)| left + width);
                (right, TITLE + self.layout.height * ROW + ROW)
            }
            Flow::Down(room) => {
                let last = self.place(self.layout.columns.saturating_sub(1), 0.0, None);
                (MARGIN + self.layout.height * room + room, last.top + last.height + BELOW / 2.0)
            }
        }
    }

    fn write(&self, out: &mut String) {
        let (right, bottom) = self.extent();
        let shapes: Vec<Shape> = Shape::ALL
            .into_iter()
            .filter(|shape| self.plan.steps.iter().any(|step| Shape::of(self.plan, step) == *shape))
            .collect();
        let notes = notes(self.plan);
        let width = (right + MARGIN).max(legend_width(&shapes, &notes)).max(360.0);
        let height = bottom + LEGEND;
        let name = clean(&self.plan.header.name);
        put(
            out,
            format_args!(
                "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" width=\"{width:.0}\" \
             height=\"{height:.0}\" role=\"img\">\n  <title>{}</title>\n  <style>{STYLE}</style>\n  \
             <rect class=\"bg\" width=\"100%\" height=\"100%\"/>\n  <text class=\"title\" x=\"{MARGIN}\" y=\"28\">{}</text>\n",
                escaped(&name),
                escaped(&name),
            ),
        );
        for (number, name) in PARTS {
            if let Some(name) = name {
                self.group(number, name, out);
            }
        }
        for (edge, points) in &self.layout.lines {
            self.line(*edge, points, out);
        }
        for (index, step) in self.plan.indexed() {
            self.step(index, step, out);
        }
        legend(&shapes, &notes, height - 16.0, out);
        out.push_str("</svg>\n");
    }

    /// A frame around the steps of a part other than `steps`.
    fn group(&self, number: usize, name: &str, out: &mut String) {
        let places: Vec<(usize, Place)> = (0..self.plan.steps.len())
            .filter(|index| part(&self.plan.steps[*index].phase) == number)
            .map(|index| (self.layout.boxes[index].0, self.place_of(index)))
            .collect();
        let Some(first) = places.iter().map(|(column, _)| *column).min() else { return };
        let least = |edge: fn(&Place) -> f64| {
            places.iter().map(|(_, place)| edge(place)).fold(f64::INFINITY, f64::min)
        };
        let most = |edge: fn(&Place) -> f64| places.iter().map(|(_, place)| edge(place)).fold(0.0, f64::max);
        let (x, y) = (least(|place| place.left) - 14.0, least(|place| place.top) - 15.0);
        let width = most(|place| place.left + place.width) - x + 14.0;
        let height = most(|place| place.top + place.height) - y + 13.0;
        // Above the first column stands the title, and above every other row the lines arrive.
        let above = matches!(self.flow, Flow::Right(_)) && first > 0;
        let label = if above { y - 5.0 } else { y + height + 12.0 };
        put(
            out,
            format_args!(
                "  <rect class=\"group\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" rx=\"10\"/>\n  \
             <text class=\"part\" x=\"{:.1}\" y=\"{:.1}\">{name}</text>\n",
                x + 8.0,
                label,
            ),
        );
    }

    fn line(&self, edge: usize, points: &[f64], out: &mut String) {
        let Some((from, to, results)) = self.edges.get(edge) else { return };
        let (first, _) = self.layout.boxes[from.get()];
        let (last, _) = self.layout.boxes[to.get()];
        let mut at = self.place_of(from.get()).ends(&self.flow).1;
        let mut path = format!("M{:.1} {:.1}", at.0, at.1);
        for (column, height) in (first + 1..last).zip(points) {
            let (arrives, leaves) = self.place(column, *height, None).ends(&self.flow);
            self.flow.curve(&mut path, at, arrives);
            let _ = write!(path, " L{:.1} {:.1}", leaves.0, leaves.1);
            at = leaves;
        }
        // The head of the arrow needs some room.
        let tip = self.place_of(to.get()).ends(&self.flow).0;
        let (before, head) = match self.flow {
            Flow::Right(_) => ((tip.0 - 7.0, tip.1), "l-8 -4 v8 z"),
            Flow::Down(_) => ((tip.0, tip.1 - 7.0), "l-4 -8 h8 z"),
        };
        self.flow.curve(&mut path, at, before);
        let class = if results.is_some() { "line unusual" } else { "line" };
        put(out, format_args!("  <g><path class=\"{class}\" d=\"{path}\"/>"));
        put(out, format_args!("<path class=\"head\" d=\"M{:.1} {:.1} {head}\"/>", tip.0, tip.1));
        let ids = [from, to].map(|index| clean(self.plan.step(*index).id.as_str()).into_owned());
        let with = results.as_ref().map(|results| format!(" with {results}")).unwrap_or_default();
        put(
            out,
            format_args!("<title>{}</title></g>\n", escaped(&format!("{} needs {}{with}", ids[1], ids[0]))),
        );
    }

    fn step(&self, index: StepIndex, step: &Step<G>, out: &mut String) {
        let Place { left, top, width, .. } = self.place_of(index.get());
        let is_change = changes(self.plan, step);
        let mut class = "step".to_owned();
        class.push_str(if is_change { " change" } else { "" });
        class.push_str(if step.condition.is_some() { " conditional" } else { "" });
        let shape = Shape::of(self.plan, step);
        let id = clean(step.id.as_str());
        let mut tooltip = format!("{id}: {}", subtitle(self.plan, step));
        if let Some(condition) = &step.condition {
            let _ = write!(tooltip, "\nif {}", clean(condition.source()));
        }
        put(out, format_args!("  <g class=\"{class}\"><title>{}</title>", escaped(&tooltip)));
        put(
            out,
            format_args!(
                "<rect class=\"box\" x=\"{left:.1}\" y=\"{top:.1}\" width=\"{width:.1}\" height=\"{BOX}\" rx=\"7\"/>"
            ),
        );
        put(
            out,
            format_args!(
                "<rect x=\"{:.1}\" y=\"{:.1}\" width=\"4\" height=\"{:.1}\" rx=\"2\" fill=\"{}\"/>",
                left + 7.0,
                top + 8.0,
                BOX - 16.0,
                shape.color(),
            ),
        );
        let text = left + 19.0;
        put(
            out,
            format_args!(
                "<text class=\"id\" x=\"{text:.1}\" y=\"{:.1}\">{}</text>",
                top + 20.0,
                escaped(&cut(&id, LONGEST)),
            ),
        );
        put(
            out,
            format_args!(
                "<text class=\"sub\" x=\"{text:.1}\" y=\"{:.1}\">{}</text>",
                top + 35.0,
                escaped(&cut(&clean(&subtitle(self.plan, step)), LONGEST)),
            ),
        );
        if is_change {
            put(
                out,
                format_args!(
                    "<text class=\"mark\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">Δ</text>",
                    left + width - 9.0,
                    top + 19.0,
                ),
            );
        }
        out.push_str("</g>\n");
    }
}

/// Width of the box of a step. Fonts differ; the estimate is for a wide one.
fn width_of<G>(plan: &Plan<G>, step: &Step<G>) -> f64 {
    let columns = |text: &str| f64::from(u32::try_from(cut(text, LONGEST).chars().count()).unwrap_or(0));
    let mark = if changes(plan, step) { 18.0 } else { 0.0 };
    let id = columns(&clean(step.id.as_str())) * 7.9 + mark;
    let below = columns(&clean(&subtitle(plan, step))) * 6.2;
    (id.max(below) + 34.0).ceil()
}

impl Flow {
    fn of(layout: &Layout, widths: &[f64]) -> Self {
        let mut rooms = vec![80.0_f64; layout.columns];
        for ((column, _), width) in layout.boxes.iter().zip(widths) {
            rooms[*column] = rooms[*column].max(*width);
        }
        let mut left = MARGIN;
        let columns: Vec<(f64, f64)> = rooms
            .into_iter()
            .map(|width| {
                let column = (left, width);
                left += width + GAP;
                column
            })
            .collect();
        let widest = widths.iter().copied().fold(80.0, f64::max) + BESIDE;
        let (across, down) = (left - GAP + MARGIN, 2.0 * MARGIN + (layout.height + 1.0) * widest);
        if across > WIDEST && down < across { Self::Down(widest) } else { Self::Right(columns) }
    }

    /// A curve that leaves and arrives along the flow.
    fn curve(&self, path: &mut String, from: (f64, f64), to: (f64, f64)) {
        let ((ax, ay), (bx, by)) = match self {
            Self::Right(_) => {
                let middle = f64::midpoint(from.0, to.0);
                ((middle, from.1), (middle, to.1))
            }
            Self::Down(_) => {
                let middle = f64::midpoint(from.1, to.1);
                ((from.0, middle), (to.0, middle))
            }
        };
        // Writing to a string cannot fail.
        let _ = write!(path, " C{ax:.1} {ay:.1} {bx:.1} {by:.1} {:.1} {:.1}", to.0, to.1);
    }
}

/// Width of a text of the legend. Fonts differ; the estimate is for a wide one.
fn legend_columns(text: &str) -> f64 {
    f64::from(u32::try_from(text.chars().count()).unwrap_or(0)) * 6.4
}

/// The signs of the picture that are not colours, as far as it has them.
fn notes<G>(plan: &Plan<G>) -> Vec<&'static str> {
    let mut notes = Vec::new();
    if plan.steps.iter().any(|step| changes(plan, step)) {
        notes.push("Δ changes the world, taken back on failure");
    }
    if plan.steps.iter().any(|step| step.condition.is_some()) {
        notes.push("dashed box: has a condition");
    }
    if plan.steps.iter().any(|step| step.needs.iter().any(|need| unusual(need.accept).is_some())) {
        notes.push("dashed line: goes on with other results than success");
    }
    notes
}

fn legend_width(shapes: &[Shape], notes: &[&str]) -> f64 {
    shapes.iter().map(|shape| legend_columns(shape.name()) + 32.0).sum::<f64>()
        + notes.iter().map(|note| legend_columns(note) + 18.0).sum::<f64>()
        + MARGIN * 2.0
}

fn legend(shapes: &[Shape], notes: &[&str], y: f64, out: &mut String) {
    let mut x = MARGIN;
    for shape in shapes {
        let (color, name) = (shape.color(), shape.name());
        put(
            out,
            format_args!(
                "  <rect x=\"{x:.1}\" y=\"{:.1}\" width=\"10\" height=\"10\" rx=\"3\" fill=\"{color}\"/>\
                 <text class=\"legend\" x=\"{:.1}\" y=\"{y:.1}\">{name}</text>\n",
                y - 9.0,
                x + 15.0,
            ),
        );
        x += legend_columns(name) + 32.0;
    }
    for note in notes {
        put(out, format_args!("  <text class=\"legend\" x=\"{x:.1}\" y=\"{y:.1}\">{note}</text>\n"));
        x += legend_columns(note) + 18.0;
    }
}

fn put(out: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _ = out.write_fmt(text);
}

/// Text between tags and inside attributes.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for sign in text.chars() {
        match sign {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            _ => out.push(sign),
        }
    }
    out
}
