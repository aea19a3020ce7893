//! The gate as a pipeline sees it. Requirement: 004-36.

use runner_plugin::testing::{FakeHost, evaluate};
use runner_plugin::{FailureKind, HostError};

use super::*;

fn assets() -> FakeHost {
    FakeHost::new()
        .file("dist/scene.glb", vec![0; 2_000_000])
        .file("dist/app.js", vec![b'a'; 300_001])
        .file("dist/app.js.map", vec![b'm'; 9_000_000])
}

fn budget(budget: Value) -> Value {
    json!({ "budgets": [budget] })
}

/// 004-36.
#[test]
fn files_within_their_budgets_pass_and_tell_their_sizes() {
    let config = budget(json!({
        "name": "3D assets",
        "files": ["dist/", "!**/*.map"],
        "each": { "fail": "2MB" },
        "total": { "fail": "2.4MB", "gzip_fail": "10KB" },
    }));

    // How well it compresses is a matter of the library's version.
    let gzip = gzip(&vec![0; 2_000_000]).unwrap() + gzip(&vec![b'a'; 300_001]).unwrap();

    assert_eq!(
        evaluate::<SizeBudget>(&assets(), config),
        Ok(Evaluation::pass("2 files, 2.300001 MB within budget")
            .output("files", 2)
            .output("bytes", 2_300_001)
            .output(
                "budgets",
                json!([
                    { "name": "3D assets", "files": 2, "bytes": 2_300_001, "gzip_bytes": gzip },
                ])
            )),
    );
}

#[test]
fn what_is_exceeded_is_said_to_the_byte() {
    let config = budget(json!({
        "files": ["dist/app.js", "dist/scene.glb"],
        "each": { "fail": 1_999_999, "warn": "300KB" },
        "total": { "gzip_warn": "1KB" },
    }));
    let help = "make it smaller, or raise the budget on purpose";
    let gzip = gzip(&vec![0; 2_000_000]).unwrap() + gzip(&vec![b'a'; 300_001]).unwrap();
    let (packed, over) = (Size::of(gzip), Size::of(gzip - 1000));

    assert_eq!(
        evaluate::<SizeBudget>(&assets(), config).map(|evaluation| (evaluation.summary, evaluation.findings)),
        Ok((
            "1 budget exceeded".to_owned(),
            vec![
                Finding::warning("file-size", "`dist/app.js` has 300.001 KB, 1 B more than 300 KB")
                    .in_file("dist/app.js")
                    .help(help),
                Finding::error("file-size", "`dist/scene.glb` has 2 MB, 1 B more than 1.999999 MB")
                    .in_file("dist/scene.glb")
                    .help(help),
                Finding::warning(
                    "total-gzip-size",
                    format!("`dist/app.js dist/scene.glb` (2 files) has {packed} after gzip, {over} more than 1 KB")
                )
                .help(help),
            ]
        )),
    );
}

#[test]
fn a_budget_nearly_used_up_warns() {
    let config = budget(json!({ "files": ["dist/app.js"], "total": { "warn": "300KB", "fail": "1MB" } }));
    let evaluation = evaluate::<SizeBudget>(&assets(), config).unwrap();

    assert_eq!(
        (evaluation.decision, evaluation.summary.as_str()),
        (runner_plugin::Decision::Warn, "1 budget nearly used up")
    );
}

#[test]
fn a_config_that_could_only_pass_is_refused() {
    let refused = |config| evaluate::<SizeBudget>(&assets(), config).unwrap_err();

    assert_eq!(
        refused(budget(json!({ "files": ["dist/"] }))),
        Failure::invalid_config("`budgets[0]` sets no limit: give `each` or `total` one")
    );
    assert_eq!(
        refused(budget(json!({ "files": ["dist/"], "each": { "warn": "2MB", "fail": "2MB" } }))),
        Failure::invalid_config("`budgets[0]`: it would warn at 2 MB and fail at 2 MB already")
    );
    let kind = |limit: Value| refused(budget(json!({ "files": ["dist/"], "each": { "fail": limit } }))).kind;
    assert_eq!(
        [json!("much"), json!("-1KB"), json!(-1), json!(1.5), json!("NaN")].map(kind),
        [FailureKind::InvalidConfig; 5]
    );
}

#[test]
fn files_that_cannot_be_measured_are_a_failure() {
    let host = assets().file("big.bin", vec![0; 17 << 20]).file_error("secret.js", HostError::Denied);
    let failure = |files: &str, limit: &str| {
        let limits = json!({ limit: "50MB" });
        evaluate::<SizeBudget>(&host, budget(json!({ "files": [files], "each": limits }))).unwrap_err()
    };

    assert_eq!(failure("dist/*.css", "fail"), Failure::unavailable("find `dist/*.css`: no file matches"));
    assert_eq!(failure("secret.js", "fail").kind, FailureKind::Denied);
    assert_eq!(
        failure("big.bin", "gzip_fail"),
        Failure::new(FailureKind::BudgetExceeded, "read `big.bin`: file is longer than 16777216 bytes")
    );
    let plain = budget(json!({ "files": ["big.bin"], "each": { "fail": "50MB" } }));
    assert_eq!(
        evaluate::<SizeBudget>(&host, plain).map(|evaluation| evaluation.summary),
        Ok("1 file, 17.825792 MB within budget".to_owned())
    );
}
