//! Any JSON as a `grants` block: read without a panic, and what was read means the same when it is printed and read again.

#![no_main]

use libfuzzer_sys::fuzz_target;
use runner_capabilities::Requested;
use serde_json::Value;

fuzz_target!(|bytes: &[u8]| {
    let Ok(block) = serde_json::from_slice::<Value>(bytes) else { return };
    let requested = match Requested::parse(&block) {
        Ok(requested) => requested,
        Err(errors) => {
            assert!(!errors.is_empty(), "a refusal without a reason");
            return;
        }
    };
    let printed = serde_json::to_value(&requested).expect("grants are plain data");
    assert_eq!(Requested::parse(&printed).as_ref(), Ok(&requested), "printed as {printed}");
    // The journal and the plan take the other way in.
    let read: Requested = serde_json::from_value(printed).expect("what was printed is read back");
    assert_eq!(read, requested);
    assert_eq!(requested.beyond(&requested), [], "nothing goes beyond itself");
});
