//! What goes on inside of a container: what it uses, and commands run in it.

use std::{collections::HashMap, time::Duration};

use bollard::{
    models::{ContainerCpuStats, ContainerStatsResponse, ExecConfig},
    query_parameters::StatsOptionsBuilder,
};
use futures::StreamExt as _;
use hyper::Method;
use serde_json::json;

use super::{
    Container, DEFAULT_TIMEOUT,
    containers::checked_id,
    logs::lines_of,
    rehearse::{nothing_used, went_well},
};
use crate::{
    docker::{
        engine::Trouble,
        output::{Lines, Stamps, Tail},
        spec::Env,
        verb::Verb,
    },
    host::{
        Context,
        bindings::runner::plugin::docker::{ExecResult, ExecSpec, Usage},
    },
};

/// For a command whose guest names no time.
const EXEC_TIMEOUT: Duration = Duration::from_secs(30);
/// Between two looks at whether the engine has noticed the end of a command.
const NOTICED: Duration = Duration::from_millis(20);

impl Context {
    pub(super) async fn usage_of(&mut self, container: &Container) -> Result<Usage, Trouble> {
        if container.is_pretended() {
            return self.pretended_too(Verb::ContainerStats, container).map(|()| nothing_used());
        }
        let session = self.begin_with(Verb::ContainerStats, container, DEFAULT_TIMEOUT).await?;
        let asked = format!("measure container `{}`", container.name);
        // The engine measures twice, about a second apart.
        let options = StatsOptionsBuilder::new().stream(false).build();
        let mut measuring = Box::pin(session.docker.stats(&container.id, Some(options)));
        let measured = session.ask(&asked, async { measuring.next().await.transpose() }).await?;
        measured.as_ref().and_then(usage).ok_or_else(|| {
            Trouble::Conflict(format!(
                "container `{}` does not run, so it cannot be measured",
                container.name
            ))
        })
    }

    pub(super) async fn run_inside(
        &mut self,
        container: &Container,
        spec: ExecSpec,
    ) -> Result<ExecResult, Trouble> {
        if spec.command.is_empty() {
            return Err(Trouble::invalid("a command has at least a program"));
        }
        let mut env = Env::default();
        for pair in &spec.env {
            env.set(&pair.name, pair.value.clone())?;
        }
        let time = spec.timeout_ms.map_or(EXEC_TIMEOUT, |ms| self.docker_time(Some(ms)));
        let doing = format!("run {:?} in", spec.command);
        if self.rehearsed(Verb::ContainerExec, container, &doing).await? {
            return Ok(went_well());
        }
        let session = self.begin_with(Verb::ContainerExec, container, time).await?;
        let asked = format!("run a command in container `{}`", container.name);
        let config = ExecConfig {
            attach_stdout: Some(true),
            attach_stderr: Some(true),
            cmd: Some(spec.command),
            env: env.into_list(),
            user: spec.user,
            working_dir: spec.directory,
            ..ExecConfig::default()
        };
        let created = session.ask(&asked, session.docker.create_exec(&container.id, config)).await?;
        let id = checked_id(created.id)?;
        let start = json!({ "Detach": false, "Tty": false });
        let body = session.raw(&asked, Method::POST, &format!("/exec/{id}/start"), Some(&start)).await?;
        let mut tail = Tail::new(self.room(spec.max_bytes));
        let lines = Lines::new(false, Stamps::Absent);
        lines_of(&session, &asked, body, lines, &mut |line| tail.push(line)).await?;
        loop {
            let ended = session.ask(&asked, session.docker.inspect_exec(&id)).await?;
            if let (Some(exit_code), false) = (ended.exit_code, ended.running.unwrap_or(false)) {
                return Ok(ExecResult { exit_code, output: tail.into_output() });
            }
            // Its output has ended, so the engine is about to notice; nothing tells when.
            tokio::time::sleep(NOTICED).await;
        }
    }
}

/// What a running container uses; `None` for one that does not run, or of which not everything could be measured: a
/// nothing that is not true would pass under any ceiling.
fn usage(measured: &ContainerStatsResponse) -> Option<Usage> {
    let memory = measured.memory_stats.as_ref()?;
    let used = memory.usage?;
    // Pages of files that the kernel can take back at once; the second name is that of cgroup v1.
    let none = HashMap::new();
    let details = memory.stats.as_ref().unwrap_or(&none);
    let cache =
        details.get("inactive_file").or_else(|| details.get("total_inactive_file")).copied().unwrap_or(0);
    Some(Usage {
        memory: used.saturating_sub(cache),
        memory_limit: memory.limit.unwrap_or(0),
        cpu_millis: cpu_millis(measured.cpu_stats.as_ref()?, measured.precpu_stats.as_ref()?)?,
        pids: measured.pids_stats.as_ref().and_then(|pids| pids.current).unwrap_or(0),
    })
}

/// Thousandths of a processor between two measurements.
fn cpu_millis(now: &ContainerCpuStats, before: &ContainerCpuStats) -> Option<u32> {
    let total = |stats: &ContainerCpuStats| stats.cpu_usage.as_ref()?.total_usage;
    let used = total(now)?.saturating_sub(total(before)?);
    let passed = now.system_cpu_usage?.saturating_sub(before.system_cpu_usage?);
    let cpus = u128::from(now.online_cpus.unwrap_or(1));
    let millis = (u128::from(used) * cpus * 1000).checked_div(u128::from(passed))?;
    Some(u32::try_from(millis).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use bollard::models::ContainerStatsResponse;
    use serde_json::json;

    use super::usage;

    fn measured(value: serde_json::Value) -> ContainerStatsResponse {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn the_file_cache_is_not_in_use_and_half_a_processor_is_500() {
        let stats = measured(json!({
            "memory_stats": { "usage": 9000, "limit": 10_000, "stats": { "inactive_file": 4000 } },
            "cpu_stats": { "cpu_usage": { "total_usage": 600 }, "system_cpu_usage": 3000, "online_cpus": 2 },
            "precpu_stats": { "cpu_usage": { "total_usage": 100 }, "system_cpu_usage": 1000 },
            "pids_stats": { "current": 3 },
        }));
        let usage = usage(&stats).unwrap();
        assert_eq!((usage.memory, usage.memory_limit, usage.cpu_millis, usage.pids), (5000, 10_000, 500, 3));
    }

    #[test]
    fn what_does_not_run_is_not_measured() {
        assert!(usage(&measured(json!({ "memory_stats": {}, "cpu_stats": {} }))).is_none());
    }
}
