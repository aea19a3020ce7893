//! Proxy switch: moves traffic through Caddy's admin API, and takes it back.
//!
//! The step names one object of Caddy's config by its `@id`: a `reverse_proxy` handler, or one upstream of
//! it. Three states of it matter: as *captured*, as *wanted* (the captured one with other upstreams), and as
//! it is *now*. `switch` goes from captured to wanted, `restore` from wanted to captured; if it is there
//! already nothing is written, and if it is anything else somebody else was here: that is a failure, and
//! nothing is overwritten.
//!
//! Every write carries the ETag of the state it replaces, and is read back. `object` decides and is pure,
//! `admin` talks to Caddy.

mod admin;
mod object;

use runner_plugin::expect::Statuses;
use runner_plugin::{Failure, Host, ProxySwitch, Request, Route, Switched, Upstream};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use admin::{Admin, Reading};
use object::{Object, described};

/// Which object of Caddy, and where its traffic goes.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Base URL of Caddy's admin API.
    #[serde(default = "default_admin")]
    admin: String,
    /// The `@id` of a `reverse_proxy` handler, or of one of its upstreams.
    #[schemars(extend("pattern" = "^[A-Za-z0-9_.-]+$"))]
    object: String,
    /// The one address that gets all traffic, e.g. `127.0.0.1:8001`. Instead of `upstreams`.
    #[schemars(length(min = 1))]
    to: Option<String>,
    /// The addresses that share the traffic. Needs a handler as `object` if there are several.
    #[schemars(length(min = 1))]
    upstreams: Option<Vec<Share>>,
    /// Asks through the proxy after the switch.
    verify: Option<Verify>,
    /// Whether each write carries the ETag of the state it replaces, so that Caddy refuses it if somebody
    /// else was faster.
    #[serde(default = "yes")]
    optimistic_lock: bool,
    /// For each call of the admin API. Without it: 10 seconds.
    #[schemars(range(min = 1))]
    timeout_ms: Option<u32>,
}

/// An address and its share of the traffic.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Share {
    /// E.g. `127.0.0.1:8001`.
    #[schemars(length(min = 1))]
    address: String,
    /// Relative to the sum of all weights; 0 gets nothing.
    #[serde(default = "one")]
    weight: u32,
}

/// A request through the proxy.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Verify {
    /// Where, as a client sees it.
    url: String,
    /// The status, or several, of the right answer.
    #[serde(default = "ok")]
    status: Statuses,
    /// For each attempt. Without it: 10 seconds.
    #[schemars(range(min = 1))]
    timeout_ms: Option<u32>,
    /// How often to ask before the switch counts as failed, a fifth of a second apart.
    #[serde(default = "attempts")]
    #[schemars(range(min = 1))]
    attempts: u32,
}

fn default_admin() -> String {
    "http://127.0.0.1:2019".to_owned()
}

fn yes() -> bool {
    true
}

fn one() -> u32 {
    1
}

fn ok() -> Statuses {
    Statuses::One(200)
}

fn attempts() -> u32 {
    5
}

impl Config {
    /// Where traffic shall go: at least one address, none twice, none without a share.
    fn wanted(&self) -> Result<Vec<Upstream>, Failure> {
        let shares = match (&self.to, &self.upstreams) {
            (Some(to), None) => vec![Share { address: to.clone(), weight: 1 }],
            (None, Some(upstreams)) => upstreams.clone(),
            _ => return Err(Failure::invalid_config("exactly one of `to` and `upstreams` must be given")),
        };
        let mut wanted: Vec<Upstream> = Vec::new();
        for Share { address, weight } in shares {
            if wanted.iter().any(|upstream| upstream.address == address) {
                return Err(Failure::invalid_config(format!(
                    "`{address}` is given twice; add up its weights"
                )));
            }
            if weight > 0 {
                wanted.push(Upstream { address, weight });
            }
        }
        if wanted.is_empty() {
            return Err(Failure::invalid_config(
                "no upstream has a weight above 0: nothing would get the traffic",
            ));
        }
        Ok(wanted)
    }
}

/// All that `restore` needs.
#[derive(Debug, Serialize, Deserialize)]
struct Snapshot {
    object: String,
    etag: Option<String>,
    state: Object,
}

impl Snapshot {
    fn parse(text: &str, config: &Config) -> Result<Self, Failure> {
        let snapshot: Self = serde_json::from_str(text).map_err(|error| {
            Failure::invalid_input(format!("the snapshot is none of this plugin: {error}"))
        })?;
        if snapshot.object != config.object {
            let message = format!("the snapshot is of `{}`, not of `{}`", snapshot.object, config.object);
            return Err(Failure::invalid_config(message));
        }
        Ok(snapshot)
    }
}

/// Most that a snapshot may hold.
const SNAPSHOT: usize = 64 * 1024;

/// The proxy switch.
#[derive(Debug)]
pub struct Caddy;

impl ProxySwitch for Caddy {
    type Config = Config;
    const OUTPUTS: &'static [&'static str] = &["upstreams", "revision", "changed"];

    fn observe(config: Config, _: &Request, host: &Host) -> Result<Route, Failure> {
        Ok(Admin::new(host, &config)?.read()?.route())
    }

    fn capture(config: Config, _: &Request, host: &Host) -> Result<String, Failure> {
        let Reading { object, etag } = Admin::new(host, &config)?.read()?;
        // A step that cannot be done is refused before anything depends on it.
        object.moved_to(&config.wanted()?)?;
        let snapshot = Snapshot { object: config.object.clone(), etag, state: object };
        let text = serde_json::to_string(&snapshot)
            .map_err(|error| Failure::internal(format!("the snapshot cannot be written: {error}")))?;
        if text.len() > SNAPSHOT {
            return Err(Failure::invalid_input(format!(
                "`{}` is too large for a snapshot ({} bytes); give its upstream an `@id` of its own",
                config.object,
                text.len(),
            )));
        }
        Ok(text)
    }

    fn switch(config: Config, snapshot: &str, _: &Request, host: &Host) -> Result<Switched, Failure> {
        let captured = Snapshot::parse(snapshot, &config)?.state;
        let wanted = captured.moved_to(&config.wanted()?)?;
        let admin = Admin::new(host, &config)?;
        let now = admin.read()?;
        let changed = now.object != wanted;
        let after = if !changed {
            now
        } else if now.object == captured {
            admin.write(&wanted, &now)?
        } else {
            return Err(somebody_else(&config.object, &now.object, &captured, &wanted));
        };
        if let Some(verify) = &config.verify {
            admin::verify(host, verify)?;
        }
        let route = after.route();
        let to = described(&route.upstreams);
        let summary =
            if changed { format!("traffic goes to {to}") } else { format!("traffic went to {to} already") };
        let addresses: Vec<String> =
            route.upstreams.iter().map(|upstream| upstream.address.clone()).collect();
        let revision = route.revision.clone();
        Ok(Switched::new(route, summary)
            .output("upstreams", addresses)
            .output("revision", revision)
            .output("changed", changed))
    }

    fn restore(config: Config, snapshot: &str, _: &Request, host: &Host) -> Result<Route, Failure> {
        let captured = Snapshot::parse(snapshot, &config)?.state;
        let wanted = captured.moved_to(&config.wanted()?)?;
        let admin = Admin::new(host, &config)?;
        let now = admin.read()?;
        if now.object == captured {
            Ok(now.route())
        } else if now.object == wanted {
            Ok(admin.write(&captured, &now)?.route())
        } else {
            Err(somebody_else(&config.object, &now.object, &captured, &wanted))
        }
    }
}

/// The object is in a state that neither this step nor the one before it has made.
fn somebody_else(id: &str, now: &Object, captured: &Object, wanted: &Object) -> Failure {
    let [now, captured, wanted] = [now, captured, wanted].map(Object::upstreams);
    let what = if now == captured || now == wanted {
        "settings other than its upstreams are not as captured".to_owned()
    } else {
        format!(
            "its traffic goes to {}, neither to {} (as captured) nor to {} (as this step wants)",
            described(&now),
            described(&captured),
            described(&wanted),
        )
    };
    Failure::invalid_input(format!("somebody else has changed `{id}`: {what}; nothing was overwritten"))
}

runner_plugin::export_proxy_switch!(Caddy);

#[cfg(test)]
mod tests;
