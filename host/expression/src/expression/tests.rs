//! What expressions are worth.

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::{EvaluationError, Expression, RunStatus, Scope, names::FUNCTIONS};

fn scope() -> Scope {
    let variables = [
        (
            "inputs",
            json!({
                "n": 3, "big": 9_223_372_036_854_775_807_i64, "huge": 18_446_744_073_709_551_615_u64, "f": 1.0, "s": "Ab",
                "none": null, "yes": true, "list": [1, 2, 3], "map": { "b": 1, "a": { "x": 2 } }, "empty": {},
            }),
        ),
        (
            "steps",
            json!({ "build-web": { "result": "success", "outputs": { "digest": "sha256:1", "tag": "v1" } } }),
        ),
    ];
    Scope {
        variables: variables.map(|(name, value)| (name.to_owned(), value)).into(),
        status: RunStatus::Success,
    }
}

fn value(source: &str) -> Value {
    source.parse::<Expression>().unwrap().evaluate(&scope()).unwrap()
}

fn problem(source: &str) -> String {
    let error = source.parse::<Expression>().unwrap().evaluate(&scope()).unwrap_err();
    assert_eq!(error.expression, source);
    error.message
}

#[test]
fn values_keep_their_types() {
    let table = [
        ("inputs.n", json!(3)),
        ("inputs.n + 1", json!(4)),
        ("inputs.f", json!(1.0)),
        ("inputs.f + 0.5", json!(1.5)),
        ("inputs.huge", json!(18_446_744_073_709_551_615_u64)),
        ("inputs.huge > uint(1)", json!(true)),
        ("inputs.none", json!(null)),
        ("inputs.none == null", json!(true)),
        ("inputs.map", json!({ "b": 1, "a": { "x": 2 } })),
        ("[inputs.map]", json!([{ "a": { "x": 2 }, "b": 1 }])),
        ("{'k': inputs.list}", json!({ "k": [1, 2, 3] })),
        ("inputs.list[1]", json!(2)),
        ("inputs['map'].a.x", json!(2)),
        ("steps.build-web.outputs.digest", json!("sha256:1")),
        ("steps.build-web.result == 'success' ? 1 : 2", json!(1)),
        ("inputs.s + \"c\"", json!("Abc")),
        ("size(inputs.list) + inputs.s.size()", json!(5)),
        ("type(inputs.n) == int && type(inputs.f) == double", json!(true)),
        ("has(inputs.n) && !has(inputs.m) && !has(inputs.map.a.y)", json!(true)),
        ("2 in inputs.list && 'a' in inputs.map", json!(true)),
        ("string(inputs.n) + string(true)", json!("3true")),
    ];
    for (source, expected) in table {
        assert_eq!(value(source), expected, "{source}");
    }
}

#[test]
fn functions_on_texts_and_lists() {
    let table = [
        ("inputs.s.startsWith('A') && inputs.s.endsWith('b') && inputs.s.contains('')", json!(true)),
        ("inputs.s.matches('^[A-Z][a-z]$')", json!(true)),
        ("inputs.s.lowerAscii() + inputs.s.upperAscii() + ' x '.trim()", json!("abABx")),
        ("'a,b,,c'.split(',')", json!(["a", "b", "", "c"])),
        ("'aé'.split('')", json!(["a", "é"])),
        ("['a', 'b'].join('-') + ['c', 'd'].join()", json!("a-bcd")),
        ("'a.b.c'.replace('.', '::')", json!("a::b::c")),
        ("inputs.list.map(x, x * 2).filter(x, x > 2)", json!([4, 6])),
        ("inputs.list.map(x, x > 1, string(x))", json!(["2", "3"])),
        ("inputs.list.exists(x, x == 2) && inputs.list.all(x, x > 0)", json!(true)),
        ("inputs.list.exists_one(x, x == 2)", json!(true)),
        ("inputs.map.map(key, key)", json!(["a", "b"])),
        ("inputs.list.map(x, inputs.list.map(y, x * y))", json!([[1, 2, 3], [2, 4, 6], [3, 6, 9]])),
    ];
    for (source, expected) in table {
        assert_eq!(value(source), expected, "{source}");
    }
}

#[test]
fn every_function_that_is_offered_is_there() {
    // Called in a way that fits none of them, so that CEL complains about the argument and not about the name.
    let unknown: Vec<&str> = FUNCTIONS
        .into_iter()
        .filter(|name| {
            let called = |source: String| {
                source.parse::<Expression>().unwrap().evaluate(&scope()).map_err(|it| it.message)
            };
            let is_unknown = |answer: Result<Value, String>| {
                answer.is_err_and(|message| message.starts_with("there is no"))
            };
            is_unknown(called(format!("{name}(null, null, null)")))
                && is_unknown(called(format!("null.{name}(null, null, null)")))
        })
        .collect();
    assert_eq!(unknown, [""; 0]);
}

#[test]
fn what_is_missing_is_named_with_what_there_is() {
    let table = [
        (
            "steps.build-web.outputs.dig",
            "no such key `dig` in `steps.build-web.outputs`; there are `digest`, `tag`",
        ),
        (
            "steps.build-web.outputs.dig + 'x'",
            "no such key `dig` in `steps.build-web.outputs`; there are `digest`, `tag`",
        ),
        ("steps.other.result", "no such key `other` in `steps`; there is `build-web`"),
        ("inputs.empty.x", "no such key `x` in `inputs.empty`, which is empty"),
        ("inputs.n.x", "`inputs.n` is an int, which has no key `x`"),
        ("inputs.none.x", "`inputs.none` is null, so it has no key `x`"),
        ("size(inputs.s.x)", "`inputs.s` is a string, which has no key `x`"),
        ("inputs.list[3]", "no element 3 in `inputs.list`, which has 3"),
        ("inputs.map[inputs.s]", "no such key `Ab`"),
        ("matrix.os", "there is no `matrix` here; known: `inputs`, `steps`"),
        ("matrix.os == 'x'", "there is no `matrix` here; known: `inputs`, `steps`"),
    ];
    for (source, expected) in table {
        assert_eq!(problem(source), expected, "{source}");
    }
}

#[test]
fn what_cannot_be_worked_out_says_why() {
    let table = [
        ("inputs.big + 1", "the result of `+` does not fit into 64 bits"),
        ("-(-inputs.big - 1)", "the result of `-` does not fit into 64 bits"),
        ("inputs.n / 0", "division by zero"),
        ("inputs.n % 0", "remainder of a division by zero"),
        ("inputs.s + 1", "`+` does not go with string and int"),
        ("inputs.s - inputs.s", "`-` does not go with string and string"),
        ("inputs.s > 1", "`>` does not go with string and int"),
        ("!inputs.n", "`!` does not go with int"),
        ("inputs.n && true", "`&&` does not go with int and bool"),
        ("inputs.n ? 1 : 2", "bool is needed, found int"),
        ("inputs.n.contains('x')", "`contains` does not go with int, string"),
        ("inputs.n.map(x, x)", "a list or map is needed to go over, found int"),
        ("[1].join()", "`join`: a list of strings is needed, found int"),
        ("inputs.s.matches('(')", "`matches`: unclosed group"),
        ("int('x')", "`int`: string parse error: invalid digit found in string"),
        ("1.0 / 0.0", "the result is inf, which is not a number in JSON"),
        ("b'x'", "the result is bytes, which JSON has not; `string(…)` makes text of them"),
        ("{1: 2}", "the result is a map with keys that are not text, which JSON has not"),
        ("{'a': 1, 'a': 2}", "a map has the same key twice"),
    ];
    for (source, expected) in table {
        assert_eq!(problem(source), expected, "{source}");
    }
}

#[test]
fn status_functions_look_at_the_run() {
    let answers = |status| {
        let scope = Scope { status, ..scope() };
        ["success()", "failure()", "always()", "aborted()"]
            .map(|source| source.parse::<Expression>().unwrap().evaluate_bool(&scope).unwrap())
    };
    assert_eq!(answers(RunStatus::Success), [true, false, true, false]);
    assert_eq!(answers(RunStatus::Failure), [false, true, true, false]);
    assert_eq!(answers(RunStatus::Aborted), [false, false, true, true]);
    assert!("failure() || inputs.yes".parse::<Expression>().unwrap().references().status);
    assert!(!"inputs.failure".parse::<Expression>().unwrap().references().status);
}

#[test]
fn a_condition_is_true_or_false_and_nothing_else() {
    let condition: Expression = "inputs.n".parse().unwrap();
    assert_eq!(
        condition.evaluate_bool(&scope()),
        Err(EvaluationError {
            expression: "inputs.n".to_owned(),
            message: "a condition must be true or false, this is an int".to_owned()
        })
    );
}

#[test]
fn a_condition_may_stand_in_braces() {
    let source = |text| Expression::parse_condition(text).map(|condition| condition.source().to_owned());
    assert_eq!(source(" inputs.yes "), Ok("inputs.yes".to_owned()));
    assert_eq!(source("${{ inputs.yes }}"), Ok("inputs.yes".to_owned()));
    let error = |text| source(text).map_err(|error| (error.offset, error.message));
    assert_eq!(error("${{ 1 + }}"), Err((7, "the expression ends too early".to_owned())));
    assert_eq!(error("  ${{ a "), Err((5, "the expression is not closed by `}}`".to_owned())));
    assert_eq!(
        error("${{ inputs.a }} && b"),
        Err((
            16,
            "a condition is one expression; join several inside the braces, with `&&` or `||`".to_owned()
        ))
    );
}

#[test]
fn an_expression_serialises_as_its_source() {
    let expression: Expression = " inputs.n+1 ".parse().unwrap();
    assert_eq!(serde_json::to_value(&expression).unwrap(), json!("inputs.n+1"));
    assert_eq!(serde_json::from_value::<Expression>(json!("inputs.n+1")).unwrap(), expression);
    assert_eq!(
        serde_json::from_value::<Expression>(json!("1+")).unwrap_err().to_string(),
        "the expression ends too early"
    );
}

#[test]
fn lists_that_a_plugin_made_long_end_in_an_error() {
    let long: Vec<u32> = (0..2000).collect();
    let variables = [("inputs".to_owned(), json!({ "long": long, "text": "x".repeat(100_000) }))];
    let scope = Scope { variables: variables.into(), ..Scope::default() };
    let message =
        |source: &str| source.parse::<Expression>().unwrap().evaluate(&scope).map_err(|error| error.message);
    let too_much = Err("too much work: it goes over lists that are too long".to_owned());
    for source in [
        "inputs.long.map(x, inputs.long.map(y, inputs.long.map(z, x + y + z)))",
        "inputs.long.all(x, inputs.long.all(y, inputs.long.all(z, z >= 0)))",
        "inputs.long.exists(x, inputs.long.exists(y, inputs.long.exists(z, z < 0)))",
        "inputs.long.exists_one(x, inputs.long.filter(y, inputs.long.exists(z, z < 0)) == [])",
        "inputs.long.filter(x, inputs.long.filter(y, inputs.long.filter(z, z < 0) == [1]) == [1])",
        "inputs.long.map(x, x >= 0, inputs.text)",
        "true || inputs.long.exists(x, inputs.long.exists(y, inputs.long.exists(z, z < 0)))",
    ] {
        let expected = if source.starts_with("true") { Ok(json!(true)) } else { too_much.clone() };
        assert_eq!(message(source), expected, "{source}");
    }
    assert_eq!(
        message("inputs.text.replace('x', inputs.text)"),
        Err("`replace`: the result would be longer than 4194304 bytes".to_owned())
    );
    assert_eq!(
        message("inputs.long.map(x, '').join(inputs.text)"),
        Err("`join`: the result would be longer than 4194304 bytes".to_owned())
    );
}

#[test]
fn the_deepest_expressions_fit_into_a_small_stack() {
    let deep = [
        format!("{}1{}", "(".repeat(64), ")".repeat(64)),
        format!("{}1{}", "[".repeat(64), "]".repeat(64)),
        format!("{}1{}", "{'a': ".repeat(64), "}".repeat(64)),
        format!("1{}", " + 1".repeat(256)),
        format!("{}1", "-".repeat(256)),
        format!("{}true", "!".repeat(256)),
        format!("true{}", " && true".repeat(128)),
        format!("inputs{}", ".a".repeat(256)),
        format!("{}1{}", "true ? (".repeat(63), ") : 2".repeat(63)),
        format!("{}2", "false ? 1 : ".repeat(90)),
        format!("{}1{}", "[1].map(x, ".repeat(42), ")".repeat(42)),
        format!("{}1{}", "size(string(".repeat(32), "))".repeat(32)),
    ];
    let evaluate = move || {
        for source in deep {
            let parsed = source.parse::<Expression>();
            // A value or an error; what counts is to come back.
            drop(parsed.ok().map(|it| it.evaluate(&scope())));
        }
    };
    std::thread::Builder::new().stack_size(1 << 20).spawn(evaluate).unwrap().join().unwrap();
}

#[test]
fn expressions_are_shared_between_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<Expression>();
    shared::<crate::Template>();
}

/// Words of which some make sense beside each other.
fn word() -> impl Strategy<Value = String> {
    let words = [
        "inputs",
        ".n",
        ".list",
        ".s",
        "[",
        "]",
        "(",
        ")",
        "{",
        "}",
        ",",
        ":",
        " ? ",
        " + ",
        "-",
        " * ",
        " / ",
        " % ",
        "!",
        " && ",
        " || ",
        " == ",
        " < ",
        " in ",
        "has(",
        ".map(x, ",
        ".all(x, ",
        ".exists_one(x, ",
        "x",
        "1",
        "0",
        "9223372036854775807",
        "2u",
        "1.5",
        "'a'",
        "\"",
        "null",
        "true",
        "steps.build-web",
        "steps",
        "type(",
        "int(",
        "size(",
        ".matches(",
        ".split(",
        ".join(",
        "success()",
        "`",
        "\\",
        "é",
        "$",
        "}}",
        "b'x'",
        "//",
        "\n",
        "#",
    ];
    prop::sample::select(words.to_vec()).prop_map(str::to_owned)
}

proptest! {
    #[test]
    fn no_text_makes_reading_or_evaluating_panic(source in ".{0,60}") {
        if let Ok(expression) = source.parse::<Expression>() {
            drop(expression.evaluate(&scope()));
        }
    }

    #[test]
    fn no_words_make_reading_or_evaluating_panic(words in prop::collection::vec(word(), 0..24)) {
        match words.concat().parse::<Expression>() {
            Ok(expression) => {
                drop(expression.evaluate(&scope()));
            }
            Err(error) => prop_assert!(!error.message.contains('\n') && words.concat().is_char_boundary(error.offset)),
        }
    }

    #[test]
    fn a_path_alone_is_worth_what_it_is_worth_inside_an_expression(
        path in prop::sample::select(vec!["n", "f", "huge", "s", "none", "yes", "list", "map", "empty", "x", "map.a.x", "map.c"])
    ) {
        let alone = format!("inputs.{path}").parse::<Expression>().unwrap().evaluate(&scope());
        let inside = format!("[inputs.{path}][0]").parse::<Expression>().unwrap().evaluate(&scope());
        prop_assert_eq!(alone.map_err(|error| error.message), inside.map_err(|error| error.message));
    }
}
