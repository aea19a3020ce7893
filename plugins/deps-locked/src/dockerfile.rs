//! Dockerfiles: which images a build pulls.
//!
//! Only what names an image is read: `ARG` before the first `FROM`, `FROM`, and `from=` in `COPY` and `RUN
//! --mount`.

use std::collections::BTreeMap;

use runner_plugin::Finding;
use runner_plugin::text::shortened;

/// An image that a build pulls, as written, with its variables filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PulledImage {
    pub(crate) image: String,
    pub(crate) line: u32,
}

impl PulledImage {
    /// What is wrong with it.
    pub(crate) fn findings(&self, file: &str) -> Vec<Finding> {
        let image = shortened(&self.image);
        let at = |rule: &str, message: String, help: &str| {
            Finding::error(rule, message).in_file(file).at_line(self.line).help(help)
        };
        if self.image.contains('$') {
            return vec![at(
                "unresolved-image",
                format!("which image `{image}` is cannot be told from the file"),
                "give the `ARG` a default before the first `FROM`",
            )];
        }
        let (name, digest) = match self.image.split_once('@') {
            Some((name, digest)) => (name, Some(digest)),
            None => (self.image.as_str(), None),
        };
        // A `:` before the last `/` belongs to the port of the registry.
        let tag = name.rsplit('/').next().and_then(|last| last.split_once(':')).map(|(_, tag)| tag);
        let mut findings = Vec::new();
        match digest {
            Some(digest) if is_sha256(digest) => {}
            Some(_) => findings.push(at(
                "invalid-digest",
                format!("the digest of `{image}` is none"),
                "write `@sha256:<64 hexadecimal digits>`",
            )),
            None => findings.push(at(
                "unpinned-base-image",
                format!("`{image}` has no digest"),
                "write `<image>:<tag>@sha256:<digest>`; `docker buildx imagetools inspect <image>` shows the digest",
            )),
        }
        if tag == Some("latest") || (tag.is_none() && digest.is_none()) {
            let how = if tag.is_some() { "is" } else { "means" };
            findings.push(at("latest-tag", format!("`{image}` {how} `latest`"), "name the version"));
        }
        findings
    }
}

fn is_sha256(digest: &str) -> bool {
    digest
        .strip_prefix("sha256:")
        .is_some_and(|digits| digits.len() == 64 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// The images a build of this file pulls: neither `scratch` nor another stage.
pub(crate) fn pulled_images(text: &str) -> Vec<PulledImage> {
    let mut arguments: BTreeMap<String, String> = BTreeMap::new();
    let mut stages: Vec<String> = Vec::new();
    let mut images = Vec::new();
    let mut in_stage = false;
    for (line, instruction) in instructions(text) {
        let mut words = instruction.split_whitespace();
        let keyword = words.next().unwrap_or_default().to_ascii_uppercase();
        let mut pull = |image: &str, stages: &[String]| {
            let image = substituted(image, &arguments);
            let is_stage = stages.iter().any(|stage| stage.eq_ignore_ascii_case(&image))
                || image.parse::<usize>().is_ok_and(|index| index < stages.len());
            if !is_stage && image != "scratch" {
                images.push(PulledImage { image, line });
            }
        };
        match keyword.as_str() {
            // An `ARG` after the first `FROM` belongs to its stage and reaches no `FROM`.
            "ARG" if !in_stage => arguments.extend(words.map(|word| {
                let (name, default) = word.split_once('=').unwrap_or((word, ""));
                (name.to_owned(), unquoted(default).to_owned())
            })),
            "FROM" => {
                in_stage = true;
                let words: Vec<&str> = words.skip_while(|word| word.starts_with("--")).collect();
                if let Some(image) = words.first() {
                    pull(image, &stages);
                }
                let name = match words.as_slice() {
                    [_, keyword, name, ..] if keyword.eq_ignore_ascii_case("as") => *name,
                    _ => "",
                };
                stages.push(name.to_owned());
            }
            "COPY" | "RUN" => {
                for option in words.take_while(|word| word.starts_with("--")) {
                    let from = option.strip_prefix("--from=").or_else(|| {
                        option
                            .strip_prefix("--mount=")?
                            .split(',')
                            .find_map(|part| part.strip_prefix("from="))
                    });
                    if let Some(image) = from {
                        pull(image, &stages);
                    }
                }
            }
            _ => {}
        }
    }
    images
}

/// Instructions with the number of their first line; continued lines joined, comments and here-documents left out.
fn instructions(text: &str) -> Vec<(u32, String)> {
    let escape = if has_backtick_directive(text) { '`' } else { '\\' };
    let mut instructions = Vec::new();
    let mut joined = String::new();
    let mut start = 1;
    let mut lines = (1..).zip(text.lines());
    while let Some((number, line)) = lines.next() {
        let line = line.trim();
        if line.starts_with('#') || (line.is_empty() && joined.is_empty()) {
            continue;
        }
        if joined.is_empty() {
            start = number;
        }
        if let Some(before) = line.strip_suffix(escape) {
            joined.push_str(before);
            joined.push(' ');
            continue;
        }
        joined.push_str(line);
        for end in here_documents(&joined) {
            // Whatever stands up to `end` is no instruction, `FROM` in an SQL text for one.
            lines.by_ref().find(|(_, line)| line.trim_start_matches('\t').trim_end() == end);
        }
        instructions.push((start, std::mem::take(&mut joined)));
    }
    if !joined.is_empty() {
        instructions.push((start, joined));
    }
    instructions
}

fn has_backtick_directive(text: &str) -> bool {
    text.lines().map_while(|line| line.trim().strip_prefix('#')).any(|directive| {
        directive
            .split_once('=')
            .is_some_and(|(name, value)| name.trim().eq_ignore_ascii_case("escape") && value.trim() == "`")
    })
}

/// The words that end the here-documents of an instruction.
fn here_documents(instruction: &str) -> Vec<String> {
    let keyword = instruction.split_whitespace().next().unwrap_or_default();
    if !["RUN", "COPY", "ADD"].iter().any(|known| known.eq_ignore_ascii_case(keyword)) {
        return Vec::new();
    }
    instruction
        .split("<<")
        .skip(1)
        .map(|after| {
            let after = after.strip_prefix('-').unwrap_or(after).trim_start_matches(['"', '\'']);
            after.chars().take_while(|sign| sign.is_alphanumeric() || *sign == '_').collect::<String>()
        })
        .filter(|word| word.starts_with(|sign: char| sign.is_alphabetic() || sign == '_'))
        .collect()
}

fn unquoted(text: &str) -> &str {
    text.trim_matches(['"', '\''])
}

/// Fills in `$NAME`, `${NAME}` and `${NAME:-default}`. What has no value stays as it is.
fn substituted(text: &str, arguments: &BTreeMap<String, String>) -> String {
    let value = |name: &str| arguments.get(name).filter(|value| !value.is_empty());
    let mut result = String::new();
    let mut rest = unquoted(text);
    while let Some((before, after)) = rest.split_once('$') {
        result.push_str(before);
        let (whole, name, default) = match after.strip_prefix('{').and_then(|inner| inner.split_once('}')) {
            Some((inner, _)) => {
                let (name, default) =
                    inner.split_once(":-").map_or((inner, None), |(name, d)| (name, Some(d)));
                (inner.len() + 2, name, default)
            }
            None => {
                let end = after
                    .find(|sign: char| !(sign.is_ascii_alphanumeric() || sign == '_'))
                    .unwrap_or(after.len());
                (end, &after[..end], None)
            }
        };
        match value(name).map(String::as_str).or(default) {
            Some(value) => result.push_str(value),
            None => {
                result.push('$');
                result.push_str(&after[..whole]);
            }
        }
        rest = &after[whole..];
    }
    result.push_str(rest);
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pulled(text: &str) -> Vec<(u32, String)> {
        pulled_images(text).into_iter().map(|pulled| (pulled.line, pulled.image)).collect()
    }

    fn rules(image: &str) -> Vec<String> {
        let image = PulledImage { image: image.to_owned(), line: 1 };
        image.findings("Dockerfile").into_iter().map(|finding| finding.rule).collect()
    }

    const DIGEST: &str = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

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
    fn text_that_looks_like_an_instruction_is_none() {
        let text = "FROM a:1\n# FROM b:1\nRUN psql <<EOF\nSELECT *\nFROM users\nEOF\n\
                    RUN echo \\\n  FROM c:1\nFROM d:1\n";

        assert_eq!(pulled(text), [(1, "a:1".to_owned()), (9, "d:1".to_owned())]);
    }

    #[test]
    fn a_backtick_can_be_the_escape() {
        assert_eq!(pulled("# escape=`\nFROM `\n  windows:1\n"), [(2, "windows:1".to_owned())]);
    }

    #[test]
    fn only_a_digest_pins_and_latest_is_never_right() {
        assert_eq!(rules(&format!("python:3.12@{DIGEST}")), [""; 0]);
        assert_eq!(rules(&format!("python@{DIGEST}")), [""; 0]);
        assert_eq!(rules(&format!("python:latest@{DIGEST}")), ["latest-tag"]);
        assert_eq!(rules("python:3.12"), ["unpinned-base-image"]);
        assert_eq!(rules("registry:5000/python"), ["unpinned-base-image", "latest-tag"]);
        assert_eq!(rules("python:latest"), ["unpinned-base-image", "latest-tag"]);
        assert_eq!(rules("python@sha256:abc"), ["invalid-digest"]);
        assert_eq!(rules("python:$TAG"), ["unresolved-image"]);
    }
}
