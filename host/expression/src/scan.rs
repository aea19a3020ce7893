//! The words of an expression, as far as it takes to find its end, to bound its depth, and to let step ids stand
//! unquoted. The meaning of words is the parser's business.

use std::ops::Range;

use crate::ParseError;

/// One word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) kind: Kind,
    /// Bytes of the source.
    pub(crate) range: Range<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A name or keyword.
    Name,
    /// A name in backticks.
    Quoted,
    /// A text or bytes literal.
    Text,
    /// A number, roughly.
    Number,
    /// `(`, `[` or `{`.
    Open,
    /// `)`, `]` or `}`.
    Close,
    /// Anything else, one character each.
    Sign,
}

/// The words of `source` from `start` on.
pub(crate) struct Scanner<'a> {
    source: &'a str,
    at: usize,
}

impl<'a> Scanner<'a> {
    pub(crate) fn new(source: &'a str, start: usize) -> Self {
        Self { source, at: start }
    }

    /// The next word; `None` at the end.
    pub(crate) fn next(&mut self) -> Result<Option<Token>, ParseError> {
        self.skip_blanks();
        let start = self.at;
        let rest = &self.source[start..];
        let Some(first) = rest.chars().next() else { return Ok(None) };
        let kind = match first {
            '(' | '[' | '{' => Kind::Open,
            ')' | ']' | '}' => Kind::Close,
            '`' => return self.quoted(start).map(Some),
            '"' | '\'' => return self.text(start, start).map(Some),
            _ if is_name_start(first) => {
                let end = rest.find(|sign| !is_name_part(sign)).unwrap_or(rest.len());
                let prefix = &rest[..end];
                if is_text_prefix(prefix) && rest[end..].starts_with(['"', '\'']) {
                    return self.text(start, start + end).map(Some);
                }
                self.at = start + end;
                return Ok(Some(Token { kind: Kind::Name, range: start..self.at }));
            }
            _ if first.is_ascii_digit() => {
                let end = rest.find(|sign| !is_name_part(sign)).unwrap_or(rest.len());
                self.at = start + end;
                return Ok(Some(Token { kind: Kind::Number, range: start..self.at }));
            }
            _ => Kind::Sign,
        };
        self.at = start + first.len_utf8();
        Ok(Some(Token { kind, range: start..self.at }))
    }

    fn skip_blanks(&mut self) {
        loop {
            let rest = &self.source[self.at..];
            let blanks =
                rest.len() - rest.trim_start_matches([' ', '\t', '\n', '\r', '\u{b}', '\u{c}']).len();
            self.at += blanks;
            if !self.source[self.at..].starts_with("//") {
                return;
            }
            let comment = &self.source[self.at..];
            self.at += comment.find('\n').unwrap_or(comment.len());
        }
    }

    fn quoted(&mut self, start: usize) -> Result<Token, ParseError> {
        let end = self.source[start + 1..].find(|sign: char| sign == '`' || sign.is_control());
        let Some(length) = end.filter(|length| self.source[start + 1 + length..].starts_with('`')) else {
            let message = "the name that starts here has no closing backtick".to_owned();
            return Err(ParseError { message, offset: start });
        };
        self.at = start + 1 + length + 1;
        Ok(Token { kind: Kind::Quoted, range: start..self.at })
    }

    /// A literal whose quote stands at `quote`, after its prefix.
    fn text(&mut self, start: usize, quote: usize) -> Result<Token, ParseError> {
        let raw = self.source[start..quote].contains(['r', 'R']);
        let body = &self.source[quote..];
        let sign = if body.starts_with('"') { "\"" } else { "'" };
        let triple = sign.repeat(3);
        let close = if body.starts_with(&triple) { triple.as_str() } else { sign };
        let mut at = close.len();
        while let Some(next) = body[at..].chars().next() {
            if body[at..].starts_with(close) {
                self.at = quote + at + close.len();
                return Ok(Token { kind: Kind::Text, range: start..self.at });
            }
            at += next.len_utf8();
            if next == '\\' && !raw {
                at += body[at..].chars().next().map_or(0, char::len_utf8);
            }
        }
        Err(ParseError {
            message: format!("the text that starts here has no closing {close}"),
            offset: start,
        })
    }
}

/// All words of `source`.
pub(crate) fn scan(source: &str) -> Result<Vec<Token>, ParseError> {
    let mut scanner = Scanner::new(source, 0);
    let mut tokens = Vec::new();
    while let Some(token) = scanner.next()? {
        tokens.push(token);
    }
    Ok(tokens)
}

/// Where the expression that starts at `start` ends: the offset of the `}}` that belongs to its `${{`.
pub(crate) fn end_of_expression(text: &str, start: usize) -> Result<usize, ParseError> {
    let mut scanner = Scanner::new(text, start);
    let mut braces = 0_usize;
    while let Some(token) = scanner.next()? {
        match &text[token.range.clone()] {
            "{" if token.kind == Kind::Open => braces += 1,
            "}" if braces > 0 => braces -= 1,
            "}" if text[token.range.end..].starts_with('}') => return Ok(token.range.start),
            _ => {}
        }
    }
    Err(ParseError { message: "the expression is not closed by `}}`".to_owned(), offset: start })
}

fn is_name_start(sign: char) -> bool {
    sign.is_ascii_alphabetic() || sign == '_'
}

fn is_name_part(sign: char) -> bool {
    sign.is_ascii_alphanumeric() || sign == '_'
}

fn is_text_prefix(name: &str) -> bool {
    matches!(name.to_ascii_lowercase().as_str(), "r" | "b" | "rb" | "br")
}

#[cfg(test)]
mod tests {
    use super::{end_of_expression, scan};

    fn words(source: &str) -> Vec<&str> {
        scan(source).unwrap().into_iter().map(|token| &source[token.range]).collect()
    }

    #[test]
    fn texts_are_one_word_whatever_stands_in_them() {
        assert_eq!(words(r#"a.b + 'it''s' // no"#), ["a", ".", "b", "+", "'it'", "'s'"]);
        assert_eq!(
            words(r#""a\"}}b" r'\' br"x" '''a'b''' `x-y`"#),
            [r#""a\"}}b""#, r"r'\'", r#"br"x""#, "'''a'b'''", "`x-y`"]
        );
        assert_eq!(words("1.5e3 > 0x1F"), ["1", ".", "5e3", ">", "0x1F"]);
    }

    #[test]
    fn what_has_no_end_says_where_it_starts() {
        let error = |source: &str| scan(source).map_err(|error| (error.offset, error.message));
        assert_eq!(error("a + 'b"), Err((4, "the text that starts here has no closing '".to_owned())));
        assert_eq!(error("'\\"), Err((0, "the text that starts here has no closing '".to_owned())));
        assert_eq!(error("a.`b"), Err((2, "the name that starts here has no closing backtick".to_owned())));
    }

    #[test]
    fn braces_inside_an_expression_do_not_end_it() {
        assert_eq!(end_of_expression("a }} b", 0).unwrap(), 2);
        assert_eq!(end_of_expression(r#"{"a": {"b": 1}} }}"#, 0).unwrap(), 16);
        assert_eq!(end_of_expression(r#"{"a": {"b": 1}}}}"#, 0).unwrap(), 15);
        assert_eq!(end_of_expression("'}}' }}", 0).unwrap(), 5);
        assert_eq!(end_of_expression("a }", 0).unwrap_err().message, "the expression is not closed by `}}`");
    }
}
