//! Why the host is calling.

/// Which step of which run is asking. The step's `with` comes apart from it, as the plugin's own `Config`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The run, a ULID.
    pub run_id: String,
    /// The step as named in the pipeline; a matrix step is `name[value]`.
    pub step_id: String,
    /// 1 for the first attempt of the step, counted up by retries.
    pub attempt: u32,
}
