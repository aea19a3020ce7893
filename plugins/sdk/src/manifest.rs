//! What a plugin says about itself, and how its config is read.

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::de::DeserializeOwned;

use crate::Failure;

/// What a plugin says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// The package's name, e.g. `http-health`.
    pub name: String,
    /// The package's version.
    pub version: String,
    /// The package's description: one line.
    pub summary: String,
    /// JSON Schema (draft 2020-12) of the step's `with`.
    pub config_schema: String,
    /// Names of the outputs the plugin may set.
    pub outputs: Vec<String>,
}

/// The lines of `Cargo.toml` that a manifest repeats. Implemented by the `export_*!` macros.
#[doc(hidden)]
pub trait Package {
    const NAME: &'static str;
    const VERSION: &'static str;
    const SUMMARY: &'static str;
}

impl Manifest {
    /// Describes a package whose step takes `C`.
    #[doc(hidden)]
    #[must_use]
    pub fn of<P: Package, C: JsonSchema>(outputs: &[&str]) -> Self {
        Self {
            name: P::NAME.to_owned(),
            version: P::VERSION.to_owned(),
            summary: P::SUMMARY.to_owned(),
            config_schema: schema_of::<C>(),
            outputs: outputs.iter().map(|&name| name.to_owned()).collect(),
        }
    }
}

fn schema_of<C: JsonSchema>() -> String {
    SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<C>().as_value().to_string()
}

/// Reads the step's `with`. The host has checked it against the schema; what a schema cannot say is found here.
pub(crate) fn config<C: DeserializeOwned>(text: &str) -> Result<C, Failure> {
    serde_json::from_str(text).map_err(|error| Failure::invalid_config(format!("`with`: {error}")))
}

/// Writes what an exported plugin needs, the same for every kind.
#[doc(hidden)]
#[macro_export]
macro_rules! __export {
    ($plugin:ty, $kind:ident, $module:ident, $outputs:expr) => {
        /// What this plugin says about itself.
        #[must_use]
        pub fn manifest() -> $crate::Manifest {
            struct ThisPackage;
            impl $crate::Package for ThisPackage {
                const NAME: &'static str = ::core::env!("CARGO_PKG_NAME");
                const VERSION: &'static str = ::core::env!("CARGO_PKG_VERSION");
                const SUMMARY: &'static str = ::core::env!("CARGO_PKG_DESCRIPTION");
            }
            $crate::Manifest::of::<ThisPackage, <$plugin as $crate::$kind>::Config>($outputs)
        }

        #[cfg(target_arch = "wasm32")]
        const _: () = {
            struct ThisPlugin;
            impl $crate::component::Exported for ThisPlugin {
                type Plugin = $plugin;
                fn manifest() -> $crate::Manifest {
                    manifest()
                }
            }
            type Component = $crate::component::Component<ThisPlugin>;
            $crate::component::$module::export!(Component with_types_in $crate::component::$module);
        };
    };
}
