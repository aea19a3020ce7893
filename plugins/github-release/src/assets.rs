//! The files of a release.

use std::collections::BTreeSet;

use runner_notice::hexadecimal;
use runner_plugin::{Failure, Host};
use sha2::{Digest as _, Sha256};

use crate::Asset;
use crate::api::{Api, Release};

/// A file as it is going to be attached.
#[derive(Debug)]
pub(crate) struct File {
    name: String,
    kind: String,
    digest: String,
    bytes: Vec<u8>,
}

/// Reads all of them.
///
/// # Errors
///
/// What reading fails with; `invalid-config` when two have one name or one has none; `invalid-input` when one is empty,
/// which GitHub does not take.
pub(crate) fn read(assets: &[Asset], host: &Host) -> Result<Vec<File>, Failure> {
    let mut names = BTreeSet::new();
    assets
        .iter()
        .map(|asset| {
            let own = asset.path.rsplit('/').next().unwrap_or_default();
            let name = asset.name.as_deref().unwrap_or(own);
            let plain = |sign: char| sign.is_ascii_alphanumeric() || "_.-".contains(sign);
            if name.is_empty() || !name.chars().all(plain) {
                return Err(Failure::invalid_config(format!(
                    "`assets`: `{}` needs a `name` of letters, digits, `.`, `-` and `_`; nothing was released",
                    asset.path
                )));
            }
            if !names.insert(name.to_owned()) {
                return Err(Failure::invalid_config(format!(
                    "`assets`: two files are called `{name}`; nothing was released"
                )));
            }
            let bytes = host.files().read(&asset.path)?;
            if bytes.is_empty() {
                return Err(Failure::invalid_input(format!("`{}` is empty; nothing was released", asset.path)));
            }
            let kind = asset.content_type.clone().unwrap_or_else(|| "application/octet-stream".to_owned());
            let digest = format!("sha256:{}", hexadecimal(&Sha256::digest(&bytes)));
            Ok(File { name: name.to_owned(), kind, digest, bytes })
        })
        .collect()
}

/// Sends those that are not there yet, and those that are there with other bytes or only by half.
pub(crate) fn attach(api: &Api<'_>, release: &Release, files: &[File]) -> Result<(), Failure> {
    for file in files {
        if let Some(there) = release.assets.iter().find(|attached| attached.name == file.name) {
            if there.state == "uploaded" && there.digest.as_deref() == Some(file.digest.as_str()) {
                continue;
            }
            api.delete_asset(there).map_err(|failure| about(file, release, failure))?;
        }
        api.upload(release, &file.name, &file.kind, &file.bytes)
            .map_err(|failure| about(file, release, failure))?;
    }
    Ok(())
}

/// The release stands already when a file fails.
fn about(file: &File, release: &Release, failure: Failure) -> Failure {
    let message = format!("release {} is there without `{}`: {}", release.id, file.name, failure.message);
    Failure { message, ..failure }
}
