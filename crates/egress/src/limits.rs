//! How big anything may get on its way out and back.

use std::time::Duration;

use kernel::Span;

/// Addresses of one name that are looked at; more are ignored.
pub const ADDRESSES_MAX: usize = 16;
/// Bytes of a response's head; a longer one is a fault.
pub const RESPONSE_HEAD_BYTES_MAX: usize = 64 << 10;
/// Bytes of a response body unless the request says otherwise; a longer one is a fault.
pub const RESPONSE_BODY_BYTES_MAX: usize = 8 << 20;
/// Redirects that a request may ask to have followed; a larger wish is cut to this.
pub const REDIRECTS_MAX: u8 = 10;
/// Longest time that a provider's `Retry-After` is honoured; a longer one is cut to this.
pub const RETRY_AFTER_MAX: Span = Span::from_hours(1);
/// Characters of another side's answer that are kept in a fault.
pub const EXCERPT_CHARS_MAX: usize = 500;
/// Bytes of a checked body that conditions look at; the rest of the body is not read.
pub const CHECK_BODY_BYTES_MAX: usize = 1 << 20;
/// Bytes of compiled pattern of one body condition; a larger pattern is refused.
pub const PATTERN_BYTES_MAX: usize = 1 << 20;
/// Bytes of one exposition; a longer one is a fault.
pub const SCRAPE_BODY_BYTES_MAX: usize = 64 << 20;
/// Bytes of a webhook receiver's answer that are read; the rest is not.
pub const WEBHOOK_ANSWER_BYTES_MAX: usize = 16 << 10;
/// Recipients of one mail; more are refused.
pub const RECIPIENTS_MAX: usize = 50;
/// Bytes of one mail's text or HTML; a longer one is refused.
pub const MAIL_BODY_BYTES_MAX: usize = 8 << 20;
/// Bytes of one header value of a mail, before encoding; a longer one is refused.
pub const MAIL_HEADER_BYTES_MAX: usize = 2000;
/// Bytes of one line of an SMTP reply; a longer one is a fault (RFC 5321 allows 512).
pub const REPLY_LINE_BYTES_MAX: usize = 2048;
/// Lines of one SMTP reply; more are a fault.
pub const REPLY_LINES_MAX: usize = 100;
/// How long a mail server may take to say goodbye, once the outcome is known.
pub const QUIT_TIMEOUT: Duration = Duration::from_secs(2);
/// Longest time that one request or one phase of a mail may be given; a longer one is cut to this.
pub const TIMEOUT_MAX: Duration = Duration::from_hours(1);
/// Records of one name that are looked at; more are ignored.
pub const RECORDS_MAX: usize = 1000;
