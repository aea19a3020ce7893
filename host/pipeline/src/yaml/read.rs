//! Events to a tree.

use std::{borrow::Cow, collections::HashMap, sync::Arc};

use runner_model::{Diagnostic, SourceId, Span};
use saphyr_parser::{Event, Marker, Parser, ScalarStyle, ScanError, StrInput, Tag};

use super::{
    offsets::Offsets,
    scalar::{Scalar, Unfit, resolve},
    tree::{Content, Entry, Node},
};

/// The longest file that is read.
pub(crate) const MAX_BYTES: usize = 16 << 20;
/// Deeper than any pipeline, and shallow enough that walking a tree by recursion is safe.
const MAX_DEPTH: usize = 100;

/// How large all trees together may be, aliases counted as if they were written out.
#[derive(Debug)]
pub(crate) struct Budget {
    nodes: usize,
    text: usize,
}

impl Default for Budget {
    fn default() -> Self {
        Self { nodes: 1_000_000, text: 64 << 20 }
    }
}

/// Size of a tree as it would be without sharing.
#[derive(Debug, Clone, Copy, Default)]
struct Size {
    nodes: usize,
    text: usize,
    depth: usize,
}

impl Size {
    fn add(&mut self, inner: Self) {
        self.nodes += inner.nodes;
        self.text += inner.text;
        self.depth = self.depth.max(inner.depth + 1);
    }
}

/// Reads one document.
///
/// What is wrong with single keys and values is added to `found`, and reading goes on.
///
/// # Errors
///
/// Nothing can be made of the text: it is not YAML, too deep, too large, or more than one document.
pub(crate) fn read(
    text: &str,
    source: SourceId,
    budget: &mut Budget,
    found: &mut Vec<Diagnostic>,
) -> Result<Node, Box<Diagnostic>> {
    let mut reader = Reader {
        source,
        text,
        offsets: Offsets::new(text),
        budget,
        found,
        open: Vec::new(),
        anchors: HashMap::new(),
    };
    reader.document(&mut Parser::new_from_str(text))
}

/// A list or map whose end has not been seen.
struct Open {
    start: usize,
    anchor: usize,
    size: Size,
    kind: OpenKind,
}

enum OpenKind {
    List(Vec<Node>),
    Map { entries: Vec<Entry>, seen: HashMap<Arc<str>, Span>, key: Option<Key> },
}

/// A key whose value has not been seen. `None` for one that was refused: its value is read and dropped.
struct Key {
    name: Option<Arc<str>>,
    span: Span,
}

struct Reader<'a> {
    source: SourceId,
    text: &'a str,
    offsets: Offsets<'a>,
    budget: &'a mut Budget,
    found: &'a mut Vec<Diagnostic>,
    open: Vec<Open>,
    anchors: HashMap<usize, (Node, Size)>,
}

type Fatal<T> = Result<T, Box<Diagnostic>>;

impl<'a> Reader<'a> {
    fn document(&mut self, parser: &mut Parser<'a, StrInput<'a>>) -> Fatal<Node> {
        let mut root = None;
        while let Some(event) = parser.next_event() {
            let (event, place) = event.map_err(|error| self.syntax(&error))?;
            let span = self.span(place.start, place.end);
            let done = match event {
                Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => None,
                Event::DocumentStart(_) if root.is_some() => {
                    return Err(Diagnostic::error("several-documents", "a second document begins here")
                        .at(span, "")
                        .note("a pipeline is one document; `---` begins another")
                        .help("put the second one into a file of its own, and name it under `include`")
                        .into());
                }
                Event::DocumentStart(_) => None,
                Event::Alias(anchor) => Some(self.alias(anchor, span)?),
                Event::Scalar(text, style, anchor, tag) => {
                    self.refuse_tag(tag.as_deref(), span);
                    let span = self.tight(span, style);
                    Some(self.scalar(text, style, anchor, span)?)
                }
                Event::SequenceStart(anchor, tag) => {
                    self.refuse_tag(tag.as_deref(), span);
                    self.begin(OpenKind::List(Vec::new()), anchor, span)?;
                    None
                }
                Event::MappingStart(anchor, tag) => {
                    self.refuse_tag(tag.as_deref(), span);
                    let kind = OpenKind::Map { entries: Vec::new(), seen: HashMap::new(), key: None };
                    self.begin(kind, anchor, span)?;
                    None
                }
                Event::SequenceEnd | Event::MappingEnd => self.end(span),
            };
            if let Some((node, size)) = done
                && let Some(node) = self.put(node, size)
            {
                root = Some(node);
            }
        }
        Ok(root.unwrap_or(Node { span: self.bytes(0, 0), content: Content::Null }))
    }

    /// Puts a finished value where it belongs; gives it back if it is the root.
    fn put(&mut self, mut node: Node, size: Size) -> Option<Node> {
        let Some(open) = self.open.last_mut() else { return Some(node) };
        open.size.add(size);
        match &mut open.kind {
            OpenKind::List(items) => items.push(node),
            OpenKind::Map { entries, seen, key } => match key.take() {
                None => *key = Some(read_key(&node, self.text, seen, self.found)),
                Some(Key { name: None, .. }) => {}
                Some(Key { name: Some(name), span }) => {
                    if node.span.start == node.span.end {
                        // `key:` and nothing after it: the key is the place to show.
                        node.span = span;
                    }
                    entries.push(Entry { key: name, key_span: span, value: node });
                }
            },
        }
        None
    }

    fn begin(&mut self, kind: OpenKind, anchor: usize, span: Span) -> Fatal<()> {
        self.spend(1, 0, span)?;
        if self.open.len() >= MAX_DEPTH {
            return Err(too_deep(span));
        }
        let size = Size { nodes: 1, text: 0, depth: 1 };
        let start = after_properties(self.text, span.start as usize);
        self.open.push(Open { start, anchor, size, kind });
        Ok(())
    }

    fn end(&mut self, span: Span) -> Option<(Node, Size)> {
        let Open { start, anchor, size, kind } = self.open.pop()?;
        let (content, last) = match kind {
            OpenKind::List(items) => {
                let last = items.last().map(|item| item.span.end);
                (Content::List(Arc::new(items)), last)
            }
            OpenKind::Map { entries, .. } => {
                let last = entries.last().map(|entry| entry.value.span.end.max(entry.key_span.end));
                (Content::Map(Arc::new(entries)), last)
            }
        };
        // A flow collection ends at its bracket; a block has no end of its own but that of its last value.
        let at = |offset: usize| self.text.as_bytes().get(offset);
        let closing = span.start as usize;
        let flow = matches!(at(start), Some(b'[' | b'{'))
            && matches!(at(closing), Some(b']' | b'}'))
            && span.start < span.end;
        let end = if flow { closing + 1 } else { last.map_or(start, |end| end as usize) };
        let node = Node { span: self.bytes(start, end), content };
        self.remember(anchor, &node, size);
        Some((node, size))
    }

    fn alias(&mut self, anchor: usize, span: Span) -> Fatal<(Node, Size)> {
        let Some((node, size)) = self.anchors.get(&anchor).cloned() else {
            return Err(Diagnostic::error("alias", "this alias stands inside what it stands for")
                .at(span, "")
                .help("write the value out")
                .into());
        };
        self.spend(size.nodes, size.text, span)?;
        if self.open.len() + size.depth > MAX_DEPTH {
            return Err(too_deep(span));
        }
        Ok((Node { span, ..node }, size))
    }

    fn scalar(
        &mut self,
        text: Cow<'a, str>,
        style: ScalarStyle,
        anchor: usize,
        span: Span,
    ) -> Fatal<(Node, Size)> {
        self.spend(1, text.len(), span)?;
        let size = Size { nodes: 1, text: text.len(), depth: 0 };
        let resolved = if style == ScalarStyle::Plain { resolve(&text) } else { Ok(Scalar::Text) };
        let content = match resolved {
            Ok(Scalar::Null) => Content::Null,
            Ok(Scalar::Bool(value)) => Content::Bool(value),
            Ok(Scalar::Number(number)) => Content::Number(number),
            Ok(Scalar::Text) => Content::Text(text.into()),
            Err(unfit) if self.expects_value() => {
                self.found.push(unfit_number(&text, unfit, span));
                Content::Null
            }
            // As a key it is read as it is written.
            Err(_) => Content::Text(text.into()),
        };
        let node = Node { span, content };
        self.remember(anchor, &node, size);
        Ok((node, size))
    }

    fn expects_value(&self) -> bool {
        match self.open.last().map(|open| &open.kind) {
            Some(OpenKind::Map { key, .. }) => key.is_some(),
            Some(OpenKind::List(_)) | None => true,
        }
    }

    fn remember(&mut self, anchor: usize, node: &Node, size: Size) {
        if anchor != 0 {
            self.anchors.insert(anchor, (node.clone(), size));
        }
    }

    fn spend(&mut self, nodes: usize, text: usize, span: Span) -> Fatal<()> {
        match (self.budget.nodes.checked_sub(nodes), self.budget.text.checked_sub(text)) {
            (Some(nodes), Some(text)) => {
                *self.budget = Budget { nodes, text };
                Ok(())
            }
            (_, _) => Err(Diagnostic::error("too-large", "the pipeline is too large from here on")
                .at(span, "")
                .note(
                    "aliases count as if they were written out: at most 1,000,000 values and 64 MiB of text",
                )
                .help("split the pipeline, or use fewer aliases of aliases")
                .into()),
        }
    }

    fn refuse_tag(&mut self, tag: Option<&Tag>, span: Span) {
        if let Some(tag) = tag {
            let shown = if tag.is_yaml_core_schema() { format!("!!{}", tag.suffix) } else { tag.to_string() };
            self.found.push(
                Diagnostic::error("tag", format!("the tag `{shown}` is not supported"))
                    .at(span, "")
                    .note("values are what the core schema of YAML 1.2 says they are")
                    .help("leave the tag out; put quotes around a value that is to be text"),
            );
        }
    }

    fn syntax(&self, error: &ScanError) -> Box<Diagnostic> {
        let at = self.offsets.byte(error.marker().index());
        let line_start = self.text[..at].rfind('\n').map_or(0, |newline| newline + 1);
        let line_end = self.text[at..].find('\n').map_or(self.text.len(), |newline| at + newline);
        let indent = self.text[line_start..line_end].find(|sign: char| sign != ' ').unwrap_or(0);
        let tab = self.text[line_start + indent..].starts_with('\t');
        let at = if tab { line_start + indent } else { at };
        let end = self.text[at..]
            .chars()
            .next()
            .filter(|sign| *sign != '\n')
            .map_or(at, |sign| at + sign.len_utf8());
        let diagnostic = Diagnostic::error("syntax", format!("this is not YAML: {}", error.info()))
            .at(self.bytes(at, end), "")
            .note("nothing after this place was read");
        let help = if tab {
            "indent with spaces: YAML allows no tabs there"
        } else {
            "look at the indentation, quotes and brackets here and on the lines before"
        };
        diagnostic.help(help).into()
    }

    fn span(&self, start: Marker, end: Marker) -> Span {
        let start = self.offsets.byte(start.index());
        self.bytes(start, self.offsets.byte(end.index()).max(start))
    }

    /// The span of a scalar without its anchor before it, and without blanks and comments after it, which the parser
    /// counts in.
    fn tight(&self, span: Span, style: ScalarStyle) -> Span {
        let (from, to) = (span.start as usize, span.end as usize);
        let start = after_properties(self.text, from).min(to);
        let written = &self.text[start..to];
        let length = match style {
            ScalarStyle::SingleQuoted => quoted_length(written, '\''),
            ScalarStyle::DoubleQuoted => quoted_length(written, '"'),
            ScalarStyle::Plain | ScalarStyle::Literal | ScalarStyle::Folded => written.trim_end().len(),
        };
        self.bytes(start, start + length)
    }

    fn bytes(&self, start: usize, end: usize) -> Span {
        // Files are at most `MAX_BYTES` long.
        let narrow = |offset: usize| u32::try_from(offset).unwrap_or(u32::MAX);
        Span { source: self.source, start: narrow(start), end: narrow(end.max(start)) }
    }
}

/// Where a value begins whose anchor or tag may stand at `start`.
fn after_properties(text: &str, start: usize) -> usize {
    let mut rest = &text[start..];
    while rest.starts_with(['&', '!']) {
        // A name ends at a blank or at a bracket, as in `&a[1]`.
        rest = rest
            .trim_start_matches(|sign: char| !sign.is_whitespace() && !",[]{}".contains(sign))
            .trim_start();
    }
    text.len() - rest.len()
}

/// Length of the quoted text that `written` begins with.
fn quoted_length(written: &str, quote: char) -> usize {
    let mut signs = written.char_indices().skip(1).peekable();
    while let Some((at, sign)) = signs.next() {
        let doubled = quote == '\'' && sign == quote && signs.peek().is_some_and(|(_, next)| *next == quote);
        if doubled || (quote == '"' && sign == '\\') {
            signs.next();
        } else if sign == quote {
            return at + 1;
        }
    }
    written.len()
}

fn read_key(node: &Node, text: &str, seen: &mut HashMap<Arc<str>, Span>, found: &mut Vec<Diagnostic>) -> Key {
    let span = node.span;
    let refused = Key { name: None, span };
    let written = text.get(span.start as usize..span.end as usize).unwrap_or_default();
    let name: Arc<str> = match &node.content {
        Content::Text(name) if &**name == "<<" && written == "<<" => {
            found.push(
                Diagnostic::error("merge-key", "`<<` is not supported")
                    .at(span, "")
                    .note("merging maps is a habit of YAML 1.1; YAML 1.2 has no such key")
                    .help("write the keys out, use `defaults`, or give the whole value as an alias: `with: *name`"),
            );
            return refused;
        }
        Content::Text(name) => Arc::clone(name),
        Content::Null | Content::Bool(_) | Content::Number(_) if !written.is_empty() => written.into(),
        Content::Null | Content::Bool(_) | Content::Number(_) | Content::List(_) | Content::Map(_) => {
            found.push(
                Diagnostic::error("key-not-text", format!("a key must be a word, this is {}", node.kind()))
                    .at(span, ""),
            );
            return refused;
        }
    };
    if let Some(first) = seen.get(&name) {
        found.push(
            Diagnostic::error("duplicate-key", format!("`{name}` stands twice in this map"))
                .at(span, "again here")
                .at(*first, "first here")
                .help("remove one of the two"),
        );
        return refused;
    }
    seen.insert(Arc::clone(&name), span);
    Key { name: Some(name), span }
}

fn unfit_number(text: &str, unfit: Unfit, span: Span) -> Diagnostic {
    let why = match unfit {
        Unfit::TooLarge => "is too large: digits would be lost",
        Unfit::NotFinite => "is no number that a plugin could be given",
    };
    Diagnostic::error("number", format!("`{text}` {why}"))
        .at(span, "")
        .help(format!("write \"{text}\" if it is meant as text"))
}

fn too_deep(span: Span) -> Box<Diagnostic> {
    Diagnostic::error("too-deep", format!("values are nested deeper than {MAX_DEPTH} levels"))
        .at(span, "")
        .help("no pipeline needs that; is a bracket missing?")
        .into()
}
