//! What an expression compares an input with.
//!
//! Text has endless values, but an expression that only asks `==`, `in`, `startsWith`, `endsWith` and `contains` about
//! written-out literals can tell only few of them apart. This finds those literals, or says that the expression asks
//! something else. It reads signs, not grammar: whatever it does not recognise counts as something else.

/// A question about a text, with its literal.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Question {
    Is(String),
    StartsWith(String),
    EndsWith(String),
    Contains(String),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token<'a> {
    Word(&'a str),
    /// A plain literal, without escapes.
    Text(&'a str),
    /// An operator or bracket.
    Sign(&'a str),
    /// Anything that is none of these.
    Other,
}

/// The questions that `source` asks about `inputs.<name>`; `None` if it also does anything else with it.
pub(super) fn questions(source: &str, name: &str) -> Option<Vec<Question>> {
    let tokens = tokens(source);
    let mut asked = Vec::new();
    for at in 0..tokens.len() {
        match &tokens[at..] {
            [Token::Word("inputs"), Token::Sign("."), Token::Word(word), after @ ..] if *word == name => {
                asked.extend(question(&tokens[..at], after)?);
            }
            // `inputs["x"]`, `f(inputs)`: which input is meant cannot be seen here.
            [Token::Word("inputs"), Token::Sign("."), Token::Word(_), ..] => {}
            [Token::Word("inputs"), ..] => return None,
            _ => {}
        }
    }
    Some(asked)
}

/// The question in which a name stands between `before` and `after`.
fn question(before: &[Token<'_>], after: &[Token<'_>]) -> Option<Vec<Question>> {
    let text = |text: &str| text.to_owned();
    // name == 'x', name != 'x'
    if let [Token::Sign("==" | "!="), Token::Text(literal), rest @ ..] = after {
        return (starts_here(before) && ends_here(rest)).then(|| vec![Question::Is(text(literal))]);
    }
    // 'x' == name
    if let [rest @ .., Token::Text(literal), Token::Sign("==" | "!=")] = before {
        return (starts_here(rest) && ends_here(after)).then(|| vec![Question::Is(text(literal))]);
    }
    // name in ['x', 'y']
    if let [Token::Word("in"), Token::Sign("["), rest @ ..] = after {
        let (literals, rest) = list(rest)?;
        return (starts_here(before) && ends_here(rest)).then_some(literals);
    }
    // name.startsWith('x')
    if let [
        Token::Sign("."),
        Token::Word(function),
        Token::Sign("("),
        Token::Text(literal),
        Token::Sign(")"),
        rest @ ..,
    ] = after
    {
        return (starts_here(before) && ends_here(rest)).then(|| by_name(function, literal)).flatten();
    }
    // startsWith(name, 'x')
    if let (
        [rest @ .., Token::Word(function), Token::Sign("(")],
        [Token::Sign(","), Token::Text(literal), Token::Sign(")"), end @ ..],
    ) = (before, after)
    {
        return (starts_here(rest) && ends_here(end)).then(|| by_name(function, literal)).flatten();
    }
    None
}

fn by_name(function: &str, literal: &str) -> Option<Vec<Question>> {
    let literal = literal.to_owned();
    match function {
        "startsWith" => Some(vec![Question::StartsWith(literal)]),
        "endsWith" => Some(vec![Question::EndsWith(literal)]),
        "contains" => Some(vec![Question::Contains(literal)]),
        _ => None,
    }
}

fn list<'t, 'a>(mut rest: &'t [Token<'a>]) -> Option<(Vec<Question>, &'t [Token<'a>])> {
    let mut literals = Vec::new();
    loop {
        let [Token::Text(literal), after @ ..] = rest else { return None };
        literals.push(Question::Is((*literal).to_owned()));
        match after {
            [Token::Sign(","), more @ ..] => rest = more,
            [Token::Sign("]"), end @ ..] => return Some((literals, end)),
            _ => return None,
        }
    }
}

/// Whether a comparison can begin after these tokens: nothing before it takes part in it.
fn starts_here(before: &[Token<'_>]) -> bool {
    matches!(before.last(), None | Some(Token::Sign("&&" | "||" | "(" | "!" | "?" | ":" | ",")))
}

/// Whether a comparison ends before these tokens.
fn ends_here(after: &[Token<'_>]) -> bool {
    matches!(after.first(), None | Some(Token::Sign("&&" | "||" | ")" | "?" | ":" | ",")))
}

fn tokens(source: &str) -> Vec<Token<'_>> {
    const DOUBLE: [&str; 6] = ["==", "!=", "&&", "||", "<=", ">="];
    let mut tokens = Vec::new();
    let mut rest = source;
    while let Some(first) = rest.chars().next() {
        let length = if first.is_whitespace() {
            first.len_utf8()
        } else if first.is_ascii_alphanumeric() || first == '_' {
            let length =
                rest.find(|sign: char| !sign.is_ascii_alphanumeric() && sign != '_').unwrap_or(rest.len());
            // `r'…'` and `b'…'` are literals of another kind.
            let prefix = rest[length..].starts_with(['\'', '"']);
            tokens.push(if prefix { Token::Other } else { Token::Word(&rest[..length]) });
            length
        } else if first == '\'' || first == '"' {
            let (token, length) = literal(rest, first);
            tokens.push(token);
            length
        } else if let Some(sign) = rest.get(..2).filter(|sign| DOUBLE.contains(sign)) {
            tokens.push(Token::Sign(sign));
            2
        } else {
            tokens.push(if first.is_ascii() { Token::Sign(&rest[..1]) } else { Token::Other });
            first.len_utf8()
        };
        rest = &rest[length..];
    }
    tokens
}

/// A literal up to its closing quote. One with escapes or three quotes is not looked into.
fn literal(rest: &str, quote: char) -> (Token<'_>, usize) {
    let three = if quote == '\'' { "'''" } else { "\"\"\"" };
    if rest.starts_with(three) {
        let end = rest[3..].find(three).map_or(rest.len(), |end| end + 6);
        return (Token::Other, end);
    }
    let mut escaped = false;
    let mut plain = true;
    for (offset, sign) in rest.char_indices().skip(1) {
        if escaped {
            escaped = false;
        } else if sign == '\\' {
            escaped = true;
            plain = false;
        } else if sign == quote {
            let token = if plain { Token::Text(&rest[1..offset]) } else { Token::Other };
            return (token, offset + 1);
        }
    }
    (Token::Other, rest.len())
}

#[cfg(test)]
mod tests {
    use super::{Question, questions};

    fn is(text: &str) -> Question {
        Question::Is(text.to_owned())
    }

    #[test]
    fn comparisons_with_literals_are_understood() {
        let table = [
            ("inputs.ref == 'a'", vec![is("a")]),
            ("\"a\" != inputs.ref && inputs.other", vec![is("a")]),
            ("inputs.ref in ['a', 'b'] || !(inputs.ref == 'c')", vec![is("a"), is("b"), is("c")]),
            ("inputs.ref.startsWith('v') ? true : false", vec![Question::StartsWith("v".to_owned())]),
            ("startsWith(inputs.ref, 'v')", vec![Question::StartsWith("v".to_owned())]),
            ("always() && inputs.ref.endsWith('x')", vec![Question::EndsWith("x".to_owned())]),
            ("inputs.other == 'inputs.ref'", vec![]),
        ];
        assert_eq!(
            table.clone().map(|(source, _)| questions(source, "ref")),
            table.map(|(_, asked)| Some(asked))
        );
    }

    #[test]
    fn anything_else_is_not_guessed_at() {
        let sources = [
            "size(inputs.ref) > 3",
            "inputs.ref.matches('^v')",
            "inputs.ref + 'x' == 'yx'",
            "inputs.ref == 'x' + inputs.other",
            "inputs['ref'] == 'x'",
            "inputs.ref == r'x'",
            "inputs.ref == 'it\\'s'",
            "inputs.ref == '''x'''",
            "inputs.ref.startsWith('a').foo",
            "inputs.ref in [inputs.other]",
            "inputs.ref < 'x'",
            "inputs.ref == 'unclosed",
        ];
        assert_eq!(sources.map(|source| questions(source, "ref")), sources.map(|_| None));
    }
}
