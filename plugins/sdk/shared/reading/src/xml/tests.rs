//! What is read, and what is refused with its place.

use super::*;

/// The document as one line per node, indented as it is nested.
fn read(text: &str, doctype: Doctype) -> Result<Vec<String>, Failure> {
    let mut xml = Xml::new("r.xml", text, doctype);
    let mut lines = Vec::new();
    while let Some(node) = xml.next_node()? {
        lines.push(match node {
            Node::Start(element) => {
                format!("{}:{} {:?}", element.line, element.name, element.attributes)
            }
            Node::End => "end".to_owned(),
            Node::Text(text) => format!("{text:?}"),
        });
    }
    Ok(lines)
}

fn refusal(text: &str) -> String {
    read(text, Doctype::Refused).expect_err("it is refused").message
}

#[test]
fn elements_come_with_their_line_and_their_attributes_as_text() {
    let text = "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<!-- made -->\n<a>\n<n:b x='1 &lt; 2' n:y='&#65;'/>t &amp; u<![CDATA[<v>]]></a>\n";

    assert_eq!(
        read(text, Doctype::Refused),
        Ok(vec![
            "3:a []".to_owned(),
            "\"\\n\"".to_owned(),
            "4:b [(\"x\", \"1 < 2\"), (\"y\", \"A\")]".to_owned(),
            "end".to_owned(),
            "\"t \"".to_owned(),
            "\"&\"".to_owned(),
            "\" u\"".to_owned(),
            "\"<v>\"".to_owned(),
            "end".to_owned(),
        ]),
    );
}

#[test]
fn what_is_not_a_whole_document_is_refused_with_its_line() {
    assert_eq!(
        [
            "",
            "no xml",
            "<a>\n<b></b>\n",
            "<a>\n<b",
            "<a>\n</b>",
            "<a/>\n<a/>",
            "<a/>\nmore",
            "<a x=1/>",
            "<a x='1' x='2'/>",
        ]
        .map(refusal),
        [
            "`r.xml` line 1: there is no XML element in it",
            "`r.xml` line 1: there is text outside of the outermost element",
            "`r.xml` line 3: it ends inside of `<a>`: the rest is missing",
            "`r.xml` line 2: syntax error: tag not closed: `>` not found before end of input",
            "`r.xml` line 2: ill-formed document: expected `</a>`, but `</b>` was found",
            "`r.xml` line 2: a second outermost element begins",
            "`r.xml` line 1: there is text outside of the outermost element",
            "`r.xml` line 1: `<a>`: position 4: attribute value must be enclosed in `\"` or `'`",
            "`r.xml` line 1: `<a>`: position 8: duplicated attribute, previous declaration at position 2",
        ],
    );
}

#[test]
fn entities_are_never_expanded() {
    let bomb = "<!DOCTYPE a [<!ENTITY x \"xxxx\"><!ENTITY y \"&x;&x;\">]>\n<a>&y;</a>";
    let external = "<!DOCTYPE a [<!ENTITY x SYSTEM \"file:///etc/passwd\">]>\n<a>&x;</a>";

    assert_eq!(
        [bomb, external, "<a>\n&x;</a>", "<a b='&x;'/>", "<a>&#0;</a>"].map(refusal),
        [
            "`r.xml` line 1: its document type declares entities or elements, which are not read",
            "`r.xml` line 1: its document type declares entities or elements, which are not read",
            "`r.xml` line 2: the entity `&x;` is not one of XML's own",
            "`r.xml` line 1: `<a>`: at 1..2: unrecognized entity `x`",
            "`r.xml` line 1: invalid character reference: 0x0 character is not permitted in XML",
        ],
    );
}

#[test]
fn a_document_type_may_at_most_name_a_dtd_and_only_where_the_format_has_one() {
    let named = "<!DOCTYPE report PUBLIC \"-//JACOCO//DTD Report 1.1//EN\" \"report.dtd\"><report/>";
    let declares = "<!DOCTYPE report [<!ELEMENT report ANY>]><report/>";

    assert_eq!(refusal(named), "`r.xml` line 1: it has a document type, which such a report has not");
    assert_eq!(read(named, Doctype::NamedOnly), Ok(vec!["1:report []".to_owned(), "end".to_owned()]));
    assert_eq!(
        read(declares, Doctype::NamedOnly).expect_err("it declares something").message,
        "`r.xml` line 1: its document type declares entities or elements, which are not read",
    );
}

#[test]
fn a_hundred_thousand_levels_are_refused_and_not_followed() {
    assert_eq!(refusal(&"<a>\n".repeat(100_000)), "`r.xml` line 257: elements are nested more than 256 deep");
    let attributes: String = (0..300).map(|number| format!(" a{number}=''")).collect();
    assert_eq!(refusal(&format!("<a{attributes}/>")), "`r.xml` line 1: `<a>` has more than 256 attributes");
}

#[test]
fn a_declaration_that_lies_about_the_encoding_is_refused_where_it_matters() {
    let declared = "<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?>";

    assert_eq!(read(&format!("{declared}<a/>"), Doctype::Refused).map(|lines| lines.len()), Ok(2));
    assert_eq!(
        refusal(&format!("{declared}<a>é</a>")),
        "`r.xml` line 1: it says that it is `ISO-8859-1`, and it is UTF-8; write one and say the same",
    );
}

#[test]
fn another_format_is_said_to_be_another() {
    let mut xml = Xml::new("r.xml", "\n<html/>", Doctype::Refused);

    assert_eq!(
        xml.root(&["testsuites", "testsuite"], "JUnit XML"),
        Err(Failure::invalid_input(
            "`r.xml` line 2: the outermost element is `<html>`, so this is not JUnit XML"
        )),
    );
}

#[test]
fn numbers_are_numbers_or_refused() {
    let text = "<a n='7' d='1,234.5' e='' f='NaN' g='-1' h='1,2' k='1.2,345' i='2e-3' j='0x1'/>";
    let element = Xml::new("r.xml", text, Doctype::Refused).root(&["a"], "").unwrap();

    assert_eq!(["n", "e", "z"].map(|name| element.count(name)), [Ok(Some(7)), Ok(None), Ok(None)]);
    assert_eq!(
        ["n", "d", "i", "e"].map(|name| element.decimal(name)),
        [Ok(Some(7.0)), Ok(Some(1234.5)), Ok(Some(0.002)), Ok(None)]
    );
    assert_eq!(
        ["d", "g", "j"].map(|name| element.count(name).unwrap_err().message),
        [
            "`r.xml` line 1: `<a>` `d` is `1,234.5`, which is not a whole number",
            "`r.xml` line 1: `<a>` `g` is `-1`, which is not a whole number",
            "`r.xml` line 1: `<a>` `j` is `0x1`, which is not a whole number",
        ],
    );
    assert_eq!(
        ["f", "g", "h", "k"].map(|name| element.decimal(name).unwrap_err().message),
        [
            "`r.xml` line 1: `<a>` `f` is `NaN`, which is not a number",
            "`r.xml` line 1: `<a>` `g` is `-1`, which is not a number",
            "`r.xml` line 1: `<a>` `h` is `1,2`, which is not a number",
            "`r.xml` line 1: `<a>` `k` is `1.2,345`, which is not a number",
        ],
    );
    assert_eq!(element.required("z"), Err(Failure::invalid_input("`r.xml` line 1: `<a>` has no `z`")),);
}
