//! Dockerfiles: instructions, stages, and the images that a build pulls.
//!
//! Lines are joined into instructions as the builder does it (continuation lines, comments between them, the
//! `escape` directive, here-documents); each word remembers its line. What cannot be read is a [`Problem`], because
//! whatever follows it would go unseen.

use std::collections::BTreeMap;

use crate::{Image, fill_in};

/// A part of an instruction that stands on one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fragment {
    /// 1-based line.
    pub line: u32,
    /// The text without the sign that continues the line.
    pub text: String,
}

/// One instruction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instruction {
    /// 1-based line on which it begins.
    pub line: u32,
    /// In capitals.
    pub keyword: String,
    /// What stands after the keyword, line by line.
    pub fragments: Vec<Fragment>,
    /// The lines of its here-documents.
    pub here_documents: Vec<Fragment>,
}

/// A place that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// 1-based line.
    pub line: u32,
    /// What is wrong.
    pub message: String,
}

/// One stage of a build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stage {
    /// 1-based line of its `FROM`.
    pub line: u32,
    /// Its name, if it has one.
    pub name: Option<String>,
    /// What it begins with, variables filled in.
    pub base: Base,
    /// Its instructions after `FROM`.
    pub instructions: Vec<Instruction>,
    /// Variables at its end: `ARG`s that have a value, and `ENV`.
    pub variables: BTreeMap<String, String>,
}

/// What a stage begins with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Base {
    /// Nothing.
    Scratch,
    /// An earlier stage, by its number.
    Stage(usize),
    /// An image.
    Image(Image),
}

/// A Dockerfile.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Dockerfile {
    /// Its stages, first one first.
    pub stages: Vec<Stage>,
    /// The images that a build of all stages pulls, in the order of the file.
    pub images: Vec<Image>,
    /// What cannot be read.
    pub problems: Vec<Problem>,
}

/// All keywords that the builder knows.
const KEYWORDS: [&str; 18] = [
    "ADD",
    "ARG",
    "CMD",
    "COPY",
    "ENTRYPOINT",
    "ENV",
    "EXPOSE",
    "FROM",
    "HEALTHCHECK",
    "LABEL",
    "MAINTAINER",
    "ONBUILD",
    "RUN",
    "SHELL",
    "STOPSIGNAL",
    "USER",
    "VOLUME",
    "WORKDIR",
];

impl Instruction {
    /// All that stands after the keyword, on one line.
    #[must_use]
    pub fn arguments(&self) -> String {
        let texts: Vec<&str> = self.fragments.iter().map(|fragment| fragment.text.trim()).collect();
        texts.join(" ").trim().to_owned()
    }

    /// The options (`--name=value`) before the arguments, and the words after them.
    #[must_use]
    pub fn options(&self) -> (Vec<String>, Vec<String>) {
        let words: Vec<String> = self.arguments().split_whitespace().map(str::to_owned).collect();
        let options = words.iter().take_while(|word| word.starts_with("--")).count();
        let (options, words) = words.split_at(options);
        (options.to_vec(), words.to_vec())
    }
}

impl Dockerfile {
    /// Reads a file. `arguments` are the values that the build is given (`--build-arg`).
    #[must_use]
    pub fn parse(text: &str, arguments: &BTreeMap<String, String>) -> Self {
        let (instructions, problems) = instructions(text);
        let mut reader = Reader {
            given: arguments,
            global: BTreeMap::new(),
            names: BTreeMap::new(),
            file: Self { problems, ..Self::default() },
        };
        for instruction in instructions {
            reader.take(instruction);
        }
        if reader.file.stages.is_empty() {
            let message = "no `FROM` begins a stage; this is no Dockerfile".to_owned();
            reader.file.problems.push(Problem { line: 1, message });
        }
        reader.file.problems.sort_by_key(|problem| problem.line);
        reader.file
    }

    /// The stage of this name or number; without one the last.
    #[must_use]
    pub fn target(&self, name: Option<&str>) -> Option<usize> {
        match name {
            None => self.stages.len().checked_sub(1),
            Some(name) => self.stage(name, self.stages.len()),
        }
    }

    /// A stage and those it is built on in this file, nearest first.
    #[must_use]
    pub fn lineage(&self, stage: usize) -> Vec<&Stage> {
        let mut lineage = Vec::new();
        let mut next = Some(stage);
        // A stage is built on an earlier one, so this ends.
        while let Some(stage) = next.and_then(|index| self.stages.get(index)) {
            lineage.push(stage);
            next = match &stage.base {
                Base::Stage(earlier) => Some(*earlier),
                Base::Scratch | Base::Image(_) => None,
            };
        }
        lineage
    }

    /// The number of the stage among the first `before` ones that is meant by a name or number.
    fn stage(&self, name: &str, before: usize) -> Option<usize> {
        let stages = &self.stages[..before.min(self.stages.len())];
        let named = |stage: &Stage| stage.name.as_deref().is_some_and(|own| own.eq_ignore_ascii_case(name));
        stages
            .iter()
            .rposition(named)
            .or_else(|| name.parse::<usize>().ok().filter(|index| *index < stages.len()))
    }
}

struct Reader<'a> {
    given: &'a BTreeMap<String, String>,
    /// `ARG`s before the first `FROM`.
    global: BTreeMap<String, String>,
    /// The last stage of each name, in small letters.
    names: BTreeMap<String, usize>,
    file: Dockerfile,
}

impl Reader<'_> {
    fn take(&mut self, instruction: Instruction) {
        match instruction.keyword.as_str() {
            "FROM" => self.from(&instruction),
            "ARG" if self.file.stages.is_empty() => {
                for (name, default) in assignments(&instruction.arguments()) {
                    let value = self.given.get(&name).cloned().or(default);
                    if let Some(value) = value {
                        let value = filled(&value, &self.global);
                        self.global.insert(name, value);
                    }
                }
            }
            _ => self.in_stage(instruction),
        }
    }

    fn from(&mut self, instruction: &Instruction) {
        let line = instruction.line;
        let (_, words) = instruction.options();
        let Some(written) = words.first() else {
            let message = "`FROM` names no image".to_owned();
            self.file.problems.push(Problem { line, message });
            return;
        };
        let name = match words.as_slice() {
            [_, keyword, name, ..] if keyword.eq_ignore_ascii_case("as") => Some(name.clone()),
            _ => None,
        };
        let image = filled(written, &self.global);
        let base = if image == "scratch" {
            Base::Scratch
        } else if let Some(stage) = self.named_stage(&image) {
            Base::Stage(stage)
        } else {
            let image = Image { name: image, line };
            self.file.images.push(image.clone());
            Base::Image(image)
        };
        if let Some(name) = &name {
            self.names.insert(name.to_ascii_lowercase(), self.file.stages.len());
        }
        let (instructions, variables) = (Vec::new(), BTreeMap::new());
        self.file.stages.push(Stage { line, name, base, instructions, variables });
    }

    /// The stage of this name, among those that are complete.
    fn named_stage(&self, name: &str) -> Option<usize> {
        self.names.get(&name.to_ascii_lowercase()).copied()
    }

    fn in_stage(&mut self, instruction: Instruction) {
        let Some(last) = self.file.stages.len().checked_sub(1) else {
            let message = format!("`{}` stands before the first `FROM`", instruction.keyword);
            self.file.problems.push(Problem { line: instruction.line, message });
            return;
        };
        match instruction.keyword.as_str() {
            "ARG" => {
                for (name, default) in assignments(&instruction.arguments()) {
                    let value = self.given.get(&name).or_else(|| self.global.get(&name)).cloned().or(default);
                    if let Some(value) = value {
                        let variables = &mut self.file.stages[last].variables;
                        let value = filled(&value, variables);
                        variables.insert(name, value);
                    }
                }
            }
            "ENV" => {
                for (name, value) in environment(&instruction.arguments()) {
                    let variables = &mut self.file.stages[last].variables;
                    let value = filled(&value, variables);
                    variables.insert(name, value);
                }
            }
            "COPY" | "RUN" => {
                for image in sources(&instruction) {
                    let mut variables = self.global.clone();
                    variables.extend(self.file.stages[last].variables.clone());
                    let image = filled(&image, &variables);
                    let stage = self.named_stage(&image).or_else(|| image.parse().ok());
                    if stage.is_none_or(|stage| stage >= last) && image != "scratch" {
                        self.file.images.push(Image { name: image, line: instruction.line });
                    }
                }
            }
            _ => {}
        }
        self.file.stages[last].instructions.push(instruction);
    }
}

/// What `COPY --from=` and `RUN --mount=…,from=` name.
fn sources(instruction: &Instruction) -> Vec<String> {
    let (options, _) = instruction.options();
    let sources = options.iter().filter_map(|option| {
        option.strip_prefix("--from=").or_else(|| {
            option.strip_prefix("--mount=")?.split(',').find_map(|part| part.strip_prefix("from="))
        })
    });
    sources.map(str::to_owned).collect()
}

fn filled(text: &str, variables: &BTreeMap<String, String>) -> String {
    let value = |name: &str| variables.get(name).filter(|value| !value.is_empty()).cloned();
    fill_in(unquoted(text), Some("\\$"), &value).text
}

fn unquoted(text: &str) -> &str {
    text.trim_matches(['"', '\''])
}

/// `NAME` and `NAME=default`, several of them.
fn assignments(text: &str) -> Vec<(String, Option<String>)> {
    let words = quoted_words(text).into_iter();
    words
        .map(|word| match word.split_once('=') {
            Some((name, value)) => (name.to_owned(), Some(unquoted(value).to_owned())),
            None => (word, None),
        })
        .collect()
}

/// `NAME=value …` or, as it was once written, `NAME value`.
fn environment(text: &str) -> Vec<(String, String)> {
    let old = text.split_once(char::is_whitespace).filter(|(name, _)| !name.contains('='));
    if let Some((name, value)) = old {
        return vec![(name.to_owned(), value.trim().to_owned())];
    }
    assignments(text).into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}

/// Words, of which blanks in quotes are a part.
fn quoted_words(text: &str) -> Vec<String> {
    let mut quote = None;
    let mut words = vec![String::new()];
    for sign in text.chars() {
        match quote {
            Some(open) if open == sign => quote = None,
            None if sign == '"' || sign == '\'' => quote = Some(sign),
            None if sign.is_whitespace() => {
                words.push(String::new());
                continue;
            }
            Some(_) | None => {}
        }
        if let Some(word) = words.last_mut() {
            word.push(sign);
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

/// Joins lines to instructions.
fn instructions(text: &str) -> (Vec<Instruction>, Vec<Problem>) {
    let escape = if has_backtick_directive(text) { '`' } else { '\\' };
    let mut problems = Vec::new();
    let mut instructions = Vec::new();
    let mut open: Option<Instruction> = None;
    let mut lines = (1..).zip(text.lines());
    while let Some((number, line)) = lines.next() {
        let line = line.trim();
        // Also between the lines of an instruction.
        if line.starts_with('#') || line.is_empty() {
            continue;
        }
        let (line, continued) = match line.strip_suffix(escape) {
            Some(before) => (before, true),
            None => (line, false),
        };
        let mut instruction = match open.take() {
            Some(mut instruction) => {
                instruction.fragments.push(Fragment { line: number, text: line.to_owned() });
                instruction
            }
            None => begin(number, line, &mut problems),
        };
        if continued {
            open = Some(instruction);
            continue;
        }
        for end in here_documents(&instruction) {
            let mut ended = false;
            for (number, line) in lines.by_ref() {
                if line.trim_start_matches('\t').trim_end() == end {
                    ended = true;
                    break;
                }
                instruction.here_documents.push(Fragment { line: number, text: line.to_owned() });
            }
            if !ended {
                // What follows was taken for its text; if that is wrong, a `FROM` may have gone unseen.
                let message = format!("the here-document `{end}` does not end");
                problems.push(Problem { line: instruction.line, message });
            }
        }
        instructions.push(instruction);
    }
    if let Some(instruction) = open {
        let message = "the file ends in the middle of an instruction".to_owned();
        problems.push(Problem { line: instruction.line, message });
        instructions.push(instruction);
    }
    (instructions, problems)
}

fn begin(line: u32, text: &str, problems: &mut Vec<Problem>) -> Instruction {
    let (keyword, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    let keyword = keyword.to_ascii_uppercase();
    if !KEYWORDS.contains(&keyword.as_str()) {
        let message = format!("`{}` is no instruction", runner_plugin::text::shortened(&keyword));
        problems.push(Problem { line, message });
    }
    let fragments = vec![Fragment { line, text: rest.to_owned() }];
    Instruction { line, keyword, fragments, here_documents: Vec::new() }
}

/// Directives stand at the very top; the first line that is none ends them.
fn has_backtick_directive(text: &str) -> bool {
    let directives = text.lines().map_while(|line| {
        let (name, value) = line.trim().strip_prefix('#')?.split_once('=')?;
        let name = name.trim().to_ascii_lowercase();
        ["syntax", "escape", "check"].contains(&name.as_str()).then(|| (name, value.trim()))
    });
    directives.into_iter().any(|(name, value)| name == "escape" && value == "`")
}

/// The words that end the here-documents of an instruction.
fn here_documents(instruction: &Instruction) -> Vec<String> {
    if !["RUN", "COPY", "ADD"].contains(&instruction.keyword.as_str()) {
        return Vec::new();
    }
    instruction
        .arguments()
        .split("<<")
        .skip(1)
        .map(|after| {
            let after = after.strip_prefix('-').unwrap_or(after).trim_start_matches(['"', '\'']);
            after.chars().take_while(|sign| sign.is_alphanumeric() || *sign == '_').collect::<String>()
        })
        .filter(|word| word.starts_with(|sign: char| sign.is_alphabetic() || sign == '_'))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Dockerfile {
        Dockerfile::parse(text, &BTreeMap::new())
    }

    fn pulled(text: &str) -> Vec<(u32, String)> {
        let file = parse(text);
        assert_eq!(file.problems, []);
        file.images.into_iter().map(|image| (image.line, image.name)).collect()
    }

    fn problems(text: &str) -> Vec<(u32, String)> {
        parse(text).problems.into_iter().map(|problem| (problem.line, problem.message)).collect()
    }

    #[test]
    fn stages_and_scratch_are_not_pulled() {
        let text = "FROM python:3.12 AS build\n\
FROM build AS test\n\
FROM scratch\n\
COPY --from=build /a /a\n\
COPY --from=0 /b /b\n";

        assert_eq!(pulled(text), [(1, "python:3.12".to_owned())]);
    }

    #[test]
    fn every_way_to_pull_an_image_is_seen() {
        let text = "from --platform=linux/amd64 python:3.12\n\
COPY --from=nginx:1.27 /a /a\n\
RUN --mount=type=bind,from=uv:0.5,target=/uv uv sync\n";

        assert_eq!(
            pulled(text),
            [(1, "python:3.12".to_owned()), (2, "nginx:1.27".to_owned()), (3, "uv:0.5".to_owned())],
        );
    }

    #[test]
    fn arguments_before_the_first_stage_are_filled_in() {
        let text = "ARG TAG=3.12\n\
ARG DISTRO\n\
FROM python:${TAG}-${DISTRO:-slim}\n\
ARG TAG=4\n\
FROM python:$TAG\n\
FROM $DISTRO\n";

        assert_eq!(
            pulled(text),
            [(3, "python:3.12-slim".to_owned()), (5, "python:3.12".to_owned()), (6, "$DISTRO".to_owned())],
        );
    }

    #[test]
    fn arguments_of_the_build_win() {
        let given = BTreeMap::from([("TAG".to_owned(), "4".to_owned())]);
        let file = Dockerfile::parse("ARG TAG=3\nFROM a:$TAG\nARG TAG\nENV NAME=\"x $TAG\" B=c\n", &given);

        assert_eq!(file.images, [Image { name: "a:4".to_owned(), line: 2 }]);
        assert_eq!(
            file.stages[0].variables,
            [("TAG", "4"), ("NAME", "x 4"), ("B", "c")]
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into()
        );
    }

    #[test]
    fn text_that_looks_like_an_instruction_is_none() {
        let text = "FROM a:1\n# FROM b:1\nRUN psql <<EOF\nSELECT *\nFROM users\nEOF\n\
                    RUN echo \\\n  FROM c:1\nFROM d:1\n";

        assert_eq!(pulled(text), [(1, "a:1".to_owned()), (9, "d:1".to_owned())]);
    }

    #[test]
    fn lines_are_continued_over_comments_and_empty_lines() {
        let file = parse("FROM a:1\r\nRUN one \\  \r\n# comment\r\n\r\n  two\r\nUSER x\r\n");
        let fragment = |line, text: &str| Fragment { line, text: text.to_owned() };

        assert_eq!(file.problems, []);
        let [run, user] = file.stages[0].instructions.as_slice() else { panic!("{file:?}") };
        assert_eq!(run.fragments, [fragment(2, "one "), fragment(5, "two")]);
        assert_eq!((user.line, user.keyword.as_str(), user.arguments().as_str()), (6, "USER", "x"));
    }

    #[test]
    fn a_backtick_can_be_the_escape_if_the_directive_is_at_the_top() {
        assert_eq!(
            pulled("# syntax=docker/dockerfile:1\n# escape=`\nFROM `\n  windows:1\n"),
            [(3, "windows:1".to_owned())]
        );
        assert_eq!(pulled("# a comment\n# escape=`\nFROM \\\n  linux:1\n"), [(3, "linux:1".to_owned())]);
    }

    #[test]
    fn what_cannot_be_read_is_a_problem() {
        assert_eq!(problems(""), [(1, "no `FROM` begins a stage; this is no Dockerfile".to_owned())]);
        assert_eq!(
            problems("USER x\nFROM\nFROM a:1\nINSTALL b\nRUN cat <<EOF\nFROM c\n"),
            [
                (1, "`USER` stands before the first `FROM`".to_owned()),
                (2, "`FROM` names no image".to_owned()),
                (4, "`INSTALL` is no instruction".to_owned()),
                (5, "the here-document `EOF` does not end".to_owned()),
            ]
        );
        assert_eq!(
            problems("FROM a:1\nRUN b \\\n"),
            [(2, "the file ends in the middle of an instruction".to_owned())]
        );
    }

    #[test]
    fn a_stage_is_found_by_name_or_number_and_has_a_lineage() {
        let file = parse("FROM a:1 AS base\nFROM base AS app\nFROM b:1 AS tool\nFROM App\n");
        let lines = |stage| file.lineage(stage).iter().map(|stage| stage.line).collect::<Vec<_>>();

        assert_eq!(
            (file.target(None), file.target(Some("TOOL")), file.target(Some("0")), file.target(Some("none"))),
            (Some(3), Some(2), Some(0), None)
        );
        assert_eq!(lines(3), [4, 2, 1]);
    }
}
