use insta::assert_snapshot;
use proptest::prelude::*;
use runner_model::{Diagnostic, ExitCode, Sources};
use serde_json::{Value, json};

use super::{Budget, Content, Node, read};
use crate::testing::printed;

/// The tree, or why there is none, and the smaller problems.
fn tree(text: &str) -> (Result<Node, Box<Diagnostic>>, Vec<Diagnostic>) {
    let mut found = Vec::new();
    let mut sources = Sources::default();
    let source = sources.add("p.yaml", text);
    let node = read(text, source, &mut Budget::default(), &mut found);
    (node, found)
}

fn value(text: &str) -> Value {
    let (node, found) = tree(text);
    assert_eq!(found, []);
    node.unwrap().to_json()
}

fn problems(text: &str) -> String {
    let mut sources = Sources::default();
    sources.add("p.yaml", text);
    let (node, mut found) = tree(text);
    found.extend(node.err().map(|fatal| *fatal));
    printed(&found, &sources, ExitCode::Succeeded)
}

/// Every key and scalar with the text at its place.
fn places(text: &str) -> Vec<(String, String)> {
    fn walk(node: &Node, text: &str, places: &mut Vec<(String, String)>) {
        let slice = |span: runner_model::Span| text[span.start as usize..span.end as usize].to_owned();
        match &node.content {
            Content::Null | Content::Bool(_) | Content::Number(_) | Content::Text(_) => {
                places.push((node.to_json().to_string(), slice(node.span)));
            }
            Content::List(items) => items.iter().for_each(|item| walk(item, text, places)),
            Content::Map(entries) => {
                for entry in entries.iter() {
                    places.push((entry.key.to_string(), slice(entry.key_span)));
                    walk(&entry.value, text, places);
                }
            }
        }
    }
    let node = tree(text).0.unwrap();
    let mut found = Vec::new();
    walk(&node, text, &mut found);
    found
}

#[test]
fn every_key_and_value_knows_its_bytes_also_after_letters_of_several() {
    let text =
        "größe: 'ä'   # ö\nb: [1, \"zwölf\", true]\nc:\nd: {e: é f, g: *x}\nx: &x 5\n".replace("*x", "y");
    let pairs: Vec<(String, String)> = places(&text);
    let expected = [
        ("größe", "größe"),
        ("\"ä\"", "'ä'"),
        ("b", "b"),
        ("1", "1"),
        ("\"zwölf\"", "\"zwölf\""),
        ("true", "true"),
        ("c", "c"),
        ("null", "c"),
        ("d", "d"),
        ("e", "e"),
        ("\"é f\"", "é f"),
        ("g", "g"),
        ("\"y\"", "y"),
        ("x", "x"),
        ("5", "5"),
    ];
    assert_eq!(pairs, expected.map(|(value, text)| (value.to_owned(), text.to_owned())));
}

#[test]
fn lists_and_maps_reach_from_their_first_to_their_last_sign() {
    let text = "a:\n  b: 1\n  c: [x,\n    y]\nd: { e: f }\n";
    let node = tree(text).0.unwrap();
    let slice = |pointer: &str| {
        let span = node.at(pointer).node.span;
        &text[span.start as usize..span.end as usize]
    };
    assert_eq!(["/a", "/a/c", "/d"].map(slice), ["b: 1\n  c: [x,\n    y]", "[x,\n    y]", "{ e: f }"]);
}

#[test]
fn an_anchor_may_stand_right_before_a_bracket() {
    let text = "{&a[b]: c, d: &e{f: g}}";
    let expected = [("d", "d"), ("f", "f"), ("\"g\"", "g")];
    assert_eq!(places(text), expected.map(|(value, text)| (value.to_owned(), text.to_owned())));
}

#[test]
fn block_texts_are_read_as_yaml_says() {
    assert_eq!(
        value("a: |\n  one\n  two\nb: >-\n  one\n  two\n"),
        json!({ "a": "one\ntwo\n", "b": "one two" })
    );
}

#[test]
fn an_alias_is_what_its_anchor_is_and_stands_where_it_is_written() {
    let text = "x: &x { a: 1 }\ny: *x\n";
    let node = tree(text).0.unwrap();
    let alias = node.at("/y").node;
    assert_eq!(
        (alias.to_json(), &text[alias.span.start as usize..alias.span.end as usize]),
        (json!({ "a": 1 }), "*x")
    );
}

#[test]
fn an_empty_text_is_nothing() {
    assert_eq!(["", "# only a comment\n", "---\n"].map(value), [Value::Null, Value::Null, Value::Null]);
}

#[test]
fn keys_that_look_like_other_things_are_their_text() {
    assert_eq!(
        value("8080: a\ntrue: b\n~: c\n1.10: d\n.inf: e\n"),
        json!({ "8080": "a", "true": "b", "~": "c", "1.10": "d", ".inf": "e" })
    );
}

#[test]
fn duplicate_keys_show_both_places() {
    assert_snapshot!(problems("größe: 1\nb: 2\n\"größe\": 3\nb: 4\n"), @r#"
    duplicate-key p.yaml:3:1: `größe` stands twice in this map
      at `"größe"` again here
      at `größe` p.yaml:1:1 first here
      help: remove one of the two
    duplicate-key p.yaml:4:1: `b` stands twice in this map
      at `b` again here
      at `b` p.yaml:2:1 first here
      help: remove one of the two
    "#);
}

#[test]
fn tags_merge_keys_and_strange_keys_are_refused_one_by_one() {
    assert_snapshot!(problems("a: !secret x\nb: !!int '3'\nc: { <<: {d: 1} }\n[x]: y\n? {a: b}\n: c\nd: 1e999\ne: .nan\n"), @r#"
    tag p.yaml:1:4: the tag `!secret` is not supported
      at `!secret x`
      note: values are what the core schema of YAML 1.2 says they are
      help: leave the tag out; put quotes around a value that is to be text
    tag p.yaml:2:4: the tag `!!int` is not supported
      at `!!int '3'`
      note: values are what the core schema of YAML 1.2 says they are
      help: leave the tag out; put quotes around a value that is to be text
    merge-key p.yaml:3:6: `<<` is not supported
      at `<<`
      note: merging maps is a habit of YAML 1.1; YAML 1.2 has no such key
      help: write the keys out, use `defaults`, or give the whole value as an alias: `with: *name`
    key-not-text p.yaml:4:1: a key must be a word, this is a list
      at `[x]`
    key-not-text p.yaml:5:3: a key must be a word, this is a map
      at `{a: b}`
    number p.yaml:7:4: `1e999` is too large: digits would be lost
      at `1e999`
      help: write "1e999" if it is meant as text
    number p.yaml:8:4: `.nan` is no number that a plugin could be given
      at `.nan`
      help: write ".nan" if it is meant as text
    "#);
}

#[test]
fn a_tab_in_the_indentation_is_shown_where_it_is() {
    assert_snapshot!(problems("steps:\n\ta: 1\n"), @"
    syntax p.yaml:2:1: this is not YAML: tabs disallowed within this context (block indentation)
      at `	`
      note: nothing after this place was read
      help: indent with spaces: YAML allows no tabs there
    ");
}

#[test]
fn wrong_indentation_is_shown_where_it_is() {
    assert_snapshot!(problems("ä: 1\n  b: 2\n"), @"
    syntax p.yaml:2:4: this is not YAML: mapping values are not allowed in this context
      at `:`
      note: nothing after this place was read
      help: look at the indentation, quotes and brackets here and on the lines before
    ");
}

#[test]
fn an_open_bracket_is_shown() {
    assert_snapshot!(problems("a: [1, 2\nb: 3\n"), @"
    syntax p.yaml:2:2: this is not YAML: illegal placement of ':' indicator
      at `:`
      note: nothing after this place was read
      help: look at the indentation, quotes and brackets here and on the lines before
    ");
}

#[test]
fn a_second_document_is_refused() {
    assert_snapshot!(problems("a: 1\n---\nb: 2\n"), @"
    several-documents p.yaml:2:1: a second document begins here
      at `---`
      note: a pipeline is one document; `---` begins another
      help: put the second one into a file of its own, and name it under `include`
    ");
}

#[test]
fn an_unknown_anchor_is_refused() {
    assert_snapshot!(problems("a: *nothing\n"), @"
    syntax p.yaml:1:4: this is not YAML: while parsing node, found unknown anchor
      at `*`
      note: nothing after this place was read
      help: look at the indentation, quotes and brackets here and on the lines before
    ");
}

#[test]
fn an_alias_inside_its_anchor_is_refused() {
    assert_snapshot!(problems("a: &a [1, *a]\n"), @"
    alias p.yaml:1:11: this alias stands inside what it stands for
      at `*a`
      help: write the value out
    ");
}

#[test]
fn aliases_of_aliases_come_to_an_end() {
    let mut text = "x0: &x0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]\n".to_owned();
    for level in 1..10 {
        let inner = vec![format!("*x{}", level - 1); 9].join(", ");
        text.push_str(&format!("x{level}: &x{level} [{inner}]\n"));
    }
    assert_snapshot!(problems(&text), @"
    too-large p.yaml:7:10: the pipeline is too large from here on
      at `*x5`
      note: aliases count as if they were written out: at most 1,000,000 values and 64 MiB of text
      help: split the pipeline, or use fewer aliases of aliases
    ");
}

#[test]
fn a_long_text_repeated_by_aliases_comes_to_an_end() {
    let text = format!("x: &x {}\ny: [{}]\n", "a".repeat(1 << 20), vec!["*x"; 100].join(", "));
    assert_eq!(
        problems(&text).lines().next().unwrap(),
        "too-large p.yaml:2:253: the pipeline is too large from here on"
    );
}

#[test]
fn values_deeper_than_a_hundred_levels_are_refused() {
    assert_eq!(
        [100, 101, 100_000].map(|depth| problems(&"[".repeat(depth)).lines().next().unwrap().to_owned()),
        [
            "syntax p.yaml:1:101: this is not YAML: while parsing a node, did not find expected node content",
            "too-deep p.yaml:1:101: values are nested deeper than 100 levels",
            "syntax p.yaml:1:256: this is not YAML: recursion limit exceeded",
        ]
    );
}

#[test]
fn depth_hidden_behind_aliases_counts() {
    let mut text = String::new();
    for level in 0..120 {
        let inner = if level == 0 { "1".to_owned() } else { format!("*x{}", level - 1) };
        text.push_str(&format!("x{level}: &x{level} [{inner}]\n"));
    }
    assert_eq!(
        problems(&text).lines().next().unwrap(),
        "too-deep p.yaml:100:12: values are nested deeper than 100 levels"
    );
}

/// Any scalar as YAML text, quoted the way JSON does, which YAML 1.2 takes.
fn written(value: &Value) -> String {
    value.to_string()
}

fn scalars() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        (-1e300_f64..1e300).prop_map(Value::from),
        "[ -~äé\u{1F600}\\n\\t]{0,20}".prop_map(Value::from),
    ]
}

proptest! {
    #[test]
    fn printed_scalars_read_back(scalar in scalars()) {
        prop_assert_eq!(value(&format!("a: {}\n", written(&scalar))), json!({ "a": scalar }));
    }

    #[test]
    fn any_text_is_read_or_refused(text in "[ \\t\\n:\\-\\[\\]{},&*!|>'\"%@`#?a-cä0-1~<.]{0,60}") {
        drop(tree(&text));
    }

    #[test]
    fn places_are_within_the_text(text in "[ \\n:\\-\\[\\]{},&*!|>'\"#?aä1~]{0,60}") {
        let inside = |span: runner_model::Span| text.get(span.start as usize..span.end as usize).is_some();
        let (node, found) = tree(&text);
        prop_assert!(found.iter().chain(node.as_ref().err().map(|fatal| &**fatal)).flat_map(|problem| &problem.labels).all(|label| inside(label.span)));
        prop_assert!(node.is_err() || node.is_ok_and(|node| inside(node.span)));
    }
}
