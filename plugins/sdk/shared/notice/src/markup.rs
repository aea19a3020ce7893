//! What signs mean to a channel, and how to keep them from meaning it.

/// The signs of a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Markup {
    /// No sign means anything.
    Plain,
    /// Slack's `mrkdwn`: `<…>` is a link or a mention, `&` begins an entity.
    Mrkdwn,
    /// Discord's Markdown, where `@everyone` is a mention.
    Discord,
    /// GitHub's Markdown, where `@name` is a mention, `#1` a reference, and HTML is HTML.
    GitHub,
    /// What a text block of an adaptive card understands of Markdown.
    AdaptiveCard,
    /// HTML.
    Html,
}

/// Not to be seen, and between two signs they are not one word any more.
const ZERO_WIDTH_SPACE: &str = "\u{200b}";

impl Markup {
    /// `text` so that the channel shows it as it is. Control characters, and those that turn the direction of
    /// writing, are left out.
    #[must_use]
    pub fn escape(self, text: &str) -> String {
        let text = clean(text);
        match self {
            Self::Plain => text,
            Self::Mrkdwn => replaced(&text, |sign| match sign {
                '&' => Some("&amp;"),
                '<' => Some("&lt;"),
                '>' => Some("&gt;"),
                _ => None,
            }),
            Self::Html => replaced(&text, |sign| match sign {
                '&' => Some("&amp;"),
                '<' => Some("&lt;"),
                '>' => Some("&gt;"),
                '"' => Some("&quot;"),
                '\'' => Some("&#39;"),
                _ => None,
            }),
            Self::Discord => {
                let escaped = backslashed(&text, r"\`*_~|[]()<>");
                escaped.replace('@', &format!("@{ZERO_WIDTH_SPACE}"))
            }
            Self::GitHub => {
                let escaped = backslashed(&text, r"\`*_~|[]()<>&!$");
                // A comment parts the text for those who look for names and numbers in it, and cannot be seen or copied.
                escaped.replace('@', "@<!-- -->").replace('#', "#<!-- -->")
            }
            Self::AdaptiveCard => {
                let escaped = backslashed(&text, r"\*_[]()");
                // `{{DATE(…)}}` would become a date, `<at>…</at>` looks like a mention.
                escaped
                    .replace("{{", &format!("{{{ZERO_WIDTH_SPACE}{{"))
                    .replace('<', &format!("<{ZERO_WIDTH_SPACE}"))
            }
        }
    }

    /// `text`, escaped, in bold type.
    #[must_use]
    pub fn bold(self, text: &str) -> String {
        let escaped = self.escape(text);
        match self {
            Self::Plain => escaped,
            Self::Mrkdwn => format!("*{escaped}*"),
            Self::Discord | Self::GitHub | Self::AdaptiveCard => format!("**{escaped}**"),
            Self::Html => format!("<b>{escaped}</b>"),
        }
    }

    /// `text`, escaped, as code where there is such a thing.
    #[must_use]
    pub fn code(self, text: &str) -> String {
        // In code no sign can be escaped, and a line of code is one line.
        let inside = || clean(text).replace('`', "'").replace('\n', " ");
        match self {
            Self::Plain | Self::AdaptiveCard => self.escape(text),
            Self::Mrkdwn => format!("`{}`", self.escape(&inside())),
            Self::Discord | Self::GitHub if inside().trim().is_empty() => String::new(),
            Self::Discord | Self::GitHub => format!("`{}`", inside()),
            Self::Html => format!("<code>{}</code>", self.escape(text)),
        }
    }

    /// A link. `url` has to be one that [`Link::check`](crate::Link) has seen.
    #[must_use]
    pub fn link(self, text: &str, url: &str) -> String {
        let escaped = self.escape(text).replace('\n', " ");
        match self {
            Self::Plain => format!("{escaped}: {url}"),
            Self::Mrkdwn => format!("<{}|{}>", self.escape(url), escaped.replace('|', "/")),
            Self::Discord | Self::GitHub | Self::AdaptiveCard => {
                format!("[{escaped}]({})", url.replace('(', "%28").replace(')', "%29"))
            }
            Self::Html => format!("<a href=\"{}\">{escaped}</a>", self.escape(url)),
        }
    }
}

/// Without what is not text: control characters, and marks that make a text read other than it is written.
fn clean(text: &str) -> String {
    let kept = |sign: &char| match sign {
        '\n' | '\t' => true,
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}' => false,
        sign => !sign.is_control(),
    };
    text.replace("\r\n", "\n").chars().filter(kept).collect()
}

fn replaced(text: &str, by: impl Fn(char) -> Option<&'static str>) -> String {
    let mut out = String::with_capacity(text.len());
    for sign in text.chars() {
        match by(sign) {
            Some(entity) => out.push_str(entity),
            None => out.push(sign),
        }
    }
    out
}

/// A backslash before each of `signs`, and before what would begin a heading, a quotation or a list.
fn backslashed(text: &str, signs: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for (index, line) in text.split('\n').enumerate() {
        if index > 0 {
            out.push('\n');
        }
        let begin = line.len() - line.trim_start().len();
        let number = begin + line[begin..].bytes().take_while(u8::is_ascii_digit).count();
        for (at, sign) in line.char_indices() {
            let ends = line[at + sign.len_utf8()..].chars().next().is_none_or(char::is_whitespace);
            let begins = match sign {
                '#' | '-' | '+' | '>' | '=' => at == begin,
                '.' | ')' => at == number && number > begin && ends,
                _ => false,
            };
            if begins || signs.contains(sign) {
                out.push('\\');
            }
            out.push(sign);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const NASTY: &str = "<!channel> @everyone & *b* `c` [l](u) #1\u{202e}\u{7}\r\n- 5";

    #[test]
    fn what_a_channel_would_act_on_is_text() {
        assert_eq!(Markup::Plain.escape(NASTY), "<!channel> @everyone & *b* `c` [l](u) #1\n- 5");
        assert_eq!(Markup::Mrkdwn.escape(NASTY), "&lt;!channel&gt; @everyone &amp; *b* `c` [l](u) #1\n- 5");
        assert_eq!(
            Markup::Discord.escape(NASTY),
            "\\<!channel\\> @\u{200b}everyone & \\*b\\* \\`c\\` \\[l\\]\\(u\\) #1\n\\- 5"
        );
        assert_eq!(
            Markup::GitHub.escape(NASTY),
            "\\<\\!channel\\> @<!-- -->everyone \\& \\*b\\* \\`c\\` \\[l\\]\\(u\\) #<!-- -->1\n\\- 5"
        );
        assert_eq!(
            Markup::AdaptiveCard.escape("<at>All</at> {{DATE(2026-11-20)}} *b*"),
            "<\u{200b}at>All<\u{200b}/at> {\u{200b}{DATE\\(2026-11-20\\)}} \\*b\\*"
        );
        assert_eq!(
            Markup::Html.escape(r#"<img src=x onerror="a('b')">&"#),
            "&lt;img src=x onerror=&quot;a(&#39;b&#39;)&quot;&gt;&amp;"
        );
    }

    #[test]
    fn lists_and_headings_do_not_begin_by_accident() {
        assert_eq!(Markup::Discord.escape("# a\n> b\n1. c\n2) d\n1.5"), "\\# a\n\\> b\n1\\. c\n2\\) d\n1.5");
    }

    #[test]
    fn code_cannot_be_left() {
        assert_eq!(Markup::Discord.code("a` @everyone\nb"), "`a' @everyone b`");
        assert_eq!(Markup::Mrkdwn.code("`<!here>`"), "`'&lt;!here&gt;'`");
        assert_eq!(Markup::Html.code("<b>"), "<code>&lt;b&gt;</code>");
    }

    #[test]
    fn links_hold_their_text_and_their_address() {
        let link = |markup: Markup| markup.link("a|b]", "https://example.com/?a=1&b=(2)");

        assert_eq!(link(Markup::Plain), "a|b]: https://example.com/?a=1&b=(2)");
        assert_eq!(link(Markup::Mrkdwn), "<https://example.com/?a=1&amp;b=(2)|a/b]>");
        assert_eq!(link(Markup::GitHub), r"[a\|b\]](https://example.com/?a=1&b=%282%29)");
        assert_eq!(link(Markup::Html), r#"<a href="https://example.com/?a=1&amp;b=(2)">a|b]</a>"#);
    }
}
