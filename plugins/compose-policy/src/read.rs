//! One compose file: every short and long form made the same.

use std::collections::BTreeMap;
use std::rc::Rc;

use runner_images::fill_in;
use runner_plugin::document::Document;
use runner_plugin::text::shortened;
use runner_plugin::{Failure, json};
use serde_json::{Map, Value};

use crate::project::{At, Extends, Mount, Project, Service};

/// Reads the services of a file.
pub(crate) fn project(
    path: &str,
    document: &Document,
    env: &BTreeMap<String, String>,
) -> Result<Project, Failure> {
    let reader = Reader { file: path.into(), document, env };
    let root = reader.root();
    let whole = root.map()?;
    let mut project =
        Project { services: BTreeMap::new(), network_names: BTreeMap::new(), problems: Vec::new() };
    if let Some(include) = root.get("include") {
        project.problems.push(include.at("`include` names files that are not told to the gate".to_owned()));
    }
    if let Some(networks) = root.get("networks") {
        for (name, network) in networks.entries()? {
            if let Some(own) = network.get("name") {
                project.network_names.insert(name, own.filled()?);
            }
        }
    }
    let services = match root.get("services") {
        Some(services) => services.entries()?,
        // Without `services` it may still hold networks for another file.
        None if whole.contains_key("networks") || whole.contains_key("volumes") => Vec::new(),
        None => {
            return Err(root.refused("there is no `services`; is it a compose file?"));
        }
    };
    for (name, node) in services {
        project.services.insert(name, service(&node)?);
    }
    Ok(project)
}

fn service(node: &Node<'_>) -> Result<Service, Failure> {
    let mut service = Service::new(node.at(()));
    let each = |key: &str| node.get(key).map_or(Ok(Vec::new()), |list| list.items());
    service.image = node.text("image")?;
    service.build = match node.get("build") {
        Some(build) if build.value.is_object() => {
            Some(build.text("context")?.unwrap_or_else(|| build.at(".".to_owned())))
        }
        Some(build) => Some(build.at(build.filled()?)),
        None => None,
    };
    service.mounts = each("volumes")?.iter().map(mount).collect::<Result<_, _>>()?;
    service.environment = match node.get("environment") {
        Some(environment) => pairs(&environment)?,
        None => BTreeMap::new(),
    };
    service.env_file = node.get("env_file").is_some();
    if let Some(depends) = node.get("depends_on") {
        service.depends_on = conditions(&depends)?;
    }
    if let Some(networks) = node.get("networks") {
        service.networks = names(&networks)?;
    }
    service.network_mode = node.text("network_mode")?;
    service.entrypoint = words(node, "entrypoint")?;
    service.command = words(node, "command")?;
    service.healthcheck = node.get("healthcheck").map(|check| {
        let test = check.get("test").map(|test| test.value.clone()).unwrap_or_default();
        let none = test == "NONE" || test.get(0).is_some_and(|word| word == "NONE");
        !none && check.get("disable").is_none_or(|disable| *disable.value != Value::Bool(true))
    });
    service.privileged = match node.get("privileged") {
        Some(privileged) => Some(privileged.at(privileged.filled()? == "true")),
        None => None,
    };
    service.cap_add =
        each("cap_add")?.iter().map(|item| Ok(item.at(item.filled()?))).collect::<Result<_, Failure>>()?;
    service.pid = node.text("pid")?;
    service.extends = match node.get("extends") {
        Some(extends) if extends.value.is_object() => {
            let Some(service) = extends.text("service")? else {
                return Err(extends.refused("`extends` names no service"));
            };
            let file = extends.text("file")?.map(|file| file.value);
            Some(extends.at(Extends { service: service.value, file }))
        }
        Some(extends) => Some(extends.at(Extends { service: extends.filled()?, file: None })),
        None => None,
    };
    Ok(service)
}

/// `source:target:options`, `target`, or the long form.
fn mount(node: &Node<'_>) -> Result<At<Mount>, Failure> {
    if node.value.is_object() {
        let Some(target) = node.text("target")? else {
            return Err(node.refused("a mount names no `target`"));
        };
        let source = node.text("source")?.map(|source| source.value);
        let read_only =
            node.get("read_only").map_or(Ok(false), |value| value.filled().map(|text| text == "true"))?;
        return Ok(node.at(Mount { source, target: target.value, read_only }));
    }
    let written = node.filled()?;
    let mut parts = written.split(':');
    let (first, second, options) = (parts.next().unwrap_or_default(), parts.next(), parts.next());
    let mount = match second {
        None => Mount { source: None, target: first.to_owned(), read_only: false },
        Some(target) => Mount {
            source: Some(first.to_owned()),
            target: target.to_owned(),
            read_only: options.is_some_and(|options| options.split(',').any(|option| option == "ro")),
        },
    };
    Ok(node.at(mount))
}

/// `NAME=value`, `NAME`, or a map.
fn pairs(node: &Node<'_>) -> Result<BTreeMap<String, At<Option<String>>>, Failure> {
    if node.value.is_array() {
        let mut pairs = BTreeMap::new();
        for item in node.items()? {
            let written = item.scalar()?;
            let (name, value) = match written.split_once('=') {
                Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
                None => (written, None),
            };
            pairs.insert(name, item.at(value));
        }
        return Ok(pairs);
    }
    let entries = node.entries()?.into_iter();
    entries
        .map(|(name, value)| {
            let written = if value.value.is_null() { None } else { Some(value.scalar()?) };
            Ok((name, value.at(written)))
        })
        .collect()
}

fn conditions(node: &Node<'_>) -> Result<BTreeMap<String, At<Option<String>>>, Failure> {
    if node.value.is_array() {
        return node.items()?.iter().map(|item| Ok((item.filled()?, item.at(None)))).collect();
    }
    let entries = node.entries()?.into_iter();
    entries
        .map(|(name, value)| {
            let condition = value.text("condition")?.map(|condition| condition.value);
            Ok((name, value.at(condition)))
        })
        .collect()
}

fn names(node: &Node<'_>) -> Result<BTreeMap<String, At<()>>, Failure> {
    if node.value.is_array() {
        return node.items()?.iter().map(|item| Ok((item.filled()?, item.at(())))).collect();
    }
    Ok(node.entries()?.into_iter().map(|(name, value)| (name, value.at(()))).collect())
}

/// The words of a command, as written, also those inside a script.
fn words(node: &Node<'_>, key: &str) -> Result<Option<At<Vec<String>>>, Failure> {
    let Some(node) = node.get(key).filter(|node| !node.value.is_null()) else { return Ok(None) };
    let texts = if node.value.is_array() {
        node.items()?.iter().map(Node::scalar).collect::<Result<Vec<_>, _>>()?
    } else {
        vec![node.scalar()?]
    };
    let words = texts.iter().flat_map(|text| {
        // An empty word in a list is an empty argument.
        let own: Vec<&str> = if text.is_empty() { vec![""] } else { text.split_whitespace().collect() };
        own
    });
    let words = words.map(|word| word.trim_matches(['"', '\'']).to_owned()).collect();
    Ok(Some(node.at(words)))
}

struct Reader<'d> {
    file: Rc<str>,
    document: &'d Document,
    env: &'d BTreeMap<String, String>,
}

impl<'d> Reader<'d> {
    fn root(&'d self) -> Node<'d> {
        Node { reader: self, value: &self.document.value, pointer: String::new() }
    }
}

/// A value of a file that knows where it stands.
struct Node<'d> {
    reader: &'d Reader<'d>,
    value: &'d Value,
    pointer: String,
}

impl<'d> Node<'d> {
    fn at<T>(&self, value: T) -> At<T> {
        let line = self.reader.document.place(&self.pointer).map_or(1, |place| place.line);
        At { value, file: Rc::clone(&self.reader.file), line }
    }

    fn refused(&self, why: &str) -> Failure {
        let At { file, line, .. } = self.at(());
        Failure::invalid_input(format!("`{file}` line {line}: {why}"))
    }

    fn wanted(&self, what: &str) -> Failure {
        let place =
            if self.pointer.is_empty() { "the file".to_owned() } else { format!("`{}`", self.pointer) };
        // A value may be a password.
        let kind = match self.value {
            Value::Null => "nothing",
            Value::Bool(_) | Value::Number(_) | Value::String(_) => "a single value",
            Value::Array(_) => "a list",
            Value::Object(_) => "a map",
        };
        self.refused(&format!("{place} is {kind}, not {what}"))
    }

    fn below(&self, key: &str, value: &'d Value) -> Self {
        let token = key.replace('~', "~0").replace('/', "~1");
        Self { reader: self.reader, value, pointer: format!("{}/{token}", self.pointer) }
    }

    fn get(&self, key: &str) -> Option<Self> {
        Some(self.below(key, self.value.get(key)?))
    }

    fn map(&self) -> Result<&'d Map<String, Value>, Failure> {
        self.value.as_object().ok_or_else(|| self.wanted("a map"))
    }

    fn entries(&self) -> Result<Vec<(String, Self)>, Failure> {
        if self.value.is_null() {
            return Ok(Vec::new());
        }
        Ok(self.map()?.iter().map(|(key, value)| (key.clone(), self.below(key, value))).collect())
    }

    fn items(&self) -> Result<Vec<Self>, Failure> {
        match self.value {
            Value::Null => Ok(Vec::new()),
            Value::Array(items) => {
                let items = items.iter().enumerate();
                Ok(items.map(|(index, item)| self.below(&index.to_string(), item)).collect())
            }
            Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => {
                Err(self.wanted("a list"))
            }
        }
    }

    /// A single value as text, as it is written.
    fn scalar(&self) -> Result<String, Failure> {
        match self.value {
            Value::String(text) => Ok(text.clone()),
            Value::Bool(_) | Value::Number(_) => Ok(json::shown(self.value)),
            Value::Null => Ok(String::new()),
            Value::Array(_) | Value::Object(_) => Err(self.wanted("a single value")),
        }
    }

    /// A single value as text, with its variables filled in.
    fn filled(&self) -> Result<String, Failure> {
        let value = |name: &str| self.reader.env.get(name).cloned();
        Ok(fill_in(&self.scalar()?, Some("$$"), &value).text)
    }

    fn text(&self, key: &str) -> Result<Option<At<String>>, Failure> {
        if !(self.value.is_object() || self.value.is_null()) {
            return Err(self.wanted(&format!("a map with `{}`", shortened(key))));
        }
        match self.get(key).filter(|node| !node.value.is_null()) {
            Some(node) => Ok(Some(node.at(node.filled()?))),
            None => Ok(None),
        }
    }
}
