//! What a component is and asks for, read from its type alone: imports and exports cannot lie.

use runner_capabilities::Capability;
use runner_model::PluginKind;
use wasmtime::{
    Engine,
    component::{Component, types::ComponentItem},
};

use crate::inspect::LoadError;

const PACKAGE: &str = "runner:plugin";
/// The packages of WASI 0.2 that are offered.
const WASI: [&str; 7] =
    ["wasi:cli", "wasi:clocks", "wasi:filesystem", "wasi:http", "wasi:io", "wasi:random", "wasi:sockets"];

/// What a component is and asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Surface {
    pub(crate) kind: PluginKind,
    /// Capabilities with functions it can call.
    pub(crate) requested: Vec<Capability>,
    /// All capabilities that have to be linked, also those of which it uses a type only.
    pub(crate) linked: Vec<Capability>,
    /// WASI interfaces with functions it can call, without version.
    pub(crate) wasi: Vec<String>,
    /// Whether WASI has to be linked, be it for a type only.
    pub(crate) wasi_linked: bool,
}

/// `package:name/interface@version` in parts.
struct Name<'a> {
    package: &'a str,
    interface: &'a str,
    version: &'a str,
}

impl<'a> Name<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let (path, version) = text.split_once('@').unwrap_or((text, ""));
        let (package, interface) = path.split_once('/')?;
        Some(Self { package, interface, version })
    }

    /// 0.1.x: what semantic versioning calls compatible.
    fn is_ours(&self) -> bool {
        self.version
            .strip_prefix("0.1.")
            .is_some_and(|patch| !patch.is_empty() && patch.bytes().all(|b| b.is_ascii_digit()))
    }
}

/// Reads the surface of `component`.
pub(crate) fn read(engine: &Engine, component: &Component) -> Result<Surface, LoadError> {
    let ty = component.component_type();
    let kind = kind_of(&ty.exports(engine).map(|(name, _)| name.to_owned()).collect::<Vec<_>>())?;
    let mut surface =
        Surface { kind, requested: Vec::new(), linked: Vec::new(), wasi: Vec::new(), wasi_linked: false };
    let mut unknown = Vec::new();
    for (name, item) in ty.imports(engine) {
        let functions = match &item.ty {
            ComponentItem::ComponentInstance(instance) => Some(
                instance.exports(engine).any(|(_, item)| matches!(item.ty, ComponentItem::ComponentFunc(_))),
            ),
            ComponentItem::ComponentFunc(_)
            | ComponentItem::CoreFunc(_)
            | ComponentItem::Module(_)
            | ComponentItem::Component(_)
            | ComponentItem::Type(_)
            | ComponentItem::Resource(_) => None,
        };
        match (Name::parse(name), functions) {
            (Some(parts), Some(functions)) if parts.package == PACKAGE && parts.is_ours() => {
                match Capability::from_interface(parts.interface) {
                    Some(capability) => {
                        surface.linked.push(capability);
                        if functions {
                            surface.requested.push(capability);
                        }
                    }
                    None if parts.interface == "types" => {}
                    None => unknown.push(name.to_owned()),
                }
            }
            (Some(parts), Some(functions))
                if WASI.contains(&parts.package) && parts.version.starts_with("0.2.") =>
            {
                surface.wasi_linked = true;
                if functions {
                    surface.wasi.push(format!("{}/{}", parts.package, parts.interface));
                }
            }
            _ => unknown.push(name.to_owned()),
        }
    }
    if !unknown.is_empty() {
        unknown.sort();
        return Err(LoadError::UnknownImports { imports: unknown });
    }
    surface.requested.sort();
    surface.linked.sort();
    surface.wasi.sort();
    surface.wasi.dedup();
    Ok(surface)
}

fn kind_of(exports: &[String]) -> Result<PluginKind, LoadError> {
    let mut kinds = Vec::new();
    let mut foreign = None;
    for export in exports {
        let Some(name) = Name::parse(export) else { continue };
        let kind = PluginKind::ALL.into_iter().find(|kind| kind.as_str() == name.interface);
        match kind {
            Some(kind) if name.package == PACKAGE && name.is_ours() => kinds.push(kind),
            Some(_) if name.package == PACKAGE => foreign = Some(export.clone()),
            Some(_) | None => {}
        }
    }
    match (kinds.as_slice(), foreign) {
        ([kind], _) => Ok(*kind),
        ([], Some(export)) => Err(LoadError::OtherVersion { export }),
        ([], None) => Err(LoadError::NoKind { exports: exports.to_vec() }),
        (several, _) => Err(LoadError::ManyKinds { kinds: several.to_vec() }),
    }
}
