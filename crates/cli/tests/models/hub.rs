use std::collections::{HashMap, VecDeque};
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use checkpoint::hex;

/// A hub that serves `/{repo}/resolve/{revision}/{path}` and redirects large files to a store, as the real one does. The
/// branch `main` is at commit c0ffee.
pub(crate) struct Hub {
    pub(crate) url: String,
    shared: Arc<Mutex<Shared>>,
}

#[derive(Default)]
struct Shared {
    files: HashMap<String, File>,
    /// What goes wrong with the next requests for bytes of large files, in order.
    faults: VecDeque<Fault>,
    requests: Vec<Request>,
    /// The status of files that are not there.
    missing: Option<u16>,
}

#[derive(Clone)]
struct File {
    bytes: Vec<u8>,
    /// Sent by way of the store.
    is_large: bool,
}

/// What a request was.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) range: Option<String>,
    pub(crate) authorization: Option<String>,
}

/// What can go wrong.
#[derive(Debug, Clone)]
pub(crate) enum Fault {
    /// The connection ends after so many bytes of the answer.
    Cut(usize),
    /// Nothing comes any more after so many bytes, but the connection stays.
    Stall(usize),
    /// No answer but this status.
    Status(u16),
    /// A status with `Retry-After: 0`.
    Busy(u16),
    /// The whole file from its beginning, whatever was asked for.
    Whole,
    /// A part that begins elsewhere.
    OtherPart,
    /// As many bytes as there should be, one of them changed.
    Changed,
    /// More bytes than announced.
    TooLong,
}

impl Hub {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let shared = Arc::new(Mutex::new(Shared::default()));
        let (theirs, base) = (shared.clone(), url.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (shared, base) = (theirs.clone(), base.clone());
                std::thread::spawn(move || serve(stream, &shared, &base));
            }
        });
        Self { url, shared }
    }

    /// A small file, sent by the hub itself.
    pub(crate) fn small(&self, path: &str, bytes: &[u8]) {
        self.put(path, bytes, false);
    }

    /// A large file, sent by the store.
    pub(crate) fn large(&self, path: &str, bytes: &[u8]) {
        self.put(path, bytes, true);
    }

    fn put(&self, path: &str, bytes: &[u8], is_large: bool) {
        self.shared.lock().unwrap().files.insert(path.to_owned(), File { bytes: bytes.to_vec(), is_large });
    }

    /// The status with which a file is answered that is not there.
    pub(crate) fn answer_missing(&self, status: u16) {
        self.shared.lock().unwrap().missing = Some(status);
    }

    pub(crate) fn fail(&self, faults: &[Fault]) {
        self.shared.lock().unwrap().faults.extend(faults.iter().cloned());
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.shared.lock().unwrap().requests.clone()
    }

    /// Ranges of the requests for bytes of large files, in order.
    pub(crate) fn ranges(&self) -> Vec<Option<String>> {
        let of_store = |request: &Request| request.method == "GET" && request.path.starts_with("/store/");
        self.requests().into_iter().filter(of_store).map(|request| request.range).collect()
    }
}

fn serve(stream: TcpStream, shared: &Mutex<Shared>, base: &str) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut head = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 {
            return;
        }
        match line.trim_end() {
            "" => break,
            line => head.push(line.to_owned()),
        }
    }
    let header = |name: &str| {
        let is = |line: &&String| line.split(':').next().is_some_and(|key| key.eq_ignore_ascii_case(name));
        head.iter().skip(1).find(is).and_then(|line| line.split_once(": ")).map(|(_, value)| value.to_owned())
    };
    let mut first = head[0].split(' ');
    let (method, path) = (first.next().unwrap().to_owned(), first.next().unwrap().to_owned());
    let request = Request { method, path, range: header("range"), authorization: header("authorization") };
    let mut stream = stream;
    let mut stalls = false;
    let answer = {
        let mut shared = shared.lock().unwrap();
        shared.requests.push(request.clone());
        if request.path.starts_with("/store/") {
            stalls = matches!(shared.faults.front(), Some(Fault::Stall(_)));
        }
        answer(&request, &mut shared, base)
    };
    let _ = stream.write_all(&answer);
    if stalls {
        // Until the other side gives up.
        let _ = reader.read_line(&mut String::new());
    }
}

fn answer(request: &Request, shared: &mut Shared, base: &str) -> Vec<u8> {
    if let Some(path) = request.path.strip_prefix("/store/") {
        let Some(file) = shared.files.get(path).cloned() else { return status(404, "") };
        return bytes(request, &file.bytes, shared.faults.pop_front());
    }
    let Some((repo, rest)) = request.path.trim_start_matches('/').split_once("/resolve/") else {
        return status(404, "");
    };
    let (revision, name) = rest.split_once('/').unwrap();
    // A file of this revision only, or one of all revisions.
    let (at, of_all) = (format!("{repo}@{revision}/{name}"), format!("{repo}/{name}"));
    let path = if shared.files.contains_key(&at) { at } else { of_all };
    let Some(file) = shared.files.get(&path) else { return status(shared.missing.unwrap_or(404), "") };
    let size = file.bytes.len();
    if file.is_large {
        let sha256 = hex(ring::digest::digest(&ring::digest::SHA256, &file.bytes).as_ref());
        let links = format!("X-Linked-Size: {size}\r\nX-Linked-Etag: \"{sha256}\"\r\n");
        return status(302, &format!("Location: {base}/store/{path}\r\nX-Repo-Commit: c0ffee\r\n{links}"));
    }
    let mut blob = format!("blob {size}\0").into_bytes();
    blob.extend(&file.bytes);
    let git = hex(ring::digest::digest(&ring::digest::SHA1_FOR_LEGACY_USE_ONLY, &blob).as_ref());
    let mut answer =
        format!("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {size}\r\nETag: \"{git}\"\r\nX-Repo-Commit: c0ffee\r\n\r\n")
            .into_bytes();
    if request.method == "GET" {
        answer.extend(&file.bytes);
    }
    answer
}

fn bytes(request: &Request, whole: &[u8], fault: Option<Fault>) -> Vec<u8> {
    let from = request
        .range
        .as_ref()
        .map(|range| range.strip_prefix("bytes=").unwrap().strip_suffix('-').unwrap().parse::<usize>().unwrap());
    let from = match fault {
        Some(Fault::Whole) => None,
        Some(Fault::OtherPart) => from.map(|from| from + 1),
        _ => from,
    };
    let mut part = whole[from.unwrap_or(0)..].to_vec();
    match fault {
        Some(Fault::Status(code)) => return status(code, ""),
        Some(Fault::Busy(code)) => return status(code, "Retry-After: 0\r\n"),
        Some(Fault::Changed) => part[0] ^= 1,
        Some(Fault::TooLong) => part.push(0),
        _ => {}
    }
    let line = match from {
        Some(from) => format!("206 Partial Content\r\nContent-Range: bytes {from}-{}/{}", whole.len() - 1, whole.len()),
        None => "200 OK".to_owned(),
    };
    let length = part.len();
    let mut answer =
        format!("HTTP/1.1 {line}\r\nConnection: close\r\nContent-Length: {length}\r\nETag: \"store\"\r\n\r\n")
            .into_bytes();
    if let Some(Fault::Cut(after) | Fault::Stall(after)) = fault {
        part.truncate(after);
    }
    answer.extend(part);
    answer
}

fn status(code: u16, headers: &str) -> Vec<u8> {
    format!("HTTP/1.1 {code} -\r\nConnection: close\r\nContent-Length: 0\r\n{headers}\r\n").into_bytes()
}
