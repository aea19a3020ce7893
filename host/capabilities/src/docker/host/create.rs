//! Containers that are made.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
};

use bollard::query_parameters::CreateContainerOptionsBuilder;

use super::{Container, DEFAULT_TIMEOUT, containers::checked_id};
use crate::{
    Refusal,
    docker::{
        Privilege, Reference,
        engine::{Engine, Session, Trouble},
        grant::{Wanted, refusal},
        mount::{MountPath, Reach},
        spec::{Asking, Env, Judged, asking, create_body, inside, labels, named},
        verb::{Family, Verb},
    },
    filesystem::Access,
    host::{
        Context, Problem,
        bindings::runner::plugin::docker::{ContainerSpec, Mount},
    },
    secrets::Secret,
};

/// Longest file of variables.
const MAX_ENV_FILE: u64 = 1 << 20;

impl Context {
    pub(super) async fn create(&mut self, spec: ContainerSpec) -> Result<Container, Trouble> {
        named("container", &spec.name)?;
        let image: Reference = spec.image.parse().map_err(Trouble::invalid)?;
        let mut asking = asking(&spec)?;
        let paths = paths(&spec.mounts)?;
        let labels = labels(&spec.labels, self.own_labels())?;
        let mut wanted = self.wanted(&spec, &image, &mut asking, &paths)?;
        // An id names nothing by itself: the names of what it leads to are judged.
        let by_id = image.is_id() && self.grants.rules().docker.covers(&wanted).is_err();
        if by_id {
            wanted.images.clear();
        }
        let engine = self.permit(&wanted)?;
        let mounts = self.judged(&engine, &wanted, &spec.mounts, &paths).await?;
        let (env, used) = self.variables(&spec).await?;
        let body = create_body(&spec, &image.to_string(), &asking, &mounts, env, labels)?;
        let session =
            engine.session(self.deadline.min(tokio::time::Instant::now() + DEFAULT_TIMEOUT)).await?;
        if by_id {
            self.permit_id(&session, Verb::ContainerCreate, &image).await?;
        }
        if let Some(network) = &spec.network {
            self.network_of_ours(&session, network).await?;
        }
        for name in &asking.volumes_from {
            self.reachable(&session, name).await?;
        }
        let options = CreateContainerOptionsBuilder::new().name(&spec.name).build();
        let asked = format!("create container `{}`", spec.name);
        let created = session.ask(&asked, session.docker.create_container(Some(options), body)).await;
        // An engine that is not content may say with what.
        let created = created.map_err(|trouble| trouble.map_text(|text| masked(text, &used)))?;
        Ok(Container { id: checked_id(created.id)?, name: spec.name })
    }

    /// All that the grant is asked about.
    fn wanted(
        &self,
        spec: &ContainerSpec,
        image: &Reference,
        asking: &mut Asking,
        paths: &[(MountPath, bool)],
    ) -> Result<Wanted, Trouble> {
        let socket = self.docker.as_ref().and_then(|engine| engine.socket());
        let mut wanted = Wanted::container(Verb::ContainerCreate, &spec.name);
        wanted.containers.extend(asking.volumes_from.iter().cloned());
        wanted.images.push(image.clone());
        wanted.ports = asking.ports.iter().map(|(_, outside)| *outside).collect();
        wanted.mounts = paths.to_vec();
        if let Some(network) = &spec.network {
            named("network", network)?;
            if matches!(network.as_str(), "host" | "default") {
                return Err(Trouble::invalid(format!(
                    "`{network}` is not a network to join; the host's own is the privilege `host-network`"
                )));
            }
            wanted.networks.push(network.clone());
        }
        for (path, _) in paths {
            match path.reach(socket) {
                Reach::Ordinary => {}
                Reach::Socket => asking.privileges.push(Privilege::DockerSocket),
                Reach::Never => return Err(never(&wanted, path)),
            }
        }
        wanted.privileges.clone_from(&asking.privileges);
        Ok(wanted)
    }

    /// Where the sources really are, and whether that is granted too.
    async fn judged(
        &mut self,
        engine: &Engine,
        wanted: &Wanted,
        mounts: &[Mount],
        paths: &[(MountPath, bool)],
    ) -> Result<Vec<Judged>, Trouble> {
        let mut judged = Vec::new();
        for (mount, (path, writable)) in mounts.iter().zip(paths) {
            let source = if path.reach(engine.socket()) == Reach::Socket {
                path.to_string()
            } else if engine.is_local() {
                self.real_source(engine, wanted, path, *writable).await?
            } else {
                remote_source(engine, path)?
            };
            judged.push(Judged { source, target: mount.target.clone(), writable: *writable });
        }
        Ok(judged)
    }

    /// The source without links. A link that leads out of every granted root leads nowhere.
    async fn real_source(
        &mut self,
        engine: &Engine,
        wanted: &Wanted,
        path: &MountPath,
        writable: bool,
    ) -> Result<String, Trouble> {
        let base = real(&engine.places().directory).await?;
        let source = real(&base.join(path.to_string())).await?;
        let at: MountPath = text(&source)?.parse().map_err(Trouble::invalid)?;
        let roots = self.grants.rules().docker.mount_roots(path, writable);
        let mut within = false;
        for root in roots {
            let whole = base.join(root.path().to_string());
            let whole: MountPath = text(&whole)?.parse().map_err(Trouble::invalid)?;
            within |= at.is_within(&whole);
        }
        if !within {
            let why = format!("`{path}` leads to `{at}`, which is outside of the granted directory");
            return Err(Box::new(Refusal { grant: None, ..refusal(wanted, why) }).into());
        }
        if at.reach(engine.socket()) != Reach::Ordinary {
            return Err(never(wanted, &at));
        }
        if let Some(state) = &engine.places().state {
            // A state directory that does not exist yet is where it is going to be.
            let state = real(state).await.unwrap_or_else(|_| state.clone());
            if source.starts_with(&state) || state.starts_with(&source) {
                return Err(never(wanted, &at));
            }
        }
        Ok(at.to_string())
    }

    /// All variables, and the secrets among them.
    async fn variables(&mut self, spec: &ContainerSpec) -> Result<(Env, Vec<Secret>), Trouble> {
        let mut env = Env::default();
        for path in &spec.env_files {
            let bytes = self.granted_file(path, MAX_ENV_FILE).await?;
            let text = String::from_utf8(bytes).map_err(|_| {
                Trouble::invalid(format!("`{path}` is not text, so it is no file of variables"))
            })?;
            env.file(path, &text)?;
        }
        for pair in &spec.env {
            env.set(&pair.name, pair.value.clone())?;
        }
        let mut used = Vec::new();
        for pair in &spec.secret_env {
            let gone = |_| Trouble::invalid("the secret's handle is not valid");
            let secret = self.table.get(&pair.value).map_err(gone)?.clone();
            let value = String::from_utf8(secret.bytes().to_vec())
                .map_err(|_| Trouble::invalid(format!("`{}` is not text", secret.name())))?;
            env.set(&pair.name, value)?;
            used.push(secret);
        }
        Ok((env, used))
    }

    /// A file below the pipeline's directory, read by the step's `filesystem` grant.
    pub(super) async fn granted_file(&mut self, path: &str, most: u64) -> Result<Vec<u8>, Trouble> {
        let booking = self.book(Access::Read, path);
        let asked = path.to_owned();
        let read = self.on_tree(move |tree, grant| tree.read(grant, &asked, most)).await;
        self.count(booking, &read, |meter, bytes| meter.received(bytes.len()));
        Ok(read?)
    }

    /// Whether some name of the image that `id` leads to is granted.
    pub(super) async fn permit_id(
        &mut self,
        session: &Session,
        verb: Verb,
        id: &Reference,
    ) -> Result<(), Trouble> {
        let found = session
            .ask(&format!("look at image `{id}`"), session.docker.inspect_image(&id.to_string()))
            .await?;
        let names = found.repo_tags.into_iter().chain(found.repo_digests).flatten();
        let mut names = names.filter_map(|name| name.parse::<Reference>().ok());
        match names.find_map(|name| self.grants.rules().docker.covers(&Wanted::image(verb, &name)).ok()) {
            Some(rules) => {
                for rule in rules {
                    drop(self.booking().used(rule));
                }
                Ok(())
            }
            None => {
                let why = format!("`{id}` has no name that its `docker.images` covers");
                Err(Box::new(refusal(&Wanted::image(verb, id), why)).into())
            }
        }
    }

    /// Whether the network is there for this step.
    pub(super) async fn network_of_ours(&mut self, session: &Session, name: &str) -> Result<(), Trouble> {
        let asked = format!("look at network `{name}`");
        let found = session.ask(&asked, session.docker.inspect_network(name, None)).await?;
        let labels: HashMap<String, String> = found.labels.unwrap_or_default();
        // An engine also takes the beginning of an id for a name.
        if found.name.as_deref() == Some(name) && !self.is_anothers(Family::Network, name, &labels) {
            Ok(())
        } else {
            Err(Trouble::NotFound(format!("network {name} not found")))
        }
    }
}

fn paths(mounts: &[Mount]) -> Result<Vec<(MountPath, bool)>, Trouble> {
    let path = |mount: &Mount| {
        inside(&mount.target)?;
        Ok((mount.source.parse().map_err(Trouble::invalid)?, mount.writable))
    };
    mounts.iter().map(path).collect()
}

fn never(wanted: &Wanted, path: &MountPath) -> Trouble {
    let why = format!("`{path}` cannot be mounted by any grant: it is, or holds, what no container may have");
    Box::new(Refusal { grant: None, ..refusal(wanted, why) }).into()
}

fn remote_source(engine: &Engine, path: &MountPath) -> Result<String, Trouble> {
    if path.is_absolute() {
        return Ok(path.to_string());
    }
    match &engine.places().workdir {
        Some(workdir) => Ok(format!("{}/{path}", workdir.trim_end_matches('/'))),
        None => Err(Trouble::invalid(format!(
            "`{path}` is relative, and {} is another machine; give the target a `workdir`, or write an absolute path",
            engine.host()
        ))),
    }
}

async fn real(path: &Path) -> Result<PathBuf, Trouble> {
    let shown = path.display().to_string();
    let path = path.to_owned();
    let found = tokio::task::spawn_blocking(move || std::fs::canonicalize(path)).await;
    let found = found
        .map_err(|_| Trouble::Host(Problem::Unavailable("the file system worker stopped".to_owned())))?;
    found.map_err(|error| Trouble::invalid(format!("`{shown}` cannot be mounted: {error}")))
}

fn text(path: &Path) -> Result<&str, Trouble> {
    path.to_str().ok_or_else(|| Trouble::invalid(format!("`{}` is not text", path.display())))
}

pub(super) fn masked(text: String, used: &[Secret]) -> String {
    let bytes = used.iter().fold(text.into_bytes(), |bytes, secret| secret.mask().redact_bytes(bytes));
    String::from_utf8_lossy(&bytes).into_owned()
}
