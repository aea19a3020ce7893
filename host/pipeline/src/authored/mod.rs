//! The first stage: what the author wrote, key by key.
//!
//! Bytes become a tree (see [`crate::yaml`]), the tree becomes a [`Document`]: every key known, every value of the right
//! type, every expression readable, each with its place. Whether names lead anywhere is not asked here.
//!
//! What is wrong is collected and what can be read is kept, so that the later stages find the rest of the problems in
//! the same go. Included files are read here and joined to one document.

mod attempts;
mod document;
mod expressions;
mod fields;
mod include;
mod input;
mod plugin;
mod policy;
mod step;
mod target;
#[cfg(test)]
mod tests;

use runner_model::{Diagnostic, Digest, SourceId, Sources, Span};
use sha2::{Digest as _, Sha256};

pub(crate) use document::Document;
pub(crate) use expressions::{Condition, Holder, Templated, holder};
pub(crate) use fields::{Fields, Keys, Spanned, text};
pub(crate) use input::{Input, InputType, plain};
pub(crate) use plugin::{GrantsText, PluginText, SecretText, problem_in};
pub use policy::parse_policy;
pub(crate) use step::{STEP, StepText, Variable};
pub(crate) use target::{SlotText, TargetText};

/// The keys of every map, to hold the schema against.
#[cfg(test)]
pub(crate) mod keys {
    pub(crate) use super::{
        attempts::{POLL, RETRY},
        document::{DEFAULTS, PIPELINE},
        input::INPUT,
        plugin::{PLUGIN, SECRET},
        step::{NEED, NOTIFY, STEP},
        target::{DOCKER, PROXY, SLOT, TARGET, TLS},
    };
}

use crate::{
    problems::Problems,
    yaml::{self, Budget, MAX_BYTES, Node},
};

/// The pipeline file that was named on the command line.
#[derive(Debug, Clone, Copy)]
pub struct MainFile<'a> {
    /// As typed.
    pub name: &'a str,
    /// What is in it.
    pub bytes: &'a [u8],
    /// Its absolute path.
    pub file: &'a str,
    /// Absolute path of the directory it is in.
    pub directory: &'a str,
}

/// A pipeline as written, with what was found wrong so far. Only [`parse`] makes one.
#[derive(Debug)]
pub struct Authored {
    pub(crate) sources: Sources,
    pub(crate) found: Vec<Diagnostic>,
    pub(crate) document: Document,
    pub(crate) file: String,
    pub(crate) directory: String,
    pub(crate) digest: Digest,
}

/// Reads a pipeline and what it includes. `read` gives the bytes of a file by its path as written under `include`,
/// which is relative to the directory of the main file, or says why it cannot.
///
/// # Errors
///
/// Nothing can be made of the main file: it is not YAML, not UTF-8, too large, or has too many aliases. Everything
/// else is kept and reported by [`check`](crate::check()) together with what the later stages find.
pub fn parse(
    main: MainFile<'_>,
    read: &dyn Fn(&str) -> Result<Vec<u8>, String>,
) -> Result<Authored, Problems> {
    let mut files = Files::default();
    let root = match files.load(main.name, main.bytes) {
        Ok(root) => root,
        Err(fatal) => {
            files.found.push(*fatal);
            return Err(Problems::new(files.found, files.sources));
        }
    };
    let own = main.file.strip_prefix(main.directory).unwrap_or(main.file).trim_start_matches('/');
    let document = include::join(&root, own, &mut files, read);
    Ok(Authored {
        document,
        digest: Digest::from_sha256(&files.digest.finalize().into()),
        sources: files.sources,
        found: files.found,
        file: main.file.to_owned(),
        directory: main.directory.to_owned(),
    })
}

/// The texts read so far.
#[derive(Default)]
struct Files {
    sources: Sources,
    found: Vec<Diagnostic>,
    budget: Budget,
    digest: Sha256,
}

impl Files {
    /// Reads one file to its tree.
    fn load(&mut self, name: &str, bytes: &[u8]) -> Result<Node, Box<Diagnostic>> {
        self.digest.update((bytes.len() as u64).to_le_bytes());
        self.digest.update(bytes);
        if bytes.len() > MAX_BYTES {
            return Err(Diagnostic::error("too-large", format!("`{name}` is larger than 16 MiB"))
                .note("nothing of it was read")
                .help("is it the right file? A pipeline can be split with `include`")
                .into());
        }
        let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
        match std::str::from_utf8(bytes) {
            Ok(text) => {
                let source = self.sources.add(name, text);
                yaml::read(text, source, &mut self.budget, &mut self.found)
            }
            Err(error) => {
                let source = self.sources.add(name, String::from_utf8_lossy(bytes));
                Err(not_utf8(bytes, error.valid_up_to(), source))
            }
        }
    }
}

/// The text up to `at` is sound, so its offsets are those of the lossy text that is shown.
fn not_utf8(bytes: &[u8], at: usize, source: SourceId) -> Box<Diagnostic> {
    let start = u32::try_from(at).unwrap_or(u32::MAX);
    let byte = bytes.get(at).copied().unwrap_or_default();
    let replacement = u32::try_from('\u{FFFD}'.len_utf8()).unwrap_or(0);
    let problem = Diagnostic::error("not-utf8", format!("byte {at} is {byte:#04x}, which is not UTF-8"))
        .at(Span { source, start, end: start + replacement }, "")
        .note("a pipeline is UTF-8 text; nothing of it was used");
    let utf16 = bytes.starts_with(&[0xFF, 0xFE]) || bytes.starts_with(&[0xFE, 0xFF]);
    let help = if utf16 {
        "the file looks like UTF-16: save it as UTF-8"
    } else {
        "save the file as UTF-8; the letters around this place were probably written as Latin-1"
    };
    problem.help(help).into()
}
