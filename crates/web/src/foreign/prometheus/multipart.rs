//! Forms as `multipart/form-data`, which is how `curl -F` and some libraries send them.
//!
//! Of each part its name and its text are taken; files are left out. Source: RFC 7578, RFC 2046.

use axum::body::Bytes;
use futures_util::stream;
use multer::Multipart;

/// Parts of one form; more are refused.
const PARTS_MAX: usize = 10_000;

/// The boundary that a content type names, where it is of such a form.
pub(super) fn boundary(content_type: &str) -> Option<String> {
    multer::parse_boundary(content_type).ok()
}

/// The names and texts of a form, in their order; what is wrong with it otherwise.
pub(super) async fn pairs(body: Bytes, boundary: &str) -> Result<Vec<(String, String)>, String> {
    let whole = stream::once(async { Ok::<_, std::convert::Infallible>(body) });
    let mut form = Multipart::new(whole, boundary);
    let mut found = Vec::new();
    let mut parts = 0;
    while let Some(part) = form.next_field().await.map_err(damaged)? {
        parts += 1;
        if parts > PARTS_MAX {
            return Err(format!("the form has more than {PARTS_MAX} parts"));
        }
        let name = part.name().filter(|_| part.file_name().is_none()).map(str::to_owned);
        let text = part.bytes().await.map_err(damaged)?;
        if let Some(name) = name {
            found.push((name, String::from_utf8_lossy(&text).into_owned()));
        }
    }
    Ok(found)
}

fn damaged(error: multer::Error) -> String {
    format!("the form in parts is damaged: {error}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_form_is_read_as_curl_sends_it() {
        let of = |content_type: &str| boundary(content_type);
        assert_eq!(of("multipart/form-data; boundary=--x").as_deref(), Some("--x"));
        assert_eq!(of("Multipart/Form-Data; charset=utf-8; boundary=\"ab\"").as_deref(), Some("ab"));
        assert_eq!(of("application/x-www-form-urlencoded"), None);
        let body = "--x\r\nContent-Disposition: form-data; name=\"query\"\r\n\r\nup{a=\"1\"}\r\n-- \n\r\n\
                    --x\r\ncontent-type: text/plain\r\ncontent-disposition: form-data; name=\"match[]\"\r\n\r\n\r\n\
                    --x\r\nContent-Disposition: form-data; name=\"f\"; filename=\"f.txt\"\r\n\r\nfile\r\n\
                    --x\r\ncontent-disposition: form-data\r\n\r\nnameless\r\n--x--\r\n";
        let pair = |name: &str, text: &str| (name.to_owned(), text.to_owned());
        let read = pairs(Bytes::from_static(body.as_bytes()), "x").await.unwrap();
        assert_eq!(read, [pair("query", "up{a=\"1\"}\r\n-- \n"), pair("match[]", "")]);
    }

    #[tokio::test]
    async fn a_damaged_form_is_refused_wherever_it_breaks_off() {
        let whole =
            Bytes::from_static(b"--x\r\nContent-Disposition: form-data; name=\"query\"\r\n\r\nup\r\n--x--");
        assert_eq!(pairs(whole.clone(), "x").await.unwrap().len(), 1);
        for end in 0..whole.len() {
            assert!(pairs(whole.slice(..end), "x").await.is_err(), "{end}");
        }
        let part = b"\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n\r\n--x";
        let many = [b"--x".as_slice(), &part.repeat(PARTS_MAX + 1), b"--"].concat();
        let refusal = pairs(many.into(), "x").await.unwrap_err();
        assert_eq!(refusal, "the form has more than 10000 parts");
    }
}
