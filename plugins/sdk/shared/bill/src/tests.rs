use runner_plugin::FailureKind;
use runner_plugin::testing::FakeHost;
use serde_json::json;

use super::*;

fn read(text: impl Into<Vec<u8>>) -> Result<Bill, Failure> {
    Bill::read(&FakeHost::new().file("b.json", text).host(), "b.json")
}

fn refused(text: &str) -> String {
    let failure = read(text).unwrap_err();
    assert_eq!(failure.kind, FailureKind::InvalidInput);
    failure.message
}

fn text(text: &str) -> Option<String> {
    Some(text.to_owned())
}

#[test]
fn both_formats_say_the_same() {
    let cyclonedx = json!({
        "bomFormat": "CycloneDX", "specVersion": "1.5",
        "metadata": {
            "timestamp": "2026-03-01T12:00:00Z",
            "tools": [{ "name": "maker" }],
            "component": { "type": "application", "name": "app", "version": "1.0.0" },
        },
        "components": [{
            "name": "core", "group": "@own", "version": "2.1.0", "purl": "pkg:npm/%40own/core@2.1.0",
            "hashes": [{ "alg": "SHA-256", "content": "ab" }],
            "supplier": { "name": "Own" },
            "licenses": [{ "license": { "id": "MIT" } }, { "license": { "name": "Own Licence" } }],
            "components": [{ "name": "inner", "licenses": [{ "expression": "MIT OR Apache-2.0" }] }],
        }],
    });
    let spdx = json!({
        "spdxVersion": "SPDX-2.3",
        "creationInfo": { "created": "2026-03-01T12:00:00Z", "creators": ["Tool: maker"] },
        "relationships": [
            { "spdxElementId": "SPDXRef-DOCUMENT", "relationshipType": "DESCRIBES", "relatedSpdxElement": "SPDXRef-app" },
        ],
        "packages": [
            { "SPDXID": "SPDXRef-app", "name": "app", "versionInfo": "1.0.0" },
            {
                "SPDXID": "SPDXRef-core", "name": "@own/core", "versionInfo": "2.1.0",
                "supplier": "Organization: Own",
                "checksums": [{ "algorithm": "SHA256", "checksumValue": "ab" }],
                "externalRefs": [
                    { "referenceType": "cpe23Type", "referenceLocator": "cpe:2.3:a" },
                    { "referenceType": "purl", "referenceLocator": "pkg:npm/%40own/core@2.1.0" },
                ],
                "licenseConcluded": "NOASSERTION", "licenseDeclared": "MIT AND LicenseRef-Own",
            },
            { "SPDXID": "SPDXRef-inner", "name": "inner", "licenseConcluded": "MIT OR Apache-2.0", "supplier": "NOASSERTION" },
        ],
    });
    let bill = |format: &str, algorithm: &str, licences: &[&str]| Bill {
        format: format.to_owned(),
        created: text("2026-03-01T12:00:00Z"),
        has_author: true,
        primary: Some(Component { name: "app".to_owned(), version: text("1.0.0"), ..Component::default() }),
        components: vec![
            Component {
                name: "@own/core".to_owned(),
                version: text("2.1.0"),
                purl: text("pkg:npm/%40own/core@2.1.0"),
                hashes: vec![Hash { algorithm: algorithm.to_owned(), content: "ab".to_owned() }],
                supplier: text("Own"),
                licences: licences.iter().map(|&licence| licence.to_owned()).collect(),
            },
            Component {
                name: "inner".to_owned(),
                licences: vec!["MIT OR Apache-2.0".to_owned()],
                ..Component::default()
            },
        ],
    };

    assert_eq!(read(cyclonedx.to_string()), Ok(bill("CycloneDX 1.5", "SHA-256", &["MIT", "Own Licence"])));
    assert_eq!(read(spdx.to_string()), Ok(bill("SPDX 2.3", "SHA256", &["MIT AND LicenseRef-Own"])));
}

#[test]
fn what_is_no_bill_is_refused_with_its_place() {
    assert_eq!(
        [
            "",
            "{}",
            "[]",
            "<bom xmlns=\"http://cyclonedx.org/schema/bom/1.5\"/>",
            "{\"@context\": \"https://spdx.org/rdf/3.0.1/spdx-context.jsonld\"}",
            "{\"bomFormat\": \"CycloneDX\"}",
            "{\"bomFormat\": \"CycloneDX\", \"specVersion\": \"2.0\"}",
            "{\"bomFormat\": \"CycloneDX\", \"specVersion\": 1.5}",
            "{\"bomFormat\": \"CycloneDX\", \"specVersion\": \"1.5\", \"components\": {}}",
            "{\"bomFormat\": \"CycloneDX\", \"specVersion\": \"1.5\", \"components\": [{}]}",
            "{\"bomFormat\": \"CycloneDX\", \"specVersion\": \"1.5\", \"components\": [",
            "{\"spdxVersion\": \"SPDX-2.1\"}",
            "{\"spdxVersion\": \"SPDX-2.3\", \"packages\": [{\"name\": 1}]}",
        ]
        .map(refused),
        [
            "read `b.json` as JSON: line 1, column 1: EOF while parsing a value",
            "read `b.json`: it is neither CycloneDX (`bomFormat`) nor SPDX (`spdxVersion`)",
            "read `b.json`: it is neither CycloneDX (`bomFormat`) nor SPDX (`spdxVersion`)",
            "read `b.json`: it is XML; only the JSON form of CycloneDX and SPDX is read",
            "read `b.json`: it looks like SPDX 3, which is not read; write SPDX 2.3 or CycloneDX",
            "read `b.json`: the document has no `specVersion`",
            "read `b.json`: CycloneDX 2.0 is not read; 1.2 to 1.6 are",
            "read `b.json`: `/specVersion` is no text",
            "read `b.json`: `/components` is no list",
            "read `b.json`: `/components/0` has no `name`",
            "read `b.json` as JSON: line 1, column 64: EOF while parsing a list",
            "read `b.json`: `SPDX-2.1` is not read; SPDX-2.2 and SPDX-2.3 are",
            "read `b.json`: `/packages/0/name` is no text",
        ]
    );
}

#[test]
fn an_empty_list_of_authors_is_none() {
    let bill = json!({
        "bomFormat": "CycloneDX", "specVersion": "1.6",
        "metadata": { "authors": [], "tools": { "components": [] }, "supplier": {} },
    });

    assert_eq!(read(bill.to_string()), Ok(Bill { format: "CycloneDX 1.6".to_owned(), ..Bill::default() }));
}

#[test]
fn only_long_hashes_of_good_algorithms_are_strong() {
    let strong = |algorithm: &str, digits: usize| {
        Hash { algorithm: algorithm.to_owned(), content: "a".repeat(digits) }.is_strong()
    };

    assert_eq!(
        [
            strong("SHA-256", 64),
            strong("SHA512", 128),
            strong("SHA3-384", 96),
            strong("BLAKE3", 64),
            strong("SHA-256", 63),
            strong("MD5", 32),
            strong("SHA-1", 40),
            strong("", 64),
        ],
        [true, true, true, true, false, false, false, false]
    );
}

#[test]
fn names_are_matched_with_and_without_version_and_group() {
    let component =
        Component { name: "@own/core".to_owned(), version: text("2.1.0"), ..Component::default() };
    let mean = |names: &str| serde_json::from_value::<Names>(json!(names)).unwrap().mean(&component);

    assert_eq!(
        ["@own/core", "@own/core@2.1.0", "@own/*", "*", "@own/core@2.*", "core", "@own/core@3.*"].map(mean),
        [true, true, true, true, true, false, false]
    );
}
