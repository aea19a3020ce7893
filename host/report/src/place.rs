//! Where a step or a finding stands, for programs that open files.

use std::path::{Component, Path, PathBuf};

use runner_model::{Finding, PlanHeader, Step};
use url::Url;

use crate::text::clean;

/// A place in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    /// Relative to the pipeline's directory, unless it cannot be.
    pub(crate) file: PathBuf,
    /// 1-based.
    pub(crate) line: Option<u32>,
    /// 1-based.
    pub(crate) column: Option<u32>,
}

impl Place {
    /// Where a step stands. The plan says it as people typed it, `deploy/pipeline.yaml:24`; a name that leads to the
    /// pipeline is replaced by its name in its directory.
    pub(crate) fn of_step<G>(header: &PlanHeader, step: &Step<G>) -> Self {
        let (file, line) = match step.place.rsplit_once(':') {
            Some((file, line)) => (file, positive(line.parse().ok())),
            None => (step.place.as_str(), None),
        };
        // What stands before the first name (`./`, `../`) depends on where the runner was started.
        let named: PathBuf = Path::new(file)
            .components()
            .skip_while(|part| matches!(part, Component::CurDir | Component::ParentDir))
            .collect();
        let main = Path::new(&header.file);
        let file = match main.strip_prefix(&header.directory) {
            Ok(inside) if main.ends_with(&named) => inside.to_owned(),
            Ok(_) | Err(_) => PathBuf::from(file),
        };
        Self { file, line, column: None }
    }

    /// Where a finding stands, if its plugin says so.
    pub(crate) fn of_finding(finding: &Finding) -> Option<Self> {
        let file = finding.file.as_deref().filter(|file| !file.is_empty())?;
        let line = positive(finding.line);
        let column = line.and_then(|_| positive(finding.column));
        Some(Self { file: PathBuf::from(file), line, column })
    }

    /// The file as a reference relative to `base`, percent-encoded; absolute if it is elsewhere altogether.
    pub(crate) fn reference(&self, base: Option<&Url>) -> String {
        let parts = || {
            // Without a base (the plan was tampered with) a relative path stays relative to nobody knows what.
            let base = base.cloned().or_else(|| Url::from_directory_path("/").ok())?;
            let directory = base.to_file_path().ok()?;
            let file = Url::from_file_path(directory.join(&self.file)).ok()?;
            let inside = self.file.is_relative() || self.file.starts_with(&directory);
            Some(if inside { base.make_relative(&file)? } else { file.to_string() })
        };
        match parts() {
            // A colon in the first name would make it look like a scheme.
            Some(relative) if !relative.starts_with("file:///") && begins_like_a_scheme(&relative) => {
                format!("./{relative}")
            }
            Some(reference) => reference,
            None => clean(&self.file.to_string_lossy()).into_owned(),
        }
    }
}

fn begins_like_a_scheme(reference: &str) -> bool {
    reference.split('/').next().is_some_and(|name| name.contains(':'))
}

/// Plugins count from 1, and nobody else knows what a line 0 is.
fn positive(number: Option<u32>) -> Option<u32> {
    number.filter(|number| *number > 0)
}

/// The directory that relative paths start from, as a URL that ends in `/`.
pub(crate) fn base(header: &PlanHeader) -> Option<Url> {
    Url::from_directory_path(&header.directory).ok()
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use runner_journal::testing::{gate, plan};
    use runner_model::{Finding, FindingSeverity};

    use super::{Place, base};

    fn of_step(place: &str) -> Place {
        let plan = plan([gate("a").but(|step| step.place = place.to_owned())]);
        Place::of_step(&plan.header, &plan.steps[0])
    }

    #[test]
    fn the_pipeline_has_one_name_however_it_was_typed() {
        let here = Place { file: PathBuf::from("deploy.yaml"), line: Some(24), column: None };
        for typed in ["deploy.yaml:24", "./deploy.yaml:24", "../work/deploy.yaml:24", "/work/deploy.yaml:24"]
        {
            assert_eq!(of_step(typed), here, "{typed}");
        }
        let part = Place { file: PathBuf::from("parts/health.yaml"), line: Some(3), column: None };
        assert_eq!(of_step("parts/health.yaml:3"), part);
        assert_eq!(of_step("deploy.yaml").line, None);
    }

    fn of_finding(file: &str, line: u32, column: u32) -> Option<Place> {
        Place::of_finding(&Finding {
            severity: FindingSeverity::Note,
            rule: "r".to_owned(),
            message: "m".to_owned(),
            file: Some(file.to_owned()),
            line: Some(line),
            column: Some(column),
            help: None,
        })
    }

    #[test]
    fn numbers_that_no_editor_knows_are_left_out() {
        let place = |line, column| Some(Place { file: PathBuf::from("a.py"), line, column });
        assert_eq!(of_finding("a.py", 3, 1), place(Some(3), Some(1)));
        assert_eq!(of_finding("a.py", 3, 0), place(Some(3), None));
        assert_eq!(of_finding("a.py", 0, 7), place(None, None));
        assert_eq!(of_finding("", 3, 1), None);
    }

    #[test]
    fn files_become_references_from_the_pipelines_directory() {
        let base = base(&plan([]).header).unwrap();
        let table = [
            ("src/app.py", "src/app.py"),
            ("./app.py", "app.py"),
            // Behind a link, `..` is not the folder before: left as the plugin said it.
            ("src/../app.py", "src/../app.py"),
            ("/work/src/app.py", "src/app.py"),
            ("../other/app.py", "../other/app.py"),
            ("/etc/passwd", "file:///etc/passwd"),
            ("a b/ä?#%.py", "a%20b/%C3%A4%3F%23%25.py"),
            ("c:/windows", "./c:/windows"),
        ];
        for (file, reference) in table {
            let place = Place { file: PathBuf::from(file), line: None, column: None };
            assert_eq!(place.reference(Some(&base)), reference, "{file}");
        }
        let nowhere = Place { file: PathBuf::from("a b"), line: None, column: None };
        assert_eq!(nowhere.reference(None), "a%20b");
    }
}
