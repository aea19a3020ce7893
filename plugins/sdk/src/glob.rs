//! Paths by pattern: one way to read patterns, for files and for what git lists.
//!
//! Pure: [`Files::find`](crate::host::Files::find) walks, others hold what they have against a [`Pattern`].

use fast_glob::{glob_match, validate};

use crate::Failure;

/// A pattern over paths.
///
/// It is a path (`a.txt`), a directory with all below it (`src/`), or a path in which `*` stands for any part of a
/// name, `?` for one sign, `**` for any number of directories, `{a,b}` for either, and `[a-z]` for one of these. Names
/// that begin with a dot are no exception.
///
/// ```
/// use runner_plugin::glob::Pattern;
///
/// let pattern = Pattern::new(".env.local*")?;
/// assert!(pattern.matches(".env.local.test"));
/// assert!(!pattern.matches("web/.env.local"));
/// assert!(Pattern::new("docs/")?.matches("docs/a/b.md"));
/// # Ok::<(), runner_plugin::Failure>(())
/// ```
#[derive(Debug, Clone)]
pub struct Pattern {
    written: String,
    /// Without `./`, and with `**` where a directory is meant.
    glob: String,
}

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    ///
    /// [`InvalidConfig`](crate::FailureKind::InvalidConfig) when it is none.
    pub fn new(written: &str) -> Result<Self, Failure> {
        let refused = |why: &str| Err(Failure::invalid_config(format!("the pattern `{written}`: {why}")));
        let path = written.trim_start_matches("./");
        if written.is_empty() {
            return refused("it is empty; write `./` for all files");
        }
        if written.starts_with('/') {
            return refused("paths are relative, without `/` at the start");
        }
        if path.split('/').any(|name| name == "..") {
            return refused("a path holds no `..`");
        }
        if let Err(error) = validate(path) {
            let written = written.to_owned();
            return Err(Failure::invalid_config(format!("the pattern `{written}`: {error}")));
        }
        let glob = match path.strip_suffix('/') {
            None if !path.is_empty() && path != "." => path.to_owned(),
            None => "**".to_owned(),
            Some(directory) => format!("{}/**", directory.trim_end_matches('/')),
        };
        Ok(Self { written: written.to_owned(), glob })
    }

    /// As it was written.
    #[must_use]
    pub fn written(&self) -> &str {
        &self.written
    }

    /// Whether a path fits.
    #[must_use]
    pub fn matches(&self, path: &str) -> bool {
        glob_match(&self.glob, path)
    }

    /// Whether all that is below a directory fits.
    #[must_use]
    pub fn matches_all_below(&self, directory: &str) -> bool {
        self.glob == "**" || self.glob.strip_suffix("/**").is_some_and(|above| glob_match(above, directory))
    }

    pub(crate) fn glob(&self) -> &str {
        &self.glob
    }

    pub(crate) fn is_plain(&self) -> bool {
        !self.glob.contains(['*', '?', '[', '{', '\\'])
    }

    /// The directory to begin with.
    pub(crate) fn start(&self) -> &str {
        let special = self.glob.find(['*', '?', '[', '{', '\\']).unwrap_or(self.glob.len());
        self.glob[..special].rsplit_once('/').map_or(".", |(directory, _)| directory)
    }

    /// How many directories inside each other it can match in; `None` for any number.
    pub(crate) fn depth(&self) -> Option<usize> {
        let open = self.glob.contains("**") || self.glob.contains('{');
        (!open).then(|| self.glob.matches('/').count())
    }
}
