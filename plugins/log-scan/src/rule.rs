//! What is looked for in a line.

use regex_lite::Regex;
use runner_plugin::{Failure, Severity};
use schemars::JsonSchema;
use serde::Deserialize;

/// What must stand in no line: one of `texts`, or `pattern`.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(extend("oneOf" = [{ "required": ["texts"] }, { "required": ["pattern"] }]))]
pub(crate) struct Forbidden {
    /// Texts, each of which must not stand there.
    #[schemars(length(min = 1))]
    texts: Vec<String>,
    /// A regular expression that must not match.
    pattern: Option<String>,
    /// Whether capital and small letters (of ASCII) are the same.
    ignore_case: bool,
    /// Texts that make a line all right.
    except: Vec<String>,
    /// Name of the rule in findings.
    #[schemars(regex(pattern = "^[a-z][a-z0-9-]*$"))]
    rule: Option<String>,
    /// Whether it only warns.
    warn: bool,
    /// What to do about it.
    help: Option<String>,
    /// Whether lines of the level DEBUG are all right. Only presets say so.
    #[serde(skip)]
    except_debug: bool,
}

/// What must stand in a line: one of `texts`, or `pattern`.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(extend("oneOf" = [{ "required": ["texts"] }, { "required": ["pattern"] }]))]
pub(crate) struct Required {
    /// Texts, one of which must stand there.
    #[schemars(length(min = 1))]
    texts: Vec<String>,
    /// A regular expression that must match.
    pattern: Option<String>,
    /// Whether capital and small letters (of ASCII) are the same.
    ignore_case: bool,
    /// What to do if it is missing.
    help: Option<String>,
}

impl Forbidden {
    /// What is forbidden if nothing is said.
    pub(crate) fn errors() -> Self {
        Self {
            texts: ["traceback", "error", "exception"].map(str::to_owned).to_vec(),
            ignore_case: true,
            except: vec!["DEBUG".to_owned()],
            ..Self::default()
        }
    }
}

/// What is forbidden in the logs of a kind of program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Preset {
    /// Tracebacks, `error` and `exception` in any case, `CRITICAL` and `FATAL`; not in lines of the level DEBUG.
    Python,
}

impl Preset {
    /// The rules it stands for.
    pub(crate) fn forbidden(self) -> Vec<Forbidden> {
        match self {
            Self::Python => {
                let texts = |rule: &str, texts: &[&str]| Forbidden {
                    texts: texts.iter().map(|&text| text.to_owned()).collect(),
                    rule: Some(rule.to_owned()),
                    except_debug: true,
                    ..Forbidden::default()
                };
                let errors = texts("error", &["traceback", "error", "exception"]);
                vec![
                    texts("traceback", &["Traceback (most recent call last)"]),
                    Forbidden { ignore_case: true, ..errors },
                    Forbidden { pattern: Some(r"\b(CRITICAL|FATAL)\b".to_owned()), ..texts("critical", &[]) },
                ]
            }
        }
    }
}

/// A rule whose pattern is understood.
#[derive(Debug)]
pub(crate) struct Rule<'c> {
    /// Name in findings.
    pub(crate) name: &'c str,
    /// How serious it is.
    pub(crate) severity: Severity,
    /// What to do about it.
    pub(crate) help: Option<&'c str>,
    what: What<'c>,
    except: &'c [String],
    except_debug: bool,
}

#[derive(Debug)]
enum What<'c> {
    Texts { texts: Vec<String>, ignore_case: bool },
    Pattern { pattern: &'c str, regex: Regex },
}

impl<'c> Rule<'c> {
    /// Understands what is forbidden.
    pub(crate) fn of_forbidden(forbidden: &'c Forbidden) -> Result<Self, Failure> {
        Ok(Self {
            name: forbidden.rule.as_deref().unwrap_or("forbidden-line"),
            severity: if forbidden.warn { Severity::Warning } else { Severity::Error },
            help: forbidden.help.as_deref(),
            what: What::new("forbid", &forbidden.texts, forbidden.pattern.as_deref(), forbidden.ignore_case)?,
            except: &forbidden.except,
            except_debug: forbidden.except_debug,
        })
    }

    /// Understands a pattern of `deny`.
    pub(crate) fn of_denied(pattern: &'c str) -> Result<Self, Failure> {
        Ok(Self {
            name: "forbidden-line",
            severity: Severity::Error,
            help: None,
            what: What::Pattern { pattern, regex: regex("deny", pattern, "")? },
            except: &[],
            except_debug: false,
        })
    }

    /// Understands what is required.
    pub(crate) fn of_required(required: &'c Required) -> Result<Self, Failure> {
        Ok(Self {
            name: "missing-line",
            severity: Severity::Error,
            help: required.help.as_deref(),
            what: What::new("require", &required.texts, required.pattern.as_deref(), required.ignore_case)?,
            except: &[],
            except_debug: false,
        })
    }

    /// Whether it is about a line, of which `small` has small letters only.
    pub(crate) fn matches(&self, line: &str, small: &str) -> bool {
        let found = match &self.what {
            What::Texts { texts, ignore_case } => {
                let line = if *ignore_case { small } else { line };
                texts.iter().any(|text| line.contains(text.as_str()))
            }
            What::Pattern { regex, .. } => regex.is_match(line),
        };
        found && !self.excepts(line)
    }

    /// Whether a line is all right, whatever stands in it.
    pub(crate) fn excepts(&self, line: &str) -> bool {
        self.except.iter().any(|text| line.contains(text.as_str())) || (self.except_debug && is_debug(line))
    }

    /// What is looked for, for a message.
    pub(crate) fn wanted(&self) -> String {
        match &self.what {
            What::Texts { texts, .. } => {
                let texts: Vec<String> = texts.iter().map(|text| format!("`{text}`")).collect();
                texts.join(" or ")
            }
            What::Pattern { pattern, .. } => format!("`{pattern}`"),
        }
    }
}

impl<'c> What<'c> {
    fn new(
        key: &str,
        texts: &[String],
        pattern: Option<&'c str>,
        ignore_case: bool,
    ) -> Result<Self, Failure> {
        let invalid = |why: String| Failure::invalid_config(format!("`{key}`: {why}"));
        match (texts, pattern) {
            ([], None) => Err(invalid("each needs `texts` or `pattern`".to_owned())),
            ([_, ..], Some(_)) => Err(invalid("each has only one of `texts` and `pattern`".to_owned())),
            ([_, ..], None) if texts.iter().any(String::is_empty) => {
                Err(invalid("an empty text stands in every line".to_owned()))
            }
            ([_, ..], None) => {
                let small =
                    |text: &String| if ignore_case { text.to_ascii_lowercase() } else { text.clone() };
                Ok(Self::Texts { texts: texts.iter().map(small).collect(), ignore_case })
            }
            ([], Some(pattern)) => {
                let flags = if ignore_case { "(?i)" } else { "" };
                Ok(Self::Pattern { pattern, regex: regex(key, pattern, flags)? })
            }
        }
    }
}

/// Lines that are all right whatever stands in them.
#[derive(Debug)]
pub(crate) struct Allowed(Vec<Regex>);

impl Allowed {
    /// Understands the patterns of `allow`.
    pub(crate) fn new(patterns: &[String]) -> Result<Self, Failure> {
        patterns.iter().map(|pattern| regex("allow", pattern, "")).collect::<Result<_, _>>().map(Self)
    }

    /// Whether a line is all right.
    pub(crate) fn has(&self, line: &str) -> bool {
        self.0.iter().any(|regex| regex.is_match(line))
    }
}

/// Understands a pattern. One that fits an empty line fits them all, which nobody means.
fn regex(key: &str, pattern: &str, flags: &str) -> Result<Regex, Failure> {
    let invalid = |why: String| Failure::invalid_config(format!("`{key}`: `{pattern}` {why}"));
    let regex = Regex::new(&format!("{flags}{pattern}"));
    let regex = regex.map_err(|error| invalid(format!("is no pattern: {error}")))?;
    if key == "allow" && regex.is_match("") {
        return Err(invalid("fits every line: nothing would be looked for".to_owned()));
    }
    Ok(regex)
}

/// Whether the first word of a line that names a level is `DEBUG`: an error in which the word comes later is none of a
/// debugger.
fn is_debug(line: &str) -> bool {
    const LEVELS: [&str; 9] =
        ["TRACE", "DEBUG", "INFO", "NOTICE", "WARNING", "WARN", "ERROR", "CRITICAL", "FATAL"];
    let words = line.split(|sign: char| !sign.is_ascii_alphanumeric());
    let mut levels = words.filter_map(|word| LEVELS.iter().find(|level| word.eq_ignore_ascii_case(level)));
    levels.next().is_some_and(|level| *level == "DEBUG")
}
