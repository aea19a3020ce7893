//! Ports on loopback that nobody uses.
//!
//! Those of a container and of the candidate are taken long after they are chosen. So they are not of the range that the
//! system hands out by itself (32768 and up, usually): any connection of anybody could get one of these meanwhile.

use std::net::{Ipv4Addr, TcpListener};
use std::sync::atomic::{AtomicU16, Ordering};

use crate::programs::WorldError;

const FROM: u16 = 20_000;
const TO: u16 = 32_000;

/// How many were looked at in this process.
static TRIED: AtomicU16 = AtomicU16::new(0);

/// Where the servers of a world listen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ports {
    /// The slot that has the traffic at first.
    pub blue: u16,
    /// The other slot.
    pub green: u16,
    /// Where customers come in.
    pub proxy: u16,
    /// The proxy's admin API.
    pub admin: u16,
    /// The registry for images.
    pub registry: u16,
    /// Where messages go.
    pub hook: u16,
}

impl Ports {
    /// Six that are free now, and that no other world of this process has.
    pub(crate) fn free() -> Result<Self, WorldError> {
        Ok(Self {
            blue: free()?,
            green: free()?,
            proxy: free()?,
            admin: free()?,
            registry: free()?,
            hook: free()?,
        })
    }
}

fn free() -> Result<u16, WorldError> {
    let span = TO - FROM;
    // Processes begin at different places.
    let first = u16::try_from(std::process::id() % u32::from(span)).unwrap_or_default();
    (0..span)
        .map(|_| FROM + (u32::from(first) + u32::from(TRIED.fetch_add(1, Ordering::Relaxed))) as u16 % span)
        .find(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok())
        .ok_or(WorldError::Ports { from: FROM, to: TO })
}
