//! What a request asks for: parameters of the query string or of a form, and the values that they stand for.
//!
//! A form's parameters come before those of the query string, and those of a form in parts after them, as in Go's
//! `FormValue`. Texts of refusals are Prometheus's, because clients and people know them.

use axum::extract::{FromRequest, Request};
use axum::http::header;
use kernel::{Span, Timestamp};
use promql::{Matcher, TimeRange};

use super::answer::Unanswered;
use super::multipart;
use crate::answer::{Error, Result};
use crate::body::Raw;
use crate::doors::Doorway;

/// Selectors that one request may give.
const SELECTORS_MAX: usize = 1_000;
/// How clients in Go write that a range has no beginning and no end (`MinTime` and `MaxTime` of Prometheus's API).
const UNBOUNDED: [(&str, Timestamp); 2] = [
    ("-292273086-05-16T16:47:06Z", TimeRange::ALL.start),
    ("292277025-08-18T07:12:54.999999999Z", TimeRange::ALL.end),
];

/// Parameters by name; a name may stand more than once.
pub(super) struct Parameters(Vec<(String, String)>);

impl FromRequest<Doorway> for Parameters {
    type Rejection = Error;
    async fn from_request(request: Request, doorway: &Doorway) -> Result<Self> {
        let in_query = request.uri().query().unwrap_or_default().to_owned();
        let content_type = request.headers().get(header::CONTENT_TYPE);
        let content_type = content_type.and_then(|value| value.to_str().ok()).unwrap_or("").to_owned();
        if content_type.starts_with("application/x-www-form-urlencoded") {
            let form = Raw::from_request(request, doorway).await?.0;
            return Ok(Self::read(&form, &in_query));
        }
        let mut parameters = Self::read(b"", &in_query);
        if let Some(boundary) = multipart::boundary(&content_type) {
            let form = Raw::from_request(request, doorway).await?.0;
            parameters.0.extend(multipart::pairs(form, &boundary).await.map_err(Error::bad_request)?);
        }
        Ok(parameters)
    }
}

type Read<T> = std::result::Result<T, Unanswered>;

impl Parameters {
    fn read(form: &[u8], query: &str) -> Self {
        let pairs = url::form_urlencoded::parse(form).chain(url::form_urlencoded::parse(query.as_bytes()));
        Self(pairs.map(|(name, value)| (name.into_owned(), value.into_owned())).collect())
    }

    /// The first value of a parameter; one that is empty is absent.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let first = self.0.iter().find(|(key, _)| key == name);
        first.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    /// All values of a parameter.
    pub(super) fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// When a query is evaluated.
    pub(super) fn instant(&self, name: &'static str, otherwise: Timestamp) -> Read<Timestamp> {
        let Some(text) = self.get(name) else { return Ok(otherwise) };
        time(text).map_err(|problem| {
            Unanswered::parameter(name, format!("invalid time value for '{name}': {problem}"))
        })
    }

    /// When a query that is given its times is evaluated.
    pub(super) fn needed_instant(&self, name: &'static str) -> Read<Timestamp> {
        time(self.get(name).unwrap_or("")).map_err(|problem| Unanswered::parameter(name, problem))
    }

    /// `start` and `end`; without them there is no bound.
    pub(super) fn range(&self) -> Read<TimeRange> {
        let read = |name: &'static str, otherwise| {
            let Some(text) = self.get(name) else { return Ok(otherwise) };
            time(text).map_err(|problem| {
                Unanswered::parameter(name, format!("invalid time value for '{name}': {problem}"))
            })
        };
        Ok(TimeRange::new(read("start", TimeRange::ALL.start)?, read("end", TimeRange::ALL.end)?))
    }

    pub(super) fn span(&self, name: &'static str) -> Read<Option<Span>> {
        let read = |text: &str| span(text).map_err(|problem| Unanswered::parameter(name, problem));
        self.get(name).map(read).transpose()
    }

    /// How many rows are wanted; `None` for all, which clients also write as 0.
    pub(super) fn limit(&self) -> Read<Option<usize>> {
        let Some(text) = self.get("limit") else { return Ok(None) };
        let limit: i64 = text
            .parse()
            .map_err(|_| Unanswered::parameter("limit", format!("`{text}` is not a whole number")))?;
        if limit < 0 {
            return Err(Unanswered::parameter("limit", "limit must be non-negative"));
        }
        Ok(usize::try_from(limit).ok().filter(|limit| *limit > 0))
    }

    /// A number as the older endpoints take it: without one, or below 0, there is no bound.
    pub(super) fn count(&self, name: &str) -> Read<Option<usize>> {
        let Some(text) = self.get(name) else { return Ok(None) };
        let count: i64 =
            text.parse().map_err(|_| Unanswered::bad_data(format!("{name} must be a number")))?;
        Ok(usize::try_from(count).ok())
    }

    /// A truth value as Go reads it.
    pub(super) fn truth(&self, name: &'static str) -> Read<bool> {
        match self.get(name) {
            None | Some("0" | "f" | "F" | "false" | "FALSE" | "False") => Ok(false),
            Some("1" | "t" | "T" | "true" | "TRUE" | "True") => Ok(true),
            Some(other) => {
                Err(Unanswered::parameter(name, format!("`{other}` is neither `true` nor `false`")))
            }
        }
    }

    /// The selectors of `match[]`, each with a matcher that the empty text does not satisfy.
    pub(super) fn selectors(&self) -> Read<Vec<Vec<Matcher>>> {
        let selectors = self.all("match[]").map(|text| selector(text).map_err(Unanswered::bad_data));
        let selectors: Vec<Vec<Matcher>> = selectors.collect::<Read<_>>()?;
        if selectors.len() > SELECTORS_MAX {
            let message = format!("more than the {SELECTORS_MAX} selectors allowed in `match[]`");
            return Err(Unanswered::bad_data(message));
        }
        if selectors.iter().any(|matchers| matchers.iter().all(Matcher::matches_absent)) {
            return Err(Unanswered::bad_data("match[] must contain at least one non-empty matcher"));
        }
        Ok(selectors)
    }
}

/// Seconds since the epoch, possibly with a fraction, or RFC 3339. What lies beyond the representable times is taken
/// for their beginning or end.
fn time(text: &str) -> std::result::Result<Timestamp, String> {
    if let Ok(seconds) = text.parse::<f64>()
        && seconds.is_finite()
    {
        // Casts go to the nearest number there is. Apart, so that times far from 1970 are exact too.
        let (whole, rest) = (seconds.trunc(), seconds.fract());
        let ms = (whole as i64).saturating_mul(1000).saturating_add((rest * 1000.0).round() as i64);
        return Ok(Timestamp::from_millis(ms));
    }
    if let Some((_, end)) = UNBOUNDED.iter().find(|(written, _)| *written == text) {
        return Ok(*end);
    }
    text.parse().map_err(|_| format!("cannot parse {text:?} to a valid timestamp"))
}

/// Seconds, possibly with a fraction, or `1h30m`.
fn span(text: &str) -> std::result::Result<Span, String> {
    if let Ok(seconds) = text.parse::<f64>() {
        let ms = seconds * 1000.0;
        // Durations are nanoseconds in 64 bits there.
        let fits = ms.is_finite() && ms.abs() < i64::MAX as f64 / 1e6;
        let overflows = || format!("cannot parse {text:?} to a valid duration. It overflows int64");
        return if fits { Ok(Span::from_millis(ms as i64)) } else { Err(overflows()) };
    }
    text.parse().map_err(|_| format!("cannot parse {text:?} to a valid duration"))
}

/// `name{label="value",…}` and nothing else of PromQL; a message otherwise.
pub(super) fn selector(text: &str) -> std::result::Result<Vec<Matcher>, String> {
    Matcher::parse_selector(text).map_err(|refusal| refusal.to_string())
}

/// A label's name as it stands in a path, where `U__` begins one that spells out what no old name may have.
pub(super) fn label_name(text: &str) -> Read<String> {
    let name = text.strip_prefix("U__").and_then(unescaped).unwrap_or_else(|| text.to_owned());
    if name.is_empty() {
        return Err(Unanswered::bad_data(format!("invalid label name: {name:?}")));
    }
    Ok(name)
}

/// `__` stands for an underscore, `_2e_` for the character with that number; `None` where it is not written so.
fn unescaped(escaped: &str) -> Option<String> {
    let mut name = String::with_capacity(escaped.len());
    let mut rest = escaped;
    while let Some(at) = rest.find('_') {
        name.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let end = rest.find('_')?;
        if end == 0 {
            name.push('_');
        } else {
            name.push(u32::from_str_radix(&rest[..end], 16).ok().and_then(char::from_u32)?);
        }
        rest = &rest[end + 1..];
    }
    name.push_str(rest);
    Some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_seconds_or_rfc_3339_and_a_range_may_be_unbounded() {
        let ms = |text: &str| time(text).map(Timestamp::as_millis);
        assert_eq!(ms("1435781451.781"), Ok(1_435_781_451_781));
        assert_eq!(ms("2015-07-01T20:10:51.781Z"), Ok(1_435_781_451_781));
        assert_eq!(ms("-1.5"), Ok(-1500));
        assert_eq!(ms("292277025-08-18T07:12:54.999999999Z"), Ok(i64::MAX));
        assert_eq!(ms("-9223309901257974"), Ok(i64::MIN + 62_135_596_801_808));
        assert_eq!(ms("tomorrow"), Err("cannot parse \"tomorrow\" to a valid timestamp".to_owned()));
        assert_eq!(ms("-292273086-05-16T16:47:06Z"), Ok(i64::MIN));
        assert_eq!(ms("1e17"), Ok(i64::MAX));
    }

    #[test]
    fn durations_are_seconds_or_have_units() {
        let ms = |text: &str| span(text).map(Span::as_millis);
        assert_eq!(ms("0.5"), Ok(500));
        assert_eq!(ms("1h30m"), Ok(5_400_000));
        assert_eq!(ms("-60"), Ok(-60_000));
        assert!(ms("1e300").unwrap_err().ends_with("It overflows int64"));
        assert_eq!(ms("soon"), Err("cannot parse \"soon\" to a valid duration".to_owned()));
    }

    #[test]
    fn only_a_selector_is_a_selector() {
        for text in ["up", " up ", "{job=\"a\"}", "up{job=\"}\"}", "up {job='it\\'s'}", "a:b{x=~`}`}"] {
            assert!(selector(text).is_ok(), "{text}");
        }
        for text in
            ["", "up{", "sum(up)", "up[5m]", "up offset 5m", "up @ 1", "-up", "1", "up{} or up{}", "(up)"]
        {
            assert!(selector(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_form_comes_before_the_query_and_names_may_repeat() {
        let parameters = Parameters::read(b"query=a&match[]=x", "query=b&match%5B%5D=y&time=");
        assert_eq!(parameters.get("query"), Some("a"));
        assert_eq!(parameters.all("match[]").collect::<Vec<_>>(), ["x", "y"]);
        assert_eq!(parameters.get("time"), None);
    }

    #[test]
    fn a_name_may_be_spelled_out() {
        let name = |text: &str| label_name(text).map_err(|_| ()).unwrap();
        assert_eq!(name("U__http_2e_status_5f_code"), "http.status_code");
        assert_eq!(name("U__a__b"), "a_b");
        assert_eq!(name("U__not_closed"), "U__not_closed");
        assert_eq!(name("job"), "job");
    }
}
