//! `include`: pipeline parts in files of their own.

use std::collections::HashMap;

use runner_model::{Diagnostic, Span};

use super::{Files, document::Document, fields::wrong_type};
use crate::yaml::{Entry, Node};

/// More files than this are generated, and can be generated as one.
const MAX_FILES: usize = 1_000;

/// Reads the main file at `root` and everything it includes, directly or not. A file that is included twice is read
/// once; a circle is an error. `own` is the main file as an `include` would name it.
pub(super) fn join(
    root: &Node,
    own: &str,
    files: &mut Files,
    read: &dyn Fn(&str) -> Result<Vec<u8>, String>,
) -> Document {
    let (mut document, include) = Document::read_main(root, &files.sources, &mut files.found);
    let mut walk = Walk { files, read, seen: HashMap::new(), path: vec![normal(own)] };
    if let Some(include) = include {
        walk.entry(&include, &mut document);
    }
    document
}

struct Walk<'a> {
    files: &'a mut Files,
    read: &'a dyn Fn(&str) -> Result<Vec<u8>, String>,
    /// Where each file was included first.
    seen: HashMap<String, Span>,
    /// The files that are being read, outermost first.
    path: Vec<String>,
}

impl Walk<'_> {
    fn entry(&mut self, entry: &Entry, document: &mut Document) {
        let Some(items) = entry.value.as_list() else {
            self.files.found.push(
                wrong_type(entry, "a list of paths").help("for example `include: [parts/health.yaml]`"),
            );
            return;
        };
        for item in items {
            match item.as_text().filter(|path| !path.is_empty()) {
                Some(path) => self.file(path, item.span, document),
                None => self.files.found.push(
                    Diagnostic::error("wrong-type", format!("`include` holds paths, found {}", item.kind()))
                        .at(item.span, ""),
                ),
            }
        }
    }

    fn file(&mut self, path: &str, span: Span, document: &mut Document) {
        let file = normal(path);
        if let Some(start) = self.path.iter().position(|open| *open == file) {
            let circle: Vec<&str> = self.path[start..].iter().chain([&file]).map(String::as_str).collect();
            self.files.found.push(
                Diagnostic::error(
                    "include",
                    format!("files include each other in a circle: {}", circle.join(" -> ")),
                )
                .at(span, "the circle closes here")
                .help("remove one of these `include`s"),
            );
            return;
        }
        if self.seen.contains_key(&file) {
            return;
        }
        if self.seen.len() >= MAX_FILES {
            self.files.found.push(
                Diagnostic::error("include", format!("more than {MAX_FILES} files are included"))
                    .at(span, "not read from here on"),
            );
            return;
        }
        self.seen.insert(file.clone(), span);
        let bytes = match (self.read)(path) {
            Ok(bytes) => bytes,
            Err(reason) => {
                self.files.found.push(
                    Diagnostic::error("include", format!("`{path}` cannot be read: {reason}"))
                        .at(span, "")
                        .note("paths are relative to the directory of the main pipeline file"),
                );
                return;
            }
        };
        match self.files.load(path, &bytes) {
            Ok(root) => {
                let include = document.read_included(&root, &self.files.sources, &mut self.files.found);
                self.path.push(file);
                if let Some(include) = include {
                    self.entry(&include, document);
                }
                self.path.pop();
            }
            Err(mut fatal) => {
                if fatal.labels.is_empty() {
                    *fatal = fatal.at(span, "included here");
                }
                self.files.found.push(*fatal);
            }
        }
    }
}

/// One spelling for each path: `./a/../b.yaml` is `b.yaml`.
fn normal(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." if !parts.is_empty() || part == "." => {}
            ".." if parts.last().is_some_and(|last| !last.is_empty() && *last != "..") => {
                parts.pop();
            }
            other => parts.push(other),
        }
    }
    parts.join("/")
}
