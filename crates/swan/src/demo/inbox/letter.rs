//! A mail's content as a person reads it: who, what about, and the text (RFC 5322, RFC 2045, RFC 2047).

/// What stands in a mail.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(in crate::demo) struct Letter {
    pub(in crate::demo) from: String,
    pub(in crate::demo) subject: String,
    /// The body in its transfer encoding undone; a mail of several parts is shown as it came.
    pub(in crate::demo) text: String,
}

impl Letter {
    /// Reads a mail with lines of either ending. What cannot be decoded is kept as it stands.
    pub(super) fn read(raw: &[u8]) -> Self {
        let raw = String::from_utf8_lossy(raw).replace("\r\n", "\n");
        let headless = raw.strip_prefix('\n').map(|body| ("", body));
        let (head, body) = headless.or_else(|| raw.split_once("\n\n")).unwrap_or((&raw, ""));
        // A line that begins with a space goes on with the one before.
        let head = head.replace("\n ", " ").replace("\n\t", " ");
        let header = |name: &str| {
            let line = head.lines().filter_map(|line| line.split_once(':'));
            let mut named = line.filter(|(found, _)| found.trim().eq_ignore_ascii_case(name));
            named.next().map(|(_, value)| value.trim().to_owned()).unwrap_or_default()
        };
        let text = match header("Content-Transfer-Encoding").to_ascii_lowercase().as_str() {
            "quoted-printable" => quoted_printable(body),
            "base64" => base64(body).map_or_else(|| body.to_owned(), |bytes| text_of(&bytes)),
            _ => body.to_owned(),
        };
        Self { from: words(&header("From")), subject: words(&header("Subject")), text }
    }
}

fn text_of(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).replace("\r\n", "\n")
}

fn quoted_printable(body: &str) -> String {
    let mut bytes = Vec::with_capacity(body.len());
    let joined = body.replace("=\n", "");
    let mut rest = joined.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let code = (byte == b'=').then(|| after.get(..2)).flatten();
        let code = code.and_then(|code| u8::from_str_radix(std::str::from_utf8(code).ok()?, 16).ok());
        bytes.push(code.unwrap_or(byte));
        rest = if code.is_some() { &after[2..] } else { after };
    }
    text_of(&bytes)
}

/// RFC 4648, section 4; line breaks are skipped.
fn base64(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut count) = (0_u32, 0);
    for byte in text.bytes().filter(|byte| !byte.is_ascii_whitespace()).take_while(|byte| *byte != b'=') {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count & 0xff) as u8);
        }
    }
    Some(bytes)
}

/// A header with its encoded words of base64 in UTF-8 undone. The space between two of them is not part of the text.
fn words(value: &str) -> String {
    let mut text = String::new();
    let mut after_encoded = false;
    for word in value.split_whitespace() {
        let inner = word.strip_prefix("=?UTF-8?B?").and_then(|word| word.strip_suffix("?="));
        let decoded = inner.and_then(base64);
        if !(text.is_empty() || after_encoded && decoded.is_some()) {
            text.push(' ');
        }
        after_encoded = decoded.is_some();
        match decoded {
            Some(bytes) => text.push_str(&text_of(&bytes)),
            None => text.push_str(word),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use egress::smtp::{Mail, Mailbox, compose};

    use super::*;

    fn sent_and_read(subject: &str, text: &str) -> Letter {
        let mail = Mail {
            from: Mailbox::new(Some("Swan"), "swan@fernhill.example").unwrap(),
            to: vec![Mailbox::new(Some("Bo"), "bo@fernhill.example").unwrap()],
            subject: subject.to_owned(),
            message_id: "page_1.0.0@fernhill.example".to_owned(),
            date: "2026-11-20T09:30:00Z".parse().unwrap(),
            text: text.to_owned(),
            html: None,
            headers: vec![],
        };
        Letter::read(compose(&mail).unwrap().as_bytes())
    }

    #[test]
    fn what_swan_writes_is_read_as_it_was_meant() {
        let long = "Acknowledge: http://127.0.0.1:7926/ack/".to_owned() + &"0123456789abcdef".repeat(6);
        for (subject, text) in [
            ("CheckoutFails: 60% of checkouts fail", "a = b\n\nlast line\n"),
            (
                "Störung: 60 % der Käufe schlagen fehl, und das schon seit einer Weile, wie man hört",
                "größer …\n",
            ),
            ("[high] ceiling", "ええ、もちろん。\nすべて\n"),
            ("x", &format!("{long}\n")),
        ] {
            let letter = sent_and_read(subject, text);
            assert_eq!(letter.subject, subject);
            assert_eq!(letter.text, text);
            assert_eq!(letter.from, "\"Swan\" <swan@fernhill.example>");
        }
    }

    #[test]
    fn what_cannot_be_decoded_is_shown_as_it_came() {
        let letter =
            Letter::read(b"Subject: =?UTF-8?B?!!?=\nContent-Transfer-Encoding: base64\n\nnot base64!\n");
        assert_eq!(letter.subject, "=?UTF-8?B?!!?=");
        assert_eq!(letter.text, "not base64!\n");
        assert_eq!(Letter::read(b"\xff"), Letter::default());
        assert_eq!(quoted_printable("100=ZZ=3D="), "100=ZZ==");
    }
}
