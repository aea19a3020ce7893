use serde_json::json;

use super::*;
use crate::testing::FakeHost;

fn problem(format: Format, text: &str) -> String {
    parse(format, text).unwrap_err().to_string()
}

#[test]
fn the_name_of_a_file_tells_its_format() {
    assert_eq!(
        ["a.json", "b/c.YML", "c.yaml", "d.toml", "json", "e.txt", "x.json/f"].map(Format::of_path),
        [Some(Format::Json), Some(Format::Yaml), Some(Format::Yaml), Some(Format::Toml), None, None, None],
    );
}

#[test]
fn the_three_formats_say_the_same() {
    let expected = json!({ "name": "x", "list": [1, -2.5, true], "map": { "a": "no" } });

    assert_eq!(
        parse(Format::Json, r#"{"name":"x","list":[1,-2.5,true],"map":{"a":"no"}}"#),
        Ok(expected.clone())
    );
    assert_eq!(parse(Format::Yaml, "name: x\nlist: [1, -2.5, true]\nmap:\n  a: no\n"), Ok(expected.clone()));
    assert_eq!(parse(Format::Toml, "name = 'x'\nlist = [1, -2.5, true]\n[map]\na = 'no'\n"), Ok(expected));
}

#[test]
fn a_key_that_stands_twice_is_a_problem() {
    assert_eq!(
        problem(Format::Json, "{\"b\": {\"a\": 1,\n \"a\": 2}}"),
        "line 2, column 4: `a` stands twice in this object"
    );
    assert_eq!(
        problem(Format::Yaml, "a: 1\nb: 2\na: 3\n"),
        "line 3, column 1: `a` stands twice in this map, first at line 1"
    );
    assert_eq!(problem(Format::Toml, "a = 1\na = 2\n"), "line 2, column 1: duplicate key");
}

#[test]
fn numbers_that_json_cannot_hold_are_problems() {
    assert_eq!(
        [problem(Format::Json, "[1e999]"), problem(Format::Json, "{\"a\": NaN}")],
        ["line 1, column 6: number out of range", "line 1, column 7: expected value"]
    );
    assert_eq!(
        ["a: .nan", "- .inf", "- 99999999999999999999", "- 1e999"].map(|text| problem(Format::Yaml, text)),
        [
            "line 1, column 4: `.nan` is no number that JSON can hold; put it in quotes if it is text",
            "line 1, column 3: `.inf` is no number that JSON can hold; put it in quotes if it is text",
            "line 1, column 3: `99999999999999999999` is no number that JSON can hold; put it in quotes if it is text",
            "line 1, column 3: `1e999` is no number that JSON can hold; put it in quotes if it is text",
        ]
    );
    assert_eq!(
        ["a = nan", "a = -inf", "a = 99999999999999999999"].map(|text| problem(Format::Toml, text)),
        [
            "line 1, column 5: `nan` is no number that JSON can hold; write it as text",
            "line 1, column 5: `-inf` is no number that JSON can hold; write it as text",
            "line 1, column 5: `99999999999999999999` is no number that JSON can hold; write it as text",
        ]
    );
}

#[test]
fn half_a_document_is_a_problem_with_its_place() {
    assert_eq!(problem(Format::Json, "{\"a\": [1,\n 2"), "line 2, column 2: EOF while parsing a list");
    assert_eq!(problem(Format::Json, ""), "line 1, column 1: EOF while parsing a value");
    assert!(parse(Format::Yaml, "a: [1,\n 2").is_err());
    assert!(parse(Format::Yaml, "a: \"text").is_err());
    assert!(parse(Format::Toml, "a = [1,\n 2").is_err());
    assert_eq!(problem(Format::Json, "{} x"), "line 1, column 4: trailing characters");
}

#[test]
fn nesting_is_bounded_in_every_format() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    let toml = |depth: usize| format!("a = {}", nested(depth));

    assert!(parse(Format::Json, &nested(64)).is_ok());
    assert!(parse(Format::Yaml, &nested(64)).is_ok());
    assert!(parse(Format::Toml, &toml(60)).is_ok());
    assert_eq!(
        problem(Format::Json, &nested(65)),
        "line 1, column 65: values are nested deeper than 64 levels"
    );
    assert_eq!(
        problem(Format::Yaml, &nested(65)),
        "line 1, column 65: values are nested deeper than 64 levels"
    );
    assert!(parse(Format::Json, &"[".repeat(100_000)).is_err());
    assert!(parse(Format::Json, &"{\"a\":".repeat(100_000)).is_err());
    assert!(parse(Format::Yaml, &"[".repeat(100_000)).is_err());
    assert!(parse(Format::Yaml, &"- ".repeat(100_000)).is_err());
    assert!(parse(Format::Yaml, &"{a: ".repeat(100_000)).is_err());
    assert!(parse(Format::Toml, &toml(100_000)).is_err());
    assert!(parse(Format::Toml, &format!("{}a = 1", "a.".repeat(100_000))).is_err());
    assert!(parse(Format::Toml, &format!("[{}a]\n", "a.".repeat(100_000))).is_err());
}

#[test]
fn brackets_in_text_are_no_nesting() {
    let text = format!("[\"{}\\\"{}\"]", "[".repeat(100), "{".repeat(100));

    assert!(parse(Format::Json, &text).is_ok());
}

#[test]
fn aliases_of_aliases_end_before_the_memory_does() {
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..10 {
        let before = format!("*a{}, ", level - 1).repeat(10);
        bomb += &format!("a{level}: &a{level} [{before}]\n");
    }

    assert_eq!(
        problem(Format::Yaml, &bomb).split_once(": ").unwrap().1,
        "the document is too large from here on: with all aliases written out it may have 250,000 values and 16 MiB \
         of text",
    );
    assert_eq!(
        problem(Format::Yaml, "a: &a [*a]"),
        "line 1, column 8: this alias stands inside what it stands for"
    );
}

#[test]
fn merge_keys_are_merged_and_what_is_written_wins() {
    let text = "
base: &base { image: a, user: root }
more: &more { user: x, port: 80 }
one: { <<: *base, image: b }
two: { image: c, <<: [*base, *more] }
three: { \"<<\": kept }
";
    let expected = json!({
        "base": { "image": "a", "user": "root" },
        "more": { "user": "x", "port": 80 },
        "one": { "image": "b", "user": "root" },
        "two": { "image": "c", "user": "root", "port": 80 },
        "three": { "<<": "kept" },
    });

    assert_eq!(parse(Format::Yaml, text), Ok(expected));
    assert_eq!(problem(Format::Yaml, "a: { <<: 1 }"), "line 1, column 6: `<<` takes a map or a list of maps");
}

#[test]
fn every_value_of_yaml_has_a_place() {
    let document = yaml("a: 1\nlist:\n  - x\n  - b/c: &m { d: 2 }\n    <<: { e: 3 }\n").unwrap();
    let place = |pointer: &str| document.place(pointer).map(|place| (place.line, place.column));

    assert_eq!(
        ["", "/a", "/list", "/list/0", "/list/1/b~1c", "/list/1/b~1c/d", "/list/1/e", "/none"].map(place),
        [
            Some((1, 1)),
            Some((1, 1)),
            Some((2, 1)),
            Some((3, 5)),
            Some((4, 5)),
            Some((4, 15)),
            Some((5, 11)),
            None
        ]
    );
}

#[test]
fn yaml_that_readers_do_not_agree_on_is_refused() {
    assert_eq!(
        ["a: !reset null", "a: 1\n---\nb: 2\n", "? [a]\n: b", "a: \tb: c"].map(|text| {
            let problem = problem(Format::Yaml, text);
            problem.split_once(": ").unwrap().0.to_owned()
        }),
        ["line 1, column 4", "line 2, column 1", "line 1, column 3", "line 1, column 6"],
    );
    assert_eq!(
        parse(Format::Yaml, "a: !!str 1\n1: x\ntrue: y"),
        Ok(json!({ "a": "1", "1": "x", "true": "y" }))
    );
    assert_eq!(parse(Format::Yaml, "# nothing\n"), Ok(Value::Null));
}

#[test]
fn dates_of_toml_are_text() {
    assert_eq!(
        parse(Format::Toml, "day = 2026-01-02\nmoment = 2026-01-02T03:04:05Z"),
        Ok(json!({ "day": "2026-01-02", "moment": "2026-01-02T03:04:05Z" }))
    );
}

#[test]
fn a_file_is_read_by_its_name_or_by_a_format() {
    let host = FakeHost::new().file("a.json", "[1]").file("a.lock", "x = 1").file("b.yaml", "a: 'x").host();
    let files = host.files();

    assert_eq!(read(&files, "a.json", None), Ok(json!([1])));
    assert_eq!(read(&files, "a.lock", Some(Format::Toml)), Ok(json!({ "x": 1 })));
    assert_eq!(
        read(&files, "a.lock", None),
        Err(Failure::invalid_config(
            "`a.lock`: the name does not tell the format; `.json`, `.yaml`, `.yml` and `.toml` do"
        ))
    );
    assert_eq!(
        read(&files, "a.lock", Some(Format::Json)).unwrap_err().message.split_once(": ").unwrap().0,
        "read `a.lock` as JSON"
    );
    assert_eq!(read(&files, "b.yaml", None).unwrap_err().kind, crate::FailureKind::InvalidInput);
}
