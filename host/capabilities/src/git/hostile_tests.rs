//! Repositories that somebody has prepared: nothing they name is run, read or followed.

use std::{fs, os::unix::fs::symlink, path::Path};

use rustix::fs::{CWD, FileType, Mode, mknodat};
use serde_json::json;

use super::testing::{World, command, told};
use crate::{
    Capability, Refusal,
    host::{
        Context,
        bindings::runner::plugin::git::{Host as _, HostRepository as _},
    },
};

async fn open(context: &mut Context, path: &str) -> Result<(), String> {
    context.open(path.to_owned()).await.unwrap().map(drop).map_err(told)
}

/// What opening `.` of `world` comes to, and asking for its head.
async fn head(world: &World) -> Result<String, String> {
    let mut context = world.context(json!(["refs"]));
    let repository = context.open(".".to_owned()).await.unwrap().map_err(told)?;
    Ok(context.head(repository).await.unwrap().map_err(told)?.commit)
}

fn pipe(path: &Path) {
    mknodat(CWD, path, FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
}

/// Programs in every place from which git would run one; each leaves a mark.
fn set_traps(world: &World) {
    let mark = world.path("ran");
    let trap = world.path("trap.sh");
    fs::write(&trap, format!("#!/bin/sh\necho \"$0 $*\" >> {}\ncat\n", mark.display())).unwrap();
    let run = |args: &[&str]| {
        let done = std::process::Command::new("chmod").args(args).status().unwrap();
        assert!(done.success());
    };
    run(&["+x", trap.to_str().unwrap()]);
    for directory in ["root/.git/hooks", "hooks"] {
        fs::create_dir_all(world.path(directory)).unwrap();
        for hook in [
            "pre-push",
            "post-checkout",
            "reference-transaction",
            "post-index-change",
            "pre-auto-gc",
            "update",
            "pre-receive",
        ] {
            fs::copy(&trap, world.path(directory).join(hook)).unwrap();
        }
    }
    let trap = trap.to_str().unwrap();
    let hooks = world.path("hooks");
    for (key, value) in [
        ("core.hooksPath", hooks.to_str().unwrap()),
        ("core.fsmonitor", trap),
        ("core.sshCommand", trap),
        ("core.askPass", trap),
        ("core.editor", trap),
        ("core.pager", trap),
        ("core.gitProxy", trap),
        ("credential.helper", trap),
        ("gpg.program", trap),
        ("gpg.ssh.program", trap),
        ("gpg.format", "ssh"),
        ("tag.gpgSign", "true"),
        ("user.signingKey", trap),
        ("filter.x.clean", trap),
        ("filter.x.smudge", trap),
        ("filter.x.process", trap),
        ("filter.x.required", "true"),
        ("diff.external", trap),
        ("diff.x.textconv", trap),
        ("merge.x.driver", trap),
        ("remote.origin.uploadpack", trap),
        ("remote.origin.receivepack", trap),
        ("remote.origin.proxy", "http://127.0.0.1:1"),
        ("uploadpack.packObjectsHook", trap),
        ("sequence.editor", trap),
        ("alias.status", "!touch x"),
    ] {
        world.git("root", &["config", key, value]);
    }
}

#[tokio::test]
async fn nothing_that_a_repository_names_is_run() {
    let world = World::new();
    world.write("root/.gitattributes", "*.txt filter=x diff=x merge=x\n");
    world.git("root", &["add", "."]);
    world.git("root", &["commit", "-q", "-m", "attributes"]);
    world.git(".", &["clone", "-q", "--bare", "root", "origin.git"]);
    world.git("root", &["remote", "add", "origin", world.path("origin.git").to_str().unwrap()]);
    let first = world.git("root", &["rev-parse", "HEAD~1"]);
    set_traps(&world);
    world.write("root/a.txt", "changed, so that its content is looked at\n");
    let (mut context, at) = world
        .open(json!([
            "status", "refs", "objects", "checkout",
            { "verbs": ["tag", "fetch", "push", "remote"], "refs": ["refs/*"], "remotes": [world.path("*").to_str().unwrap()] },
        ]))
        .await;
    let changed = context.status(at()).await.unwrap().map_err(told).unwrap();
    assert_eq!(changed.len(), 1);
    world.write("root/a.txt", "a\n");
    assert_eq!(context.status(at()).await.unwrap().map_err(told).unwrap().len(), 0);
    context
        .create_tag(at(), "v1".to_owned(), "HEAD".to_owned(), "m".to_owned())
        .await
        .unwrap()
        .map_err(told)
        .unwrap();
    for reference in ["refs/tags/v1", "refs/heads/main"] {
        context
            .push(at(), "origin".to_owned(), reference.to_owned(), None)
            .await
            .unwrap()
            .map_err(told)
            .unwrap();
    }
    context.fetch(at(), "origin".to_owned(), true, None).await.unwrap().map_err(told).unwrap();
    context.checkout(at(), first).await.unwrap().map_err(told).unwrap();
    context.checkout_branch(at(), "main".to_owned()).await.unwrap().map_err(told).unwrap();
    assert!(!world.path("ran").exists(), "{}", fs::read_to_string(world.path("ran")).unwrap_or_default());
    // The traps do work: git itself walks into them.
    drop(command("git", &world.path("home")).arg("status").current_dir(world.path("root")).output().unwrap());
    assert!(world.path("ran").exists());
}

#[tokio::test]
async fn a_configuration_includes_no_other_file() {
    let world = World::new();
    let said = "failed: `.`: its configuration includes other files, which are not read here; take `include` and \
                `includeIf` out of it (`actions/checkout` adds none with `persist-credentials: false`)";
    for section in
        ["[include]\n\tpath = /etc/passwd\n", "[INCLUDE]path=x\n", "[includeIf \"gitdir:**\"]\n\tpath = x\n"]
    {
        let config = world.path("root/.git/config");
        let before = fs::read_to_string(&config).unwrap();
        fs::write(&config, format!("{before}{section}")).unwrap();
        assert_eq!(head(&world).await, Err(said.to_owned()));
        fs::write(&config, before).unwrap();
    }
    assert!(head(&world).await.is_ok());
}

#[tokio::test]
async fn lists_of_ignored_names_are_read_from_the_repository_only() {
    let world = World::new();
    world.write("ignore-all", "*\n");
    world.write("root/new.txt", "n");
    world.git("root", &["config", "core.excludesFile", world.path("ignore-all").to_str().unwrap()]);
    world.git("root", &["config", "core.attributesFile", world.path("ignore-all").to_str().unwrap()]);
    let (mut context, at) = world.open(json!(["status"])).await;
    let paths = context.status(at()).await.unwrap().map_err(told).unwrap();
    assert_eq!(paths.into_iter().map(|entry| entry.path).collect::<Vec<_>>(), ["new.txt"]);

    fs::remove_file(world.path("root/new.txt")).unwrap();
    symlink(world.path("ignore-all"), world.path("root/.gitignore")).unwrap();
    world.git("root", &["add", "-f", ".gitignore"]);
    assert_eq!(
        context.status(at()).await.unwrap().map(|_| ()).map_err(told),
        Err("failed: `.gitignore` is a link; git reads it only as a file, and so it is not read here"
            .to_owned())
    );
}

#[tokio::test]
async fn nothing_of_a_repository_leads_out_of_its_directory() {
    let refused = |what: &str| {
        vec![Refusal {
            capability: Capability::Git,
            request: "open the repository `.`".to_owned(),
            message: format!("{what} leads out of the repository's directory, where nothing of it may be"),
            grant: None,
        }]
    };
    type Spoil = fn(&World);
    let spoilt: [(&str, Spoil); 8] = [
        ("its `.git`", |world| {
            fs::rename(world.path("root/.git"), world.path("away")).unwrap();
            symlink(world.path("away"), world.path("root/.git")).unwrap();
        }),
        ("its `.git`", |world| {
            fs::rename(world.path("root/.git"), world.path("away")).unwrap();
            world.write("root/.git", &format!("gitdir: {}\n", world.path("away").display()));
        }),
        ("`.git/objects`", |world| {
            fs::rename(world.path("root/.git/objects"), world.path("away")).unwrap();
            symlink(world.path("away"), world.path("root/.git/objects")).unwrap();
        }),
        ("`.git/config`", |world| {
            fs::rename(world.path("root/.git/config"), world.path("away")).unwrap();
            symlink(world.path("away"), world.path("root/.git/config")).unwrap();
        }),
        ("`.git/refs/heads/sly`", |world| {
            world.write("away", "x");
            symlink(world.path("away"), world.path("root/.git/refs/heads/sly")).unwrap();
        }),
        ("its `objects/info/alternates`", |world| {
            fs::create_dir_all(world.path("away")).unwrap();
            world.write("root/.git/objects/info/alternates", &format!("{}\n", world.path("away").display()));
        }),
        ("its `commondir`", |world| {
            fs::create_dir_all(world.path("away")).unwrap();
            world.write("root/.git/commondir", "../../away\n");
        }),
        ("its working directory", |world| {
            fs::create_dir_all(world.path("away")).unwrap();
            world.git("root", &["config", "core.worktree", world.path("away").to_str().unwrap()]);
        }),
    ];
    for (what, spoil) in spoilt {
        let world = World::new();
        spoil(&world);
        let mut context = world.context(json!(["refs"]));
        let told = match context.open(".".to_owned()).await.unwrap() {
            Ok(repository) => context.head(repository).await.unwrap().map(drop).map_err(told),
            Err(error) => Err(told(error)),
        };
        assert_eq!(told, Err("denied".to_owned()), "{what}");
        assert_eq!(context.ledger().finish().refusals, refused(what));
    }
}

#[tokio::test]
async fn a_link_to_a_repository_needs_a_grant_for_where_it_leads() {
    let world = World::new();
    world.init("root/real");
    world.init("outside");
    symlink("real", world.path("root/inside")).unwrap();
    symlink(world.path("outside"), world.path("root/away")).unwrap();
    let mut context = world.context(json!([
        { "repository": "inside", "verbs": ["refs"] },
        { "repository": "away", "verbs": ["refs"] },
    ]));
    assert_eq!(open(&mut context, "inside").await, Err("denied".to_owned()));
    assert_eq!(open(&mut context, "away").await, Err("denied".to_owned()));
    let refusals: Vec<(String, Option<String>)> = context
        .ledger()
        .finish()
        .refusals
        .into_iter()
        .map(|refusal| (refusal.message, refusal.grant))
        .collect();
    assert_eq!(
        refusals,
        [
            (
                "`inside` leads to `real`, and none of its git rules is about `real`".to_owned(),
                Some("git: [{ repository: real, verbs: [status] }]".to_owned())
            ),
            ("it leads out of the pipeline's directory".to_owned(), None),
        ]
    );
    let mut both = world.context(json!([
        { "repository": "inside", "verbs": ["refs"] }, { "repository": "real", "verbs": ["refs"] },
    ]));
    assert_eq!(open(&mut both, "inside").await, Ok(()));
}

#[tokio::test]
async fn what_would_make_a_reader_wait_is_refused() {
    for place in ["root/.git/refs/heads/wait", "root/.git/info/exclude", "root/.git/objects/info/alternates"]
    {
        let world = World::new();
        let path = world.path(place);
        drop(fs::remove_file(&path));
        pipe(&path);
        let shown = place.strip_prefix("root/").unwrap();
        assert_eq!(
            head(&world).await,
            Err(format!(
                "failed: `.`: `{shown}` is a pipe or a device, which is nothing of git's; take it out"
            ))
        );
    }
    let world = World::new();
    fs::remove_file(world.path("root/.git/config")).unwrap();
    symlink("/dev/zero", world.path("root/.git/config")).unwrap();
    assert_eq!(head(&world).await, Err("denied".to_owned()));
}

#[tokio::test]
async fn borrowed_objects_inside_are_found_and_circles_end() {
    let world = World::new();
    let commit = world.git("root", &["rev-parse", "HEAD"]);
    fs::rename(world.path("root/.git/objects"), world.path("root/store")).unwrap();
    fs::create_dir_all(world.path("root/.git/objects/info")).unwrap();
    world.write("root/.git/objects/info/alternates", "../../store\n");
    assert_eq!(head(&world).await, Ok(commit));
    world.write("root/store/info/alternates", "../.git/objects\n");
    assert_eq!(
        head(&world).await,
        Err("failed: `.`: its `objects/info/alternates` borrow from each other".to_owned())
    );
}

#[tokio::test]
async fn rewritten_addresses_are_judged_as_what_they_become() {
    let world = World::new();
    world.git(".", &["clone", "-q", "--bare", "root", "good.git"]);
    world.git(".", &["clone", "-q", "--bare", "root", "evil.git"]);
    let (good, evil) = (world.path("good.git"), world.path("evil.git"));
    world.git("root", &["remote", "add", "origin", good.to_str().unwrap()]);
    world.git("root", &["config", &format!("url.{}.insteadOf", evil.display()), good.to_str().unwrap()]);
    let rules = json!([{ "verbs": ["push"], "remotes": [good.to_str().unwrap()], "refs": ["refs/heads/*"] }]);
    let (mut context, at) = world.open(rules).await;
    world.git("root", &["branch", "new"]);
    let push = async |context: &mut Context| {
        let pushed = context.push(at(), "origin".to_owned(), "refs/heads/new".to_owned(), None);
        pushed.await.unwrap().map_err(told)
    };
    assert_eq!(push(&mut context).await, Err("denied".to_owned()));
    // A second address for pushing is the one that counts.
    world.git("root", &["config", "--unset", &format!("url.{}.insteadOf", evil.display())]);
    world.git("root", &["config", "remote.origin.pushurl", evil.to_str().unwrap()]);
    assert_eq!(push(&mut context).await, Err("denied".to_owned()));
    world.git("root", &["config", "--unset", "remote.origin.pushurl"]);
    // What the judged address would be rewritten to is not gone to either.
    world.git("root", &["config", &format!("url.{}.insteadOf", evil.display()), good.to_str().unwrap()]);
    world.git(
        "root",
        &["config", "remote.origin.url", &format!("{}/../good.git", world.path("root").display())],
    );
    assert_eq!(
        push(&mut context).await,
        Err("failed: the repository's configuration rewrites addresses (`url.….insteadOf`), which is not done here"
            .to_owned())
    );
    assert_eq!(world.git("evil.git", &["branch", "--format", "%(refname)"]), "refs/heads/main");
}

#[tokio::test]
async fn a_remote_on_this_machine_lends_nothing_of_others() {
    let world = World::new();
    world.init("private");
    let hidden = world.commit("private", "hidden.txt");
    world.git(".", &["init", "-q", "--bare", "evil.git"]);
    let objects = world.path("private/.git/objects");
    world.write("evil.git/objects/info/alternates", &format!("{}\n", objects.display()));
    world.write("evil.git/refs/heads/main", &format!("{hidden}\n"));
    world.git("root", &["remote", "add", "origin", world.path("evil.git").to_str().unwrap()]);
    let rules = json!([{ "verbs": ["fetch"], "remotes": [world.path("evil.git").to_str().unwrap()] }]);
    let (mut context, at) = world.open(rules).await;
    let fetched = context.fetch(at(), "origin".to_owned(), true, None).await.unwrap().map_err(told);
    assert_eq!(fetched, Err("denied".to_owned()));
    assert_eq!(world.git("root", &["for-each-ref", "refs/remotes"]), "");
}

#[tokio::test]
async fn a_checkout_writes_through_no_link() {
    let world = World::new();
    fs::create_dir(world.path("away")).unwrap();
    let first = world.git("root", &["rev-parse", "HEAD"]);
    let second = world.commit("root", "sub/file.txt");
    world.git("root", &["checkout", "-q", &first]);
    symlink(world.path("away"), world.path("root/sub")).unwrap();
    let (mut context, at) = world.open(json!(["checkout"])).await;
    let done = context.checkout(at(), second).await.unwrap().map_err(told);
    assert_eq!(fs::read_dir(world.path("away")).unwrap().count(), 0);
    assert!(done.is_err_and(|told| told.starts_with("conflict: ")));
    assert_eq!(world.git("root", &["rev-parse", "HEAD"]), first);
}

#[tokio::test]
async fn a_submodule_that_is_checked_out_is_not_taken_for_clean() {
    let world = World::new();
    world.init("root/sub");
    let commit = world.commit("root/sub", "s.txt");
    world.git("root", &["update-index", "--add", "--cacheinfo", &format!("160000,{commit},sub")]);
    world.git("root", &["commit", "-q", "-m", "with a submodule"]);
    let (mut context, at) = world.open(json!(["status"])).await;
    assert_eq!(
        context.status(at()).await.unwrap().map(|_| ()).map_err(told),
        Err("failed: `sub` is a submodule that is checked out; whether it is changed is not looked at here: `git \
             submodule deinit sub` takes it out"
            .to_owned())
    );
    fs::remove_dir_all(world.path("root/sub")).unwrap();
    fs::create_dir(world.path("root/sub")).unwrap();
    assert_eq!(context.status(at()).await.unwrap().map_err(told).unwrap().len(), 0);
    world.git(
        "root",
        &[
            "update-index",
            "--cacheinfo",
            &format!("160000,{},sub", world.git("root", &["rev-parse", "HEAD"])),
        ],
    );
    let staged = context.status(at()).await.unwrap().map_err(told).unwrap();
    assert_eq!(
        staged.iter().map(|entry| (entry.path.as_str(), entry.staged)).collect::<Vec<_>>(),
        [("sub", true)]
    );
}

#[tokio::test]
async fn somebody_elses_repository_is_opened_too() {
    let world = World::new();
    for path in ["root", "root/.git"] {
        // Only root can give a directory away; for everybody else the directory is their own.
        drop(std::os::unix::fs::chown(world.path(path), Some(4321), None));
    }
    assert!(head(&world).await.is_ok());
}

#[tokio::test]
async fn the_pipelines_place_on_this_machine_is_not_told() {
    let world = World::new();
    fs::write(world.path("root/.git/HEAD"), "damaged").unwrap();
    let told = head(&world).await.unwrap_err();
    assert!(told.starts_with("failed: ") && !told.contains(world.path("root").to_str().unwrap()), "{told}");
}
