//! Asks people: at the terminal if there is one, and through the files that `runner approve` writes.

use std::{io::BufRead as _, path::PathBuf, sync::Arc, time::Duration};

use runner_engine::ports::{ApprovalAnswer, Approver as Port, BoxFuture, Question};
use runner_journal::Decision;
use tokio::sync::{Mutex, mpsc};

use crate::answers;

/// How often the run's directory is looked at. A person does not notice; an idle wait costs one `open` a tick.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// The people around this process.
pub(crate) struct Approver {
    /// Directory of the run.
    directory: PathBuf,
    /// Lines typed at the terminal, if it can be asked; one question reads at a time.
    typed: Option<Arc<Mutex<Typed>>>,
    user: String,
}

/// Lines from stdin. The thread that reads them starts with the first question: a run without approvals leaves
/// stdin alone.
type Typed = Option<mpsc::UnboundedReceiver<String>>;

impl Approver {
    pub(crate) fn new(directory: PathBuf, can_ask: bool, user: String) -> Self {
        let typed = can_ask.then(|| Arc::new(Mutex::new(None)));
        Self { directory, typed, user }
    }
}

impl Port for Approver {
    fn ask(&self, question: Question) -> BoxFuture<ApprovalAnswer> {
        let directory = self.directory.clone();
        let typed = self.typed.clone();
        let user = self.user.clone();
        Box::pin(async move {
            let file = file_answer(directory.clone(), question.step.to_string());
            let Some(typed) = typed else { return file.await };
            tokio::select! {
                answer = file => answer,
                answer = typed_answer(typed, user) => {
                    // The file makes the answer stand before the journal has it, as for `runner approve`; if somebody
                    // answered from elsewhere in the same moment, theirs was first.
                    let own = answers::Answer { decision: answer.decision, by: answer.by.clone(), reason: answer.reason.clone() };
                    match answers::write(&directory, question.step.as_str(), &own) {
                        Err(answers::AnswerError::AlreadyAnswered) => file_answer(directory, question.step.to_string()).await,
                        Ok(()) | Err(answers::AnswerError::Io(_)) => answer,
                    }
                }
            }
        })
    }
}

async fn file_answer(directory: PathBuf, step: String) -> ApprovalAnswer {
    loop {
        if let Some(answer) = answers::read(&directory, &step) {
            return ApprovalAnswer { decision: answer.decision, by: answer.by, reason: answer.reason };
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Waits for a line that begins with `y` or `n`; other lines are passed over, and a closed stdin never answers.
async fn typed_answer(typed: Arc<Mutex<Typed>>, by: String) -> ApprovalAnswer {
    let mut typed = typed.lock().await;
    let lines = typed.get_or_insert_with(read_stdin);
    loop {
        let Some(line) = lines.recv().await else { return std::future::pending().await };
        let decision = match line.trim_start().chars().next().map(|sign| sign.to_ascii_lowercase()) {
            Some('y') => Decision::Approved,
            Some('n') => Decision::Rejected,
            Some(_) | None => continue,
        };
        return ApprovalAnswer { decision, by, reason: "at the terminal".to_owned() };
    }
}

fn read_stdin() -> mpsc::UnboundedReceiver<String> {
    let (sender, receiver) = mpsc::unbounded_channel();
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines() {
            let Ok(line) = line else { return };
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    receiver
}
