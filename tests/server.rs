//! Servers on loopback that say what they are told to.

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

/// Listens, and lets `talk` have each connection, with its number, in a thread of its own. Returns the port.
pub(crate) fn serve(talk: impl Fn(usize, TcpStream) + Send + Sync + 'static) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let talk = Arc::new(talk);
    thread::spawn(move || {
        for (number, stream) in listener.incoming().flatten().enumerate() {
            let talk = Arc::clone(&talk);
            thread::spawn(move || talk(number, stream));
        }
    });
    port
}

/// A port that nobody listens at: it was free a moment ago.
pub(crate) fn nobody() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port").port()
}

/// Says this as soon as somebody comes, and waits until they go.
pub(crate) fn saying(said: impl Into<Vec<u8>>) -> u16 {
    let said = said.into();
    serve(move |_, mut stream| {
        write(&mut stream, &said);
        until_gone(&mut stream);
    })
}

/// Plays a recorded conversation: after each message that is heard comes its answer. Whoever says something else is hung
/// up on.
pub(crate) fn play(stream: &mut TcpStream, conversation: &[(Vec<u8>, Vec<u8>)]) {
    for (expected, answer) in conversation {
        let mut heard = vec![0; expected.len()];
        if stream.read_exact(&mut heard).is_err() || heard != *expected {
            return;
        }
        write(stream, answer);
    }
    until_gone(stream);
}

/// An HTTP server: each request gets the next answer, and the last one from then on. An answer is status and body.
pub(crate) fn http(answers: Vec<(u16, String)>) -> u16 {
    let next = AtomicUsize::new(0);
    serve(move |_, mut stream| {
        if head(&mut stream).is_empty() {
            return;
        }
        let number = next.fetch_add(1, Ordering::SeqCst).min(answers.len() - 1);
        let (status, body) = &answers[number];
        respond(&mut stream, &format!("{status} X"), "content-type: application/json\r\n", body.as_bytes());
    })
}

/// The head of a request, with the empty line at its end; nothing if the client breaks off before that.
pub(crate) fn head(stream: &mut impl Read) -> String {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read(&mut byte) {
            Ok(1) => head.push(byte[0]),
            Ok(_) | Err(_) => return String::new(),
        }
    }
    String::from_utf8_lossy(&head).into_owned()
}

/// Answers a request. `status` is a number and a reason; each of `headers` ends with a line end.
pub(crate) fn respond(stream: &mut impl Write, status: &str, headers: &str, body: &[u8]) {
    let head =
        format!("HTTP/1.1 {status}\r\n{headers}content-length: {}\r\nconnection: close\r\n\r\n", body.len());
    write(stream, &[head.as_bytes(), body].concat());
}

/// Whoever does not want to hear more is not in the way of the test.
pub(crate) fn write(stream: &mut impl Write, data: &[u8]) {
    drop(stream.write_all(data).and_then(|()| stream.flush()));
}

pub(crate) fn until_gone(stream: &mut impl Read) {
    let mut rest = [0; 1024];
    while matches!(stream.read(&mut rest), Ok(count) if count > 0) {}
}
