//! Which addresses a rule may lead to.
//!
//! A name is only as good as the address behind it: every address of an answer is judged, and the whole answer is
//! refused if one of them is. Embedded IPv4 (mapped, NAT64, 6to4, Teredo) is unwrapped first.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What an address is, as far as a rule cares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Anywhere on the public internet.
    Public,
    /// This machine.
    Loopback,
    /// A private, link-local, shared or otherwise not globally routed network.
    Private,
    /// A metadata service of a cloud: never, whatever the rule says.
    Metadata,
    /// Multicast, broadcast, unspecified, documentation: not something to talk to.
    Unusable,
}

/// Says what `address` is after unwrapping.
#[must_use]
pub fn reach(address: IpAddr) -> Reach {
    match unwrapped(address) {
        IpAddr::V4(v4) => reach_v4(v4),
        IpAddr::V6(v6) => reach_v6(v6),
    }
}

/// The IPv4 address inside an IPv6 one, if that is all it is.
fn unwrapped(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address else { return address };
    let segments = v6.segments();
    let [a, b, c, d, e, f, g, h] = segments;
    let v4_of = |high: u16, low: u16| {
        let [a, b] = high.to_be_bytes();
        let [c, d] = low.to_be_bytes();
        IpAddr::V4(Ipv4Addr::new(a, b, c, d))
    };
    match (a, b, c, d, e, f) {
        // ::ffff:0:0/96 mapped, ::ffff:0:0:0/96 translated, and the old ::/96 "compatible" form.
        (0, 0, 0, 0, 0, 0xffff) | (0, 0, 0, 0, 0xffff, 0) => v4_of(g, h),
        (0, 0, 0, 0, 0, 0) if g != 0 => v4_of(g, h),
        // NAT64: 64:ff9b::/96 and the local-use 64:ff9b:1::/48 (RFC 6052, RFC 8215).
        (0x64, 0xff9b, 0, 0, 0, 0) | (0x64, 0xff9b, 1, _, _, _) => v4_of(g, h),
        // 6to4 carries the address in the second and third segment.
        (0x2002, high, low, _, _, _) => v4_of(high, low),
        // Teredo carries it inverted at the end.
        (0x2001, 0, _, _, _, _) => v4_of(!g, !h),
        _ => address,
    }
}

fn reach_v4(v4: Ipv4Addr) -> Reach {
    let [a, b, c, _] = v4.octets();
    // AWS/GCP/Azure, Alibaba, Azure wire server, Oracle.
    const METADATA: [Ipv4Addr; 4] = [
        Ipv4Addr::new(169, 254, 169, 254),
        Ipv4Addr::new(100, 100, 100, 200),
        Ipv4Addr::new(168, 63, 129, 16),
        Ipv4Addr::new(192, 0, 0, 192),
    ];
    if METADATA.contains(&v4) || (a, b, c) == (169, 254, 170) {
        Reach::Metadata
    } else if v4.is_loopback() {
        Reach::Loopback
    } else if v4.is_unspecified()
        || v4.is_multicast()
        || v4.is_broadcast()
        || v4.is_documentation()
        || a == 0
        || a >= 240
    {
        Reach::Unusable
    } else if v4.is_private()
        || v4.is_link_local()
        || (a == 100 && (64..128).contains(&b))
        || (a, b, c) == (192, 0, 0)
        || (a == 198 && (b == 18 || b == 19))
    {
        Reach::Private
    } else {
        Reach::Public
    }
}

fn reach_v6(v6: Ipv6Addr) -> Reach {
    let first = v6.segments()[0];
    // EC2's metadata over IPv6, and GCP's.
    const METADATA: [Ipv6Addr; 2] = [
        Ipv6Addr::new(0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x254),
        Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254),
    ];
    if METADATA.contains(&v6) {
        Reach::Metadata
    } else if v6.is_loopback() {
        Reach::Loopback
    } else if v6.is_unspecified() || v6.is_multicast() || v6.segments()[..2] == [0x2001, 0xdb8] {
        Reach::Unusable
    } else if first & 0xfe00 == 0xfc00 || first & 0xffc0 == 0xfe80 || first & 0xffc0 == 0xfec0 {
        Reach::Private
    } else {
        Reach::Public
    }
}

#[cfg(test)]
mod tests {
    use super::{Reach, reach};

    #[test]
    fn every_spelling_of_an_address_is_judged_as_what_it_is() {
        let table = [
            ("1.1.1.1", Reach::Public),
            ("127.0.0.1", Reach::Loopback),
            ("127.8.8.8", Reach::Loopback),
            ("10.0.0.5", Reach::Private),
            ("172.16.0.1", Reach::Private),
            ("172.32.0.1", Reach::Public),
            ("192.168.1.1", Reach::Private),
            ("100.64.0.1", Reach::Private),
            ("169.254.1.1", Reach::Private),
            ("169.254.169.254", Reach::Metadata),
            ("169.254.170.2", Reach::Metadata),
            ("100.100.100.200", Reach::Metadata),
            ("168.63.129.16", Reach::Metadata),
            ("192.0.0.192", Reach::Metadata),
            ("0.0.0.0", Reach::Unusable),
            ("224.0.0.1", Reach::Unusable),
            ("255.255.255.255", Reach::Unusable),
            ("::1", Reach::Loopback),
            ("::", Reach::Unusable),
            ("2606:4700:4700::1111", Reach::Public),
            ("fc00::1", Reach::Private),
            ("fe80::1", Reach::Private),
            ("fd00:ec2::254", Reach::Metadata),
            ("::ffff:127.0.0.1", Reach::Loopback),
            ("::ffff:169.254.169.254", Reach::Metadata),
            ("::127.0.0.1", Reach::Loopback),
            ("64:ff9b::a9fe:a9fe", Reach::Metadata),
            ("64:ff9b:1::7f00:1", Reach::Loopback),
            ("2002:7f00:1::", Reach::Loopback),
            ("2002:a00:5::1", Reach::Private),
            ("2001:0:0:0:0:0:80ff:fffe", Reach::Loopback),
            ("ff02::1", Reach::Unusable),
        ];
        let judged: Vec<_> = table.iter().map(|(text, _)| (*text, reach(text.parse().unwrap()))).collect();
        assert_eq!(judged, table);
    }
}
