//! The directories that runs need: for what they record, and for compiled components.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    os::unix::fs::MetadataExt as _,
    path::Path,
};

use runner_report::text::amount;
use rustix::fs::{statfs, statvfs};

use super::Finding;

/// Less is soon used up by a journal, or by one compiled interpreter.
const LITTLE: u64 = 256 << 20;

/// Whether runs can be recorded: tried with a file that is written, synced, renamed, locked and removed.
pub(super) fn state(directory: &Path) -> Finding {
    const WHAT: &str = "state";
    const HELP: &str = "use `--state-dir` with a directory on a local disk that this user may write";
    let shown = directory.display();
    let absolute = std::path::absolute(directory).unwrap_or_else(|_| directory.to_owned());
    let existing = absolute.ancestors().find(|path| path.exists()).unwrap_or(Path::new("/"));
    if let Err((doing, error)) = try_file(existing) {
        return Finding::problem(WHAT, format!("no run can be recorded in {shown}: {doing}: {error}"), HELP);
    }
    let kind = kind_of(existing);
    let (free, room) = free(existing);
    let text = format!("runs are recorded in {shown}: {kind}, {free}; sync, rename and lock work");
    match kind {
        "a network file system" => Finding::warning(
            WHAT,
            text,
            "two machines may not see each other's locks there: use a local disk, or one machine at a time",
        ),
        "memory (tmpfs)" => Finding::warning(
            WHAT,
            text,
            "what is in memory is gone after a restart: `runner resume` then has nothing to go on from",
        ),
        _ if room < LITTLE => Finding::warning(
            WHAT,
            text,
            "make room: a run stops before its next effect when its journal cannot be written",
        ),
        _ => Finding::ok(WHAT, text),
    }
}

/// What a journal does to its file; says at which step it failed.
fn try_file(directory: &Path) -> Result<(), (&'static str, io::Error)> {
    let path = directory.join(format!(".runner-doctor-{}", std::process::id()));
    let moved = path.with_extension("moved");
    let tried = (|| {
        let mut file = File::create_new(&path).map_err(|error| ("no file can be made", error))?;
        file.write_all(b"doctor\n").map_err(|error| ("a file cannot be written", error))?;
        file.sync_all().map_err(|error| ("a file cannot be brought to disk (fsync)", error))?;
        fs::rename(&path, &moved).map_err(|error| ("a file cannot be renamed", error))?;
        file.try_lock().map_err(|error| ("a file cannot be locked (flock)", error.into()))?;
        let folder = File::open(directory).map_err(|error| ("the directory cannot be read", error))?;
        folder.sync_all().map_err(|error| ("the directory cannot be brought to disk (fsync)", error))
    })();
    // One of them is there, or none.
    drop(fs::remove_file(&path));
    drop(fs::remove_file(&moved));
    tried
}

/// The directory for compiled components.
pub(super) fn cache(directory: Option<&Path>, notes: &[String]) -> Finding {
    const WHAT: &str = "cache";
    let Some(directory) = directory else {
        return Finding::warning(
            WHAT,
            "neither HOME nor XDG_CACHE_HOME is set: every run compiles its plugins anew",
            "use `--cache-dir`",
        );
    };
    if !notes.is_empty() {
        return Finding::warning(
            WHAT,
            notes.join("; "),
            "every run compiles its plugins anew; use `--cache-dir` with a directory of your own, mode 0700",
        );
    }
    let shown = directory.display();
    let found = match fs::symlink_metadata(directory) {
        Ok(found) => found,
        Err(error) => {
            return Finding::warning(
                WHAT,
                format!("{shown}: {error}"),
                "use `--cache-dir` with a directory of your own",
            );
        }
    };
    let (entries, sealed, bytes) = contents(directory);
    let (free, room) = free(directory);
    let text = format!(
        "{shown}: {entries} compiled ({}), {sealed} sealed; user {}, mode {:04o}, {free}",
        amount(bytes),
        found.uid(),
        found.mode() & 0o7777
    );
    if let Err((doing, error)) = try_file(directory) {
        return Finding::warning(
            WHAT,
            format!("{text}; {doing}: {error}"),
            "plugins that are not in it are compiled anew by every run; let this user write there, or use `--cache-dir`",
        );
    }
    if sealed < entries {
        // Cut off between the two, or put there by somebody: never used.
        return Finding::warning(WHAT, text, "what is not sealed is never used; remove it to save its room");
    }
    if room < LITTLE {
        return Finding::warning(
            WHAT,
            text,
            "make room, or remove the directory: it is filled again as needed",
        );
    }
    Finding::ok(WHAT, text)
}

/// Compiled components, those with a seal, and the bytes of all.
fn contents(directory: &Path) -> (usize, usize, u64) {
    let (mut entries, mut sealed, mut bytes) = (0, 0, 0);
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let path = entry.path();
        bytes += entry.metadata().map_or(0, |found| found.len());
        if path.extension().is_some_and(|extension| extension == "cwasm") {
            entries += 1;
            sealed += usize::from(path.with_extension("seal").is_file());
        }
    }
    (entries, sealed, bytes)
}

/// Free room in words and in bytes.
fn free(directory: &Path) -> (String, u64) {
    match statvfs(directory) {
        Ok(found) => {
            let bytes = found.f_bavail.saturating_mul(found.f_frsize);
            (format!("{} free", amount(bytes)), bytes)
        }
        Err(error) => (format!("free room not known ({error})"), u64::MAX),
    }
}

/// The sort of file system, as far as it matters here.
fn kind_of(directory: &Path) -> &'static str {
    let Ok(found) = statfs(directory) else { return "a file system that does not say what it is" };
    // From linux/magic.h. The field is signed on some machines, and all of these fit into 32 bits.
    match found.f_type as u32 {
        0x6969 | 0x517b | 0xfe53_4d42 | 0xff53_4d42 | 0x0102_1997 | 0x00c3_6400 | 0x6573_5546 => {
            "a network file system"
        }
        0x0102_1994 | 0x8584_58f6 => "memory (tmpfs)",
        0x794c_7630 => "an overlay of a container",
        _ => "a local disk",
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt as _};

    use super::{cache, contents, state, try_file};
    use crate::command::doctor::Level;

    #[test]
    fn trying_a_directory_leaves_nothing_behind() {
        let place = tempfile::tempdir().unwrap();
        try_file(place.path()).unwrap();
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 0);
        assert_eq!(try_file(&place.path().join("none")).unwrap_err().0, "no file can be made");
    }

    #[test]
    fn a_state_directory_that_cannot_be_is_a_problem() {
        let place = tempfile::tempdir().unwrap();
        fs::write(place.path().join("file"), "").unwrap();
        assert_eq!(state(&place.path().join("file/below")).level, Level::Problem);
        assert_ne!(state(&place.path().join("new/below")).level, Level::Problem);
        assert!(!place.path().join("new").exists());
    }

    #[test]
    fn a_cache_says_what_is_in_it() {
        let place = tempfile::tempdir().unwrap();
        fs::set_permissions(place.path(), fs::Permissions::from_mode(0o700)).unwrap();
        for name in ["a.cwasm", "a.seal", "b.cwasm"] {
            fs::write(place.path().join(name), "12345").unwrap();
        }
        assert_eq!(contents(place.path()), (2, 1, 15));
        let finding = cache(Some(place.path()), &[]);
        assert_eq!(finding.level, Level::Warning);
        assert!(finding.text.contains("2 compiled (15 B), 1 sealed"), "{finding:?}");
        assert_eq!(cache(None, &[]).level, Level::Warning);
        assert_eq!(cache(Some(place.path()), &["open to others".to_owned()]).text, "open to others");
    }
}
