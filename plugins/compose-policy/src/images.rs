//! Images that could be others tomorrow.

use runner_images::{Flaw, Image};
use runner_plugin::text::shortened;

use crate::project::Project;
use crate::{Problem, Rule};

pub(crate) fn problems(project: &Project, require_digest: bool) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (name, service) in &project.services {
        let Some(image) = &service.image else {
            if service.build.is_none() && service.extends.is_none() {
                let problem = Problem::new(
                    Rule::UnresolvedImage,
                    name,
                    &service.place,
                    "has neither `image` nor `build`".to_owned(),
                );
                problems.push(problem.help("name its image, or give the file that does"));
            }
            continue;
        };
        let shown = shortened(&image.value);
        let named = Image { name: image.value.clone(), line: image.line };
        let flaws = named.flaws();
        for flaw in &flaws {
            let (rule, message, help) = match flaw {
                Flaw::Unresolved => (
                    Rule::UnresolvedImage,
                    format!("has an image that cannot be told from the files: `{shown}`"),
                    "give the variable a default (`${TAG:-1.2.3}`), or its value under `env`",
                ),
                Flaw::InvalidDigest => (
                    Rule::InvalidDigest,
                    format!("has an image with a digest that is none: `{shown}`"),
                    "write `@sha256:<64 hexadecimal digits>`",
                ),
                // What is built here has no digest before it is built.
                Flaw::NoDigest if require_digest && service.build.is_none() => (
                    Rule::UnpinnedImage,
                    format!("has an image without a digest: `{shown}`"),
                    "write `<image>:<tag>@sha256:<digest>`; `docker buildx imagetools inspect <image>` shows it",
                ),
                Flaw::NoDigest => continue,
                Flaw::Latest | Flaw::NoTag => {
                    (Rule::FloatingImage, format!("has a floating image: `{shown}`"), "name the version")
                }
            };
            problems.push(Problem::new(rule, name, image, message).help(help));
        }
        if flaws == [Flaw::NoDigest] && !has_version(&image.value) {
            let message = format!("has an image whose tag is no version: `{shown}`");
            problems.push(Problem::new(Rule::FloatingImage, name, image, message).help("name the version"));
        }
    }
    problems
}

/// `stable`, `alpine` and `main` are moved; a tag with a number in it seldom is.
fn has_version(image: &str) -> bool {
    let last = image.rsplit('/').next().unwrap_or_default();
    last.split_once(':').is_some_and(|(_, tag)| tag.contains(|sign: char| sign.is_ascii_digit()))
}
