//! Names of images that can be put back.
//!
//! A build or a pull takes a tag from the image that had it. What was there is noted ([`Tags::captured`]), and before
//! the tag moves the image gets a second one, with `.before` behind it ([`Tags::keep`]): so it stays an image with a
//! name, which no cleaning takes for waste and which a grant can be about. [`Tags::put_back`] moves the tag back, or
//! takes it away where there was none. The `.before` of a change that stands is moved by the next one.

use std::collections::BTreeMap;

use runner_images::Reference;
use runner_plugin::{Failure, Host};
use serde::{Deserialize, Serialize};

/// Tags, and the id of the image that each one led to; `None` where there was none.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Tags(BTreeMap<String, Option<String>>);

impl Tags {
    /// Notes where tags lead. Verb `image.inspect`.
    ///
    /// # Errors
    ///
    /// `invalid-config` for what is no `name:tag`, and what the engine answers.
    pub fn captured<'t>(host: &Host, tags: impl IntoIterator<Item = &'t str>) -> Result<Self, Failure> {
        let mut captured = BTreeMap::new();
        for tag in tags {
            before(tag)?;
            let image = host.docker().inspect_image(tag)?;
            captured.insert(tag.to_owned(), image.map(|image| image.id));
        }
        Ok(Self(captured))
    }

    /// As a snapshot of an action.
    ///
    /// # Errors
    ///
    /// None in practice: tags and ids are text.
    pub fn written(&self) -> Result<String, Failure> {
        serde_json::to_string(self)
            .map_err(|error| Failure::internal(format!("the snapshot cannot be written: {error}")))
    }

    /// Reads what [`Tags::written`] has made.
    ///
    /// # Errors
    ///
    /// `invalid-input` for anything else.
    pub fn read(snapshot: &str) -> Result<Self, Failure> {
        serde_json::from_str(snapshot)
            .map_err(|error| Failure::invalid_input(format!("the snapshot is none of this plugin: {error}")))
    }

    /// Gives what has one of the tags now, and had it when they were noted, its `.before`. Verbs `image.inspect` and
    /// `image.tag`.
    ///
    /// # Errors
    ///
    /// Those of the engine; nothing has moved then.
    pub fn keep(&self, host: &Host) -> Result<(), Failure> {
        for (tag, captured) in self.led_somewhere() {
            let now = host.docker().inspect_image(tag)?;
            if now.is_some_and(|image| image.id == *captured) {
                host.docker().tag_image(tag, &before(tag)?)?;
            }
        }
        Ok(())
    }

    /// Puts every tag back to where it led. Verbs `image.inspect`, `image.tag` and `image.remove`.
    ///
    /// # Errors
    ///
    /// `unavailable` when an image is gone, and what the engine answers; tags that come before it in the alphabet are
    /// put back then.
    pub fn put_back(&self, host: &Host) -> Result<(), Failure> {
        for (tag, captured) in &self.0 {
            let now = host.docker().inspect_image(tag)?.map(|image| image.id);
            match captured {
                Some(id) => {
                    let kept = before(tag)?;
                    let there = host.docker().inspect_image(&kept)?.is_some_and(|image| image.id == *id);
                    if now.as_ref() != Some(id) {
                        let from = if there { kept.as_str() } else { id.as_str() };
                        host.docker().tag_image(from, tag)?;
                    }
                    if there {
                        host.docker().remove_image(&kept)?;
                    }
                }
                None if now.is_some() => host.docker().remove_image(tag)?,
                None => {}
            }
        }
        Ok(())
    }

    fn led_somewhere(&self) -> impl Iterator<Item = (&String, &String)> {
        self.0.iter().filter_map(|(tag, id)| Some((tag, id.as_ref()?)))
    }
}

/// The name that an image has besides, from when its tag is taken.
fn before(tag: &str) -> Result<String, Failure> {
    let Reference { tag: named, digest, path, .. } = Reference::of(tag);
    if digest.is_some() || path.is_empty() {
        return Err(Failure::invalid_config(format!("`{tag}` is no tag; write `name:tag`")));
    }
    Ok(if named.is_some() { format!("{tag}.before") } else { format!("{tag}:latest.before") })
}

#[cfg(test)]
mod tests {
    use super::*;
    use runner_plugin::FailureKind;
    use runner_plugin::testing::{Engine, FakeHost, FakeImage};

    fn ids(host: &FakeHost, tags: &[&str]) -> Vec<Option<String>> {
        tags.iter().map(|tag| host.image_id(tag)).collect()
    }

    fn id(tag: &str) -> Option<String> {
        Some(format!("sha256:{tag}"))
    }

    #[test]
    fn a_tag_moves_and_is_put_back_any_number_of_times() {
        let fake = FakeHost::new()
            .docker(Engine::new().image(FakeImage::new("app:1")).image(FakeImage::new("new:1")));
        let host = fake.host();
        let names = ["app:1", "app:1.before", "app:2"];

        let tags = Tags::captured(&host, ["app:1", "app:2"]).unwrap();
        let tags = Tags::read(&tags.written().unwrap()).unwrap();
        tags.keep(&host).unwrap();
        host.docker().tag_image("new:1", "app:1").unwrap();
        host.docker().tag_image("new:1", "app:2").unwrap();
        // As after a crash: what has the tag now is not what had it.
        tags.keep(&host).unwrap();
        assert_eq!(ids(&fake, &names), [id("new:1"), id("app:1"), id("new:1")]);

        tags.put_back(&host).unwrap();
        tags.put_back(&host).unwrap();
        assert_eq!(ids(&fake, &names), [id("app:1"), None, None]);
    }

    #[test]
    fn nothing_is_done_where_nothing_has_moved() {
        let fake = FakeHost::new().docker(Engine::new().image(FakeImage::new("app:1")));
        let host = fake.host();

        Tags::captured(&host, ["app:1", "app:2"]).unwrap().put_back(&host).unwrap();

        assert_eq!(fake.docker_changes(), [""; 0]);
    }

    #[test]
    fn an_image_that_is_gone_is_not_put_back() {
        let fake = FakeHost::new().docker(Engine::new().image(FakeImage::new("app:1")));
        let host = fake.host();
        let tags = Tags::captured(&host, ["app:1"]).unwrap();

        host.docker().remove_image("app:1").unwrap();

        assert_eq!(
            tags.put_back(&host),
            Err(Failure::unavailable("tag image `sha256:app:1` as `app:1`: No such image: sha256:app:1")),
        );
    }

    #[test]
    fn what_is_no_tag_is_refused() {
        let host = FakeHost::new().docker(Engine::new()).host();

        assert_eq!(
            ["app@sha256:00", ":1"].map(|tag| Tags::captured(&host, [tag]).map_err(|failure| failure.kind)),
            [Err(FailureKind::InvalidConfig), Err(FailureKind::InvalidConfig)],
        );
        assert_eq!(Tags::read("[]").map_err(|failure| failure.kind), Err(FailureKind::InvalidInput));
        assert_eq!(before("127.0.0.1:5000/app"), Ok("127.0.0.1:5000/app:latest.before".to_owned()));
    }
}
