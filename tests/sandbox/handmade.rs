//! Components that no compiler would make: core modules in text (`tests/guests/wat/`), made components with the real `wit/`.

use std::{fs, path::PathBuf};

use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

use crate::harness::root;

const DESCRIBE: &str =
    r#"(func (export "runner:plugin/gate@0.1.0#describe") (result i32) (global.get $manifest))"#;
const EVALUATE: &str = r#"(func (export "runner:plugin/gate@0.1.0#evaluate")
    (param i32 i32 i32 i32 i32 i32 i32) (result i32) (global.get $pass))"#;

/// The gate of `tests/guests/wat/<name>.wat`.
pub(super) fn gate(name: &str) -> Vec<u8> {
    gate_of(&text(name))
}

/// A gate of these module fields, which may use what is in `gate.wat`.
pub(super) fn gate_of(fields: &str) -> Vec<u8> {
    let missing = |function: &str, honest| if fields.contains(function) { "" } else { honest };
    let (describe, evaluate) = (missing("#describe\"", DESCRIBE), missing("#evaluate\"", EVALUATE));
    let common = text("gate");
    // Imports stand first in a module; otherwise the common memory is the first one.
    let (first, second) =
        if fields.contains("(import") { (fields, common.as_str()) } else { (common.as_str(), fields) };
    encoded(&format!("(module {first}\n{second}\n{describe} {evaluate})"))
}

/// A gate that says `schema` is its config schema.
pub(super) fn gate_with_schema(schema: &str) -> Vec<u8> {
    let bytes: String = schema.bytes().map(|byte| format!("\\{byte:02x}")).collect();
    let length = schema.len();
    let pages = length.div_ceil(65536);
    gate_of(&format!(
        r#"(data $schema "{bytes}")
           (func (export "runner:plugin/gate@0.1.0#describe") (result i32)
             (drop (memory.grow (i32.const {pages})))
             (memory.init $schema (i32.const 131072) (i32.const 0) (i32.const {length}))
             (i32.store offset=24 (global.get $manifest) (i32.const 131072))
             (i32.store offset=28 (global.get $manifest) (i32.const {length}))
             (global.get $manifest))"#
    ))
}

/// An honest gate that has `count` instances of `module` besides.
pub(super) fn gate_with_instances(module: &str, count: u32) -> Vec<u8> {
    let mut component = gate_of("");
    let index = modules(&component);
    section(&mut component, 1, &wat::parse_str(module).expect("a module"));
    let mut instances = leb(count);
    for _ in 0..count {
        // Instantiate, this module, with no arguments.
        instances.push(0);
        instances.extend(leb(index));
        instances.push(0);
    }
    section(&mut component, 2, &instances);
    component
}

/// A component in text.
pub(super) fn component(text: &str) -> Vec<u8> {
    wat::parse_str(text).expect("a component")
}

/// The head of a custom section of `length` bytes; they are the caller's to add.
pub(super) fn custom_section_head(length: u32) -> Vec<u8> {
    let name = [3, b'p', b'a', b'd'];
    let mut head = vec![0];
    head.extend(leb(length + u32::try_from(name.len()).expect("four")));
    head.extend(name);
    head
}

fn text(name: &str) -> String {
    let path = wat_files().join(format!("{name}.wat"));
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn wat_files() -> PathBuf {
    root().join("tests/guests/wat")
}

fn encoded(module: &str) -> Vec<u8> {
    let mut bytes = wat::parse_str(module).unwrap_or_else(|error| panic!("{error}"));
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_dir(root().join("wit")).expect("the contract");
    let world = resolve.select_world(&[package], Some("gate-plugin")).expect("its world");
    embed_component_metadata(&mut bytes, &resolve, world, StringEncoding::UTF8).expect("room for it");
    ComponentEncoder::default().module(&bytes).expect("a module").encode().expect("a component")
}

/// How many core modules a component defines: the number of the next one.
fn modules(component: &[u8]) -> u32 {
    let (mut at, mut found) = (8, 0);
    while at < component.len() {
        found += u32::from(component[at] == 1);
        let (size, length) = unleb(&component[at + 1..]);
        at += 1 + length + size;
    }
    found
}

fn section(component: &mut Vec<u8>, id: u8, content: &[u8]) {
    component.push(id);
    component.extend(leb(u32::try_from(content.len()).expect("a small section")));
    component.extend_from_slice(content);
}

fn leb(mut number: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number >= 0x80 {
        bytes.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    bytes.push(number.to_le_bytes()[0]);
    bytes
}

fn unleb(bytes: &[u8]) -> (usize, usize) {
    let length = bytes.iter().position(|byte| byte & 0x80 == 0).expect("an end") + 1;
    let number = bytes[..length].iter().rev().fold(0, |number, byte| number << 7 | usize::from(byte & 0x7f));
    (number, length)
}
