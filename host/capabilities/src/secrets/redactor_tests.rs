//! What is found, and what is left alone.

use base64::Engine as _;

use super::Redactor;

const SECRET: &str = "hunter2/with+signs";

fn redactor() -> Redactor {
    Redactor::new([SECRET.as_bytes()])
}

#[test]
fn a_secret_is_replaced_in_every_form_in_which_it_leaks() {
    let table = [
        SECRET,
        "68756e746572322f776974682b7369676e73",
        "68756E746572322F776974682B7369676E73",
        "hunter2%2Fwith%2Bsigns",
        "hunter2%2fwith%2bsigns",
        "%68%75%6e%74%65%72%32%2f%77%69%74%68%2b%73%69%67%6e%73",
        "%68%75%6E%74%65%72%32%2F%77%69%74%68%2B%73%69%67%6E%73",
        "hunter2\\/with+signs",
        "HUNTER2/WITH+SIGNS",
        "aHVudGVyMi93aXRoK3NpZ25z",
        "aHVudGVyMi93aXRoK3NpZ25z",
    ];
    for form in table {
        assert_eq!(redactor().redact(&format!("token={form}!")), "token=***!");
    }
}

#[test]
fn signs_that_urls_and_json_treat_differently_are_found_in_all_treatments() {
    let redactor = Redactor::new(["a b~c*d\"e<f>é/g&h'i".as_bytes()]);
    let table = [
        // Everything; RFC 3986; `encodeURIComponent`; `encodeURI`; a form; the path and the query of a URL.
        "%61%20%62%7E%63%2A%64%22%65%3C%66%3E%C3%A9%2F%67%26%68%27%69",
        "a%20b~c%2Ad%22e%3Cf%3E%C3%A9%2Fg%26h%27i",
        "a%20b~c*d%22e%3Cf%3E%C3%A9%2Fg%26h'i",
        "a%20b~c*d%22e%3Cf%3E%C3%A9/g&h'i",
        "a+b%7Ec*d%22e%3Cf%3E%C3%A9%2Fg%26h%27i",
        "a+b%7ec*d%22e%3cf%3e%c3%a9%2fg%26h%27i",
        "a%20b~c*d%22e%3Cf%3E%C3%A9/g&h'i",
        "a%20b~c*d%22e%3Cf%3E%C3%A9/g&h%27i",
        // JSON: plain, ASCII only, safe for HTML, inside another JSON string.
        "a b~c*d\\\"e<f>é/g&h'i",
        "a b~c*d\\\"e<f>\\u00e9/g&h'i",
        "a b~c*d\\\"e<f>\\u00E9/g&h'i",
        "a b~c*d\\\"e\\u003cf\\u003e\\u00e9/g\\u0026h'i",
        "a b~c*d\\\\\\\"e<f>é/g&h'i",
    ];
    for form in table {
        assert_eq!(redactor.redact(&format!("token={form}!")), "token=***!", "{form}");
    }
}

#[test]
fn base64_is_found_wherever_the_secret_stands_in_what_was_encoded() {
    use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
    let secret = "\u{3ff}?\u{3fe}>~~hunter";
    let redactor = Redactor::new([secret.as_bytes()]);
    for user in ["", "a", "ab", "abc", "abcd"] {
        let text = format!("{user}:{secret}\n");
        for engine in [STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD] {
            let encoded = engine.encode(&text);
            let redacted = redactor.redact(&encoded);
            // What is left are the signs that carry bits of what stands around it.
            let around = user.len() + 4;
            assert!(redacted.len() <= around * 4 / 3 + 8 && redacted.contains("***"), "{encoded} {redacted}");
            assert!(redactor.finds(&encoded));
        }
    }
    assert_eq!(redactor.redact(&STANDARD_NO_PAD.encode(secret)), "***");
}

#[test]
fn the_lines_of_a_secret_are_found_one_by_one_in_every_form() {
    let redactor =
        Redactor::new(["-----BEGIN KEY-----\nMIIEvQIBADANBgkq\nshort\n-----END KEY-----\n".as_bytes()]);
    assert_eq!(redactor.redact("read MIIEvQIBADANBgkq from disk"), "read *** from disk");
    assert_eq!(redactor.redact("read 4d494945765149424144414e42676b71"), "read ***");
    assert_eq!(redactor.redact("a short line"), "a short line");
}

#[test]
fn long_secrets_are_found_whole_and_in_parts() {
    let secret: String = (0..300).map(|number| char::from(b'a' + (number * 7 % 26) as u8)).collect();
    let redactor = Redactor::new([secret.as_bytes()]);
    assert_eq!(redactor.redact(&format!("<{secret}>")), "<***>");
    let part = redactor.redact(&secret[10..200]).into_owned();
    // At either end less than a piece may stand.
    assert!(part.len() < 128 && part.contains("***"), "{part}");
}

#[test]
fn control_characters_hide_nothing() {
    let table = [
        ("hun\u{0}ter2/with+signs", "***"),
        ("hun\nter2/with\t+signs", "***"),
        ("x hunter2\u{1b}[31m/with+sig\u{200b}ns y", "x *** y"),
        ("\u{1b}]0;hunter2/with+signs\u{7}title", "\u{1b}]0;***\u{7}title"),
        ("\u{1b}[1mnothing\u{0} here", "\u{1b}[1mnothing\u{0} here"),
    ];
    assert_eq!(
        table.map(|(text, _)| redactor().redact(text).into_owned()),
        table.map(|(_, out)| out.to_owned())
    );
    assert_eq!(redactor().redact_line("say hun\nter2/with+signs\n::stop"), "say *** ::stop");
    assert_eq!(redactor().redact_line("say\nhunter2/with+signs\n"), "say ***");
}

#[test]
fn a_line_is_masked_before_it_is_cut() {
    let text = format!("{}{SECRET}", "x".repeat(crate::log::MAX_LINE - 4));
    assert_eq!(redactor().redact_line(&text), format!("{}***", "x".repeat(crate::log::MAX_LINE - 4)));
}

#[test]
fn a_secret_with_line_breaks_is_found_in_a_line() {
    let redactor = Redactor::new([b"one\ttwo\nsix".as_slice()]);
    assert_eq!(redactor.redact_line("is one\ttwo\nsix ok"), "is *** ok");
    assert_eq!(redactor.redact(r#"{"key":"one\ttwo\nsix"}"#), r#"{"key":"***"}"#);
}

#[test]
fn other_text_stays_as_it_is() {
    assert_eq!(redactor().redact("nothing here"), "nothing here");
    assert!(!redactor().finds("nothing here"));
    assert_eq!(Redactor::new([b"".as_slice()]).redact("nothing here"), "nothing here");
    assert_eq!(Redactor::default().redact_line("nothing here"), "nothing here");
}

#[test]
fn secrets_that_overlap_are_replaced_as_one() {
    let redactor = Redactor::new([b"pass".as_slice(), b"password".as_slice(), b"wordplay".as_slice()]);
    assert_eq!(redactor.redact("password pass passwordplay"), "*** *** ***");
}

#[test]
fn bytes_that_are_no_text_are_looked_through_too() {
    let redactor = Redactor::new([[0xff, 0xfe, 1, 2].as_slice()]);
    assert_eq!(redactor.redact_bytes(vec![9, 0xff, 0xfe, 1, 2, 9]), b"\x09***\x09");
}

#[test]
fn the_end_of_a_text_may_be_the_beginning_of_a_secret() {
    let table = [("hunter2/with+sign", 17), ("x hun", 3), ("68756e74", 8), ("nothing h", 1), ("", 0)];
    assert_eq!(table.map(|(text, _)| redactor().open_end(text.as_bytes())), table.map(|(_, open)| open));
}

#[test]
fn printing_it_shows_no_secret() {
    assert!(!format!("{:?}", redactor()).contains("hunter2"));
}
