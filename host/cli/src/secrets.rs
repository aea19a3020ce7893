//! Reads the bytes of a pipeline's secrets. They go to the sandbox and nowhere else.

use std::{collections::BTreeMap, fs, path::Path};

use runner_model::{PlanHeader, SecretName, SecretOrigin};

use crate::error::CommandError;

/// Longest secret: a certificate chain with its key fits.
const MAX_BYTES: u64 = 64 * 1024;

/// The bytes of all secrets that `header` names.
///
/// # Errors
///
/// The first secret that is not there. Nothing was started.
pub(crate) fn read(
    header: &PlanHeader,
    variables: &BTreeMap<String, String>,
) -> Result<BTreeMap<SecretName, Vec<u8>>, CommandError> {
    let directory = Path::new(&header.directory);
    header
        .secrets
        .iter()
        .map(|(name, source)| {
            let bytes = match &source.from {
                SecretOrigin::Env(variable) => match variables.get(variable) {
                    Some(value) if !value.is_empty() => Ok(value.clone().into_bytes()),
                    Some(_) => Err(format!("the variable `{variable}` is empty")),
                    None => Err(format!("the variable `{variable}` is not set")),
                },
                SecretOrigin::File(path) => read_file(&directory.join(path)),
            };
            bytes
                .map(|bytes| (name.clone(), bytes))
                .map_err(|reason| CommandError::Secret { name: name.to_string(), reason })
        })
        .collect()
}

fn read_file(path: &Path) -> Result<Vec<u8>, String> {
    let shown = path.display();
    let metadata =
        fs::metadata(path).map_err(|error| format!("the file `{shown}` cannot be read: {error}"))?;
    if !metadata.is_file() {
        return Err(format!("`{shown}` is not a file"));
    }
    if metadata.len() > MAX_BYTES {
        return Err(format!("the file `{shown}` is larger than {MAX_BYTES} bytes"));
    }
    let mut bytes = fs::read(path).map_err(|error| format!("the file `{shown}` cannot be read: {error}"))?;
    // Editors and `echo` end a file with a newline that is not part of the secret.
    if bytes.last() == Some(&b'\n') {
        bytes.pop();
        if bytes.last() == Some(&b'\r') {
            bytes.pop();
        }
    }
    if bytes.is_empty() { Err(format!("the file `{shown}` is empty")) } else { Ok(bytes) }
}

#[cfg(test)]
mod tests {
    use super::read_file;

    #[test]
    fn one_trailing_newline_is_not_part_of_a_secret() {
        let directory = tempfile::tempdir().unwrap();
        let cases: [(&str, &[u8]); 4] = [("s", b"s"), ("s\n", b"s"), ("s\r\n", b"s"), ("s\n\n", b"s\n")];
        for (written, read) in cases {
            let path = directory.path().join("secret");
            std::fs::write(&path, written).unwrap();
            assert_eq!(read_file(&path).as_deref(), Ok(read));
        }
    }

    #[test]
    fn an_empty_file_is_no_secret() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("secret");
        std::fs::write(&path, "\n").unwrap();
        assert_eq!(read_file(&path), Err(format!("the file `{}` is empty", path.display())));
    }
}
