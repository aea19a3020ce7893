//! The host's own connections under libgit2's protocol.
//!
//! libgit2 knows one address for all of them, `runner://remote`. Where it leads is said beside it, for one thread and as
//! long as one exchange takes: so nothing that stands in a repository can make libgit2 connect anywhere, and without a judged
//! destination there is no connection at all.

use std::{cell::RefCell, sync::Arc};

use git2::{
    Error, Remote,
    transport::{Service, SmartSubtransport, SmartSubtransportStream, Transport},
};

use super::{ssh::Ssh, web::Web};

/// What libgit2 is told instead of an address.
pub(super) const SCHEME: &str = "runner";
/// The same as the URL of a remote.
pub(super) const URL: &str = "runner://remote";

thread_local! {
    static DESTINATION: RefCell<Option<Destination>> = const { RefCell::new(None) };
}

/// A judged destination.
#[derive(Clone)]
pub(super) enum Destination {
    Ssh(Arc<Ssh>),
    Web(Arc<Web>),
}

/// Says where [`URL`] leads on this thread, until it is dropped.
pub(super) struct Leading;

impl Leading {
    pub(super) fn to(destination: Destination) -> Self {
        DESTINATION.with(|place| *place.borrow_mut() = Some(destination));
        Self
    }
}

impl Drop for Leading {
    fn drop(&mut self) {
        DESTINATION.with(|place| place.borrow_mut().take());
    }
}

/// Makes the connection of this thread's exchange.
pub(super) fn transport(remote: &Remote<'_>) -> Result<Transport, Error> {
    let destination = DESTINATION.with(|place| place.borrow().clone());
    let Some(destination) = destination else {
        return Err(Error::from_str("no destination was judged for this exchange"));
    };
    let stateless = match &destination {
        Destination::Ssh(_) => false,
        Destination::Web(_) => true,
    };
    Transport::smart(remote, stateless, destination)
}

impl SmartSubtransport for Destination {
    fn action(&self, _url: &str, service: Service) -> Result<Box<dyn SmartSubtransportStream>, Error> {
        match self {
            Self::Ssh(ssh) => ssh.open(service),
            Self::Web(web) => Ok(web.open(service)),
        }
    }

    fn close(&self) -> Result<(), Error> {
        Ok(())
    }
}
