//! `runner:plugin/docker` for a step that is not granted it: every call is `denied`, and there is no engine behind it.

use wasmtime::{Result, component::Resource};

use super::{
    Container,
    grant::{Wanted, refusal},
    verb::Verb,
};
use crate::host::{
    Problem,
    bindings::runner::plugin::{
        docker::{
            self, BuildResult, BuildSpec, ContainerFacts, ContainerSpec, DockerError, EngineFacts,
            ExecResult, ExecSpec, ImageFacts, LogRange, Login, Output, PruneSpec, Pruned, Usage,
        },
        types::HostError,
    },
    denied::Denied,
};

type Answer<T> = Result<std::result::Result<T, DockerError>>;

impl Denied<'_> {
    fn no_docker<T>(&self, wanted: &Wanted) -> Answer<T> {
        let refusal = self.0.grants.rules().docker.covers(wanted).err().unwrap_or_else(|| {
            // Cannot happen while grants and linker agree; if they ever do not, the answer is still no.
            Box::new(refusal(wanted, "this step is not granted it".to_owned()))
        });
        let denied = self.0.charge().and_then(|()| Err(Problem::Denied(refusal)));
        Ok(self.0.answer(denied).map_err(DockerError::Host))
    }

    fn no_container<T>(&self, verb: Verb, name: &str) -> Answer<T> {
        self.no_docker(&Wanted { containers: vec![name.to_owned()], ..Wanted::verb(verb) })
    }

    fn no_image<T>(&self, verb: Verb, names: &[String]) -> Answer<T> {
        // What is no name of an image is refused without it.
        let images = names.iter().filter_map(|name| name.parse().ok()).collect();
        self.no_docker(&Wanted { images, ..Wanted::verb(verb) })
    }

    fn no_network<T>(&self, verb: Verb, name: &str) -> Answer<T> {
        self.no_docker(&Wanted { networks: vec![name.to_owned()], ..Wanted::verb(verb) })
    }
}

impl docker::Host for Denied<'_> {
    async fn engine(&mut self) -> Answer<EngineFacts> {
        self.no_docker(&Wanted::verb(Verb::ContainerInspect))
    }

    async fn create_container(&mut self, spec: ContainerSpec) -> Answer<Resource<Container>> {
        let images = spec.image.parse().into_iter().collect();
        let containers = vec![spec.name];
        self.no_docker(&Wanted { containers, images, ..Wanted::verb(Verb::ContainerCreate) })
    }

    async fn find_container(&mut self, name: String) -> Answer<Option<Resource<Container>>> {
        self.no_container(Verb::ContainerInspect, &name)
    }

    async fn list_containers(&mut self, _own_only: bool) -> Answer<Vec<ContainerFacts>> {
        self.no_docker(&Wanted::verb(Verb::ContainerInspect))
    }

    async fn build_image(&mut self, spec: BuildSpec) -> Answer<BuildResult> {
        self.no_image(Verb::ImageBuild, &spec.tags)
    }

    async fn pull_image(
        &mut self,
        reference: String,
        _login: Option<Login>,
        _timeout_ms: Option<u32>,
    ) -> Answer<ImageFacts> {
        self.no_image(Verb::ImagePull, &[reference])
    }

    async fn push_image(
        &mut self,
        reference: String,
        _login: Option<Login>,
        _timeout_ms: Option<u32>,
    ) -> Answer<String> {
        self.no_image(Verb::ImagePush, &[reference])
    }

    async fn inspect_image(&mut self, reference: String) -> Answer<Option<ImageFacts>> {
        self.no_image(Verb::ImageInspect, &[reference])
    }

    async fn tag_image(&mut self, reference: String, tag: String) -> Answer<()> {
        self.no_image(Verb::ImageTag, &[reference, tag])
    }

    async fn remove_image(&mut self, reference: String) -> Answer<()> {
        self.no_image(Verb::ImageRemove, &[reference])
    }

    async fn prune_images(&mut self, _spec: PruneSpec) -> Answer<Vec<Pruned>> {
        self.no_docker(&Wanted::verb(Verb::ImagePrune))
    }

    async fn create_network(&mut self, name: String, _internal: bool) -> Answer<()> {
        self.no_network(Verb::NetworkCreate, &name)
    }

    async fn remove_network(&mut self, name: String) -> Answer<bool> {
        self.no_network(Verb::NetworkRemove, &name)
    }

    async fn own_networks(&mut self) -> Answer<Vec<String>> {
        self.no_docker(&Wanted::verb(Verb::NetworkCreate))
    }
}

/// No container is ever handed out here, so none of these is ever called with a valid one.
impl docker::HostContainer for Denied<'_> {
    async fn id(&mut self, _container: Resource<Container>) -> Result<String> {
        Ok(String::new())
    }

    async fn inspect(&mut self, _container: Resource<Container>) -> Answer<ContainerFacts> {
        never()
    }

    async fn start(&mut self, _container: Resource<Container>) -> Answer<()> {
        never()
    }

    async fn stop(&mut self, _container: Resource<Container>, _grace: Option<u32>) -> Answer<bool> {
        never()
    }

    async fn rename(&mut self, _container: Resource<Container>, _name: String) -> Answer<()> {
        never()
    }

    async fn remove(&mut self, _container: Resource<Container>, _force: bool) -> Answer<()> {
        never()
    }

    async fn wait(&mut self, _container: Resource<Container>, _timeout_ms: Option<u32>) -> Answer<i64> {
        never()
    }

    async fn logs(&mut self, _container: Resource<Container>, _range: LogRange) -> Answer<Output> {
        never()
    }

    async fn follow(&mut self, _container: Resource<Container>, _timeout_ms: Option<u32>) -> Answer<i64> {
        never()
    }

    async fn stats(&mut self, _container: Resource<Container>) -> Answer<Usage> {
        never()
    }

    async fn exec(&mut self, _container: Resource<Container>, _spec: ExecSpec) -> Answer<ExecResult> {
        never()
    }

    async fn copy_out(
        &mut self,
        _container: Resource<Container>,
        _path: String,
        _to: String,
        _max_bytes: Option<u64>,
    ) -> Answer<Vec<String>> {
        never()
    }

    async fn drop(&mut self, _container: Resource<Container>) -> Result<()> {
        Ok(())
    }
}

fn never<T>() -> Answer<T> {
    Ok(Err(DockerError::Host(HostError::Denied)))
}
