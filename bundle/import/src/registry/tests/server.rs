//! A server that answers what a test wants, and remembers what it was asked.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// What was asked. Header names are in lower case.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) headers: BTreeMap<String, String>,
    pub(super) body: String,
}

impl Asked {
    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }
}

/// What is answered, and how it ends.
#[derive(Debug, Clone, Default)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
    pub(super) end: End,
}

#[derive(Debug, Clone, Copy, Default)]
pub(super) enum End {
    /// As it should.
    #[default]
    Whole,
    /// After so many bytes of the body.
    Cut(usize),
    /// Never: after the body nothing comes, and the connection stays open.
    Hang,
    /// Never: zeros come for ever.
    Endless,
}

pub(super) fn reply(status: u16, body: impl Into<Vec<u8>>) -> Reply {
    Reply {
        status,
        body: body.into(),
        ..Reply::default()
    }
}

impl Reply {
    pub(super) fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(super) fn ending(mut self, end: End) -> Self {
        self.end = end;
        self
    }
}

/// It listens as long as the test lasts.
pub(super) struct Server {
    pub(super) address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Server {
    pub(super) fn start(answer: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let answer = Arc::new(answer);
        thread::spawn({
            let asked = Arc::clone(&asked);
            move || {
                for stream in listener.incoming() {
                    let (asked, answer) = (Arc::clone(&asked), Arc::clone(&answer));
                    thread::spawn(move || serve(&stream.unwrap(), &asked, &*answer));
                }
            }
        });
        Self { address, asked }
    }

    /// All that was asked so far.
    pub(super) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// Those of them for this path.
    pub(super) fn asked_for(&self, part: &str) -> Vec<Asked> {
        let mut asked = self.asked();
        asked.retain(|asked| asked.path.contains(part));
        asked
    }
}

fn serve(stream: &TcpStream, all: &Mutex<Vec<Asked>>, answer: &dyn Fn(&Asked) -> Reply) {
    let mut first = [0];
    // 0x16 begins TLS, which this server does not speak.
    if stream.peek(&mut first).is_err() || first[0] == 0x16 {
        return;
    }
    let Some(asked) = read_question(stream) else {
        return;
    };
    all.lock().unwrap().push(asked.clone());
    if asked.method == "CONNECT" {
        // As a proxy it is every host that is asked for.
        let mut stream = stream;
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
        return serve(stream, all, answer);
    }
    let reply = answer(&asked);
    // Who has asked may be gone, which is a matter for the test.
    let _ = write_answer(stream, &reply);
}

fn read_question(stream: &TcpStream) -> Option<Asked> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut words = line.split(' ');
    let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(": ") else {
            break;
        };
        headers.insert(name.to_ascii_lowercase(), value.to_owned());
    }
    let length = headers
        .get("content-length")
        .map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Asked {
        method,
        path,
        headers,
        body: String::from_utf8(body).unwrap(),
    })
}

fn write_answer(mut stream: &TcpStream, reply: &Reply) -> std::io::Result<()> {
    let mut head = format!("HTTP/1.1 {} X\r\nConnection: close\r\n", reply.status);
    for (name, value) in &reply.headers {
        let _ = write!(head, "{name}: {value}\r\n");
    }
    let length_bytes = match reply.end {
        End::Whole | End::Cut(_) => Some(reply.body.len()),
        End::Hang => Some(reply.body.len() + 1),
        End::Endless => None,
    };
    if let Some(length_bytes) = length_bytes {
        let _ = write!(head, "Content-Length: {length_bytes}\r\n");
    }
    stream.write_all(head.as_bytes())?;
    stream.write_all(b"\r\n")?;
    match reply.end {
        End::Whole => stream.write_all(&reply.body)?,
        End::Cut(length) => stream.write_all(&reply.body[..length])?,
        End::Hang => {
            stream.write_all(&reply.body)?;
            // Until who has asked loses patience.
            let _ = stream.read(&mut [0]);
        }
        End::Endless => {
            stream.write_all(&reply.body)?;
            while stream.write_all(&[b' '; 4096]).is_ok() {}
        }
    }
    stream.shutdown(Shutdown::Write)
}
