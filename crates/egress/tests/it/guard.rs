use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use egress::guard::{Ban, Origin, Refusal, ban, read_url};
use egress::http::{Client, Fault, Request};
use egress::network::Unreached;
use egress::tls::Tls;
use egress::{Method, Url};

use crate::servers::{Atlas, LONG, client_on, client_on_with, serve_bytes};
use crate::spellings::{
    METADATA_V4, METADATA_V6, NAMES, NOT_PUBLIC_V4, NOT_PUBLIC_V6, embeddings, hosts, urls,
};

pub(crate) const PUBLIC: IpAddr = IpAddr::V4(Ipv4Addr::new(93, 184, 215, 14));

/// Every spelling, with the address that it stands for.
pub(crate) fn all_spellings(v4: &[Ipv4Addr], v6: &[&str]) -> Vec<(String, IpAddr)> {
    let mut seen = BTreeSet::new();
    let mut all = Vec::new();
    let mut add = |url: String, address: IpAddr| {
        if seen.insert(url.clone()) {
            all.push((url, address));
        }
    };
    for address in v4 {
        for host in hosts(*address) {
            add(format!("http://{host}/"), (*address).into());
        }
        for url in urls(&address.to_string()) {
            add(url, (*address).into());
        }
        for name in NAMES {
            add(format!("http://{name}/?{address}"), (*address).into());
        }
    }
    for address in v6 {
        let parsed: Ipv6Addr = address.parse().unwrap();
        let long = parsed.segments().map(|group| format!("{group:04X}")).join(":");
        for host in [
            format!("[{address}]"),
            format!("[{long}]"),
            format!("[{address}%25lo]"),
            format!("[{address}%1]"),
        ] {
            add(format!("http://{host}/"), parsed.into());
        }
        for url in urls(&format!("[{address}]")) {
            add(url, parsed.into());
        }
    }
    all
}

fn v6(text: &str) -> IpAddr {
    text.parse().unwrap()
}

async fn attempt(client: &Client, origin: Origin, url: &str) -> Result<(), Option<Fault>> {
    let url = Url::parse(url).map_err(|_| None)?;
    client.send(Request::new(Method::GET, url, LONG, origin)).await.map(drop).map_err(Some)
}

/// Tries every spelling against a resolver that takes whatever is left as a name for the address meant.
async fn nothing_is_dialled(origin: Origin, spellings: &[(String, IpAddr)]) {
    let tls = Tls::load(None).unwrap();
    for (url, address) in spellings {
        let atlas = Arc::new(Atlas { otherwise: vec![*address], ..Atlas::default() });
        let outcome = attempt(&client_on_with(&atlas, &tls), origin, url).await;
        assert!(
            matches!(outcome, Err(None | Some(Fault::Unreached(Unreached::Refused(_))))),
            "{url} for {address}: {outcome:?}"
        );
        assert!(atlas.dialled.lock().unwrap().is_empty(), "{url} for {address}");
    }
}

#[tokio::test]
async fn a_user_reaches_nothing_private_however_it_is_spelled() {
    let spellings = all_spellings(
        &[NOT_PUBLIC_V4.as_slice(), &METADATA_V4].concat(),
        &[NOT_PUBLIC_V6.as_slice(), &METADATA_V6].concat(),
    );
    assert!(spellings.len() >= 300, "{}", spellings.len());
    nothing_is_dialled(Origin::User, &spellings).await;
}

#[tokio::test]
async fn not_even_the_operator_reaches_cloud_metadata() {
    let spellings = all_spellings(&METADATA_V4, &METADATA_V6);
    assert!(spellings.len() >= 300, "{}", spellings.len());
    nothing_is_dialled(Origin::Operator, &spellings).await;
}

#[tokio::test]
async fn a_name_is_judged_by_each_of_its_addresses() {
    let tls = Tls::load(None).unwrap();
    let literal_v6 = |list: &[&str]| list.iter().map(|text| v6(text)).collect::<Vec<_>>();
    let forms = |v4: &[Ipv4Addr], v6: &[&str]| {
        let mut all: Vec<IpAddr> = v4.iter().copied().map(IpAddr::V4).collect();
        all.extend(v4.iter().flat_map(|v4| embeddings(*v4)).map(IpAddr::V6));
        all.extend(literal_v6(v6));
        all
    };
    let mut tried = 0;
    for (origin, addresses) in [
        (Origin::User, forms(&NOT_PUBLIC_V4, &NOT_PUBLIC_V6)),
        (Origin::User, forms(&METADATA_V4, &METADATA_V6)),
        (Origin::Operator, forms(&METADATA_V4, &METADATA_V6)),
    ] {
        for address in addresses {
            for answer in [vec![address], vec![PUBLIC, address], vec![address, PUBLIC]] {
                let atlas = Arc::new(Atlas { otherwise: answer, ..Atlas::default() });
                let outcome = attempt(&client_on_with(&atlas, &tls), origin, "http://rebind.example/").await;
                assert!(
                    matches!(&outcome, Err(Some(Fault::Unreached(Unreached::Refused(Refusal::Address { address: found, .. })))) if *found == address),
                    "{address}: {outcome:?}"
                );
                assert!(atlas.dialled.lock().unwrap().is_empty(), "{address}");
                tried += 1;
            }
        }
    }
    assert!(tried >= 300, "{tried}");
}

#[tokio::test]
async fn a_name_that_changes_its_mind_is_connected_to_where_it_was_judged() {
    let server = serve_bytes("HTTP/1.1 204 No Content\r\n\r\n").await;
    for inside in ["127.0.0.1", "169.254.169.254", "::1", "::ffff:10.0.0.1", "192.168.0.1"] {
        let answers = vec![vec![PUBLIC], vec![v6_or_v4(inside)]];
        let atlas = Arc::new(Atlas {
            names: [("rebind.example".to_owned(), answers)].into(),
            server: Some(server),
            ..Atlas::default()
        });
        let client = client_on(&atlas);
        attempt(&client, Origin::User, "http://rebind.example/").await.unwrap();
        assert_eq!(*atlas.asked.lock().unwrap(), ["rebind.example"]);
        assert_eq!(*atlas.dialled.lock().unwrap(), [(PUBLIC, 80).into()]);
        let second = attempt(&client, Origin::User, "http://rebind.example/").await;
        assert!(matches!(second, Err(Some(Fault::Unreached(Unreached::Refused(_))))), "{inside}: {second:?}");
        assert_eq!(atlas.dialled.lock().unwrap().len(), 1, "{inside}");
    }
}

fn v6_or_v4(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[tokio::test]
async fn public_addresses_are_reached_by_users_and_private_ones_by_the_operator() {
    let server = serve_bytes("HTTP/1.1 204 No Content\r\n\r\n").await;
    let reached = async |origin: Origin, url: &str| {
        let atlas = Arc::new(Atlas { otherwise: vec![PUBLIC], server: Some(server), ..Atlas::default() });
        attempt(&client_on(&atlas), origin, url).await.unwrap();
        let dialled = atlas.dialled.lock().unwrap().clone();
        dialled[0].to_string()
    };
    for (url, address) in [
        ("http://example.com/", "93.184.215.14:80"),
        ("http://93.184.215.14:8080/", "93.184.215.14:8080"),
        ("http://0x5db8d70e/", "93.184.215.14:80"),
        ("http://[2606:2800:21f::1]/", "[2606:2800:21f::1]:80"),
        ("http://[2a00::1]/", "[2a00::1]:80"),
        ("http://172.32.0.1/", "172.32.0.1:80"),
        ("http://100.128.0.1/", "100.128.0.1:80"),
        ("http://11.0.0.1/", "11.0.0.1:80"),
        ("http://192.167.255.255/", "192.167.255.255:80"),
        ("http://223.255.255.255/", "223.255.255.255:80"),
    ] {
        assert_eq!(reached(Origin::User, url).await, address);
        assert_eq!(reached(Origin::Operator, url).await, address);
    }
    for (url, address) in [
        ("http://127.0.0.1:9100/metrics", "127.0.0.1:9100"),
        ("http://10.1.2.3/", "10.1.2.3:80"),
        ("http://[fd12::1]/", "[fd12::1]:80"),
        ("http://[64:ff9b::808:808]/", "[64:ff9b::808:808]:80"),
        ("http://100.64.0.7/", "100.64.0.7:80"),
    ] {
        assert_eq!(reached(Origin::Operator, url).await, address);
    }
}

#[test]
fn the_edges_of_every_range_are_where_the_registries_put_them() {
    for (first, last) in [
        ("0.0.0.0", "0.255.255.255"),
        ("10.0.0.0", "10.255.255.255"),
        ("100.64.0.0", "100.127.255.255"),
        ("127.0.0.0", "127.255.255.255"),
        ("169.254.0.0", "169.254.255.255"),
        ("172.16.0.0", "172.31.255.255"),
        ("192.0.0.0", "192.0.0.255"),
        ("192.0.2.0", "192.0.2.255"),
        ("192.88.99.0", "192.88.99.255"),
        ("192.168.0.0", "192.168.255.255"),
        ("198.18.0.0", "198.19.255.255"),
        ("198.51.100.0", "198.51.100.255"),
        ("203.0.113.0", "203.0.113.255"),
        ("224.0.0.0", "255.255.255.255"),
        ("2001::", "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff"),
        ("2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"),
        ("2002::", "2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
        ("3ffe::", "3fff:0fff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ] {
        let (first, last): (IpAddr, IpAddr) = (first.parse().unwrap(), last.parse().unwrap());
        let step = |address: IpAddr, by: i128| -> Option<IpAddr> {
            match address {
                IpAddr::V4(v4) => {
                    Some(Ipv4Addr::from_bits(u32::try_from(i128::from(v4.to_bits()) + by).ok()?).into())
                }
                IpAddr::V6(v6) => Some(Ipv6Addr::from_bits(v6.to_bits().wrapping_add_signed(by)).into()),
            }
        };
        assert!(ban(Origin::User, first).is_some() && ban(Origin::User, last).is_some(), "{first} to {last}");
        for outside in [step(first, -1), step(last, 1)].into_iter().flatten() {
            assert_eq!(ban(Origin::User, outside), None, "{outside}");
        }
    }
    assert_eq!(ban(Origin::User, v6("1fff:ffff::")), Some(Ban::NotPublic));
    assert_eq!(ban(Origin::User, v6("2000::")), None);
    assert_eq!(ban(Origin::User, v6("4000::")), Some(Ban::NotPublic));
}

#[test]
fn what_is_wrong_with_a_destination_is_said_when_it_is_edited() {
    use kernel::Refuse as _;
    let said = |text: &str| {
        let refusal = read_url(Origin::User, text).unwrap_err();
        format!("{}: {}", refusal.code(), refusal)
    };
    assert_eq!(said("no url"), "destination_not_a_url: `no url` is not an address that can be spoken to");
    assert_eq!(said("ftp://example.com/"), "destination_scheme: `ftp` is neither http nor https");
    assert_eq!(said("file:///etc/passwd"), "destination_scheme: `file` is neither http nor https");
    assert_eq!(
        said("http://ana:secret@example.com/"),
        "destination_user_info: the address carries a user name or a password"
    );
    assert_eq!(
        said("http://0x7f.1/"),
        "destination_not_public: `127.0.0.1` is 127.0.0.1, not a public address"
    );
    assert_eq!(
        said("http://169.254.169.254/latest"),
        "destination_metadata: `169.254.169.254` is 169.254.169.254, a cloud metadata address"
    );
    assert_eq!(
        said("http://[2002:7f00:1::]/"),
        "destination_not_public: `2002:7f00:1::` is 2002:7f00:1::, an IPv6 address that stands for an IPv4 one"
    );
    assert!(read_url(Origin::Operator, "http://10.0.0.1:9100/metrics").is_ok());
    assert!(read_url(Origin::User, "https://hooks.example.com/x").is_ok());
}
