//! A cache that is as it was left, and one that is not.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::{
    Loader,
    testing::{Noon, Says, gate},
};

fn component() -> Vec<u8> {
    gate(&Says::default(), &[], "", "(global.get $pass)")
}

/// Loads the component with a loader of its own, as another process would; what it had to say.
async fn loaded(cache: &Path) -> Vec<String> {
    let loader = Loader::new(Some(cache.to_owned()), Arc::new(Noon)).unwrap();
    loader.inspect_bytes(component()).await.unwrap();
    loader.notes()
}

fn only(cache: &Path, extension: &str) -> PathBuf {
    let mut found = fs::read_dir(cache)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|found| found == extension));
    let path = found.next().unwrap();
    assert_eq!(found.next(), None);
    path
}

const NO_NOTES: [String; 0] = [];

/// A cache with one component in it.
async fn filled() -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let cache = directory.path().join("cache");
    assert_eq!(loaded(&cache).await, NO_NOTES);
    (directory, cache)
}

#[tokio::test]
async fn what_was_installed_is_loaded() {
    let (_directory, cache) = filled().await;
    assert_eq!(fs::metadata(&cache).unwrap().permissions().mode() & 0o777, 0o700);
    let compiled = only(&cache, "cwasm");
    let before = fs::metadata(&compiled).unwrap().modified().unwrap();
    assert_eq!(loaded(&cache).await, NO_NOTES);
    assert_eq!(fs::metadata(&compiled).unwrap().modified().unwrap(), before);
}

#[tokio::test]
async fn one_changed_byte_is_noticed_and_mended() {
    let (_directory, cache) = filled().await;
    let compiled = only(&cache, "cwasm");
    let good = fs::read(&compiled).unwrap();
    let mut bad = good.clone();
    let middle = bad.len() / 2;
    bad[middle] ^= 1;
    fs::write(&compiled, &bad).unwrap();
    let note = format!("`{}` was not used: it was changed after it was installed", compiled.display());
    assert_eq!(loaded(&cache).await, [note]);
    assert_eq!(fs::read(&compiled).unwrap(), good);
    assert_eq!(loaded(&cache).await, NO_NOTES);
}

#[tokio::test]
async fn a_file_cut_short_is_noticed() {
    let (_directory, cache) = filled().await;
    let compiled = only(&cache, "cwasm");
    fs::File::options().write(true).open(&compiled).unwrap().set_len(100).unwrap();
    let note = format!("`{}` was not used: it was changed after it was installed", compiled.display());
    assert_eq!(loaded(&cache).await, [note]);
}

#[tokio::test]
async fn a_copied_cache_is_as_good_as_the_first() {
    let (directory, cache) = filled().await;
    let copy = directory.path().join("copy");
    fs::create_dir(&copy).unwrap();
    fs::set_permissions(&copy, fs::Permissions::from_mode(0o700)).unwrap();
    for extension in ["cwasm", "seal"] {
        let from = only(&cache, extension);
        fs::copy(&from, copy.join(from.file_name().unwrap())).unwrap();
    }
    let before = fs::read(only(&copy, "seal")).unwrap();
    assert_eq!(loaded(&copy).await, NO_NOTES);
    assert_ne!(fs::read(only(&copy, "seal")).unwrap(), before);
}

#[tokio::test]
async fn without_its_seal_a_file_is_made_anew() {
    let (_directory, cache) = filled().await;
    fs::remove_file(only(&cache, "seal")).unwrap();
    assert_eq!(loaded(&cache).await, NO_NOTES);
    only(&cache, "seal");
}

#[tokio::test]
async fn a_seal_that_is_garbage_is_noticed() {
    let (_directory, cache) = filled().await;
    fs::write(only(&cache, "seal"), "{}").unwrap();
    let compiled = only(&cache, "cwasm");
    let note = format!("`{}` was not used: its seal cannot be read", compiled.display());
    assert_eq!(loaded(&cache).await, [note]);
}

#[tokio::test]
async fn a_cache_that_others_may_write_is_left_alone() {
    let (_directory, cache) = filled().await;
    fs::set_permissions(&cache, fs::Permissions::from_mode(0o755)).unwrap();
    let note = format!("the cache `{}` is open to others (mode 755)", cache.display());
    assert_eq!(loaded(&cache).await, [note]);

    fs::set_permissions(&cache, fs::Permissions::from_mode(0o700)).unwrap();
    let compiled = only(&cache, "cwasm");
    fs::set_permissions(&compiled, fs::Permissions::from_mode(0o666)).unwrap();
    let note = format!("`{}` was not used: is open to others (mode 666)", compiled.display());
    assert_eq!(loaded(&cache).await, [note]);
}

#[tokio::test]
async fn a_cache_that_is_no_directory_is_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let (file, link) = (directory.path().join("file"), directory.path().join("link"));
    fs::write(&file, "").unwrap();
    std::os::unix::fs::symlink(directory.path(), &link).unwrap();
    assert_eq!(
        loaded(&file).await,
        [format!("the cache `{}` cannot be made: File exists (os error 17)", file.display())]
    );
    assert_eq!(loaded(&link).await, [format!("the cache `{}` is not a directory", link.display())]);
}

#[tokio::test]
async fn two_at_once_do_not_disturb_each_other() {
    let directory = tempfile::tempdir().unwrap();
    let cache = directory.path().join("cache");
    let (first, second) = tokio::join!(loaded(&cache), loaded(&cache));
    assert_eq!((first, second), (vec![], vec![]));
    assert_eq!(loaded(&cache).await, NO_NOTES);
}
