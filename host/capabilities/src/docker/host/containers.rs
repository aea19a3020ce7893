//! Containers that are there: found, looked at, started, stopped, renamed, removed, waited for.

use std::{collections::HashMap, time::Duration};

use bollard::{
    errors::Error,
    models::{ContainerInspectResponse, ContainerStateStatusEnum},
    query_parameters::{
        ListContainersOptionsBuilder, RemoveContainerOptionsBuilder, RenameContainerOptionsBuilder,
        StopContainerOptionsBuilder, WaitContainerOptionsBuilder,
    },
};
use futures::StreamExt as _;

use super::{Container, DEFAULT_TIMEOUT};
use crate::{
    docker::{
        engine::{Session, Trouble},
        facts,
        grant::Wanted,
        spec::{RUN, STEP, named},
        verb::{Family, Verb},
    },
    host::{Context, Problem, bindings::runner::plugin::docker::ContainerFacts},
};

/// What the kernel leaves of a process that was killed.
const KILLED: i64 = 137;
/// For the engine to do what comes after a container's grace.
const AFTER_GRACE: Duration = Duration::from_secs(60);
/// A container's grace, if nobody has named one.
const GRACE: Duration = Duration::from_secs(10);

impl Context {
    pub(super) async fn find(&mut self, name: &str) -> Result<Option<Container>, Trouble> {
        named("container", name)?;
        let verb = self.grants.rules().docker.any_verb(Family::Container).unwrap_or(Verb::ContainerInspect);
        // An id names nothing by itself: what it leads to is judged.
        let is_id = (12..=64).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_hexdigit());
        let wanted = if is_id { Wanted::verb(verb) } else { Wanted::container(verb, name) };
        let session = self.begin(&wanted, DEFAULT_TIMEOUT).await?;
        let found = match look(&session, name).await {
            Ok(found) => found,
            Err(Trouble::NotFound(_)) => return Ok(None),
            Err(trouble) => return Err(trouble),
        };
        let real = facts::name_of(&found).to_owned();
        // An engine also takes the beginning of an id for a name.
        if !is_id && real != name {
            return Ok(None);
        }
        let wanted = Wanted::container(verb, &real);
        if self.is_hidden(&found) || self.grants.rules().docker.covers(&wanted).is_err() {
            return Ok(None);
        }
        if is_id {
            self.allow(&wanted)?;
        }
        Ok(Some(Container { id: id_of(&found)?, name: real }))
    }

    pub(super) async fn list(&mut self, own_only: bool) -> Result<Vec<ContainerFacts>, Trouble> {
        let session = self.begin(&Wanted::verb(Verb::ContainerInspect), DEFAULT_TIMEOUT).await?;
        let own = [format!("{RUN}={}", self.owner.run), format!("{STEP}={}", self.owner.step)];
        let filters: HashMap<String, Vec<String>> =
            if own_only { HashMap::from([("label".to_owned(), own.to_vec())]) } else { HashMap::new() };
        let options = ListContainersOptionsBuilder::new().all(true).filters(&filters).build();
        let listed = session.ask("list containers", session.docker.list_containers(Some(options))).await?;
        let mut shown = Vec::new();
        for summary in listed {
            // Other names are those that links have given it.
            let names = summary.names.unwrap_or_default();
            let own = names.iter().filter_map(|name| name.strip_prefix('/')).find(|name| !name.contains('/'));
            let (Some(name), Some(id)) = (own, summary.id) else { continue };
            let labels = summary.labels.unwrap_or_default();
            let wanted = Wanted::container(Verb::ContainerInspect, name);
            if self.is_anothers(Family::Container, name, &labels)
                || self.grants.rules().docker.covers(&wanted).is_err()
            {
                continue;
            }
            match look(&session, &id).await {
                Ok(found) if self.is_shown(&found) => {
                    self.allow(&wanted)?;
                    shown.push(self.facts(found));
                }
                // Renamed or gone since.
                Ok(_) | Err(Trouble::NotFound(_)) => {}
                Err(trouble) => return Err(trouble),
            }
        }
        shown.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(shown)
    }

    pub(super) async fn inspect_container(
        &mut self,
        container: &Container,
    ) -> Result<ContainerFacts, Trouble> {
        if container.is_pretended() {
            self.pretended_too(Verb::ContainerInspect, container)?;
            return Ok(self.pretended_container(container));
        }
        let session = self.begin_with(Verb::ContainerInspect, container, DEFAULT_TIMEOUT).await?;
        let found = look(&session, &container.id).await?;
        // Somebody may have given it another name meanwhile.
        if !self.is_shown(&found) {
            return Err(Trouble::NotFound(format!("No such container: {}", container.name)));
        }
        Ok(self.facts(found))
    }

    pub(super) async fn start_container(&mut self, container: &Container) -> Result<(), Trouble> {
        if self.rehearsed(Verb::ContainerStart, container, "start").await? {
            return Ok(());
        }
        let session = self.begin_with(Verb::ContainerStart, container, DEFAULT_TIMEOUT).await?;
        let asked = format!("start container `{}`", container.name);
        session.ask(&asked, session.docker.start_container(&container.id, None)).await
    }

    pub(super) async fn stop_container(
        &mut self,
        container: &Container,
        grace: Option<u32>,
    ) -> Result<bool, Trouble> {
        if self.rehearsed(Verb::ContainerStop, container, "stop").await? {
            return Ok(false);
        }
        let mut session = self.begin_with(Verb::ContainerStop, container, DEFAULT_TIMEOUT).await?;
        let before = look(&session, &container.id).await?;
        let state = before.state.unwrap_or_default();
        // One that is being started again does not run just now, and has to be kept from it.
        if state.running != Some(true) && state.restarting != Some(true) {
            return Ok(false);
        }
        let own = before.config.and_then(|config| config.stop_timeout);
        let own = own.map(|seconds| Duration::from_secs(u64::try_from(seconds).unwrap_or(u64::MAX / 2)));
        let waits = grace.map(|seconds| Duration::from_secs(seconds.into())).or(own).unwrap_or(GRACE);
        session.deadline = self.deadline.min(tokio::time::Instant::now() + waits.min(LONG) + AFTER_GRACE);
        let options = StopContainerOptionsBuilder::new();
        let options = match grace {
            Some(seconds) => options.t(i32::try_from(seconds).unwrap_or(i32::MAX)).build(),
            None => options.build(),
        };
        let asked = format!("stop container `{}`", container.name);
        session.ask(&asked, session.docker.stop_container(&container.id, Some(options))).await?;
        match look(&session, &container.id).await {
            Ok(after) => Ok(after.state.and_then(|state| state.exit_code) == Some(KILLED)),
            // It was made to be removed when it ends.
            Err(Trouble::NotFound(_)) => Ok(false),
            Err(trouble) => Err(trouble),
        }
    }

    pub(super) async fn rename_container(
        &mut self,
        container: &Container,
        name: &str,
    ) -> Result<(), Trouble> {
        named("container", name)?;
        let mut wanted = Wanted::container(Verb::ContainerRename, &container.name);
        wanted.containers.push(name.to_owned());
        if self.ledger.is_rehearsal() {
            let session = self.begin(&wanted, DEFAULT_TIMEOUT).await?;
            if !container.is_pretended() {
                self.still_ours(&session, container).await?;
            }
            self.ledger.instead(|| format!("rename container `{}` to `{name}`", container.name));
            return Ok(());
        }
        let session = self.begin(&wanted, DEFAULT_TIMEOUT).await?;
        self.still_ours(&session, container).await?;
        let asked = format!("rename container `{}`", container.name);
        let options = RenameContainerOptionsBuilder::new().name(name).build();
        session.ask(&asked, session.docker.rename_container(&container.id, options)).await
    }

    pub(super) async fn remove_container(
        &mut self,
        container: &Container,
        force: bool,
    ) -> Result<(), Trouble> {
        if self.rehearsed(Verb::ContainerRemove, container, "remove").await? {
            return Ok(());
        }
        let session = self.begin_with(Verb::ContainerRemove, container, DEFAULT_TIMEOUT).await?;
        let options = RemoveContainerOptionsBuilder::new().v(true).force(force).build();
        let asked = format!("remove container `{}`", container.name);
        session.ask(&asked, session.docker.remove_container(&container.id, Some(options))).await
    }

    pub(super) async fn wait_for(
        &mut self,
        container: &Container,
        timeout_ms: Option<u32>,
    ) -> Result<i64, Trouble> {
        if container.is_pretended() {
            return self.pretended_too(Verb::ContainerWait, container).map(|()| 0);
        }
        let session = self.begin_with(Verb::ContainerWait, container, self.docker_time(timeout_ms)).await?;
        was_started(&session, container).await?;
        end_of(&session, container).await
    }

    /// Counts, asks the grant for `verb` on `container`, and begins the call.
    pub(super) async fn begin_with(
        &mut self,
        verb: Verb,
        container: &Container,
        most: Duration,
    ) -> Result<Session, Trouble> {
        let session = self.begin(&Wanted::container(verb, &container.name), most).await?;
        self.still_ours(&session, container).await?;
        Ok(session)
    }

    /// A handle stays with its container, whose name may not: what has got a name that no rule covers is out of reach.
    pub(super) async fn still_ours(
        &mut self,
        session: &Session,
        container: &Container,
    ) -> Result<(), Trouble> {
        let found = look(session, &container.id).await?;
        if self.is_shown(&found) {
            Ok(())
        } else {
            Err(Trouble::NotFound(format!("No such container: {}", container.name)))
        }
    }

    /// Whether it is another run's.
    fn is_hidden(&self, found: &ContainerInspectResponse) -> bool {
        self.is_anothers(Family::Container, facts::name_of(found), &facts::labels_of(found))
    }

    /// Whether a rule names it and it is not another run's.
    fn is_shown(&self, found: &ContainerInspectResponse) -> bool {
        let wanted = Wanted { containers: vec![facts::name_of(found).to_owned()], ..Wanted::default() };
        !self.is_hidden(found) && self.grants.rules().docker.covers(&wanted).is_ok()
    }

    fn facts(&self, found: ContainerInspectResponse) -> ContainerFacts {
        let own = facts::labels_of(&found).get(RUN) == Some(&self.owner.run);
        facts::of_container(found, own)
    }

    /// Whether another run's container is behind `name`, for those that only name it.
    pub(super) async fn reachable(&mut self, session: &Session, name: &str) -> Result<(), Trouble> {
        let found = look(session, name).await?;
        if facts::name_of(&found) == name && self.is_shown(&found) {
            Ok(())
        } else {
            Err(Trouble::NotFound(format!("No such container: {name}")))
        }
    }
}

/// A year: more than any step has, and nothing that a clock cannot add.
const LONG: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// What the engine knows of a container.
pub(super) async fn look(session: &Session, id: &str) -> Result<ContainerInspectResponse, Trouble> {
    session.ask(&format!("look at container `{id}`"), session.docker.inspect_container(id, None)).await
}

/// The id, if it is one: it is going to stand in paths.
pub(super) fn id_of(found: &ContainerInspectResponse) -> Result<String, Trouble> {
    checked_id(found.id.clone().unwrap_or_default())
}

/// `id`, if it is the id of a container.
pub(super) fn checked_id(id: String) -> Result<String, Trouble> {
    if id.len() == 64 && id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        Ok(id)
    } else {
        let what = "the engine gave a container an id that is none".to_owned();
        Err(Trouble::Host(Problem::Unavailable(what)))
    }
}

/// What was never started does not run either, and engines say of it that it ended well.
pub(super) async fn was_started(session: &Session, container: &Container) -> Result<(), Trouble> {
    let state = look(session, &container.id).await?.state.and_then(|state| state.status);
    if state == Some(ContainerStateStatusEnum::CREATED) {
        return Err(Trouble::Conflict(format!(
            "container `{}` has not been started, so it cannot end",
            container.name
        )));
    }
    Ok(())
}

/// Waits until the container ends.
pub(super) async fn end_of(session: &Session, container: &Container) -> Result<i64, Trouble> {
    let asked = format!("wait for container `{}`", container.name);
    let options = WaitContainerOptionsBuilder::new().condition("not-running").build();
    let mut ending = Box::pin(session.docker.wait_container(&container.id, Some(options)));
    let ended = session.ask(&asked, async {
        match ending.next().await {
            Some(Ok(ended)) => Ok(Some(ended.status_code)),
            // `bollard` makes an error of every code but 0.
            Some(Err(Error::DockerContainerWaitError { code, error })) if error.is_empty() => Ok(Some(code)),
            Some(Err(error)) => Err(error),
            None => Ok(None),
        }
    });
    ended.await?.ok_or_else(|| session.broke_off(&asked, &std::io::Error::other("no answer came")))
}
