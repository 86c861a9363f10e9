//! `Retry-After` (RFC 9110, section 10.2.3): seconds, or a date, which is read against the `Date` of the same
//! response, so that neither our clock nor a difference between the clocks matters.

use hyper::header::{DATE, HeaderMap, HeaderName, RETRY_AFTER};
use jiff::fmt::rfc2822::DateTimeParser;
use kernel::{Span, Timestamp};

use crate::limits::RETRY_AFTER_MAX;

pub(super) fn read(headers: &HeaderMap) -> Option<Span> {
    let text = text(headers, &RETRY_AFTER)?;
    let wish = if text.bytes().all(|byte| byte.is_ascii_digit()) && !text.is_empty() {
        text.parse().map_or(RETRY_AFTER_MAX, |secs: u32| Span::from_secs(secs.into()))
    } else {
        date(text)? - date(self::text(headers, &DATE)?)?
    };
    Some(wish.clamp(Span::ZERO, RETRY_AFTER_MAX))
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}

fn date(text: &str) -> Option<Timestamp> {
    DateTimeParser::new().parse_timestamp(text).ok().map(Timestamp::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wish(retry_after: &'static str, date: Option<&'static str>) -> Option<Span> {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, retry_after.parse().unwrap());
        if let Some(date) = date {
            headers.insert(DATE, date.parse().unwrap());
        }
        read(&headers)
    }

    #[test]
    fn seconds_and_dates_are_honoured_up_to_an_hour() {
        let date = Some("Fri, 20 Nov 2026 09:30:00 GMT");
        assert_eq!(wish("120", None), Some(Span::from_secs(120)));
        assert_eq!(wish("0", None), Some(Span::ZERO));
        assert_eq!(wish("99999999999999999999", None), Some(RETRY_AFTER_MAX));
        assert_eq!(wish("Fri, 20 Nov 2026 09:31:30 GMT", date), Some(Span::from_secs(90)));
        assert_eq!(wish("Fri, 20 Nov 2026 09:29:00 GMT", date), Some(Span::ZERO));
        assert_eq!(wish("Sat, 21 Nov 2026 09:31:30 GMT", date), Some(RETRY_AFTER_MAX));
        for (text, date) in
            [("Fri, 20 Nov 2026 09:31:30 GMT", None), ("soon", date), ("", None), ("-5", date)]
        {
            assert_eq!(wish(text, date), None, "{text}");
        }
    }
}
