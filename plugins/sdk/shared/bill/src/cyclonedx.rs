//! CycloneDX.

use crate::field::Field;
use crate::{Bill, Component, Hash};

const VERSIONS: [&str; 5] = ["1.2", "1.3", "1.4", "1.5", "1.6"];

pub(crate) fn read(root: &Field<'_>) -> Result<Bill, String> {
    let format = root.needed("bomFormat")?;
    if format != "CycloneDX" {
        return Err(format!("`bomFormat` is `{format}`, not `CycloneDX`"));
    }
    let version = root.needed("specVersion")?;
    if !VERSIONS.contains(&version.as_str()) {
        return Err(format!("CycloneDX {version} is not read; 1.2 to 1.6 are"));
    }
    let metadata = root.get("metadata");
    let created = metadata.as_ref().map_or(Ok(None), |metadata| metadata.text("timestamp"))?;
    let has_author = metadata.as_ref().is_some_and(|metadata| {
        ["authors", "tools", "supplier", "manufacturer", "manufacture"]
            .iter()
            .any(|key| metadata.get(key).is_some_and(|field| field.is_filled()))
    });
    let primary = metadata.and_then(|metadata| metadata.get("component"));
    let primary = primary.map(|primary| component(&primary)).transpose()?;
    let mut components = Vec::new();
    // A list of what is still to be read, last one on top: components have components.
    let mut waiting = root.list("components")?;
    waiting.reverse();
    while let Some(field) = waiting.pop() {
        components.push(component(&field)?);
        let mut inner = field.list("components")?;
        inner.reverse();
        waiting.append(&mut inner);
    }
    Ok(Bill { format: format!("CycloneDX {version}"), created, has_author, primary, components })
}

fn component(field: &Field<'_>) -> Result<Component, String> {
    let name = field.needed("name")?;
    let name = match field.text("group")? {
        Some(group) => format!("{group}/{name}"),
        None => name,
    };
    let hashes = field.list("hashes")?;
    let hashes = hashes
        .iter()
        .map(|hash| Ok(Hash { algorithm: hash.needed("alg")?, content: hash.needed("content")? }))
        .collect::<Result<_, String>>()?;
    let supplier = match field.get("supplier") {
        Some(supplier) => supplier.text("name")?,
        None => None,
    };
    let supplier = match supplier {
        Some(supplier) => Some(supplier),
        None => field.text("publisher")?,
    };
    let mut licences = Vec::new();
    for entry in field.list("licenses")? {
        let licence = entry.get("license");
        let id = licence.as_ref().map_or(Ok(None), |licence| licence.text("id"))?;
        let name = licence.as_ref().map_or(Ok(None), |licence| licence.text("name"))?;
        licences.extend(entry.text("expression")?.or(id).or(name));
    }
    Ok(Component {
        name,
        version: field.text("version")?,
        purl: field.text("purl")?,
        hashes,
        supplier,
        licences,
    })
}
