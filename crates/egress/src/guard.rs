//! Which addresses may be spoken to.
//!
//! A destination comes from the *operator*, whose configuration may well mean a machine on a private network, or
//! from a *user* of the API, who must not reach anything that only the network around Swan can reach. The guard
//! judges addresses, never spellings: a URL is read once by the WHATWG rules (`url`), so `0x7f.1`, `2130706433` and
//! `127.0.0.1.` are all 127.0.0.1 before anybody looks, and a name is judged by each address that it resolves to.
//!
//! Guaranteed: no class of destination reaches a cloud's metadata service, in any notation or embedding; a user's
//! destination reaches only globally routable unicast, and no transition address that hides an IPv4 address.
//! Ranges are those of the IANA special-purpose address registries (RFC 6890, 8190 and successors). A NAT64 prefix
//! that a network has chosen for itself cannot be known here.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use kernel::Refuse;
use url::{Host, Url};

/// Who named a destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The operator's configuration: private addresses are allowed.
    Operator,
    /// Somebody at the API, or a redirect by a public machine: only public addresses are allowed.
    User,
}

/// What stands against an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ban {
    /// A cloud's instance metadata or credentials service, or the IPv4 link-local range in which they live.
    Metadata,
    /// Loopback, private, shared, link-local, multicast, reserved, documentation or benchmarking space.
    NotPublic,
    /// An IPv6 address that stands for an IPv4 address: mapped, NAT64, 6to4, Teredo, ISATAP.
    Embedded,
}

/// Why a destination is not spoken to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// The text is not a URL, or has no host.
    NotAUrl {
        /// As given, shortened.
        text: String,
    },
    /// Neither `http` nor `https`.
    Scheme {
        /// As given.
        scheme: String,
    },
    /// The URL carries a user name or a password.
    UserInfo,
    /// A redirect from `https` to `http`.
    Downgrade {
        /// The host that would have been spoken to in the clear.
        host: String,
    },
    /// The host is, or resolves to, an address that is banned for this origin.
    Address {
        /// As named in the destination.
        host: String,
        /// As resolved.
        address: IpAddr,
        /// What stands against it.
        ban: Ban,
    },
}

impl Refuse for Refusal {
    fn code(&self) -> &'static str {
        match self {
            Self::NotAUrl { .. } => "destination_not_a_url",
            Self::Scheme { .. } => "destination_scheme",
            Self::UserInfo => "destination_user_info",
            Self::Downgrade { .. } => "destination_downgrade",
            Self::Address { ban: Ban::Metadata, .. } => "destination_metadata",
            Self::Address { .. } => "destination_not_public",
        }
    }

    fn sentence(&self) -> String {
        match self {
            Self::NotAUrl { text } => format!("`{text}` is not an address that can be spoken to"),
            Self::Scheme { scheme } => format!("`{scheme}` is neither http nor https"),
            Self::UserInfo => "the address carries a user name or a password".into(),
            Self::Downgrade { host } => format!("`{host}` was to be reached over http after https"),
            Self::Address { host, address, ban } => {
                let what = match ban {
                    Ban::Metadata => "a cloud metadata address",
                    Ban::NotPublic => "not a public address",
                    Ban::Embedded => "an IPv6 address that stands for an IPv4 one",
                };
                format!("`{host}` is {address}, {what}")
            }
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::NotAUrl { .. } | Self::Scheme { .. } => {
                Some("write it like `https://example.com/path`".into())
            }
            Self::UserInfo => Some("give credentials as a header instead".into()),
            Self::Downgrade { .. } => Some("name the final address".into()),
            Self::Address { ban: Ban::Metadata, .. } => None,
            Self::Address { .. } => {
                Some("private destinations belong in the operator's configuration".into())
            }
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentence())
    }
}

impl std::error::Error for Refusal {}

/// Reads a URL and refuses what can be refused before its name is resolved: for saying no at the time of editing.
/// A URL that passes is judged again whenever it is connected to.
pub fn read_url(origin: Origin, text: &str) -> Result<Url, Refusal> {
    let not_a_url = || Refusal::NotAUrl { text: text.chars().take(200).collect() };
    let url = Url::parse(text).map_err(|_| not_a_url())?;
    judge_url(origin, &url)?;
    Ok(url)
}

/// As [`read_url`], for a URL that is read already.
pub fn judge_url(origin: Origin, url: &Url) -> Result<(), Refusal> {
    if !matches!(url.scheme(), "http" | "https") {
        return Err(Refusal::Scheme { scheme: url.scheme().into() });
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Refusal::UserInfo);
    }
    match url.host() {
        None => Err(Refusal::NotAUrl { text: url.as_str().chars().take(200).collect() }),
        Some(Host::Domain(_)) => Ok(()),
        Some(Host::Ipv4(address)) => judge(origin, &address.to_string(), IpAddr::V4(address)),
        Some(Host::Ipv6(address)) => judge(origin, &address.to_string(), IpAddr::V6(address)),
    }
}

/// Judges one resolved address of `host`.
pub fn judge(origin: Origin, host: &str, address: IpAddr) -> Result<(), Refusal> {
    match ban(origin, address) {
        Some(ban) => Err(Refusal::Address { host: host.into(), address, ban }),
        None => Ok(()),
    }
}

/// What stands against this address for a destination of this origin, if anything.
pub fn ban(origin: Origin, address: IpAddr) -> Option<Ban> {
    if is_metadata(address) {
        return Some(Ban::Metadata);
    }
    match (origin, address) {
        (Origin::Operator, _) => None,
        (Origin::User, IpAddr::V4(v4)) => (!is_public_v4(v4)).then_some(Ban::NotPublic),
        (Origin::User, IpAddr::V6(v6)) if embedded(v6).is_some() => Some(Ban::Embedded),
        (Origin::User, IpAddr::V6(v6)) => (!is_public_v6(v6)).then_some(Ban::NotPublic),
    }
}

/// IPv4 addresses of metadata services outside of link-local space: Alibaba, Oracle, Azure's wire server.
const METADATA_V4: [Ipv4Addr; 3] =
    [Ipv4Addr::new(100, 100, 100, 200), Ipv4Addr::new(192, 0, 0, 192), Ipv4Addr::new(168, 63, 129, 16)];

/// IPv6 addresses of metadata services: EC2, EKS Pod Identity, Google, Scaleway, OpenStack.
const METADATA_V6: [Ipv6Addr; 5] = [
    Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254),
    Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23),
    Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254),
    Ipv6Addr::new(0xfd00, 0x42, 0, 0, 0, 0, 0, 0x42),
    Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0xa9fe, 0xa9fe),
];

fn is_metadata(address: IpAddr) -> bool {
    match address {
        // All of 169.254/16: EC2, ECS, EKS, Google, Azure, Tencent and others each use another address in it.
        IpAddr::V4(v4) => v4.is_link_local() || METADATA_V4.contains(&v4),
        IpAddr::V6(v6) => {
            METADATA_V6.contains(&v6)
                || embedded(v6).into_iter().flatten().any(|v4| is_metadata(IpAddr::V4(v4)))
        }
    }
}

/// Networks of IPv4 that are not globally reachable unicast, as (network, prefix length).
const NOT_PUBLIC_V4: [(Ipv4Addr, u32); 15] = [
    (Ipv4Addr::new(0, 0, 0, 0), 8),
    (Ipv4Addr::new(10, 0, 0, 0), 8),
    (Ipv4Addr::new(100, 64, 0, 0), 10),
    (Ipv4Addr::new(127, 0, 0, 0), 8),
    (Ipv4Addr::new(169, 254, 0, 0), 16),
    (Ipv4Addr::new(172, 16, 0, 0), 12),
    (Ipv4Addr::new(192, 0, 0, 0), 24),
    (Ipv4Addr::new(192, 0, 2, 0), 24),
    (Ipv4Addr::new(192, 88, 99, 0), 24),
    (Ipv4Addr::new(192, 168, 0, 0), 16),
    (Ipv4Addr::new(198, 18, 0, 0), 15),
    (Ipv4Addr::new(198, 51, 100, 0), 24),
    (Ipv4Addr::new(203, 0, 113, 0), 24),
    (Ipv4Addr::new(224, 0, 0, 0), 4),
    (Ipv4Addr::new(240, 0, 0, 0), 4),
];

fn is_public_v4(address: Ipv4Addr) -> bool {
    let bits = address.to_bits();
    !NOT_PUBLIC_V4.iter().any(|(network, length)| (bits ^ network.to_bits()) >> (32 - length) == 0)
}

/// Networks inside 2000::/3 that are not globally reachable unicast: IETF protocol assignments (with Teredo and
/// ORCHID), documentation, 6to4, the former 6bone, documentation again.
const NOT_PUBLIC_V6: [(Ipv6Addr, u32); 5] = [
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23),
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32),
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16),
    (Ipv6Addr::new(0x3ffe, 0, 0, 0, 0, 0, 0, 0), 16),
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20),
];

fn is_public_v6(address: Ipv6Addr) -> bool {
    let bits = address.to_bits();
    // 2000::/3 is all the global unicast space that IANA has given out.
    bits >> 125 == 1
        && !NOT_PUBLIC_V6.iter().any(|(network, length)| (bits ^ network.to_bits()) >> (128 - length) == 0)
}

/// The IPv4 addresses that this IPv6 address stands for; `None` when it is an IPv6 address of its own.
///
/// Mapped and compatible (RFC 4291), translated (RFC 2765), NAT64 (RFC 6052, RFC 8215), 6to4 (RFC 3056), Teredo
/// with its server and its inverted client (RFC 4380), ISATAP (RFC 5214).
fn embedded(address: Ipv6Addr) -> Option<[Ipv4Addr; 4]> {
    let groups = address.segments();
    let at = |index: usize| {
        let [a, b] = groups[index].to_be_bytes();
        let [c, d] = groups[index + 1].to_be_bytes();
        Ipv4Addr::new(a, b, c, d)
    };
    let one = |v4: Ipv4Addr| Some([v4; 4]);
    match groups {
        // `::` and `::1` are IPv6's own.
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => None,
        [0, 0, 0, 0, 0, 0 | 0xffff, _, _] | [0, 0, 0, 0, 0xffff, 0, _, _] => one(at(6)),
        [0x64, 0xff9b, ..] => nat64(address),
        [0x2002, ..] => one(at(1)),
        [0x2001, 0, ..] => {
            let (server, client) = (at(2), Ipv4Addr::from_bits(!at(6).to_bits()));
            Some([server, server, client, client])
        }
        [_, _, _, _, 0 | 0x0200, 0x5efe, _, _] => one(at(6)),
        _ => None,
    }
}

/// RFC 6052 places the IPv4 address at the end of a /96. A network that uses the prefix for local use
/// (64:ff9b:1::/48) may cut it at 48, 56, 64 or 96 bits; the address then goes around byte 8, which is zero.
fn nat64(address: Ipv6Addr) -> Option<[Ipv4Addr; 4]> {
    let bytes = address.octets();
    let from = |a: usize, b: usize, c: usize, d: usize| Ipv4Addr::new(bytes[a], bytes[b], bytes[c], bytes[d]);
    let last = from(12, 13, 14, 15);
    match address.segments() {
        [_, _, 0, ..] => Some([last; 4]),
        [_, _, 1, ..] => Some([last, from(6, 7, 9, 10), from(7, 9, 10, 11), from(9, 10, 11, 12)]),
        _ => None,
    }
}
