//! The stack of open elements.

use super::classes::{IMPLIED, IMPLIED_THOROUGH};
use crate::tree::{Kind, Tag};

/// An open element.
#[derive(Debug, Clone, Copy)]
pub(super) struct Open {
    pub node: u32,
    pub kind: Kind,
    pub tag: Tag,
    pub classes: u16,
}

impl Open {
    /// An element of HTML of this name.
    #[inline]
    pub fn is(&self, tag: Tag) -> bool {
        self.tag == tag && self.kind == Kind::Element
    }
}

/// Open elements, the current node last, with the number of HTML elements of each name among them.
pub(super) struct Stack {
    elements: Vec<Open>,
    counts: [u16; 256],
    /// Steps of all searches.
    pub steps: u64,
}

impl Stack {
    pub fn new() -> Self {
        Stack { elements: Vec::with_capacity(64), counts: [0; 256], steps: 0 }
    }

    #[inline]
    pub fn len(&self) -> usize {
        self.elements.len()
    }

    #[inline]
    pub fn elements(&self) -> &[Open] {
        &self.elements
    }

    #[inline]
    pub fn last(&self) -> Option<&Open> {
        self.elements.last()
    }

    /// Is the current node an HTML element of this name?
    #[inline]
    pub fn is_current(&self, tag: Tag) -> bool {
        self.last().is_some_and(|open| open.is(tag))
    }

    #[inline]
    fn count(&mut self, open: Open, by: i16) {
        if open.kind == Kind::Element {
            let count = &mut self.counts[open.tag as usize];
            *count = count.wrapping_add_signed(by);
        }
    }

    #[inline]
    pub fn push(&mut self, open: Open) {
        self.count(open, 1);
        self.elements.push(open);
    }

    #[inline]
    pub fn pop(&mut self) -> Option<Open> {
        let open = self.elements.pop()?;
        self.count(open, -1);
        Some(open)
    }

    pub fn truncate(&mut self, length: usize) {
        while self.len() > length {
            self.pop();
        }
    }

    pub fn remove(&mut self, index: usize) -> Open {
        let open = self.elements.remove(index);
        self.count(open, -1);
        open
    }

    pub fn insert(&mut self, index: usize, open: Open) {
        self.count(open, 1);
        self.elements.insert(index, open);
    }

    /// Puts a clone in the place of an element.
    pub fn replace(&mut self, index: usize, node: u32) {
        self.elements[index].node = node;
    }

    /// Where a node is in the stack.
    pub fn position(&mut self, node: u32) -> Option<usize> {
        let found = self.elements.iter().rposition(|open| open.node == node);
        self.steps += (self.len() - found.unwrap_or(0)) as u64;
        found
    }

    /// Is an HTML element of this name open?
    #[inline]
    pub fn has(&self, tag: Tag) -> bool {
        self.counts[tag as usize] > 0
    }

    /// Is an HTML element of this name open above all that is in one of the classes?
    #[inline]
    pub fn in_scope(&mut self, tag: Tag, bounds: u16) -> bool {
        self.has(tag) && self.find_in_scope(bounds, |open| open.is(tag))
    }

    /// Is an element of this kind open above all that is in one of the classes?
    pub fn find_in_scope(&mut self, bounds: u16, wanted: impl Fn(&Open) -> bool) -> bool {
        for (step, open) in self.elements.iter().rev().enumerate() {
            if wanted(open) {
                self.steps += step as u64;
                return true;
            }
            if open.classes & bounds != 0 {
                self.steps += step as u64;
                return false;
            }
        }
        false
    }

    /// Closes elements up to one of this name, inclusive.
    pub fn pop_until(&mut self, tag: Tag) {
        while let Some(open) = self.pop() {
            if open.is(tag) {
                break;
            }
        }
    }

    /// Closes elements up to one of these classes, exclusive.
    pub fn clear_back_to(&mut self, classes: u16) {
        while self.last().is_some_and(|open| open.classes & classes == 0) {
            self.pop();
        }
    }

    /// Closes elements whose end tag may be left out, save those of one name.
    #[inline]
    pub fn close_implied(&mut self, except: Tag) {
        while self.last().is_some_and(|open| open.classes & IMPLIED != 0 && open.tag != except) {
            self.pop();
        }
    }

    /// The same for the end of a template.
    pub fn close_implied_thoroughly(&mut self) {
        while self.last().is_some_and(|open| open.classes & (IMPLIED | IMPLIED_THOROUGH) != 0) {
            self.pop();
        }
    }
}
