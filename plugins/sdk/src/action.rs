//! Actions: any other change that can be taken back.

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{Failure, Finding, Host, Output, Request};

/// Makes a change, and can take it back.
pub trait Action {
    /// The step's `with`.
    type Config: DeserializeOwned + JsonSchema;

    /// Names of the outputs that [`Action::apply`] may set. A pipeline that reads any other is refused.
    const OUTPUTS: &'static [&'static str] = &[];

    /// Returns all that [`Action::restore`] will need, at most 64 KiB. Changes nothing.
    /// The host has it on disk before it calls `apply`.
    ///
    /// # Errors
    ///
    /// A [`Failure`] when the present state cannot be told; then nothing is applied.
    fn capture(config: Self::Config, request: &Request, host: &Host) -> Result<String, Failure>;

    /// Makes the change. A second call with the same arguments (a retry, or a resumed run) must end in the
    /// same state.
    ///
    /// # Errors
    ///
    /// A [`Failure`] when the change was not made, or may not have been.
    fn apply(
        config: Self::Config,
        snapshot: &str,
        request: &Request,
        host: &Host,
    ) -> Result<Applied, Failure>;

    /// Brings back exactly the state in `snapshot`, whether or not `apply` did its work, any number of times.
    ///
    /// # Errors
    ///
    /// A [`Failure`] when the state could not be brought back.
    fn restore(config: Self::Config, snapshot: &str, request: &Request, host: &Host) -> Result<(), Failure>;
}

/// What was done by an action.
#[derive(Debug, Clone, PartialEq)]
pub struct Applied {
    /// One line that people see beside the step.
    pub summary: String,
    /// What was noticed on the way.
    pub findings: Vec<Finding>,
    /// Values for later steps.
    pub outputs: Vec<Output>,
}

impl Applied {
    /// Says what was done.
    pub fn new(summary: impl Into<String>) -> Self {
        Self { summary: summary.into(), findings: Vec::new(), outputs: Vec::new() }
    }

    /// Adds something noticed on the way.
    #[must_use]
    pub fn finding(mut self, finding: Finding) -> Self {
        self.findings.push(finding);
        self
    }

    /// Adds a value for later steps.
    #[must_use]
    pub fn output(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.outputs.push(Output::new(name, value));
        self
    }
}

/// Makes a type that implements [`Action`] the one this package exports, and writes `pub fn manifest()`.
///
/// ```
/// use runner_plugin::{Action, Applied, Failure, Host, Request};
/// # use runner_plugin::testing::{self, FakeHost};
///
/// /// Settings of the action.
/// #[derive(serde::Deserialize, schemars::JsonSchema)]
/// #[serde(deny_unknown_fields)]
/// struct Config {
///     /// The file to replace.
///     path: String,
///     /// Its new content.
///     content: String,
/// }
///
/// /// Replaces a text file.
/// struct WriteFile;
///
/// impl Action for WriteFile {
///     type Config = Config;
///
///     fn capture(config: Config, _: &Request, host: &Host) -> Result<String, Failure> {
///         host.files().read_to_string(&config.path)
///     }
///
///     fn apply(config: Config, _: &str, _: &Request, host: &Host) -> Result<Applied, Failure> {
///         host.files().write(&config.path, &config.content)?;
///         Ok(Applied::new(format!("wrote `{}`", config.path)))
///     }
///
///     fn restore(config: Config, snapshot: &str, _: &Request, host: &Host) -> Result<(), Failure> {
///         host.files().write(&config.path, snapshot)
///     }
/// }
///
/// runner_plugin::export_action!(WriteFile);
/// # fn main() {
/// # let host = FakeHost::new().file("active", "blue");
/// # let config = serde_json::json!({ "path": "active", "content": "green" });
/// # let snapshot = testing::capture_action::<WriteFile>(&host, config.clone()).unwrap();
/// # testing::apply::<WriteFile>(&host, config.clone(), &snapshot).unwrap();
/// # assert_eq!(host.content("active"), Some(b"green".to_vec()));
/// # testing::restore_action::<WriteFile>(&host, config, &snapshot).unwrap();
/// # assert_eq!(host.content("active"), Some(b"blue".to_vec()));
/// # }
/// ```
#[macro_export]
macro_rules! export_action {
    ($action:ty) => {
        $crate::__export!($action, Action, action, <$action as $crate::Action>::OUTPUTS);
    };
}
