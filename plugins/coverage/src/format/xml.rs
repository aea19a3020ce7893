//! The XML of Cobertura and of JaCoCo.

use runner_plugin::Failure;
use runner_reading::xml::{Doctype, Element, Node, Xml};

use crate::data::{Count, Coverage, Line};

/// Cobertura: `class` elements with a `filename`, and `line` elements below their `lines`. Those below `methods` say the
/// same again.
pub(super) fn cobertura(path: &str, text: &str, coverage: &mut Coverage) -> Result<(), Failure> {
    let mut xml = Xml::new(path, text, Doctype::NamedOnly);
    xml.root(&["coverage"], "a Cobertura report")?;
    let mut class: Option<(usize, String)> = None;
    let mut methods: Option<usize> = None;
    while let Some(node) = xml.next_node()? {
        match node {
            Node::Start(element) if element.name == "class" => {
                let file = element.required("filename")?.to_owned();
                coverage.file(&file);
                class = Some((xml.depth(), file));
            }
            Node::Start(element) if element.name == "methods" => methods = methods.or(Some(xml.depth())),
            Node::Start(element) if element.name == "line" && methods.is_none() => {
                let (_, file) = class.as_ref().ok_or_else(|| element.refuse("stands in no `<class>`"))?;
                let hit = element.count("hits")?.ok_or_else(|| element.refuse("has no `hits`"))? > 0;
                let branches = conditions(&element)?;
                coverage.file(file).lines.push(Line { number: number(&element, "number")?, hit, branches });
            }
            Node::End => {
                class = class.filter(|(depth, _)| xml.depth() >= *depth);
                methods = methods.filter(|depth| xml.depth() >= *depth);
            }
            Node::Start(_) | Node::Text(_) => {}
        }
    }
    Ok(())
}

/// `condition-coverage="50% (1/2)"`.
fn conditions(line: &Element) -> Result<Count, Failure> {
    let Some(text) = line.attribute("condition-coverage") else { return Ok(Count::default()) };
    let count = || {
        let (_, numbers) = text.trim_end().strip_suffix(')')?.split_once('(')?;
        let (covered, total) = numbers.split_once('/')?;
        let count = Count { covered: covered.trim().parse().ok()?, total: total.trim().parse().ok()? };
        (count.covered <= count.total).then_some(count)
    };
    count().ok_or_else(|| line.refuse("has a `condition-coverage` that is not like `50% (1/2)`"))
}

/// JaCoCo: `line` elements below `sourcefile` below `package`; missed and covered instructions and branches.
pub(super) fn jacoco(path: &str, text: &str, coverage: &mut Coverage) -> Result<(), Failure> {
    let mut xml = Xml::new(path, text, Doctype::NamedOnly);
    xml.root(&["report"], "a JaCoCo report")?;
    let mut package = String::new();
    let mut source: Option<(usize, String)> = None;
    while let Some(node) = xml.next_node()? {
        match node {
            Node::Start(element) if element.name == "package" => {
                element.required("name")?.clone_into(&mut package)
            }
            Node::Start(element) if element.name == "sourcefile" => {
                let name = element.required("name")?;
                let file = if package.is_empty() { name.to_owned() } else { format!("{package}/{name}") };
                coverage.file(&file);
                source = Some((xml.depth(), file));
            }
            Node::Start(element) if element.name == "line" => {
                let (_, file) =
                    source.as_ref().ok_or_else(|| element.refuse("stands in no `<sourcefile>`"))?;
                let of =
                    |name| element.count(name)?.ok_or_else(|| element.refuse(&format!("has no `{name}`")));
                let (covered, missed_branches, covered_branches) =
                    (of("ci")?, narrow(of("mb")?), narrow(of("cb")?));
                let branches = Count {
                    covered: covered_branches,
                    total: covered_branches.saturating_add(missed_branches),
                };
                coverage.file(file).lines.push(Line {
                    number: number(&element, "nr")?,
                    hit: covered > 0,
                    branches,
                });
            }
            Node::End => source = source.filter(|(depth, _)| xml.depth() >= *depth),
            Node::Start(_) | Node::Text(_) => {}
        }
    }
    Ok(())
}

fn number(element: &Element, name: &str) -> Result<u32, Failure> {
    let number = element.count(name)?.and_then(|number| u32::try_from(number).ok());
    number.ok_or_else(|| element.refuse(&format!("has no `{name}` that is the number of a line")))
}

fn narrow(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
