//! How text that is not short lines of ASCII travels in a mail.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

/// Characters of a line of a mail, without its end (RFC 5322, section 2.1.1; RFC 2045, section 6.7).
pub(super) const LINE_CHARS_MAX: usize = 76;

/// A body and the name of its transfer encoding: quoted-printable where it stays readable, else base64, whichever is
/// shorter. Lines end in CRLF; a text that does not end a line is ended.
pub(super) fn body(text: &str) -> (&'static str, String) {
    let text = with_crlf(text);
    let foreign = text.bytes().filter(|byte| !byte.is_ascii()).count();
    // Three characters for each foreign byte, against four for three bytes of anything.
    if foreign * 6 <= text.len() {
        ("quoted-printable", quoted_printable(&text))
    } else {
        ("base64", base64_lines(&text))
    }
}

fn with_crlf(text: &str) -> String {
    let mut lines = text.replace("\r\n", "\n").replace('\r', "\n");
    if !lines.ends_with('\n') {
        lines.push('\n');
    }
    lines.replace('\n', "\r\n")
}

fn base64_lines(text: &str) -> String {
    let mut out = String::new();
    for chunk in text.as_bytes().chunks(LINE_CHARS_MAX / 4 * 3) {
        out.push_str(&BASE64.encode(chunk));
        out.push_str("\r\n");
    }
    out
}

/// RFC 2045, section 6.7.
fn quoted_printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 8);
    for line in text.split_terminator("\r\n") {
        let mut chars = 0;
        for (index, byte) in line.bytes().enumerate() {
            let last = index + 1 == line.len();
            let literal =
                matches!(byte, b'!'..=b'<' | b'>'..=b'~') || (matches!(byte, b' ' | b'\t') && !last);
            let width = if literal { 1 } else { 3 };
            // The last of a line's 76 characters is kept for the soft break, unless the line ends here.
            if chars + width > LINE_CHARS_MAX - usize::from(!last) {
                out.push_str("=\r\n");
                chars = 0;
            }
            chars += width;
            if literal {
                out.push(char::from(byte));
            } else {
                out.push_str(&format!("={byte:02X}"));
            }
        }
        out.push_str("\r\n");
    }
    out
}

/// A header with free text: folded where it is ASCII, in encoded words (RFC 2047) where it is not.
pub(super) fn text_header(name: &str, text: &str) -> String {
    // What looks like an encoded word would be read as one.
    let value = if text.is_ascii() && !text.contains("=?") {
        folded(name.len() + 2, text)
    } else {
        encoded_words(name.len() + 2, text)
    };
    format!("{name}: {value}\r\n")
}

/// Breaks a line before a word that would pass its end; `column` is where the text begins.
fn folded(column: usize, text: &str) -> String {
    let (mut out, mut column) = (String::new(), column);
    for (index, word) in text.split(' ').enumerate() {
        let wraps = index > 0 && !word.is_empty() && column + 1 + word.len() > LINE_CHARS_MAX;
        if wraps {
            out.push_str("\r\n");
            column = 0;
        }
        if index > 0 {
            out.push(' ');
            column += 1;
        }
        out.push_str(word);
        column += word.len();
    }
    out
}

/// `=?UTF-8?B?…?=` of at most 75 characters each, one to a line; `column` is where the first begins.
pub(super) fn encoded_words(column: usize, text: &str) -> String {
    const FRAME: usize = "=?UTF-8?B??=".len();
    let room = |column: usize| (LINE_CHARS_MAX.saturating_sub(column + FRAME) / 4 * 3).max(6);
    let mut words: Vec<String> = Vec::new();
    let (mut word, mut bytes_max) = (String::new(), room(column));
    for c in text.chars() {
        if word.len() + c.len_utf8() > bytes_max {
            words.push(std::mem::take(&mut word));
            bytes_max = room(1);
        }
        word.push(c);
    }
    words.push(word);
    let words: Vec<String> =
        words.iter().map(|word| format!("=?UTF-8?B?{}?=", BASE64.encode(word))).collect();
    words.join("\r\n ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded_quoted_printable(text: &str) -> String {
        let joined = text.replace("=\r\n", "");
        let (mut bytes, mut rest) = (Vec::new(), joined.bytes());
        while let Some(byte) = rest.next() {
            if byte == b'=' {
                let hex = [rest.next().unwrap(), rest.next().unwrap()];
                bytes.push(u8::from_str_radix(std::str::from_utf8(&hex).unwrap(), 16).unwrap());
            } else {
                bytes.push(byte);
            }
        }
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn quoted_printable_keeps_every_byte_in_short_lines_of_ascii() {
        let text = format!("a = b \n\tend\t\n.\n\u{1f4df} {}\n{}\r\rlast", "x".repeat(200), "é".repeat(30));
        let encoded = quoted_printable(&with_crlf(&text));
        assert!(encoded.is_ascii());
        assert!(
            encoded.split("\r\n").all(|line| line.len() <= 76 && !line.ends_with([' ', '\t'])),
            "{encoded}"
        );
        assert_eq!(decoded_quoted_printable(&encoded), with_crlf(&text));
        for length in 70..160 {
            let line = "y".repeat(length);
            let encoded = quoted_printable(&with_crlf(&line));
            assert!(encoded.split("\r\n").all(|line| line.len() <= 76), "{length}");
            assert_eq!(decoded_quoted_printable(&encoded), format!("{line}\r\n"));
        }
    }

    #[test]
    fn a_text_in_another_script_goes_as_base64() {
        let (encoding, encoded) = body(&"Ошибка базы данных\n".repeat(20));
        assert_eq!(encoding, "base64");
        assert!(encoded.split("\r\n").all(|line| line.len() <= 76));
        let bytes = BASE64.decode(encoded.replace("\r\n", "")).unwrap();
        assert_eq!(String::from_utf8(bytes).unwrap(), "Ошибка базы данных\r\n".repeat(20));
        assert_eq!(body("plain café\n").0, "quoted-printable");
    }

    #[test]
    fn a_subject_in_another_script_becomes_encoded_words_that_split_no_character() {
        let text = "Störung: База данных недоступна, siehe Runbook \u{1f4df}\u{1f4df} für Details und Ansprechpartner";
        let header = text_header("Subject", text);
        let mut decoded = String::new();
        for line in header.trim_end().trim_start_matches("Subject:").split("\r\n") {
            assert!(line.len() <= 76, "{line}");
            let word = line.trim().strip_prefix("=?UTF-8?B?").unwrap().strip_suffix("?=").unwrap();
            decoded.push_str(&String::from_utf8(BASE64.decode(word).unwrap()).unwrap());
        }
        assert_eq!(decoded, text);
        assert!(header.split("\r\n").all(|line| line.len() <= 76), "{header}");
    }

    #[test]
    fn long_ascii_is_folded_between_words_and_unfolds_to_itself() {
        let text = "word  ".repeat(40) + "end";
        let header = text_header("Subject", &text);
        assert!(header.split("\r\n").all(|line| line.len() <= 76));
        assert!(header.trim_end().split("\r\n").all(|line| !line.trim().is_empty()));
        assert_eq!(header.trim_end().replace("\r\n", ""), format!("Subject: {text}"));
        assert!(text_header("Subject", "=?UTF-8?B?eA==?=").contains("?B?PT9V"), "read as an encoded word");
    }
}
