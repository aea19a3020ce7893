//! Proxy switches: decide which version of a service gets the traffic.

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{Failure, Host, Output, Request};

/// Moves traffic, and can take it back.
pub trait ProxySwitch {
    /// The step's `with`.
    type Config: DeserializeOwned + JsonSchema;

    /// Names of the outputs that [`ProxySwitch::switch`] may set. A pipeline that reads any other is refused.
    const OUTPUTS: &'static [&'static str] = &[];

    /// Reads where traffic goes now. Changes nothing.
    ///
    /// # Errors
    ///
    /// A [`Failure`] when the proxy does not say.
    fn observe(config: Self::Config, request: &Request, host: &Host) -> Result<Route, Failure>;

    /// Returns all that [`ProxySwitch::restore`] will need, at most 64 KiB. Changes nothing.
    /// The host has it on disk before it calls `switch`.
    ///
    /// # Errors
    ///
    /// A [`Failure`] when the present state cannot be told; then nothing is switched.
    fn capture(config: Self::Config, request: &Request, host: &Host) -> Result<String, Failure>;

    /// Moves the traffic as `config` says, and reads back that it has moved. A second call with the same
    /// arguments (a retry, or a resumed run) must end in the same state.
    ///
    /// # Errors
    ///
    /// A [`Failure`] when the traffic did not move, or may not have.
    fn switch(
        config: Self::Config,
        snapshot: &str,
        request: &Request,
        host: &Host,
    ) -> Result<Switched, Failure>;

    /// Brings back exactly the state in `snapshot`, whether or not `switch` did its work, any number of times.
    ///
    /// # Errors
    ///
    /// A [`Failure`] when somebody else has changed the route since: that is not overwritten.
    fn restore(
        config: Self::Config,
        snapshot: &str,
        request: &Request,
        host: &Host,
    ) -> Result<Route, Failure>;
}

/// One place traffic can go to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upstream {
    /// Address as the proxy knows it, e.g. `127.0.0.1:8001`.
    pub address: String,
    /// Share of the traffic; relative to the sum of all weights.
    pub weight: u32,
}

/// Where traffic goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// The places and their shares.
    pub upstreams: Vec<Upstream>,
    /// What the proxy calls this state (an ETag, a counter). Empty if the proxy has no such thing.
    pub revision: String,
}

/// What was done by a switch.
#[derive(Debug, Clone, PartialEq)]
pub struct Switched {
    /// Where traffic goes after the switch, as read back from the proxy.
    pub route: Route,
    /// One line that people see beside the step.
    pub summary: String,
    /// Values for later steps.
    pub outputs: Vec<Output>,
}

impl Switched {
    /// Says where the traffic goes now.
    pub fn new(route: Route, summary: impl Into<String>) -> Self {
        Self { route, summary: summary.into(), outputs: Vec::new() }
    }

    /// Adds a value for later steps.
    #[must_use]
    pub fn output(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.outputs.push(Output::new(name, value));
        self
    }
}

/// Makes a type that implements [`ProxySwitch`] the one this package exports, and writes `pub fn manifest()`.
#[macro_export]
macro_rules! export_proxy_switch {
    ($switch:ty) => {
        $crate::__export!($switch, ProxySwitch, proxy_switch, <$switch as $crate::ProxySwitch>::OUTPUTS);
    };
}
