//! What is covered, file by file, whatever tool has measured it.

use std::collections::BTreeMap;

/// One line that could be covered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) number: u32,
    pub(crate) hit: bool,
    pub(crate) branches: Count,
}

/// Statements of Go between two places: the unit that its tools count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Block {
    /// First line and column, last line and column.
    pub(crate) range: (u32, u32, u32, u32),
    pub(crate) statements: u32,
    pub(crate) hit: bool,
}

/// How many of how many.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Count {
    pub(crate) covered: u32,
    pub(crate) total: u32,
}

impl Count {
    pub(crate) fn add(&mut self, other: Self) {
        self.covered = self.covered.saturating_add(other.covered);
        self.total = self.total.saturating_add(other.total);
    }

    /// `None` of nothing.
    pub(crate) fn percent(self) -> Option<f64> {
        // Multiplied first: 29 of 100 are 29 %, not 28.999999999999996 %.
        (self.total > 0).then(|| f64::from(self.covered) * 100.0 / f64::from(self.total))
    }
}

/// What is known of one file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct File {
    pub(crate) lines: Vec<Line>,
    pub(crate) blocks: Vec<Block>,
}

/// What is known of all files, by path.
#[derive(Debug, Default)]
pub(crate) struct Coverage {
    files: BTreeMap<String, File>,
}

/// All reports together, each line once.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) files: BTreeMap<String, File>,
}

impl Coverage {
    pub(crate) fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// The file a report speaks of. Naming it is enough for it to be there.
    pub(crate) fn file(&mut self, path: &str) -> &mut File {
        self.files.entry(path.to_owned()).or_default()
    }

    /// Adds another report, with its paths as `path_of` says, or without them.
    pub(crate) fn join(&mut self, report: Self, path_of: impl Fn(&str) -> Option<String>) {
        for (path, file) in report.files {
            if let Some(path) = path_of(&path) {
                let known = self.files.entry(path).or_default();
                known.lines.extend(file.lines);
                known.blocks.extend(file.blocks);
            }
        }
    }

    pub(crate) fn finished(mut self) -> Finished {
        self.files.values_mut().for_each(File::finish);
        Finished { files: self.files }
    }
}

impl File {
    /// Makes one line of all that is said of it: it is covered if any report says so, and as many of its branches as the
    /// report with the most.
    fn finish(&mut self) {
        self.blocks.sort_by_key(|block| block.range);
        self.blocks.dedup_by(|next, kept| {
            let same = next.range == kept.range;
            kept.hit |= same && next.hit;
            same
        });
        for Block { range: (first, _, last, _), hit, .. } in &self.blocks {
            let lines = (*first..=*last).map(|number| Line { number, hit: *hit, branches: Count::default() });
            self.lines.extend(lines);
        }
        self.lines.sort_by_key(|line| line.number);
        self.lines.dedup_by(|next, kept| {
            let same = next.number == kept.number;
            if same {
                kept.hit |= next.hit;
                kept.branches.covered = kept.branches.covered.max(next.branches.covered);
                kept.branches.total = kept.branches.total.max(next.branches.total);
            }
            same
        });
    }

    /// Lines; statements where a tool counts those.
    pub(crate) fn lines(&self) -> Count {
        let mut count = Count::default();
        if self.blocks.is_empty() {
            for line in &self.lines {
                count.add(Count { covered: u32::from(line.hit), total: 1 });
            }
        }
        for block in &self.blocks {
            let covered = if block.hit { block.statements } else { 0 };
            count.add(Count { covered, total: block.statements });
        }
        count
    }

    pub(crate) fn branches(&self) -> Count {
        let mut count = Count::default();
        self.lines.iter().for_each(|line| count.add(line.branches));
        count
    }

    /// Whether a line is covered; `None` for one that cannot be.
    pub(crate) fn is_covered(&self, number: u32) -> Option<bool> {
        let index = self.lines.binary_search_by_key(&number, |line| line.number).ok()?;
        self.lines.get(index).map(|line| line.hit)
    }
}
