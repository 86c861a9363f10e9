//! Records of names, asked of a real name server: dnsmasq, on loopback.

use std::net::{SocketAddr, UdpSocket};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use egress::lookup::{Lookup, LookupFault, Record, Records};

const TIMEOUT: Duration = Duration::from_secs(10);
/// Looks at a server that starts.
const LOOKS_MAX: usize = 200;

/// A name server, which ends when it is dropped.
struct NameServer {
    child: Child,
    address: SocketAddr,
}

impl Drop for NameServer {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

async fn name_server() -> NameServer {
    let address = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let records = [
        "--srv-host=_http._tcp.shop.test,b.shop.test,8081",
        "--srv-host=_http._tcp.shop.test,a.shop.test,8080",
        "--host-record=shop.test,192.0.2.7",
        "--host-record=shop.test,2001:db8::7",
        "--mx-host=shop.test,mail.shop.test,10",
    ];
    let mut command = Command::new("/usr/sbin/dnsmasq");
    command.args([
        "--keep-in-foreground",
        "--no-resolv",
        "--no-hosts",
        "--bind-interfaces",
        "--conf-file=/dev/null",
    ]);
    command.args(["--listen-address=127.0.0.1", "--pid-file=", "--local=/test/"]).args(records);
    command.arg(format!("--port={}", address.port())).args(["--user=root", "--group=root"]);
    let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("dnsmasq is installed");
    let server = NameServer { child, address };
    let lookup = Lookup::of_server(address).unwrap();
    for _ in 0..LOOKS_MAX {
        let asked = lookup.records("shop.test", Records::A, Duration::from_millis(100)).await;
        if asked.is_ok_and(|found| !found.is_empty()) {
            return server;
        }
    }
    panic!("dnsmasq did not answer");
}

fn record(host: &str, port: Option<u16>) -> Record {
    Record { host: host.to_owned(), port }
}

#[tokio::test]
async fn each_kind_of_record_is_found_sorted_and_without_the_dot_at_its_end() {
    let server = name_server().await;
    let lookup = Lookup::of_server(server.address).unwrap();
    let found = async |name: &str, kind| lookup.records(name, kind, TIMEOUT).await.unwrap();
    let services = [record("a.shop.test", Some(8080)), record("b.shop.test", Some(8081))];
    assert_eq!(found("_http._tcp.shop.test", Records::Srv).await, services);
    assert_eq!(found("shop.test", Records::A).await, [record("192.0.2.7", None)]);
    assert_eq!(found("shop.test", Records::Aaaa).await, [record("[2001:db8::7]", None)]);
    assert_eq!(found("shop.test", Records::Mx).await, [record("mail.shop.test", None)]);
}

#[tokio::test]
async fn a_name_that_is_not_there_has_no_records_and_a_server_that_is_not_there_is_a_fault() {
    let server = name_server().await;
    let lookup = Lookup::of_server(server.address).unwrap();
    assert_eq!(lookup.records("gone.test", Records::A, TIMEOUT).await.unwrap(), []);
    drop(server);
    let nobody = UdpSocket::bind("127.0.0.1:0").unwrap();
    let lookup = Lookup::of_server(nobody.local_addr().unwrap()).unwrap();
    let fault = lookup.records("shop.test", Records::A, Duration::from_millis(300)).await.unwrap_err();
    assert!(matches!(fault, LookupFault::TimedOut { .. } | LookupFault::Ask { .. }), "{fault:?}");
}
