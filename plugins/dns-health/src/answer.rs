//! A message of the server, once it is known that it answers the question.

use runner_plugin::Failure;
use simple_dns::rdata::RData;
use simple_dns::{CLASS, Name, OPCODE, Packet, PacketFlag, QCLASS, QTYPE, RCODE};

use crate::record::{self, Type};

/// Most aliases on the way to a record.
const ALIASES: usize = 16;

/// What the server knows.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// These records, maybe none.
    Records(Records),
    /// There is no such name.
    NoName,
    /// The server does not answer, for this reason.
    Refused(&'static str),
}

/// Records of one kind, of a name or of what it is an alias of.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Records {
    /// Sorted, each once.
    pub(crate) values: Vec<String>,
    /// How long others may remember them, in seconds: the longest of all on the way.
    pub(crate) ttl: u32,
}

impl Answer {
    /// Reads the answer to a question.
    ///
    /// # Errors
    ///
    /// `invalid-input` when the message is none of DNS, or answers another question.
    pub(crate) fn read(message: &[u8], id: u16, name: &Name<'_>, kind: Type) -> Result<Self, Failure> {
        // The numbers of entries are the sender's word; memory is set aside for them before they are looked at.
        let counts = message.get(4..12).ok_or_else(|| nonsense("the message is too short"))?;
        let entries: usize =
            counts.chunks_exact(2).map(|pair| usize::from(u16::from_be_bytes([pair[0], pair[1]]))).sum();
        if entries * 5 > message.len() {
            return Err(nonsense(&format!("it cannot hold {entries} entries in {} bytes", message.len())));
        }
        let packet = Packet::parse(message).map_err(|error| nonsense(&error.to_string()))?;
        if packet.id() != id {
            return Err(nonsense(&format!("it answers question {}, not {id}", packet.id())));
        }
        if !packet.has_flags(PacketFlag::RESPONSE) || packet.opcode() != OPCODE::StandardQuery {
            return Err(nonsense("it is no answer"));
        }
        if packet.has_flags(PacketFlag::TRUNCATION) {
            return Err(nonsense("the answer is cut off, and there is no longer way to ask than TCP"));
        }
        let refused = match packet.rcode() {
            RCODE::NoError | RCODE::NameError => None,
            RCODE::FormatError => Some("FORMERR"),
            RCODE::ServerFailure => Some("SERVFAIL"),
            RCODE::NotImplemented => Some("NOTIMP"),
            RCODE::Refused => Some("REFUSED"),
            RCODE::NOTAUTH => Some("NOTAUTH"),
            RCODE::YXDOMAIN
            | RCODE::YXRRSET
            | RCODE::NXRRSET
            | RCODE::NOTZONE
            | RCODE::BADVERS
            | RCODE::Reserved => Some("an error of another kind"),
        };
        if let Some(refused) = refused {
            return Ok(Self::Refused(refused));
        }
        match packet.questions.as_slice() {
            [question]
                if question.qname == *name
                    && question.qtype == QTYPE::TYPE(kind.on_the_wire())
                    && question.qclass == QCLASS::CLASS(CLASS::IN) => {}
            _ => return Err(nonsense("it answers another question than the one that was asked")),
        }
        if packet.rcode() == RCODE::NameError {
            return Ok(Self::NoName);
        }
        Records::follow(&packet, name, kind).map(Self::Records)
    }

    /// The values, for the outputs.
    pub(crate) fn values(&self) -> Vec<String> {
        match self {
            Self::Records(records) => records.values.clone(),
            Self::NoName | Self::Refused(_) => Vec::new(),
        }
    }
}

impl Records {
    /// The records of a name, or of what it is an alias of.
    fn follow(packet: &Packet<'_>, name: &Name<'_>, kind: Type) -> Result<Self, Failure> {
        let mut records = Self::default();
        let mut owner = name.clone();
        for _ in 0..=ALIASES {
            let of_owner =
                || packet.answers.iter().filter(|record| record.class == CLASS::IN && record.name == owner);
            for record in of_owner().filter(|record| record.rdata.type_code() == kind.on_the_wire()) {
                records.values.extend(record::value(&record.rdata));
                records.ttl = records.ttl.max(record.ttl);
            }
            if !records.values.is_empty() {
                records.values.sort();
                records.values.dedup();
                return Ok(records);
            }
            let alias = of_owner().find_map(|record| {
                let RData::CNAME(target) = &record.rdata else { return None };
                Some((target.0.clone(), record.ttl))
            });
            let Some((target, ttl)) = alias else { return Ok(records) };
            records.ttl = records.ttl.max(ttl);
            owner = target;
        }
        Err(nonsense(&format!("more than {ALIASES} aliases lead from one to the other")))
    }
}

pub(crate) fn nonsense(why: &str) -> Failure {
    Failure::invalid_input(format!("the answer of the name server cannot be used: {why}"))
}
