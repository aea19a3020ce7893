//! What a template may be, so that it fits the stack of a plugin.
//!
//! The engine goes down once for each bracket, each link of a chain (`a|b|c`, `a ~ b ~ c`, `a.b.c`) and each block that
//! is open, when it reads a template, compiles it and drops it again. Its own bounds are made for stacks of megabytes, and
//! a plugin has 64 KiB: a hundred links are fine, four hundred are a trap. So a template is weighed before the engine sees
//! it. Where this reader and the engine's could see different things (a brace in a tag, a quote that is never closed) it
//! takes the rest for a part of the tag, which only makes it heavier.

/// Most that may hang on one place of a template. Each form was tried in the sandbox up to it, alone and in others.
const HEAVIEST: usize = 100;

/// A bracket takes a dozen calls of the parser, an operator one or two.
const BRACKET: usize = 6;
/// An open block.
const BLOCK: usize = 6;

/// Refuses a template that is longer than `longest` bytes, that the engine would need too much of the stack for, or that
/// uses statements other than `if` and `for`.
///
/// # Errors
///
/// Why, as the end of a sentence that begins with its name.
pub fn weigh(template: &str, longest: usize) -> Result<(), String> {
    if template.len() > longest {
        return Err(format!("it has {} bytes; {longest} are the most", template.len()));
    }
    let mut open: Vec<usize> = Vec::new();
    let mut rest = template;
    while let Some(at) = next_tag(rest) {
        let line = || 1 + template[..template.len() - rest.len() + at].matches('\n').count();
        let (sort, inside) = (&rest[at..at + 2], &rest[at + 2..]);
        if sort == "{#" {
            rest = inside.split_once("#}").map_or("", |(_, after)| after);
            continue;
        }
        let tag = Tag::read(inside, sort == "{%");
        rest = &inside[tag.length..];
        let mut heavy = tag.weight;
        match tag.word {
            None => {}
            Some("if" | "for") => open.push(BLOCK + tag.weight),
            Some("elif" | "else") => {
                heavy += 1;
                if let Some(block) = open.last_mut() {
                    *block += heavy;
                }
            }
            Some("endif" | "endfor") => drop(open.pop()),
            Some(word) => {
                return Err(format!("line {}: there is no `{word}` here, only `if` and `for`", line()));
            }
        }
        heavy += open.iter().sum::<usize>();
        if heavy > HEAVIEST {
            return Err(format!("line {} is nested too deep, or a chain that is too long", line()));
        }
    }
    Ok(())
}

fn next_tag(text: &str) -> Option<usize> {
    text.char_indices()
        .find(|&(at, sign)| sign == '{' && text[at + 1..].starts_with(['{', '%', '#']))
        .map(|(at, _)| at)
}

/// What stands between `{{` or `{%` and the end of the tag.
struct Tag<'t> {
    /// In bytes, with the end.
    length: usize,
    /// Of a statement.
    word: Option<&'t str>,
    weight: usize,
}

impl<'t> Tag<'t> {
    fn read(inside: &'t str, statement: bool) -> Self {
        let end = if statement { "%}" } else { "}}" };
        let (mut weight, mut braces, mut at) = (0, 0_usize, 0);
        let mut quote = None;
        let bytes = inside.as_bytes();
        while at < bytes.len() {
            let byte = bytes[at];
            match quote {
                Some(_) if byte == b'\\' => at += 1,
                Some(open) if byte == open => quote = None,
                Some(_) => {}
                None if braces == 0 && bytes[at..].starts_with(end.as_bytes()) => break,
                None => match byte {
                    b'\'' | b'"' => quote = Some(byte),
                    b'(' | b'[' => weight += BRACKET,
                    b'{' => {
                        weight += BRACKET;
                        braces += 1;
                    }
                    b'}' => braces = braces.saturating_sub(1),
                    b'|' | b'.' | b'~' | b'*' | b'/' | b'%' | b'+' | b'-' | b'=' | b'<' | b'>' | b'!' => {
                        weight += 1
                    }
                    _ => {}
                },
            }
            at += 1;
        }
        let text = &inside[..at.min(inside.len())];
        let mut words = text
            .split(|sign: char| !sign.is_ascii_alphanumeric() && sign != '_')
            .filter(|word| !word.is_empty());
        let word = statement.then(|| words.next().unwrap_or(""));
        // A word in quotes is counted too: that only makes the tag heavier.
        weight +=
            words.filter(|word| matches!(*word, "and" | "or" | "not" | "is" | "in" | "if" | "else")).count()
                * 2;
        Self { length: (at + end.len()).min(inside.len()), word, weight }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(template: &str) -> Result<(), String> {
        weigh(template, 16 * 1024)
    }

    const TOO_DEEP: &str = "line 1 is nested too deep, or a chain that is too long";

    #[test]
    fn what_messages_are_made_of_is_light() {
        let template = "{{ summary }} {# {% if %} #}\n{% for item in steps if item.result in ['failure', 'error'] %}\n\
                        {% if item.summary and item.summary|length > 3 %}- {{ item.id|code }}: \
                        {{ item.summary|default('a }} b. c. d')|trim }}{% elif item.state == \"x\" %}y{% else %}z{% endif %}\n\
                        {% endfor %}{{ {'a': {'b': 1}} }}";

        assert_eq!(check(template), Ok(()));
        assert_eq!(check(&template.repeat(30)), Ok(()));
    }

    #[test]
    fn chains_and_nests_are_counted_wherever_they_stand() {
        let refused = |template: &str| assert_eq!(check(template), Err(TOO_DEEP.to_owned()), "{template}");

        for link in
            ["|upper", ".a", "[0]", "()", " ~ 1", " and 1", " is none", " if 1 else 1", " ** 1", " == 1"]
        {
            refused(&format!("{{{{ a{} }}}}", link.repeat(101)));
        }
        refused(&format!("{{{{ {}1{} }}}}", "(".repeat(17), ")".repeat(17)));
        refused(&"{% if a %}".repeat(17));
        refused(&format!("{{% if a %}}{}", "{% elif a %}".repeat(101)));
        refused(&"{% for a in [[[[a]]]] %}".repeat(4));
        // Ends that are none.
        refused(&format!("{{{{ '}}}}'{} }}}}", " ~ 1".repeat(101)));
        refused(&format!("{{{{ {{'a': {{'b': 1}}}}{} }}}}", " ~ 1".repeat(101)));
        refused(&"{% if a %}{# {% endif %} #}".repeat(17));
    }

    #[test]
    fn what_is_not_known_is_named_with_its_line() {
        assert_eq!(
            check("a\n{% set a = [a] %}"),
            Err("line 2: there is no `set` here, only `if` and `for`".to_owned())
        );
        assert_eq!(
            check("{%- raw -%}{{{% endraw %}"),
            Err("line 1: there is no `raw` here, only `if` and `for`".to_owned())
        );
        assert_eq!(check(&"ä".repeat(9000)), Err("it has 18000 bytes; 16384 are the most".to_owned()));
    }

    #[test]
    fn half_a_tag_is_left_to_the_engine() {
        assert_eq!(check("{{ 'a"), Ok(()));
        assert_eq!(check("{{ a \\"), Ok(()));
        assert_eq!(check("{# a"), Ok(()));
        assert_eq!(check("{"), Ok(()));
        assert_eq!(check("{{ '\\"), Ok(()));
    }
}
