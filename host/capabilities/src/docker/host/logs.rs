//! The log of a container: read, and followed.

use bollard::models::ContainerInspectResponse;
use http_body_util::BodyExt as _;
use hyper::{Method, body::Incoming};
use tokio::time::timeout_at;

use super::{
    Container, DEFAULT_TIMEOUT,
    containers::{end_of, look, was_started},
    rehearse::no_output,
};
use crate::{
    docker::{
        engine::{Session, Trouble},
        grant::Wanted,
        output::{Lines, Stamps, Tail},
        verb::Verb,
    },
    host::{
        Context, Problem,
        bindings::runner::plugin::docker::{LogRange, Output, OutputLine, OutputStream},
    },
    log::Level,
};

/// For a guest that names no length.
pub(super) const DEFAULT_OUTPUT: u32 = 1 << 20;

impl Context {
    pub(super) async fn read_log(
        &mut self,
        container: &Container,
        range: LogRange,
    ) -> Result<Output, Trouble> {
        if container.is_pretended() {
            return self.pretended_too(Verb::ContainerLogs, container).map(|()| no_output());
        }
        let session = self.begin_with(Verb::ContainerLogs, container, DEFAULT_TIMEOUT).await?;
        let mut tail = Tail::new(self.room(range.max_bytes));
        let last = range.tail.map_or_else(|| "all".to_owned(), |lines| lines.to_string());
        let since =
            range.since_ms.map_or(String::new(), |ms| format!("&since={}.{:03}", ms / 1000, ms % 1000));
        let query = format!("tail={last}{since}");
        stream(&session, container, &query, &mut |line| tail.push(line)).await?;
        Ok(tail.into_output())
    }

    pub(super) async fn follow_log(
        &mut self,
        container: &Container,
        timeout_ms: Option<u32>,
    ) -> Result<i64, Trouble> {
        let time = self.docker_time(timeout_ms);
        let mut wanted = Wanted::container(Verb::ContainerLogs, &container.name);
        wanted.verbs.push(Verb::ContainerWait);
        if container.is_pretended() {
            return self.permit(&wanted).map(|_| 0);
        }
        let session = self.begin(&wanted, time).await?;
        self.still_ours(&session, container).await?;
        was_started(&session, container).await?;
        let ledger = std::sync::Arc::clone(&self.ledger);
        let mut write = |line: OutputLine| {
            let level = match line.channel {
                OutputStream::Stdout => Level::Info,
                OutputStream::Stderr => Level::Warn,
            };
            ledger.write(level, &line.text);
        };
        stream(&session, container, "follow=1&tail=all", &mut write).await?;
        end_of(&session, container).await
    }

    /// How much the guest can be handed.
    pub(super) fn room(&self, max_bytes: Option<u32>) -> usize {
        let most = u64::from(max_bytes.unwrap_or(DEFAULT_OUTPUT)).min(self.limits.memory);
        usize::try_from(most).unwrap_or(usize::MAX)
    }
}

/// Hands every line of the log to `each`, as it comes.
async fn stream(
    session: &Session,
    container: &Container,
    query: &str,
    each: &mut (dyn FnMut(OutputLine) + Send),
) -> Result<(), Trouble> {
    let asked = format!("show the log of container `{}`", container.name);
    let terminal = has_terminal(&look(session, &container.id).await?);
    let path = format!("/containers/{}/logs?stdout=1&stderr=1&timestamps=1&{query}", container.id);
    let body = session.raw(&asked, Method::GET, &path, None).await?;
    lines_of(session, &asked, body, Lines::new(terminal, Stamps::Given), each).await
}

/// Reads `body` to its end.
pub(super) async fn lines_of(
    session: &Session,
    asked: &str,
    mut body: Incoming,
    mut lines: Lines,
    each: &mut (dyn FnMut(OutputLine) + Send),
) -> Result<(), Trouble> {
    loop {
        let frame = timeout_at(session.deadline, body.frame()).await;
        let Some(frame) = frame.map_err(|_| Trouble::Host(Problem::TimedOut))? else { break };
        let frame = frame.map_err(|error| session.broke_off(asked, &error))?;
        let Ok(data) = frame.into_data() else { continue };
        lines.take(&data, each).map_err(|error| session.broke_off(asked, &error))?;
    }
    lines.finish(each);
    Ok(())
}

fn has_terminal(found: &ContainerInspectResponse) -> bool {
    found.config.as_ref().and_then(|config| config.tty).unwrap_or(false)
}
