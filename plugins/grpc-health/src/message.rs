//! The two messages of the health protocol, each with one field.
//!
//! <https://github.com/grpc/grpc/blob/master/doc/health-checking.md>. By hand: a library for any message costs more
//! than these two.

use runner_plugin::Failure;

/// What a service says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Word {
    /// It does not know. Also said by leaving the field out.
    Unknown,
    /// It serves.
    Serving,
    /// It does not serve.
    NotServing,
    /// There is no such service.
    ServiceUnknown,
    /// A word that this protocol did not have when this was written.
    Other(u64),
}

impl Word {
    pub(crate) fn name(self) -> String {
        match self {
            Self::Unknown => "UNKNOWN".to_owned(),
            Self::Serving => "SERVING".to_owned(),
            Self::NotServing => "NOT_SERVING".to_owned(),
            Self::ServiceUnknown => "SERVICE_UNKNOWN".to_owned(),
            Self::Other(number) => format!("status {number}"),
        }
    }
}

/// `HealthCheckRequest` as gRPC sends it: not compressed, its length, the message.
pub(crate) fn request(service: &str) -> Vec<u8> {
    let mut message = Vec::new();
    if !service.is_empty() {
        // Field 1, a text.
        message.push(0x0a);
        write_number(service.len(), &mut message);
        message.extend(service.as_bytes());
    }
    let length = u32::try_from(message.len()).unwrap_or(u32::MAX).to_be_bytes();
    [&[0], length.as_slice(), &message].concat()
}

fn write_number(mut number: usize, to: &mut Vec<u8>) {
    while number >= 0x80 {
        to.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    to.push(number as u8);
}

/// `HealthCheckResponse` as gRPC sends it.
///
/// # Errors
///
/// `invalid-input` when it is none, is compressed, or is more than one.
pub(crate) fn response(data: &[u8]) -> Result<Word, Failure> {
    let (head, message) = data.split_at_checked(5).ok_or_else(|| nonsense("the message is too short"))?;
    if head[0] != 0 {
        return Err(nonsense("the message is compressed, which was not asked for"));
    }
    let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]);
    if usize::try_from(length).ok() != Some(message.len()) {
        return Err(nonsense(&format!("the message is {} bytes long, not {length}", message.len())));
    }
    let mut fields = Fields { rest: message };
    let mut serving = 0;
    while !fields.rest.is_empty() {
        let tag = fields.number()?;
        match (tag >> 3, tag & 7) {
            (1, 0) => serving = fields.number()?,
            (1, _) => return Err(nonsense("the status is no number")),
            // Fields of later versions are passed over, as the format wants it.
            (_, 0) => drop(fields.number()?),
            (_, 1) => fields.skip(8)?,
            (_, 2) => {
                let length = fields.number()?;
                fields.skip(length)?;
            }
            (_, 5) => fields.skip(4)?,
            (_, kind) => return Err(nonsense(&format!("there is no field of kind {kind}"))),
        }
    }
    Ok(match serving {
        0 => Word::Unknown,
        1 => Word::Serving,
        2 => Word::NotServing,
        3 => Word::ServiceUnknown,
        other => Word::Other(other),
    })
}

struct Fields<'m> {
    rest: &'m [u8],
}

impl Fields<'_> {
    fn number(&mut self) -> Result<u64, Failure> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let (first, rest) =
                self.rest.split_first().ok_or_else(|| nonsense("the message ends too early"))?;
            self.rest = rest;
            number |= u64::from(first & 0x7f) << shift;
            if first & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(nonsense("a number has more than 64 bits"))
    }

    fn skip(&mut self, count: u64) -> Result<(), Failure> {
        let rest = usize::try_from(count).ok().and_then(|count| self.rest.get(count..));
        self.rest = rest.ok_or_else(|| nonsense("the message ends too early"))?;
        Ok(())
    }
}

pub(crate) fn nonsense(why: &str) -> Failure {
    Failure::invalid_input(format!("the answer cannot be used: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn framed(message: &[u8]) -> Vec<u8> {
        [&[0, 0, 0, 0, u8::try_from(message.len()).unwrap()], message].concat()
    }

    #[test]
    fn a_request_names_the_service_or_nothing() {
        assert_eq!(request(""), [0, 0, 0, 0, 0]);
        assert_eq!(request("l9.Q"), b"\0\0\0\0\x06\x0a\x04l9.Q");
        assert_eq!(request(&"x".repeat(300))[..8], [0, 0, 0, 1, 47, 0x0a, 0xac, 0x02]);
    }

    #[test]
    fn a_response_is_its_status_whatever_else_it_holds() {
        let read = |message: &[u8]| response(&framed(message)).map(Word::name);

        assert_eq!(read(b""), Ok("UNKNOWN".to_owned()));
        assert_eq!(read(b"\x08\x01"), Ok("SERVING".to_owned()));
        assert_eq!(read(b"\x12\x02hi\x08\x02\x19\0\0\0\0\0\0\0\0\x25\0\0\0\0"), Ok("NOT_SERVING".to_owned()));
        assert_eq!(read(b"\x08\x03"), Ok("SERVICE_UNKNOWN".to_owned()));
        assert_eq!(read(b"\x08\x81\x01"), Ok("status 129".to_owned()));
    }

    #[test]
    fn what_is_no_response_is_refused() {
        let refused = |data: &[u8]| response(data).unwrap_err();

        assert_eq!(refused(b"\0\0\0"), nonsense("the message is too short"));
        assert_eq!(refused(b"\x01\0\0\0\0"), nonsense("the message is compressed, which was not asked for"));
        assert_eq!(refused(b"\0\0\0\0\x02\x08"), nonsense("the message is 1 bytes long, not 2"));
        assert_eq!(refused(&framed(b"\x08")), nonsense("the message ends too early"));
        assert_eq!(refused(&framed(b"\x0a\x01x")), nonsense("the status is no number"));
        assert_eq!(
            refused(&framed(b"\x12\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01")),
            nonsense("the message ends too early")
        );
        assert_eq!(refused(&framed(&[0xff; 12])), nonsense("a number has more than 64 bits"));
        assert_eq!(refused(&framed(b"\x13")), nonsense("there is no field of kind 3"));
    }
}
