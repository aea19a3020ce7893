//! `runner plugin inspect`.

use runner_model::ExitCode;
use serde_json::json;

use super::print;
use crate::{
    args::{Output, PluginCommand},
    environment::Environment,
    error::CommandError,
    session::Session,
};

/// Works with components.
pub(crate) fn plugin(command: &PluginCommand, environment: &Environment) -> Result<ExitCode, CommandError> {
    let PluginCommand::Inspect { file, output } = command;
    let session = Session::start(None, environment)?;
    let inspection = session.handle.block_on(session.loader.inspect(file)).map_err(|error| {
        CommandError::Inspect { path: file.clone(), message: error.to_string(), help: Some(error.help()) }
    })?;
    let manifest = &inspection.manifest;
    if *output == Output::Json {
        return print::json(&json!({
            "digest": inspection.digest,
            "size": inspection.size,
            "kind": inspection.kind,
            "name": manifest.name,
            "version": manifest.version,
            "summary": manifest.summary,
            "imports": inspection.imports,
            "wasi": inspection.wasi,
            "outputs": manifest.outputs,
            "config_schema": manifest.config_schema,
        }));
    }
    let asks: Vec<&str> = inspection
        .imports
        .iter()
        .filter(|capability| capability.grant_key().is_some())
        .map(|capability| capability.interface())
        .collect();
    let or_nothing = |names: &[&str]| if names.is_empty() { "nothing".to_owned() } else { names.join(", ") };
    let outputs: Vec<&str> = manifest.outputs.iter().map(String::as_str).collect();
    let wasi: Vec<&str> = inspection.wasi.iter().map(String::as_str).collect();
    let mut text = format!(
        "{} {}: {}\n  kind     {}\n  digest   {}\n  size     {} bytes\n  asks for {}\n",
        manifest.name,
        manifest.version,
        manifest.summary,
        inspection.kind.as_str(),
        inspection.digest,
        inspection.size,
        or_nothing(&asks),
    );
    if !wasi.is_empty() {
        text.push_str(&format!("  wasi     {}\n", wasi.join(", ")));
    }
    text.push_str(&format!("  outputs  {}\n", or_nothing(&outputs)));
    let grants: Vec<&str> = inspection
        .imports
        .iter()
        .map(|capability| capability.example())
        .filter(|example| !example.is_empty())
        .collect();
    if !grants.is_empty() {
        text.push_str("\na step would have to grant, for example:\n  grants:\n");
        for grant in grants {
            text.push_str(&format!("    {grant}\n"));
        }
    }
    text.push_str(&format!("\nconfiguration (`with`), as JSON Schema:\n{:#}\n", manifest.config_schema));
    print::text(&text)
}
