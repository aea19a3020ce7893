//! XML, element by element.
//!
//! A thin reader over `quick-xml`, which resolves nothing and recurses nowhere. What is added: the line of each
//! element, attributes as text and as numbers, and a refusal with its place of whatever a report has no use
//! for: entities of its own, another encoding, elements nested hundreds deep, an end before the end.
//!
//! Nothing is ever fetched. A document type that names a DTD elsewhere is left alone where the format's own tools
//! write one ([`Doctype::NamedOnly`]); one that declares anything is refused always.

use quick_xml::Reader;
use quick_xml::XmlVersion;
use quick_xml::events::{BytesRef, BytesStart, Event};
use runner_plugin::Failure;
use runner_plugin::text::shortened;

/// Deepest nesting that is read. Reports have five or six levels.
const DEEPEST: usize = 256;

/// Most attributes of one element. Checking that no name comes twice is quadratic in their number.
const MOST_ATTRIBUTES: usize = 256;

/// What to do with `<!DOCTYPE …>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doctype {
    /// It is refused.
    Refused,
    /// It may name a DTD, which is not looked at. It may declare nothing.
    NamedOnly,
}

/// A document that is being read.
#[derive(Debug)]
pub struct Xml<'t> {
    path: &'t str,
    text: &'t str,
    doctype: Doctype,
    reader: Reader<&'t [u8]>,
    /// Names of the elements that are open.
    open: Vec<String>,
    /// Whether the outermost element has been closed.
    closed: bool,
    /// How far lines were counted: offset, and the line it is in.
    counted: (usize, u32),
}

/// What comes next in a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Node {
    /// An element begins. One without content is closed at once by an [`Node::End`].
    Start(Element),
    /// An element ends.
    End,
    /// Text inside an element, in pieces.
    Text(String),
}

/// The beginning of an element.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Element {
    /// Name without its namespace.
    pub name: String,
    /// 1-based line it begins in.
    pub line: u32,
    path: String,
    attributes: Vec<(String, String)>,
}

impl<'t> Xml<'t> {
    /// Begins to read `text`, which came from `path`.
    #[must_use]
    pub fn new(path: &'t str, text: &'t str, doctype: Doctype) -> Self {
        let mut reader = Reader::from_str(text);
        reader.config_mut().expand_empty_elements = true;
        Self { path, text, doctype, reader, open: Vec::new(), closed: false, counted: (0, 1) }
    }

    /// How many elements are open.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.open.len()
    }

    /// Reads on to the outermost element, whose name must be one of `names`; `format` says what the file should be.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](runner_plugin::FailureKind::InvalidInput) with file and line, as for [`Xml::next_node`].
    pub fn root(&mut self, names: &[&str], format: &str) -> Result<Element, Failure> {
        match self.next_node()? {
            Some(Node::Start(element)) if names.contains(&element.name.as_str()) => Ok(element),
            Some(Node::Start(element)) => Err(self.refuse(
                element.line,
                &format!(
                    "the outermost element is `<{}>`, so this is not {format}",
                    shortened(&element.name)
                ),
            )),
            Some(Node::End | Node::Text(_)) | None => {
                unreachable!("nothing but a start comes first; a document without one is refused")
            }
        }
    }

    /// The next element, end or text; `None` at the end of a whole document.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](runner_plugin::FailureKind::InvalidInput) with file and line when the text is no XML, breaks
    /// off, or holds what is refused here.
    pub fn next_node(&mut self) -> Result<Option<Node>, Failure> {
        loop {
            let before = usize::try_from(self.reader.buffer_position()).unwrap_or(usize::MAX);
            let event = match self.reader.read_event() {
                Ok(event) => event,
                Err(error) => {
                    let at = usize::try_from(self.reader.error_position()).unwrap_or(usize::MAX);
                    let line = self.line(at);
                    return Err(self.refuse(line, &error.to_string()));
                }
            };
            match event {
                Event::Start(start) => return self.start(before, &start).map(Some),
                Event::End(_) => {
                    self.open.pop();
                    self.closed = self.open.is_empty();
                    return Ok(Some(Node::End));
                }
                Event::Text(text) if !self.open.is_empty() => {
                    return Ok(Some(Node::Text(text.xml10_content().into_owned())));
                }
                Event::Text(text) if text.trim().is_empty() => {}
                Event::CData(data) if !self.open.is_empty() => {
                    return Ok(Some(Node::Text(data.xml10_content().into_owned())));
                }
                Event::GeneralRef(reference) if !self.open.is_empty() => {
                    return self.character(before, &reference).map(|text| Some(Node::Text(text)));
                }
                Event::Text(_) | Event::CData(_) | Event::GeneralRef(_) => {
                    let line = self.line(before);
                    return Err(self.refuse(line, "there is text outside of the outermost element"));
                }
                Event::DocType(declaration) => self.declaration(before, &declaration)?,
                Event::Decl(declaration) => {
                    let encoding = declaration.encoding().and_then(Result::ok).map(|name| name.into_owned());
                    self.encoding(encoding.as_deref())?;
                }
                Event::Comment(_) | Event::PI(_) => {}
                Event::Eof => return self.end(),
                // `expand_empty_elements` makes two of each.
                Event::Empty(_) => unreachable!("an empty element is read as start and end"),
            }
        }
    }

    fn start(&mut self, at: usize, start: &BytesStart<'_>) -> Result<Node, Failure> {
        let line = self.line(at);
        if self.closed {
            return Err(self.refuse(line, "a second outermost element begins"));
        }
        if self.open.len() == DEEPEST {
            return Err(self.refuse(line, &format!("elements are nested more than {DEEPEST} deep")));
        }
        let name = start.local_name().as_ref().to_owned();
        let mut attributes = Vec::new();
        for attribute in start.attributes() {
            let attribute = attribute.map_err(|error| self.refuse(line, &format!("`<{name}>`: {error}")))?;
            if attributes.len() == MOST_ATTRIBUTES {
                let text = format!("`<{name}>` has more than {MOST_ATTRIBUTES} attributes");
                return Err(self.refuse(line, &text));
            }
            let value = attribute
                .normalized_value(XmlVersion::Implicit1_0)
                .map_err(|error| self.refuse(line, &format!("`<{name}>`: {error}")))?;
            attributes.push((attribute.key.local_name().as_ref().to_owned(), value.into_owned()));
        }
        self.open.push(name.clone());
        Ok(Node::Start(Element { name, line, path: self.path.to_owned(), attributes }))
    }

    /// The text that a reference stands for: a character by its number, or one of the five names of XML itself.
    fn character(&mut self, at: usize, reference: &BytesRef<'_>) -> Result<String, Failure> {
        let known = match reference.resolve_char_ref() {
            Ok(Some(character)) => Some(character.to_string()),
            Ok(None) => quick_xml::escape::resolve_xml_entity(reference).map(str::to_owned),
            Err(error) => {
                let line = self.line(at);
                return Err(self.refuse(line, &error.to_string()));
            }
        };
        known.ok_or_else(|| {
            let line = self.line(at);
            self.refuse(line, &format!("the entity `&{};` is not one of XML's own", shortened(reference)))
        })
    }

    fn declaration(&mut self, at: usize, declaration: &str) -> Result<(), Failure> {
        let line = self.line(at);
        if declaration.contains('[') {
            return Err(
                self.refuse(line, "its document type declares entities or elements, which are not read")
            );
        }
        match self.doctype {
            Doctype::Refused => Err(self.refuse(line, "it has a document type, which such a report has not")),
            Doctype::NamedOnly => Ok(()),
        }
    }

    /// The text is UTF-8. A declaration of something else is right only for what is the same in both.
    fn encoding(&mut self, declared: Option<&str>) -> Result<(), Failure> {
        match declared {
            Some(name) if !name.eq_ignore_ascii_case("utf-8") && !self.text.is_ascii() => Err(self.refuse(
                1,
                &format!(
                    "it says that it is `{}`, and it is UTF-8; write one and say the same",
                    shortened(name)
                ),
            )),
            Some(_) | None => Ok(()),
        }
    }

    fn end(&mut self) -> Result<Option<Node>, Failure> {
        let line = self.line(self.text.len());
        match self.open.last() {
            Some(name) => {
                let text = format!("it ends inside of `<{}>`: the rest is missing", shortened(name));
                Err(self.refuse(line, &text))
            }
            None if !self.closed => Err(self.refuse(line, "there is no XML element in it")),
            None => Ok(None),
        }
    }

    /// The line of an offset. Counted onwards from the last one, so that all lines together cost one pass.
    fn line(&mut self, offset: usize) -> u32 {
        let (from, line) = self.counted;
        let offset = offset.clamp(from, self.text.len());
        let more = self.text.as_bytes()[from..offset].iter().filter(|&&byte| byte == b'\n').count();
        let line = line.saturating_add(u32::try_from(more).unwrap_or(u32::MAX));
        self.counted = (offset, line);
        line
    }

    fn refuse(&self, line: u32, problem: &str) -> Failure {
        Failure::invalid_input(format!("`{}` line {line}: {problem}", self.path))
    }
}

impl Element {
    /// An attribute, by its name without namespace.
    #[must_use]
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// An attribute that must be there.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](runner_plugin::FailureKind::InvalidInput) with file and line when it is not.
    pub fn required(&self, name: &str) -> Result<&str, Failure> {
        self.attribute(name).ok_or_else(|| self.refuse(&format!("has no `{name}`")))
    }

    /// An attribute that holds a whole number, not negative. An empty one counts as absent: some tools write that.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](runner_plugin::FailureKind::InvalidInput) with file and line when it is anything else.
    pub fn count(&self, name: &str) -> Result<Option<u64>, Failure> {
        let Some(value) = self.attribute(name).map(str::trim).filter(|value| !value.is_empty()) else {
            return Ok(None);
        };
        let number = value.bytes().all(|byte| byte.is_ascii_digit()).then(|| value.parse().ok()).flatten();
        number.map(Some).ok_or_else(|| {
            self.refuse(&format!("`{name}` is {}, which is not a whole number", quoted(value)))
        })
    }

    /// An attribute that holds a decimal number, not negative: `0.25`, `1e-3`, and `1,234.5` as some tools write it.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](runner_plugin::FailureKind::InvalidInput) with file and line when it is anything else, `NaN`
    /// included.
    pub fn decimal(&self, name: &str) -> Result<Option<f64>, Failure> {
        let Some(value) = self.attribute(name).map(str::trim).filter(|value| !value.is_empty()) else {
            return Ok(None);
        };
        let plain = without_thousands(value);
        let number = plain.parse::<f64>().ok().filter(|number| number.is_finite() && *number >= 0.0);
        number
            .map(Some)
            .ok_or_else(|| self.refuse(&format!("`{name}` is {}, which is not a number", quoted(value))))
    }

    /// A failure whose place is this element.
    #[must_use]
    pub fn refuse(&self, problem: &str) -> Failure {
        Failure::invalid_input(format!("`{}` line {}: `<{}>` {problem}", self.path, self.line, self.name))
    }
}

fn quoted(value: &str) -> String {
    format!("`{}`", shortened(value))
}

/// `1,234.5` as `1234.5`. A comma anywhere else than before each third digit stays, and makes the text no number.
fn without_thousands(value: &str) -> String {
    let (whole, fraction) = value.split_at(value.find('.').unwrap_or(value.len()));
    let mut groups = whole.split(',');
    let first = groups.next().unwrap_or_default();
    if (1..=3).contains(&first.len()) && groups.all(|group| group.len() == 3) {
        format!("{}{fraction}", whole.replace(',', ""))
    } else {
        value.to_owned()
    }
}

#[cfg(test)]
mod tests;
