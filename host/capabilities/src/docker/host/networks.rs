//! Networks.

use std::collections::HashMap;

use bollard::{
    models::{NetworkCreateRequest, NetworkInspect},
    query_parameters::ListNetworksOptionsBuilder,
};

use super::DEFAULT_TIMEOUT;
use crate::{
    docker::{
        engine::{Session, Trouble},
        grant::Wanted,
        spec::{RUN, STEP, labels, named},
        verb::{Family, Verb},
    },
    host::Context,
};

impl Context {
    pub(super) async fn make_network(&mut self, name: &str, internal: bool) -> Result<(), Trouble> {
        named("network", name)?;
        let session = self.begin(&Wanted::network(Verb::NetworkCreate, name), DEFAULT_TIMEOUT).await?;
        // Older engines make a second one of the same name without a word.
        if look(&session, name).await?.is_some() {
            return Err(Trouble::Conflict(format!("network with name {name} already exists")));
        }
        if self.ledger.instead(|| format!("create network `{name}`")) {
            return Ok(());
        }
        let request = NetworkCreateRequest {
            name: name.to_owned(),
            driver: Some("bridge".to_owned()),
            internal: Some(internal),
            labels: Some(labels(&[], self.own_labels())?),
            ..NetworkCreateRequest::default()
        };
        let asked = format!("create network `{name}`");
        session.ask(&asked, session.docker.create_network(request)).await.map(drop)
    }

    pub(super) async fn drop_network(&mut self, name: &str) -> Result<bool, Trouble> {
        named("network", name)?;
        let session = self.begin(&Wanted::network(Verb::NetworkRemove, name), DEFAULT_TIMEOUT).await?;
        let Some(found) = look(&session, name).await? else { return Ok(false) };
        let labels = found.labels.unwrap_or_default();
        let Some(id) = found.id.filter(|_| !self.is_anothers(Family::Network, name, &labels)) else {
            return Ok(false);
        };
        if self.ledger.instead(|| format!("remove network `{name}`")) {
            return Ok(true);
        }
        match session.ask(&format!("remove network `{name}`"), session.docker.remove_network(&id)).await {
            Ok(()) => Ok(true),
            Err(Trouble::NotFound(_)) => Ok(false),
            Err(trouble) => Err(trouble),
        }
    }

    pub(super) async fn networks_of_step(&mut self) -> Result<Vec<String>, Trouble> {
        let session = self.begin(&Wanted::verb(Verb::NetworkCreate), DEFAULT_TIMEOUT).await?;
        let own = [format!("{RUN}={}", self.owner.run), format!("{STEP}={}", self.owner.step)];
        let filters = HashMap::from([("label", own.to_vec())]);
        let options = ListNetworksOptionsBuilder::new().filters(&filters).build();
        let listed = session.ask("list networks", session.docker.list_networks(Some(options))).await?;
        let grant = &self.grants.rules().docker;
        let mut names: Vec<String> = listed
            .into_iter()
            .filter_map(|network| network.name)
            .filter(|name| grant.covers(&Wanted::network(Verb::NetworkCreate, name)).is_ok())
            .collect();
        names.sort();
        Ok(names)
    }
}

async fn look(session: &Session, name: &str) -> Result<Option<NetworkInspect>, Trouble> {
    let asked = format!("look at network `{name}`");
    match session.ask(&asked, session.docker.inspect_network(name, None)).await {
        // An engine also takes the beginning of an id for a name.
        Ok(found) => Ok(Some(found).filter(|found| found.name.as_deref() == Some(name))),
        Err(Trouble::NotFound(_)) => Ok(None),
        Err(trouble) => Err(trouble),
    }
}
