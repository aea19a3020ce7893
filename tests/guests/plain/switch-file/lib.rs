//! A proxy switch whose proxy is a file: `{"revision": 1, "upstreams": [{"address": "blue:80", "weight": 1}]}`.
//!
//! Every change counts the revision up. `restore` does not overwrite what somebody else has changed since.

use runner_plugin::{Failure, Host, ProxySwitch, Request, Route, Switched, Upstream};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Which file, and where to.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The file.
    path: String,
    /// The address that is to get all traffic.
    to: String,
    /// Whether `switch` fails after it has switched.
    #[serde(default)]
    fail: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Proxy {
    revision: u64,
    upstreams: Vec<Place>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Place {
    address: String,
    weight: u32,
}

impl Proxy {
    fn read(path: &str, host: &Host) -> Result<Self, Failure> {
        Self::parse(&host.files().read_to_string(path)?)
    }

    fn parse(text: &str) -> Result<Self, Failure> {
        serde_json::from_str(text).map_err(|error| Failure::invalid_input(format!("not a proxy: {error}")))
    }

    fn text(&self) -> Result<String, Failure> {
        serde_json::to_string(self).map_err(|error| Failure::internal(error.to_string()))
    }

    /// Sends traffic to `upstreams`, if it does not go there already.
    fn moved_to(self, upstreams: Vec<Place>, path: &str, host: &Host) -> Result<Self, Failure> {
        if self.upstreams == upstreams {
            return Ok(self);
        }
        let moved = Self { revision: self.revision + 1, upstreams };
        host.files().write(path, moved.text()?)?;
        Ok(moved)
    }
}

impl From<Proxy> for Route {
    fn from(proxy: Proxy) -> Self {
        let upstreams =
            proxy.upstreams.into_iter().map(|Place { address, weight }| Upstream { address, weight });
        Self { upstreams: upstreams.collect(), revision: proxy.revision.to_string() }
    }
}

/// The proxy switch.
#[derive(Debug)]
pub struct SwitchFile;

impl ProxySwitch for SwitchFile {
    type Config = Config;
    const OUTPUTS: &'static [&'static str] = &["from"];

    fn observe(config: Config, _: &Request, host: &Host) -> Result<Route, Failure> {
        Proxy::read(&config.path, host).map(Into::into)
    }

    fn capture(config: Config, _: &Request, host: &Host) -> Result<String, Failure> {
        Proxy::read(&config.path, host)?.text()
    }

    fn switch(config: Config, snapshot: &str, _: &Request, host: &Host) -> Result<Switched, Failure> {
        let before = Proxy::parse(snapshot)?;
        let to = vec![Place { address: config.to.clone(), weight: 1 }];
        let moved = Proxy::read(&config.path, host)?.moved_to(to, &config.path, host)?;
        if config.fail {
            return Err(Failure::unavailable("switch fails, as its config says"));
        }
        let from = before.upstreams.first().map(|place| place.address.clone());
        Ok(Switched::new(moved.into(), format!("traffic goes to {}", config.to)).output("from", from))
    }

    fn restore(config: Config, snapshot: &str, _: &Request, host: &Host) -> Result<Route, Failure> {
        let before = Proxy::parse(snapshot)?;
        let now = Proxy::read(&config.path, host)?;
        let ours = [Place { address: config.to, weight: 1 }];
        if now.upstreams != before.upstreams && now.upstreams != ours {
            return Err(Failure::invalid_input("somebody else has changed the route since"));
        }
        now.moved_to(before.upstreams, &config.path, host).map(Into::into)
    }
}

runner_plugin::export_proxy_switch!(SwitchFile);
