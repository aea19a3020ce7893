//! Servers on loopback that say what they are told to.

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

/// Listens, and lets `talk` have each connection, with its number, in a thread of its own. Returns the port.
pub(super) fn serve(talk: impl Fn(usize, TcpStream) + Send + Sync + 'static) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let talk = std::sync::Arc::new(talk);
    thread::spawn(move || {
        for (number, stream) in listener.incoming().flatten().enumerate() {
            let talk = std::sync::Arc::clone(&talk);
            thread::spawn(move || talk(number, stream));
        }
    });
    port
}

/// A port that nobody listens at: it was free a moment ago.
pub(super) fn nobody() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port").port()
}

/// Says this as soon as somebody comes, and waits until they go.
pub(super) fn saying(said: impl Into<Vec<u8>>) -> u16 {
    let said = said.into();
    serve(move |_, mut stream| {
        write(&mut stream, &said);
        until_gone(&mut stream);
    })
}

/// Plays a recorded conversation: after each message that is heard comes its answer. Whoever says something else is hung
/// up on.
pub(super) fn play(stream: &mut TcpStream, conversation: &[(Vec<u8>, Vec<u8>)]) {
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
pub(super) fn http(answers: Vec<(u16, String)>) -> u16 {
    let next = AtomicUsize::new(0);
    serve(move |_, mut stream| {
        let mut heard = Vec::new();
        let mut piece = [0; 1024];
        while !heard.windows(4).any(|window| window == b"\r\n\r\n") {
            match stream.read(&mut piece) {
                Ok(0) | Err(_) => return,
                Ok(count) => heard.extend_from_slice(&piece[..count]),
            }
        }
        let number = next.fetch_add(1, Ordering::SeqCst).min(answers.len() - 1);
        let (status, body) = &answers[number];
        let head = format!(
            "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
            body.len()
        );
        write(&mut stream, head.as_bytes());
        write(&mut stream, body.as_bytes());
    })
}

/// Whoever does not want to hear more is not in the way of the test.
pub(super) fn write(stream: &mut impl Write, data: &[u8]) {
    drop(stream.write_all(data).and_then(|()| stream.flush()));
}

pub(super) fn until_gone(stream: &mut impl Read) {
    let mut rest = [0; 1024];
    while matches!(stream.read(&mut rest), Ok(count) if count > 0) {}
}
