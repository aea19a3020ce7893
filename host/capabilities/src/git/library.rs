//! What holds for libgit2 in the whole process, said once before it is first used.

use std::sync::OnceLock;

use git2::{ConfigLevel, opts};

use super::{call::Fault, subtransport};

/// Makes libgit2 ready: no configuration but the repository's own, and no connections but the host's own.
pub(super) fn ready() -> Result<(), Fault> {
    static READY: OnceLock<Result<(), String>> = OnceLock::new();
    let ready = READY.get_or_init(|| set_up().map_err(|error| error.message().to_owned()));
    ready.clone().map_err(|why| Fault::Failed(format!("libgit2 cannot be made ready: {why}")))
}

#[expect(
    unsafe_code,
    reason = "these settings are of the process; `ready` sets them once, before anything else calls libgit2"
)]
fn set_up() -> Result<(), git2::Error> {
    // SAFETY: the settings are not synchronised by libgit2. This is the only place that sets them, it runs once, and every
    // use of libgit2 in this process comes after it.
    unsafe {
        for level in [ConfigLevel::ProgramData, ConfigLevel::System, ConfigLevel::XDG, ConfigLevel::Global] {
            opts::set_search_path(level, "")?;
        }
        // Git asks whose a repository is because it runs what the configuration names. Nothing here does, and in a
        // container the files are often somebody else's.
        opts::set_verify_owner_validation(false)?;
        git2::transport::register(subtransport::SCHEME, subtransport::transport)?;
    }
    Ok(())
}
