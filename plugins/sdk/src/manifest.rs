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

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;
    use serde_json::{Value, json};

    /// Settings of the gate.
    #[derive(Debug, PartialEq, Deserialize, JsonSchema)]
    #[serde(deny_unknown_fields)]
    struct Config {
        /// The file to look at.
        path: String,
        /// How often.
        #[serde(default)]
        times: u32,
    }

    struct ThisPackage;

    impl Package for ThisPackage {
        const NAME: &'static str = "example";
        const VERSION: &'static str = "1.2.3";
        const SUMMARY: &'static str = "Shows something";
    }

    #[test]
    fn the_manifest_is_the_package_and_the_schema_of_its_config() {
        let manifest = Manifest::of::<ThisPackage, Config>(&["lines"]);
        let schema: Value = serde_json::from_str(&manifest.config_schema).unwrap();

        assert_eq!(
            schema,
            json!({
                "$schema": "https://json-schema.org/draft/2020-12/schema",
                "title": "Config",
                "description": "Settings of the gate.",
                "type": "object",
                "properties": {
                    "path": { "description": "The file to look at.", "type": "string" },
                    "times": {
                        "description": "How often.",
                        "type": "integer",
                        "format": "uint32",
                        "minimum": 0,
                        "default": 0,
                    },
                },
                "required": ["path"],
                "additionalProperties": false,
            }),
        );
        assert_eq!(
            manifest,
            Manifest {
                name: "example".to_owned(),
                version: "1.2.3".to_owned(),
                summary: "Shows something".to_owned(),
                config_schema: manifest.config_schema.clone(),
                outputs: vec!["lines".to_owned()],
            },
        );
    }

    #[test]
    fn a_config_is_read_or_refused_with_its_place() {
        assert_eq!(config(r#"{"path":"a"}"#), Ok(Config { path: "a".to_owned(), times: 0 }));
        assert_eq!(
            config::<Config>(r#"{"path":"a","time":1}"#),
            Err(Failure::invalid_config(
                "`with`: unknown field `time`, expected `path` or `times` at line 1 column 18"
            )),
        );
    }
}
