//! As much HTTP/1.1 as the examples need: one request per connection, bodies with a known length.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use serde_json::Value;

/// Longest head and body to accept.
const LONGEST: u64 = 1024 * 1024;

/// A connection that says nothing for so long is given up.
const PATIENCE: Duration = Duration::from_secs(30);

/// Headers that are said anew on each connection.
pub const OF_THE_CONNECTION: [&str; 8] = [
    "connection",
    "content-length",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// One request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// `GET`, `POST`, …
    pub method: String,
    /// With query.
    pub path: String,
    /// In the order in which they came.
    pub headers: Vec<(String, String)>,
    /// Of known length, or put together from chunks.
    pub body: Vec<u8>,
    /// Who is asking.
    pub peer: IpAddr,
}

impl Request {
    /// The first value of a header.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        find(&self.headers, name)
    }
}

/// One response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// 200, 404, …
    pub status: u16,
    /// Without those that speak of the connection and the length.
    pub headers: Vec<(String, String)>,
    /// All of it.
    pub body: Vec<u8>,
}

impl Response {
    /// A value as its body.
    #[must_use]
    pub fn json(status: u16, value: &Value) -> Self {
        let headers = vec![("Content-Type".to_owned(), "application/json".to_owned())];
        Self { status, headers, body: format!("{value}\n").into_bytes() }
    }

    /// 200 and a text.
    #[must_use]
    pub fn text(body: String) -> Self {
        let headers = vec![("Content-Type".to_owned(), "text/plain; charset=utf-8".to_owned())];
        Self { status: 200, headers, body: body.into_bytes() }
    }

    /// `{"error": message}`.
    #[must_use]
    pub fn error(status: u16, message: &str) -> Self {
        Self::json(status, &serde_json::json!({ "error": message }))
    }

    /// With one more header.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }
}

fn find<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    headers.iter().find(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
}

/// Answers every connection in a thread of its own, until the process ends.
pub fn serve(listener: &TcpListener, answer: impl Fn(Request) -> Response + Send + Sync + 'static) {
    let answer = Arc::new(answer);
    for connection in listener.incoming() {
        // A connection that broke off before it was accepted is its client's business.
        let Ok(mut connection) = connection else { continue };
        let answer = Arc::clone(&answer);
        thread::spawn(move || {
            let response = match receive(&connection) {
                Ok(request) => answer(request),
                Err(problem) if problem.kind() == io::ErrorKind::InvalidData => {
                    Response::error(400, &problem.to_string())
                }
                Err(_) => return,
            };
            // The client may be gone; nobody is left to tell.
            drop(reply(&mut connection, &response));
        });
    }
}

/// Reads one request. What is not HTTP is [`io::ErrorKind::InvalidData`].
fn receive(connection: &TcpStream) -> io::Result<Request> {
    connection.set_read_timeout(Some(PATIENCE))?;
    connection.set_write_timeout(Some(PATIENCE))?;
    let peer = connection.peer_addr()?.ip();
    let (first, headers, body) = message(connection)?;
    let mut words = first.split(' ');
    let (Some(method), Some(path), Some("HTTP/1.1" | "HTTP/1.0"), None) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return Err(invalid(format!("`{first}` is not a request line")));
    };
    Ok(Request { method: method.to_owned(), path: path.to_owned(), headers, body, peer })
}

/// Sends `request` to `address` and returns the answer, without the headers that speak of its connection and length.
///
/// # Errors
///
/// There was no answer, or none that is HTTP.
pub fn exchange(address: SocketAddr, request: &Request) -> io::Result<Response> {
    let mut connection = TcpStream::connect_timeout(&address, PATIENCE)?;
    connection.set_read_timeout(Some(PATIENCE))?;
    connection.set_write_timeout(Some(PATIENCE))?;
    let mut head = format!("{} {} HTTP/1.1\r\n", request.method, request.path);
    for (name, value) in &request.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str(&format!("Content-Length: {}\r\nConnection: close\r\n\r\n", request.body.len()));
    connection.write_all(head.as_bytes())?;
    connection.write_all(&request.body)?;
    let (first, mut headers, body) = message(&connection)?;
    let status = first.split(' ').nth(1).and_then(|status| status.parse().ok());
    let status = status.ok_or_else(|| invalid(format!("`{first}` is not a status line")))?;
    headers.retain(|(name, _)| !OF_THE_CONNECTION.iter().any(|other| name.eq_ignore_ascii_case(other)));
    Ok(Response { status, headers, body })
}

/// Asks for one URL of this machine.
///
/// # Errors
///
/// The text says which URL, and why there was no answer.
pub fn get(url: &str) -> Result<Response, String> {
    let rest = url.strip_prefix("http://").ok_or_else(|| format!("`{url}` does not begin with http://"))?;
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let address: SocketAddr =
        host.parse().map_err(|_| format!("`{host}` is not an address like 127.0.0.1:8001"))?;
    let request = Request {
        method: "GET".to_owned(),
        path: format!("/{path}"),
        headers: vec![("Host".to_owned(), host.to_owned())],
        body: Vec::new(),
        peer: address.ip(),
    };
    exchange(address, &request).map_err(|error| format!("GET {url}: {error}"))
}

/// First line, headers, body.
type Message = (String, Vec<(String, String)>, Vec<u8>);

fn message(input: impl Read) -> io::Result<Message> {
    let mut input = BufReader::new(input.take(LONGEST));
    let first = line(&mut input)?;
    let mut headers = Vec::new();
    loop {
        let line = line(&mut input)?;
        if line.is_empty() {
            break;
        }
        let (name, value) =
            line.split_once(':').ok_or_else(|| invalid(format!("`{line}` is not a header")))?;
        headers.push((name.to_owned(), value.trim().to_owned()));
    }
    if find(&headers, "transfer-encoding").is_some() {
        return chunked(input).map(|body| (first, headers, body));
    }
    let length = match find(&headers, "content-length") {
        Some(length) => {
            length.parse().map_err(|_| invalid(format!("content-length `{length}` is no number")))?
        }
        None => 0,
    };
    let mut body = Vec::new();
    if input.take(length).read_to_end(&mut body)? as u64 == length {
        Ok((first, headers, body))
    } else {
        Err(invalid(format!("the body ends before its {length} bytes")))
    }
}

/// A body in pieces, each after a line with its length in hexadecimal; trailers are left out.
fn chunked(mut input: impl BufRead) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let head = line(&mut input)?;
        let length = u64::from_str_radix(head.split(';').next().unwrap_or_default().trim(), 16)
            .map_err(|_| invalid(format!("`{head}` is not the length of a chunk")))?;
        if length == 0 {
            return Ok(body);
        }
        if input.by_ref().take(length).read_to_end(&mut body)? as u64 != length {
            return Err(invalid("a chunk ends too early"));
        }
        line(&mut input)?;
    }
}

fn line(input: &mut impl BufRead) -> io::Result<String> {
    let mut line = String::new();
    input.read_line(&mut line)?;
    match line.strip_suffix('\n') {
        Some(line) => Ok(line.strip_suffix('\r').unwrap_or(line).to_owned()),
        None if line.is_empty() => Err(io::ErrorKind::UnexpectedEof.into()),
        None => Err(invalid("the message breaks off in its head, or is longer than 1 MiB")),
    }
}

fn invalid(problem: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, problem.into())
}

/// Sends a response and ends the connection.
fn reply(connection: &mut TcpStream, response: &Response) -> io::Result<()> {
    connection.write_all(&bytes(response))?;
    connection.shutdown(std::net::Shutdown::Write)
}

/// A response as it goes over the wire.
fn bytes(response: &Response) -> Vec<u8> {
    let mut head = format!("HTTP/1.1 {} {}\r\n", response.status, reason(response.status));
    for (name, value) in &response.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str(&format!("Content-Length: {}\r\nConnection: close\r\n\r\n", response.body.len()));
    let mut bytes = head.into_bytes();
    bytes.extend_from_slice(&response.body);
    bytes
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        400 => "Bad Request",
        401 => "Unauthorized",
        404 => "Not Found",
        405 => "Method Not Allowed",
        412 => "Precondition Failed",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        _ => "Status",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::net::Ipv4Addr;

    #[test]
    fn a_question_gets_its_answer() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            serve(&listener, |request| Response::json(200, &json!([request.method, request.path])));
        });

        let answer = get(&format!("http://{address}/health?deep=1")).unwrap();

        assert_eq!((answer.status, answer.body), (200, b"[\"GET\",\"/health?deep=1\"]\n".to_vec()));
    }

    #[test]
    fn a_message_is_read_with_its_body() {
        let headers = vec![("Content-Length".to_owned(), "3".to_owned())];
        assert_eq!(
            message(&b"POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabcd"[..]).unwrap(),
            ("POST / HTTP/1.1".to_owned(), headers, b"abc".to_vec()),
        );
    }

    #[test]
    fn a_body_in_chunks_is_put_together() {
        let text = "X\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n";
        assert_eq!(message(text.as_bytes()).unwrap().2, b"abcde");
    }

    #[test]
    fn what_breaks_off_is_said() {
        let problem = |text: &str| message(text.as_bytes()).unwrap_err().to_string();

        assert_eq!(
            problem("POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nab"),
            "the body ends before its 3 bytes"
        );
        assert_eq!(
            problem("POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n"),
            "content-length `x` is no number"
        );
        assert_eq!(
            problem("GET / HTTP/1.1\r\nHost"),
            "the message breaks off in its head, or is longer than 1 MiB"
        );
        assert_eq!(problem("GET / HTTP/1.1\r\nHost\r\n\r\n"), "`Host` is not a header");
        assert_eq!(
            problem("A\r\nTransfer-Encoding: chunked\r\n\r\nz\r\n"),
            "`z` is not the length of a chunk"
        );
    }

    #[test]
    fn only_addresses_of_this_form_are_asked() {
        assert_eq!(get("https://x/"), Err("`https://x/` does not begin with http://".to_owned()));
        assert_eq!(get("http://x/"), Err("`x` is not an address like 127.0.0.1:8001".to_owned()));
    }
}
