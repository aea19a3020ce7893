//! What a WASI guest opens, for the ledger.
//!
//! wasmtime serves WASI files itself, inside directories that hold what is granted and nothing else. Three of its
//! functions are linked anew in front of it: two that hand something over as a whole (the preopened directories, the environment)
//! and `open-at`. Each does what wasmtime does, and then writes down by which rule, or that there was none. What is read
//! and written on an open file is not counted, nor what needs no opening (`stat-at`, `rename-at` and the like).

use std::collections::HashMap;

use wasmtime::{
    Result, StoreContextMut,
    component::{Linker, Resource},
};
use wasmtime_wasi::{
    cli::WasiCliView as _,
    filesystem::{Descriptor, WasiFilesystemView as _},
    p2::bindings::{
        cli::environment::Host as _,
        filesystem::{
            preopens::Host as _,
            types::{DescriptorFlags, ErrorCode, HostDescriptor as _, OpenFlags, PathFlags},
        },
    },
};

use super::{Context, HasContext};
use crate::{Rule, RuleKind, filesystem::Access};

/// The version that wasmtime links; any 0.2 finds it.
const VERSION: &str = "0.2.12";

/// Which path each descriptor of a guest stands for. A number that is given out again is written over when it is.
pub(super) type Opens = HashMap<u32, String>;

type OpenAt = (Resource<Descriptor>, PathFlags, String, OpenFlags, DescriptorFlags);
type Opened = std::result::Result<Resource<Descriptor>, ErrorCode>;

/// Links the three functions over those of wasmtime.
pub(super) fn link<T: HasContext>(linker: &mut Linker<T>) -> Result<()> {
    linker.allow_shadowing(true);
    let mut preopens = linker.instance(&format!("wasi:filesystem/preopens@{VERSION}"))?;
    preopens.func_wrap("get-directories", |mut store: StoreContextMut<'_, T>, (): ()| {
        Ok((store.data_mut().context().preopened()?,))
    })?;
    let mut environment = linker.instance(&format!("wasi:cli/environment@{VERSION}"))?;
    environment.func_wrap("get-environment", |mut store: StoreContextMut<'_, T>, (): ()| {
        Ok((store.data_mut().context().environment()?,))
    })?;
    let mut types = linker.instance(&format!("wasi:filesystem/types@{VERSION}"))?;
    types.func_wrap_async(
        "[method]descriptor.open-at",
        |mut store: StoreContextMut<'_, T>, asked: OpenAt| {
            Box::new(async move { Ok((store.data_mut().context().open_at(asked).await?,)) })
        },
    )?;
    linker.allow_shadowing(false);
    Ok(())
}

impl Context {
    fn preopened(&mut self) -> Result<Vec<(Resource<Descriptor>, String)>> {
        let directories = self.filesystem().get_directories()?;
        for (descriptor, path) in &directories {
            self.opens().insert(descriptor.rep(), within("", path));
        }
        Ok(directories)
    }

    /// A guest takes its environment as a whole, so every granted variable in it counts.
    pub(super) fn environment(&mut self) -> Result<Vec<(String, String)>> {
        let environment = self.cli().get_environment()?;
        for name in self.env.granted.keys() {
            drop(self.booking().used(Rule::new(RuleKind::Env, name)));
        }
        Ok(environment)
    }

    async fn open_at(&mut self, (at, path_flags, path, open, flags): OpenAt) -> Result<Opened> {
        let below = self.opens().get(&at.rep()).cloned().unwrap_or_default();
        let asked = within(&below, &path);
        let creates = open.intersects(OpenFlags::CREATE | OpenFlags::TRUNCATE);
        let access =
            if creates || flags.contains(DescriptorFlags::WRITE) { Access::Write } else { Access::Read };
        let opened = match self.filesystem().open_at(at, path_flags, path, open, flags).await {
            Ok(descriptor) => {
                self.opens().insert(descriptor.rep(), asked.clone());
                Ok(descriptor)
            }
            Err(error) => Err(error.downcast()?),
        };
        match (self.grants.rules().filesystem.covers(access, &asked), &opened) {
            (Ok(rule), _) => drop(self.booking().used(rule)),
            // The directory above a granted file, which holds nothing else.
            (Err(_), Ok(_)) => {}
            (Err(refusal), Err(_)) => self.ledger.refuse(*refusal),
        }
        Ok(opened)
    }
}

/// `path` as seen from `below`, without `.` and `..`; wasmtime lets none of them lead out.
fn within(below: &str, path: &str) -> String {
    let mut names: Vec<&str> = below.split('/').filter(|name| !name.is_empty()).collect();
    for name in path.split('/') {
        match name {
            "" | "." => {}
            ".." => drop(names.pop()),
            name => names.push(name),
        }
    }
    names.join("/")
}
