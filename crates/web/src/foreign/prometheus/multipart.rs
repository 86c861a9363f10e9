//! Forms as `multipart/form-data`, which is how `curl -F` and some libraries send them.
//!
//! Of each part its name and its text are taken; files are left out. Source: RFC 7578, RFC 2046.

/// Parts of one form; more are refused.
const PARTS_MAX: usize = 10_000;

/// The boundary that a content type names, where it is of such a form.
pub(super) fn boundary(content_type: &str) -> Option<String> {
    let (kind, parameters) = content_type.split_once(';')?;
    if !kind.trim().eq_ignore_ascii_case("multipart/form-data") {
        return None;
    }
    let boundary = parameter(parameters, "boundary")?;
    (!boundary.is_empty()).then_some(boundary)
}

/// The names and texts of a form, in their order; what is wrong with it otherwise.
pub(super) fn pairs(body: &[u8], boundary: &str) -> Result<Vec<(String, String)>, &'static str> {
    let delimiter = format!("--{boundary}");
    let mut rest = after(body, delimiter.as_bytes()).ok_or("the form has no part")?.1;
    let mut found = Vec::new();
    let delimiter = format!("\r\n--{boundary}");
    while !rest.starts_with(b"--") {
        if found.len() == PARTS_MAX {
            return Err("the form has too many parts");
        }
        // Spaces may follow a delimiter on its line.
        let (_, part) = after(rest, b"\r\n").ok_or("the form breaks off in a delimiter")?;
        let (head, content) = match part.strip_prefix(b"\r\n") {
            Some(content) => (&[][..], content),
            None => after(part, b"\r\n\r\n").ok_or("the form breaks off in the head of a part")?,
        };
        let (text, next) = after(content, delimiter.as_bytes()).ok_or("the form breaks off in a part")?;
        rest = next;
        if let Some(name) = name(&String::from_utf8_lossy(head)) {
            found.push((name, String::from_utf8_lossy(text).into_owned()));
        }
    }
    Ok(found)
}

/// What stands before and after the first of these bytes.
fn after<'b>(bytes: &'b [u8], mark: &[u8]) -> Option<(&'b [u8], &'b [u8])> {
    let at = bytes.windows(mark.len()).position(|window| window == mark)?;
    Some((&bytes[..at], &bytes[at + mark.len()..]))
}

/// The name of a part that is no file.
fn name(head: &str) -> Option<String> {
    let disposition = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.trim().eq_ignore_ascii_case("content-disposition").then_some(value)
    })?;
    let (kind, parameters) = disposition.split_once(';')?;
    let is_value =
        kind.trim().eq_ignore_ascii_case("form-data") && parameter(parameters, "filename").is_none();
    if is_value { parameter(parameters, "name") } else { None }
}

/// The value of one of `name=value; name="value"`.
fn parameter(parameters: &str, wanted: &str) -> Option<String> {
    let mut rest = parameters;
    loop {
        let (name, value) = rest.split_once('=')?;
        let is_wanted = name.trim_matches([' ', ';', '\t']).eq_ignore_ascii_case(wanted);
        let (value, next) = match value.trim_start().strip_prefix('"') {
            Some(quoted) => unquoted(quoted)?,
            None => {
                let (value, next) = value.split_once(';').unwrap_or((value, ""));
                (value.trim().to_owned(), next)
            }
        };
        if is_wanted {
            return Some(value);
        }
        rest = next;
    }
}

/// A text up to its closing quote, and what follows it.
fn unquoted(quoted: &str) -> Option<(String, &str)> {
    let mut text = String::new();
    let mut chars = quoted.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((text, &quoted[at + 1..])),
            '\\' => text.push(chars.next()?.1),
            _ => text.push(c),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_read_as_curl_sends_it() {
        let of = |content_type: &str| boundary(content_type);
        assert_eq!(of("multipart/form-data; boundary=--x").as_deref(), Some("--x"));
        assert_eq!(of("Multipart/Form-Data; charset=utf-8; boundary=\"a b\"").as_deref(), Some("a b"));
        assert_eq!(of("application/x-www-form-urlencoded"), None);
        assert_eq!(of("multipart/form-data; boundary="), None);
        let body = "preamble\r\n--x\r\nContent-Disposition: form-data; name=\"query\"\r\n\r\nup{a=\"1\"}\r\n-- \n\r\n\
                    --x \r\ncontent-type: text/plain\r\ncontent-disposition: form-data; name=\"match[]\"\r\n\r\n\r\n\
                    --x\r\nContent-Disposition: form-data; name=\"f\"; filename=\"f.txt\"\r\n\r\nfile\r\n\
                    --x\r\n\r\nnameless\r\n--x--\r\n";
        let pair = |name: &str, text: &str| (name.to_owned(), text.to_owned());
        assert_eq!(
            pairs(body.as_bytes(), "x").unwrap(),
            [pair("query", "up{a=\"1\"}\r\n-- \n"), pair("match[]", "")]
        );
    }

    #[test]
    fn a_damaged_form_is_refused_wherever_it_breaks_off() {
        let whole = b"--x\r\nContent-Disposition: form-data; name=\"query\"\r\n\r\nup\r\n--x--";
        assert_eq!(pairs(whole, "x").unwrap().len(), 1);
        for end in 0..whole.len() {
            assert!(pairs(&whole[..end], "x").is_err() || end == whole.len(), "{end}");
        }
        let many = [b"--x".as_slice(), &b"\r\n\r\n\r\n--x".repeat(PARTS_MAX + 1)].concat();
        assert!(pairs(&many, "x").is_err());
    }
}
