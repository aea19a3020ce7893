//! Real programs: what they are given, what they cannot do, and that nothing of them is left.

use std::{
    collections::BTreeMap,
    fs,
    io::Write as _,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use proptest::prelude::*;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{Programs, words::for_shell};
use crate::{
    Capability, Machine, Refusal, Rule, RuleKind, Use,
    host::{
        Context,
        bindings::runner::plugin::{
            command::{Completion, Ending, Host as _, Invocation, SecretVariable, Variable},
            secrets::Host as _,
            types::HostError,
        },
        testing::Builder,
    },
};

/// What every program has.
const PATH: &str = "PATH=/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin";

fn builder(place: &TempDir, rules: Value) -> Builder {
    Builder::new(json!({ "command": rules })).directory(place.path())
}

fn place() -> TempDir {
    tempfile::tempdir().unwrap()
}

fn invocation(program: &str, args: &[&str]) -> Invocation {
    Invocation {
        program: program.to_owned(),
        args: args.iter().map(|arg| (*arg).to_owned()).collect(),
        env: Vec::new(),
        secret_env: Vec::new(),
        stdin: Vec::new(),
        directory: None,
        timeout_ms: None,
        max_bytes: None,
    }
}

fn variable(name: &str, value: &str) -> Variable {
    Variable { name: name.to_owned(), value: value.to_owned() }
}

/// Ending, standard output and standard error.
type Came = (String, String, String);

fn came(completion: Completion) -> Came {
    let ending = match completion.ending {
        Ending::Exited(code) => format!("exit {code}"),
        Ending::Signalled(signal) => format!("signal {signal}"),
    };
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (ending, text(completion.stdout), text(completion.stderr))
}

async fn run(context: &mut Context, invocation: Invocation) -> Result<Came, HostError> {
    context.run(invocation).await.unwrap().map(came)
}

/// A shell with a free script: what no pipeline should grant is handy here.
async fn script(context: &mut Context, text: &str) -> Result<Came, HostError> {
    run(context, invocation("sh", &["-c", text])).await
}

fn shell(place: &TempDir) -> Context {
    builder(place, json!([{ "program": "sh", "args": ["-c", "**"] }])).build()
}

fn exited(code: i32, stdout: &str, stderr: &str) -> Result<Came, HostError> {
    Ok((format!("exit {code}"), stdout.to_owned(), stderr.to_owned()))
}

/// Waits until `found` gives something.
async fn eventually<T>(what: &str, mut found: impl FnMut() -> Option<T>) -> T {
    for _ in 0..2_000 {
        if let Some(value) = found() {
            return value;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{what} never happened");
}

/// The process whose number a script has written into a file, once it is there.
async fn noted(path: &Path) -> i32 {
    eventually("a number in a file", || {
        let text = fs::read_to_string(path).ok()?;
        text.strip_suffix('\n')?.parse().ok()
    })
    .await
}

fn is_alive(process: i32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{process}/stat"));
    // A dead one that nobody has reaped yet is `Z`.
    stat.is_ok_and(|stat| stat.rsplit(')').next().is_some_and(|rest| !rest.trim_start().starts_with('Z')))
}

async fn dies(process: i32) {
    eventually("the end of a process", || (!is_alive(process)).then_some(())).await;
}

#[tokio::test]
async fn a_program_reads_its_input_and_tells_its_output_and_code() {
    let place = place();
    let mut context = builder(&place, json!([{ "program": "sh", "args": ["-c", "*"] }])).build();
    let text = "cat; echo bad >&2; exit 3";
    let given = Invocation { stdin: b"in\n".to_vec(), ..invocation("sh", &["-c", text]) };
    assert_eq!(run(&mut context, given).await, exited(3, "in\n", "bad\n"));
    let uses = context.ledger().finish().uses;
    let rule = Rule { grant: RuleKind::Command, rule: "sh -c *".to_owned() };
    let noon = 43_200_000;
    assert_eq!(uses, [Use { rule, count: 1, sent: 3, received: 7, first_ms: noon, last_ms: noon }]);
}

#[tokio::test]
async fn a_signal_is_told_apart_from_a_code() {
    let place = place();
    let killed = script(&mut shell(&place), "kill -TERM $$").await;
    assert_eq!(killed, Ok(("signal 15".to_owned(), String::new(), String::new())));
}

#[tokio::test]
async fn input_that_nobody_reads_holds_nothing_up() {
    let place = place();
    let mut context = builder(&place, json!([{ "program": "true" }])).build();
    let given = Invocation { stdin: vec![b'x'; 4 << 20], ..invocation("true", &[]) };
    assert_eq!(run(&mut context, given).await, exited(0, "", ""));
}

#[tokio::test]
async fn what_is_not_granted_is_not_run() {
    let place = place();
    let rules = json!([{ "program": "touch", "args": ["granted"], "env": ["LANG"] }]);
    let mut context = builder(&place, rules).build();
    let tries = [
        invocation("/usr/bin/touch", &["granted"]),
        invocation("touch", &["other"]),
        invocation("touch", &["granted", "other"]),
        invocation("touch", &[]),
        invocation("sh", &["-c", "touch granted"]),
        Invocation { env: vec![variable("LD_PRELOAD", "/x.so")], ..invocation("touch", &["granted"]) },
        Invocation { env: vec![variable("PATH", ".")], ..invocation("touch", &["granted"]) },
        Invocation { directory: Some("..".to_owned()), ..invocation("touch", &["granted"]) },
    ];
    let count = tries.len();
    for given in tries {
        assert_eq!(run(&mut context, given).await, Err(HostError::Denied));
    }
    assert_eq!(fs::read_dir(place.path()).unwrap().count(), 0);
    let record = context.ledger().finish();
    assert_eq!((record.refusals.len(), record.uses), (count, vec![]));
}

/// Arguments are words, whatever stands in them.
#[tokio::test]
async fn no_shell_looks_at_arguments() {
    let place = place();
    let mut context = builder(&place, json!([{ "program": "printf", "args": ["[%s]", "**"] }])).build();
    let words =
        ["; touch x", "$(touch x)", "`touch x`", "a\ntouch x", "| touch x", "> x", "'", "\"", "*", "~", ""];
    let mut args = vec!["[%s]"];
    args.extend(words);
    let expected: String = words.map(|word| format!("[{word}]")).concat();
    assert_eq!(run(&mut context, invocation("printf", &args)).await, exited(0, &expected, ""));
    assert_eq!(fs::read_dir(place.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn a_program_has_the_variables_of_its_rule_and_no_others() {
    let place = place();
    let rules = json!([{ "program": "env", "env": ["GIVEN", "HOSTS", "BOTH", "NOWHERE"] }]);
    let host = [("HOSTS", "host"), ("BOTH", "host"), ("OTHER", "host"), ("HOME", "/root")];
    let env = host.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    let mut context = builder(&place, rules).programs(Programs { env, ..Programs::default() }).build();
    let env = vec![variable("GIVEN", "a b"), variable("BOTH", "own")];
    let (ending, stdout, _) = run(&mut context, Invocation { env, ..invocation("env", &[]) }).await.unwrap();
    let mut lines: Vec<&str> = stdout.lines().collect();
    lines.sort_unstable();
    assert_eq!((ending.as_str(), lines), ("exit 0", vec!["BOTH=own", "GIVEN=a b", "HOSTS=host", PATH]));
}

#[tokio::test]
async fn a_secret_reaches_the_program_and_not_the_plugin() {
    let place = place();
    let rules = json!([{ "program": "sh", "args": ["-c", "*"], "env": ["TOKEN"] }]);
    let mut context = Builder::new(json!({ "command": rules, "secrets": ["key"] }))
        .directory(place.path())
        .secret("key", b"correct horse")
        .build();
    let handle = context.get("key".to_owned()).unwrap().unwrap();
    let (value, rep) = (handle, |context: &mut Context| context.get("key".to_owned()).unwrap().unwrap());
    let secret_env = vec![SecretVariable { name: "TOKEN".to_owned(), value }];
    let text = r#"echo "${#TOKEN} $TOKEN"; printf %s "$TOKEN" | base64 >&2"#;
    let given = Invocation { secret_env, ..invocation("sh", &["-c", text]) };
    assert_eq!(run(&mut context, given).await, exited(0, "13 ***\n", "***==\n"));
    // Cut off in the middle of the secret, its first half does not come out either.
    let value = rep(&mut context);
    let secret_env = vec![SecretVariable { name: "TOKEN".to_owned(), value }];
    let given =
        Invocation { secret_env, max_bytes: Some(9), ..invocation("sh", &["-c", "echo \"is $TOKEN\""]) };
    assert_eq!(run(&mut context, given).await, exited(0, "is ", ""));
}

#[tokio::test]
async fn output_without_end_is_cut_off_and_said() {
    let place = place();
    let mut context = shell(&place);
    let text = "head -c 3000000 /dev/zero; echo late; echo late >&2";
    let given = Invocation { max_bytes: Some(1000), ..invocation("sh", &["-c", text]) };
    let completion = context.run(given).await.unwrap().unwrap();
    assert_eq!((completion.stdout, completion.stderr, completion.truncated), (vec![0; 1000], vec![], true));
    let whole = context.run(invocation("sh", &["-c", "head -c 300000 /dev/zero"])).await.unwrap().unwrap();
    assert_eq!((whole.stdout, whole.truncated), (vec![0; 300_000], false));
}

#[tokio::test]
async fn a_program_that_is_too_slow_is_killed_with_its_children() {
    let place = place();
    let (child, own) = (place.path().join("child"), place.path().join("own"));
    let text = "trap '' TERM HUP; echo $$ > own; (trap '' TERM HUP; sleep 600) & echo $! > child; wait";
    let mut context = shell(&place);
    let given = Invocation { timeout_ms: Some(3000), ..invocation("sh", &["-c", text]) };
    assert_eq!(run(&mut context, given).await, Err(HostError::TimedOut));
    dies(noted(&own).await).await;
    dies(noted(&child).await).await;
}

#[tokio::test]
async fn the_deadline_of_the_step_counts_too() {
    let place = place();
    let rules = json!([{ "program": "sleep", "args": ["600"] }]);
    let mut context = builder(&place, rules).deadline(Duration::from_millis(300)).build();
    assert_eq!(run(&mut context, invocation("sleep", &["600"])).await, Err(HostError::TimedOut));
}

#[tokio::test]
async fn a_call_that_is_given_up_leaves_nothing_running() {
    let place = place();
    let mut context = shell(&place);
    let text = "sleep 600 & echo $! > child.new; mv child.new child; wait";
    let call = tokio::spawn(async move { script(&mut context, text).await });
    let child = noted(&place.path().join("child")).await;
    assert!(is_alive(child));
    call.abort();
    dies(child).await;
}

#[tokio::test]
async fn a_child_left_behind_ends_with_the_program() {
    let place = place();
    let text = "sleep 600 & echo $! > child; echo done";
    assert_eq!(script(&mut shell(&place), text).await, exited(0, "done\n", ""));
    dies(noted(&place.path().join("child")).await).await;
}

#[tokio::test]
async fn a_child_that_holds_the_pipes_from_elsewhere_holds_nobody_up() {
    let place = place();
    let left = "until [ \"$(cut -d' ' -f6 /proc/$!/stat)\" = $! ]; do :; done";
    let text = format!("setsid sleep 600 & echo $! > child; {left}; echo done");
    assert_eq!(script(&mut shell(&place), &text).await, exited(0, "done\n", ""));
    let child = noted(&place.path().join("child")).await;
    // What has left the group on purpose lives on.
    assert!(is_alive(child));
    kill_process(Pid::from_raw(child).unwrap(), Signal::KILL).unwrap();
    dies(child).await;
}

#[tokio::test]
async fn a_program_starts_where_its_rule_says() {
    let place = place();
    let root = place.path().canonicalize().unwrap();
    fs::create_dir_all(root.join("deploy/sub")).unwrap();
    fs::create_dir_all(root.join("src")).unwrap();
    symlink("sub", root.join("deploy/good")).unwrap();
    symlink("../src", root.join("deploy/inside")).unwrap();
    symlink("/tmp", root.join("deploy/outside")).unwrap();
    let rules = json!([{ "program": "pwd", "args": ["-P"], "directory": "deploy/" }, { "program": "pwd", "args": ["-P"] }]);
    let mut context = builder(&place, rules).build();
    let at = |path: &str| Invocation { directory: Some(path.to_owned()), ..invocation("pwd", &["-P"]) };
    let shown = |path: &str| exited(0, &format!("{}\n", root.join(path).display()), "");
    assert_eq!(run(&mut context, at("deploy/sub")).await, shown("deploy/sub"));
    assert_eq!(run(&mut context, at("deploy/good")).await, shown("deploy/sub"));
    let here = exited(0, &format!("{}\n", root.display()), "");
    assert_eq!(run(&mut context, invocation("pwd", &["-P"])).await, here);
    let gone = HostError::Unavailable("`deploy/gone`: no such file or directory; nothing was run".to_owned());
    assert_eq!(run(&mut context, at("deploy/gone")).await, Err(gone));
    for path in ["deploy/inside", "deploy/outside", "src"] {
        assert_eq!(run(&mut context, at(path)).await, Err(HostError::Denied), "{path}");
    }
    let refused = |path: &str, message: &str| Refusal {
        capability: Capability::Command,
        request: format!("start in `{path}`"),
        message: message.to_owned(),
        grant: None,
    };
    assert_eq!(
        context.ledger().finish().refusals[..2],
        [
            refused("deploy/inside", "it leads to `src`, which is not in the rule's `directory`"),
            refused("deploy/outside", "it leads out of the pipeline's directory"),
        ]
    );
}

/// Written by another process: whoever forks meanwhile would hold it open for writing, and then it cannot be started.
fn executable(path: &Path, text: &str) {
    let mut writer = Command::new("/bin/sh")
        .args(["-c", "cat > \"$0\" && chmod 755 \"$0\""])
        .arg(path)
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    writer.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    assert!(writer.wait().unwrap().success());
}

#[tokio::test]
async fn a_program_of_the_pipelines_directory_is_not_run() {
    let place = place();
    let elsewhere = tempfile::tempdir().unwrap();
    let (inside, link) = (place.path().join("tool"), elsewhere.path().join("tool"));
    executable(&inside, "#!/bin/sh\ntouch run\n");
    symlink(&inside, &link).unwrap();
    let rules = json!([{ "program": inside }, { "program": link }]);
    let mut context = builder(&place, rules).build();
    for path in [&inside, &link] {
        let given = invocation(path.to_str().unwrap(), &[]);
        assert_eq!(run(&mut context, given).await, Err(HostError::Denied));
    }
    assert!(!place.path().join("run").exists());
    let message = "it lies in the pipeline's directory, where plugins may write".to_owned();
    assert_eq!(context.ledger().finish().refusals[0].message, message);
}

#[tokio::test]
async fn a_name_is_not_looked_for_in_the_pipelines_directory() {
    let place = place();
    executable(&place.path().join("ch-tool"), "#!/bin/sh\ntouch run\n");
    let plain = place.path().join("plain");
    fs::write(&plain, "no program").unwrap();
    fs::set_permissions(&plain, fs::Permissions::from_mode(0o644)).unwrap();
    let rules = json!([{ "program": "ch-tool" }, { "program": plain }, { "program": "/ch/none" }]);
    let mut context = builder(&place, rules).build();
    let missing = |name: &str, hint: &str| {
        Err(HostError::Unavailable(format!("there is no program `{name}`{hint}; nothing was run")))
    };
    let hint = " in the directories of the system";
    assert_eq!(run(&mut context, invocation("ch-tool", &[])).await, missing("ch-tool", hint));
    let path = plain.to_str().unwrap();
    assert_eq!(run(&mut context, invocation(path, &[])).await, missing(path, ""));
    assert_eq!(run(&mut context, invocation("/ch/none", &[])).await, missing("/ch/none", ""));
    assert!(!place.path().join("run").exists());
}

#[tokio::test]
async fn words_that_no_system_takes_are_invalid() {
    let place = place();
    let rules = json!([{ "program": "true", "args": ["**"], "env": ["A"] }]);
    let mut context = builder(&place, rules).build();
    let twice = vec![variable("A", "1"), variable("A", "2")];
    let invalid = |text: &str| Err(HostError::Invalid(format!("{text}; nothing was run")));
    assert_eq!(
        run(&mut context, invocation("true", &["a\0b"])).await,
        invalid("an argument or a variable holds a NUL")
    );
    assert_eq!(
        run(&mut context, Invocation { env: twice, ..invocation("true", &[]) }).await,
        invalid("the variable `A` is there twice")
    );
    assert_eq!(
        run(&mut context, invocation("true", &[&"x".repeat(131_073)])).await,
        invalid("arguments and variables are longer than 131072 bytes together")
    );
}

/// An `ssh` that notes its arguments and variables, and runs its last argument as the other side's shell would.
fn fake_ssh(elsewhere: &TempDir) -> PathBuf {
    let path = elsewhere.path().join("ssh");
    let notes = elsewhere.path().display();
    let text = format!(
        "#!/bin/sh\nprintf '%s\\n' \"$@\" > {notes}/args\nenv > {notes}/env\nfor last; do :; done\nHOME={notes} exec sh -c \"$last\"\n"
    );
    executable(&path, &text);
    path
}

fn target(elsewhere: &TempDir, place: &TempDir, rules: Value, workdir: Option<&str>) -> Builder {
    let machine =
        Machine { ssh: Some("vps".to_owned()), workdir: workdir.map(str::to_owned), ..Machine::default() };
    let env = BTreeMap::from([("HOSTS".to_owned(), "it's".to_owned())]);
    let ssh_env = BTreeMap::from([("SSH_AUTH_SOCK".to_owned(), "/agent".to_owned())]);
    let programs = Programs { env, ssh_env, ssh: Some(fake_ssh(elsewhere)) };
    Builder::new(json!({ "command": rules, "secrets": ["key"] }))
        .directory(place.path())
        .secret("key", b"correct\n'horse'")
        .machine(machine)
        .programs(programs)
}

#[tokio::test]
async fn a_command_of_a_target_goes_through_ssh_with_every_word_as_it_is() {
    let (place, elsewhere) = (place(), place());
    let work = elsewhere.path().join("it's work");
    fs::create_dir_all(work.join("sub")).unwrap();
    let rules = json!([{ "program": "sh", "args": ["-c", "*", "**"], "on": "target", "env": ["GIVEN", "TOKEN", "HOSTS"], "directory": "./" }]);
    let mut context = target(&elsewhere, &place, rules, work.to_str()).build();
    let value = context.get("key".to_owned()).unwrap().unwrap();
    let text = r#"pwd; printf '[%s]' "$0" "$@" "$GIVEN" "$HOSTS" "${#TOKEN}" "$TOKEN"; cat"#;
    let given = Invocation {
        stdin: b"input $(x)\n".to_vec(),
        env: vec![variable("GIVEN", "$(touch x); '\n")],
        secret_env: vec![SecretVariable { name: "TOKEN".to_owned(), value }],
        directory: Some("sub".to_owned()),
        ..invocation("sh", &["-c", text, "; touch x", "$(touch x)", "a\nb", "-oProxyCommand=touch x", "'"])
    };
    let expected = format!(
        "{}\n[; touch x][$(touch x)][a\nb][-oProxyCommand=touch x]['][$(touch x); '\n][it's][15][***]input $(x)\n",
        work.join("sub").display()
    );
    assert_eq!(run(&mut context, given).await, exited(0, &expected, ""));
    let args = fs::read_to_string(elsewhere.path().join("args")).unwrap();
    let options = "-T\n-oBatchMode=yes\n-oConnectTimeout=10\n-oClearAllForwardings=yes\n-oControlMaster=no\n-oLogLevel=ERROR\n--\nvps\n";
    assert_eq!(&args[..options.len()], options);
    // No value of a variable stands on a command line.
    assert!(!args.contains("horse") && !args.contains("it'\\''s]"), "{args}");
    let env = fs::read_to_string(elsewhere.path().join("env")).unwrap();
    let mut lines: Vec<&str> =
        env.lines().filter(|line| !line.starts_with("PWD=") && !line.starts_with("_=")).collect();
    lines.sort_unstable();
    assert_eq!(lines, [PATH, "SSH_AUTH_SOCK=/agent"]);
    assert_eq!((fs::read_dir(place.path()).unwrap().count(), work.join("sub/x").exists()), (0, false));
}

#[tokio::test]
async fn what_ssh_cannot_do_is_no_answer_of_the_program() {
    let (place, elsewhere) = (place(), place());
    let rules = json!([
        { "program": "sh", "args": ["-c", "*"], "on": "target", "directory": "./" },
        { "program": "ch-none", "on": "target" },
    ]);
    let mut context = target(&elsewhere, &place, rules, Some("/")).build();
    let unreachable = |why: &str| {
        Err(HostError::Unavailable(format!("the target, or the program there, cannot be reached: {why}")))
    };
    let failing = "echo 'ssh: connect to host vps: Connection refused' >&2; exit 255";
    assert_eq!(
        run(&mut context, invocation("sh", &["-c", failing])).await,
        unreachable("ssh: connect to host vps: Connection refused")
    );
    assert_eq!(
        run(&mut context, invocation("ch-none", &[])).await,
        unreachable("there is no program ch-none")
    );
    assert_eq!(run(&mut context, invocation("sh", &["-c", "exit 254"])).await, exited(254, "", ""));
    let lost = Invocation { directory: Some("ch-gone".to_owned()), ..invocation("sh", &["-c", "touch x"]) };
    let answer = run(&mut context, lost).await;
    assert!(
        matches!(&answer, Err(HostError::Unavailable(text)) if text.contains("cannot be reached") && text.contains("ch-gone")),
        "{answer:?}"
    );
}

#[tokio::test]
async fn a_command_of_a_target_is_killed_as_a_whole() {
    let (place, elsewhere) = (place(), place());
    let rules = json!([{ "program": "sh", "args": ["-c", "*"], "on": "target" }]);
    let work = elsewhere.path().to_str().map(str::to_owned);
    let mut context = target(&elsewhere, &place, rules, work.as_deref()).build();
    let text = "sleep 600 & echo $! > child; wait";
    let given = Invocation { timeout_ms: Some(3000), ..invocation("sh", &["-c", text]) };
    assert_eq!(run(&mut context, given).await, Err(HostError::TimedOut));
    dies(noted(&elsewhere.path().join("child")).await).await;
}

#[tokio::test]
async fn a_target_without_ssh_is_this_machine_or_out_of_reach() {
    let (place, elsewhere) = (place(), place());
    let rules =
        json!([{ "program": "pwd", "args": ["-P"], "on": "target" }, { "program": "pwd", "args": ["-P"] }]);
    let workdir = elsewhere.path().canonicalize().unwrap();
    let machine = Machine { workdir: Some(workdir.display().to_string()), ..Machine::default() };
    let local = json!([rules[0]]);
    let mut context = builder(&place, local.clone()).machine(machine).build();
    assert_eq!(
        run(&mut context, invocation("pwd", &["-P"])).await,
        exited(0, &format!("{}\n", workdir.display()), "")
    );
    let machine = Machine { docker: "tcp://10.0.0.1:2376".parse().unwrap(), ..Machine::default() };
    let mut context = builder(&place, local.clone()).machine(machine).build();
    let text = "the target is reached at tcp://10.0.0.1:2376 only, and commands need `ssh`; nothing was run";
    assert_eq!(
        run(&mut context, invocation("pwd", &["-P"])).await,
        Err(HostError::Unavailable(text.to_owned()))
    );
    let machine = Machine { ssh: Some("-oProxyCommand=touch x".to_owned()), ..Machine::default() };
    let mut context = builder(&place, local).machine(machine).build();
    assert_eq!(
        run(&mut context, invocation("pwd", &["-P"])).await,
        Err(HostError::Invalid(
            "`-oProxyCommand=touch x` is not the name of a machine; nothing was run".to_owned()
        ))
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// Whatever a word holds, a shell reads it back as that one word.
    #[test]
    fn a_quoted_word_is_one_word_for_a_shell(words in proptest::collection::vec(proptest::collection::vec(1u8.., 0..20), 0..5)) {
        let mut script = b"printf '%s\\0' ".to_vec();
        for word in &words {
            script.push(b' ');
            script.extend_from_slice(&for_shell(word));
        }
        let script = std::os::unix::ffi::OsStringExt::from_vec(script);
        let output = Command::new("/bin/sh").arg("-c").arg::<std::ffi::OsString>(script).output().unwrap();
        let mut expected: Vec<u8> = words.iter().flat_map(|word| [word, &b"\0"[..]].concat()).collect();
        if words.is_empty() {
            expected.push(0);
        }
        prop_assert_eq!(output.stdout, expected);
    }
}
