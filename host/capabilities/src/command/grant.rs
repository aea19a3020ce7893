//! Which programs may be run, with which arguments, where.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use super::words::{is_program, quoted, shown};
use crate::{
    Capability, GrantError, Refusal, Rule, RuleKind, env::is_variable_name, filesystem::PathPattern, pattern,
};

/// Stands for any number of arguments, at the end of a list.
const REST: &str = "**";

/// Programs that do what an argument tells them.
const INTERPRETERS: [&str; 31] = [
    "ash", "awk", "bash", "bun", "busybox", "chroot", "csh", "dash", "deno", "doas", "env", "find", "fish",
    "gawk", "ksh", "lua", "mawk", "nice", "node", "nohup", "nsenter", "perl", "php", "python", "ruby",
    "setsid", "sh", "su", "sudo", "xargs", "zsh",
];

const EXAMPLE: &str = r#"for example `{ program: kubectl, args: ["rollout", "status", "*"] }`"#;

/// The machine that a program runs on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Place {
    /// The one the runner is on.
    #[default]
    Host,
    /// The step's target.
    Target,
}

/// One program with its arguments.
///
/// A `*` in an argument stands for any run of characters, but one at its start never for an option: `*` does not cover
/// `--force`, `-*` does. A last argument `**` stands for any number of any arguments.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CommandRule {
    program: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    args: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    env: Vec<String>,
    #[serde(skip_serializing_if = "is_host")]
    on: Place,
    #[serde(skip_serializing_if = "Option::is_none")]
    directory: Option<PathPattern>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference to the field")]
fn is_host(place: &Place) -> bool {
    *place == Place::Host
}

/// The programs that may be run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CommandGrant(Vec<CommandRule>);

/// What a plugin wants to run.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// A path or a name.
    pub program: &'a str,
    /// Its arguments.
    pub args: &'a [String],
    /// Names of the variables that it sets, with and without secrets.
    pub variables: &'a [&'a str],
    /// Where it wants to start; none for where commands start by themselves.
    pub directory: Option<&'a str>,
}

impl CommandGrant {
    pub(crate) fn parse(value: &Value) -> Result<Self, Vec<GrantError>> {
        let Value::Array(items) = value else {
            return Err(vec![GrantError::new("", "expected a list of programs").help(EXAMPLE)]);
        };
        GrantError::each(items, CommandRule::parse).map(Self)
    }

    /// Whether nothing may be run.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The rules, as written.
    pub fn rules(&self) -> impl Iterator<Item = &CommandRule> {
        self.0.iter()
    }

    /// The first rule that covers a command. It also says where it runs.
    ///
    /// # Errors
    ///
    /// The refusal for the operator, with a rule to paste.
    pub fn covers(&self, wanted: &Wanted<'_>) -> Result<&CommandRule, Box<Refusal>> {
        self.0.iter().find(|rule| rule.covers(wanted)).ok_or_else(|| {
            Box::new(Refusal {
                capability: Capability::Command,
                request: wanted.shown(),
                message: self.why_not(wanted),
                grant: wanted.grant(),
            })
        })
    }

    fn why_not(&self, wanted: &Wanted<'_>) -> String {
        if self.is_empty() {
            return "this step is granted no commands at all".to_owned();
        }
        if !is_program(wanted.program) {
            return "a program is an absolute path, or a name".to_owned();
        }
        let named: Vec<&CommandRule> = self.0.iter().filter(|rule| rule.program == wanted.program).collect();
        if named.is_empty() {
            return "none of its command rules names this program".to_owned();
        }
        let list = |rules: &[&CommandRule]| {
            rules.iter().map(|rule| format!("`{}`", rule.written())).collect::<Vec<_>>().join(", ")
        };
        let fitting: Vec<&CommandRule> =
            named.iter().copied().filter(|rule| rule.covers_args(wanted.args)).collect();
        if fitting.is_empty() {
            return format!("none of its rules for this program covers these arguments: {}", list(&named));
        }
        let placed: Vec<&CommandRule> =
            fitting.iter().copied().filter(|rule| rule.covers_directory(wanted.directory)).collect();
        if placed.is_empty() {
            return format!("none of its rules for these arguments has this `directory`: {}", list(&fitting));
        }
        format!("none of its rules for these arguments has all these variables in `env`: {}", list(&placed))
    }

    pub(crate) fn beyond(&self, narrower: &Self) -> Vec<GrantError> {
        let outside = narrower.0.iter().enumerate();
        outside
            .filter(|(_, rule)| !self.0.iter().any(|wide| wide.contains(rule)))
            .map(|(index, rule)| {
                GrantError::new(format!("/{index}"), format!("command `{}`", rule.written()))
            })
            .collect()
    }

    pub(crate) fn each_rule(&self) -> impl Iterator<Item = Rule> {
        self.0.iter().map(CommandRule::rule)
    }
}

impl CommandRule {
    /// The machine that it runs on.
    #[must_use]
    pub fn place(&self) -> Place {
        self.on
    }

    /// The variables that the program may be given.
    pub fn variables(&self) -> impl Iterator<Item = &str> {
        self.env.iter().map(String::as_str)
    }

    /// The rule on one line, in the author's words: `kubectl rollout status * on target`.
    #[must_use]
    pub fn written(&self) -> String {
        let mut text = shown(&self.program);
        for arg in &self.args {
            text.push(' ');
            text.push_str(&shown(arg));
        }
        if self.on == Place::Target {
            text.push_str(" on target");
        }
        if let Some(directory) = &self.directory {
            text.push_str(" in ");
            text.push_str(directory.written());
        }
        if !self.env.is_empty() {
            text.push_str(" with ");
            text.push_str(&self.env.join(", "));
        }
        text
    }

    pub(crate) fn rule(&self) -> Rule {
        Rule::new(RuleKind::Command, self.written())
    }

    /// Whether the program does what its arguments say, and a plugin may choose some of these: such a rule allows nearly
    /// anything.
    #[must_use]
    pub fn is_open_ended(&self) -> bool {
        let name = self.program.rsplit('/').next().unwrap_or_default();
        let plain = name.trim_end_matches(|sign: char| sign.is_ascii_digit() || sign == '.' || sign == '-');
        INTERPRETERS.contains(&plain) && self.args.iter().any(|arg| arg.contains('*'))
    }

    fn covers(&self, wanted: &Wanted<'_>) -> bool {
        self.program == wanted.program
            && self.covers_args(wanted.args)
            && self.covers_directory(wanted.directory)
            && wanted.variables.iter().all(|name| self.env.iter().any(|granted| granted == name))
    }

    fn covers_args(&self, args: &[String]) -> bool {
        let (fixed, rest) = self.patterns();
        (args.len() == fixed.len() || (rest && args.len() > fixed.len()))
            && fixed.iter().zip(args).all(|(pattern, arg)| covers_arg(pattern, arg))
    }

    /// Whether it may start in `directory`, as written or as it really is.
    pub(super) fn covers_directory(&self, directory: Option<&str>) -> bool {
        match (&self.directory, directory) {
            (None, None) => true,
            (None, Some(path)) => {
                path.split('/').all(|name| name.is_empty() || name == ".") && !path.starts_with('/')
            }
            (Some(granted), path) => granted.covers(path.unwrap_or(".")),
        }
    }

    /// Whether everything `narrow` covers is covered by `self` too.
    fn contains(&self, narrow: &Self) -> bool {
        let (wide, wide_rest) = self.patterns();
        let (args, rest) = narrow.patterns();
        let args = (args.len() == wide.len() || (wide_rest && args.len() > wide.len()))
            && (wide_rest || !rest)
            && wide.iter().zip(args).all(|(wide, narrow)| covers_arg(wide, narrow));
        let directory = match (&self.directory, &narrow.directory) {
            (None, None) => true,
            (None, Some(_)) => false,
            (Some(wide), None) => wide.covers("."),
            (Some(wide), Some(narrow)) => wide.contains(narrow),
        };
        self.program == narrow.program
            && args
            && directory
            && self.on == narrow.on
            && narrow.env.iter().all(|name| self.env.contains(name))
    }

    /// The patterns for single arguments, and whether more may follow.
    fn patterns(&self) -> (&[String], bool) {
        match self.args.split_last() {
            Some((last, before)) if last == REST => (before, true),
            Some(_) | None => (&self.args, false),
        }
    }
}

/// Whether `pattern` covers one argument. A `*` at its start never stands for an option.
///
/// Given another *pattern* as `arg`, the answer is sound for everything that one covers: if it begins with something else
/// than `*`, so does every argument that it covers.
fn covers_arg(pattern: &str, arg: &str) -> bool {
    pattern::matches(pattern, arg) && !(pattern.starts_with('*') && arg.starts_with('-'))
}

impl Wanted<'_> {
    /// The command on one line.
    fn shown(&self) -> String {
        let mut text = format!("run {}", shown(self.program));
        for arg in self.args {
            text.push(' ');
            text.push_str(&shown(arg));
        }
        if let Some(directory) = self.directory {
            text.push_str(" in ");
            text.push_str(&shown(directory));
        }
        if !self.variables.is_empty() {
            text.push_str(" with ");
            text.push_str(&self.variables.join(", "));
        }
        text
    }

    /// A grant for this and nothing else; none if there is no such rule. A `*` cannot be written so that it means itself,
    /// and nobody should paste one that a plugin has made up.
    fn grant(&self) -> Option<String> {
        let says_more = self.args.iter().any(|arg| arg.contains('*'));
        let directory = match self.directory {
            Some(path) => Some(path.parse::<PathPattern>().ok().filter(PathPattern::is_plain)?),
            None => None,
        };
        if says_more || !is_program(self.program) || !self.variables.iter().all(|name| is_variable_name(name))
        {
            return None;
        }
        let mut keys = vec![format!("program: {}", shown(self.program))];
        if !self.args.is_empty() {
            let args: Vec<String> = self.args.iter().map(|arg| quoted(arg)).collect();
            keys.push(format!("args: [{}]", args.join(", ")));
        }
        if !self.variables.is_empty() {
            keys.push(format!("env: [{}]", self.variables.join(", ")));
        }
        if let Some(directory) = directory {
            keys.push(format!("directory: {}", quoted(directory.written())));
        }
        Some(format!("command: [{{ {} }}]", keys.join(", ")))
    }
}

impl CommandRule {
    fn parse(item: &Value) -> Result<Self, Vec<GrantError>> {
        let Value::Object(keys) = item else {
            return Err(vec![
                GrantError::new("", format!("`{item}` does not say what may be run")).help(EXAMPLE),
            ]);
        };
        let mut errors = Vec::new();
        for key in keys.keys() {
            if !["program", "args", "env", "on", "directory"].contains(&key.as_str()) {
                let pointer = format!("/{}", key.replace('~', "~0").replace('/', "~1"));
                errors.push(
                    GrantError::new(pointer, format!("unknown key `{key}`"))
                        .help("known: program, args, env, on, directory"),
                );
            }
        }
        let mut keep = |read: Result<(), GrantError>| errors.extend(read.err());
        let mut rule = Self {
            program: String::new(),
            args: Vec::new(),
            env: Vec::new(),
            on: Place::Host,
            directory: None,
        };
        keep(read_program(keys).map(|program| rule.program = program));
        keep(read_texts(keys, "args").and_then(|args| check_args(&args).map(|()| rule.args = args)));
        keep(read_texts(keys, "env").and_then(|env| check_env(&env).map(|()| rule.env = env)));
        keep(read_place(keys).map(|place| rule.on = place));
        keep(read_directory(keys).map(|directory| rule.directory = directory));
        if errors.is_empty() { Ok(rule) } else { Err(errors) }
    }
}

fn read_program(keys: &Map<String, Value>) -> Result<String, GrantError> {
    let wrong = |message: String| {
        GrantError::new("/program", message).help(
            "write an absolute path, or a name that is looked for in the directories of the system, never in the pipeline's",
        )
    };
    match keys.get("program") {
        None => Err(GrantError::new("", "it names no `program`").help(EXAMPLE)),
        Some(Value::String(program)) if is_program(program) => Ok(program.clone()),
        Some(Value::String(program)) if program.contains('*') => {
            Err(wrong(format!("`{program}`: a program has no `*`, each is named in full")))
        }
        Some(other) => Err(wrong(format!("`{other}` does not name a program"))),
    }
}

fn read_texts(keys: &Map<String, Value>, key: &str) -> Result<Vec<String>, GrantError> {
    let items = match keys.get(key) {
        None => return Ok(Vec::new()),
        Some(Value::Array(items)) => items,
        Some(other) => {
            return Err(GrantError::new(format!("/{key}"), format!("expected a list, found `{other}`")));
        }
    };
    let text = |(index, item): (usize, &Value)| match item {
        Value::String(text) => Ok(text.clone()),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            Err(GrantError::new(format!("/{key}/{index}"), format!("expected a text, found `{item}`"))
                .help("put it in quotes"))
        }
    };
    items.iter().enumerate().map(text).collect()
}

fn check_args(args: &[String]) -> Result<(), GrantError> {
    for (index, arg) in args.iter().enumerate() {
        let pointer = || format!("/args/{index}");
        if arg.contains('\0') {
            return Err(GrantError::new(pointer(), "an argument holds no NUL"));
        }
        if arg == REST && index + 1 < args.len() {
            return Err(GrantError::new(
                pointer(),
                "`**` stands for all further arguments, so only at the end",
            )
            .help("write `*` for one argument"));
        }
    }
    Ok(())
}

fn check_env(names: &[String]) -> Result<(), GrantError> {
    for (index, name) in names.iter().enumerate() {
        if !is_variable_name(name) {
            return Err(GrantError::new(
                format!("/env/{index}"),
                format!("`{name}` is not the name of a variable"),
            )
            .help("each variable is named in full; there are no patterns"));
        }
        if name == "PATH" {
            return Err(GrantError::new(format!("/env/{index}"), "`PATH` is always the runner's own")
                .help("name the program by its absolute path"));
        }
    }
    Ok(())
}

fn read_place(keys: &Map<String, Value>) -> Result<Place, GrantError> {
    match keys.get("on").map(|on| (on, on.as_str())) {
        None | Some((_, Some("host"))) => Ok(Place::Host),
        Some((_, Some("target"))) => Ok(Place::Target),
        Some((other, _)) => Err(GrantError::new("/on", format!("{other} is not `host` or `target`"))),
    }
}

fn read_directory(keys: &Map<String, Value>) -> Result<Option<PathPattern>, GrantError> {
    match keys.get("directory") {
        None => Ok(None),
        Some(Value::String(path)) => {
            path.parse().map(Some).map_err(|message: String| GrantError::new("/directory", message))
        }
        Some(other) => Err(GrantError::new("/directory", format!("expected a path, found `{other}`"))),
    }
}

impl<'de> Deserialize<'de> for CommandRule {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        Self::parse(&value).map_err(|errors| {
            let texts: Vec<String> = errors.iter().map(ToString::to_string).collect();
            serde::de::Error::custom(texts.join("; "))
        })
    }
}
