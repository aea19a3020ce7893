use insta::assert_snapshot;

use crate::testing::Pipeline;

#[test]
fn nothing_changes_the_world_once_the_verdict_is_known() {
    let text = "steps: { a: { uses: action } }\nfinally: { b: { uses: proxy }, c: { uses: gate }, d: { uses: notifier } }\nnotify:\n  - { on: [run.failed], uses: action }\n  - { on: [run.failed], uses: gate }\n  - { on: [run.failed], uses: approval }\n  - { on: [run.failed], uses: notifier }\n";
    assert_snapshot!(Pipeline::with_plugins(text).check(), @"
    wrong-kind p.yaml:9:23: `proxy` changes something, and cannot stand under `finally`
      at `proxy`
      note: it is a proxy switch (read from the component itself)
      note: `finally` runs when the world is settled; a change there could not be taken back
      help: move the step to `steps`
    wrong-kind p.yaml:11:31: `action` cannot send messages
      at `action`
      note: it is an action (read from the component itself)
      help: under `notify` stand notifiers only
    wrong-kind p.yaml:12:31: `gate` cannot send messages
      at `gate`
      note: it is a gate (read from the component itself)
      help: under `notify` stand notifiers only
    wrong-kind p.yaml:13:31: a built-in step cannot send messages
      at `approval`
      help: under `notify` stand notifiers only
    exit 6
    ");
}

#[test]
fn keys_that_mean_nothing_for_a_kind_are_refused() {
    let text = "steps:\n  a: { uses: action, poll: { count: 3 }, on_inconclusive: pass, required: true }\n  b: { uses: notifier, poll: { count: 3 }, required: true }\n  c: { uses: gate, poll: { count: 3 }, on_inconclusive: pause, required: false }\n";
    assert_snapshot!(Pipeline::with_plugins(text).check(), @"
    key-without-effect p.yaml:8:22: `poll` means nothing for an action
      at `poll`
      help: only gates and health checks can be asked again and again
    key-without-effect p.yaml:8:42: `on_inconclusive` means nothing for an action
      at `on_inconclusive`
      help: only gates and health checks can be inconclusive
    key-without-effect p.yaml:8:65: `required` means nothing for an action
      at `required`
      help: only a notifier may fail without ending the run; for others see `continue_on_error`
    key-without-effect p.yaml:9:24: `poll` means nothing for a notifier
      at `poll`
      help: only gates and health checks can be asked again and again
    key-without-effect p.yaml:10:64: `required` means nothing for a gate
      at `required`
      help: only a notifier may fail without ending the run; for others see `continue_on_error`
    exit 6
    ");
}

#[test]
fn keys_that_mean_nothing_for_a_built_in_step_are_refused() {
    let text = "steps:\n  a: { uses: checkpoint, with: {}, timeout: 1m, grants: {} }\n  b: { uses: approval, timeout: 1h, retry: { attempts: 2 }, with: { message: Sure? } }\n";
    assert_snapshot!(Pipeline::new(format!("version: 1\nname: x\n{text}")).check(), @"
    key-without-effect p.yaml:4:26: `with` means nothing for a `checkpoint`
      at `with`
      help: remove it
    key-without-effect p.yaml:4:36: `timeout` means nothing for a `checkpoint`
      at `timeout`
      help: remove it
    key-without-effect p.yaml:4:49: `grants` means nothing for a `checkpoint`
      at `grants`
      help: remove it
    key-without-effect p.yaml:5:24: `timeout` means nothing for an `approval`
      at `timeout`
      help: how long to wait for the answer stands under `with`: `with: { message: …, timeout: 24h }`
    key-without-effect p.yaml:5:37: `retry` means nothing for an `approval`
      at `retry`
      help: remove it
    exit 6
    ");
}

#[test]
fn an_approval_says_what_it_asks() {
    let text = "steps:\n  a: { uses: approval }\n  b: { uses: approval, with: { timeout: 0s, on_timeout: pause, message: 3 } }\n  c: { uses: approval, with: { messages: x } }\n";
    assert_snapshot!(Pipeline::new(format!("version: 1\nname: x\n{text}")).check(), @r#"
    missing-key p.yaml:4:3: an approval must say what it asks
      at `a`
      help: write `with: { message: "Switch to the new version?" }`
    wrong-value p.yaml:5:41: `timeout` must be longer than nothing
      at `0s`
    wrong-value p.yaml:5:57: `on_timeout` cannot be `pause`
      at `pause`
      help: words: `fail`, `pass`
    wrong-type p.yaml:5:73: `message` must be text, found a number
      at `3`
      help: put it in quotes
    missing-key p.yaml:6:30: the `with` of an approval must have `message`
      at `{ messages: x }`
    unknown-key p.yaml:6:32: the `with` of an approval has no key `messages`
      at `messages`
      help: did you mean `message`?
    exit 6
    "#);
}

#[test]
fn fewer_measurements_than_successes_wanted_cannot_succeed() {
    let text = "steps: { a: { uses: gate, poll: { count: 3, consecutive_successes: 4 } } }\n";
    assert_snapshot!(Pipeline::with_plugins(text).check(), @"
    wrong-value p.yaml:5:27: 4 successes in a row cannot come out of 3 measurements
      at `poll`
      help: raise `count`, or lower `consecutive_successes`
    exit 6
    ");
}
