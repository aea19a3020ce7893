//! YAML: the events of `saphyr-parser` made a tree, with the place of every value.
//!
//! The tree is built with a stack of open collections, never by recursion. An alias stands for a copy of what it
//! names; the size of all copies together is bounded.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Tag};
use serde_json::{Map, Value};

use super::{MAX_DEPTH, Problem, scalar};
use crate::text::shortened;

/// Most values of a document, aliases counted as if they were written out.
const MAX_VALUES: usize = 250_000;

/// Most text of a document, counted in the same way.
const MAX_TEXT: usize = 16 << 20;

/// Where a value begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// 1-based.
    pub line: u32,
    /// 1-based.
    pub column: u32,
}

/// A document and the places of its values.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    /// The whole document.
    pub value: Value,
    places: BTreeMap<String, Place>,
}

impl Document {
    /// Where the value at a JSON pointer begins: for an entry of a mapping its key, for what an alias or a merge
    /// key brought in the place where it is written out.
    #[must_use]
    pub fn place(&self, pointer: &str) -> Option<Place> {
        self.places.get(pointer).copied()
    }
}

/// Understands a YAML text, and remembers where its values are. JSON is YAML too.
///
/// # Errors
///
/// A [`Problem`] as of [`parse`](super::parse).
pub fn yaml(text: &str) -> Result<Document, Problem> {
    let mut reader = Reader { open: Vec::new(), anchors: HashMap::new(), values: 0, text: 0 };
    let root = reader.document(text)?;
    let mut places = BTreeMap::new();
    let value = match root {
        Some(root) => root.into_value(String::new(), &mut places),
        None => Value::Null,
    };
    Ok(Document { value, places })
}

#[derive(Debug, Clone)]
struct Node {
    place: Place,
    size: Size,
    content: Content,
}

#[derive(Debug, Clone)]
enum Content {
    Scalar(Value),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

#[derive(Debug, Clone)]
struct Entry {
    key: String,
    place: Place,
    value: Node,
}

#[derive(Debug, Clone, Copy, Default)]
struct Size {
    values: usize,
    text: usize,
    depth: usize,
}

impl Size {
    fn add(&mut self, inner: Self) {
        self.values += inner.values;
        self.text += inner.text;
        self.depth = self.depth.max(inner.depth + 1);
    }
}

impl Node {
    /// Recursion is as deep as `MAX_DEPTH`.
    fn into_value(self, pointer: String, places: &mut BTreeMap<String, Place>) -> Value {
        let value = match self.content {
            Content::Scalar(value) => value,
            Content::List(items) => {
                let items = items.into_iter().enumerate();
                items.map(|(index, item)| item.into_value(format!("{pointer}/{index}"), places)).collect()
            }
            Content::Map(entries) => {
                let mut object = Map::new();
                for Entry { key, place, value } in entries {
                    let token = key.replace('~', "~0").replace('/', "~1");
                    let value = Node { place, ..value }.into_value(format!("{pointer}/{token}"), places);
                    object.insert(key, value);
                }
                Value::Object(object)
            }
        };
        places.insert(pointer, self.place);
        value
    }
}

/// A list or map whose end has not been seen.
struct Open {
    place: Place,
    anchor: usize,
    size: Size,
    kind: OpenKind,
}

enum OpenKind {
    List(Vec<Node>),
    Map { entries: Vec<Entry>, seen: HashMap<String, Place>, merged: Vec<Entry>, key: Option<Key> },
}

/// A key whose value has not been seen.
struct Key {
    name: String,
    place: Place,
    merges: bool,
}

struct Reader {
    open: Vec<Open>,
    anchors: HashMap<usize, Node>,
    values: usize,
    text: usize,
}

impl Reader {
    fn document(&mut self, text: &str) -> Result<Option<Node>, Problem> {
        let mut root = None;
        let mut begun = false;
        for event in Parser::new_from_str(text) {
            let (event, span) = event.map_err(|error| {
                let place = place_of(error.marker());
                problem(place, format!("this is not YAML: {}", error.info()))
            })?;
            let place = place_of(&span.start);
            let done = match event {
                Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => None,
                Event::DocumentStart(_) if begun => {
                    return Err(problem(place, "a second document begins here; only one is read"));
                }
                Event::DocumentStart(_) => {
                    begun = true;
                    None
                }
                Event::Alias(anchor) => Some(self.alias(anchor, place)?),
                Event::Scalar(text, style, anchor, tag) => {
                    Some(self.scalar(text, style, anchor, tag.as_deref(), place)?)
                }
                Event::SequenceStart(anchor, tag) => {
                    refuse_tag(tag.as_deref(), "seq", place)?;
                    self.begin(OpenKind::List(Vec::new()), anchor, place)?;
                    None
                }
                Event::MappingStart(anchor, tag) => {
                    refuse_tag(tag.as_deref(), "map", place)?;
                    let kind = OpenKind::Map {
                        entries: Vec::new(),
                        seen: HashMap::new(),
                        merged: Vec::new(),
                        key: None,
                    };
                    self.begin(kind, anchor, place)?;
                    None
                }
                Event::SequenceEnd | Event::MappingEnd => self.end(),
            };
            if let Some((node, plain)) = done
                && let Some(node) = self.put(node, plain)?
            {
                root = Some(node);
            }
        }
        Ok(root)
    }

    /// Puts a finished value where it belongs; gives it back if it is the root. `plain` is the text of a scalar as
    /// it is written without quotes.
    fn put(&mut self, node: Node, plain: Option<String>) -> Result<Option<Node>, Problem> {
        let Some(open) = self.open.last_mut() else { return Ok(Some(node)) };
        open.size.add(node.size);
        match &mut open.kind {
            OpenKind::List(items) => items.push(node),
            OpenKind::Map { entries, seen, merged, key } => match key.take() {
                None => *key = Some(read_key(node, plain, seen)?),
                Some(Key { merges: true, place, .. }) => merge(node, place, merged)?,
                Some(Key { name, place, .. }) => entries.push(Entry { key: name, place, value: node }),
            },
        }
        Ok(None)
    }

    fn begin(&mut self, kind: OpenKind, anchor: usize, place: Place) -> Result<(), Problem> {
        self.spend(1, 0, place)?;
        if self.open.len() >= MAX_DEPTH {
            return Err(Problem::too_deep(place.line as usize, place.column as usize));
        }
        self.open.push(Open { place, anchor, size: Size { values: 1, text: 0, depth: 1 }, kind });
        Ok(())
    }

    fn end(&mut self) -> Option<(Node, Option<String>)> {
        let Open { place, anchor, size, kind } = self.open.pop()?;
        let content = match kind {
            OpenKind::List(items) => Content::List(items),
            OpenKind::Map { mut entries, seen, merged, .. } => {
                // What stands in the map itself wins over what is merged, wherever `<<` stands.
                entries.extend(merged.into_iter().filter(|entry| !seen.contains_key(&entry.key)));
                Content::Map(entries)
            }
        };
        Some((self.remembered(anchor, Node { place, size, content }), None))
    }

    fn alias(&mut self, anchor: usize, place: Place) -> Result<(Node, Option<String>), Problem> {
        let Some(node) = self.anchors.get(&anchor).cloned() else {
            return Err(problem(place, "this alias stands inside what it stands for"));
        };
        let size = node.size;
        self.spend(size.values, size.text, place)?;
        if self.open.len() + size.depth > MAX_DEPTH {
            return Err(Problem::too_deep(place.line as usize, place.column as usize));
        }
        Ok((node, None))
    }

    fn scalar(
        &mut self,
        text: Cow<'_, str>,
        style: ScalarStyle,
        anchor: usize,
        tag: Option<&Tag>,
        place: Place,
    ) -> Result<(Node, Option<String>), Problem> {
        self.spend(1, text.len(), place)?;
        let size = Size { values: 1, text: text.len(), depth: 0 };
        let as_text = tag.is_some_and(|tag| tag.is_yaml_core_schema() && tag.suffix == "str");
        if !as_text {
            refuse_tag(tag, "null bool int float", place)?;
        }
        let plain = (style == ScalarStyle::Plain && !as_text).then(|| text.to_string());
        let value = if plain.is_none() {
            Value::from(text.as_ref())
        } else if self.expects_key() {
            // As a key it is read as it is written.
            Value::from(text.as_ref())
        } else {
            scalar::resolve(&text).ok_or_else(|| {
                let text = shortened(&text);
                problem(
                    place,
                    format!("`{text}` is no number that JSON can hold; put it in quotes if it is text"),
                )
            })?
        };
        Ok((self.remembered(anchor, Node { place, size, content: Content::Scalar(value) }), plain))
    }

    fn expects_key(&self) -> bool {
        matches!(self.open.last().map(|open| &open.kind), Some(OpenKind::Map { key: None, .. }))
    }

    fn remembered(&mut self, anchor: usize, node: Node) -> Node {
        if anchor != 0 {
            self.anchors.insert(anchor, node.clone());
        }
        node
    }

    fn spend(&mut self, values: usize, text: usize, place: Place) -> Result<(), Problem> {
        self.values += values;
        self.text += text;
        if self.values > MAX_VALUES || self.text > MAX_TEXT {
            let message = "the document is too large from here on: with all aliases written out it may have 250,000 \
                           values and 16 MiB of text";
            return Err(problem(place, message));
        }
        Ok(())
    }
}

fn problem(place: Place, message: impl Into<String>) -> Problem {
    Problem { line: place.line, column: place.column, message: message.into() }
}

fn place_of(marker: &Marker) -> Place {
    let narrow = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    Place { line: narrow(marker.line()), column: narrow(marker.col().saturating_add(1)) }
}

/// Refuses a tag that is none of these words of the core schema.
fn refuse_tag(tag: Option<&Tag>, known: &str, place: Place) -> Result<(), Problem> {
    match tag {
        Some(tag) if !(tag.is_yaml_core_schema() && known.split(' ').any(|word| word == tag.suffix)) => {
            Err(problem(place, format!("the tag `{}` is not understood", shortened(&tag.to_string()))))
        }
        Some(_) | None => Ok(()),
    }
}

fn read_key(node: Node, plain: Option<String>, seen: &mut HashMap<String, Place>) -> Result<Key, Problem> {
    let place = node.place;
    let Content::Scalar(Value::String(name)) = node.content else {
        return Err(problem(place, "a key has to be a word"));
    };
    if plain.as_deref() == Some("<<") {
        return Ok(Key { name, place, merges: true });
    }
    if let Some(first) = seen.insert(name.clone(), place) {
        let name = shortened(&name);
        return Err(problem(
            place,
            format!("`{name}` stands twice in this map, first at line {}", first.line),
        ));
    }
    Ok(Key { name, place, merges: false })
}

/// Takes over the entries of a map, or of a list of maps, that `<<` names. The first that has a key wins.
fn merge(node: Node, place: Place, merged: &mut Vec<Entry>) -> Result<(), Problem> {
    let maps = match node.content {
        Content::List(items) => items,
        Content::Map(_) | Content::Scalar(_) => vec![node],
    };
    for map in maps {
        let Content::Map(entries) = map.content else {
            return Err(problem(place, "`<<` takes a map or a list of maps"));
        };
        for entry in entries {
            if merged.iter().all(|other| other.key != entry.key) {
                merged.push(entry);
            }
        }
    }
    Ok(())
}
