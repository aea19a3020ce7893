//! Compiled components on disk.
//!
//! What lies here is machine code that is mapped and run, so the directory must be ours and nobody else's: owned by this
//! user, mode 0700, no link. Each `<sha256 of the component>-<compiler and settings>.cwasm` has a `.seal` beside it with
//! its size, SHA-256, inode and change time, and what the plugin said about itself. The hash is computed when the file is
//! installed. On loading it is enough that inode, size and change time are still those of the seal: no user can set a
//! file's change time, so a file that was touched since shows it. If only they differ (the cache was copied, say), the
//! hash decides.
//!
//! A cache that is full, read-only, altered or foreign is no reason to stop: the component is compiled, and a note says
//! why that was needed.

use std::{
    fs::{self, File, Metadata, OpenOptions},
    hash::{DefaultHasher, Hash as _, Hasher as _},
    io::{self, Read as _, Write as _},
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

use runner_model::Digest;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use wasmtime::{Engine, component::Component};

use crate::manifest::Said;

/// The directory.
pub(crate) struct Cache {
    directory: PathBuf,
}

/// What a compiled component was when it was installed, and what it said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Seal {
    #[serde(flatten)]
    facts: Facts,
    /// None until it was asked.
    said: Option<Said>,
}

/// By these a file is known again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Facts {
    sha256: Digest,
    size: u64,
    inode: u64,
    changed: (i64, i64),
}

/// What the cache had.
pub(crate) struct Found {
    pub(crate) component: Component,
    pub(crate) said: Option<Said>,
}

impl Cache {
    /// Uses `directory`, which is made if it does not exist.
    ///
    /// # Errors
    ///
    /// Why it is not fit to hold code that is going to be run.
    pub(crate) fn open(directory: &Path) -> Result<Self, String> {
        let shown = directory.display();
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(directory)
            .map_err(|error| format!("the cache `{shown}` cannot be made: {error}"))?;
        let found =
            fs::symlink_metadata(directory).map_err(|error| format!("the cache `{shown}`: {error}"))?;
        if !found.is_dir() {
            return Err(format!("the cache `{shown}` is not a directory"));
        }
        check_owner(&found, 0o077).map_err(|why| format!("the cache `{shown}` {why}"))?;
        Ok(Self { directory: directory.to_owned() })
    }

    /// The compiled component for `wasm`, if it is here and untouched.
    ///
    /// # Errors
    ///
    /// It is here and must not be used; why.
    pub(crate) fn load(&self, engine: &Engine, wasm: &Digest) -> Result<Option<Found>, String> {
        let path = self.path(engine, wasm);
        match self.verified(&path) {
            Ok(Some(seal)) => match map(engine, &path) {
                Ok(component) => Ok(Some(Found { component, said: seal.said })),
                Err(error) => Err(format!("`{}` was not used: {error:#}", path.display())),
            },
            Ok(None) => Ok(None),
            Err(why) => Err(format!("`{}` was not used: {why}", path.display())),
        }
    }

    /// Keeps a compiled component.
    ///
    /// # Errors
    ///
    /// Why it was not kept.
    pub(crate) fn install(&self, engine: &Engine, wasm: &Digest, compiled: &[u8]) -> Result<(), String> {
        let path = self.path(engine, wasm);
        self.write(&path, compiled)
            .and_then(|()| {
                let sha256 = Digest::from_sha256(&Sha256::digest(compiled).into());
                Ok(Seal { facts: facts(&fs::symlink_metadata(&path)?, &sha256), said: None })
            })
            .and_then(|seal| self.seal(&path, &seal))
            .map_err(|error| format!("`{}` was not kept: {error}", path.display()))
    }

    /// Keeps what the plugin said about itself beside its component. If that cannot be, it is asked again next time.
    pub(crate) fn remember(&self, engine: &Engine, wasm: &Digest, said: &Said) {
        let path = self.path(engine, wasm);
        if let Ok(Some(seal)) = self.verified(&path) {
            drop(self.seal(&path, &Seal { said: Some(said.clone()), ..seal }));
        }
    }

    fn path(&self, engine: &Engine, wasm: &Digest) -> PathBuf {
        let mut hasher = DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut hasher);
        self.directory.join(format!("{}-{:016x}.cwasm", wasm.hex(), hasher.finish()))
    }

    /// The seal of a file that is here, ours and as it was installed.
    fn verified(&self, path: &Path) -> Result<Option<Seal>, String> {
        let missing = |error: &io::Error| error.kind() == io::ErrorKind::NotFound;
        let found = match fs::symlink_metadata(path) {
            Ok(found) => found,
            Err(error) if missing(&error) => return Ok(None),
            Err(error) => return Err(error.to_string()),
        };
        if !found.is_file() {
            return Err("it is not a regular file".to_owned());
        }
        check_owner(&found, 0o022)?;
        let seal = match fs::read(seal_of(path)) {
            Ok(text) => {
                serde_json::from_slice::<Seal>(&text).map_err(|_| "its seal cannot be read".to_owned())?
            }
            // The runner was stopped between the two.
            Err(error) if missing(&error) => return Ok(None),
            Err(error) => return Err(error.to_string()),
        };
        let sealed = &seal.facts;
        if *sealed == facts(&found, &sealed.sha256) {
            return Ok(Some(seal));
        }
        if sealed.size != found.size() || hash(path).map_err(|error| error.to_string())? != sealed.sha256 {
            return Err("it was changed after it was installed".to_owned());
        }
        // Copied, with the right content: sealed anew, so that the next load is quick again.
        let seal = Seal { facts: facts(&found, &sealed.sha256), said: seal.said };
        drop(self.seal(path, &seal));
        Ok(Some(seal))
    }

    fn seal(&self, path: &Path, seal: &Seal) -> io::Result<()> {
        self.write(&seal_of(path), &serde_json::to_vec(seal)?)
    }

    /// Writes beside `path`, to disk, and renames over: what is mapped already stays as it is.
    fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        static COUNTER: AtomicU64 = AtomicU64::new(0);
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        let temporary = self.directory.join(format!(".{}-{number}.tmp", std::process::id()));
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
        let written =
            file.write_all(bytes).and_then(|()| file.sync_all()).and_then(|()| fs::rename(&temporary, path));
        if written.is_err() {
            drop(fs::remove_file(&temporary));
        }
        written
    }
}

#[expect(
    unsafe_code,
    reason = "maps compiled code; `verified` has just found it to be what this user's runner installed"
)]
fn map(engine: &Engine, path: &Path) -> wasmtime::Result<Component> {
    // SAFETY: the file was made by the compiler and its hash was taken then. The directory belongs to this user and is
    // closed to others (`Cache::open`), the file too, and neither its inode nor its change time has moved since
    // (`Cache::verified`); it is never written in place (`Cache::write`). Other versions and settings have other names,
    // and wasmtime checks them again.
    unsafe { Component::deserialize_file(engine, path) }
}

/// The component that the compiler has just made, where there is no file to map.
#[expect(
    unsafe_code,
    reason = "runs compiled code; it has just come from the compiler and was nowhere in between"
)]
pub(crate) fn copied(engine: &Engine, compiled: &[u8]) -> wasmtime::Result<Component> {
    // SAFETY: callers pass what `Compiler::compile` returned, which is held in memory only.
    unsafe { Component::deserialize(engine, compiled) }
}

fn check_owner(found: &Metadata, closed: u32) -> Result<(), String> {
    let own = rustix::process::geteuid().as_raw();
    if found.uid() != own {
        return Err(format!("belongs to user {}, not to {own}", found.uid()));
    }
    if found.mode() & closed != 0 {
        return Err(format!("is open to others (mode {:o})", found.mode() & 0o777));
    }
    Ok(())
}

fn seal_of(path: &Path) -> PathBuf {
    path.with_extension("seal")
}

fn facts(found: &Metadata, sha256: &Digest) -> Facts {
    Facts {
        sha256: sha256.clone(),
        size: found.size(),
        inode: found.ino(),
        changed: (found.ctime(), found.ctime_nsec()),
    }
}

fn hash(path: &Path) -> io::Result<Digest> {
    let mut file = File::open(path)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(Digest::from_sha256(&hasher.finalize().into())),
            read => hasher.update(&buffer[..read]),
        }
    }
}
