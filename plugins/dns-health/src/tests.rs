//! The health check as a pipeline sees it. Requirement: 004-18.

use super::*;
use runner_plugin::FailureKind;
use runner_plugin::testing::{Conversation, FakeHost, probe};
use serde_json::json;
use simple_dns::rdata::{A, AAAA, CAA, CNAME, MX, RData, SRV, TXT};
use simple_dns::{CLASS, CharacterString, Name, Packet, PacketFlag, Question, RCODE, ResourceRecord, TYPE};

const NAME: &str = "api.example.com";

fn name(text: &str) -> Name<'_> {
    Name::new(text).unwrap()
}

fn a(address: [u8; 4]) -> RData<'static> {
    RData::A(A { address: u32::from_be_bytes(address) })
}

fn cname(target: &'static str) -> RData<'static> {
    RData::CNAME(CNAME(name(target)))
}

/// The answer of a server to the first question of a test, which has the number 0.
fn reply<'r>(kind: TYPE, records: impl IntoIterator<Item = (&'r str, u32, RData<'r>)>) -> Packet<'r> {
    let mut packet = Packet::new_reply(0);
    packet.questions.push(Question::new(name(NAME), kind.into(), CLASS::IN.into(), false));
    for (owner, ttl, data) in records {
        packet.answers.push(ResourceRecord::new(name(owner), CLASS::IN, ttl, data));
    }
    packet
}

fn framed(message: &[u8]) -> Vec<u8> {
    [&u16::try_from(message.len()).unwrap().to_be_bytes(), message].concat()
}

fn server(said: impl Into<Vec<u8>>) -> FakeHost {
    FakeHost::new().listener("ns1:53", Conversation::new().says(said))
}

fn answering(packet: &Packet<'_>) -> FakeHost {
    server(framed(&packet.build_bytes_vec().unwrap()))
}

fn config(kind: &str, expect: Value) -> Value {
    json!({ "server": "ns1:53", "queries": [{ "name": NAME, "type": kind, "expect": expect }] })
}

fn first(host: &FakeHost, config: Value) -> (Health, String) {
    let check = probe::<DnsHealth>(host, config).unwrap().checks.swap_remove(0);
    (check.health, check.message)
}

fn failed(said: impl Into<Vec<u8>>) -> Failure {
    probe::<DnsHealth>(&server(said), config("A", json!("some"))).unwrap_err()
}

fn unusable(why: &str) -> Failure {
    Failure::invalid_input(format!("the answer of the name server cannot be used: {why}"))
}

fn well(message: &str) -> (Health, String) {
    (Health::Healthy, message.to_owned())
}

fn ill(message: &str) -> (Health, String) {
    (Health::Unhealthy, message.to_owned())
}

/// 004-18: DNS points to the new target.
#[test]
fn a_name_that_leads_where_it_should_is_healthy() {
    let packet = reply(
        TYPE::A,
        [("API.example.com.", 300, cname("edge.example.net")), ("edge.example.NET", 60, a([192, 0, 2, 7]))],
    );
    let host = answering(&packet);

    assert_eq!(
        probe::<DnsHealth>(&host, config("A", json!({ "exact": ["192.0.2.7"] }))),
        Ok(Report::of(
            vec![Check::new("api.example.com A", Health::Healthy, "it is `192.0.2.7`")],
            "healthy: 1 answer as expected"
        )
        .output("answers", json!({ "api.example.com A": ["192.0.2.7"] }))
        .output("latency_ms", 0)),
    );
    // Length, number 0, `recursion desired`, one question, the name, type A, class IN.
    assert_eq!(
        host.heard("ns1:53"),
        b"\x00\x21\x00\x00\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x03api\x07example\x03com\x00\x00\x01\x00\x01"
    );
}

/// 004-18: the old target is no answer, and any, all and exact are three questions.
#[test]
fn answers_are_compared_as_any_all_or_exactly() {
    let of = |expect: Value| {
        let both = reply(TYPE::A, [(NAME, 60, a([192, 0, 2, 8])), (NAME, 60, a([192, 0, 2, 7]))]);
        first(&answering(&both), config("A", expect))
    };
    let is = "it is `192.0.2.7`, `192.0.2.8`";

    assert_eq!(of(json!("some")), well(is));
    assert_eq!(of(json!({ "any": ["192.0.2.7", "192.0.2.9"] })), well(is));
    assert_eq!(of(json!({ "all": ["192.0.2.7"] })), well(is));
    assert_eq!(of(json!({ "exact": ["192.0.2.7", "192.0.2.8"] })), well(is));
    assert_eq!(
        of(json!({ "any": ["192.0.2.9"] })),
        ill(&format!("api.example.com A: {is}; expected any of `192.0.2.9`"))
    );
    assert_eq!(
        of(json!({ "all": ["192.0.2.7", "192.0.2.9"] })),
        ill(&format!("api.example.com A: {is}; expected all of `192.0.2.7`, `192.0.2.9`"))
    );
    assert_eq!(
        of(json!({ "exact": ["192.0.2.7"] })),
        ill(&format!("api.example.com A: {is}; expected `192.0.2.7`"))
    );
    assert_eq!(of(json!("none")), ill(&format!("api.example.com A: {is}; expected none")));
    assert_eq!(of(json!("nxdomain")), ill("api.example.com A: there is such a name"));
}

#[test]
fn every_kind_of_record_is_written_as_in_zone_files() {
    let of = |kind: TYPE, named: &str, data: RData<'static>, value: &str| {
        first(&answering(&reply(kind, [(NAME, 60, data)])), config(named, json!({ "exact": [value] }))).0
    };
    let six = RData::AAAA(AAAA { address: 0x2001_0db8 << 96 | 1 });
    let mail = RData::MX(MX { preference: 10, exchange: name("Mail.example.com") });
    let service = RData::SRV(SRV { priority: 0, weight: 5, port: 5060, target: name("sip.example.com") });
    let text = RData::TXT(TXT::new().with_string("v=spf1 ").unwrap().with_string("-all").unwrap());
    let issuer = RData::CAA(CAA {
        flag: 0,
        tag: CharacterString::new(b"issue").unwrap(),
        value: b"letsencrypt.org".as_slice().into(),
    });

    assert_eq!(of(TYPE::AAAA, "AAAA", six, "2001:DB8:0::1"), Health::Healthy);
    assert_eq!(of(TYPE::CNAME, "CNAME", cname("edge.example.net"), "Edge.example.net."), Health::Healthy);
    assert_eq!(of(TYPE::MX, "MX", mail, "10 mail.example.com."), Health::Healthy);
    assert_eq!(of(TYPE::SRV, "SRV", service, "0 5 5060 sip.example.com"), Health::Healthy);
    assert_eq!(of(TYPE::TXT, "TXT", text, "v=spf1 -all"), Health::Healthy);
    assert_eq!(of(TYPE::CAA, "CAA", issuer, r#"0 issue "letsencrypt.org""#), Health::Healthy);
}

#[test]
fn what_is_not_there_is_said() {
    let mut missing = reply(TYPE::A, []);
    *missing.rcode_mut() = RCODE::NameError;
    let mut broken = reply(TYPE::A, []);
    *broken.rcode_mut() = RCODE::ServerFailure;
    let empty = reply(TYPE::A, []);
    let of = |packet: &Packet<'_>, expect: &str| first(&answering(packet), config("A", json!(expect)));

    assert_eq!(of(&missing, "nxdomain"), well("there is no such name"));
    assert_eq!(of(&missing, "some"), ill("api.example.com A: there is no such name"));
    assert_eq!(of(&empty, "none"), well("there is no such record"));
    assert_eq!(of(&empty, "some"), ill("api.example.com A: there is no such record; expected any"));
    assert_eq!(of(&broken, "nxdomain"), ill("api.example.com A: the server answers `SERVFAIL`"));
    assert_eq!(of(&broken, "none"), ill("api.example.com A: the server answers `SERVFAIL`"));
}

#[test]
fn an_answer_that_others_remember_for_too_long_is_unhealthy() {
    let packet = reply(
        TYPE::A,
        [(NAME, 3600, cname("edge.example.net")), ("edge.example.net", 60, a([192, 0, 2, 7]))],
    );
    let limited = |limit: u32| {
        let query = json!({ "name": NAME, "max_ttl_s": limit });
        first(&answering(&packet), json!({ "server": "ns1:53", "queries": [query] }))
    };

    assert_eq!(limited(3600), well("it is `192.0.2.7`"));
    assert_eq!(limited(300), ill("api.example.com A: others may remember it for 3600 s, 300 s is the limit"));
}

#[test]
fn an_answer_to_another_question_is_a_failure() {
    let mut other_id = reply(TYPE::A, []);
    other_id.set_id(7);
    let mut other_name = reply(TYPE::A, []);
    other_name.questions[0].qname = name("evil.example.com");
    let other_kind = reply(TYPE::TXT, []);
    let mut no_answer = reply(TYPE::A, []);
    no_answer.remove_flags(PacketFlag::RESPONSE);
    let mut cut = reply(TYPE::A, [(NAME, 60, a([192, 0, 2, 7]))]);
    cut.set_flags(PacketFlag::TRUNCATION);
    let of = |packet: &Packet<'_>| failed(framed(&packet.build_bytes_vec().unwrap()));

    assert_eq!(of(&other_id), unusable("it answers question 7, not 0"));
    assert_eq!(of(&other_name), unusable("it answers another question than the one that was asked"));
    assert_eq!(of(&other_kind), unusable("it answers another question than the one that was asked"));
    assert_eq!(of(&no_answer), unusable("it is no answer"));
    assert_eq!(of(&cut), unusable("the answer is cut off, and there is no longer way to ask than TCP"));
}

#[test]
fn what_is_no_dns_is_a_failure() {
    let good = reply(TYPE::A, [(NAME, 60, a([192, 0, 2, 7]))]).build_bytes_vec().unwrap();
    let half = &good[..good.len() - 3];
    // Two names that point at each other, and 65,535 answers that are not there.
    let looped = b"\0\0\x81\x80\0\x01\0\0\0\0\0\0\xc0\x0e\xc0\x0c\0\x01\0\x01";
    let many = b"\0\0\x81\x80\0\x01\xff\xff\xff\xff\xff\xff";

    assert_eq!(failed(b"\0\x03abc".to_vec()), unusable("the message is too short"));
    assert_eq!(failed(framed(half)), unusable("Incomplete dns packet"));
    assert_eq!(failed(framed(looped)), unusable("Provided information is not a valid DNS packet"));
    assert_eq!(failed(framed(many)), unusable("it cannot hold 196606 entries in 12 bytes"));
}

#[test]
fn aliases_that_lead_in_a_circle_are_a_failure() {
    let circle =
        reply(TYPE::A, [(NAME, 60, cname("b.example.com")), ("b.example.com", 60, cname("api.example.com"))]);

    assert_eq!(
        failed(framed(&circle.build_bytes_vec().unwrap())),
        unusable("more than 16 aliases lead from one to the other")
    );
}

#[test]
fn a_server_that_breaks_off_is_unhealthy() {
    assert_eq!(
        first(&server(b"\0\x20\0\0".to_vec()), config("A", json!("some"))),
        ill(
            "api.example.com A: ns1:53 closed the connection in the middle of a message, after 2 bytes of it"
        )
    );
    assert_eq!(
        probe::<DnsHealth>(&FakeHost::new(), config("A", json!("some"))),
        Err(Failure::new(
            FailureKind::Denied,
            "connect tcp://ns1:53: denied, no grant of this step covers it"
        )),
    );
}

#[test]
fn a_value_that_no_record_can_have_is_refused() {
    let refused = |kind: &str, value: &str| {
        probe::<DnsHealth>(&FakeHost::new(), config(kind, json!({ "any": [value] }))).unwrap_err().message
    };

    assert_eq!(refused("A", "192.0.2"), "`192.0.2` is no value of a record of type A");
    assert_eq!(refused("A", "::1"), "`::1` is no value of a record of type A");
    assert_eq!(refused("MX", "mail.example.com"), "`mail.example.com` is no value of a record of type MX");
    assert_eq!(refused("SRV", "0 5 99999 a"), "`0 5 99999 a` is no value of a record of type SRV");
    assert_eq!(refused("CAA", "issue a"), "`issue a` is no value of a record of type CAA");
    assert_eq!(
        probe::<DnsHealth>(&FakeHost::new(), config("A", json!({ "any": [] }))),
        Err(Failure::invalid_config("`expect` of `api.example.com` is an empty list"))
    );
    assert_eq!(
        probe::<DnsHealth>(&FakeHost::new(), json!({ "server": "ns1:53", "queries": [] })),
        Err(Failure::invalid_config("`queries` is empty: there is nothing to ask"))
    );
}

#[test]
fn the_manifest_is_the_package() {
    let manifest = manifest();

    assert_eq!(manifest.name, "dns-health");
    assert_eq!(manifest.outputs, ["answers", "latency_ms"]);
}
