//! The list of active formatting elements: what is opened again after a block has closed it, and the adoption
//! agency, which sorts out end tags of formatting elements that cross blocks. WHATWG HTML sections 13.2.4.3 and
//! 13.2.6.4.7.

use std::hash::Hasher;

use super::classes::{FORMATTING, SCOPE, SPECIAL, classes};
use super::construct::Parser;
use super::stack::Open;
use super::token::{End, Start};
use crate::tree::{Attr, Attribute, Builder, Kind, Span, Tag};

/// Elements that wait to be opened again; the standard sets no limit, so a page could make every paragraph cost as
/// much as the page is long. Real pages stay far below.
const MAX_ACTIVE: usize = 256;
/// Length of the list, markers included; those of elements that were closed in passing are never taken out.
const MAX_LISTED: usize = 1024;
/// Equal elements that wait at a time.
const MAX_EQUAL: usize = 3;
/// Rounds of the adoption agency for one end tag, and elements that are cloned in a round.
const MAX_ROUNDS: usize = 8;
const MAX_CLONES: usize = 3;

/// An entry of the list: an element, or a marker that hides what is before it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Active {
    /// `None` is a marker.
    element: Option<u32>,
    tag: Tag,
    attributes: Span,
    /// Hash of tag and attributes in any order; computed when needed.
    hash: Option<u64>,
    /// Where in the stack of open elements it was put, to find it there at once if nothing has moved it since.
    index: usize,
}

const MARKER: Active = Active {
    element: None,
    tag: Tag::Unknown,
    attributes: Span { start: 0, length: 0 },
    hash: None,
    index: 0,
};

fn hash(attributes: &[Attribute], tree: &Builder<'_>) -> u64 {
    let of = |attribute: &Attribute| {
        let mut hasher = std::hash::DefaultHasher::new();
        hasher.write_u8(attribute.attr as u8);
        if attribute.attr == Attr::Unknown {
            hasher.write(tree.str(attribute.name).as_bytes());
        }
        hasher.write_u8(0xff);
        hasher.write(tree.str(attribute.value).as_bytes());
        hasher.finish()
    };
    attributes.iter().map(of).fold(0, u64::wrapping_add)
}

impl Parser<'_> {
    pub(super) fn push_marker(&mut self) {
        if self.active.len() >= MAX_LISTED {
            self.active.drain(..MAX_LISTED / 2);
            self.tree.flags.formatting_dropped = true;
        }
        self.active.push(MARKER);
    }

    /// Forgets everything up to the last marker, inclusive.
    pub(super) fn clear_to_marker(&mut self) {
        while self.active.pop().is_some_and(|active| active.element.is_some()) {}
    }

    /// The index after the last marker.
    fn after_marker(&self) -> usize {
        self.active.iter().rposition(|active| active.element.is_none()).map_or(0, |index| index + 1)
    }

    /// The last entry of this name after the last marker.
    pub(super) fn last_active(&mut self, tag: Tag) -> Option<usize> {
        for (index, active) in self.active.iter().enumerate().rev() {
            self.tree.steps += 1;
            active.element?;
            if active.tag == tag {
                return Some(index);
            }
        }
        None
    }

    /// Inserts a formatting element that later blocks open again until it is closed.
    pub(super) fn insert_formatting(&mut self, start: &Start) {
        let Some(node) = self.insert(start) else { return };
        let first = self.after_marker();
        let active = Active {
            element: Some(node),
            tag: start.tag,
            attributes: start.attributes,
            hash: None,
            index: self.open.len() - 1,
        };
        self.tree.steps += (self.active.len() - first) as u64;
        let alike =
            |other: &Active| other.tag == active.tag && other.attributes.length == active.attributes.length;
        let mut active = active;
        if self.active[first..].iter().filter(|other| alike(other)).count() >= MAX_EQUAL {
            let tree = &self.tree;
            let hash_of = |active: &mut Active| {
                let attributes =
                    &tree.attributes[active.attributes.start as usize..active.attributes.end() as usize];
                *active.hash.get_or_insert_with(|| hash(attributes, tree))
            };
            let wanted = hash_of(&mut active);
            let (mut equal, mut earliest) = (0, 0);
            for index in (first..self.active.len()).rev() {
                let other = &mut self.active[index];
                if other.tag == active.tag
                    && other.attributes.length == active.attributes.length
                    && hash_of(other) == wanted
                {
                    (equal, earliest) = (equal + 1, index);
                }
            }
            if equal >= MAX_EQUAL {
                self.active.remove(earliest);
            }
        }
        if self.active.len() - first >= MAX_ACTIVE {
            self.active.remove(first);
            self.tree.flags.formatting_dropped = true;
        }
        self.active.push(active);
    }

    /// Is this entry in the stack of open elements?
    fn open_position(&mut self, active: &Active) -> Option<usize> {
        let node = active.element?;
        if !self.open.has(active.tag) {
            return None;
        }
        match self.open.elements().get(active.index) {
            Some(open) if open.node == node => Some(active.index),
            _ => self.open.position(node),
        }
    }

    /// Opens again what blocks have closed.
    #[inline]
    pub(super) fn reconstruct(&mut self) {
        let Some(&last) = self.active.last() else { return };
        if last.element.is_none() || self.open_position(&last).is_some() {
            return;
        }
        self.reopen();
    }

    fn reopen(&mut self) {
        if self.open.len() >= usize::from(self.limits.depth) {
            return;
        }
        let mut index = self.active.len() - 1;
        while index > 0 {
            let before = self.active[index - 1];
            if before.element.is_none() || self.open_position(&before).is_some() {
                break;
            }
            index -= 1;
        }
        if !self.may_clone(self.active.len() - index) {
            self.active.truncate(index);
            return;
        }
        while index < self.active.len() {
            let active = self.active[index];
            let start = Start { tag: active.tag, self_closing: false, attributes: active.attributes };
            let Some(node) = self.insert(&start) else { return };
            let active = &mut self.active[index];
            (active.element, active.index) = (Some(node), self.open.len() - 1);
            index += 1;
        }
    }

    /// Clones are counted: all together they are no more than the page has bytes.
    fn may_clone(&mut self, count: usize) -> bool {
        self.tree.steps += count as u64;
        let allowed = self.clones_left >= count;
        if allowed {
            self.clones_left -= count;
        } else {
            self.tree.flags.formatting_dropped = true;
        }
        allowed
    }

    fn clone_of(&mut self, active: &Active) -> u32 {
        self.tree.create(Kind::Element, active.tag, active.attributes)
    }

    /// `<a>` inside `<a>` closes the outer one.
    pub(super) fn close_nested_link(&mut self) {
        let Some(index) = self.last_active(Tag::A) else { return };
        let node = self.active[index].element;
        self.adopt(Tag::A);
        if let Some(index) = self.active.iter().rposition(|active| active.element == node) {
            self.active.remove(index);
        }
        if let Some(index) = node.and_then(|node| self.open.position(node)) {
            self.open.remove(index);
        }
    }

    /// The adoption agency: the end tag of a formatting element.
    pub(super) fn adopt(&mut self, tag: Tag) {
        if let Some(&current) = self.open.last()
            && current.is(tag)
            && !self.is_listed(current.node)
        {
            self.open.pop();
            return;
        }
        for _ in 0..MAX_ROUNDS {
            let Some(formatting) = self.last_active(tag) else {
                self.close_other(&End { tag, name: Span::default() });
                return;
            };
            let entry = self.active[formatting];
            let Some(position) = self.open_position(&entry) else {
                self.active.remove(formatting);
                return;
            };
            let above = &self.open.elements()[position + 1..];
            self.tree.steps += 2 * above.len() as u64;
            if above.iter().any(|open| open.classes & SCOPE != 0) {
                return;
            }
            let Some(block) = above.iter().position(|open| open.classes & SPECIAL != 0) else {
                self.open.truncate(position);
                self.active.remove(formatting);
                return;
            };
            if !self.may_clone(MAX_CLONES + 1) {
                self.active.remove(formatting);
                self.close_other(&End { tag, name: Span::default() });
                return;
            }
            self.adopt_block(formatting, position, position + 1 + block);
        }
    }

    fn is_listed(&mut self, node: u32) -> bool {
        let found = self.active.iter().rposition(|active| active.element == Some(node));
        self.tree.steps += (self.active.len() - found.unwrap_or(0)) as u64;
        found.is_some()
    }

    /// One round: the block `block` of the stack, inside the formatting element at `position`, becomes its sibling,
    /// and a clone of the formatting element takes what the block holds.
    fn adopt_block(&mut self, mut formatting: usize, position: usize, mut block: usize) {
        let ancestor = self.open.elements()[position - 1];
        let block_node = self.open.elements()[block].node;
        let mut bookmark = formatting + 1;
        let mut last = block_node;
        let mut clones = 0;
        for index in (position + 1..block).rev() {
            let open = self.open.elements()[index];
            clones += 1;
            self.tree.steps += 1;
            let mut listed = None;
            if open.classes & FORMATTING != 0 {
                self.tree.steps += self.active.len() as u64;
                listed = self.active.iter().rposition(|active| active.element == Some(open.node));
            }
            if let Some(entry) = listed
                && clones > MAX_CLONES
            {
                self.active.remove(entry);
                formatting -= usize::from(entry < formatting);
                bookmark -= usize::from(entry < bookmark);
                listed = None;
            }
            let Some(entry) = listed else {
                self.open.remove(index);
                block -= 1;
                continue;
            };
            let original = self.active[entry];
            let clone = self.clone_of(&original);
            self.active[entry].element = Some(clone);
            self.active[entry].index = index;
            self.open.replace(index, clone);
            if last == block_node {
                bookmark = entry + 1;
            }
            self.tree.detach(last);
            self.tree.append(clone, last);
            last = clone;
        }
        self.tree.detach(last);
        let place = self.place_in(ancestor);
        self.put(place, last);

        let mut active = self.active[formatting];
        let clone = self.clone_of(&active);
        self.tree.move_children(block_node, clone);
        self.tree.append(block_node, clone);
        active.element = Some(clone);
        active.index = block;
        self.active.insert(bookmark, active);
        self.active.remove(if bookmark <= formatting { formatting + 1 } else { formatting });
        self.open.remove(position);
        let open = Open { node: clone, kind: Kind::Element, tag: active.tag, classes: classes(active.tag) };
        self.open.insert(block, open);
    }
}
