//! `runner:plugin/secrets` and `runner:plugin/reveal`.

use std::{
    collections::BTreeMap,
    sync::{Arc, OnceLock},
};

use hmac::{Hmac, Mac as _};
use sha2::Sha256;
use wasmtime::{Result, component::Resource};

use crate::{
    Capability, Refusal, Rule, RuleKind,
    host::{
        Context, Problem,
        bindings::runner::plugin::{reveal, secrets, types::HostError},
    },
    secrets::Redactor,
};

/// A secret in the hand of a guest: a name, and bytes that only the host looks at.
#[derive(Clone)]
pub struct Secret {
    name: Arc<str>,
    kept: Arc<Kept>,
}

/// The bytes of the secrets that one step may use.
#[derive(Clone, Default)]
pub struct SecretBytes(BTreeMap<Arc<str>, Arc<Kept>>);

/// The bytes of a secret, and what finds them again in what a server sends back: made once for all calls.
struct Kept {
    bytes: Box<[u8]>,
    mask: OnceLock<Redactor>,
}

impl SecretBytes {
    /// Adds a secret.
    pub fn insert(&mut self, name: &str, bytes: &[u8]) {
        let kept = Kept { bytes: bytes.into(), mask: OnceLock::new() };
        self.0.insert(name.into(), Arc::new(kept));
    }
}

impl Secret {
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.kept.bytes
    }

    /// Finds this secret.
    pub(crate) fn mask(&self) -> &Redactor {
        self.kept.mask.get_or_init(|| Redactor::new([self.bytes()]))
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Secret({})", self.name)
    }
}

impl std::fmt::Debug for SecretBytes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl secrets::Host for Context {
    fn get(&mut self, name: String) -> Result<Result<Resource<Secret>, HostError>> {
        let found = self.find_secret(&name);
        Ok(match self.answer(found) {
            Ok(secret) => Ok(self.table.push(secret)?),
            Err(error) => Err(error),
        })
    }
}

impl Context {
    fn find_secret(&self, name: &str) -> Result<Secret, Problem> {
        self.charge()?;
        if !self.grants.rules().secrets.covers(name) {
            return Err(Problem::Denied(Box::new(refused(Capability::Secrets, name))));
        }
        let (name, kept) = self.secrets.0.get_key_value(name).ok_or_else(|| {
            Problem::Unavailable(format!("`{name}` is granted, but it is not among the step's `secrets`"))
        })?;
        drop(self.booking().used(Rule::new(RuleKind::Secret, &**name)));
        Ok(Secret { name: Arc::clone(name), kept: Arc::clone(kept) })
    }
}

/// The refusal of a secret, or of its bytes.
pub(crate) fn refused(capability: Capability, name: &str) -> Refusal {
    let (request, grant) = match capability {
        Capability::Reveal => {
            (format!("see the bytes of `{name}`"), format!("secrets: [{{ name: {name}, reveal: true }}]"))
        }
        Capability::Log
        | Capability::Clock
        | Capability::Http
        | Capability::Tcp
        | Capability::Files
        | Capability::Env
        | Capability::Docker
        | Capability::Git
        | Capability::Command
        | Capability::Secrets => (format!("use the secret `{name}`"), format!("secrets: [{name}]")),
    };
    let message = "its `secrets` grant does not name this".to_owned();
    Refusal { capability, request, message, grant: Some(grant) }
}

impl secrets::HostSecret for Context {
    fn hmac_sha256(&mut self, secret: Resource<Secret>, data: Vec<u8>) -> Result<Vec<u8>> {
        self.ledger.call()?;
        let secret = self.table.get(&secret)?;
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.bytes())?;
        mac.update(&data);
        Ok(mac.finalize().into_bytes().to_vec())
    }

    fn drop(&mut self, secret: Resource<Secret>) -> Result<()> {
        drop(self.table.delete(secret)?);
        Ok(())
    }
}

impl reveal::Host for Context {
    fn reveal(&mut self, secret: Resource<Secret>) -> Result<Result<String, HostError>> {
        let secret = self.table.get(&secret)?.clone();
        let revealed = self.reveal_secret(&secret);
        Ok(self.answer(revealed))
    }
}

impl Context {
    fn reveal_secret(&self, secret: &Secret) -> Result<String, Problem> {
        self.charge()?;
        if !self.grants.rules().secrets.reveals(&secret.name) {
            return Err(Problem::Denied(Box::new(refused(Capability::Reveal, &secret.name))));
        }
        drop(self.booking().used(Rule::new(RuleKind::Reveal, &*secret.name)));
        String::from_utf8(secret.bytes().to_vec())
            .map_err(|_| Problem::Invalid(format!("`{}` is not text", secret.name)))
    }
}
