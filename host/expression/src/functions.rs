//! The functions beyond CEL's own. Named as in CEL's strings extension, which is not used itself: with texts that a plugin
//! chose, its `replace` and `join` can ask for more memory than there is.

use std::sync::{Arc, LazyLock};

use cel::{
    DeclarationError, Env, ExecutionError,
    common::{
        types::{CelList, CelString, LIST_TYPE, STRING_TYPE},
        value::{CowVal, Val},
    },
};

use crate::work;

/// Longest text, in bytes, that one of these functions makes.
const LONGEST: usize = 4 << 20;

/// CEL as pipelines have it. Building it once costs what a hundred evaluations do.
pub(crate) static ENVIRONMENT: LazyLock<Arc<Env>> = LazyLock::new(|| {
    let mut environment = Env::stdlib();
    register(&mut environment).expect("no function is declared twice");
    Arc::new(environment)
});

fn register(environment: &mut Env) -> Result<(), DeclarationError> {
    let text = || STRING_TYPE;
    environment.add_member_overload("lowerAscii", "lower_ascii", text(), vec![], lower_ascii)?;
    environment.add_member_overload("upperAscii", "upper_ascii", text(), vec![], upper_ascii)?;
    environment.add_member_overload("trim", "trim", text(), vec![], trim)?;
    environment.add_member_overload("replace", "replace", text(), vec![text(), text()], replace)?;
    environment.add_member_overload("split", "split", text(), vec![text()], split)?;
    environment.add_member_overload("join", "join", LIST_TYPE, vec![], join)?;
    environment.add_member_overload("join", "join_with", LIST_TYPE, vec![text()], join)?;
    work::register(environment)
}

type Answer<'b, 'v> = Result<CowVal<'b, 'v>, ExecutionError>;

fn lower_ascii<'b, 'v>(arguments: Vec<CowVal<'b, 'v>>) -> Answer<'b, 'v> {
    Ok(owned(text(&arguments, 0)?.to_ascii_lowercase()))
}

fn upper_ascii<'b, 'v>(arguments: Vec<CowVal<'b, 'v>>) -> Answer<'b, 'v> {
    Ok(owned(text(&arguments, 0)?.to_ascii_uppercase()))
}

fn trim<'b, 'v>(arguments: Vec<CowVal<'b, 'v>>) -> Answer<'b, 'v> {
    Ok(owned(text(&arguments, 0)?.trim().to_owned()))
}

fn replace<'b, 'v>(arguments: Vec<CowVal<'b, 'v>>) -> Answer<'b, 'v> {
    let (this, from, to) = (text(&arguments, 0)?, text(&arguments, 1)?, text(&arguments, 2)?);
    if to.len() > from.len() {
        let grown = this.matches(from).count().saturating_mul(to.len() - from.len());
        check_length("replace", this.len().saturating_add(grown))?;
    }
    Ok(owned(this.replace(from, to)))
}

fn split<'b, 'v>(arguments: Vec<CowVal<'b, 'v>>) -> Answer<'b, 'v> {
    let (this, separator) = (text(&arguments, 0)?, text(&arguments, 1)?);
    let part = |part: &str| -> Box<dyn Val + 'v> { Box::new(CelString::from(part.to_owned())) };
    let parts: Vec<Box<dyn Val + 'v>> = if separator.is_empty() {
        this.chars().map(|sign| part(sign.encode_utf8(&mut [0; 4]))).collect()
    } else {
        this.split(separator).map(part).collect()
    };
    Ok(CowVal::owned(CelList::from(parts)))
}

fn join<'b, 'v>(arguments: Vec<CowVal<'b, 'v>>) -> Answer<'b, 'v> {
    let separator = if arguments.len() > 1 { text(&arguments, 1)? } else { "" };
    let list = arguments.first().and_then(|list| list.downcast_ref::<CelList>());
    let list = list.ok_or_else(ExecutionError::missing_argument_or_target)?.inner();
    let mut length = separator.len().saturating_mul(list.len());
    let mut parts = Vec::with_capacity(list.len());
    for element in list {
        let Some(part) = element.downcast_ref::<CelString>() else {
            let found = element.get_type().name();
            return Err(ExecutionError::function_error(
                "join",
                format!("a list of strings is needed, found {found}"),
            ));
        };
        length = length.saturating_add(part.inner().len());
        parts.push(part.inner());
    }
    check_length("join", length)?;
    Ok(owned(parts.join(separator)))
}

fn text<'a>(arguments: &'a [CowVal<'_, '_>], index: usize) -> Result<&'a str, ExecutionError> {
    let text = arguments.get(index).and_then(|argument| argument.downcast_ref::<CelString>());
    text.map(CelString::inner).ok_or_else(ExecutionError::missing_argument_or_target)
}

fn owned<'b, 'v>(text: String) -> CowVal<'b, 'v> {
    CowVal::owned(CelString::from(text))
}

fn check_length(function: &str, length: usize) -> Result<(), ExecutionError> {
    if length <= LONGEST {
        return Ok(());
    }
    Err(ExecutionError::function_error(function, format!("the result would be longer than {LONGEST} bytes")))
}
