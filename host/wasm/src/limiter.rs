//! Memory over *all* memories of a component together: a limit on each alone is no limit.

use wasmtime::{ResourceLimiter, Result};

/// Table elements over all tables; each is a pointer on the host. Interpreters have some ten thousand.
pub(crate) const MAX_TABLE_ELEMENTS: usize = 100_000;
/// Core instances, tables and memories; a Python component needs 14, and nothing known needs many more.
const MAX_INSTANCES: usize = 256;
const MAX_TABLES: usize = 256;
const MAX_MEMORIES: usize = 64;

/// Grants growth up to the limit and remembers what it refused.
#[derive(Debug)]
pub(crate) struct MemoryLimit {
    limit: u64,
    used: u64,
    /// What was granted last, to be given back if it fails.
    last: u64,
    table_elements: usize,
    refused: Option<Refused>,
}

/// What did not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    /// More memory than the step's limit.
    Memory,
    /// More table elements than anybody needs.
    Tables,
}

impl MemoryLimit {
    pub(crate) fn new(limit: u64) -> Self {
        Self { limit, used: 0, last: 0, table_elements: 0, refused: None }
    }

    /// What was refused, if anything ever was.
    pub(crate) fn refused(&self) -> Option<Refused> {
        self.refused
    }
}

impl ResourceLimiter for MemoryLimit {
    fn memory_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> Result<bool> {
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        let more = (desired - current) as u64;
        // With 64-bit addresses a guest may ask for more than there are.
        if self.used.saturating_add(more) > self.limit {
            self.refused = Some(Refused::Memory);
            return Ok(false);
        }
        self.used += more;
        self.last = more;
        Ok(true)
    }

    fn memory_grow_failed(&mut self, _error: wasmtime::Error) -> Result<()> {
        self.used -= std::mem::take(&mut self.last);
        Ok(())
    }

    fn table_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> Result<bool> {
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        let total = self.table_elements.saturating_add(desired - current);
        if total > MAX_TABLE_ELEMENTS {
            self.refused = Some(Refused::Tables);
            return Ok(false);
        }
        self.table_elements = total;
        Ok(true)
    }

    fn instances(&self) -> usize {
        MAX_INSTANCES
    }

    fn tables(&self) -> usize {
        MAX_TABLES
    }

    fn memories(&self) -> usize {
        MAX_MEMORIES
    }
}

#[cfg(test)]
mod tests {
    use wasmtime::ResourceLimiter as _;

    use super::{MemoryLimit, Refused};

    #[test]
    fn two_memories_share_one_limit() {
        let mut limit = MemoryLimit::new(100);
        let granted = [(0, 60), (0, 60), (0, 40), (40, 41)]
            .map(|(from, to)| limit.memory_growing(from, to, None).unwrap());
        assert_eq!(granted, [true, false, true, false]);
        assert_eq!(limit.refused(), Some(Refused::Memory));
    }

    #[test]
    fn more_than_there_are_addresses_is_more_than_the_limit() {
        let mut limit = MemoryLimit::new(u64::MAX - 1);
        let granted =
            [(0, 100), (0, usize::MAX)].map(|(from, to)| limit.memory_growing(from, to, None).unwrap());
        assert_eq!((granted, limit.refused()), ([true, false], Some(Refused::Memory)));
    }

    #[test]
    fn tables_share_one_limit() {
        let mut limit = MemoryLimit::new(100);
        let granted = [(0, 60_000), (0, 60_000), (0, 40_000), (0, usize::MAX)]
            .map(|(from, to)| limit.table_growing(from, to, None).unwrap());
        assert_eq!((granted, limit.refused()), ([true, false, true, false], Some(Refused::Tables)));
    }

    #[test]
    fn growth_that_fails_is_given_back() {
        let mut limit = MemoryLimit::new(100);
        assert!(limit.memory_growing(0, 100, None).unwrap());
        limit.memory_grow_failed(wasmtime::Error::msg("no memory")).unwrap();
        assert!(limit.memory_growing(0, 100, None).unwrap());
        assert_eq!(limit.refused(), None);
    }

    #[test]
    fn beyond_its_own_maximum_a_memory_fails_without_our_doing() {
        let mut limit = MemoryLimit::new(100);
        assert!(!limit.memory_growing(0, 50, Some(40)).unwrap());
        assert_eq!(limit.refused(), None);
    }
}
