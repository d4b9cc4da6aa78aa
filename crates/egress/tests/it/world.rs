//! Servers with arbitrary responses, and a resolver with arbitrary answers.

use egress::{Egress, EgressOptions, Resolve, Resolving};
use futures_util::FutureExt;
use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

pub(crate) const TIME: Duration = Duration::from_secs(30);
pub(crate) const MOST: usize = 10_000;

/// Represents the public internet: the only loopback address that may be called.
pub(crate) const OUTSIDE: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);
/// Represents an internal address.
pub(crate) const INSIDE: Ipv4Addr = Ipv4Addr::LOCALHOST;

/// Names with successive answers; the last one is repeated.
#[derive(Default)]
pub(crate) struct Names {
    answers: Mutex<HashMap<String, Vec<Vec<IpAddr>>>>,
    pub(crate) asked: AtomicUsize,
}

impl Names {
    pub(crate) fn of(names: &[(&str, &[&[&str]])]) -> Arc<Self> {
        let parse = |answer: &&[&str]| answer.iter().map(|address| address.parse().unwrap()).collect();
        let names = names.iter().map(|(name, answers)| ((*name).to_owned(), answers.iter().map(parse).collect()));
        Arc::new(Self { answers: Mutex::new(names.collect()), asked: AtomicUsize::new(0) })
    }
}

impl Resolve for Names {
    fn resolve<'a>(&'a self, host: &'a str) -> Resolving<'a> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let mut names = self.answers.lock().unwrap();
        let answer = match names.get_mut(host) {
            Some(answers) if answers.len() > 1 => Ok(answers.remove(0)),
            Some(answers) => Ok(answers[0].clone()),
            None => Err(io::Error::other("no such name")),
        };
        async { answer }.boxed()
    }
}

/// A server that sends the same response each time, and counts connections.
pub(crate) struct Server {
    pub(crate) port: u16,
    pub(crate) visits: Arc<AtomicUsize>,
    pub(crate) last: Arc<Mutex<String>>,
}

impl Server {
    pub(crate) async fn answering(address: Ipv4Addr, answer: &[u8]) -> Self {
        Self::answering_on(TcpListener::bind((address, 0)).await.unwrap(), answer)
    }

    pub(crate) fn answering_on(listener: TcpListener, answer: &[u8]) -> Self {
        let answer = answer.to_vec();
        Self::start(listener, move |mut stream| {
            let answer = answer.clone();
            async move {
                let _ = stream.write_all(&answer).await;
                let _ = stream.shutdown().await;
                // Unread data would reset the connection before the response is read.
                let _ = tokio::io::copy(&mut stream, &mut tokio::io::sink()).await;
            }
        })
    }

    /// `answer` gets each connection after the head of its request has arrived.
    pub(crate) fn start<F: Future<Output = ()> + Send>(
        listener: TcpListener,
        answer: impl Fn(TcpStream) -> F + Send + Sync + 'static,
    ) -> Self {
        let port = listener.local_addr().unwrap().port();
        let server = Self { port, visits: Arc::default(), last: Arc::default() };
        let (visits, last, answer) = (server.visits.clone(), server.last.clone(), Arc::new(answer));
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                visits.fetch_add(1, Ordering::SeqCst);
                let (last, answer) = (last.clone(), answer.clone());
                tokio::spawn(async move {
                    let mut request = Vec::new();
                    while !request.windows(4).any(|end| end == b"\r\n\r\n") {
                        if stream.read_buf(&mut request).await.unwrap_or(0) == 0 {
                            return;
                        }
                    }
                    *last.lock().unwrap() = String::from_utf8_lossy(&request).into_owned();
                    answer(stream).await;
                });
            }
        });
        server
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{OUTSIDE}:{}/", self.port)
    }
}

/// A client that may call OUTSIDE on these ports.
pub(crate) fn egress(ports: &[u16], names: Arc<Names>) -> Egress {
    let options = EgressOptions {
        egress_allow: vec!["127.0.0.2/32".parse().unwrap()],
        egress_ports: ports.to_vec(),
        ..EgressOptions::default()
    };
    Egress::with_resolver(&options, names).unwrap()
}
