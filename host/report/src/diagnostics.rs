//! What is wrong with a text, with the text.
//!
//! ```text
//! error: step `switch` may not use the `tcp` capability
//!   --> deploy.yaml:24:7
//!    |
//! 24 |       grants: { network: [] }
//!    |       ^^^^^^ the only grant of this step
//!    |
//!    = the plugin imports `runner:plugin/tcp@0.1.0`
//!
//! hint: add `network: ["tcp://redis:6379"]`
//!
//! 1 error; nothing was started (exit 7)
//! ```

use std::{borrow::Cow, ops::Range};

use annotate_snippets::{Annotation, AnnotationKind, Group, Level, Renderer, Snippet, renderer::DecorStyle};
use runner_model::{Diagnostic, Label, Severity, SourceId, Sources, Span};
use serde_json::{Value, json};

use crate::{
    Style,
    style::Tone,
    text::{clean, is_unsafe, plural},
};

/// Every diagnostic with excerpts, and a line that sums up. Nothing for no diagnostics.
#[must_use]
pub fn render(diagnostics: &[Diagnostic], sources: &Sources, style: &Style) -> String {
    let mut text = String::new();
    for diagnostic in diagnostics {
        text.push_str(&one(diagnostic, sources, style));
        text.push('\n');
    }
    if !diagnostics.is_empty() {
        text.push_str(&summary(diagnostics));
        text.push('\n');
    }
    text
}

/// One object per diagnostic, for programs. Lines and columns count from 1, columns in characters.
#[must_use]
pub fn to_json(diagnostics: &[Diagnostic], sources: &Sources) -> Vec<Value> {
    let object = |diagnostic: &Diagnostic| {
        let labels: Vec<Value> =
            diagnostic.labels.iter().filter_map(|label| label_json(label, sources)).collect();
        let place =
            |name: &str| labels.first().and_then(|label| label.get(name)).cloned().unwrap_or_default();
        json!({
            "severity": diagnostic.severity,
            "code": diagnostic.code,
            "message": diagnostic.message,
            "file": place("file"),
            "line": place("line"),
            "column": place("column"),
            "end_line": place("end_line"),
            "end_column": place("end_column"),
            "labels": labels,
            "notes": diagnostic.notes,
            "help": diagnostic.help,
            "exit": diagnostic.exit.code(),
        })
    };
    diagnostics.iter().map(object).collect()
}

fn label_json(label: &Label, sources: &Sources) -> Option<Value> {
    let source = sources.get(label.span.source)?;
    let (line, column) = source.line_column(label.span.start);
    let (end_line, end_column) = source.line_column(label.span.end.max(label.span.start));
    Some(json!({
        "file": source.name,
        "line": line,
        "column": column,
        "end_line": end_line,
        "end_column": end_column,
        "text": label.text,
    }))
}

fn one(diagnostic: &Diagnostic, sources: &Sources, style: &Style) -> String {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let mut group = Group::with_title(level.primary_title(clean(&diagnostic.message)));
    for source in sources_of(diagnostic) {
        if let Some(snippet) = snippet(source, diagnostic, sources) {
            group = group.element(snippet);
        }
    }
    for note in &diagnostic.notes {
        group = group.element(Level::NOTE.no_name().message(clean(note)));
    }
    let renderer = if style.color { Renderer::styled() } else { Renderer::plain() };
    let renderer = renderer.term_width(style.width.max(40)).decor_style(if style.unicode {
        DecorStyle::Unicode
    } else {
        DecorStyle::Ascii
    });
    let mut text = renderer.render(&[group]).clone();
    text.push('\n');
    if let Some(help) = &diagnostic.help {
        text.push('\n');
        text.push_str(&hint(help, style));
    }
    text
}

/// Advice that may have several lines, below what it is about.
pub(crate) fn hint(help: &str, style: &Style) -> String {
    let mut text = String::new();
    for (index, line) in help.lines().enumerate() {
        let head = if index == 0 { style.paint(Tone::Active, "hint:") } else { "     ".to_owned() };
        text.push_str(format!("{head} {}", clean(line)).trim_end());
        text.push('\n');
    }
    text
}

/// The texts that the labels stand in, the one of the first label first.
fn sources_of(diagnostic: &Diagnostic) -> Vec<SourceId> {
    let mut ids = Vec::new();
    for label in &diagnostic.labels {
        if !ids.contains(&label.span.source) {
            ids.push(label.span.source);
        }
    }
    ids
}

fn snippet<'a>(
    id: SourceId,
    diagnostic: &'a Diagnostic,
    sources: &'a Sources,
) -> Option<Snippet<'a, Annotation<'a>>> {
    let source = sources.get(id)?;
    let annotations = diagnostic.labels.iter().enumerate().filter(|(_, label)| label.span.source == id);
    let annotations = annotations.map(|(index, label)| {
        let kind = if index == 0 { AnnotationKind::Primary } else { AnnotationKind::Context };
        let annotation = kind.span(range(label.span, &source.text));
        if label.text.is_empty() { annotation } else { annotation.label(clean(&label.text)) }
    });
    Some(Snippet::source(printable(&source.text)).path(clean(&source.name)).annotations(annotations))
}

/// A text with nothing in it that a terminal would obey, every byte where it was. What takes one byte the renderer
/// replaces itself.
fn printable(text: &str) -> Cow<'_, str> {
    let is_left_alone = |sign: char| sign.len_utf8() > 1 && is_unsafe(sign);
    if !text.contains(is_left_alone) {
        return Cow::Borrowed(text);
    }
    let replaced = |sign: char| match sign.len_utf8() {
        _ if !is_left_alone(sign) => sign,
        2 => '¤',
        _ => '\u{fffd}',
    };
    Cow::Owned(text.chars().map(replaced).collect())
}

/// The span as bytes of its text: inside it, and between characters.
fn range(span: Span, text: &str) -> Range<usize> {
    let place = |offset: u32| {
        let offset = usize::try_from(offset).unwrap_or(usize::MAX).min(text.len());
        (0..=offset).rev().find(|offset| text.is_char_boundary(*offset)).unwrap_or(0)
    };
    let start = place(span.start);
    start..place(span.end).max(start)
}

fn summary(diagnostics: &[Diagnostic]) -> String {
    let count = |severity| diagnostics.iter().filter(|diagnostic| diagnostic.severity == severity).count();
    let (errors, warnings) = (count(Severity::Error), count(Severity::Warning));
    if errors == 0 {
        return plural(warnings, "warning");
    }
    let mut text = plural(errors, "error");
    if warnings > 0 {
        text.push_str(&format!(", {}", plural(warnings, "warning")));
    }
    text.push_str("; nothing was started");
    let mut exits: Vec<u8> = diagnostics
        .iter()
        .filter(|diagnostic| diagnostic.severity == Severity::Error)
        .map(|diagnostic| diagnostic.exit.code())
        .collect();
    exits.sort_unstable();
    exits.dedup();
    // With several the caller decides, and says so.
    if let [exit] = exits.as_slice() {
        text.push_str(&format!(" (exit {exit})"));
    }
    text
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;
    use runner_model::{Diagnostic, ExitCode, SourceId, Sources, Span};
    use serde_json::json;

    use super::{render, to_json};
    use crate::{Style, text::is_unsafe};

    fn span(source: SourceId, text: &str, part: &str) -> Span {
        let start = text.find(part).unwrap();
        let offset = |offset: usize| u32::try_from(offset).unwrap();
        Span { source, start: offset(start), end: offset(start + part.len()) }
    }

    const PIPELINE: &str = "name: deploy\nsteps:\n  switch:\n    uses: proxy\n    grants: { network: [] }\n";

    fn problems() -> (Vec<Diagnostic>, Sources) {
        let mut sources = Sources::default();
        let main = sources.add("deploy.yaml", PIPELINE);
        let part = sources.add("parts/health.yaml", "steps:\n  switch: {}\n");
        let diagnostics = vec![
            Diagnostic::error("ungranted", "step `switch` may not use the `tcp` capability")
                .exit(ExitCode::GrantRefused)
                .at(span(main, PIPELINE, "grants"), "the only grant of this step")
                .at(span(main, PIPELINE, "proxy"), "this plugin asks for it")
                .note("the plugin imports `runner:plugin/tcp@0.1.0` (read from the component itself)")
                .note("nothing was started")
                .help(
                    "to allow the one host it talks to, write\n  grants: { network: [\"tcp://redis:6379\"] }",
                ),
            Diagnostic::error("duplicate", "step `switch` stands in two files")
                .exit(ExitCode::GrantRefused)
                .at(span(part, "steps:\n  switch: {}\n", "switch"), "here")
                .at(span(main, PIPELINE, "switch"), "and here"),
            Diagnostic::warning("unused", "input `tag` is not used\u{1b}[2J"),
        ];
        (diagnostics, sources)
    }

    #[test]
    fn a_problem_shows_its_place_its_reasons_and_what_to_do() {
        let (diagnostics, sources) = problems();
        assert_snapshot!(render(&diagnostics, &sources, &Style::PLAIN), @r#"
        error: step `switch` may not use the `tcp` capability
         --> deploy.yaml:5:5
          |
        4 |     uses: proxy
          |           ----- this plugin asks for it
        5 |     grants: { network: [] }
          |     ^^^^^^ the only grant of this step
          |
          = the plugin imports `runner:plugin/tcp@0.1.0` (read from the component itself)
          = nothing was started

        hint: to allow the one host it talks to, write
                grants: { network: ["tcp://redis:6379"] }

        error: step `switch` stands in two files
         --> parts/health.yaml:2:3
          |
        2 |   switch: {}
          |   ^^^^^^ here
          |
         ::: deploy.yaml:3:3
          |
        3 |   switch:
          |   ------ and here

        warning: input `tag` is not used\u{1b}[2J

        2 errors, 1 warning; nothing was started (exit 7)
        "#);
    }

    #[test]
    fn unicode_and_colour_change_the_dress_only() {
        let (diagnostics, sources) = problems();
        let style = Style { unicode: true, color: true, ..Style::PLAIN };
        assert_snapshot!(render(&diagnostics[..1], &sources, &style).replace('\u{1b}', "^"), @r#"
        ^[1m^[91merror^[0m^[1m: step `switch` may not use the `tcp` capability^[0m
         ^[1m^[94m ╭▸ ^[0mdeploy.yaml:5:5
          ^[1m^[94m│^[0m
        ^[1m^[94m4^[0m ^[1m^[94m│^[0m     uses: proxy
          ^[1m^[94m│^[0m           ^[1m^[94m─────^[0m ^[1m^[94mthis plugin asks for it^[0m
        ^[1m^[94m5^[0m ^[1m^[94m│^[0m     grants: { network: [] }
          ^[1m^[94m│^[0m     ^[1m^[91m━━━━━━^[0m ^[1m^[91mthe only grant of this step^[0m
          ^[1m^[94m│^[0m
          ^[1m^[94m├ ^[0mthe plugin imports `runner:plugin/tcp@0.1.0` (read from the component itself)
          ^[1m^[94m╰ ^[0mnothing was started

        ^[36mhint:^[0m to allow the one host it talks to, write
                grants: { network: ["tcp://redis:6379"] }

        1 error; nothing was started (exit 7)
        "#);
    }

    #[test]
    fn a_long_line_is_cut_around_its_place() {
        let mut sources = Sources::default();
        let text = format!("a: {} here {}\n", "x".repeat(200), "y".repeat(200));
        let id = sources.add("a.yaml", text.as_str());
        let diagnostics = [Diagnostic::error("odd", "odd").at(span(id, &text, "here"), "")];
        let style = Style { width: 60, ..Style::PLAIN };
        assert_snapshot!(render(&diagnostics, &sources, &style), @r"
        error: odd
         --> a.yaml:1:205
          |
        1 | ...xxxxxxxxxxxxxxxxxxxxxx here yyyyyyyyyyyyyyyyyyyyyy...
          |                           ^^^^

        1 error; nothing was started (exit 6)
        ");
    }

    #[test]
    fn a_place_outside_the_text_does_no_harm() {
        let mut sources = Sources::default();
        let id = sources.add("a.yaml", "é");
        let diagnostics = [
            Diagnostic::error("odd", "odd").at(Span { source: id, start: 1, end: 900 }, "there"),
            Diagnostic::error("odd", "odd").at(Span { source: SourceId(9), start: 1, end: 2 }, "nowhere"),
        ];
        assert_snapshot!(render(&diagnostics, &sources, &Style::PLAIN), @r"
        error: odd
         --> a.yaml:1:1
          |
        1 | é
          | ^ there

        error: odd

        2 errors; nothing was started (exit 6)
        ");
    }

    #[test]
    fn nothing_from_outside_reaches_the_terminal_as_a_control_character() {
        let mut sources = Sources::default();
        let text = "a: \u{1b}[2J\u{7}\tb\u{202e}\u{9b}1m\r\n";
        let id = sources.add("a\u{1b}.yaml", text);
        let diagnostics = [Diagnostic::error("odd", "odd \u{1b}[2J\nmore")
            .at(span(id, text, "b"), "here\u{7}")
            .note("because\u{1b}")
            .help("so\u{1b}\nthen")];
        let text = render(&diagnostics, &sources, &Style::PLAIN);
        let unsafe_signs: String = text.chars().filter(|sign| *sign != '\n' && is_unsafe(*sign)).collect();
        assert_eq!(unsafe_signs, "");
        assert_snapshot!(text, @r"
        error: odd \u{1b}[2J\nmore
         --> a\u{1b}.yaml:1:10
          |
        1 | a: ␛[2J␇    b�¤1m
          |             ^ here\u{7}
          |
          = because\u{1b}

        hint: so\u{1b}
              then

        1 error; nothing was started (exit 6)
        ");
    }

    #[test]
    fn no_problem_is_no_text() {
        assert_eq!(render(&[], &Sources::default(), &Style::PLAIN), "");
    }

    #[test]
    fn for_programs_every_problem_is_an_object() {
        let (diagnostics, sources) = problems();
        let objects = to_json(&diagnostics, &sources);
        assert_eq!(
            objects[1],
            json!({
                "severity": "error", "code": "duplicate", "message": "step `switch` stands in two files",
                "file": "parts/health.yaml", "line": 2, "column": 3, "end_line": 2, "end_column": 9,
                "labels": [
                    { "file": "parts/health.yaml", "line": 2, "column": 3, "end_line": 2, "end_column": 9, "text": "here" },
                    { "file": "deploy.yaml", "line": 3, "column": 3, "end_line": 3, "end_column": 9, "text": "and here" },
                ],
                "notes": [], "help": null, "exit": 7,
            })
        );
        assert_eq!(objects[2]["file"], json!(null));
        assert_eq!(objects.len(), 3);
    }
}
