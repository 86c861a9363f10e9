//! The other side, and a network whose names and addresses the test decides.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use egress::guard::Origin;
use egress::http::{Client, Request};
use egress::network::{BoxFuture, Dial, Network, Resolve};
use egress::tls::Tls;
use egress::{Method, Url};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

pub(crate) const LONG: Duration = Duration::from_secs(60);

/// Runs `answer` on every connection, with its number.
pub(crate) async fn serve<F, Fut>(answer: F) -> SocketAddr
where
    F: Fn(TcpStream, usize) -> Fut + Send + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        for number in 0.. {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(answer(stream, number));
        }
    });
    address
}

/// Reads one request and answers with these bytes, then closes.
pub(crate) async fn serve_bytes(answer: impl Into<Vec<u8>>) -> SocketAddr {
    let answer = Arc::new(answer.into());
    serve(move |mut stream, _| {
        let answer = answer.clone();
        async move {
            read_request(&mut stream).await;
            // The client may have had enough.
            let _ = stream.write_all(&answer).await;
        }
    })
    .await
}

/// As [`serve_bytes`], and keeps what was asked.
pub(crate) async fn serve_and_record(answer: &'static str) -> (SocketAddr, Arc<Mutex<Vec<String>>>) {
    let requests = Arc::new(Mutex::new(Vec::new()));
    let record = requests.clone();
    let address = serve(move |mut stream, _| {
        let record = record.clone();
        async move {
            let request = read_request(&mut stream).await;
            record.lock().unwrap().push(request);
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    })
    .await;
    (address, requests)
}

/// Reads one request, then says nothing for ever; time jumps to whatever the client waits for.
pub(crate) async fn serve_silence(start_of_answer: &'static str) -> SocketAddr {
    serve(move |mut stream, _| async move {
        read_request(&mut stream).await;
        stream.write_all(start_of_answer.as_bytes()).await.unwrap();
        tokio::time::pause();
        std::future::pending().await
    })
    .await
}

/// A head, and the body that it announces.
pub(crate) async fn read_request(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let head = head.to_ascii_lowercase();
            let length = head.split("content-length: ").nth(1).and_then(|rest| rest.split("\r\n").next());
            if body.len() >= length.map_or(0, |length| length.parse().unwrap()) {
                return text.into_owned();
            }
        }
        if stream.read_buf(&mut bytes).await.unwrap_or(0) == 0 {
            return String::from_utf8_lossy(&bytes).into_owned();
        }
    }
}

/// A network in which names have the addresses that the test gives them, and every address is one local server.
#[derive(Default)]
pub(crate) struct Atlas {
    /// The answers to successive questions for a name; the last one stays. A name that is not here has `otherwise`.
    pub(crate) names: BTreeMap<String, Vec<Vec<IpAddr>>>,
    pub(crate) otherwise: Vec<IpAddr>,
    /// Where connections really go; without it, nowhere.
    pub(crate) server: Option<SocketAddr>,
    /// Addresses that refuse connections.
    pub(crate) dead: Vec<IpAddr>,
    pub(crate) asked: Mutex<Vec<String>>,
    pub(crate) dialled: Mutex<Vec<SocketAddr>>,
}

impl Resolve for Atlas {
    fn resolve<'a>(&'a self, name: &'a str) -> BoxFuture<'a, io::Result<Vec<IpAddr>>> {
        let mut asked = self.asked.lock().unwrap();
        let before = asked.iter().filter(|earlier| *earlier == name).count();
        asked.push(name.to_owned());
        let found = match self.names.get(name) {
            Some(answers) => answers[before.min(answers.len() - 1)].clone(),
            None => self.otherwise.clone(),
        };
        Box::pin(async move { Ok(found) })
    }
}

impl Dial for Atlas {
    fn dial(&self, address: SocketAddr) -> BoxFuture<'_, io::Result<TcpStream>> {
        self.dialled.lock().unwrap().push(address);
        Box::pin(async move {
            match self.server {
                Some(server) if !self.dead.contains(&address.ip()) => TcpStream::connect(server).await,
                _ => Err(io::ErrorKind::ConnectionRefused.into()),
            }
        })
    }
}

pub(crate) fn client_on(atlas: &Arc<Atlas>) -> Client {
    client_on_with(atlas, &Tls::load(None).unwrap())
}

pub(crate) fn client_on_with(atlas: &Arc<Atlas>, tls: &Tls) -> Client {
    Client::new(Network::new(atlas.clone(), atlas.clone(), tls.clone()))
}

/// A client on the machine's own network.
pub(crate) fn client() -> Client {
    Client::new(Network::system(Tls::load(None).unwrap()))
}

pub(crate) fn url(address: SocketAddr, path: &str) -> Url {
    Url::parse(&format!("http://{address}{path}")).unwrap()
}

pub(crate) fn get(url: Url) -> Request {
    Request::new(Method::GET, url, LONG, Origin::Operator)
}

pub(crate) fn post(url: Url, body: &'static str) -> Request {
    let mut request = Request::new(Method::POST, url, LONG, Origin::Operator);
    request.body = body.into();
    request
}
