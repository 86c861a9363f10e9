//! The form in which Swan itself writes instants, `YYYY-MM-DDTHH:MM:SS[.mmm]Z`: every fact carries at least one, so a
//! replay reads millions of them. Anything else is left to jiff.

use crate::civil::{civil_from_days, days_from_civil, days_in_month};

const MS_PER_DAY: i64 = 86_400_000;

/// Text of at most 24 bytes.
pub(crate) struct Text {
    bytes: [u8; 24],
    len: usize,
}

impl Text {
    pub(crate) fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[..self.len]).expect("digits and punctuation are ASCII")
    }
}

/// `None` where the text has another form, or names a day or time that does not exist.
pub(crate) fn read(text: &[u8]) -> Option<i64> {
    let fraction = match text.len() {
        20 => 0,
        24 if text[19] == b'.' => number(&text[20..23])?,
        _ => return None,
    };
    let punctuated = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':'), (text.len() - 1, b'Z')];
    if punctuated.iter().any(|&(at, byte)| text[at] != byte) {
        return None;
    }
    let (year, month, day) = (number(&text[..4])?, number(&text[5..7])?, number(&text[8..10])?);
    let (hour, minute, second) = (number(&text[11..13])?, number(&text[14..16])?, number(&text[17..19])?);
    let exists = (1..=12).contains(&month)
        && (1..=days_in_month(year, month)).contains(&day)
        && hour < 24
        && minute < 60
        && second < 60;
    let ms = ((hour * 60 + minute) * 60 + second) * 1000 + fraction;
    exists.then(|| days_from_civil(year, month, day) * MS_PER_DAY + ms)
}

/// `None` outside the years 0 to 9999. Milliseconds are written only where there are some.
pub(crate) fn write(ms: i64) -> Option<Text> {
    let (year, month, day) = civil_from_days(ms.div_euclid(MS_PER_DAY));
    if !(0..=9999).contains(&year) {
        return None;
    }
    let in_day = ms.rem_euclid(MS_PER_DAY);
    let mut bytes = *b"0000-00-00T00:00:00.000Z";
    let seconds = in_day / 1000;
    digits(&mut bytes[..4], year);
    digits(&mut bytes[5..7], month);
    digits(&mut bytes[8..10], day);
    digits(&mut bytes[11..13], seconds / 3600);
    digits(&mut bytes[14..16], seconds / 60 % 60);
    digits(&mut bytes[17..19], seconds % 60);
    let fraction = in_day % 1000;
    if fraction == 0 {
        bytes[19] = b'Z';
        return Some(Text { bytes, len: 20 });
    }
    digits(&mut bytes[20..23], fraction);
    Some(Text { bytes, len: 24 })
}

fn number(digits: &[u8]) -> Option<i64> {
    digits.iter().try_fold(0, |n, digit| digit.is_ascii_digit().then(|| n * 10 + i64::from(digit - b'0')))
}

fn digits(place: &mut [u8], mut number: i64) {
    for digit in place.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
}
