use hyper::StatusCode;
use hyper::header::HeaderName;
use kernel::Span;

use super::{Response, retry_after};
use crate::Advice;
use crate::limits::EXCERPT_CHARS_MAX;
use crate::network::{Phase, Unreached};

/// Why a request has no response, or not the one it needs.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// The request brings a header that only the client may write.
    #[error("the header `{name}` cannot be given")]
    Header {
        /// Its name.
        name: HeaderName,
    },
    /// Writing the request down: its URL or a header cannot be sent.
    #[error("could not write a request to `{host}`")]
    Build {
        /// The destination.
        host: String,
        /// What does not fit.
        #[source]
        source: hyper::http::Error,
    },
    /// There is no connection.
    #[error(transparent)]
    Unreached(#[from] Unreached),
    /// Sending the request and reading the head of its response.
    #[error("could not exchange a request with `{host}`")]
    Exchange {
        /// The destination.
        host: String,
        /// A part of the request had left.
        written: bool,
        /// What hyper says.
        #[source]
        source: hyper::Error,
    },
    /// The time was up after the connection was made.
    #[error("`{host}`: the time was up while {phase}")]
    TimedOut {
        /// The destination.
        host: String,
        /// Where the time was spent last.
        phase: Phase,
        /// A part of the request had left.
        written: bool,
        /// The response's status, if its head had arrived.
        status: Option<StatusCode>,
    },
    /// Unpacking a compressed body.
    #[error("could not unpack what `{host}` answered")]
    Unpack {
        /// What answered.
        host: String,
        /// What is wrong with it.
        #[source]
        source: std::io::Error,
    },
    /// There is one redirect more than are followed.
    #[error("`{host}` redirects once more after {max} redirects")]
    TooManyRedirects {
        /// The last that answered.
        host: String,
        /// How many were followed.
        max: u8,
    },
    /// Reading the body: it ended early or is malformed.
    #[error("could not read the answer of `{host}`")]
    ReadBody {
        /// The destination.
        host: String,
        /// The response's status.
        status: StatusCode,
        /// What hyper says.
        #[source]
        source: hyper::Error,
    },
    /// The body is longer than its limit.
    #[error("the answer of `{host}` is longer than {bytes_max} bytes")]
    TooLarge {
        /// The destination.
        host: String,
        /// The response's status.
        status: StatusCode,
        /// The limit.
        bytes_max: usize,
    },
    /// The body is compressed although that was not asked for.
    #[error("the answer of `{host}` is encoded as `{encoding}`, which was not asked for")]
    Encoded {
        /// The destination.
        host: String,
        /// The encoding's name.
        encoding: String,
    },
    /// The answer is not 2xx.
    #[error("`{host}` answered {status}: {excerpt}")]
    Answered {
        /// What answered.
        host: String,
        /// Its status.
        status: StatusCode,
        /// How long it asks to be left alone.
        retry_after: Option<Span>,
        /// The start of its body, on one line.
        excerpt: String,
    },
}

impl Fault {
    pub(super) fn answered(response: &Response) -> Self {
        Self::Answered {
            host: super::host_of(&response.url),
            status: response.status,
            retry_after: retry_after::read(&response.headers),
            excerpt: excerpt(&response.body),
        }
    }

    /// The status, if the head of a response had arrived.
    pub fn status(&self) -> Option<StatusCode> {
        match self {
            Self::TimedOut { status, .. } => *status,
            Self::ReadBody { status, .. } | Self::TooLarge { status, .. } | Self::Answered { status, .. } => {
                Some(*status)
            }
            _ => None,
        }
    }

    /// What is known about the effect, and about another attempt.
    pub fn advice(&self) -> Advice {
        match self {
            Self::Header { .. }
            | Self::Build { .. }
            | Self::TooManyRedirects { .. }
            | Self::Encoded { .. }
            | Self::Unpack { .. } => Advice::GiveUp,
            Self::Unreached(unreached) => unreached.advice(),
            Self::Exchange { written, .. } | Self::TimedOut { written, status: None, .. } => {
                if *written {
                    Advice::OutcomeUnknown
                } else {
                    Advice::RETRY
                }
            }
            Self::Answered { status, retry_after, .. } => of_status(*status, *retry_after),
            Self::ReadBody { status, .. }
            | Self::TooLarge { status, .. }
            | Self::TimedOut { status: Some(status), .. } => of_status(*status, None),
        }
    }
}

/// What a status says about the effect of a request: RFC 9110, section 15, and RFC 6585.
fn of_status(status: StatusCode, retry_after: Option<Span>) -> Advice {
    match status.as_u16() {
        // An accepting head whose body did not arrive.
        200..=299 => Advice::OutcomeUnknown,
        // A gateway has the same doubt that a timeout of our own leaves.
        504 => Advice::OutcomeUnknown,
        429 | 503 => Advice::Retry { after: retry_after },
        408 | 425 | 500..=599 => Advice::RETRY,
        _ => Advice::GiveUp,
    }
}

/// The start of another side's answer on one line, without control characters.
pub(crate) fn excerpt(body: &[u8]) -> String {
    let start = &body[..body.len().min(EXCERPT_CHARS_MAX * 4)];
    let text = String::from_utf8_lossy(start);
    let words: Vec<&str> =
        text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|w| !w.is_empty()).collect();
    words.join(" ").chars().take(EXCERPT_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_says_what_may_be_tried_again() {
        let after = Some(Span::from_secs(7));
        for (status, advice) in [
            (301, Advice::GiveUp),
            (400, Advice::GiveUp),
            (401, Advice::GiveUp),
            (404, Advice::GiveUp),
            (408, Advice::RETRY),
            (410, Advice::GiveUp),
            (429, Advice::Retry { after }),
            (500, Advice::RETRY),
            (502, Advice::RETRY),
            (503, Advice::Retry { after }),
            (504, Advice::OutcomeUnknown),
        ] {
            assert_eq!(of_status(StatusCode::from_u16(status).unwrap(), after), advice, "{status}");
        }
    }

    #[test]
    fn an_excerpt_is_one_short_line_without_control_characters() {
        assert_eq!(excerpt(b"  no\r\nsuch\x1b[31m \xff user\n"), "no such [31m \u{fffd} user");
        assert_eq!(excerpt(&[b'a'; 10_000]).len(), EXCERPT_CHARS_MAX);
    }
}
