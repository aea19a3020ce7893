use insta::assert_snapshot;
use proptest::prelude::*;

use crate::{MainFile, parse, testing::Pipeline};

#[test]
fn the_smallest_pipeline_has_nothing_wrong() {
    assert_eq!(Pipeline::new("version: 1\nname: x\nsteps: { a: { uses: checkpoint } }\n").check(), "");
}

#[test]
fn a_byte_order_mark_is_no_part_of_the_text() {
    assert_eq!(
        Pipeline::new("\u{FEFF}version: 1\nname: x\nsteps: { a: { uses: checkpoint } }\n").check(),
        ""
    );
}

#[test]
fn latin_1_is_refused_at_its_byte() {
    assert_snapshot!(Pipeline::new(b"version: 1\nname: gr\xFC\xDFe\n").check(), @"
    not-utf8 p.yaml:2:9: byte 19 is 0xfc, which is not UTF-8
      at `�`
      note: a pipeline is UTF-8 text; nothing of it was used
      help: save the file as UTF-8; the letters around this place were probably written as Latin-1
    exit 6
    ");
}

#[test]
fn utf_16_is_refused_by_name() {
    let text: Vec<u8> = "\u{FEFF}version: 1\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_snapshot!(Pipeline::new(text).check(), @"
    not-utf8 p.yaml:1:1: byte 0 is 0xff, which is not UTF-8
      at `�`
      note: a pipeline is UTF-8 text; nothing of it was used
      help: the file looks like UTF-16: save it as UTF-8
    exit 6
    ");
}

#[test]
fn a_file_that_is_too_large_is_not_read() {
    assert_snapshot!(Pipeline::new(vec![b' '; (16 << 20) + 1]).check(), @"
    too-large -: `p.yaml` is larger than 16 MiB
      note: nothing of it was read
      help: is it the right file? A pipeline can be split with `include`
    exit 6
    ");
}

#[test]
fn an_empty_file_says_what_a_pipeline_is() {
    assert_snapshot!(Pipeline::new("# nothing\n").check(), @"
    empty p.yaml:1:1: the file is empty
      at ``
      help: the smallest pipeline is `version: 1`, a `name` and `steps`
    exit 6
    ");
}

#[test]
fn a_file_that_is_no_map_is_refused() {
    assert_snapshot!(Pipeline::new("- a\n- b\n").check(), @"
    wrong-type p.yaml:1:1: a pipeline must be a map, found a list
      at `- a`
      help: keys: `version`, `name`, `description`, `inputs`, `env`, `target`, `targets`, `secrets`, `plugins`, `defaults`, `steps`, `finally`, `notify`, `on`, `include`
    exit 6
    ");
}

#[test]
fn missing_keys_are_said_once_each() {
    assert_snapshot!(Pipeline::new("version: 2\nsteps:\n  a: { with: {} }\nplugins: { p: {} }\nsecrets: { s: {} }\n").check(), @"
    missing-key p.yaml:1:1: a pipeline must have `name`
      at ``
    version p.yaml:1:10: this runner reads version 1 of pipelines only
      at `2`
      help: a pipeline starts with `version: 1`
    missing-key p.yaml:3:3: a step must have `uses`
      at `a`
    missing-key p.yaml:4:12: a plugin must have `source`
      at `p`
    warning unused-plugin p.yaml:4:12: no step uses the plugin `p`
      at `p`
      note: it is not loaded, and not looked at any further
      help: remove it
    missing-key p.yaml:5:12: a secret must have `from`
      at `s`
    missing-key p.yaml:5:12: a secret must have `allow`
      at `s`
    unused-secret p.yaml:5:12: no step uses the secret `s`
      at `s`
      note: a step that uses a secret lists it under `secrets`
      help: remove it here, or add it to the step
    exit 6
    ");
}

#[test]
fn a_slip_in_a_key_is_recognised_at_every_level() {
    let text = "version: 1\nname: x\nstesp: {}\ndefaults: { timout: 1m }\ninputs: { i: { typ: string } }\nsteps:\n  a:\n    uses: checkpoint\n    need: []\n    x-mine: 1\n  b: { uses: checkpoint, needs: [{ step: a, results: [warn] }] }\nx-anchors: [1]\n";
    assert_snapshot!(Pipeline::new(text).check(), @"
    unknown-key p.yaml:3:1: a pipeline has no key `stesp`
      at `stesp`
      help: did you mean `steps`?
    unknown-key p.yaml:4:13: `defaults` has no key `timout`
      at `timout`
      help: did you mean `timeout`?
    unknown-key p.yaml:5:16: an input has no key `typ`
      at `typ`
      help: did you mean `type`?
    unknown-key p.yaml:9:5: a step has no key `need`
      at `need`
      help: did you mean `needs`?
    unknown-key p.yaml:11:45: an entry of `needs` has no key `results`
      at `results`
      help: did you mean `result`?
    exit 6
    ");
}

#[test]
fn keys_of_a_later_version_are_never_ignored() {
    let text = "drift: {}\nrollback: {}\nsteps:\n  a: { uses: gate, undo: {}, artifacts: {} }\n  b: { uses: pipeline }\n  c: { uses: gate, matrix: { include: [] } }\n";
    assert_snapshot!(Pipeline::with_plugins(text).check(), @"
    not-supported-yet p.yaml:5:1: `drift` is not supported yet
      at `drift`
      note: what this version cannot carry out is refused, never ignored
      help: remove it
    not-supported-yet p.yaml:6:1: `rollback` is not supported yet
      at `rollback`
      note: what this version cannot carry out is refused, never ignored
      help: remove it
    not-supported-yet p.yaml:8:20: `undo` is not supported yet
      at `undo`
      note: what this version cannot carry out is refused, never ignored
      help: remove it
    not-supported-yet p.yaml:8:30: `artifacts` is not supported yet
      at `artifacts`
      note: what this version cannot carry out is refused, never ignored
      help: remove it
    not-supported-yet p.yaml:9:14: the built-in step `pipeline` is not supported yet
      at `pipeline`
      help: join the other file with `include`
    not-supported-yet p.yaml:10:30: `include` in a matrix is not supported yet
      at `include`
      note: what this version cannot carry out is refused, never ignored
      help: remove it
    exit 6
    ");
}

#[test]
fn a_source_in_a_registry_is_not_supported_yet() {
    assert_snapshot!(Pipeline::new("version: 1\nname: x\nplugins: { a: { source: 'oci://ghcr.io/x' }, b: { source: x.wasm } }\nsteps: { a: { uses: a }, b: { uses: b } }\n").check(), @"
    not-supported-yet p.yaml:3:25: a source in a registry (`oci://`) is not supported yet
      at `'oci://ghcr.io/x'`
      note: what this version cannot carry out is refused, never ignored
      help: pull the component, and write `source: file:plugins/http-health.wasm`
    wrong-value p.yaml:3:59: `x.wasm` is no source of a plugin
      at `x.wasm`
      help: write for example `source: file:plugins/http-health.wasm`; the path is relative to the pipeline's directory
    exit 6
    ");
}

#[test]
fn values_of_the_wrong_type_say_what_was_expected() {
    let text = "description: 5\nsteps:\n  a: { uses: gate, timeout: 30, report_only: yes, needs: b, retry: { attempts: 0, backoff: x, on: [eror], delay: 1x } }\n  b: { uses: [gate], with: [], if: 3, secrets: x, env: { A: [] }, poll: { interval: 0s, count: -1, error_limit: -2 }, outputs: [a] }\n  c: 5\nnotify: { on: x }\ninclude: x\n";
    assert_snapshot!(Pipeline::with_plugins(text).check(), @r#"
    wrong-type p.yaml:5:14: `description` must be text, found a number
      at `5`
      help: put it in quotes
    wrong-type p.yaml:7:29: `timeout` must be a duration, found a number
      at `30`
      help: write the unit: `250ms`, `10s`, `1m30s` or `2h`
    wrong-type p.yaml:7:46: `report_only` must be `true` or `false`, found text
      at `yes`
      help: YAML 1.2 knows only these two words; `yes`, `no` and `on` are text
    wrong-type p.yaml:7:58: `needs` must be a list of steps, found text
      at `b`
      help: write `needs: [b]`
    wrong-type p.yaml:7:80: `attempts` must be a whole number from 1 to 1000, found a number
      at `0`
    wrong-type p.yaml:7:92: `backoff` must be a number from 1 to 100, found text
      at `x`
      help: 1 keeps the wait the same, 2 doubles it each time
    wrong-value p.yaml:7:100: `eror` is nothing that could be tried again
      at `eror`
      help: did you mean `error`?
    wrong-value p.yaml:7:114: `delay`: `1x` is not a duration
      at `1x`
      help: write for example `250ms`, `10s`, `1m30s` or `2h`, largest unit first
    wrong-type p.yaml:8:14: `uses` must be text, found a list
      at `[gate]`
    wrong-type p.yaml:8:28: `with` must be a map, found a list
      at `[]`
    wrong-type p.yaml:8:36: `if` must be an expression, found a number
      at `3`
      help: for example `if: inputs.environment == 'production'`
    wrong-type p.yaml:8:48: `secrets` must be a list of names, found text
      at `x`
      help: for example `secrets: [one, another]`
    wrong-type p.yaml:8:61: `A` must be text, a number, `true` or `false`, found a list
      at `[]`
      help: an empty variable is `""`
    wrong-value p.yaml:8:85: `interval` must be longer than nothing
      at `0s`
    wrong-type p.yaml:8:96: `count` must be a whole number from 1 to 1000000, found a number
      at `-1`
    wrong-type p.yaml:8:113: `error_limit` must be a whole number from 0 to 1000000, or -1 for any number, found a number
      at `-2`
    wrong-type p.yaml:8:128: `outputs` must be a map, found a list
      at `[a]`
      help: own name to the plugin's name: `outputs: { digest: image_digest }`
    wrong-type p.yaml:9:6: a step must be a map, found a number
      at `5`
      help: keys: `uses`, `with`, `target`, `needs`, `if`, `matrix`, `timeout`, `retry`, `poll`, `on_inconclusive`, `report_only`, `continue_on_error`, `required`, `outputs`, `grants`, `limits`, `secrets`, `env`
    wrong-type p.yaml:10:9: `notify` must be a list, found a map
      at `{ on: x }`
      help: for example `notify: [{ on: [run.failed], uses: slack }]`
    wrong-type p.yaml:11:10: `include` must be a list of paths, found text
      at `x`
      help: for example `include: [parts/health.yaml]`
    exit 6
    "#);
}

#[test]
fn names_are_held_against_their_rule() {
    let text = "inputs: { a-b: {} }\nsteps:\n  Build: { uses: gate }\n  x-build: { uses: gate }\n  notify: { uses: gate }\n  a: { uses: gate, env: { 'A B': x }, matrix: { X: [1] } }\n";
    assert_snapshot!(Pipeline::with_plugins(text).check(), @"
    name p.yaml:5:11: `a-b` is not a name for an input
      at `a-b`
      help: names are `[a-z_][a-z0-9_]*`, so that they can stand behind `inputs.`
    name p.yaml:7:3: `Build` is not a name for a step
      at `Build`
      help: names are `[a-z][a-z0-9_-]*`
    name p.yaml:8:3: `x-build` is not a name for a step
      at `x-build`
      note: elsewhere keys that start with `x-` are ignored; a name that looks like one would be misread
      help: choose another name; templates stand under an `x-` key at the top of the file
    name p.yaml:9:3: a step cannot be named `notify`
      at `notify`
      note: the entries of `notify` are steps too, and go by `notify[1]`, `notify[2]` and so on
    name p.yaml:10:27: `A B` is not a name for a variable
      at `'A B'`
      help: names are letters, digits and `_`, not starting with a digit
    name p.yaml:10:49: `X` is not a name for a value of a matrix
      at `X`
      help: names are `[a-z_][a-z0-9_]*`
    exit 6
    ");
}

#[test]
fn a_plugin_cannot_take_the_name_of_a_built_in_step() {
    assert_snapshot!(Pipeline::new("version: 1\nname: x\nplugins: { approval: { source: 'file:gate.wasm' } }\nsteps: { a: { uses: checkpoint } }\n").check(), @"
    name p.yaml:3:12: `approval` is a built-in step and cannot be the name of a plugin
      at `approval`
      help: choose another name
    exit 6
    ");
}

#[test]
fn a_broken_expression_is_shown_inside_its_text() {
    let text = "steps:\n  a:\n    uses: gate\n    with: { ü: ['${{ inputs.x + }}'] }\n    if: \"${{ 1 +* 2 }}\"\n  b: { uses: gate, if: \"${{ true }} && ${{ true }}\", with: { a: '${{ git.sha }}', b: '${{ secrets.x }}' } }\n";
    assert_snapshot!(Pipeline::with_plugins(text).check(), @"
    expression p.yaml:8:32: this expression cannot be read: the expression ends too early
      at ` `
    expression p.yaml:9:17: this expression cannot be read: unexpected `*`
      at `*`
    expression p.yaml:10:37: this expression cannot be read: a condition is one expression; join several inside the braces, with `&&` or `||`
      at `&`
    not-supported-yet p.yaml:10:70: `git` is not supported yet
      at `g`
    expression p.yaml:10:91: this expression cannot be read: secrets are never values; name the secret in `with` and list it under `secrets`
      at `s`
    exit 6
    ");
}

#[test]
fn inputs_are_held_against_their_own_rules() {
    let text = "inputs:\n  a: { type: strin }\n  b: { type: integer, default: x, pattern: '1' }\n  c: { type: enum }\n  d: { type: enum, values: [a, a, [b]], default: z }\n  e: { required: true, default: x }\n  f: { pattern: '(' }\n  g: { pattern: 'v[0-9]+', default: v1x }\nsteps: { a: { uses: gate } }\n";
    assert_snapshot!(Pipeline::with_plugins(text).check(), @"
    wrong-value p.yaml:6:14: `type` cannot be `strin`
      at `strin`
      help: did you mean `string`?
    wrong-value p.yaml:7:32: the default must be a whole number, this is `x`
      at `x`
    key-without-effect p.yaml:7:35: `pattern` means nothing for an input of type `integer`
      at `pattern`
      help: remove it, or write `type: string`
    missing-key p.yaml:8:3: an input must have `values`
      at `c`
    wrong-value p.yaml:9:32: `a` stands here twice
      at `a`
    wrong-value p.yaml:9:35: a value cannot be a list
      at `[b]`
    wrong-value p.yaml:9:50: the default must be one of `a`, this is `z`
      at `z`
    contradiction p.yaml:10:24: `e` is required, so its default is never used
      at `default` the default
      at `required` p.yaml:10:8 required here
      help: remove one of the two
    wrong-value p.yaml:11:17: `(` is not a regular expression: unclosed group
      at `'('`
      note: the syntax is that of Rust's `regex`: no look-around, no back references
    wrong-value p.yaml:12:37: the default must be text that matches `v[0-9]+` as a whole, this is `v1x`
      at `v1x`
    exit 6
    ");
}

#[test]
fn numbers_that_would_be_shown_otherwise_are_refused_where_they_become_text() {
    let text =
        "env: { V: 3.10 }\nsteps: { a: { uses: gate, matrix: { python: [3.9, 3.10], mode: [0755] } } }\n";
    assert_snapshot!(Pipeline::with_plugins(text).check(), @r#"
    number p.yaml:5:11: `3.10` is the number 3.1, and would be shown as that
      at `3.10`
      help: write "3.10" if it is meant as text
    number p.yaml:6:51: `3.10` is the number 3.1, and would be shown as that
      at `3.10`
      help: write "3.10" if it is meant as text
    number p.yaml:6:65: `0755` is the number 755, and would be shown as that
      at `0755`
      help: write "0755" if it is meant as text
    exit 6
    "#);
}

#[test]
fn an_event_may_have_details_which_decide_nothing() {
    assert_snapshot!(Pipeline::with_plugins("on: { manual: {}, push: { branches: [main] }, Nightly: {}, x: 1 }\nsteps: { a: { uses: gate } }\n").check(), @"
    warning event-details p.yaml:5:25: what stands under `push` decides nothing
      at `{ branches: [main] }`
      note: events are chosen with `exec --event NAME`; whoever starts the runner looks at the details
    name p.yaml:5:47: `Nightly` is not a name for an event
      at `Nightly`
      help: names are `[a-z][a-z0-9_-]*`
    wrong-type p.yaml:5:63: `x` must be a map, found a number
      at `1`
    exit 6
    ");
}

#[test]
fn included_files_are_joined_and_problems_shown_in_them() {
    let pipeline =
        Pipeline::with_plugins("include: [parts/a.yaml, parts/gone.yaml]\nsteps: { a: { uses: gate } }\n")
            .file(
                "parts/a.yaml",
                "include: [./parts/b.yaml]\nsteps: { a: { uses: gate }, b: { uses: gat } }\nname: no\n",
            )
            .file(
                "./parts/b.yaml",
                "inputs: { x: { type: bool } }\nnotify: [{ on: [run.faild], uses: notifier }]\n",
            );
    assert_snapshot!(pipeline.check(), @"
    include p.yaml:5:25: `parts/gone.yaml` cannot be read: no such file
      at `parts/gone.yaml`
      note: paths are relative to the directory of the main pipeline file
    duplicate-name parts/a.yaml:2:10: there are two steps named `a`
      at `a` again here
      at `a` p.yaml:6:10 first here
      note: included files are joined to one pipeline, so a name stands in one of them only
      help: rename or remove one of the two
    unknown-plugin parts/a.yaml:2:40: there is no plugin `gat`
      at `gat`
      note: `uses` names one of `plugins`, or a built-in step
      help: did you mean `gate`?
    unknown-key parts/a.yaml:3:1: an included file has no key `name`
      at `name`
      help: keys: `inputs`, `env`, `targets`, `secrets`, `plugins`, `steps`, `finally`, `notify`, `include`
    wrong-value ./parts/b.yaml:1:22: `type` cannot be `bool`
      at `bool`
      help: words: `string`, `integer`, `number`, `boolean`, `enum`
    wrong-value ./parts/b.yaml:2:17: `run.faild` is nothing to be told about
      at `run.faild`
      help: did you mean `run.failed`?
    unknown-plugin ./parts/b.yaml:2:35: there is no plugin `notifier`
      at `notifier`
      note: `uses` names one of `plugins`, or a built-in step
      help: names: `gate`, `checkpoint`, `approval`
    exit 6
    ");
}

#[test]
fn files_that_include_each_other_are_shown_as_a_circle() {
    let pipeline = Pipeline::with_plugins("include: [a.yaml]\nsteps: { a: { uses: gate } }\n")
        .file("a.yaml", "include: [b.yaml]\n")
        .file("b.yaml", "include: [./x/../a.yaml, p.yaml]\n");
    assert_snapshot!(pipeline.check(), @"
    include b.yaml:1:11: files include each other in a circle: a.yaml -> b.yaml -> a.yaml
      at `./x/../a.yaml` the circle closes here
      help: remove one of these `include`s
    include b.yaml:1:26: files include each other in a circle: p.yaml -> a.yaml -> b.yaml -> p.yaml
      at `p.yaml` the circle closes here
      help: remove one of these `include`s
    exit 6
    ");
}

#[test]
fn a_file_included_twice_is_joined_once() {
    let pipeline = Pipeline::with_plugins("include: [a.yaml, b.yaml]\nsteps: { a: { uses: gate } }\n")
        .file("a.yaml", "include: [c.yaml]\n")
        .file("b.yaml", "include: [./c.yaml]\n")
        .file("c.yaml", "steps: { c: { uses: gate } }\n");
    assert_eq!(
        pipeline.plan().steps.iter().map(|step| step.place.as_str()).collect::<Vec<_>>(),
        ["p.yaml:6", "c.yaml:1"]
    );
}

#[test]
fn a_syntax_error_in_an_included_file_hides_no_other_problem() {
    let pipeline =
        Pipeline::with_plugins("include: [a.yaml]\nsteps: { a: { uses: gat } }\n").file("a.yaml", "a: [\n");
    assert_snapshot!(pipeline.check(), @"
    warning unused-plugin p.yaml:4:3: no step uses the plugin `gate`
      at `gate`
      note: it is not loaded, and not looked at any further
      help: remove it
    unknown-plugin p.yaml:6:21: there is no plugin `gat`
      at `gat`
      note: `uses` names one of `plugins`, or a built-in step
      help: did you mean `gate`?
    syntax a.yaml:2:1: this is not YAML: while parsing a node, did not find expected node content
      at ``
      note: nothing after this place was read
      help: look at the indentation, quotes and brackets here and on the lines before
    exit 6
    ");
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        drop(Pipeline::new(bytes).check());
    }

    #[test]
    fn no_values_under_known_keys_make_it_panic(
        lines in proptest::collection::vec((
            "(version|name|inputs|env|secrets|plugins|defaults|steps|finally|notify|on|include|uses|with|needs|if|matrix|retry|poll|grants|limits|outputs|type|a)",
            "(1|x|\\[\\]|\\{\\}|\\[x\\]|\\[1, x\\]|'\\$\\{\\{ inputs.x \\}\\}'|\\{ a: 1 \\}|\\{ a: \\{\\} \\}|gate|\\[a\\]|10s)?",
            0_usize..4,
        ), 0..14),
    ) {
        let text: String = lines.iter().map(|(key, value, depth)| format!("{}{key}: {value}\n", "  ".repeat(*depth))).collect();
        drop(Pipeline::with_plugins(&text).check());
        drop(Pipeline::with_plugins(&format!("steps:\n  a:\n    {}", text.replace('\n', "\n    "))).check());
    }
}

#[test]
fn the_digest_covers_every_file() {
    let digest = |text: &str, part: &str| {
        let main = MainFile { name: "any name", bytes: text.as_bytes(), file: "/p.yaml", directory: "/" };
        let part = part.as_bytes().to_vec();
        parse(main, &|_: &str| Ok(part.clone())).unwrap().digest
    };
    let (one, same, other, moved) = (
        digest("include: [a]\n", "#x"),
        digest("include: [a]\n", "#x"),
        digest("include: [a]\n", "#y"),
        digest("include: [a]\n#", "x"),
    );
    assert_eq!((one == same, one == other, one == moved), (true, false, false));
}

#[test]
fn lines_may_end_as_on_windows() {
    let text = "inputs: { x: { typ: a } }\nsteps:\n  a:\n    uses: gate\n    with:\n      ä: |\n        eins\n        zwei\n    needs: [b]\n";
    let unix = Pipeline::with_plugins(text).check();
    assert_eq!(Pipeline::with_plugins(&text.replace('\n', "\r\n")).check(), unix);
}

#[test]
fn an_error_at_a_letter_of_several_bytes_marks_all_of_it() {
    let text = "steps: { a: { uses: gate, if: 'inputs.x ü 1' } }\n";
    assert_snapshot!(Pipeline::with_plugins(text).check(), @"
    expression p.yaml:5:41: this expression cannot be read: unexpected `ü`
      at `ü`
    exit 6
    ");
}
