//! `runner:plugin/command` for a step that is granted no program.

use wasmtime::Result;

use super::{Wanted, host::names};
use crate::{
    Capability,
    host::{
        Denied,
        bindings::runner::plugin::{
            command::{self, Completion, Invocation},
            types::HostError,
        },
        not_linked,
    },
};

impl command::Host for Denied<'_> {
    async fn run(&mut self, invocation: Invocation) -> Result<Result<Completion, HostError>> {
        let variables = names(&invocation);
        let wanted = Wanted {
            program: &invocation.program,
            args: &invocation.args,
            variables: &variables,
            directory: invocation.directory.as_deref(),
        };
        let refusal = self.0.grants.rules().command.covers(&wanted).err();
        let refusal = refusal
            .map_or_else(|| not_linked(Capability::Command, invocation.program.clone()), |refusal| *refusal);
        self.refuse(refusal)
    }
}
