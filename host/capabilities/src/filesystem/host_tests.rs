//! The directory as it is: links, races with links, things that are no files.

use std::{
    fs,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::Path,
};

use rustix::fs::{CWD, FileType, Mode, mknodat};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    Capability, Refusal,
    host::{
        Context,
        bindings::runner::plugin::{
            files::{DirEntry, FileKind, Host as _, Metadata},
            types::HostError,
        },
        testing::Builder,
    },
};

/// `in/` and `out/` in a directory of its own, and `secret` beside it.
fn place() -> TempDir {
    let place = tempfile::tempdir().unwrap();
    let root = place.path().join("root");
    fs::create_dir_all(root.join("in/sub")).unwrap();
    fs::create_dir_all(root.join("out")).unwrap();
    fs::write(root.join("in/a.txt"), "a").unwrap();
    fs::write(root.join("private.txt"), "private").unwrap();
    fs::write(place.path().join("secret"), "secret").unwrap();
    place
}

fn context(place: &TempDir, grants: Value) -> Context {
    Builder::new(json!({ "filesystem": grants })).directory(&place.path().join("root")).build()
}

async fn read(context: &mut Context, path: &str) -> Result<Vec<u8>, HostError> {
    context.read(path.to_owned(), None).await.unwrap()
}

async fn write(context: &mut Context, path: &str, data: &str) -> Result<(), HostError> {
    context.write(path.to_owned(), data.as_bytes().to_vec()).await.unwrap()
}

async fn remove(context: &mut Context, path: &str) -> Result<bool, HostError> {
    context.remove(path.to_owned()).await.unwrap()
}

fn unavailable<T>(text: &str) -> Result<T, HostError> {
    Err(HostError::Unavailable(text.to_owned()))
}

fn invalid<T>(text: &str) -> Result<T, HostError> {
    Err(HostError::Invalid(text.to_owned()))
}

/// Every file below `root` with its content, and where every link leads.
fn world(root: &Path) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut open = vec![root.to_owned()];
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(root).unwrap().display().to_string();
            let kind = path.symlink_metadata().unwrap().file_type();
            if kind.is_dir() {
                open.push(path);
            } else if kind.is_symlink() {
                found.push((name, format!("-> {}", fs::read_link(path).unwrap().display())));
            } else {
                found.push((name, fs::read_to_string(path).unwrap()));
            }
        }
    }
    found.sort();
    found
}

#[tokio::test]
async fn granted_files_are_read_and_written() {
    let place = place();
    let mut context = context(&place, json!({ "read": ["in/"], "write": ["out/"] }));
    assert_eq!(read(&mut context, "in/a.txt").await, Ok(b"a".to_vec()));
    assert_eq!(write(&mut context, "out/b.txt", "one").await, Ok(()));
    assert_eq!(write(&mut context, "out/b.txt", "two").await, Ok(()));
    assert_eq!(read(&mut context, "out/b.txt").await, Ok(b"two".to_vec()));
    let expected = [("in/a.txt", "a"), ("out/b.txt", "two"), ("private.txt", "private")];
    assert_eq!(
        world(&place.path().join("root")),
        expected.map(|(name, text)| (name.to_owned(), text.to_owned()))
    );
}

#[tokio::test]
async fn what_is_not_granted_is_denied_and_the_world_stays_as_it_is() {
    let place = place();
    let root = place.path().join("root");
    symlink("../private.txt", root.join("in/inside")).unwrap();
    symlink("../../secret", root.join("in/outside")).unwrap();
    symlink("/etc/passwd", root.join("in/absolute")).unwrap();
    symlink("..", root.join("in/up")).unwrap();
    symlink("../in", root.join("out/in")).unwrap();
    symlink(place.path(), root.join("out/away")).unwrap();
    let before = world(&root);
    let mut context = context(&place, json!({ "read": ["in/"], "write": ["out/"] }));
    let reads = [
        "private.txt",
        "../secret",
        "/etc/passwd",
        "in/../private.txt",
        "in/inside",
        "in/outside",
        "in/absolute",
        "in/up/private.txt",
    ];
    for path in reads {
        assert_eq!(read(&mut context, path).await, Err(HostError::Denied), "{path}");
    }
    let writes = [
        "in/a.txt",
        "in/new",
        "private.txt",
        "../secret",
        "out/in/a.txt",
        "out/away/secret",
        "out/../private.txt",
    ];
    for path in writes {
        assert_eq!(write(&mut context, path, "changed").await, Err(HostError::Denied), "{path}");
    }
    assert_eq!(world(&root), before);
    assert_eq!(fs::read_to_string(place.path().join("secret")).unwrap(), "secret");
    let refusals = context.ledger().finish().refusals;
    assert_eq!(refusals.len(), reads.len() + writes.len());
    assert_eq!(
        refusals[4..6],
        [
            Refusal {
                capability: Capability::Files,
                request: "follow `in/inside`".to_owned(),
                message: "it leads to `private.txt`, and none of its filesystem rules covers this".to_owned(),
                grant: Some("filesystem: { read: [private.txt] }".to_owned()),
            },
            Refusal {
                capability: Capability::Files,
                request: "follow `in/outside`".to_owned(),
                message: "it leads out of the pipeline's directory".to_owned(),
                grant: None,
            },
        ]
    );
}

#[tokio::test]
async fn a_link_to_what_is_granted_is_followed() {
    let place = place();
    symlink("a.txt", place.path().join("root/in/link")).unwrap();
    let mut context = context(&place, json!({ "read": ["in/"] }));
    assert_eq!(read(&mut context, "in/link").await, Ok(b"a".to_vec()));
}

#[tokio::test]
async fn writing_over_a_link_replaces_the_link() {
    let place = place();
    let root = place.path().join("root");
    symlink("../private.txt", root.join("out/link")).unwrap();
    let mut context = context(&place, json!({ "write": ["out/"] }));
    assert_eq!(write(&mut context, "out/link", "new").await, Ok(()));
    let expected = [("in/a.txt", "a"), ("out/link", "new"), ("private.txt", "private")];
    assert_eq!(world(&root), expected.map(|(name, text)| (name.to_owned(), text.to_owned())));
}

#[tokio::test]
async fn a_file_is_removed_once_and_a_link_without_what_it_leads_to() {
    let place = place();
    let root = place.path().join("root");
    fs::write(root.join("out/b.txt"), "b").unwrap();
    symlink("../private.txt", root.join("out/link")).unwrap();
    let mut context = context(&place, json!({ "read": ["in/"], "write": ["out/"] }));
    assert_eq!(remove(&mut context, "out/b.txt").await, Ok(true));
    assert_eq!(remove(&mut context, "out/b.txt").await, Ok(false));
    assert_eq!(remove(&mut context, "out/link").await, Ok(true));
    assert_eq!(remove(&mut context, "out/").await, invalid("`out/` is a directory"));
    assert_eq!(
        remove(&mut context, "out/none/x").await,
        unavailable("`out/none/x`: no such file or directory")
    );
    let expected = [("in/a.txt", "a"), ("private.txt", "private")];
    assert_eq!(world(&root), expected.map(|(name, text)| (name.to_owned(), text.to_owned())));
}

#[tokio::test]
async fn what_may_not_be_written_is_not_removed() {
    let place = place();
    let root = place.path().join("root");
    symlink("../in", root.join("out/in")).unwrap();
    symlink(place.path(), root.join("out/away")).unwrap();
    let before = world(&root);
    let mut context = context(&place, json!({ "read": ["in/"], "write": ["out/"] }));
    for path in
        ["in/a.txt", "private.txt", "../secret", "out/in/a.txt", "out/away/secret", "out/../private.txt"]
    {
        assert_eq!(remove(&mut context, path).await, Err(HostError::Denied), "{path}");
    }
    assert_eq!(world(&root), before);
    assert_eq!(fs::read_to_string(place.path().join("secret")).unwrap(), "secret");
}

#[tokio::test]
async fn a_replaced_file_keeps_its_permissions() {
    let place = place();
    let path = place.path().join("root/out/run.sh");
    fs::write(&path, "old").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o750)).unwrap();
    let mut context = context(&place, json!({ "write": ["out/"] }));
    assert_eq!(write(&mut context, "out/run.sh", "new").await, Ok(()));
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o750);
}

#[tokio::test]
async fn what_is_no_file_is_not_opened() {
    let place = place();
    let root = place.path().join("root");
    mknodat(CWD, root.join("in/fifo"), FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(root.join("in/socket")).unwrap();
    symlink("loop", root.join("in/loop")).unwrap();
    let mut context = context(&place, json!({ "read": ["in/"], "write": ["in/"] }));
    assert_eq!(read(&mut context, "in/fifo").await, invalid("`in/fifo` is not a regular file"));
    assert_eq!(read(&mut context, "in/socket").await, invalid("`in/socket` is not a regular file"));
    assert_eq!(read(&mut context, "in/sub").await, invalid("`in/sub` is a directory"));
    assert_eq!(read(&mut context, "in/gone").await, unavailable("`in/gone`: no such file or directory"));
    assert_eq!(
        read(&mut context, "in/loop").await,
        unavailable("`in/loop`: too many levels of symbolic links")
    );
    assert_eq!(write(&mut context, "in/fifo", "x").await, invalid("`in/fifo` is not a regular file"));
    assert_eq!(write(&mut context, "in/sub", "x").await, invalid("`in/sub` is a directory"));
    assert_eq!(
        write(&mut context, "in/none/x", "x").await,
        unavailable("`in/none/x`: no such file or directory")
    );
}

#[tokio::test]
async fn a_file_longer_than_allowed_is_not_read() {
    let place = place();
    fs::File::create(place.path().join("root/in/sparse")).unwrap().set_len(1 << 40).unwrap();
    let mut context = context(&place, json!({ "read": ["in/"] }));
    let budget = |text: &str| Err(HostError::BudgetExceeded(text.to_owned()));
    assert_eq!(read(&mut context, "in/sparse").await, budget("`in/sparse` is longer than 16777216 bytes"));
    let short = context.read("in/a.txt".to_owned(), Some(0)).await.unwrap();
    assert_eq!(short, budget("`in/a.txt` is longer than 0 bytes"));
    // However much a guest says it wants, it cannot have more than it could hold.
    let greedy = context.read("in/sparse".to_owned(), Some(u64::MAX)).await.unwrap();
    assert_eq!(greedy, budget("`in/sparse` is longer than 67108864 bytes"));
}

#[tokio::test]
async fn a_directory_is_listed_as_the_guest_may_see_it() {
    let place = place();
    let root = place.path().join("root");
    symlink("a.txt", root.join("in/good")).unwrap();
    symlink("../private.txt", root.join("in/private")).unwrap();
    symlink("nowhere", root.join("in/dangling")).unwrap();
    mknodat(CWD, root.join("in/fifo"), FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
    let mut context = context(&place, json!({ "read": ["in/"] }));
    let entries = context.list_dir("in/".to_owned()).await.unwrap().unwrap();
    let shown: Vec<(String, FileKind)> =
        entries.into_iter().map(|DirEntry { name, kind }| (name, kind)).collect();
    let expected = [
        ("a.txt", FileKind::File),
        ("dangling", FileKind::Other),
        ("fifo", FileKind::Other),
        ("good", FileKind::File),
        ("private", FileKind::Other),
        ("sub", FileKind::Directory),
    ];
    assert_eq!(shown, expected.map(|(name, kind)| (name.to_owned(), kind)));
    let denied = context.list_dir("out".to_owned()).await.unwrap();
    assert!(matches!(denied, Err(HostError::Denied)));
    let file = context.list_dir("in/a.txt".to_owned()).await.unwrap();
    assert!(matches!(file, Err(HostError::Invalid(text)) if text == "`in/a.txt` is not a directory"));
}

#[tokio::test]
async fn the_whole_directory_can_be_granted() {
    let place = place();
    let mut context = context(&place, json!({ "read": ["./"] }));
    assert_eq!(read(&mut context, "private.txt").await, Ok(b"private".to_vec()));
    let entries = context.list_dir(".".to_owned()).await.unwrap().unwrap();
    let names: Vec<String> = entries.into_iter().map(|entry| entry.name).collect();
    assert_eq!(names, ["in", "out", "private.txt"]);
    assert_eq!(read(&mut context, ".").await, invalid("`.` is a directory"));
}

#[tokio::test]
async fn facts_are_told_without_opening() {
    let place = place();
    let path = place.path().join("root/in/a.txt");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    let modified = std::time::UNIX_EPOCH + std::time::Duration::from_millis(1_700_000_000_123);
    fs::File::options().write(true).open(&path).unwrap().set_modified(modified).unwrap();
    let mut context = context(&place, json!({ "read": ["in/"] }));
    let facts = context.stat("in/a.txt".to_owned()).await.unwrap().unwrap().unwrap();
    let Metadata { kind, size, mode, modified } = facts;
    assert_eq!((kind, size, mode, modified), (FileKind::File, 1, 0o640, 1_700_000_000_123));
    assert!(context.stat("in/gone".to_owned()).await.unwrap().unwrap().is_none());
    assert!(matches!(context.stat("private.txt".to_owned()).await.unwrap(), Err(HostError::Denied)));
}

/// Another process turns a granted directory into a link to an ungranted one and back, as fast as it can.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_swapped_in_between_leads_nowhere() {
    let place = place();
    let root = place.path().join("root");
    fs::create_dir(root.join("closed")).unwrap();
    fs::write(root.join("closed/a.txt"), "closed").unwrap();
    fs::rename(root.join("in"), root.join("open")).unwrap();
    symlink("open", root.join("in")).unwrap();
    let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let swapper = std::thread::spawn({
        let (root, stop) = (root.clone(), std::sync::Arc::clone(&stop));
        move || {
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                for target in ["closed", "open"] {
                    symlink(target, root.join("next")).unwrap();
                    fs::rename(root.join("next"), root.join("in")).unwrap();
                }
            }
        }
    });
    let mut context = context(&place, json!({ "read": ["in/", "open/"] }));
    for _ in 0..1_000 {
        let found = read(&mut context, "in/a.txt").await;
        assert_ne!(found, Ok(b"closed".to_vec()));
    }
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    swapper.join().unwrap();
}
