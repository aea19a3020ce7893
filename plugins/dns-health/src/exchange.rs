//! One question, one connection, one answer.

use runner_plugin::{Failure, Host};
use runner_probe::{Wire, said};
use simple_dns::{CLASS, Name, Packet, PacketFlag, Question};

use crate::answer::Answer;
use crate::{Config, Query};

/// Asks, and reads what the server says.
///
/// # Errors
///
/// As of [`Wire`] and [`Answer::read`]; `invalid-config` when the name cannot be one.
pub(crate) fn ask(config: &Config, query: &Query, host: &Host) -> Result<Answer, Failure> {
    let no_name = || Failure::invalid_config(format!("`{}` is no name", said(&query.name)));
    let name = Name::new(&query.name).map_err(|_| no_name())?;
    // Nobody else can answer on this connection; the number tells a late answer from this one.
    let id = u16::try_from(host.clock().monotonic().as_micros() % 65_536).unwrap_or_default();
    let mut packet = Packet::new_query(id);
    if query.recursive {
        packet.set_flags(PacketFlag::RECURSION_DESIRED);
    }
    packet.questions.push(Question::new(
        name.clone(),
        query.kind.on_the_wire().into(),
        CLASS::IN.into(),
        false,
    ));
    let message = packet.build_bytes_vec().map_err(|_| no_name())?;
    let length = u16::try_from(message.len()).map_err(|_| no_name())?;
    let mut wire = Wire::connect(host, &config.server, config.timeout())?;
    wire.write(&[&length.to_be_bytes(), message.as_slice()].concat())?;
    let length = wire.take(2)?;
    let message = wire.take(usize::from(u16::from_be_bytes([length[0], length[1]])))?;
    Answer::read(&message, id, &name, query.kind)
}
