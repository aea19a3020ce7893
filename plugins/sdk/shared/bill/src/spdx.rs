//! SPDX, as JSON.

use std::collections::BTreeSet;

use crate::field::Field;
use crate::{Bill, Component, Hash};

const VERSIONS: [&str; 2] = ["SPDX-2.2", "SPDX-2.3"];

pub(crate) fn read(root: &Field<'_>) -> Result<Bill, String> {
    let version = root.needed("spdxVersion")?;
    if !VERSIONS.contains(&version.as_str()) {
        return Err(format!("`{version}` is not read; SPDX-2.2 and SPDX-2.3 are"));
    }
    let creation = root.get("creationInfo");
    let created = creation.as_ref().map_or(Ok(None), |creation| creation.text("created"))?;
    let creators = creation.map_or(Ok(Vec::new()), |creation| creation.list("creators"))?;
    let described = described(root)?;
    let mut primary = None;
    let mut components = Vec::new();
    for package in root.list("packages")? {
        let id = package.text("SPDXID")?;
        let component = component(&package)?;
        if primary.is_none() && id.is_some_and(|id| described.contains(&id)) {
            primary = Some(component);
        } else {
            components.push(component);
        }
    }
    Ok(Bill {
        format: version.replace('-', " "),
        created,
        has_author: !creators.is_empty(),
        primary,
        components,
    })
}

/// The packages that the document is about.
fn described(root: &Field<'_>) -> Result<BTreeSet<String>, String> {
    let mut described = BTreeSet::new();
    for id in root.list("documentDescribes")? {
        described.extend(id.as_text()?);
    }
    for relationship in root.list("relationships")? {
        match relationship.text("relationshipType")?.as_deref() {
            Some("DESCRIBES") => described.extend(relationship.text("relatedSpdxElement")?),
            Some("DESCRIBED_BY") => described.extend(relationship.text("spdxElementId")?),
            Some(_) | None => {}
        }
    }
    Ok(described)
}

fn component(package: &Field<'_>) -> Result<Component, String> {
    let said = |key: &str| -> Result<Option<String>, String> {
        Ok(package.text(key)?.filter(|text| text != "NOASSERTION" && text != "NONE"))
    };
    let hashes = package.list("checksums")?;
    let hashes = hashes
        .iter()
        .map(|hash| Ok(Hash { algorithm: hash.needed("algorithm")?, content: hash.needed("checksumValue")? }))
        .collect::<Result<_, String>>()?;
    let mut purl = None;
    for reference in package.list("externalRefs")? {
        if reference.text("referenceType")?.as_deref() == Some("purl") {
            purl = purl.or(reference.text("referenceLocator")?);
        }
    }
    // What was found out counts more than what its authors declare.
    let licence = match said("licenseConcluded")? {
        Some(concluded) => Some(concluded),
        None => said("licenseDeclared")?,
    };
    let supplier = said("supplier")?.map(|supplier| match supplier.split_once(": ") {
        Some((_, name)) => name.to_owned(),
        None => supplier,
    });
    Ok(Component {
        name: package.needed("name")?,
        version: said("versionInfo")?,
        purl,
        hashes,
        supplier,
        licences: licence.into_iter().collect(),
    })
}
