//! Images that are there, or come from and go to a registry.

use std::{collections::HashSet, time::Duration};

use base64::{Engine as _, engine::general_purpose::URL_SAFE};
use bollard::{
    models::{ImageInspect, ImageSummary},
    query_parameters::{
        CreateImageOptionsBuilder, ListContainersOptionsBuilder, ListImagesOptionsBuilder,
        PushImageOptionsBuilder, RemoveImageOptions, TagImageOptionsBuilder,
    },
};
use futures::{Stream, StreamExt as _};
use hyper::header::HeaderValue;
use serde_json::json;
use tokio::time::Instant;

use super::{DEFAULT_TIMEOUT, create::masked};
use crate::{
    docker::{
        ImagePattern, Reference,
        engine::{Session, Trouble},
        facts::{self, named},
        grant::Wanted,
        spec::RUN,
        verb::Verb,
    },
    host::{
        Context, Problem,
        bindings::runner::plugin::docker::{ImageFacts, Login, PruneSpec, Pruned},
    },
    log::Level,
    secrets::Secret,
};

/// A registry that says nothing for so long has stalled.
const STALLED: Duration = Duration::from_secs(120);

impl Context {
    pub(super) async fn image_facts(&mut self, reference: &str) -> Result<Option<ImageFacts>, Trouble> {
        let image: Reference = reference.parse().map_err(Trouble::invalid)?;
        let session = self.begin_image(Verb::ImageInspect, &image, DEFAULT_TIMEOUT).await?;
        let Some(found) = look(&session, &image).await? else { return Ok(None) };
        if image.is_id() && !self.has_granted_name(&found) {
            return Ok(None);
        }
        Ok(Some(self.shown(found)))
    }

    pub(super) async fn pull(
        &mut self,
        reference: &str,
        login: Option<Login>,
        timeout_ms: Option<u32>,
    ) -> Result<ImageFacts, Trouble> {
        let image = in_registry(reference)?;
        let engine = self.permit(&Wanted::image(Verb::ImagePull, &image))?;
        let deadline = Instant::now() + self.docker_time(timeout_ms);
        let (header, secret) = self.login(&image, login)?;
        let session = engine.session_with(deadline, header).await?;
        if let Some(found) = look(&session, &image).await? {
            return Ok(self.shown(found));
        }
        let asked = format!("get image `{image}`");
        let whole = image.to_string();
        let which =
            image.tag().or_else(|| whole.split_once('@').map(|(_, digest)| digest)).unwrap_or("latest");
        let options = CreateImageOptionsBuilder::new().from_image(image.name()).tag(which).build();
        let stream = session.docker.create_image(Some(options), None, None);
        let ledger = std::sync::Arc::clone(&self.ledger);
        let pulled = talk(&session, &asked, stream, |said| {
            // With an id it is the progress of one layer.
            if let (None, Some(status)) = (said.id, said.status) {
                ledger.write(Level::Info, &status);
            }
        });
        pulled.await.map_err(|trouble| trouble.map_text(|text| masked(text, &secret)))?;
        match look(&session, &image).await? {
            Some(found) => Ok(self.shown(found)),
            None => Err(Trouble::NotFound(format!("the registry has sent `{image}`, and it is not there"))),
        }
    }

    pub(super) async fn push(
        &mut self,
        reference: &str,
        login: Option<Login>,
        timeout_ms: Option<u32>,
    ) -> Result<String, Trouble> {
        let image = in_registry(reference)?;
        let Some(tag) = image.tag() else {
            return Err(Trouble::invalid(format!(
                "`{image}` names no tag, and a registry takes an image by one"
            )));
        };
        let engine = self.permit(&Wanted::image(Verb::ImagePush, &image))?;
        let deadline = Instant::now() + self.docker_time(timeout_ms);
        let (header, secret) = self.login(&image, login)?;
        let session = engine.session_with(deadline, header).await?;
        let asked = format!("send image `{image}`");
        let options = PushImageOptionsBuilder::new().tag(tag).build();
        let stream = session.docker.push_image(image.name(), Some(options), None);
        let ledger = std::sync::Arc::clone(&self.ledger);
        let mut digest = None;
        let pushed = talk(&session, &asked, stream, |said| {
            let Some(status) = said.status else { return };
            // `v1: digest: sha256:… size: 528`
            let words: Vec<&str> = status.split_whitespace().collect();
            if let Some(at) = words.iter().position(|word| *word == "digest:") {
                digest = words.get(at + 1).map(|word| (*word).to_owned());
                ledger.write(Level::Info, &status);
            }
        });
        pushed.await.map_err(|trouble| trouble.map_text(|text| masked(text, &secret)))?;
        let digest = digest.map(|digest| format!("{}@{digest}", image.name()));
        digest.filter(|name| name.parse::<Reference>().is_ok()).ok_or_else(|| {
            Trouble::Failed(format!(
                "the engine has sent `{image}` and did not say under which digest it is known now"
            ))
        })
    }

    pub(super) async fn tag(&mut self, reference: &str, tag: &str) -> Result<(), Trouble> {
        let image: Reference = reference.parse().map_err(Trouble::invalid)?;
        let name: Reference = tag.parse().map_err(Trouble::invalid)?;
        let Some(tag) = name.tag() else {
            return Err(Trouble::invalid(format!("`{name}` is not `name:tag`")));
        };
        self.grants.rules().docker.covers(&Wanted::image(Verb::ImageTag, &name))?;
        let session = self.begin_image(Verb::ImageTag, &image, DEFAULT_TIMEOUT).await?;
        self.allow(&Wanted { images: vec![name.clone()], ..Wanted::default() })?;
        if image.is_id() {
            self.permit_id(&session, Verb::ImageTag, &image).await?;
        }
        let options = TagImageOptionsBuilder::new().repo(name.name()).tag(tag).build();
        let asked = format!("give image `{image}` the name `{name}`");
        session.ask(&asked, session.docker.tag_image(&image.to_string(), Some(options))).await
    }

    pub(super) async fn untag(&mut self, reference: &str) -> Result<(), Trouble> {
        let image: Reference = reference.parse().map_err(Trouble::invalid)?;
        if image.is_id() {
            return Err(Trouble::invalid(format!("`{image}` is an id; name the image whose name is to go")));
        }
        let session = self.begin(&Wanted::image(Verb::ImageRemove, &image), DEFAULT_TIMEOUT).await?;
        // By its last name an image goes, and engines refuse that only for the container's own name of it.
        let Some(found) = look(&session, &image).await? else {
            return Err(Trouble::NotFound(format!("No such image: {image}")));
        };
        let id = found.id.unwrap_or_default();
        if found.repo_tags.as_ref().is_none_or(|tags| tags.len() < 2) && in_use(&session).await?.contains(&id)
        {
            return Err(Trouble::Conflict(format!("a container uses the image `{image}`")));
        }
        remove(&session, &image.to_string()).await
    }

    pub(super) async fn prune(&mut self, spec: PruneSpec) -> Result<Vec<Pruned>, Trouble> {
        let keep = spec.keep.iter().map(|text| text.parse::<Reference>().map_err(Trouble::invalid));
        let keep: Vec<String> =
            keep.map(|one| one.map(|one| one.to_string())).collect::<Result<_, Trouble>>()?;
        let pattern = if spec.dangling {
            if !spec.pattern.is_empty() {
                return Err(Trouble::invalid(
                    "with `dangling` only untagged images go, so a `pattern` says nothing",
                ));
            }
            None
        } else {
            Some(spec.pattern.parse::<ImagePattern>().map_err(Trouble::invalid)?)
        };
        let session = self.begin(&Wanted::verb(Verb::ImagePrune), DEFAULT_TIMEOUT).await?;
        let options = ListImagesOptionsBuilder::new().all(false).build();
        let listed = session.ask("list images", session.docker.list_images(Some(options))).await?;
        let used = in_use(&session).await?;
        let mut gone = Vec::new();
        for image in listed {
            let created = u64::try_from(image.created).unwrap_or(0).saturating_mul(1000);
            if created >= spec.before_ms || used.contains(&image.id) || is_kept(&image, &keep) {
                continue;
            }
            let tags = named(Some(image.repo_tags.clone()));
            if !self.may_prune(&image, &tags, pattern.as_ref()) {
                continue;
            }
            if take_away(&session, &image.id, &tags).await? {
                let size = u64::try_from(image.size).unwrap_or(0);
                gone.push(Pruned { id: image.id, tags, size });
            }
        }
        gone.sort_by(|a, b| (&a.tags, &a.id).cmp(&(&b.tags, &b.id)));
        Ok(gone)
    }

    /// Whether the step may remove an image with these tags. One without any is its business if a runner has built it, or if
    /// a registry knows it by a name that a rule covers.
    fn may_prune(&self, image: &ImageSummary, tags: &[String], pattern: Option<&ImagePattern>) -> bool {
        let rules = &self.grants.rules().docker.images;
        if tags.is_empty() {
            let known = named(Some(image.repo_digests.clone()));
            return image.labels.contains_key(RUN)
                || rules.iter().any(ImagePattern::is_any)
                || known
                    .iter()
                    .filter_map(|name| name.split('@').next())
                    .any(|name| rules.iter().any(|rule| rule.covers_name(name)));
        }
        pattern.is_some_and(|pattern| {
            tags.iter().all(|tag| {
                let tag = tag.parse::<Reference>();
                tag.is_ok_and(|tag| pattern.covers(&tag) && rules.iter().any(|rule| rule.covers(&tag)))
            })
        })
    }

    /// Begins a call on an image. For an id only the verb can be asked about; see [`Context::permit_id`].
    async fn begin_image(
        &mut self,
        verb: Verb,
        image: &Reference,
        most: Duration,
    ) -> Result<Session, Trouble> {
        let wanted = if image.is_id() { Wanted::verb(verb) } else { Wanted::image(verb, image) };
        self.begin(&wanted, most).await
    }

    fn has_granted_name(&self, found: &ImageInspect) -> bool {
        let id = found.id.iter();
        let mut names = found.repo_tags.iter().chain(&found.repo_digests).flatten().chain(id);
        let rules = &self.grants.rules().docker.images;
        names.any(|name| {
            name.parse::<Reference>().is_ok_and(|name| rules.iter().any(|rule| rule.covers(&name)))
        })
    }

    /// Facts, with those names only that some rule covers.
    fn shown(&self, found: ImageInspect) -> ImageFacts {
        let rules = &self.grants.rules().docker.images;
        let mut facts = facts::of_image(found);
        facts.tags.retain(|tag| {
            tag.parse::<Reference>().is_ok_and(|tag| rules.iter().any(|rule| rule.covers(&tag)))
        });
        facts.digests.retain(|digest| {
            digest
                .parse::<Reference>()
                .is_ok_and(|name| rules.iter().any(|rule| rule.covers_name(name.name())))
        });
        facts
    }

    /// The header with a login, and the secret in it.
    fn login(
        &self,
        image: &Reference,
        login: Option<Login>,
    ) -> Result<(Option<HeaderValue>, Vec<Secret>), Trouble> {
        let Some(login) = login else { return Ok((None, Vec::new())) };
        let gone = |_| Trouble::invalid("the secret's handle is not valid");
        let secret = self.table.get(&login.password).map_err(gone)?.clone();
        let password = std::str::from_utf8(secret.bytes())
            .map_err(|_| Trouble::invalid(format!("`{}` is not text", secret.name())))?;
        let registry = image.name().split_once('/').map(|(first, _)| first);
        let registry = registry.filter(|first| first.contains(['.', ':']) || *first == "localhost");
        let server = registry.unwrap_or("https://index.docker.io/v1/");
        let words = json!({ "username": login.user, "password": password, "serveraddress": server });
        let mut header = HeaderValue::from_str(&URL_SAFE.encode(words.to_string()))
            .map_err(|_| Trouble::invalid("the login cannot be sent"))?;
        header.set_sensitive(true);
        Ok((Some(header), vec![secret]))
    }
}

/// An image that a registry can be asked for.
fn in_registry(reference: &str) -> Result<Reference, Trouble> {
    let image: Reference = reference.parse().map_err(Trouble::invalid)?;
    if image.is_id() {
        return Err(Trouble::invalid(format!("`{image}` is an id; a registry is asked by name")));
    }
    Ok(image)
}

/// Listens to what the engine says until it has done.
async fn talk<T>(
    session: &Session,
    asked: &str,
    stream: impl Stream<Item = Result<T, bollard::errors::Error>>,
    mut each: impl FnMut(T) + Send,
) -> Result<(), Trouble> {
    let mut stream = std::pin::pin!(stream);
    loop {
        let deadline = session.deadline.min(Instant::now() + STALLED);
        match tokio::time::timeout_at(deadline, stream.next()).await {
            Ok(Some(said)) => each(said.map_err(|error| session.trouble(asked, error))?),
            Ok(None) => return Ok(()),
            Err(_) if deadline < session.deadline => {
                let seconds = STALLED.as_secs();
                let what = format!(
                    "asked to {asked}, the engine said nothing for {seconds} s; the registry has stalled"
                );
                return Err(Trouble::Host(Problem::Unavailable(what)));
            }
            Err(_) => return Err(Trouble::Host(Problem::TimedOut)),
        }
    }
}

async fn look(session: &Session, image: &Reference) -> Result<Option<ImageInspect>, Trouble> {
    let asked = format!("look at image `{image}`");
    match session.ask(&asked, session.docker.inspect_image(&image.to_string())).await {
        Ok(found) => Ok(Some(found)),
        Err(Trouble::NotFound(_)) => Ok(None),
        Err(trouble) => Err(trouble),
    }
}

/// The ids of the images of all containers, whether these run or not.
async fn in_use(session: &Session) -> Result<HashSet<String>, Trouble> {
    let options = ListContainersOptionsBuilder::new().all(true).build();
    let listed = session.ask("list containers", session.docker.list_containers(Some(options))).await?;
    Ok(listed.into_iter().filter_map(|container| container.image_id).collect())
}

async fn remove(session: &Session, name: &str) -> Result<(), Trouble> {
    let asked = format!("remove image `{name}`");
    let none = None::<RemoveImageOptions>;
    session.ask(&asked, session.docker.remove_image(name, none, None)).await.map(drop)
}

/// Takes all names from an image. False if the engine would not have it: somebody uses it since.
async fn take_away(session: &Session, id: &str, tags: &[String]) -> Result<bool, Trouble> {
    let names: Vec<&str> = if tags.is_empty() { vec![id] } else { tags.iter().map(String::as_str).collect() };
    for name in names {
        match remove(session, name).await {
            Ok(()) | Err(Trouble::NotFound(_)) => {}
            Err(Trouble::Conflict(_)) => return Ok(false),
            Err(trouble) => return Err(trouble),
        }
    }
    Ok(true)
}

fn is_kept(image: &ImageSummary, keep: &[String]) -> bool {
    let names = image.repo_tags.iter().chain(&image.repo_digests).chain([&image.id]);
    names.filter_map(|name| name.parse::<Reference>().ok()).any(|name| keep.contains(&name.to_string()))
}
