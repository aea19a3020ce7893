//! `runner plugin inspect`.

use std::path::Path;

use runner_model::ExitCode;
use runner_report::inspect::{self, Component};
use serde_json::Value;

use super::print;
use crate::{
    args::{Output, PluginCommand},
    environment::Environment,
    error::CommandError,
    session::Session,
};

/// Works with components.
pub(crate) fn plugin(command: &PluginCommand, environment: &Environment) -> Result<ExitCode, CommandError> {
    let PluginCommand::Inspect { files, output } = command;
    let session = Session::start(None, environment)?;
    let mut components = Vec::new();
    let mut worst = ExitCode::Succeeded;
    for file in files {
        match component(&session, file) {
            Ok(component) => components.push(component),
            Err(error) if files.len() == 1 => return Err(error),
            Err(error) => {
                environment.tell(&error.render(environment));
                worst = error.exit();
            }
        }
    }
    match (output, components.as_slice()) {
        (Output::Json, [one]) if files.len() == 1 => print::json(&inspect::to_json(one))?,
        (Output::Json, several) => {
            print::json(&Value::Array(several.iter().map(inspect::to_json).collect()))?
        }
        (Output::Text, several) => {
            let texts: Vec<String> =
                several.iter().map(|one| inspect::text(one, &environment.stdout_style)).collect();
            print::text(&texts.join("\n"))?
        }
    };
    Ok(worst)
}

fn component(session: &Session, file: &Path) -> Result<Component, CommandError> {
    let inspected = session.handle.block_on(async {
        let inspection = session.loader.inspect(file).await?;
        Ok((inspection, session.loader.compiled_size(file).await?))
    });
    let (inspection, compiled_size) = inspected.map_err(|error: runner_wasm::LoadError| {
        CommandError::Inspect { path: file.to_owned(), message: error.to_string(), help: Some(error.help()) }
    })?;
    let manifest = inspection.manifest;
    Ok(Component {
        path: file.to_string_lossy().into_owned(),
        digest: inspection.digest,
        size: inspection.size,
        compiled_size,
        kind: inspection.kind,
        name: manifest.name,
        version: manifest.version,
        summary: manifest.summary,
        imports: inspection.imports,
        wasi: inspection.wasi,
        outputs: manifest.outputs,
        config_schema: manifest.config_schema,
    })
}
