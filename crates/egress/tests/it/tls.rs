use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use egress::guard::{Origin, Refusal};
use egress::http::{Client, Fault, Request};
use egress::network::{Network, Phase, Unreached};
use egress::tls::{Tls, TlsFault};
use egress::{Advice, Method, Url};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use tempfile::NamedTempFile;
use tokio::io::AsyncWriteExt;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

use crate::guard::PUBLIC;
use crate::servers::{Atlas, LONG, client_on_with, get, read_request, serve, serve_and_record};

/// A server with a certificate for these names, and the file that a client needs to trust it.
pub(crate) fn certified(names: &[&str]) -> (TlsAcceptor, NamedTempFile) {
    let names: Vec<String> = names.iter().map(ToString::to_string).collect();
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(names).unwrap();
    let key = PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)
        .unwrap();
    let file = NamedTempFile::new().unwrap();
    std::fs::write(file.path(), cert.pem()).unwrap();
    (TlsAcceptor::from(Arc::new(config)), file)
}

pub(crate) fn trusting(file: &NamedTempFile) -> Tls {
    Tls::load(Some(file.path())).unwrap()
}

async fn serve_tls(acceptor: TlsAcceptor, answer: &'static str) -> SocketAddr {
    serve(move |stream, _| {
        let acceptor = acceptor.clone();
        async move {
            let Ok(mut stream) = acceptor.accept(stream).await else { return };
            read_request(&mut stream).await;
            stream.write_all(answer.as_bytes()).await.unwrap();
            stream.shutdown().await.unwrap();
        }
    })
    .await
}

fn named(url: &str) -> Request {
    Request::new(Method::GET, Url::parse(url).unwrap(), LONG, Origin::Operator)
}

#[tokio::test]
async fn a_certificate_of_the_operators_own_root_is_trusted() {
    let (acceptor, root) = certified(&["shop.example", "127.0.0.1"]);
    let server = serve_tls(acceptor, "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecure").await;
    let atlas = Arc::new(Atlas { otherwise: vec![PUBLIC], server: Some(server), ..Atlas::default() });
    for url in ["https://shop.example/", "https://shop.example./"] {
        let response = client_on_with(&atlas, &trusting(&root)).send(named(url)).await.unwrap();
        assert_eq!(response.body, "secure");
        assert!(response.phases.tls.is_some());
    }
    let by_address = named(&format!("https://{server}/"));
    let response = Client::new(Network::system(trusting(&root))).send(by_address).await.unwrap();
    assert_eq!(response.body, "secure");
}

#[tokio::test]
async fn a_certificate_that_is_not_trusted_or_not_the_hosts_ends_before_the_request() {
    let (acceptor, root) = certified(&["shop.example"]);
    let server = serve_tls(acceptor, "HTTP/1.1 200 OK\r\n\r\n").await;
    let atlas = Arc::new(Atlas { otherwise: vec![PUBLIC], server: Some(server), ..Atlas::default() });
    let (_, other) = certified(&["shop.example"]);
    for (tls, url) in [
        (Tls::load(None).unwrap(), "https://shop.example/"),
        (trusting(&other), "https://shop.example/"),
        (trusting(&root), "https://bank.example/"),
        (trusting(&root), "https://93.184.215.14/"),
    ] {
        let fault = client_on_with(&atlas, &tls).send(named(url)).await.unwrap_err();
        assert!(matches!(fault, Fault::Unreached(Unreached::Handshake { .. })), "{url}: {fault:?}");
        assert_eq!(fault.advice(), Advice::Retry { after: None }, "nothing was sent");
    }
}

#[tokio::test]
async fn a_handshake_that_stalls_ends_in_time_and_has_sent_nothing() {
    let server = serve(|stream, _| async move {
        tokio::time::pause();
        let _open = stream;
        std::future::pending().await
    })
    .await;
    let fault = Client::new(Network::system(Tls::load(None).unwrap()))
        .send(named(&format!("https://{server}/")))
        .await
        .unwrap_err();
    assert!(matches!(fault, Fault::Unreached(Unreached::TimedOut { phase: Phase::Tls, .. })), "{fault:?}");
    assert_eq!(fault.advice(), Advice::Retry { after: None });
}

#[tokio::test]
async fn a_redirect_from_https_to_http_is_refused() {
    let (plain, requests) = serve_and_record("HTTP/1.1 200 OK\r\n\r\n").await;
    let (acceptor, root) = certified(&["127.0.0.1"]);
    let location = format!("HTTP/1.1 302 Found\r\nLocation: http://{plain}/\r\n\r\n").leak();
    let server = serve_tls(acceptor, location).await;
    let mut request = get(Url::parse(&format!("https://{server}/")).unwrap());
    request.limits.redirects_max = 1;
    let fault = Client::new(Network::system(trusting(&root))).send(request).await.unwrap_err();
    assert!(matches!(fault, Fault::Unreached(Unreached::Refused(Refusal::Downgrade { .. }))), "{fault:?}");
    assert!(requests.lock().unwrap().is_empty());
}

#[test]
fn a_file_of_roots_that_has_none_is_named() {
    let empty = NamedTempFile::new().unwrap();
    assert!(
        matches!(Tls::load(Some(empty.path())).unwrap_err(), TlsFault::NoRoots { path } if path == empty.path())
    );
    let missing = Tls::load(Some(Path::new("no/such.pem"))).unwrap_err();
    assert_eq!(missing.to_string(), "could not read certificates from `no/such.pem`");
}
