//! What takes without end: time, memory, tables, handles, lines, calls.

use serde_json::{Value, json};

use super::{
    handmade,
    scene::{MOST_MEMORY_KIB, Scene, Seen},
};

/// A guest that breaks as plugins break.
fn answer(with: Value) -> Scene {
    Scene::guest("gate_answer").with(with)
}

/// A guest that takes without end.
fn hostile(with: Value) -> Scene {
    let grants = json!({
        "network": ["GET http://127.0.0.1:1/", "tcp://127.0.0.1:1"],
        "filesystem": { "read": ["nothing"] },
        "secrets": [{ "name": "token", "reveal": true }],
    });
    Scene::guest("gate_hostile").grants(grants).secret("token", "s3cr3t-t0ken").with(with)
}

/// The same with WASI.
fn wasi(flood: Value) -> Scene {
    let grants = json!({
        "network": ["GET http://127.0.0.1:1/", "tcp://127.0.0.1:1"],
        "filesystem": { "read": ["folder/"] },
    });
    Scene::guest("wasip2_raw").grants(grants).file("folder/file", "x").with(json!({ "flood": flood }))
}

/// A guest made by hand.
fn made(name: &str) -> Scene {
    Scene::component(handmade::gate(name))
}

const OVER_MEMORY: &str = "budget-exceeded: memory: the plugin wanted more than its limit of 67108864 bytes, then stopped at an `unreachable` (a \
     panic or abort) in function";
const OVER_TRANSFER: &str = "budget-exceeded: output: the plugin passed more than 32 MiB to the host at once";
const OVER_HANDLES: &str = "budget-exceeded: handles: the plugin holds more files, connections or secrets at once than any plugin gets";
const OVER_TIME: &str = "timed-out: time: the plugin call took longer than its limit of 300ms";
const OVER_CALLS: &str = "budget-exceeded: calls: the plugin made more than its limit of 10000 host calls";

#[test]
fn whatever_takes_time_ends_with_its_time() {
    let table = [
        answer(json!({ "loop": true })),
        answer(json!({ "sleep_ms": 3_600_000 })),
        wasi(json!({ "wait": 100 })),
        made("memory-grow-for-ever"),
        made("bulk"),
    ];
    for scene in table {
        assert_eq!(scene.limit("time", "300ms").run(), Seen::failed(OVER_TIME));
    }
}

#[test]
fn a_loop_ends_with_its_fuel() {
    let seen = answer(json!({ "loop": true })).limit("fuel", 1_000_000).run();
    let expected = "budget-exceeded: fuel: the plugin used up its 1000000 units in function N";
    assert_eq!(seen, Seen::failed(expected));
}

#[test]
fn whatever_takes_memory_ends_at_its_limit_and_so_does_the_runner() {
    let evaluate = format!("{OVER_MEMORY} `evaluate`");
    let table = [
        (answer(json!({ "allocate": 1_000_000_000 })), format!("{OVER_MEMORY} N")),
        (made("memory-grow"), evaluate.clone()),
        (made("two-memories"), evaluate.clone()),
        (made("memory64"), evaluate.clone()),
        (
            made("table-grow"),
            "budget-exceeded: memory: the plugin wanted larger tables than any plugin gets, then stopped at an `unreachable` \
             (a panic or abort) in function `evaluate`"
                .to_owned(),
        ),
        (
            made("many-tables"),
            "budget-exceeded: memory: the plugin wanted larger tables than any plugin gets, then stopped at an `unreachable` \
             (a panic or abort) in function `evaluate`"
                .to_owned(),
        ),
        (made("million-findings"), OVER_TRANSFER.to_owned()),
        (made("overlapping-findings"), OVER_TRANSFER.to_owned()),
        (made("overlapping-findings").limit("output", "4GiB"), OVER_TRANSFER.to_owned()),
        (made("giant-line"), OVER_TRANSFER.to_owned()),
        (
            made("million-headers").grants(json!({ "network": ["GET http://127.0.0.1:1/"] })),
            OVER_TRANSFER.to_owned(),
        ),
        (hostile(json!({ "body": { "url": "http://127.0.0.1:1/", "bytes": 40_000_000 } })), OVER_TRANSFER.to_owned()),
    ];
    for (scene, expected) in table {
        let (seen, peak) = scene.run_and_measure();
        assert_eq!(seen, Seen::failed(&expected));
        assert!(peak < MOST_MEMORY_KIB, "{expected}: {peak} KiB");
    }
}

/// The other side of the limits: honest work is far from them.
#[test]
fn what_fits_the_limits_passes() {
    assert_eq!(
        answer(json!({ "allocate": 40_000_000 })).run(),
        Seen::passed("pass: attack attempt 1", Value::Null)
    );
    assert_eq!(made("two-memories").limit("memory", "128MiB").run(), Seen::passed("pass: fine", Value::Null));
    let instances = handmade::gate_with_instances("(module (memory 1) (table 10 funcref))", 50);
    assert_eq!(Scene::component(instances).run(), Seen::passed("pass: fine", Value::Null));
}

#[test]
fn handles_end_at_their_number_however_many_calls_are_allowed() {
    let table = [
        hostile(json!({ "handles": "token" })),
        wasi(json!({ "files": "folder" })),
        wasi(json!("sockets")),
        wasi(json!("timers")),
    ];
    for scene in table {
        let (seen, peak) = scene.limit("calls", 10_000_000).run_and_measure();
        assert_eq!(seen, Seen::failed(OVER_HANDLES));
        assert!(peak < MOST_MEMORY_KIB, "{peak} KiB");
    }
}

#[test]
fn calls_end_at_their_number() {
    for scene in [hostile(json!({ "calls": {} })), wasi(json!("clock"))] {
        assert_eq!(scene.run(), Seen::failed(OVER_CALLS));
    }
}

#[test]
fn what_a_call_may_ask_for_at_once_ends() {
    let table = [
        (
            wasi(json!({ "random": 2_000_000_000 })),
            "trap: the plugin stopped: requested len 2000000000 exceeds limit 1048576 in function N",
        ),
        (
            wasi(json!({ "header": 1000 })),
            "trap: the plugin stopped: total size of fields exceeds limit in function N",
        ),
        (
            hostile(json!({ "headers": { "url": "http://127.0.0.1:1/", "count": 101 } })),
            "invalid-config: GET http://127.0.0.1:1/: a request has at most 100 headers",
        ),
    ];
    for (scene, expected) in table {
        assert_eq!(scene.run(), Seen::failed(expected));
    }
}

/// What goes beyond the `output` limit is dropped and counted; the answer still has to fit what is left.
#[test]
fn a_flood_of_lines_is_cut_and_costs_nobody_else_a_line() {
    let scene = hostile(json!({ "log": { "lines": 9000, "bytes": 1000 } })).limit("output", "64KiB");
    let (seen, peak) = scene.run_and_measure();
    assert_eq!(seen, Seen::passed("pass: written", Value::Null));
    assert!(peak < MOST_MEMORY_KIB, "{peak} KiB");
    // 65 lines, each with its level before it.
    assert_eq!(log_of_the_attack(&scene), (65 * 1006, json!(8935)));

    let scene = wasi(json!({ "print": 1000 })).limit("output", "64KiB");
    assert_eq!(scene.run(), Seen::failed(OVER_CALLS));
    let (bytes, dropped) = log_of_the_attack(&scene);
    assert!(bytes <= 64 * 1024, "{bytes}");
    assert_ne!(dropped, Value::Null);
}

/// Bytes of its log on disk, and how many lines were dropped.
fn log_of_the_attack(scene: &Scene) -> (u64, Value) {
    let journal = scene.project.journal();
    let ended = journal.iter().find(|entry| entry["type"] == "step-ended" && entry["step"] == "attack");
    let dropped = ended.expect("it has ended")["log"]["dropped"].clone();
    let file = scene.project.run_directory().join("logs/attack.log");
    (std::fs::metadata(file).expect("its log").len(), dropped)
}

#[test]
fn each_way_to_stop_is_an_error_with_its_place() {
    let table = [
        (
            answer(json!({ "panic": "broken" })),
            "trap: the plugin stopped at an `unreachable` (a panic or abort) in function N",
        ),
        // The stack of a compiled plugin is a part of its memory.
        (
            answer(json!({ "recurse": true })),
            "trap: the plugin stopped: out of bounds memory access in function N",
        ),
        (made("recursion"), "trap: the plugin overflowed its stack in function `hostile::deeper`"),
        (made("foreign-handle"), "trap: the plugin stopped: unknown handle index 3 in function N"),
        (
            Scene::guest("wasip2_raw").grants(grants_of_the_idle()).with(json!({ "exit": true })),
            "trap: the plugin ended itself with exit code 0, which is no answer",
        ),
        (
            Scene::guest("wasip2_raw").grants(grants_of_the_idle()).with(json!({ "exit": false })),
            "trap: the plugin ended itself with exit code 1, which is no answer",
        ),
    ];
    for (scene, expected) in table {
        assert_eq!(scene.run(), Seen::failed(expected));
    }
}

/// Of no use, and no more than a plugin with these imports has to be given.
fn grants_of_the_idle() -> Value {
    json!({ "network": ["GET http://127.0.0.1:1/", "tcp://127.0.0.1:1"], "filesystem": { "read": ["nothing/"] } })
}
