use insta::assert_snapshot;
use runner_model::PluginKind;

use crate::testing::{Pipeline, component};

#[test]
fn a_plugin_that_is_not_there_is_unusable() {
    assert_snapshot!(Pipeline::new("version: 1\nname: x\nplugins: { a: { source: 'file:gone.wasm' } }\nsteps: { a: { uses: a } }\n").check(), @"
    plugin p.yaml:3:25: the plugin `a` cannot be used: `/work/gone.wasm` is not there
      at `'file:gone.wasm'`
      note: looked for in the pipeline's directory
      help: build it, or correct the path
    exit 8
    ");
}

#[test]
fn a_plugin_that_was_exchanged_is_unusable() {
    let pin = "0".repeat(64);
    assert_snapshot!(Pipeline::new(format!("version: 1\nname: x\nplugins: {{ a: {{ source: 'file:gate.wasm', digest: 'sha256:{pin}' }} }}\nsteps: {{ a: {{ uses: a }} }}\n")).check(), @"
    digest p.yaml:3:51: the component of `a` is not the one that was pinned
      at `'sha256:0000000000000000000000000000000000000000000000000000000000000000'` pinned here
      note: `/work/gate.wasm` has sha256:0707070707070707070707070707070707070707070707070707070707070707
      help: find out why it changed; if it should have, write the new digest
    exit 8
    ");
}

#[test]
fn a_plugin_with_the_pinned_digest_is_used() {
    let pin = "07".repeat(32);
    assert_eq!(Pipeline::new(format!("version: 1\nname: x\nplugins: {{ a: {{ source: 'file:gate.wasm', digest: 'sha256:{pin}' }} }}\nsteps: {{ a: {{ uses: a }} }}\n")).check(), "");
}

#[test]
fn a_digest_that_is_none_is_refused() {
    assert_snapshot!(Pipeline::new("version: 1\nname: x\nplugins: { a: { source: 'file:gate.wasm', digest: 'md5:1' } }\nsteps: { a: { uses: a } }\n").check(), @"
    wrong-value p.yaml:3:51: `md5:1` is not a digest: `sha256:` and 64 lower-case hex digits
      at `'md5:1'`
    exit 6
    ");
}

#[test]
fn an_unused_plugin_is_only_warned_about_and_never_asked_for() {
    assert_snapshot!(Pipeline::new("version: 1\nname: x\nplugins: { a: { source: 'file:gone.wasm' } }\nsteps: { a: { uses: checkpoint } }\n").check(), @"
    warning unused-plugin p.yaml:3:12: no step uses the plugin `a`
      at `a`
      note: it is not loaded, and not looked at any further
      help: remove it
    ");
}

#[test]
fn an_unknown_plugin_is_shown_with_the_nearest_name() {
    assert_snapshot!(Pipeline::with_plugins("steps: { a: { uses: gaet }, b: { uses: something-else } }\n").check(), @"
    warning unused-plugin p.yaml:4:3: no step uses the plugin `gate`
      at `gate`
      note: it is not loaded, and not looked at any further
      help: remove it
    unknown-plugin p.yaml:5:21: there is no plugin `gaet`
      at `gaet`
      note: `uses` names one of `plugins`, or a built-in step
      help: did you mean `gate`?
    unknown-plugin p.yaml:5:40: there is no plugin `something-else`
      at `something-else`
      note: `uses` names one of `plugins`, or a built-in step
      help: names: `gate`, `checkpoint`, `approval`
    exit 6
    ");
}

#[test]
fn an_unknown_step_is_shown_with_the_nearest_name() {
    let text = "steps:\n  build: { uses: gate }\n  a: { uses: gate, needs: [biuld, { step: nowhere }, build, build] }\n  m: { uses: gate, matrix: { x: [one, two] }, needs: [\"m2[a]\", \"build[x]\"] }\n  m2: { uses: gate, needs: [\"m[thre]\"] }\nnotify: [{ on: [run.failed], uses: notifier }]\nfinally: { f: { uses: gate, needs: [\"notify[1]\"] } }\n";
    assert_snapshot!(Pipeline::with_plugins(text).check(), @r#"
    unknown-step p.yaml:8:28: step `a` needs `biuld`, which does not exist
      at `biuld`
      help: did you mean `build`?
    unknown-step p.yaml:8:43: step `a` needs `nowhere`, which does not exist
      at `nowhere`
      help: steps: `build`, `a`, `m`, `m2`, `f`
    duplicate p.yaml:8:61: `build` stands twice in `needs`
      at `build`
    unknown-step p.yaml:9:55: step `m` needs `m2[a]`, which does not exist
      at `"m2[a]"`
      help: `m2` has no matrix; write `m2`
    unknown-step p.yaml:9:64: step `m` needs `build[x]`, which does not exist
      at `"build[x]"`
      help: `build` has no matrix; write `build`
    unknown-step p.yaml:10:29: step `m2` needs `m[thre]`, which does not exist
      at `"m[thre]"`
      help: combinations: `m[one]`, `m[two]`
    unknown-step p.yaml:12:37: step `f` needs `notify[1]`, which does not exist
      at `"notify[1]"`
      help: steps: `build`, `a`, `m`, `m2`, `f`
    exit 6
    "#);
}

#[test]
fn every_circle_is_shown_with_its_needs() {
    let text = "steps:\n  a: { uses: gate, needs: [c] }\n  b: { uses: gate, needs: [a] }\n  c: { uses: gate, needs: [start, b] }\n  start: { uses: gate }\n  self: { uses: gate, needs: [self] }\n  after: { uses: gate, needs: [a] }\n";
    assert_snapshot!(Pipeline::with_plugins(text).check(), @"
    cycle p.yaml:6:28: steps need each other in a circle: a -> c -> b -> a
      at `c` `a` needs `c`
      at `b` p.yaml:8:35 `c` needs `b`
      at `a` p.yaml:7:28 `b` needs `a`
      note: none of them could ever start
      help: remove one of these needs
    cycle p.yaml:10:31: steps need each other in a circle: self -> self
      at `self` `self` needs `self`
      note: none of them could ever start
      help: remove one of these needs
    exit 6
    ");
}

#[test]
fn a_step_cannot_need_what_runs_after_everything() {
    let text = "steps: { a: { uses: gate, needs: [f] } }\nfinally: { f: { uses: gate } }\n";
    assert_snapshot!(Pipeline::with_plugins(text).check(), @"
    needs-finally p.yaml:5:35: `f` runs after all of `steps`
      at `f`
      at `f` p.yaml:6:12 it stands under `finally`
      help: remove the need, or move the step
    exit 6
    ");
}

#[test]
fn a_name_stands_once_in_steps_and_finally() {
    assert_snapshot!(Pipeline::with_plugins("steps: { a: { uses: gate } }\nfinally: { a: { uses: gate } }\n").check(), @"
    duplicate-name p.yaml:6:12: there are two steps named `a`
      at `a` again here
      at `a` p.yaml:5:10 first here
      help: rename or remove one of the two
    exit 6
    ");
}

#[test]
fn a_matrix_holds_plain_values_once_each() {
    let text = "steps:\n  a: { uses: gate, matrix: { x: [1, '1'] } }\n  b: { uses: gate, matrix: { x: [] , y: 3 } }\n  c: { uses: gate, matrix: { x: ['a,b', '', [1], '${{ inputs.x }}', null] } }\n";
    assert_snapshot!(Pipeline::with_plugins(text).check(), @"
    matrix p.yaml:6:37: `1` stands twice in `x`
      at `'1'` again here
      at `1` p.yaml:6:34 first here
      note: both would be the same step
      help: remove one of the two
    wrong-type p.yaml:7:33: `x` must be a list of at least one value, found a list
      at `[]`
      note: the values of a matrix are known before the run: no expressions
    wrong-type p.yaml:7:41: `y` must be a list of at least one value, found a number
      at `3`
      note: the values of a matrix are known before the run: no expressions
    matrix p.yaml:8:34: this cannot be a value of a matrix
      at `'a,b'`
      note: the value becomes part of the step's id, as in `suites[unit]`
      help: values are numbers, `true`, `false`, or text without `,`, `[`, `]`, quotes and control characters
    matrix p.yaml:8:41: this cannot be a value of a matrix
      at `''`
      note: the value becomes part of the step's id, as in `suites[unit]`
      help: values are numbers, `true`, `false`, or text without `,`, `[`, `]`, quotes and control characters
    matrix p.yaml:8:45: this cannot be a value of a matrix
      at `[1]`
      note: the value becomes part of the step's id, as in `suites[unit]`
      help: values are numbers, `true`, `false`, or text without `,`, `[`, `]`, quotes and control characters
    matrix p.yaml:8:50: this cannot be a value of a matrix
      at `'${{ inputs.x }}'`
      note: the steps of a pipeline are known before the run, so a matrix holds no expressions
    matrix p.yaml:8:69: this cannot be a value of a matrix
      at `null`
      note: the value becomes part of the step's id, as in `suites[unit]`
      help: values are numbers, `true`, `false`, or text without `,`, `[`, `]`, quotes and control characters
    exit 6
    ");
}

#[test]
fn a_matrix_has_at_most_a_thousand_combinations() {
    let list = |count: usize| (0..count).map(|value| value.to_string()).collect::<Vec<_>>().join(", ");
    let text = |a: usize, b: usize| {
        format!("steps:\n  a: {{ uses: gate, matrix: {{ x: [{}], y: [{}] }} }}\n", list(a), list(b))
    };
    assert_eq!(Pipeline::with_plugins(&text(20, 50)).plan().steps.len(), 1_000);
    let problems = Pipeline::with_plugins(&text(20, 51)).check();
    assert_eq!(problems.lines().next(), Some("matrix p.yaml:6:20: the matrix of `a` has 1020 combinations"));
}

#[test]
fn matrices_that_need_each_other_in_too_many_ways_are_refused() {
    let values = (0..1000).map(|value| value.to_string()).collect::<Vec<_>>().join(", ");
    let mut text = "steps:\n".to_owned();
    for step in 0..4 {
        let needs = if step == 0 { String::new() } else { format!("needs: [s{}]", step - 1) };
        text.push_str(&format!("  s{step}: {{ uses: gate, matrix: {{ x: [{values}] }}, {needs} }}\n"));
    }
    assert_snapshot!(Pipeline::with_plugins(&text).check().lines().next().unwrap(), @"too-many-needs p.yaml:9:3: the steps need each other in more than 2000000 ways");
}

#[test]
fn components_are_asked_for_once_per_plugin() {
    struct Counting(std::cell::Cell<u32>);
    impl crate::PluginIndex for Counting {
        fn facts(&self, _: &str) -> Result<std::sync::Arc<crate::PluginFacts>, crate::PluginProblem> {
            self.0.set(self.0.get() + 1);
            Ok(std::sync::Arc::new(component(PluginKind::Gate)))
        }
    }
    let text = "version: 1\nname: x\nplugins: { p: { source: 'file:p.wasm' } }\nsteps: { a: { uses: p }, b: { uses: p }, c: { uses: p } }\n";
    let main = crate::MainFile { name: "p", bytes: text.as_bytes(), file: "/p", directory: "/" };
    let index = Counting(std::cell::Cell::new(0));
    drop(crate::resolve(crate::parse(main, &|_| Err(String::new())).unwrap(), &index));
    assert_eq!(index.0.get(), 1);
}
