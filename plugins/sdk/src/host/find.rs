//! Files by pattern.
//!
//! A pattern becomes the directory to begin with (what stands before its first sign with a meaning) and a test of
//! paths. Directories are listed once for each pattern, in the order of names, so what is found does not depend on
//! the machine. The walk is bounded: a link that leads back up ends in an error, never in a loop.

use std::collections::BTreeSet;

use super::files::{FileKind, Files, Metadata};
use crate::glob::Pattern;
use crate::text::counted;
use crate::{Failure, FailureKind};

/// Most files that are found.
const MAX_FILES: usize = 10_000;

/// Deepest directory that is entered.
const MAX_DEPTH: usize = 32;

impl Files<'_> {
    /// Finds files by patterns: their paths, sorted, each once.
    ///
    /// A pattern is a path (`a.txt`), a directory with all below it (`src/`), or a path in which `*` stands for
    /// any part of a name, `?` for one sign, `**` for any number of directories, `{a,b}` for either, and `[a-z]`
    /// for one of these. Names that begin with a dot are no exception. A pattern that begins with `!` takes away
    /// what it matches, wherever it stands in the list. Links that lead to nothing that is granted, sockets and
    /// the like are not found.
    ///
    /// The directory before the first sign with a meaning has to be granted: `src/**/*.py` needs `src/`.
    ///
    /// # Errors
    ///
    /// [`Unavailable`](FailureKind::Unavailable) when a pattern matches no file,
    /// [`InvalidConfig`](FailureKind::InvalidConfig) when it is no pattern or there is none,
    /// [`Denied`](FailureKind::Denied) when a directory is not granted,
    /// [`BudgetExceeded`](FailureKind::BudgetExceeded) beyond 10,000 files or 32 directories inside each other.
    pub fn find(&self, patterns: &[String]) -> Result<Vec<String>, Failure> {
        let (found, unmatched) = self.walk(patterns)?;
        if unmatched.is_empty() {
            return Ok(found);
        }
        let unmatched: Vec<String> = unmatched.iter().map(|pattern| format!("`{pattern}`")).collect();
        Err(Failure::unavailable(format!("find {}: no file matches", unmatched.join(", "))))
    }

    /// The same where it is all right that patterns match nothing.
    ///
    /// # Errors
    ///
    /// As [`Files::find`], but for patterns that match no file.
    pub fn find_if_any(&self, patterns: &[String]) -> Result<Vec<String>, Failure> {
        self.walk(patterns).map(|(found, _)| found)
    }

    /// What was found, and the patterns that matched nothing.
    fn walk<'p>(&self, patterns: &'p [String]) -> Result<(Vec<String>, Vec<&'p str>), Failure> {
        let (without, with): (Vec<&str>, Vec<&str>) =
            patterns.iter().map(String::as_str).partition(|pattern| pattern.starts_with('!'));
        if with.is_empty() {
            return Err(Failure::invalid_config(
                "no pattern says which files are meant; nothing was looked for",
            ));
        }
        let excluded =
            without.iter().map(|pattern| Pattern::new(&pattern[1..])).collect::<Result<Vec<_>, _>>()?;
        let mut walk = Walk { files: self, excluded, found: BTreeSet::new() };
        let mut unmatched = Vec::new();
        for pattern in with {
            if !walk.pattern(&Pattern::new(pattern)?)? {
                unmatched.push(pattern);
            }
        }
        Ok((walk.found.into_iter().collect(), unmatched))
    }
}

struct Walk<'f> {
    files: &'f Files<'f>,
    excluded: Vec<Pattern>,
    found: BTreeSet<String>,
}

impl Walk<'_> {
    /// Adds what a pattern matches; says whether it is anything.
    fn pattern(&mut self, pattern: &Pattern) -> Result<bool, Failure> {
        if pattern.is_plain() {
            return match self.files.stat(pattern.glob())?.map(|found| found.kind) {
                Some(FileKind::File) => self.add(pattern.glob().to_owned()),
                Some(FileKind::Directory) => self.pattern(&Pattern::new(&format!("{}/", pattern.glob()))?),
                Some(FileKind::Other) | None => Ok(false),
            };
        }
        let mut any = false;
        if pattern.start() != "." && self.stat(pattern, pattern.start())?.is_none() {
            return Ok(false);
        }
        let mut waiting = vec![pattern.start().to_owned()];
        while let Some(directory) = waiting.pop() {
            let depth = if directory == "." { 0 } else { directory.matches('/').count() + 1 };
            if depth > MAX_DEPTH {
                return Err(Failure::new(
                    FailureKind::BudgetExceeded,
                    format!(
                        "find `{}`: directories are deeper than {MAX_DEPTH} inside each other, as in `{}`; does a link \
                         lead back up? take it away with a pattern such as `!**/name/**`",
                        pattern.written(),
                        crate::text::shortened(&directory),
                    ),
                ));
            }
            let entries =
                self.files.list(&directory).map_err(|failure| explained(pattern, &directory, failure))?;
            for entry in entries {
                let path = if directory == "." { entry.name } else { format!("{directory}/{}", entry.name) };
                match entry.kind {
                    FileKind::File if pattern.matches(&path) => any |= self.add(path)?,
                    FileKind::Directory => {
                        let deeper = pattern.depth().is_none_or(|deepest| depth < deepest);
                        let excluded = self.excluded.iter().any(|out| out.matches_all_below(&path));
                        if deeper && !excluded {
                            waiting.push(path);
                        }
                    }
                    FileKind::File | FileKind::Other => {}
                }
            }
        }
        Ok(any)
    }

    fn stat(&self, pattern: &Pattern, path: &str) -> Result<Option<Metadata>, Failure> {
        self.files.stat(path).map_err(|failure| explained(pattern, path, failure))
    }

    /// Adds a file unless it is excluded; says whether it was added.
    fn add(&mut self, path: String) -> Result<bool, Failure> {
        if self.excluded.iter().any(|pattern| pattern.matches(&path)) {
            return Ok(false);
        }
        self.found.insert(path);
        if self.found.len() > MAX_FILES {
            let most = counted(MAX_FILES, "file", "files");
            let message = format!("find: more than {most} match; name fewer directories");
            return Err(Failure::new(FailureKind::BudgetExceeded, message));
        }
        Ok(true)
    }
}

/// A directory that cannot be listed: which pattern wanted it, and what would help.
fn explained(pattern: &Pattern, directory: &str, failure: Failure) -> Failure {
    let help = match failure.kind {
        FailureKind::Denied => {
            let grant = if directory == "." { "./".to_owned() } else { format!("{directory}/") };
            format!("; to look for files there, grant `filesystem: {{ read: [{grant}] }}`")
        }
        FailureKind::InvalidConfig
        | FailureKind::InvalidInput
        | FailureKind::Unavailable
        | FailureKind::TimedOut
        | FailureKind::BudgetExceeded
        | FailureKind::Internal => String::new(),
    };
    Failure::new(failure.kind, format!("find `{}`: {}{help}", pattern.written(), failure.message))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::HostError;
    use crate::testing::FakeHost;

    fn find(host: &FakeHost, patterns: &[&str]) -> Result<Vec<String>, Failure> {
        let patterns: Vec<String> = patterns.iter().map(|&pattern| pattern.to_owned()).collect();
        host.host().files().find(&patterns)
    }

    fn found(host: &FakeHost, patterns: &[&str]) -> Vec<String> {
        find(host, patterns).unwrap()
    }

    fn tree() -> FakeHost {
        ["a.py", ".env", "src/b.py", "src/b.txt", "src/deep/er/c.py", "src/node_modules/d.py", "docs/e.md"]
            .into_iter()
            .fold(FakeHost::new(), |host, path| host.file(path, ""))
    }

    #[test]
    fn patterns_find_files_sorted_and_each_once() {
        let host = tree();

        assert_eq!(found(&host, &["a.py", "./a.py"]), ["a.py"]);
        assert_eq!(found(&host, &["*"]), [".env", "a.py"]);
        assert_eq!(found(&host, &["src/*.py"]), ["src/b.py"]);
        assert_eq!(
            found(&host, &["src/**/*.py", "*.py"]),
            ["a.py", "src/b.py", "src/deep/er/c.py", "src/node_modules/d.py"]
        );
        assert_eq!(found(&host, &["**/{c,e}.*"]), ["docs/e.md", "src/deep/er/c.py"]);
        assert_eq!(found(&host, &["docs/"]), ["docs/e.md"]);
        assert_eq!(found(&host, &["docs"]), ["docs/e.md"]);
        assert_eq!(found(&host, &["./"]).len(), 7);
    }

    #[test]
    fn what_is_taken_away_is_not_found() {
        assert_eq!(
            found(&tree(), &["!**/node_modules/**", "**/*.py", "!a.py"]),
            ["src/b.py", "src/deep/er/c.py"]
        );
        assert_eq!(found(&tree(), &["src/", "!src/deep/", "!src/node_modules/"]), ["src/b.py", "src/b.txt"]);
    }

    #[test]
    fn a_directory_that_is_taken_away_is_not_entered() {
        let host = tree().file_error("src/node_modules", HostError::Denied);

        assert_eq!(found(&host, &["**/*.txt", "!**/node_modules/**"]), ["src/b.txt"]);
    }

    #[test]
    fn a_pattern_that_matches_nothing_is_a_failure() {
        assert_eq!(
            find(&tree(), &["*.py", "*.rs", "gone.txt", "!a.txt"]),
            Err(Failure::unavailable("find `*.rs`, `gone.txt`: no file matches")),
        );
        assert_eq!(
            find(&tree(), &["a.py", "!*.py"]),
            Err(Failure::unavailable("find `a.py`: no file matches")),
        );
        let patterns = ["*.rs".to_owned(), "a.py".to_owned()];
        assert_eq!(tree().host().files().find_if_any(&patterns), Ok(vec!["a.py".to_owned()]));
        assert_eq!(tree().host().files().find_if_any(&["gone/*".to_owned()]), Ok(vec![]));
    }

    #[test]
    fn what_is_no_pattern_is_refused() {
        let refused = |patterns: &[&str]| find(&tree(), patterns).unwrap_err();

        assert_eq!(
            [&["/etc/*"][..], &["../*"], &[""], &[], &["!a"]].map(refused),
            [
                "the pattern `/etc/*`: paths are relative, without `/` at the start",
                "the pattern `../*`: a path holds no `..`",
                "the pattern ``: it is empty; write `./` for all files",
                "no pattern says which files are meant; nothing was looked for",
                "no pattern says which files are meant; nothing was looked for",
            ]
            .map(Failure::invalid_config),
        );
        assert_eq!(refused(&["src/{a"]).kind, FailureKind::InvalidConfig);
    }

    #[test]
    fn a_directory_that_is_not_granted_is_said_with_the_grant() {
        let host = tree().file_error("src", HostError::Denied);

        assert_eq!(
            find(&host, &["src/**/*.py"]),
            Err(Failure::new(
                FailureKind::Denied,
                "find `src/**/*.py`: look at `src`: denied, no grant of this step covers it; to look for files there, \
                 grant `filesystem: { read: [src/] }`"
            )),
        );
    }

    #[test]
    fn directories_without_end_are_a_failure() {
        let host = FakeHost::new().file(&format!("{}a", "x/".repeat(40)), "");

        assert_eq!(find(&host, &["**/a"]).unwrap_err().kind, FailureKind::BudgetExceeded);
    }
}
