//! What templates render to.

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::{ParseError, Scope, Template, TemplateError};

fn scope() -> Scope {
    let inputs = json!({ "n": 3, "s": "text", "f": 0.5, "none": null, "list": [1, "a"], "yes": true });
    Scope { variables: [("inputs".to_owned(), inputs)].into(), ..Scope::default() }
}

fn template(value: Value) -> Template {
    Template::parse(value).unwrap()
}

#[test]
fn a_lone_expression_keeps_its_type_and_a_longer_text_does_not() {
    let table = [
        (json!("${{ inputs.n }}"), json!(3)),
        (json!("${{inputs.list}}"), json!([1, "a"])),
        (json!("${{ inputs.none }}"), json!(null)),
        (json!(" ${{ inputs.n }}"), json!(" 3")),
        (json!("${{ inputs.n }}${{ inputs.f }}"), json!("30.5")),
        (
            json!("a ${{ inputs.s }}, ${{ inputs.yes }}, ${{ inputs.list }}."),
            json!("a text, true, [1,\"a\"]."),
        ),
        (json!("${{ {'a': {'b': 1}}}}"), json!({ "a": { "b": 1 } })),
        (json!("${{ '}}' }}"), json!("}}")),
        (json!("${{ \"${{\" }}"), json!("${{")),
        (json!("$${{ inputs.n }} ${{ inputs.n }}"), json!("${{ inputs.n }} 3")),
        (json!("$$${{ x }}"), json!("$${{ x }}")),
        (json!("costs 5$ or $5 {{ x }}"), json!("costs 5$ or $5 {{ x }}")),
        (json!("$${{"), json!("${{")),
        (
            json!({ "${{ inputs.n }}": [{ "a": "${{ inputs.n }}", "b": 1 }] }),
            json!({ "${{ inputs.n }}": [{ "a": 3, "b": 1 }] }),
        ),
        (json!(7), json!(7)),
    ];
    for (source, expected) in table {
        assert_eq!(template(source.clone()).render(&scope()).unwrap(), expected, "{source}");
    }
}

#[test]
fn a_value_without_expressions_is_literal() {
    let literal = json!({ "a": ["$${{ x }}", 1, null], "b": { "c": true } });
    assert!(template(literal.clone()).is_literal());
    assert_eq!(
        template(literal).render(&scope()).unwrap(),
        json!({ "a": ["${{ x }}", 1, null], "b": { "c": true } })
    );
    assert!(!template(json!({ "a": ["${{ inputs.n }}"] })).is_literal());
    assert_eq!(Template::default().render(&scope()).unwrap(), json!({}));
}

#[test]
fn null_cannot_be_put_into_a_text() {
    let error = template(json!("x ${{ inputs.none }}")).render(&scope()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "`inputs.none`: has no value (it is null), so it cannot be put into a text"
    );
}

#[test]
fn every_expression_that_cannot_be_read_is_told_with_its_place() {
    let error = |pointer: &str, start, offset, message: &str| TemplateError {
        pointer: pointer.to_owned(),
        start,
        error: ParseError { message: message.to_owned(), offset },
    };
    assert_eq!(
        Template::parse(
            json!({ "a/b": ["x ${{ 1 + }} ${{  ) }}"], "c": "${{ inputs.x", "d": "${{ 'x }}", "e": "${{ }}" })
        ),
        Err(vec![
            error("/a~1b/0", 6, 3, "the expression ends too early"),
            error("/a~1b/0", 18, 0, "unexpected `)`"),
            error("/c", 4, 0, "the expression is not closed by `}}`"),
            error("/d", 4, 0, "the text that starts here has no closing '"),
            error("/e", 4, 0, "the expression is empty"),
        ])
    );
}

#[test]
fn expressions_are_listed_with_their_places() {
    let template = template(json!({ "a": "x ${{ inputs.n }}", "b": ["${{steps.a-b.result == inputs.n}}"] }));
    let listed: Vec<(&str, usize, &str)> = template
        .expressions()
        .map(|(pointer, start, expression)| (pointer, start, expression.source()))
        .collect();
    assert_eq!(listed, [("/a", 6, "inputs.n"), ("/b/0", 3, "steps.a-b.result == inputs.n")]);
    assert_eq!(template.references().paths, [vec!["inputs", "n"], vec!["steps", "a-b", "result"]]);
    assert_eq!(template.references().second("steps").collect::<Vec<_>>(), ["a-b"]);
}

#[test]
fn a_template_serialises_as_the_value_it_was_made_from() {
    let value = json!({ "a": "$${{ x }} ${{ inputs.n }}" });
    let template = template(value.clone());
    assert_eq!(serde_json::to_value(&template).unwrap(), value);
    assert_eq!(serde_json::from_value::<Template>(value).unwrap(), template);
}

proptest! {
    #[test]
    fn no_text_makes_a_template_panic(parts in prop::collection::vec(
        prop::sample::select(vec!["${{", "$${{", "}}", "inputs.n", " ", "'", "{", "}", "$", "é", "\"", "x"]), 0..16)
    ) {
        if let Ok(template) = Template::parse(json!([parts.concat()])) {
            let rendered = template.render(&scope());
            prop_assert!(!template.is_literal() || rendered.is_ok());
        }
    }
}
