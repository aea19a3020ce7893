//! Text to tree, and everything that can be wrong on the way.

use std::borrow::Cow;

use cel::{common::ast::IdedExpr, parser::PrattParser};

use crate::{
    ParseError, References,
    names::{FUNCTIONS, MACROS, Names, STATUS, Unknown, VARIABLES},
    scan::{Kind, Token, scan},
};

/// Longest source, in bytes.
const LONGEST: usize = 8 << 10;

/// Most brackets around one word.
const DEEPEST: usize = 64;

/// Bound on the depth of the tree: signs that stand beside or around one word, such as the `+` of a sum. Evaluation and
/// dropping recurse; 256 levels fit into half of a thread's 2 MiB, and nobody writes as many.
const LONGEST_CHAIN: usize = 256;

/// A tree with all that was learned about it.
pub(crate) struct Parsed {
    pub(crate) tree: IdedExpr,
    pub(crate) references: References,
}

/// Reads `source`, which has no blanks around it.
pub(crate) fn parse(source: &str) -> Result<Parsed, ParseError> {
    if source.is_empty() {
        return Err(ParseError { message: "the expression is empty".to_owned(), offset: 0 });
    }
    if source.len() > LONGEST {
        let message = format!("the expression is {} bytes long; {LONGEST} are the most", source.len());
        return Err(ParseError { message, offset: 0 });
    }
    let tokens = scan(source)?;
    check_depth(source, &tokens)?;
    let rewritten = quote_step_ids(source, &tokens);
    let tree = PrattParser::new()
        .enable_ident_escape_syntax(true)
        .parse(&rewritten.text)
        .map_err(|errors| first_error(source, &tokens, &rewritten, &errors.errors))?;
    let names = Names::of(&tree);
    match names.unknown.first() {
        Some(unknown) => Err(unknown_name(source, &tokens, unknown)),
        None => Ok(Parsed { tree, references: names.references }),
    }
}

fn check_depth(source: &str, tokens: &[Token]) -> Result<(), ParseError> {
    // How many signs stand at each level of brackets that is open, since the last comma there.
    let mut levels = vec![0_usize];
    let mut total = 0;
    for token in tokens {
        match token.kind {
            Kind::Open => {
                levels.push(1);
                total += 1;
            }
            // A bracket that was never opened is the parser's to complain about.
            Kind::Close if levels.len() > 1 => {
                // What is inside hangs below what stands before it, and counts as one level from now on.
                total -= levels.pop().unwrap_or(0);
                count(&mut levels, &mut total);
            }
            Kind::Sign if &source[token.range.clone()] == "," => {
                total -= levels.last_mut().map_or(0, std::mem::take);
            }
            Kind::Sign => count(&mut levels, &mut total),
            Kind::Name if &source[token.range.clone()] == "in" => count(&mut levels, &mut total),
            Kind::Close | Kind::Name | Kind::Quoted | Kind::Text | Kind::Number => {}
        }
        let problem = if levels.len() > DEEPEST + 1 {
            format!("more than {DEEPEST} brackets inside each other")
        } else if total > LONGEST_CHAIN {
            format!("more than {LONGEST_CHAIN} operators that hang together")
        } else {
            continue;
        };
        return Err(ParseError { message: problem, offset: token.range.start });
    }
    Ok(())
}

fn count(levels: &mut [usize], total: &mut usize) {
    if let Some(level) = levels.last_mut() {
        *level += 1;
        *total += 1;
    }
}

/// A source in which every step id is a name for CEL, and the way back to the original.
struct Rewritten<'a> {
    text: Cow<'a, str>,
    /// Offsets in `text` where a byte was put in, ascending.
    inserted: Vec<usize>,
}

impl Rewritten<'_> {
    fn original(&self, offset: usize) -> usize {
        offset - self.inserted.partition_point(|insertion| *insertion < offset)
    }
}

/// Puts backticks around the `some-id` of `steps.some-id`, and of ids that are words of CEL.
fn quote_step_ids<'a>(source: &'a str, tokens: &[Token]) -> Rewritten<'a> {
    let mut text = String::new();
    let mut inserted = Vec::new();
    let mut copied = 0;
    let word = |index: usize| tokens.get(index).map_or("", |token| &source[token.range.clone()]);
    for (index, token) in tokens.iter().enumerate() {
        let is_member = index > 0 && word(index - 1) == ".";
        if word(index) != "steps" || is_member || word(index + 1) != "." || token.range.start < copied {
            continue;
        }
        let Some(first) = tokens.get(index + 2).filter(|token| token.kind == Kind::Name) else { continue };
        let rest = &source[first.range.start..];
        let length = rest
            .find(|sign: char| !(sign.is_ascii_alphanumeric() || sign == '_' || sign == '-'))
            .unwrap_or(rest.len());
        let id = &rest[..length];
        if !id.contains('-') && !matches!(id, "in" | "true" | "false" | "null") {
            continue;
        }
        text.push_str(&source[copied..first.range.start]);
        inserted.push(text.len());
        text.push('`');
        text.push_str(id);
        inserted.push(text.len());
        text.push('`');
        copied = first.range.start + length;
    }
    if inserted.is_empty() {
        return Rewritten { text: source.into(), inserted };
    }
    text.push_str(&source[copied..]);
    Rewritten { text: text.into(), inserted }
}

fn first_error(
    source: &str,
    tokens: &[Token],
    rewritten: &Rewritten<'_>,
    errors: &[cel::ParseError],
) -> ParseError {
    let Some(error) = errors.first() else {
        return ParseError { message: "this is not an expression".to_owned(), offset: 0 };
    };
    let offset = rewritten.original(byte_offset(&rewritten.text, error.pos)).min(source.len());
    let offset = (0..=offset).rev().find(|offset| source.is_char_boundary(*offset)).unwrap_or(0);
    let end = tokens.last().map_or(0, |token| token.range.end);
    let message = error.msg.lines().next().unwrap_or_default();
    let message = message.strip_prefix("Syntax error: ").unwrap_or(message);
    let found = tokens.iter().find(|token| token.range.contains(&offset)).map(|token| shown(source, token));
    let message = match found.as_deref() {
        Some("=") => "unexpected `=`; to compare, write `==`".to_owned(),
        Some("&" | "|") => "`and` is written `&&`, `or` is written `||`".to_owned(),
        _ if offset >= end => match expected(message) {
            Some(sign) => format!("the expression ends too early: `{sign}` is missing"),
            None => "the expression ends too early".to_owned(),
        },
        Some(word) if is_surprise(message) => match expected(message) {
            Some(sign) => format!("unexpected `{word}`, expected `{sign}`"),
            None => format!("unexpected `{word}`"),
        },
        Some(word) if message.starts_with("reserved identifier") => format!("`{word}` is a reserved word"),
        Some(_) if message.contains("has() macro") => {
            "`has` asks for a field, as in `has(inputs.x)`".to_owned()
        }
        Some(_) if message == "argument must be a simple name" => {
            "the first argument must be a name for the element, as in `list.map(x, x + 1)`".to_owned()
        }
        Some(_) | None => message.replace('\'', "`"),
    };
    ParseError { message, offset }
}

/// A word for a message: a text can be long and hold anything.
fn shown(source: &str, token: &Token) -> String {
    source[token.range.clone()].chars().filter(|sign| !sign.is_control()).take(40).collect()
}

/// Line and column, both counted from 1 and in bytes, as an offset.
fn byte_offset(text: &str, (line, column): (isize, isize)) -> usize {
    let lines_before = usize::try_from(line - 1).unwrap_or(0);
    let start: usize = text.split_inclusive('\n').take(lines_before).map(str::len).sum();
    start + usize::try_from(column - 1).unwrap_or(0)
}

fn is_surprise(message: &str) -> bool {
    ["mismatched input", "unexpected token", "unexpected character", "expected '", "expected identifier"]
        .iter()
        .any(|start| message.starts_with(start))
}

/// The one sign that the parser waits for, if it says so.
fn expected(message: &str) -> Option<&str> {
    let after = message.split_once("expected '").or_else(|| message.split_once("expecting '"))?.1;
    after.split('\'').next().filter(|sign| sign.len() == 1)
}

fn unknown_name(source: &str, tokens: &[Token], unknown: &Unknown) -> ParseError {
    let list = |names: &[&str]| names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let (name, is_function, message) = match unknown {
        Unknown::Variable(name) => (
            name,
            false,
            match name.as_str() {
                "git" | "rollback" => format!("`{name}` is not supported yet"),
                "secrets" => {
                    "secrets are never values; name the secret in `with` and list it under `secrets`"
                        .to_owned()
                }
                name => format!("unknown name `{name}`; known: {}", list(&VARIABLES)),
            },
        ),
        Unknown::Function(name) if STATUS.contains(&name.as_str()) => {
            (name, true, format!("`{name}` is written `{name}()`"))
        }
        Unknown::Function(name) if MACROS.contains(&name.as_str()) => {
            let example =
                if name == "has" { "has(inputs.x)".to_owned() } else { format!("list.{name}(x, …)") };
            (name, true, format!("`{name}` is written `{example}`"))
        }
        Unknown::Function(name) => {
            let known = [MACROS.as_slice(), &FUNCTIONS, &STATUS].concat();
            (name, true, format!("unknown function `{name}`; known: {}", list(&known)))
        }
    };
    let word = |index: usize| tokens.get(index).map_or("", |token| &source[token.range.clone()]);
    let offset = (0..tokens.len())
        .find(|index| {
            let is_member = *index > 0 && word(index - 1) == ".";
            let is_called = word(index + 1) == "(";
            word(*index) == name && if is_function { is_called } else { !is_member && !is_called }
        })
        .and_then(|index| tokens.get(index))
        .map_or(0, |token| token.range.start);
    ParseError { message, offset }
}

#[cfg(test)]
mod tests {
    use super::parse;

    fn problem(source: &str) -> (usize, String) {
        let error = parse(source).err().unwrap();
        (error.offset, error.message)
    }

    #[test]
    fn a_mistake_is_told_in_one_line_with_its_place() {
        let table = [
            ("", 0, "the expression is empty"),
            ("1 +", 3, "the expression ends too early"),
            ("size(inputs", 11, "the expression ends too early: `)` is missing"),
            ("[1, 2", 5, "the expression ends too early: `]` is missing"),
            ("inputs.x = 3", 9, "unexpected `=`; to compare, write `==`"),
            ("inputs.x & true", 9, "`and` is written `&&`, `or` is written `||`"),
            ("1 2", 2, "unexpected `2`"),
            ("inputs.é", 7, "unexpected `é`"),
            ("'é' + )", 7, "unexpected `)`"),
            ("steps.a-b.x + )", 14, "unexpected `)`"),
            ("inputs.", 7, "the expression ends too early"),
            ("true ? 1", 8, "the expression ends too early: `:` is missing"),
            ("inputs.`a\nb`", 7, "the name that starts here has no closing backtick"),
            ("for", 0, "`for` is a reserved word"),
            ("has(inputs)", 4, "`has` asks for a field, as in `has(inputs.x)`"),
            (
                "[1].map(1, 2)",
                8,
                "the first argument must be a name for the element, as in `list.map(x, x + 1)`",
            ),
            ("99999999999999999999", 0, "invalid int literal"),
        ];
        for (source, offset, message) in table {
            assert_eq!(problem(source), (offset, message.to_owned()), "{source}");
        }
    }

    #[test]
    fn a_name_that_means_nothing_is_an_error_with_what_there_is() {
        let known = "known: `inputs`, `env`, `matrix`, `steps`, `run`, `event`, `target`";
        let functions = "known: `all`, `exists`, `exists_one`, `filter`, `has`, `map`, `bool`, `bytes`, `contains`, \
             `double`, `dyn`, `endsWith`, `int`, `join`, `lowerAscii`, `matches`, `replace`, `size`, `split`, \
             `startsWith`, `string`, `trim`, `type`, `uint`, `upperAscii`, `success`, `failure`, `always`, `aborted`";
        let secrets = "secrets are never values; name the secret in `with` and list it under `secrets`";
        let table = [
            ("1 + input.x", 4, format!("unknown name `input`; {known}")),
            ("inputs.git + git.sha", 13, "`git` is not supported yet".to_owned()),
            ("secrets.token", 0, secrets.to_owned()),
            ("inputs.x.sice()", 9, format!("unknown function `sice`; {functions}")),
            ("secret{a: 1}", 0, format!("unknown function `secret`; {functions}")),
            ("failure(1)", 0, "`failure` is written `failure()`".to_owned()),
            ("[1].map(x)", 4, "`map` is written `list.map(x, …)`".to_owned()),
        ];
        for (source, offset, message) in table {
            assert_eq!(problem(source), (offset, message), "{source}");
        }
    }

    #[test]
    fn names_that_a_comprehension_binds_are_not_references() {
        let paths = |source: &str| parse(source).unwrap().references.paths;
        assert_eq!(
            paths("inputs.list.map(x, x.y + env.A).exists(x, x == steps.a-b.outputs['c d'].e[0])"),
            [vec!["inputs", "list"], vec!["env", "A"], vec!["steps", "a-b", "outputs", "c d", "e", "0"],]
        );
        assert_eq!(
            paths("inputs[inputs.key].x + type(inputs.n) == int"),
            [vec!["inputs"], vec!["inputs", "key"], vec!["inputs", "n"]]
        );
    }

    #[test]
    fn ids_with_dashes_stand_unquoted_after_steps_only() {
        let paths = |source: &str| parse(source).unwrap().references.paths;
        assert_eq!(paths("steps.a-b-1.result"), [["steps", "a-b-1", "result"]]);
        assert_eq!(paths("steps.in.result == 'steps.a-b'"), [["steps", "in", "result"]]);
        assert_eq!(paths("steps.a.outputs.n-1"), [["steps", "a", "outputs", "n"]]);
        assert_eq!(paths("has(steps.a-b)"), [["steps", "a-b"]]);
        assert_eq!(paths("steps['a-b[x,y]'].result"), [["steps", "a-b[x,y]", "result"]]);
        assert_eq!(paths("inputs.steps.a - env.B"), [vec!["inputs", "steps", "a"], vec!["env", "B"]]);
    }

    #[test]
    fn what_would_be_too_deep_to_evaluate_is_refused() {
        assert!(parse(&format!("{}1{}", "(".repeat(64), ")".repeat(64))).is_ok());
        assert_eq!(
            problem(&format!("{}1{}", "(".repeat(65), ")".repeat(65))),
            (64, "more than 64 brackets inside each other".to_owned())
        );
        assert!(parse(&format!("1{}", " + 1".repeat(256))).is_ok());
        let chain = (2 + 4 * 256, "more than 256 operators that hang together".to_owned());
        assert_eq!(problem(&format!("1{}", " + 1".repeat(257))), chain);
        assert_eq!(problem(&format!("inputs{}", ".abc".repeat(257))).1, chain.1);
        assert_eq!(problem(&format!("inputs{}", "[0]".repeat(257))).1, chain.1);
        assert_eq!(problem(&format!("{}1", "-".repeat(257))).1, chain.1);
        assert!(parse(&format!("[{}]", "1, ".repeat(2000))).is_ok());
        assert_eq!(
            problem(&"1".repeat(8193)),
            (0, "the expression is 8193 bytes long; 8192 are the most".to_owned())
        );
    }
}
