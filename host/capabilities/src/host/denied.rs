//! Capabilities that a component imports and the step is not granted: every call is `denied`, and there is no code behind
//! it that could do anything else.

use wasmtime::{
    Result,
    component::{HasData, Resource},
};

use super::{
    Context, Problem,
    bindings::runner::plugin::{files, http, reveal, secrets, tcp, types::HostError},
};
use crate::{
    Capability, Refusal,
    filesystem::Access,
    network::Connection,
    secrets::{Secret, refused},
};

/// Selects [`Denied`] when linking.
pub(super) struct Denying;

impl HasData for Denying {
    type Data<'a> = Denied<'a>;
}

/// Keeps the refusal and does nothing else.
pub(crate) struct Denied<'a>(pub(crate) &'a mut Context);

impl Denied<'_> {
    pub(crate) fn refuse<T>(&self, refusal: Refusal) -> Result<Result<T, HostError>> {
        let denied = self.0.charge().and_then(|()| Err(Problem::Denied(Box::new(refusal))));
        Ok(self.0.answer(denied))
    }

    fn file<T>(&self, access: Access, path: &str) -> Result<Result<T, HostError>> {
        let refusal = self.0.grants.rules().filesystem.covers(access, path).err();
        self.refuse(
            refusal.map_or_else(|| not_linked(Capability::Files, path.to_owned()), |refusal| *refusal),
        )
    }
}

/// Cannot happen while grants and linker agree; if they ever do not, the answer is still no.
pub(crate) fn not_linked(capability: Capability, request: String) -> Refusal {
    Refusal { capability, request, message: "this step is not granted it".to_owned(), grant: None }
}

impl http::Host for Denied<'_> {
    async fn send(&mut self, request: http::Request) -> Result<Result<http::Response, HostError>> {
        let asked = format!("{} {}", request.method, request.url);
        let refusal = url::Url::parse(&request.url)
            .ok()
            .and_then(|url| self.0.grants.rules().network.covers_http(&request.method, &url).err());
        self.refuse(refusal.map_or_else(|| not_linked(Capability::Http, asked), |refusal| *refusal))
    }
}

impl tcp::Host for Denied<'_> {
    async fn connect(
        &mut self,
        host: String,
        port: u16,
        _timeout_ms: Option<u32>,
    ) -> Result<Result<Resource<Connection>, HostError>> {
        let refusal = self.0.grants.rules().network.covers_tcp(&host, port).err();
        self.refuse(refusal.map_or_else(|| not_linked(Capability::Tcp, host), |refusal| *refusal))
    }
}

/// No connection is ever handed out here, so none of these is ever called with a valid one.
impl tcp::HostConnection for Denied<'_> {
    async fn write(
        &mut self,
        _connection: Resource<Connection>,
        _data: Vec<u8>,
    ) -> Result<Result<(), HostError>> {
        Ok(Err(HostError::Denied))
    }

    async fn read(
        &mut self,
        _connection: Resource<Connection>,
        _max: u32,
    ) -> Result<Result<Vec<u8>, HostError>> {
        Ok(Err(HostError::Denied))
    }

    async fn start_tls(
        &mut self,
        _connection: Resource<Connection>,
        _server_name: String,
        _verify: bool,
    ) -> Result<Result<tcp::TlsFacts, HostError>> {
        Ok(Err(HostError::Denied))
    }

    async fn drop(&mut self, _connection: Resource<Connection>) -> Result<()> {
        Ok(())
    }
}

impl files::Host for Denied<'_> {
    async fn read(&mut self, path: String, _max_bytes: Option<u64>) -> Result<Result<Vec<u8>, HostError>> {
        self.file(Access::Read, &path)
    }

    async fn write(&mut self, path: String, _data: Vec<u8>) -> Result<Result<(), HostError>> {
        self.file(Access::Write, &path)
    }

    async fn remove(&mut self, path: String) -> Result<Result<bool, HostError>> {
        self.file(Access::Write, &path)
    }

    async fn list_dir(&mut self, path: String) -> Result<Result<Vec<files::DirEntry>, HostError>> {
        self.file(Access::Read, &path)
    }

    async fn stat(&mut self, path: String) -> Result<Result<Option<files::Metadata>, HostError>> {
        self.file(Access::Read, &path)
    }
}

impl secrets::Host for Denied<'_> {
    fn get(&mut self, name: String) -> Result<Result<Resource<Secret>, HostError>> {
        self.refuse(refused(Capability::Secrets, &name))
    }
}

/// No secret is ever handed out here, so these are never called with a valid one.
impl secrets::HostSecret for Denied<'_> {
    fn hmac_sha256(&mut self, _secret: Resource<Secret>, _data: Vec<u8>) -> Result<Vec<u8>> {
        Ok(Vec::new())
    }

    fn drop(&mut self, _secret: Resource<Secret>) -> Result<()> {
        Ok(())
    }
}

impl reveal::Host for Denied<'_> {
    fn reveal(&mut self, secret: Resource<Secret>) -> Result<Result<String, HostError>> {
        let secret = self.0.table.get(&secret)?.clone();
        self.refuse(refused(Capability::Reveal, secret.name()))
    }
}
