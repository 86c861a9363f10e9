//! The many ways to write an address that must not be reached.

use std::net::{Ipv4Addr, Ipv6Addr};

/// One address of each range that is not public, with those that metadata services use.
pub(crate) const NOT_PUBLIC_V4: [Ipv4Addr; 20] = [
    Ipv4Addr::new(127, 0, 0, 1),
    Ipv4Addr::new(127, 255, 255, 254),
    Ipv4Addr::new(0, 0, 0, 0),
    Ipv4Addr::new(0, 1, 2, 3),
    Ipv4Addr::new(10, 1, 2, 3),
    Ipv4Addr::new(100, 64, 0, 1),
    Ipv4Addr::new(100, 127, 255, 254),
    Ipv4Addr::new(172, 16, 5, 4),
    Ipv4Addr::new(172, 31, 255, 254),
    Ipv4Addr::new(192, 0, 0, 8),
    Ipv4Addr::new(192, 0, 2, 1),
    Ipv4Addr::new(192, 88, 99, 1),
    Ipv4Addr::new(192, 168, 0, 1),
    Ipv4Addr::new(198, 19, 255, 254),
    Ipv4Addr::new(198, 51, 100, 7),
    Ipv4Addr::new(203, 0, 113, 7),
    Ipv4Addr::new(224, 0, 0, 1),
    Ipv4Addr::new(239, 255, 255, 250),
    Ipv4Addr::new(240, 0, 0, 1),
    Ipv4Addr::new(255, 255, 255, 255),
];

pub(crate) const METADATA_V4: [Ipv4Addr; 7] = [
    Ipv4Addr::new(169, 254, 169, 254),
    Ipv4Addr::new(169, 254, 170, 2),
    Ipv4Addr::new(169, 254, 170, 23),
    Ipv4Addr::new(169, 254, 0, 23),
    Ipv4Addr::new(100, 100, 100, 200),
    Ipv4Addr::new(192, 0, 0, 192),
    Ipv4Addr::new(168, 63, 129, 16),
];

pub(crate) const NOT_PUBLIC_V6: [&str; 26] = [
    "::",
    "::1",
    "::2",
    "0:0:0:0:0:0:0:1",
    "::ffff:0:0",
    "100::1",
    "fc00::1",
    "fd12:3456:789a::1",
    "fdff::1",
    "fe80::1",
    "febf::1",
    "fec0::1",
    "ff01::1",
    "ff02::1",
    "ff0e::1",
    "2001::1",
    "2001:2::1",
    "2001:10::1",
    "2001:20::1",
    "2001:db8::1",
    "2002::1",
    "3ffe::1",
    "3fff:fff::1",
    "5f00::1",
    "4000::1",
    "1fff::1",
];

pub(crate) const METADATA_V6: [&str; 5] =
    ["fd00:ec2::254", "fd00:ec2::23", "fd20:ce::254", "fd00:42::42", "fe80::a9fe:a9fe"];

/// IPv6 addresses that stand for this IPv4 address.
pub(crate) fn embeddings(v4: Ipv4Addr) -> Vec<Ipv6Addr> {
    let bits = v4.to_bits();
    let (high, low) = ((bits >> 16) as u16, bits as u16);
    let [a, b, c, d] = v4.octets();
    let pair = |x: u8, y: u8| u16::from_be_bytes([x, y]);
    vec![
        Ipv6Addr::new(0, 0, 0, 0, 0, 0xffff, high, low),
        Ipv6Addr::new(0, 0, 0, 0, 0xffff, 0, high, low),
        Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, high, low),
        Ipv6Addr::new(0x64, 0xff9b, 1, 0, 0, 0, high, low),
        Ipv6Addr::new(0x64, 0xff9b, 1, high, pair(0, c), pair(d, 0), 0, 0),
        Ipv6Addr::new(0x64, 0xff9b, 1, pair(0, a), pair(0, b), pair(c, d), 0, 0),
        Ipv6Addr::new(0x64, 0xff9b, 1, 0, pair(0, a), pair(b, c), pair(d, 0), 0),
        Ipv6Addr::new(0x2002, high, low, 0, 0, 0, 0, 0),
        Ipv6Addr::new(0x2002, high, low, 1, 2, 3, 4, 5),
        Ipv6Addr::new(0x2001, 0, 0x0808, 0x0808, 0, 0, !high, !low),
        Ipv6Addr::new(0x2001, 0, high, low, 0, 0, !0x0808, !0x0808),
        Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0x5efe, high, low),
        Ipv6Addr::new(0x2606, 0x2800, 0, 0, 0, 0x5efe, high, low),
        Ipv6Addr::new(0x2606, 0x2800, 0, 0, 0x0200, 0x5efe, high, low),
    ]
}

/// Hosts that some reader of URLs takes for this address.
pub(crate) fn hosts(v4: Ipv4Addr) -> Vec<String> {
    let bits = v4.to_bits();
    let [a, b, c, d] = v4.octets();
    let dotted = v4.to_string();
    let digits = |zero: char| -> String {
        let from = u32::from(zero);
        dotted.chars().map(|c| c.to_digit(10).map_or(c, |n| char::from_u32(from + n).unwrap())).collect()
    };
    let circled: String = dotted
        .chars()
        .map(|c| match c.to_digit(10) {
            Some(0) => '\u{24ea}',
            Some(n) => char::from_u32(0x245f + n).unwrap(),
            None => c,
        })
        .collect();
    let mut hosts = vec![
        format!("{dotted}."),
        format!("{bits}"),
        format!("{bits}."),
        format!("0x{bits:x}"),
        format!("0X{bits:08X}"),
        format!("0x00000000{bits:x}"),
        format!("0{bits:o}"),
        format!("0000{bits:o}"),
        format!("0x{a:x}.0x{b:x}.0x{c:x}.0x{d:x}"),
        format!("0{a:o}.0{b:o}.0{c:o}.0{d:o}"),
        format!("000{a:o}.000{b:o}.000{c:o}.000{d:o}"),
        format!("0x{a:X}.{b}.0{c:o}.{d}"),
        format!("{a}.{b}.{}", u16::from_be_bytes([c, d])),
        format!("{a}.{}", bits & 0xff_ffff),
        format!("0x{a:x}.0x{:x}", bits & 0xff_ffff),
        format!("0{a:o}.{b}.0x{:x}", bits & 0xffff),
        dotted.replace('.', "%2e"),
        dotted.bytes().map(|byte| format!("%{byte:02x}")).collect(),
        dotted.replace('.', "\u{3002}"),
        dotted.replace('.', "\u{ff0e}"),
        dotted.replace('.', "\u{ff61}"),
        dotted.replacen('.', ".\u{ad}", 1),
        dotted.replacen('.', ".\u{200b}", 1),
        digits('\u{ff10}'),
        digits('\u{1d7ce}'),
        circled,
        format!("[::{dotted}]"),
        format!("[::ffff:{dotted}]"),
        format!("[0:0:0:0:0:FFFF:{dotted}]"),
        format!("[0000:0000:0000:0000:0000:ffff:{:04x}:{:04x}]", bits >> 16, bits & 0xffff),
        format!("[::ffff:{dotted}%25eth0]"),
        format!("[::ffff:{dotted}%eth0]"),
        format!("[64:ff9b::{dotted}]"),
        format!("{dotted}%25eth0"),
        format!("{dotted}.nip.io"),
        format!("{dotted}%00.example.com"),
        dotted.clone(),
    ];
    hosts.extend(embeddings(v4).into_iter().map(|v6| format!("[{v6}]")));
    hosts
}

/// URLs around a host that some reader takes for one to this host, or to another.
pub(crate) fn urls(host: &str) -> Vec<String> {
    vec![
        format!("http://{host}/"),
        format!("https://{host}/"),
        format!("HTTP://{host}:80"),
        format!("http://example.com@{host}/"),
        format!("http://example.com:80@{host}/"),
        format!("http://user:pass@{host}:8080/"),
        format!("http://{host}\\@example.com/"),
        format!("http://example.com%2f@{host}/"),
        format!("http://{host}#@example.com/"),
        format!("http://{host}?@example.com/"),
        format!("http://@{host}/"),
        format!("http:\\\\{host}\\"),
        format!("http:/{host}/"),
        format!("http:{host}"),
        format!("http:////{host}/"),
        format!("  http://{host}/\t"),
        format!("ht\ntp://{host}/"),
        format!("http://\t{host}/"),
    ]
}

/// Names that lead inside on many machines.
pub(crate) const NAMES: [&str; 12] = [
    "localhost",
    "LOCALHOST",
    "localhost.",
    "localhost.localdomain",
    "a.localhost",
    "ip6-localhost",
    "broadcasthost",
    "metadata",
    "metadata.google.internal",
    "metadata.google.internal.",
    "instance-data",
    "kubernetes.default.svc",
];
