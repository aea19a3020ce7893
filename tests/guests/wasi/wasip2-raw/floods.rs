//! What takes without giving back, until something stops it.

use std::hint::black_box;

use schemars::JsonSchema;
use serde::Deserialize;
use wasip2::clocks::monotonic_clock::{self, subscribe_duration};
use wasip2::filesystem::types::{DescriptorFlags, OpenFlags, PathFlags};
use wasip2::http::types::Fields;
use wasip2::io::poll::poll;
use wasip2::sockets::network::IpAddressFamily;
use wasip2::sockets::tcp_create_socket::create_tcp_socket;

use crate::files;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Flood {
    /// Opens this directory again and again and keeps each handle.
    Files(String),
    /// Makes sockets and keeps them.
    Sockets,
    /// Makes timers and keeps them.
    Timers,
    /// Waits for many timers at once; the first is due in an hour.
    Wait(usize),
    /// Asks for so many random bytes at once.
    Random(u64),
    /// Puts values of so many bytes into one header.
    Header(usize),
    /// Writes lines of so many bytes to stdout.
    Print(usize),
    /// Looks at the clock.
    Clock,
}

impl Flood {
    pub(crate) fn run(&self) {
        match self {
            Self::Files(path) => {
                let Ok(base) = files::directory(path) else { panic!("`{path}` was not handed over") };
                keep(|| {
                    let opened =
                        base.open_at(PathFlags::empty(), ".", OpenFlags::DIRECTORY, DescriptorFlags::READ);
                    opened.unwrap_or_else(|error| panic!("opening failed: {}", error.name()))
                });
            }
            Self::Sockets => keep(|| {
                create_tcp_socket(IpAddressFamily::Ipv4)
                    .unwrap_or_else(|error| panic!("no socket: {}", error.name()))
            }),
            Self::Timers => keep(|| subscribe_duration(3_600_000_000_000)),
            Self::Wait(count) => {
                let timers: Vec<_> = (0..*count).map(|_| subscribe_duration(3_600_000_000_000)).collect();
                black_box(poll(&timers.iter().collect::<Vec<_>>()));
            }
            Self::Random(count) => {
                black_box(wasip2::random::random::get_random_bytes(*count));
            }
            Self::Header(bytes) => {
                let fields = Fields::new();
                let value = vec![b'x'; *bytes];
                loop {
                    if let Err(error) = fields.append("x-bomb", &value) {
                        panic!("the header is refused: {error}");
                    }
                }
            }
            Self::Print(bytes) => {
                let line = "x".repeat(*bytes);
                loop {
                    println!("{line}");
                }
            }
            Self::Clock => loop {
                black_box(monotonic_clock::now());
            },
        }
    }
}

/// Makes things for ever and lets go of none.
fn keep<T>(mut make: impl FnMut() -> T) {
    let mut kept = Vec::new();
    loop {
        kept.push(black_box(make()));
    }
}
